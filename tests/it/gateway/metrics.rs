//! The figures over real sockets: what is printed, and how it moves.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use http::HeaderValue;
use portcullis::admin::{Actor, Admin};
use portcullis::domain::lock::End;
use portcullis::engine::metrics::{CONTENT_TYPE, Metric};
use portcullis::gateway::Settings;
use portcullis::store::sql::SqlDirectory;
use portcullis::testing::TestGate;
use portcullis::{Portcullis, SignInError};

use super::figures::{Family, Figures};
use super::health::{ANY_PORT, Post, SOON};
use super::tunnels::{application as live_application, open_socket};
use super::{Stand, serve};
use crate::support::Browser;

const MANUAL: &str = include_str!("../../../src/manual/metrics.md");

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 77));

pub(super) async fn figures(admin: &Browser) -> Figures {
    let answer = admin.get("/metrics", "").await;
    assert_eq!(
        (answer.status, &answer.headers["content-type"]),
        (200, &HeaderValue::from_static(CONTENT_TYPE))
    );
    Figures::parse(&answer.body).unwrap_or_else(|wrong| panic!("{wrong}\n{}", answer.body))
}

pub(super) fn count(figures: &Figures, name: &str, labels: &[(&str, &str)]) -> u64 {
    let value = figures.value(name, labels);
    assert!(value >= 0.0 && value.fract() == 0.0, "{name} is {value}");
    value as u64
}

#[tokio::test]
async fn what_is_printed_is_what_the_table_says() {
    let post = Post::of(TestGate::new().await.gate()).await;
    let figures = post.figures().await;
    let printed = figures.0.iter().map(|family| {
        (family.name.as_str(), family.kind.as_str(), family.help.as_str(), labels_of(family))
    });
    let table = Metric::ALL.iter().map(|metric| {
        let labels = metric.label().into_iter().map(str::to_owned).collect();
        (metric.name(), metric.kind().as_str(), metric.help(), labels)
    });
    assert_eq!(printed.collect::<Vec<_>>(), table.collect::<Vec<_>>());
    let version = env!("CARGO_PKG_VERSION");
    let samples = figures.0.iter().flat_map(|family| &family.samples);
    let words = samples.flat_map(|sample| &sample.labels);
    for (label, word) in words.filter(|(label, word)| *label != "le" && *word != version) {
        assert!(MANUAL.contains(&format!("`{word}`")), "{label}={word} is not in the manual");
    }
}

/// The labels that samples have, but those of the format itself.
fn labels_of(family: &Family) -> HashSet<String> {
    let labels = family
        .samples
        .iter()
        .flat_map(|sample| sample.labels.keys().cloned());
    labels.filter(|label| label != "le").collect()
}

#[tokio::test]
async fn figures_move_as_traffic_flows() {
    let test = TestGate::new().await;
    let (alice, bob) = (test.account("alice").await, test.account("bob").await);
    let (hers, his) = (test.sign_in(&alice).await, test.sign_in(&bob).await);
    let upstream = serve(Router::new().route("/", get(|| async { "fine" }))).await;
    let open = |settings: &mut Settings| settings.open_paths = vec!["/assets".to_owned()];
    let post = Post::with(test.gate(), upstream, open, Router::new()).await;
    let none = post.figures().await;
    assert_eq!(count(&none, "portcullis_request_duration_seconds_count", &[]), 0);
    assert_eq!(count(&none, "portcullis_connections", &[("listener", "public")]), 0);

    // First: its connection is closed.
    assert_eq!(post.public.get("/a/../b", "").await.status, 400);
    for _ in 0..3 {
        assert_eq!(post.public.get("/", &hers).await.status, 200);
    }
    assert_eq!(post.public.get("/missing", &hers).await.status, 404);
    test.lock(&bob).await;
    assert_eq!(post.public.get("/", &his).await.status, 303);
    assert_eq!(post.public.get("/", "").await.status, 303);
    assert_eq!(post.public.get("/assets/a", "").await.status, 404);
    assert_eq!(post.public.get("/.portcullis/page", "").await.status, 200);
    let figures = post.figures().await;
    for (name, label, word, expected) in [
        ("portcullis_requests_total", "outcome", "passed", 4),
        ("portcullis_requests_total", "outcome", "denied", 2),
        ("portcullis_requests_total", "outcome", "open", 1),
        ("portcullis_requests_total", "outcome", "page", 1),
        ("portcullis_requests_total", "outcome", "malformed", 1),
        ("portcullis_requests_total", "outcome", "abandoned", 0),
        ("portcullis_denials_total", "reason", "account-locked", 1),
        ("portcullis_denials_total", "reason", "no-session", 1),
        ("portcullis_upstream_responses_total", "class", "2xx", 3),
        ("portcullis_upstream_responses_total", "class", "4xx", 2),
        ("portcullis_upstream_connections", "state", "open", 1),
        ("portcullis_upstream_connections", "state", "idle", 1),
        ("portcullis_connections", "listener", "admin", 1),
        ("portcullis_admin_changes_total", "action", "account.locked", 1),
        ("portcullis_lookups_total", "of", "session", 2),
        ("portcullis_lookups_total", "of", "standing", 2),
    ] {
        assert_eq!(count(&figures, name, &[(label, word)]), expected, "{name} {word}");
    }
    assert_eq!(count(&figures, "portcullis_request_duration_seconds_count", &[]), 9);
    assert!(count(&figures, "portcullis_connections", &[("listener", "public")]) > 0);
    assert_eq!(count(&figures, "portcullis_sessions", &[]), 2);
    assert_eq!(count(&figures, "portcullis_standings", &[]), 2);
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    assert_eq!(count(&figures, "portcullis_build_info", &version), 1);
}

