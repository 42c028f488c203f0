//! A client of OpenProject's API as its users have it: `tests/clients`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use portcullis::domain::event::Action;
use portcullis::store::AuditQuery;

use super::Stand;

pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

#[track_caller]
pub(super) fn run(command: &mut Command) {
    let ran = command.output().expect("Python, which tests/run installs");
    let said = [ran.stdout, ran.stderr].concat();
    assert!(ran.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
}

/// Python with the clients in it.
pub(super) fn python() -> PathBuf {
    environment("clients", "requirements.txt")
}

/// Python with what a list names: an environment of its own, made once.
pub(super) fn environment(name: &str, list: &str) -> PathBuf {
    // Tests that run beside each other share it.
    static MAKING: Mutex<()> = Mutex::new(());
    let _made_once = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let environment = crate::support::target().join(name);
    let (python, list) = (environment.join("bin/python"), folder().join(list));
    let wanted = std::fs::read(&list).expect("a list");
    let installed = environment.join("installed.txt");
    if std::fs::read(&installed).is_ok_and(|found| found == wanted) {
        return python;
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&environment));
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    run(pip.arg("--requirement").arg(&list));
    std::fs::write(installed, wanted).expect("a note");
    python
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op_48_pyopenproject_works_unchanged() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let (url, token) = (format!("http://{}", stand.address), stand.a.clone());
    let script = tokio::task::spawn_blocking(move || {
        let mut client = Command::new(python());
        run(client
            .arg(folder().join("openproject.py"))
            .args([url, token]));
    });
    script.await.expect("the client found nothing wrong");
    let query = AuditQuery { account: Some(ada.id), before: None, limit: 2 };
    let records = stand.test.directory().audit(query).await.expect("a store");
    let actions: Vec<Action> = records.iter().map(|record| record.action).collect();
    assert_eq!(actions, [Action::AccountUnlocked, Action::AccountLocked]);
}
