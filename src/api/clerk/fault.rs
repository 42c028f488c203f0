//! What goes wrong, in the codes of Clerk's catalogue.

use axum::response::{IntoResponse, Response};
use http::header::{HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde_json::{Map, Value, json};

use super::json::Json;
use crate::admin::AdminError;
use crate::api::body::NoObject;
use crate::api::token::{Scheme, Stranger};
use crate::domain::denial::DenialReason;
use crate::domain::password::InvalidPassword;
use crate::engine::SignInError;
use crate::store::{CreateError, StoreError, UniqueName};

/// Where the Go client looks for the number of a failure.
const TRACE_ID: HeaderName = HeaderName::from_static("clerk-trace-id");

/// Why nothing was done: one error, as the catalogue has it.
#[derive(Debug)]
pub(super) struct Fault {
    status: StatusCode,
    code: &'static str,
    message: &'static str,
    /// What to do about it.
    long_message: String,
    meta: Map<String, Value>,
    retry_after: Option<u64>,
}

impl Fault {
    pub(super) fn new(
        status: StatusCode,
        code: &'static str,
        message: &'static str,
        long_message: impl Into<String>,
    ) -> Self {
        let long_message = sentence(&long_message.into());
        Self { status, code, message, long_message, meta: Map::new(), retry_after: None }
    }

    /// About a parameter.
    fn of_param(
        code: &'static str,
        message: &'static str,
        name: &str,
        long_message: impl Into<String>,
    ) -> Self {
        let mut fault = Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, message, long_message);
        fault.meta.insert("param_name".into(), name.into());
        fault
    }

    pub(super) fn unknown_param(name: &str) -> Self {
        let long = format!("{name} is not a valid parameter for this request");
        Self::of_param("form_param_unknown", "is unknown", name, long)
    }

    pub(super) fn missing_param(name: &str) -> Self {
        Self::of_param("form_param_missing", "is missing", name, format!("{name} must be included"))
    }

    /// It is not what has to stand there: `expected` says what has.
    pub(super) fn format(name: &str, expected: &str) -> Self {
        let long = format!("{name} must be {expected}");
        Self::of_param("form_param_format_invalid", "is invalid", name, long)
    }

    /// It can't have this value.
    pub(super) fn value(name: &str, why: impl Into<String>) -> Self {
        Self::of_param("form_param_value_invalid", "is invalid", name, why)
    }

    pub(super) fn too_large(name: &str, why: impl Into<String>) -> Self {
        Self::of_param("form_param_exceeds_allowed_size", "is too large", name, why)
    }

    pub(super) fn taken(name: &str) -> Self {
        let long = format!("that {name} is taken: choose another");
        Self::of_param("form_identifier_exists", "is taken", name, long)
    }

    pub(super) fn not_found(what: &str) -> Self {
        let long = format!("no {what} was found with this id");
        Self::new(StatusCode::NOT_FOUND, "resource_not_found", "not found", long)
    }

    pub(super) fn forbidden(why: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "authorization_invalid", "Unauthorized request", why)
    }

    fn disabled_feature(why: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "feature_not_enabled", "not enabled", why)
    }

    fn conflict(why: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "conflict", why)
    }

    pub(super) fn bulk(most: usize) -> Self {
        let long = format!("at most {most} users can be named at once");
        Self::new(StatusCode::BAD_REQUEST, "bulk_size_exceeded", "bulk size exceeded", long)
    }

    pub(super) fn no_password() -> Self {
        let long = "this user has no password: set one first";
        Self::new(StatusCode::BAD_REQUEST, "no_password_set", "no password set", long)
    }

    pub(super) fn content_type() -> Self {
        let (status, long) = (StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/json");
        Self::new(status, "unsupported_content_type", "Content-Type is unsupported", long)
    }

    pub(super) fn method() -> Self {
        let status = StatusCode::METHOD_NOT_ALLOWED;
        let long = "this can't be done here with this method";
        Self::new(status, "method_not_allowed", "method not allowed", long)
    }

    /// It may pass: the clients may come again.
    fn unavailable() -> Self {
        let long = "the directory does not answer: try again. Nothing was changed";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let mut fault = Self::new(status, "internal_clerk_error", "Oops, an error occurred", long);
        fault.retry_after = Some(1);
        fault
    }

    fn locked(remaining: Option<u64>) -> Self {
        let long = "the account is locked: unlock it, or wait until the lock ends";
        let mut fault = Self::new(StatusCode::FORBIDDEN, "user_locked", "Account locked", long);
        if let Some(seconds) = remaining {
            fault
                .meta
                .insert("lockout_expires_in_seconds".into(), seconds.into());
            fault.retry_after = Some(seconds);
        }
        fault
    }

    fn unauthenticated(code: &'static str, message: &'static str, long: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, message, long)
    }
}

