//! HTTP/2 from clients, and to the application.

use std::time::Duration;

use http::{Request, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Stand;
use crate::support::{Act, OK, RawClient, Recorder};

const SOON: Duration = Duration::from_secs(2);

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short");
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

type Fields<'a> = &'a [(&'a str, &'a str)];

/// Fields as literals that nothing is done to on the way.
fn fields(fields: Fields<'_>) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            block.push(
                u8::try_from(text.len())
                    .ok()
                    .filter(|n| *n < 127)
                    .expect("short"),
            );
            block.extend(text.bytes());
        }
    }
    block
}

/// What a server says to stream 1.
#[derive(Debug, Eq, PartialEq)]
enum Said {
    Ok,
    BadRequest,
    Other(u8),
    Reset,
    /// The whole connection ended.
    Gone,
}

/// Sends these fields, and this body and trailers if there are any.
async fn say(stand: &Stand, head: Fields<'_>, body: Option<(&[u8], Fields<'_>)>) -> Said {
    let mut stream = TcpStream::connect(stand.address)
        .await
        .expect("a connection");
    let mut bytes = PREFACE.to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    let last = if body.is_none() { END_STREAM } else { 0 };
    bytes.extend(frame(HEADERS, END_HEADERS | last, 1, &fields(head)));
    if let Some((body, trailers)) = body {
        let last = if trailers.is_empty() { END_STREAM } else { 0 };
        bytes.extend(frame(DATA, last, 1, body));
        if !trailers.is_empty() {
            bytes.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, &fields(trailers)));
        }
    }
    stream.write_all(&bytes).await.expect("sent");
    timeout(SOON, heard(&mut stream)).await.expect("in time")
}

async fn heard(stream: &mut TcpStream) -> Said {
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).await.is_err() {
            return Said::Gone;
        }
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        if stream.read_exact(&mut payload).await.is_err() {
            return Said::Gone;
        }
        match head[3] {
            // The status comes first: 200 and 400 have an index of their own.
            HEADERS => {
                let first = payload.iter().find(|byte| **byte & 0xe0 != 0x20);
                return match first {
                    Some(0x88) => Said::Ok,
                    Some(0x8c) => Said::BadRequest,
                    other => Said::Other(other.copied().unwrap_or_default()),
                };
            }
            RST_STREAM => return Said::Reset,
            GOAWAY => return Said::Gone,
            _ => {}
        }
    }
}

/// What the upstream sees of a request in HTTP/2.
fn is_refused(said: &Said) -> bool {
    matches!(said, Said::BadRequest | Said::Reset | Said::Gone)
}

#[tokio::test]
async fn nothing_is_smuggled_in_fields() {
    let upstream = Recorder::saying(OK).await;
    let stand = Stand::over(upstream.address, |_| {}).await;
    let (_, cookie) = stand.signed_in("alice").await;
    let host = stand.address.to_string();
    let (method, path, scheme) = ((":method", "GET"), (":path", "/"), (":scheme", "http"));
    let (authority, cookie) = ((":authority", host.as_str()), ("cookie", cookie.as_str()));
    let usual = [method, path, scheme, authority, cookie];
    let with = |more: (&'static str, &'static str)| [&usual[..], &[more]].concat();

    assert_eq!(say(&stand, &usual, None).await, Said::Ok);
    assert_eq!(upstream.requests().len(), 1);
    upstream.forget();

    let mut refused: Vec<Vec<(&str, &str)>> = [
        ("connection", "close"),
        ("connection", "x-portcullis-user"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "close"),
        ("te", "gzip"),
        ("x-a", "b\r\nx-portcullis-user: root"),
        ("x-a", "b\nx"),
        ("x-a", "b\0x"),
        ("X-A", "b"),
        ("x a", "b"),
        ("x-a\r\nx-b", "c"),
        ("x:a", "b"),
        ("", "b"),
        ("host", "evil.example"),
        (":path", "/admin"),
        (":method", "POST"),
        (":status", "200"),
        ("content-length", "5"),
        ("content-length", "-1"),
        ("content-length", "x"),
    ]
    .map(with)
    .to_vec();
    for path in [
        "",
        "x",
        "*",
        "/..",
        "/a/%2e%2e/b",
        "/a b",
        "/\r\nx: y",
        "/a HTTP/1.1\r\nHost: evil\r\n\r\nGET /b",
        "http://evil.example/",
        "/a\0",
    ] {
        refused.push(vec![method, (":path", path), scheme, authority, cookie]);
    }
    for method in ["GET / HTTP/1.1\r\nx: y\r\n\r\nPOST", "", "G T", "CONNECT"] {
        refused.push(vec![(":method", method), path, scheme, authority, cookie]);
    }
    for authority in ["", "u@evil.example", "evil.example/x", "a b", "a\r\nx: y"] {
        refused.push(vec![method, path, scheme, (":authority", authority), cookie]);
    }
    refused.push(vec![method, path, scheme, cookie]);
    refused.push(vec![method, path, cookie, authority]);
    refused.push(vec![authority, cookie, method, path, scheme]);
    for head in refused {
        let said = say(&stand, &head, None).await;
        // A CONNECT is told 405, whose status has no index of its own.
        let connect = head[0] == (":method", "CONNECT") && matches!(said, Said::Other(_));
        assert!(is_refused(&said) || connect, "{head:?}: {said:?}");
        assert!(upstream.requests().is_empty(), "{head:?} came through");
    }
}

