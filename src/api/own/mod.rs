//! Portcullis' own interface, `/admin/v1`: everything that administrators do, in our
//! own words.
//!
//! What is asked in which order: who asks, whom it is about, whether it may be asked,
//! what was sent. Whoever may not see people learns nothing of who there is.

mod accounts;
mod applications;
mod audit;
mod change;
pub(crate) mod deletions;
pub(crate) mod files;
pub(crate) mod groups;
mod licences;
mod lists;
mod problem;
mod read;
mod runs;
mod sessions;
pub(crate) mod settings;
mod tokens;
pub(crate) mod view;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, HeaderName, X_CONTENT_TYPE_OPTIONS};

pub(super) use self::problem::Problem;
#[cfg(feature = "gateway")]
pub(crate) use self::problem::TYPE_PREFIX;
use crate::admin::Admin;
use crate::api::token;
#[cfg(feature = "gateway")]
use crate::domain::permission::Permission;

/// What is said of every answer: it is about people, and for whoever asked.
const HEADERS: [(HeaderName, &str); 2] =
    [(CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];

pub(super) fn router(admin: Admin) -> Router {
    let nothing = get(nothing).fallback(nothing);
    Router::new()
        .nest("/admin/v1", people().merge(things()))
        .route("/admin/v1", nothing.clone())
        .route("/admin/v1/", nothing.clone())
        .route("/admin/v1/{*rest}", nothing)
        .method_not_allowed_fallback(async || Problem::no_such_method())
        .route_layer(from_fn_with_state(admin.clone(), admitted))
        .with_state(admin)
}

/// Accounts, and what is done to them.
fn people() -> Router<Admin> {
    let account = get(accounts::show)
        .patch(accounts::update)
        .delete(deletions::delete);
    Router::new()
        .route("/me", get(accounts::me))
        .route("/accounts", get(lists::accounts).post(accounts::create))
        .route("/accounts/{who}", account)
        .route("/accounts/{who}/lock", post(accounts::lock))
        .route("/accounts/{who}/unlock", post(accounts::unlock))
        .route("/accounts/{who}/disable", post(accounts::disable))
        .route("/accounts/{who}/enable", post(accounts::enable))
        .route("/accounts/{who}/sign-out", post(accounts::sign_out))
        .route("/accounts/{who}/password", post(accounts::set_password))
        .route("/accounts/{who}/invite", post(licences::invite))
        .route("/accounts/{who}/sessions", get(sessions::of_account))
        .route("/accounts/{who}/devices", get(sessions::devices))
        .route("/accounts/{who}/devices/{id}", delete(sessions::forget_device))
        .route("/sessions/{id}", delete(sessions::end))
        .route("/accounts/{who}/deletion", post(deletions::begin))
        .route("/accounts/{who}/deletion/preview", post(deletions::preview))
        .route("/deletions", get(deletions::list))
        .route("/deletions/{id}", get(deletions::show))
        .route("/deletions/{id}/resume", post(deletions::resume))
        .route("/deletions/{id}/cancel", post(deletions::cancel))
        .route("/modules", get(deletions::modules))
        .route("/assignable", get(deletions::assignable))
        .route("/assignable/{who}", get(deletions::is_assignable))
}

/// What is no account.
fn things() -> Router<Admin> {
    let setting = get(settings::show)
        .put(settings::set)
        .delete(settings::reset);
    Router::new()
        .route("/settings", get(settings::list))
        .route("/settings/{name}", setting)
        .route("/tokens", get(tokens::list).post(tokens::create))
        .route("/tokens/{id}", delete(tokens::revoke))
        .route("/licences", get(licences::show).put(licences::limit))
        .route("/audit", get(audit::list))
        .route("/audit/export", get(audit::export))
        .route("/audit/verify", post(audit::verify))
        .route("/audit/prune", post(audit::prune))
        .merge(programs())
        .merge(crowds())
        .merge(of_groups())
}

/// Many accounts at once.
fn crowds() -> Router<Admin> {
    Router::new()
        .route("/imports", post(files::import))
        .route("/exports", get(files::export))
        .route("/runs", get(runs::list).post(runs::begin))
        .route("/runs/preview", post(runs::preview))
        .route("/runs/{id}", get(runs::show))
        .route("/runs/{id}/items", get(runs::items))
        .route("/runs/{id}/cancel", post(runs::cancel))
        .route("/runs/{id}/resume", post(runs::resume))
        .route("/runs/{id}/undo", post(runs::undo))
        .route("/inactivity", get(runs::inactivity))
        .route("/inactivity/preview", post(runs::preview_inactivity))
        .route("/inactivity/confirm", post(runs::confirm_inactivity))
}

/// Applications, and their tokens.
fn programs() -> Router<Admin> {
    let application = get(applications::show)
        .patch(applications::update)
        .delete(applications::remove);
    let tokens = get(applications::tokens).post(applications::create_token);
    Router::new()
        .route("/applications", get(applications::list).post(applications::create))
        .route("/applications/{id}", application)
        .route("/applications/{id}/rotate", post(applications::rotate))
        .route("/applications/{id}/tokens", tokens)
}

/// Groups, and who is in them.
fn of_groups() -> Router<Admin> {
    let group = get(groups::show)
        .patch(groups::update)
        .delete(groups::remove);
    let members = get(groups::members).post(groups::change_members);
    Router::new()
        .route("/groups", get(groups::list).post(groups::create))
        .route("/groups/{id}", group)
        .route("/groups/{id}/members", members)
}

/// Lets those through whom a token says something of.
async fn admitted(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let mut answer = match token::caller(&admin, &head).await {
        Ok(caller) => {
            head.extensions.insert(caller);
            next.run(Request::from_parts(head, body)).await
        }
        Err(stranger) => Problem::from(stranger).into_response(),
    };
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        answer.headers_mut().entry(name).or_insert(value);
    }
    answer
}

/// Lets those through who bring a token for the figures, whatever router they are in.
#[cfg(feature = "gateway")]
pub(crate) async fn may_read_figures(
    State(admin): State<Admin>,
    request: Request,
    next: Next,
) -> Response {
    let (head, body) = request.into_parts();
    let caller = token::caller(&admin, &head).await.map_err(Problem::from);
    let may = caller.and_then(|caller| {
        caller
            .rights
            .require(Permission::ReadMetrics)
            .map_err(Problem::from)
    });
    match may {
        Ok(()) => next.run(Request::from_parts(head, body)).await,
        Err(problem) => problem.into_response(),
    }
}

async fn nothing() -> Problem {
    Problem::no_such_address()
}
