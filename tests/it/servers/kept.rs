//! A server of others that ends with this process, however that ends.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Ten seconds in all.
const LOOKS: usize = 500;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// Runs a command until its own input ends.
const KEEPER: &str = r#"
    log=$1; shift
    "$@" </dev/null >>"$log" 2>&1 &
    server=$!
    trap '' INT TERM
    read -r word
    kill -TERM "$server"; wait "$server"
"#;

/// A server that is kept running.
pub(crate) struct Kept {
    shell: Child,
}

impl Kept {
    /// Runs this command, and waits until somebody listens there.
    pub(crate) fn run(command: &[&str], folder: &Path, address: SocketAddr) -> Self {
        let log = folder.join("log");
        let shell = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&log)
            .args(command)
            .current_dir(folder)
            .env("HOME", folder)
            .env("XDG_DATA_HOME", folder)
            .env("XDG_CONFIG_HOME", folder)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let kept = Self { shell };
        for _ in 0..LOOKS {
            if TcpStream::connect(address).is_ok() {
                return kept;
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        let said = std::fs::read_to_string(&log).unwrap_or_default();
        panic!("{command:?} does not listen at {address}: {said}");
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// An address on this machine that nobody listens at.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address")
}
