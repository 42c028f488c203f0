//! By what a response says that a sign-in succeeded.

use std::fmt;
use std::sync::Arc;

use http::header::{HeaderName, HeaderValue, LOCATION, SET_COOKIE};
use http::response::Parts;
use http::{HeaderMap, StatusCode};

/// Something that a response has when a sign-in succeeded, and never otherwise.
///
/// A sign must be positive: an answer that lacks it is a failure, whatever else it
/// is. Look at what the application answers to a wrong password before choosing
/// one; `and` joins several.
///
/// ```
/// use http::StatusCode;
/// use portcullis::guard::Sign;
///
/// // A form that redirects home with a session, and is shown again otherwise.
/// let form = Sign::redirect_to("/").and(Sign::sets_cookie("sid"));
/// // An API with statuses of its own.
/// let api = Sign::status(StatusCode::NO_CONTENT);
/// // Anything else that can be told from the head of a response.
/// let other = Sign::new(|head: &http::response::Parts| head.headers.contains_key("x-user"));
/// ```
#[derive(Clone)]
pub struct Sign(Kind);

#[derive(Clone)]
enum Kind {
    All(Vec<Self>),
    Cookie(String),
    Header(HeaderName),
    Other(Arc<dyn Fn(&Parts) -> bool + Send + Sync>),
    RedirectBelow(String),
    RedirectTo(String),
    Status(StatusCode),
    Told,
}

impl Sign {
    /// What this closure finds in a response's head.
    pub fn new(is_in: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        Self(Kind::Other(Arc::new(is_in)))
    }

    /// This status. Mind forms that are shown again with 200.
    pub const fn status(status: StatusCode) -> Self {
        Self(Kind::Status(status))
    }

    /// A redirect to exactly this address, as `Location` has it.
    pub fn redirect_to(location: &str) -> Self {
        Self(Kind::RedirectTo(location.to_owned()))
    }

    /// A redirect to an address that begins with this.
    pub fn redirect_below(start: &str) -> Self {
        Self(Kind::RedirectBelow(start.to_owned()))
    }

    /// A cookie of this name is set, and not taken away. Mind applications that
    /// give everybody a session before they sign in.
    pub fn sets_cookie(name: &str) -> Self {
        Self(Kind::Cookie(name.to_owned()))
    }

    /// A header of this name.
    pub const fn header(name: HeaderName) -> Self {
        Self(Kind::Header(name))
    }

    /// The handler put [`SignInSucceeded`](super::SignInSucceeded) into the
    /// response's extensions.
    pub const fn told() -> Self {
        Self(Kind::Told)
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(Kind::All(vec![self.0, other.0]))
    }

    pub(super) fn is_in(&self, head: &Parts) -> bool {
        self.0.is_in(head)
    }

    /// Whether a handler with this sign says whose sign-in it was.
    pub(super) fn tells_account(&self) -> bool {
        self.0.tells_account()
    }

    /// Whether a redirect back to this path, as after a failure, would have it.
    pub(super) fn is_met_by_redirect_to(&self, path: &str) -> bool {
        match &self.0 {
            Kind::RedirectTo(location) => location == path,
            Kind::RedirectBelow(start) => path.starts_with(start.as_str()),
            _ => false,
        }
    }
}

impl Kind {
    fn is_in(&self, head: &Parts) -> bool {
        match self {
            Self::All(signs) => signs.iter().all(|sign| sign.is_in(head)),
            Self::Cookie(name) => sets(&head.headers, name),
            Self::Header(name) => head.headers.contains_key(name),
            Self::Other(is_in) => is_in(head),
            Self::RedirectBelow(start) => {
                location(head).is_some_and(|to| to.as_bytes().starts_with(start.as_bytes()))
            }
            Self::RedirectTo(there) => location(head).is_some_and(|to| to == there.as_str()),
            Self::Status(status) => head.status == *status,
            Self::Told => head.extensions.get::<super::SignInSucceeded>().is_some(),
        }
    }

    fn tells_account(&self) -> bool {
        match self {
            Self::All(signs) => signs.iter().any(Self::tells_account),
            Self::Told => true,
            _ => false,
        }
    }
}

/// Where the one `Location` of a redirect leads.
fn location(head: &Parts) -> Option<&HeaderValue> {
    let mut locations = head.headers.get_all(LOCATION).iter();
    let only = locations.next().filter(|_| locations.next().is_none())?;
    head.status.is_redirection().then_some(only)
}

/// Whether a cookie of this name is set, and the last time that it is named it is
/// not taken away.
fn sets(headers: &HeaderMap, name: &str) -> bool {
    let cookies = headers.get_all(SET_COOKIE).iter();
    let mut last_first = cookies.rev().filter_map(|cookie| {
        let cookie = cookie.as_bytes().strip_prefix(name.as_bytes())?;
        cookie.strip_prefix(b"=")
    });
    last_first
        .next()
        .is_some_and(|cookie| !is_taken_away(cookie))
}

fn is_taken_away(cookie: &[u8]) -> bool {
    let mut parts = cookie.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let value = parts.next().unwrap_or_default();
    value.is_empty() || value == b"\"\"" || parts.any(is_of_the_past)
}

/// `Max-Age=0`, a negative one, or the year that browsers' calendars begin in.
fn is_of_the_past(attribute: &[u8]) -> bool {
    let text = String::from_utf8_lossy(attribute).to_ascii_lowercase();
    match text.split_once('=') {
        Some(("max-age", secs)) => secs.parse().is_ok_and(|secs: i64| secs <= 0),
        Some(("expires", date)) => date.contains("1970"),
        _ => false,
    }
}

impl fmt::Debug for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(signs) => f.debug_list().entries(signs).finish(),
            Self::Cookie(name) => write!(f, "sets_cookie({name:?})"),
            Self::Header(name) => write!(f, "header({name})"),
            Self::Other(_) => f.write_str("new(..)"),
            Self::RedirectBelow(start) => write!(f, "redirect_below({start:?})"),
            Self::RedirectTo(location) => write!(f, "redirect_to({location:?})"),
            Self::Status(status) => write!(f, "status({status})"),
            Self::Told => f.write_str("told()"),
        }
    }
}

#[cfg(test)]
mod tests;
