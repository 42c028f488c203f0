//! Another configuration while the program runs: what it changes at once, what it leaves
//! alone, and what it is refused for.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use serde_json::Value;

use crate::support::{ANYWHERE, Act, Browser, OK, Program, RawClient, Recorder, add, soon};

const SWITCH: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";

/// Answers with its name; `/slow` once it is told to, by a request for `/go`.
async fn application(name: &'static str) -> Recorder {
    Recorder::acting(move |request| {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n{name}").into_bytes();
        match request.line.split(' ').nth(1) {
            Some("/slow") => vec![Act::Wait(Duration::from_secs(2)), Act::Send(answer)],
            Some("/socket") => vec![Act::Send(SWITCH.to_vec()), Act::Echo],
            _ => vec![Act::Send(answer)],
        }
    })
    .await
}

fn configuration(upstream: &Recorder, rest: &str) -> String {
    format!("{ANYWHERE}[upstream]\nurl = \"http://{}\"\n{rest}", upstream.address)
}

fn request(program: &Program, path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", program.address)
}

/// What `portcullis check` says of the configuration in this folder.
fn checked(folder: &Path) -> Value {
    let mut check = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    check.args(["check", "--config", "gateway.toml", "--offline", "--json"]);
    let ran = check.current_dir(folder).output().expect("the program");
    serde_json::from_slice(&ran.stdout).expect("JSON")
}

async fn taken(program: &Program) {
    program.line(&["configuration taken"]).await;
    program.forget_lines();
}

