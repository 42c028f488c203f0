//! What requests are called, and where they stand in a trace: whose word is taken, what
//! the application and the client are told, and what is in the log.

use portcullis::gateway::settings::TraceFrom;

use super::Stand;
use crate::support::{ANYWHERE, Act, OK, Program, RawClient, Recorder, add, soon};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

fn parent() -> String {
    format!("Traceparent: 00-{TRACE}-{SPAN}-01\r\n")
}

/// A gateway before something that says what its own id is; whether this client is a
/// trusted proxy.
async fn stand(is_trusted: bool, trace_context: TraceFrom) -> (Recorder, Stand) {
    let upstream =
        Recorder::saying(b"HTTP/1.1 200 OK\r\nX-Request-Id: mine\r\nContent-Length: 2\r\n\r\nok")
            .await;
    let stand = Stand::over(upstream.address, |settings| {
        settings.open_paths = vec!["/open".to_owned()];
        settings.requests.trace_context = trace_context;
        if is_trusted {
            let here = "127.0.0.1/32".parse().expect("a network");
            let trusted = portcullis::domain::client::TrustedProxies::new([here]);
            settings.client_address.trusted_proxies = trusted;
        }
    })
    .await;
    (upstream, stand)
}

/// What the application and the client are told, where this is said.
async fn asked(upstream: &Recorder, stand: &Stand, path: &str, said: &str) -> Told {
    upstream.forget();
    let mut client = RawClient::to(stand.address).await;
    let request = format!("GET {path} HTTP/1.1\r\nHost: app.example\r\n{said}\r\n");
    client.send(request).await;
    let answer = client.answer().await.expect("an answer");
    let heard = upstream.requests().pop();
    let heard = |name: &str| {
        heard
            .as_ref()
            .map_or(String::new(), |one| one.header(name).to_owned())
    };
    Told {
        status: answer.status(),
        client: answer.header("x-request-id").to_owned(),
        application: heard("x-request-id"),
        parent: heard("traceparent"),
        state: heard("tracestate"),
        all: upstream.requests(),
    }
}

struct Told {
    status: u16,
    client: String,
    application: String,
    parent: String,
    state: String,
    all: Vec<crate::support::wire::Message>,
}

