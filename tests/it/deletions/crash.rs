//! Killed in the middle, again and again.
//!
//! The child is this test binary, running the test that started it with a place to
//! work on and an instant in its environment.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use portcullis::admin::Admin;
use portcullis::admin::modules::{Database, PostgresDatabase};
use portcullis::domain::deletion::DeletionState;
use portcullis::domain::standing::{Lifecycle, Status};
use portcullis::domain::transfer::Transfer;
use portcullis::store::Directory;
use portcullis::store::sql::SqlDirectory;
use portcullis::{Clock, Timestamp};
use tempfile::TempDir;

use super::{App, LONG, NOON, add, cli, request};

const PLACE: &str = "PORTCULLIS_TEST_PLACE";
const INSTANT: &str = "PORTCULLIS_TEST_INSTANT";
const SAYS: &str = "child: ";
/// The file that says where an application in Postgres is.
const SERVER: &str = "app.server";

/// Open deals of bob's go, his others and those of others stay.
const DEALS: &str = "
    INSERT INTO deals (owner_id, status)
    SELECT 2 + i % 2, CASE WHEN i % 3 = 0 THEN 'won' ELSE 'open' END
    FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
    SELECT i FROM n) AS many";

const WRONG: &str = "SELECT COUNT(*) FROM deals WHERE moves > 1 OR (moves = 1 AND \
    (id % 2 = 1 OR status <> 'open' OR owner_id <> 4)) OR (moves = 0 AND owner_id <> 2 + id % 2)";

async fn admin_at(folder: &Path, now: Timestamp) -> (Admin, Arc<dyn Directory>) {
    let file = folder.join("accounts.db");
    let directory = SqlDirectory::open_with_clock(file, Clock::manual(now)).await;
    let directory: Arc<dyn Directory> = Arc::new(directory.expect("opens"));
    let modules = app_at(folder).await.modules();
    (Admin::new(Arc::clone(&directory)).with_modules(modules), directory)
}

async fn app_at(folder: &Path) -> App {
    let Ok(place) = std::fs::read_to_string(folder.join(SERVER)) else {
        return App::at(folder).await;
    };
    let (port, name) = place.split_once(' ').expect("two words");
    App::on(port.parse().expect("a port"), name).await
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{SAYS}{what}")
        .and_then(|()| out.flush())
        .expect("somebody listens");
}

/// Begins, or goes on with what another child has begun.
async fn delete(folder: &Path, now: Timestamp) {
    let (admin, directory) = admin_at(folder, now).await;
    let orphans = directory
        .deleting()
        .orphaned_deletions()
        .await
        .expect("answers");
    let run = match orphans.first() {
        Some(id) => admin.resume_deletion(&cli(), *id).await.expect("resumes"),
        None => {
            let some: Transfer = serde_json::from_str(
                r#"{ "records": "some", "receiver": 4,
                    "modules": { "deals": [{ "field": "status", "is": "open" }] } }"#,
            )
            .expect("a choice");
            let begun = admin
                .begin_deletion(&cli(), &"bob".into(), request(some))
                .await;
            begun.expect("begins")
        }
    };
    say("begun");
    let done = run.run(|deletion| say(&deletion.moved().to_string())).await;
    say(done.expect("answers").state.as_str());
}

fn child(test: &str, folder: &Path, now: Timestamp) -> Child {
    Command::new(std::env::current_exe().expect("a path"))
        .args([test, "--exact", "--nocapture"])
        .env(PLACE, folder)
        .env(INSTANT, now.as_micros().to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts")
}

fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let out = BufReader::new(child.stdout.take().expect("a pipe"));
    let lines = out.lines().map_while(Result::ok);
    lines.filter_map(|line| line.split_once(SAYS).map(|(_, said)| said.to_owned()))
}

/// Whether this is a child, which then does its work.
async fn was_child() -> bool {
    let Some(place) = std::env::var_os(PLACE) else { return false };
    let instant = std::env::var(INSTANT)
        .expect("an instant")
        .parse()
        .expect("a number");
    delete(place.as_ref(), Timestamp::from_micros(instant)).await;
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_moves_a_wrong_record_or_deletes_early() {
    if !was_child().await {
        let folder = crate::stores::folder();
        let app = App::make(folder.path()).await;
        let test = "deletions::crash::no_kill_moves_a_wrong_record_or_deletes_early";
        killed_again_and_again(test, folder, app).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_kill_does_in_postgres_either() {
    if !was_child().await {
        let (folder, app) = (crate::stores::folder(), App::in_postgres().await);
        let Database::Postgres(PostgresDatabase { address, .. }) = &app.database else {
            panic!("Postgres")
        };
        let place = format!("{} {}", address.port(), address.database());
        std::fs::write(folder.path().join(SERVER), place).expect("writes");
        killed_again_and_again("deletions::crash::no_kill_does_in_postgres_either", folder, app)
            .await;
    }
}

async fn killed_again_and_again(test: &str, folder: TempDir, app: App) {
    app.run(DEALS).await;
    let chosen = app
        .number("SELECT COUNT(*) FROM deals WHERE owner_id = 2 AND status = 'open'")
        .await;
    let mut now = NOON;
    let (admin, _) = admin_at(folder.path(), now).await;
    for login in ["alice", "bob", "carol", "dora"] {
        add(&admin, login, login == "alice").await;
    }
    let mut last = 0;
    for answers in [1, 2, 5, 9] {
        let mut child = child(test, folder.path(), now);
        let said: Vec<String> = lines(&mut child).take(answers).collect();
        child.kill().expect("kills");
        child.wait().expect("is dead");
        assert_eq!(said.first().map(String::as_str), Some("begun"));
        assert_eq!(app.number(WRONG).await, 0, "after {said:?}");
        let moved = app.number("SELECT SUM(moves) FROM deals").await;
        assert!(moved >= last && moved < chosen, "{last}, {moved}, {chosen}");
        last = moved;
        now = now.after(LONG);
        let (admin, _) = admin_at(folder.path(), now).await;
        let bob = admin
            .account(&"bob".into())
            .await
            .expect("he is there still");
        assert_eq!(bob.standing().status(now), Status::Locked);
    }
    assert!(last > 0, "it was killed before anything was moved");
    let mut child = child(test, folder.path(), now);
    let said: Vec<String> = lines(&mut child).collect();
    assert!(child.wait().expect("ends").success(), "{said:?}");
    assert_eq!(said.last().map(String::as_str), Some("done"));
    assert_eq!(app.number(WRONG).await, 0);
    assert_eq!(app.number("SELECT SUM(moves) FROM deals").await, chosen);
    let (admin, directory) = admin_at(folder.path(), now).await;
    let done = admin
        .deletion(&cli(), 1.try_into().expect("a number"))
        .await
        .expect("there");
    assert_eq!(done.state, DeletionState::Done);
    assert_eq!(done.moved(), chosen as u64, "what is told is what was moved");
    let bob = admin
        .record(2.try_into().expect("a number"))
        .await
        .expect("answers");
    assert_eq!(bob.expect("a record").lifecycle, Lifecycle::Deleted);
    assert!(directory.verify_audit().await.expect("answers").is_ok());
}
