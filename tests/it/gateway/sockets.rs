//! WebSocket handshakes and tunnels, byte by byte.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::Stand;
use crate::support::{Act, RawClient, Recorder, soon};

const SWITCH: &str =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n";

fn send(text: &str) -> Act {
    Act::Send(text.as_bytes().to_vec())
}

/// A gateway before an upstream that does this with a handshake, and a client
/// that has sent one with these fields.
async fn handshake(fields: &str, acts: Vec<Act>) -> (Stand, Recorder, RawClient) {
    let upstream = Recorder::acting(move |_| acts.clone()).await;
    let stand = Stand::over(upstream.address, |settings| {
        settings.limits.body_idle_timeout = Duration::from_millis(500);
    })
    .await;
    let client = asking(&stand, fields).await;
    (stand, upstream, client)
}

/// A client that has sent a handshake with these fields.
async fn asking(stand: &Stand, fields: &str) -> RawClient {
    let (_, cookie) = stand.signed_in("alice").await;
    let mut client = RawClient::to(stand.address).await;
    let head = format!("GET /socket HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n", stand.address);
    client.send(head + fields).await;
    client
}

const ASKS: &str = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: chat\r\n\r\n";

#[tokio::test]
async fn a_handshake_goes_through_as_it_is() {
    let answer = format!(
        "{SWITCH}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n\
         Set-Cookie: portcullis=x\r\nX-Hop: 1\r\n\r\n"
    );
    let (_stand, upstream, mut client) = handshake(ASKS, vec![send(&answer), Act::Echo]).await;
    let granted = client.answer().await.expect("an answer");
    assert_eq!(granted.status(), 101);
    assert_eq!(granted.header("sec-websocket-accept"), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(granted.header("sec-websocket-protocol"), "chat");
    assert_eq!((granted.header("connection"), granted.header("upgrade")), ("upgrade", "websocket"));
    assert_eq!(granted.header("set-cookie"), "");
    let seen = &upstream.requests()[0];
    assert_eq!((seen.header("connection"), seen.header("upgrade")), ("upgrade", "websocket"));
    assert_eq!(seen.header("sec-websocket-key"), "dGhlIHNhbXBsZSBub25jZQ==");
}

#[tokio::test]
async fn a_handshake_that_is_refused_is_an_answer_like_any_other() {
    for status in ["403 Forbidden", "426 Upgrade Required", "200 OK"] {
        let answer = format!(
            "HTTP/1.1 {status}\r\nSec-WebSocket-Version: 13\r\nContent-Length: 2\r\n\r\nno"
        );
        let (_stand, upstream, mut client) = handshake(ASKS, vec![send(&answer)]).await;
        let refused = client.answer().await.expect("an answer");
        assert_eq!(format!("{} ", refused.status()), status[..4]);
        assert_eq!(
            (refused.text().as_str(), refused.header("sec-websocket-version")),
            ("no", "13")
        );
        // No tunnel is open: what comes now is a request, and without a session.
        client
            .send("GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n")
            .await;
        assert_eq!(client.answer().await.expect("an answer").status(), 401);
        assert_eq!(upstream.requests().len(), 1);
    }
}

#[tokio::test]
async fn nothing_else_is_switched_to() {
    for protocol in ["h2c", "websocket2", "TLS/1.0"] {
        let answer = SWITCH.replace("websocket", protocol) + "\r\n";
        let (_stand, upstream, mut client) = handshake(ASKS, vec![send(&answer), Act::Echo]).await;
        assert_eq!(client.answer().await.expect("an answer").status(), 502, "{protocol}");
        assert!(upstream.open_at_most(0).await);
    }
}

#[tokio::test]
async fn what_is_said_too_early_is_not_lost() {
    // The upstream speaks in the same breath as it switches, the client before it.
    let answer = format!("{SWITCH}\r\nwelcome");
    let (_stand, _upstream, mut client) =
        handshake(&format!("{ASKS}early"), vec![send(&answer), Act::Echo]).await;
    assert_eq!(client.answer().await.expect("an answer").status(), 101);
    assert_eq!(client.until_silent(Duration::from_millis(200)).await, b"welcomeearly");
}

#[tokio::test]
async fn one_side_may_end_before_the_other() {
    let answer = format!("{SWITCH}\r\n");
    let (_stand, upstream, mut client) = handshake(ASKS, vec![send(&answer), Act::Echo]).await;
    assert_eq!(client.answer().await.expect("an answer").status(), 101);
    client.send("goodbye").await;
    client.stream.shutdown().await.expect("half closed");
    assert_eq!(client.rest(Duration::from_secs(2)).await.expect("an end"), b"goodbye");
    assert!(upstream.open_at_most(0).await);
}

#[tokio::test]
async fn a_tunnel_that_only_one_side_holds_ends() {
    // The upstream never notices that the client has nothing more to say.
    let answer = format!("{SWITCH}\r\n");
    let acts = vec![send(&answer), Act::Wait(Duration::from_secs(30))];
    let (_stand, _upstream, mut client) = handshake(ASKS, acts).await;
    assert_eq!(client.answer().await.expect("an answer").status(), 101);
    client.stream.shutdown().await.expect("half closed");
    assert!(client.rest(Duration::from_secs(2)).await.is_some(), "it is held open");
}

/// What a side that broke is noticed within.
const AT_ONCE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_client_that_breaks_off_ends_a_tunnel_whose_other_side_is_silent() {
    let answer = format!("{SWITCH}\r\n");
    let upstream = Recorder::acting(move |_| vec![send(&answer), Act::Hang]).await;
    let stand = Stand::over(upstream.address, |_| {}).await;
    let mut client = asking(&stand, ASKS).await;
    assert_eq!(client.answer().await.expect("an answer").status(), 101);
    client.stream.set_zero_linger().expect("a reset to come");
    drop(client);
    let ended = timeout(AT_ONCE, upstream.open_at_most(0)).await;
    assert_eq!(ended, Ok(true), "it is held open");
}

#[tokio::test]
async fn an_upstream_that_breaks_off_ends_a_tunnel_whose_other_side_is_silent() {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("an address");
    let (break_off, told) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let (mut stream, _) = socket.accept().await.expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.expect("a head"));
        }
        let answer = format!("{SWITCH}\r\n");
        stream.write_all(answer.as_bytes()).await.expect("sent");
        told.await.expect("a word");
        stream.set_zero_linger().expect("a reset to come");
    });
    let stand = Stand::over(address, |_| {}).await;
    let mut client = asking(&stand, ASKS).await;
    assert_eq!(client.answer().await.expect("an answer").status(), 101);
    break_off.send(()).expect("somebody listens");
    assert!(client.rest(AT_ONCE).await.is_some(), "it is held open");
}

#[tokio::test]
async fn nothing_of_a_tunnel_is_left() {
    let answer = format!("{SWITCH}\r\n");
    let (stand, upstream, client) = handshake(ASKS, vec![send(&answer), Act::Echo]).await;
    drop(client);
    let tasks = || {
        tokio::runtime::Handle::current()
            .metrics()
            .num_alive_tasks()
    };
    assert!(soon(|| upstream.connections() == 1).await && upstream.open_at_most(0).await);
    let before = tasks();
    let (_, cookie) = stand.signed_in("bob").await;
    for _ in 0..20 {
        let mut client = RawClient::to(stand.address).await;
        let head = format!("GET / HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n", stand.address);
        client.send(head + ASKS).await;
        assert_eq!(client.answer().await.expect("an answer").status(), 101);
    }
    assert!(upstream.open_at_most(0).await);
    assert!(soon(|| tasks() <= before + 3).await, "{} tasks, {before} before", tasks());
}
