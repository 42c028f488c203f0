//! Where people sign in: at the gateway's own page, or elsewhere.
//!
//! Elsewhere is a page of the application's, or of somebody else's. Whoever has to sign in
//! is sent there with the address to return to and the notice, and [`SignInPage`] stands
//! where our own page would be: no password is taken there, and a link to it leads on.
//!
//! A page elsewhere may send people back at once. So nobody who is refused is sent on by
//! the page here: they read why, and choose.

use std::sync::Arc;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use percent_encoding::percent_decode_str;

use crate::gateway::RESERVED;
use crate::gateway::answer::Refusal;
use crate::gateway::body::Body;
use crate::gateway::settings::Settings;
use crate::guard::page::RefusalWords;
use crate::guard::{
    ClientKind, InvalidSignInAddress, Notice, RefusalPages, ReturnOrigin, ReturnTo, SignInAddress,
};

/// Where people sign in.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum SignIn {
    /// At the gateway's own page, with a password of the directory.
    #[default]
    Here,
    /// At this page, which sees to a session that the gateway takes.
    Elsewhere(SignInAddress),
}

impl SignIn {
    /// The page that people are sent to.
    ///
    /// # Panics
    ///
    /// Never: the gateway's own path is an address.
    pub(crate) fn address(&self) -> SignInAddress {
        match self {
            Self::Here => match own_page() {
                Ok(page) => page,
                Err(error) => unreachable!("our own page has an address: {error}"),
            },
            Self::Elsewhere(address) => address.clone(),
        }
    }
}

fn own_page() -> Result<SignInAddress, InvalidSignInAddress> {
    SignInAddress::parse(&format!("{RESERVED}/sign-in"))
}

/// What stands at the path of the gateway's own page.
#[derive(Debug)]
pub(crate) struct SignInPage {
    sign_in: SignIn,
    return_origins: Vec<ReturnOrigin>,
    pages: Option<Arc<dyn RefusalPages>>,
}

/// The `notice` of whoever signed out at our own page.
const BYE: &str = "bye";

impl SignInPage {
    pub(crate) fn new(settings: &Settings, pages: Option<Arc<dyn RefusalPages>>) -> Self {
        let return_origins = settings.return_origins.clone();
        Self { sign_in: settings.sign_in.clone(), return_origins, pages }
    }

    /// The answer to a request for the page, where our own is not there.
    pub(crate) fn answer(&self, head: &Parts) -> Option<Response<Body>> {
        let SignIn::Elsewhere(address) = &self.sign_in else { return None };
        if head.uri.path().strip_prefix(RESERVED) != Some("/sign-in") {
            return None;
        }
        if !matches!(head.method, Method::GET | Method::HEAD) {
            // Nobody's password is taken here.
            return Some(Refusal::NotFound.answer(ClientKind::of(head)));
        }
        let query = head.uri.query().unwrap_or_default();
        let onward = address.location(self.return_to(query).as_ref(), None);
        Some(match parameter(query, "notice") {
            Some(notice) => self.say(&notice, &onward),
            None => see_other(onward),
        })
    }

    fn return_to(&self, query: &str) -> Option<ReturnTo> {
        let text = parameter(query, "return_to")?;
        ReturnTo::parse_within(&text, &self.return_origins).ok()
    }

    /// Why somebody is here, and a link to where they sign in.
    fn say(&self, notice: &str, onward: &HeaderValue) -> Response<Body> {
        let (title, advice, ask) = match (notice.parse::<Notice>(), notice) {
            (Ok(notice), _) => notice.words(),
            (Err(_), BYE) => {
                ("You are signed out", "Close the browser on a device of others.", false)
            }
            (Err(_), _) => ("Sign in", "You sign in at another page.", false),
        };
        let words = RefusalWords {
            is_for_administrator: ask,
            sign_in: onward.to_str().ok(),
            ..RefusalWords::plain(title, advice)
        };
        page(&words, self.pages.as_deref())
    }
}

/// A page of ours that nobody keeps.
pub(crate) fn page(words: &RefusalWords<'_>, pages: Option<&dyn RefusalPages>) -> Response<Body> {
    let mut response = words.response(pages).map(Body::from);
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    debug_assert!(headers.contains_key(CONTENT_TYPE), "a page says what it is");
    response
}

/// A redirect that nobody keeps.
pub(crate) fn see_other(location: HeaderValue) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The one value of a parameter of an address, if it can be read; two are none.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    let mut values = query.split('&').filter_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(key)? == name).then_some(value)
    });
    let only = values.next()?;
    if values.next().is_some() {
        return None;
    }
    decoded(only)
}

fn decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_parameter_is_there_once_or_not_at_all() {
        let found = |query| parameter(query, "return_to");
        assert_eq!(found("a=b&return_to=/a%3Fb+c&x").as_deref(), Some("/a?b c"));
        assert_eq!(found("return%5Fto=/a").as_deref(), Some("/a"));
        for query in
            ["", "return_to", "return_too=/a", "return_to=/a&return_to=/b", "return_to=%ff"]
        {
            assert_eq!(found(query).filter(|value| !value.is_empty()), None, "{query}");
        }
    }

    proptest! {
        /// Property: what is encoded reads back, wherever it stands.
        #[test]
        fn a_value_reads_back(value in ".{0,40}", before in "[a-z=&%]{0,20}") {
            let encoded = percent_encoding::utf8_percent_encode(
                &value,
                percent_encoding::NON_ALPHANUMERIC,
            );
            let query = format!("{before}&state={encoded}");
            prop_assert_eq!(parameter(&query, "state"), Some(value));
        }
    }
}
