//! A new token: what is asked for it, and its secret for this once.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;

use crate::admin::{Target, TokenRequest};
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
#[template(path = "console/token_new.html")]
struct NewPage {
    shell: Shell,
    /// The key of this form.
    once: String,
    owner: String,
    name: String,
    expires: String,
    scopes: Scopes,
    wrong: Wrong,
}

impl NewPage {
    fn empty(desk: &Desk, staff: &Staff) -> Self {
        Self {
            shell: desk.shell(staff, Section::Tokens),
            once: desk.forms.key(desk.now()),
            owner: String::new(),
            name: String::new(),
            expires: "90d".to_owned(),
            scopes: Scopes::of(&[]),
            wrong: Wrong::default(),
        }
    }

    /// What was typed, for a form of its own key.
    fn read(desk: &Desk, staff: &Staff, fields: &mut Fields) -> Result<Self, Trouble> {
        Ok(Self {
            owner: fields.perhaps("owner")?.unwrap_or_default(),
            name: fields.perhaps("name")?.unwrap_or_default(),
            expires: fields.perhaps("expires")?.unwrap_or_default(),
            scopes: Scopes::read(fields)?,
            ..Self::empty(desk, staff)
        })
    }

    fn again(self, wrong: Wrong) -> Response {
        answer::page(StatusCode::UNPROCESSABLE_ENTITY, &Self { wrong, ..self })
    }

    /// The token that is asked for, or what can't be so.
    fn request(&self, desk: &Desk) -> Result<TokenRequest, Wrong> {
        if self.owner.trim().is_empty() {
            return Err(Wrong::at("owner", "Say whom the program acts for."));
        }
        let expires_at = end(&self.expires, desk.now())?;
        let scopes = self.scopes.words();
        if scopes.is_empty() {
            return Err(Wrong::at("scope", "Say what it is for: tick at least one."));
        }
        Ok(TokenRequest { name: self.name.clone(), scopes, expires_at })
    }
}

pub(super) async fn new(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let may = staff
        .require(Operation::ManageTokens)
        .and_then(|()| sure(&desk, staff.is_sure(desk.now()), "tokens/new"));
    match may {
        Ok(()) => answer::page(StatusCode::OK, &NewPage::empty(&desk, &staff)),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

pub(super) async fn create(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    match made(&desk, &staff, &mut fields).await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn made(desk: &Arc<Desk>, staff: &Staff, fields: &mut Fields) -> Result<Response, Trouble> {
    staff.require(Operation::ManageTokens)?;
    was_sure(desk, staff, "tokens/new")?;
    let key = fields.perhaps("once")?.unwrap_or_default();
    let page = NewPage::read(desk, staff, fields)?;
    let request = match page.request(desk) {
        Ok(request) => request,
        Err(wrong) => return Ok(page.again(wrong)),
    };
    match desk.forms.take(staff.account.id, &key, desk.now()) {
        Ok(()) => {}
        Err(Stale::Used) => return Ok(sent_before(page.shell)),
        Err(Stale::Unknown) => return Ok(page.again(Wrong::at("form", OPEN_TOO_LONG))),
    }
    let owner = Target::from(page.owner.trim());
    match desk.admin.create_token(&staff.actor, &owner, request).await {
        Ok(made) => {
            let secret = SecretPage {
                shell: page.shell,
                title: "The new API token",
                values: vec![("Token", made.secret.expose())],
                onward: ("tokens".to_owned(), "Go to the tokens"),
            };
            Ok(secret.answer())
        }
        Err(error) => {
            let wrong = Wrong::of(error)?;
            desk.forms.give_back(staff.account.id, &key);
            Ok(page.again(wrong))
        }
    }
}

fn sent_before(shell: Shell) -> Response {
    let words = "The token that it asked for was made the first time, and no second one was.";
    let onward = ("tokens".to_owned(), "Go to the tokens");
    let page = SentBefore { shell, words, lost: LOST, onward };
    answer::page(StatusCode::CONFLICT, &page)
}
