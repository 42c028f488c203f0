//! Refusals, in the words of RFC 6749.

use axum::response::{IntoResponse, Response};
use http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::json;

use super::answer;
use crate::admin::AdminError;
use crate::api::body::NoObject;

/// Why there is no token.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The body could not be read.
    Body(NoObject),
    /// Nobody knows this application, or it did not prove to be itself.
    Client,
    /// It is shut out.
    Disabled,
    /// Another way to get a token than there is here.
    Grant,
    /// The request makes no sense; with what is wrong.
    Invalid(String),
    /// A scope that is none, or too much for the application.
    Scope,
    /// The token is somebody else's.
    NotYours,
    /// The directory does not answer.
    Unavailable,
}

impl Refusal {
    pub(super) fn invalid(words: &str) -> Self {
        Self::Invalid(words.to_owned())
    }

    /// Nothing that an application sent, but the store.
    pub(super) fn of_admin(error: AdminError) -> Self {
        match error {
            AdminError::BeyondApplication { .. }
            | AdminError::InvalidScope { .. }
            | AdminError::TooManyScopes { .. } => Self::Scope,
            error => {
                tracing::warn!(%error, "administration failed");
                Self::Unavailable
            }
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Body(NoObject::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(NoObject::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Self::Client | Self::Disabled => StatusCode::UNAUTHORIZED,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn words(&self) -> (&'static str, &str) {
        match self {
            Self::Body(NoObject::TooLarge) => ("invalid_request", "the body is too large"),
            Self::Body(NoObject::TooSlow) => {
                ("invalid_request", "the body did not come to its end in time")
            }
            Self::Body(NoObject::Malformed) => {
                ("invalid_request", "the body did not come to its end")
            }
            Self::Client => {
                ("invalid_client", "there is no such application, or its secret is another")
            }
            Self::Disabled => ("invalid_client", "the application is disabled"),
            Self::Grant => ("unsupported_grant_type", "only client_credentials is taken here"),
            Self::Invalid(words) => ("invalid_request", words),
            Self::Scope => ("invalid_scope", "a scope is none, or more than the application may"),
            Self::NotYours => ("unauthorized_client", "the token is not this application's"),
            Self::Unavailable => {
                ("temporarily_unavailable", "the directory does not answer: try again")
            }
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (error, description) = self.words();
        let document = json!({ "error": error, "error_description": description });
        let mut answer = answer(self.status(), &document);
        let headers = answer.headers_mut();
        if self.status() == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Basic realm=\"portcullis\"");
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if matches!(self, Self::Unavailable) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        answer
    }
}