#[tokio::test]
async fn a_hangup_takes_another_configuration_and_drops_nothing() {
    let (one, other) = (application("1").await, application("2").await);
    let folder = tempfile::tempdir().expect("a folder");
    add(folder.path(), "alice");
    let program = Program::start(folder.path(), &configuration(&one, ""));
    let cookie = format!("Cookie: {}\r\n", program.sign_in("alice").await);
    let upgrade = format!(
        "{cookie}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    );
    let (mut kept, mut slow, mut socket) = (
        RawClient::to(program.address).await,
        RawClient::to(program.address).await,
        RawClient::to(program.address).await,
    );
    kept.send(request(&program, "/", &cookie)).await;
    assert_eq!(kept.answer().await.expect("an answer").text(), "1");
    socket.send(request(&program, "/socket", &upgrade)).await;
    assert_eq!(socket.answer().await.expect("an answer").status(), 101);
    slow.send(request(&program, "/slow", &cookie)).await;
    assert!(soon(|| one.requests().len() == 3).await);

    program.configure(&configuration(
        &other,
        "[upstream.identity]\nuser = \"remote-user\"\n[open]\npaths = [\"/free\"]\n\
         [headers]\nstrip = [\"x-internal\"]\n[clients]\ntrusted_proxies = [\"127.0.0.1\"]\n\
         [limits]\nbody = \"1KiB\"\n",
    ));
    program.signal("-HUP");
    taken(&program).await;

    // The same connection and the same session, before another application.
    let told = format!("{cookie}X-Internal: yes\r\nX-Forwarded-For: 192.0.2.7\r\n");
    kept.send(request(&program, "/", &told)).await;
    assert_eq!(kept.answer().await.expect("an answer").text(), "2");
    let heard = other.requests().remove(0);
    assert_eq!(heard.header("remote-user"), "alice");
    assert_eq!(heard.header("x-portcullis-user"), "");
    assert_eq!(heard.header("x-internal"), "");
    assert_eq!(heard.header("x-forwarded-for"), "192.0.2.7, 127.0.0.1");
    kept.send(request(&program, "/free", "")).await;
    assert_eq!(kept.answer().await.expect("an answer").text(), "2");
    let long = format!("{cookie}Content-Length: 2000\r\n");
    kept.send(request(&program, "/", &long).replace("GET", "POST"))
        .await;
    assert_eq!(kept.answer().await.expect("an answer").status(), 413);
    // What was under way ends as it began.
    assert_eq!(slow.answer().await.expect("an answer").text(), "1");
    socket.send("hello").await;
    assert_eq!(socket.until_silent(Duration::from_millis(300)).await, b"hello");
}

#[tokio::test]
async fn a_file_that_changed_is_read_without_a_signal() {
    let (one, other) = (application("1").await, application("2").await);
    let folder = tempfile::tempdir().expect("a folder");
    let open = "[open]\npaths = [\"/free\"]\n";
    let program = Program::start(folder.path(), &configuration(&one, open));
    let browser = Browser::at(program.address);
    assert_eq!(browser.get("/free", "").await.body, "1");
    program.configure(&configuration(&other, open));
    taken(&program).await;
    assert_eq!(browser.get("/free", "").await.body, "2");
}

#[tokio::test]
async fn a_wrong_file_changes_nothing_and_is_told_of_as_check_does() {
    let upstream = application("1").await;
    let folder = tempfile::tempdir().expect("a folder");
    let open = "[open]\npaths = [\"/free\"]\n";
    let program = Program::start(folder.path(), &configuration(&upstream, open));
    let wrong =
        configuration(&upstream, "[open]\npaths = [\"free\"]\n[limits]\nbody = \"1 cup\"\n");
    program.configure(&wrong);
    program.signal("-HUP");
    let checked = checked(folder.path());
    let problems = checked["problems"].as_array().expect("problems");
    assert_eq!(problems.len(), 2, "{checked}");
    for problem in problems {
        let what = problem["what"].as_str().expect("words");
        let line = format!("config.line={}", problem["line"]);
        let words = ["ERROR", "configuration not taken", "gateway.toml", &line, what];
        program.line(&words).await;
    }
    let browser = Browser::at(program.address);
    assert_eq!(browser.get("/free", "").await.body, "1");
    assert_ne!(browser.get("/other", "").await.status, 200);
    // And what is right again is taken.
    program.forget_lines();
    program.configure(&configuration(&upstream, "[open]\npaths = [\"/other\"]\n"));
    program.signal("-HUP");
    taken(&program).await;
    assert_eq!(browser.get("/other", "").await.body, "1");
    assert_ne!(browser.get("/free", "").await.status, 200);
}

#[tokio::test]
async fn what_takes_a_restart_is_named_and_the_rest_is_taken() {
    let (one, other) = (application("1").await, application("2").await);
    let folder = tempfile::tempdir().expect("a folder");
    let open = "[open]\npaths = [\"/free\"]\n";
    let program = Program::start(folder.path(), &configuration(&one, open));
    let next = configuration(&other, open).replace(
        "[public]\nlisten = \"127.0.0.1:0\"",
        "[public]\nlisten = \"127.0.0.2:0\"\nurl = \"https://app.example\"",
    ) + "[store]\ndirectory = \"other.db\"\n[sessions]\ncapacity = 5000\n[log]\nformat = \"json\"\n";
    program.configure(&next);
    program.signal("-HUP");
    program.line(&["INFO", "configuration taken"]).await;
    for key in ["public.listen", "public.url", "store.directory", "sessions.capacity", "log.format"]
    {
        let key = format!("config.key=\"{key}\"");
        program
            .line(&["WARN", "configuration needs a restart", &key])
            .await;
    }
    assert_eq!(Browser::at(program.address).get("/free", "").await.body, "2");
}

#[tokio::test]
async fn a_policy_is_pinned_and_let_go() {
    let upstream = application("1").await;
    let folder = tempfile::tempdir().expect("a folder");
    for login in ["alice", "bob"] {
        add(folder.path(), login);
    }
    let program = Program::start(folder.path(), &configuration(&upstream, ""));
    assert_eq!(program.try_password("alice", "wrong").await.status, 401);
    program.configure(&configuration(&upstream, "[lockout]\nmax_attempts = 1\n"));
    program.signal("-HUP");
    taken(&program).await;
    assert_eq!(program.try_password("bob", "wrong").await.status, 401);
    assert_eq!(program.try_password("bob", "wronger").await.status, 429);
    program.configure(&configuration(&upstream, ""));
    program.signal("-HUP");
    taken(&program).await;
    for wrong in ["a", "b", "c"] {
        assert_eq!(program.try_password("alice", wrong).await.status, 401, "{wrong}");
    }
}

#[tokio::test]
async fn levels_of_the_log_and_hosts_of_the_console_change() {
    let upstream = application("1").await;
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program::start(folder.path(), &configuration(&upstream, ""));
    let admin = program.admin().await;
    let asked = |host: &'static str| async move {
        let mut client = RawClient::to(admin).await;
        client
            .send(format!("GET /livez HTTP/1.1\r\nHost: {host}\r\n\r\n"))
            .await;
        client.answer().await.expect("an answer").status()
    };
    assert_eq!(asked("door.example").await, 421);
    let hosts = "[admin]\nlisten = \"127.0.0.1:0\"\nhosts = [\"door.example\"]\n";
    let next = configuration(&upstream, "[log]\nlevel = \"warn\"\n")
        .replace("[admin]\nlisten = \"127.0.0.1:0\"\n", hosts);
    program.configure(&next);
    program.signal("-HUP");
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while asked("door.example").await != 200 {
        assert!(tokio::time::Instant::now() < deadline, "{:?}", program.lines());
    }
    let silent = program.lines();
    assert!(
        !silent
            .iter()
            .any(|line| line.contains("configuration taken")),
        "{silent:?}"
    );
}

