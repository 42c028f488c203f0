//! Envoy's authorization service in gRPC, asked by tonic as Envoy asks. The messages are
//! declared here once more, by the published API.

use std::collections::HashMap;
use std::time::Duration;

use axum::Router;
use bytes::{Buf, BufMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis::TrustedProxies;
use portcullis::gateway::Settings;
use prost::Message;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};

use super::{Stand, serve};
use crate::support::tls::Signer;

const SOON: Duration = Duration::from_secs(10);
const CHECK: &str = "/envoy.service.auth.v3.Authorization/Check";

/// envoy/service/auth/v3/external_auth.proto
#[derive(Clone, PartialEq, Message)]
struct CheckRequest {
    #[prost(message, optional, tag = "1")]
    attributes: Option<Attributes>,
    /// There is none with this number: a later version may have one.
    #[prost(string, tag = "900")]
    unknown: String,
}

/// envoy/service/auth/v3/attribute_context.proto
#[derive(Clone, PartialEq, Message)]
struct Attributes {
    #[prost(message, optional, tag = "1")]
    source: Option<Peer>,
    #[prost(message, optional, tag = "4")]
    request: Option<AttributeRequest>,
    #[prost(map = "string, string", tag = "10")]
    context_extensions: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Message)]
struct Peer {
    #[prost(string, tag = "4")]
    principal: String,
}

#[derive(Clone, PartialEq, Message)]
struct AttributeRequest {
    #[prost(message, optional, tag = "2")]
    http: Option<HttpRequest>,
}

#[derive(Clone, PartialEq, Message)]
struct HttpRequest {
    #[prost(string, tag = "1")]
    id: String,
    #[prost(string, tag = "2")]
    method: String,
    #[prost(map = "string, string", tag = "3")]
    headers: HashMap<String, String>,
    #[prost(string, tag = "4")]
    path: String,
    #[prost(string, tag = "5")]
    host: String,
    #[prost(string, tag = "6")]
    scheme: String,
    #[prost(int64, tag = "9")]
    size: i64,
    #[prost(string, tag = "10")]
    protocol: String,
    #[prost(string, tag = "11")]
    body: String,
    #[prost(message, optional, tag = "13")]
    header_map: Option<HeaderMap>,
}

/// envoy/config/core/v3/base.proto
#[derive(Clone, PartialEq, Message)]
struct HeaderMap {
    #[prost(message, repeated, tag = "1")]
    headers: Vec<HeaderValue>,
}

#[derive(Clone, PartialEq, Message)]
struct HeaderValue {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, tag = "2")]
    value: String,
    #[prost(bytes = "vec", tag = "3")]
    raw_value: Vec<u8>,
}

#[derive(Clone, PartialEq, Message)]
struct HeaderValueOption {
    #[prost(message, optional, tag = "1")]
    header: Option<HeaderValue>,
    #[prost(message, optional, tag = "2")]
    append: Option<bool>,
    #[prost(int32, tag = "3")]
    append_action: i32,
}

