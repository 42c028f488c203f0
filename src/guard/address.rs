//! Where people sign in.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use http::header::HeaderValue;
use http::uri::{Scheme, Uri};
use percent_encoding::utf8_percent_encode;

use super::notice::Notice;
use super::return_to::{InvalidReturnTo, QUERY_VALUE, ReturnTo, same_path};

/// The address of the sign-in page, as refusals send people there.
///
/// A path stays a path: the request's `Host` is never copied into an address,
/// so whoever forges it changes nothing.
///
/// ```
/// use portcullis::guard::{ReturnTo, SignInAddress};
///
/// let sign_in: SignInAddress = "/sign-in".parse()?;
/// let reports = ReturnTo::parse("/reports?year=2026")?;
/// assert_eq!(
///     sign_in.location(Some(&reports), None),
///     "/sign-in?return_to=/reports%3Fyear%3D2026",
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SignInAddress {
    text: HeaderValue,
    origin: String,
    path: String,
    elsewhere: bool,
    return_param: Cow<'static, str>,
    return_origin: String,
}

impl SignInAddress {
    /// Reads a path on our own origin, or an `https` or `http` URL.
    ///
    /// # Errors
    ///
    /// If it is neither, has a user, or its path is none that a person could be
    /// returned to either.
    pub fn parse(text: &str) -> Result<Self, InvalidSignInAddress> {
        let origin = origin_of(text)?;
        let rest = &text[origin.len()..];
        let target = ReturnTo::parse(if rest.is_empty() { "/" } else { rest })?;
        Ok(Self {
            text: HeaderValue::from_str(text).map_err(|_| InvalidSignInAddress::NotAnAddress)?,
            origin: origin.to_owned(),
            path: target.path().to_owned(),
            elsewhere: !origin.is_empty(),
            return_param: Cow::Borrowed("return_to"),
            return_origin: String::new(),
        })
    }

    /// Names the parameter that carries the return address; `return_to` by
    /// default.
    #[must_use]
    pub fn return_param(self, name: impl Into<Cow<'static, str>>) -> Self {
        let name = name.into();
        let encoded = utf8_percent_encode(&name, QUERY_VALUE).to_string();
        Self { return_param: Cow::Owned(encoded), ..self }
    }

    /// Puts this origin before return addresses, for a sign-in page on another
    /// host: `https://app.example`.
    ///
    /// # Errors
    ///
    /// If it is not `https` or `http` with a host, or has more than that.
    pub fn return_origin(self, origin: &str) -> Result<Self, InvalidSignInAddress> {
        if origin.is_empty() || origin_of(origin)?.len() != origin.len() {
            return Err(InvalidSignInAddress::NotAnAddress);
        }
        Ok(Self { return_origin: origin.to_owned(), ..self })
    }

    /// Says whether somebody may be signed in there without doing anything, as
    /// identity providers do; by default so for URLs and not for paths.
    ///
    /// Only then can a redirect come back by itself, again and again.
    #[must_use]
    pub fn elsewhere(self, elsewhere: bool) -> Self {
        Self { elsewhere, ..self }
    }

    /// The same page for people of another host, who return to it: a page on our own
    /// origin is named with that.
    #[cfg(feature = "gateway")]
    pub(crate) fn for_host(&self, own: &str, host: &str) -> Result<Self, InvalidSignInAddress> {
        let whole = match self.origin.is_empty() {
            true => Self::parse(&format!("{own}{}", self.as_str()))?,
            false => self.clone(),
        };
        let (elsewhere, return_param) = (self.elsewhere, self.return_param.clone());
        Self { elsewhere, return_param, ..whole }.return_origin(host)
    }

