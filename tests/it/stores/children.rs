//! What needs a process of its own: crashes, other users, full disks.
//!
//! A child is this test binary, running the test that started it with a place to work
//! on in its environment. It says on its standard output what it was answered.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use portcullis::LockoutPolicy;
use portcullis::admin::{Actor, Admin, BulkChange, BulkRequest, LockWish, Selection};
use portcullis::domain::attempts::{Budget, Reservation};
use portcullis::domain::lock::End;
use portcullis::domain::login::{Login, TypedLogin};
use portcullis::store::sql::SqlDirectory;
use portcullis::store::{AttemptStore, Directory, NewAccount, RunId, RunState, StoreError};

use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{add, admin_lock, counter, edit, folder, person};

const PLACE: &str = "PORTCULLIS_TEST_PLACE";
const SAYS: &str = "child: ";

fn place() -> Option<std::path::PathBuf> {
    std::env::var_os(PLACE).map(Into::into)
}

fn say(what: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{SAYS}{what}")
        .and_then(|()| out.flush())
        .expect("somebody listens");
}

/// Starts the child, `before` which a program may stand that starts it differently.
fn child(before: &[&str], test: &str, place: &Path) -> Child {
    let this = std::env::current_exe().expect("a path");
    let this = this.to_str().expect("UTF-8");
    let test = format!("stores::children::{test}");
    let line: Vec<&str> = before
        .iter()
        .copied()
        .chain([this, &test, "--exact", "--nocapture"])
        .collect();
    let mut command = Command::new(line[0]);
    command.args(&line[1..]).env(PLACE, place);
    command
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("starts")
}

/// What the child says, until it ends.
fn lines(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let out = BufReader::new(child.stdout.take().expect("a pipe"));
    let lines = out.lines().map_while(Result::ok);
    lines.filter_map(|line| line.split_once(SAYS).map(|(_, said)| said.to_owned()))
}

async fn lock_until_killed(place: &Path) {
    let directory = SqlDirectory::open(place.join("accounts.db"))
        .await
        .expect("opens");
    let policy = LockoutPolicy::balanced();
    for n in 0.. {
        let login = format!("p{}.{n}", std::process::id());
        let account = add(&directory, person(&login)).await;
        edit(&directory, account.id, |account| {
            account.locks.admin_lock = Some(admin_lock(End::Never));
        })
        .await;
        let key = directory.keyring().attempt_key(&TypedLogin::new(&login));
        let reserved = directory
            .attempts()
            .reserve(&[counter(key, &policy, 0)])
            .await
            .expect("answers");
        assert!(matches!(reserved, Reservation::Granted(_)), "{reserved:?}");
        say(&login);
    }
}

/// Killed three times while it writes, at moments that differ.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answered_lock_survives_a_kill() {
    if let Some(place) = place() {
        return lock_until_killed(&place).await;
    }
    let folder = folder();
    let mut answered = Vec::new();
    for round in 1..=3 {
        let mut child = child(&[], "every_answered_lock_survives_a_kill", folder.path());
        let mut said = lines(&mut child);
        answered.extend(said.by_ref().take(17 * round));
        child.kill().expect("kills");
        answered.extend(said);
        child.wait().expect("is dead");
    }
    assert!(answered.len() >= 17 * 6, "{}", answered.len());
    let directory = SqlDirectory::open(folder.path().join("accounts.db"))
        .await
        .expect("opens");
    for login in &answered {
        let typed = TypedLogin::from(&Login::new(login).expect("a login"));
        let found = directory.resolve(typed.clone()).await.expect("answers");
        let found = found.unwrap_or_else(|| panic!("{login} is gone"));
        assert!(found.locks.admin_lock.is_some(), "{login} is open again");
        let key = directory.keyring().attempt_key(&typed);
        let budget = directory
            .attempts()
            .budget(&[counter(key, &LockoutPolicy::balanced(), 0)])
            .await;
        assert_eq!(budget.expect("answers"), Budget::Open { remaining: 4 }, "{login}");
    }
    let records = directory
        .verify_audit()
        .await
        .expect("answers")
        .expect("a whole chain");
    assert!(records >= 2 * answered.len() as u64);
}

async fn lock_everybody_until_killed(place: &Path) {
    let directory = SqlDirectory::open(place.join("accounts.db")).await;
    let admin = Admin::new(Arc::new(directory.expect("opens")));
    let host = Actor::Cli { user: "root".to_owned() };
    // Whoever comes first begins; the others go on as soon as nobody holds the run.
    let runs = admin.runs(&host, None, 1).await.expect("answers");
    let run = match runs.into_iter().next() {
        Some(run) => run,
        None => {
            let locked = LockWish::Yes { until: None, reason: None };
            let change = BulkChange { locked, ..BulkChange::default() };
            let request = BulkRequest { selection: Selection::Search(Vec::new()), change };
            admin.begin_bulk(&host, request).await.expect("begun")
        }
    };
    let done = admin
        .finish_run(run.id, |run| say(&run.counts.changed.to_string()))
        .await;
    assert_eq!(done.expect("finished").state, RunState::Finished);
    say("finished");
}

