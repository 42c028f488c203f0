//! What kind of client made a request, so that a refusal can be understood.
//!
//! The first kind that fits is the kind:
//!
//! 1. [`Preflight`](ClientKind::Preflight): an `OPTIONS` with one `Origin` and
//!    one `Access-Control-Request-Method`, without a body and without
//!    `Upgrade`. A preflight is let through, so nothing else may look like one.
//! 2. [`WebSocket`](ClientKind::WebSocket): a handshake, in HTTP/1.1 a GET with
//!    `Upgrade: websocket` and `Connection: upgrade`, from HTTP/2 on a CONNECT
//!    with `Sec-WebSocket-Version`.
//! 3. [`Grpc`](ClientKind::Grpc): a POST of `application/grpc`, of one of its
//!    codecs (`+proto`), or of gRPC-Web, whose clients read a status from the
//!    headers too. Connect's own protocol is a program's.
//! 4. [`Htmx`](ClientKind::Htmx): `HX-Request: true`. A navigation can't carry
//!    that header, so it outranks what else the request says.
//! 5. [`Navigation`](ClientKind::Navigation): `Sec-Fetch-Mode: navigate`; or,
//!    from clients that don't send that header (which browsers leave out on
//!    plain http), a GET or HEAD that lists `text/html` or
//!    `application/xhtml+xml` in `Accept` and is no `XMLHttpRequest` by its
//!    `X-Requested-With`. `*/*` is what programs send: it is not enough.
//! 6. [`Program`](ClientKind::Program): everything else.
//!
//! Telling them apart reads headers in place and allocates nothing.

use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Method, Version};

const HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// What kind of client made a request.
///
/// See the [module docs](self) for how they are told apart.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ClientKind {
    /// A person's browser, on its way to a page.
    Navigation,
    /// A page's htmx, asking for a piece of it.
    Htmx,
    /// A gRPC or gRPC-Web client.
    Grpc,
    /// A WebSocket handshake.
    WebSocket,
    /// A browser, asking whether another origin's script may ask.
    ///
    /// Over HTTP/2 a body need not be announced; whoever lets a preflight
    /// through looks whether one follows.
    Preflight,
    /// A script in a page, or any other program.
    Program,
}

impl ClientKind {
    /// The kind of client that made this request.
    pub fn of(request: &Parts) -> Self {
        if is_preflight(request) {
            Self::Preflight
        } else if is_websocket(request) {
            Self::WebSocket
        } else if is_grpc(request) {
            Self::Grpc
        } else if request
            .headers
            .get(HX_REQUEST)
            .is_some_and(|value| value == "true")
        {
            Self::Htmx
        } else if is_navigation(request) {
            Self::Navigation
        } else {
            Self::Program
        }
    }
}

fn is_preflight(request: &Parts) -> bool {
    let headers = &request.headers;
    request.method == Method::OPTIONS
        && only(headers, &header::ORIGIN).is_some()
        && only(headers, &header::ACCESS_CONTROL_REQUEST_METHOD).is_some()
        && headers
            .get_all(header::CONTENT_LENGTH)
            .iter()
            .all(|length| length == "0")
        && !headers.contains_key(header::TRANSFER_ENCODING)
        && !headers.contains_key(header::UPGRADE)
}

fn is_websocket(request: &Parts) -> bool {
    let headers = &request.headers;
    match request.version {
        Version::HTTP_11 => {
            request.method == Method::GET
                && lists(headers, &header::UPGRADE, b"websocket")
                && lists(headers, &header::CONNECTION, b"upgrade")
        }
        // `:protocol` is in an extension of the server's own type, but no other
        // extended CONNECT names a WebSocket version.
        Version::HTTP_2 | Version::HTTP_3 => {
            request.method == Method::CONNECT && headers.contains_key(header::SEC_WEBSOCKET_VERSION)
        }
        _ => false,
    }
}

fn is_grpc(request: &Parts) -> bool {
    let content_type = request.headers.get(header::CONTENT_TYPE);
    request.method == Method::POST && content_type.is_some_and(|value| grpc_type(value).is_some())
}

/// The content type that a gRPC client understands, by the one that it sent.
pub(crate) fn grpc_type(sent: &HeaderValue) -> Option<&'static str> {
    let (essence, _) = split_params(sent.as_bytes());
    let (base, _) = split_once(essence, b'+');
    let known = ["application/grpc", "application/grpc-web", "application/grpc-web-text"];
    known
        .into_iter()
        .find(|known| base.eq_ignore_ascii_case(known.as_bytes()))
}