#[derive(Clone, PartialEq, Message)]
struct CheckResponse {
    #[prost(message, optional, tag = "1")]
    status: Option<RpcStatus>,
    #[prost(oneof = "HttpResponse", tags = "2, 3")]
    http_response: Option<HttpResponse>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum HttpResponse {
    #[prost(message, tag = "2")]
    Denied(Denied),
    #[prost(message, tag = "3")]
    Ok(Passed),
}

/// google/rpc/status.proto
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Denied {
    #[prost(message, optional, tag = "1")]
    status: Option<HttpStatus>,
    #[prost(message, repeated, tag = "2")]
    headers: Vec<HeaderValueOption>,
    #[prost(string, tag = "3")]
    body: String,
}

/// envoy/type/v3/http_status.proto
#[derive(Clone, PartialEq, Message)]
struct HttpStatus {
    #[prost(int32, tag = "1")]
    code: i32,
}

#[derive(Clone, PartialEq, Message)]
struct Passed {
    #[prost(message, repeated, tag = "2")]
    headers: Vec<HeaderValueOption>,
    #[prost(string, repeated, tag = "5")]
    headers_to_remove: Vec<String>,
}

#[derive(Clone, Copy, Default)]
struct Proto;

impl Codec for Proto {
    type Encode = CheckRequest;
    type Decode = CheckResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Proto {
    type Item = CheckRequest;
    type Error = Status;

    fn encode(&mut self, message: CheckRequest, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&message.encode_to_vec());
        Ok(())
    }
}

impl Decoder for Proto {
    type Item = CheckResponse;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<CheckResponse>, Status> {
        let bytes = from.copy_to_bytes(from.remaining());
        let message = CheckResponse::decode(bytes);
        message
            .map(Some)
            .map_err(|error| Status::internal(error.to_string()))
    }
}

/// What Envoy says of a request to `app.example`, with these headers of the client's.
fn asking(method: &str, path: &str, headers: &[(&str, &str)]) -> CheckRequest {
    let own = [(":authority", "app.example"), (":method", method), (":path", path)];
    let headers = own.iter().chain(headers);
    let http = HttpRequest {
        id: "7".to_owned(),
        method: method.to_owned(),
        headers: headers
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        path: path.to_owned(),
        host: "app.example".to_owned(),
        scheme: "https".to_owned(),
        size: -1,
        protocol: "HTTP/2".to_owned(),
        body: "unread".to_owned(),
        header_map: None,
    };
    about(http)
}

fn about(http: HttpRequest) -> CheckRequest {
    let request = Some(AttributeRequest { http: Some(http) });
    let source = Some(Peer { principal: "spiffe://cluster.local/admin".to_owned() });
    let extension = ("x-portcullis-user".to_owned(), "root".to_owned());
    let context_extensions = [extension].into_iter().collect();
    let attributes = Some(Attributes { source, request, context_extensions });
    CheckRequest { attributes, unknown: "of a later version".to_owned() }
}

/// With one fact told otherwise.
fn but(change: impl FnOnce(&mut HttpRequest)) -> CheckRequest {
    let mut asked = asking("GET", "/public/x", &[]);
    let http = asked
        .attributes
        .as_mut()
        .and_then(|all| all.request.as_mut());
    change(
        http.and_then(|request| request.http.as_mut())
            .expect("a request"),
    );
    asked
}

struct Envoy {
    stand: Stand,
    channel: Channel,
}

fn trusting(network: &str, settings: &mut Settings) {
    let network = network.parse().expect("a network");
    settings.client_address.trusted_proxies = TrustedProxies::new([network]);
    settings.open_paths = vec!["/public".to_owned()];
    settings.ext_authz = true;
}

fn application() -> Router {
    Router::new().fallback(|| async { "the application" })
}

impl Envoy {
    async fn before(change: impl FnOnce(&mut Settings)) -> Self {
        let stand = Stand::with(application(), |settings| {
            trusting("127.0.0.1/32", settings);
            change(settings);
        })
        .await;
        let endpoint = Endpoint::try_from(format!("http://{}", stand.address)).expect("an address");
        let channel = endpoint.connect().await.expect("a connection");
        Self { stand, channel }
    }

    async fn call(&self, path: &str, message: CheckRequest) -> Result<CheckResponse, Status> {
        let mut client = tonic::client::Grpc::new(self.channel.clone());
        client.ready().await.expect("a connection");
        let path = path.parse().expect("a path");
        let answer = timeout(SOON, client.unary(Request::new(message), path, Proto)).await;
        Ok(answer.expect("in time")?.into_inner())
    }

    async fn check(&self, message: CheckRequest) -> CheckResponse {
        self.call(CHECK, message).await.expect("an answer")
    }

    /// What becomes of a request that may pass.
    async fn passes(&self, message: CheckRequest) -> Passed {
        let answer = self.check(message).await;
        assert_eq!(answer.status.as_ref().map(|status| status.code), Some(0), "{answer:?}");
        match answer.http_response {
            Some(HttpResponse::Ok(passed)) => passed,
            other => panic!("{other:?}"),
        }
    }

    /// What a client is sent whose request may not.
    async fn is_denied(&self, message: CheckRequest) -> (i32, Denied) {
        let answer = self.check(message.clone()).await;
        // Without a status, or with OK, it would pass.
        assert!(
            answer
                .status
                .as_ref()
                .is_some_and(|status| status.code != 0),
            "{message:?}"
        );
        match answer.http_response {
            Some(HttpResponse::Denied(denied)) => {
                (denied.status.as_ref().expect("a status").code, denied)
            }
            other => panic!("{message:?}: {other:?}"),
        }
    }
}

fn set<'a>(headers: &'a [HeaderValueOption], name: &str) -> Vec<&'a str> {
    let headers = headers.iter().filter_map(|option| option.header.as_ref());
    let named = headers.filter(|header| header.key == name);
    named.map(|header| header.value.as_str()).collect()
}

