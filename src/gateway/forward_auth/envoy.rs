//! The messages of Envoy's authorization service, as far as they are needed here.
//!
//! Field numbers are those of Envoy's published API: `envoy/service/auth/v3/external_auth.proto`
//! and `attribute_context.proto`, `envoy/config/core/v3/base.proto`,
//! `envoy/type/v3/http_status.proto`, `google/rpc/status.proto`. Other fields are skipped.

use std::collections::HashMap;

use http::StatusCode;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use prost::Message;

use crate::gateway::answer::Refusal;

#[derive(Clone, Message)]
pub(super) struct CheckRequest {
    #[prost(message, optional, tag = "1")]
    attributes: Option<AttributeContext>,
}

#[derive(Clone, Message)]
struct AttributeContext {
    #[prost(message, optional, tag = "4")]
    request: Option<AttributeRequest>,
}

#[derive(Clone, Message)]
struct AttributeRequest {
    #[prost(message, optional, tag = "2")]
    http: Option<HttpRequest>,
}

/// The request that Envoy asks about.
#[derive(Clone, Message)]
pub(super) struct HttpRequest {
    #[prost(string, tag = "2")]
    pub(super) method: String,
    /// Values are text by the document, and bytes on the wire all the same.
    #[prost(map = "string, bytes", tag = "3")]
    headers: HashMap<String, Vec<u8>>,
    #[prost(string, tag = "4")]
    pub(super) path: String,
    #[prost(string, tag = "5")]
    pub(super) host: String,
    #[prost(string, tag = "6")]
    pub(super) scheme: String,
    /// In the place of `headers`, where Envoy is told to pass them as they are.
    #[prost(message, optional, tag = "13")]
    header_map: Option<RawHeaders>,
}

#[derive(Clone, Message)]
struct RawHeaders {
    #[prost(message, repeated, tag = "1")]
    headers: Vec<Header>,
}

#[derive(Clone, Message)]
pub(super) struct Header {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
    #[prost(bytes = "vec", tag = "3")]
    raw_value: Vec<u8>,
}

#[derive(Clone, Message)]
pub(super) struct CheckResponse {
    /// OK lets the request pass, and so does none at all.
    #[prost(message, optional, tag = "1")]
    status: Option<RpcStatus>,
    #[prost(message, optional, tag = "2")]
    denied_response: Option<DeniedHttpResponse>,
    #[prost(message, optional, tag = "3")]
    ok_response: Option<OkHttpResponse>,
}

#[derive(Clone, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

#[derive(Clone, Message)]
struct DeniedHttpResponse {
    #[prost(message, optional, tag = "1")]
    status: Option<HttpStatus>,
    #[prost(message, repeated, tag = "2")]
    headers: Vec<HeaderOption>,
    #[prost(string, tag = "3")]
    body: String,
}

#[derive(Clone, Message)]
struct HttpStatus {
    #[prost(int32, tag = "1")]
    code: i32,
}

/// What is to become of the request.
#[derive(Clone, Message)]
pub(super) struct OkHttpResponse {
    #[prost(message, repeated, tag = "2")]
    headers: Vec<HeaderOption>,
    #[prost(string, repeated, tag = "5")]
    headers_to_remove: Vec<String>,
    #[prost(message, repeated, tag = "6")]
    response_headers_to_add: Vec<HeaderOption>,
}

#[derive(Clone, Message)]
struct HeaderOption {
    #[prost(message, optional, tag = "1")]
    header: Option<Header>,
    /// Versions of Envoy that don't know the next field go by this one.
    #[prost(message, optional, tag = "2")]
    append: Option<bool>,
    #[prost(int32, tag = "3")]
    append_action: i32,
}

const OVERWRITE_IF_EXISTS_OR_ADD: i32 = 2;

impl CheckRequest {
    pub(super) fn into_http(self) -> Option<HttpRequest> {
        self.attributes?.request?.http
    }
}

impl HttpRequest {
    /// The headers that the client sent, by what Envoy says of them.
    pub(super) fn headers(&self) -> Result<HeaderMap, Refusal> {
        let raw = self.header_map.iter().flat_map(|raw| &raw.headers);
        let raw = raw.map(|header| (&header.key, header.bytes()));
        let mut raw = raw.peekable();
        if raw.peek().is_some() && !self.headers.is_empty() {
            return Err(Refusal::Malformed("the original headers are told twice"));
        }
        let merged = self
            .headers
            .iter()
            .map(|(key, value)| (key, value.as_slice()));
        let mut headers = HeaderMap::new();
        for (key, value) in merged.chain(raw) {
            // Method, path and the like are told in fields of their own.
            if key.starts_with(':') {
                continue;
            }
            let name = HeaderName::from_bytes(key.as_bytes()).ok();
            let value = HeaderValue::from_bytes(value).ok();
            let (Some(name), Some(value)) = (name, value) else {
                return Err(Refusal::Malformed("an original header can't be read"));
            };
            let added = headers.try_append(name, value);
            added.map_err(|_| Refusal::HeadTooLarge)?;
        }
        Ok(headers)
    }
}

impl Header {
    fn new(name: &HeaderName, value: &HeaderValue) -> Self {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self { key: name.as_str().to_owned(), value, raw_value: Vec::new() }
    }

    fn bytes(&self) -> &[u8] {
        match self.raw_value.is_empty() {
            true => self.value.as_bytes(),
            false => &self.raw_value,
        }
    }
}

impl HeaderOption {
    /// In the place of what a client sent.
    fn instead(name: &HeaderName, value: &HeaderValue) -> Self {
        Self {
            header: Some(Header::new(name, value)),
            append: Some(false),
            append_action: OVERWRITE_IF_EXISTS_OR_ADD,
        }
    }

    /// In an answer, where the same may be there several times.
    fn said(name: &HeaderName, value: &HeaderValue) -> Self {
        Self { header: Some(Header::new(name, value)), append: None, append_action: 0 }
    }
}

impl OkHttpResponse {
    pub(super) fn set(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.headers.push(HeaderOption::instead(name, value));
    }

    pub(super) fn remove(&mut self, name: &HeaderName) {
        self.headers_to_remove.push(name.as_str().to_owned());
    }

    pub(super) fn tell_client(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.response_headers_to_add
            .push(HeaderOption::said(name, value));
    }
}

impl CheckResponse {
    /// The request may pass.
    pub(super) fn ok(response: OkHttpResponse) -> Self {
        let status = RpcStatus { code: 0, message: String::new() };
        Self { status: Some(status), denied_response: None, ok_response: Some(response) }
    }

    /// It may not, and the client is sent this.
    pub(super) fn denied(status: StatusCode, headers: &HeaderMap, body: String) -> Self {
        let code =
            if status == StatusCode::UNAUTHORIZED { UNAUTHENTICATED } else { PERMISSION_DENIED };
        let denied = DeniedHttpResponse {
            status: Some(HttpStatus { code: i32::from(status.as_u16()) }),
            headers: headers
                .iter()
                .map(|(name, value)| HeaderOption::said(name, value))
                .collect(),
            body,
        };
        Self {
            status: Some(RpcStatus { code, message: String::new() }),
            denied_response: Some(denied),
            ok_response: None,
        }
    }
}

const PERMISSION_DENIED: i32 = 7;
const UNAUTHENTICATED: i32 = 16;