fn is_navigation(request: &Parts) -> bool {
    let mut modes = request.headers.get_all(SEC_FETCH_MODE).iter().peekable();
    if modes.peek().is_some() {
        return modes.all(|mode| mode == "navigate");
    }
    matches!(request.method, Method::GET | Method::HEAD)
        && !request.headers.contains_key(X_REQUESTED_WITH)
        && entries(&request.headers, &header::ACCEPT).any(accepts_html)
}

/// Whether one range of `Accept` asks for a page.
fn accepts_html(range: &[u8]) -> bool {
    let (essence, params) = split_params(range);
    let is_page = essence.eq_ignore_ascii_case(b"text/html")
        || essence.eq_ignore_ascii_case(b"application/xhtml+xml");
    is_page && !params.split(|byte| *byte == b';').any(is_weight_of_nothing)
}

/// `q=0`, `q=0.000` and the like.
fn is_weight_of_nothing(param: &[u8]) -> bool {
    let (name, value) = split_once(param, b'=');
    let (whole, fraction) = split_once(value.trim_ascii(), b'.');
    name.trim_ascii().eq_ignore_ascii_case(b"q")
        && whole == b"0"
        && fraction.iter().all(|digit| *digit == b'0')
}

/// The value of a header that a request has exactly once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    values.next().is_none().then_some(first)
}

/// The entries of a header that is a list, over all its lines.
fn entries<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let lines = headers.get_all(name).into_iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}

fn lists(headers: &HeaderMap, name: &HeaderName, token: &[u8]) -> bool {
    entries(headers, name).any(|entry| entry.eq_ignore_ascii_case(token))
}

/// A media type without its parameters, and these.
fn split_params(value: &[u8]) -> (&[u8], &[u8]) {
    let (essence, params) = split_once(value, b';');
    (essence.trim_ascii(), params)
}

fn split_once(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    match bytes.iter().position(|byte| *byte == at) {
        Some(found) => (&bytes[..found], &bytes[found + 1..]),
        None => (bytes, &[]),
    }
}

#[cfg(test)]
mod tests {
    use ClientKind::{Grpc, Htmx, Navigation, Preflight, Program, WebSocket};
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    type Headers = &'static [(&'static str, &'static str)];

    const CHROME: &str =
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

    fn request(method: &str, version: Version, headers: &[(&str, &str)]) -> Parts {
        let mut builder = Request::builder().method(method).version(version);
        for (name, value) in headers {
            builder = builder.header(*name, *value);
        }
        builder.body(()).expect("a request").into_parts().0
    }

    fn kind(method: &str, headers: &[(&str, &str)]) -> ClientKind {
        ClientKind::of(&request(method, Version::HTTP_11, headers))
    }

    #[test]
    fn navigations_say_so_or_ask_for_a_page() {
        let cases: &[(&str, Headers, ClientKind)] = &[
            ("GET", &[("sec-fetch-mode", "navigate")], Navigation),
            ("POST", &[("sec-fetch-mode", "navigate")], Navigation),
            ("GET", &[("sec-fetch-mode", "cors"), ("accept", CHROME)], Program),
            ("GET", &[("sec-fetch-mode", "no-cors"), ("accept", CHROME)], Program),
            ("GET", &[("sec-fetch-mode", "Navigate"), ("accept", CHROME)], Program),
            ("GET", &[("sec-fetch-mode", "navigate"), ("sec-fetch-mode", "cors")], Program),
            ("GET", &[("accept", CHROME)], Navigation),
            ("HEAD", &[("accept", CHROME)], Navigation),
            ("POST", &[("accept", CHROME)], Program),
            ("OPTIONS", &[("accept", CHROME)], Program),
            ("GET", &[("accept", "TEXT/HTML")], Navigation),
            ("GET", &[("accept", "application/json, text/html ; q=0.1")], Navigation),
            ("GET", &[("accept", "application/json"), ("accept", "text/html")], Navigation),
            ("GET", &[("accept", "application/xhtml+xml")], Navigation),
            ("GET", &[("accept", "text/html;q=0")], Program),
            ("GET", &[("accept", "text/html; Q = 0.000 , */*")], Program),
            ("GET", &[("accept", "text/html;q=0.001")], Navigation),
            ("GET", &[("accept", "text/html;level=0;q=1")], Navigation),
            ("GET", &[("accept", "*/*")], Program),
            ("GET", &[("accept", "text/*")], Program),
            ("GET", &[("accept", "text/htmlx")], Program),
            ("GET", &[("accept", "application/json")], Program),
            ("GET", &[("accept", "text/event-stream")], Program),
            ("GET", &[("accept", CHROME), ("x-requested-with", "XMLHttpRequest")], Program),
            ("GET", &[], Program),
        ];
        for (method, headers, expected) in cases {
            assert_eq!(kind(method, headers), *expected, "{method} {headers:?}");
        }
    }

