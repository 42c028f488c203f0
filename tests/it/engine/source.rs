//! Accounts of another system, which says their standing when it is asked and may
//! push changes.

use std::collections::HashMap;
use std::sync::Mutex;

use http::request::Parts;
use portcullis::domain::standing::{Generation, Version};
use portcullis::{AccountKey, OnStale, SessionClaim, Standing, StatusSource};
use tokio::sync::Barrier;

use super::faulty::Mood;
use super::*;

const REFRESH: Duration = Duration::from_secs(30);
const MAX_STALE: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_micros(1);
const ALICE: AccountKey = AccountKey::integer(7);

/// Another system's table of people.
#[derive(Clone, Default)]
struct Table(Arc<Inner>);

#[derive(Default)]
struct Inner {
    rows: Mutex<HashMap<AccountKey, Standing>>,
    mood: Mutex<Mood>,
    asked: Mutex<usize>,
    /// Met twice by a read: once when it has its answer, once to go on with it.
    gate: Mutex<Option<Arc<Barrier>>>,
}

#[derive(Debug, thiserror::Error)]
#[error("told to fail")]
struct ToldToFail;

impl StatusSource for Table {
    type Error = ToldToFail;

    async fn standing(&self, account: &AccountKey) -> Result<Option<Standing>, ToldToFail> {
        *self.0.asked.lock().expect("not poisoned") += 1;
        let standing = self
            .0
            .rows
            .lock()
            .expect("not poisoned")
            .get(account)
            .cloned();
        let gate = self.0.gate.lock().expect("not poisoned").take();
        if let Some(gate) = gate {
            gate.wait().await;
            gate.wait().await;
        }
        let mood = *self.0.mood.lock().expect("not poisoned");
        match mood {
            Mood::Well => Ok(standing),
            Mood::Failing => Err(ToldToFail),
            Mood::Hanging => std::future::pending().await,
        }
    }
}

impl Table {
    fn store(&self, standing: Standing) {
        self.0
            .rows
            .lock()
            .expect("not poisoned")
            .insert(ALICE, standing);
    }

    fn remove(&self) {
        self.0.rows.lock().expect("not poisoned").remove(&ALICE);
    }

    fn set(&self, mood: Mood) {
        *self.0.mood.lock().expect("not poisoned") = mood;
    }

    fn asked(&self) -> usize {
        *self.0.asked.lock().expect("not poisoned")
    }

    /// The next read stops when it has its answer, until it is met again.
    fn stop_next_read(&self) -> Arc<Barrier> {
        let gate = Arc::new(Barrier::new(2));
        *self.0.gate.lock().expect("not poisoned") = Some(Arc::clone(&gate));
        gate
    }
}

struct Setting {
    table: Table,
    clock: Clock,
    gate: Portcullis,
}

impl Setting {
    /// Alice is active, and in the third generation of her sessions.
    async fn new(describe: impl FnOnce(Builder) -> Builder) -> Self {
        let (table, clock) = (Table::default(), Clock::manual(START));
        table.store(active(1));
        let builder = Portcullis::builder()
            .accounts(table.clone())
            .clock(clock.clone())
            .refresh_every(REFRESH);
        let gate = describe(builder).build().await.expect("a gate");
        Self { table, clock, gate }
    }

    /// A change as an application makes it: stored, then pushed.
    fn change(&self, standing: Standing) {
        self.table.store(standing.clone());
        self.gate.standing_changed(&ALICE, standing);
    }

    async fn sign_in(&self) -> SignedIn {
        self.gate
            .open_session(ALICE, None)
            .await
            .expect("may sign in")
    }
}

const THIRD: Generation = Generation::new(3);

fn active(version: u64) -> Standing {
    Standing::active()
        .at_version(Version::new(version))
        .in_generation(THIRD)
}

fn locked(version: u64) -> Standing {
    Standing::locked()
        .at_version(Version::new(version))
        .in_generation(THIRD)
}

#[tokio::test]
async fn the_source_is_asked_again_in_time() {
    let setting = Setting::new(|b| b).await;
    let session = setting.sign_in().await;
    let asked = setting.table.asked();
    for _ in 0..5 {
        assert!(visit(&setting.gate, &session).await.is_ok());
    }
    assert_eq!(setting.table.asked(), asked + 1);
    setting.table.store(locked(2));
    setting.clock.advance(REFRESH);
    assert!(visit(&setting.gate, &session).await.is_ok(), "the answer is 30 seconds old");
    setting.clock.advance(MOMENT);
    assert!(is_locked(&visit(&setting.gate, &session).await), "a busy account is asked about too");
    assert_eq!(setting.table.asked(), asked + 2);
}

