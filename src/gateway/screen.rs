//! What a request must be before anybody looks at whose it is.
//!
//! The gateway and the upstream must read one request alike, or somebody slips
//! through between them. HTTP's framing is parsed and written anew by hyper, so
//! no byte of it passes through; what is checked here is what hyper leaves to
//! its user: that a request names one host, one path that can be read in one way
//! only, no coding that would be lost, and no more in its head than is taken.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use http::header::{
    CONTENT_LENGTH, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE,
};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Uri};
use http::{Method, Version};
use percent_encoding::percent_decode;

use crate::domain::client::ClientAddr;
use crate::gateway::RESERVED;
use crate::gateway::answer::Refusal;
use crate::gateway::headers::remove_named_by_connection;
use crate::gateway::settings::{ClientAddress, Settings};
use crate::gateway::untrusted::Untrusted;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Looks requests over, and writes down from where they come.
#[derive(Debug)]
pub(crate) struct Screen {
    client_address: ClientAddress,
    proto: HeaderValue,
    head_bytes: usize,
    pub(crate) untrusted: Arc<Untrusted>,
}

/// Who is at the other end of a connection.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    ip: IpAddr,
    /// The same, as it goes into headers.
    text: HeaderValue,
}

impl Peer {
    pub(crate) fn new(ip: IpAddr) -> Self {
        let ip = ip.to_canonical();
        let text = HeaderValue::from_str(&ip.to_string());
        Self { ip, text: text.unwrap_or_else(|_| HeaderValue::from_static("unknown")) }
    }

    pub(crate) const fn address(&self) -> IpAddr {
        self.ip
    }
}

impl Screen {
    pub(crate) fn new(settings: &Settings) -> Self {
        let proto = if settings.is_https() { "https" } else { "http" };
        Self {
            client_address: settings.client_address.clone(),
            proto: HeaderValue::from_static(proto),
            head_bytes: settings.limits.head_bytes,
            untrusted: Untrusted::new(settings).into(),
        }
    }

    pub(crate) fn check_size(&self, head: &Parts) -> Result<(), Refusal> {
        let fits = size_of_head(head) <= self.head_bytes;
        if fits { Ok(()) } else { Err(Refusal::HeadTooLarge) }
    }

    /// The same, of headers and of a target of this length.
    pub(crate) fn check_sizes(&self, headers: &HeaderMap, target: usize) -> Result<(), Refusal> {
        let fits = size_of_headers(headers) + target <= self.head_bytes;
        if fits { Ok(()) } else { Err(Refusal::HeadTooLarge) }
    }

    /// How large a head may be.
    pub(crate) const fn head_bytes(&self) -> usize {
        self.head_bytes
    }

    /// Whether what this peer says of others is taken.
    pub(crate) fn trusts(&self, peer: &Peer) -> bool {
        self.client_address.trusted_proxies.contains(peer.ip.into())
    }

    /// Checks a request's head, and leaves in it nothing that the client should
    /// not have said. `has_body` is whether a body follows.
    pub(crate) fn look(
        &self,
        head: &mut Parts,
        has_body: bool,
        peer: &Peer,
    ) -> Result<ClientAddr, Refusal> {
        if matches!(head.method, Method::CONNECT | Method::TRACE) {
            return Err(Refusal::Method);
        }
        self.check_size(head)?;
        let host = one_host(head)?;
        head.uri = origin_form(&head.uri)?;
        check_path(head.uri.path())?;
        check_reserved(head.uri.path())?;
        check_framing(head, has_body)?;
        // What whoever looks at the request goes by is not for the client to take
        // away: a body without its length would look like none.
        let kept = [&HOST, &CONTENT_LENGTH, &X_FORWARDED_PROTO, &self.client_address.header];
        remove_named_by_connection(&mut head.headers, &kept);
        let client = self.write_origin(&mut head.headers, &host, peer);
        head.headers.entry(HOST).or_insert(host);
        Ok(client)
    }

