//! `portcullis policy`, as people and programs call it.

use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const MANUAL: &str = include_str!("../../src/manual/policy.md");
const CONCEPTS: &str = include_str!("../../src/manual/concepts.md");

/// A folder to run the program in, without a directory at first.
pub(crate) struct Place(TempDir);

/// What a run of the program came to.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn path(&self) -> &std::path::Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), text).expect("written");
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let mut program = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        let program = program.args(args).env_clear().env("TZ", "UTC");
        let ran = program
            .current_dir(self.path())
            .stdin(Stdio::null())
            .output();
        let ran = ran.expect("the program");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        Ran { code: ran.status.code(), out: text(ran.stdout), err: text(ran.stderr) }
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let ran = self.run(&[args, &["--json"]].concat()).done();
        serde_json::from_str(&ran.out).expect("JSON")
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for words in words {
            assert!(self.out.contains(words), "{words:?} is not in {}", self.out);
        }
        self
    }

    #[track_caller]
    pub(crate) fn remarks(self, words: &[&str]) -> Self {
        for words in words {
            assert!(self.err.contains(words), "{words:?} is not in {}", self.err);
        }
        self
    }

    #[track_caller]
    pub(crate) fn fails(self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        assert_eq!(self.out, "", "an answer on standard output");
        self.remarks(words);
    }
}

#[test]
fn the_default_is_told_where_nothing_else_is_said() {
    let place = Place::new();
    let words = [
        "balanced (the default, for there is no directory at portcullis.db)",
        "5 wrong guesses within 15 minutes at one account",
        "Of one account 24 guesses an hour and 504 a day are checked at the worst.",
        "5, and all later  1h     25",
        "its /64 (100 guesses), its /56 (200) and its /48 (400)",
        "an account, by strangers      24           504          182,213",
        "an IPv6 /48, at all accounts  1,600        38,400       14,016,000",
        "exempt: no network",
    ];
    place.run(&["policy"]).done().says(&words);
    let json = place.json(&["policy", "wso2"]);
    assert_eq!(json["preset"], "wso2");
    assert_eq!(json["from"], Value::Null);
    assert_eq!(json["counters"]["account"]["max_attempts"], 5);
    assert_eq!(json["counters"]["account"]["lockouts"][1]["lasts_seconds"], 600);
    assert_eq!(json["proof"]["account"]["day"]["guesses"], 45);
    assert_eq!(json["proof"]["account"]["day"]["exact"], true);
    place
        .run(&["policy", "off"])
        .done()
        .says(&["Nobody is ever locked out"]);
}

#[test]
fn the_policy_in_force_is_the_pin_or_the_setting() {
    let place = Place::new();
    place.run(&["user", "add", "alice", "--admin"]).done();
    place
        .run(&["policy"])
        .done()
        .says(&["balanced (in force, as the default)"]);
    place.run(&["settings", "set", "lockout", "cis"]).done();
    place
        .run(&["policy"])
        .done()
        .says(&["cis (in force, as the directory says)"]);
    place
        .write("p.toml", "[store]\ndirectory = \"portcullis.db\"\n[lockout]\npreset = \"clerk\"\n");
    let ran = place.run(&["--config", "p.toml", "policy"]).done();
    ran.says(&["clerk (in force, pinned by ", "p.toml"]);
}

#[test]
fn files_are_read_as_what_they_are() {
    let place = Place::new();
    place.write("ours.txt", "# agreed with security\nbalanced\nmax_attempts=7 # not 5\n");
    place
        .run(&["policy", "ours.txt"])
        .done()
        .says(&["(ours.txt)", "7 wrong guesses within"]);
    place.write("p.toml", "[lockout]\npreset = \"clerk\"\n");
    place
        .run(&["policy", "p.toml"])
        .done()
        .says(&["clerk (p.toml)"]);
    place.write("q.toml", "[store]\n");
    place
        .run(&["policy", "q.toml"])
        .fails(2, &["q.toml says nothing in [lockout]"]);
    place
        .run(&["policy", "none.toml"])
        .fails(2, &["none.toml can't be read", "policy --list"]);
    place.write("empty.txt", "# nothing yet\n");
    place
        .run(&["policy", "empty.txt"])
        .fails(2, &["empty.txt has no words of a policy"]);
}

#[test]
fn a_contradiction_names_both_settings_and_the_mend() {
    let place = Place::new();
    let words = ["`ceiling` is 3", "`max_attempts` is 5", "raise the ceiling"];
    place
        .run(&["policy", "max_attempts=5", "ceiling=3"])
        .fails(2, &words);
    place.write("p.toml", "[lockout]\nmax_attempts = 5\nceiling = 3\n");
    place.run(&["policy", "p.toml"]).fails(2, &words);
    let against = ["`lock_for` goes against the preset pci-8.3.4", "at least 30 minutes"];
    place
        .run(&["policy", "pci-8.3.4", "lock_for=1m"])
        .fails(2, &against);
    place
        .run(&["policy", "strict"])
        .fails(2, &["\"strict\" is no part of a policy", "policy --list"]);
}

#[test]
fn the_manual_has_the_table_that_is_printed() {
    let printed = Place::new().run(&["policy", "--list"]).done().out;
    assert!(
        MANUAL.contains(&format!("```text\n{printed}```")),
        "the manual differs from:\n{printed}"
    );
}

#[test]
fn the_manual_has_the_proof_of_the_default() {
    let json = Place::new().json(&["policy", "balanced"]);
    let most = |of: &str| {
        json["proof"]["account"][of]["guesses"]
            .as_u64()
            .expect("a number")
    };
    let (hour, day, year) = (most("hour"), most("day"), most("year"));
    let year = format!("{},{:03}", year / 1000, year % 1000);
    let claim = format!("at most {hour} an hour, {day} a day and {year} a year reach");
    let words: Vec<_> = CONCEPTS.split_whitespace().collect();
    assert!(words.join(" ").contains(&claim), "the manual does not say: {claim}");
}
