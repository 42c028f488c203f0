//! TLS that the gateway ends itself.

mod clients;
mod ends;
mod reload;

pub(crate) use self::reload::Program;

use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis::gateway::settings::{Settings, Tls};
use portcullis::gateway::{Gateway, Origin};
use portcullis::testing::TestGate;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::{ProtocolVersion, version};

use super::{Stand, serve, tunnels};
use crate::support::RawClient;
use crate::support::tls::{Signer, shown};

const SOON: Duration = Duration::from_secs(2);

/// A gateway that speaks TLS, whose certificates lie in a folder.
struct Secure {
    stand: Stand,
    signer: Signer,
    _folder: TempDir,
}

impl Secure {
    /// With a certificate for `a.example`, and other settings.
    async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::showing(|signer, folder| signer.for_one(folder.path()), change).await
    }

    async fn showing(
        tls: impl FnOnce(&Signer, &TempDir) -> Tls,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let (signer, folder) = (Signer::new(), tempfile::tempdir().expect("a folder"));
        let tls = tls(&signer, &folder);
        let stand = Stand::with(application(), |settings| {
            settings.tls = Some(tls);
            settings.open_paths = vec!["/open".to_owned()];
            change(settings);
        })
        .await;
        Self { stand, signer, _folder: folder }
    }

    /// Somebody who comes in by HTTP/1.1.
    async fn guest(&self, name: &str) -> TlsStream<TcpStream> {
        let client = self.signer.client(&["http/1.1"]);
        let shaken = timeout(SOON, client.to(self.stand.address, name)).await;
        shaken.expect("in time").expect("hands are shaken")
    }
}

fn application() -> Router {
    let proto = async |headers: HeaderMap| {
        let said = headers.get("x-forwarded-proto").expect("it is told");
        said.to_str().expect("text").to_owned()
    };
    let own = [("strict-transport-security", "max-age=1")];
    let endless = async || {
        let chunk = || Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 16 * 1024]));
        axum::body::Body::from_stream(futures_util::stream::repeat_with(chunk))
    };
    tunnels::application()
        .route("/open/proto", get(proto))
        .route("/open/own", get(async move || (own, "own")))
        .route("/endless", get(endless))
}

fn asking(path: &str) -> Request<Empty<Bytes>> {
    let request = Request::get(path).header("host", "a.example");
    request.body(Empty::new()).expect("a request")
}

/// The answer over HTTP/1.1.
async fn ask(stream: TlsStream<TcpStream>, path: &str) -> Response<Incoming> {
    let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = shaken.expect("a connection");
    tokio::spawn(connection);
    let answer = timeout(SOON, sender.send_request(asking(path))).await;
    answer.expect("in time").expect("an answer")
}

async fn text(answer: Response<Incoming>) -> String {
    let body = answer.into_body().collect().await.expect("a body");
    String::from_utf8(body.to_bytes().to_vec()).expect("text")
}

#[tokio::test]
async fn the_application_is_told_of_https() {
    let secure = Secure::with(|_| {}).await;
    for version in [&version::TLS13, &version::TLS12] {
        let client = secure.signer.client_of(&["http/1.1"], &[version]);
        let stream = client.to(secure.stand.address, "a.example").await;
        let stream = stream.expect("hands are shaken");
        let spoken = stream.get_ref().1;
        assert_eq!(spoken.alpn_protocol(), Some(b"http/1.1".as_slice()));
        assert_eq!(spoken.protocol_version(), Some(version.version));
        let answer = ask(stream, "/open/proto").await;
        assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_11));
        assert_eq!(text(answer).await, "https");
    }
}

#[tokio::test]
async fn http_2_is_chosen_in_the_handshake() {
    let secure = Secure::with(|_| {}).await;
    let client = secure.signer.client(&["h2", "http/1.1"]);
    let stream = client.to(secure.stand.address, "a.example").await;
    let stream = stream.expect("hands are shaken");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(b"h2".as_slice()));
    let (executor, io) = (TokioExecutor::new(), TokioIo::new(stream));
    let shaken = hyper::client::conn::http2::handshake(executor, io).await;
    let (mut sender, connection) = shaken.expect("a connection");
    tokio::spawn(connection);
    let request = Request::get("https://a.example/open/proto");
    let request = request.body(Empty::<Bytes>::new()).expect("a request");
    let answer = sender.send_request(request).await.expect("an answer");
    assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
    assert_eq!(text(answer).await, "https");
}

