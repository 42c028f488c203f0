//! What others' tools make of the document: `tests/clients/openapi.txt`.

use std::path::PathBuf;
use std::process::Command;

use portcullis::domain::permission::Permission;

use crate::api::Stand;
use crate::api::client::{environment, folder, run};

const LIST: &str = "openapi.txt";

fn python() -> PathBuf {
    environment("openapi", LIST)
}

#[tokio::test]
async fn it_is_openapi_3_1() {
    let document = super::World::new().await.document().await;
    let checked = tokio::task::spawn_blocking(move || {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), document.to_string()).expect("a file");
        run(Command::new(python())
            .arg(folder().join("openapi.py"))
            .arg(file.path()));
    });
    checked.await.expect("nothing wrong");
}

/// Requests that follow from the document, and such that break it, as an administrator
/// asks them: nothing is answered that is not described, and nothing breaks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_nothing() {
    let stand = Stand::new().await;
    for login in ["grace", "alan", "edsger", "barbara", "ken"] {
        stand.who_may(login, Some(Permission::ViewUsers)).await;
    }
    let alice = stand.person("alice").await;
    assert_eq!(alice.id.get(), 7, "the document's examples are about her");
    let (url, token) = (format!("http://{}", stand.address), stand.a.clone());
    let ran = tokio::task::spawn_blocking(move || {
        let folder = tempfile::tempdir().expect("a folder");
        // What takes people away comes last.
        for which in ["--exclude-method", "--include-method"] {
            let mut tool = Command::new(python());
            tool.current_dir(folder.path())
                .args(["-m", "schemathesis.cli", "run", &format!("{url}/openapi.json")])
                .args(["-H", &format!("Authorization: Bearer {token}"), which, "DELETE"])
                .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing"])
                .args(["--max-examples", "5", "--workers", "1", "--seed", "1"])
                .args(["--generation-deterministic"])
                .args(["--continue-on-failure", "--no-color", "--warnings", "off"]);
            run(&mut tool);
        }
    });
    ran.await.expect("it found nothing");
    // Whoever asked administers still, and something was done.
    let root = stand.now(&stand.root).await;
    assert!(root.admin, "{root:?}");
    let me = stand.get(&stand.a, "/users/me").await;
    me.is_user("active");
    let all = stand.get(&stand.a, "/users?pageSize=0").await;
    assert!(all.body["total"].as_u64().is_some_and(|total| total > 7), "{}", all.text);
    assert_ne!(stand.now(&alice).await.version, alice.version, "nothing was done to her");
}

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,response_headers_conformance";