fn is_ours(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[tokio::test]
async fn everybody_s_requests_get_an_id_that_all_are_told() {
    let (upstream, stand) = stand(false, TraceFrom::Trusted).await;
    let said = "X-Request-Id: theirs\r\nX_Request_Id: theirs\r\nX.Request.Id: theirs\r\n";
    let told = asked(&upstream, &stand, "/open", said).await;
    assert!(is_ours(&told.client), "{}", told.client);
    assert_eq!(told.application, told.client);
    let request = told.all.first().expect("one").to_string();
    assert!(!request.contains("theirs"), "{request}");
    // Who is refused, or asks for a page, is told as well.
    for path in ["/closed", "/.portcullis/sign-in", "/.portcullis/nothing", "/a/../b"] {
        let other = asked(&upstream, &stand, path, "").await;
        assert!(is_ours(&other.client), "{path} {}", other.status);
        assert_ne!(other.client, told.client);
    }
}

#[tokio::test]
async fn a_trusted_proxy_names_requests() {
    let (upstream, stand) = stand(true, TraceFrom::Trusted).await;
    let told = asked(&upstream, &stand, "/open", "X-Request-Id: lb-17\r\n").await;
    assert_eq!((told.client.as_str(), told.application.as_str()), ("lb-17", "lb-17"));
    for said in [
        "X-Request-Id: a b\r\n",
        "X-Request-Id: a\r\nX-Request-Id: b\r\n",
        "X-Request-Id: \"><script>\r\n",
        "X-Request-Id: \r\n",
    ] {
        let told = asked(&upstream, &stand, "/open", said).await;
        assert!(is_ours(&told.client) && told.application == told.client, "{said}");
    }
}

#[tokio::test]
async fn a_trace_goes_on_with_a_span_of_the_gateway_s() {
    let (upstream, stand) = stand(true, TraceFrom::Trusted).await;
    let said = parent() + "Tracestate: a=1, b@c=2\r\nTracestate: d=3\r\n";
    let mut spans = Vec::new();
    for _ in 0..2 {
        let told = asked(&upstream, &stand, "/open", &said).await;
        let parts: Vec<_> = told.parent.split('-').map(str::to_owned).collect();
        assert_eq!((parts[0].as_str(), parts[1].as_str(), parts[3].as_str()), ("00", TRACE, "01"));
        assert_eq!(told.state, "a=1,b@c=2,d=3");
        spans.push(parts[2].clone());
    }
    assert_ne!(spans[0], spans[1]);
    assert!(!spans.contains(&SPAN.to_owned()));
    // What can't be read is dropped, the state with its parent.
    let twice = parent() + &parent() + "Tracestate: a=1\r\n";
    let told = asked(&upstream, &stand, "/open", &twice).await;
    assert_eq!((told.parent.as_str(), told.state.as_str()), ("", ""));
    let told = asked(&upstream, &stand, "/open", &(parent() + "Tracestate: A=1\r\n")).await;
    assert!(told.parent.contains(TRACE) && told.state.is_empty(), "{}", told.state);
}

#[tokio::test]
async fn a_stranger_s_trace_is_taken_where_the_settings_say_so() {
    let said = parent() + "Tracestate: a=1\r\ntrace_parent: x\r\n";
    for (is_trusted, from, taken) in [
        (false, TraceFrom::Trusted, false),
        (false, TraceFrom::Anybody, true),
        (false, TraceFrom::Nobody, false),
        (true, TraceFrom::Nobody, false),
    ] {
        let (upstream, stand) = stand(is_trusted, from).await;
        let told = asked(&upstream, &stand, "/open", &said).await;
        assert_eq!(told.parent.contains(TRACE), taken, "{is_trusted} {from:?}");
        assert_eq!(told.state == "a=1", taken, "{is_trusted} {from:?}");
    }
}

/// Lines of the log that belong to a request say so, those of a tunnel as well.
#[tokio::test]
async fn lines_of_the_log_name_their_request() {
    let upstream = Recorder::acting(|request| match request.line.split(' ').nth(1) {
        Some("/broken") => vec![Act::Close],
        Some("/socket") => {
            let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n\
                          Upgrade: websocket\r\n\r\n";
            vec![Act::Send(switch.as_bytes().to_vec()), Act::Echo]
        }
        _ => vec![Act::Send(OK.to_vec())],
    })
    .await;
    let folder = tempfile::tempdir().expect("a folder");
    add(folder.path(), "alice");
    let configuration = format!(
        "{ANYWHERE}[upstream]\nurl = \"http://{}\"\n[clients]\ntrusted_proxies = [\"127.0.0.1\"]\n",
        upstream.address
    );
    let program = Program::start(folder.path(), &configuration);
    let cookie = program.sign_in("alice").await;
    let ask = |path: &str, rest: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\nX-Request-Id: lb{path}\r\n{rest}\r\n"
        )
    };
    let mut client = RawClient::to(program.address).await;
    client.send(ask("/broken", "")).await;
    assert_eq!(client.answer().await.expect("an answer").status(), 502);
    let line = program.line(&["upstream unavailable"]).await;
    assert!(line.ends_with(" request.id=lb/broken"), "{line}");

    let mut socket = RawClient::to(program.address).await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    socket.send(ask("/socket", upgrade)).await;
    assert_eq!(socket.answer().await.expect("an answer").status(), 101);
    assert!(soon(|| upstream.requests().len() == 2).await);
    crate::support::portcullis(folder.path(), &["user", "lock", "alice", "--reason", "a"], "");
    let line = program.line(&["tunnel cut"]).await;
    assert!(line.ends_with(" request.id=lb/socket"), "{line}");

    // The same for programs.
    let json = Program::started(folder.path(), &configuration, |command| {
        command.env("PORTCULLIS__LOG__FORMAT", "json");
    });
    let mut client = RawClient::to(json.address).await;
    client.send(ask("/denied", "")).await;
    assert_eq!(client.answer().await.expect("an answer").status(), 403);
    let line = json.line(&["request denied"]).await;
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line["request.id"], "lb/denied");
    assert_eq!(line["fields"]["message"], "request denied");
}
