//! What a proxy says of the request that it asks about.
//!
//! Property: whoever reads the original request here and whoever forwards it afterwards
//! mean the same one. So it is told in one way, each fact exactly once, and by a
//! trusted proxy alone; an address that can be read in two ways is refused, as it is
//! when it comes to the gateway itself.

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, HOST, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::{PathAndQuery, Uri};
use http::{Method, Request};

use crate::gateway::answer::Refusal;
use crate::gateway::headers;
use crate::gateway::routes::Asked;
use crate::gateway::screen::{check_path, check_reserved, is_host};

/// What nginx's `auth_request` is set up to say.
const ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");
const ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");

/// What Caddy and Traefik say.
const METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The longest address that is looked at.
const MAX_URL: usize = 16 * 1024;

/// The request that a proxy asks about.
#[derive(Debug)]
pub(super) struct Original {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: Uri,
    pub(super) host: HeaderValue,
    pub(super) is_https: bool,
}

impl Original {
    /// As the headers of nginx, or those of Caddy and Traefik tell it.
    pub(super) fn told_by(headers: &HeaderMap) -> Result<Self, Refusal> {
        match headers.contains_key(ORIGINAL_URL) {
            true => Self::told_by_url(headers),
            false => Self::told_by_parts(headers),
        }
    }

    fn told_by_url(headers: &HeaderMap) -> Result<Self, Refusal> {
        if headers.contains_key(URI) || headers.contains_key(METHOD) {
            return Err(Refusal::Malformed(
                "the original request is told twice: send X-Original-URL or X-Forwarded-Uri, not both",
            ));
        }
        let url = one(headers, &ORIGINAL_URL, "there is more than one X-Original-URL")?;
        let method = one(
            headers,
            &ORIGINAL_METHOD,
            "X-Original-Method has to come with X-Original-URL, once",
        )?;
        let (is_https, rest) = scheme_of(url)?;
        // What comes first of these ends the host.
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, target) = rest.split_at(end);
        Self::read(method, target, host, is_https)
    }

    fn told_by_parts(headers: &HeaderMap) -> Result<Self, Refusal> {
        if headers.contains_key(ORIGINAL_METHOD) {
            return Err(Refusal::Malformed("X-Original-Method came without X-Original-URL"));
        }
        let method = one(headers, &METHOD, "X-Forwarded-Method has to come once")?;
        let target = one(headers, &URI, "X-Forwarded-Uri has to come once")?;
        let host = one(headers, &FORWARDED_HOST, "X-Forwarded-Host has to come once")?;
        let is_https = proto(headers)?;
        Self::read(method, target, host, is_https)
    }

    /// As Envoy tells it: the request itself, behind a prefix of its path.
    pub(super) fn behind(prefix: &str, head: &Parts) -> Result<Self, Refusal> {
        let told = [&ORIGINAL_URL, &ORIGINAL_METHOD, &URI, &METHOD];
        if told.iter().any(|name| head.headers.contains_key(*name)) {
            return Err(Refusal::Malformed(
                "the original request is told twice: by the path, and by a header",
            ));
        }
        let target = head.uri.path_and_query().map_or("", PathAndQuery::as_str);
        let target = target.strip_prefix(prefix).unwrap_or_default();
        let host = match (head.headers.get(HOST), head.uri.authority()) {
            (Some(_), _) => one(&head.headers, &HOST, "there is more than one host header")?,
            (None, Some(authority)) => authority.as_str(),
            (None, None) => return Err(Refusal::Malformed("there is no host header")),
        };
        let is_https = proto(&head.headers)?;
        Self::read(head.method.as_str(), target, host, is_https)
    }

    /// As it is told in fields of a message, each once.
    pub(super) fn by(
        method: &str,
        target: &str,
        host: &str,
        scheme: &str,
    ) -> Result<Self, Refusal> {
        let is_https = match scheme {
            "https" => true,
            "http" => false,
            _ => return Err(Refusal::Malformed("the original scheme is neither http nor https")),
        };
        Self::read(method, target, host, is_https)
    }

    fn read(method: &str, target: &str, host: &str, is_https: bool) -> Result<Self, Refusal> {
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| Refusal::Malformed("the original method is none"))?;
        if matches!(method, Method::CONNECT | Method::TRACE) {
            return Err(Refusal::Method);
        }
        if !is_host(host.as_bytes()) {
            return Err(Refusal::Malformed("the original host is none"));
        }
        let host = HeaderValue::from_str(host)
            .map_err(|_| Refusal::Malformed("the original host is none"))?;
        let target = self::target(target)?;
        Ok(Self { method, target, host, is_https })
    }

    /// The same, as far as routes go by it.
    pub(super) fn asked(&self) -> Asked<'_> {
        Asked { host: self.host.as_bytes(), path: self.target.path(), method: &self.method }
    }

    /// Its scheme, host and port, as they are compared.
    pub(super) fn origin(&self) -> String {
        let scheme = if self.is_https { "https" } else { "http" };
        let host = self.host.to_str().unwrap_or_default().to_ascii_lowercase();
        format!("{scheme}://{host}")
    }

    /// The original request, with what this one's headers say of its sender.
    pub(super) fn into_request(self, mut headers: HeaderMap) -> Request<()> {
        headers::remove_of_one_hop(&mut headers);
        headers.insert(HOST, self.host);
        // A preflight passes as nobody's, without cookies. Here it would keep them: who
        // forwards it is another, and whether it has a body nobody can say.
        headers.remove(ACCESS_CONTROL_REQUEST_METHOD);
        let proto = HeaderValue::from_static(if self.is_https { "https" } else { "http" });
        headers.insert(PROTO, proto);
        let mut request = Request::new(());
        *request.method_mut() = self.method;
        *request.uri_mut() = self.target;
        *request.headers_mut() = headers;
        request
    }
}

/// The one value of a header, as text.
fn one<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    otherwise: &'static str,
) -> Result<&'a str, Refusal> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return Err(Refusal::Malformed(otherwise));
    };
    let text = value.to_str().ok().filter(|text| !text.is_empty());
    text.ok_or(Refusal::Malformed("a header that tells the original request is empty, or no text"))
}

fn proto(headers: &HeaderMap) -> Result<bool, Refusal> {
    match one(headers, &PROTO, "X-Forwarded-Proto has to come once")? {
        "https" => Ok(true),
        "http" => Ok(false),
        _ => Err(Refusal::Malformed("X-Forwarded-Proto is neither http nor https")),
    }
}

fn scheme_of(url: &str) -> Result<(bool, &str), Refusal> {
    let (scheme, rest) = url
        .split_once("://")
        .ok_or(Refusal::Malformed("X-Original-URL is no address"))?;
    match scheme {
        "https" => Ok((true, rest)),
        "http" => Ok((false, rest)),
        _ => Err(Refusal::Malformed("X-Original-URL is neither http nor https")),
    }
}

fn target(text: &str) -> Result<Uri, Refusal> {
    if text.len() > MAX_URL {
        return Err(Refusal::HeadTooLarge);
    }
    // A fragment never leaves a browser. Whoever sends one wants two readings of it.
    if !text.starts_with('/') || text.contains('#') {
        return Err(Refusal::Malformed("the original path is none"));
    }
    let target: PathAndQuery = text
        .parse()
        .map_err(|_| Refusal::Malformed("the original path is none"))?;
    check_path(target.path())?;
    check_reserved(target.path())?;
    Ok(Uri::from(target))
}

#[cfg(test)]
mod tests;