const NAVIGATION: [(&str, &str); 2] = [("accept", "text/html"), ("sec-fetch-mode", "navigate")];
const PROGRAM: [(&str, &str); 1] = [("accept", "application/json")];

#[tokio::test]
async fn a_check_in_grpc_decides_as_one_over_http() {
    let envoy = Envoy::before(|_| {}).await;
    let (status, denied) = envoy
        .is_denied(asking("GET", "/reports?year=2026", &NAVIGATION))
        .await;
    assert_eq!(status, 303);
    let to = "/.portcullis/sign-in?return_to=/reports%3Fyear%3D2026";
    assert_eq!(set(&denied.headers, "location"), [to]);
    assert_eq!(set(&denied.headers, "cache-control"), ["no-store"]);
    let (status, denied) = envoy.is_denied(asking("POST", "/reports", &PROGRAM)).await;
    assert_eq!((status, set(&denied.headers, "www-authenticate").len()), (401, 1));
    assert_eq!(set(&denied.headers, "content-type"), ["application/problem+json"]);
    assert!(denied.body.contains("sign_in_url"), "{}", denied.body);

    let (alice, cookie) = envoy.stand.signed_in("alice").await;
    let with_cookie = [PROGRAM[0], ("cookie", &*cookie)];
    let passed = envoy.passes(asking("POST", "/reports", &with_cookie)).await;
    assert_eq!(set(&passed.headers, "x-portcullis-user"), ["alice"]);
    assert_eq!(set(&passed.headers, "x-portcullis-account"), [alice.id.to_string()]);
    for option in &passed.headers {
        // In the place of what a client sent, for every version of Envoy.
        assert_eq!((option.append, option.append_action), (Some(false), 2), "{option:?}");
    }
    let open = envoy
        .passes(asking("GET", "/public/logo.svg", &PROGRAM))
        .await;
    assert_eq!(open.headers, []);

    envoy.stand.test.lock(&alice).await;
    let (status, denied) = envoy
        .is_denied(asking("POST", "/reports", &with_cookie))
        .await;
    assert_eq!(status, 403);
    assert!(denied.body.contains("locked"), "{}", denied.body);
    let with_cookie = [NAVIGATION[0], NAVIGATION[1], ("cookie", &*cookie)];
    let (status, denied) = envoy
        .is_denied(asking("GET", "/reports", &with_cookie))
        .await;
    assert_eq!(status, 303);
    assert!(set(&denied.headers, "location")[0].ends_with("&notice=locked"));
    let cleared = set(&denied.headers, "set-cookie");
    assert!(cleared.iter().any(|cookie| cookie.contains("Max-Age=0")), "{cleared:?}");
}

#[tokio::test]
async fn what_a_client_says_of_who_it_is_goes() {
    let envoy = Envoy::before(|_| {}).await;
    let (_, cookie) = envoy.stand.signed_in("alice").await;
    let cookie = format!("theme=dark; {cookie}; lang=de");
    let smuggled = [
        ("x-portcullis-user", "root"),
        ("x-portcullis-groups", "admins"),
        ("x_portcullis_user", "root"),
        ("x.portcullis.user", "root"),
        ("remote-user", "root"),
        ("x-auth-request-email", "root@example.test"),
        ("x-original-url", "https://app.example/public"),
        ("x-forwarded-user", "root"),
    ];
    let kept = [
        ("cookie", cookie.as_str()),
        ("accept", "application/json"),
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https"),
        ("x-request-id", "7"),
    ];
    let sent: Vec<_> = smuggled.iter().chain(&kept).copied().collect();
    let passed = envoy.passes(asking("GET", "/reports", &sent)).await;
    let removed = &passed.headers_to_remove;
    for (name, _) in smuggled {
        let is_set = !set(&passed.headers, name).is_empty();
        assert!(is_set != removed.iter().any(|other| other == name), "{name}: {passed:?}");
    }
    assert_eq!(set(&passed.headers, "x-portcullis-user"), ["alice"]);
    // What the account does not have must not be the client's, whether or not it was sent.
    for name in ["x-portcullis-email", "x-portcullis-name"] {
        assert!(removed.iter().any(|other| other == name), "{name}: {removed:?}");
    }
    for (name, _) in kept {
        assert!(!removed.iter().any(|other| other == name), "{name}: {removed:?}");
    }
    assert_eq!(set(&passed.headers, "cookie"), ["theme=dark; lang=de"], "no session goes on");
    // The gateway's own pages need its cookies.
    let own = envoy
        .passes(asking("GET", "/.portcullis/account", &sent))
        .await;
    assert_eq!((own.headers, own.headers_to_remove), (vec![], Vec::<String>::new()));
    // On a path that everybody may see, nobody is named.
    let open = envoy.passes(asking("GET", "/public/x", &smuggled)).await;
    assert_eq!(set(&open.headers, "x-portcullis-user"), [""; 0]);
    for (name, _) in smuggled {
        assert!(open.headers_to_remove.iter().any(|other| other == name), "{name}");
    }
}

