//! Accounts that are locked in the middle of a request.

use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::TcpSocket;
use tokio::time::{Instant, sleep_until, timeout};

use super::Stand;
use crate::support::{Act, OK, RawClient, Recorder, soon};

/// What is promised of whatever is under way.
const SOON: Duration = Duration::from_secs(1);

/// When a lock comes: before anybody looks after the request, and afterwards.
const EARLY_AND_LATE: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(400)];

fn head(stand: &Stand, cookie: &str, line: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n", stand.address)
}

#[tokio::test]
async fn a_lock_ends_an_upload() {
    for pause in EARLY_AND_LATE {
        let upstream = Recorder::saying(OK).await;
        let stand = Stand::over(upstream.address, |_| {}).await;
        let (alice, cookie) = stand.signed_in("alice").await;
        let mut client = RawClient::to(stand.address).await;
        let put = head(&stand, &cookie, "PUT /");
        client
            .send(put + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            .await;
        assert!(soon(|| upstream.heard().concat().ends_with(b"hello\r\n")).await);
        tokio::time::sleep(pause).await;
        client.send("5\r\nagain\r\n").await;
        stand.test.lock(&alice).await;
        let refused = client.answer_within(SOON).await.expect("an answer");
        assert_eq!((refused.status(), refused.header("connection")), (403, "close"));
        assert!(upstream.open_at_most(0).await, "the upload goes on");
    }
}

#[tokio::test]
async fn a_lock_ends_a_long_poll() {
    for pause in EARLY_AND_LATE {
        let upstream = Recorder::acting(|_| vec![Act::Hang]).await;
        let stand = Stand::over(upstream.address, |_| {}).await;
        let (alice, cookie) = stand.signed_in("alice").await;
        let (_, other) = stand.signed_in("bob").await;
        let mut hers = RawClient::to(stand.address).await;
        let poll = head(&stand, &cookie, "GET /news") + "Accept: text/html\r\n\r\n";
        hers.send(poll).await;
        let mut his = RawClient::to(stand.address).await;
        his.send(head(&stand, &other, "GET /news") + "\r\n").await;
        assert!(soon(|| upstream.requests().len() == 2).await);
        tokio::time::sleep(pause).await;
        stand.test.lock(&alice).await;
        let refused = hers.answer_within(SOON).await.expect("an answer");
        assert_eq!(refused.status(), 303);
        assert!(refused.header("location").ends_with("&notice=locked"));
        assert!(upstream.open_at_most(1).await, "the upstream still works at it");
        // His goes on.
        assert!(
            his.until_silent(Duration::from_millis(100))
                .await
                .is_empty()
        );
        assert!(!upstream.open_at_most(0).await);
    }
}

#[tokio::test]
async fn an_answer_that_comes_after_the_lock_is_not_delivered() {
    let late = Duration::from_millis(400);
    let upstream = Recorder::acting(move |_| vec![Act::Wait(late), Act::Send(OK.to_vec())]).await;
    let stand = Stand::over(upstream.address, |_| {}).await;
    let (alice, cookie) = stand.signed_in("alice").await;
    let mut client = RawClient::to(stand.address).await;
    let get = head(&stand, &cookie, "GET /slow") + "\r\n";
    client.send(&get).await;
    assert_eq!(client.answer().await.expect("an answer").text(), "ok");
    client.send(&get).await;
    tokio::time::sleep(late / 2).await;
    stand.test.lock(&alice).await;
    let refused = client.answer_within(SOON).await.expect("an answer");
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.header("content-type"), "application/problem+json");
}

/// Reads 50 KB a second, and no more of it than this waits in the system.
async fn slow_reader(stand: &Stand) -> RawClient {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(16 * 1024).expect("a size");
    let stream = socket.connect(stand.address).await.expect("a connection");
    let mut client = RawClient::to(stand.address).await;
    client.stream = stream;
    client
}

