//! The manual's pages, held to what the program does.

use std::process::Command;

use crate::readme::{free_address, run_transcript};
use crate::support::{Example, portcullis};

const OPENPROJECT: &str = include_str!("../../../src/manual/openproject.md");
const OAUTH: &str = include_str!("../../../src/manual/oauth.md");
const SCIM: &str = include_str!("../../../src/manual/scim.md");

#[test]
fn its_transcript_is_what_the_commands_print() {
    runs_as_written(OPENPROJECT);
}

#[test]
fn its_transcript_of_applications_is_what_the_commands_print() {
    runs_as_written(OAUTH);
}

#[test]
fn its_transcript_of_scim_is_what_the_commands_print() {
    runs_as_written(SCIM);
}

/// Over a real directory, in the program as people start it.
fn runs_as_written(manual: &str) {
    let (_, transcript) = manual
        .split_once("<!-- transcript -->\n```console\n")
        .expect("a transcript");
    let (transcript, _) = transcript.split_once("```").expect("an end");
    let folder = tempfile::tempdir().expect("a folder");
    for (login, role) in [("ada", "--admin"), ("alice", "--name=Alice")] {
        let words = ["user", "add", login, role, "--password-stdin"];
        portcullis(folder.path(), &words, "correct horse battery");
    }
    let admin = free_address().to_string();
    let mut serve = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    serve.args(["serve", "--upstream", "http://127.0.0.1:9", "--listen", "127.0.0.1:0"]);
    serve
        .args(["--admin-listen", &admin])
        .current_dir(folder.path());
    let _gateway = Example::of(serve);
    let ran = run_transcript(&transcript.replace("127.0.0.1:8081", &admin), folder.path());
    assert_eq!(ran.replace(&admin, "127.0.0.1:8081"), transcript);
}
