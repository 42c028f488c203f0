//! The real program, with a configuration that names a table.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use portcullis::admin::modules::Database;

use super::App;
use crate::servers::PASSWORD;

const CONFIGURATION: &str = r#"
[store]
directory = "people.db"

[[modules]]
name = "deals"
label = "Deals"
database = "app.db"
table = "deals"
owner = "owner_id"
owner_is = "account"
fields = { status = "Status" }
"#;

/// The same table in Postgres, at an address that is to be put in.
const IN_POSTGRES: &str = r#"
[store]
directory = "people.db"

[upstream]
url = "http://127.0.0.1:9"

[[modules]]
name = "deals"
label = "Deals"
database = "ADDRESS"
secret_file = "secret"
table = "public.deals"
owner = "owner_id"
owner_is = "account"
fields = { status = "Status" }
"#;

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(folder: &Path, args: &[&str]) -> Ran {
    let ran = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(args)
        .env_clear()
        .env("TZ", "UTC")
        .env("PORTCULLIS_CONFIG", folder.join("portcullis.toml"))
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("the program");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ran { code: ran.status.code(), out: text(ran.stdout), err: text(ran.stderr) }
}

impl Ran {
    fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    fn json(self) -> Value {
        serde_json::from_str(&self.done()).expect("JSON")
    }

    fn refused(self, code: i32, words: &str) {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        assert!(self.err.contains(words), "{}", self.err);
    }
}

async fn host() -> (TempDir, App) {
    let folder = crate::stores::folder();
    let app = App::make(folder.path()).await;
    host_of(folder, app, CONFIGURATION).await
}

async fn host_with_postgres() -> (TempDir, App) {
    let (folder, app) = (crate::stores::folder(), App::in_postgres().await);
    let Database::Postgres(database) = &app.database else { panic!("Postgres") };
    std::fs::write(folder.path().join("secret"), format!("{PASSWORD}\n")).expect("writes");
    let configuration = IN_POSTGRES.replace("ADDRESS", &database.address.to_string());
    host_of(folder, app, &configuration).await
}

async fn host_of(folder: TempDir, app: App, configuration: &str) -> (TempDir, App) {
    std::fs::write(folder.path().join("portcullis.toml"), configuration).expect("writes");
    app.fill().await;
    run(folder.path(), &["user", "add", "alice", "--admin"]).done();
    for login in ["bob", "carol", "dora"] {
        run(folder.path(), &["user", "add", login]).done();
    }
    (folder, app)
}

/// Active, as an administrator who sets a password makes somebody.
async fn activate(folder: &Path, login: &str) {
    let directory = portcullis::store::sql::SqlDirectory::open(folder.join("people.db"));
    let directory = std::sync::Arc::new(directory.await.expect("opens"));
    let admin = portcullis::admin::Admin::new(directory);
    let password = portcullis::domain::password::Password::new("three blind mice run");
    let set = admin
        .set_password(&super::cli(), &login.into(), &password.expect("long"))
        .await;
    set.expect("sets");
}

const SOME: [&str; 8] = [
    "user",
    "delete",
    "bob",
    "--reason=left",
    "--transfer-some",
    "carol",
    "--module",
    "deals=status is open",
];

const SERVE: [&str; 7] = [
    "serve",
    "--upstream",
    "http://127.0.0.1:9",
    "--listen",
    "127.0.0.1:0",
    "--admin-listen",
    "off",
];

