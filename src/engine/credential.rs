//! Finds the session token or API token in a request's head.
//!
//! What is stated here is a property, tested with arbitrary bytes: a request
//! brings at most one credential, and it brings a session exactly when one
//! cookie, and only one, has our name. Two cookies of that name are none: one of
//! them is somebody else's, and nobody can say which.

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use memchr::memmem::Finder;

use crate::domain::secret::TOKEN_PREFIX;
use crate::domain::session::SessionToken;
use crate::domain::standing::Bearer;

/// What a request brought to say whose it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Credential<'a> {
    /// Nothing, or nothing that has a token's form.
    None,
    /// An `Authorization: Bearer` header; the random part of the token in it.
    ApiToken(&'a [u8]),
    /// Something in a credential's place that never was one of ours.
    Malformed(Bearer),
    /// A cookie of a session.
    Session(&'a [u8]),
}

/// What the session cookie is called over http, over https, and over https for several
/// hosts.
pub(crate) const COOKIE_NAMES: [&str; 3] =
    ["portcullis", "__Host-portcullis", "__Secure-portcullis"];

/// The domain whose hosts share one sign-in: `example.com` for itself and every host
/// below it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CookieDomain(String);

/// Why text is no [`CookieDomain`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a cookie's domain is a name with a dot in it, of letters, digits and hyphens: example.com"
)]
#[non_exhaustive]
pub struct InvalidCookieDomain;

impl CookieDomain {
    /// Reads `example.com`, in any case. A dot before it means nothing (RFC 6265,
    /// section 5.2.3).
    ///
    /// # Errors
    ///
    /// If it is no name of two labels or more, or an address.
    pub fn parse(text: &str) -> Result<Self, InvalidCookieDomain> {
        let name = text.strip_prefix('.').unwrap_or(text).to_ascii_lowercase();
        let is_label = |label: &str| {
            let inside = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            (1..=63).contains(&label.len())
                && label.bytes().all(inside)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // Browsers read what ends in a number as an address.
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_address = last.bytes().all(|byte| byte.is_ascii_digit());
        let is_name = name.len() <= 253 && name.contains('.') && name.split('.').all(is_label);
        if is_name && !is_address { Ok(Self(name)) } else { Err(InvalidCookieDomain) }
    }

    /// The name, in small letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether cookies of this domain go to that host.
    pub fn includes(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let rest = host.strip_suffix(&self.0);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

/// The name of the session cookie, ready to be looked for.
#[derive(Clone, Debug)]
pub(crate) struct SessionCookie {
    name: &'static str,
    finder: Finder<'static>,
}

impl SessionCookie {
    /// The cookie of a service that is reached over https, or over http. A
    /// browser takes the `__Host-` one from the exact host and over https only.
    pub(crate) fn new(https: bool) -> Self {
        let (name, pattern) = match https {
            true => (COOKIE_NAMES[1], "__Host-portcullis="),
            false => (COOKIE_NAMES[0], "portcullis="),
        };
        Self { name, finder: Finder::new(pattern) }
    }

    /// The cookie of a service that is reached over https, under several names.
    pub(crate) fn of_domain() -> Self {
        Self { name: COOKIE_NAMES[2], finder: Finder::new("__Secure-portcullis=") }
    }

    /// The cookie of the console.
    pub(crate) fn of_console(https: bool) -> Self {
        let (name, pattern) = match https {
            true => ("__Host-portcullis-console", "__Host-portcullis-console="),
            false => ("portcullis-console", "portcullis-console="),
        };
        Self { name, finder: Finder::new(pattern) }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }
}

/// Reads the request's credential. A bearer token goes before a cookie: whoever
/// sends one means it.
pub(crate) fn of<'a>(
    headers: &'a HeaderMap,
    cookie: &SessionCookie,
    api_tokens: bool,
) -> Credential<'a> {
    if api_tokens && let Some(token) = bearer_token(headers) {
        return token;
    }
    session_cookie(headers, cookie)
}

/// What was found in a place where one thing should be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Found<'a> {
    None,
    One(&'a [u8]),
    Several,
}

/// What stands behind `Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Found<'_> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let first = values.next().map_or(&[][..], |value| value.as_bytes());
    let Some((scheme, token)) = first.split_at_checked("Bearer ".len()) else { return Found::None };
    match scheme.eq_ignore_ascii_case(b"Bearer ") {
        false => Found::None,
        true if values.next().is_some() => Found::Several,
        true => Found::One(token),
    }
}

fn bearer_token(headers: &HeaderMap) -> Option<Credential<'_>> {
    let random = match bearer(headers) {
        Found::None => return None,
        Found::One(token) => token.strip_prefix(TOKEN_PREFIX.as_bytes()),
        Found::Several => None,
    };
    Some(match random {
        Some(random) if random.len() == SessionToken::LEN => Credential::ApiToken(random),
        _ => Credential::Malformed(Bearer::Token),
    })
}

