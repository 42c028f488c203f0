use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;
use crate::gateway::Origin;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// An application that answers each connection's requests with these bytes, one
/// after the other, and then closes it.
async fn application(answers: &'static [&'static [u8]]) -> (Upstream, Arc<AtomicUsize>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("an address");
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                for answer in answers {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(byte);
                    }
                    let _ = stream.write_all(answer).await;
                }
            });
        }
    });
    let origin = Origin::parse(&format!("http://{address}")).expect("an origin");
    (Upstream::new(Settings::new(origin), Figures::default()), connections)
}

fn request(method: &str) -> Request<RequestBody> {
    let request = Request::builder()
        .method(method)
        .uri("/")
        .header("host", "a");
    request.body(RequestBody::none()).expect("a request")
}

async fn send(upstream: &Upstream, method: &str) -> Result<String, UpstreamError> {
    let body = upstream.send(request(method)).await?.into_body();
    let whole = body.collect().await.expect("the whole of it").to_bytes();
    // The connection's own task has to notice as well.
    tokio::time::sleep(Duration::from_millis(5)).await;
    Ok(String::from_utf8_lossy(&whole).into_owned())
}

#[tokio::test]
async fn a_connection_is_used_again() {
    let (upstream, connections) = application(&[OK; 10]).await;
    for _ in 0..10 {
        assert_eq!(send(&upstream, "GET").await.expect("an answer"), "ok");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn one_that_is_to_be_closed_is_not() {
    for close in [
        &b"HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\nContent-Length: 2\r\n\r\nok"[..],
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ] {
        let answers: &'static [&'static [u8]] = Box::leak(Box::new([close, OK]));
        let (upstream, connections) = application(answers).await;
        for _ in 0..3 {
            assert_eq!(send(&upstream, "POST").await.expect("an answer"), "ok");
        }
        assert_eq!(connections.load(Ordering::SeqCst), 3);
    }
}

#[tokio::test]
async fn only_what_does_no_harm_is_sent_twice() {
    for (method, repeatable) in [
        ("GET", true),
        ("HEAD", true),
        ("OPTIONS", true),
        ("DELETE", true),
        ("PUT", true),
        ("POST", false),
        ("PATCH", false),
    ] {
        assert_eq!(is_repeatable(&request(method)), repeatable, "{method}");
    }
}

#[tokio::test]
async fn an_upstream_that_closes_idle_connections_is_learned_from() {
    let (upstream, connections) = application(&[OK]).await;
    for _ in 0..20 {
        assert_eq!(send(&upstream, "POST").await.expect("an answer"), "ok");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 20);
    assert_eq!(upstream.0.pool.len(), 0, "closed ones are forgotten");
}

#[tokio::test]
async fn an_answer_with_two_lengths_is_none() {
    const TWO: &[u8] =
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    let (upstream, _) = application(&[TWO]).await;
    let answer = send(&upstream, "GET").await;
    assert!(matches!(answer, Err(UpstreamError::Ambiguous)), "{answer:?}");
}

/// A socket whose queue is full: to whoever connects it says nothing at all.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_connection_has_its_time_too() {
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let socket = socket.listen(1).expect("a queue");
    let address = socket.local_addr().expect("an address");
    let mut queued = Vec::new();
    while let Ok(Ok(one)) = timeout(Duration::from_millis(100), TcpStream::connect(address)).await {
        queued.push(one);
        assert!(queued.len() < 100, "the queue has no end");
    }
    let mut settings =
        Settings::new(Origin::parse(&format!("http://{address}")).expect("an origin"));
    settings.connect_timeout = Duration::from_millis(50);
    let answer = send(&Upstream::new(settings, Figures::default()), "GET").await;
    assert!(matches!(answer, Err(UpstreamError::ConnectTimeout(_))), "{answer:?}");
}
