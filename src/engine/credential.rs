//! Finds the session token or API token in a request's head.
//!
//! What is stated here is a property, tested with arbitrary bytes: a request
//! brings at most one credential, and it brings a session exactly when one
//! cookie, and only one, has our name. Two cookies of that name are none: one of
//! them is somebody else's, and nobody can say which.

use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};

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
    /// What has not a token's form, and never opens anything.
    Malformed(Bearer),
    /// A cookie of a session.
    Session(&'a [u8]),
}

/// Reads the request's credential. A bearer token goes before a cookie: whoever
/// sends one means it.
pub(crate) fn of<'a>(headers: &'a HeaderMap, cookie: &str, api_tokens: bool) -> Credential<'a> {
    if api_tokens && let Some(token) = bearer_token(headers) {
        return token;
    }
    session_cookie(headers, cookie.as_bytes())
}

fn bearer_token(headers: &HeaderMap) -> Option<Credential<'_>> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.as_bytes();
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Bearer ") {
        return None;
    }
    let random = token.strip_prefix(TOKEN_PREFIX.as_bytes());
    Some(match (random, values.next()) {
        (Some(random), None) if random.len() == SessionToken::LEN => Credential::ApiToken(random),
        _ => Credential::Malformed(Bearer::Token),
    })
}

fn session_cookie<'a>(headers: &'a HeaderMap, name: &[u8]) -> Credential<'a> {
    let mut found = Credential::None;
    for header in headers.get_all(COOKIE) {
        let mut rest = header.as_bytes();
        while !rest.is_empty() {
            let end = memchr::memchr(b';', rest).unwrap_or(rest.len());
            let (pair, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            let Some(value) = value_of(pair, name) else { continue };
            if found != Credential::None {
                return Credential::None;
            }
            found = match value.len() {
                SessionToken::LEN => Credential::Session(value),
                _ => Credential::Malformed(Bearer::Session),
            };
        }
    }
    found
}

/// The value of a `name=value` pair of this name, spaces around it taken off.
fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let pair = pair.trim_ascii();
    let value = pair.strip_prefix(name)?.strip_prefix(b"=")?;
    // RFC 6265 lets a value stand in quotes.
    let unquoted = value
        .strip_prefix(b"\"")
        .and_then(|value| value.strip_suffix(b"\""));
    Some(unquoted.unwrap_or(value))
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
        of(headers, "portcullis", false)
    }

    #[test]
    fn exactly_one_cookie_is_a_session() {
        let session = Credential::Session(TOKEN.as_bytes());
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
            (&["portcullis="], Credential::Malformed(Bearer::Session)),
            (&["portcullis=T="], Credential::Malformed(Bearer::Session)),
            (&["portcullis=short"], Credential::Malformed(Bearer::Session)),
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
        assert_eq!(of(&both, "portcullis", true), Credential::ApiToken(TOKEN.as_bytes()));
        assert_eq!(cookies(&both), Credential::Session(TOKEN.as_bytes()));
        both.insert(AUTHORIZATION, bearer("Basic YTpi"));
        assert_eq!(of(&both, "portcullis", true), Credential::Session(TOKEN.as_bytes()));
        both.insert(AUTHORIZATION, bearer("Bearer something"));
        assert_eq!(of(&both, "portcullis", true), Credential::Malformed(Bearer::Token));
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
    }
}
