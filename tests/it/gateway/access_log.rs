//! The access log of the real program: what is in a line, what never is, and what becomes
//! of it when the file is moved, full or too slow.

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::metrics::{count, figures};
use crate::support::{ANYWHERE, Act, Browser, OK, Program, RawClient, Recorder, add};

fn configuration(upstream: &Recorder, rest: &str) -> String {
    format!(
        "{ANYWHERE}[upstream]\nurl = \"http://{}\"\n[open]\npaths = [\"/open\"]\n\
         [clients]\ntrusted_proxies = [\"127.0.0.1\"]\n{rest}",
        upstream.address
    )
}

/// The lines of a file, once there are so many.
async fn lines(file: &Path, so_many: usize) -> Vec<String> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        if lines.len() >= so_many && text.ends_with('\n') {
            return lines;
        }
        assert!(tokio::time::Instant::now() < deadline, "only {lines:#?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn ask(program: &Program, path: &str, headers: &str) -> u16 {
    let mut client = RawClient::to(program.address).await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: app.example\r\n{headers}\r\n");
    client.send(request).await;
    client.answer().await.expect("an answer").status()
}

#[tokio::test]
async fn a_line_says_whose_and_what_and_no_secrets() {
    let upstream = Recorder::acting(|request| match request.line.split(' ').nth(1) {
        Some("/hang") => vec![Act::Hang],
        Some("/short") => {
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf";
            vec![Act::Send(head.as_bytes().to_vec()), Act::Close]
        }
        _ => vec![Act::Wait(Duration::from_millis(20)), Act::Send(OK.to_vec())],
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    add(folder.path(), "alice");
    let log = "[log.access]\nformat = \"json\"\nfile = \"access.log\"\n";
    let program = Program::start(folder.path(), &configuration(&upstream, log));
    let file = folder.path().join("access.log");
    let cookie = program.sign_in("alice").await;
    lines(&file, 1).await;
    let mine = format!(
        "Cookie: {cookie}\r\nX-Forwarded-For: 192.0.2.7\r\nX-Request-Id: lb-1\r\n\
         Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
    );
    assert_eq!(ask(&program, "/a%20b?token=s3cret", &mine).await, 200);
    lines(&file, 2).await;
    assert_eq!(ask(&program, "/closed", "Accept: application/json\r\n").await, 401);
    lines(&file, 3).await;
    // One who gives up, and an answer that breaks off.
    let mut hanging = RawClient::to(program.address).await;
    hanging
        .send(format!("GET /hang HTTP/1.1\r\nHost: a\r\n{mine}\r\n"))
        .await;
    assert!(crate::support::soon(|| upstream.requests().len() == 2).await);
    drop(hanging);
    lines(&file, 4).await;
    let mut short = RawClient::to(program.address).await;
    short
        .send(format!("GET /short HTTP/1.1\r\nHost: a\r\n{mine}\r\n"))
        .await;
    short.rest(Duration::from_secs(10)).await.expect("an end");
    let lines = lines(&file, 5).await;
    let text = lines.join("\n");
    let token = cookie.split('=').nth(1).expect("a token");
    for secret in ["s3cret", "token=", token, "alice", "correct horse"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    let read = |line: &String| serde_json::from_str::<Value>(line).expect("JSON");
    let [signed_in, passed, denied, gone, broken] = &lines.iter().map(read).collect::<Vec<_>>()[..]
    else {
        panic!("{lines:#?}")
    };
    assert_eq!(signed_in["path"], "/.portcullis/sign-in");
    assert_eq!((&signed_in["method"], &signed_in["status"]), (&"POST".into(), &303.into()));
    assert_eq!(signed_in["outcome"], "page");
    assert_eq!(passed["account"], "1", "she is the first");
    assert_eq!(passed["path"], "/a%20b");
    assert_eq!((&passed["status"], &passed["bytes"]), (&200.into(), &2.into()));
    assert_eq!((&passed["client"], &passed["outcome"]), (&"192.0.2.7".into(), &"passed".into()));
    assert_eq!((&passed["complete"], &passed["request_id"]), (&true.into(), &"lb-1".into()));
    assert_eq!(passed["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(passed["parent_span_id"], "b7ad6b7169203331");
    assert_eq!(passed["session"].as_str().expect("a session").len(), 8);
    let ms = |name: &str| passed[name].as_f64().expect("a number");
    assert!(ms("upstream_ms") >= 20.0 && ms("duration_ms") >= ms("upstream_ms"), "{passed}");
    let heard = upstream.requests();
    let span = heard[0]
        .header("traceparent")
        .split('-')
        .nth(2)
        .expect("a span");
    assert_eq!(passed["span_id"], span);
    assert_eq!((&denied["status"], &denied["denial"]), (&401.into(), &"no-session".into()));
    assert_eq!(denied["outcome"], "denied");
    assert!(gone.get("status").is_none() && gone["outcome"] == "abandoned", "{gone}");
    assert_eq!((&broken["bytes"], &broken["complete"]), (&4.into(), &false.into()));
}

#[tokio::test]
async fn lines_go_to_standard_output_as_text_and_nobody_writes_their_own() {
    let upstream = Recorder::saying(OK).await;
    let folder = tempfile::tempdir().expect("a folder");
    let log = "[log.access]\nformat = \"text\"\n";
    let program = Program::start(folder.path(), &configuration(&upstream, log));
    assert_eq!(ask(&program, "/open/\"status=200\"=x", "X-Request-Id: a\"b\r\n").await, 200);
    let line = program.line(&["client=127.0.0.1", "method=GET"]).await;
    assert!(line.contains(" path=\"/open/\\\"status=200\\\"=x\" status=200 bytes=2 "), "{line}");
    assert!(!line.contains("a\"b"), "{line}");
}

/// As logrotate does: the file is moved away, and the gateway is told.
#[tokio::test]
async fn a_file_that_is_moved_away_is_let_go() {
    let upstream = Recorder::saying(OK).await;
    let folder = tempfile::tempdir().expect("a folder");
    let log = "[log.access]\nformat = \"text\"\nfile = \"access.log\"\n";
    let program = Program::start(folder.path(), &configuration(&upstream, log));
    let [file, old] = ["access.log", "access.log.1"].map(|name| folder.path().join(name));
    assert_eq!(ask(&program, "/open/1", "").await, 200);
    lines(&file, 1).await;
    std::fs::rename(&file, &old).expect("moved");
    program.signal("-HUP");
    program.line(&["configuration taken"]).await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !file.exists() || std::fs::metadata(&file).expect("a file").len() == 0 {
        assert_eq!(ask(&program, "/open/2", "").await, 200);
        assert!(tokio::time::Instant::now() < deadline);
    }
    assert!(lines(&file, 1).await[0].contains("path=/open/2"));
    assert!(lines(&old, 1).await[0].contains("path=/open/1"));
    // And one that can't be written is not taken.
    program.configure(&configuration(
        &upstream,
        "[log.access]\nformat = \"text\"\nfile = \"no/such/folder/access.log\"\n",
    ));
    program.signal("-HUP");
    program
        .line(&["configuration not taken", "no/such/folder/access.log"])
        .await;
    assert_eq!(ask(&program, "/open/3", "").await, 200);
}

/// A pipe that nobody reads: people are served all the same, and it is counted what is
/// left out.
#[cfg(unix)]
#[tokio::test]
async fn nobody_waits_for_a_log_that_is_stuck() {
    let upstream = Recorder::saying(OK).await;
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.expect("mkfifo").success());
    // Both ends are open, and nothing is ever read.
    let held = std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&pipe);
    let held = held.expect("the pipe");
    let log = "[log.access]\nformat = \"json\"\nfile = \"pipe\"\nqueue = 5\n";
    let program = Program::start(folder.path(), &configuration(&upstream, log));
    let admin = Browser::at(program.admin().await);
    let mut client = RawClient::to(program.address).await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    let mut asked = 0;
    while count(&figures(&admin).await, "portcullis_access_log_dropped_total", &[]) < 5 {
        for _ in 0..100 {
            client.send("GET /open HTTP/1.1\r\nHost: a\r\n\r\n").await;
            assert_eq!(client.answer().await.expect("an answer").status(), 200);
            asked += 1;
        }
        assert!(tokio::time::Instant::now() < deadline, "{asked} are all written");
    }
    drop(held);
}
