//! Behaviours of lockout engines, written down so that any engine can be held to
//! them, and ours is: `tests/vectors/README.md` says how to read them.
//!
//! Every vector is played through the gate, on every store, and with the passwords
//! checked by the engine as well as by the application. Those of a folder of your
//! own are played, too, if `PORTCULLIS_VECTORS` names it:
//!
//! ```text
//! PORTCULLIS_VECTORS=/path/to/folder cargo test --all-features vectors -- --nocapture
//! ```

mod format;
mod house;
mod play;
mod policy;

use std::collections::HashSet;
use std::path::Path;

use self::format::{Vector, parse, read_folder};
use self::house::{Checked, Stores};
use self::play::play;

/// The variable that names a folder of further vectors.
const FOLDER: &str = "PORTCULLIS_VECTORS";

fn all_vectors() -> Vec<Vector> {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut vectors = read_folder(&ours);
    if let Some(theirs) = std::env::var_os(FOLDER) {
        vectors.extend(read_folder(Path::new(&theirs)));
    }
    vectors
}

async fn every_vector_holds(stores: Stores) {
    let vectors = all_vectors();
    let steps: usize = vectors.iter().map(|vector| vector.steps.len()).sum();
    for checked in [Checked::ByTheEngine, Checked::ByTheApplication] {
        let mut wrong = Vec::new();
        for vector in &vectors {
            wrong.extend(play(vector, stores, checked).await);
        }
        let (count, not) = (vectors.len(), wrong.len());
        println!("{stores:?}, passwords checked {checked:?}: {count} vectors, {steps} steps");
        assert!(wrong.is_empty(), "{not} expectations do not hold:\n{}", wrong.join("\n"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_vector_holds_in_memory() {
    every_vector_holds(Stores::InMemory).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_vector_holds_in_sqlite() {
    every_vector_holds(Stores::InSqlite).await;
}

#[test]
fn every_vector_has_a_name_of_its_own() {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let vectors = read_folder(&ours);
    let ids: HashSet<&str> = vectors.iter().map(|vector| vector.id.as_str()).collect();
    assert_eq!(ids.len(), vectors.len());
    assert!(vectors.iter().all(|vector| !vector.steps.is_empty()));
}

/// One vector of one step, with these texts in its policy and in the step.
fn written(policy: &str, step: &str) -> String {
    format!(
        r#"[{{"id": "x", "source": "x", "title": "x", "policy": {{"max_attempts": 1{policy}}},
        "steps": [{{"at_s": 0, "action": "fail"{step}}}]}}]"#
    )
}

#[test]
fn what_the_format_does_not_know_is_named() {
    assert!(parse(&written("", "")).is_ok());
    let error = |policy, step| parse(&written(policy, step)).expect_err("unknown");
    for (policy, step, named) in [
        (r#", "max_attemps": 2"#, "", "max_attemps"),
        (r#", "window": {"kind": "none", "seconds": 5}"#, "", "seconds"),
        (r#", "window": {"kind": "fixed", "seconds": 5}"#, "", "fixed"),
        (r#", "growth": {"kind": "factor", "factor": 1.5}"#, "", "1.5"),
        (r#", "counters": [["network"]]"#, "", "network"),
        ("", r#", "actor": "bob""#, "actor"),
        ("", r#", "surface": "kiosk""#, "kiosk"),
        ("", r#", "expect": {"lockd": true}"#, "lockd"),
        ("", r#", "every_s": -1"#, "-1"),
        ("", r#", "lift": "admin_lock""#, "x, step 1: `lift`"),
        ("", r#", "repeat": 0"#, "x, step 1: it is done"),
    ] {
        let error = error(policy, step);
        assert!(error.contains(named), "{error}");
    }
    let off = written("", "").replace(r#""max_attempts": 1"#, "");
    assert!(parse(&off).expect_err("not said").contains("max_attempts"));
    let unknown = written("", "").replace(r#""fail""#, r#""explode""#);
    assert!(parse(&unknown).expect_err("unknown").contains("explode"));
}

/// A runner that finds nothing wrong must be able to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vector_that_does_not_hold_is_told_of() {
    let expect = r#", "repeat": 2, "expect": {"allowed": true, "allowed_count": 2, "locked": false,
        "locked_until_s": 60, "remaining": 1}"#;
    let vectors = parse(&written("", expect)).expect("a vector");
    let wrong = play(&vectors[0], Stores::InMemory, Checked::ByTheEngine).await;
    let told: Vec<&str> = wrong
        .iter()
        .filter_map(|wrong| wrong.split_once("step 1 (Fail): ").map(|(_, told)| told))
        .collect();
    let expected = [
        "allowed: expected true, found false",
        "allowed_count: expected 2, found 1",
        "locked: expected false, found true",
        "remaining: expected 1, found 0",
        "locked_until_s: expected until 60 s, found until unlocked",
    ];
    assert_eq!(told, expected);
    let nothing = parse(&written(r#", "counters": []"#, "")).expect("a vector");
    let wrong = play(&nothing[0], Stores::InMemory, Checked::ByTheEngine).await;
    assert!(wrong[0].contains("neither `account` nor `address`"), "{wrong:?}");
}
