//! Refusals as gRPC clients read them: a status in the headers, no message.

use std::borrow::Cow;

use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Response, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::client::grpc_type;
use super::notice::{Opening, advice, title};
use crate::domain::denial::Denial;

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// What gRPC wants encoded in a message: all but visible ASCII and the space,
/// and `%`.
const MESSAGE: &AsciiSet = &CONTROLS.add(b'%');

/// The refusal that has this status in HTTP, as a response of trailers only.
pub(super) fn refusal(denial: &Denial, status: StatusCode, request: &Parts) -> Response<String> {
    let sent = request.headers.get(header::CONTENT_TYPE);
    let content_type = sent.and_then(grpc_type).unwrap_or("application/grpc");
    let mut response = Response::new(String::new());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(GRPC_STATUS, code(status));
    if let Ok(message) = HeaderValue::from_str(&message(denial)) {
        headers.insert(GRPC_MESSAGE, message);
    }
    response
}

/// The code for a status: unauthenticated, permission denied or unavailable.
fn code(status: StatusCode) -> HeaderValue {
    HeaderValue::from_static(match status {
        StatusCode::UNAUTHORIZED => "16",
        StatusCode::FORBIDDEN => "7",
        _ => "14",
    })
}

fn message(denial: &Denial) -> String {
    let words = format!("{}. {}", title(denial.reason()), advice(denial.reason()));
    let words = match Opening::of(denial) {
        Some(opening) => format!("{words} It opens at {}.", opening.to_rfc_3339()),
        None => words,
    };
    Cow::from(utf8_percent_encode(&words, MESSAGE)).into_owned()
}