/// Killed twice in the middle; the third goes on to the end. Whatever was done is done
/// once, and what was told is so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_was_killed_is_done_once() {
    const PEOPLE: u64 = 600;
    if let Some(place) = place() {
        return lock_everybody_until_killed(&place).await;
    }
    let folder = folder();
    let file = folder.path().join("accounts.db");
    let directory = SqlDirectory::open(&file).await.expect("opens");
    for n in 0..PEOPLE {
        add(&directory, person(&format!("p{n}"))).await;
    }
    let mut told = 0;
    for _ in 0..2 {
        let mut child = child(&[], "a_run_that_was_killed_is_done_once", folder.path());
        let mut said = lines(&mut child);
        let first = said.find(|said| said.parse::<u64>().is_ok_and(|changed| changed > told));
        child.kill().expect("kills");
        child.wait().expect("is dead");
        let all = first.into_iter().chain(said);
        told = all
            .filter_map(|said| said.parse().ok())
            .max()
            .unwrap_or(told);
        let run = directory
            .runs()
            .run(RunId::new(1))
            .await
            .expect("answers")
            .expect("begun");
        assert!(run.counts.changed >= told && run.state == RunState::Running, "{run:?}");
        assert!(told > 0 && told < PEOPLE, "it was not killed in the middle: {told}");
        // As if the time had passed for which it is held.
        let stopped = [RunState::Running];
        let runs = directory.runs();
        let free = runs
            .turn_run(run.id, &stopped, RunState::Running, None)
            .await;
        assert!(free.expect("answers").is_some());
    }
    let mut last = child(&[], "a_run_that_was_killed_is_done_once", folder.path());
    assert!(lines(&mut last).any(|said| said == "finished"));
    last.wait().expect("ends");
    let run = directory
        .runs()
        .run(RunId::new(1))
        .await
        .expect("answers")
        .expect("begun");
    assert_eq!((run.counts.changed, run.counts.decided()), (PEOPLE, PEOPLE));
    for id in 1..=i64::try_from(PEOPLE).expect("a number") {
        let id = id.try_into().expect("a number");
        let account = directory
            .account(id)
            .await
            .expect("answers")
            .expect("there");
        assert_eq!(account.version.get(), 2, "once: {account:?}");
        assert!(account.locks.admin_lock.is_some());
    }
    let records = directory
        .verify_audit()
        .await
        .expect("answers")
        .expect("a whole chain");
    assert_eq!(records, 2 * PEOPLE + 1, "one record for each, and one for the run");
}

/// Counts the statements that this process has sent to its databases.
struct Statements(Arc<AtomicUsize>);

impl Subscriber for Statements {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "sqlx::query"
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

async fn count_statements(place: &Path) {
    let counted = Arc::new(AtomicUsize::new(0));
    tracing::subscriber::set_global_default(Statements(Arc::clone(&counted))).expect("the first");
    let directory = SqlDirectory::open(place.join("accounts.db")).await;
    let directory = directory.expect("opens");
    for people in [16, 256] {
        let mut items = Vec::new();
        for position in 1..=people {
            let account = add(&directory, person(&format!("p{people}.{position}"))).await;
            items.push((position, Some(account.id)));
        }
        let before = counted.load(Ordering::SeqCst);
        super::runs::lock_in_one_step(&directory, &items).await;
        say(&(counted.load(Ordering::SeqCst) - before).to_string());
    }
}

/// A statement writes what comes of many. In a process of its own, as statements are
/// logged by threads of the driver.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_of_many_takes_few_statements() {
    if let Some(place) = place() {
        return count_statements(&place).await;
    }
    let folder = folder();
    let mut child = child(&[], "a_step_of_many_takes_few_statements", folder.path());
    let counts: Vec<usize> = lines(&mut child)
        .filter_map(|said| said.parse().ok())
        .collect();
    assert!(child.wait().expect("ends").success());
    let [few, many] = counts[..] else { panic!("it said {counts:?}") };
    assert!(few >= 8, "statements are not counted: {few}");
    assert!(many <= few + 240 / 8, "{few} for 16 people, {many} for 256");
}

