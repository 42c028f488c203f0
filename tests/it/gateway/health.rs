//! The admin listener over real sockets: its probes, and whom it answers.

use std::future::pending;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::{any, get, post};
use portcullis::domain::attempts::{Budget, Outcome, Reservation, Settled, Ticket};
use portcullis::engine::metrics::Metric;
use portcullis::gateway::{Gateway, Origin, Settings};
use portcullis::store::keyring::AttemptKey;
use portcullis::store::memory::{SingleProcessAttempts, SingleProcessDirectory};
use portcullis::store::{AttemptStore, BoxFuture, Counter, StoreError};
use portcullis::testing::TestGate;
use portcullis::{Clock, OnStale, Portcullis, SignInError};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;

use super::figures::Figures;
use super::metrics::{count, figures};
use super::serve;
use crate::engine::faulty::{Faulty, Mood};
use crate::support::{Answer, Browser};

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub(super) const ANY_PORT: SocketAddr = SocketAddr::new(HERE, 0);

/// Longer than anything here takes, also on a busy machine.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// A gateway with both listeners, before an application that echoes.
pub(super) struct Post {
    pub(super) gate: Portcullis,
    pub(super) public: Browser,
    pub(super) admin: Browser,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Post {
    pub(super) async fn of(gate: Portcullis) -> Self {
        Self::before(gate, serve(Router::new().fallback(any(|| async { "fine" }))).await).await
    }

    async fn before(gate: Portcullis, upstream: SocketAddr) -> Self {
        Self::with(gate, upstream, |_| {}, Router::new()).await
    }

    pub(super) async fn with(
        gate: Portcullis,
        upstream: SocketAddr,
        change: impl FnOnce(&mut Settings),
        routes: Router,
    ) -> Self {
        let origin = Origin::parse(&format!("http://{upstream}")).expect("an origin");
        let mut settings = Settings::for_upstream(origin);
        (settings.public, settings.admin) = (ANY_PORT, Some(ANY_PORT));
        change(&mut settings);
        let pages = Router::new().route("/.portcullis/page", get(|| async { "a page" }));
        let gateway = Gateway::bind(gate.clone(), settings, pages).await;
        let gateway = gateway.expect("free ports").with_admin_routes(routes);
        let public = Browser::at(gateway.public_address().expect("an address"));
        let admin = gateway.admin_address().expect("an address");
        let admin = Browser::at(admin.expect("one was asked for"));
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(gateway.run(async {
            // Dropped by a test that ends: then the gateway runs on until its runtime ends.
            if stopped.await.is_err() {
                pending::<()>().await;
            }
        }));
        Self { gate, public, admin, stop, running }
    }

    async fn ready(&self) -> (u16, Value) {
        let answer = self.admin.get("/readyz", "").await;
        let body = serde_json::from_str(&answer.body).expect("JSON");
        (answer.status, body)
    }

    /// Asks until the gateway is ready, or not because of just this.
    async fn until(&self, degraded: Option<&str>) -> Value {
        let so = async {
            loop {
                let (status, body) = self.ready().await;
                match degraded {
                    None if status == 200 => break body,
                    Some(what) if status == 503 && whats(&body) == [what] => break body,
                    _ => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        let waited = tokio::time::timeout(SOON, so).await;
        waited.unwrap_or_else(|_| panic!("readyz never says {degraded:?}"))
    }

    pub(super) async fn figures(&self) -> Figures {
        figures(&self.admin).await
    }
}

fn whats(body: &Value) -> Vec<&str> {
    let degraded = body["degraded"].as_array().expect("a list").iter();
    degraded
        .map(|one| one["what"].as_str().expect("a word"))
        .collect()
}

#[tokio::test]
async fn a_gateway_that_is_well_is_live_and_ready() {
    let post = Post::of(TestGate::new().await.gate()).await;
    let live = post.admin.get("/livez", "").await;
    assert_eq!((live.status, live.body.trim()), (200, r#"{"status":"live"}"#));
    assert_eq!(post.ready().await, (200, serde_json::json!({ "status": "ready" })));
    // None of it is served to the public.
    for path in ["/livez", "/readyz", "/metrics"] {
        assert_eq!(post.public.get(path, "").await.status, 303, "{path}: sign in first");
    }
}

#[tokio::test]
async fn a_directory_that_is_lost_makes_it_unready_until_it_is_back() {
    let directory = Faulty::new(SingleProcessDirectory::new(Clock::system()));
    let builder = Portcullis::builder().directory(directory.clone());
    let builder = builder.max_stale(Duration::from_millis(300), OnStale::Strict);
    let post = Post::of(builder.build().await.expect("a gate")).await;
    assert_eq!(post.ready().await.0, 200);
    directory.set(Mood::Failing);
    let body = post.until(Some("directory")).await;
    let detail = body["degraded"][0]["detail"].as_str().expect("words");
    assert!(detail.contains("sessions.max_stale"), "{detail}");
    assert_eq!(post.admin.get("/livez", "").await.status, 200, "it lives on");
    let lost = post.figures().await;
    assert!(lost.value("portcullis_feed_age_seconds", &[]) > 0.3);
    assert!(lost.value("portcullis_store_failures_total", &[("kind", "failed")]) > 0.0);
    directory.set(Mood::Well);
    post.until(None).await;
    assert!(
        post.figures()
            .await
            .value("portcullis_feed_age_seconds", &[])
            < 0.3
    );
}

/// Counts attempts, unless told to fail.
#[derive(Clone, Debug)]
struct FaultyAttempts {
    inner: Arc<SingleProcessAttempts>,
    failing: Arc<AtomicBool>,
}

impl FaultyAttempts {
    fn via<'a, T: 'a>(
        &'a self,
        call: BoxFuture<'a, Result<T, StoreError>>,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        match self.failing.load(Ordering::SeqCst) {
            true => Box::pin(async { Err(StoreError::unavailable("told to fail")) }),
            false => call,
        }
    }
}

impl AttemptStore for FaultyAttempts {
    fn reserve<'a>(
        &'a self,
        counters: &'a [Counter],
    ) -> BoxFuture<'a, Result<Reservation, StoreError>> {
        self.via(self.inner.reserve(counters))
    }

    fn settle<'a>(
        &'a self,
        counters: &'a [Counter],
        tickets: &'a [Ticket],
        outcome: Outcome,
    ) -> BoxFuture<'a, Result<Vec<Settled>, StoreError>> {
        self.via(self.inner.settle(counters, tickets, outcome))
    }

    fn budget<'a>(&'a self, counters: &'a [Counter]) -> BoxFuture<'a, Result<Budget, StoreError>> {
        self.via(self.inner.budget(counters))
    }

    fn clear<'a>(&'a self, keys: &'a [AttemptKey]) -> BoxFuture<'a, Result<u64, StoreError>> {
        self.via(self.inner.clear(keys))
    }
}

#[tokio::test]
async fn an_attempt_store_that_fails_makes_it_unready_and_is_tried_again() {
    let inner = Arc::new(SingleProcessAttempts::new(Clock::system()));
    let attempts = FaultyAttempts { inner, failing: Arc::default() };
    let post = Post::of(
        TestGate::with(|b| b.attempts(attempts.clone()))
            .await
            .gate(),
    )
    .await;
    attempts.failing.store(true, Ordering::SeqCst);
    assert_eq!(post.ready().await.0, 200, "nobody has met it yet");
    let refused = post.gate.attempt("alice", HERE).await;
    assert!(matches!(refused, Err(SignInError::Unavailable)), "{refused:?}");
    post.until(Some("attempts")).await;
    attempts.failing.store(false, Ordering::SeqCst);
    // Nobody signs in: whoever asks whether it is ready finds out.
    post.until(None).await;
    let figures = post.figures().await;
    assert_eq!(count(&figures, "portcullis_attempts_total", &[("outcome", "unavailable")]), 1);
}

#[tokio::test]
async fn an_upstream_that_is_gone_makes_it_unready_and_is_tried_again() {
    let socket = TcpListener::bind(ANY_PORT).await.expect("a port");
    let upstream = socket.local_addr().expect("an address");
    drop(socket);
    let test = TestGate::new().await;
    let cookie = test.sign_in(&test.account("alice").await).await;
    let post = Post::before(test.gate(), upstream).await;
    assert_eq!(post.ready().await.0, 200, "nobody has met it yet");
    assert_eq!(post.public.get("/", &cookie).await.status, 502);
    let body = post.until(Some("upstream")).await;
    let detail = body["degraded"][0]["detail"].as_str().expect("words");
    assert!(detail.contains(&upstream.to_string()) && detail.contains("upstream.url"), "{detail}");
    let failures = [("kind", "connect")];
    assert_eq!(count(&post.figures().await, "portcullis_upstream_failures_total", &failures), 1);

    let connections = count_connections(TcpListener::bind(upstream).await.expect("still free"));
    post.until(None).await;
    assert_eq!(connections.load(Ordering::SeqCst), 1, "one try was enough");
    for _ in 0..50 {
        assert_eq!(post.ready().await.0, 200);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1, "who is well is not tried");
}

/// Accepts connections and says nothing on them.
fn count_connections(socket: TcpListener) -> Arc<AtomicUsize> {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((_stream, _)) = socket.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    connections
}

#[tokio::test]
async fn who_drains_says_so_until_the_end() {
    let (begun, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let slow = {
        let (begun, end) = (Arc::clone(&begun), Arc::clone(&end));
        move || async move {
            begun.notify_one();
            end.notified().await;
            "at last"
        }
    };
    let test = TestGate::new().await;
    let cookie = test.sign_in(&test.account("alice").await).await;
    let upstream = serve(Router::new().route("/slow", get(slow))).await;
    let Post { public, admin, stop, running, .. } = Post::before(test.gate(), upstream).await;
    let asked = tokio::spawn(async move { public.get("/slow", &cookie).await });
    begun.notified().await;
    assert_eq!(admin.get("/readyz", "").await.status, 200);
    stop.send(()).expect("it runs");
    let mut answer = admin.get("/readyz", "").await;
    for _ in 0..100 {
        if answer.status == 503 {
            break;
        }
        // The signal is on its way to the gateway's task.
        tokio::task::yield_now().await;
        answer = admin.get("/readyz", "").await;
    }
    assert_eq!(answer.status, 503);
    let body: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(whats(&body), ["draining"]);
    assert_eq!(admin.get("/livez", "").await.status, 200);
    assert_eq!(figures(&admin).await.0.len(), Metric::ALL.len());

    end.notify_one();
    assert_eq!(asked.await.expect("no panic").body, "at last");
    let ended = tokio::time::timeout(SOON, running).await;
    ended.expect("in time").expect("no panic");
}

#[tokio::test]
async fn it_answers_to_its_own_names_only() {
    let named = |settings: &mut Settings| settings.admin_hosts = vec!["admin.example".to_owned()];
    let nowhere = serve(Router::new()).await;
    let post = Post::with(TestGate::new().await.gate(), nowhere, named, Router::new()).await;
    let ask = async |host: &str| {
        post.admin
            .send("GET", "/metrics", &[("host", host)], "")
            .await
    };
    for host in ["127.0.0.1", "127.0.0.1:9999", "localhost", "LocalHost:8081", "admin.example"] {
        assert_eq!(ask(host).await.status, 200, "{host}");
    }
    for host in ["evil.example", "admin.example.evil.example", "10.0.0.1", "localhost.evil:8081"] {
        let refused = ask(host).await;
        assert_eq!(refused.status, 421, "{host}");
        assert!(refused.body.contains("admin.hosts"), "{}", refused.body);
        assert!(!refused.body.contains("portcullis_requests"), "{}", refused.body);
    }
}

#[tokio::test]
async fn changes_come_from_its_own_pages_or_from_programs() {
    let routes = Router::new().route("/change", post(|| async { "changed" }));
    let nowhere = serve(Router::new()).await;
    let post = Post::with(TestGate::new().await.gate(), nowhere, |_| {}, routes).await;
    let ask = async |headers: &[(&str, &str)]| -> Answer {
        let mut all = vec![("host", "localhost:8081")];
        all.extend(headers);
        post.admin.send("POST", "/change", &all, "").await
    };
    for headers in [
        &[][..],
        &[("origin", "http://localhost:8081")],
        &[("sec-fetch-site", "same-origin"), ("origin", "http://localhost:8081")],
    ] {
        assert_eq!(ask(headers).await.status, 200, "{headers:?}");
    }
    for headers in [
        &[("origin", "http://localhost:3000")][..],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", "http://localhost:8081")],
    ] {
        let refused = ask(headers).await;
        assert_eq!(refused.status, 403, "{headers:?}");
        assert!(refused.body.contains("another page"), "{}", refused.body);
    }
}