    /// Replaces what a client says of its address by what is known of it.
    fn write_origin(&self, headers: &mut HeaderMap, host: &HeaderValue, peer: &Peer) -> ClientAddr {
        let ClientAddress { trusted_proxies, header, .. } = &self.client_address;
        let trusted = trusted_proxies.contains(peer.ip.into());
        let (mut client, mut chain, mut proto) = (peer.ip.into(), peer.text.clone(), &self.proto);
        let said;
        if trusted {
            let hops = headers.get_all(header).iter().map(HeaderValue::as_bytes);
            client = ClientAddr::behind(trusted_proxies, peer.ip, hops);
            chain = with_hop(headers.get_all(header).iter(), peer).unwrap_or(chain);
            said = one_proto(headers);
            proto = said.as_ref().unwrap_or(proto);
        }
        let proto = proto.clone();
        self.untrusted.remove_from(headers);
        headers.remove(EXPECT);
        headers.insert(X_FORWARDED_FOR, chain);
        headers.insert(X_FORWARDED_PROTO, proto);
        headers.insert(X_FORWARDED_HOST, host.clone());
        client
    }
}

/// Whether the client came over TLS, as far as a request that was looked over
/// says.
pub(crate) fn is_https(head: &Parts) -> bool {
    head.headers
        .get(X_FORWARDED_PROTO)
        .is_some_and(|proto| proto == "https")
}

/// The one host that the request is for.
fn one_host(head: &Parts) -> Result<HeaderValue, Refusal> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let (named, None) = (hosts.next(), hosts.next()) else {
        return Err(Refusal::Malformed("there is more than one host header"));
    };
    let host = match (named, head.uri.authority()) {
        (Some(named), None) => named.clone(),
        (Some(named), Some(target)) if is_same_host(named, target) => named.clone(),
        (Some(_), Some(_)) => {
            return Err(Refusal::Malformed("the target and the host header name two hosts"));
        }
        (None, Some(target)) => HeaderValue::from_str(target.as_str())
            .map_err(|_| Refusal::Malformed("the target's host can't be read"))?,
        (None, None) => return Err(Refusal::Malformed("there is no host header")),
    };
    if is_host(host.as_bytes()) {
        Ok(host)
    } else {
        Err(Refusal::Malformed("the host header names no host"))
    }
}

/// Whether this is a name or an address, and maybe a port: less than the grammar
/// of URLs has, and all that names have.
pub(crate) fn is_host(text: &[u8]) -> bool {
    let (name, port) = match text.iter().rposition(|byte| *byte == b':') {
        Some(colon) if !text.ends_with(b"]") => (&text[..colon], Some(&text[colon + 1..])),
        _ => (text, None),
    };
    let is_port =
        |port: &[u8]| (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit);
    let address = name
        .strip_prefix(b"[")
        .and_then(|rest| rest.strip_suffix(b"]"));
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let named = match address {
        Some(address) => {
            std::str::from_utf8(address).is_ok_and(|it| it.parse::<Ipv6Addr>().is_ok())
        }
        None => !name.is_empty() && name.iter().all(is_name),
    };
    named && port.is_none_or(is_port)
}

/// How much of a request there is before its body, about.
fn size_of_head(head: &Parts) -> usize {
    let target = head
        .uri
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    size_of_headers(&head.headers) + target
}

fn size_of_headers(headers: &HeaderMap) -> usize {
    let fields = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 4);
    fields.sum()
}

fn is_same_host(named: &HeaderValue, target: &Authority) -> bool {
    named
        .as_bytes()
        .eq_ignore_ascii_case(target.as_str().as_bytes())
}

/// The target without scheme and host, which went into `Host`.
fn origin_form(target: &Uri) -> Result<Uri, Refusal> {
    match target.path_and_query() {
        Some(path) if path.as_str().starts_with('/') => Ok(Uri::from(PathAndQuery::clone(path))),
        _ => Err(Refusal::Malformed("the target has no path")),
    }
}

/// Refuses paths that name another path to whoever decodes or resolves them once
/// more: dot segments, in every spelling, backslashes and control characters.
///
/// Encoded slashes and semicolons are names to many applications: they go on as
/// they came, byte by byte.
pub(crate) fn check_path(path: &str) -> Result<(), Refusal> {
    let mut decoded = Cow::Borrowed(path.as_bytes());
    for _ in 0..MAX_DECODINGS {
        check_decoded(&decoded)?;
        // Borrowed as long as there is nothing to decode, as in nearly every path.
        let next = match Cow::from(percent_decode(&decoded)) {
            Cow::Owned(next) if *next != *decoded => next,
            _ => return Ok(()),
        };
        decoded = Cow::Owned(next);
    }
    Err(Refusal::Malformed("the path is encoded too many times"))
}

