//! Documents as Clerk's clients read them.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde_json::Value;

/// Without parameters: the JavaScript client takes anything else for text.
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A document with its status.
#[derive(Debug)]
pub(super) struct Json(pub(super) StatusCode, pub(super) Value);

impl Json {
    pub(super) const fn ok(document: Value) -> Self {
        Self(StatusCode::OK, document)
    }
}

impl IntoResponse for Json {
    fn into_response(self) -> Response {
        (self.0, [(CONTENT_TYPE, JSON)], self.1.to_string()).into_response()
    }
}
