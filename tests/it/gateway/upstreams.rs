//! Applications that misbehave, and what comes back of their answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::clients::Scene;
use crate::support::{Act, OK, Recorder, soon};

/// What a client gets when an upstream answers like this: the status, or none if
/// the answer never comes to its end.
async fn answered(method: &str, acts: Vec<Act>) -> Option<(u16, String)> {
    let upstream = Recorder::acting(move |_| acts.clone()).await;
    let scene = Scene::before(&upstream).await;
    let mut client = scene.client().await;
    client
        .send(scene.head(&format!("{method} /")) + "\r\n")
        .await;
    let answer = client.answer_to(method).await?;
    assert!(upstream.open_at_most(1).await);
    Some((answer.status(), answer.text()))
}

fn send(text: &str) -> Act {
    Act::Send(text.as_bytes().to_vec())
}

#[tokio::test]
async fn answers_that_are_none_are_told_with_the_setting() {
    let huge = format!("HTTP/1.1 200 OK\r\nX-A: {}\r\n\r\n", "x".repeat(1 << 20));
    let cases: Vec<(&str, Vec<Act>, u16, &str)> = vec![
        ("closes at once", vec![Act::Close], 502, "upstream.url"),
        ("garbage", vec![send("SSH-2.0-OpenSSH_9.2\r\n\r\n"), Act::Close], 502, "upstream.url"),
        ("HTTP/0.9", vec![send("<html>hello</html>"), Act::Close], 502, "upstream.url"),
        ("half a head", vec![send("HTTP/1.1 200 OK\r\nX-A: "), Act::Close], 502, "upstream.url"),
        ("a huge head", vec![send(&huge)], 502, "upstream.url"),
        ("never", vec![Act::Hang], 504, "upstream.response_timeout"),
        (
            "half a head, and then never",
            vec![send("HTTP/1.1 200"), Act::Hang],
            504,
            "upstream.response_timeout",
        ),
        (
            "101 unasked",
            vec![
                send("HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n"),
                Act::Hang,
            ],
            502,
            "upstream.url",
        ),
        (
            "two lengths",
            vec![send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!")],
            502,
            "upstream.url",
        ),
        (
            "a length and chunks",
            vec![send(
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            )],
            502,
            "upstream.url",
        ),
        (
            "an odd length",
            vec![send("HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok")],
            502,
            "upstream.url",
        ),
        (
            "a space before the colon",
            vec![send("HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok")],
            502,
            "upstream.url",
        ),
        (
            "a folded line",
            vec![send("HTTP/1.1 200 OK\r\nX-A: b\r\n c\r\nContent-Length: 2\r\n\r\nok")],
            502,
            "upstream.url",
        ),
        (
            "NUL",
            vec![send("HTTP/1.1 200 OK\r\nX-A: \0\r\nContent-Length: 2\r\n\r\nok")],
            502,
            "upstream.url",
        ),
        (
            "a status of four digits",
            vec![send("HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok")],
            502,
            "upstream.url",
        ),
    ];
    for (name, acts, status, setting) in cases {
        let (found, text) = answered("GET", acts).await.expect(name);
        assert_eq!(found, status, "{name}: {text}");
        assert!(text.contains(setting), "{name}: {text}");
    }
}

#[tokio::test]
async fn answers_that_break_off_break_off() {
    let cases = [
        ("closes mid-body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok", Act::Close),
        (
            "closes mid-chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok",
            Act::Close,
        ),
        (
            "closes between chunks",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
            Act::Close,
        ),
        (
            "an odd chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\nok\r\n",
            Act::Hang,
        ),
        ("falls silent", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nok", Act::Hang),
    ];
    for (name, answer, then) in cases {
        let found = answered("GET", vec![send(answer), then]).await;
        assert!(found.is_none(), "{name}: a whole answer came: {found:?}");
    }
}

#[tokio::test]
async fn answers_that_are_odd_but_clear_come_through() {
    let cases = [
        ("to the end of the connection", "GET", "HTTP/1.1 200 OK\r\n\r\nok", 200, "ok"),
        ("HTTP/1.0", "GET", "HTTP/1.0 200 OK\r\n\r\nok", 200, "ok"),
        ("no reason", "GET", "HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", 200, "ok"),
        (
            "a status of its own",
            "GET",
            "HTTP/1.1 599 Odd\r\nContent-Length: 2\r\n\r\nok",
            599,
            "ok",
        ),
        (
            "100 and 103 first",
            "GET",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            200,
            "ok",
        ),
        (
            "one length twice",
            "GET",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
            200,
            "ok",
        ),
        (
            "204 with a length",
            "GET",
            "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n",
            204,
            "",
        ),
        (
            "304 with a length",
            "GET",
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n",
            304,
            "",
        ),
    ];
    for (name, method, answer, status, text) in cases {
        let found = answered(method, vec![send(answer), Act::Close])
            .await
            .expect(name);
        assert_eq!((found.0, found.1.as_str()), (status, text), "{name}");
    }
}

#[tokio::test]
async fn a_body_where_none_can_be_is_nobodys_next_answer() {
    for (method, head) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\n\r\n"),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ] {
        let answer = format!("{head}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged");
        let upstream = Recorder::acting(move |request| {
            let forged = request.line.contains("/first");
            vec![if forged { send(&answer) } else { Act::Send(OK.to_vec()) }]
        })
        .await;
        let scene = Scene::before(&upstream).await;
        let mut client = scene.client().await;
        for _ in 0..20 {
            client
                .send(scene.head(&format!("{method} /first")) + "\r\n")
                .await;
            client.answer_to(method).await.expect("an answer");
            client.send(scene.get("/second")).await;
            let second = client.answer().await.expect("an answer");
            assert_eq!(second.text(), "ok", "after {method} {head}");
        }
    }
}

#[tokio::test]
async fn a_length_is_kept_for_head() {
    let upstream =
        Recorder::saying(b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nETag: \"x\"\r\n\r\n").await;
    let scene = Scene::before(&upstream).await;
    let mut client = scene.client().await;
    for _ in 0..3 {
        client.send(scene.head("HEAD /") + "\r\n").await;
        let answer = client.answer_to("HEAD").await.expect("an answer");
        assert_eq!(answer.header("content-length"), "12345");
        assert_eq!(answer.header("etag"), "\"x\"");
    }
    assert_eq!(upstream.connections(), 1);
}

#[tokio::test]
async fn the_answer_is_the_applications_own() {
    let gzip = b"\x1f\x8b\x08\0\0\0\0\0\0\x03\xcb\xcf\x06\0\x47\xdd\xdc\x79\x02\0\0\0";
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: app/1\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nVia: 1.1 inner\r\n\
         Content-Encoding: gzip\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
         Proxy-Authenticate: Basic\r\nContent-Length: {}\r\n\r\n",
        gzip.len()
    );
    let upstream = Recorder::saying(&[head.as_bytes(), gzip].concat()).await;
    let scene = Scene::before(&upstream).await;
    let mut client = scene.client().await;
    client
        .send(scene.head("GET /") + "Accept-Encoding: gzip\r\n\r\n")
        .await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!(answer.body, gzip);
    assert_eq!(answer.header("server"), "app/1");
    assert_eq!(answer.header("date"), "Thu, 01 Jan 2026 00:00:00 GMT");
    assert_eq!(answer.header("via"), "1.1 inner");
    for name in ["connection", "x-hop", "keep-alive", "proxy-authenticate"] {
        assert_eq!(answer.header(name), "", "{name}");
    }
    let seen = upstream.requests();
    assert_eq!(seen[0].header("accept-encoding"), "gzip");
    assert_eq!(seen[0].header("via"), "");
}