/// Our own errors begin small and end without a stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{stop}", first.unwrap_or_default(), chars.as_str())
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let trace = trace_id();
        let mut error = json!({
            "code": self.code, "message": self.message, "long_message": self.long_message,
        });
        if !self.meta.is_empty() {
            error["meta"] = self.meta.into();
        }
        let document = json!({ "errors": [error], "clerk_trace_id": trace });
        let mut answer = Json(self.status, document).into_response();
        let headers = answer.headers_mut();
        headers.extend(HeaderValue::try_from(trace).map(|trace| (TRACE_ID, trace)));
        headers.extend(self.retry_after.map(|secs| (RETRY_AFTER, secs.into())));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }
}

/// A number to look the failure up by, in logs.
fn trace_id() -> String {
    let mut bytes = [0; 16];
    // Without the system's randomness all are the same; nothing hangs on it.
    let _ = getrandom::fill(&mut bytes);
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    tracing::debug!(trace.id = hex, "request refused");
    hex
}

impl From<Stranger> for Fault {
    fn from(stranger: Stranger) -> Self {
        match stranger {
            Stranger::Silent => Self::unauthenticated(
                "authentication_invalid",
                "Invalid authentication",
                "Unable to authenticate the request: send Authorization: Bearer with an API token",
            ),
            Stranger::Refused(Some(Scheme::Bearer)) => Self::unauthenticated(
                "clerk_key_invalid",
                "The provided Clerk Secret Key is invalid.",
                "The API token opens nothing: make one with `portcullis token create`",
            ),
            Stranger::Refused(_) => Self::unauthenticated(
                "authorization_header_format_invalid",
                "Invalid Authorization header format",
                "The Authorization header has to read Bearer, and an API token",
            ),
            Stranger::Unknown(error) => error.into(),
        }
    }
}

impl From<NoObject> for Fault {
    fn from(why: NoObject) -> Self {
        let (status, code, message, long) = match why {
            NoObject::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "request_body_too_large",
                "Request body too large",
                "send less in one request",
            ),
            NoObject::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "request_body_invalid",
                "Request body invalid",
                "the request body did not come to its end in time",
            ),
            NoObject::Malformed => (
                StatusCode::BAD_REQUEST,
                "request_body_invalid",
                "Request body invalid",
                "the request body is no JSON object",
            ),
        };
        Self::new(status, code, message, long)
    }
}

