//! Which answer a client gets, as text; the table is in [`response`](super::response).

use std::sync::Arc;

use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode, Uri};

use super::address::SignInAddress;
use super::client::ClientKind;
use super::notice::Notice;
use super::page::{Offer, RefusalPages, RefusalWords};
use super::redirect_loop::{LoopGuard, Turn};
use super::return_to::ReturnTo;
use super::{grpc, problem};
use crate::domain::denial::{Denial, DenialReason};

const HX_BOOSTED: HeaderName = HeaderName::from_static("hx-boosted");
const HX_CURRENT_URL: HeaderName = HeaderName::from_static("hx-current-url");
const HX_REDIRECT: HeaderName = HeaderName::from_static("hx-redirect");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const VARY: HeaderValue = HeaderValue::from_static(
    "Cookie, Authorization, Accept, Content-Type, Sec-Fetch-Mode, Sec-Fetch-Site, \
         X-Requested-With, HX-Request, HX-Boosted, HX-Current-URL",
);

/// What the answers depend on besides the denial and the request.
#[derive(Clone, Debug)]
pub(super) struct Config {
    pub(super) sign_in: Option<SignInAddress>,
    pub(super) clear_cookies: Vec<HeaderValue>,
    pub(super) takes_tokens: bool,
    pub(super) contact: Option<String>,
    pub(super) pages: Option<Arc<dyn RefusalPages>>,
    pub(super) original_uri: fn(&Parts) -> Option<&Uri>,
    pub(super) loops: LoopGuard,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sign_in: None,
            clear_cookies: Vec::new(),
            takes_tokens: false,
            contact: None,
            pages: None,
            original_uri: |_| None,
            loops: LoopGuard::new(),
        }
    }
}

impl Config {
    /// The answer with its text, whatever the method.
    pub(super) fn answer(&self, denial: &Denial, request: &Parts) -> Response<String> {
        let status = status_of(denial);
        let mut response = match ClientKind::of(request) {
            ClientKind::Grpc => grpc::refusal(denial, status, request),
            // A token's bearer can't sign in by a form, whatever it accepts.
            _ if denial.is_of_token() => problem::refusal(denial, status, None),
            ClientKind::Navigation => self.navigation(denial, status, request),
            ClientKind::Htmx => self.htmx(denial, status, request),
            _ => problem::refusal(denial, status, self.sign_in_url(denial)),
        };
        self.finish(denial, &mut response);
        response
    }

    fn navigation(&self, denial: &Denial, status: StatusCode, request: &Parts) -> Response<String> {
        let Some(sign_in) = self.sign_in_for(denial, request) else {
            return self.page(denial, status, None);
        };
        let visited = request.method == Method::GET;
        let return_to = visited
            .then(|| ReturnTo::of_request(self.uri(request)).ok())
            .flatten();
        let location = sign_in.location(return_to.as_ref(), Notice::of(denial.reason()));
        match self.turn(sign_in, denial, request, return_to.as_ref()) {
            Turn::SignIn => redirect(location),
            Turn::Counted(count) => with_cookie(redirect(location), count),
            Turn::Final(clear) => {
                let location = sign_in.location(return_to.as_ref(), None);
                with_cookie(self.page(denial, status, location.to_str().ok()), clear)
            }
        }
    }

    fn turn(
        &self,
        sign_in: &SignInAddress,
        denial: &Denial,
        request: &Parts,
        return_to: Option<&ReturnTo>,
    ) -> Turn {
        if !sign_in.is_elsewhere() {
            return Turn::SignIn;
        }
        let born = denial.session_born_at();
        self.loops
            .turn(&request.headers, return_to, born, denial.at())
    }

