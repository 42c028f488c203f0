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
    let answer = match upstream
        .send(request(method), &mut Waiting::of(None), &mut None)
        .await
    {
        Ok(answer) => answer,
        Err(Unanswered::Upstream(error)) => return Err(error),
        Err(Unanswered::Ended(_)) => panic!("nobody in particular waits"),
    };
    let body = answer.into_body();
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

/// An application that answers one request of each connection, says that nothing
/// more comes after this pause, and reads on.
async fn half_closing(pause: Duration) -> (Upstream, Arc<AtomicUsize>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("an address");
    let heard = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            let heard = Arc::clone(&counted);
            tokio::spawn(async move {
                let mut some = [0; 4096];
                let mut answered = false;
                while let Ok(1..) = stream.read(&mut some).await {
                    heard.fetch_add(1, Ordering::SeqCst);
                    if !answered {
                        let _ = stream.write_all(OK).await;
                        tokio::time::sleep(pause).await;
                        let _ = stream.shutdown().await;
                        answered = true;
                    }
                }
            });
        }
    });
    let origin = Origin::parse(&format!("http://{address}")).expect("an origin");
    (Upstream::new(Settings::new(origin), Figures::default()), heard)
}

#[tokio::test]
async fn nothing_is_sent_to_who_will_not_answer() {
    let (upstream, heard) = half_closing(Duration::ZERO).await;
    for n in 1..=10 {
        let method = if n % 2 == 0 { "GET" } else { "POST" };
        assert_eq!(send(&upstream, method).await.expect("an answer"), "ok");
        assert_eq!(heard.load(Ordering::SeqCst), n, "each request is sent once");
        // The end has arrived by then, however busy the machine is.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn one_that_dies_while_it_waits_is_let_go_of_when_it_dies() {
    let (upstream, _) = half_closing(Duration::from_millis(400)).await;
    upstream.spawn_sweeper();
    let open = |idle| (upstream.0.pool.len() == idle).then_some(());
    assert_eq!(send(&upstream, "GET").await.expect("an answer"), "ok");
    tokio::time::sleep(Duration::from_millis(250)).await;
    open(1).expect("it waits");
    tokio::time::sleep(Duration::from_millis(200)).await;
    open(0).expect("it is gone, long before anybody sweeps");
}

#[tokio::test]
async fn one_that_nobody_uses_is_closed() {
    let (upstream, _) = application(&[OK; 2]).await;
    let mut settings = upstream.settings().clone();
    settings.idle_timeout = Duration::from_millis(200);
    let upstream = Upstream::new(settings, Figures::default());
    upstream.spawn_sweeper();
    assert_eq!(send(&upstream, "GET").await.expect("an answer"), "ok");
    assert_eq!(upstream.0.pool.len(), 1);
    tokio::time::sleep(Duration::from_millis(450)).await;
    assert_eq!(upstream.0.pool.len(), 0);
}

#[tokio::test]
async fn who_drops_an_answer_closes_its_connection() {
    const MORE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome";
    let (upstream, connections) = application(&[MORE, OK]).await;
    for n in 1..=3 {
        let answer = upstream
            .send(request("GET"), &mut Waiting::of(None), &mut None)
            .await;
        let mut body = answer.expect("an answer").into_body();
        let some = body.frame().await.expect("a frame").expect("some of it");
        assert_eq!(some.into_data().expect("data"), "some");
        drop(body);
        assert_eq!(upstream.0.pool.len(), 0);
        assert_eq!(connections.load(Ordering::SeqCst), n);
    }
}

#[tokio::test]
async fn a_body_that_comes_late_gives_its_connection_back() {
    const CHUNKS: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";
    // Piece by piece: the head, then the body, then its end.
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("an address");
    tokio::spawn(async move {
        let (mut stream, _) = socket.accept().await.expect("a connection");
        let mut some = [0; 4096];
        while let Ok(1..) = stream.read(&mut some).await {
            for piece in CHUNKS.chunks(20) {
                let _ = stream.write_all(piece).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    let origin = Origin::parse(&format!("http://{address}")).expect("an origin");
    let upstream = Upstream::new(Settings::new(origin), Figures::default());
    for _ in 0..3 {
        assert_eq!(send(&upstream, "GET").await.expect("an answer"), "ok");
        assert_eq!(upstream.0.pool.len(), 1, "the same one, each time");
    }
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
