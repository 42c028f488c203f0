//! What comes with a secret that is shown once: a new application, a new secret, and
//! a token that lasts.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::ask::{Act, AskPage};
use super::one::ApplicationPage;
use super::{number, told};
use crate::admin::{AdminError, CreatedApplication, TokenRequest};
use crate::domain::operation::Operation;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::once::{LOST, OPEN_TOO_LONG, SentBefore, Stale};
use crate::pages::console::secrets::{Scopes, SecretPage, end, sure, was_sure};
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::console::wrong::Wrong;
use crate::pages::form::Fields;

#[derive(Template)]
#[template(path = "console/application_new.html")]
struct NewPage {
    shell: Shell,
    /// The key of this form.
    once: String,
    name: String,
    scopes: Scopes,
    wrong: Wrong,
}

impl NewPage {
    fn empty(desk: &Desk, staff: &Staff) -> Self {
        Self {
            shell: desk.shell(staff, Section::Applications),
            once: desk.forms.key(desk.now()),
            name: String::new(),
            scopes: Scopes::of(&[]),
            wrong: Wrong::default(),
        }
    }

    fn again(self, wrong: Wrong) -> Response {
        answer::page(StatusCode::UNPROCESSABLE_ENTITY, &Self { wrong, ..self })
    }
}

pub(super) async fn new(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let may = staff
        .require(Operation::ManageTokens)
        .and_then(|()| sure(&desk, staff.is_sure(desk.now()), "applications/new"));
    match may {
        Ok(()) => answer::page(StatusCode::OK, &NewPage::empty(&desk, &staff)),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

pub(super) async fn create(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    match created(&desk, &staff, &mut fields).await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn created(desk: &Desk, staff: &Staff, fields: &mut Fields) -> Result<Response, Trouble> {
    staff.require(Operation::ManageTokens)?;
    was_sure(desk, staff, "applications/new")?;
    let key = fields.perhaps("once")?.unwrap_or_default();
    let page = NewPage {
        name: fields.perhaps("name")?.unwrap_or_default(),
        scopes: Scopes::read(fields)?,
        ..NewPage::empty(desk, staff)
    };
    if page.name.trim().is_empty() {
        return Ok(page.again(Wrong::at("name", "Say what people know it by.")));
    }
    match desk.forms.take(staff.account.id, &key, desk.now()) {
        Ok(()) => {}
        Err(Stale::Used) => {
            let words = "The application was added the first time, and no second one was.";
            return Ok(sent_before(page.shell, words, "applications", "Go to the applications"));
        }
        Err(Stale::Unknown) => return Ok(page.again(Wrong::at("form", OPEN_TOO_LONG))),
    }
    let (name, words) = (page.name.as_str(), page.scopes.words());
    match desk.admin.add_application(&staff.actor, name, words).await {
        Ok(made) => Ok(secret(page.shell, "The new application", &made)),
        Err(error) => {
            let wrong = Wrong::of(error)?;
            desk.forms.give_back(staff.account.id, &key);
            Ok(page.again(wrong))
        }
    }
}

/// Gives it a new secret; the one before opens nothing any more.
pub(super) async fn rotate(State(desk): Here, Path(id): Path<String>, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    match rotated(&desk, &staff, &id, &mut fields).await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn rotated(
    desk: &Desk,
    staff: &Staff,
    id: &str,
    fields: &mut Fields,
) -> Result<Response, Trouble> {
    staff.require(Operation::ManageTokens)?;
    let number = number(id)?;
    was_sure(desk, staff, &format!("applications/{number}/rotate"))?;
    let key = fields.perhaps("once")?.unwrap_or_default();
    let shell = desk.shell(staff, Section::Applications);
    match desk.forms.take(staff.account.id, &key, desk.now()) {
        Ok(()) => {}
        Err(Stale::Used) => {
            let words = "It got a new secret the first time, and that one stays in force.";
            let page = format!("applications/{number}");
            return Ok(sent_before(shell, words, &page, "Go to the application"));
        }
        Err(Stale::Unknown) => {
            let page = AskPage::of(desk, staff, id, Act::Rotate).await?;
            return Ok(page.again(OPEN_TOO_LONG));
        }
    }
    match desk.admin.rotate_secret(&staff.actor, number).await {
        Ok(made) => Ok(secret(shell, "The application's new secret", &made)),
        // Where the store did not say, it may have been done.
        Err(error @ AdminError::Store(_)) => Err(told(error)),
        Err(error) => {
            desk.forms.give_back(staff.account.id, &key);
            Err(told(error))
        }
    }
}

/// Makes a token of its own for it.
pub(super) async fn create_token(
    State(desk): Here,
    Path(id): Path<String>,
    sent: Sent,
) -> Response {
    let Sent { staff, mut fields, head } = sent;
    match token_made(&desk, &staff, &id, &mut fields).await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn token_made(
    desk: &Desk,
    staff: &Staff,
    id: &str,
    fields: &mut Fields,
) -> Result<Response, Trouble> {
    staff.require(Operation::ManageTokens)?;
    let number = number(id)?;
    let here = format!("applications/{number}");
    was_sure(desk, staff, &here)?;
    let key = fields.perhaps("once")?.unwrap_or_default();
    let mut page = ApplicationPage::of(desk, staff, id).await?;
    page.name = fields.perhaps("name")?.unwrap_or_default();
    page.expires = fields.perhaps("expires")?.unwrap_or_default();
    let expires_at = match end(&page.expires, desk.now()) {
        Ok(end) => end,
        Err(wrong) => return Ok(page.again(wrong)),
    };
    match desk.forms.take(staff.account.id, &key, desk.now()) {
        Ok(()) => {}
        Err(Stale::Used) => {
            let words = "The token was made the first time, and no second one was.";
            return Ok(sent_before(page.shell, words, &here, "Go to the application"));
        }
        Err(Stale::Unknown) => return Ok(page.again(Wrong::at("form", OPEN_TOO_LONG))),
    }
    let request = TokenRequest { name: page.name.clone(), scopes: Vec::new(), expires_at };
    let made = desk
        .admin
        .create_application_token(&staff.actor, number, request)
        .await;
    match made {
        Ok(made) => {
            let page = SecretPage {
                shell: page.shell,
                title: "The application's new token",
                values: vec![("Token", made.secret.expose())],
                onward: (here, "Go to the application"),
            };
            Ok(page.answer())
        }
        Err(AdminError::NoSuchApplication { .. }) => Err(Trouble::NotFound),
        Err(error) => {
            let wrong = Wrong::of(error)?;
            desk.forms.give_back(staff.account.id, &key);
            let known = ["name", "expires"].contains(&wrong.field);
            Ok(page.again(if known { wrong } else { Wrong { field: "form", ..wrong } }))
        }
    }
}

fn secret(shell: Shell, title: &'static str, made: &CreatedApplication) -> Response {
    let id = made.application.id;
    let page = SecretPage {
        shell,
        title,
        values: vec![("client_id", id.to_string()), ("client_secret", made.secret.expose())],
        onward: (format!("applications/{id}"), "Go to the application"),
    };
    page.answer()
}

fn sent_before(shell: Shell, words: &'static str, page: &str, name: &'static str) -> Response {
    let page = SentBefore { shell, words, lost: LOST, onward: (page.to_owned(), name) };
    answer::page(StatusCode::CONFLICT, &page)
}
