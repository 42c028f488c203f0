//! What is promised of the SQLite files beyond what every store does.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};
use std::time::Duration;

use portcullis::domain::attempts::{Outcome, Reservation, Settled};
use portcullis::domain::event::{Action, Note};
use portcullis::domain::login::TypedLogin;
use portcullis::domain::time::Clock;
use portcullis::store::keyring::AttemptKey;
use portcullis::store::sql::{SqlAttempts, SqlDirectory};
use portcullis::store::{AttemptStore, Directory, SessionStore, StoreError};
use portcullis::{LockoutPolicy, Portcullis};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Row, SqliteConnection};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::{add, counter, edit, folder, new_session, noon, note, person};

/// A connection of somebody else: an operator, another program, a thief.
pub(super) async fn outsider(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file);
    options.connect().await.expect("a connection")
}

pub(super) async fn run(conn: &mut SqliteConnection, sql: &str) -> u64 {
    let done = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(conn).await;
    done.expect("runs").rows_affected()
}

fn key(login: &str) -> AttemptKey {
    portcullis::store::keyring::Keyring::new(&[1; 32]).attempt_key(&TypedLogin::new(login))
}

#[tokio::test]
async fn another_handle_sees_changes_and_the_hint_moves() {
    let folder = folder();
    let file = folder.path().join("accounts.db");
    let ours = SqlDirectory::open(&file).await.expect("opens");
    let theirs = SqlDirectory::open(&file).await.expect("opens twice");
    let alice = add(&ours, person("alice")).await;
    assert_eq!(theirs.account(alice.id).await.expect("answers"), Some(alice.clone()));

    let hint = async || {
        ours.change_hint()
            .await
            .expect("answers")
            .expect("a number")
    };
    let quiet = hint().await;
    ours.account(alice.id).await.expect("answers");
    theirs.feed_head().await.expect("answers");
    assert_eq!(hint().await, quiet, "reading changes nothing");
    edit(&theirs, alice.id, |account| account.admin = true).await;
    let moved = hint().await;
    assert_ne!(moved, quiet, "somebody else wrote");
    edit(&ours, alice.id, |account| account.admin = false).await;
    assert_ne!(hint().await, moved, "this handle wrote");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handles_that_write_at_once_share_one_chain() {
    let folder = folder();
    let file = folder.path().join("accounts.db");
    let mut writers = Vec::new();
    for handle in 0..4 {
        let file = file.clone();
        writers.push(tokio::spawn(async move {
            let directory = SqlDirectory::open(file).await.expect("opens");
            for n in 0..10 {
                add(&directory, person(&format!("p{handle}.{n}"))).await;
            }
        }));
    }
    for writer in writers {
        writer.await.expect("a writer");
    }
    let directory = SqlDirectory::open(file).await.expect("opens");
    assert_eq!(directory.verify_audit().await.expect("answers"), Ok(40));
}

#[tokio::test]
async fn alterations_of_the_audit_log_are_found() {
    let cases = [
        ("UPDATE audit SET actor = 'cli:eve' WHERE position = 3", 3),
        ("UPDATE audit SET reason = 'x' WHERE position = 1", 1),
        ("UPDATE audit SET at = at + 1 WHERE position = 5", 5),
        ("UPDATE audit SET action = 'account.opened' WHERE position = 2", 2),
        ("UPDATE audit SET account = -1 WHERE position = 4", 4),
        ("DELETE FROM audit WHERE position = 2", 2),
        ("DELETE FROM audit WHERE position = 5", 5),
        ("DELETE FROM audit", 1),
        ("UPDATE audit SET position = 9 WHERE position = 3", 3),
        (
            "UPDATE audit SET link = (SELECT link FROM audit WHERE position = 1) \
          WHERE position = 4",
            4,
        ),
        (
            "INSERT INTO audit SELECT 6, at, actor, action, account, reason, origin, \
          state_before, state_after, link FROM audit WHERE position = 5",
            6,
        ),
        ("UPDATE heads SET position = 4 WHERE stream = 0", 5),
        ("UPDATE heads SET link = 'x' WHERE stream = 0", 5),
    ];
    let folder = folder();
    let file = folder.path().join("accounts.db");
    let directory = SqlDirectory::open(&file).await.expect("opens");
    for n in 0..5 {
        add(&directory, person(&format!("p{n}"))).await;
    }
    directory.close().await;
    for (alteration, position) in cases {
        let copy = folder.path().join("copy.db");
        std::fs::copy(&file, &copy).expect("copies");
        std::fs::copy(folder.path().join("accounts.db.key"), folder.path().join("copy.db.key"))
            .expect("copies");
        assert!(run(&mut outsider(&copy).await, alteration).await > 0, "{alteration}");
        let altered = SqlDirectory::open(&copy).await.expect("opens");
        let found = altered.verify_audit().await.expect("answers");
        assert_eq!(found.map_err(|broken| broken.position), Err(position), "{alteration}");
        altered.close().await;
    }
}

/// A person's own sign-out is told by the feed, which keeps who did it, and takes no
/// place in the chain.
#[tokio::test]
async fn own_sign_outs_stay_out_of_the_audit_chain() {
    let folder = folder();
    let file = folder.path().join("accounts.db");
    let directory = SqlDirectory::open_with_clock(&file, Clock::manual(noon())).await;
    let directory = directory.expect("opens");
    let alice = add(&directory, person("alice")).await;
    for (number, actor, records) in [(1, format!("user:{}", alice.id), 1), (2, "user:99".into(), 2)]
    {
        let new = new_session(alice.id, number);
        directory
            .open_session(new)
            .await
            .expect("writes")
            .expect("may sign in");
        let note = Note { actor: actor.clone(), ..note(Action::SessionEnded) };
        let id = super::key(number).id();
        directory
            .end_session(id, note)
            .await
            .expect("writes")
            .expect("a session");
        assert_eq!(directory.verify_audit().await.expect("answers"), Ok(records), "{actor}");
        let kept = "SELECT COUNT(*) FROM session_feed WHERE session = $1 AND actor = $2";
        let kept = sqlx::query(kept).bind(id.to_string()).bind(&actor);
        let kept = kept
            .fetch_one(&mut outsider(&file).await)
            .await
            .expect("answers");
        assert_eq!(kept.get::<i64, _>(0), 1, "{actor}");
    }
}

/// An attempt store that can't write at all does not make an administrator wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_guesses_does_not_delay_a_lock() {
    let folder = folder();
    let file = folder.path().join("accounts.db");
    let directory = SqlDirectory::open(&file).await.expect("opens");
    let alice = add(&directory, person("alice")).await;
    let mut hold = outsider(&folder.path().join("accounts.attempts.db")).await;
    run(&mut hold, "BEGIN IMMEDIATE").await;
    let flood: Vec<_> = (0..200)
        .map(|n| {
            let attempts = directory.attempts();
            tokio::spawn(async move {
                let policy = LockoutPolicy::balanced();
                attempts
                    .reserve(&[counter(key(&format!("p{n}")), &policy, 0)])
                    .await
            })
        })
        .collect();
    let lock = edit(&directory, alice.id, |account| account.admin = true);
    tokio::time::timeout(Duration::from_secs(3), lock)
        .await
        .expect("no waiting for guesses");
    assert!(flood.iter().all(|guess| !guess.is_finished()), "the flood was still waiting");
    run(&mut hold, "COMMIT").await;
    for guess in flood {
        let reservation = guess.await.expect("ends").expect("answers");
        assert!(matches!(reservation, Reservation::Granted(_)), "{reservation:?}");
    }
}

