//! Says to Envoy whether a request may pass, in gRPC: `Check` of
//! `envoy.service.auth.v3.Authorization`.
//!
//! The same decision as over HTTP, from other facts: method, path, host and scheme are what
//! Envoy itself says of the request, in fields of their own, and no header of the client's
//! takes their place.

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{
    CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE,
    TRANSFER_ENCODING,
};
use http::request::Parts;
use http::{Method, Response};
use http_body_util::{BodyExt, Collected, Full, Limited};
use prost::Message;

use super::envoy::{CheckRequest, CheckResponse, HttpRequest, OkHttpResponse};
use super::original::Original;
use super::{Decided, ForwardAuth, forbidden_status, status_alone};
use crate::domain::denial::Denial;
use crate::gateway::RESERVED;
use crate::gateway::answer::Refusal;
use crate::gateway::body::{Body, BodyError, RequestBody};
use crate::gateway::figures::Outcome;
use crate::gateway::headers::remove_our_cookies;
use crate::gateway::screen::{Peer, Screen, is_below};
use crate::guard::ClientKind;

/// Where all versions of the service are.
const SERVICES: &str = "/envoy.service.auth.";
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// What a message may have beyond the head of the request that it tells of, in bytes.
const BESIDE_THE_HEAD: usize = 64 * 1024;

/// The longest page that a client is sent in the place of an answer, in bytes.
const LONGEST_PAGE: usize = 256 * 1024;

/// Before a message: whether it is compressed, and its length.
const PREFIX: usize = 5;

/// Why a call is not answered with a message (the status codes of gRPC).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Failure {
    Untrusted,
    Unknown,
    Unreadable(&'static str),
    TooLarge,
    Compressed,
    Slow,
}

impl Failure {
    const fn status(self) -> (u8, &'static str) {
        match self {
            Self::Unreadable(why) => (3, why),
            Self::Slow => (4, "nothing came for too long"),
            Self::Untrusted => {
                (7, "who asks is no trusted proxy: the setting is clients.trusted_proxies")
            }
            Self::TooLarge => (8, "the message is larger than limits.head and 64 KiB"),
            Self::Compressed => (12, "compressed messages are not taken"),
            Self::Unknown => (12, "only Check of envoy.service.auth.v3.Authorization is here"),
        }
    }

    /// As gRPC tells of a failure: by headers alone.
    fn answer(self) -> Response<Body> {
        let (status, message) = self.status();
        let mut response = Response::new(Body::empty());
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, GRPC);
        headers.insert(GRPC_STATUS, HeaderValue::from(u16::from(status)));
        headers.insert(GRPC_MESSAGE, HeaderValue::from_static(message));
        response
    }
}

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

impl ForwardAuth {
    /// Whether a request is for it.
    pub(crate) fn is_asked_in_grpc(&self, path: &str) -> bool {
        self.grpc.is_some() && path.starts_with(SERVICES)
    }

    /// How many bytes a message may have.
    pub(crate) fn longest_message(screen: &Screen) -> u64 {
        (screen.head_bytes() + BESIDE_THE_HEAD + PREFIX) as u64
    }

    /// Whether the request that Envoy asks about may pass.
    pub(crate) async fn answer_in_grpc(
        &self,
        screen: &Screen,
        peer: &Peer,
        head: &Parts,
        body: RequestBody,
    ) -> (Outcome, Response<Body>) {
        match self.check(screen, peer, head, body).await {
            Ok((outcome, said)) => (outcome, message(&said)),
            Err(failure) => (Outcome::Malformed, failure.answer()),
        }
    }

    async fn check(
        &self,
        screen: &Screen,
        peer: &Peer,
        head: &Parts,
        body: RequestBody,
    ) -> Result<(Outcome, CheckResponse), Failure> {
        if !screen.trusts(peer) {
            return Err(Failure::Untrusted);
        }
        if head.uri.path() != CHECK {
            return Err(Failure::Unknown);
        }
        if head.method != Method::POST || !is_grpc(&head.headers) {
            return Err(Failure::Unreadable("this is no call of gRPC"));
        }
        let asked = read(body).await?;
        let http = asked.into_http();
        let http = http.ok_or(Failure::Unreadable("attributes.request.http is missing"))?;
        let (original, headers) = match original(&http, screen) {
            Ok(read) => read,
            Err(refusal) => {
                let refused = refusal.answer(ClientKind::Program);
                return Ok((Outcome::Malformed, denied(refused, None).await));
            }
        };
        // Its own pages need its own cookies, and it takes the rest off by itself.
        let is_for_us = is_below(original.target.path(), RESERVED);
        let decided = match self.decide(original, headers.clone()).await {
            Ok(decided) => decided,
            Err(refusal) => {
                let refused = refusal.answer(ClientKind::Program);
                return Ok((Outcome::Malformed, denied(refused, None).await));
            }
        };
        let Decided { response, denial, outcome } = decided;
        Ok(match (denial, outcome) {
            (Some(denial), _) => (outcome, denied(response, Some(&denial)).await),
            // In gRPC a refusal is a success of HTTP. Envoy makes one of a status by itself.
            (None, Outcome::Forbidden) if response.status().is_success() => {
                (outcome, denied(forbidden_status(), None).await)
            }
            (None, Outcome::Forbidden) => (outcome, denied(response, None).await),
            (None, _) if is_for_us => (outcome, CheckResponse::ok(OkHttpResponse::default())),
            (None, _) => (outcome, CheckResponse::ok(self.passed(response.headers(), &headers))),
        })
    }

