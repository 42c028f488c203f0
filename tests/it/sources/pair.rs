//! A gateway whose status source is another gateway.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use portcullis::domain::account::Account;
use portcullis::domain::login::TypedLogin;
use portcullis::domain::outbound::OutboundUrl;
use portcullis::engine::{AccountLink, OtherSource};
use portcullis::store::remote::{
    RemoteCredential, RemoteKind, RemoteName, RemoteSettings, RemoteSource,
};
use portcullis::testing::TestGate;
use portcullis::{AccountKey, Portcullis};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

use super::feed::House;
use crate::gateway::{Stand, serve};
use crate::support::{Act, RawClient, Recorder, soon};

/// However busy the machine is.
const DEADLINE: Duration = Duration::from_secs(20);

/// What is promised of what is live.
const SOON: Duration = Duration::from_secs(1);

/// How often would be asked: no test waits for it.
const RARELY: Duration = Duration::from_secs(3600);

fn settings(address: SocketAddr, token: &str) -> RemoteSettings {
    let url = OutboundUrl::parse(&format!("http://{address}")).expect("an address");
    let credential = RemoteCredential::bearer(token).expect("a token");
    RemoteSettings::new(RemoteKind::Portcullis, url, credential)
}

/// The way to a gateway, which can be cut.
struct Line {
    address: SocketAddr,
    open: Arc<AtomicBool>,
}

impl Line {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let open = Arc::new(AtomicBool::new(true));
        let is_open = Arc::clone(&open);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if is_open.load(Ordering::SeqCst) {
                    tokio::spawn(pass(client, server, Arc::clone(&is_open)));
                }
            }
        });
        Self { address, open }
    }

    fn cut(&self) {
        self.open.store(false, Ordering::SeqCst);
    }

    fn mend(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}

async fn pass(mut client: TcpStream, server: SocketAddr, is_open: Arc<AtomicBool>) {
    let Ok(mut server) = TcpStream::connect(server).await else { return };
    let cut = async {
        while is_open.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => {}
        () = cut => {}
    }
}

/// Gateway B, whose other system is gateway A.
struct Pair {
    a: House,
    b: Stand,
    line: Line,
    alice_at_a: Account,
    cookie: String,
}

impl Pair {
    async fn before(application: SocketAddr) -> Self {
        let a = House::new().await;
        let alice_at_a = a.test.account("alice").await;
        let line = Line::to(a.address).await;
        let settings = settings(line.address, &a.token).named_by(RemoteName::Login);
        let source = RemoteSource::new(settings).expect("a source");
        let other = OtherSource::new(source, AccountLink::Login);
        let test = TestGate::with(|gate| gate.also_asking(other).refresh_every(RARELY)).await;
        test.clock().advance(Duration::from_secs(1));
        let b = Stand::of(test, application, Vec::new(), |_| {}).await;
        let (_, cookie) = b.signed_in("alice").await;
        let pair = Self { a, b, line, alice_at_a, cookie };
        pair.is_followed(true).await;
        pair
    }

