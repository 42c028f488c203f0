//! Documents in HAL, as OpenProject's clients look for them.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

/// Clients read nothing that is called otherwise.
const HAL: HeaderValue = HeaderValue::from_static("application/hal+json; charset=utf-8");

/// A document with its status.
pub(super) struct Hal<T>(pub(super) StatusCode, pub(super) T);

impl<T: Serialize> IntoResponse for Hal<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.1) {
            Ok(text) => (self.0, [(CONTENT_TYPE, HAL)], text).into_response(),
            // Our documents have text keys and finite numbers: they can be written.
            Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        }
    }
}
