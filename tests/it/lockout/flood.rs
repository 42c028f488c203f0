//! A flood of logins that nobody has: it stays within the memory that counters may
//! take, and no lockout is forgotten.

use std::sync::Arc;
use std::time::Duration;

use portcullis::LockoutPolicy;
use portcullis::domain::attempts::{Budget, Outcome, Reservation, Scope};
use portcullis::domain::login::TypedLogin;
use portcullis::domain::time::{Clock, Timestamp};
use portcullis::store::keyring::Keyring;
use portcullis::store::memory::SingleProcessAttempts;
use portcullis::store::sql::SqlAttempts;
use portcullis::store::{AttemptStore, Counter};

use super::how_many;
use crate::stores::folder;

const MEMORY: usize = 8 * 1024 * 1024;

const LOCKED: u64 = 500;

struct Flood {
    policy: LockoutPolicy,
    keyring: Keyring,
}

impl Flood {
    fn new() -> Self {
        let policy = LockoutPolicy::after(5)
            .failures_within(Duration::from_secs(900))
            .lasting(Duration::from_secs(3600))
            .remembering(3)
            .build();
        Self { policy: policy.expect("a policy"), keyring: Keyring::new(&[7; 32]) }
    }

    fn counter(&self, login: &str) -> [Counter; 1] {
        let key = self.keyring.attempt_key(&TypedLogin::new(login));
        let rules = Arc::clone(self.policy.by_account().expect("it counts"));
        [Counter { key, rules, generation: 0, scope: Scope::Own }]
    }

    /// A wrong password, of which there are several.
    async fn fail(&self, store: &dyn AttemptStore, login: &str, password: &str) {
        let counter = self.counter(login);
        let reservation = store.reserve(&counter).await.expect("there is room");
        let Reservation::Granted(tickets) = reservation else { panic!("{reservation:?}") };
        let guess = self
            .keyring
            .guess(&counter[0].key, Default::default(), "here", password);
        let outcome = Outcome::Failed(Some(guess));
        store
            .settle(&counter, &tickets, outcome)
            .await
            .expect("it answers");
    }

    async fn lock_some_out(&self, store: &dyn AttemptStore) {
        for n in 0..LOCKED {
            for password in ["a", "b", "c", "d", "e"] {
                self.fail(store, &format!("locked{n}"), password).await;
            }
        }
    }

    /// Tries one to four passwords of each login: as heavy as they get without being
    /// locked out.
    async fn come(&self, store: &dyn AttemptStore, logins: u64) {
        for n in 0..logins {
            for password in ["a", "b", "c", "d"].iter().take(1 + n as usize % 4) {
                self.fail(store, &format!("nobody{n}"), password).await;
            }
        }
    }

    async fn all_are_locked_still(&self, store: &dyn AttemptStore) {
        for n in 0..LOCKED {
            let budget = store.budget(&self.counter(&format!("locked{n}"))).await;
            let budget = budget.expect("it answers");
            assert!(matches!(budget, Budget::LockedOut(_)), "locked{n} is open again: {budget:?}");
        }
    }
}

/// The memory that this process holds now.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux has it");
    let pages: Vec<usize> = statm
        .split_whitespace()
        .map(|pages| pages.parse().expect("a number"))
        .collect();
    // Without what is shared with files: the program's own text, which is read in as it runs.
    (pages[1] - pages[2]) * 4096
}

/// 100,000 logins that nobody has, or as many as `PORTCULLIS_FLOOD` says, as here in
/// a process of its own, so that nobody else's memory is measured:
///
/// ```text
/// PORTCULLIS_FLOOD=10000000 cargo test --release --all-features flood_in_memory -- --nocapture
/// ```
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_flood_in_memory_stays_in_bounds_and_forgets_no_lockout() {
    const ALONE: &str = "PORTCULLIS_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let this = std::env::current_exe().expect("a path");
        let test = "lockout::flood::a_flood_in_memory_stays_in_bounds_and_forgets_no_lockout";
        let mut alone = std::process::Command::new(this);
        alone.args([test, "--exact", "--nocapture"]).env(ALONE, "1");
        assert!(alone.status().expect("it runs").success());
        return;
    }
    let (logins, flood) = (how_many("PORTCULLIS_FLOOD", 100_000), Flood::new());
    let store = SingleProcessAttempts::with_memory(Clock::manual(Timestamp::EPOCH), MEMORY);
    flood.lock_some_out(&store).await;
    let before = resident();
    flood.come(&store, logins).await;
    let grown = resident().saturating_sub(before);
    flood.all_are_locked_still(&store).await;
    let (held, a_counter) = (store.len(), grown / store.len());
    println!("{logins} logins: {held} counters, {grown} bytes of {MEMORY}, {a_counter} a counter");
    assert!(grown <= MEMORY, "{grown} bytes for {held} counters");
}

/// A fiftieth of the logins: each guess is two transactions.
#[tokio::test]
async fn a_flood_in_sqlite_stays_in_bounds_and_forgets_no_lockout() {
    let (logins, flood) = (how_many("PORTCULLIS_FLOOD", 100_000) / 50, Flood::new());
    let (folder, rows) = (folder(), 1_500);
    let (file, clock) = (folder.path().join("attempts.db"), Clock::manual(Timestamp::EPOCH));
    let store = SqlAttempts::open_bounded(&file, clock, rows).await;
    let store = store.expect("a new store");
    flood.lock_some_out(&store).await;
    flood.come(&store, logins).await;
    flood.all_are_locked_still(&store).await;
    store.close().await;
    let db = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let db = sqlx::SqlitePool::connect_with(db).await.expect("opens");
    let held: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM attempts")
        .fetch_one(&db)
        .await
        .expect("it answers");
    println!("{logins} logins: {held} rows of {rows}");
    assert!(u64::try_from(held).expect("a count") <= rows, "{held} rows");
}
