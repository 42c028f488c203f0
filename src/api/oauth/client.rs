//! How an application proves to be itself: by Basic authentication or in the form, and
//! in one of the two ways only.

use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::form::{Form, decoded};
use super::refusal::Refusal;
use crate::admin::{Admin, Client, ClientRefusal};
use crate::domain::application::{ApplicationId, ApplicationSecret};

/// An id and a secret that have their form.
#[derive(Debug)]
pub(super) struct Presented {
    id: ApplicationId,
    secret: ApplicationSecret,
}

/// What was brought. The inner error of what has not the form is that of what is wrong:
/// nobody learns how near they came.
pub(super) fn presented(headers: &HeaderMap, form: &mut Form) -> Result<Presented, Refusal> {
    let (id, secret) = (form.take("client_id"), form.take("client_secret"));
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let pair = match (values.next(), values.next()) {
        (Some(_), Some(_)) => return Err(Refusal::invalid("there is more than one Authorization")),
        (Some(_), None) if secret.is_some() => {
            return Err(Refusal::invalid("say the secret once: in the header or in the form"));
        }
        (Some(header), None) => {
            let pair = basic(header.as_bytes()).ok_or(Refusal::Client)?;
            if id.is_some_and(|id| id != pair.0) {
                return Err(Refusal::invalid("header and form name two applications"));
            }
            pair
        }
        (None, _) => id.zip(secret).ok_or(Refusal::Client)?,
    };
    read(&pair.0, &pair.1).ok_or(Refusal::Client)
}

fn read(id: &str, secret: &str) -> Option<Presented> {
    let secret = ApplicationSecret::parse(secret.as_bytes())?;
    Some(Presented { id: ApplicationId::from_str(id).ok()?, secret })
}

/// Both parts are written as in a form before they are put together: RFC 6749, 2.3.1.
fn basic(header: &[u8]) -> Option<(String, String)> {
    let (scheme, rest) = header.split_at_checked("Basic ".len())?;
    if !scheme.eq_ignore_ascii_case(b"Basic ") {
        return None;
    }
    let pair = STANDARD.decode(rest.trim_ascii()).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some((decoded(&pair[..colon])?, decoded(&pair[colon + 1..])?))
}

/// The application, if it is the one that it says.
pub(super) async fn authenticated(
    admin: &Admin,
    presented: Presented,
    from: Option<String>,
) -> Result<Client, Refusal> {
    let Presented { id, secret } = presented;
    let ip = from.clone().unwrap_or_default();
    let found = admin.authenticate_client(id, &secret, from).await;
    found.map_err(Refusal::of_admin)?.map_err(|refusal| {
        tracing::info!(application.refusal = %refusal, client.ip = ip, "application refused");
        match refusal {
            ClientRefusal::Disabled => Refusal::Disabled,
            _ => Refusal::Client,
        }
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    fn headers(values: &[String]) -> HeaderMap {
        let header = |value: &String| (AUTHORIZATION, HeaderValue::from_str(value).expect("one"));
        values.iter().map(header).collect()
    }

    fn form(pairs: &[(&str, &str)]) -> Form {
        let mut text = url::form_urlencoded::Serializer::new(String::new());
        text.extend_pairs(pairs);
        Form::read(text.finish().as_bytes()).expect("a form")
    }

    /// Every character escaped that may be.
    fn basic_of(id: &str, secret: &str, escaped: bool) -> String {
        let part = |text: &str| -> String {
            match escaped {
                true => text.bytes().map(|byte| format!("%{byte:02X}")).collect(),
                false => text.to_owned(),
            }
        };
        format!("bAsIc {}", STANDARD.encode(format!("{}:{}", part(id), part(secret))))
    }

    fn is_one(read: Result<Presented, Refusal>, id: ApplicationId, secret: &str) -> bool {
        read.is_ok_and(|read| read.id == id && read.secret.expose() == secret)
    }

    proptest! {
        /// Property: an application is named exactly when it is named in one way, with
        /// an id and a secret of their form; and it is the one that was sent.
        #[test]
        fn one_way_names_one_application(
            id: [u8; 8],
            secret: [u8; 32],
            in_header in 0..3_usize,
            in_form: bool,
            named_again: bool,
            escaped: bool,
            cut in 0..2_usize,
        ) {
            let id = ApplicationId::from_random(id);
            let whole = ApplicationSecret::from_random(secret).expose();
            let (name, secret) = (id.to_string(), &whole[..whole.len() - cut]);
            let headers = headers(&vec![basic_of(&name, secret, escaped); in_header]);
            let mut pairs = Vec::new();
            if in_form || named_again {
                pairs.push(("client_id", name.as_str()));
            }
            if in_form {
                pairs.push(("client_secret", secret));
            }
            let read = presented(&headers, &mut form(&pairs));
            let once = matches!((in_header, in_form), (1, false) | (0, true));
            prop_assert_eq!(is_one(read, id, &whole), once && cut == 0);
        }

        /// Property: whatever else stands in the header names nobody.
        #[test]
        fn anything_else_is_nobody(value in "[ -~]{0,60}") {
            prop_assert!(presented(&headers(&[value]), &mut Form::default()).is_err());
        }
    }

    #[test]
    fn two_names_are_none() {
        let secret = ApplicationSecret::from_random([7; 32]).expose();
        let header = headers(&[basic_of("0000000000000007", &secret, false)]);
        let mut other = form(&[("client_id", "0000000000000008")]);
        assert!(matches!(presented(&header, &mut other), Err(Refusal::Invalid(_))));
    }
}
