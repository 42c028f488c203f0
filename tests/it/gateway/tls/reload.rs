//! Certificates whose files change while the program runs.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::*;

/// `portcullis serve`, as a process; it ends when this is dropped.
pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
    said: tokio::sync::mpsc::UnboundedReceiver<String>,
    _stdout: BufReader<std::process::ChildStdout>,
}

impl Program {
    fn command(folder: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(["serve", "--config", "gateway.toml"])
            .env_clear()
            .current_dir(folder)
            .stdin(Stdio::null());
        command
    }

    /// With the certificate `a.crt` beside its configuration.
    fn start(folder: &Path, upstream: SocketAddr) -> Self {
        let text = format!(
            "[public]\nlisten = \"127.0.0.1:0\"\nurl = \"https://a.example\"\n\
             [tls]\ncertificate = \"a.crt\"\nkey = \"a.key\"\nhsts = \"180d\"\n\
             [admin]\nlisten = \"off\"\n[upstream]\nurl = \"http://{upstream}\"\n\
             [open]\npaths = [\"/open\"]\n"
        );
        Self::with(folder, &text)
    }

    /// With this configuration.
    pub(crate) fn with(folder: &Path, text: &str) -> Self {
        fs::write(folder.join("gateway.toml"), text).expect("a file");
        let mut command = Self::command(folder);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let (tell, said) = tokio::sync::mpsc::unbounded_channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = tell.send(line);
            }
        });
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on ");
        let address = address.and_then(|line| Some(line.split_once("://")?.1));
        let address = address.and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("serve printed {line:?}"));
        Self { child, address, said, _stdout: stdout }
    }

    /// Waits for a line on standard error with these words.
    pub(super) async fn says(&mut self, words: &str) -> String {
        let found = async {
            loop {
                let line = self.said.recv().await.expect("it runs");
                if line.contains(words) {
                    return line;
                }
            }
        };
        let found = timeout(Duration::from_secs(20), found).await;
        found.unwrap_or_else(|_| panic!("it does not say {words:?}"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections_and_a_bad_one_for_none() {
    let (signer, folder) = (Signer::new(), tempfile::tempdir().expect("a folder"));
    let pair = signer.issue(folder.path(), "a", "a.example");
    let mut program = Program::start(folder.path(), serve(application()).await);
    let old = signer.client(&[]).to(program.address, "a.example").await;
    let old = old.expect("hands are shaken");
    let first = shown(&old);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(old))
        .await
        .expect("a connection");
    tokio::spawn(connection);
    let before = sender.send_request(asking("/open/proto")).await;
    let before = before.expect("an answer");
    assert_eq!(before.headers()["strict-transport-security"], "max-age=15552000");
    assert_eq!(text(before).await, "https");

    let good = fs::read(&pair.certificate).expect("read");
    fs::write(&pair.certificate, "no certificate").expect("written");
    let line = program.says("certificate not replaced").await;
    assert!(line.contains("a.crt") && line.contains("holds no certificate"), "{line}");
    // Somebody else: who was here before goes on from what was agreed then.
    let stream = signer.client(&[]).to(program.address, "a.example").await;
    assert_eq!(shown(&stream.expect("hands are shaken")), first);
    // The same once more is the key of another.
    let other = signer.issue(folder.path(), "other", "a.example");
    fs::copy(&other.key, &pair.key).expect("copied");
    fs::write(&pair.certificate, good).expect("written");
    let line = program.says("certificate not replaced").await;
    assert!(line.contains("a.key") && line.contains("not the key"), "{line}");

    signer.issue_over(&pair, "a.example");
    program.says("certificate replaced").await;
    let stream = signer.client(&[]).to(program.address, "a.example").await;
    assert_ne!(shown(&stream.expect("hands are shaken")), first);
    let after = sender.send_request(asking("/open/proto")).await;
    assert_eq!(text(after.expect("the old connection goes on")).await, "https");
}

#[cfg(unix)]
#[tokio::test]
async fn a_key_that_everybody_may_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let (signer, folder) = (Signer::new(), tempfile::tempdir().expect("a folder"));
    let pair = signer.issue(folder.path(), "a", "a.example");
    let mode = |mode| fs::set_permissions(&pair.key, fs::Permissions::from_mode(mode));
    mode(0o644).expect("a mode");
    let upstream = serve(application()).await;
    let mut program = Program::start(folder.path(), upstream);
    assert!(
        program
            .says("key readable by everybody")
            .await
            .contains("a.key")
    );
    drop(program);
    mode(0o640).expect("a mode");
    let mut program = Program::start(folder.path(), upstream);
    while let Some(line) = program.said.recv().await {
        assert!(!line.contains("key readable"), "{line}");
        if line.contains("Guarding") {
            return;
        }
    }
    panic!("it did not start");
}

#[test]
fn a_gateway_without_its_certificate_does_not_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "[public]\nlisten = \"127.0.0.1:0\"\nurl = \"https://a.example\"\n\
                [tls]\ncertificate = \"gone.crt\"\nkey = \"gone.key\"\n\
                [admin]\nlisten = \"off\"\n[upstream]\nurl = \"http://127.0.0.1:9\"\n";
    fs::write(folder.path().join("gateway.toml"), text).expect("a file");
    let ended = Program::command(folder.path()).output().expect("it runs");
    let said = String::from_utf8(ended.stderr).expect("text");
    assert!(!ended.status.success() && ended.stdout.is_empty(), "{said}");
    assert!(said.contains("gone.crt can't be used for TLS: it can't be read"), "{said}");
}
