//! The configuration, by the real program: where it is found, what is said of it,
//! and settings that change while gateways run.

mod running;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use portcullis::admin::Pins;
use portcullis::admin::settings::LOCKOUT;
use serde_json::Value;
use tempfile::TempDir;

const MANUAL: &str = include_str!("../../src/manual/configuration.md");
const PASSWORD: &str = "correct horse battery";
const MINIMAL: &str = "[upstream]\nurl = \"http://127.0.0.1:9\"\n";

/// A folder to run the program in, with no variable but those that are given.
struct Host(TempDir);

struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Host {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, text).expect("written");
        path
    }

    fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(args)
            .env_clear()
            .env("TZ", "UTC")
            .envs(variables.iter().copied())
            .current_dir(self.0.path())
            .stdin(Stdio::null());
        command.output().expect("the program").into()
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, &[])
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    #[track_caller]
    fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    fn fails(self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        for words in words {
            assert!(self.err.contains(words), "{words:?} is not in {}", self.err);
        }
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

#[test]
fn the_directory_is_found_by_what_is_nearest() {
    let host = Host::new();
    let file = |name: &str, directory: &str| {
        host.write(name, &format!("[store]\ndirectory = \"{directory}\"\n"))
    };
    file("config/portcullis.toml", "of-default.db");
    file("etc/named.toml", "of-named.db");
    file("etc/variable.toml", "of-variable.db");
    let add = |args: &[&str], variables: &[(&str, &str)], expected: &str| {
        let args = [args, &["user", "add", "alice", "--invite"]].concat();
        host.run_with(&args, variables).done();
        assert!(host.path(expected).exists(), "{args:?} {variables:?} made no {expected}");
        fs::remove_file(host.path(expected)).expect("it is there");
    };
    let variable = ("PORTCULLIS_CONFIG", "etc/variable.toml");
    let short = ("PORTCULLIS_DIRECTORY", "short.db");
    // A path in a file begins at the file's folder.
    add(&[], &[], "config/of-default.db");
    add(&[], &[variable], "etc/of-variable.db");
    add(&["--config", "etc/named.toml"], &[variable], "etc/of-named.db");
    add(&["--config", "etc/named.toml"], &[variable, short], "short.db");
    add(&[], &[("PORTCULLIS__STORE__DIRECTORY", "long.db")], "long.db");
    let all = ["--directory", "explicit.db", "--config", "etc/named.toml"];
    add(&all, &[variable, short], "explicit.db");
    fs::remove_dir_all(host.path("config")).expect("it is there");
    add(&[], &[], "portcullis.db");
}

#[test]
fn a_file_that_is_only_found_does_not_speak_of_another_directory() {
    let host = Host::new();
    host.write("config/portcullis.toml", "[accounts]\ndisabling = true\n[oops]\n");
    host.run(&["user", "add", "alice", "--invite"])
        .fails(2, &["config/portcullis.toml:3:2", "there is no section `oops`"]);
    host.run(&["--directory", "a.db", "user", "add", "alice", "--invite"])
        .done();
    let list = host.run(&["--directory", "a.db", "settings", "list", "--json"]);
    assert_eq!(list.done().json()["settings"][1]["source"], "default");
}

/// The block after a mark of the manual.
fn block(mark: &str) -> String {
    let (_, after) = MANUAL.split_once(mark).expect(mark);
    let inside = after
        .lines()
        .skip(2)
        .take_while(|line| !line.starts_with("```"));
    inside.map(|line| format!("{line}\n")).collect()
}

#[test]
fn what_the_manual_shows_is_what_is_said() {
    let host = Host::new();
    host.write("portcullis.toml", &block("<!-- wrong -->"));
    let checked = host.run(&["check", "--config", "portcullis.toml"]);
    assert_eq!(checked.err, block("<!-- said -->"));
    assert_eq!((checked.code, checked.out.as_str()), (Some(2), ""));
}

#[test]
fn programs_are_told_what_is_wrong_and_what_would_run() {
    let host = Host::new();
    host.write("bad.toml", &block("<!-- wrong -->"));
    let wrong = host.run_with(
        &["check", "--config", "bad.toml", "--json"],
        &[("PORTCULLIS__LOG__LEVEL", "hunter2")],
    );
    assert!(!wrong.err.contains("hunter2") && !wrong.out.contains("hunter2"));
    let json = wrong.json();
    wrong.fails(2, &["wrong in 4 places"]);
    let problem = |at: usize| &json["problems"][at];
    assert_eq!(json["ok"], false);
    assert_eq!((&problem(0)["file"], &problem(0)["line"]), (&"bad.toml".into(), &2.into()));
    assert_eq!(problem(0)["mend"], "did you mean public.listen?");
    assert_eq!(problem(3)["variable"], "PORTCULLIS__LOG__LEVEL");

    host.write("one.toml", "[public]\n");
    let one = host.run(&["check", "--config", "one.toml", "--json"]);
    assert_eq!(one.json()["problems"][0]["line"], 1);
    one.fails(2, &["wrong in one place: mend it"]);
    let gone = host.run(&["check", "--config", "gone.toml", "--json"]);
    let problem = &gone.json()["problems"][0];
    assert_eq!((&problem["file"], &problem["line"]), (&"gone.toml".into(), &Value::Null));
    gone.fails(2, &["wrong in one place"]);
    let gone = host.run(&["check", "--config", "gone.toml"]);
    assert!(!gone.err.contains("-->"), "a frame around nothing: {}", gone.err);
    gone.fails(2, &["error: gone.toml can't be read", "--config"]);

    let text =
        format!("{MINIMAL}[public]\nurl = \"https://app.example\"\n[lockout]\npreset = \"off\"\n");
    host.write("good.toml", &text);
    let right = host
        .run(&["check", "--config", "good.toml", "--json"])
        .done()
        .json();
    assert_eq!((&right["ok"], &right["upstream"]), (&true.into(), &"http://127.0.0.1:9".into()));
    assert_eq!(right["pinned"][0]["by"], "`lockout.preset` in good.toml");
    let warnings = right["warnings"].to_string();
    for words in ["can't be reached now", "trusted_proxies", "no directory at"] {
        assert!(warnings.contains(words), "{words:?} is not in {warnings}");
    }
    let page = host
        .run(&["check", "--config", "good.toml", "--offline"])
        .done();
    assert!(page.out.contains("Upstream   http://127.0.0.1:9\n"), "{}", page.out);
    assert!(!page.out.contains("can't be reached"), "{}", page.out);
    assert!(page.out.ends_with("The configuration is right.\n"), "{}", page.out);
    host.run(&["check"])
        .fails(2, &["`upstream.url` is not set", "PORTCULLIS__UPSTREAM__URL"]);
    host.run(&["check", "--config", "gone.toml"])
        .fails(2, &["gone.toml can't be read"]);
    let by_variable = [("PORTCULLIS__UPSTREAM__URL", "http://127.0.0.1:9")];
    host.run_with(&["check", "--offline"], &by_variable).done();
}

#[test]
fn a_file_cannot_steer_the_terminal() {
    let host = Host::new();
    host.write("bad.toml", "[public]\nlisten = \"\u{202e}\"\n\"\\u001b[2J\" = 1\n");
    let checked = host.run(&["check", "--config", "bad.toml"]);
    let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!checked.err.contains(steers), "{:?}", checked.err);
    checked.fails(2, &["bad.toml:2:10"]);
}