#[tokio::test]
async fn pushed_changes_count_at_once_unless_they_are_old() {
    let setting = Setting::new(|b| b).await;
    let session = setting.sign_in().await;
    assert!(visit(&setting.gate, &session).await.is_ok());
    setting.change(locked(5));
    assert!(is_locked(&visit(&setting.gate, &session).await));
    setting.gate.standing_changed(&ALICE, active(4));
    assert!(is_locked(&visit(&setting.gate, &session).await), "an older one changes nothing");
    setting.gate.standing_changed(&ALICE, active(5));
    assert!(visit(&setting.gate, &session).await.is_ok(), "an equal one takes its place");
    setting.change(locked(6));
    assert!(is_locked(&visit(&setting.gate, &session).await));
    setting.change(active(7).in_generation(Generation::new(4)));
    assert_ended(visit(&setting.gate, &session).await);
}

#[tokio::test]
async fn a_source_that_lags_behind_a_push_is_not_asked_by_every_request() {
    let setting = Setting::new(|b| b).await;
    let session = setting.sign_in().await;
    setting.gate.standing_changed(&ALICE, locked(9));
    assert!(visit(&setting.gate, &session).await.is_ok(), "nobody held the account yet");
    setting.gate.standing_changed(&ALICE, locked(9));
    setting.clock.advance(REFRESH + MOMENT);
    let asked = setting.table.asked();
    for _ in 0..5 {
        assert!(is_locked(&visit(&setting.gate, &session).await), "the replica is behind");
    }
    assert_eq!(setting.table.asked(), asked + 1);
}

#[tokio::test(start_paused = true)]
async fn while_the_source_fails_its_last_word_counts_for_so_long() {
    for mood in [Mood::Failing, Mood::Hanging] {
        let setting = Setting::new(|b| b).await;
        let session = setting.sign_in().await;
        assert!(visit(&setting.gate, &session).await.is_ok());
        setting.table.set(mood);
        setting.clock.advance(REFRESH + MAX_STALE);
        assert!(visit(&setting.gate, &session).await.is_ok());
        setting.clock.advance(MOMENT);
        assert_unknown(visit(&setting.gate, &session).await);
        setting.gate.standing_changed(&ALICE, locked(2));
        assert!(is_locked(&visit(&setting.gate, &session).await), "a known lock");
        setting.gate.standing_changed(&ALICE, active(3));
        setting.table.store(active(3));
        setting.table.set(Mood::Well);
        assert!(visit(&setting.gate, &session).await.is_ok());
    }
}

#[tokio::test]
async fn best_effort_takes_the_last_word_for_as_long_as_it_takes() {
    let setting = Setting::new(|b| b.max_stale(MAX_STALE, OnStale::BestEffort)).await;
    let session = setting.sign_in().await;
    assert!(visit(&setting.gate, &session).await.is_ok());
    setting.table.set(Mood::Failing);
    setting.clock.advance(Duration::from_secs(3600));
    assert!(visit(&setting.gate, &session).await.is_ok());
    let stranger = setting
        .gate
        .open_session(AccountKey::integer(8), None)
        .await;
    assert!(stranger.is_err(), "of whom nothing is known");
}

#[tokio::test]
async fn an_account_that_the_source_does_not_know_is_gone_until_it_is_back() {
    let setting = Setting::new(|b| b).await;
    let session = setting.sign_in().await;
    assert!(visit(&setting.gate, &session).await.is_ok());
    setting.table.remove();
    setting.clock.advance(REFRESH + MOMENT);
    let denial = visit(&setting.gate, &session).await.expect_err("gone");
    assert_eq!(denial.reason(), DenialReason::Deleted);
    assert!(denial.session_is_dead());
    assert_eq!(setting.gate.standing(&ALICE).await, Ok(None));
    let refused = setting
        .gate
        .open_session(ALICE, None)
        .await
        .expect_err("gone");
    assert_eq!(refused.as_str(), "account-deleted");
    // A new row of the same key begins with the first version again.
    setting.table.store(active(1));
    setting.clock.advance(REFRESH + MOMENT);
    let again = setting.sign_in().await;
    assert!(visit(&setting.gate, &again).await.is_ok());
}

