//! Programs of this repository, run as processes of their own.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use super::Browser;

/// An example, or another program, that serves; it ends when this is dropped.
pub(crate) struct Example {
    child: Child,
    address: SocketAddr,
    /// Held open, so that the program can go on printing.
    _stdout: BufReader<ChildStdout>,
}

impl Example {
    /// Starts an example on a free port, with its file in this folder.
    pub(crate) fn start(name: &str, folder: &Path) -> Self {
        let program = program(name);
        let mut command = Command::new(&program);
        command
            .args(["portcullis.db", "127.0.0.1:0"])
            .current_dir(folder);
        Self::of(command)
    }

    /// Starts the gateway with this configuration, which has its file in this folder.
    pub(crate) fn gateway(folder: &Path, config: &str) -> Self {
        let file = folder.join("portcullis.toml");
        std::fs::write(&file, config).expect("written");
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(["serve", "--config"])
            .arg(file)
            .current_dir(folder)
            .env_remove("PORTCULLIS_DIRECTORY");
        Self::of(command)
    }

    /// Starts a program that prints where it listens.
    pub(crate) fn of(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|e| panic!("{command:?} (cargo test builds it): {e}"));
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("{command:?} printed {line:?}"));
        Self { child, address, _stdout: stdout }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::at(self.address)
    }

    /// Asks it to end, as a supervisor does, and says how it did.
    pub(crate) fn terminate(mut self) -> std::process::ExitStatus {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.expect("kill").success(), "nothing to end");
        self.child.wait().expect("an end")
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs an example to its end, and gives what it printed.
pub(crate) fn run_example(name: &str, args: &[&str]) -> String {
    let ran = Command::new(program(name)).args(args).output();
    let ran = ran.unwrap_or_else(|e| panic!("{name} (cargo test builds it): {e}"));
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{name}: {errors}");
    String::from_utf8(ran.stdout).expect("text")
}

/// Examples lie beside the tests: `target/<profile>/examples`.
fn program(name: &str) -> PathBuf {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    profile().join("examples").join(name)
}

/// Where cargo builds.
pub(crate) fn target() -> PathBuf {
    profile().parent().expect("target").to_owned()
}

/// The test itself is in `target/<profile>/deps`.
fn profile() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    test.ancestors()
        .nth(2)
        .expect("target/<profile>")
        .to_owned()
}

/// Runs a command of the program on the file in this folder, and gives what it
/// printed.
pub(crate) fn portcullis(folder: &Path, args: &[&str], input: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command
        .args(args)
        .current_dir(folder)
        .env_remove("PORTCULLIS_DIRECTORY");
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the program");
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that reads nothing may be gone already.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let ran = child.wait_with_output().expect("an end");
    assert!(ran.status.success(), "{args:?}: {}", ran.status);
    String::from_utf8(ran.stdout).expect("text")
}
