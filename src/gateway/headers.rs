//! Headers on their way through: what is taken off, and what is put on.
//!
//! In this order, for a request:
//!
//! 1. What is for one hop only goes: what `Connection` names, and the fields
//!    that HTTP itself defines so (RFC 9110, section 7.6.1).
//! 2. What the upstream would believe about who is asking goes, in every
//!    spelling: [`Untrusted`].
//! 3. Our own cookies go: no upstream can use a session that it never sees.
//! 4. What the gateway knows comes: whose request it is, and from where.

use http::header::{
    self, CONNECTION, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, SET_COOKIE, TE,
    TRANSFER_ENCODING, UPGRADE,
};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use crate::engine::CurrentAccount;
use crate::gateway::settings::IdentityHeaders;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// Fields that are for one hop only, whether or not `Connection` names them.
const OF_ONE_HOP: [HeaderName; 8] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// What says who is asking, or from where, to a server that trusts its proxy.
/// With `-` for every character that is no letter and no digit.
const NAMES_OF_IDENTITY: [&str; 30] = [
    "cf-connecting-ip",
    "client-ip",
    "fastly-client-ip",
    "fly-client-ip",
    "forwarded",
    "front-end-https",
    "remote-addr",
    "true-client-ip",
    "x-appengine-user-ip",
    "x-authenticated-user",
    "x-client-cert",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-envoy-external-address",
    "x-host",
    "x-http-destinationurl",
    "x-http-host-override",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-proxyuser-ip",
    "x-real-ip",
    "x-remote-addr",
    "x-remote-ip",
    "x-remote-user",
    "x-rewrite-url",
    "x-scheme",
    "x-url-scheme",
    "x-user",
];

/// The same, with everything that goes on after them.
const PREFIXES_OF_IDENTITY: [&str; 8] = [
    "cf-access-",
    "remote-",
    "x-auth-request-",
    "x-forwarded",
    "x-portcullis",
    "x-user-",
    "x-webauth-",
    "x-authenticated-",
];

/// What no client may tell the upstream.
///
/// Servers fold names: CGI turns `X-Portcullis-User` and `X_Portcullis_User`
/// into one variable. So every character that is no letter and no digit counts
/// as `-`.
#[derive(Clone, Debug)]
pub(crate) struct Untrusted {
    /// In that form.
    further: Vec<String>,
}

impl Untrusted {
    /// The usual names, those that we use ourselves, and further ones.
    pub(crate) fn new(identity: &IdentityHeaders, further: &[HeaderName]) -> Self {
        let IdentityHeaders { user, account, email, name, groups } = identity;
        let ours = [user, account, email, name, groups].into_iter().flatten();
        let further = ours
            .chain(further)
            .map(|name| folded(name.as_str()).collect());
        Self { further: further.collect() }
    }

    fn includes(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        // Nearly every header of a browser is told by its first letter.
        let usual = matches!(name.as_bytes().first(), Some(b'c' | b'f' | b'r' | b't' | b'x'))
            && is_of_identity(name);
        usual
            || self
                .further
                .iter()
                .any(|other| folded(name).eq(other.chars()))
    }

    /// Takes them off.
    pub(crate) fn remove_from(&self, headers: &mut HeaderMap) {
        // Usually there are none, and looking does not allocate.
        while let Some(name) = headers.keys().find(|name| self.includes(name)).cloned() {
            headers.remove(name);
        }
    }
}

fn is_of_identity(name: &str) -> bool {
    let is = |other: &&str| folded(name).eq(other.chars());
    let begins = |prefix: &&str| {
        name.len() >= prefix.len() && folded(&name[..prefix.len()]).eq(prefix.chars())
    };
    NAMES_OF_IDENTITY.iter().any(is) || PREFIXES_OF_IDENTITY.iter().any(begins)
}

/// A header's name is lower case ASCII already.
fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
}

/// Takes off what `Connection` names beyond the fields of one hop themselves,
/// which whoever tells kinds of requests apart still reads. `Host` stays, whoever
/// names it.
pub(crate) fn remove_named_by_connection(headers: &mut HeaderMap) {
    if headers.get_all(CONNECTION).iter().all(is_usual) {
        return;
    }
    let lines: Vec<HeaderValue> = headers.get_all(CONNECTION).iter().cloned().collect();
    for name in lines.iter().flat_map(names_in) {
        if name != HOST && !OF_ONE_HOP.contains(&name) {
            headers.remove(name);
        }
    }
}

/// Takes off what is for one hop only.
pub(crate) fn remove_of_one_hop(headers: &mut HeaderMap) {
    for name in OF_ONE_HOP {
        headers.remove(name);
    }
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

/// Takes our cookies out of a request.
pub(crate) fn remove_our_cookies(headers: &mut HeaderMap) {
    let ours = |value: &HeaderValue| {
        value
            .as_bytes()
            .split(|byte| *byte == b';')
            .any(is_our_cookie)
    };
    if !headers.get_all(COOKIE).iter().any(ours) {
        return;
    }
    let rest: Vec<HeaderValue> = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(without_ours)
        .collect();
    headers.remove(COOKIE);
    for value in rest {
        headers.append(COOKIE, value);
    }
}

fn without_ours(value: &HeaderValue) -> Option<HeaderValue> {
    let mut rest = Vec::with_capacity(value.len());
    for pair in value.as_bytes().split(|byte| *byte == b';') {
        let pair = pair.trim_ascii();
        if pair.is_empty() || is_our_cookie(pair) {
            continue;
        }
        if !rest.is_empty() {
            rest.extend_from_slice(b"; ");
        }
        rest.extend_from_slice(pair);
    }
    // What is left of a header's value is one.
    HeaderValue::from_maybe_shared(bytes::Bytes::from(rest))
        .ok()
        .filter(|value| !value.is_empty())
}

/// Takes cookies of our names out of an answer: an upstream that could set them
/// could sign people in as others.
pub(crate) fn remove_our_set_cookies(headers: &mut HeaderMap) {
    if !headers
        .get_all(SET_COOKIE)
        .iter()
        .any(|value| is_our_cookie(value.as_bytes()))
    {
        return;
    }
    let rest: Vec<HeaderValue> = headers
        .get_all(SET_COOKIE)
        .iter()
        .filter(|value| !is_our_cookie(value.as_bytes()))
        .cloned()
        .collect();
    headers.remove(SET_COOKIE);
    for value in rest {
        headers.append(SET_COOKIE, value);
    }
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