    /// What becomes of a request to the application: who asks is put on, and what the client
    /// said of that, and our own cookies, taken off.
    fn passed(&self, said: &HeaderMap, sent: &HeaderMap) -> OkHttpResponse {
        let mut response = OkHttpResponse::default();
        let Some(untrusted) = &self.grpc else { return response };
        for (name, value) in said {
            match *name {
                SET_COOKIE => response.tell_client(name, value),
                _ if untrusted.includes(name) && !value.is_empty() => response.set(name, value),
                _ => {}
            }
        }
        let is_set = |name: &HeaderName| said.get(name).is_some_and(|value| !value.is_empty());
        let nobodys = said.keys().filter(|name| untrusted.includes(name));
        let smuggled = sent
            .keys()
            .filter(|name| untrusted.includes(name) && !is_envoys(name));
        let mut unwanted: Vec<_> = nobodys
            .chain(smuggled)
            .filter(|name| !is_set(name))
            .collect();
        unwanted.sort_by_key(|name| name.as_str());
        unwanted.dedup();
        unwanted.into_iter().for_each(|name| response.remove(name));
        put_cookies(&mut response, sent);
        response
    }
}

/// The request and its headers, as Envoy tells them.
fn original(http: &HttpRequest, screen: &Screen) -> Result<(Original, HeaderMap), Refusal> {
    let headers = http.headers()?;
    screen.check_sizes(&headers, http.path.len())?;
    let original = Original::by(&http.method, &http.path, &http.host, &http.scheme)?;
    Ok((original, headers))
}

/// Leaves the cookies that are not our own.
fn put_cookies(response: &mut OkHttpResponse, sent: &HeaderMap) {
    let lines = sent.get_all(COOKIE).iter();
    let mut left: HeaderMap = lines.map(|line| (COOKIE, line.clone())).collect();
    remove_our_cookies(&mut left);
    match left.get(COOKIE) {
        Some(rest) if Some(rest) == sent.get(COOKIE) => {}
        Some(rest) => response.set(&COOKIE, rest),
        None if sent.contains_key(COOKIE) => response.remove(&COOKIE),
        None => {}
    }
}

/// What Envoy itself writes, whatever a client sent.
fn is_envoys(name: &HeaderName) -> bool {
    let own = [
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-port",
        "x-forwarded-proto",
        "x-envoy-external-address",
        "x-request-id",
        "traceparent",
        "tracestate",
    ];
    own.contains(&name.as_str())
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(CONTENT_TYPE).iter();
    let (Some(kind), None) = (kinds.next(), kinds.next()) else { return false };
    matches!(kind.as_bytes(), b"application/grpc" | b"application/grpc+proto")
}

/// The one message of the call.
async fn read(body: RequestBody) -> Result<CheckRequest, Failure> {
    let whole = body.collect().await.map_err(|error| match error {
        BodyError::TooLarge => Failure::TooLarge,
        BodyError::Idle => Failure::Slow,
        _ => Failure::Unreadable("the message broke off"),
    })?;
    let bytes = whole.to_bytes();
    let Some((prefix, message)) = bytes.split_first_chunk::<PREFIX>() else {
        return Err(Failure::Unreadable("there is no message"));
    };
    let [compressed, length @ ..] = *prefix;
    if compressed != 0 {
        return Err(Failure::Compressed);
    }
    if usize::try_from(u32::from_be_bytes(length)).ok() != Some(message.len()) {
        return Err(Failure::Unreadable("the message is not as long as it says"));
    }
    CheckRequest::decode(message).map_err(|_| Failure::Unreadable("the message can't be read"))
}

/// One message, and that all went well.
fn message(said: &CheckResponse) -> Response<Body> {
    let length = said.encoded_len();
    let mut bytes = BytesMut::with_capacity(PREFIX + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    bytes.put_slice(&said.encode_to_vec());
    let trailers: HeaderMap = [(GRPC_STATUS, HeaderValue::from_static("0"))]
        .into_iter()
        .collect();
    let body = Full::new(bytes.freeze()).with_trailers(std::future::ready(Some(Ok(trailers))));
    let mut response = Response::new(Body::page(axum::body::Body::new(body)));
    response.headers_mut().insert(CONTENT_TYPE, GRPC);
    response
}

/// What the client is sent.
async fn denied(response: Response<Body>, denial: Option<&Denial>) -> CheckResponse {
    let response = match denial {
        // In gRPC a refusal is a success of HTTP. Envoy makes one of a status by itself.
        Some(denial) if response.status().is_success() => status_alone(denial, &response),
        _ => response,
    };
    let (mut head, body) = response.into_parts();
    for name in [CONTENT_LENGTH, TRANSFER_ENCODING, super::X_LOCATION, super::X_REASON] {
        head.headers.remove(name);
    }
    let body = Limited::new(body, LONGEST_PAGE).collect().await;
    let body = body.map_or_else(|_| Bytes::new(), Collected::to_bytes);
    let body = String::from_utf8_lossy(&body).into_owned();
    CheckResponse::denied(head.status, &head.headers, body)
}
