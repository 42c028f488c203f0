//! How the gateway stops: what waits is closed, what works may finish, what
//! would go on for ever is cut.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use portcullis::gateway::{Gateway, Origin, Settings};
use portcullis::testing::TestGate;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::support::{Act, Browser, OK, RawClient, Recorder, portcullis, soon};

const SWITCH: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

/// A gateway that can be told to stop.
struct Stand {
    test: TestGate,
    address: SocketAddr,
    cookie: String,
    stop: oneshot::Sender<()>,
    running: JoinHandle<()>,
}

impl Stand {
    async fn over(upstream: &Recorder, drain: Duration) -> Self {
        let test = TestGate::new().await;
        let origin = Origin::parse(&format!("http://{}", upstream.address)).expect("an origin");
        let mut settings = Settings::for_upstream(origin);
        settings.public = ([127, 0, 0, 1], 0).into();
        settings.admin = None;
        settings.limits.drain = drain;
        let gateway = Gateway::bind(test.gate(), settings, Router::new())
            .await
            .expect("a port");
        let address = gateway.public_address().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let running = tokio::spawn(gateway.run(async move { drop(stopped.await) }));
        let alice = test.account("alice").await;
        let cookie = test.sign_in(&alice).await;
        Self { test, address, cookie, stop, running }
    }

    async fn client(&self) -> RawClient {
        RawClient::to(self.address).await
    }

    fn get(&self, path: &str) -> String {
        get(self.address, path, &self.cookie)
    }
}

fn get(address: SocketAddr, path: &str, cookie: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\r\n")
}

