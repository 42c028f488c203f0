//! Applications: programs that come with a secret of their own.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use http::request::Parts;

use super::Here;
use crate::admin::{AdminError, TokenRequest};
use crate::domain::application::{Application, ApplicationId};
use crate::domain::operation::Operation;
use crate::domain::time::Timestamp;
use crate::pages::answer::{self, see_other};
use crate::pages::console::answer::{Trouble, sentence, status_of};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::{Done, Notice};
use crate::pages::console::people::author;
use crate::pages::console::secrets::{Scopes, SecretPage, end, sure, was_sure};
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::console::tokens::TokenRow;
use crate::pages::form::Fields;
use crate::pages::when::Moment;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/applications", get(list))
        .route("/applications/new", get(new).post(create))
        .route("/applications/{id}", get(page).post(act))
        .route("/applications/{id}/remove", get(last_look))
        .route("/applications/{id}/token", post(create_token))
}

struct Row {
    id: String,
    name: String,
    enabled: bool,
    scopes: String,
    made_by: String,
    created: Moment,
    last_used: Option<Moment>,
}

impl Row {
    fn of(one: &Application, now: Timestamp) -> Self {
        Self {
            id: one.id.to_string(),
            name: one.name.clone(),
            enabled: one.enabled,
            scopes: one.scopes.join(" "),
            made_by: author(&one.made_by),
            created: Moment::past(one.created_at, now),
            last_used: one.last_used_at.map(|at| Moment::past(at, now)),
        }
    }
}

#[derive(Template)]
#[template(path = "console/applications.html")]
struct ListPage {
    shell: Shell,
    applications: Vec<Row>,
}

#[derive(Template)]
#[template(path = "console/application.html")]
struct ApplicationPage {
    shell: Shell,
    one: Row,
    scopes: Scopes,
    tokens: Vec<TokenRow>,
    error: String,
}

#[derive(Template)]
#[template(path = "console/application_new.html")]
struct NewPage {
    shell: Shell,
    name: String,
    scopes: Scopes,
    error: String,
}

#[derive(Template)]
#[template(path = "console/application_remove.html")]
struct RemovePage {
    shell: Shell,
    one: Row,
    tokens: usize,
}

fn words_of(head: &Parts) -> Option<Notice> {
    let words = match &*Done::of(head)?.act {
        "enabled" => "The application is enabled.",
        "disabled" => "The application is disabled: it and its tokens open nothing.",
        "scoped" => "What it may do is changed.",
        "removed" => "The application is removed, with its tokens.",
        "revoked" => "The token is revoked: it opens nothing any more.",
        "unchanged" => "It was so already: nothing was changed.",
        _ => return None,
    };
    Some(Notice::done(words))
}

