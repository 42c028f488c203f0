//! The real program on real files: what it prints, where, and how it exits.

mod bulk;
mod jwt;
mod remote;

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use portcullis::domain::event::{Action, Note};
use portcullis::domain::lock::{LiveSessions, Lockout, LockoutId};
use portcullis::domain::password::Password;
use portcullis::domain::session::SessionToken;
use portcullis::engine::passwords::Passwords;
use portcullis::store::sql::SqlDirectory;
use portcullis::store::{Directory, Edit, NewSession, SessionStore};
use portcullis::{Account, Portcullis, Status};
use serde_json::{Value, json};
use tempfile::TempDir;

const PASSWORD: &str = "correct horse battery";

/// A folder to run the program in.
struct Host(TempDir);

/// What a run of the program came to.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Host {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// With alice, an administrator, and bob, who has a password.
    fn with_people() -> Self {
        let host = Self::new();
        host.with_input(&["user", "add", "alice", "--admin", "--password-stdin"], PASSWORD)
            .done();
        host.with_input(&["user", "add", "bob", "--password-stdin"], PASSWORD)
            .done();
        host
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("people.db")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(args)
            .env_clear()
            .env("TZ", "UTC")
            .env("PORTCULLIS_DIRECTORY", self.file())
            .current_dir(self.0.path())
            .stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().expect("the program").into()
    }

    fn with_input(&self, args: &[&str], input: &str) -> Ran {
        let mut command = self.command(args);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        let mut stdin = child.stdin.take().expect("a pipe");
        // The program may refuse its arguments without reading.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        child.wait_with_output().expect("an end").into()
    }

    fn json(&self, args: &[&str]) -> Value {
        let ran = self.run(&[args, &["--json"]].concat());
        assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.err);
        serde_json::from_str(&ran.out).expect("JSON")
    }

    async fn directory(&self) -> SqlDirectory {
        SqlDirectory::open(self.file()).await.expect("a directory")
    }
}

impl Ran {
    #[track_caller]
    fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn says(self, words: &str) -> Self {
        assert!(self.out.contains(words), "{words:?} is not in {:?}", self.out);
        self
    }

