//! Over a real socket, byte by byte.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use http::{StatusCode, header};
use portcullis::testing::TestGate;
use portcullis::{CurrentAccount, GuardLayer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{serve, who};

const PATIENCE: Duration = Duration::from_secs(10);

/// Says "101" and then each byte back, with the account's name before.
async fn echo(me: CurrentAccount, mut request: Request) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let upgraded = upgrade.await.expect("a handshake");
        let mut io = hyper_util::rt::TokioIo::new(upgraded);
        io.write_all(me.login().as_bytes()).await.expect("a client");
        let mut bytes = [0; 4];
        io.read_exact(&mut bytes).await.expect("four bytes");
        io.write_all(&bytes).await.expect("a client");
    });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header("sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        .body(Body::empty())
        .expect("a response")
}

fn handshake(cookie: &str) -> String {
    format!(
        "GET /live HTTP/1.1\r\nHost: evil.example\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nCookie: {cookie}\r\n\r\n"
    )
}

/// A connection that is spoken to in plain bytes.
struct Wire(TcpStream);

impl Wire {
    async fn to(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.expect("a connection"))
    }

    async fn say(&mut self, bytes: &str) {
        self.0.write_all(bytes.as_bytes()).await.expect("a server");
    }

    async fn read_exactly(&mut self, bytes: usize) -> String {
        let mut read = vec![0; bytes];
        let reading = self.0.read_exact(&mut read);
        tokio::time::timeout(PATIENCE, reading)
            .await
            .expect("in time")
            .expect("so many bytes");
        String::from_utf8(read).expect("text")
    }

    /// Reads a response's head, in lower case, and its body if its length is told.
    async fn read_response(&mut self) -> (String, String) {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push_str(&self.read_exactly(1).await);
        }
        let head = head.to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse().expect("a length"));
        let body = self.read_exactly(length).await;
        (head, body)
    }
}

async fn served(test: &TestGate) -> SocketAddr {
    let guard = GuardLayer::new(test.gate()).sign_in_at("/sign-in");
    serve(
        Router::new()
            .route("/live", get(echo))
            .route("/", get(who))
            .layer(guard),
    )
    .await
}

#[tokio::test]
async fn a_handshake_passes_and_the_socket_is_the_handlers() {
    let test = TestGate::new().await;
    let cookie = test.sign_in(&test.account("alice").await).await;
    let mut wire = Wire::to(served(&test).await).await;
    wire.say(&handshake(&cookie)).await;
    let (head, _) = wire.read_response().await;
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert_eq!(wire.read_exactly(5).await, "alice");
    wire.say("ping").await;
    assert_eq!(wire.read_exactly(4).await, "ping");
}

#[tokio::test]
async fn a_refused_handshake_is_an_ordinary_answer_and_the_connection_goes_on() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    let cookie = test.sign_in(&alice).await;
    let mut wire = Wire::to(served(&test).await).await;
    for (cookie, status) in [("a=b", 401), (&*cookie, 403)] {
        if status == 403 {
            test.lock(&alice).await;
        }
        wire.say(&handshake(cookie)).await;
        let (head, body) = wire.read_response().await;
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
        assert!(head.contains("\r\ncontent-type: application/problem+json\r\n"), "{head}");
        assert!(!head.contains("evil.example") && !head.contains("\r\nupgrade:"), "{head}");
        assert!(body.contains("\"sign_in_url\":\"/sign-in\""), "{body}");
    }
    test.unlock(&alice).await;
    let again = test.sign_in(&alice).await;
    wire.say(&format!("GET / HTTP/1.1\r\nHost: app\r\nCookie: {again}\r\n\r\n"))
        .await;
    assert_eq!(wire.read_response().await.1, "alice");
}

/// A browser's navigation on the wire: one 303 whose location is ours, however
/// the request is spelled.
#[tokio::test]
async fn a_forged_host_is_never_repeated() {
    let test = TestGate::new().await;
    let address = served(&test).await;
    for target in ["/live?a=b", "http://evil.example/live?a=b"] {
        let mut wire = Wire::to(address).await;
        let head = "Host: evil.example\r\nX-Forwarded-Host: evil.example\r\nAccept: text/html";
        wire.say(&format!("GET {target} HTTP/1.1\r\n{head}\r\n\r\n"))
            .await;
        let (head, body) = wire.read_response().await;
        assert!(head.starts_with("http/1.1 303 "), "{head}");
        assert!(head.contains("\r\nlocation: /sign-in?return_to=/live%3fa%3db\r\n"), "{head}");
        assert!(!head.contains("evil") && body.is_empty(), "{head}");
    }
}

/// Pipelined requests of one connection are each judged by themselves.
#[tokio::test]
async fn a_connection_passes_for_nobody() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    let cookie = test.sign_in(&alice).await;
    let mut wire = Wire::to(served(&test).await).await;
    let visit = |cookie: &str| format!("GET / HTTP/1.1\r\nHost: app\r\nCookie: {cookie}\r\n\r\n");
    wire.say(&(visit(&cookie) + &visit("a=b") + &visit(&cookie)))
        .await;
    for status in [200, 401, 200] {
        let (head, _) = wire.read_response().await;
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
    }
    test.lock(&alice).await;
    wire.say(&visit(&cookie)).await;
    assert!(wire.read_response().await.0.starts_with("http/1.1 403 "));
}
