//! Clients of Clerk's API as their users have them: `tests/clients`.

use std::process::Command;
use std::sync::Mutex;

use portcullis::domain::event::Action;
use portcullis::store::AuditQuery;

use super::super::client::{folder, python, run};
use super::super::{PASSWORD, Stand};

static INSTALLING: Mutex<()> = Mutex::new(());

/// Runs a script in Node, with the packages that the lock file names.
pub(super) fn node(script: &str, args: &[&str]) {
    let alone = INSTALLING.lock();
    if !folder().join("node_modules/@clerk/backend").exists() {
        let mut npm = Command::new("npm");
        run(npm
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(folder()));
    }
    drop(alone);
    let mut node = Command::new("node");
    run(node.arg(script).args(args).current_dir(folder()));
}

/// A gateway's address with its administrator's token, and ada, who has signed in.
async fn stand() -> (Stand, String) {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    stand.test.sign_in(&ada).await;
    let url = format!("http://{}", stand.address);
    (stand, url)
}

/// The audit log names who did it, and where from, for what the client did to ada.
async fn assert_recorded(stand: &Stand) {
    let ada = portcullis::admin::Target::from("ada");
    let ada = stand.test.admin().account(&ada).await.expect("ada");
    let query = AuditQuery { account: Some(ada.id), before: None, limit: 50 };
    let records = stand.test.directory().audit(query).await.expect("a store");
    let by_root: Vec<_> = records
        .iter()
        .filter(|record| record.actor == format!("user:{}", stand.root.id))
        .collect();
    assert!(
        by_root
            .iter()
            .all(|record| record.from.as_deref() == Some("127.0.0.1"))
    );
    for action in [
        Action::AccountLocked,
        Action::AccountUnlocked,
        Action::AccountDisabled,
        Action::AccountEnabled,
    ] {
        assert!(by_root.iter().any(|record| record.action == action), "{action}");
    }
}

async fn javascript(package: &'static str) {
    let (stand, url) = stand().await;
    let token = stand.a.clone();
    let script =
        tokio::task::spawn_blocking(move || node("clerk.mjs", &[&url, &token, package, PASSWORD]));
    script.await.expect("the client found nothing wrong");
    assert_recorded(&stand).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cl_32_clerk_backend_3_works_unchanged() {
    javascript("@clerk/backend").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cl_32_clerk_backend_2_works_unchanged() {
    javascript("clerk-backend-2").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cl_32_clerk_backend_api_works_unchanged() {
    let (stand, url) = stand().await;
    let token = stand.a.clone();
    let script = tokio::task::spawn_blocking(move || {
        let mut client = Command::new(python());
        run(client
            .arg(folder().join("clerk_backend.py"))
            .args([&url, &token, PASSWORD]));
    });
    script.await.expect("the client found nothing wrong");
    assert_recorded(&stand).await;
}