#[tokio::test]
async fn attempts_are_counted_by_how_they_went() {
    let test = TestGate::new().await;
    let alice = test.account_with_password("alice", "correct horse").await;
    let dora = test.account_with_password("dora", "correct horse").await;
    test.lock(&dora).await;
    let post = Post::of(test.gate()).await;
    let sign_in = async |login: &str, password: &str| {
        let attempt = post.gate.attempt(login, HERE).await?;
        attempt.check_password(password).await.map(|_| ())
    };
    sign_in("alice", "correct horse").await.expect("hers");
    assert!(matches!(sign_in("dora", "correct horse").await, Err(SignInError::Refused { .. })));
    for guess in 0..5 {
        let wrong = sign_in("alice", &format!("guess {guess}")).await;
        assert!(matches!(wrong, Err(SignInError::Wrong)), "{wrong:?}");
    }
    for _ in 0..2 {
        let refused = sign_in("alice", "correct horse").await;
        assert!(matches!(refused, Err(SignInError::LockedOut { .. })), "{refused:?}");
    }
    let figures = post.figures().await;
    for (outcome, expected) in [
        ("granted", 7),
        ("wrong", 5),
        ("succeeded", 1),
        ("busy", 0),
        ("would-refuse", 0),
        ("locked-out", 2),
        ("refused", 1),
        ("unavailable", 0),
    ] {
        let outcome = [("outcome", outcome)];
        assert_eq!(count(&figures, "portcullis_attempts_total", &outcome), expected, "{outcome:?}");
    }
    for (of, expected) in [("account", 1), ("device", 0), ("address", 0)] {
        let of = [("of", of)];
        assert_eq!(count(&figures, "portcullis_lockouts_total", &of), expected, "{of:?}");
    }
    assert_eq!(count(&figures, "portcullis_password_checks_total", &[]), 7);
    assert_eq!(count(&figures, "portcullis_passwords_put_off_total", &[]), 0);
    let locked_out = test.directory().account(alice.id).await.expect("answers");
    assert!(locked_out.expect("alice").locks.lockout.is_some());
}