    /// Whether sign-in is elsewhere.
    pub const fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }

    /// The address alone.
    pub fn as_str(&self) -> &str {
        self.text.to_str().unwrap_or_default()
    }

    /// Whether a request for this path is for the sign-in page itself.
    pub fn is_at(&self, path: &str) -> bool {
        self.origin == self.return_origin && same_path(&self.path, path)
    }

    /// The same, for who lets everybody see the page: in the page's own spelling,
    /// one slash at the end aside. What another spelling leads to is for the
    /// router to say, and need not be this page.
    pub(crate) fn is_plainly_at(&self, path: &str) -> bool {
        let plain = self.path.trim_end_matches('/');
        let rest = path.strip_prefix(plain);
        self.origin == self.return_origin && rest.is_some_and(|rest| matches!(rest, "" | "/"))
    }

    /// The address to send somebody to, with what the page needs to know.
    ///
    /// A return address that leads to the sign-in page itself is left out, so
    /// that it never nests.
    pub fn location(&self, return_to: Option<&ReturnTo>, notice: Option<Notice>) -> HeaderValue {
        let mut text = self.as_str().to_owned();
        if let Some(address) = return_to.filter(|address| !self.is_returned_to_by(address)) {
            let origin = utf8_percent_encode(&self.return_origin, QUERY_VALUE);
            let value = format!("{origin}{}", address.to_query_value());
            push_param(&mut text, &self.return_param, &value);
        }
        if let Some(notice) = notice {
            push_param(&mut text, "notice", notice.as_str());
        }
        HeaderValue::from_str(&text).unwrap_or_else(|_| self.text.clone())
    }

    /// A return address without an origin is one on the page's own.
    fn is_returned_to_by(&self, address: &ReturnTo) -> bool {
        let own = self.return_origin.is_empty() || self.return_origin == self.origin;
        own && address.leads_to(&self.path)
    }
}

impl FromStr for SignInAddress {
    type Err = InvalidSignInAddress;

    fn from_str(text: &str) -> Result<Self, InvalidSignInAddress> {
        Self::parse(text)
    }
}

/// Another host that people may return to: `https://wiki.example.com`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ReturnOrigin(String);

impl ReturnOrigin {
    /// Reads `https://wiki.example.com`, with a port perhaps.
    ///
    /// # Errors
    ///
    /// If it is not `https` or `http` with a host, or has more than that.
    pub fn parse(text: &str) -> Result<Self, InvalidSignInAddress> {
        let origin = origin_of(text)?;
        let whole = !origin.is_empty() && origin.len() == text.len();
        let small = text.to_ascii_lowercase();
        whole
            .then_some(Self(small))
            .ok_or(InvalidSignInAddress::NotAnAddress)
    }

    /// The origin, in small letters and without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name or address in it, without the port.
    pub fn host(&self) -> &str {
        let (_, authority) = self.0.split_once("://").unwrap_or_default();
        match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => host,
            _ => authority,
        }
    }

    /// What of an address is its path, if it is one of this origin, letter by letter.
    pub(super) fn path_of<'a>(&self, text: &'a str) -> Option<&'a str> {
        text.strip_prefix(&self.0)
            .filter(|rest| rest.starts_with('/'))
    }
}

/// Why text is no [`SignInAddress`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidSignInAddress {
    /// Neither a path from the root nor an `https` or `http` URL with a host.
    #[error("a sign-in address is a path, or an https or http URL without a user")]
    NotAnAddress,
    /// Its path and query are none to send a person to.
    #[error("a sign-in address has a path like any other page's")]
    Path(#[from] InvalidReturnTo),
}

/// The origin that the text begins with; empty where it is a path.
fn origin_of(text: &str) -> Result<&str, InvalidSignInAddress> {
    if text.starts_with('/') {
        return Ok("");
    }
    let uri: Uri = text
        .parse()
        .map_err(|_| InvalidSignInAddress::NotAnAddress)?;
    let web = uri
        .scheme()
        .filter(|scheme| **scheme == Scheme::HTTPS || **scheme == Scheme::HTTP);
    let (Some(scheme), Some(authority)) = (web, uri.authority()) else {
        return Err(InvalidSignInAddress::NotAnAddress);
    };
    let origin = text.get(..scheme.as_str().len() + "://".len() + authority.as_str().len());
    origin
        .filter(|_| is_host(authority.as_str()))
        .ok_or(InvalidSignInAddress::NotAnAddress)
}

