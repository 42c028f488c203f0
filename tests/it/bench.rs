//! The load test as a process, before a gateway on a directory that both have open.

mod cookies;
mod manual;
mod over_http;
mod page;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use portcullis::domain::event::Action;
use portcullis::gateway::{Gateway, Origin, Settings};
use portcullis::store::sql::SqlDirectory;
use portcullis::store::{AccountQuery, AuditQuery, Directory, SessionStore};
use portcullis::{Account, Portcullis, Status};
use serde_json::Value;
use tempfile::TempDir;

use crate::gateway::serve;
use crate::support::Browser;

/// A gateway on an SQLite file, before an application that says whom it sees.
struct Stand {
    folder: TempDir,
    address: SocketAddr,
}

impl Stand {
    async fn new() -> Self {
        let whom = |headers: HeaderMap| async move {
            let user = headers.get("x-portcullis-user").expect("who is signed in");
            format!("Hello {}", user.to_str().expect("visible letters"))
        };
        Self::before(Router::new().route("/", get(whom))).await
    }

    async fn before(application: Router) -> Self {
        let upstream = serve(application).await;
        let folder = tempfile::tempdir().expect("a folder");
        let gate = Portcullis::open(folder.path().join("people.db"))
            .await
            .expect("a directory");
        let origin = Origin::parse(&format!("http://{upstream}")).expect("an origin");
        let mut settings = Settings::for_upstream(origin);
        settings.public = ([127, 0, 0, 1], 0).into();
        settings.admin = None;
        let gateway = Gateway::bind(gate, settings, Router::new()).await;
        let gateway = gateway.expect("a free port");
        let address = gateway.public_address().expect("an address");
        tokio::spawn(gateway.run(std::future::pending()));
        Self { folder, address }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("people.db")
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .arg("bench")
            .args(args)
            .env_clear()
            .env("PORTCULLIS_DIRECTORY", self.file())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the program beside this test, whose runtime the gateway lives on.
    async fn run(&self, args: &[&str]) -> Output {
        let mut command = self.command(args);
        tokio::task::spawn_blocking(move || command.output().expect("the program"))
            .await
            .expect("no panic")
    }

    async fn bench(&self, args: &[&str]) -> Value {
        let url = self.url();
        let ran = self.run(&[&["--url", &url, "--json"], args].concat()).await;
        assert!(ran.status.success(), "{args:?}: {}", text(&ran.stderr));
        serde_json::from_slice(&ran.stdout).expect("JSON")
    }

    async fn directory(&self) -> SqlDirectory {
        SqlDirectory::open(self.file()).await.expect("a directory")
    }

    async fn accounts(&self, status: Option<Status>) -> Vec<Account> {
        let query = AccountQuery { status, search: None, after: None, limit: 1_000 };
        let listed = self.directory().await.accounts(query).await;
        listed.expect("a store")
    }

    /// No account that anybody could use, and no session that is not over; a
    /// tombstone for each that there was, and who did it in the log.
    async fn assert_nothing_is_left(&self, made: usize) {
        assert!(self.accounts(None).await.is_empty());
        let directory = self.directory().await;
        let tombstones = self.accounts(Some(Status::Deleted)).await;
        assert_eq!(tombstones.len(), made);
        for account in &tombstones {
            let sessions = directory.sessions_of(account.id.into()).await;
            assert!(sessions.expect("a store").is_empty(), "{account:?}");
        }
        let query = AuditQuery { account: None, before: None, limit: 10_000 };
        let records = directory.audit(query).await.expect("a store");
        let deleted = records
            .iter()
            .filter(|record| record.action == Action::AccountDeleted);
        assert_eq!(deleted.count(), made);
        for record in &records {
            let reason = record.reason.as_deref().unwrap_or_default();
            assert!(reason.starts_with("load test "), "{record:?}");
            assert!(record.actor.starts_with("cli:"), "{record:?}");
        }
        directory
            .verify_audit()
            .await
            .expect("a store")
            .expect("a whole chain");
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn number(report: &Value, path: &str) -> u64 {
    let value = report.pointer(path).and_then(Value::as_u64);
    value.unwrap_or_else(|| panic!("no number at {path}: {report}"))
}

/// Every number that follows from others does.
#[track_caller]
fn assert_adds_up(report: &Value) {
    let of = |path: &str| number(report, path);
    assert_eq!(of("/requests"), of("/passed") + of("/refused") + of("/errors"));
    let kinds = report["errors_by_kind"].as_object().expect("kinds");
    let errors: u64 = kinds.values().filter_map(Value::as_u64).sum();
    assert_eq!(errors, of("/errors"));
    let course = report["course"].as_array().expect("pieces");
    for name in ["passed", "refused", "errors"] {
        let sum: u64 = course.iter().filter_map(|piece| piece[name].as_u64()).sum();
        assert_eq!(sum, of(&format!("/{name}")), "{name}");
    }
    assert_eq!(of("/latency/count"), of("/passed"));
    for spread in ["/latency", "/locks/bite"] {
        let names = ["min_us", "p50_us", "p90_us", "p99_us", "p99_9_us", "max_us"];
        let times = names.map(|name| of(&format!("{spread}/{name}")));
        assert!(times.is_sorted(), "{spread}: {times:?}");
    }
    let rate = report["requests_per_second"].as_f64().expect("a rate");
    let seconds = report["seconds"].as_f64().expect("a time");
    assert!((rate * seconds - of("/requests") as f64).abs() < 1.0, "{rate} {seconds}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_measures_locks_under_load_and_leaves_nothing() {
    let stand = Stand::new().await;
    let file = stand.folder.path().join("report.html");
    let file = file.to_str().expect("a path");
    let args = ["--accounts", "8", "--locks", "4", "--connections", "4", "--duration", "2s"];
    let report = stand.bench(&[&args[..], &["--html", file]].concat()).await;

    assert_adds_up(&report);
    assert!(number(&report, "/passed") > 0 && number(&report, "/refused") > 0, "{report}");
    assert_eq!(number(&report, "/errors"), 0, "{report}");
    assert_eq!(number(&report, "/pages_with_name"), number(&report, "/passed"));
    assert_eq!(number(&report, "/refused_without_lock"), 0);
    let locks = &report["locks"];
    assert_eq!((number(locks, "/laid"), number(locks, "/bit")), (4, 4));
    assert_eq!(number(locks, "/admitted_after_bite"), 0);
    let each = locks["each"].as_array().expect("locks");
    assert!(each.len() == 4 && each.iter().all(|lock| lock["bite_us"].is_u64()), "{each:?}");
    assert_eq!(number(&report, "/removed"), 8);
    stand.assert_nothing_is_left(8).await;

    let page = std::fs::read_to_string(file).expect("a page");
    page::assert_complete(&page, 4);
}

/// An answer whose body goes on while its account is locked is cut, as promised.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_lock_cuts_off_is_refused_and_has_not_failed() {
    let slow = || async {
        let words = futures_util::stream::unfold(0, |number| async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            (number < 10).then_some((Ok::<_, std::io::Error>("word "), number + 1))
        });
        axum::body::Body::from_stream(words)
    };
    let stand = Stand::before(Router::new().route("/", get(slow))).await;
    // More connections than accounts: whoever is locked is being answered.
    let args = ["--accounts", "2", "--locks", "1", "--connections", "8", "--duration", "2s"];
    let report = stand.bench(&args).await;
    assert_adds_up(&report);
    assert_eq!(number(&report, "/errors"), 0, "{report}");
    assert!(number(&report, "/refused") > 0, "{report}");
    assert_eq!(number(&report, "/locks/bit"), 1, "{report}");
    assert_eq!(number(&report, "/locks/watch_errors"), 0, "{report}");
    assert_eq!(number(&report, "/locks/admitted_after_bite"), 0, "{report}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rate_is_kept_and_a_limit_too() {
    let stand = Stand::new().await;
    let args = ["--accounts", "4", "--locks", "0", "--connections", "4", "--duration", "1s"];
    let report = stand.bench(&[&args[..], &["--rate", "100"]].concat()).await;
    assert_adds_up(&report);
    // As many as are due in a second: no more, and none forgotten.
    assert_eq!(number(&report, "/requests") + number(&report, "/unsent"), 100);

    let limited = stand
        .bench(&[&args[..], &["--requests", "7"]].concat())
        .await;
    assert_eq!(number(&limited, "/requests"), 7);
    stand.assert_nothing_is_left(8).await;
}

/// An answer that takes so long at a rate is charged for all that wait behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stall_is_charged_to_everybody_who_was_due() {
    let slow = || async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        "slow"
    };
    let stand = Stand::before(Router::new().route("/", get(slow))).await;
    let args = ["--accounts", "2", "--locks", "0", "--connections", "1", "--duration", "1s"];
    let report = stand.bench(&[&args[..], &["--rate", "20"]].concat()).await;
    // Ten a second can be answered: the last that is sent was due a second before.
    assert!(number(&report, "/latency/max_us") > 500_000, "{report}");
    assert!(number(&report, "/latency/min_us") >= 100_000, "{report}");
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_in_the_middle_it_cleans_up_and_reports() {
    let stand = Stand::new().await;
    let url = stand.url();
    let args = ["--url", &url, "--accounts", "6", "--duration", "60s", "--json"];
    let child = stand.command(&args).spawn().expect("the program");
    wait_until(|| async { stand.accounts(None).await.len() == 6 }).await;
    let pid = child.id().to_string();
    let ended = tokio::task::spawn_blocking(move || {
        // Into the load itself, or just before: both have to be clean.
        std::thread::sleep(Duration::from_millis(300));
        let signal = Command::new("kill").args(["-INT", &pid]).status();
        assert!(signal.expect("kill").success());
        child.wait_with_output().expect("an end")
    });
    let ended = ended.await.expect("no panic");
    let errors = text(&ended.stderr);
    assert!(errors.contains("the scratch accounts are removed now"), "{errors}");
    let report: Value = serde_json::from_slice(&ended.stdout).expect("JSON");
    assert_eq!(report["stopped_early"], true);
    // No lock was due yet: nothing was proved, and a pipeline has to see that.
    assert_eq!(number(&report, "/locks/laid"), 0, "{report}");
    assert_eq!(ended.status.code(), Some(1), "{errors}");
    assert!(errors.contains("0 of 3 locks were laid"), "{errors}");
    assert_adds_up(&report);
    assert!(report["seconds"].as_f64().expect("a time") < 30.0, "{report}");
    stand.assert_nothing_is_left(6).await;
}

async fn wait_until<F: Future<Output = bool>>(so: impl Fn() -> F) {
    for _ in 0..1_000 {
        if so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not within ten seconds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_measured_is_refused_and_leaves_nothing() {
    let stand = Stand::new().await;
    let url = stand.url();
    let elsewhere = Stand::new().await.url();
    let free = serve(Router::new().route("/", get(|| async { "anybody" }))).await;
    let open = format!("http://{free}");
    for (args, code, words) in [
        (&["--url", "http://192.0.2.1:80"][..], 2, "--remote-is-mine"),
        (&["--url", "https://127.0.0.1:80"], 2, "plain http"),
        (&["--url", &open], 4, "lets strangers in"),
        (&["--url", &elsewhere], 4, "does not know the accounts of this directory"),
        (&["--url", &url, "--path", "/missing"], 1, "400 to 499 by the application"),
        (&["--url", &url, "--duration", "1h"], 2, "from 1s to 10m"),
        (&["--url", &url, "--accounts", "4", "--locks", "3"], 2, "at most half"),
        (&["--url", &url, "--html", "not/there.html"], 2, "name another file"),
        (&[], 2, "--url"),
    ] {
        let ran = stand.run(args).await;
        let errors = text(&ran.stderr);
        assert_eq!(ran.status.code(), Some(code), "{args:?}: {errors}");
        assert!(errors.contains(words), "{args:?}: {errors}");
        assert_eq!(text(&ran.stdout), "", "{args:?}");
    }
    assert!(stand.accounts(None).await.is_empty());
}

/// A guard that forgets who is locked is found out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_breaks_a_promise_fails_the_test() {
    let stand = Stand::new().await;
    // Knows its people, and asks nobody whether they are locked.
    let browser = std::sync::Arc::new(Browser::at(stand.address));
    let seen = std::sync::Arc::new(std::sync::Mutex::new(std::collections::HashSet::new()));
    let careless = move |headers: HeaderMap| {
        let (browser, seen) = (browser.clone(), seen.clone());
        async move {
            let cookie = headers
                .get("cookie")
                .map_or("", |it| it.to_str().unwrap_or(""));
            if seen.lock().expect("no panic").contains(cookie) {
                return (axum::http::StatusCode::OK, [("content-type", "text/plain")], "in".into());
            }
            let asked = [("accept", "application/json"), ("cookie", cookie)];
            let answer = browser.send("GET", "/", &asked, "").await;
            if answer.status == 200 {
                seen.lock().expect("no panic").insert(cookie.to_owned());
                return (axum::http::StatusCode::OK, [("content-type", "text/plain")], answer.body);
            }
            let status = axum::http::StatusCode::from_u16(answer.status).expect("a status");
            (status, [("content-type", "application/problem+json")], answer.body)
        }
    };
    let address = serve(Router::new().route("/", get(careless))).await;
    let url = format!("http://{address}");
    let args = ["--url", &url, "--accounts", "4", "--locks", "1", "--duration", "1s", "--json"];
    let ran = stand.run(&args).await;
    let errors = text(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{errors}");
    assert!(errors.contains("1 of 1 locks did not bite"), "{errors}");
    let report: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    assert_eq!(number(&report, "/locks/bit"), 0);
    // Its page names who came first, which is somebody else for nobody here.
    assert_eq!(number(&report, "/errors_by_kind/strangers_page"), 0);
    stand.assert_nothing_is_left(4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_persons_page_is_found_out() {
    let stand = Stand::new().await;
    let upstream = std::sync::Arc::new(Browser::at(stand.address));
    let first = std::sync::Arc::new(tokio::sync::OnceCell::new());
    // A cache that does not look at cookies, behind a guard.
    let cached = move |headers: HeaderMap| {
        let (upstream, first) = (upstream.clone(), first.clone());
        async move {
            let cookie = headers
                .get("cookie")
                .map_or("", |it| it.to_str().unwrap_or(""));
            let asked = [("accept", "application/json"), ("cookie", cookie)];
            let answer = upstream.send("GET", "/", &asked, "").await;
            let kind = answer.headers["content-type"].clone();
            let status = axum::http::StatusCode::from_u16(answer.status).expect("a status");
            let body = match answer.status {
                200 => first.get_or_init(|| async { answer.body }).await.clone(),
                _ => answer.body,
            };
            (status, [("content-type", kind)], body)
        }
    };
    let address = serve(Router::new().route("/", get(cached))).await;
    let url = format!("http://{address}");
    let ran = stand
        .run(&["--url", &url, "--accounts", "2", "--duration", "1s"])
        .await;
    let errors = text(&ran.stderr);
    assert_eq!(ran.status.code(), Some(1), "{errors}");
    assert!(errors.contains("another account's page"), "{errors}");
    stand.assert_nothing_is_left(2).await;
}
