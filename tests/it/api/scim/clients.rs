//! The checkers that others wrote, unchanged: `tests/clients`.

use std::process::Command;

use super::super::Stand;
use super::super::client::python;
use super::STRICT;

/// Runs a program of the clients' environment, and says how it ended and what it said.
async fn run(program: &'static str, arguments: Vec<String>) -> (bool, String) {
    let ran = tokio::task::spawn_blocking(move || {
        let program = python().with_file_name(program);
        Command::new(program)
            .args(arguments)
            .env("NO_COLOR", "1")
            .output()
    });
    let output = ran.await.expect("a thread").expect("a program");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a1_scim2_tester_finds_nothing_wrong() {
    let stand = Stand::new().await;
    let url = format!("http://{}{STRICT}", stand.address);
    let bearer = format!("Authorization: Bearer {}", stand.a);
    let arguments = ["-u", &url, "-h", &bearer, "test", "-v"]
        .map(str::to_owned)
        .to_vec();
    let (passed, said) = run("scim2", arguments).await;
    let good = said
        .lines()
        .filter(|line| line.starts_with("SUCCESS "))
        .count();
    assert!(passed && good >= 135, "{good} checks passed:\n{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a2_scim_sanity_finds_nothing_wrong() {
    let stand = Stand::new().await;
    let url = format!("http://{}{STRICT}", stand.address);
    let arguments = ["probe", &url, "--token", &stand.a, "--i-accept-side-effects"];
    let (passed, said) = run("scim-sanity", arguments.map(str::to_owned).to_vec()).await;
    assert!(passed && said.contains("28 passed, 3 skipped"), "{said}");
}
