//! Finds a foreign token in a request's head.
//!
//! What is stated here is a property, tested with arbitrary bytes: whatever is
//! found stands in the place that was named, and stands there alone. Its form is
//! looked at when it is first seen: one that is remembered had it.

use http::HeaderMap;
use memchr::memmem::Finder;

use crate::domain::secret::TOKEN_PREFIX;
use crate::engine::credential::{self, Found};

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// Where tokens are looked for.
#[derive(Clone, Debug)]
pub(super) struct Carriers {
    pub(super) in_header: bool,
    /// The cookie's name and `=`.
    cookie: Option<Finder<'static>>,
}

/// What stands in a token's place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Carried<'a> {
    Nothing,
    /// What is too long for a token, or several of them.
    Malformed,
    /// What may be one.
    Token(&'a [u8]),
}

impl Carriers {
    pub(super) fn new(in_header: bool, cookie: Option<&str>) -> Self {
        let finder = |name: &str| Finder::new(&format!("{name}=")).into_owned();
        Self { in_header, cookie: cookie.map(finder) }
    }

    pub(super) fn is_as(&self, other: &Self) -> bool {
        let needle = |carriers: &Self| {
            carriers
                .cookie
                .as_ref()
                .map(|found| found.needle().to_owned())
        };
        self.in_header == other.in_header && needle(self) == needle(other)
    }

    /// Looks behind `Bearer`. What begins as an API token does is one, where those
    /// are taken.
    pub(super) fn of_header<'a>(&self, headers: &'a HeaderMap, api_tokens: bool) -> Carried<'a> {
        if !self.in_header {
            return Carried::Nothing;
        }
        match credential::bearer(headers) {
            Found::One(token) if api_tokens && token.starts_with(TOKEN_PREFIX.as_bytes()) => {
                Carried::Nothing
            }
            found => Carried::from(found),
        }
    }

    /// Looks into the named cookie; two of them are none.
    pub(super) fn of_cookie<'a>(&self, headers: &'a HeaderMap) -> Carried<'a> {
        let Some(finder) = &self.cookie else { return Carried::Nothing };
        match credential::cookie_value(headers, finder) {
            Found::Several => Carried::Nothing,
            found => Carried::from(found),
        }
    }
}

impl<'a> From<Found<'a>> for Carried<'a> {
    fn from(found: Found<'a>) -> Self {
        match found {
            Found::None => Self::Nothing,
            Found::One(token) if token.len() <= MAX_TOKEN_BYTES => Self::Token(token),
            Found::One(_) | Found::Several => Self::Malformed,
        }
    }
}

/// Whether this can be a signed token: three parts in base64url, none of them
/// empty.
pub(super) fn has_form(token: &[u8]) -> bool {
    let digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let mut parts = 0;
    for part in token.split(|byte| *byte == b'.') {
        parts += 1;
        if part.is_empty() || parts > 3 || !part.iter().all(digit) {
            return false;
        }
    }
    parts == 3
}

/// Whether a cookie of this name can be found, and is none of ours.
pub(super) fn may_be_named(name: &str) -> bool {
    let of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let plain = name
        .trim_start_matches("__Host-")
        .trim_start_matches("__Secure-");
    !name.is_empty() && name.bytes().all(of_token) && !plain.starts_with("portcullis")
}

#[cfg(test)]
mod tests {
    use http::header::{AUTHORIZATION, COOKIE};
    use http::{HeaderName, HeaderValue};
    use proptest::prelude::*;

    use super::*;

    fn head(name: &HeaderName, values: &[&[u8]]) -> HeaderMap {
        let value = |bytes: &&[u8]| HeaderValue::from_bytes(bytes).ok();
        let values = values.iter().filter_map(value);
        values.map(|value| (name.clone(), value)).collect()
    }

    fn carriers() -> Carriers {
        Carriers::new(true, Some("access"))
    }

