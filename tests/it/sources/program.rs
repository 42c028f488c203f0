//! The program itself, with `[source]` in its configuration.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use portcullis::config::{Environment, load};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::gateway::serve;
use crate::support::{Answer, Browser};

const DEADLINE: Duration = Duration::from_secs(30);
const PASSWORD: &str = "correct horse battery";

/// A folder with a directory and a configuration, and perhaps a gateway over them.
struct Host {
    folder: TempDir,
    running: Option<Child>,
    public: Option<SocketAddr>,
    admin: SocketAddr,
}

/// Somewhere that nobody listens now.
fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address")
}

impl Host {
    fn new(upstream: SocketAddr, more: &str) -> Self {
        let (folder, admin) = (tempfile::tempdir().expect("a folder"), free());
        let text = format!(
            "[upstream]\nurl = \"http://{upstream}\"\n[public]\nlisten = \"127.0.0.1:0\"\n\
             [admin]\nlisten = \"{admin}\"\n[store]\ndirectory = \"portcullis.db\"\n{more}"
        );
        std::fs::write(folder.path().join("gate.toml"), text).expect("written");
        Self { folder, running: None, public: None, admin }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(["--config", "gate.toml"])
            .args(args)
            .env_clear()
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> String {
        let Output { status, stdout, stderr } = self.command(args).output().expect("the program");
        assert!(status.success(), "{args:?}: {}", String::from_utf8_lossy(&stderr));
        String::from_utf8(stdout).expect("text").trim().to_owned()
    }

    fn add(&self, login: &str, more: &[&str]) {
        std::fs::write(self.folder.path().join("password"), PASSWORD).expect("written");
        let password = std::fs::File::open(self.folder.path().join("password")).expect("a file");
        let args = [&["user", "add", login, "--password-stdin"], more].concat();
        let added = self
            .command(&args)
            .stdin(password)
            .output()
            .expect("the program");
        assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    }

    fn start(&mut self) {
        let log = std::fs::File::create(self.folder.path().join("log")).expect("a file");
        let mut child = self
            .command(&["serve"])
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program");
        let stdout = child.stdout.take().expect("a pipe");
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.and_then(|address| address.parse().ok());
        self.running = Some(child);
        self.public = Some(address.unwrap_or_else(|| panic!("{line:?}: {}", self.log())));
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn browser(&self) -> Browser {
        Browser::at(self.public.expect("it runs"))
    }

    async fn sign_in(&self, login: &str) -> Answer {
        let fields = [("login", login), ("password", PASSWORD)];
        self.browser()
            .post_form("/.portcullis/sign-in", "", &fields)
            .await
    }

    async fn visit(&self, cookie: &str) -> u16 {
        let headers = [("cookie", cookie), ("accept", "application/json")];
        self.browser().send("GET", "/", &headers, "").await.status
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(child) = &mut self.running {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_in_front_of_a_gateway() {
    let application = serve(Router::new().fallback(get(|| async { "hello" }))).await;
    let mut a = Host::new(application, "");
    a.add("root", &["--admin"]);
    a.add("alice", &[]);
    let token = a.run(&["token", "create", "--owner", "root", "--scope", "feed.read"]);
    a.start();

    let source = format!(
        "[source]\nkind = \"portcullis\"\nurl = \"http://{}\"\ncredential_file = \"token\"\n\
         accounts = \"login\"\nmissing = \"pass\"\nrefresh = \"1h\"\n",
        a.admin
    );
    let mut b = Host::new(application, &source);
    std::fs::write(b.folder.path().join("token"), format!("{token}\n")).expect("written");
    b.add("alice", &[]);
    b.add("local", &[]);
    b.start();
    let cookie = b.sign_in("alice").await.cookie();
    assert_eq!(b.visit(&cookie).await, 200, "{}", b.log());
    // Somebody whom A does not have.
    let local = b.sign_in("local").await.cookie();
    assert_eq!(b.visit(&local).await, 200);

    a.run(&["user", "lock", "alice"]);
    let began = Instant::now();
    while b.visit(&cookie).await != 403 {
        assert!(began.elapsed() < DEADLINE, "{}", b.log());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(b.sign_in("alice").await.status, 403, "nor does she come in anew");
    assert_eq!(b.visit(&local).await, 200);
    let log = b.log();
    assert!(log.contains("status feed followed"), "{log}");
    assert!(!log.contains(&token), "the token is in the log");

    // A is gone: B says so, and holds on to what it knows.
    a.running.take().expect("it runs").kill().expect("killed");
    let began = Instant::now();
    let ready = Browser::at(b.admin);
    loop {
        let answer = ready.get("/readyz", "").await;
        if answer.status == 503 && answer.body.contains("\"source\"") {
            break;
        }
        // Somebody has to ask for somebody who is not known yet.
        b.add_and_try().await;
        assert!(began.elapsed() < DEADLINE, "{}: {}", answer.body, b.log());
    }
    assert_eq!(b.visit(&cookie).await, 403);
    assert_eq!(b.visit(&local).await, 200, "its last word is good for an hour");
    let log = b.log();
    assert_eq!(log.matches("status source lost").count(), 1, "{log}");
}

impl Host {
    async fn add_and_try(&self) {
        let _ = self.sign_in("newcomer").await;
        self.run(&["user", "show", "alice"]);
        let known = Path::new(&self.folder.path()).join("newcomer");
        if !known.exists() {
            std::fs::write(&known, "").expect("written");
            self.add("newcomer", &[]);
        }
    }
}

#[test]
fn what_is_written_of_a_source_is_checked() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("gate.toml");
    let read = |text: &str| {
        let text = format!("[upstream]\nurl = \"http://127.0.0.1:9\"\n{text}");
        std::fs::write(&file, text).expect("written");
        load(Some(&file), &Environment::default()).map_err(|errors| errors.to_string())
    };
    let whole = "[source]\nkind = \"openproject\"\nurl = \"https://op.example\"\n\
                 credential_file = \"key\"\nrefresh = \"10s\"\n";
    let config = read(whole).expect("it fits");
    let source = config.source.expect("a source");
    assert_eq!(source.refresh, Duration::from_secs(10));
    assert_eq!(
        source.credential,
        portcullis::config::CredentialPlace::File(folder.path().join("key"))
    );
    assert!(read("").expect("it fits").source.is_none());
    for (text, said) in [
        ("[source]\nkind = \"openproject\"\n", "`source.url` is not set"),
        ("[source]\nurl = \"https://op.example\"\n", "`source.kind` is not set"),
        ("[source]\nkind = \"ldap\"\n", "source.kind"),
        ("[source]\nkind = \"clerk\"\nurl = \"https://c.example\"\n", "credential_file"),
        (
            "[source]\nkind = \"clerk\"\nurl = \"http://c.example\"\ncredential_file = \"k\"\n",
            "only https",
        ),
        (
            "[source]\nkind = \"clerk\"\nurl = \"https://c.example/?a=b\"\ncredential_file = \"k\"\n",
            "has no query",
        ),
        (
            "[source]\nkind = \"clerk\"\nurl = \"https://c.example\"\ncredential_variable = \"HOME\"\n",
            "PORTCULLIS_",
        ),
        (
            "[source]\nkind = \"clerk\"\nurl = \"https://c.example\"\ncredential_file = \"k\"\n\
             accounts = \"login\"\n",
            "by their ids",
        ),
        (
            "[jwt]\nissuer = \"https://id.example\"\naudience = \"x\"\naccount = \"source\"\n",
            "no [source]",
        ),
        ("[source]\nrefresh = \"0s\"\n", "source.refresh"),
    ] {
        let errors = read(text).expect_err(text);
        assert!(errors.contains(said), "{text}: {errors}");
    }
    // What can't be used is said when the gateway starts.
    let missing = source
        .open(&Environment::default())
        .expect_err("no such file");
    assert!(missing.to_string().contains("can't be read"), "{missing}");
    std::fs::write(folder.path().join("key"), "\n").expect("written");
    let empty = source
        .open(&Environment::default())
        .expect_err("nothing in it");
    assert!(empty.to_string().contains("empty"), "{empty}");
}
