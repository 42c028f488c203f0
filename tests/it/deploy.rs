//! What people deploy with: the unit of systemd and the Dockerfile, run as far as
//! that goes without systemd and without a container.

use std::path::Path;
use std::process::Command;

use crate::support::{Example, portcullis};

const PROGRAM: &str = env!("CARGO_BIN_EXE_portcullis");

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The values of a key of the unit, in order.
fn values<'a>(unit: &'a str, key: &str) -> Vec<&'a str> {
    let lines = unit.lines().filter_map(|line| line.split_once('='));
    lines
        .filter(|(name, _)| *name == key)
        .map(|(_, value)| value)
        .collect()
}

/// A command line of the unit, with the places of a machine in this folder.
fn of_unit(line: &str, folder: &Path) -> Command {
    let config = folder.join("portcullis.toml");
    let line = line
        .replace("/usr/local/bin/portcullis", PROGRAM)
        .replace("/etc/portcullis/portcullis.toml", config.to_str().expect("text"));
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words).current_dir(folder);
    command
}

#[test]
fn systemd_accepts_the_unit_and_finds_it_hardened() {
    let folder = tempfile::tempdir().expect("a folder");
    let unit = folder.path().join("portcullis.service");
    let text = read("config/portcullis.service").replace("/usr/local/bin/portcullis", PROGRAM);
    std::fs::write(&unit, text).expect("written");
    for check in [&["verify", "--man=no"][..], &["security", "--offline=true", "--threshold=20"]] {
        let mut analyze = Command::new("systemd-analyze");
        let ran = analyze.args(check).arg("--no-pager").arg(&unit).output();
        let ran = ran.expect("systemd-analyze, which tests/run installs");
        let errors = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(
            ran.status.success(),
            "{check:?}: {errors}{}",
            String::from_utf8_lossy(&ran.stdout)
        );
        let ours = errors
            .lines()
            .filter(|line| line.contains("portcullis.service"));
        assert_eq!(ours.collect::<Vec<_>>(), [""; 0], "{check:?}");
    }
}

#[tokio::test]
async fn what_the_unit_starts_checks_serves_and_stops() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = "[upstream]\nurl = \"http://127.0.0.1:9\"\n\
         [public]\nlisten = \"127.0.0.1:0\"\n[admin]\nlisten = \"127.0.0.1:0\"\n";
    std::fs::write(folder.path().join("portcullis.toml"), config).expect("written");
    let unit = read("config/portcullis.service");
    let [check] = values(&unit, "ExecStartPre")[..] else { panic!("one check") };
    let checked = of_unit(check, folder.path()).output().expect("the program");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let [serve] = values(&unit, "ExecStart")[..] else { panic!("one command") };
    let served = Example::of(of_unit(serve, folder.path()));
    assert_eq!(
        served
            .browser()
            .get("/.portcullis/sign-in", "")
            .await
            .status,
        200
    );
    assert!(served.terminate().success());
    let state = folder.path().join("portcullis.db");
    assert!(state.exists(), "accounts are kept in the state folder");
}

/// The words of the last stage of the Dockerfile, instruction by instruction.
fn last_stage(text: &str) -> Vec<(String, String)> {
    let joined = text.replace("\\\n", " ");
    let lines = joined
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    let all: Vec<_> = lines
        .filter_map(|line| line.split_once(' '))
        .map(|(word, rest)| (word.to_owned(), rest.trim().to_owned()))
        .collect();
    let from = all
        .iter()
        .rposition(|(word, _)| word == "FROM")
        .expect("a stage");
    all[from..].to_vec()
}

fn one<'a>(stage: &'a [(String, String)], word: &str) -> &'a str {
    let found: Vec<_> = stage.iter().filter(|(name, _)| name == word).collect();
    assert_eq!(found.len(), 1, "{word}");
    &found[0].1
}

#[tokio::test]
async fn the_container_starts_with_its_first_administrator() {
    let folder = tempfile::tempdir().expect("a folder");
    let stage = last_stage(&read("Dockerfile"));
    let words = |word| -> Vec<String> { serde_json::from_str(one(&stage, word)).expect("JSON") };
    assert_eq!(words("ENTRYPOINT"), ["/usr/local/bin/portcullis"]);
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "open the gate please\n").expect("written");

    let mut command = Command::new(PROGRAM);
    command.args(words("CMD")).current_dir(&folder);
    for pair in one(&stage, "ENV").split_whitespace() {
        let (name, value) = pair.split_once('=').expect("a pair");
        let value = value
            .replace("/var/lib/portcullis", folder.path().to_str().expect("text"))
            .replace("0.0.0.0:8080", "127.0.0.1:0");
        command.env(name, value);
    }
    command
        .env("PORTCULLIS__UPSTREAM__URL", "http://127.0.0.1:9")
        .env("PORTCULLIS__ADMIN__LISTEN", "127.0.0.1:0")
        .env("PORTCULLIS_BOOTSTRAP_ADMIN", "ada")
        .env("PORTCULLIS_BOOTSTRAP_ADMIN_PASSWORD_FILE", &secret);
    let served = Example::of(command);
    let form = [("login", "ada"), ("password", "open the gate please")];
    let signed_in = served
        .browser()
        .post_form("/.portcullis/sign-in", "", &form)
        .await;
    assert_eq!(signed_in.status, 303);
    let people = portcullis(folder.path(), &["user", "list", "--json"], "");
    assert!(people.contains("\"ada\""), "{people}");
    assert!(served.terminate().success());
}

#[test]
fn the_container_is_built_of_what_is_here() {
    let text = read("Dockerfile");
    assert!(text.contains("RUN cargo build --release --locked --bin portcullis\n"));
    assert!(text.contains("COPY --from=build /src/target/release/portcullis "));
    assert!(read("Cargo.toml").contains("[[bin]]\nname = \"portcullis\"\n"));
    // Nothing that holds secrets or is large goes into the context.
    for left_out in ["*.db", "*.db.key", "target", ".git"] {
        assert!(read(".dockerignore").lines().any(|line| line == left_out), "{left_out}");
    }
}
