//! Refusals, as RFC 9457 problem documents.

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::admin::{AdminError, TransferError};
use crate::api::body::NoObject;
use crate::api::token::Stranger;
use crate::domain::permission::Permission;
use crate::store::StoreError;

/// What comes before the word of a problem in its `type`.
pub(crate) const TYPE_PREFIX: &str = "urn:portcullis:problem:";

/// Why nothing was done. The word is stable: programs compare it.
#[derive(Debug)]
pub(in crate::api) struct Problem {
    status: StatusCode,
    word: &'static str,
    title: &'static str,
    detail: String,
    /// What a token would have to be for.
    scope: Option<Permission>,
}

#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
}

impl Problem {
    pub(super) fn new(
        status: StatusCode,
        word: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self { status, word, title, detail: sentence(&detail.into()), scope: None }
    }

    /// What was sent can't be so.
    pub(in crate::api) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", "This can't be so", detail)
    }

    pub(super) fn no_such_address() -> Self {
        let detail = "there is nothing at this address: see /openapi.json for what there is";
        Self::new(StatusCode::NOT_FOUND, "no-such-address", "There is nothing here", detail)
    }

    pub(in crate::api) fn no_such_method() -> Self {
        let detail = "this address has other methods: see /openapi.json for them";
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Self::new(status, "no-such-method", "There is no such method here", detail)
    }

    pub(in crate::api) fn too_many_listeners() -> Self {
        let detail = "as many follow the feed as may at once: come back in a few seconds";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "too-many-listeners", "Too many follow the feed", detail)
    }

    pub(super) fn content_type() -> Self {
        let detail = "a body is JSON here: send it as application/json";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Self::new(status, "content-type", "This type of body is not taken", detail)
    }

    pub(super) fn no_such_application() -> Self {
        let detail = "an id of an application has 16 hexadecimal digits";
        let title = "There is no such application";
        Self::new(StatusCode::NOT_FOUND, "no-such-application", title, detail)
    }

    pub(super) fn no_such_run() -> Self {
        let detail = "a run is named by its number";
        Self::new(StatusCode::NOT_FOUND, "no-such-run", "There is no such run", detail)
    }

    pub(super) fn no_such_session() -> Self {
        let detail = "an id of a session has 32 hexadecimal digits";
        Self::new(StatusCode::NOT_FOUND, "no-such-session", "There is no such session", detail)
    }

    pub(super) fn no_such_device() -> Self {
        let detail = "an id of a device has 16 hexadecimal digits";
        Self::new(StatusCode::NOT_FOUND, "no-such-device", "There is no such device", detail)
    }

    pub(super) fn no_such_token() -> Self {
        let detail = "an id of a token has 32 hexadecimal digits";
        Self::new(StatusCode::NOT_FOUND, "no-such-token", "There is no such token", detail)
    }

    pub(super) fn no_such_group() -> Self {
        let detail = "a group's number is 1 or more";
        Self::new(StatusCode::NOT_FOUND, "no-such-group", "There is no such group", detail)
    }

    pub(super) fn no_such_deletion() -> Self {
        let detail = "a deletion's number is 1 or more";
        let title = "There is no such deletion";
        Self::new(StatusCode::NOT_FOUND, "no-such-deletion", title, detail)
    }

    /// The problem of an operation that was not done.
    fn of(error: &AdminError) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match error {
            AdminError::NotFound { .. } => (S::NOT_FOUND, "no-such-account", "Nobody is there"),
            AdminError::NoSuchSession { .. } => {
                (S::NOT_FOUND, "no-such-session", "There is no such session")
            }
            AdminError::NoSuchApplication { .. } => {
                (S::NOT_FOUND, "no-such-application", "There is no such application")
            }
            AdminError::NoSuchDevice { .. } => {
                (S::NOT_FOUND, "no-such-device", "There is no such device")
            }
            AdminError::NoSuchRun { .. } => (S::NOT_FOUND, "no-such-run", "There is no such run"),
            AdminError::NoSuchSetting { .. } => {
                (S::NOT_FOUND, "no-such-setting", "There is no such setting")
            }
            AdminError::NoSuchToken { .. } => {
                (S::NOT_FOUND, "no-such-token", "There is no such token")
            }
            AdminError::NoSuchGroup { .. } => {
                (S::NOT_FOUND, "no-such-group", "There is no such group")
            }
            AdminError::NoSuchDeletion { .. } => {
                (S::NOT_FOUND, "no-such-deletion", "There is no such deletion")
            }
            AdminError::AdministratorsOnly => {
                (S::FORBIDDEN, "administrators-only", "This is for administrators")
            }
            AdminError::BeyondMaker { .. } => {
                (S::FORBIDDEN, "beyond-maker", "This is more than you may do")
            }
            AdminError::Forbidden { .. } => (S::FORBIDDEN, "forbidden", "You may not do this"),
            AdminError::OutOfScope { .. } => {
                (S::FORBIDDEN, "out-of-scope", "This token is for less")
            }
            AdminError::LastAdministrator { .. } => {
                (S::FORBIDDEN, "last-administrator", "Somebody has to administer")
            }
            AdminError::Yourself { .. } => {
                (S::FORBIDDEN, "yourself", "Nobody shuts themselves out")
            }
            AdminError::Create(_) | AdminError::Store(StoreError::Taken { .. }) => {
                (S::CONFLICT, "taken", "Somebody else has this name")
            }
            AdminError::ApplicationDisabled { .. } => {
                (S::CONFLICT, "application-disabled", "The application is disabled")
            }
            AdminError::AuditAltered(_) => {
                (S::CONFLICT, "audit-altered", "The audit log was altered")
            }
            AdminError::NoLicence { .. } => (S::CONFLICT, "no-licence", "All licences are in use"),
            AdminError::NotInvitable { .. } => {
                (S::CONFLICT, "not-invitable", "Their status does not allow this")
            }
            AdminError::DeletionIsOff => (S::CONFLICT, "deletion-is-off", "It is switched off"),
            AdminError::DisablingIsOff => (S::CONFLICT, "disabling-is-off", "It is switched off"),
            AdminError::InvalidTransition(_) => {
                (S::CONFLICT, "invalid-transition", "Their status does not allow this")
            }
            AdminError::OwnerNotActive { .. } => {
                (S::CONFLICT, "owner-not-active", "The owner may not act")
            }
            AdminError::RunState { .. } => {
                (S::CONFLICT, "run-state", "The run is in no state for this")
            }
            AdminError::RunUndone { .. } => (S::CONFLICT, "run-undone", "It was undone before"),
            AdminError::Pinned { .. } => (S::CONFLICT, "pinned", "The configuration pins this"),
            AdminError::Outdated { .. } => {
                (S::PRECONDITION_FAILED, "outdated", "Somebody else was quicker")
            }
            AdminError::DeletionEnded { .. } => {
                (S::CONFLICT, "deletion-ended", "The deletion is over")
            }
            AdminError::DeletionHeld { .. } => {
                (S::CONFLICT, "deletion-held", "Somebody works on it")
            }
            AdminError::DeletionLost { .. } => {
                (S::CONFLICT, "deletion-lost", "Somebody else works on it")
            }
            AdminError::DeletionOpen { .. } => {
                (S::CONFLICT, "deletion-open", "They are being deleted already")
            }
            AdminError::Transfer(error) => Self::of_transfer(error),
            AdminError::BeyondApplication { .. } => {
                (S::UNPROCESSABLE_ENTITY, "beyond-application", "The application is for less")
            }
            AdminError::NoMember { .. } => {
                (S::UNPROCESSABLE_ENTITY, "no-member", "Nobody is there to be in it")
            }
            AdminError::Hashing
            | AdminError::NoGate
            | AdminError::Random
            | AdminError::Store(_) => (S::SERVICE_UNAVAILABLE, "unavailable", "Not now"),
            AdminError::DocumentTooLarge { .. }
            | AdminError::EndIsPast { .. }
            | AdminError::InvalidEmail { .. }
            | AdminError::InvalidExternalId { .. }
            | AdminError::InvalidGroup(_)
            | AdminError::InvalidIdentity { .. }
            | AdminError::InvalidInvitation
            | AdminError::InvalidLanguage { .. }
            | AdminError::InvalidName { .. }
            | AdminError::InvalidScope { .. }
            | AdminError::InvalidSetting { .. }
            | AdminError::NoScope
            | AdminError::Password(_)
            | AdminError::Selection { .. }
            | AdminError::TooManyScopes { .. } => {
                (S::UNPROCESSABLE_ENTITY, "invalid", "This can't be so")
            }
        }
    }

    /// The problem of records that can't go to somebody else. That a module does not
    /// answer is no fault of ours: what to mend is said.
    fn of_transfer(error: &TransferError) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match error {
            TransferError::Module { .. } => {
                (S::CONFLICT, "module-failed", "A module did not do it")
            }
            TransferError::NoModules => (S::CONFLICT, "no-modules", "There are no modules"),
            TransferError::ReceiverNotActive { .. } => {
                (S::CONFLICT, "receiver-not-active", "The receiver may get nothing")
            }
            TransferError::NoReceiver { .. } => {
                (S::UNPROCESSABLE_ENTITY, "no-receiver", "The receiver is not there")
            }
            TransferError::SelfReceiver => {
                (S::UNPROCESSABLE_ENTITY, "self-receiver", "The receiver is deleted")
            }
            TransferError::NoSuchField { .. } => {
                (S::UNPROCESSABLE_ENTITY, "no-such-field", "There is no such field")
            }
            TransferError::NoSuchModule { .. } => {
                (S::UNPROCESSABLE_ENTITY, "no-such-module", "There is no such module")
            }
        }
    }
}

