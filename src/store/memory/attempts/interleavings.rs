//! Every interleaving of those who reserve, settle and look while time and unlocks
//! go on, walked by loom: nobody waits for ever, and what several counters count
//! they count together or not at all.
//!
//! Compiled only with `--cfg portcullis_loom`, which `tests/run` sets.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use loom::thread;

use super::*;
use crate::domain::attempts::Scope;
use crate::domain::counting::Counting;
use crate::domain::login::TypedLogin;
use crate::domain::policy::LockoutPolicy;
use crate::store::keyring::Keyring;

const LOCKED_FOR: Duration = Duration::from_secs(300);

/// Two counters in two shards, each with so many guesses.
struct Two {
    store: SingleProcessAttempts,
    clock: Clock,
    counters: [Counter; 2],
}

impl Two {
    fn with(guesses: u32) -> Arc<Self> {
        let counting = Counting::after(guesses).lasting(LOCKED_FOR);
        let policy = LockoutPolicy::builder().by_account(counting).build();
        let policy = policy.expect("a policy");
        let counter = |login: &str| {
            let key = Keyring::new(&[7; 32]).attempt_key(&TypedLogin::new(login));
            let rules = Arc::clone(policy.by_account().expect("it counts"));
            Counter { key, rules, generation: 0, scope: Scope::Own }
        };
        let first = counter("p0");
        let second = (1..).map(|n| counter(&format!("p{n}")));
        let second = second
            .into_iter()
            .find(|second| shard_of(second) != shard_of(&first))
            .expect("another shard");
        let clock = Clock::manual(Timestamp::from_secs(1_000));
        let store = SingleProcessAttempts::new(clock.clone());
        Arc::new(Self { store, clock, counters: [first, second] })
    }

    fn reserve(&self, counters: &[Counter]) -> Option<Vec<Ticket>> {
        let answer = self.store.reserve(counters).now_or_never();
        match answer.expect("at once").expect("there is room") {
            Reservation::Granted(tickets) => Some(tickets),
            _ => None,
        }
    }

    fn fail(&self, counters: &[Counter]) -> bool {
        let Some(tickets) = self.reserve(counters) else { return false };
        self.settle(counters, &tickets, Outcome::Failed(None));
        true
    }

    fn settle(&self, counters: &[Counter], tickets: &[Ticket], outcome: Outcome) -> Vec<Settled> {
        let answer = self.store.settle(counters, tickets, outcome).now_or_never();
        answer.expect("at once").expect("it answers")
    }

    fn left(&self, counter: &Counter) -> u32 {
        let answer = self
            .store
            .budget(std::slice::from_ref(counter))
            .now_or_never();
        match answer.expect("at once").expect("it answers") {
            Budget::Open { remaining } => remaining,
            Budget::LockedOut(_) => 0,
        }
    }
}

#[test]
fn loom_counters_in_any_order_are_counted_together() {
    loom::model(|| {
        let two = Two::with(3);
        let other = {
            let two = Arc::clone(&two);
            thread::spawn(move || {
                let [a, b] = two.counters.clone();
                assert!(two.fail(&[b, a]), "there are three guesses");
            })
        };
        assert!(two.fail(&two.counters), "there are three guesses");
        other.join().expect("the other");
        assert_eq!(two.counters.each_ref().map(|counter| two.left(counter)), [1, 1]);
    });
}

/// One guess, and two who want it from both counters: one of them has it, and the
/// other takes nothing from either.
#[test]
fn loom_of_two_who_want_the_last_guess_one_gets_it() {
    loom::model(|| {
        let two = Two::with(1);
        let other = {
            let two = Arc::clone(&two);
            thread::spawn(move || {
                let [a, b] = two.counters.clone();
                two.reserve(&[b, a]).is_some()
            })
        };
        let mine = two.reserve(&two.counters).is_some();
        let theirs = other.join().expect("the other");
        assert!(mine != theirs, "mine {mine}, theirs {theirs}");
    });
}

/// What one counter refuses takes nothing from the other, at any moment.
#[test]
fn loom_what_is_refused_is_counted_nowhere() {
    loom::model(|| {
        let two = Two::with(1);
        let locks = {
            let two = Arc::clone(&two);
            thread::spawn(move || two.fail(&two.counters[..1]))
        };
        let both = two.reserve(&two.counters).is_some();
        let alone = locks.join().expect("whoever locks");
        assert!(both != alone);
        assert_eq!(two.left(&two.counters[1]), u32::from(!both));
    });
}

#[test]
fn loom_a_settle_beside_an_unlock_counts_in_one_life_alone() {
    loom::model(|| {
        let two = Two::with(2);
        let tickets = two.reserve(&two.counters).expect("a guess");
        let late = {
            let two = Arc::clone(&two);
            thread::spawn(move || two.settle(&two.counters, &tickets, Outcome::Failed(None)))
        };
        // Whoever comes after the unlock brings the new generation along.
        let unlocked = two.counters.clone().map(|c| Counter { generation: 1, ..c });
        let anew = two.reserve(&unlocked).expect("an unlock gives all back");
        late.join().expect("whoever is late");
        assert_eq!(unlocked.each_ref().map(|counter| two.left(counter)), [1, 1]);
        two.settle(&unlocked, &anew, Outcome::Succeeded);
        assert_eq!(unlocked.each_ref().map(|counter| two.left(counter)), [2, 2]);
    });
}

#[test]
fn loom_a_lockout_that_ends_is_over_for_all_counters_at_once() {
    loom::model(|| {
        let two = Two::with(1);
        assert!(two.fail(&two.counters));
        let time = {
            let two = Arc::clone(&two);
            thread::spawn(move || {
                let early = two.reserve(&two.counters);
                two.clock.advance(LOCKED_FOR);
                (early, two.reserve(&two.counters))
            })
        };
        let mine = two.reserve(&two.counters);
        let (early, late) = time.join().expect("time passes");
        assert!(early.is_none() || mine.is_none(), "one guess");
        assert!(mine.is_some() != late.is_some(), "one guess after the lockout");
    });
}
