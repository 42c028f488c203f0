//! What the gateway says in its own name when it can't pass a request on.

use std::io;

use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, RETRY_AFTER,
};
use http::{Response, StatusCode};
use serde_json::json;

use crate::domain::length::spell_length;
use crate::gateway::body::Body;
use crate::gateway::upstream::UpstreamError;
use crate::guard::ClientKind;
use crate::guard::page;

/// Why the gateway answers instead of the upstream.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A transfer coding that it does not know.
    Coding,
    /// Whoever is signed in is not what the route requires.
    Forbidden,
    /// More stands before the body than is taken.
    HeadTooLarge,
    /// Another name than the admin listener's own.
    ForeignHost,
    /// A change that a page of somebody else's asks the admin listener for.
    ForeignOrigin,
    /// The request can be read in two ways, or in none.
    Malformed(&'static str),
    /// A method that ends at a proxy.
    Method,
    /// Nothing of the gateway's own is there.
    NotFound,
    /// As much is asked of the upstream as may be at once.
    Overloaded,
    /// The upstream is spoken to in HTTP/2, where there is no way to switch.
    NoWebSocket,
    /// The client stopped in the middle of its body.
    SlowClient,
    /// The body is larger than is taken.
    TooLarge,
    /// Whoever asks whether a request may pass is no proxy that is trusted.
    UntrustedProxy,
    /// The upstream gave no answer.
    Upstream { address: String, error: UpstreamError },
}

/// What a refusal says, to people and to programs.
struct Words {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
}

impl Refusal {
    fn words(&self) -> Words {
        let words = |status, kind, title, detail: &str| Words {
            status,
            kind,
            title,
            detail: detail.to_owned(),
        };
        match self {
            Self::Coding => words(
                StatusCode::NOT_IMPLEMENTED,
                "transfer-coding",
                "This transfer coding is not known here",
                "Only chunked is.",
            ),
            Self::Forbidden => words(
                StatusCode::FORBIDDEN,
                "forbidden",
                "This is not for your account",
                "You are signed in, and this takes a permission or a group that your account does \
                 not have. Your administrator can tell you more.",
            ),
            Self::HeadTooLarge => words(
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "head-too-large",
                "This request says too much about itself",
                "The configuration allows less: limits.head. In a browser, clearing the cookies of \
                 this site helps.",
            ),
            Self::ForeignHost => words(
                StatusCode::MISDIRECTED_REQUEST,
                "foreign-host",
                "Nothing is served here under this name",
                "This listener answers to its own address, to localhost, and to the names in \
                 admin.hosts.",
            ),
            Self::ForeignOrigin => words(
                StatusCode::FORBIDDEN,
                "foreign-origin",
                "This came from another page",
                "Changes are taken from pages of this very address, and from programs.",
            ),
            Self::NotFound => words(
                StatusCode::NOT_FOUND,
                "not-found",
                "There is no such page",
                "The address may be mistyped. Your account is at /.portcullis/account.",
            ),
            Self::Overloaded => words(
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "The application is busy",
                "More is asked of it than it answers. Try again in a moment. The setting is \
                 limits.in_flight.",
            ),
            Self::Malformed(why) => words(
                StatusCode::BAD_REQUEST,
                "malformed-request",
                "This request can't be passed on",
                &sentence(why),
            ),
            Self::Method => words(
                StatusCode::METHOD_NOT_ALLOWED,
                "method",
                "This method ends here",
                "CONNECT and TRACE are not passed on.",
            ),
            Self::NoWebSocket => words(
                StatusCode::NOT_IMPLEMENTED,
                "no-websocket",
                "There are no WebSockets here",
                "The application is spoken to in HTTP/2; the setting is upstream.http2.",
            ),
            Self::SlowClient => words(
                StatusCode::REQUEST_TIMEOUT,
                "slow-request",
                "The request did not come to its end",
                "Nothing came for longer than limits.body_idle_timeout allows.",
            ),
            Self::TooLarge => words(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "This is too large",
                "The configuration allows less: limits.body.",
            ),
            Self::UntrustedProxy => words(
                StatusCode::FORBIDDEN,
                "untrusted-proxy",
                "Only a trusted proxy may ask this",
                "Name the address that it asks from in clients.trusted_proxies.",
            ),
            Self::Upstream { address, error } => upstream_words(address, error),
        }
    }

    /// The answer, as whoever sent the request can read it.
    pub(crate) fn answer(&self, client: ClientKind) -> Response<Body> {
        let words = self.words();
        let as_page = client == ClientKind::Navigation;
        let mut response = Response::new(Body::text(if as_page {
            page::plain(words.title, &words.detail)
        } else {
            let status = words.status.as_u16();
            let (kind, title) = (format!("urn:portcullis:gateway:{}", words.kind), words.title);
            json!({ "type": kind, "title": title, "status": status, "detail": words.detail })
                .to_string()
        }));
        *response.status_mut() = words.status;
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if as_page {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            headers.insert(
                CONTENT_SECURITY_POLICY,
                HeaderValue::from_static(page::CONTENT_SECURITY_POLICY),
            );
        } else {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        }
        if words.status.is_server_error() && words.status != StatusCode::NOT_IMPLEMENTED {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
        }
        if self.ends_the_connection() {
            // Whatever follows on this connection can't be trusted to be a request.
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

impl Refusal {
    const fn ends_the_connection(&self) -> bool {
        matches!(
            self,
            Self::Coding
                | Self::HeadTooLarge
                | Self::Malformed(_)
                | Self::SlowClient
                | Self::TooLarge
        )
    }
}

fn upstream_words(address: &str, error: &UpstreamError) -> Words {
    if let UpstreamError::NoneUp(servers) = error {
        return Words {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "upstream-down",
            title: "The application is not there at the moment",
            detail: format!(
                "Nothing is wrong with your account. Please try again in a moment. For whoever \
                 runs this: of the upstream's {servers} servers, {address} among them, none \
                 takes connections or passes its checks."
            ),
        };
    }
    let slow =
        matches!(error, UpstreamError::ConnectTimeout(_) | UpstreamError::ResponseTimeout(_));
    let setting = match error {
        UpstreamError::ConnectTimeout(_) => "upstream.connect_timeout",
        UpstreamError::ResponseTimeout(_) => "upstream.response_timeout",
        _ => "upstream.url",
    };
    Words {
        status: if slow { StatusCode::GATEWAY_TIMEOUT } else { StatusCode::BAD_GATEWAY },
        kind: if slow { "upstream-timeout" } else { "upstream-unreachable" },
        title: "The application does not answer",
        detail: format!(
            "Nothing is wrong with your account. Please try again in a moment. For whoever runs \
             this: the application at {address} {}; see {setting}.",
            what_happened(error)
        ),
    }
}

fn what_happened(error: &UpstreamError) -> String {
    match error {
        UpstreamError::Connect(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            "refuses connections".to_owned()
        }
        UpstreamError::Connect(error) => format!("can't be reached ({error})"),
        UpstreamError::ConnectTimeout(limit) => {
            format!("took no connection within {}", spell_length(*limit))
        }
        UpstreamError::ResponseTimeout(limit) => {
            format!("did not begin to answer within {}", spell_length(*limit))
        }
        other => format!("gave no proper answer ({other})"),
    }
}

/// As a sentence of its own.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(chars).chain(['.']).collect()
}
