//! What runs: gates that follow settings, and gateways that begin.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use portcullis::config::{Environment, bootstrap};
use portcullis::domain::login::TypedLogin;
use portcullis::store::Directory;
use portcullis::store::sql::SqlDirectory;
use portcullis::{LockoutPolicy, Portcullis, SignInError};
use tokio::time::Instant;

use super::{Host, MINIMAL, PASSWORD};
use crate::support::Browser;

async fn open(path: &Path) -> Portcullis {
    Portcullis::open(path).await.expect("a gate")
}

/// How long until a gate has this policy.
async fn until(gate: &Portcullis, policy: &LockoutPolicy) -> Duration {
    let began = Instant::now();
    while gate.lockout_policy().as_ref() != policy {
        assert!(began.elapsed() < Duration::from_secs(5), "it never follows");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    began.elapsed()
}

/// Two gates over one file, each with a connection of its own, and the command
/// line as a third party.
#[tokio::test(flavor = "multi_thread")]
async fn every_gateway_follows_the_policy() {
    let host = Host::new();
    host.run(&["user", "add", "alice", "--invite"]).done();
    host.run(&["settings", "set", "lockout", "clerk"]).done();
    let file = host.path("portcullis.db");
    let (one, other) = (open(&file).await, open(&file).await);
    let clerk: LockoutPolicy = "clerk".parse().expect("a policy");
    assert_eq!(*one.lockout_policy(), clerk, "a gate begins with what is set");
    let pinned = SqlDirectory::open(&file).await.expect("a directory");
    let pinned = Portcullis::builder()
        .directory(pinned)
        .lockout(LockoutPolicy::balanced());
    let pinned = pinned.build().await.expect("a gate");

    let mut fastest = Duration::MAX;
    for limit in 1..=5 {
        let value = format!("max_attempts={limit}");
        host.run(&["settings", "set", "lockout", &value]).done();
        let policy = value.parse().expect("a policy");
        let slower = until(&one, &policy).await + until(&other, &policy).await;
        fastest = fastest.min(slower);
    }
    // A machine under load is slow now and then, not each time.
    assert!(fastest <= Duration::from_millis(100), "at best within {fastest:?}");

    host.run(&["settings", "set", "lockout", "max_attempts=1"])
        .done();
    let one_guess = "max_attempts=1".parse().expect("a policy");
    until(&one, &one_guess).await;
    let from = std::net::SocketAddr::from(([192, 0, 2, 1], 1));
    let guess = one.attempt("mallory", from).await.expect("the first");
    assert!(guess.check_password("wrong wrong").await.is_err());
    assert!(matches!(one.attempt("mallory", from).await, Err(SignInError::LockedOut { .. })));

    host.run(&["settings", "reset", "lockout"]).done();
    until(&other, &LockoutPolicy::balanced()).await;
    assert_eq!(*pinned.lockout_policy(), LockoutPolicy::balanced(), "its own, all the while");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_directory_gets_the_administrator_of_the_environment_once() {
    let host = Host::new();
    let directory = SqlDirectory::open(host.path("portcullis.db")).await;
    let directory = std::sync::Arc::new(directory.expect("a directory"));
    let admin = portcullis::admin::Admin::new(directory.clone());
    let secret = host.write("secret", &format!("{PASSWORD}\r\n"));
    let secret = secret.to_str().expect("a path");
    let short = host.write("short", "short");
    let variables = |login: &str, file: &str| -> Environment {
        let all = [
            ("PORTCULLIS_BOOTSTRAP_ADMIN", login.to_owned()),
            ("PORTCULLIS_BOOTSTRAP_ADMIN_PASSWORD_FILE", file.to_owned()),
        ];
        all.into_iter().collect()
    };
    let nothing = bootstrap(&admin, &Environment::default()).await;
    assert!(nothing.expect("no fault").is_none());
    for (login, file, words) in [
        ("root", "", "PASSWORD_FILE is not"),
        ("", secret, "ADMIN is not"),
        ("root", "/not/there", "/not/there"),
        ("a\u{200b}b", secret, "can't be a login"),
        ("root", short.to_str().expect("a path"), "at least 8 characters"),
    ] {
        let refused = bootstrap(&admin, &variables(login, file)).await;
        let refused = refused.expect_err("it is refused").to_string();
        assert!(refused.contains(words) && !refused.contains("correct"), "{refused}");
    }
    let made = bootstrap(&admin, &variables("root", secret))
        .await
        .expect("made");
    assert!(made.is_some_and(|root| root.admin && root.login.as_str() == "root"));
    let again = bootstrap(&admin, &variables("mallory", secret)).await;
    assert!(again.expect("no fault").is_none(), "somebody is there already");
    let found = directory.resolve(TypedLogin::new("mallory")).await;
    assert!(found.expect("answers").is_none());
}

/// A gateway that runs; it ends when this is dropped.
struct Gateway {
    child: Child,
    browser: Browser,
}

impl Gateway {
    fn start(host: &Host, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .arg("serve")
            .args(args)
            .env_clear()
            .envs(variables.iter().copied())
            .current_dir(host.0.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("it printed {line:?}"));
        Self { child, browser: Browser::at(address) }
    }

    async fn sign_in_page(&self) -> String {
        self.browser.get("/.portcullis/sign-in", "").await.body
    }

    /// Ends it, and gives what it said on standard error.
    fn stop(mut self) -> String {
        self.child.kill().expect("it runs");
        let mut said = String::new();
        let stderr = self.child.stderr.as_mut().expect("a pipe");
        stderr.read_to_string(&mut said).expect("text");
        said
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_begins_by_its_file() {
    let host = Host::new();
    let text = format!("{MINIMAL}[public]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"off\"\n");
    host.write("gate.toml", &text);
    let secret = host.write("secret", PASSWORD);
    let first = Gateway::start(&host, &["--config", "gate.toml"], &[]);
    let said = first.stop();
    assert!(said.contains("portcullis --config gate.toml user add LOGIN --admin"), "{said}");
    let second = Gateway::start(
        &host,
        &["--config", "gate.toml"],
        &[
            ("PORTCULLIS_BOOTSTRAP_ADMIN", "root"),
            ("PORTCULLIS_BOOTSTRAP_ADMIN_PASSWORD_FILE", secret.to_str().expect("a path")),
        ],
    );
    let page = second.sign_in_page().await;
    assert!(page.contains("Portcullis") && !page.contains("Harbour"), "{page}");
    host.run(&["settings", "set", "branding.name", "Harbour"])
        .done();
    let began = Instant::now();
    while !second.sign_in_page().await.contains("Harbour") {
        assert!(began.elapsed() < Duration::from_secs(5), "it never shows its name");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let said = second.stop();
    assert!(said.contains("root is added as an administrator, number 1."), "{said}");
    let list = host.run(&["user", "list", "--json"]).done().json();
    assert_eq!(list["accounts"][0]["login"], "root");
}
