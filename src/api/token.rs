//! The API token that a request brings: as a bearer, or as the password of the user
//! `apikey`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

use crate::admin::{Admin, AdminError, Caller};
use crate::domain::client::ClientAddr;
use crate::domain::secret::TokenSecret;

/// Who may be named beside a token in `Authorization: Basic`.
const USER: &[u8] = b"apikey";

/// How a request says whose it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scheme {
    Basic,
    Bearer,
}

/// Why nobody knows whose a request is.
#[derive(Debug)]
pub(super) enum Stranger {
    /// It says nothing.
    Silent,
    /// What it says opens nothing. `None`: in no scheme that is taken here.
    Refused(Option<Scheme>),
    /// The directory can't say.
    Unknown(AdminError),
}

/// Whose request this is.
pub(super) async fn caller(admin: &Admin, head: &Parts) -> Result<Caller, Stranger> {
    let (scheme, secret) = presented(&head.headers)?;
    let Some(secret) = secret else { return Err(Stranger::Refused(scheme)) };
    let from = head.extensions.get::<ClientAddr>().map(ToString::to_string);
    match admin.authenticate(&secret, from.clone()).await {
        Ok(Ok(caller)) => Ok(caller),
        Ok(Err(refusal)) => {
            let ip = from.unwrap_or_default();
            tracing::info!(token.refusal = %refusal, client.ip = ip, "token refused");
            Err(Stranger::Refused(scheme))
        }
        Err(error) => Err(Stranger::Unknown(error)),
    }
}

type Presented = (Option<Scheme>, Option<TokenSecret>);

/// What was brought: exactly one header, or somebody else's would be taken for it.
fn presented(headers: &HeaderMap) -> Result<Presented, Stranger> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Err(Stranger::Silent) };
    let (scheme, rest) = parted(value.as_bytes());
    let secret = match scheme {
        _ if values.next().is_some() => None,
        Some(Scheme::Basic) => basic(rest),
        Some(Scheme::Bearer) => TokenSecret::parse(rest),
        None => None,
    };
    Ok((scheme, secret))
}

fn parted(value: &[u8]) -> (Option<Scheme>, &[u8]) {
    let space = value.iter().position(|b| *b == b' ').unwrap_or(value.len());
    let (name, rest) = value.split_at(space);
    let scheme = if name.eq_ignore_ascii_case(b"basic") {
        Some(Scheme::Basic)
    } else if name.eq_ignore_ascii_case(b"bearer") {
        Some(Scheme::Bearer)
    } else {
        None
    };
    (scheme, rest.trim_ascii())
}

fn basic(encoded: &[u8]) -> Option<TokenSecret> {
    let decoded = STANDARD.decode(encoded).ok()?;
    let password = decoded.strip_prefix(USER)?.strip_prefix(b":")?;
    TokenSecret::parse(password)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn read(values: &[String]) -> Option<(Option<Scheme>, Option<String>)> {
        let header = |value: &String| (AUTHORIZATION, HeaderValue::from_str(value).expect("one"));
        let headers: HeaderMap = values.iter().map(header).collect();
        let (scheme, secret) = presented(&headers).ok()?;
        Some((scheme, secret.map(|secret| secret.expose())))
    }

    fn basic_of(user: &str, password: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
    }

    proptest! {
        /// Property: a token is read exactly when one header has it, as a bearer or
        /// as the password of `apikey`; and it is the one that was sent.
        #[test]
        fn one_header_brings_one_token(
            bytes: [u8; 32],
            user in "apikey|APIKEY|alice|",
            cut in 0..3_usize,
            twice: bool,
        ) {
            let whole = TokenSecret::from_random(bytes).expose();
            let token = &whole[..whole.len() - cut];
            let right = (cut == 0 && !twice).then(|| whole.clone());
            let times = |value: String| vec![value; if twice { 2 } else { 1 }];
            prop_assert_eq!(
                read(&times(format!("bEARER {token}"))),
                Some((Some(Scheme::Bearer), right.clone()))
            );
            let of_apikey = right.filter(|_| user == "apikey");
            prop_assert_eq!(
                read(&times(basic_of(&user, token))),
                Some((Some(Scheme::Basic), of_apikey))
            );
        }

        /// Property: whatever else is sent is somebody's who is not known here.
        #[test]
        fn anything_else_is_a_strangers(value in "[ -~]{0,60}") {
            prop_assert_eq!(read(&[value]).and_then(|(_, token)| token), None);
        }
    }

    #[test]
    fn who_says_nothing_is_told_apart() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["Digest x".to_owned()]), Some((None, None)));
        let own_password = basic_of("alice", "correct horse battery");
        assert_eq!(read(&[own_password]), Some((Some(Scheme::Basic), None)));
    }
}
