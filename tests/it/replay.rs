//! `portcullis replay` and `portcullis address`, on real files.

use std::fmt::Write;
use std::net::IpAddr;

use portcullis::store::sql::SqlDirectory;
use portcullis::{Portcullis, SignInError};
use serde_json::Value;

use crate::policy::Place;

const HEADER: &str = "time,login,outcome,address,device,secret\n";

/// Anna is guessed at 40 times in 40 minutes, signs in from home and from her known
/// laptop meanwhile, and Gus mistypes.
fn log() -> String {
    let mut log = HEADER.to_owned();
    let mut line =
        |minute: u32, login: &str, outcome: &str, address: &str, device: &str, secret: &str| {
            let (hour, minute) = (8 + minute / 60, minute % 60);
            let _ = writeln!(
                log,
                "2026-11-27T{hour:02}:{minute:02}:00Z,{login},{outcome},{address},{device},{secret}"
            );
        };
    line(0, "anna", "success", "192.0.2.1", "laptop", "right");
    for minute in 1..=40 {
        let secret = format!("guess{minute}");
        line(minute, "Anna", "failure", "203.0.113.9", "", &secret);
        if minute == 20 {
            line(20, "anna", "success", "192.0.2.1", "laptop", "right");
            line(20, "anna", "success", "192.0.2.50", "", "right");
            line(20, "gus", "failure", "192.0.2.2", "", "a");
            line(20, "gus", "success", "192.0.2.2", "", "b");
        }
    }
    log
}

#[test]
fn a_log_tells_what_a_policy_would_have_done() {
    let place = Place::new();
    place.write("log.csv", log());
    let ran = place
        .run(&["replay", "log.csv", "--policy", "balanced"])
        .done();
    ran.says(&[
        "45 sign-in attempts from 2026-11-27T08:00:00Z to 2026-11-27T08:40:00Z: 41 failed",
        "anna",
    ])
    .remarks(&[
        "log.csv is read as csv, as its first line looks",
        "a device is known from its first good sign-in",
    ]);
    let json = place.json(&["replay", "log.csv", "--policy", "balanced"]);
    let sum = &json["policies"][0]["sum"];
    // Locked at 5, 15 (5+10 minutes later) and 35 minutes past eight.
    assert_eq!(sum["lockouts"]["account"], 3, "{json:#}");
    assert_eq!(sum["guesses"], 16, "15 at anna, and one of gus");
    assert_eq!(sum["distinct_guesses"], 16);
    assert_eq!(sum["guesses_refused"], 25);
    assert_eq!(sum["good_refused"], 1, "the laptop is spared, and the other place is not");
    let first = &json["policies"][0]["lockouts"][0];
    assert_eq!(first["login"], "anna");
    assert_eq!(first["from"], "2026-11-27T08:05:00Z");
    assert_eq!(first["until"], "2026-11-27T08:10:00Z");
    assert_eq!(json["log"]["attempts"], 45);
}

#[test]
fn two_policies_stand_side_by_side() {
    let place = Place::new();
    place.write("log.csv", log());
    let args = ["replay", "log.csv", "--policy", "balanced", "--against", "off"];
    let words = [
        "balanced  off\n",
        "Beside balanced, off would have checked 25 wrong guesses more and refused 1 good sign-in \
         fewer.",
        "anna   3 / 0     15 / 40  25 / 0   1 / 0",
    ];
    place.run(&args).done().says(&words);
    let json = place.json(&args);
    let titles: Vec<_> = json["policies"]
        .as_array()
        .expect("two")
        .iter()
        .map(|p| &p["title"])
        .collect();
    assert_eq!(titles, ["balanced", "off"]);
}

#[test]
fn logins_can_be_hidden_everywhere() {
    let place = Place::new();
    let bad = "2026-11-27T09:00:00Z,anna,swordfish,192.0.2.1,,\n";
    place.write("log.csv", log() + bad);
    for extra in [&[][..], &["--json"]] {
        let args = [
            &["replay", "log.csv", "--policy", "balanced", "--hash-logins", "--svg", "t.svg"],
            extra,
        ];
        let ran = place.run(&args.concat()).done();
        let svg = std::fs::read_to_string(place.path().join("t.svg")).expect("a picture");
        for text in [&ran.out, &ran.err, &svg] {
            for secret in ["anna", "gus", "swordfish", "guess1"] {
                assert!(!text.to_lowercase().contains(secret), "{secret} is in {text}");
            }
        }
        assert!(ran.out.contains('#'), "{}", ran.out);
    }
}

