//! `[jwt]` in the configuration, by the real program before an application.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use portcullis::domain::time::Clock;
use tokio::time::Instant;

use super::published::{Answer, ED, Publisher, set};
use super::*;
use crate::support::{Browser, Recorder, portcullis};

const SOON: Duration = Duration::from_secs(20);

/// A gateway that runs; it ends when this is dropped.
struct Running {
    child: Child,
    public: Browser,
    admin: Browser,
}

impl Running {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(["serve", "--config", "gate.toml"])
            .env_clear()
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let public = address_in(stdout, "listening on http://");
        let admin = address_in(stderr, "Probes and figures are at http://");
        Self { child, public, admin }
    }

    async fn visit(&self, headers: &[(&str, &str)]) -> u16 {
        self.public.send("GET", "/", headers, "").await.status
    }

    async fn by_bearer(&self, token: &str) -> u16 {
        self.visit(&[("authorization", &format!("Bearer {token}"))])
            .await
    }

    async fn until(&self, expected: u16, token: &str) -> Duration {
        let began = Instant::now();
        while self.by_bearer(token).await != expected {
            assert!(began.elapsed() < SOON, "never {expected}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        began.elapsed()
    }
}

/// The first address after these words. What the program says later goes on being read.
fn address_in(output: impl BufRead + Send + 'static, words: &str) -> Browser {
    let mut lines = output.lines();
    let found = lines.by_ref().find_map(|line| {
        let line = line.expect("text");
        let address = line.strip_prefix(words)?.split('/').next()?;
        Some(address.trim().parse().expect("an address"))
    });
    std::thread::spawn(move || lines.for_each(drop));
    Browser::at(found.expect("it says where it is"))
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signed(more: &Value) -> String {
    let now = Clock::system().wall().floor_secs();
    let mut claims = json!({
        "iss": ISSUER, "aud": "shop", "sub": "1", "iat": now, "exp": now + 3600, "more": more,
    });
    if let Some(subject) = more.get("sub") {
        claims["sub"] = subject.clone();
    }
    ED.signs("a", &claims)
}

/// The issuer is down when the gateway starts, and comes up later.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_takes_tokens_of_the_issuer_in_its_file_and_refuses_whom_it_locks() {
    let gone = Publisher::of("").await;
    let url = gone.url("/keys");
    let address = url["http://".len()..].trim_end_matches("/keys").to_owned();
    drop(gone);
    let application = Recorder::saying(crate::support::OK).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = format!(
        "[upstream]\nurl = \"http://{}\"\n[public]\nlisten = \"127.0.0.1:0\"\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n[store]\ndirectory = \"portcullis.db\"\n\
         [jwt]\nissuer = \"{ISSUER}\"\naudience = \"shop\"\njwks_url = \"{url}\"\n\
         cookie = \"access\"\n",
        application.address
    );
    std::fs::write(folder.path().join("gate.toml"), file).expect("written");
    for login in ["alice", "bob"] {
        portcullis(folder.path(), &["user", "add", login, "--password-stdin"], "correct horse");
    }
    let gateway = Running::start(folder.path());
    let token = signed(&json!({}));

    // Nobody can say what it is worth, which does not take the gateway off the net.
    assert_eq!(gateway.by_bearer(&token).await, 503);
    let ready = gateway.admin.get("/readyz", "").await;
    assert_eq!(ready.status, 200, "{}", ready.body);
    assert!(ready.body.contains("jwt-issuer") && ready.body.contains(ISSUER), "{}", ready.body);
    let figures = gateway.admin.get("/metrics", "").await.body;
    assert!(figures.contains("portcullis_jwt_issuers{keys=\"unknown\"} 1"), "{figures}");

    let back = Publisher::at(address.parse().expect("an address")).await;
    back.answers("/keys", Answer::Text(set(&[ED.called("a")])));
    gateway.until(200, &token).await;
    let ready = gateway.admin.get("/readyz", "").await;
    assert_eq!(ready.body.trim(), r#"{"status":"ready"}"#);

    // By header and by cookie; who it is comes to the application, the token's cookie as well.
    assert_eq!(
        gateway
            .visit(&[("cookie", &format!("access={token}"))])
            .await,
        200
    );
    let heard = application.heard().concat();
    let heard = String::from_utf8_lossy(&heard).to_ascii_lowercase();
    assert!(heard.contains("x-portcullis-user: alice"), "{heard}");

    // Of another, or of nobody, or by another's key.
    let bobs = signed(&json!({"sub": "2"}));
    assert_eq!(gateway.by_bearer(&bobs).await, 200);
    assert_eq!(gateway.by_bearer(&signed(&json!({"sub": "3"}))).await, 401);
    assert_eq!(gateway.by_bearer(&format!("{token}x")).await, 401);
    assert_eq!(
        gateway
            .by_bearer(&self::token(&json!({"iss": ISSUER})))
            .await,
        401
    );

    portcullis(folder.path(), &["user", "lock", "alice", "--reason", "left"], "");
    gateway.until(401, &token).await;
    assert_eq!(gateway.by_bearer(&signed(&json!({"new": true}))).await, 401, "a new one too");
    assert_eq!(gateway.by_bearer(&bobs).await, 200, "others go on");
    portcullis(folder.path(), &["user", "unlock", "alice"], "");
    assert_eq!(gateway.by_bearer(&token).await, 401, "what a lock ended stays ended");
}