#[tokio::test]
async fn a_body_has_one_length() {
    let upstream = Recorder::saying(OK).await;
    let stand = Stand::over(upstream.address, |_| {}).await;
    let (_, cookie) = stand.signed_in("alice").await;
    let host = stand.address.to_string();
    let head = |method: &'static str, more: &[(&'static str, &'static str)]| {
        let mut head = vec![(":method", method), (":path", "/"), (":scheme", "http")];
        head.push((":authority", Box::leak(host.clone().into_boxed_str())));
        head.push(("cookie", Box::leak(cookie.clone().into_boxed_str())));
        head.extend(more);
        head
    };
    // Told and true; and not told, which HTTP/1 says with chunks.
    for (method, more) in [("POST", &[("content-length", "5")][..]), ("POST", &[]), ("GET", &[])] {
        upstream.forget();
        let said = say(&stand, &head(method, more), Some((b"hello", &[]))).await;
        assert_eq!(said, Said::Ok);
        let seen = upstream.requests();
        assert_eq!((seen.len(), seen[0].body.as_slice()), (1, &b"hello"[..]), "{method} {more:?}");
    }
    upstream.forget();
    for length in ["3", "9"] {
        let head = head("POST", &[("content-length", length)]);
        let said = say(&stand, &head, Some((b"hello", &[]))).await;
        assert!(is_refused(&said), "{length}: {said:?}");
        assert!(upstream.requests().is_empty(), "a body of 5 came through as one of {length}");
    }
    // What looks like a preflight must not carry anything past the guard.
    let preflight = [("origin", "https://a.example"), ("access-control-request-method", "PUT")];
    let said = say(&stand, &head("OPTIONS", &preflight), Some((b"hello", &[]))).await;
    assert!(is_refused(&said), "{said:?}");
    assert!(upstream.requests().is_empty());
    assert_eq!(say(&stand, &head("OPTIONS", &preflight), None).await, Said::Ok);
    let seen = &upstream.requests()[0];
    assert_eq!((seen.header("cookie"), seen.header("x-portcullis-user")), ("", ""));
}