/// Two gateways, one account: the limit is the limit of both together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handles_that_count_at_once_share_the_limit() {
    let folder = folder();
    let file = folder.path().join("attempts.db");
    let policy = LockoutPolicy::after(70).build().expect("a policy");
    let mut guesses = Vec::new();
    for _ in 0..2 {
        let attempts = SqlAttempts::open(&file, Default::default())
            .await
            .expect("opens");
        for _ in 0..100 {
            let (attempts, policy) = (attempts.clone(), policy.clone());
            guesses.push(tokio::spawn(async move {
                // Each is answered by itself, so that the handles take turns.
                let reservation = attempts.reserve(&[counter(key("alice"), &policy, 0)]).await;
                matches!(reservation.expect("answers"), Reservation::Granted(_))
            }));
        }
    }
    let mut granted = 0;
    for guess in guesses {
        granted += u32::from(guess.await.expect("ends"));
    }
    assert_eq!(granted, 70);
}

#[tokio::test]
async fn refused_guesses_write_nothing() {
    let folder = folder();
    let file = folder.path().join("attempts.db");
    let attempts = SqlAttempts::open(&file, Default::default())
        .await
        .expect("opens");
    let policy = LockoutPolicy::balanced();
    let mut outsider = outsider(&file).await;
    let mut writes = async || {
        let row = sqlx::query("PRAGMA data_version")
            .fetch_one(&mut outsider)
            .await;
        row.expect("answers").get::<i64, _>(0)
    };
    let before = writes().await;
    for _ in 0..5 {
        let reservation = attempts
            .reserve(&[counter(key("alice"), &policy, 0)])
            .await
            .expect("answers");
        let Reservation::Granted(tickets) = reservation else { panic!("{reservation:?}") };
        let settled = attempts
            .settle(&[counter(key("alice"), &policy, 0)], &tickets, Outcome::Failed(None))
            .await;
        settled.expect("answers");
    }
    let locked = writes().await;
    assert_ne!(locked, before);
    for _ in 0..50 {
        let refused = attempts
            .reserve(&[counter(key("alice"), &policy, 0)])
            .await
            .expect("answers");
        assert!(matches!(refused, Reservation::LockedOut { .. }), "{refused:?}");
    }
    assert_eq!(writes().await, locked);
}