    #[test]
    fn grpc_is_posted() {
        let cases: &[(&str, &str, ClientKind)] = &[
            ("POST", "application/grpc", Grpc),
            ("POST", "application/grpc+proto", Grpc),
            ("POST", "Application/GRPC+json; charset=utf-8", Grpc),
            ("POST", "application/grpc-web", Grpc),
            ("POST", "application/grpc-web+proto", Grpc),
            ("POST", "application/grpc-web-text+proto", Grpc),
            ("POST", "application/grpcx", Program),
            ("POST", "application/connect+proto", Program),
            ("POST", "application/json", Program),
            ("GET", "application/grpc", Program),
        ];
        for (method, content_type, expected) in cases {
            let found = kind(method, &[("content-type", content_type)]);
            assert_eq!(found, *expected, "{method} {content_type}");
        }
    }

    #[test]
    fn handshakes_are_known_in_every_version() {
        let upgrade = [("upgrade", "WebSocket"), ("connection", "keep-alive, Upgrade")];
        assert_eq!(kind("GET", &upgrade), WebSocket);
        assert_eq!(kind("POST", &upgrade), Program);
        assert_eq!(kind("GET", &upgrade[..1]), Program);
        assert_eq!(kind("GET", &[("upgrade", "h2c"), upgrade[1]]), Program);
        assert_eq!(ClientKind::of(&request("GET", Version::HTTP_10, &upgrade)), Program);

        let version = [("sec-websocket-version", "13")];
        for http in [Version::HTTP_2, Version::HTTP_3] {
            assert_eq!(ClientKind::of(&request("CONNECT", http, &version)), WebSocket);
            assert_eq!(ClientKind::of(&request("CONNECT", http, &[])), Program);
            assert_eq!(ClientKind::of(&request("GET", http, &upgrade)), Program);
        }
    }

