//! Applications: programs that come with a secret of their own.

mod ask;
mod list;
mod make;
mod one;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::request::Parts;

use crate::admin::AdminError;
use crate::domain::application::{Application, ApplicationId};
use crate::domain::time::Timestamp;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::Desk;
use crate::pages::console::notice::{Done, Notice};
use crate::pages::console::people::author;
use crate::pages::console::secrets::Said;
use crate::pages::console::staff::Staff;
use crate::pages::when::Moment;
use crate::store::ApiToken;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/applications", get(list::page))
        .route("/applications/new", get(make::new).post(make::create))
        .route("/applications/{id}", get(one::page).post(one::act))
        .route("/applications/{id}/rotate", get(ask::rotation).post(make::rotate))
        .route("/applications/{id}/disable", get(ask::disabling))
        .route("/applications/{id}/remove", get(ask::removal))
        .route("/applications/{id}/token", axum::routing::post(make::create_token))
}

/// An application as pages tell of it.
struct Row {
    id: String,
    name: String,
    enabled: bool,
    scopes: Vec<Said>,
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
            scopes: Said::of(&one.scopes),
            made_by: author(&one.made_by),
            created: Moment::past(one.created_at, now),
            last_used: one.last_used_at.map(|at| Moment::past(at, now)),
        }
    }
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

fn number(id: &str) -> Result<ApplicationId, Trouble> {
    id.parse().map_err(|_| Trouble::NotFound)
}

/// The application of this id, for whoever may see it.
async fn found(desk: &Desk, staff: &Staff, id: &str) -> Result<Application, Trouble> {
    let found = desk.admin.application(&staff.actor, number(id)?).await;
    found.map_err(told)
}

/// Its tokens that open something still, newest first.
async fn tokens(desk: &Desk, staff: &Staff, id: ApplicationId) -> Result<Vec<ApiToken>, Trouble> {
    let mut tokens = desk.admin.application_tokens(&staff.actor, id).await?;
    let now = desk.now();
    tokens.retain(|token| token.expires_at.is_none_or(|end| end > now));
    tokens.reverse();
    Ok(tokens)
}

/// What is not there is a page that there is not.
fn told(error: AdminError) -> Trouble {
    match error {
        AdminError::NoSuchApplication { .. } => Trouble::NotFound,
        error => error.into(),
    }
}