/// Connections beyond a new limit go on, and nobody comes in before they have ended.
#[tokio::test]
async fn fewer_connections_close_none() {
    let upstream = Recorder::saying(OK).await;
    let folder = tempfile::tempdir().expect("a folder");
    let open = "[open]\npaths = [\"/free\"]\n";
    let program = Program::start(folder.path(), &configuration(&upstream, open));
    let mut clients = Vec::new();
    for _ in 0..3 {
        let mut client = RawClient::to(program.address).await;
        client.send(request(&program, "/free", "")).await;
        assert_eq!(client.answer().await.expect("an answer").status(), 200);
        clients.push(client);
    }
    let few = format!("{open}[limits]\nconnections = 2\n");
    program.configure(&configuration(&upstream, &few));
    program.signal("-HUP");
    taken(&program).await;
    for client in &mut clients {
        client.send(request(&program, "/free", "")).await;
        assert_eq!(client.answer().await.expect("an answer").status(), 200);
    }
    // The one that is accepted already may have had its place before.
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut client = RawClient::to(program.address).await;
        client.send(request(&program, "/free", "")).await;
        waiting.push(client);
    }
    let mut last = waiting.pop().expect("two");
    let silence = Duration::from_millis(300);
    assert!(last.until_silent(silence).await.is_empty(), "it has no place");
    drop((clients, waiting));
    assert_eq!(last.answer().await.expect("an answer").status(), 200);
}

/// An application that is asked through a gateway in this process.
#[tokio::test]
async fn a_handle_hands_settings_to_a_gateway_in_process() {
    use portcullis::gateway::{Gateway, Origin, Rooms, Settings};
    use portcullis::testing::TestGate;

    let name = |headers: HeaderMap| async move {
        let user = headers
            .get("remote-user")
            .or(headers.get("x-portcullis-user"));
        user.map_or(String::new(), |user| user.to_str().expect("text").to_owned())
    };
    let upstream = super::serve(Router::new().route("/", get(name))).await;
    let test = TestGate::new().await;
    let origin = Origin::parse(&format!("http://{upstream}")).expect("an origin");
    let mut settings = Settings::for_upstream(origin);
    settings.public = ([127, 0, 0, 1], 0).into();
    settings.admin = None;
    let gateway = Gateway::bind(test.gate(), settings.clone(), Router::new()).await;
    let gateway = gateway.expect("a port");
    let (address, reload) = (gateway.public_address().expect("one"), gateway.reload());
    tokio::spawn(gateway.run(std::future::pending()));
    let alice = test.account("alice").await;
    let cookie = test.sign_in(&alice).await;
    let browser = Browser::at(address);
    assert_eq!(browser.get("/", &cookie).await.body, "alice");
    settings.upstream.identity.user = None;
    let prepared = reload.prepare(settings).expect("no certificate");
    prepared.take(test.gate(), Rooms::new(Router::new()));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !browser.get("/", &cookie).await.body.is_empty() {
        assert!(tokio::time::Instant::now() < deadline);
    }
}