#[tokio::test]
async fn what_was_given_back_leaves_no_row() {
    let folder = folder();
    let file = folder.path().join("attempts.db");
    let attempts = SqlAttempts::open(&file, Default::default())
        .await
        .expect("opens");
    let policy = LockoutPolicy::balanced();
    let mut outsider = outsider(&file).await;
    let mut rows = async || {
        let row = sqlx::query("SELECT count(*) FROM attempts")
            .fetch_one(&mut outsider)
            .await;
        row.expect("answers").get::<i64, _>(0)
    };
    let guess = async |login: &str, outcome| {
        let counter = [counter(key(login), &policy, 0)];
        let reservation = attempts.reserve(&counter).await;
        let Ok(Reservation::Granted(tickets)) = reservation else { panic!("{reservation:?}") };
        let settled = attempts.settle(&counter, &tickets, outcome).await;
        settled.expect("answers").remove(0)
    };
    for n in 0..20 {
        guess(&format!("nobody{n}"), Outcome::Released).await;
        guess(&format!("somebody{n}"), Outcome::Succeeded).await;
    }
    assert_eq!(rows().await, 0);
    guess("alice", Outcome::Failed(None)).await;
    guess("alice", Outcome::Released).await;
    assert_eq!(rows().await, 1, "a failure is kept");
    assert_eq!(guess("alice", Outcome::Failed(None)).await, Settled::Recorded { remaining: 3 });
    guess("alice", Outcome::Succeeded).await;
    assert_eq!(rows().await, 0);
}

/// The record of one account is damaged: the others' guesses go on, also beside it.
#[tokio::test]
async fn one_damaged_record_is_one_accounts_trouble() {
    let folder = folder();
    let file = folder.path().join("attempts.db");
    let attempts = SqlAttempts::open(&file, Default::default())
        .await
        .expect("opens");
    let policy = LockoutPolicy::balanced();
    let mut tickets = Vec::new();
    for login in ["alice", "bob"] {
        let reservation = attempts
            .reserve(&[counter(key(login), &policy, 0)])
            .await
            .expect("answers");
        let Reservation::Granted(granted) = reservation else { panic!("{reservation:?}") };
        tickets.push(granted);
    }
    let alice = key("alice").to_hex();
    let damage = format!("UPDATE attempts SET record = '{{}}' WHERE key = '{alice}'");
    run(&mut outsider(&file).await, &damage).await;
    let [for_alice, for_bob] = ["alice", "bob"].map(|login| [counter(key(login), &policy, 0)]);
    let (alice, bob) = tokio::join!(
        attempts.settle(&for_alice, &tickets[0], Outcome::Failed(None)),
        attempts.settle(&for_bob, &tickets[1], Outcome::Failed(None)),
    );
    assert!(matches!(alice, Err(StoreError::Damaged { .. })), "{alice:?}");
    assert_eq!(bob.expect("answers"), [Settled::Recorded { remaining: 4 }]);
}