fn handshake(address: SocketAddr, cookie: &str) -> String {
    format!(
        "GET /socket HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

/// Answers `/slow` after a while, `/never` never, and `/socket` with a WebSocket.
async fn application() -> Recorder {
    Recorder::acting(|request| match request.line.split(' ').nth(1) {
        Some("/slow") => vec![Act::Wait(Duration::from_millis(400)), Act::Send(OK.to_vec())],
        Some("/never") => vec![Act::Hang],
        Some("/socket") => vec![Act::Send(SWITCH.to_vec()), Act::Echo],
        _ => vec![Act::Send(OK.to_vec())],
    })
    .await
}

#[tokio::test]
async fn what_waits_is_closed_at_once_and_what_works_may_finish() {
    let upstream = application().await;
    let stand = Stand::over(&upstream, Duration::from_secs(10)).await;
    let (mut used, mut unused, mut slow) =
        (stand.client().await, stand.client().await, stand.client().await);
    used.send(stand.get("/")).await;
    assert_eq!(used.answer().await.expect("an answer").status(), 200);
    slow.send(stand.get("/slow")).await;
    assert!(soon(|| upstream.requests().len() == 2).await);
    tokio::time::sleep(Duration::from_millis(50)).await;

    let address = stand.address;
    let began = tokio::time::Instant::now();
    stand.stop.send(()).expect("still running");
    for idle in [&mut used, &mut unused] {
        assert!(idle.rest(Duration::from_millis(300)).await.is_some(), "it is not closed");
    }
    assert!(TcpStream::connect(address).await.is_err(), "somebody still comes in");
    let answer = slow.answer().await.expect("an answer");
    assert_eq!((answer.status(), answer.text().as_str()), (200, "ok"));
    assert_eq!(answer.header("connection"), "close");
    stand.running.await.expect("no panic");
    assert!(began.elapsed() < Duration::from_secs(5), "it waited for nobody");
    assert!(upstream.open_at_most(0).await);
    drop(stand.test);
}

#[tokio::test]
async fn what_would_go_on_for_ever_is_cut_at_the_end() {
    let upstream = application().await;
    let stand = Stand::over(&upstream, Duration::from_millis(600)).await;
    let (mut never, mut socket) = (stand.client().await, stand.client().await);
    never.send(stand.get("/never")).await;
    socket.send(handshake(stand.address, &stand.cookie)).await;
    assert_eq!(socket.answer().await.expect("an answer").status(), 101);
    assert!(soon(|| upstream.requests().len() == 2).await);

    let began = tokio::time::Instant::now();
    stand.stop.send(()).expect("still running");
    // Until then it goes on.
    tokio::time::sleep(Duration::from_millis(200)).await;
    socket.send("hello").await;
    assert_eq!(socket.until_silent(Duration::from_millis(100)).await, b"hello");
    stand.running.await.expect("no panic");
    assert!(began.elapsed() >= Duration::from_millis(600), "cut too early");
    assert!(never.rest(Duration::from_secs(1)).await.is_some(), "a request goes on");
    assert!(socket.rest(Duration::from_secs(1)).await.is_some(), "a tunnel goes on");
    assert!(upstream.open_at_most(0).await);
}

#[tokio::test]
async fn a_tunnel_that_ends_by_itself_is_not_waited_for() {
    let upstream = application().await;
    let stand = Stand::over(&upstream, Duration::from_secs(30)).await;
    let mut socket = stand.client().await;
    socket.send(handshake(stand.address, &stand.cookie)).await;
    assert_eq!(socket.answer().await.expect("an answer").status(), 101);
    stand.stop.send(()).expect("still running");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!stand.running.is_finished(), "the tunnel still has its time");
    drop(socket);
    tokio::time::timeout(Duration::from_secs(2), stand.running)
        .await
        .expect("in time")
        .expect("no panic");
}

#[tokio::test]
async fn places_are_for_connections_and_tunnels_alike() {
    let upstream = application().await;
    let stand =
        super::Stand::over(upstream.address, |settings| settings.limits.connections = 2).await;
    let (_, cookie) = stand.signed_in("alice").await;
    let mut sockets = Vec::new();
    for _ in 0..2 {
        let mut socket = RawClient::to(stand.address).await;
        socket.send(handshake(stand.address, &cookie)).await;
        assert_eq!(socket.answer().await.expect("an answer").status(), 101);
        sockets.push(socket);
    }
    let mut third = RawClient::to(stand.address).await;
    third.send(get(stand.address, "/", &cookie)).await;
    assert!(
        third
            .until_silent(Duration::from_millis(200))
            .await
            .is_empty(),
        "it has no place"
    );
    sockets.pop();
    assert_eq!(third.answer().await.expect("an answer").status(), 200);
}

/// `portcullis serve`, as a process.
struct Program {
    child: Child,
    address: SocketAddr,
    _stdout: BufReader<std::process::ChildStdout>,
}

impl Program {
    fn start(folder: &Path, upstream: SocketAddr) -> Self {
        let file = folder.join("gateway.toml");
        let text = format!(
            "[public]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"off\"\n\
             [upstream]\nurl = \"http://{upstream}\"\n[limits]\ndrain = \"2s\"\n"
        );
        std::fs::write(&file, text).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(["serve", "--config", "gateway.toml"])
            .current_dir(folder);
        command
            .env_remove("PORTCULLIS_DIRECTORY")
            .env_remove("PORTCULLIS_CONFIG");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("the program");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("serve printed {line:?}"));
        Self { child, address, _stdout: stdout }
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([signal, &self.child.id().to_string()])
            .status();
        assert!(sent.expect("kill").success());
    }

    /// The most memory that it ever had, in KiB.
    #[cfg(target_os = "linux")]
    fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a status");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .expect("a peak");
        line.trim()
            .trim_end_matches(" kB")
            .parse()
            .expect("a number")
    }

    async fn exit(&mut self) -> Option<i32> {
        for _ in 0..1000 {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("it does not stop");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program before this upstream, and the cookie of somebody who signed in.
async fn program(folder: &Path, upstream: &Recorder) -> (Program, String) {
    portcullis(folder, &["user", "add", "alice", "--password-stdin"], "correct horse battery\n");
    let program = Program::start(folder, upstream.address);
    let fields = [("login", "alice"), ("password", "correct horse battery")];
    let browser = Browser::at(program.address);
    let answer = browser.post_form("/.portcullis/sign-in", "", &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let cookie = answer.cookie();
    (program, cookie)
}

#[cfg(unix)]
#[tokio::test]
async fn the_program_stops_in_order() {
    let upstream = application().await;
    let folder = tempfile::tempdir().expect("a folder");
    let (mut program, cookie) = program(folder.path(), &upstream).await;
    let (mut slow, mut socket, mut idle) = (
        RawClient::to(program.address).await,
        RawClient::to(program.address).await,
        RawClient::to(program.address).await,
    );
    idle.send(get(program.address, "/", &cookie)).await;
    assert_eq!(idle.answer().await.expect("an answer").status(), 200);
    socket.send(handshake(program.address, &cookie)).await;
    assert_eq!(socket.answer().await.expect("an answer").status(), 101);
    slow.send(get(program.address, "/slow", &cookie)).await;
    assert!(soon(|| upstream.requests().len() == 3).await);

    program.signal("-TERM");
    assert!(idle.rest(Duration::from_millis(350)).await.is_some(), "it is not closed");
    assert_eq!(slow.answer().await.expect("an answer").status(), 200);
    assert_eq!(program.exit().await, Some(0));
    assert!(socket.rest(Duration::from_secs(1)).await.is_some());
}

/// 64 MiB each way need no more memory than a little of them.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn much_goes_through_little_memory() {
    const MUCH: usize = 64 << 20;
    let part = vec![b'x'; 1 << 20];
    let upstream = Recorder::acting(move |request| {
        if request.line.starts_with("GET") {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {MUCH}\r\n\r\n");
            let parts = std::iter::repeat_n(Act::Send(part.clone()), MUCH / part.len());
            return [Act::Send(head.into_bytes())]
                .into_iter()
                .chain(parts)
                .collect();
        }
        vec![Act::Send(OK.to_vec())]
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    let (program, cookie) = program(folder.path(), &upstream).await;
    let before = program.peak();

    let mut down = RawClient::to(program.address).await;
    down.send(get(program.address, "/", &cookie)).await;
    // Slowly at first: what comes meanwhile has to wait somewhere.
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        down.answer_within(Duration::from_secs(60))
            .await
            .expect("an answer")
            .body
            .len(),
        MUCH
    );

    let mut up = RawClient::to(program.address).await;
    let head = get(program.address, "/", &cookie).replace("GET", "POST");
    up.send(head.replace("\r\n\r\n", &format!("\r\nContent-Length: {MUCH}\r\n\r\n")))
        .await;
    let part = vec![b'x'; 1 << 20];
    for _ in 0..MUCH / part.len() {
        up.send(&part).await;
    }
    assert_eq!(
        up.answer_within(Duration::from_secs(60))
            .await
            .expect("an answer")
            .status(),
        200
    );
    // Linux adds up what its threads counted now and then: a peak may seem to fall.
    let grown = program.peak().saturating_sub(before);
    assert!(grown < 16 << 10, "it took {grown} KiB more");
}
