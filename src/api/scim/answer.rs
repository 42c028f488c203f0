//! Documents and what an operation did, as answers.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, ETAG, HeaderName, LOCATION};
use http::{HeaderValue, StatusCode};
use serde_json::Value;

use super::flavour::Flavour;

const TYPE: HeaderValue = HeaderValue::from_static("application/scim+json");

/// A document with its status.
pub(super) struct Scim(pub(super) StatusCode, pub(super) Value);

impl IntoResponse for Scim {
    fn into_response(self) -> Response {
        (self.0, [(CONTENT_TYPE, TYPE)], self.1.to_string()).into_response()
    }
}

/// What an operation did.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) status: StatusCode,
    /// The resource, unless nothing is left to show.
    pub(super) body: Option<Value>,
    /// Where it is.
    pub(super) location: Option<String>,
    /// Its version, as an entity tag.
    pub(super) version: Option<String>,
}

impl Done {
    pub(super) fn gone() -> Self {
        Self { status: StatusCode::NO_CONTENT, body: None, location: None, version: None }
    }

    pub(super) fn answer(self, flavour: Flavour) -> Response {
        let mut answer = match self.body {
            Some(body) => Scim(self.status, body).into_response(),
            None => self.status.into_response(),
        };
        let mut set = |name: HeaderName, value: Option<String>| {
            if let Some(value) = value.and_then(|text| HeaderValue::try_from(text).ok()) {
                answer.headers_mut().insert(name, value);
            }
        };
        set(LOCATION, self.location);
        set(ETAG, self.version.filter(|_| flavour.has_sort_and_tags()));
        answer
    }
}