async fn list(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        let all = desk.admin.applications(&staff.actor).await?;
        let now = desk.now();
        let applications = all.iter().map(|one| Row::of(one, now)).collect();
        let shell = desk
            .shell(&staff, Section::Applications)
            .with(words_of(&head));
        Ok::<_, Trouble>(ListPage { shell, applications })
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

fn number(id: &str) -> Result<ApplicationId, Trouble> {
    id.parse().map_err(|_| Trouble::NotFound)
}

async fn show(
    desk: &Desk,
    staff: &Staff,
    id: &str,
    head: &Parts,
) -> Result<ApplicationPage, Trouble> {
    let one = desk.admin.application(&staff.actor, number(id)?).await?;
    let now = desk.now();
    let tokens = desk.admin.application_tokens(&staff.actor, one.id).await?;
    Ok(ApplicationPage {
        shell: desk
            .shell(staff, Section::Applications)
            .with(words_of(head)),
        scopes: Scopes::of(&one.scopes),
        tokens: tokens
            .iter()
            .map(|token| TokenRow::of(token, None, now))
            .collect(),
        one: Row::of(&one, now),
        error: String::new(),
    })
}

async fn page(
    State(desk): Here,
    staff: Staff,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        staff.require(Operation::ManageTokens)?;
        sure(&desk, staff.is_sure(desk.now()), &format!("applications/{}", number(&id)?))?;
        show(&desk, &staff, &id, &head).await
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn last_look(
    State(desk): Here,
    staff: Staff,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        sure(&desk, staff.is_sure(desk.now()), &format!("applications/{}/remove", number(&id)?))?;
        let ApplicationPage { shell, one, tokens, .. } = show(&desk, &staff, &id, &head).await?;
        Ok::<_, Trouble>(RemovePage { shell, one, tokens: tokens.len() })
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn new(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let may = staff
        .require(Operation::ManageTokens)
        .and_then(|()| sure(&desk, staff.is_sure(desk.now()), "applications/new"));
    let shell = desk.shell(&staff, Section::Applications);
    let (name, scopes, error) = (String::new(), Scopes::of(&[]), String::new());
    match may {
        Ok(()) => answer::page(StatusCode::OK, &NewPage { shell, name, scopes, error }),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn create(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let made = async {
        was_sure(&desk, &staff, "applications/new")?;
        let (name, scopes) = (fields.once("name")?, Scopes::read(&mut fields)?);
        let made = desk
            .admin
            .add_application(&staff.actor, &name, scopes.words())
            .await;
        let shell = desk.shell(&staff, Section::Applications);
        Ok(match made {
            Ok(made) => Ok(secret(shell, "The new application", &made)),
            Err(error) if refused(&error) => {
                let error = sentence(&error.to_string());
                Err(Box::new(NewPage { shell, name, scopes, error }))
            }
            Err(error) => return Err(Trouble::from(error)),
        })
    };
    match made.await {
        Ok(Ok(page)) => answer::page(StatusCode::OK, &page),
        Ok(Err(page)) => answer::page(StatusCode::UNPROCESSABLE_ENTITY, &*page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

/// Whether an error is for the form to show.
fn refused(error: &AdminError) -> bool {
    matches!(status_of(error), StatusCode::CONFLICT)
        || matches!(error, AdminError::BeyondMaker { .. })
}

fn secret(
    shell: Shell,
    title: &'static str,
    made: &crate::admin::CreatedApplication,
) -> SecretPage {
    let id = made.application.id;
    SecretPage {
        shell,
        title,
        values: vec![("client_id", id.to_string()), ("client_secret", made.secret.expose())],
        onward: (format!("applications/{id}"), "Go to the application"),
    }
}

/// What is done to one of them, named by the button.
async fn act(State(desk): Here, Path(id): Path<String>, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    match done(&desk, &staff, &id, &mut fields).await {
        Ok(response) => response,
        Err(Trouble::Bad(error)) => match show(&desk, &staff, &id, &head).await {
            Ok(page) => {
                let page = ApplicationPage { error, ..page };
                answer::page(StatusCode::UNPROCESSABLE_ENTITY, &page)
            }
            Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
        },
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn done(
    desk: &Desk,
    staff: &Staff,
    id: &str,
    fields: &mut Fields,
) -> Result<Response, Trouble> {
    let number = number(id)?;
    was_sure(desk, staff, &format!("applications/{number}"))?;
    let (admin, actor) = (&desk.admin, &staff.actor);
    let told = |error: AdminError| match refused(&error) {
        true => Trouble::Bad(sentence(&error.to_string())),
        false => Trouble::from(error),
    };
    let act = match &*fields.once("act")? {
        "rotate" => {
            let made = admin.rotate_secret(actor, number).await.map_err(told)?;
            let shell = desk.shell(staff, Section::Applications);
            let page = secret(shell, "The application's new secret", &made);
            return Ok(answer::page(StatusCode::OK, &page));
        }
        "remove" => {
            admin
                .remove_application(actor, number)
                .await
                .map_err(told)?;
            let query = Done::new("removed").to_query();
            return Ok(see_other(&format!("{}?{query}", desk.path("applications"))));
        }
        "enable" => admin
            .enable_application(actor, number, true)
            .await
            .map(|_| "enabled"),
        "disable" => admin
            .enable_application(actor, number, false)
            .await
            .map(|_| "disabled"),
        "scope" => {
            let words = Scopes::read(fields)?.words();
            admin
                .scope_application(actor, number, words)
                .await
                .map(|_| "scoped")
        }
        _ => return Err(Trouble::NotFound),
    };
    let query = Done::new(act.map_err(told)?).to_query();
    Ok(see_other(&format!("{}?{query}", desk.path(&format!("applications/{number}")))))
}

async fn create_token(State(desk): Here, Path(id): Path<String>, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let made = async {
        let number = number(&id)?;
        was_sure(&desk, &staff, &format!("applications/{number}"))?;
        let name = fields.perhaps("name")?.unwrap_or_default();
        let expires_at = end(&fields.perhaps("expires")?.unwrap_or_default(), desk.now());
        let expires_at = expires_at.map_err(Trouble::Bad)?;
        let request = TokenRequest { name, scopes: Vec::new(), expires_at };
        let made = desk
            .admin
            .create_application_token(&staff.actor, number, request)
            .await?;
        Ok::<_, Trouble>(SecretPage {
            shell: desk.shell(&staff, Section::Applications),
            title: "The application's new token",
            values: vec![("Token", made.secret.expose())],
            onward: (format!("applications/{number}"), "Go to the application"),
        })
    };
    match made.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}