#[tokio::test]
async fn trailers_come_back_to_whoever_asks() {
    let upstream = Recorder::saying(
        b"HTTP/1.1 200 OK\r\nTrailer: X-Sum, Set-Cookie\r\nTransfer-Encoding: chunked\r\n\r\n\
          2\r\nok\r\n0\r\nX-Sum: 1\r\nSet-Cookie: portcullis=x\r\n\r\n",
    )
    .await;
    let scene = Scene::before(&upstream).await;
    let mut client = scene.client().await;
    client
        .send(scene.head("GET /") + "TE: trailers\r\nConnection: TE\r\n\r\n")
        .await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!(answer.trailers, [("x-sum".to_owned(), "1".to_owned())]);
    client.send(scene.get("/")).await;
    assert!(
        client
            .answer()
            .await
            .expect("an answer")
            .trailers
            .is_empty()
    );
}

#[tokio::test]
async fn an_upstream_that_closes_idle_connections_is_no_error() {
    // Whatever the pause before it closes: while the next request is on its way, too.
    for pause in [0, 1, 5] {
        let upstream = Recorder::acting(move |_| {
            vec![Act::Send(OK.to_vec()), Act::Wait(Duration::from_millis(pause)), Act::Close]
        })
        .await;
        let scene = Scene::before(&upstream).await;
        let mut client = scene.client().await;
        for n in 0..200 {
            client.send(scene.get("/")).await;
            let answer = client.answer().await.expect("an answer");
            assert_eq!(answer.status(), 200, "request {n} with {pause} ms");
            tokio::time::sleep(Duration::from_micros(n * 37 % 6000)).await;
        }
        let seen = upstream.requests();
        assert!(seen.len() >= 200 && upstream.connections() >= 100);
    }
}

