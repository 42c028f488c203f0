//! The PROXY protocol before the gateway: by its bytes, and from a real HAProxy.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use portcullis::domain::counting::Counting;
use portcullis::gateway::Settings;
use portcullis::testing::TestGate;
use portcullis::{LockoutPolicy, TrustedProxies};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use super::{Stand, serve};
use crate::servers::{Kept, free_address};
use crate::support::tls::Signer;
use crate::support::{Browser, RawClient};

const SOON: Duration = Duration::from_secs(10);
const ASKING: &str = "GET /open HTTP/1.1\r\nHost: app.example\r\n\r\n";
const V4: &str = "192.0.2.7";

/// Tells from where it was asked.
fn application() -> Router {
    let tell = async |headers: HeaderMap| {
        let told = headers.get("x-forwarded-for").expect("it is told");
        told.to_str().expect("text").to_owned()
    };
    Router::new().route("/open", get(tell))
}

fn networks(text: &str) -> TrustedProxies {
    TrustedProxies::new(
        text.split_whitespace()
            .map(|net| net.parse().expect("a network")),
    )
}

/// A gateway behind a proxy on this machine.
fn behind(settings: &mut Settings) {
    settings.client_address.proxy_protocol = networks("127.0.0.1/32");
    settings.open_paths = vec!["/open".to_owned()];
}

/// A header of version 2 with this command, kind and rest.
fn header(command: u8, kind: u8, said: &[u8]) -> Vec<u8> {
    let length = u16::try_from(said.len()).expect("it fits").to_be_bytes();
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, kind], &length, said].concat()
}

/// Somebody who connected to the proxy from there.
fn from(source: [u8; 4]) -> Vec<u8> {
    header(0x21, 0x11, &[&source[..], &[127, 0, 0, 1, 0x13, 0x88, 0, 80]].concat())
}

async fn told(address: SocketAddr, header: &[u8]) -> String {
    let mut client = RawClient::to(address).await;
    client.send(header).await;
    client.send(ASKING).await;
    let answer = client.answer().await;
    answer
        .unwrap_or_else(|| panic!("no answer after {header:?}"))
        .text()
}

/// Whether the connection ends without an answer, and before its time is over.
async fn is_closed(address: SocketAddr, bytes: &[u8]) {
    let mut client = RawClient::to(address).await;
    client.send(bytes).await;
    let said = client.rest(SOON).await.expect("an end");
    assert_eq!(said, b"", "{}", bytes.escape_ascii());
}

#[tokio::test]
async fn what_the_proxy_tells_is_where_people_come_from() {
    let stand = Stand::with(application(), behind).await;
    let v6 = [&[0x20, 0x01, 0x0d, 0xb8][..], &[0; 11], &[7], &[0; 16], &[0; 4]].concat();
    let fields = [&[192, 0, 2, 7, 127, 0, 0, 1, 0, 9, 0, 80][..], &[2, 0, 3], b"app"].concat();
    for (bytes, expected) in [
        (from([192, 0, 2, 7]), V4),
        (header(0x21, 0x11, &fields), V4),
        (header(0x21, 0x21, &v6), "2001:db8::7"),
        // It speaks for itself, or for somebody without an address.
        (header(0x20, 0x00, b""), "127.0.0.1"),
        (header(0x21, 0x00, b""), "127.0.0.1"),
        (header(0x21, 0x31, &[b'/'; 216]), "127.0.0.1"),
    ] {
        assert_eq!(told(stand.address, &bytes).await, expected, "{bytes:?}");
    }
}

#[tokio::test]
async fn a_header_may_come_in_drops_and_with_the_request() {
    let stand = Stand::with(application(), behind).await;
    let mut client = RawClient::to(stand.address).await;
    client.stream.set_nodelay(true).expect("a socket");
    for byte in from([192, 0, 2, 7]) {
        client.send([byte]).await;
        tokio::task::yield_now().await;
    }
    client.send(ASKING).await;
    assert_eq!(client.answer().await.expect("an answer").text(), V4);
    // The connection goes on as any, and its next request is the same one's.
    client.send(ASKING).await;
    assert_eq!(client.answer().await.expect("an answer").text(), V4);
}