#[test]
fn a_timeline_is_a_picture_without_scripts() {
    let place = Place::new();
    let hostile = log().replace("Anna", "<script>alert(1)</script>&\u{7}");
    place.write("log.csv", hostile);
    place
        .run(&["replay", "log.csv", "--policy", "clerk", "--against", "cis", "--svg", "t.svg"])
        .done();
    let svg = std::fs::read_to_string(place.path().join("t.svg")).expect("a picture");
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""), "{svg}");
    assert!(!svg.contains("<script") && svg.contains("&lt;script&gt;"), "{svg}");
    assert!(!svg.chars().any(|c| c.is_control() && c != '\n'), "{svg}");
    for part in ["lockout p0", "lockout p1", "prefers-color-scheme: dark", "locked by clerk"] {
        assert!(svg.contains(part), "{part}");
    }
    place
        .run(&["replay", "-", "--svg", "t.svg"])
        .fails(2, &["needs the log twice"]);
    let itself = place.run(&["replay", "log.csv", "--policy", "cis", "--svg", "./log.csv"]);
    itself.fails(2, &["would take the place of the log"]);
    let nowhere = place.run(&["replay", "log.csv", "--policy", "cis", "--svg", "no/t.svg"]);
    nowhere.fails(2, &["the timeline can't be written to no/t.svg"]);
}

#[test]
fn bad_lines_are_counted_shown_and_fatal_if_asked() {
    let place = Place::new();
    let mut text = log();
    text.push_str("2026-11-27T09:00:00Z,eve\u{1b}[2J,maybe\u{1b}[31m,192.0.2.1,,\n");
    for number in 0..9 {
        let _ = writeln!(text, "then,eve,success,192.0.2.{number},,");
    }
    place.write("log.csv", text.as_bytes());
    let ran = place
        .run(&["replay", "log.csv", "--policy", "balanced"])
        .done();
    assert!(!ran.err.contains('\u{1b}') && !ran.out.contains('\u{1b}'), "{}", ran.err);
    assert_eq!(ran.err.matches("  line ").count(), 5, "{}", ran.err);
    ran.remarks(&["warning: 10 of 56 lines could not be read", "line 47: the outcome is none of"]);
    let strict = place.run(&["replay", "log.csv", "--policy", "balanced", "--strict"]);
    strict.fails(2, &["log.csv, line 47: the outcome is none of", "leave --strict out"]);
}

#[test]
fn what_is_no_log_is_refused_with_what_to_do() {
    let place = Place::new();
    place.write("empty", "");
    place.write("head.csv", HEADER);
    place.write("other.csv", "a,b\n1,2\n");
    place.write("log.gz", [0x1f, 0x8b, 8, 0]);
    place.write(
        "access.log",
        "192.0.2.1 - - [27/Nov/2026:20:32:12 +0000] \"GET / HTTP/1.1\" 200 0 \"-\" \"-\"\n",
    );
    let replay = |more: &[&str]| place.run(&[&["replay", "--policy", "balanced"], more].concat());
    replay(&["none.csv"]).fails(2, &["none.csv can't be read"]);
    replay(&["."]).fails(2, &[". is a folder"]);
    replay(&["empty"]).fails(2, &["no sign-in attempt in the 0 lines of empty"]);
    replay(&["head.csv"]).fails(2, &["nothing follows the header"]);
    replay(&["other.csv"]).fails(2, &["other.csv: the header (a, b) does not name a time"]);
    replay(&["log.gz"]).fails(2, &["log.gz is compressed", "zcat"]);
    replay(&["access.log"]).fails(2, &["add --path"]);
    let access = ["access.log", "--path", "/login", "--success", "status=303"];
    replay(&access).fails(2, &["no request has that path and method"]);
    replay(&["head.csv", "--columns", "x=y"]).fails(2, &["names no column"]);
    let late: String = (0..10_050)
        .map(|n| format!("{},anna,success,,,\n", 2_000_000 - n))
        .collect();
    place.write("late.csv", HEADER.to_owned() + &late);
    replay(&["late.csv"]).fails(2, &["line 10003 is of", "sort the log by time"]);
}

