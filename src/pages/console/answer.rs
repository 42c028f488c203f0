//! Pages of the console that say why something was not done, and what protects all.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, HeaderName, RETRY_AFTER, SET_COOKIE};
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode};
use percent_encoding::percent_decode_str;

use crate::admin::AdminError;
use crate::domain::denial::{Denial, DenialReason};
use crate::engine::console::clearing_cookie;
use crate::guard::{Notice as Sent, ReturnTo};
use crate::pages::answer::{self, see_other};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::staff::Staff;
use crate::pages::form::BadForm;

/// As everywhere, and the script of the console may ask the console.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; connect-src 'self'; form-action 'self'; \
     frame-ancestors 'none'; img-src 'self'; script-src 'self'; style-src 'self'",
);

const HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");
const HX_REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");

/// Why a page is not shown, or something not done.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nobody is signed in, or may not pass.
    Denied(Denial),
    /// Another page sent the form.
    OtherOrigin,
    /// The form can't be read.
    Form(BadForm),
    /// An operation refused it.
    Admin(AdminError),
    /// There is no such page, or no such thing on it.
    NotFound,
    /// The password is asked for again before this; where it goes on then.
    NotSure { onward: String },
    /// Something that is in no form of ours, with what is wrong.
    Bad(String),
    /// The stores do not answer.
    Unavailable,
}

#[derive(Template)]
#[template(path = "console/trouble.html")]
struct TroublePage<'a> {
    shell: Shell,
    title: &'a str,
    words: &'a str,
    back: &'a str,
}

impl From<AdminError> for Trouble {
    fn from(error: AdminError) -> Self {
        Self::Admin(error)
    }
}

impl From<BadForm> for Trouble {
    fn from(bad: BadForm) -> Self {
        Self::Form(bad)
    }
}

impl Trouble {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Denied(denial) if matches!(denial.reason(), DenialReason::Unknown { .. }) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Denied(_) => StatusCode::UNAUTHORIZED,
            Self::OtherOrigin | Self::NotSure { .. } => StatusCode::FORBIDDEN,
            Self::Form(bad) => bad.status(),
            Self::Admin(error) => status_of(error),
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Bad(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What is said of it, with what to do.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Denied(_) => "You are signed out: sign in again.".to_owned(),
            Self::OtherOrigin => "Your browser says that another site sent this form, so nothing \
                                  was done. If you meant it, do it from here."
                .to_owned(),
            Self::Form(bad) => bad.to_string(),
            Self::Admin(AdminError::Store(_)) | Self::Unavailable => {
                "The directory does not answer. Nothing was changed: try again in a moment."
                    .to_owned()
            }
            Self::Admin(error) => sentence(&error.to_string()),
            Self::NotFound => "It may have been there once. The list shows what is.".to_owned(),
            Self::NotSure { .. } => "Confirm your password first.".to_owned(),
            Self::Bad(words) => words.clone(),
        }
    }

    fn title(&self) -> &'static str {
        match self.status() {
            StatusCode::FORBIDDEN => "You may not do this",
            StatusCode::NOT_FOUND => "There is nothing here",
            StatusCode::SERVICE_UNAVAILABLE => "Not available right now",
            _ => "This was not done",
        }
    }

    /// The page that says so; whoever is not signed in is asked to, and comes back.
    pub(super) fn answer(&self, desk: &Desk, staff: Option<&Staff>, request: &Parts) -> Response {
        let response = match self {
            Self::Denied(denial) if self.status() == StatusCode::UNAUTHORIZED => {
                return signed_out(desk, denial, request);
            }
            Self::NotSure { onward } => return ask_again(desk, onward),
            _ => self.page(desk, staff),
        };
        let mut response = response;
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            response
                .headers_mut()
                .insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }

    fn page(&self, desk: &Desk, staff: Option<&Staff>) -> Response {
        let (title, words) = (self.title(), self.words());
        let Some(staff) = staff else {
            let message = answer::MessagePage {
                frame: desk.frame(),
                title,
                words: &words,
                ask: false,
                opening: None,
                onward: ("", "Go to the console"),
            };
            return answer::page(self.status(), &message);
        };
        let shell = desk.shell(staff, Section::None);
        let back = shell.nav.first().unwrap_or_default();
        answer::page(self.status(), &TroublePage { shell, title, words: &words, back })
    }
}