#[tokio::test]
async fn who_is_listed_and_does_not_speak_it_is_shut_out() {
    let stand = Stand::with(application(), behind).await;
    let v1 = format!("PROXY TCP4 192.0.2.7 127.0.0.1 5000 80\r\n{ASKING}");
    let mut over = from([192, 0, 2, 7]);
    over[14..16].copy_from_slice(&[0xff, 0xff]);
    let mut field_over = from([192, 0, 2, 7]);
    field_over[15] = 15;
    field_over.extend([2, 0, 9]);
    for bytes in [
        ASKING.as_bytes(),
        v1.as_bytes(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0],
        &over,
        &field_over,
        &header(0x21, 0x11, b"short"),
        &header(0x21, 0x55, b""),
        &header(0x11, 0x11, &[0; 12]),
        &header(0x2a, 0x11, &[0; 12]),
    ] {
        is_closed(stand.address, bytes).await;
    }
    // Twice: the second is no request.
    let twice = [from([192, 0, 2, 7]), from([10, 0, 0, 1]), ASKING.into()].concat();
    let mut client = RawClient::to(stand.address).await;
    client.send(twice).await;
    assert_eq!(client.answer().await.expect("an answer").status(), 400);
}

#[tokio::test]
async fn who_is_not_listed_can_not_say_who_they_are() {
    let stand = Stand::with(application(), |settings| {
        behind(settings);
        settings.client_address.proxy_protocol = networks("192.0.2.0/24 2001:db8::/32");
    })
    .await;
    let spoofed = [from([10, 0, 0, 1]), ASKING.into()].concat();
    is_closed(stand.address, &spoofed).await;
    is_closed(stand.address, &header(0x20, 0, b"")).await;
    assert_eq!(told(stand.address, b"").await, "127.0.0.1");
    // Where nobody is listed, it is no request.
    let nobody = Stand::with(application(), |_| {}).await;
    let mut client = RawClient::to(nobody.address).await;
    client.send(&spoofed).await;
    let said = client.rest(SOON).await.expect("an end");
    assert!(said.starts_with(b"HTTP/1.1 400"), "{}", said.escape_ascii());
}

#[tokio::test]
async fn a_slow_header_has_its_time_and_no_more() {
    let stand = Stand::with(application(), |settings| {
        behind(settings);
        settings.limits.head_timeout = Duration::from_secs(1);
        settings.limits.connections = 6;
    })
    .await;
    let began = Instant::now();
    let mut slow = Vec::new();
    for length in [0, 1, 12, 16, 27] {
        let mut client = RawClient::to(stand.address).await;
        client.send(&from([192, 0, 2, 7])[..length]).await;
        slow.push(client);
    }
    assert_eq!(told(stand.address, &from([192, 0, 2, 7])).await, V4, "nobody waits for them");
    for client in &mut slow {
        assert_eq!(client.rest(SOON).await.expect("an end"), b"");
    }
    assert!(began.elapsed() >= Duration::from_millis(900), "it was cut too early");
}

#[tokio::test]
async fn forwarded_addresses_are_walked_from_the_one_that_is_told() {
    let stand = Stand::with(application(), |settings| {
        behind(settings);
        settings.client_address.trusted_proxies = networks("198.51.100.0/24");
    })
    .await;
    let asking = ASKING.replace("\r\n\r\n", "\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n");
    for (source, expected) in [
        ([198, 51, 100, 7], "203.0.113.9, 198.51.100.7"),
        // Its own word is the client's, however it came here.
        ([192, 0, 2, 7], V4),
    ] {
        let mut client = RawClient::to(stand.address).await;
        client
            .send([from(source), asking.clone().into()].concat())
            .await;
        assert_eq!(client.answer().await.expect("an answer").text(), expected);
    }
}

