//! What goes wrong, in the words of the interface.

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::answer::Scim;
use super::flavour::Flavour;
use crate::admin::AdminError;
use crate::api::body::NoObject;
use crate::store::{StoreError, UniqueName};

const URN: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// Why a request was not done. Nothing was changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// What kind of it, where the standard has a word.
    pub(super) kind: Option<&'static str>,
    pub(super) words: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, words: impl Into<String>) -> Self {
        Self { status, kind: None, words: words.into() }
    }

    fn bad(kind: &'static str, words: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, kind: Some(kind), words: words.into() }
    }

    pub(super) fn filter(words: impl Into<String>) -> Self {
        Self::bad("invalidFilter", words)
    }

    pub(super) fn mutability(words: impl Into<String>) -> Self {
        Self::bad("mutability", words)
    }

    pub(super) fn no_target(words: impl Into<String>) -> Self {
        Self::bad("noTarget", words)
    }

    pub(super) fn path(words: impl Into<String>) -> Self {
        Self::bad("invalidPath", words)
    }

    pub(super) fn syntax(words: impl Into<String>) -> Self {
        Self::bad("invalidSyntax", words)
    }

    pub(super) fn too_many(words: impl Into<String>) -> Self {
        Self::bad("tooMany", words)
    }

    pub(super) fn value(words: impl Into<String>) -> Self {
        Self::bad("invalidValue", words)
    }

    pub(super) fn taken(words: impl Into<String>) -> Self {
        Self { status: StatusCode::CONFLICT, kind: Some("uniqueness"), words: words.into() }
    }

    pub(super) fn not_found(words: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, words)
    }

    pub(super) fn forbidden(words: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, words)
    }

    pub(super) fn outdated(words: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, words)
    }

    pub(super) fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "this needs a token that opens it: send one as a bearer",
        )
    }

    pub(super) fn unavailable() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "the directory does not answer: try again")
    }

    /// What a client reads.
    pub(super) fn document(&self, flavour: Flavour) -> Value {
        let mut document = json!({
            "schemas": [URN],
            "status": self.status.as_u16().to_string(),
            "detail": self.words,
        });
        if let Some(kind) = self.kind {
            // Its clients look for the word as it spells it.
            let wso2 = flavour.is_wso2() && kind == "invalidFilter";
            document["scimType"] = if wso2 { "InvalidFilter" } else { kind }.into();
        }
        document
    }

    pub(super) fn answer(&self, flavour: Flavour) -> Response {
        let mut answer = Scim(self.status, self.document(flavour)).into_response();
        let header = match self.status {
            StatusCode::UNAUTHORIZED => Some((WWW_AUTHENTICATE, "Bearer realm=\"portcullis\"")),
            StatusCode::SERVICE_UNAVAILABLE => Some((RETRY_AFTER, "1")),
            _ => None,
        };
        if let Some((name, value)) = header {
            answer
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        answer
    }

    /// The same where only these methods are known.
    pub(super) fn method(flavour: Flavour, allowed: &'static str) -> Response {
        let words = format!("here is {allowed} and nothing else");
        let mut answer = Self::new(StatusCode::METHOD_NOT_ALLOWED, words).answer(flavour);
        answer
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static(allowed));
        answer
    }
}

impl From<NoObject> for Problem {
    fn from(why: NoObject) -> Self {
        match why {
            NoObject::TooLarge => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long: send less at once")
            }
            NoObject::TooSlow => {
                Self::new(StatusCode::REQUEST_TIMEOUT, "the body did not come to its end in time")
            }
            NoObject::Malformed => Self::syntax("the body is not a single JSON object"),
        }
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        let words = error.to_string();
        match error {
            AdminError::NotFound { .. } | AdminError::NoSuchGroup { .. } => Self::not_found(words),
            AdminError::AdministratorsOnly
            | AdminError::DeletionIsOff
            | AdminError::DisablingIsOff
            | AdminError::Forbidden { .. }
            | AdminError::LastAdministrator { .. }
            | AdminError::NoLicence { .. }
            | AdminError::OutOfScope { .. }
            | AdminError::Yourself { .. } => Self::forbidden(words),
            AdminError::Create(_) => Self::taken(words),
            AdminError::Store(StoreError::Taken { name }) => Self::taken(match name {
                UniqueName::Login(_) => format!("{words}: choose another userName"),
                _ => words,
            }),
            AdminError::DeletionOpen { .. } | AdminError::Pinned { .. } => {
                Self::new(StatusCode::CONFLICT, words)
            }
            AdminError::Outdated { .. } => Self::outdated(words),
            AdminError::DocumentTooLarge { .. }
            | AdminError::EndIsPast { .. }
            | AdminError::InvalidEmail { .. }
            | AdminError::InvalidExternalId { .. }
            | AdminError::InvalidGroup(_)
            | AdminError::InvalidIdentity { .. }
            | AdminError::InvalidLanguage { .. }
            | AdminError::InvalidName { .. }
            | AdminError::InvalidSetting { .. }
            | AdminError::InvalidTransition(_)
            | AdminError::NoMember { .. }
            | AdminError::Password(_) => Self::value(words),
            error => {
                tracing::warn!(%error, "administration failed");
                Self::unavailable()
            }
        }
    }
}
