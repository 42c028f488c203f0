//! What a hostile client sends, byte by byte, and what becomes of it.
//!
//! The table is `tests/corpus/hostile.txt`; it says itself how it is read. Every
//! case is refused, or the upstream sees exactly what the table says and nothing
//! else: one request for each that was admitted.

use std::time::Duration;

use proptest::prelude::*;

use super::Stand;
use crate::support::{RawClient, Recorder, wire};

const TABLE: &str = include_str!("../../corpus/hostile.txt");

#[derive(Debug)]
struct Case {
    name: &'static str,
    sent: Vec<u8>,
    statuses: Vec<u16>,
    /// Every request that the upstream sees.
    seen: Vec<Vec<u8>>,
}

/// What stands in the table for what is only known at run time.
struct Words {
    host: String,
    cookie: String,
    added: String,
}

/// A gateway before an upstream that records, and somebody who is signed in.
struct Scene {
    stand: Stand,
    upstream: Recorder,
    words: Words,
}

impl Scene {
    async fn new() -> Self {
        let answer = "HTTP/1.1 200 OK\r\nX-Application: yes\r\nContent-Length: 2\r\n\r\nok";
        let upstream = Recorder::saying(answer.as_bytes()).await;
        let stand = Stand::over(upstream.address, |settings| {
            settings.limits.head_timeout = Duration::from_secs(2);
            settings.limits.body_bytes = Some(1000);
            settings.strip_headers = vec![http::HeaderName::from_static("x-tenant")];
            // Another one for each request.
            settings.requests.id_header = None;
        })
        .await;
        let (alice, cookie) = stand.signed_in("alice").await;
        let host = stand.address.to_string();
        let added = format!(
            "x-forwarded-for: 127.0.0.1\\r\\nx-forwarded-proto: http\\r\\n\
             x-forwarded-host: {host}\\r\\nx-portcullis-user: alice\\r\\n\
             x-portcullis-account: {}",
            alice.id
        );
        Self { stand, upstream, words: Words { host, cookie, added } }
    }
}

/// The lines of a block as bytes: each ends with CR LF, unless `\c` ends it.
fn bytes(lines: &[&str], words: &Words) -> Vec<u8> {
    let mut text = String::new();
    for line in lines {
        match line.strip_suffix("\\c") {
            Some(line) => text.push_str(line),
            None => {
                text.push_str(line);
                text.push_str("\\r\\n");
            }
        }
    }
    let text = text
        .replace("{host}", &words.host)
        .replace("{cookie}", &words.cookie)
        .replace("{added}", &words.added);
    unescaped(&repeated(&text))
}

/// `{x*5}` is `xxxxx`.
fn repeated(text: &str) -> String {
    let Some((before, rest)) = text.split_once('{') else { return text.to_owned() };
    let (what, rest) = rest.split_once('}').expect("a closing brace");
    let (what, times) = what
        .rsplit_once('*')
        .expect("a known word, or a number of times");
    let times: usize = times.parse().expect("a number of times");
    format!("{before}{}{}", what.repeat(times), repeated(rest))
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (kind, after) = rest.split_first().expect("something after a backslash");
        rest = after;
        bytes.push(match kind {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b'0' => 0,
            b'\\' => b'\\',
            b'x' => {
                let (digits, after) = rest.split_at(2);
                rest = after;
                let digits = std::str::from_utf8(digits).expect("two digits");
                u8::from_str_radix(digits, 16).expect("two digits")
            }
            other => panic!("no such escape: {}", *other as char),
        });
    }
    bytes
}

fn cases(words: &Words) -> Vec<Case> {
    let table = TABLE.split("\n>>> ").skip(1);
    table.map(|block| case(block, words)).collect()
}

fn case(block: &'static str, words: &Words) -> Case {
    let (name, rest) = block.split_once('\n').expect("a name");
    let (sent, rest) = rest.split_once("<<<").expect("an answer");
    let (statuses, seen) = rest.split_once('\n').unwrap_or((rest, ""));
    let statuses = statuses
        .split_whitespace()
        .map(|status| status.parse().expect("a status"));
    let lines: Vec<&str> = seen.lines().collect();
    let seen = lines
        .split(|line| *line == "+++")
        .map(whole_head)
        .filter(|lines| lines.len() > 1);
    Case {
        name,
        sent: bytes(&sent.lines().collect::<Vec<_>>(), words),
        statuses: statuses.collect(),
        seen: seen.map(|lines| bytes(&lines, words)).collect(),
    }
}

