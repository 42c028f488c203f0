//! What outlives its request ends with the account, through the gateway too.

use std::convert::Infallible;
use std::time::Duration;

use axum::Router;
use axum::response::sse::{Event, Sse};
use axum::routing::{any, get};
use futures_util::stream::{self, Stream};
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Stand;

/// What is promised of live connections.
const SOON: Duration = Duration::from_secs(1);

async fn ticker() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Some((Ok(Event::default().data("tick")), ()))
    }))
}

/// Grants a WebSocket and sends back what comes, byte by byte.
async fn echo_socket(mut request: axum::extract::Request) -> axum::response::Response {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let (mut read, mut write) = tokio::io::split(TokioIo::new(upgraded));
        let _ = tokio::io::copy(&mut read, &mut write).await;
    });
    let switch = axum::response::Response::builder().status(101);
    let switch = switch
        .header("connection", "upgrade")
        .header("upgrade", "websocket");
    switch.body(axum::body::Body::empty()).expect("an answer")
}

pub(super) fn application() -> Router {
    Router::new()
        .route("/ticker", get(ticker))
        .route("/socket", any(echo_socket))
}

/// Opens a WebSocket by hand and gives the stream after the handshake.
pub(super) async fn open_socket(stand: &Stand, cookie: &str) -> (u16, TcpStream) {
    let mut stream = TcpStream::connect(stand.address)
        .await
        .expect("a connection");
    let request = format!(
        "GET /socket HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nConnection: keep-alive, Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        stand.address
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    let head = String::from_utf8(head).expect("text");
    let status = head.split(' ').nth(1).expect("a status").parse();
    (status.expect("a number"), stream)
}

async fn echoes(stream: &mut TcpStream) {
    stream.write_all(b"hello").await.expect("sent");
    let mut back = [0; 5];
    timeout(SOON, stream.read_exact(&mut back))
        .await
        .expect("in time")
        .expect("five bytes");
    assert_eq!(&back, b"hello");
}

#[tokio::test]
async fn a_websocket_is_joined_and_a_lock_cuts_it() {
    let stand = Stand::before(application()).await;
    let (alice, cookie) = stand.signed_in("alice").await;
    let (_, other) = stand.signed_in("bob").await;
    let (status, mut hers) = open_socket(&stand, &cookie).await;
    assert_eq!(status, 101);
    let (_, mut his) = open_socket(&stand, &other).await;
    echoes(&mut hers).await;
    stand.test.lock(&alice).await;
    let mut rest = Vec::new();
    let ended = timeout(SOON, hers.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the socket of a locked account goes on");
    echoes(&mut his).await;
    let (status, _) = open_socket(&stand, &cookie).await;
    assert_eq!(status, 403);
}

#[tokio::test]
async fn an_event_stream_is_cut_and_says_that_it_is_not_whole() {
    let stand = Stand::before(application()).await;
    let (alice, cookie) = stand.signed_in("alice").await;
    let stream = TcpStream::connect(stand.address)
        .await
        .expect("a connection");
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .expect("HTTP");
    tokio::spawn(connection);
    let request = Request::get("/ticker")
        .header("host", stand.address.to_string())
        .header("cookie", cookie)
        .body(Empty::<Bytes>::new())
        .expect("a request");
    let mut events = sender
        .send_request(request)
        .await
        .expect("an answer")
        .into_body();
    for _ in 0..3 {
        timeout(SOON, events.frame())
            .await
            .expect("a tick")
            .expect("goes on")
            .expect("no error");
    }
    stand.test.lock(&alice).await;
    let ended = timeout(SOON, async {
        while let Some(frame) = events.frame().await {
            if frame.is_err() {
                return true;
            }
        }
        false
    });
    assert_eq!(ended.await, Ok(true), "cut, and told so");
}