impl From<AdminError> for Fault {
    fn from(error: AdminError) -> Self {
        let why = error.to_string();
        match error {
            AdminError::NotFound { .. } => Self::not_found("user"),
            AdminError::NoSuchSession { .. } => Self::not_found("session"),
            AdminError::AdministratorsOnly
            | AdminError::Forbidden { .. }
            | AdminError::LastAdministrator { .. }
            | AdminError::OutOfScope { .. }
            | AdminError::Yourself { .. } => Self::forbidden(why),
            AdminError::DeletionIsOff
            | AdminError::DisablingIsOff
            | AdminError::NoGate
            | AdminError::Pinned { .. } => Self::disabled_feature(why),
            AdminError::InvalidTransition(_) | AdminError::Outdated { .. } => Self::conflict(why),
            AdminError::Create(taken) => Self::of_create(&taken),
            AdminError::Store(StoreError::Taken { name }) => Self::of_taken(&name),
            AdminError::DocumentTooLarge { .. } => Self::too_large("metadata", why),
            AdminError::InvalidEmail { .. } => Self::format("email_address", "an e-mail address"),
            AdminError::Password(invalid) => Self::of_password(invalid),
            AdminError::NoLicence { .. } => Self::quota(why),
            AdminError::Hashing | AdminError::Random | AdminError::Store(_) => {
                tracing::warn!(error = why, "administration failed");
                Self::unavailable()
            }
            // The clients come again and again where they are told of an accident.
            _ => Self::conflict(why),
        }
    }
}

impl Fault {
    fn of_create(error: &CreateError) -> Self {
        match error {
            CreateError::EmailTaken { .. } => Self::taken("email_address"),
            CreateError::ExternalIdTaken { .. } => Self::taken("external_id"),
            CreateError::LoginTaken { login } | CreateError::LoginRetired { login } => {
                Self::taken(login_param(login.as_str()))
            }
            CreateError::NoLicence { .. } => Self::quota(error.to_string()),
            CreateError::Store(_) => {
                tracing::warn!(%error, "administration failed");
                Self::unavailable()
            }
        }
    }

    fn quota(why: String) -> Self {
        let (status, message) = (StatusCode::FORBIDDEN, "User quota exceeded");
        Self::new(status, "user_quota_exceeded", message, why)
    }

    fn of_taken(name: &UniqueName) -> Self {
        match name {
            UniqueName::Application(_) => Self::taken("name"),
            UniqueName::Email(_) => Self::taken("email_address"),
            UniqueName::ExternalId(_) => Self::taken("external_id"),
            UniqueName::Login(login) => Self::taken(login_param(login.as_str())),
        }
    }

    pub(super) fn of_password(invalid: InvalidPassword) -> Self {
        let (code, message) = match invalid {
            InvalidPassword::TooShort { .. } => ("form_password_length_too_short", "is too short"),
            InvalidPassword::TooLong => ("form_password_length_too_long", "is too long"),
            _ => ("form_param_format_invalid", "is invalid"),
        };
        Self::of_param(code, message, "password", invalid.to_string())
    }

    /// Why a password was not verified.
    pub(super) fn of_attempt(error: SignInError) -> Self {
        match error {
            SignInError::Wrong => Self::of_param(
                "incorrect_password",
                "incorrect password",
                "password",
                "the provided password is incorrect",
            ),
            SignInError::LockedOut { .. }
            | SignInError::Refused { reason: DenialReason::Locked { .. }, .. } => {
                Self::locked(error.retry_after_secs())
            }
            SignInError::Refused { reason: DenialReason::Disabled, .. } => {
                let long = "the account is banned: unban it first";
                Self::new(StatusCode::FORBIDDEN, "user_banned", "User is banned", long)
            }
            SignInError::Refused { reason: DenialReason::Deleted, .. } => Self::not_found("user"),
            SignInError::Refused { .. } => {
                Self::forbidden("the account's owner has not come yet: set its password")
            }
            SignInError::Busy => {
                let (status, long) = (StatusCode::TOO_MANY_REQUESTS, "try again in a second");
                let message = "Too many requests";
                let mut fault = Self::new(status, "too_many_requests", message, long);
                fault.retry_after = Some(1);
                fault
            }
            SignInError::Unavailable => Self::unavailable(),
        }
    }
}

/// Whose login is an address was made with it.
fn login_param(login: &str) -> &'static str {
    if login.contains('@') { "email_address" } else { "username" }
}