/// Without empty lines at the end, except for the one that ends a head.
fn whole_head(lines: &[&'static str]) -> Vec<&'static str> {
    let end = lines
        .iter()
        .rposition(|line| !line.is_empty())
        .map_or(0, |last| last + 1);
    let mut lines = lines[..end].to_vec();
    if !lines.contains(&"") {
        lines.push("");
    }
    lines
}

/// Sends a case on a connection of its own, and gives the statuses until the
/// connection ends or as many came as are expected.
async fn statuses(scene: &Scene, case: &Case) -> Vec<u16> {
    let mut client = RawClient::to(scene.stand.address).await;
    client.send(&case.sent).await;
    let mut statuses = Vec::new();
    for _ in 0..case.statuses.len() {
        match client.answer().await {
            Some(answer) => statuses.push(answer.status()),
            None => break,
        }
    }
    // Nothing more may come: an answer to what nobody asked.
    let more = client
        .rest(Duration::from_millis(10))
        .await
        .unwrap_or_default();
    if let Some((more, _)) = wire::first_answer(&more, false, false) {
        statuses.push(more.status());
    }
    statuses
}

#[tokio::test]
async fn every_case_of_the_table() {
    let scene = Scene::new().await;
    let mut wrong = Vec::new();
    let cases = cases(&scene.words);
    assert!(cases.len() > 100, "only {} cases are read", cases.len());
    for case in cases {
        scene.upstream.forget();
        let statuses = statuses(&scene, &case).await;
        if statuses != case.statuses {
            wrong.push(format!("{}: {statuses:?} instead of {:?}", case.name, case.statuses));
        }
        let shown = |requests: &[wire::Message]| {
            requests
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n---\n")
        };
        let expected: Vec<_> = case
            .seen
            .iter()
            .flat_map(|bytes| wire::all(bytes).unwrap_or_else(|e| panic!("{}: {e}", case.name)))
            .collect();
        let (expected, seen) = (shown(&expected), shown(&scene.upstream.requests()));
        if seen != expected {
            wrong.push(format!("{}: the upstream sees\n{seen}\ninstead of\n{expected}", case.name));
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n\n"));
}

/// Names that matter, names that nobody may send, and nonsense.
fn any_name() -> impl Strategy<Value = Vec<u8>> {
    let known = proptest::sample::select(vec![
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Cookie",
        "Upgrade",
        "TE",
        "Trailer",
        "Expect",
        "X-Forwarded-For",
        "X_Forwarded_For",
        "X-Portcullis-User",
        "x.portcullis.user",
        "Remote-User",
        "Content_Length",
        "Transfer.Encoding",
        "Accept",
        "X-Tenant",
        "Authorization",
        "Keep-Alive",
        "Sec-WebSocket-Version",
        "Origin",
    ]);
    prop_oneof![
        6 => known.prop_map(|name| name.as_bytes().to_vec()),
        2 => "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..6),
    ]
}

fn any_value() -> impl Strategy<Value = Vec<u8>> {
    let known = proptest::sample::select(vec![
        "0",
        "3",
        "5",
        "+5",
        "5, 5",
        "chunked",
        "gzip, chunked",
        "Chunked",
        "identity",
        "keep-alive, Upgrade",
        "close, X-Portcullis-User, Host",
        "websocket",
        "h2c",
        "portcullis=stolen",
        "theme=dark; __Host-portcullis=x",
        "100-continue",
        "trailers",
        "root",
        "a.example",
        "*/*",
        "x\r\n y",
        "x\nContent-Length: 3",
    ]);
    prop_oneof![
        6 => known.prop_map(|value| value.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..12),
    ]
}

fn any_request() -> impl Strategy<Value = Vec<u8>> {
    let line = proptest::sample::select(vec![
        "GET / HTTP/1.1",
        "POST /a%2Fb HTTP/1.1",
        "OPTIONS / HTTP/1.1",
        "HEAD /x?y HTTP/1.1",
        "PUT / HTTP/1.0",
        "DELETE /a/../b HTTP/1.1",
        "GET http://a.example/ HTTP/1.1",
        "GET /",
        "POST * HTTP/1.1",
        "BREW /pot HTTP/1.1",
    ]);
    let body = proptest::sample::select(vec![
        "",
        "abc",
        "abcde",
        "3\r\nabc\r\n0\r\n\r\n",
        "5;x=y\r\nabcde\r\n0\r\nX-Portcullis-User: root\r\nCookie: portcullis=x\r\n\r\n",
        "ffffffffffffffff\r\nabc",
        "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
        "3\nabc\n0\n\n",
    ]);
    let headers = proptest::collection::vec((any_name(), any_value()), 0..7);
    (line, headers, body, any::<bool>(), any::<bool>()).prop_map(
        |(line, headers, body, host, cookie)| {
            let mut bytes = format!("{line}\r\n").into_bytes();
            if host {
                bytes.extend_from_slice(b"Host: a.example\r\n");
            }
            if cookie {
                bytes.extend_from_slice(b"{cookie}\r\n");
            }
            for (name, value) in headers {
                bytes.extend_from_slice(&name);
                bytes.extend_from_slice(b": ");
                bytes.extend_from_slice(&value);
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(b"\r\n");
            bytes.extend_from_slice(body.as_bytes());
            bytes
        },
    )
}

fn with_cookie(bytes: &[u8], cookie: &str) -> Vec<u8> {
    let mark = b"{cookie}";
    match bytes.windows(mark.len()).position(|window| window == mark) {
        Some(at) => {
            [&bytes[..at], b"Cookie: ", cookie.as_bytes(), &bytes[at + mark.len()..]].concat()
        }
        None => bytes.to_vec(),
    }
}

/// How many answers of the upstream come back.
async fn passed(scene: &Scene, bytes: &[u8]) -> usize {
    let mut client = RawClient::to(scene.stand.address).await;
    client.send(bytes).await;
    let all = client.until_silent(Duration::from_millis(30)).await;
    let mark = b"x-application: yes\r\n";
    all.windows(mark.len())
        .filter(|window| window == mark)
        .count()
}

fn is_ours(cookie: &str) -> bool {
    let name = cookie.trim().to_lowercase();
    let name = name
        .strip_prefix("__host-")
        .or(name.strip_prefix("__secure-"))
        .unwrap_or(&name);
    name.starts_with("portcullis")
}

fn check_seen(scene: &Scene, token: &str) -> Result<usize, TestCaseError> {
    let mut count = 0;
    for bytes in scene.upstream.heard() {
        let requests = wire::all(&bytes)
            .map_err(|why| TestCaseError::fail(format!("{why}: {}", bytes.escape_ascii())))?;
        for request in &requests {
            let fields = request.headers.iter().chain(&request.trailers);
            for (name, value) in fields {
                let class: String = name
                    .chars()
                    .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
                    .collect();
                let ours = ["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"];
                let theirs = class.starts_with("x-forwarded") && !ours.contains(&&*class)
                    || class.starts_with("remote-")
                    || class == "x-tenant";
                prop_assert!(!theirs, "{} came through", name);
                if class.starts_with("x-portcullis") {
                    prop_assert!(
                        value == "alice" || value.parse::<u64>().is_ok(),
                        "{}: {}",
                        name,
                        value
                    );
                }
                prop_assert!(!value.contains(token), "the token came through in {}", name);
                let ours = class == "cookie" && value.split(';').any(is_ours);
                prop_assert!(!ours, "a cookie of ours came through: {}", value);
            }
            prop_assert!(
                request
                    .trailers
                    .iter()
                    .all(|(name, _)| !name.eq_ignore_ascii_case("cookie"))
            );
        }
        count += requests.len();
    }
    Ok(count)
}

/// Property: whatever head and body a client sends, what the upstream sees are
/// whole requests with one host each, one for each answer of its that came
/// back, without a name that nobody may send and without our cookies.
#[test]
fn whatever_is_sent_only_whole_requests_come_through() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let scene = runtime.block_on(Scene::new());
    let token = scene
        .words
        .cookie
        .split_once('=')
        .expect("a cookie")
        .1
        .to_owned();
    let config =
        ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(first in any_request(), second in any_request())| {
        scene.upstream.forget();
        let bytes = with_cookie(&[first, second].concat(), &scene.words.cookie);
        let bytes = with_cookie(&bytes, &scene.words.cookie);
        let passed = runtime.block_on(passed(&scene, &bytes));
        let seen = check_seen(&scene, &token)?;
        // The last answer may still be on its way.
        prop_assert!(passed == seen || passed + 1 == seen, "{} answers to {} requests", passed, seen);
    });
}
