//! Refusals, in the words that OpenProject's clients know.

use std::fmt::Display;

use axum::response::{IntoResponse, Response};
use http::header::{HeaderName, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::json::Hal;
use crate::admin::AdminError;
use crate::api::body::NoObject;
use crate::api::token::{Scheme, Stranger};
use crate::domain::permission::Permission;
use crate::store::{CreateError, StoreError, UniqueName};

const URN: &str = "urn:openproject-org:api:v3:errors:";

/// Asks for another challenge than the usual one, which makes browsers ask for a
/// password.
const SCHEME_WANTED: HeaderName = HeaderName::from_static("x-authentication-scheme");

/// Why nothing was done.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The body is no object.
    Body(NoObject),
    /// A type of body that is not taken.
    ContentType,
    /// Whoever asks may not do it; with why, where that is worth saying.
    Forbidden(Option<String>),
    /// The token is for less.
    InsufficientScope(Permission),
    /// What was given of a user can't be so.
    Invalid(Vec<Violation>),
    /// There is no such method here.
    Method,
    /// A body without a type, as OpenProject's own server refuses it: in plain text.
    NoContentType,
    /// Nobody and nothing is there.
    NotFound,
    /// A part of the query makes no sense.
    Query(String),
    /// Who was only invited can't be locked or unlocked.
    Transition,
    /// The directory does not answer.
    Unavailable,
}

/// What can't be so of one attribute.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Violation {
    pub(super) attribute: &'static str,
    pub(super) kind: ViolationKind,
    pub(super) message: String,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum ViolationKind {
    /// Its value is not allowed.
    Constraint,
    /// It is of another type.
    Format,
    /// It can't be written here.
    ReadOnly,
}

impl Violation {
    pub(super) fn new(attribute: &'static str, message: impl Display) -> Self {
        let (kind, message) = (ViolationKind::Constraint, sentence(&message.to_string()));
        Self { attribute, kind, message }
    }

    pub(super) fn read_only(attribute: &'static str) -> Self {
        let message = format!("{attribute} was attempted to be written but is not writable here.");
        Self { attribute, kind: ViolationKind::ReadOnly, message }
    }

    pub(super) fn format(attribute: &'static str, expected: &str) -> Self {
        let message = format!("Invalid format for property '{attribute}': Expected {expected}.");
        Self { attribute, kind: ViolationKind::Format, message }
    }

    pub(super) fn to_json(&self) -> Value {
        let name = match self.kind {
            ViolationKind::Constraint => "PropertyConstraintViolation",
            ViolationKind::Format => "PropertyFormatError",
            ViolationKind::ReadOnly => "PropertyIsReadOnly",
        };
        let mut error = error(name, &self.message);
        error["_embedded"] = json!({ "details": { "attribute": self.attribute } });
        error
    }
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Body(NoObject::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(NoObject::TooSlow) => StatusCode::REQUEST_TIMEOUT,
            Self::Body(NoObject::Malformed) | Self::Query(_) | Self::Transition => {
                StatusCode::BAD_REQUEST
            }
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Forbidden(_) | Self::InsufficientScope(_) => StatusCode::FORBIDDEN,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::NoContentType => StatusCode::NOT_ACCEPTABLE,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn document(&self) -> Value {
        match self {
            Self::Body(why) => error("InvalidRequestBody", said(*why)),
            Self::ContentType => error("TypeNotSupported", TYPES),
            Self::Forbidden(why) => {
                error("MissingPermission", why.as_deref().unwrap_or(NOT_AUTHORIZED))
            }
            Self::InsufficientScope(_) => error("Unauthenticated", NARROW),
            Self::Invalid(violations) => invalid(violations),
            Self::Method => error("MethodNotAllowed", "This can't be done here with this method."),
            Self::NoContentType => Value::Null,
            Self::NotFound => error("NotFound", "The requested resource could not be found."),
            Self::Query(why) => error("InvalidQuery", &sentence(why)),
            Self::Transition => error("InvalidUserStatusTransition", TRANSITION),
            Self::Unavailable => error("InternalServerError", UNAVAILABLE),
        }
    }
}

const NOT_AUTHORIZED: &str = "You are not authorized to access this resource.";
const NARROW: &str = "This token is not for that: it needs another scope.";
const NO_TYPE: &str = "Missing content-type header: say application/json.";
const TRANSITION: &str = "The current user account status does not allow this operation.";
const TYPES: &str = "Expected content type to be 'application/json' or 'application/hal+json'.";
const UNAVAILABLE: &str = "The directory does not answer: try again. Nothing was changed.";

fn said(why: NoObject) -> &'static str {
    match why {
        NoObject::TooLarge => "The request body is too large.",
        NoObject::TooSlow => "The request body did not come to its end in time.",
        NoObject::Malformed => "The request body was not a single JSON object.",
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        if matches!(self, Self::NoContentType) {
            return (self.status(), NO_TYPE).into_response();
        }
        let mut answer = Hal(self.status(), self.document()).into_response();
        let headers = answer.headers_mut();
        match self {
            Self::InsufficientScope(permission) => {
                let challenge = format!(
                    "Bearer realm=\"OpenProject API\", scope=\"{permission}\", \
                     error=\"insufficient_scope\""
                );
                headers.extend(
                    HeaderValue::from_str(&challenge)
                        .ok()
                        .map(|value| (WWW_AUTHENTICATE, value)),
                );
            }
            Self::Unavailable => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        answer
    }
}

/// One violation is said as it is, several together.
fn invalid(violations: &[Violation]) -> Value {
    if let [one] = violations {
        return one.to_json();
    }
    let mut several = error("MultipleErrors", "Multiple field constraints have been violated.");
    let each: Vec<_> = violations.iter().map(Violation::to_json).collect();
    several["_embedded"] = json!({ "errors": each });
    several
}

fn error(name: &str, message: &str) -> Value {
    json!({ "_type": "Error", "errorIdentifier": format!("{URN}{name}"), "message": message })
}

/// Our own errors begin small and end without a stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{stop}", first.unwrap_or_default(), chars.as_str())
}