#[test]
fn access_logs_are_replayed_by_address() {
    let place = Place::new();
    let mut text = String::new();
    for second in 0..20 {
        let _ = writeln!(
            text,
            "2001:db8::{second:x} - - [27/Nov/2026:20:32:{second:02} +0000] \"POST /login HTTP/2.0\" 401 0 \"-\" \"-\""
        );
    }
    place.write("access.log", text);
    let policy = "balanced address.max_attempts=8";
    let args =
        ["replay", "access.log", "--path", "/login", "--success", "status=2xx", "--policy", policy];
    let note = "the log tells no logins: it was replayed by address alone";
    place
        .run(&args)
        .done()
        .remarks(&[note])
        .says(&["2001:db8::/64"]);
    let json = place.json(&args);
    assert_eq!(json["policies"][0]["sum"]["guesses"], 8, "one household is one source");
    assert_eq!(json["policies"][0]["lockouts"][0]["network"], "2001:db8::/64");
    assert!(json["notes"].to_string().contains(note));
}

async fn guess(gate: &Portcullis, from: &str) -> Result<(), SignInError> {
    let from: IpAddr = from.parse().expect("an address");
    gate.attempt("nobody", from).await?.fail().await.map(|_| ())
}

#[tokio::test]
async fn an_address_is_shown_and_unlocked() {
    let place = Place::new();
    place.run(&["user", "add", "alice", "--admin"]).done();
    let policy = "count=off address.max_attempts=2";
    place.run(&["settings", "set", "lockout", policy]).done();
    let address = "2001:db8:1:12ff::7";
    place
        .run(&["address", "show", address])
        .done()
        .says(&["2001:db8:1:12ff::/64  2 of 2"]);
    place
        .run(&["address", "unlock", address])
        .done()
        .says(&["nothing was changed"]);
    let file = place.path().join("portcullis.db");
    let directory = SqlDirectory::open(&file).await.expect("a directory");
    let gate = Portcullis::open(&file).await.expect("a gate");
    for _ in 0..2 {
        guess(&gate, address).await.expect("a guess");
    }
    assert!(matches!(guess(&gate, address).await, Err(SignInError::LockedOut { .. })));
    let shown = place.json(&["address", "show", address]);
    let networks = shown["networks"].as_array().expect("networks");
    let told: Vec<_> = networks
        .iter()
        .map(|net| (&net["remaining"], &net["locked"]))
        .collect();
    let told = format!("{told:?}");
    assert_eq!(
        told,
        format!(
            "{:?}",
            [
                (&Value::from(0), &Value::from(true)),
                (&2.into(), &false.into()),
                (&6.into(), &false.into())
            ]
        )
    );
    let json = place.json(&["address", "unlock", address]);
    assert_eq!(json["changed"], true, "{json}");
    assert_eq!(json["unlocked"].as_array().map(Vec::len), Some(3), "{json}");
    guess(&gate, address).await.expect("it is open again");
    place
        .run(&["address", "unlock", "2001:db8:1:1200::/56"])
        .done()
        .says(&["is forgotten (1 of size /64, 2001:db8:1:1200::/56, 2001:db8:1::/48)"]);
    place
        .run(&["address", "unlock", "10.0.0.0/8"])
        .fails(2, &["wider than a /16"]);
    place
        .run(&["address", "show", "here"])
        .fails(2, &["invalid"]);
    let audit = place.json(&["audit"]);
    let newest = &audit["records"][0];
    assert_eq!(newest["action"], "address.unlocked");
    assert_eq!(newest["account"], Value::Null);
    place
        .run(&["audit", "--verify"])
        .done()
        .says(&["The audit log is whole"]);
    directory.close().await;
}
