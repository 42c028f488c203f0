//! The README, held to what it says.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::Duration;

use portcullis::{AccountId, Portcullis};

use crate::support::{Browser, Example, portcullis, target};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn readme() -> String {
    fs::read_to_string(repository().join("README.md")).expect("a README")
}

/// The insides of the code blocks in this language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let inside = lines.by_ref().take_while(|line| !line.starts_with("```"));
        let inside: String = inside.map(|line| format!("{line}\n")).collect();
        if info.split(',').next() == Some(language) {
            blocks.push(inside);
        }
    }
    blocks
}

fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(repository());
    cargo
}

/// Runs a command and gives what it printed.
fn printed(command: &mut Command) -> String {
    let ran = command.output().expect("a program");
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{command:?}: {errors}");
    String::from_utf8(ran.stdout).expect("text")
}

/// The README's program, in a project of its own, and a server while it lives.
struct Fresh {
    folder: PathBuf,
    server: Option<Child>,
}

impl Fresh {
    /// As a reader would make it: `cargo new`, the block, the dependencies.
    ///
    /// Always in one folder, so that a build is not kept for each run.
    fn new(program: &str, dependencies: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fresh");
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(folder.join("src")).expect("a folder");
        let top = repository().display().to_string();
        let mut manifest = "[package]\nname = \"fresh\"\nedition = \"2024\"\n\n".to_owned();
        manifest.push_str(&dependencies.replace("../portcullis", &top));
        // The same versions and the same profile: what is built is used again.
        manifest.push_str(&profile());
        manifest.push_str("\n[workspace]\n");
        fs::write(folder.join("Cargo.toml"), manifest).expect("written");
        fs::write(folder.join("src/main.rs"), program).expect("written");
        fs::copy(repository().join("Cargo.lock"), folder.join("Cargo.lock")).expect("copied");
        Self { folder, server: None }
    }

    fn build(&self) -> PathBuf {
        let mut build = cargo();
        build
            .args(["build", "--offline", "--quiet", "--target-dir"])
            .arg(target());
        printed(build.current_dir(&self.folder));
        target().join("debug/fresh")
    }

    fn serve(&mut self, program: &Path, address: SocketAddr) -> Browser {
        let mut command = Command::new(program);
        self.server = Some(
            command
                .current_dir(&self.folder)
                .spawn()
                .expect("a program"),
        );
        for _ in 0..500 {
            if TcpStream::connect(address).is_ok() {
                return Browser::at(address);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the program does not listen");
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
    }
}

fn profile() -> String {
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).expect("a manifest");
    let from = manifest.find("[profile.dev]").expect("a profile");
    let to = manifest[from..].find("[lints").expect("lints after it");
    format!("\n{}", &manifest[from..from + to])
}

pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address")
}

#[tokio::test]
async fn its_program_has_twelve_lines_and_guards() {
    let readme = readme();
    let program = blocks(&readme, "rust").swap_remove(0);
    assert!(program.lines().count() <= 12, "{program}");
    let address = free_address();
    let moved = program.replace("127.0.0.1:3000", &address.to_string());
    assert_ne!(moved, program);
    let mut fresh = Fresh::new(&moved, &blocks(&readme, "toml").swap_remove(0));
    let built = fresh.build();

    let folder = fresh.folder.clone();
    portcullis(&folder, &["user", "add", "alice", "--password-stdin"], "correct horse");
    let browser = fresh.serve(&built, address);
    assert_eq!(browser.get("/", "").await.location(), "/sign-in?return_to=/");

    let cookie = open_session(&folder).await;
    let greeted = browser.get("/", &cookie).await;
    assert_eq!((greeted.status, greeted.body.as_str()), (200, "Hello alice"));
    portcullis(&folder, &["user", "lock", "alice"], "");
    let mut answer = browser.get("/", &cookie).await;
    for _ in 0..500 {
        if answer.status != 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        answer = browser.get("/", &cookie).await;
    }
    assert_eq!(answer.location(), "/sign-in?return_to=/&notice=locked");
}

/// Signs the first account in, as a sign-in page beside the program would.
async fn open_session(folder: &Path) -> String {
    let gate = Portcullis::open(folder.join("portcullis.db"))
        .await
        .expect("a directory");
    let first = AccountId::try_from(1).expect("a number");
    let signed_in = gate.open_session(first, None).await.expect("may sign in");
    format!("{}={}", gate.cookie_name(), signed_in.token().expose())
}

#[test]
fn its_transcript_is_what_the_commands_print() {
    let readme = readme();
    let (_, transcript) = readme
        .split_once("<!-- transcript -->\n")
        .expect("a transcript");
    let transcript = blocks(transcript, "console").swap_remove(0);
    let folder = tempfile::tempdir().expect("a folder");
    let example = Example::start("axum", folder.path());
    let here = example.address().to_string();
    let ran = run_transcript(&transcript.replace("127.0.0.1:3000", &here), folder.path());
    assert_eq!(ran.replace(&here, "127.0.0.1:3000"), transcript);
}

/// Runs each line that begins with `$`, in one shell, and gives the page anew.
pub(crate) fn run_transcript(transcript: &str, folder: &Path) -> String {
    let program = env!("CARGO_BIN_EXE_portcullis");
    let mut script = format!("exec 2>&1; portcullis() {{ '{program}' \"$@\"; }}\n");
    for command in transcript
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
    {
        // Nobody types faster than this: what the command before changed holds.
        let quoted = command.replace('\'', r"'\''");
        script.push_str(&format!("sleep 0.3; printf '%s\\n' '$ {quoted}'\n{command}\n"));
    }
    let mut bash = Command::new("bash");
    bash.args(["-c", &script])
        .current_dir(folder)
        .env_remove("PORTCULLIS_DIRECTORY");
    printed(&mut bash)
}

#[cfg(target_os = "linux")]
#[test]
fn its_number_of_crates_is_right() {
    let words = "tree -e normal --no-default-features --prefix none --no-dedupe";
    assert!(readme().contains(&format!("cargo {words} | sort -u | wc -l")));
    let tree = printed(cargo().args(words.split(' ')).arg("--offline"));
    let crates: std::collections::HashSet<&str> = tree.lines().collect();
    let claim = format!("the library is {} crates, itself among them", crates.len());
    assert!(readme().contains(&claim), "the README does not say: {claim}");
}

#[test]
fn its_table_names_every_feature() {
    let metadata =
        printed(cargo().args(["metadata", "--offline", "--no-deps", "--format-version=1"]));
    let metadata: serde_json::Value = serde_json::from_str(&metadata).expect("JSON");
    let features = metadata["packages"][0]["features"]
        .as_object()
        .expect("features");
    for feature in features.keys().filter(|feature| *feature != "default") {
        let row = format!("| `{feature}` |");
        assert!(readme().contains(&row), "no row begins {row}");
    }
}

#[test]
fn its_links_lead_somewhere() {
    for link in readme()
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
    {
        assert!(link.starts_with("https://") || repository().join(link).exists(), "{link}");
    }
}