impl From<AdminError> for Problem {
    fn from(error: AdminError) -> Self {
        let (status, word, title) = Self::of(&error);
        if status.is_server_error() {
            tracing::error!(%error, "administration failed");
            let detail = "the accounts can't be reached now: try again in a moment";
            return Self::new(status, word, title, detail);
        }
        let scope = match &error {
            AdminError::OutOfScope { permission } => Some(*permission),
            _ => None,
        };
        Self { scope, ..Self::new(status, word, title, error.to_string()) }
    }
}

impl From<NoObject> for Problem {
    fn from(error: NoObject) -> Self {
        let (status, word, detail) = match error {
            NoObject::Malformed => {
                (StatusCode::BAD_REQUEST, "malformed", "the body is no JSON object")
            }
            NoObject::TooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "the body is too long: send less")
            }
            NoObject::TooSlow => {
                (StatusCode::REQUEST_TIMEOUT, "too-slow", "the body did not come in time")
            }
        };
        Self::new(status, word, "This body can't be read", detail)
    }
}

impl From<Stranger> for Problem {
    fn from(stranger: Stranger) -> Self {
        let (word, detail) = match stranger {
            Stranger::Unknown(error) => return error.into(),
            Stranger::Silent => ("no-token", "send an API token as `Authorization: Bearer TOKEN`"),
            Stranger::Refused(_) => ("invalid-token", "this API token opens nothing"),
        };
        Self::new(StatusCode::UNAUTHORIZED, word, "Who are you?", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { status, word, title, detail, scope } = self;
        let r#type = format!("{TYPE_PREFIX}{word}");
        let document = Document { r#type, title, status: status.as_u16(), detail: &detail };
        let text = serde_json::to_string(&document).unwrap_or_default();
        let mut answer = (status, text).into_response();
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(challenge) = challenge(word, scope) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        answer
    }
}

/// As RFC 6750, section 3, has it.
fn challenge(word: &str, scope: Option<Permission>) -> Option<HeaderValue> {
    let parameters = match (word, scope) {
        ("no-token", _) => String::new(),
        ("invalid-token", _) => ", error=\"invalid_token\"".to_owned(),
        (_, Some(scope)) => format!(", error=\"insufficient_scope\", scope=\"{scope}\""),
        _ => return None,
    };
    format!("Bearer realm=\"portcullis\"{parameters}")
        .parse()
        .ok()
}

fn sentence(words: &str) -> String {
    let mut chars = words.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string());
    let end = if words.ends_with('.') { "" } else { "." };
    format!("{}{}{end}", first.unwrap_or_default(), chars.as_str())
}