#[tokio::test]
async fn a_person_is_deleted_from_the_command_line() {
    let (folder, app) = host().await;
    let at = folder.path();
    let with = |more: &[&'static str]| -> Vec<&str> { SOME.iter().chain(more).copied().collect() };
    // PO-17: a reason and a choice have to be given.
    run(at, &["user", "delete", "bob", "--transfer-nothing", "--yes"]).refused(2, "--reason");
    run(at, &["user", "delete", "bob", "--reason=left", "--yes"]).refused(2, "--transfer-");
    run(at, &with(&["--transfer-nothing"])).refused(2, "cannot be used with");
    run(at, &with(&[])).refused(4, "carol is invited, and records go to active accounts only");
    activate(at, "carol").await;
    activate(at, "bob").await;
    run(at, &with(&[])).refused(2, "add --yes");

    let preview = run(at, &with(&["--dry-run", "--json"])).json();
    assert_eq!(preview["modules"][0]["owned"], 4);
    assert_eq!(preview["modules"][0]["moving"], 2);
    let shown = run(at, &with(&["--dry-run"])).done();
    assert!(shown.contains("this would go to carol"), "{shown}");
    assert_eq!(app.number("SELECT SUM(moves) FROM deals").await, 0);

    let done = run(at, &with(&["--yes"]));
    assert!(done.err.contains("2 of 2 records moved"), "{}", done.err);
    assert!(done.err.contains("The login can never be used again") || done.out.contains("never"));
    let words = done.done();
    assert!(words.contains("bob is deleted; 2 records went to carol."), "{words}");
    assert_eq!(
        app.number("SELECT COUNT(*) FROM deals WHERE owner_id = 3")
            .await,
        3
    );
    run(at, &["user", "add", "bob"]).refused(4, "never given out again");

    let listed = run(at, &["deletion", "list", "--json"]).json();
    assert_eq!(listed["deletions"][0]["state"], "done");
    assert_eq!(listed["deletions"][0]["account"]["login"], "bob");
    let shown = run(at, &["deletion", "show", "1"]).done();
    assert!(shown.contains("Deletion 1 of bob") && shown.contains("status is open"), "{shown}");
    run(at, &["deletion", "resume", "1"]).refused(4, "the deletion 1 is done");
    run(at, &["deletion", "cancel", "1"]).refused(4, "the deletion 1 is done");
    run(at, &["deletion", "show", "2"]).refused(3, "there is no deletion 2");
}

#[tokio::test]
async fn a_deletion_that_stopped_is_resumed_from_the_command_line() {
    let (folder, app) = host().await;
    let at = folder.path();
    activate(at, "carol").await;
    activate(at, "bob").await;
    app.run(
        "CREATE TRIGGER held BEFORE UPDATE OF owner_id ON deals WHEN old.status = 'won' \
         BEGIN SELECT RAISE(ABORT, 'won deals stay'); END",
    )
    .await;
    let all = ["user", "delete", "bob", "--reason=left", "--transfer-all", "carol", "--yes"];
    run(at, &all).refused(1, "won deals stay");
    run(at, &all).refused(4, "bob is being deleted already");
    let shown = run(at, &["deletion", "show", "1"]).done();
    assert!(shown.contains("is failed") && shown.contains("won deals stay"), "{shown}");
    let bob = run(at, &["user", "show", "bob"]).done();
    assert!(bob.contains("bob is locked"), "{bob}");
    app.run("DROP TRIGGER held").await;
    let words = run(at, &["deletion", "resume", "1"]).done();
    assert!(words.contains("bob is deleted; 4 records went to carol."), "{words}");
}

#[tokio::test]
async fn modules_are_listed_and_checked() {
    let (folder, app) = host().await;
    let at = folder.path();
    let listed = run(at, &["module", "list"]).done();
    assert!(listed.contains("deals in ") && listed.contains("status"), "{listed}");
    assert_eq!(run(at, &["module", "check", "--json"]).json()["modules"][0]["ok"], true);
    app.run("ALTER TABLE deals RENAME COLUMN status TO state")
        .await;
    let wrong = run(at, &["module", "check"]);
    assert!(wrong.out.contains("has no column \"status\""), "{}", wrong.out);
    wrong.refused(1, "not as configured: 1 of 1 modules");
    // A gateway does not start with it.
    run(at, &SERVE).refused(2, "the module deals");
    let without = [
        "--directory",
        "people.db",
        "user",
        "delete",
        "bob",
        "--reason=left",
        "--transfer-all",
        "carol",
        "--yes",
    ];
    let bare = Command::new(env!("CARGO_BIN_EXE_portcullis"))
        .args(without)
        .env_clear()
        .current_dir(at)
        .stdin(Stdio::null())
        .output()
        .expect("the program");
    let err = String::from_utf8_lossy(&bare.stderr).into_owned();
    assert!(bare.status.code() == Some(4) && err.contains("no modules are configured"), "{err}");
}

/// Everything that is printed is looked through for the password.
#[tokio::test]
async fn records_in_postgres_go_from_the_command_line() {
    let (folder, app) = host_with_postgres().await;
    let at = folder.path();
    let shown = |args: &[&str]| {
        let ran = run(at, args);
        assert!(!format!("{}{}", ran.out, ran.err).contains(PASSWORD), "{args:?}");
        ran
    };
    activate(at, "carol").await;
    activate(at, "bob").await;
    let listed = shown(&["module", "list", "--json"]).json();
    let place = listed["modules"][0]["where"]
        .as_str()
        .expect("a place")
        .to_owned();
    assert!(place.starts_with("public.deals in postgres://tester@127.0.0.1:"), "{place}");
    assert_eq!(shown(&["module", "check", "--json"]).json()["modules"][0]["ok"], true);
    shown(&["check"]).done();
    let gateway = Gateway::start(at);
    drop(gateway);
    let words: Vec<&str> = SOME.iter().copied().chain(["--yes"]).collect();
    let words = shown(&words).done();
    assert!(words.contains("bob is deleted; 2 records went to carol."), "{words}");
    assert_eq!(
        app.number("SELECT COUNT(*) FROM deals WHERE owner_id = 3")
            .await,
        3
    );
    assert_eq!(app.number("SELECT SUM(moves) FROM deals").await, 2);

    app.run("ALTER TABLE deals RENAME COLUMN status TO state")
        .await;
    let wrong = shown(&["module", "check"]);
    assert!(wrong.out.contains("has no column \"status\""), "{}", wrong.out);
    wrong.refused(1, "not as configured: 1 of 1 modules");
    shown(&SERVE).refused(2, "has no column \"status\"");
    std::fs::write(at.join("secret"), "wrong").expect("writes");
    shown(&SERVE).refused(2, "does not let us in: password authentication failed");
    let wrong = shown(&["module", "check"]);
    assert!(wrong.out.contains("does not let us in"), "{}", wrong.out);
    std::fs::remove_file(at.join("secret")).expect("removes");
    shown(&["module", "check"]).refused(2, "the secret in");
}

/// The places that a password may come from, and what is said where it is in none.
#[tokio::test]
async fn a_password_may_come_from_the_environment() {
    let (folder, _app) = host_with_postgres().await;
    let file = folder.path().join("portcullis.toml");
    let written = std::fs::read_to_string(&file).expect("reads");
    let without = written.replace("secret_file = \"secret\"\n", "");
    let named = written.replace("secret_file = \"secret\"", "secret_variable = \"PORTCULLIS_P\"");
    for (configuration, variable, code) in [
        (&named, "PORTCULLIS_P", 0),
        (&named, "PGPASSWORD", 2),
        (&without, "PGPASSWORD", 0),
        (&without, "PORTCULLIS_P", 1),
        // What is named is used, whatever else there is.
        (&written, "PGHOST", 0),
    ] {
        std::fs::write(&file, configuration).expect("writes");
        let ran = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["module", "check"])
            .env_clear()
            .env("PORTCULLIS_CONFIG", &file)
            .env(variable, PASSWORD)
            .output()
            .expect("the program");
        let said = [ran.stdout, ran.stderr].concat();
        let said = String::from_utf8_lossy(&said);
        assert_eq!(ran.status.code(), Some(code), "{variable}: {said}");
        assert!(!said.contains(PASSWORD), "{said}");
    }
}