pub(super) fn session_cookie<'a>(headers: &'a HeaderMap, cookie: &SessionCookie) -> Credential<'a> {
    match cookie_value(headers, &cookie.finder) {
        Found::None | Found::Several => Credential::None,
        Found::One(value) if value.len() == SessionToken::LEN => Credential::Session(value),
        Found::One(_) => Credential::Malformed(Bearer::Session),
    }
}

/// The value of the cookie whose name and `=` this looks for.
pub(super) fn cookie_value<'a>(headers: &'a HeaderMap, finder: &Finder<'_>) -> Found<'a> {
    let mut found = Found::None;
    for header in headers.get_all(COOKIE) {
        let mut rest = header.as_bytes();
        // Most of a header is other people's cookies: jump over it.
        while let Some(at) = finder.find(rest) {
            let (before, from_name) = rest.split_at(at);
            let after = &from_name[finder.needle().len()..];
            let end = memchr::memchr(b';', after).unwrap_or(after.len());
            let whole = rest.len() == header.len();
            rest = &after[end..];
            if !begins_a_pair(before, whole) {
                continue;
            }
            if found != Found::None {
                return Found::Several;
            }
            found = Found::One(unquoted(after[..end].trim_ascii()));
        }
    }
    found
}

/// Whether a name that comes after this stands where a pair begins: behind a
/// semicolon, or first in the header.
fn begins_a_pair(before: &[u8], first_in_header: bool) -> bool {
    match before.trim_ascii_end() {
        [] => first_in_header,
        [.., last] => *last == b';',
    }
}

