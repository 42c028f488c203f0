//! How a refused sign-in is answered.

use std::sync::Arc;

use http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER, VARY, WWW_AUTHENTICATE,
};
use http::request::Parts;
use http::{Response, StatusCode};

use super::refusal::SignInRefusal;
use crate::domain::denial::{Denial, DenialReason, LockKind};
use crate::engine::SignInError;
use crate::guard::body::{BodyFromText, NoText, Text};
use crate::guard::page::{Offer, RefusalPages, RefusalWords};
use crate::guard::problem;

/// Makes the response to a sign-in that was refused.
///
/// A closure will do, with both types written:
/// `|refusal: &SignInRefusal, request: &Parts| -> Response<_>`. It must say the same
/// for a login that exists and one that does not; what it is given does.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't answer a refused sign-in with a body of type `{B}`",
    note = "`DefaultResponseForSignIn` needs `{B}: From<String>`, or one of `text_into` and `without_text`",
    note = "a closure is `|refusal: &SignInRefusal, request: &Parts| -> Response<{B}>`, with both types written"
)]
pub trait ResponseForSignIn<B> {
    /// Makes the response.
    fn response_for(&self, refusal: &SignInRefusal, request: &Parts) -> Response<B>;

    /// The response, with the refusal in its extensions for layers further out.
    fn refuse(&self, refusal: SignInRefusal, request: &Parts) -> Response<B> {
        let mut response = self.response_for(&refusal, request);
        response.extensions_mut().insert(refusal);
        response
    }
}

impl<F, B> ResponseForSignIn<B> for F
where
    F: Fn(&SignInRefusal, &Parts) -> Response<B>,
{
    fn response_for(&self, refusal: &SignInRefusal, request: &Parts) -> Response<B> {
        self(refusal, request)
    }
}

/// A page for people, and a problem document (RFC 9457) for programs.
///
/// A program is what accepts `application/json`, or sent it.
#[derive(Clone, Debug, Default)]
pub struct DefaultResponseForSignIn<T = Text> {
    contact: Option<String>,
    pages: Option<Arc<dyn RefusalPages>>,
    text: T,
}

impl DefaultResponseForSignIn {
    /// Answers that name nobody to ask.
    pub fn new() -> Self {
        Self::default()
    }
}

impl<T> DefaultResponseForSignIn<T> {
    /// Tells people who are locked or disabled whom to ask. Plain text.
    #[must_use]
    pub fn contact(self, contact: &str) -> Self {
        Self { contact: Some(contact.to_owned()), ..self }
    }

    /// Shows people pages in the looks of the service, in place of a plain one.
    #[must_use]
    pub fn refusal_pages(self, pages: impl RefusalPages + 'static) -> Self {
        Self { pages: Some(Arc::new(pages)), ..self }
    }

    /// Makes bodies with this function, where a service's body is not
    /// `From<String>`.
    pub fn text_into<F, B>(self, text: F) -> DefaultResponseForSignIn<F>
    where
        F: Fn(String) -> B,
    {
        DefaultResponseForSignIn { contact: self.contact, pages: self.pages, text }
    }

    /// Answers by status and headers alone.
    pub fn without_text(self) -> DefaultResponseForSignIn<NoText> {
        DefaultResponseForSignIn { contact: self.contact, pages: self.pages, text: NoText }
    }

    fn page(&self, refusal: SignInRefusal) -> Response<String> {
        let offer = Offer { contact: self.contact.as_deref(), sign_in: None };
        let (denial, sentence) = (denial(refusal), sentence(refusal));
        let words = match &denial {
            Some(denial) => RefusalWords::of(denial, offer),
            None => RefusalWords::plain(title(refusal), &sentence),
        };
        words.response(self.pages.as_deref())
    }
}

impl<T, B> ResponseForSignIn<B> for DefaultResponseForSignIn<T>
where
    T: BodyFromText<B>,
{
    fn response_for(&self, refusal: &SignInRefusal, request: &Parts) -> Response<B> {
        let mut response =
            if is_program(request) { document(*refusal) } else { self.page(*refusal) };
        *response.status_mut() = refusal.status();
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(VARY, HeaderValue::from_static("Accept, Content-Type, Cookie"));
        if let Some(secs) = refusal.retry_after_secs() {
            headers.insert(RETRY_AFTER, secs.into());
        }
        if refusal.status() == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Session realm=\"portcullis\"");
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        response.map(|text| self.text.body_from(text))
    }
}

/// Whether a client reads documents for programs.
fn is_program(request: &Parts) -> bool {
    let headers = &request.headers;
    let sent = headers.get_all(CONTENT_TYPE).into_iter();
    let lines = headers.get_all(ACCEPT).into_iter().chain(sent);
    let ranges = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let mut essences = ranges.filter_map(|range| range.split(|byte| *byte == b';').next());
    let json: [&[u8]; 2] = [b"application/json", b"application/problem+json"];
    essences.any(|essence| {
        let essence = essence.trim_ascii();
        json.iter().any(|json| essence.eq_ignore_ascii_case(json))
    })
}

/// What the guard would say of the account. A lockout is told of any login, also
/// one that nobody has.
fn denial(refusal: SignInRefusal) -> Option<Denial> {
    match refusal {
        SignInRefusal::Gate(SignInError::Refused { reason, at }) => Some(Denial::new(reason, at)),
        SignInRefusal::Gate(SignInError::LockedOut { end, at }) => {
            Some(Denial::new(DenialReason::Locked { by: LockKind::Lockout, end }, at))
        }
        _ => None,
    }
}

fn document(refusal: SignInRefusal) -> Response<String> {
    match refusal {
        SignInRefusal::Gate(error) => problem::of_sign_in(error),
        _ => problem::plain(refusal.as_str(), refusal.status(), title(refusal), &sentence(refusal)),
    }
}

const fn title(refusal: SignInRefusal) -> &'static str {
    match refusal {
        SignInRefusal::Gate(SignInError::Busy) => "Too many sign-ins at once",
        SignInRefusal::Gate(SignInError::Wrong) => "Wrong login or password",
        SignInRefusal::Gate(_) => "Not available right now",
        SignInRefusal::NoAddress => "This page is not set up completely",
        SignInRefusal::Request(_) => "The sign-in can't be read",
    }
}

fn sentence(refusal: SignInRefusal) -> String {
    match refusal {
        SignInRefusal::Gate(SignInError::Busy) => "Try again in a second.".to_owned(),
        SignInRefusal::Gate(SignInError::Wrong) => "Go back, and try again.".to_owned(),
        SignInRefusal::Gate(_) => {
            "Nothing is wrong with your account. Try again in a moment.".to_owned()
        }
        SignInRefusal::NoAddress => {
            "The server does not know where requests come from. Its log says more.".to_owned()
        }
        SignInRefusal::Request(bad) => bad.to_string(),
    }
}