#[test]
fn the_reference_is_printed() {
    let printed = Host::new().run(&["check", "--reference"]).done();
    let kept =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/portcullis.toml"));
    assert_eq!(printed.out, kept.expect("a file"));
}

#[test]
fn settings_are_shown_changed_and_put_back() {
    let host = Host::new();
    host.run(&["user", "add", "alice", "--invite"]).done();
    let get = |name: &str| host.run(&["settings", "get", name]).done().out;
    assert_eq!(
        (get("lockout").as_str(), get("accounts.disabling").as_str()),
        ("balanced\n", "off\n")
    );
    let set = host
        .run(&["settings", "set", "lockout", "openproject", "max_attempts=7"])
        .done();
    assert!(set.out.contains("lockout is max_attempts=7 window=30m"), "{}", set.out);
    host.run(&["settings", "set", "accounts.disabling", "on"])
        .done();
    assert!(
        host.run(&["settings", "account-disabling"])
            .done()
            .out
            .contains("is on")
    );
    let list = host.run(&["settings", "list"]).done().out;
    assert!(list.contains("accounts.disabling     on "), "{list}");
    let again = host.run(&["settings", "set", "accounts.disabling", "on", "--json"]);
    assert_eq!(again.done().json()["changed"], false);
    host.run(&["settings", "reset", "lockout"]).done();
    let reset = host
        .run(&["settings", "get", "lockout", "--json"])
        .done()
        .json();
    assert_eq!((&reset["value"], &reset["source"]), (&"balanced".into(), &"default".into()));
    let set = |name: &str, value: &str| host.run(&["settings", "set", name, value]);
    set("lockout", "strict").fails(2, &["\"strict\"", "policy --list"]);
    set("lockout", "max_attempts=0").fails(2, &["nobody could sign in"]);
    set("branding.accent", "red").fails(2, &["as in #4338ca"]);
    set("branding.support_url", "javascript:alert(1)").fails(2, &["https://"]);
    set("lock-out", "off").fails(3, &["\"lock-out\"", "try: portcullis settings list"]);
    let audit = host.run(&["audit", "--json"]).done();
    assert_eq!(audit.out.matches("setting.changed").count(), 3);
    host.run(&["audit", "--verify"]).done();
}

