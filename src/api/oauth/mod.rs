//! Where applications get access tokens (RFC 6749, client credentials), revoke them
//! (RFC 7009) and ask what one is worth (RFC 7662).
//!
//! Wrong secrets are not counted: see [`Admin::authenticate_client`]. A body has at most
//! 64 KiB and ten seconds to come, as everywhere here.

mod client;
mod form;
mod introspect;
mod refusal;
mod revoke;
mod token;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;

use self::form::Form;
use self::refusal::Refusal;
use crate::admin::{Admin, Client};
use crate::api::body;
use crate::domain::client::ClientAddr;

const FORM: &[u8] = b"application/x-www-form-urlencoded";

pub(super) fn router(admin: Admin) -> Router {
    Router::new()
        .route("/oauth2/token", post(token::token))
        .route("/oauth2/revoke", post(revoke::revoke))
        .route("/oauth2/introspect", post(introspect::introspect))
        .with_state(admin)
}

/// A form, from an application that proved to be itself. Who did not learns nothing of
/// what else is wrong.
async fn asked(admin: &Admin, request: Request) -> Result<(Client, Form), Refusal> {
    let (head, body) = request.into_parts();
    if !is_form(&head.headers) {
        return Err(Refusal::invalid("the body is a form: say application/x-www-form-urlencoded"));
    }
    let bytes = body::bytes(body).await.map_err(Refusal::Body)?;
    let mut form = Form::read(&bytes)?;
    let presented = client::presented(&head.headers, &mut form)?;
    let from = head.extensions.get::<ClientAddr>().map(ToString::to_string);
    let client = client::authenticated(admin, presented, from).await?;
    Ok((client, form))
}

fn is_form(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (first, more) = (types.next(), types.next());
    let kind = first.map(HeaderValue::as_bytes).unwrap_or_default();
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    more.is_none() && kind.trim_ascii().eq_ignore_ascii_case(FORM)
}

/// An answer that nobody keeps: there are secrets in it, or it is of this instant.
fn answer(status: StatusCode, document: &Value) -> Response {
    let headers = [
        (CACHE_CONTROL, "no-store"),
        (PRAGMA, "no-cache"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_TYPE, "application/json;charset=UTF-8"),
    ];
    (status, headers, document.to_string()).into_response()
}