/// Tries to sign in over a connection of this one's.
async fn guess(address: SocketAddr, source: [u8; 4], login: &str) -> u16 {
    let form = format!("login={login}&password=wrong");
    let request = format!(
        "POST /.portcullis/sign-in HTTP/1.1\r\nHost: app.example\r\nAccept: text/html\r\n\
         Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let mut client = RawClient::to(address).await;
    client.send([from(source), request.into()].concat()).await;
    client
        .answer_within(SOON)
        .await
        .expect("an answer")
        .status()
}

#[tokio::test]
async fn guesses_are_counted_under_the_address_that_is_told() {
    let three = Counting::after(3).lasting(Duration::from_secs(60));
    let policy = LockoutPolicy::builder().by_address(three).build();
    let policy = policy.expect("a policy");
    let test = TestGate::with(|builder| builder.lockout(policy)).await;
    let upstream = serve(application()).await;
    let stand = Stand::of(test, upstream, Vec::new(), behind).await;
    for n in 0..3 {
        assert_eq!(guess(stand.address, [192, 0, 2, 7], &format!("nobody{n}")).await, 401);
    }
    assert_eq!(guess(stand.address, [192, 0, 2, 7], "another").await, 429);
    assert_eq!(guess(stand.address, [192, 0, 2, 8], "another").await, 401, "nobody else pays");
}

#[tokio::test]
async fn the_admin_listener_has_proxies_of_its_own() {
    let stand = Stand::with(application(), |settings| {
        settings.admin = Some(([127, 0, 0, 1], 0).into());
        settings.admin_proxy_protocol = networks("127.0.0.1/32");
        settings.open_paths = vec!["/open".to_owned()];
    })
    .await;
    let admin = stand.admin.expect("it listens");
    let probe = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
    is_closed(admin, probe).await;
    let mut client = RawClient::to(admin).await;
    client
        .send([from([192, 0, 2, 7]), probe.to_vec()].concat())
        .await;
    assert_eq!(client.answer().await.expect("an answer").status(), 200);
    assert_eq!(told(stand.address, b"").await, "127.0.0.1", "the public one has none");
}

/// A real HAProxy that forwards connections unread.
fn haproxy(folder: &Path, gateway: SocketAddr, option: &str) -> (SocketAddr, Kept) {
    let at = free_address();
    let text = format!(
        "defaults\n mode tcp\n timeout client 1m\n timeout server 1m\n timeout connect 5s\n\
         listen people\n bind {at}\n server gateway {gateway} {option}\n"
    );
    std::fs::write(folder.join("haproxy.cfg"), text).expect("a file");
    (at, Kept::run(&["haproxy", "-db", "-f", "haproxy.cfg"], folder, at))
}

/// `portcullis serve`, as a process behind HAProxy.
struct Program {
    _gateway: crate::gateway::tls::Program,
    proxy: SocketAddr,
    _haproxy: Kept,
}

impl Program {
    async fn behind_haproxy(folder: &TempDir, more: &str, option: &str) -> Self {
        let text = format!(
            "[clients]\nproxy_protocol = [\"127.0.0.1\"]\n[admin]\nlisten = \"off\"\n\
             [upstream]\nurl = \"http://{}\"\n[open]\npaths = [\"/open\"]\n{more}",
            serve(application()).await
        );
        let gateway = crate::gateway::tls::Program::with(folder.path(), &text);
        let (proxy, haproxy) = haproxy(folder.path(), gateway.address, option);
        Self { _gateway: gateway, proxy, _haproxy: haproxy }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_real_haproxy_the_client_is_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "[public]\nlisten = \"127.0.0.1:0\"\n";
    let program = Program::behind_haproxy(&folder, text, "send-proxy-v2").await;
    // Another address of this machine than HAProxy's own.
    let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 9], 0).into()).expect("an address");
    let mut stream = socket.connect(program.proxy).await.expect("a connection");
    let asking = ASKING.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    stream.write_all(asking.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.ends_with("\r\n\r\n127.0.0.9"), "{answer}");
    let own = Browser::at(program.proxy).get("/open", "").await;
    assert_eq!((own.status, own.body.as_str()), (200, "127.0.0.1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_real_haproxy_tls_is_spoken_to_the_end() {
    let (signer, folder) = (Signer::new(), tempfile::tempdir().expect("a folder"));
    signer.issue(folder.path(), "a", "a.example");
    let text = "[public]\nlisten = \"127.0.0.1:0\"\nurl = \"https://a.example\"\n\
                [tls]\ncertificate = \"a.crt\"\nkey = \"a.key\"\n";
    let option = "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority";
    let program = Program::behind_haproxy(&folder, text, option).await;
    let client = signer.client(&["http/1.1"]);
    let mut stream = client
        .to(program.proxy, "a.example")
        .await
        .expect("hands are shaken");
    let asking = ASKING.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    stream.write_all(asking.as_bytes()).await.expect("sent");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.ends_with("\r\n\r\n127.0.0.1"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn version_1_of_a_real_haproxy_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "[public]\nlisten = \"127.0.0.1:0\"\n";
    let program = Program::behind_haproxy(&folder, text, "send-proxy").await;
    let mut client = RawClient::to(program.proxy).await;
    client.send(ASKING).await;
    assert_eq!(client.rest(SOON).await.expect("an end"), b"");
}
