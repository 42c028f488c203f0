//! Files that are damaged, foreign, newer, or missing what belongs to them: each is
//! named, and none is overwritten.

use std::fs;
use std::path::{Path, PathBuf};

use portcullis::store::sql::{SqlAttempts, SqlDirectory};
use portcullis::store::{
    AccountFilter, AccountSearch, Directory, StoreError, TextField, TextFit, TokenOwner,
};
use tempfile::TempDir;

use super::sqlite::{outsider, run};
use super::{add, folder, person};

/// A closed directory with a few people in it.
async fn closed() -> (TempDir, PathBuf) {
    let folder = folder();
    let file = folder.path().join("accounts.db");
    let directory = SqlDirectory::open(&file).await.expect("opens");
    for n in 0..50 {
        add(&directory, person(&format!("p{n}"))).await;
    }
    directory.close().await;
    (folder, file)
}

async fn refusal(file: &Path) -> StoreError {
    match SqlDirectory::open(file).await {
        Ok(_) => panic!("{} was opened", file.display()),
        Err(error) => error,
    }
}

fn names(error: &StoreError, file: &Path) -> bool {
    error.to_string().contains(&*file.to_string_lossy())
}

#[tokio::test]
async fn a_newer_schema_is_left_alone() {
    let (folder, file) = closed().await;
    let attempts = folder.path().join("accounts.attempts.db");
    for file in [&attempts, &file] {
        let newer = "INSERT INTO portcullis_schema (number, applied_at) VALUES (4711, 0)";
        run(&mut outsider(file).await, newer).await;
        let error = refusal(&folder.path().join("accounts.db")).await;
        assert!(matches!(error, StoreError::SchemaTooNew { found: 4711, .. }), "{error}");
        assert!(names(&error, file), "{error}");
    }
    let error = SqlAttempts::open(&attempts, Default::default())
        .await
        .expect_err("newer");
    assert!(matches!(error, StoreError::SchemaTooNew { found: 4711, .. }), "{error}");
}

/// A directory of before the instant was kept is brought up: of what was raised, the
/// last change is the latest that it can be.
#[tokio::test]
async fn an_older_schema_is_brought_up() {
    let (folder, file) = closed().await;
    // Before there were seals nothing was noted of the log either.
    fs::remove_file(folder.path().join("accounts.db.anchor")).expect("removes");
    let older = file.with_extension("older");
    fs::write(&older, b"").expect("writes");
    let mut conn = outsider(&older).await;
    run(&mut conn, include_str!("../../../src/store/sql/migrations/directory/0001_begin.sql"))
        .await;
    run(&mut conn, include_str!("../../../src/store/sql/migrations/directory/0002_devices.sql"))
        .await;
    let columns = "id, login, name, name_folded, email, email_folded, admin, lifecycle, locks, \
                   disabled, generation, version, attempts_generation, created_at, updated_at";
    for copy in [
        &format!("ATTACH '{}' AS newer", file.display()),
        "CREATE TABLE portcullis_schema (number BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)",
        "INSERT INTO portcullis_schema VALUES (1, 0), (2, 0)",
        "INSERT INTO key_check (id, link) SELECT id, link FROM newer.key_check",
        "DELETE FROM heads",
        "INSERT INTO heads (stream, position, pruned, link, accounts) \
         SELECT stream, position, pruned, link, accounts FROM newer.heads",
        &format!("INSERT INTO accounts ({columns}) SELECT {columns} FROM newer.accounts"),
        "INSERT INTO api_tokens (id, key, owner, name, scopes, created_at, expires_at, last_used_at) \
         VALUES ('0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a', \
         '0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a', 7, 'ci', \
         '[\"users.view\"]', 5, NULL, 6)",
        "INSERT INTO audit SELECT * FROM newer.audit",
        "UPDATE accounts SET lifecycle = 'invited' WHERE id <= 3",
        "UPDATE accounts SET disabled = 1 WHERE id = 4",
        "UPDATE accounts SET generation = 2, updated_at = 1800000000000000 WHERE id = 7",
    ] {
        run(&mut conn, copy).await;
    }
    drop(conn);
    fs::rename(&older, &file).expect("renames");
    let directory = SqlDirectory::open(&file).await.expect("opens");
    let of = async |id: i64| {
        let found = directory.account(id.try_into().expect("a number")).await;
        found
            .expect("answers")
            .expect("an account")
            .sessions_ended_at
    };
    assert_eq!(of(7).await, Some(portcullis::Timestamp::from_secs(1_800_000_000)));
    assert_eq!(of(8).await, None);
    assert_eq!(directory.verify_audit().await.expect("answers"), Ok(50), "it is sealed now");
    let licensed = directory.headcount().await.expect("answers").licensed;
    assert_eq!(licensed, 46, "who was there is counted");
    super::counts::assert_exact(&directory).await;
    let any_of = vec!["P7".to_owned()];
    let (field, fit) = (TextField::Login, TextFit::Begins);
    let filters = vec![AccountFilter::Text { field, fit, any_of, negated: false }];
    let search = AccountSearch { filters, limit: 10, ..AccountSearch::default() };
    let found = directory.search(search).await.expect("answers").accounts;
    let found: Vec<_> = found.iter().map(|found| found.login.as_str()).collect();
    assert_eq!(found, ["p7"], "who was there is found");
    let tokens = directory.tokens(None).await.expect("answers");
    let [token] = &tokens[..] else { panic!("{tokens:?}") };
    assert_eq!((token.owner, token.name.as_str()), (of_account(7), "ci"));
    assert_eq!(token.scopes, ["users.view"]);
    let times = [Some(token.created_at), token.expires_at, token.last_used_at];
    let micros = |micros| Some(portcullis::Timestamp::from_micros(micros));
    assert_eq!(times, [micros(5), None, micros(6)]);
}

