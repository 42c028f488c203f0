//! The load test from another machine: the gateway is a process with its own folder,
//! and the test has its two addresses, a token, and nothing else.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use axum::routing::get;
use portcullis::domain::event::Action;
use portcullis::store::sql::SqlDirectory;
use portcullis::store::{AccountQuery, AuditQuery, Directory};
use portcullis::{Account, Status};
use serde_json::Value;
use tempfile::TempDir;

use super::{assert_adds_up, number, text, wait_until};
use crate::gateway::serve;
use crate::readme::free_address;
use crate::support::{Example, portcullis};

struct Far {
    host: TempDir,
    elsewhere: TempDir,
    gateway: Example,
    admin: String,
    token: String,
}

impl Far {
    async fn new() -> Self {
        let whom = |headers: HeaderMap| async move {
            let user = headers.get("x-portcullis-user").expect("who is signed in");
            format!("Hello {}", user.to_str().expect("visible letters"))
        };
        let upstream = serve(Router::new().route("/", get(whom))).await;
        let host = tempfile::tempdir().expect("a folder");
        let elsewhere = tempfile::tempdir().expect("a folder");
        let folder = host.path();
        portcullis(
            folder,
            &["user", "add", "root", "--admin", "--password-stdin"],
            "correct horse",
        );
        let token = token(folder, &[]);
        let admin = free_address().to_string();
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", &admin]);
        command.args(["--upstream", &format!("http://{upstream}")]);
        let gateway = Example::of({
            command.current_dir(folder).env_clear();
            command
        });
        Self { host, elsewhere, gateway, admin: format!("http://{admin}"), token }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .arg("bench")
            .args(args)
            .env_clear()
            .current_dir(self.elsewhere.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn with_token(&self, args: &[&str]) -> Command {
        let mut command = self.command(&[args, &["--admin-url", &self.admin]].concat());
        command.env("PORTCULLIS_ADMIN_TOKEN", &self.token);
        command
    }

    fn url(&self) -> String {
        format!("http://{}", self.gateway.address())
    }

    async fn directory(&self) -> SqlDirectory {
        let file = self.host.path().join("portcullis.db");
        SqlDirectory::open(file).await.expect("a directory")
    }

    async fn accounts(&self, status: Option<Status>) -> Vec<Account> {
        let query = AccountQuery { status, search: None, after: None, limit: 1_000 };
        self.directory()
            .await
            .accounts(query)
            .await
            .expect("a store")
    }

    /// Only the administrator is left, who made and removed so many others from here.
    async fn assert_nothing_is_left(&self, made: usize) {
        let left = self.accounts(None).await;
        assert_eq!(left.iter().map(|a| a.login.as_str()).collect::<Vec<_>>(), ["root"]);
        assert_eq!(self.accounts(Some(Status::Deleted)).await.len(), made);
        let query = AuditQuery { account: None, before: None, limit: 10_000 };
        let records = self.directory().await.audit(query).await.expect("a store");
        let removed = records
            .iter()
            .filter(|record| record.action == Action::AccountDeleted);
        for record in removed.clone() {
            assert_eq!((&*record.actor, record.from.as_deref()), ("user:1", Some("127.0.0.1")));
        }
        assert_eq!(removed.count(), made);
    }
}

fn token(folder: &Path, more: &[&str]) -> String {
    let create = [&["token", "create", "--owner", "root"], more].concat();
    portcullis(folder, &create, "").trim().to_owned()
}

async fn run(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().expect("the program"))
        .await
        .expect("no panic")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_from_elsewhere_measures_the_same_and_leaves_nothing() {
    let far = Far::new().await;
    let args = ["--accounts", "6", "--locks", "3", "--connections", "4", "--duration", "2s"];
    let url = far.url();
    let ran = run(far.with_token(&[&args[..], &["--url", &url, "--json"]].concat())).await;
    let errors = text(&ran.stderr);
    assert!(ran.status.success(), "{errors}");
    let report: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    assert_adds_up(&report);
    assert!(number(&report, "/passed") > 0 && number(&report, "/refused") > 0, "{report}");
    assert_eq!(number(&report, "/errors"), 0, "{report}");
    assert_eq!(number(&report, "/pages_with_name"), number(&report, "/passed"));
    assert_eq!(number(&report, "/refused_without_lock"), 0);
    assert_eq!((number(&report, "/locks/laid"), number(&report, "/locks/bit")), (3, 3));
    assert_eq!(number(&report, "/locks/admitted_after_bite"), 0);
    assert_eq!(number(&report, "/removed"), 6);
    // One more than the run's own: whether any can be removed was tried first.
    far.assert_nothing_is_left(7).await;
    assert_eq!(
        std::fs::read_dir(far.elsewhere.path())
            .expect("a folder")
            .count(),
        0
    );
    let secret = &far.token[4..];
    assert!(!errors.contains(secret) && !text(&ran.stdout).contains(secret));
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_in_the_middle_it_removes_what_it_made() {
    let far = Far::new().await;
    let url = far.url();
    let args = ["--url", &url, "--accounts", "4", "--duration", "60s", "--json"];
    let child = far.with_token(&args).spawn().expect("the program");
    wait_until(|| async { far.accounts(None).await.len() == 5 }).await;
    let pid = child.id().to_string();
    let ended = tokio::task::spawn_blocking(move || {
        std::thread::sleep(Duration::from_millis(1_500));
        let signal = Command::new("kill").args(["-INT", &pid]).status();
        assert!(signal.expect("kill").success());
        child.wait_with_output().expect("an end")
    });
    let ended = ended.await.expect("no panic");
    let errors = text(&ended.stderr);
    assert!(errors.contains("the scratch accounts are removed now"), "{errors}");
    assert_eq!(ended.status.code(), Some(1), "{errors}");
    far.assert_nothing_is_left(5).await;
}

/// What a run that was killed leaves is told of, and removed by its name or all at once.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_run_leaves_is_cleaned_up_later() {
    let far = Far::new().await;
    let url = far.url();
    let args = ["--url", &url, "--accounts", "4", "--duration", "60s"];
    let mut child = far.with_token(&args).spawn().expect("the program");
    wait_until(|| async { far.accounts(None).await.len() == 5 }).await;
    child.kill().expect("kills");
    child.wait().expect("is dead");
    portcullis(far.host.path(), &["user", "add", "bench-press", "--invite"], "");
    let other = run(far.with_token(&["cleanup", "--run", "00000000", "--json"])).await;
    let removed = |ran: &Output| -> Value { serde_json::from_slice(&ran.stdout).expect("JSON") };
    assert_eq!(removed(&other)["removed"], 0, "another run's are not touched");
    let next = ["--url", &url, "--accounts", "2", "--locks", "0", "--duration", "1s"];
    let ran = run(far.with_token(&next)).await;
    let errors = text(&ran.stderr);
    assert!(errors.contains("4 scratch accounts of other runs are there"), "{errors}");
    assert!(errors.contains("bench cleanup --admin-url"), "{errors}");
    let cleaned = run(far.with_token(&["cleanup", "--json"])).await;
    assert_eq!(removed(&cleaned)["removed"], 4, "{}", text(&cleaned.stderr));
    let left = far.accounts(None).await;
    let left: Vec<_> = left.iter().map(|account| account.login.as_str()).collect();
    assert_eq!(left, ["root", "bench-press"], "people stay, whatever they are called");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_from_elsewhere_is_refused_and_leaves_nothing() {
    let far = Far::new().await;
    let folder = far.host.path();
    let narrow = token(folder, &["--scope", "users.view"]);
    let file = far.elsewhere.path().join("token");
    std::fs::write(&file, format!("{narrow}\n")).expect("written");
    let file = file.to_str().expect("a path");
    let (url, admin) = (far.url(), far.admin.as_str());
    let unknown = format!("pct_{}", "A".repeat(43));
    for (args, code, words) in [
        (&["--admin-url", admin][..], 2, "PORTCULLIS_ADMIN_TOKEN"),
        (&["--admin-url", admin, "--admin-token", "pct_tooshort"], 2, "no API token"),
        (&["--admin-url", admin, "--admin-token", &unknown], 4, "does not take this token"),
        (&["--admin-url", admin, "--admin-token-file", file], 4, "administrator"),
        (&["--admin-url", admin, "--admin-token-file", "no/file"], 2, "can't be read"),
        (
            &["--admin-url", "https://127.0.0.1:1", "--admin-token", &far.token],
            2,
            "plain http so far",
        ),
        (&["--admin-url", "http://192.0.2.1:1", "--admin-token", &far.token], 2, "in the clear"),
        (&["--admin-url", &url, "--admin-token", &far.token], 4, "does not take this token"),
        (&["--admin-token", &far.token], 2, "--admin-url"),
    ] {
        let ran = run(far.command(&[&["--url", &url, "--accounts", "2"], args].concat())).await;
        let errors = text(&ran.stderr);
        assert_eq!(ran.status.code(), Some(code), "{args:?}: {errors}");
        assert!(errors.contains(words), "{args:?}: {errors}");
        for secret in [&far.token, &narrow, &unknown] {
            assert!(!errors.contains(&secret[4..]), "{args:?}: {errors}");
        }
    }
    // Where nobody can be deleted, nobody is made who would stay; but for one.
    portcullis(folder, &["settings", "set", "accounts.deletion", "off"], "");
    let ran = run(far.with_token(&["--url", &url, "--accounts", "50"])).await;
    assert_eq!(ran.status.code(), Some(4), "{}", text(&ran.stderr));
    assert!(text(&ran.stderr).contains("deletion is switched off"), "{}", text(&ran.stderr));
    portcullis(folder, &["settings", "reset", "accounts.deletion"], "");
    let cleaned = run(far.with_token(&["cleanup"])).await;
    assert!(text(&cleaned.stdout).starts_with("1 scratch account is removed"), "{cleaned:?}");
    far.assert_nothing_is_left(1).await;
}