/// Host and port in a spelling that every browser reads alike: no user.
fn is_host(authority: &str) -> bool {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_port =
        |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let literal = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_name = match literal {
        Some(address) => address.parse::<Ipv6Addr>().is_ok(),
        None => is_name(host),
    };
    is_name && port.is_none_or(is_port)
}

fn is_name(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    // Browsers read what ends in a number as an address, in many spellings.
    let last = host.trim_end_matches('.').rsplit('.').next();
    let numeric = last.is_some_and(|label| label.starts_with(|c: char| c.is_ascii_digit()));
    let labels = host.bytes().any(|byte| byte.is_ascii_alphanumeric()) && host.bytes().all(plain);
    labels && (!numeric || host.parse::<Ipv4Addr>().is_ok())
}

fn push_param(text: &mut String, name: &str, value: &str) {
    let joint = if text.contains('?') { '&' } else { '?' };
    text.push(joint);
    text.push_str(name);
    text.push('=');
    text.push_str(value);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    fn sign_in(text: &str) -> SignInAddress {
        text.parse().expect("an address")
    }

    fn return_to(text: &str) -> ReturnTo {
        text.parse().expect("a return address")
    }

    #[test]
    fn paths_and_urls_are_addresses() {
        for text in [
            "/sign-in",
            "/sign-in?realm=staff",
            "https://sso.example",
            "https://sso.example/",
            "https://sso.example:8443/login?a=b",
            "HTTPS://sso.example/login",
            "http://[::1]:8080/login",
            "http://[::1]/login",
            "http://10.0.0.1:8080/login",
            "http://localhost",
        ] {
            assert_eq!(sign_in(text).as_str(), text);
        }
    }

    #[test]
    fn nothing_else_is() {
        for text in [
            "",
            "sign-in",
            "//sso.example/login",
            "/\\sso.example",
            "/sign-in#a",
            "/sign-in\r\nSet-Cookie: a=b",
            "ftp://sso.example/",
            "javascript:alert(1)",
            "https:sso.example",
            "https:///login",
            "https://:443/login",
            "https://app.example@sso.example/",
            "https://sso.example\\@evil.example/",
            "https://sso.example#a",
            "https://sso.example/#a",
            "https://sso.example/a/../b",
            "https://sso.example/<a>",
            "https://sso.example?a=b",
            "https://sso.example:a/login",
            "https://sso.example:65536/login",
            "https://sso.example:80:80/login",
            "https://[::1/login",
            "https://[sso.example]/login",
            "https://3627734734/login",
            "https://10.1/login",
        ] {
            assert!(SignInAddress::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn parameters_join_what_is_there() {
        let page = return_to("/a?b=c");
        let location = sign_in("/in?realm=x").location(Some(&page), Some(Notice::Locked));
        assert_eq!(location, "/in?realm=x&return_to=/a%3Fb%3Dc&notice=locked");
        assert_eq!(sign_in("/in").location(None, None), "/in");
        let renamed = sign_in("/in").return_param("next page");
        assert_eq!(renamed.location(Some(&page), None), "/in?next%20page=/a%3Fb%3Dc");
    }

    #[test]
    fn another_host_gets_our_origin_too() {
        let elsewhere = sign_in("https://sso.example/login");
        assert!(elsewhere.is_elsewhere() && !sign_in("/login").is_elsewhere());
        let elsewhere = elsewhere
            .return_origin("https://app.example")
            .expect("an origin");
        let location = elsewhere.location(Some(&return_to("/login?a")), None);
        let value = "https%3A//app.example/login%3Fa";
        assert_eq!(location, format!("https://sso.example/login?return_to={value}"));

        for text in ["", "/", "app.example", "https://app.example/", "https://a@app.example"] {
            assert!(sign_in("/in").return_origin(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_page_is_never_returned_to() {
        let local = sign_in("/sign-in");
        let itself = return_to("/sign-in/?return_to=/a");
        assert_eq!(local.location(Some(&itself), None), "/sign-in");
        assert!(local.is_at("/sign-in") && local.is_at("/Sign-in/") && !local.is_at("/"));
        assert!(local.is_plainly_at("/sign-in") && local.is_plainly_at("/sign-in/"));
        assert!(!local.is_plainly_at("/Sign-in") && !local.is_plainly_at("/%73ign-in"));

        let ours = sign_in("https://app.example/sign-in");
        assert_eq!(ours.location(Some(&itself), None), "https://app.example/sign-in");
        assert!(!ours.is_at("/sign-in"));
        let ours = ours
            .return_origin("https://app.example")
            .expect("an origin");
        assert_eq!(ours.location(Some(&itself), None), "https://app.example/sign-in");
        assert!(ours.is_at("/sign-in"));
    }

    /// Addresses made of what misleading ones are made of.
    fn hostile() -> impl Strategy<Value = String> {
        let part = proptest::sample::select(vec![
            "/",
            "//",
            "\\",
            ".",
            "..",
            "%2f",
            "%5c",
            "%2e",
            "%09",
            "%",
            "\t",
            "\n",
            " ",
            "@",
            ":",
            "?",
            "#",
            ";",
            "&",
            "=",
            "a",
            "sso.example",
            "evil.example",
            "[::1]",
            "[",
            "]",
            "1",
            "80",
            "é",
            "\u{202e}",
            "\"",
            "<",
            "_",
            "-",
        ]);
        let begin = proptest::sample::select(vec![
            "",
            "/",
            "/sign-in",
            "https://",
            "http://",
            "HTTPS://",
            "https:",
            "javascript:",
            "//",
            "https://sso.example",
            "https://sso.example/login",
        ]);
        let tail = proptest::collection::vec(part, 0..6);
        (begin, tail).prop_map(|(begin, tail)| format!("{begin}{}", tail.concat()))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        /// Property: whatever is returned to, the location is the configured
        /// page, and the parameter reads back as the address.
        #[test]
        fn the_location_is_the_page(tail in "[!-~]{0,40}") {
            let Ok(page) = ReturnTo::parse(&format!("/{tail}")) else { return Ok(()) };
            for address in ["/sign-in", "/sign-in?a=b", "https://sso.example/sign-in"] {
                let location = sign_in(address).location(Some(&page), Some(Notice::Disabled));
                let base = Url::parse("https://app.example").expect("a base");
                let url = base.join(location.to_str().expect("ASCII")).expect("a URL");
                let configured = base.join(address).expect("a URL");
                prop_assert_eq!(url.origin(), configured.origin());
                prop_assert_eq!(url.path(), "/sign-in");
                let read = url.query_pairs().find(|(name, _)| name == "return_to");
                prop_assert_eq!(read.expect("the parameter").1, page.as_str());
            }
        }

        /// Property: whatever is accepted, a browser reads it as what it says: a
        /// path of ours, or http at the host that is written there, without a
        /// user.
        #[test]
        fn an_address_is_what_it_says(text in hostile()) {
            let Ok(address) = SignInAddress::parse(&text) else { return Ok(()) };
            let base = Url::parse("https://app.example").expect("a base");
            let Ok(url) = base.join(&text) else { return Err(TestCaseError::fail(text)) };
            let origin = if address.origin.is_empty() { "https://app.example" } else { &address.origin };
            prop_assert_eq!(url.origin(), Url::parse(origin).expect("an origin").origin());
            prop_assert_eq!(address.origin.is_empty(), text.starts_with('/'));
            prop_assert_eq!((url.username(), url.password(), url.fragment()), ("", None, None));
            prop_assert!(matches!(url.scheme(), "http" | "https"));
            let location = address.location(None, None);
            prop_assert_eq!(location.to_str().ok(), Some(&*text));
        }
    }
}