/// The read has its answer, then the lock is stored and pushed, then the read
/// brings what it has: with versions that say so, and without any.
#[tokio::test]
async fn a_slow_read_does_not_undo_a_pushed_lock() {
    for version in [0, 2] {
        let setting = Setting::new(|b| b).await;
        setting.table.store(active(0));
        let session = setting.sign_in().await;
        let stop = setting.table.stop_next_read();
        let slow = {
            let (gate, session) = (setting.gate.clone(), session.clone());
            tokio::spawn(async move { visit(&gate, &session).await })
        };
        stop.wait().await;
        setting.change(locked(version));
        let during = {
            let (gate, session) = (setting.gate.clone(), session.clone());
            tokio::spawn(async move { visit(&gate, &session).await })
        };
        stop.wait().await;
        assert!(is_locked(&during.await.expect("it runs")), "it began after the push");
        assert!(is_locked(&slow.await.expect("it runs")));
        assert!(is_locked(&visit(&setting.gate, &session).await));
    }
}

/// A connection that outlives its request asks for itself.
#[tokio::test(start_paused = true)]
async fn a_connection_is_told_of_what_was_not_pushed_when_the_source_is_asked_again() {
    let setting = Setting::new(|b| b).await;
    let me = visit(&setting.gate, &setting.sign_in().await)
        .await
        .expect("signed in");
    let second = Duration::from_secs(1);
    let ended = setting.gate.ended(&me);
    tokio::pin!(ended);
    setting.table.set(Mood::Failing);
    setting.table.store(locked(2));
    for _ in 0..90 {
        setting.clock.advance(second);
        assert!(tokio::time::timeout(second, &mut ended).await.is_err(), "nobody can say");
    }
    setting.table.set(Mood::Well);
    let told = tokio::time::timeout(3 * second, &mut ended)
        .await
        .expect("told");
    assert!(matches!(told.reason(), DenialReason::Locked { .. }));
}

/// Whose request it is stands in the extensions, with or without a generation.
fn claims(builder: Builder) -> Builder {
    builder.sessions_from(|head: &Parts| {
        let claim: Option<SessionClaim> = head.extensions.get().cloned();
        async move { Ok::<_, ToldToFail>(claim) }
    })
}

async fn claim(gate: &Portcullis, claim: SessionClaim) -> Answer {
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.extensions.insert(claim);
    match gate.admit_head(&head) {
        Admission::Pass(account) => Ok(account),
        Admission::Deny(denial) => Err(denial),
        Admission::Look(look) => look.await,
    }
}

#[tokio::test]
async fn a_claim_without_a_generation_lives_on_in_any() {
    let setting = Setting::new(claims).await;
    let visitor = || claim(&setting.gate, SessionClaim::of(ALICE));
    assert!(visitor().await.is_ok(), "also the first, before the account is known");
    setting.change(locked(2).in_generation(Generation::new(4)));
    assert!(is_locked(&visitor().await));
    setting.change(active(3).in_generation(Generation::new(5)));
    let account = visitor()
        .await
        .expect("the application ends its sessions itself");
    assert_eq!(account.generation(), Generation::new(5));
    assert_eq!(account.session_id(), None);
}

#[tokio::test]
async fn a_claim_lives_and_dies_with_its_generation() {
    let setting = Setting::new(claims).await;
    let visitor = |generation| {
        claim(&setting.gate, SessionClaim::of(ALICE).born_in(Generation::new(generation)))
    };
    assert!(visitor(3).await.is_ok());
    assert_ended(visitor(2).await);
    // Signed in after a change that was not pushed: the source is asked again.
    setting
        .table
        .store(active(2).in_generation(Generation::new(4)));
    assert!(visitor(4).await.is_ok());
    assert_ended(visitor(3).await);
    assert_ended(visitor(5).await);
}

#[tokio::test]
async fn a_fault_of_the_application_is_nobodys_end() {
    let setting = Setting::new(|builder| {
        builder.sessions_from(|_: &Parts| async { Err::<Option<SessionClaim>, _>(ToldToFail) })
    });
    assert_unknown(claim(&setting.await.gate, SessionClaim::of(ALICE)).await);
}