fn check_decoded(path: &[u8]) -> Result<(), Refusal> {
    if path
        .iter()
        .any(|byte| *byte == b'\\' || byte.is_ascii_control())
    {
        return Err(Refusal::Malformed("the path has a backslash or a control character"));
    }
    if path.split(|byte| *byte == b'/').any(is_dot_segment) {
        return Err(Refusal::Malformed("the path has dot segments"));
    }
    Ok(())
}

/// Whether a path is this one or below it, in this very spelling. An address that
/// could be read as another one is below nothing.
pub(crate) fn is_below(path: &str, prefix: &str) -> bool {
    let rest = path.strip_prefix(prefix.trim_end_matches('/'));
    rest.is_some_and(|rest| {
        (rest.is_empty() || rest.starts_with('/'))
            && !rest.contains("//")
            && !rest.contains(['%', ';'])
    })
}

/// Refuses what somebody could take for one of the gateway's own pages, and the
/// gateway does not: neither the guard nor the application shall wonder.
pub(crate) fn check_reserved(path: &str) -> Result<(), Refusal> {
    if is_below(path, RESERVED) || !may_mean_reserved(path) {
        return Ok(());
    }
    Err(Refusal::Malformed("the path could be read as one of the gateway's own"))
}

fn may_mean_reserved(path: &str) -> bool {
    let mut decoded = Cow::Borrowed(path.as_bytes());
    for _ in 0..MAX_DECODINGS {
        let first = decoded
            .split(|byte| *byte == b'/')
            .find(|segment| !segment.is_empty());
        let name = first.and_then(|segment| segment.split(|byte| *byte == b';').next());
        if name.is_some_and(|name| name.eq_ignore_ascii_case(&RESERVED.as_bytes()[1..])) {
            return true;
        }
        let next = match Cow::from(percent_decode(&decoded)) {
            Cow::Owned(next) => next,
            Cow::Borrowed(_) => return false,
        };
        decoded = Cow::Owned(next);
    }
    false
}

/// Three rounds are more than any application does; this bounds hostile input.
const MAX_DECODINGS: usize = 4;

/// `.` and `..`, and what some servers take for them: with parameters behind.
fn is_dot_segment(segment: &[u8]) -> bool {
    let name = segment
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default();
    name == b"." || name == b".."
}

fn check_framing(head: &Parts, has_body: bool) -> Result<(), Refusal> {
    let mut codings = head.headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = match (codings.next(), codings.next()) {
        (None, _) => false,
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => true,
        _ => return Err(Refusal::Coding),
    };
    if has_body && head.headers.contains_key(UPGRADE) {
        // What comes after the switch must be what comes after the head.
        return Err(Refusal::Malformed("a request to upgrade can't have a body"));
    }
    // HTTP/1 says how long a body is. A preflight in HTTP/2 that does not would
    // carry one to where everybody may go.
    let announced = chunked || head.headers.contains_key(CONTENT_LENGTH);
    if head.method == Method::OPTIONS && has_body && !announced && head.version >= Version::HTTP_2 {
        return Err(Refusal::Malformed("a body of an OPTIONS request needs a content-length"));
    }
    Ok(())
}

/// What the proxies before said, with the one that said it.
fn with_hop<'a>(said: impl Iterator<Item = &'a HeaderValue>, peer: &Peer) -> Option<HeaderValue> {
    let mut chain = Vec::new();
    for value in said {
        chain.extend_from_slice(value.as_bytes());
        chain.extend_from_slice(b", ");
    }
    chain.extend_from_slice(peer.text.as_bytes());
    HeaderValue::from_bytes(&chain).ok()
}

fn one_proto(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut said = headers.get_all(X_FORWARDED_PROTO).iter();
    let proto = said.next().filter(|_| said.next().is_none())?;
    (proto == "http" || proto == "https").then(|| proto.clone())
}

#[cfg(test)]
mod tests;
