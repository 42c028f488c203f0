//! One process takes over from another, and nobody notices: with sockets that are handed
//! over, and with one address that both listen at.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::support::{Act, Browser, OK, Program, RawClient, Recorder, add, soon};

const SWITCH: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

async fn application() -> Recorder {
    Recorder::acting(|request| match request.line.split(' ').nth(1) {
        Some("/slow") => vec![Act::Wait(Duration::from_secs(1)), Act::Send(OK.to_vec())],
        Some("/socket") => vec![Act::Send(SWITCH.to_vec()), Act::Echo],
        _ => vec![Act::Send(OK.to_vec())],
    })
    .await
}

fn configuration(public: &str, upstream: &Recorder, rest: &str) -> String {
    format!(
        "[public]\nlisten = \"{public}\"\n{rest}[admin]\nlisten = \"off\"\n\
         [upstream]\nurl = \"http://{}\"\n[limits]\ndrain = \"5s\"\n",
        upstream.address
    )
}

/// A gateway that gets this socket from whoever starts it.
fn started_on(socket: &TcpListener, folder: &Path, upstream: &Recorder) -> Program {
    let handed: OwnedFd = socket.try_clone().expect("another").into();
    let mut command = Command::new("sh");
    // As a service manager does: from the third on, and for this very process.
    let script =
        "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=public exec \"$@\"";
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_portcullis")]);
    command.args(["serve", "--config", "gateway.toml"]);
    command.current_dir(folder).stdin(handed);
    for name in ["PORTCULLIS_DIRECTORY", "PORTCULLIS_CONFIG", "PORTCULLIS_LOG"] {
        command.env_remove(name);
    }
    // An address that nobody listens at: the socket that is handed over counts.
    let text = configuration("192.0.2.1:1", upstream, "");
    std::fs::write(folder.join("gateway.toml"), text).expect("a file");
    Program::of(command, folder)
}

fn request(address: SocketAddr, path: &str, cookie: &str, rest: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nCookie: {cookie}\r\n{rest}\r\n")
}

/// Clients that ask and ask, each on a connection that it keeps as long as it may.
struct Hammer {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Result<(), String>>>,
}

impl Hammer {
    fn at(address: SocketAddr, cookie: &str) -> Self {
        let (stop, answered) = (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default());
        let client = |_| {
            let (stop, answered) = (Arc::clone(&stop), Arc::clone(&answered));
            let request = request(address, "/", cookie, "");
            tokio::spawn(hammer(address, request, stop, answered))
        };
        let clients = (0..4).map(client).collect();
        Self { stop, answered, clients }
    }

    fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    async fn more(&self) {
        let before = self.answered();
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        while self.answered() < before + 200 && !self.clients.iter().any(JoinHandle::is_finished) {
            assert!(tokio::time::Instant::now() < deadline, "nobody is answered");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Fails if anybody was not answered.
    async fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client
                .await
                .expect("no panic")
                .expect("an answer to each request");
        }
    }
}