/// Whoever called has gone away, at any moment: the change happened whole or not at
/// all, and the next one is not in its way.
#[tokio::test]
async fn dropped_calls_leave_the_store_whole() {
    let folder = folder();
    let directory = Arc::new(
        SqlDirectory::open(folder.path().join("a.db"))
            .await
            .expect("opens"),
    );
    let alice = add(&*directory, person("alice")).await;
    let mut cut_off = 0;
    for polls in 0..60 {
        let mut call = Box::pin(edit(&*directory, alice.id, |account| account.name.push('x')));
        // Asks without waiting to be woken, and goes away in the middle.
        let mut cx = Context::from_waker(Waker::noop());
        let mut done = false;
        for _ in 0..=polls * polls {
            done |= call.as_mut().poll(&mut cx).is_ready();
            if done {
                break;
            }
            std::thread::yield_now();
        }
        cut_off += u32::from(!done);
        drop(call);
        let set = directory.set_setting("n", polls.to_string(), note(Action::SettingChanged));
        set.await.expect("the next one works");
        let account = directory
            .account(alice.id)
            .await
            .expect("answers")
            .expect("an account");
        let changes = account.version.get() - alice.version.get();
        assert_eq!(account.name.len() as u64, changes);
        let expected = 1 + changes + polls + 1;
        assert_eq!(directory.verify_audit().await.expect("answers"), Ok(expected));
    }
    // How many depends on how busy the machine is; who asks once gets no answer yet.
    assert!(cut_off > 0, "no call was cut off");
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;

    let folder = folder();
    let directory = SqlDirectory::open(folder.path().join("accounts.db"))
        .await
        .expect("opens");
    add(&directory, person("alice")).await;
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder.path()).expect("a folder") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("a file").permissions().mode() & 0o777;
        names.push(entry.file_name().into_string().expect("UTF-8"));
        assert_eq!(mode, 0o600, "{names:?}");
    }
    for name in ["accounts.db", "accounts.db.key", "accounts.db-wal", "accounts.attempts.db"] {
        assert!(names.iter().any(|found| found == name), "{name} is not among {names:?}");
    }
}

#[tokio::test]
async fn odd_paths_are_taken_as_they_are() {
    let folder = folder();
    for name in ["a b.db", "a?mode=ro", "100%25#x.db", "ünï", ":memory:"] {
        let directory = SqlDirectory::open(folder.path().join(name))
            .await
            .expect(name);
        add(&directory, person("alice")).await;
        assert!(folder.path().join(name).metadata().expect(name).len() > 0, "{name}");
    }
}

/// Counts the lines that are logged.
struct Lines(Arc<AtomicUsize>);

impl Subscriber for Lines {
    fn enabled(&self, line: &Metadata<'_>) -> bool {
        line.target().starts_with("portcullis") && *line.level() <= Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn a_lost_feed_does_not_flood_the_log() {
    let lines = Arc::new(AtomicUsize::new(0));
    let _logged = tracing::subscriber::set_default(Lines(Arc::clone(&lines)));
    let folder = folder();
    let directory = SqlDirectory::open(folder.path().join("accounts.db")).await;
    let directory = Arc::new(directory.expect("a new directory"));
    let gate = Portcullis::builder().shared_directory(directory.clone());
    let _gate = gate.build().await.expect("a gate");
    directory.close().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let lines = lines.load(Ordering::SeqCst);
    assert!((1..=5).contains(&lines), "{lines} lines in a second");
}