    #[test]
    fn a_header_carries_one_token_or_none() {
        let cases: &[(&[&str], Carried<'_>)] = &[
            (&[], Carried::Nothing),
            (&["Bearer a.b.c"], Carried::Token(b"a.b.c")),
            (&["bEARER a.b.c"], Carried::Token(b"a.b.c")),
            (&["Basic a.b.c"], Carried::Nothing),
            (&["Bearer"], Carried::Nothing),
            (&["Bearer "], Carried::Token(b"")),
            (&["Bearer  a.b.c"], Carried::Token(b" a.b.c")),
            (&["Bearer a.b.c", "Bearer a.b.c"], Carried::Malformed),
            (&["Bearer pct_x"], Carried::Token(b"pct_x")),
        ];
        for (values, expected) in cases {
            let values: Vec<&[u8]> = values.iter().map(|value| value.as_bytes()).collect();
            let head = head(&AUTHORIZATION, &values);
            assert_eq!(carriers().of_header(&head, false), *expected, "{head:?}");
        }
        let api_token = head(&AUTHORIZATION, &[b"Bearer pct_x"]);
        assert_eq!(carriers().of_header(&api_token, true), Carried::Nothing);
        let token = head(&AUTHORIZATION, &[b"Bearer a.b.c"]);
        assert_eq!(Carriers::new(false, None).of_header(&token, false), Carried::Nothing);
    }

    #[test]
    fn a_token_has_a_limit() {
        let of = |bytes: usize| format!("Bearer {}", "c".repeat(bytes)).into_bytes();
        let is_token = |bytes: usize| {
            let head = head(&AUTHORIZATION, &[&of(bytes)]);
            matches!(carriers().of_header(&head, false), Carried::Token(_))
        };
        assert!(is_token(MAX_TOKEN_BYTES));
        assert!(!is_token(MAX_TOKEN_BYTES + 1));
    }

    #[test]
    fn a_token_has_three_parts() {
        assert!(has_form(b"a.b.c"));
        for other in ["", ".", "..", "a", "a.b", "a.b.", ".b.c", "a..c", "a.b.c.d", "a.b.c.d.e"] {
            assert!(!has_form(other.as_bytes()), "{other}");
        }
        for other in ["a.b.c=", "a.b. c", "a.b.+", "a.b./", "a.b.\u{e4}"] {
            assert!(!has_form(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn our_cookies_are_not_for_others() {
        for name in ["access", "__Host-access", "a.b", "X"] {
            assert!(may_be_named(name), "{name}");
        }
        for name in
            ["", "a b", "a=b", "a;b", "ä", "portcullis", "__Host-portcullis", "portcullis-x"]
        {
            assert!(!may_be_named(name), "{name}");
        }
    }

    proptest! {
        /// Property: whatever the bytes behind `Bearer`, all of them are found, and
        /// they have a token's form exactly when they are three parts in base64url.
        #[test]
        fn a_header_carries_what_stands_in_it(
            bytes in prop_oneof![
                "[A-Za-z0-9_.-]{0,24}".prop_map(String::into_bytes),
                proptest::collection::vec(33..=255_u8, 0..24),
            ],
        ) {
            let value = [b"Bearer ", &bytes[..]].concat();
            prop_assume!(HeaderValue::from_bytes(&value).is_ok());
            let head = head(&AUTHORIZATION, &[&value]);
            prop_assert_eq!(carriers().of_header(&head, false), Carried::Token(&bytes));
            let text = String::from_utf8_lossy(&bytes);
            let parts: Vec<_> = text.split('.').collect();
            let digit = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            let digits = |part: &&str| !part.is_empty() && part.chars().all(digit);
            prop_assert_eq!(has_form(&bytes), parts.len() == 3 && parts.iter().all(digits));
        }

        /// Property: however cookies are spread over lines, a token is found exactly
        /// when its cookie is there once.
        #[test]
        fn a_token_is_found_when_its_cookie_is_there_once(
            others in proptest::collection::vec("[ a-z]{0,6}=[!-:<-~]{0,20}", 0..6),
            ours in 0..3_usize,
            split in any::<bool>(),
        ) {
            prop_assume!(others.iter().all(|pair| !pair.trim().starts_with("access=")));
            let mut pairs = others;
            for at in 0..ours {
                pairs.insert(pairs.len() / (at + 1), "access=a.b.c".to_owned());
            }
            let joined = [pairs.join("; ")];
            let lines: Vec<&[u8]> =
                if split { &pairs[..] } else { &joined[..] }.iter().map(String::as_bytes).collect();
            let head = head(&COOKIE, &lines);
            let expected = if ours == 1 { Carried::Token(b"a.b.c") } else { Carried::Nothing };
            prop_assert_eq!(carriers().of_cookie(&head), expected);
        }
    }
}
