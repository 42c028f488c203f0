//! Clients that misbehave while an application answers, or that just go away.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::Stand;
use crate::support::{Act, OK, RawClient, Recorder, soon};

/// What a test waits for whatever has to happen by itself.
const SOON: Duration = Duration::from_secs(2);

fn said(text: &str) -> Act {
    Act::Send(text.as_bytes().to_vec())
}

/// A gateway with short patience before this upstream, and a way to ask it.
pub(super) struct Scene {
    stand: Stand,
    cookie: String,
}

impl Scene {
    pub(super) async fn before(upstream: &Recorder) -> Self {
        Self::at(upstream.address).await
    }

    pub(super) async fn at(upstream: SocketAddr) -> Self {
        let stand = Stand::over(upstream, |settings| {
            settings.upstream.response_timeout = Duration::from_millis(300);
            settings.upstream.body_idle_timeout = Duration::from_millis(300);
            settings.limits.body_idle_timeout = Duration::from_millis(300);
            settings.limits.head_timeout = Duration::from_millis(300);
            settings.limits.body_bytes = Some(100_000);
        })
        .await;
        let (_, cookie) = stand.signed_in("alice").await;
        Self { stand, cookie }
    }

    pub(super) async fn client(&self) -> RawClient {
        RawClient::to(self.stand.address).await
    }

    /// The head of a request, up to further fields.
    pub(super) fn head(&self, line: &str) -> String {
        format!("{line} HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n", self.stand.address, self.cookie)
    }

    pub(super) fn get(&self, path: &str) -> String {
        self.head(&format!("GET {path}")) + "\r\n"
    }
}

#[tokio::test]
async fn a_client_that_goes_away_takes_its_request_along() {
    for answer in
        [vec![Act::Hang], vec![said("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"), Act::Hang]]
    {
        let upstream = Recorder::acting(move |_| answer.clone()).await;
        let stand = Stand::over(upstream.address, |_| {}).await;
        let (_, cookie) = stand.signed_in("alice").await;
        let scene = Scene { stand, cookie };
        let mut client = scene.client().await;
        client.send(scene.get("/")).await;
        assert!(soon(|| upstream.requests().len() == 1).await);
        drop(client);
        assert!(upstream.open_at_most(0).await, "the upstream goes on for nobody");
    }
}

#[tokio::test]
async fn slow_clients_are_told_or_left() {
    let upstream = Recorder::saying(OK).await;
    let scene = Scene::before(&upstream).await;
    // A head that never ends, byte by byte.
    let mut slow = scene.client().await;
    let began = tokio::time::Instant::now();
    for byte in scene.get("/").bytes().take(200) {
        slow.send([byte]).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        if began.elapsed() > Duration::from_millis(900) {
            break;
        }
    }
    assert_eq!(slow.rest(SOON).await.expect("an end"), b"", "nothing is said to it");
    // Silence from the beginning.
    let mut silent = scene.client().await;
    assert_eq!(silent.rest(SOON).await.expect("an end"), b"");
    // A body that stops.
    let mut stops = scene.client().await;
    stops
        .send(scene.head("POST /") + "Accept: application/json\r\nContent-Length: 10\r\n\r\nhalf")
        .await;
    let answer = stops.answer().await.expect("an answer");
    assert_eq!(answer.status(), 408);
    assert!(answer.text().contains("limits.body_idle_timeout"), "{}", answer.text());
    // A body that only trickles comes through.
    let mut trickles = scene.client().await;
    trickles
        .send(scene.head("POST /") + "Content-Length: 10\r\n\r\n")
        .await;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(60)).await;
        trickles.send("x").await;
    }
    assert_eq!(trickles.answer().await.expect("an answer").status(), 200);
    assert!(
        upstream
            .requests()
            .iter()
            .all(|request| request.body == b"xxxxxxxxxx")
    );
}

#[tokio::test]
async fn refusals_speak_to_people_and_to_programs() {
    let upstream = Recorder::acting(|_| vec![Act::Hang]).await;
    let scene = Scene::before(&upstream).await;
    let long = "x".repeat(33_000);
    let cases = [
        (scene.head("POST /"), "Content-Length: 100001\r\n\r\n".to_owned(), 413, "limits.body"),
        (
            scene.head("POST /"),
            "Content-Length: 5\r\n\r\nhi".to_owned(),
            408,
            "limits.body_idle_timeout",
        ),
        (scene.head("GET /"), format!("X-A: {long}\r\n\r\n"), 431, "limits.head"),
        (scene.head("GET /"), "\r\n".to_owned(), 504, "upstream.response_timeout"),
    ];
    for (head, rest, status, setting) in cases {
        for (accept, kind) in [
            ("Sec-Fetch-Mode: navigate\r\nAccept: text/html\r\n", "text/html; charset=utf-8"),
            ("Accept: application/json\r\n", "application/problem+json"),
        ] {
            let mut client = scene.client().await;
            client.send(format!("{head}{accept}{rest}")).await;
            let answer = client.answer().await.expect("an answer");
            assert_eq!(answer.status(), status);
            assert_eq!(answer.header("content-type"), kind);
            assert_eq!(answer.header("cache-control"), "no-store");
            assert!(answer.text().contains(setting), "{}", answer.text());
        }
    }
}

#[tokio::test]
async fn a_client_that_never_reads_is_left_and_holds_little() {
    let chunk = vec![b'x'; 1 << 20];
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let upstream = Recorder::acting(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        let mut acts = vec![said("HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")];
        acts.extend((0..1024).map(|_| Act::Send(chunk.clone())).take(64));
        acts.push(Act::Hang);
        acts
    })
    .await;
    let scene = Scene::before(&upstream).await;
    let mut client = scene.client().await;
    client.send(scene.get("/")).await;
    assert!(soon(|| sent.load(Ordering::SeqCst) == 1).await);
    assert!(upstream.open_at_most(0).await, "what nobody reads is still being sent");
    drop(client);
}

#[tokio::test]
async fn long_uploads_take_their_time() {
    let upstream = Recorder::saying(OK).await;
    let scene = Scene::before(&upstream).await;
    let mut client = scene.client().await;
    // Far longer than the upstream may take to answer, once it has the request.
    client
        .send(scene.head("PUT /") + "Transfer-Encoding: chunked\r\n\r\n")
        .await;
    for _ in 0..10 {
        client.send("5\r\nhello\r\n").await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    client.send("0\r\n\r\n").await;
    assert_eq!(client.answer().await.expect("an answer").status(), 200);
}

#[tokio::test]
async fn nothing_is_left_behind() {
    let upstream = Recorder::acting(|request| match request.line.split(' ').nth(1) {
        Some("/hang") => vec![Act::Hang],
        Some("/close") => vec![Act::Close],
        _ => vec![Act::Send(OK.to_vec())],
    })
    .await;
    let scene = Scene::before(&upstream).await;
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    let before = tasks();
    for round in 0..20 {
        for path in ["/", "/hang", "/close"] {
            let mut client = scene.client().await;
            client.send(scene.get(path)).await;
            if round % 2 == 0 {
                client.answer_within(SOON).await;
            }
        }
    }
    // The connection that waits for the next request may stay, and its two tasks.
    assert!(upstream.open_at_most(4).await);
    assert!(soon(|| tasks() <= before + 12).await, "{} tasks, {before} before", tasks());
}