    fn htmx(&self, denial: &Denial, status: StatusCode, request: &Parts) -> Response<String> {
        let mut response = problem::refusal(denial, status, self.sign_in_url(denial));
        if let Some(sign_in) = self.sign_in_for(denial, request) {
            let return_to = self.page_of_htmx(request);
            let location = sign_in.location(return_to.as_ref(), Notice::of(denial.reason()));
            response.headers_mut().insert(HX_REDIRECT, location);
        }
        response
    }

    /// The page that a person was on, or going to, when htmx asked.
    ///
    /// The address of a piece of a page is none to return to.
    fn page_of_htmx(&self, request: &Parts) -> Option<ReturnTo> {
        let headers = &request.headers;
        if headers.contains_key(HX_BOOSTED) && request.method == Method::GET {
            return ReturnTo::of_request(self.uri(request)).ok();
        }
        if headers
            .get(SEC_FETCH_SITE)
            .is_some_and(|site| site != "same-origin")
        {
            return None;
        }
        let page: Uri = headers.get(HX_CURRENT_URL)?.to_str().ok()?.parse().ok()?;
        ReturnTo::of_request(&page).ok()
    }

    fn page(&self, denial: &Denial, status: StatusCode, sign_in: Option<&str>) -> Response<String> {
        let offer = Offer { contact: self.contact.as_deref(), sign_in };
        let pages = self.pages.as_deref();
        let mut response = RefusalWords::of(denial, offer).response(pages);
        *response.status_mut() = status;
        response
    }

    /// The page to send somebody to: none that would not help, and not from
    /// itself to itself.
    fn sign_in_for(&self, denial: &Denial, request: &Parts) -> Option<&SignInAddress> {
        let sign_in = self.sign_in.as_ref().filter(|_| !is_unknown(denial))?;
        (!sign_in.is_at(self.uri(request).path())).then_some(sign_in)
    }

    fn sign_in_url(&self, denial: &Denial) -> Option<&str> {
        let sign_in = self.sign_in.as_ref().filter(|_| !is_unknown(denial));
        sign_in.map(SignInAddress::as_str)
    }

    fn uri<'a>(&self, request: &'a Parts) -> &'a Uri {
        (self.original_uri)(request).unwrap_or(&request.uri)
    }

    /// What every answer says, whoever gets it.
    fn finish(&self, denial: &Denial, response: &mut Response<String>) {
        let status = response.status();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        headers.insert(header::VARY, VARY);
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, self.challenge(denial));
        }
        let is_error = status.is_client_error() || status.is_server_error();
        if let Some(secs) = denial.retry_after_secs().filter(|_| is_error) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        // A request that brought a token was not judged by its cookie.
        if denial.session_is_dead() && !denial.is_of_token() && !is_unknown(denial) {
            for clear in &self.clear_cookies {
                headers.append(header::SET_COOKIE, clear.clone());
            }
        }
    }

    fn challenge(&self, denial: &Denial) -> HeaderValue {
        HeaderValue::from_static(if denial.is_of_token() {
            "Bearer realm=\"portcullis\", error=\"invalid_token\""
        } else if self.takes_tokens {
            "Bearer realm=\"portcullis\""
        } else {
            "Session realm=\"portcullis\""
        })
    }
}

/// The status of a refusal that is not a redirect.
fn status_of(denial: &Denial) -> StatusCode {
    match denial.reason() {
        DenialReason::Unknown { .. } => StatusCode::SERVICE_UNAVAILABLE,
        reason if reason.is_of_account() && !denial.is_of_token() => StatusCode::FORBIDDEN,
        _ => StatusCode::UNAUTHORIZED,
    }
}

fn is_unknown(denial: &Denial) -> bool {
    matches!(denial.reason(), DenialReason::Unknown { .. })
}

/// A 303, which turns a POST into a GET.
fn redirect(location: HeaderValue) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    response.headers_mut().insert(header::LOCATION, location);
    response
}

fn with_cookie(mut response: Response<String>, cookie: HeaderValue) -> Response<String> {
    response.headers_mut().append(header::SET_COOKIE, cookie);
    response
}