#[tokio::test]
async fn old_versions_and_other_protocols_are_not_spoken() {
    let secure = Secure::with(|_| {}).await;
    let client = secure.signer.client(&["spdy/3"]);
    assert!(client.to(secure.stand.address, "a.example").await.is_err());
    // A client that does not know of protocols inside is served all the same.
    let stream = secure
        .signer
        .client(&[])
        .to(secure.stand.address, "a.example")
        .await;
    let stream = stream.expect("hands are shaken");
    assert_eq!(stream.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(ask(stream, "/open/proto").await.status(), 200);
}

#[tokio::test]
async fn a_client_is_shown_the_certificate_for_the_name_it_asks_for() {
    let secure = Secure::showing(
        |signer, folder| {
            let names = [("a", "a.example"), ("b", "*.b.example"), ("c", "c.example")];
            let pairs = names.map(|(stem, name)| signer.issue(folder.path(), stem, name));
            Tls::new(pairs.to_vec())
        },
        |_| {},
    )
    .await;
    let mut all = Vec::new();
    // Each client looks whether it is for the name.
    for name in ["a.example", "x.b.example", "c.example"] {
        let seen = shown(&secure.guest(name).await);
        assert!(!all.contains(&seen), "{name}");
        all.push(seen);
    }
    for name in ["d.example", "b.example", "x.y.b.example"] {
        let client = secure.signer.client(&["http/1.1"]);
        let refused = client.to(secure.stand.address, name).await;
        let refused = refused.expect_err("it is for another name").to_string();
        assert!(refused.contains("not valid for name"), "{refused}");
        assert!(refused.contains("a.example"), "the first is shown: {refused}");
    }
}

#[tokio::test]
async fn a_client_that_says_nothing_is_cut_and_keeps_nobody_waiting() {
    let secure = Secure::with(|settings| {
        settings.limits.head_timeout = Duration::from_secs(1);
    })
    .await;
    let began = Instant::now();
    let mut silent = Vec::new();
    for _ in 0..20 {
        silent.push(RawClient::to(secure.stand.address).await);
    }
    // One that begins, and then says no more.
    silent[0].send([22, 3, 1, 2, 0]).await;
    assert_eq!(
        ask(secure.guest("a.example").await, "/open/proto")
            .await
            .status(),
        200
    );
    assert!(began.elapsed() < Duration::from_secs(1), "it had to wait");
    for client in &mut silent {
        assert!(client.rest(SOON).await.is_some(), "it is held open");
    }
    assert!(began.elapsed() >= Duration::from_millis(900), "it was cut too early");
}

#[tokio::test]
async fn a_handshake_takes_one_of_the_places() {
    let secure = Secure::with(|settings| {
        settings.limits.head_timeout = Duration::from_secs(1);
        settings.limits.connections = 2;
    })
    .await;
    let began = Instant::now();
    let address = secure.stand.address;
    let _silent = (RawClient::to(address).await, RawClient::to(address).await);
    assert_eq!(
        ask(secure.guest("a.example").await, "/open/proto")
            .await
            .status(),
        200
    );
    assert!(began.elapsed() >= Duration::from_millis(900), "there was no place");
}

#[tokio::test]
async fn plain_http_gets_nothing_from_a_listener_that_speaks_tls() {
    let secure = Secure::with(|_| {}).await;
    let mut plain = RawClient::to(secure.stand.address).await;
    plain
        .send("GET /open/proto HTTP/1.1\r\nHost: a.example\r\n\r\n")
        .await;
    let said = plain.rest(SOON).await.expect("an end");
    // An alert, at most.
    assert!(said.len() <= 7 && !said.starts_with(b"HTTP"), "{}", said.escape_ascii());
    assert_eq!(
        ask(secure.guest("a.example").await, "/open/proto")
            .await
            .status(),
        200
    );
}

#[tokio::test]
async fn a_gateway_that_stops_does_not_wait_for_handshakes() {
    let (signer, folder) = (Signer::new(), tempfile::tempdir().expect("a folder"));
    let upstream = serve(application()).await;
    let origin = Origin::parse(&format!("http://{upstream}")).expect("an origin");
    let mut settings = Settings::for_upstream(origin);
    settings.public = ([127, 0, 0, 1], 0).into();
    settings.admin = None;
    settings.tls = Some(signer.for_one(folder.path()));
    let test = TestGate::new().await;
    let gateway = Gateway::bind(test.gate(), settings, Router::new()).await;
    let gateway = gateway.expect("a free port");
    let address = gateway.public_address().expect("an address");
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(gateway.run(async {
        let _ = stopped.await;
    }));
    let _silent = RawClient::to(address).await;
    let served = signer.client(&[]).to(address, "a.example").await;
    assert_eq!(
        ask(served.expect("hands are shaken"), "/socket")
            .await
            .status(),
        401
    );
    stop.send(()).expect("it runs");
    timeout(SOON, running)
        .await
        .expect("in time")
        .expect("an end");
}

#[tokio::test]
async fn browsers_are_told_of_https_over_tls_alone() {
    const HSTS: &str = "strict-transport-security";
    let half_a_year = Some(Duration::from_secs(180 * 24 * 3600));
    let secure = Secure::with(|settings| {
        settings.tls.as_mut().expect("it has TLS").hsts = half_a_year;
    })
    .await;
    for (path, status, told) in [
        ("/open/proto", 200, "max-age=15552000"),
        ("/socket", 401, "max-age=15552000"),
        ("/.portcullis/sign-in", 200, "max-age=15552000"),
        ("/open/own", 200, "max-age=1"),
    ] {
        let answer = ask(secure.guest("a.example").await, path).await;
        let all = answer.headers().get_all(HSTS).iter();
        let all: Vec<_> = all.map(|said| said.to_str().expect("text")).collect();
        assert_eq!((answer.status().as_u16(), all), (status, vec![told]), "{path}");
    }
    let untold = Secure::with(|_| {}).await;
    let answer = ask(untold.guest("a.example").await, "/open/proto").await;
    assert_eq!(answer.headers().get(HSTS), None);
    // Behind something that ends TLS, that is its to say.
    let plain = Stand::with(application(), |settings| {
        settings.public_url = Origin::parse("https://a.example").ok();
    })
    .await;
    let mut client = RawClient::to(plain.address).await;
    client
        .send("GET /socket HTTP/1.1\r\nHost: a.example\r\n\r\n")
        .await;
    assert_eq!(client.answer().await.expect("an answer").header(HSTS), "");
}

#[tokio::test]
async fn a_websocket_over_tls_is_cut_when_its_account_is_locked() {
    let secure = Secure::with(|_| {}).await;
    let (alice, cookie) = secure.stand.signed_in("alice").await;
    let mut stream = secure.guest("a.example").await;
    let request = format!(
        "GET /socket HTTP/1.1\r\nHost: a.example\r\nCookie: {cookie}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.expect("a head"));
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", head.escape_ascii());
    stream.write_all(b"hello").await.expect("sent");
    let mut back = [0; 5];
    stream.read_exact(&mut back).await.expect("five bytes");
    assert_eq!(&back, b"hello");
    secure.stand.test.lock(&alice).await;
    let end = timeout(SOON, stream.read_u8()).await.expect("in time");
    assert!(end.is_err(), "it is still open");
}

/// The socket below is full, and nobody asks the answer for more.
#[tokio::test]
async fn an_answer_that_nobody_reads_is_cut_over_tls_too() {
    let secure = Secure::with(|_| {}).await;
    let (alice, cookie) = secure.stand.signed_in("alice").await;
    let mut stream = secure.guest("a.example").await;
    let request = format!("GET /endless HTTP/1.1\r\nHost: a.example\r\nCookie: {cookie}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut first = [0; 12];
    stream.read_exact(&mut first).await.expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200");
    tokio::time::sleep(Duration::from_millis(500)).await;
    secure.stand.test.lock(&alice).await;
    tokio::time::sleep(SOON).await;
    // What was on its way may still be read, and then there is an end that is none in order.
    let mut rest = Vec::new();
    let ended = timeout(SOON, stream.read_to_end(&mut rest)).await;
    let ended = ended.expect("it goes on for ever");
    assert!(ended.is_err(), "it ends as if it were whole, after {} bytes", rest.len());
}

#[tokio::test]
async fn the_admin_listener_speaks_tls_of_its_own() {
    let (signer, folder) = (Signer::new(), tempfile::tempdir().expect("a folder"));
    let tls = signer.for_one(folder.path());
    let stand = Stand::with(application(), |settings| {
        settings.admin = Some(([127, 0, 0, 1], 0).into());
        settings.admin_hosts = vec!["a.example".to_owned()];
        settings.admin_tls = Some(tls);
    })
    .await;
    let admin = stand.admin.expect("it listens");
    let client = signer.client(&["http/1.1"]);
    let stream = client
        .to(admin, "a.example")
        .await
        .expect("hands are shaken");
    assert_eq!(ask(stream, "/livez").await.status(), 200);
    let mut plain = RawClient::to(stand.address).await;
    plain
        .send("GET /socket HTTP/1.1\r\nHost: a.example\r\n\r\n")
        .await;
    assert_eq!(plain.answer().await.expect("plain http").status(), 401);
}