impl From<NoObject> for Refusal {
    fn from(why: NoObject) -> Self {
        Self::Body(why)
    }
}

impl From<AdminError> for Refusal {
    fn from(error: AdminError) -> Self {
        let invalid =
            |attribute, error: &AdminError| Self::Invalid(vec![Violation::new(attribute, error)]);
        match &error {
            AdminError::NotFound { .. } => Self::NotFound,
            AdminError::Forbidden { .. } => Self::Forbidden(None),
            AdminError::AdministratorsOnly
            | AdminError::DeletionIsOff
            | AdminError::DeletionOpen { .. }
            | AdminError::LastAdministrator { .. }
            | AdminError::Pinned { .. }
            | AdminError::Yourself { .. } => Self::Forbidden(Some(sentence(&error.to_string()))),
            AdminError::OutOfScope { permission } => Self::InsufficientScope(*permission),
            AdminError::InvalidTransition(_) | AdminError::NotInvitable { .. } => Self::Transition,
            AdminError::Create(CreateError::EmailTaken { .. })
            | AdminError::Store(StoreError::Taken { name: UniqueName::Email(_) }) => {
                invalid("email", &error)
            }
            AdminError::Create(_) | AdminError::Store(StoreError::Taken { .. }) => {
                invalid("login", &error)
            }
            AdminError::NoLicence { .. } => invalid("base", &error),
            AdminError::Password(_) => invalid("password", &error),
            _ => {
                tracing::warn!(%error, "administration failed");
                Self::Unavailable
            }
        }
    }
}

/// The answer to whom nobody knows.
pub(super) fn unauthenticated(stranger: Stranger, headers: &HeaderMap) -> Response {
    let (scheme, words) = match stranger {
        Stranger::Silent => (None, "You need to be authenticated to access this resource."),
        Stranger::Refused(scheme) => (scheme, "You did not provide the correct credentials."),
        Stranger::Unknown(error) => return Refusal::from(error).into_response(),
    };
    let challenge = HeaderValue::from_static(challenge(scheme, headers));
    let document = Hal(StatusCode::UNAUTHORIZED, error("Unauthenticated", words));
    ([(WWW_AUTHENTICATE, challenge)], document).into_response()
}

fn challenge(scheme: Option<Scheme>, headers: &HeaderMap) -> &'static str {
    let wanted = headers.get(SCHEME_WANTED).map(HeaderValue::as_bytes);
    if wanted.is_some_and(|wanted| wanted.eq_ignore_ascii_case(b"session")) {
        return "Session realm=\"OpenProject API\"";
    }
    match scheme {
        Some(Scheme::Bearer) => {
            "Bearer realm=\"OpenProject API\", scope=\"api_v3\", error=\"invalid_token\""
        }
        Some(Scheme::Basic) | None => "Basic realm=\"OpenProject API\"",
    }
}