#[test]
fn disabling_that_is_pinned_off_names_the_pin() {
    let host = Host::new();
    host.write("etc/gate.toml", "[accounts]\ndisabling = false\n");
    let run = |args: &[&str]| {
        host.run(&[&["--config", "etc/gate.toml", "--directory", "a.db"], args].concat())
    };
    run(&["user", "add", "alice", "--invite"]).done();
    for args in
        [&["user", "disable", "alice", "--reason", "left"][..], &["user", "enable", "alice"]]
    {
        let ran = run(args);
        assert!(!ran.err.contains("account-disabling on"), "refused, too: {}", ran.err);
        ran.fails(4, &["pinned by `accounts.disabling` in etc/gate.toml", "change it there"]);
    }
}

#[test]
fn what_a_file_pins_is_shown_and_not_changed() {
    let host = Host::new();
    host.write("etc/gate.toml", "[lockout]\nmax_attempts = 7\n[accounts]\ndisabling = true\n");
    let run = |args: &[&str]| {
        host.run(&[&["--config", "etc/gate.toml", "--directory", "a.db"], args].concat())
    };
    run(&["user", "add", "alice", "--invite"]).done();
    let list = run(&["settings", "list", "--json"]).done().json();
    assert_eq!(list["settings"][0]["pinned_by"], "`lockout.max_attempts` in etc/gate.toml");
    for (name, value) in [("lockout", "off"), ("accounts.disabling", "off")] {
        run(&["settings", "set", name, value]).fails(4, &[name, "etc/gate.toml"]);
        run(&["settings", "reset", name]).fails(4, &[name, "etc/gate.toml"]);
    }
    run(&["settings", "account-disabling", "off"]).fails(4, &["etc/gate.toml"]);
    let variable = [("PORTCULLIS__BRANDING__NAME", "Harbour")];
    let by_variable = host
        .run_with(&["--directory", "a.db", "settings", "set", "branding.name", "Quay"], &variable);
    by_variable.fails(4, &["pinned by PORTCULLIS__BRANDING__NAME"]);
    run(&["settings", "set", "branding.name", "Quay"]).done();
    let pins: Pins = Pins::default().with(&LOCKOUT, "no policy", "a file");
    assert_eq!(pins, Pins::default(), "what can't be read pins nothing");
}
