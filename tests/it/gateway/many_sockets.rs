//! A whole house of open connections through the real program: a lock ends what its account
//! has open within a second, and nothing else.

use std::net::SocketAddr;
use std::time::Duration;

use axum::routing::get;
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis::admin::{Actor, Admin};
use portcullis::domain::lock::End;
use portcullis::{Account, Portcullis};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::transport::Endpoint;

use super::tls::Program;
use super::{grpc, serve, tunnels};
use crate::stores::{add, person};

/// What is promised of live connections.
const SOON: Duration = Duration::from_secs(1);
/// For what is not promised, on a busy machine.
const PATIENTLY: Duration = Duration::from_secs(20);

const ACCOUNTS: usize = 400;
const SOCKETS_EACH: usize = 10;
const AT_ONCE: usize = 64;

/// Two sides of each socket's two connections are in this process.
const FILES: u64 = 3 * (ACCOUNTS * SOCKETS_EACH) as u64;

/// Somebody, and the cookie of their session.
struct Person {
    account: Account,
    cookie: String,
}

/// A directory that programs share, and whoever administers it from elsewhere.
struct House {
    folder: TempDir,
    gate: Portcullis,
    admin: Admin,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let gate = Portcullis::open(folder.path().join("portcullis.db")).await;
        let gate = gate.expect("a directory");
        let directory = gate.directory().expect("one").clone();
        let admin = Admin::new(directory).with_gate(gate.clone());
        Self { folder, gate, admin }
    }

    async fn person(&self, login: &str) -> Person {
        let directory = self.gate.directory().expect("one");
        let account = add(&**directory, person(login)).await;
        let signed_in = self.gate.open_session(account.id, None).await;
        let token = signed_in.expect("may sign in").token().expose().to_owned();
        Person { account, cookie: format!("{}={token}", self.gate.cookie_name()) }
    }

    /// A gateway of its own process before this application.
    fn gateway(&self, name: &str, upstream: SocketAddr, more: &str) -> Program {
        let text = format!(
            "[public]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"off\"\n\
             [store]\ndirectory = \"../portcullis.db\"\n\
             [upstream]\nurl = \"http://{upstream}\"\n{more}"
        );
        let folder = self.folder.path().join(name);
        std::fs::create_dir(&folder).expect("a folder");
        Program::with(&folder, &text)
    }

    /// Locks somebody, and says since when they are.
    async fn lock(&self, person: &Person) -> Instant {
        let locked = self
            .admin
            .lock(&Actor::System, &person.account.id.into(), End::Never, None)
            .await;
        locked.expect("somebody who can be locked");
        Instant::now()
    }
}

async fn socket(gateway: SocketAddr, cookie: &str) -> TcpStream {
    let mut stream = TcpStream::connect(gateway).await.expect("a connection");
    let request = format!(
        "GET /socket HTTP/1.1\r\nHost: {gateway}\r\nCookie: {cookie}\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let read = timeout(PATIENTLY, stream.read_u8()).await;
        head.push(read.expect("in time").expect("a head"));
    }
    assert!(head.starts_with(b"HTTP/1.1 101"), "{}", head.escape_ascii());
    stream
}

async fn echoes(stream: &mut TcpStream) -> bool {
    let echo = async {
        stream.write_all(b"x").await.ok()?;
        stream.read_u8().await.ok()
    };
    timeout(PATIENTLY, echo).await.ok().flatten() == Some(b'x')
}

/// Whether each ends before a second is over.
async fn all_end(sockets: &mut [TcpStream], locked_at: Instant) -> bool {
    let ends = sockets.iter_mut().map(|stream| async move {
        let read = timeout_at(locked_at + SOON, stream.read_u8()).await;
        matches!(read, Ok(Err(_)))
    });
    join_all(ends).await.into_iter().all(|ended| ended)
}