/// A message of an operation as a sentence.
pub(super) fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(char::to_uppercase);
    let mut text: String = first.into_iter().flatten().chain(letters).collect();
    if !text.ends_with(['.', '?', '!']) {
        text.push('.');
    }
    text
}

/// What kind of refusal an operation's is.
pub(super) fn status_of(error: &AdminError) -> StatusCode {
    match error {
        AdminError::Forbidden { .. }
        | AdminError::OutOfScope { .. }
        | AdminError::AdministratorsOnly
        | AdminError::BeyondMaker { .. } => StatusCode::FORBIDDEN,
        AdminError::NotFound { .. }
        | AdminError::NoSuchDeletion { .. }
        | AdminError::NoSuchRun { .. } => StatusCode::NOT_FOUND,
        AdminError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::CONFLICT,
    }
}

/// To sign in, and back to the page that was asked for. What was sent is lost: nobody
/// may do it unseen after another has signed in.
fn signed_out(desk: &Desk, denial: &Denial, request: &Parts) -> Response {
    let back = (request.method == Method::GET)
        .then(|| asked_for(desk, request))
        .flatten()
        .map_or_else(String::new, |back| format!("&return_to={}", back.to_query_value()));
    let notice = Sent::of(denial.reason()).filter(|_| denial.session_is_dead());
    let notice = notice.map_or_else(String::new, |notice| format!("&notice={}", notice.as_str()));
    let query = format!("{notice}{back}");
    let query = query
        .strip_prefix('&')
        .map_or_else(String::new, |query| format!("?{query}"));
    let mut response = onward(request, &format!("{}{query}", desk.path("sign-in")));
    if denial.session_is_dead() {
        let gone = clearing_cookie(desk.is_https(request));
        response.headers_mut().append(SET_COOKIE, gone);
    }
    response
}

/// A redirect that a script of ours follows as a whole page.
fn onward(request: &Parts, address: &str) -> Response {
    if !request.headers.contains_key(HX_REQUEST) {
        return see_other(address);
    }
    let mut response = StatusCode::UNAUTHORIZED.into_response();
    if let Ok(address) = HeaderValue::try_from(address) {
        response.headers_mut().insert(HX_REDIRECT, address);
    }
    response
}

fn asked_for(desk: &Desk, request: &Parts) -> Option<ReturnTo> {
    let extensions = &request.extensions;
    let whole = extensions.get::<axum::extract::OriginalUri>();
    let uri = whole.map_or(&request.uri, |whole| &whole.0);
    let address = ReturnTo::of_request(uri).ok()?;
    desk.return_to(Some(address.as_str()))
}

fn ask_again(desk: &Desk, onward: &str) -> Response {
    let onward = ReturnTo::parse(onward).map(|to| to.to_query_value());
    let query = onward.map_or_else(|_| String::new(), |to| format!("?return_to={to}"));
    see_other(&format!("{}{query}", desk.path("confirm")))
}

/// A path that says no text names nothing of ours, whatever a page would make of it.
pub(super) async fn of_text(state: State<Arc<Desk>>, request: Request, next: Next) -> Response {
    match percent_decode_str(request.uri().path()).decode_utf8() {
        Ok(_) => next.run(request).await,
        Err(_) => nothing_here(state, request).await,
    }
}

pub(super) async fn nothing_here(State(desk): State<Arc<Desk>>, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let found = Staff::find(&desk, &head).await;
    match found {
        Ok(staff) => Trouble::NotFound.answer(&desk, Some(&staff), &head),
        Err(trouble) => trouble.answer(&desk, None, &head),
    }
}

/// Protects an answer, whichever it is.
pub(super) async fn protected(mut response: Response) -> Response {
    response
        .headers_mut()
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(POLICY);
    answer::protected(response).await
}
