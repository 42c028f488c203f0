//! Clerk's Backend API, as far as it is about users and their sessions.
//!
//! What is asked in which order is part of it: who asks, what they may do, the
//! parameters, the user, the change. So somebody without rights learns nothing of who
//! there is.

mod document;
mod draft;
#[cfg(feature = "http-client")]
mod events;
mod fault;
mod fields;
mod filters;
mod id;
mod json;
mod list;
mod metadata;
mod password;
mod query;
mod sessions;
mod standing;
mod user;
mod users;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use http::HeaderValue;
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS,
};
use serde_json::json;

use self::fault::Fault;
use self::json::Json;
use crate::admin::Admin;
use crate::api::token::{self, Stranger};

/// What is said of every answer: it is about people, and for whoever asked.
const HEADERS: [(HeaderName, &str); 2] =
    [(CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];

#[cfg(feature = "http-client")]
pub(super) use self::events::{session, tombstone, user};

pub(super) fn router(admin: Admin) -> Router {
    let user = get(users::get).patch(users::update).delete(users::delete);
    Router::new()
        .route("/v1/users", get(list::users).post(users::create))
        .route("/v1/users/count", get(list::count))
        .route("/v1/users/ban", post(standing::ban_all))
        .route("/v1/users/unban", post(standing::unban_all))
        .route("/v1/users/{id}", user)
        .route("/v1/users/{id}/lock", post(standing::lock))
        .route("/v1/users/{id}/unlock", post(standing::unlock))
        .route("/v1/users/{id}/ban", post(standing::ban))
        .route("/v1/users/{id}/unban", post(standing::unban))
        .route("/v1/users/{id}/metadata", patch(metadata::merge).put(metadata::replace))
        .route("/v1/users/{id}/verify_password", post(password::verify))
        .route("/v1/users/{id}/remove_password", post(password::remove))
        .route("/v1/jwks", get(keys))
        .route("/v1/sessions", get(sessions::list))
        .route("/v1/sessions/{id}", get(sessions::get))
        .route("/v1/sessions/{id}/revoke", post(sessions::revoke))
        .route("/v1", get(nothing).fallback(nothing))
        .route("/v1/", get(nothing).fallback(nothing))
        .route("/v1/{*rest}", get(nothing).fallback(nothing))
        .method_not_allowed_fallback(other_method)
        .route_layer(from_fn_with_state(admin.clone(), admitted))
        .with_state(admin)
}

/// Lets those through whom a token says something of.
async fn admitted(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    let mut answer = match admit(&admin, request).await {
        Ok(request) => next.run(request).await,
        Err(refused) => refused.into_response(),
    };
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        answer.headers_mut().entry(name).or_insert(value);
    }
    answer
}

async fn admit(admin: &Admin, request: Request) -> Result<Request, Fault> {
    let (mut head, body) = request.into_parts();
    let caller = match token::caller(admin, &head).await {
        // The one way that Clerk's clients know.
        Ok(_) if !is_bearer(&head.headers) => Err(Stranger::Refused(None)),
        found => found,
    }?;
    head.extensions.insert(caller);
    Ok(Request::from_parts(head, body))
}

fn is_bearer(headers: &http::HeaderMap) -> bool {
    let value = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let scheme = value.and_then(|value| value.get(..7)).unwrap_or_default();
    scheme.eq_ignore_ascii_case(b"bearer ")
}

/// A body that matters is JSON. Where no type is said, it is taken for that.
fn check_type(headers: &http::HeaderMap) -> Result<(), Fault> {
    let Some(kind) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let kind = kind.as_bytes().split(|byte| *byte == b';').next();
    let kind = kind.unwrap_or_default().trim_ascii();
    if kind.is_empty() || kind.eq_ignore_ascii_case(b"application/json") {
        Ok(())
    } else {
        Err(Fault::content_type())
    }
}

/// The keys that tokens are signed with. Sessions are opaque here and none is signed, so
/// there are none: a client that verifies with them refuses everything.
async fn keys() -> Json {
    Json::ok(json!({ "keys": [] }))
}

async fn nothing() -> Fault {
    Fault::not_found("resource")
}

async fn other_method() -> Fault {
    Fault::method()
}