    /// Ends with this code and these words on standard error, in two lines at most.
    #[track_caller]
    fn fails(self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        assert_eq!(self.out, "", "an answer on standard output");
        for words in words {
            assert!(self.err.contains(words), "{words:?} is not in {:?}", self.err);
        }
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

fn fields(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect()
}

async fn account(directory: &SqlDirectory, login: &str) -> Account {
    let found = directory
        .resolve(portcullis::domain::login::TypedLogin::new(login))
        .await;
    found.expect("a store").expect("somebody")
}

async fn sign_in(directory: &SqlDirectory, login: &str, byte: u8) -> String {
    let token = SessionToken::from_random([byte; 32]);
    let new = NewSession {
        key: token.key(),
        account: account(directory, login).await.key(),
        expected: None,
        expires_at: directory.clock().wall().after(Duration::from_secs(3600)),
        opened_from: Some("192.0.2.1".to_owned()),
        user_agent: Some("Browser\u{1b}[2J".to_owned()),
        device: None,
        console: false,
    };
    directory
        .open_session(new)
        .await
        .expect("a store")
        .expect("signed in");
    token.key().id().to_string()
}

async fn lock_out(directory: &SqlDirectory, login: &str) {
    let id = account(directory, login).await.id;
    let changed = directory.change(
        id,
        Box::new(|facts| {
            let mut account = facts.account.clone();
            account.locks.lockout = Some(Lockout {
                id: LockoutId { generation: account.attempts_generation, n: 1 },
                laid_at: facts.now,
                length: Some(Duration::from_secs(300)),
                failures: 5,
                live_sessions: LiveSessions::Refuse,
            });
            let action = Action::AccountLockedOut;
            let note = Note { actor: "engine".to_owned(), action, reason: None, from: None };
            Some(Edit { account, password_hash: None, note })
        }),
    );
    changed.await.expect("a store").expect("changed");
}

#[test]
fn only_adding_somebody_makes_a_directory() {
    let host = Host::new();
    for args in [
        &["user", "list"][..],
        &["user", "lock", "alice"],
        &["audit"],
        &["token", "create", "--owner", "alice"],
        &["settings", "account-disabling", "on"],
    ] {
        host.run(args)
            .fails(3, &["people.db", "try: portcullis user add LOGIN --admin\n"]);
        assert!(!host.file().exists(), "{args:?} made a file");
    }
    let typo = host.run(&["--directory", "o'neil.db", "user", "list"]);
    typo.fails(3, &[r"try: portcullis --directory 'o'\''neil.db' user add LOGIN --admin"]);

    let added = host.with_input(&["user", "add", "alice", "--admin", "--password-stdin"], PASSWORD);
    assert!(added.err.contains("A new directory begins at"), "{}", added.err);
    added
        .done()
        .says("alice is added as an administrator, number 1.");
    let again = host.run(&["user", "add", "bob", "--invite"]).done();
    assert_eq!(again.err, "");
    again.says("portcullis user invite bob");
}

#[test]
fn a_path_that_cannot_be_a_directory_is_explained() {
    let host = Host::new();
    let folder = host.0.path().to_str().expect("a path").to_owned();
    host.run(&["--directory", &folder, "user", "list"])
        .fails(2, &["is a folder"]);
    let gone = host.run(&["--directory", "not/there.db", "user", "add", "alice"]);
    gone.fails(5, &["not/there.db", "make that first"]);
    std::fs::write(host.file(), "not a database at all, but long enough to look like one")
        .expect("written");
    for args in [&["user", "list"][..], &["user", "add", "alice"]] {
        host.run(args)
            .fails(5, &["people.db", "is no SQLite database", "name the right file"]);
    }
}

#[test]
fn what_is_wrong_with_a_person_is_said_before_a_file_is_made() {
    let host = Host::new();
    let add = |args: &[&str], input: &str| {
        host.with_input(&[&["user", "add", "--password-stdin"], args].concat(), input)
    };
    add(&["alice"], "short").fails(2, &["at least 8 characters, not 5", "choose a longer one"]);
    add(&["alice"], "two\nlines").fails(2, &["no control characters"]);
    add(&["alice", "--email", "nobody"], PASSWORD).fails(2, &["name@example.org"]);
    add(&["a\u{200b}b"], PASSWORD).fails(2, &["invisible characters"]);
    add(&["alice", "--name", "A\u{1b}[2J"], PASSWORD).fails(2, &["control characters"]);
    assert!(!host.file().exists());
}

#[test]
fn people_are_added_once() {
    let host = Host::with_people();
    let taken = host.run(&["user", "add", "ALICE"]);
    taken
        .fails(4, &["the login alice is taken: choose another", "try: portcullis user show alice"]);
    host.run(&["user", "add", "carol", "--email", "c@example.org"])
        .done();
    let taken = host.run(&["user", "add", "dave", "--email", "C@Example.org"]);
    taken.fails(4, &["belongs to another account"]);
}

#[test]
fn lists_are_tables_for_people_and_json_for_programs() {
    let host = Host::with_people();
    host.run(&["user", "add", "carol", "--name", "Carol C."])
        .done();
    let table = host.run(&["user", "list"]).done();
    let head = "NUMBER  LOGIN  NAME      ROLE           STATUS   LAST SIGN-IN\n";
    let rows = "1       alice            administrator  active   never\n\
                2       bob                             active   never\n\
                3       carol  Carol C.                 invited  never\n";
    assert_eq!(table.out, format!("{head}{rows}"));
    host.run(&["user", "list", "--search", "nobody"])
        .done()
        .says("Nobody fits.");

    let page = host.json(&["user", "list", "--limit", "2"]);
    assert_eq!(page["next"], 2);
    assert_eq!(page["accounts"][1]["login"], "bob");
    let page = host.json(&["user", "list", "--after", "2", "--status", "invited"]);
    assert_eq!((&page["next"], &page["accounts"][0]["id"]), (&Value::Null, &Value::from(3)));
    let first = host.run(&["user", "list", "--limit", "2"]).done();
    assert_eq!(first.err, "more: portcullis user list --limit 2 --after 2\n");
    host.run(&["user", "list", "--status", "asleep"])
        .fails(2, &["active, deleted"]);
}

#[test]
fn locking_says_what_took_hold() {
    let host = Host::with_people();
    let locked = host.run(&["user", "lock", "bob", "--until", "2h", "--reason", "left the desk"]);
    let words = "(in 2 hours); 0 sessions ended; running services refuse them within 100 ms.";
    locked.done().says("bob is locked until ").says(words);

    let json = host.json(&["user", "lock", "bob", "--until", "30m"]);
    assert_eq!(fields(&json), ["account", "changed", "sessions_ended", "warning"].into());
    assert_eq!((&json["changed"], &json["sessions_ended"]), (&false.into(), &0.into()));
    let lock = &json["account"]["admin_lock"];
    assert_eq!(fields(lock), ["by", "reason", "since", "until"].into());
    assert_eq!(lock["reason"], "left the desk");
    assert!(lock["by"].as_str().is_some_and(|by| by.starts_with("cli:")), "{lock}");
    host.run(&["user", "lock", "bob"])
        .done()
        .says("bob is locked until somebody unlocks them;");
    let again = host.run(&["user", "lock", "--id", "2"]).done();
    again.says("bob is locked already, until somebody unlocks them: nothing was changed.");
}

#[test]
fn what_cannot_be_locked_is_explained() {
    let host = Host::with_people();
    host.run(&["user", "add", "carol"]).done();
    let lock = |args: &[&str]| host.run(&[&["user", "lock"], args].concat());
    lock(&["dave"]).fails(3, &[r#"no account "dave""#, "try: portcullis user list --search=dave"]);
    lock(&["--id", "9"]).fails(3, &["no account number 9"]);
    lock(&["carol"]).fails(4, &["invited", "try: portcullis user passwd carol"]);
    lock(&["--id", "3"]).fails(4, &["try: portcullis user passwd --id 3"]);
    lock(&["bob", "--until", "-2h"]).fails(2, &["is over already", "name a later time"]);
    lock(&["bob", "--until", "2020-01-01T00:00:00Z"]).fails(2, &["is over already"]);
    lock(&["bob", "--until", "soon"]).fails(2, &["30m, 2h or 3 days"]);
    lock(&["bob", "--reason", " "]).fails(2, &["a reason is not empty"]);
    lock(&[]).fails(2, &["LOGIN|--id <NUMBER>"]);
    lock(&["bob", "--id", "2"]).fails(2, &["cannot be used with"]);
}

#[test]
fn the_host_can_lock_the_last_administrator_and_is_warned() {
    let host = Host::with_people();
    let locked = host.run(&["user", "lock", "alice"]);
    assert!(
        locked
            .err
            .starts_with("warning: no other administrator can act now"),
        "{}",
        locked.err
    );
    locked.done();
    host.run(&["user", "unlock", "alice"])
        .done()
        .says("alice is unlocked, and active now.");
    let json = host.json(&["user", "lock", "alice"]);
    assert_eq!(json["warning"], "last_administrator");
}

#[tokio::test]
async fn a_locked_person_is_shown_with_reasons_and_sessions() {
    let host = Host::with_people();
    let directory = host.directory().await;
    let session = sign_in(&directory, "bob", 1).await;
    sign_in(&directory, "bob", 2).await;
    let shown = host.run(&["user", "show", "bob"]).done();
    assert!(!shown.out.contains('\u{1b}'), "a browser steers the terminal: {:?}", shown.out);
    shown
        .says("bob is active.")
        .says(&session)
        .says("192.0.2.1");
    let json = host.json(&["user", "show", "bob"]);
    assert_eq!(json["sessions"].as_array().map(Vec::len), Some(2));
    let expected = ["created_at", "expires_at", "id", "last_seen_at", "opened_from", "user_agent"];
    assert_eq!(fields(&json["sessions"][0]), expected.into());

    lock_out(&directory, "bob").await;
    host.run(&["user", "lock", "bob", "--reason", "left"])
        .done()
        .says("2 sessions ended");
    let shown = host.run(&["user", "show", "bob"]).done();
    shown
        .says("bob is locked until somebody unlocks them.")
        .says("  Reason: left\n")
        .says("  Lift it: portcullis user unlock --admin-lock bob\n")
        .says("Locked out after 5 failed sign-ins, ")
        .says("(in 5 minutes).\n  Lift it: portcullis user unlock --lockout bob\n")
        .says("No live sessions.");
    let account = &host.json(&["user", "show", "bob"])["account"];
    let expected = [
        "admin",
        "admin_lock",
        "created_at",
        "disablement",
        "email",
        "has_password",
        "id",
        "last_sign_in_at",
        "lifecycle",
        "lockout",
        "login",
        "name",
        "permissions",
        "status",
        "updated_at",
    ];
    assert_eq!(fields(account), expected.into());
    assert_eq!(fields(&account["lockout"]), ["failures", "since", "until"].into());
}

#[tokio::test]
async fn each_kind_of_lock_is_lifted_on_its_own() {
    let host = Host::with_people();
    let directory = host.directory().await;
    lock_out(&directory, "bob").await;
    let unlock = |args: &[&str]| {
        host.run(&[&["user", "unlock", "bob"], args].concat())
            .done()
    };
    unlock(&["--admin-lock"]).says("bob has no such lock and is locked out until");
    let before = account(&directory, "bob").await;
    host.run(&["user", "lock", "bob"]).done();
    unlock(&["--lockout"]).says("bob is unlocked, and locked until somebody unlocks them now.");
    let after = account(&directory, "bob").await;
    assert_eq!(after.attempts_generation, before.attempts_generation + 1);
    unlock(&[]).says("bob is unlocked, and active now.");
    unlock(&[]).says("nothing was changed");
    assert_eq!(account(&directory, "bob").await.attempts_generation, after.attempts_generation + 1);
}

/// The program works beside a running gate, which obeys it.
#[tokio::test(flavor = "multi_thread")]
async fn a_running_gate_obeys_the_command_line() {
    let host = Host::with_people();
    let gate = Portcullis::open(host.file()).await.expect("a gate");
    let bob = account(&host.directory().await, "bob").await;
    let status = async || {
        let standing = gate
            .standing(&bob.key())
            .await
            .expect("known")
            .expect("there");
        standing.status(gate.clock().wall())
    };
    assert_eq!(status().await, Status::Active);
    for (command, expected) in [("lock", Status::Locked), ("unlock", Status::Active)] {
        host.run(&["user", command, "bob"]).done();
        let began = gate.clock().now().monotonic;
        while status().await != expected {
            let waited = gate.clock().now().monotonic.since(began);
            assert!(waited < Duration::from_secs(2), "{command} did not take hold");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[test]
fn disabling_is_off_until_it_is_switched_on() {
    let host = Host::with_people();
    let disable = || host.run(&["user", "disable", "bob", "--reason", "left the company"]);
    disable().fails(4, &["switched off", "try: portcullis settings account-disabling on"]);
    let off = host.json(&["settings", "account-disabling"]);
    assert_eq!(off, serde_json::json!({ "account_disabling": false, "changed": false }));
    host.run(&["settings", "account-disabling", "on"])
        .done()
        .says("from now on");
    disable().done().says("bob is disabled; 0 sessions ended");
    disable()
        .done()
        .says("bob is disabled already: nothing was changed.");
    host.run(&["user", "disable", "bob"])
        .fails(2, &["--reason"]);
    let shown = host.run(&["user", "show", "bob"]).done();
    shown
        .says("bob is disabled.")
        .says("left the company")
        .says("portcullis user enable bob");

    host.run(&["settings", "account-disabling", "off"]).done();
    host.run(&["user", "enable", "bob"])
        .fails(4, &["switched off"]);
    host.run(&["settings", "account-disabling", "on"]).done();
    host.run(&["user", "enable", "bob"])
        .done()
        .says("bob is enabled, and active now.");
    host.run(&["user", "enable", "bob"])
        .done()
        .says("nothing was changed");
}

#[tokio::test]
async fn people_are_signed_out_everywhere_or_from_one_place() {
    let host = Host::with_people();
    let directory = host.directory().await;
    let one = sign_in(&directory, "bob", 1).await;
    sign_in(&directory, "bob", 2).await;
    host.run(&["user", "sign-out", "--session", &one])
        .done()
        .says("is ended");
    host.run(&["user", "sign-out", "--session", &one])
        .fails(3, &["no session", "user show"]);
    host.run(&["user", "sign-out", "--session", "x"])
        .fails(2, &["32 hexadecimal digits"]);
    host.run(&["user", "sign-out"]).fails(2, &["--session"]);
    host.run(&["user", "sign-out", "bob"])
        .done()
        .says("bob is signed out; 1 session ended");
}

#[tokio::test]
async fn a_password_lets_the_invited_in() {
    let host = Host::with_people();
    host.run(&["user", "add", "carol"]).done();
    let passwd = ["user", "passwd", "carol", "--password-stdin"];
    host.with_input(&["user", "passwd", "dave", "--password-stdin"], PASSWORD)
        .fails(3, &["dave"]);
    host.run(&["user", "passwd", "carol"])
        .fails(2, &["--password-stdin"]);
    host.with_input(&passwd, "").fails(2, &["not 0"]);
    // The line break that echo leaves behind is no part of it.
    let set = host.with_input(&passwd, "a new password\r\n").done();
    set.says("carol has a new password and is active; 0 sessions ended.");

    let directory = host.directory().await;
    let carol = account(&directory, "carol").await;
    let hash = directory.password_hash(carol.id).await.expect("a store");
    let typed = Password::typed("a new password");
    assert!(Passwords::new().verify(&typed, hash.as_deref()).await);
}

#[test]
fn people_are_permitted_what_is_named_and_no_more() {
    let host = Host::with_people();
    let show = || host.json(&["user", "show", "bob"])["account"]["permissions"].clone();
    assert_eq!(show(), serde_json::json!([]));
    host.run(&["user", "permit", "bob", "--may", "users.unlock", "--may", "users.view"])
        .done()
        .says("bob may users.view, users.unlock now.");
    assert_eq!(show(), serde_json::json!(["users.view", "users.unlock"]));
    host.run(&["user", "show", "bob"])
        .done()
        .says("Permissions    users.view, users.unlock\n");
    host.run(&["user", "permit", "bob", "--may", "everything"])
        .fails(2, &["users.manage"]);
    host.run(&["user", "permit", "bob"])
        .done()
        .says("bob may do nothing to others' accounts now.");
    assert_eq!(show(), serde_json::json!([]));
    host.run(&["user", "add", "carol", "--invite", "--may", "users.manage"])
        .done();
    let carol = host.json(&["user", "show", "carol"]);
    assert_eq!(carol["account"]["permissions"], serde_json::json!(["users.manage"]));
}

#[tokio::test]
async fn a_token_is_alone_on_standard_output_and_nowhere_else() {
    let host = Host::with_people();
    let created = host
        .run(&["token", "create", "--owner", "alice", "--name", "ci"])
        .done();
    let secret = created.out.strip_suffix('\n').expect("a line").to_owned();
    assert!(secret.starts_with("pct_") && secret.len() == 47, "{secret}");
    assert!(created.err.contains("not shown again") && !created.err.contains(&secret[4..]));
    assert!(
        created
            .err
            .contains("only where `public.api_tokens` is true"),
        "{}",
        created.err
    );

    let directory = host.directory().await;
    let token = SessionToken::parse(&secret.as_bytes()[4..]).expect("a token");
    let stored = directory
        .token(token.key())
        .await
        .expect("a store")
        .expect("the token");
    assert_eq!((stored.scopes.as_slice(), stored.name.as_str()), (&["*".to_owned()][..], "ci"));
    drop(directory);
    for said in [&["audit", "--json"][..], &["token", "list", "--json"], &["token", "list"]] {
        let said = host.run(said).done().out;
        assert!(!said.contains(&secret[4..]) && !said.contains(PASSWORD), "{said}");
        assert!(!said.contains("argon2"), "{said}");
    }
    for file in std::fs::read_dir(host.0.path()).expect("a folder") {
        let bytes = std::fs::read(file.expect("a file").path()).expect("read");
        for secret in [&secret[4..], PASSWORD] {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "a secret is in a file");
        }
    }
}

#[test]
fn tokens_are_listed_and_revoked() {
    let host = Host::with_people();
    host.run(&["token", "list"])
        .done()
        .says("portcullis token create --owner LOGIN");
    let args =
        ["token", "create", "--owner", "bob", "--scope", "users.unlock", "--expires", "90 days"];
    let json = host.json(&args);
    assert_eq!(fields(&json), ["secret", "token"].into());
    let token = &json["token"];
    let expected = [
        "application",
        "created_at",
        "expires_at",
        "id",
        "last_used_at",
        "name",
        "owner",
        "scopes",
    ];
    assert_eq!(fields(token), expected.into());
    let id = token["id"].as_str().expect("an id");
    host.run(&["token", "list", "--owner", "bob"])
        .done()
        .says(id)
        .says("ENDS");
    assert_eq!(host.json(&["token", "list", "--owner", "alice"])["tokens"], serde_json::json!([]));

    host.run(&["token", "revoke", id]).done().says("is revoked");
    host.run(&["token", "revoke", id])
        .fails(3, &["no token", "try: portcullis token list"]);
    host.run(&["token", "revoke", "x"])
        .fails(2, &["32 hexadecimal digits"]);
}

#[test]
fn groups_are_administered() {
    let host = Host::with_people();
    host.run(&["group", "list"])
        .done()
        .says("portcullis group add NAME");
    host.run(&["group", "add", " "])
        .fails(2, &["1 to 256 characters"]);
    let made = host.json(&["group", "add", "Desk", "--may", "users.view"]);
    assert_eq!(fields(&made), ["changed", "group"].into());
    assert_eq!(made["group"]["permissions"], serde_json::json!(["users.view"]));
    host.run(&["group", "join", "1", "alice", "bob"])
        .done()
        .says("In Desk now: alice, bob.");
    host.run(&["group", "join", "1", "bob"])
        .done()
        .says("Nothing was changed.");
    host.run(&["group", "join", "1", "nobody"])
        .fails(3, &["no account"]);
    let shown = host.json(&["group", "show", "1", "--limit", "1"]);
    assert_eq!(fields(&shown), ["count", "group", "members", "next"].into());
    assert_eq!((&shown["count"], shown["next"].is_i64()), (&serde_json::json!(2), true));
    host.run(&["group", "show", "1"])
        .done()
        .says("Desk has 2 members.")
        .says("users.view");
    let of = host.json(&["group", "list", "--member", "bob"]);
    assert_eq!(of["groups"][0]["name"], "Desk");
    host.run(&["group", "permit", "1"])
        .done()
        .says("Being in Desk gives nothing now.");
    host.run(&["group", "leave", "1", "alice"])
        .done()
        .says("In Desk no more: alice.");
    let rest = host.json(&["group", "show", "1"]);
    assert_eq!(rest["count"], 1);
    host.run(&["group", "remove", "1"])
        .done()
        .says("Desk is deleted");
    host.run(&["group", "show", "1"])
        .fails(3, &["no group 1", "try: portcullis group list"]);
}

#[test]
fn applications_are_administered() {
    let host = Host::with_people();
    host.run(&["application", "list"])
        .done()
        .says("portcullis application add NAME --scope SCOPE");
    host.run(&["application", "add", "hr"])
        .fails(2, &["--scope"]);
    host.run(&["application", "add", "hr", "--scope", "a b"])
        .fails(2, &["is not a scope"]);
    let added = host
        .run(&["application", "add", "hr sync", "--scope", "users.view", "--scope", "users.unlock"])
        .done();
    let lines: Vec<&str> = added.out.lines().collect();
    let [id, secret] = lines[..] else { panic!("{}", added.out) };
    let (id, secret) = (
        id.strip_prefix("client_id=").expect("an id").to_owned(),
        secret
            .strip_prefix("client_secret=")
            .expect("a secret")
            .to_owned(),
    );
    assert!(secret.starts_with("pcs_") && secret.len() == 47, "{secret}");
    assert!(added.err.contains("not shown again") && !added.err.contains(&secret[4..]));
    let json = host.json(&["application", "add", "other", "--scope", "internal_user_mgt_update"]);
    assert_eq!(fields(&json), ["application", "client_id", "client_secret"].into());
    let expected =
        ["created_at", "enabled", "id", "last_used_at", "made_by", "name", "scopes"].into();
    assert_eq!(fields(&json["application"]), expected);
    let all = host.json(&["application", "list"]);
    assert_eq!(all["applications"].as_array().expect("a list").len(), 2);
    for said in [&["application", "list"][..], &["audit", "--json"], &["application", "show", &id]]
    {
        assert!(!host.run(said).done().out.contains(&secret[4..]), "{said:?}");
    }

    let args = ["token", "create", "--application", &id, "--scope", "internal_user_mgt_list"];
    let token = host.json(&args);
    assert_eq!(
        (&token["token"]["application"], &token["token"]["owner"]),
        (&id.as_str().into(), &Value::Null)
    );
    let made = host.run(&args).done();
    assert!(
        made.err
            .contains("The admin address takes it, and no other."),
        "{}",
        made.err
    );
    host.run(&["token", "create", "--application", &id, "--scope", "users.manage"])
        .fails(4, &["the application is not for"]);
    host.run(&["token", "create", "--application", &id, "--owner", "bob"])
        .fails(2, &["cannot be used with"]);
    host.run(&["token", "create"]).fails(2, &["--owner"]);
    host.run(&["token", "list"])
        .done()
        .says(&format!("app:{id}"));
    let of = |args: &[&str]| host.json(args)["tokens"].as_array().expect("a list").len();
    assert_eq!(of(&["token", "list", "--application", &id]), 2);
    assert_eq!(of(&["token", "list", "--owner", "bob"]), 0);
    host.run(&["application", "show", &id])
        .done()
        .says("hr sync is enabled.")
        .says("Scopes         users.unlock users.view")
        .says("internal_user_mgt_list");
    host.run(&["token", "revoke", token["token"]["id"].as_str().expect("an id")])
        .done()
        .says("is revoked");

    host.run(&["application", "scope", &id, "--scope", "users.view"])
        .done()
        .says("hr sync may users.view now");
    host.run(&["application", "scope", &id, "--scope", "users.view"])
        .done()
        .says("nothing was changed");
    host.run(&["application", "disable", &id])
        .done()
        .says(&format!("portcullis application enable {id}"));
    assert_eq!(host.json(&["application", "disable", &id])["changed"], false);
    host.run(&["token", "create", "--application", &id])
        .fails(4, &["is disabled", &format!("try: portcullis application enable {id}")]);
    assert_eq!(host.json(&["application", "enable", &id])["changed"], true);
    let rotated = host.json(&["application", "rotate", &id]);
    assert_ne!(rotated["client_secret"], secret.as_str());
    assert_eq!(of(&["token", "list", "--application", &id]), 0, "they went with the secret");
    let removed = host.json(&["application", "remove", &id]);
    assert_eq!(removed["removed"], true);
    host.run(&["application", "show", &id])
        .fails(3, &["no application", "try: portcullis application list"]);
    host.run(&["application", "show", "x"])
        .fails(2, &["16 hexadecimal digits"]);
    host.run(&["audit"]).done().says("application.removed");
}

#[test]
fn only_the_active_own_tokens() {
    let host = Host::with_people();
    let create = |args: &[&str]| host.run(&[&["token", "create", "--owner"], args].concat());
    create(&["dave"]).fails(3, &["dave"]);
    create(&["bob", "--expires", "2020-01-01T00:00:00Z"]).fails(2, &["is over already"]);
    create(&["bob", "--scope", "a b"]).fails(2, &["is not a scope"]);
    host.run(&["user", "lock", "bob"]).done();
    create(&["bob"]).fails(4, &["bob is locked", "try: portcullis user show bob"]);
}

#[test]
fn the_audit_log_tells_and_is_checked() {
    let host = Host::with_people();
    host.run(&["user", "lock", "bob", "--reason", "seen at the vault"])
        .done();
    let log = host.run(&["audit", "--user", "bob"]).done();
    log.says("POSITION")
        .says("account.locked")
        .says("seen at the vault")
        .says("bob");
    let newest = host.run(&["audit", "--user", "bob", "--limit", "1"]).done();
    assert_eq!(newest.err, "older: portcullis audit --user=bob --limit 1 --before 3\n");
    let json = host.json(&["audit", "--limit", "1"]);
    assert_eq!(json["next"], 3);
    let record = &json["records"][0];
    let expected =
        ["account", "action", "actor", "after", "at", "before", "from", "position", "reason"];
    assert_eq!(fields(record), expected.into());
    assert_eq!(record["action"], "account.locked");
    assert!(record["before"].is_object() && record["after"].is_object(), "{record}");
    assert_eq!(host.json(&["audit", "--before", "2"])["records"][0]["position"], 1);
    assert_eq!(
        host.json(&["audit", "--verify"]),
        serde_json::json!({ "whole": true, "records": 3, "end": 3 })
    );

    forge(&host, b"seen at the vault", b"nothing to see...");
    let forged = host.run(&["audit", "--verify"]);
    assert_eq!(forged.code, Some(1));
    assert!(
        forged
            .err
            .contains("altered: position 3 is the first that does not fit"),
        "{}",
        forged.err
    );
    forged.says("The audit log was altered.");
}

#[test]
fn the_audit_log_is_filtered_exported_and_pruned() {
    let host = Host::with_people();
    host.run(&["user", "lock", "bob", "--reason=-1+cmd, \"x\""])
        .done();
    let positions = |args: &[&str]| {
        let json = host.json(&[&["audit", "list"], args].concat());
        let records = json["records"].as_array().expect("a list").clone();
        records
            .iter()
            .map(|record| record["position"].as_u64())
            .collect::<Option<Vec<_>>>()
    };
    assert_eq!(positions(&["--action", "account.locked"]), Some(vec![3]));
    assert_eq!(positions(&["--since", "1h"]), Some(vec![3, 2, 1]));
    assert_eq!(positions(&["--until", "1h"]), Some(vec![]));
    assert_eq!(positions(&["--after", "1", "--limit", "1"]), Some(vec![2]));
    assert_eq!(positions(&["--reason", "+CMD"]), Some(vec![3]));
    assert_eq!(positions(&["--by", "alice"]), Some(vec![]));
    let page = host
        .run(&["audit", "list", "--after", "1", "--limit", "1", "--since", "1h"])
        .done();
    for (name, side) in [("older", "before"), ("newer", "after")] {
        let hint = format!("{name}: portcullis audit --since=PT1H --limit 1 --{side} 2\n");
        assert!(page.err.contains(&hint), "{}", page.err);
    }
    let unknown = host.run(&["audit", "list", "--action", "x"]);
    assert!(unknown.code == Some(2) && unknown.err.contains("account.locked"), "{}", unknown.err);

    let lines = host.run(&["audit", "export"]).done().out;
    let links: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(links.len(), 3);
    chain_fits(&host, &lines, [0; 32]);
    host.run(&["audit", "export", "--format", "csv", "--output", "log.csv"])
        .done()
        .says("3 records are in log.csv.");
    let table = std::fs::read_to_string(host.0.path().join("log.csv")).expect("read");
    assert!(table.starts_with("position,at,actor,action,account,reason,"), "{table}");
    assert!(table.contains(",\"'-1+cmd, \"\"x\"\"\","), "{table}");
    let again = host.run(&["audit", "export", "--output", "log.csv"]);
    again.fails(2, &["is there already"]);

    host.run(&["audit", "prune", "--older-than", "1h"])
        .done()
        .says("nothing was changed");
    std::thread::sleep(Duration::from_millis(5));
    host.run(&["audit", "prune", "--older-than", "0s", "--reason", "tidy"])
        .done()
        .says("3 records are forgotten, up to position 3");
    let left = host.run(&["audit", "export"]).done().out;
    let record: Value = serde_json::from_str(left.trim()).expect("one record");
    let after: Value = serde_json::from_str(record["after"].as_str().expect("text")).expect("JSON");
    assert_eq!((&record["position"], &after["through"]), (&4.into(), &3.into()));
    let link = after["link"].as_str().expect("a link");
    assert_eq!(Value::from(link), links[2]["link"]);
    chain_fits(&host, &left, bytes_of(link));
    let whole = host.json(&["audit", "verify"]);
    assert_eq!((&whole["whole"], &whole["records"]), (&true.into(), &1.into()));
    host.run(&["user", "unlock", "bob"]).done();
    let whole = host.json(&["audit", "verify", "--since-checkpoint"]);
    assert_eq!((&whole["records"], &whole["end"]), (&1.into(), &5.into()));
}

fn bytes_of(hex: &str) -> [u8; 32] {
    let byte = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("digits");
    std::array::from_fn(byte)
}

/// Checks an export as the manual says that anybody can who has the key.
#[track_caller]
fn chain_fits(host: &Host, lines: &str, before: [u8; 32]) {
    use hmac::{Hmac, KeyInit, Mac};
    type HmacSha256 = Hmac<sha2::Sha256>;
    let hmac = |key: &[u8], parts: [&[u8]; 2]| -> [u8; 32] {
        let mut mac = HmacSha256::new_from_slice(key).expect("any length");
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    };
    let file = std::fs::read_to_string(host.0.path().join("people.db.key")).expect("a key");
    let secret = bytes_of(file.lines().next().expect("a line"));
    let key = hmac(&secret, [b"portcullis audit chain", b""]);
    let mut link = before;
    for line in lines.lines() {
        let at = line.find(",\"link\":\"").expect("a link");
        let text = format!("{}}}", &line[..at]);
        link = hmac(&key, [&link, text.as_bytes()]);
        let found: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(bytes_of(found["link"].as_str().expect("text")), link, "{line}");
    }
}

#[test]
fn licences_are_shown_and_limited() {
    let host = Host::with_people();
    host.run(&["licence"])
        .done()
        .says("2 licences are in use, and there is no limit.");
    host.run(&["licence", "set", "1"])
        .done()
        .says("2 of 1 licences are in use; 0 are free.")
        .says("nobody loses access");
    host.with_input(&["user", "add", "carol", "--password-stdin"], PASSWORD)
        .fails(4, &["2 of 1 licences are in use", "try: portcullis licence"]);
    host.run(&["user", "add", "dora", "--invite"]).done();
    host.with_input(&["user", "passwd", "dora", "--password-stdin"], PASSWORD)
        .fails(4, &["2 of 1 licences are in use"]);
    host.run(&["licence", "set", "0"])
        .fails(2, &["none, or a number from 1"]);
    let json = host.json(&["licence", "set", "3"]);
    assert_eq!((&json["available"], &json["by_status"]["invited"]), (&1.into(), &1.into()));
    host.with_input(&["user", "passwd", "dora", "--password-stdin"], PASSWORD)
        .done();
    host.run(&["licence", "set", "none"])
        .done()
        .says("there is no limit");
    std::fs::write(host.0.path().join("gate.toml"), "[licences]\nlimit = 5\n").expect("written");
    let pinned = host.run(&["--config", "gate.toml", "licence", "set", "9"]);
    pinned.fails(4, &["pinned by `licences.limit` in gate.toml"]);
}

#[test]
fn somebody_is_invited_by_a_link() {
    let host = Host::with_people();
    let added = host.run(&["user", "add", "carol", "--invite"]).done();
    let link = added
        .out
        .lines()
        .find(|line| line.contains("/.portcullis/invite#pci_"));
    let link = link.expect("a link").to_owned();
    std::fs::write(host.0.path().join("gate.toml"), "[public]\nurl = \"https://app.example\"\n")
        .expect("written");
    let config = ["--config", "gate.toml", "user", "invite", "carol", "--expires", "2d"];
    let invited = host.run(&config).done();
    let begin = "https://app.example/.portcullis/invite#pci_";
    assert!(invited.out.starts_with(begin), "{}", invited.out);
    assert_eq!(invited.out.lines().count(), 1, "the link alone");
    assert!(!invited.out.contains(&link), "another one");
    assert!(invited.err.contains("active then, once, until "), "{}", invited.err);
    let json = host.json(&["user", "invite", "bob"]);
    assert_eq!(fields(&json), ["account", "expires_at", "link", "login", "purpose"].into());
    assert_eq!(json["purpose"], "reset");
    host.run(&["user", "invite", "bob", "--expires", "31d"])
        .fails(2, &["30 days"]);
    host.run(&["user", "lock", "bob"]).done();
    host.run(&["user", "invite", "bob"])
        .fails(4, &["bob is locked", "try: portcullis user show bob"]);
    let log = host
        .run(&["audit", "list", "--action", "invitation.created", "--json"])
        .done();
    assert!(!log.out.contains("pci_") && log.out.contains("expires_at"), "{}", log.out);
}

/// Alters the file as somebody would who has no key.
fn forge(host: &Host, from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    let mut bytes = std::fs::read(host.file()).expect("read");
    let places: Vec<usize> = (0..bytes.len() - from.len())
        .filter(|at| bytes[*at..].starts_with(from))
        .collect();
    assert!(!places.is_empty(), "the words are still in the write-ahead log");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    std::fs::write(host.file(), bytes).expect("written");
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_is_no_accident() {
    let host = Host::with_people();
    let closed = || {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        writer
    };
    let listed: Ran = host
        .command(&["user", "list"])
        .stdout(closed())
        .output()
        .expect("the program")
        .into();
    assert_eq!((listed.code, listed.err.as_str()), (Some(0), ""));
    // What nobody heard opens nothing.
    let args = ["token", "create", "--owner", "alice"];
    let created: Ran = host
        .command(&args)
        .stdout(closed())
        .output()
        .expect("the program")
        .into();
    assert_eq!(created.code, Some(1), "{}", created.err);
    assert_eq!(host.json(&["token", "list"])["tokens"], serde_json::json!([]));
    let args = ["application", "add", "hr", "--scope", "users.view"];
    let added: Ran = host
        .command(&args)
        .stdout(closed())
        .output()
        .expect("the program")
        .into();
    assert_eq!(added.code, Some(1), "{}", added.err);
    let all = host.json(&["application", "list"]);
    assert_eq!(all["applications"], serde_json::json!([]));
}

#[test]
fn a_log_level_that_is_none_is_warned_of() {
    let host = Host::with_people();
    for (level, warned) in [("lots", true), ("warn", false), ("info,portcullis=debug", false)] {
        let mut command = host.command(&["user", "list"]);
        let ran: Ran = command
            .env("PORTCULLIS_LOG", level)
            .output()
            .expect("the program")
            .into();
        let ran = ran.done();
        assert_eq!(ran.err.contains("PORTCULLIS_LOG names no level"), warned, "{}", ran.err);
    }
}

#[test]
fn help_names_every_exit_code() {
    let host = Host::new();
    let help = host.run(&["--help"]).done();
    for code in 0..=5 {
        assert!(help.out.contains(&format!("\n  {code}  ")), "{code} is not in {}", help.out);
    }
    assert_eq!(host.run(&[]).code, Some(2));
    assert_eq!(host.run(&["user", "frobnicate", "bob"]).code, Some(2));
    host.run(&["--version"])
        .done()
        .says(env!("CARGO_PKG_VERSION"));
}

#[test]
fn commands_to_copy_name_the_same_directory() {
    let host = Host::with_people();
    let mut command = host.command(&["--directory", "people.db", "user", "lock", "dave"]);
    let ran: Ran = command
        .env_remove("PORTCULLIS_DIRECTORY")
        .output()
        .expect("run")
        .into();
    ran.fails(3, &["try: portcullis --directory people.db user list --search=dave"]);
}

#[test]
fn a_login_that_looks_like_an_option_can_be_copied() {
    let host = Host::with_people();
    let added = host.run(&["user", "add", "--invite", "--", "-x"]).done();
    added.says("portcullis user invite -- -x\n");
    host.with_input(&["user", "passwd", "--password-stdin", "--", "-x"], PASSWORD)
        .done();
    host.run(&["user", "lock", "--", "-x"]).done();
    host.run(&["user", "show", "--", "-x"])
        .says("  Lift it: portcullis user unlock --admin-lock -- -x\n");
    host.run(&["user", "unlock", "--admin-lock", "--", "-x"])
        .done();
}

#[test]
fn what_somebody_wrote_passes_for_nothing_else() {
    let host = Host::with_people();
    host.run(&["user", "lock", "bob", "--reason", "left\n  It lasts a second."])
        .done();
    host.run(&["user", "show", "bob"])
        .says("  Reason: left\n            It lasts a second.\n  It lasts until");
    let steering = host.run(&["user", "add", "--invite", "a\u{1b}[2Jb"]);
    assert_eq!(steering.code, Some(2));
    assert!(!steering.err.contains('\u{1b}'), "{:?}", steering.err);
}
