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
        Some(opening) => format!("{words} It unlocks at {}.", opening.to_rfc_3339()),
        None => words,
    };
    Cow::from(utf8_percent_encode(&words, MESSAGE)).into_owned()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::Request;
    use percent_encoding::percent_decode_str;

    use super::*;
    use crate::domain::denial::{DenialReason, LockKind};
    use crate::domain::lock::End;
    use crate::domain::time::Timestamp;

    #[test]
    fn the_message_says_what_a_page_would() {
        let now = Timestamp::from_secs(1_795_284_720);
        let end = End::At(now.after(Duration::from_secs(240)));
        let denial = Denial::new(DenialReason::Locked { by: LockKind::Lockout, end }, now);
        let (request, ()) = Request::new(()).into_parts();
        let response = refusal(&denial, StatusCode::FORBIDDEN, &request);
        let message = response.headers()[GRPC_MESSAGE]
            .to_str()
            .expect("visible ASCII");
        let words = percent_decode_str(message).decode_utf8().expect("UTF-8");
        assert_eq!(
            words,
            "Your account is locked. There were too many failed attempts to sign in. \
             It unlocks at 2026-11-21T18:16:00Z."
        );
    }
}
