//! A Postgres of the tests' own, on a free port of this machine.
//!
//! A shell starts it and waits for the end of its input, which comes when this process
//! ends, however that happens: then it ends the server, and takes the files away.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection};

/// Whose files they are where this is root, whom Postgres does not run for.
const USER: &str = "postgres";

/// The superuser of the tests, and what the server wants to hear from it.
pub(crate) const SUPERUSER: &str = "tester";
pub(crate) const PASSWORD: &str = "p@ss/w:rd'%";

/// A minute in all.
const LOOKS: usize = 3000;
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);

/// The arguments are the folder and the server's command.
const KEEPER: &str = r#"
    folder=$1; shift
    "$@" </dev/null >>"$folder/log" 2>&1 &
    server=$!
    trap '' INT TERM
    echo started
    if read -r word; then kill -INT "$server"; wait "$server"
    else kill -QUIT "$server"; wait "$server"; rm -rf "$folder"; fi
"#;

/// A server.
pub(crate) struct Postgres {
    folder: PathBuf,
    port: u16,
    keeper: Option<Keeper>,
}

struct Keeper {
    shell: Child,
    input: ChildStdin,
}

impl Postgres {
    /// The one that all tests share, each with databases of its own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One of a test's own, which it may stop.
    pub(crate) fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("portcullis-postgres-")
            .tempdir()
            .expect("a folder")
            .keep();
        let mut server = Self { folder, port: 0, keeper: None };
        server.make();
        // A port that was free may be taken when the server comes to it.
        for _ in 0..5 {
            server.port = free_port();
            if server.run() {
                return server;
            }
        }
        panic!("no Postgres came about: {}", server.log());
    }

    /// Stops it, as an administrator does; what is open is cut.
    pub(crate) fn stop(&mut self) {
        let Some(Keeper { mut shell, mut input }) = self.keeper.take() else { return };
        writeln!(input, "stop").expect("a shell that listens");
        shell.wait().expect("an end");
    }

    /// Stops it and starts it again, so that it speaks TLS alone. Gives its certificate,
    /// which is for 127.0.0.1.
    pub(crate) fn speak_tls_alone(&mut self) -> PathBuf {
        self.stop();
        let (certificate, key) = (self.folder.join("certificate"), self.folder.join("key"));
        let mut command = unprivileged(Path::new("openssl"));
        command.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]);
        command.args(["-nodes", "-days", "2", "-subj", "/CN=portcullis tests"]);
        command.args(["-addext", "subjectAltName=IP:127.0.0.1"]);
        command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        command
            .arg("-out")
            .arg(&certificate)
            .arg("-keyout")
            .arg(&key);
        let made = command.output().expect("openssl");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let settings = format!(
            "ssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n",
            certificate.display(),
            key.display()
        );
        let with_more = self.data().join("postgresql.conf");
        let mut file = std::fs::OpenOptions::new()
            .append(true)
            .open(with_more)
            .expect("opens");
        file.write_all(settings.as_bytes()).expect("writes");
        let rules = "hostssl all all 127.0.0.1/32 scram-sha-256\n";
        std::fs::write(self.data().join("pg_hba.conf"), rules).expect("writes");
        self.start_again();
        certificate
    }

    /// Starts it again, where it was.
    pub(crate) fn start_again(&mut self) {
        assert!(self.run(), "Postgres did not come again: {}", self.log());
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A database of a test's own, with nothing in it. Gives its name.
    pub(crate) async fn fresh(&self) -> String {
        self.fresh_like("template1").await
    }

    /// A database of a test's own, a copy of one that nobody is connected to.
    pub(crate) async fn fresh_like(&self, template: &str) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut conn = self.connect("postgres").await;
        let sql = format!("CREATE DATABASE {name} TEMPLATE {template}");
        conn.execute(sqlx::AssertSqlSafe(sql))
            .await
            .expect("a database");
        name
    }

    pub(crate) async fn connect(&self, database: &str) -> PgConnection {
        PgConnection::connect(&url(self.port, database))
            .await
            .expect("connects")
    }

    fn make(&self) {
        let secret = self.folder.join("secret");
        std::fs::write(&secret, PASSWORD).expect("writes");
        if is_root() {
            let owned = Command::new("chown")
                .args(["-R", USER])
                .arg(&self.folder)
                .status();
            assert!(owned.expect("chown").success(), "there is no user {USER}");
        }
        let mut command = unprivileged(&program("initdb"));
        command
            .arg("-D")
            .arg(self.data())
            .arg("--pwfile")
            .arg(secret);
        command.args(["--username", SUPERUSER, "--auth=scram-sha-256", "--encoding=UTF8"]);
        command.args(["--locale=C", "--no-sync"]);
        let Output { status, stdout, stderr } = command.output().expect("initdb");
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(status.success(), "initdb: {}{}", said(&stdout), said(&stderr));
    }

    /// Whether it runs now.
    fn run(&mut self) -> bool {
        let mut command = unprivileged(Path::new("sh"));
        command.args(["-c", KEEPER, "sh"]).arg(&self.folder);
        command.arg(program("postgres")).arg("-D").arg(self.data());
        command
            .arg("-k")
            .arg(&self.folder)
            .args(["-h", "127.0.0.1"]);
        command.args(["-p", &self.port.to_string()]);
        for setting in ["fsync=off", "shared_buffers=16MB", "max_connections=200", "jit=off"] {
            command.args(["-c", setting]);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = command.spawn().expect("a shell");
        let (input, output) = (shell.stdin.take(), shell.stdout.take());
        let mut line = String::new();
        let mut output = BufReader::new(output.expect("a pipe"));
        output.read_line(&mut line).expect("a line");
        assert_eq!(line, "started\n");
        self.keeper = Some(Keeper { shell, input: input.expect("a pipe") });
        let runs = self.is_ready();
        if !runs {
            self.stop();
        }
        runs
    }

    fn is_ready(&self) -> bool {
        for _ in 0..LOOKS {
            let state = std::fs::read_to_string(self.data().join("postmaster.pid"));
            let state = state.unwrap_or_default();
            let mut lines = state.lines();
            let port = lines.nth(3).and_then(|line| line.parse().ok());
            if port == Some(self.port) && lines.any(|line| line.trim() == "ready") {
                return true;
            }
            if self.log().contains("could not create any TCP/IP sockets") {
                std::fs::remove_file(self.folder.join("log")).expect("removes");
                return false;
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        false
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(Keeper { mut shell, input }) = self.keeper.take() {
            drop(input);
            let _ = shell.wait();
        }
        // Who was stopped before has left them.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Where sqlx finds a database of a server on this port, as the superuser.
pub(crate) fn url(port: u16, database: &str) -> String {
    let password =
        percent_encoding::utf8_percent_encode(PASSWORD, percent_encoding::NON_ALPHANUMERIC);
    format!("postgres://{SUPERUSER}:{password}@127.0.0.1:{port}/{database}?sslmode=disable")
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// A command that is run by somebody whom Postgres runs for.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", USER, "--regid", USER, "--clear-groups"])
        .arg(program);
    // A folder of root's may be one that others can't be in.
    command.current_dir("/");
    command
}

/// Debian keeps the server's programs outside the path, a folder for each version.
fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let mut found: Vec<_> = versions
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let program = entry.path().join("bin").join(name);
            program.is_file().then_some((version, program))
        })
        .collect();
    found.sort();
    found
        .pop()
        .map_or_else(|| PathBuf::from(name), |(_, program)| program)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
