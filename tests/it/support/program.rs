//! `portcullis serve` as a process of its own, with a configuration that changes and a log
//! that is read.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{Browser, portcullis};

/// How long anything may take that is waited for, on a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running gateway. It ends when this is dropped.
pub(crate) struct Program {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    folder: PathBuf,
    lines: Arc<Mutex<Vec<String>>>,
}

/// What every configuration here begins with.
pub(crate) const ANYWHERE: &str =
    "[public]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n";

impl Program {
    /// Serves by this configuration, in this folder.
    pub(crate) fn start(folder: &Path, configuration: &str) -> Self {
        Self::started(folder, configuration, |_| {})
    }

    /// The same, as this changes the command.
    pub(crate) fn started(
        folder: &Path,
        configuration: &str,
        change: impl FnOnce(&mut Command),
    ) -> Self {
        std::fs::write(folder.join("gateway.toml"), configuration).expect("a file");
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(["serve", "--config", "gateway.toml"])
            .current_dir(folder);
        for name in ["PORTCULLIS_DIRECTORY", "PORTCULLIS_CONFIG", "PORTCULLIS_LOG"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null());
        change(&mut command);
        Self::of(command, folder)
    }

    /// Reads where a command listens, and everything that it prints.
    pub(crate) fn of(mut command: Command, folder: &Path) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program");
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let told = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                told.lock().expect("no panic").push(line);
            }
        });
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let told = Arc::clone(&lines);
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                told.lock().expect("no panic").push(line);
            }
        });
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.and_then(|address| address.parse().ok());
        let address =
            address.unwrap_or_else(|| panic!("serve printed {line:?}, {:?}", lines.lock()));
        Self { child, address, folder: folder.to_owned(), lines }
    }

    /// Where administrators come in.
    pub(crate) async fn admin(&self) -> SocketAddr {
        let line = self.line(&["Probes and figures are at http://"]).await;
        let address = line.split("http://").nth(1).expect("an address");
        let address = address.split('/').next().expect("one");
        address.parse().expect("an address")
    }

    /// Replaces the configuration, in one step.
    pub(crate) fn configure(&self, configuration: &str) {
        let (new, file) = (self.folder.join("new.toml"), self.folder.join("gateway.toml"));
        std::fs::write(&new, configuration).expect("a file");
        std::fs::rename(new, file).expect("a file");
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.expect("kill").success());
    }

    /// What was printed so far but where it listens.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no panic").clone()
    }

    /// The first line with all of these words, once it is printed.
    #[track_caller]
    pub(crate) fn line(&self, words: &[&str]) -> impl Future<Output = String> {
        let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
        let lines = Arc::clone(&self.lines);
        async move {
            let deadline = tokio::time::Instant::now() + PATIENCE;
            loop {
                let found = {
                    let lines = lines.lock().expect("no panic");
                    let has_all = |line: &&String| words.iter().all(|word| line.contains(word));
                    lines.iter().find(has_all).cloned()
                };
                match found {
                    Some(line) => return line,
                    None if tokio::time::Instant::now() > deadline => {
                        panic!("no line with {words:?} in {:#?}", lines.lock())
                    }
                    None => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        }
    }

    /// Forgets what was printed so far.
    pub(crate) fn forget_lines(&self) {
        self.lines.lock().expect("no panic").clear();
    }

    /// How it ended, once it has.
    pub(crate) async fn exit(&mut self) -> Option<i32> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return status.code();
            }
            assert!(tokio::time::Instant::now() < deadline, "it does not stop");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Somebody's cookie, who signs in with the password of [`add`].
    pub(crate) async fn sign_in(&self, login: &str) -> String {
        let answer = self.try_password(login, PASSWORD).await;
        assert_eq!(answer.status, 303, "{}", answer.body);
        answer.cookie()
    }

    pub(crate) async fn try_password(&self, login: &str, password: &str) -> super::Answer {
        let fields = [("login", login), ("password", password)];
        let browser = Browser::at(self.address);
        browser.post_form("/.portcullis/sign-in", "", &fields).await
    }
}

const PASSWORD: &str = "correct horse battery";

/// Adds somebody to the directory in this folder.
pub(crate) fn add(folder: &Path, login: &str) {
    let password = format!("{PASSWORD}\n");
    portcullis(folder, &["user", "add", login, "--password-stdin"], &password);
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
