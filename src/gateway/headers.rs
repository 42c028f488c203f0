//! Headers on their way through: what is taken off, and what is put on.
//!
//! In this order, for a request:
//!
//! 1. What is for one hop only goes: what `Connection` names, and the fields
//!    that HTTP itself defines so (RFC 9110, section 7.6.1).
//! 2. What the upstream would believe about who is asking goes, in every
//!    spelling: [`Untrusted`](crate::gateway::untrusted::Untrusted).
//! 3. Our own cookies go: no upstream can use a session that it never sees.
//! 4. What the gateway knows comes: whose request it is, and from where.

use http::header::{
    self, CONNECTION, COOKIE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use crate::engine::CurrentAccount;
use crate::gateway::settings::IdentityHeaders;
use crate::gateway::untrusted;

const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Fields that are for one hop only, whether or not `Connection` names them.
pub(crate) const OF_ONE_HOP: [HeaderName; 9] = [
    CONNECTION,
    HTTP2_SETTINGS,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Takes off what `Connection` names beyond the fields of one hop themselves,
/// which whoever tells kinds of requests apart still reads. `kept` stays, whoever
/// names it: what the gateway itself goes by.
pub(crate) fn remove_named_by_connection(headers: &mut HeaderMap, kept: &[&HeaderName]) {
    if headers.get_all(CONNECTION).iter().all(is_usual) {
        return;
    }
    let lines: Vec<HeaderValue> = headers.get_all(CONNECTION).iter().cloned().collect();
    for name in lines.iter().flat_map(names_in) {
        if !kept.contains(&&name) && !OF_ONE_HOP.contains(&name) {
            headers.remove(name);
        }
    }
}

/// Takes off what is for one hop only.
pub(crate) fn remove_of_one_hop(headers: &mut HeaderMap) {
    untrusted::remove(headers, |name| OF_ONE_HOP.contains(name));
}

/// Whether a `Connection` names nothing but what browsers name.
fn is_usual(value: &HeaderValue) -> bool {
    let is = |text: &[u8]| value.as_bytes().eq_ignore_ascii_case(text);
    is(b"keep-alive") || is(b"close") || is(b"upgrade")
}

fn names_in(value: &HeaderValue) -> impl Iterator<Item = HeaderName> {
    value
        .as_bytes()
        .split(|byte| *byte == b',')
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
}

/// Whether these are names of cookies that only the gateway may set and read:
/// ours, with any of the prefixes that browsers know.
fn is_our_cookie(pair: &[u8]) -> bool {
    let name = pair.trim_ascii_start();
    let bare = [&b"__Host-"[..], b"__Secure-"]
        .into_iter()
        .find_map(|prefix| strip_prefix_folded(name, prefix))
        .unwrap_or(name);
    strip_prefix_folded(bare, b"portcullis").is_some()
}

fn strip_prefix_folded<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

/// Takes our cookies out of a request, and makes one line of those that are left:
/// HTTP/2 lets a client split them over several, and HTTP/1 knows one only.
pub(crate) fn remove_our_cookies(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(COOKIE).iter();
    let (Some(first), second) = (lines.next(), lines.next()) else { return };
    if second.is_none() && !has_ours(first) {
        return;
    }
    match without_ours(headers.get_all(COOKIE).iter()) {
        Some(rest) => drop(headers.insert(COOKIE, rest)),
        None => drop(headers.remove(COOKIE)),
    }
}

fn has_ours(line: &HeaderValue) -> bool {
    let mut pairs = line.as_bytes().split(|byte| *byte == b';');
    pairs.any(is_our_cookie)
}

fn without_ours<'a>(lines: impl Iterator<Item = &'a HeaderValue>) -> Option<HeaderValue> {
    let mut rest = Vec::new();
    for pair in lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';')) {
        let pair = pair.trim_ascii();
        if pair.is_empty() || is_our_cookie(pair) {
            continue;
        }
        if !rest.is_empty() {
            rest.extend_from_slice(b"; ");
        }
        rest.extend_from_slice(pair);
    }
    // What is left of headers' values is one.
    HeaderValue::from_maybe_shared(bytes::Bytes::from(rest))
        .ok()
        .filter(|value| !value.is_empty())
}

/// The same, of a cookie that is being set. Browsers take `=portcullis=x` for a
/// cookie without a name, and send it back as `portcullis=x`.
fn sets_ours(cookie: &HeaderValue) -> bool {
    let mut text = cookie.as_bytes();
    while let [b'=' | b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    is_our_cookie(text)
}

/// Takes cookies of our names out of an answer: an upstream that could set them
/// could sign people in as others.
pub(crate) fn remove_our_set_cookies(headers: &mut HeaderMap) {
    if !headers.get_all(SET_COOKIE).iter().any(sets_ours) {
        return;
    }
    let rest: Vec<HeaderValue> = headers
        .get_all(SET_COOKIE)
        .iter()
        .filter(|value| !sets_ours(value))
        .cloned()
        .collect();
    headers.remove(SET_COOKIE);
    for value in rest {
        headers.append(SET_COOKIE, value);
    }
}

/// Takes off what would make another method of a request, in every spelling that
/// servers fold into one.
pub(crate) fn remove_method_overrides(headers: &mut HeaderMap) {
    untrusted::remove(headers, |name| {
        let begins = |known: &str| {
            let folded = |byte: u8| if byte.is_ascii_alphanumeric() { byte } else { b'-' };
            let head = name.as_str().bytes().take(known.len());
            head.map(folded).eq(known.bytes())
        };
        begins("x-http-method") || begins("x-method-override")
    });
}

/// What is not visible ASCII, and `%` itself.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// Says who is asking.
pub(crate) fn put_identity(headers: &mut HeaderMap, names: &IdentityHeaders, me: &CurrentAccount) {
    let mut put = |name: &Option<HeaderName>, text: &str| {
        if let Some(name) = name
            && !text.is_empty()
        {
            headers.insert(name, encoded(text));
        }
    };
    match me.profile() {
        Some(profile) => {
            put(&names.user, profile.login());
            put(&names.email, profile.email().unwrap_or_default());
            put(&names.name, profile.name());
        }
        None => put(&names.user, &me.login()),
    }
    if let Some(name) = &names.account {
        headers.insert(
            name,
            me.key()
                .as_integer()
                .and_then(|id| u64::try_from(id).ok())
                .map_or_else(|| encoded(&me.key().to_string()), HeaderValue::from),
        );
    }
}

fn encoded(text: &str) -> HeaderValue {
    if text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'%')
        && let Ok(value) = HeaderValue::from_str(text)
    {
        return value;
    }
    let text = percent_encode(text.as_bytes(), ENCODED).to_string();
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests;