/// How many of these echo.
async fn alive(sockets: &mut [Vec<TcpStream>]) -> usize {
    let all = stream::iter(sockets.iter_mut().flatten()).map(echoes);
    all.buffer_unordered(AT_ONCE)
        .filter(|is| std::future::ready(*is))
        .count()
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_4000_sockets_those_of_the_locked_end_and_no_others() {
    let open = rlimit::increase_nofile_limit(FILES).expect("a limit");
    assert!(open >= FILES, "only {open} files may be open at once, of {FILES}: raise ulimit -n");
    let house = House::new().await;
    let program = house.gateway("gateway", serve(tunnels::application()).await, "");
    let mut people = Vec::new();
    for n in 0..ACCOUNTS {
        people.push(house.person(&format!("p{n}")).await);
    }
    let sockets = people
        .iter()
        .flat_map(|person| std::iter::repeat_n(person, SOCKETS_EACH));
    let sockets = stream::iter(sockets).map(|person| socket(program.address, &person.cookie));
    let sockets: Vec<_> = sockets.buffered(AT_ONCE).collect().await;
    let mut sockets = sockets.into_iter();
    let mut each: Vec<Vec<_>> = (0..ACCOUNTS)
        .map(|_| sockets.by_ref().take(SOCKETS_EACH).collect())
        .collect();
    assert_eq!(alive(&mut each).await, ACCOUNTS * SOCKETS_EACH);

    // One after the other.
    for n in 0..10 {
        let locked_at = house.lock(&people[n]).await;
        assert!(all_end(&mut each[n], locked_at).await, "sockets of p{n} go on");
        assert_eq!(alive(&mut each[n + 1..n + 11]).await, 10 * SOCKETS_EACH, "after p{n}");
    }
    assert_eq!(alive(&mut each[10..]).await, (ACCOUNTS - 10) * SOCKETS_EACH);
    // Several at once.
    let (locked, rest) = each[10..].split_at_mut(30);
    let ends = people[10..40]
        .iter()
        .zip(locked)
        .map(async |(person, sockets)| {
            let locked_at = house.lock(person).await;
            all_end(sockets, locked_at).await
        });
    let ended = join_all(ends).await;
    assert!(ended.iter().all(|ended| *ended), "{ended:?}");
    assert_eq!(alive(rest).await, (ACCOUNTS - 40) * SOCKETS_EACH, "somebody else's ended");
}

type Sender = hyper::client::conn::http2::SendRequest<Empty<Bytes>>;

/// A connection of HTTP/2 that several people share.
async fn shared(gateway: SocketAddr) -> Sender {
    let stream = TcpStream::connect(gateway).await.expect("a connection");
    let (executor, io) = (TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = hyper::client::conn::http2::handshake(executor, io)
        .await
        .expect("a connection");
    tokio::spawn(connection);
    sender
}

/// Events that never end.
async fn ticks(sender: &mut Sender, gateway: SocketAddr, cookie: &str) -> Incoming {
    let request = Request::get(format!("http://{gateway}/ticker")).header("cookie", cookie);
    let request = request.body(Empty::new()).expect("a request");
    let answer = timeout(PATIENTLY, sender.send_request(request))
        .await
        .expect("in time");
    let answer = answer.expect("an answer");
    assert_eq!(answer.status(), 200);
    answer.into_body()
}

/// Whether a stream breaks off before a second is over.
async fn breaks_off(body: &mut Incoming, locked_at: Instant) -> bool {
    let broken = async { while let Some(Ok(_)) = body.frame().await {} };
    timeout_at(locked_at + SOON, broken).await.is_ok()
}

/// Whether something comes still.
async fn goes_on(body: &mut Incoming) -> bool {
    matches!(timeout(PATIENTLY, body.frame()).await, Ok(Some(Ok(_))))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_lock_ends_streams_of_every_kind_in_every_gateway() {
    let house = House::new().await;
    let web = tunnels::application().route("/", get(|| async { "hello" }));
    let web = house.gateway("web", serve(web).await, "");
    let calls = house.gateway("calls", grpc::serve().await, "http2 = true\n");
    let (alice, bob) = (house.person("alice").await, house.person("bob").await);

    let mut sender = shared(web.address).await;
    let mut hers = ticks(&mut sender, web.address, &alice.cookie).await;
    let mut hers_too = ticks(&mut sender, web.address, &alice.cookie).await;
    let mut his = ticks(&mut sender, web.address, &bob.cookie).await;
    let (mut her_socket, mut his_socket) =
        (socket(web.address, &alice.cookie).await, socket(web.address, &bob.cookie).await);
    let mut her_events = TcpStream::connect(web.address).await.expect("a connection");
    let request = format!(
        "GET /ticker HTTP/1.1\r\nHost: {}\r\nCookie: {}\r\n\r\n",
        web.address, alice.cookie
    );
    her_events
        .write_all(request.as_bytes())
        .await
        .expect("sent");
    assert_eq!(her_events.read_u8().await.expect("an answer"), b'H');

    let endpoint = Endpoint::try_from(format!("http://{}", calls.address)).expect("an address");
    let channel = endpoint.connect().await.expect("a connection");
    let mut calls = Vec::new();
    for person in [&alice, &bob] {
        let mut client = tonic::client::Grpc::new(channel.clone());
        client.ready().await.expect("a connection");
        let names = stream::iter(["a".to_owned()]).chain(stream::pending());
        let request = grpc::from(names, &person.cookie);
        let answers = client
            .streaming(request, grpc::path("Many"), grpc::Text)
            .await;
        let mut answers = answers.expect("answers").into_inner();
        assert_eq!(answers.message().await.expect("one").as_deref(), Some("hello a"));
        calls.push(answers);
    }

    let locked_at = house.lock(&alice).await;
    let [her_call, his_call] = &mut calls[..] else { panic!("two calls") };
    let (socket_ends, events_end, first, second, call_ends) = tokio::join!(
        all_end(std::slice::from_mut(&mut her_socket), locked_at),
        timeout_at(locked_at + SOON, async {
            let mut rest = Vec::new();
            let _ = her_events.read_to_end(&mut rest).await;
        }),
        breaks_off(&mut hers, locked_at),
        breaks_off(&mut hers_too, locked_at),
        timeout_at(locked_at + SOON, her_call.message()),
    );
    assert!(socket_ends, "her socket goes on");
    assert!(events_end.is_ok(), "her events go on");
    assert!(first && second, "her streams go on: {first} {second}");
    assert!(call_ends.expect("her call goes on").is_err(), "it ends as if it were whole");
    assert!(goes_on(&mut his).await && echoes(&mut his_socket).await, "his ended, too");
    let silent = timeout(Duration::from_millis(300), his_call.message()).await;
    assert!(silent.is_err(), "his call ended, too");
}