fn of_account(number: i64) -> TokenOwner {
    TokenOwner::Account(number.try_into().expect("a number"))
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_alone() {
    let (_folder, file) = closed().await;
    for garbage in [b"x".to_vec(), b"portcullis".repeat(1000)] {
        fs::write(&file, &garbage).expect("writes");
        let error = refusal(&file).await;
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(names(&error, &file), "{error}");
        assert_eq!(fs::read(&file).expect("reads"), garbage, "it was overwritten");
    }
}

#[tokio::test]
async fn a_truncated_database_is_found_out() {
    let (_folder, file) = closed().await;
    let whole = fs::read(&file).expect("reads");
    for part in [2, 3, 10] {
        fs::write(&file, &whole[..whole.len() / part]).expect("writes");
        let error = match SqlDirectory::open(&file).await {
            Err(error) => error,
            Ok(directory) => {
                let read = directory.verify_audit().await;
                read.expect_err("half of the records are gone")
            }
        };
        assert!(matches!(error, StoreError::Damaged { .. }), "1/{part}: {error}");
        assert!(names(&error, &file), "{error}");
    }
}

#[tokio::test]
async fn a_lost_key_is_never_made_anew() {
    let (folder, file) = closed().await;
    let key = folder.path().join("accounts.db.key");
    let secret = fs::read(&key).expect("reads");
    fs::remove_file(&key).expect("removes");
    let error = refusal(&file).await;
    assert!(matches!(error, StoreError::Missing { .. }) && names(&error, &key), "{error}");
    assert!(!key.exists(), "a new key was made");

    fs::write(&key, &secret[..40]).expect("writes");
    let error = refusal(&file).await;
    assert!(matches!(error, StoreError::Damaged { .. }) && names(&error, &key), "{error}");

    fs::write(&key, "0".repeat(64)).expect("writes");
    let error = refusal(&file).await;
    assert!(matches!(error, StoreError::Damaged { .. }) && names(&error, &key), "{error}");

    fs::write(&key, secret).expect("writes");
    let directory = SqlDirectory::open(&file).await.expect("whole again");
    assert_eq!(directory.verify_audit().await.expect("answers"), Ok(50));
}

#[tokio::test]
async fn an_emptied_database_is_not_a_new_one() {
    let (folder, file) = closed().await;
    fs::write(&file, "").expect("writes");
    let error = refusal(&file).await;
    assert!(matches!(error, StoreError::Damaged { .. }) && names(&error, &file), "{error}");
    fs::remove_file(&file).expect("removes");
    let error = refusal(&file).await;
    assert!(matches!(error, StoreError::Damaged { .. }) && names(&error, &file), "{error}");
    fs::remove_file(folder.path().join("accounts.db.key")).expect("removes");
    SqlDirectory::open(&file)
        .await
        .expect("as the message says");
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_named() {
    for place in ["/proc/portcullis.db", "/nowhere/at/all.db", "/dev/null/x.db", "/tmp"] {
        let error = refusal(Path::new(place)).await;
        let expected = match &error {
            StoreError::Missing { .. } => place.starts_with("/nowhere"),
            StoreError::ReadOnly { .. } => !place.starts_with("/nowhere"),
            _ => false,
        };
        assert!(expected && names(&error, Path::new(place)), "{place}: {error}");
    }
}