#[tokio::test]
async fn what_may_have_been_acted_on_is_not_sent_twice() {
    // Takes every second request of a connection and closes without an answer.
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let upstream = Recorder::acting(move |_| match counted.fetch_add(1, Ordering::SeqCst) % 2 {
        0 => vec![Act::Send(OK.to_vec())],
        _ => vec![Act::Close],
    })
    .await;
    let scene = Scene::before(&upstream).await;
    let mut client = scene.client().await;
    let post = scene.head("POST /") + "Content-Length: 2\r\n\r\nhi";
    for (request, status) in [(&post, 200), (&post, 502), (&post, 200)] {
        client.send(request).await;
        assert_eq!(client.answer().await.expect("an answer").status(), status);
    }
    assert_eq!(upstream.requests().len(), 3);
}

#[tokio::test]
async fn a_connection_is_used_again_after_every_kind_of_answer() {
    let upstream = Recorder::acting(|request| {
        vec![match request.line.split(' ').nth(1) {
            Some("/chunks") => {
                send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
            }
            Some("/none") => send("HTTP/1.1 204 No Content\r\n\r\n"),
            _ => Act::Send(OK.to_vec()),
        }]
    })
    .await;
    let scene = Scene::before(&upstream).await;
    let mut client = scene.client().await;
    for _ in 0..30 {
        for path in ["/chunks", "/none", "/"] {
            client.send(scene.get(path)).await;
            client.answer().await.expect("an answer");
            // Its task notices the answer's end after we do.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    assert!(upstream.connections() <= 3, "{} connections", upstream.connections());
}

#[tokio::test]
async fn events_come_at_once_and_may_pause() {
    let event = |n: usize| {
        let text = format!("data: {n}\n\n");
        send(&format!("{:x}\r\n{text}\r\n", text.len()))
    };
    let upstream = Recorder::acting(move |_| {
        let mut acts = vec![send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")];
        for n in 0..3 {
            acts.extend([event(n), Act::Wait(Duration::from_millis(500))]);
        }
        acts
    })
    .await;
    let scene = Scene::before(&upstream).await;
    let mut client = scene.client().await;
    client.send(scene.get("/")).await;
    let mut heard = Vec::new();
    for n in 0..3 {
        let asked = tokio::time::Instant::now();
        while !heard.ends_with(format!("data: {n}\n\n\r\n").as_bytes()) {
            let more = client.until_silent(Duration::from_millis(50)).await;
            heard.extend(more);
            assert!(asked.elapsed() < Duration::from_millis(900), "event {n} is held back");
        }
    }
}

/// An application that answers each request as soon as it has its head, and takes
/// the rest of it, of this length, afterwards. Counts how many it has as a whole.
async fn hasty(rest: usize) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("an address");
    let whole = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&whole);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = socket.accept().await {
            let whole = Arc::clone(&counted);
            tokio::spawn(async move {
                loop {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        let Ok(byte) = stream.read_u8().await else { return };
                        head.push(byte);
                    }
                    let _ = stream.write_all(OK).await;
                    let mut body = vec![0; rest];
                    if stream.read_exact(&mut body).await.is_err() {
                        return;
                    }
                    whole.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    (address, whole)
}

#[tokio::test]
async fn an_upload_goes_on_after_an_early_answer() {
    let rest = 90_000;
    let (address, whole) = hasty(rest).await;
    let scene = Scene::at(address).await;
    let mut client = scene.client().await;
    for _ in 0..3 {
        let head = scene.head("PUT /") + &format!("Content-Length: {rest}\r\n\r\n");
        client.send(head + "some").await;
        assert_eq!(client.answer().await.expect("an answer").status(), 200);
        for piece in vec![b'x'; rest - 4].chunks(30_000) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            client.send(piece).await;
        }
    }
    assert!(soon(|| whole.load(Ordering::SeqCst) == 3).await);
}

#[tokio::test]
async fn what_came_before_an_answer_broke_off_comes_through() {
    let half = || send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    let upstream = Recorder::acting(move |_| vec![half(), Act::Close]).await;
    let scene = Scene::before(&upstream).await;
    for _ in 0..20 {
        let mut client = scene.client().await;
        client.send(scene.get("/")).await;
        let rest = client.rest(Duration::from_secs(2)).await;
        let text = String::from_utf8(rest.expect("an end")).expect("text");
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
        assert!(text.ends_with("\r\n\r\nhalf"), "{text}");
    }
}