/// A password in the address is refused, and not shown with the line that it is in.
#[test]
fn a_password_in_an_address_is_refused_and_not_shown() {
    let folder = crate::stores::folder();
    let at = folder.path();
    for address in [
        "postgres://a:hunter2hunter2@h/x",
        "postgres://a@h/x?sslmode=disable&password=hunter2hunter2",
    ] {
        let configuration = IN_POSTGRES.replace("ADDRESS", address);
        std::fs::write(at.join("portcullis.toml"), configuration).expect("writes");
        for args in [&["check"][..], &["module", "check"], &SERVE] {
            let ran = run(at, args);
            assert!(!format!("{}{}", ran.out, ran.err).contains("hunter2"), "{}", ran.err);
            ran.refused(2, "it holds a password");
        }
    }
}

/// A gateway, ended when it is dropped.
struct Gateway(std::process::Child);

impl Gateway {
    /// Starts one, and waits until it serves.
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(SERVE)
            .env_clear()
            .env("TZ", "UTC")
            .current_dir(folder);
        command.env("PORTCULLIS_CONFIG", folder.join("portcullis.toml"));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        let out = BufReader::new(child.stdout.take().expect("a pipe"));
        let gateway = Self(child);
        let mut lines = out.lines().map_while(Result::ok);
        let serves = lines.any(|line| line.contains("http://127.0.0.1:"));
        assert!(serves, "it ended before it served");
        gateway
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