/// RFC 6265 lets a value stand in quotes.
fn unquoted(value: &[u8]) -> &[u8] {
    let inner = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""));
    inner.unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    const TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn headers(name: &http::HeaderName, values: &[&[u8]]) -> HeaderMap {
        let value = |bytes: &&[u8]| HeaderValue::from_bytes(bytes).ok();
        values
            .iter()
            .filter_map(value)
            .map(|value| (name.clone(), value))
            .collect()
    }

    fn cookies<'a>(headers: &'a HeaderMap) -> Credential<'a> {
        of(headers, &SessionCookie::new(false), false)
    }

    #[test]
    fn a_domain_is_a_name_and_has_hosts() {
        for bad in
            ["", ".", "com", "localhost", "127.0.0.1", "a..b", "-a.b", "a.b:1", "a b.c", "é.fr"]
        {
            assert_eq!(CookieDomain::parse(bad), Err(InvalidCookieDomain), "{bad}");
        }
        let domain = CookieDomain::parse(".Example.COM").expect("a domain");
        assert_eq!(domain.as_str(), "example.com");
        assert!(domain.includes("example.com") && domain.includes("Wiki.example.com"));
        for other in ["badexample.com", "example.com.evil.test", "com", ""] {
            assert!(!domain.includes(other), "{other}");
        }
    }

    #[test]
    fn exactly_one_cookie_is_a_session() {
        let session = Credential::Session(TOKEN.as_bytes());
        let malformed = Credential::Malformed(Bearer::Session);
        let cases: &[(&[&str], Credential<'_>)] = &[
            (&[], Credential::None),
            (&["portcullis=T"], session),
            (&["a=1; portcullis=T; b=2"], session),
            (&["a=1;portcullis=T"], session),
            (&["a=1", "portcullis=T"], session),
            (&["portcullis=\"T\""], session),
            (&["portcullis=T; portcullis=T"], Credential::None),
            (&["portcullis=x; portcullis=T"], Credential::None),
            (&["portcullis=T", "portcullis=T"], Credential::None),
            (&["xportcullis=T; portcullis-x=T; Portcullis=T"], Credential::None),
            (&["__Host-portcullis=T"], Credential::None),
            (&["portcullis"], Credential::None),
            (&["portcullis="], malformed),
            (&["portcullis=T="], malformed),
            (&["portcullis=short"], malformed),
        ];
        for (lines, expected) in cases {
            let lines: Vec<String> = lines.iter().map(|line| line.replace('T', TOKEN)).collect();
            let lines: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
            assert_eq!(cookies(&headers(&COOKIE, &lines)), *expected, "{lines:?}");
        }
    }

    #[test]
    fn a_bearer_token_goes_before_a_cookie_where_tokens_are_taken() {
        let mut both = headers(&COOKIE, &[format!("portcullis={TOKEN}").as_bytes()]);
        let bearer = |value: &str| HeaderValue::from_str(value).expect("a header");
        both.insert(AUTHORIZATION, bearer(&format!("bearer pct_{TOKEN}")));
        assert_eq!(
            of(&both, &SessionCookie::new(false), true),
            Credential::ApiToken(TOKEN.as_bytes())
        );
        assert_eq!(cookies(&both), Credential::Session(TOKEN.as_bytes()));
        both.insert(AUTHORIZATION, bearer("Basic YTpi"));
        assert_eq!(
            of(&both, &SessionCookie::new(false), true),
            Credential::Session(TOKEN.as_bytes())
        );
        both.insert(AUTHORIZATION, bearer("Bearer something"));
        assert_eq!(
            of(&both, &SessionCookie::new(false), true),
            Credential::Malformed(Bearer::Token)
        );
    }

    proptest! {
        /// Property: however cookies are spread over lines and whatever stands
        /// between them, a session is found exactly when its name occurs once.
        #[test]
        fn a_session_is_found_when_its_name_is_there_once(
            others in proptest::collection::vec("[ a-z]{0,6}=[!-:<-~]{0,20}", 0..6),
            ours in 0..3_usize,
            split in any::<bool>(),
        ) {
            prop_assume!(others.iter().all(|pair| !pair.trim().starts_with("portcullis=")));
            let mut pairs = others;
            for at in 0..ours {
                pairs.insert(pairs.len() / (at + 1), format!("portcullis={TOKEN}"));
            }
            let joined = [pairs.join("; ")];
            let lines: Vec<&[u8]> = if split { &pairs[..] } else { &joined[..] }
                .iter().map(String::as_bytes).collect();
            let found = matches!(cookies(&headers(&COOKIE, &lines)), Credential::Session(_));
            prop_assert_eq!(found, ours == 1);
        }

        /// Property: the search that jumps finds what a reader of every pair finds.
        #[test]
        fn jumping_is_as_good_as_reading(
            pairs in proptest::collection::vec(
                "(portcullis=|portcullis|;|=|; | |\"|x){0,4}[A-Z]{0,2}(A{41,43})?", 0..8,
            ),
        ) {
            let line = pairs.join(";");
            let mut slow = Credential::None;
            let mut times = 0;
            for pair in line.split(';') {
                let Some(value) = pair.trim().strip_prefix("portcullis=") else { continue };
                let value = unquoted(value.trim().as_bytes());
                times += 1;
                slow = match value.len() {
                    SessionToken::LEN => Credential::Session(value),
                    _ => Credential::Malformed(Bearer::Session),
                };
            }
            let slow = if times == 1 { slow } else { Credential::None };
            let map = headers(&COOKIE, &[line.as_bytes()]);
            prop_assert_eq!(cookies(&map), slow);
        }

        /// Property: whatever the bytes, what is found lies in the header and
        /// has a token's length.
        #[test]
        fn nothing_is_made_up(bytes in proptest::collection::vec(32..=255_u8, 0..120)) {
            let map = headers(&COOKIE, &[&bytes]);
            if let Credential::Session(token) = cookies(&map) {
                prop_assert_eq!(token.len(), SessionToken::LEN);
                prop_assert!(memchr::memmem::find(&bytes, token).is_some());
            }
        }

        /// Property: two cookies of our name are none, whatever they hold.
        #[test]
        fn two_sessions_are_none(values in proptest::collection::vec("[!-:<-~]{0,50}", 2..5)) {
            let pairs: Vec<_> = values.iter().map(|value| format!("portcullis={value}")).collect();
            let lines: Vec<&[u8]> = pairs.iter().map(String::as_bytes).collect();
            let joined = pairs.join("; ");
            for map in [headers(&COOKIE, &lines), headers(&COOKIE, &[joined.as_bytes()])] {
                prop_assert_eq!(cookies(&map), Credential::None);
            }
        }

        /// Property: a bearer token is taken exactly when it is alone and has an
        /// API token's form; whoever sends another is refused for it, and never
        /// taken for whose cookie came along.
        #[test]
        fn a_bearer_token_is_an_api_token_or_nothing(
            scheme in "[Bb][Ee][Aa][Rr][Ee][Rr]",
            prefix in "(pct_)?",
            token in "[A-Za-z0-9_-]{43}|[!-~]{0,60}",
            more in proptest::option::of("[!-~ ]{0,20}"),
        ) {
            let first = format!("{scheme} {prefix}{token}");
            let lines: Vec<&[u8]> =
                [Some(first.as_bytes()), more.as_deref().map(str::as_bytes)].into_iter().flatten().collect();
            let mut map = headers(&AUTHORIZATION, &lines);
            let cookie = format!("portcullis={TOKEN}");
            map.insert(COOKIE, cookie.parse().expect("visible ASCII"));
            let given = format!("{prefix}{token}");
            let random = given.strip_prefix("pct_").filter(|random| random.len() == 43);
            let expected = match random {
                Some(random) if more.is_none() => Credential::ApiToken(random.as_bytes()),
                _ => Credential::Malformed(Bearer::Token),
            };
            prop_assert_eq!(of(&map, &SessionCookie::new(false), true), expected);
            prop_assert_eq!(of(&map, &SessionCookie::new(false), false), Credential::Session(TOKEN.as_bytes()));
        }

        /// Property: whatever else stands in `Authorization` is not looked at.
        #[test]
        fn other_schemes_are_the_services_own(
            bytes in proptest::collection::vec(32..=255_u8, 0..60),
        ) {
            prop_assume!(!bytes.to_ascii_lowercase().starts_with(b"bearer "));
            let map = headers(&AUTHORIZATION, &[&bytes]);
            prop_assert_eq!(of(&map, &SessionCookie::new(false), true), Credential::None);
        }
    }
}