    /// Waits until B follows A's feed, or does not any more.
    async fn is_followed(&self, followed: bool) {
        let gate = self.b.test.gate();
        let wanted = format!("portcullis_source_followed {}", u8::from(followed));
        let began = Instant::now();
        while !gate.metrics().contains(&wanted) {
            assert!(began.elapsed() < DEADLINE, "never {wanted}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn visit(&self) -> u16 {
        let headers = [("cookie", self.cookie.as_str()), ("accept", "application/json")];
        self.b.browser().send("GET", "/", &headers, "").await.status
    }

    async fn until_visit_is(&self, status: u16) {
        let began = Instant::now();
        loop {
            let met = self.visit().await;
            if met == status {
                return;
            }
            assert!(began.elapsed() < DEADLINE, "{met} and never {status}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

async fn hello() -> SocketAddr {
    serve(Router::new().fallback(get(|| async { "hello" }))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_at_one_gateway_refuses_at_the_other_at_once() {
    let pair = Pair::before(hello().await).await;
    assert_eq!(pair.visit().await, 200);
    pair.a.test.clock().advance(Duration::from_secs(2));
    pair.a.test.lock(&pair.alice_at_a).await;
    pair.until_visit_is(403).await;
    pair.a.test.unlock(&pair.alice_at_a).await;
    // What it ended there is ended here.
    pair.until_visit_is(401).await;
    let directory = pair.b.test.directory();
    let alice = directory.resolve(TypedLogin::new("alice")).await;
    let alice = alice.expect("an answer").expect("alice");
    // Within one second nobody can say which came first.
    pair.b.test.clock().advance(Duration::from_secs(2));
    let cookie = pair.b.test.sign_in(&alice).await;
    let visit = pair.b.browser().get("/", &cookie).await;
    assert_eq!(visit.status, 200, "who signs in anew comes in");
    assert_eq!(pair.visit().await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_at_one_gateway_cuts_a_socket_at_the_other() {
    const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    let upstream =
        Recorder::acting(|_| vec![Act::Send(SWITCH.as_bytes().to_vec()), Act::Echo]).await;
    let pair = Pair::before(upstream.address).await;
    let mut client = RawClient::to(pair.b.address).await;
    let head = format!(
        "GET /socket HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        pair.b.address, pair.cookie
    );
    client.send(head).await;
    assert_eq!(client.answer().await.expect("an answer").status(), 101);
    client.stream.write_all(b"hello").await.expect("sent");
    let mut echo = [0; 5];
    client.stream.read_exact(&mut echo).await.expect("an echo");
    pair.a.test.lock(&pair.alice_at_a).await;
    let cut = async {
        let mut rest = Vec::new();
        let _ = client.stream.read_to_end(&mut rest).await;
    };
    assert!(tokio::time::timeout(SOON, cut).await.is_ok(), "the socket is open still");
    assert!(upstream.open_at_most(0).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_cut_off_catches_up() {
    let pair = Pair::before(hello().await).await;
    let bob_at_a = pair.a.test.account("bob").await;
    let (_, bob) = pair.b.signed_in("bob").await;
    assert_eq!(pair.visit().await, 200);
    assert_eq!(pair.b.browser().get("/", &bob).await.status, 200);
    pair.line.cut();
    pair.is_followed(false).await;
    pair.a.test.lock(&pair.alice_at_a).await;
    // What is known is used meanwhile: it is asked again only after the interval.
    assert_eq!(pair.visit().await, 200);
    pair.a.test.clock().advance(RARELY);
    pair.line.mend();
    pair.until_visit_is(403).await;
    pair.is_followed(true).await;
    // The feed told of it: nobody else had to be asked for.
    assert_eq!(pair.b.browser().get("/", &bob).await.status, 200);
    pair.a.test.lock(&bob_at_a).await;
    let locked = async {
        while pair.b.browser().get("/", &bob).await.status == 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, locked).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_back_below_the_floor_asks_again() {
    let pair = Pair::before(hello().await).await;
    assert_eq!(pair.visit().await, 200);
    pair.line.cut();
    pair.is_followed(false).await;
    pair.a.test.lock(&pair.alice_at_a).await;
    pair.a.test.account("somebody-else").await;
    pair.a.test.clock().advance(RARELY);
    let now = pair.a.test.clock().wall();
    let pruned = pair.a.test.directory().prune(now).await;
    assert!(pruned.expect("an answer") > 0);
    pair.line.mend();
    pair.until_visit_is(403).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_revoked_makes_nobody_pass_or_vanish() {
    let pair = Pair::before(hello().await).await;
    assert_eq!(pair.visit().await, 200);
    pair.a.test.lock(&pair.alice_at_a).await;
    pair.until_visit_is(403).await;
    let root = pair.a.root.clone();
    pair.a.test.lock(&root).await;
    pair.is_followed(false).await;
    // The lock is known, and stays one.
    pair.b
        .test
        .clock()
        .advance(RARELY + Duration::from_secs(60));
    assert_eq!(pair.visit().await, 403);
    let (carol, gate) = (pair.b.test.account("carol").await, pair.b.test.gate());
    let refused = gate
        .open_session(carol.id, None)
        .await
        .expect_err("who knows?");
    assert_eq!(refused.as_str(), "unavailable");
}

/// A service with the library in it, and no directory.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_a_directory_is_told_as_well() {
    let a = House::new().await;
    let alice = a.test.account("alice").await;
    let source = RemoteSource::new(settings(a.address, &a.token)).expect("a source");
    let gate = Portcullis::builder().accounts(source).refresh_every(RARELY);
    let gate = gate.build().await.expect("a gate");
    // It knows people by numbers, or by texts.
    let keys =
        [AccountKey::from(alice.id), AccountKey::text(&alice.id.to_string()).expect("a key")];
    let mut sessions = Vec::new();
    for key in &keys {
        let signed_in = gate
            .open_session(key.clone(), None)
            .await
            .expect("a session");
        sessions.push(signed_in.set_cookie().to_str().expect("text").to_owned());
    }
    let admitted = |cookie: &str| {
        let mut headers = http::HeaderMap::new();
        let pair = cookie.split(';').next().expect("a pair");
        headers.insert("cookie", pair.parse().expect("a header"));
        matches!(gate.admit(&headers), portcullis::engine::Admission::Pass(_))
    };
    let asked = async |cookie: &str| {
        let mut headers = http::HeaderMap::new();
        let pair = cookie.split(';').next().expect("a pair");
        headers.insert("cookie", pair.parse().expect("a header"));
        match gate.admit(&headers) {
            portcullis::engine::Admission::Pass(_) => true,
            portcullis::engine::Admission::Deny(_) => false,
            portcullis::engine::Admission::Look(look) => look.await.is_ok(),
        }
    };
    for session in &sessions {
        assert!(asked(session).await);
    }
    let follows = || gate.metrics().contains("portcullis_source_followed 1");
    assert!(soon(follows).await || soon(follows).await);
    a.test.lock(&alice).await;
    let began = Instant::now();
    while sessions.iter().any(|session| admitted(session)) {
        assert!(began.elapsed() < DEADLINE);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
