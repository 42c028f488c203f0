//! OpenProject's API v3, as far as it is about users.
//!
//! What is asked in which order is part of it: who asks, the content type, the user,
//! the permission, the change. So somebody without rights learns that a user is
//! unknown before they learn that they may not do what they asked for.

mod attributes;
mod create;
mod draft;
mod filters;
mod form;
mod invitation;
mod json;
mod list;
mod lock;
mod order;
mod refusal;
mod select;
mod show;
mod update;
mod user;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, Method};

use self::refusal::{Refusal, unauthenticated};
use crate::admin::Admin;
use crate::api::token;

/// Where the collection of users is.
const USERS: &str = "/api/v3/users";

/// What is said of every answer: it is about people, and for whoever asked.
const HEADERS: [(HeaderName, &str); 2] =
    [(CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];

pub(super) fn router(admin: Admin) -> Router {
    let user = get(show::user)
        .patch(update::user)
        .delete(lock::delete_user);
    Router::new()
        .route(USERS, get(list::users).post(create::user))
        .route("/api/v3/users/form", post(form::create))
        .route("/api/v3/users/{id}", user)
        .route("/api/v3/users/{id}/form", post(form::update))
        .route("/api/v3/users/{id}/invitation", post(invitation::create))
        .route("/api/v3/users/{id}/lock", post(lock::lock).delete(lock::unlock))
        .route("/api/v3", get(nothing))
        .route("/api/v3/", get(nothing))
        .route("/api/v3/{*rest}", get(nothing).fallback(nothing))
        .method_not_allowed_fallback(other_method)
        .route_layer(from_fn_with_state(admin.clone(), admitted))
        .with_state(admin)
}

/// Lets those through whom a token says something of, with a body of a known type.
async fn admitted(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    let mut answer = match admit(&admin, request).await {
        Ok(request) => next.run(request).await,
        Err(refused) => refused,
    };
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        answer.headers_mut().entry(name).or_insert(value);
    }
    answer
}

async fn admit(admin: &Admin, request: Request) -> Result<Request, Response> {
    let (mut head, body) = request.into_parts();
    let caller = token::caller(admin, &head)
        .await
        .map_err(|stranger| unauthenticated(stranger, &head.headers))?;
    if !matches!(head.method, Method::GET | Method::HEAD | Method::DELETE) {
        check_type(&head.headers).map_err(IntoResponse::into_response)?;
    }
    head.extensions.insert(caller);
    Ok(Request::from_parts(head, body))
}

/// A body has a type, even where there is none.
fn check_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let kind = kind.unwrap_or_default().trim_ascii().to_ascii_lowercase();
    if kind.is_empty() {
        return Err(Refusal::NoContentType);
    }
    let taken = [&b"application/json"[..], b"application/hal+json"];
    if taken.iter().any(|taken| kind.starts_with(taken)) {
        Ok(())
    } else {
        Err(Refusal::ContentType)
    }
}

async fn nothing() -> Refusal {
    Refusal::NotFound
}

async fn other_method() -> Refusal {
    Refusal::Method
}
