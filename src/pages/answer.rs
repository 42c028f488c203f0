//! Answers: pages and problem documents, and the headers that protect them.

use askama::Template;
use axum::body::Body;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, REFERRER_POLICY,
    RETRY_AFTER, VARY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde_json::json;

use crate::domain::denial::Denial;
use crate::guard::{Notice, PROBLEM_TYPE_PREFIX};
use crate::pages::form::BadForm;
use crate::pages::site::{Frame, Site};
use crate::pages::when::Moment;

/// The challenge of a 401, as the guard's.
pub(super) const CHALLENGE: HeaderValue = HeaderValue::from_static("Session realm=\"portcullis\"");

pub(super) const POLICY: &str = "default-src 'none'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'; img-src 'self'; script-src 'self'; style-src 'self'";

/// Where a sign-in leads on to is the application's matter: browsers hold
/// `form-action` against each redirect after the form, also against that of an
/// authorization endpoint to its client.
const POLICY_OF_SIGN_IN: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; img-src 'self'; \
     script-src 'self'; style-src 'self'",
);

/// What every answer says unless it says something else.
const HEADERS: [(HeaderName, &str); 7] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, POLICY),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    // Stricter ones would take `Origin` from our own forms.
    (REFERRER_POLICY, "same-origin"),
    (VARY, "Accept, Cookie"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
];

/// Protects an answer, whichever it is.
pub(super) async fn protected(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        response.headers_mut().entry(name).or_insert(value);
    }
    response
}

/// Writes a page.
pub(super) fn page(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => {
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            (status, [(CONTENT_TYPE, html)], text).into_response()
        }
        // Rendering fails where writing into memory does.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Writes the page with the form that signs people in.
pub(super) fn sign_in_form(status: StatusCode, form: &impl Template) -> Response {
    let mut response = page(status, form);
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, POLICY_OF_SIGN_IN);
    response
}

/// Post, redirect, get.
pub(super) fn see_other(address: &str) -> Response {
    Redirect::to(address).into_response()
}

/// Whether a client wants documents for programs.
pub(super) fn wants_json(request: &Parts) -> bool {
    let ranges = request.headers.get_all(ACCEPT).into_iter();
    let mut types = ranges
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .filter_map(|range| range.split(|byte| *byte == b';').next())
        .map(|essence| essence.trim_ascii().to_ascii_lowercase());
    types.any(|essence| essence == b"application/json" || essence == b"application/problem+json")
}

/// A request that is not done, for reasons of the request.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub(super) status: StatusCode,
    /// The end of its type, for programs.
    pub(super) kind: &'static str,
    pub(super) title: &'static str,
    pub(super) detail: String,
}

#[derive(Template)]
#[template(path = "message.html")]
pub(super) struct MessagePage<'a> {
    pub(super) frame: Frame,
    pub(super) title: &'a str,
    pub(super) words: &'a str,
    pub(super) ask: bool,
    pub(super) opening: Option<(&'static str, Moment)>,
    /// Where to go from here: a path of the pages, and what it is called.
    pub(super) onward: (&'a str, &'a str),
}

impl Problem {
    /// A form that was sent by somebody else's page.
    pub(super) fn other_origin() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            kind: "other-origin",
            title: "This was not sent by our page",
            detail: "Your browser says that another site sent this form, so nothing was done. \
                     If you meant it, open our page and send it from there."
                .to_owned(),
        }
    }

    /// The server does not say where requests come from.
    pub(super) fn no_address() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            kind: "no-client-address",
            title: "This page is not set up completely",
            detail: "The server does not know where requests come from. Its log says more."
                .to_owned(),
        }
    }

    /// An API token is no person who looks after an account.
    pub(super) fn by_token() -> Self {
        Self {
            status: StatusCode::FORBIDDEN,
            kind: "session-needed",
            title: "This page is for people",
            detail: "An API token can't open it. Sign in with a password.".to_owned(),
        }
    }

    /// A link to choose a password that opens nothing: whether it was used, is over,
    /// was replaced or never was is nobody's to know.
    pub(super) fn dead_link() -> Self {
        Self {
            status: StatusCode::GONE,
            kind: "link-dead",
            title: "This link does not work any more",
            detail: "It works once, and for a while. If you have chosen a password already, sign \
                     in with it; otherwise ask for a new link."
                .to_owned(),
        }
    }

    /// Nobody else can become active.
    pub(super) fn no_licence() -> Self {
        Self {
            status: StatusCode::CONFLICT,
            kind: "no-licence",
            title: "There is no room for you yet",
            detail: "All licences are in use, so nothing was done, and your link still works. \
                     Tell whoever sent it to you, and try again."
                .to_owned(),
        }
    }

    /// The directory does not answer.
    pub(super) fn unavailable() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "unavailable",
            title: "Not available right now",
            detail: "Nothing was changed, and nothing is wrong with your account. Try again in a \
                     moment."
                .to_owned(),
        }
    }

    /// The session ended while the request was on its way.
    pub(super) fn signed_out() -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            kind: Notice::SignedOut.as_str(),
            title: "You were signed out",
            detail: "Nothing was changed. Sign in, and try again.".to_owned(),
        }
    }

    /// Why a session that was admitted may not pass any more.
    pub(super) fn of_denial(denial: &Denial) -> Self {
        match Notice::of(denial.reason()) {
            // Its page says what became of the account.
            Some(notice) => Self { kind: notice.as_str(), ..Self::signed_out() },
            None => Self::unavailable(),
        }
    }

    /// A document, or a page that leads on to one of ours.
    pub(super) fn answer(&self, site: &Site, request: &Parts) -> Response {
        let mut response = match wants_json(request) {
            true => self.document(),
            false if self.status == StatusCode::UNAUTHORIZED => self.sign_in(site),
            false => self.page(site),
        };
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    fn sign_in(&self, site: &Site) -> Response {
        see_other(&format!("{}?notice={}", site.path("sign-in"), self.kind))
    }

    fn page(&self, site: &Site) -> Response {
        let message = MessagePage {
            frame: site.frame(),
            title: self.title,
            words: &self.detail,
            ask: false,
            opening: None,
            onward: ("sign-in", "Go to the sign-in page"),
        };
        page(self.status, &message)
    }

    fn document(&self) -> Response {
        let problem = json!({
            "type": format!("{PROBLEM_TYPE_PREFIX}{}", self.kind),
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
        });
        let mut response = Response::new(Body::from(problem.to_string()));
        *response.status_mut() = self.status;
        let content_type = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(CONTENT_TYPE, content_type);
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE);
        }
        response
    }
}

impl From<BadForm> for Problem {
    fn from(bad: BadForm) -> Self {
        let (kind, title) = match bad {
            BadForm::TooLarge => ("form-too-large", "The form is too large"),
            BadForm::TooSlow => ("form-too-slow", "The form took too long"),
            BadForm::ContentType => ("form-type", "The form is of another type"),
            _ => ("bad-form", "The form can't be read"),
        };
        Self { status: bad.status(), kind, title, detail: bad.to_string() }
    }
}