#[tokio::test]
async fn tunnels_and_cuts_are_counted() {
    let with_admin = |settings: &mut Settings| settings.admin = Some(ANY_PORT);
    let stand = Stand::with(live_application(), with_admin).await;
    let admin = Browser::at(stand.admin.expect("one was asked for"));
    let (alice, cookie) = stand.signed_in("alice").await;
    let (status, _socket) = open_socket(&stand, &cookie).await;
    assert_eq!(status, 101);
    assert_eq!(count(&figures(&admin).await, "portcullis_tunnels", &[]), 1);
    stand.test.lock(&alice).await;
    let locked = [("reason", "account-locked")];
    for _ in 0..500 {
        let now = figures(&admin).await;
        if count(&now, "portcullis_tunnels", &[]) == 0 {
            assert_eq!(count(&now, "portcullis_cuts_total", &locked), 1);
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the tunnel is still counted");
}

#[tokio::test]
async fn a_lock_by_another_gateway_is_timed() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("portcullis.db");
    let (near, far) = (gate_on(&file).await, gate_on(&file).await);
    let directory = Arc::clone(near.directory().expect("it has one"));
    let mut accounts = Vec::new();
    for login in ["alice", "bob"] {
        accounts.push(crate::engine::person(&*directory, login, None).await);
    }
    let (near, far) = (Post::of(near).await, Post::of(far).await);
    // Both hold both accounts in memory.
    for account in &accounts {
        let signed_in = near.gate.open_session(account.id, None).await;
        let signed_in = signed_in.expect("may sign in");
        let cookie = format!("{}={}", near.gate.cookie_name(), signed_in.token().expose());
        for post in [&near, &far] {
            assert_eq!(post.public.get("/", &cookie).await.status, 200);
        }
    }
    let admin = Admin::new(directory).with_gate(near.gate.clone());
    let locked = admin
        .lock(&Actor::System, &accounts[0].id.into(), End::Never, None)
        .await;
    locked.expect("can be locked");
    let timed = "portcullis_revocation_seconds_count";
    let seen = async {
        while count(&far.figures().await, timed, &[]) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, seen).await.expect("in time");
    let figures = far.figures().await;
    assert_eq!(count(&figures, timed, &[]), 1);
    let took = figures.value("portcullis_revocation_seconds_sum", &[]);
    assert!(took > 0.0 && took < 5.0, "{took} s");
    // The one that did it knew at once, and its feed tells it nothing new.
    let position = count(&figures, "portcullis_feed_position", &[]);
    let caught_up = async {
        while count(&near.figures().await, "portcullis_feed_position", &[]) < position {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, caught_up)
        .await
        .expect("in time");
    assert_eq!(count(&near.figures().await, timed, &[]), 0);
}

async fn gate_on(file: &std::path::Path) -> Portcullis {
    let directory = SqlDirectory::open(file).await.expect("a directory");
    let attempts = directory.attempts();
    let builder = Portcullis::builder()
        .directory(directory)
        .attempts(attempts);
    builder.build().await.expect("a gate")
}

/// Whatever anybody types, sends or is called: the words of labels are the
/// program's own, and nothing of it is among them.
#[tokio::test]
async fn nothing_that_anybody_says_is_in_the_figures() {
    let test = TestGate::new().await;
    let post = Post::of(test.gate()).await;
    let before = words_of(&post.figures().await);
    for login in ["wilhelmina", "o'brien", "x@y.example", "ünï-çødé", "a,b=c", "{le=1}", "#-type"]
    {
        let account = test.account(login).await;
        let cookie = test.sign_in(&account).await;
        assert_eq!(
            post.public
                .get(&format!("/secret-{}", account.id), &cookie)
                .await
                .status,
            200
        );
        let forged = [("x-portcullis-user", "wilhelmina"), ("user-agent", "wilhelmina")];
        post.public.send("GET", "/?wilhelmina", &forged, "").await;
        test.lock(&account).await;
        assert_eq!(post.public.get("/", &cookie).await.status, 303);
    }
    let typed = ["\"} 1\n# TYPE evil counter\nevil_total{a=\"", "\\", "\u{0}", "wilhelmina"];
    for login in typed {
        for _ in 0..6 {
            if let Ok(attempt) = post.gate.attempt(login, THERE).await {
                let _ = attempt.fail().await;
            }
        }
    }
    let text = post.admin.get("/metrics", "").await.body;
    for said in ["wilhelmina", "brien", "example", "203.0.113", "127.0.0.1", "secret-", "evil"] {
        assert!(!text.contains(said), "{said} is in\n{text}");
    }
    assert!(text.is_ascii());
    assert_eq!(words_of(&post.figures().await), before, "no series comes with what happens");
}

/// Every series there is.
fn words_of(figures: &Figures) -> HashSet<String> {
    let samples = figures.0.iter().flat_map(|family| &family.samples);
    samples
        .map(|sample| format!("{}{:?}", sample.name, sample.labels))
        .collect()
}