    #[test]
    fn nothing_else_passes_for_a_preflight() {
        let asks = [("origin", "https://a.example"), ("access-control-request-method", "PUT")];
        let with = |more: (&'static str, &'static str)| [asks[0], asks[1], more];
        assert_eq!(kind("OPTIONS", &asks), Preflight);
        assert_eq!(kind("OPTIONS", &with(("content-length", "0"))), Preflight);
        assert_eq!(kind("OPTIONS", &with(("hx-request", "true"))), Preflight);

        for method in ["GET", "POST", "PUT", "options", "OPTIONSX"] {
            assert_eq!(kind(method, &asks), Program, "{method}");
        }
        let bodies = [
            ("content-length", "1"),
            ("content-length", "00"),
            ("content-length", "-0"),
            ("content-length", "0, 5"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("origin", "https://b.example"),
            ("access-control-request-method", "GET"),
        ];
        for more in bodies {
            assert_eq!(kind("OPTIONS", &with(more)), Program, "{more:?}");
        }
        assert_eq!(kind("OPTIONS", &asks[..1]), Program);
        assert_eq!(kind("OPTIONS", &asks[1..]), Program);
    }

    #[test]
    fn the_order_decides_between_two() {
        let htmx = ("hx-request", "true");
        assert_eq!(kind("GET", &[htmx, ("accept", CHROME)]), Htmx);
        assert_eq!(kind("GET", &[htmx, ("sec-fetch-mode", "navigate")]), Htmx);
        assert_eq!(kind("POST", &[htmx, ("content-type", "application/grpc")]), Grpc);
        assert_eq!(kind("GET", &[("hx-request", "false"), ("accept", CHROME)]), Navigation);
        let upgrade = [("upgrade", "websocket"), ("connection", "upgrade"), htmx];
        assert_eq!(kind("GET", &upgrade), WebSocket);
    }

    /// Requests whose headers are the ones that matter, and any bytes.
    fn any_request() -> impl Strategy<Value = Parts> {
        let names = proptest::sample::select(vec![
            "accept",
            "access-control-request-method",
            "connection",
            "content-length",
            "content-type",
            "hx-request",
            "origin",
            "sec-fetch-mode",
            "sec-websocket-version",
            "transfer-encoding",
            "upgrade",
            "x-requested-with",
        ]);
        let known = proptest::sample::select(vec![
            "navigate",
            "cors",
            "true",
            "0",
            "websocket",
            "upgrade",
            "text/html",
            "text/html;q=0",
            "application/grpc",
            ",;q=0.=,",
            "*/*",
        ]);
        let value = prop_oneof![
            3 => known.prop_map(|text| text.as_bytes().to_vec()),
            1 => proptest::collection::vec(any::<u8>(), 0..40),
        ];
        let methods = vec!["GET", "HEAD", "POST", "OPTIONS", "CONNECT", "PUT", "X"];
        let versions = vec![Version::HTTP_10, Version::HTTP_11, Version::HTTP_2, Version::HTTP_3];
        let headers = proptest::collection::vec((names, value), 0..8);
        (proptest::sample::select(methods), proptest::sample::select(versions), headers).prop_map(
            |(method, version, headers)| {
                let mut parts = request(method, version, &[]);
                for (name, value) in headers {
                    if let Ok(value) = HeaderValue::from_bytes(&value) {
                        parts.headers.append(name, value);
                    }
                }
                parts
            },
        )
    }

    /// One range of `Accept`, and whether it asks for a page.
    fn any_range() -> impl Strategy<Value = (String, bool)> {
        let types = proptest::sample::select(vec![
            ("text/html", true),
            ("Text/HTML", true),
            ("application/xhtml+xml", true),
            ("text/htmlx", false),
            ("text/*", false),
            ("*/*", false),
            ("application/json", false),
            ("", false),
        ]);
        let weights = proptest::sample::select(vec![
            ("", true),
            (";q=1", true),
            (";q=0.001", true),
            ("; level=0", true),
            (";q=0", false),
            (" ; Q = 0.00", false),
            ("; level=1;q=0.", false),
        ]);
        let space = proptest::sample::select(vec!["", " ", "\t"]);
        (space, types, weights).prop_map(|(space, (essence, is_page), (weight, weighs))| {
            (format!("{space}{essence}{weight}"), is_page && weighs)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        /// Property: whatever the headers say, each kind keeps what its answer
        /// rests on. Only an OPTIONS without a body passes as a preflight, and
        /// only a browser that says so is redirected from a POST.
        #[test]
        fn every_kind_keeps_its_word(parts in any_request()) {
            let has = |name: &str| parts.headers.contains_key(name);
            match ClientKind::of(&parts) {
                Preflight => {
                    prop_assert_eq!(&parts.method, Method::OPTIONS);
                    prop_assert!(has("origin") && has("access-control-request-method"));
                    prop_assert!(!has("transfer-encoding") && !has("upgrade"));
                }
                Navigation if !matches!(parts.method, Method::GET | Method::HEAD) => {
                    prop_assert_eq!(&parts.headers["sec-fetch-mode"], "navigate");
                }
                Navigation => prop_assert!(has("sec-fetch-mode") || has("accept")),
                Grpc => prop_assert_eq!(&parts.method, Method::POST),
                WebSocket => {
                    prop_assert!(matches!(parts.method, Method::GET | Method::CONNECT));
                }
                Htmx => prop_assert_eq!(&parts.headers["hx-request"], "true"),
                Program => {}
            }
        }

        /// Property: a script that says it is one is never redirected.
        #[test]
        fn scripts_are_programs(parts in any_request()) {
            let mut parts = parts;
            parts.headers.insert(SEC_FETCH_MODE, HeaderValue::from_static("cors"));
            prop_assert_ne!(ClientKind::of(&parts), Navigation);
        }

        /// Property: a page is asked for exactly when one of the ranges, on
        /// whatever line and in whatever spelling, is a page's and weighs more
        /// than nothing.
        #[test]
        fn accept_is_read_as_a_list(ranges in proptest::collection::vec(any_range(), 0..6), split: bool) {
            let texts: Vec<String> = ranges.iter().map(|(text, _)| text.clone()).collect();
            let lines = if split { texts } else { vec![texts.join(",")] };
            let lines: Vec<_> = lines.iter().map(|line| ("accept", line.as_str())).collect();
            let asked = ranges.iter().any(|(_, asks)| *asks);
            prop_assert_eq!(kind("GET", &lines) == Navigation, asked);
        }

        /// Property: the type that is answered is the one that was sent, without
        /// what a refusal leaves out.
        #[test]
        fn the_grpc_type_is_one_that_was_sent(
            base in "application/grpc(-web)?(-text)?|[a-z/+-]{0,20}",
            codec in "(\\+[a-z]{0,6})?",
            params in "( ?;[ -~]{0,12})?",
        ) {
            let sent = HeaderValue::from_str(&format!("{base}{codec}{params}")).expect("visible ASCII");
            let known = matches!(
                &*base, "application/grpc" | "application/grpc-web" | "application/grpc-web-text"
            );
            match grpc_type(&sent) {
                Some(answered) => prop_assert!(
                    base.split('+').next() == Some(answered) || base == answered
                ),
                None => prop_assert!(!known),
            }
        }
    }
}