#[tokio::test]
async fn no_header_takes_the_place_of_a_fact() {
    let envoy = Envoy::before(|_| {}).await;
    let spoofed = [
        ("x-forwarded-uri", "/public/x"),
        ("x-original-url", "https://app.example/public/x"),
        ("x-original-uri", "/public/x"),
        ("x-rewrite-url", "/public/x"),
        ("x-forwarded-method", "OPTIONS"),
        ("x-original-method", "OPTIONS"),
        ("x-http-method-override", "OPTIONS"),
        ("x-forwarded-host", "public.example"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-portcullis-user", "alice"),
        (":path", "/public/x"),
        (":method", "OPTIONS"),
        ("user-agent", "GoogleHC/1.0"),
    ];
    for header in spoofed {
        let (status, _) = envoy
            .is_denied(asking("GET", "/private", &[PROGRAM[0], header]))
            .await;
        assert_eq!(status, 401, "{header:?}");
    }
    let preflight =
        [("origin", "https://other.example"), ("access-control-request-method", "POST")];
    let (status, _) = envoy
        .is_denied(asking("OPTIONS", "/private", &preflight))
        .await;
    assert!(status >= 300, "whoever forwards it would leave its cookies on");
}

#[tokio::test]
async fn paths_with_two_readings_are_refused() {
    let envoy = Envoy::before(|_| {}).await;
    for path in [
        "/public/../private",
        "/public/%2e%2e/private",
        "/public/..%2fprivate",
        "/public/%252e%252e/private",
        "/public/..;/private",
        "/public\\..\\private",
        "/%2eportcullis/sign-in",
        "//.portcullis/sign-in",
        "/public#/private",
        "https://app.example/public",
        "public",
        "*",
        "",
    ] {
        let (status, denied) = envoy.is_denied(asking("GET", path, &PROGRAM)).await;
        assert_eq!(status, 400, "{path}: {}", denied.body);
    }
    for path in ["/public;/private", "/publicity", "/private?/public/x", "/PUBLIC/x"] {
        let (status, _) = envoy.is_denied(asking("GET", path, &PROGRAM)).await;
        assert_eq!(status, 401, "{path}");
    }
}

#[tokio::test]
async fn facts_that_are_missing_or_none_are_refused() {
    let envoy = Envoy::before(|_| {}).await;
    type Change = fn(&mut HttpRequest);
    let wrong: [(Change, i32); 8] = [
        (|http| http.method.clear(), 400),
        (|http| http.method = "GE T".to_owned(), 400),
        (|http| http.method = "CONNECT".to_owned(), 405),
        (|http| http.host.clear(), 400),
        (|http| http.host = "app.example/x".to_owned(), 400),
        (|http| http.scheme.clear(), 400),
        (|http| http.scheme = "ftp".to_owned(), 400),
        (|http| drop(http.headers.insert("a b".to_owned(), String::new())), 400),
    ];
    for (n, (change, expected)) in wrong.into_iter().enumerate() {
        let (status, denied) = envoy.is_denied(but(change)).await;
        assert_eq!(status, expected, "{n}: {}", denied.body);
    }
    let nothing = CheckRequest::default();
    let none = about(HttpRequest::default());
    let empty = CheckRequest { attributes: Some(Attributes::default()), ..nothing.clone() };
    let bare = Attributes { request: Some(AttributeRequest::default()), ..Attributes::default() };
    let bare = CheckRequest { attributes: Some(bare), ..nothing.clone() };
    for message in [nothing, empty, bare] {
        let failed = envoy.call(CHECK, message).await.expect_err("a failure");
        assert_eq!(failed.code(), Code::InvalidArgument, "{failed:?}");
        assert!(failed.message().contains("attributes.request.http"), "{failed:?}");
    }
    assert_eq!(envoy.is_denied(none).await.0, 400);
}

#[tokio::test]
async fn headers_may_come_as_they_are() {
    let envoy = Envoy::before(|_| {}).await;
    let (_, cookie) = envoy.stand.signed_in("alice").await;
    let raw = |key: &str, value: &[u8]| HeaderValue {
        key: key.to_owned(),
        value: String::new(),
        raw_value: value.to_vec(),
    };
    let told = |headers: Vec<HeaderValue>| {
        but(|http| {
            http.path = "/reports".to_owned();
            http.headers.clear();
            http.header_map = Some(HeaderMap { headers });
        })
    };
    let headers = vec![raw("x-odd", b"\xff"), raw("cookie", cookie.as_bytes())];
    let passed = envoy.passes(told(headers)).await;
    assert_eq!(set(&passed.headers, "x-portcullis-user"), ["alice"]);
    // More than one session is none.
    let twice = vec![raw("cookie", cookie.as_bytes()), raw("cookie", cookie.as_bytes())];
    assert_ne!(envoy.is_denied(told(twice)).await.0, 200);
    let both = but(|http| {
        let headers = vec![raw("cookie", cookie.as_bytes())];
        http.header_map = Some(HeaderMap { headers });
    });
    assert_eq!(envoy.is_denied(both).await.0, 400, "they are told twice");
}

/// Envoy makes a status of gRPC of a status of HTTP; a success would be none.
#[tokio::test]
async fn refused_calls_of_grpc_are_no_success() {
    let envoy = Envoy::before(|_| {}).await;
    let grpc = [("content-type", "application/grpc"), ("te", "trailers")];
    assert_eq!(
        envoy
            .is_denied(asking("POST", "/shop.Orders/List", &grpc))
            .await
            .0,
        401
    );
    let (alice, cookie) = envoy.stand.signed_in("alice").await;
    envoy.stand.test.lock(&alice).await;
    let with_cookie = [grpc[0], grpc[1], ("cookie", &*cookie)];
    assert_eq!(
        envoy
            .is_denied(asking("POST", "/shop.Orders/List", &with_cookie))
            .await
            .0,
        403
    );
}

#[tokio::test]
async fn only_trusted_proxies_are_answered_and_only_this_call() {
    let envoy = Envoy::before(|settings| trusting("192.0.2.0/24", settings)).await;
    let (_, cookie) = envoy.stand.signed_in("alice").await;
    let asked = asking("GET", "/", &[("cookie", &cookie)]);
    let failed = envoy.call(CHECK, asked).await.expect_err("a failure");
    assert_eq!(failed.code(), Code::PermissionDenied);
    assert!(failed.message().contains("clients.trusted_proxies"), "{failed:?}");

    let envoy = Envoy::before(|_| {}).await;
    for path in [
        "/envoy.service.auth.v2.Authorization/Check",
        "/envoy.service.auth.v3.Authorization/check",
        "/envoy.service.auth.v3.Authorization/Check/",
    ] {
        let failed = envoy.call(path, but(|_| {})).await.expect_err(path);
        assert_eq!(failed.code(), Code::Unimplemented, "{path}");
    }
    // Any other is the application's, and asks for a session.
    let path = "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit";
    let failed = envoy.call(path, but(|_| {})).await.expect_err("a failure");
    assert_eq!(failed.code(), Code::Unauthenticated);
    let off = Envoy::before(|settings| settings.ext_authz = false).await;
    let failed = off.call(CHECK, but(|_| {})).await.expect_err("a failure");
    assert_eq!(failed.code(), Code::Unauthenticated, "it is the application's where it is off");
}

/// The status of a call with these bytes for a body.
async fn raw(envoy: &Envoy, content_type: &str, body: Vec<u8>) -> Option<String> {
    let stream = TcpStream::connect(envoy.stand.address)
        .await
        .expect("a connection");
    let shaken =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.expect("a connection");
    tokio::spawn(connection);
    let request = http::Request::post(format!("http://app.example{CHECK}"))
        .header("content-type", content_type)
        .body(Full::new(Bytes::from(body)))
        .expect("a request");
    let answer = timeout(SOON, sender.send_request(request))
        .await
        .expect("in time")
        .ok()?;
    assert_eq!(answer.status(), 200);
    let head = answer.headers().get("grpc-status").cloned();
    let whole = answer.into_body().collect().await.expect("a body");
    let status = head.or_else(|| whole.trailers()?.get("grpc-status").cloned());
    Some(status.expect("a status").to_str().expect("text").to_owned())
}

#[tokio::test]
async fn what_is_no_message_is_told_so() {
    let envoy = Envoy::before(|_| {}).await;
    let framed = |flag: u8, length: usize, message: &[u8]| {
        let length = u32::try_from(length).expect("short").to_be_bytes();
        [&[flag], &length[..], message].concat()
    };
    let good = but(|_| {}).encode_to_vec();
    let huge = but(|http| http.body = "x".repeat(1 << 20)).encode_to_vec();
    for (content_type, body, expected) in [
        ("application/grpc", framed(0, good.len(), &good), "0"),
        ("application/grpc+proto", framed(0, good.len(), &good), "0"),
        ("application/grpc+json", framed(0, good.len(), &good), "3"),
        ("text/plain", framed(0, good.len(), &good), "3"),
        ("application/grpc", Vec::new(), "3"),
        ("application/grpc", framed(0, good.len() + 1, &good), "3"),
        ("application/grpc", framed(0, good.len() - 1, &good), "3"),
        ("application/grpc", [framed(0, good.len(), &good), vec![0; 5]].concat(), "3"),
        ("application/grpc", framed(0, 3, &[0xff; 3]), "3"),
        // A length that goes beyond everything.
        ("application/grpc", framed(0, 6, &[10, 0xff, 0xff, 0xff, 0xff, 7]), "3"),
        ("application/grpc", framed(1, good.len(), &good), "12"),
        ("application/grpc", framed(0, huge.len(), &huge), "8"),
    ] {
        let status = raw(&envoy, content_type, body).await;
        assert_eq!(status.as_deref(), Some(expected), "{content_type}");
    }
}

#[tokio::test]
async fn more_headers_than_are_taken_are_refused() {
    let envoy = Envoy::before(|_| {}).await;
    let long = "x".repeat(40 * 1024);
    let (status, _) = envoy
        .is_denied(asking("GET", "/public/x", &[("x-long", &long)]))
        .await;
    assert_eq!(status, 431);
}

/// With TLS, the client of which asks for HTTP/2 in the handshake.
#[tokio::test]
async fn envoy_may_ask_over_tls() {
    let (signer, folder) = (Signer::new(), tempfile::tempdir().expect("a folder"));
    let tls = signer.for_one(folder.path());
    let stand = Stand::over(serve(application()).await, |settings| {
        trusting("127.0.0.1/32", settings);
        settings.tls = Some(tls);
    })
    .await;
    let stream = signer.client(&["h2"]).to(stand.address, "a.example").await;
    let io = TokioIo::new(stream.expect("hands are shaken"));
    let shaken = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await;
    let (mut sender, connection) = shaken.expect("a connection");
    tokio::spawn(connection);
    let message = but(|_| {}).encode_to_vec();
    let length = u32::try_from(message.len()).expect("short").to_be_bytes();
    let body = [&[0], &length[..], &message].concat();
    let request = http::Request::post(format!("https://a.example{CHECK}"))
        .header("content-type", "application/grpc")
        .body(Full::new(Bytes::from(body)))
        .expect("a request");
    let answer = timeout(SOON, sender.send_request(request))
        .await
        .expect("in time");
    let whole = answer
        .expect("an answer")
        .into_body()
        .collect()
        .await
        .expect("a body");
    assert_eq!(whole.trailers().expect("trailers")["grpc-status"], "0");
    let said = CheckResponse::decode(&whole.to_bytes()[5..]).expect("a message");
    assert_eq!(said.status.map(|status| status.code), Some(0));
}