/// Reads for this long at most; whether the answer ended by then.
async fn read_slowly(client: &mut RawClient, time: Duration) -> bool {
    let end = Instant::now() + time;
    let (mut bytes, mut next) = ([0; 5_000], Instant::now());
    while next < end {
        match timeout(time, client.stream.read(&mut bytes)).await {
            Ok(Ok(1..)) => {}
            Ok(_) => return true,
            Err(_) => return false,
        }
        next += Duration::from_millis(100);
        sleep_until(next).await;
    }
    false
}

#[tokio::test]
async fn a_lock_ends_an_answer_that_is_read_slowly() {
    // In one piece, and in many.
    let large = b"HTTP/1.1 200 OK\r\nContent-Length: 16777216\r\n\r\n".to_vec();
    for chunk in [16 << 20, 64 << 10] {
        let large = large.clone();
        let upstream = Recorder::acting(move |_| {
            let body = (0..(16 << 20) / chunk).map(|_| Act::Send(vec![b'x'; chunk]));
            [Act::Send(large.clone())].into_iter().chain(body).collect()
        })
        .await;
        let stand = Stand::over(upstream.address, |_| {}).await;
        let (alice, cookie) = stand.signed_in("alice").await;
        let (_, other) = stand.signed_in("bob").await;
        let (mut hers, mut his) = (slow_reader(&stand).await, slow_reader(&stand).await);
        hers.send(head(&stand, &cookie, "GET /large") + "\r\n")
            .await;
        his.send(head(&stand, &other, "GET /large") + "\r\n").await;
        assert!(!read_slowly(&mut hers, Duration::from_millis(700)).await, "too early");
        stand.test.lock(&alice).await;
        assert!(read_slowly(&mut hers, SOON + SOON / 2).await, "it goes on");
        assert!(!read_slowly(&mut his, Duration::from_millis(300)).await, "his ended, too");
    }
}

#[tokio::test]
async fn a_connection_outlives_an_answer_that_was_read_slowly() {
    let upstream = Recorder::acting(|request| {
        let length = if request.line.contains("/large") { 8 << 20 } else { 2 };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        vec![Act::Send(head.into_bytes()), Act::Send(vec![b'x'; length])]
    })
    .await;
    let stand = Stand::over(upstream.address, |_| {}).await;
    let (alice, cookie) = stand.signed_in("alice").await;
    let (_, other) = stand.signed_in("bob").await;
    let mut client = RawClient::to(stand.address).await;
    client
        .send(head(&stand, &cookie, "GET /large") + "\r\n")
        .await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let large = client.answer_within(Duration::from_secs(20)).await;
    assert_eq!(large.expect("an answer").body.len(), 8 << 20);
    stand.test.lock(&alice).await;
    client.send(head(&stand, &cookie, "GET /") + "\r\n").await;
    assert_eq!(client.answer().await.expect("an answer").status(), 403);
    client.send(head(&stand, &other, "GET /") + "\r\n").await;
    assert_eq!(client.answer().await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn a_preflight_is_nothing_but_a_preflight() {
    let upstream = Recorder::saying(OK).await;
    let stand = Stand::over(upstream.address, |_| {}).await;
    let (_, cookie) = stand.signed_in("alice").await;
    let overrides = [
        ("x-http-method", "PUT"),
        ("x-http-method-override", "DELETE"),
        ("x_http_method_override", "DELETE"),
        ("x-method-override", "PATCH"),
    ];
    let fields: String = overrides
        .iter()
        .map(|(name, method)| format!("{name}: {method}\r\n"))
        .collect();
    let asks = "Origin: http://a.example\r\nAccess-Control-Request-Method: PUT\r\n";
    let mut client = RawClient::to(stand.address).await;
    for (line, asks) in [("OPTIONS /thing", asks), ("POST /thing", "Content-Length: 0\r\n")] {
        client
            .send(head(&stand, &cookie, line) + asks + &fields + "\r\n")
            .await;
        assert_eq!(client.answer().await.expect("an answer").status(), 200);
    }
    let [preflight, post] = &upstream.requests()[..] else { panic!("two requests") };
    for (name, method) in overrides {
        assert_eq!((preflight.header(name), post.header(name)), ("", method));
    }
    assert_eq!(preflight.header("access-control-request-method"), "PUT");
}