/// Four programs start at once where there is nothing yet: they agree on everything.
#[tokio::test]
async fn programs_that_start_at_once_agree() {
    let folder = folder();
    let mut children: Vec<Child> = (0..4)
        .map(|_| child(&[], "every_answered_lock_survives_a_kill", folder.path()))
        .collect();
    let mut said: Vec<_> = children.iter_mut().map(lines).collect();
    for said in &mut said {
        assert_eq!(said.take(3).count(), 3, "it could not work");
    }
    for mut child in children {
        child.kill().expect("kills");
        child.wait().expect("is dead");
    }
    let directory = SqlDirectory::open(folder.path().join("accounts.db"))
        .await
        .expect("opens");
    let records = directory
        .verify_audit()
        .await
        .expect("answers")
        .expect("one chain");
    assert!(records >= 4 * 3 * 2);
}

async fn try_to_open(place: &Path) {
    match SqlDirectory::open(place.join("accounts.db")).await {
        Ok(_) => say("opened"),
        Err(StoreError::ReadOnly { what, .. }) => say(&format!("read-only {what}")),
        Err(error) => say(&format!("{error:?}")),
    }
}

/// As a user without rights, for root may do everything: first the files can't be
/// written, then the folder that SQLite's log goes to.
#[cfg(unix)]
#[tokio::test]
async fn what_another_user_owns_is_read_only() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    if let Some(place) = place() {
        return try_to_open(&place).await;
    }
    let folder = folder();
    let file = folder.path().join("accounts.db");
    let directory = SqlDirectory::open(&file).await.expect("opens");
    add(&directory, person("alice")).await;
    directory.close().await;
    let root = fs::metadata(&file).expect("a file").uid() == 0;
    let nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    let before: &[&str] = if root { &nobody } else { &[] };
    let chmod = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
    };
    for (of_files, of_folder) in [(0o444, 0o755), (0o666, 0o555)] {
        for entry in fs::read_dir(folder.path()).expect("a folder") {
            chmod(&entry.expect("an entry").path(), of_files);
        }
        chmod(folder.path(), of_folder);
        let mut child = child(before, "what_another_user_owns_is_read_only", folder.path());
        let said: Vec<String> = lines(&mut child).collect();
        child.wait().expect("ends");
        chmod(folder.path(), 0o755);
        let expected = format!("read-only {}", file.display());
        assert_eq!(said, [expected], "files {of_files:o}, folder {of_folder:o}");
    }
    let directory = SqlDirectory::open(&file).await.expect("opens");
    assert_eq!(directory.verify_audit().await.expect("answers"), Ok(1), "nothing was lost");
}

async fn fill_the_disk(place: &Path) {
    let ballast = place.join("ballast");
    fs::write(&ballast, vec![7; 1 << 20]).expect("writes");
    let directory = SqlDirectory::open(place.join("accounts.db"))
        .await
        .expect("opens");
    let mut made = Vec::new();
    let full = loop {
        let name = "x".repeat(50_000);
        let new = NewAccount { name, ..person(&format!("p{}", made.len())) };
        match directory
            .create(new, super::note(portcullis::domain::event::Action::AccountCreated))
            .await
        {
            Ok(account) => made.push(account),
            Err(error) => break error,
        }
    };
    say(&format!("{} {full:?}", made.len()));
    for account in &made {
        let found = directory.account(account.id).await.expect("reads go on");
        assert_eq!(found.as_ref(), Some(account));
    }
    fs::remove_file(ballast).expect("frees some space");
    add(&directory, person("after")).await;
    let records = directory
        .verify_audit()
        .await
        .expect("answers")
        .expect("a whole chain");
    assert_eq!(records, made.len() as u64 + 1);
    say("went on");
}

/// On a small disk of the child's own, which goes away with it.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_full_disk_loses_nothing() {
    if let Some(place) = place() {
        return fill_the_disk(&place).await;
    }
    let folder = folder();
    let script = format!(
        "mount -t tmpfs -o size=3m none '{}' && exec \"$0\" \"$@\"",
        folder.path().display()
    );
    let mut own_disk = vec!["unshare", "--mount", "--map-root-user", "sh", "-c"];
    let may = Command::new(own_disk[0])
        .args(&own_disk[1..])
        .arg("true")
        .status();
    if !may.is_ok_and(|status| status.success()) {
        eprintln!("not tested: no disks can be mounted here");
        return;
    }
    own_disk.push(&script);
    let mut child = child(&own_disk, "a_full_disk_loses_nothing", folder.path());
    let said: Vec<String> = lines(&mut child).collect();
    assert!(child.wait().expect("ends").success(), "{said:?}");
    let [full, went_on] = &said[..] else { panic!("{said:?}") };
    assert!(full.contains("Full") && full.contains("accounts.db"), "{full}");
    assert!(!full.starts_with("0 "), "nothing had been written: {full}");
    assert_eq!(went_on, "went on");
}
