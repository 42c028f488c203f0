//! Scratch accounts for other programs' load, and their end.

use std::path::Path;
use std::sync::Arc;

use portcullis::Account;
use portcullis::admin::{Actor, Admin, NewPerson, ScratchRun};
use portcullis::domain::login::Login;
use portcullis::store::sql::SqlDirectory;
use serde_json::Value;

use super::{Stand, text, wait_until};
use crate::support::Browser;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cookies_open_the_door_until_they_are_cleaned_up() {
    let stand = Stand::new().await;
    let person = add_person(&stand, "bench-press").await;
    let made = stand.run(&["cookies", "--count", "3"]).await;
    assert!(made.status.success(), "{}", text(&made.stderr));
    let cookies = text(&made.stdout);
    let cookies: Vec<_> = cookies.lines().collect();
    assert_eq!(cookies.len(), 3);
    let browser = Browser::at(stand.address);
    for (number, cookie) in cookies.iter().enumerate() {
        let answer = browser.get("/", cookie).await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.ends_with(&format!("-{:04}", number + 1)), "{}", answer.body);
    }

    let errors = text(&made.stderr);
    let run = errors.trim().rsplit(' ').next().expect("a run").to_owned();
    let cleaned = stand.run(&["cleanup", "--run", &run, "--json"]).await;
    let cleaned: Value = serde_json::from_slice(&cleaned.stdout).expect("JSON");
    assert_eq!(cleaned["removed"], 3);
    let (browser, first) = (&browser, cookies[0]);
    wait_until(|| async move { browser.get("/", first).await.status == 303 }).await;
    // People stay, whatever they are called, and a run is cleaned up once.
    let left = stand.accounts(None).await;
    assert_eq!(left.iter().map(|account| account.id).collect::<Vec<_>>(), [person.id]);
    let again = stand.run(&["cleanup"]).await;
    assert!(text(&again.stdout).starts_with("There are no scratch accounts"), "{again:?}");
    let unknown = stand.run(&["cleanup", "--run", "bench"]).await;
    assert_eq!(unknown.status.code(), Some(2));
}

async fn add_person(stand: &Stand, login: &str) -> Account {
    let admin = Admin::new(Arc::new(stand.directory().await));
    let person = NewPerson::new(Login::new(login).expect("a login"));
    let added = admin.add(&Actor::System, person).await;
    added.expect("a store").account
}

#[tokio::test]
async fn only_scratch_accounts_are_removed_as_such() {
    let folder = tempfile::tempdir().expect("a folder");
    let admin = admin_of(&folder.path().join("people.db")).await;
    let run = ScratchRun::from_random([1, 2, 3, 4]);
    let other = ScratchRun::from_random([5, 6, 7, 8]);
    let mut made = Vec::new();
    for run in [&run, &run, &other] {
        let number = u32::try_from(made.len()).expect("few") + 1;
        let added = admin.add_scratch(&Actor::System, run, number).await;
        made.push(added.expect("a free login").account);
    }
    let admin = &admin;
    let of = |run| async move { admin.scratch_accounts(run).await.expect("a store").len() };
    assert_eq!((of(Some(&run)).await, of(Some(&other)).await, of(None).await), (2, 1, 3));

    assert!(
        admin
            .remove_scratch(&Actor::System, made[0].id)
            .await
            .expect("a store")
    );
    assert!(
        admin
            .remove_scratch(&Actor::System, made[0].id)
            .await
            .is_err(),
        "it is gone"
    );
    assert_eq!((of(Some(&run)).await, of(None).await), (1, 2));
    // Its login is never given out again, not even to the same run.
    let again = admin.add_scratch(&Actor::System, &run, 1).await;
    assert!(again.is_err(), "{again:?}");
}

async fn admin_of(file: &Path) -> Admin {
    let directory = SqlDirectory::open(file).await.expect("a directory");
    Admin::new(Arc::new(directory))
}
