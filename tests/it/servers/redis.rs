//! Redis servers of the tests' own, on free ports of this machine.
//!
//! A shell starts one and waits for the end of its input, which comes when this process
//! ends, however that happens: then it ends the server, and takes the files away.

mod groups;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

pub(crate) use self::groups::{RedisCluster, Sentinel};
use super::free_address;

/// A minute in all.
const LOOKS: usize = 3000;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// The arguments are the folder and the server's command.
const KEEPER: &str = r#"
    folder=$1; shift
    "$@" </dev/null >>"$folder/log" 2>&1 &
    server=$!
    trap '' INT TERM
    echo "$server"
    if read -r word; then kill -CONT "$server"; kill -TERM "$server"; wait "$server"
    else kill -KILL "$server"; wait "$server"; rm -rf "$folder"; fi
"#;

/// A server.
pub(crate) struct Redis {
    folder: PathBuf,
    address: SocketAddr,
    /// What it is told beside the port.
    settings: Vec<String>,
    keeper: Option<Keeper>,
}

struct Keeper {
    shell: Child,
    input: ChildStdin,
    server: String,
}

impl Redis {
    /// The one that all tests share, each with keys of its own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Redis> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// One of a test's own, which keeps nothing on disk unless these settings say so.
    pub(crate) fn start(settings: &[&str]) -> Self {
        // A port that was free may be taken when the server comes to it.
        for _ in 0..5 {
            let mut server = Self::at(free_address(), settings);
            if server.run() {
                return server;
            }
        }
        panic!("no Redis came about");
    }

    fn at(address: SocketAddr, settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("portcullis-redis-")
            .tempdir()
            .expect("a folder")
            .keep();
        let settings = settings.iter().map(ToString::to_string).collect();
        Self { folder, address, settings, keeper: None }
    }

    /// What a gateway is told.
    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A beginning of keys that nobody else has.
    pub(crate) fn fresh_prefix() -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        format!("test{}:", NUMBER.fetch_add(1, Ordering::Relaxed))
    }

    /// Stops it, as an administrator does: what it keeps on disk is written.
    pub(crate) fn stop(&mut self) {
        let Some(Keeper { mut shell, mut input, .. }) = self.keeper.take() else { return };
        writeln!(input, "stop").expect("a shell that listens");
        shell.wait().expect("an end");
    }

    /// Ends it at once, as a crash does.
    pub(crate) fn kill(&mut self) {
        self.signal("KILL");
        let Some(Keeper { mut shell, mut input, .. }) = self.keeper.take() else { return };
        writeln!(input, "stop").expect("a shell that listens");
        shell.wait().expect("an end");
    }

    /// Starts it again, where it was.
    pub(crate) fn start_again(&mut self) {
        assert!(self.run(), "Redis did not come again: {}", self.log());
    }

    /// It runs no further, and its connections stay.
    pub(crate) fn pause(&self) {
        self.signal("STOP");
    }

    pub(crate) fn go_on(&self) {
        self.signal("CONT");
    }

    fn signal(&self, signal: &str) {
        let keeper = self.keeper.as_ref().expect("it runs");
        let sent = Command::new("kill")
            .args([&format!("-{signal}"), &keeper.server])
            .status();
        assert!(sent.expect("kill").success(), "no server to signal");
    }

    /// Says something to it, and gives the answer in the form that `redis-cli` prints.
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        let (host, port) = (self.address.ip().to_string(), self.address.port().to_string());
        let asked = Command::new("redis-cli")
            .args(["--no-auth-warning", "-h", &host, "-p", &port])
            .args(words)
            .output()
            .expect("redis-cli");
        assert!(asked.status.success(), "{words:?}: {}", String::from_utf8_lossy(&asked.stderr));
        String::from_utf8_lossy(&asked.stdout).trim().to_owned()
    }

    /// Whether it runs now.
    fn run(&mut self) -> bool {
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "sh"]).arg(&self.folder);
        command.args(["redis-server", "--bind", "127.0.0.1"]);
        command.args(["--port", &self.address.port().to_string()]);
        command.arg("--dir").arg(&self.folder);
        command.args(["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"]);
        command.args(&self.settings);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // It says who was killed, which the tests mean to.
            .stderr(Stdio::null());
        let mut shell = command.spawn().expect("a shell");
        let (input, output) = (shell.stdin.take(), shell.stdout.take());
        let mut server = String::new();
        let mut output = BufReader::new(output.expect("a pipe"));
        output.read_line(&mut server).expect("a line");
        let (input, server) = (input.expect("a pipe"), server.trim().to_owned());
        self.keeper = Some(Keeper { shell, input, server });
        let runs = self.is_ready();
        if !runs {
            self.keeper_gone();
        }
        runs
    }

    fn keeper_gone(&mut self) {
        if let Some(Keeper { mut shell, mut input, .. }) = self.keeper.take() {
            let _ = writeln!(input, "stop");
            let _ = shell.wait();
        }
    }

    fn is_ready(&self) -> bool {
        for _ in 0..LOOKS {
            if answers(self.address) {
                return true;
            }
            if self.log().contains("Address already in use") {
                return false;
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        false
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(Keeper { mut shell, input, .. }) = self.keeper.take() {
            drop(input);
            let _ = shell.wait();
        }
        // Who was stopped before has left them.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Whether it says anything but that it is still loading: what it wants first is its own.
fn answers(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let limit = Some(Duration::from_secs(5));
    stream.set_read_timeout(limit).expect("a limit");
    let mut answer = [0; 8];
    let asked = stream.write_all(b"PING\r\n");
    let read = asked.and_then(|()| stream.read(&mut answer)).unwrap_or(0);
    read > 0 && !answer.starts_with(b"-LOADING")
}