/// Fails at the first request that is not answered.
async fn hammer(
    address: SocketAddr,
    request: String,
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
) -> Result<(), String> {
    let mut client = None;
    while !stop.load(Ordering::Relaxed) {
        let mut open = match client.take() {
            Some(open) => open,
            None => {
                let connected = TcpStream::connect(address).await;
                RawClient::over(connected.map_err(|error| format!("no connection: {error}"))?)
            }
        };
        open.send(&request).await;
        let answer = open.answer_within(Duration::from_secs(20)).await;
        let answer = answer.ok_or("the connection ended in the place of an answer")?;
        if answer.status() != 200 {
            return Err(answer.to_string());
        }
        answered.fetch_add(1, Ordering::Relaxed);
        if answer.header("connection") != "close" {
            client = Some(open);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_process_takes_sockets_over_and_no_request_fails() {
    let upstream = application().await;
    let folder = tempfile::tempdir().expect("a folder");
    add(folder.path(), "alice");
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut old = started_on(&socket, folder.path(), &upstream);
    let address = socket.local_addr().expect("an address");
    assert_eq!(old.address, address);
    let cookie = old.sign_in("alice").await;
    let hammer = Hammer::at(address, &cookie);
    hammer.more().await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    let mut tunnel = RawClient::to(address).await;
    tunnel
        .send(request(address, "/socket", &cookie, upgrade))
        .await;
    assert_eq!(tunnel.answer().await.expect("an answer").status(), 101);
    let mut slow = RawClient::to(address).await;
    slow.send(request(address, "/slow", &cookie, "")).await;
    let is_slow = |request: &crate::support::wire::Message| request.line.contains("/slow");
    assert!(soon(|| upstream.requests().iter().any(is_slow)).await);

    let new = started_on(&socket, folder.path(), &upstream);
    hammer.more().await;
    old.signal("-TERM");
    hammer.more().await;
    // What was open at the old one goes on there.
    assert_eq!(slow.answer().await.expect("an answer").text(), "ok");
    tunnel.send("hello").await;
    assert_eq!(tunnel.until_silent(Duration::from_millis(300)).await, b"hello");
    assert_eq!(old.exit().await, Some(0));
    assert!(tunnel.rest(Duration::from_secs(5)).await.is_some(), "it outlived its process");
    hammer.more().await;
    hammer.stop().await;
    drop(new);
}

/// Without another process nobody is answered meanwhile, and nobody is refused.
#[tokio::test]
async fn who_connects_between_two_processes_waits() {
    let upstream = application().await;
    let folder = tempfile::tempdir().expect("a folder");
    add(folder.path(), "alice");
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut old = started_on(&socket, folder.path(), &upstream);
    let address = old.address;
    let cookie = old.sign_in("alice").await;
    old.signal("-TERM");
    assert_eq!(old.exit().await, Some(0));
    let mut between = RawClient::to(address).await;
    between.send(request(address, "/", &cookie, "")).await;
    assert!(
        between
            .until_silent(Duration::from_millis(200))
            .await
            .is_empty()
    );
    let _new = started_on(&socket, folder.path(), &upstream);
    let answer = between.answer_within(Duration::from_secs(20)).await;
    assert_eq!(answer.expect("an answer").status(), 200);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn two_processes_share_an_address_where_they_are_told_to() {
    let upstream = application().await;
    let folder = tempfile::tempdir().expect("a folder");
    add(folder.path(), "alice");
    let free = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = free.local_addr().expect("an address");
    drop(free);
    let shared = configuration(&address.to_string(), &upstream, "reuse_port = true\n");
    let mut old = Program::start(folder.path(), &shared);
    let cookie = old.sign_in("alice").await;
    let new = Program::start(folder.path(), &shared);
    assert_eq!((old.address, new.address), (address, address));
    let browser = Browser::at(address);
    for _ in 0..20 {
        assert_eq!(browser.get("/", &cookie).await.status, 200);
    }
    old.signal("-TERM");
    assert_eq!(old.exit().await, Some(0));
    for _ in 0..20 {
        let browser = Browser::at(address);
        assert_eq!(browser.get("/", &cookie).await.status, 200);
    }
    // Who was not told to finds the address taken.
    let alone = configuration(&address.to_string(), &upstream, "");
    std::fs::write(folder.path().join("alone.toml"), alone).expect("a file");
    let mut serve = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    serve.args(["serve", "--config", "alone.toml"]);
    let ran = serve
        .current_dir(folder.path())
        .output()
        .expect("the program");
    let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(!ran.status.success() && errors.contains("can't be listened on"), "{errors}");
}

/// Everything that a service manager is told, until this comes.
fn told(manager: &UnixDatagram, last: &str) -> Vec<String> {
    manager
        .set_read_timeout(Some(Duration::from_secs(20)))
        .expect("a limit");
    let (mut told, mut bytes) = (Vec::<String>::new(), [0; 1024]);
    while !told.iter().any(|line| line == last) {
        let length = manager.recv(&mut bytes);
        let length = length.unwrap_or_else(|error| panic!("{error}, after {told:?}"));
        let text = std::str::from_utf8(&bytes[..length]).expect("text");
        told.extend(text.lines().map(str::to_owned));
    }
    told
}

#[tokio::test]
async fn a_service_manager_is_told() {
    let upstream = application().await;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket");
    let text = configuration("127.0.0.1:0", &upstream, "");
    let mut program = Program::started(folder.path(), &text, |command| {
        command.env("NOTIFY_SOCKET", &path);
    });
    assert_eq!(told(&manager, "READY=1"), ["READY=1"]);
    program.signal("-HUP");
    let reload = told(&manager, "READY=1");
    assert_eq!(reload[0], "RELOADING=1");
    assert!(reload[1].starts_with("MONOTONIC_USEC="), "{reload:?}");
    program.signal("-TERM");
    assert_eq!(told(&manager, "STOPPING=1"), ["STOPPING=1"]);
    assert_eq!(program.exit().await, Some(0));
}