#[tokio::test]
async fn fields_come_through_as_http1_has_them() {
    let upstream = Recorder::saying(OK).await;
    let stand = Stand::over(upstream.address, |_| {}).await;
    let (_, cookie) = stand.signed_in("alice").await;
    let host = stand.address.to_string();
    let head = [
        (":method", "POST"),
        (":path", "/a?b"),
        (":scheme", "https"),
        (":authority", host.as_str()),
        ("cookie", "a=1"),
        ("cookie", cookie.as_str()),
        ("cookie", "b=2"),
        ("te", "trailers"),
        ("trailer", "x-sum, x-portcullis-user"),
        ("x_forwarded_for", "6.6.6.6"),
        ("expect", "100-continue"),
    ];
    let trailers: Fields<'_> =
        &[("x-sum", "1"), ("x-portcullis-user", "root"), ("cookie", "portcullis=x")];
    assert_eq!(say(&stand, &head, Some((b"hello", trailers))).await, Said::Ok);
    let seen = &upstream.requests()[0];
    assert_eq!(seen.line, "POST /a?b HTTP/1.1");
    assert_eq!(seen.header("cookie"), "a=1; b=2");
    assert_eq!(seen.header("host"), host);
    assert_eq!(seen.header("x-forwarded-proto"), "http");
    assert_eq!(seen.header("x-portcullis-user"), "alice");
    assert_eq!((seen.header("x_forwarded_for"), seen.header("expect")), ("", ""));
    assert_eq!(seen.trailers, [("x-sum".to_owned(), "1".to_owned())]);
}

async fn open(stand: &Stand) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(stand.address)
        .await
        .expect("a connection");
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .expect("HTTP/2");
    tokio::spawn(connection);
    sender
}

async fn ask(sender: &mut SendRequest<Full<Bytes>>, stand: &Stand, cookie: &str) -> u16 {
    let request = Request::get(format!("http://{}/", stand.address))
        .version(Version::HTTP_2)
        .header("cookie", cookie)
        .body(Full::default())
        .expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    let status = answer.status().as_u16();
    answer.into_body().collect().await.expect("the whole of it");
    status
}

#[tokio::test]
async fn a_lock_bites_between_two_requests_of_one_connection() {
    let upstream = Recorder::saying(OK).await;
    let stand = Stand::over(upstream.address, |_| {}).await;
    let (alice, cookie) = stand.signed_in("alice").await;
    let (_, other) = stand.signed_in("bob").await;
    let mut over_http2 = open(&stand).await;
    let mut kept_alive = RawClient::to(stand.address).await;
    let get = format!("GET / HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n\r\n", stand.address);
    for expected in [200, 200, 403, 403] {
        if expected == 403 {
            stand.test.lock(&alice).await;
        }
        assert_eq!(ask(&mut over_http2, &stand, &cookie).await, expected);
        kept_alive.send(&get).await;
        assert_eq!(kept_alive.answer().await.expect("an answer").status(), expected);
        // Others on the same connection are none the wiser.
        assert_eq!(ask(&mut over_http2, &stand, &other).await, 200);
    }
    assert_eq!(upstream.requests().len(), 4 + 4);
}

#[tokio::test]
async fn an_answer_that_breaks_off_ends_its_stream_alone() {
    let upstream = Recorder::acting(|request| {
        let breaks = request.line.contains("/breaks");
        let whole = vec![Act::Send(OK.to_vec())];
        let half = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok".to_vec();
        if breaks { vec![Act::Send(half), Act::Close] } else { whole }
    })
    .await;
    let stand = Stand::over(upstream.address, |_| {}).await;
    let (_, cookie) = stand.signed_in("alice").await;
    let mut sender = open(&stand).await;
    let request = Request::get(format!("http://{}/breaks", stand.address))
        .header("cookie", &cookie)
        .body(Full::default())
        .expect("a request");
    let answer = sender.send_request(request).await.expect("a head");
    assert!(answer.into_body().collect().await.is_err());
    assert_eq!(ask(&mut sender, &stand, &cookie).await, 200);
}

#[tokio::test]
async fn an_application_in_http2_has_no_websockets() {
    let upstream = Recorder::saying(OK).await;
    let stand = Stand::over(upstream.address, |settings| settings.upstream.http2 = true).await;
    let (_, cookie) = stand.signed_in("alice").await;
    let mut client = RawClient::to(stand.address).await;
    let head = format!("GET / HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n", stand.address);
    client
        .send(head + "Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        .await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!(answer.status(), 501);
    assert!(answer.text().contains("upstream.http2"));
    assert_eq!(upstream.connections(), 0);
}
