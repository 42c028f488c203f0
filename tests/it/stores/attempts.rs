//! Attempts: counted exactly, at any concurrency.

use std::sync::Arc;

use portcullis::LockoutPolicy;
use portcullis::domain::attempts::{Budget, Outcome, Reservation, Settled, Ticket};
use portcullis::domain::lock::Lockout;
use portcullis::domain::login::TypedLogin;
use portcullis::store::AttemptStore;
use portcullis::store::keyring::{AttemptKey, Keyring};

use super::{World, counter, minutes};

fn of(login: &str) -> AttemptKey {
    Keyring::new(&[1; 32]).attempt_key(&TypedLogin::new(login))
}

fn after(limit: u32) -> LockoutPolicy {
    let policy = LockoutPolicy::after(limit)
        .failures_within(minutes(15))
        .lasting(minutes(5));
    policy.build().expect("a policy")
}

async fn reserve(attempts: &dyn AttemptStore, login: &str, policy: &LockoutPolicy) -> Reservation {
    reserve_in(attempts, login, policy, 0).await
}

async fn reserve_in(
    attempts: &dyn AttemptStore,
    login: &str,
    policy: &LockoutPolicy,
    generation: u64,
) -> Reservation {
    let counter = [counter(of(login), policy, generation)];
    attempts.reserve(&counter).await.expect("answers")
}

async fn settle_ticket(
    attempts: &dyn AttemptStore,
    login: &str,
    policy: &LockoutPolicy,
    ticket: Ticket,
    outcome: Outcome,
) -> Settled {
    let counter = [counter(of(login), policy, 0)];
    let settled = attempts.settle(&counter, &[ticket], outcome).await;
    settled.expect("answers").remove(0)
}

async fn ticket(attempts: &dyn AttemptStore, login: &str, policy: &LockoutPolicy) -> Ticket {
    match reserve(attempts, login, policy).await {
        Reservation::Granted(tickets) => tickets[0],
        other => panic!("{login}: {other:?}"),
    }
}

async fn settle(
    attempts: &dyn AttemptStore,
    login: &str,
    policy: &LockoutPolicy,
    outcome: Outcome,
) -> Settled {
    let ticket = ticket(attempts, login, policy).await;
    settle_ticket(attempts, login, policy, ticket, outcome).await
}

async fn lock_out(attempts: &dyn AttemptStore, login: &str, policy: &LockoutPolicy) -> Lockout {
    loop {
        if let Settled::LockedOut(lockout) =
            settle(attempts, login, policy, Outcome::Failed(None)).await
        {
            return lockout;
        }
    }
}

async fn budget(attempts: &dyn AttemptStore, login: &str, policy: &LockoutPolicy) -> Budget {
    budget_in(attempts, login, policy, 0).await
}

async fn budget_in(
    attempts: &dyn AttemptStore,
    login: &str,
    policy: &LockoutPolicy,
    generation: u64,
) -> Budget {
    let counter = [counter(of(login), policy, generation)];
    attempts.budget(&counter).await.expect("answers")
}

/// Two hundred guesses at once, five allowed.
pub(super) async fn exactly_the_limit_is_granted(world: World) {
    let policy = Arc::new(after(5));
    let guesses: Vec<_> = (0..200)
        .map(|_| {
            let (attempts, policy) = (world.attempts.clone(), policy.clone());
            tokio::spawn(async move {
                let Reservation::Granted(tickets) = reserve(&*attempts, "alice", &policy).await
                else {
                    return None;
                };
                let failed = Outcome::Failed(None);
                Some(settle_ticket(&*attempts, "alice", &policy, tickets[0], failed).await)
            })
        })
        .collect();
    let mut settled = Vec::new();
    for guess in guesses {
        settled.extend(guess.await.expect("ends"));
    }
    assert_eq!(settled.len(), 5, "{settled:?}");
    let locks = settled
        .iter()
        .filter(|settled| matches!(settled, Settled::LockedOut(_)));
    assert_eq!(locks.count(), 1, "the last one locks");
    let refused = reserve(&*world.attempts, "alice", &policy).await;
    assert!(matches!(refused, Reservation::LockedOut { .. }), "{refused:?}");
}

pub(super) async fn many_accounts_do_not_meet(world: World) {
    let policy = Arc::new(after(2));
    let people: Vec<_> = (0..40)
        .flat_map(|n| [n; 4])
        .map(|n| {
            let (attempts, policy) = (world.attempts.clone(), policy.clone());
            tokio::spawn(async move {
                let reservation = reserve(&*attempts, &format!("p{n}"), &policy).await;
                matches!(reservation, Reservation::Granted(_))
            })
        })
        .collect();
    let mut granted = 0;
    for person in people {
        granted += u32::from(person.await.expect("ends"));
    }
    assert_eq!(granted, 80, "two guesses for each of forty");
}

pub(super) async fn a_lockout_refuses_until_it_ends(world: World) {
    let (attempts, policy) = (&*world.attempts, after(3));
    for remaining in [2, 1] {
        let settled = settle(attempts, "alice", &policy, Outcome::Failed(None)).await;
        assert_eq!(settled, Settled::Recorded { remaining });
        assert_eq!(budget(attempts, "alice", &policy).await, Budget::Open { remaining });
    }
    let lockout = lock_out(attempts, "alice", &policy).await;
    for _ in 0..3 {
        let refused = reserve(attempts, "alice", &policy).await;
        let same = Reservation::LockedOut { counter: 0, lockout: lockout.clone() };
        assert_eq!(refused, same, "nothing extends it");
    }
    assert_eq!(budget(attempts, "alice", &policy).await, Budget::LockedOut(lockout.clone()));
    assert_eq!(budget(attempts, "bob", &policy).await, Budget::Open { remaining: 3 });
    world.clock.advance(minutes(5));
    assert_eq!(budget(attempts, "alice", &policy).await, Budget::Open { remaining: 3 });
    let next = lock_out(attempts, "alice", &policy).await;
    assert!(next.id > lockout.id, "each lockout is one of its own");
}

pub(super) async fn a_success_gives_the_guesses_back(world: World) {
    let (attempts, policy) = (&*world.attempts, after(3));
    settle(attempts, "alice", &policy, Outcome::Failed(None)).await;
    settle(attempts, "alice", &policy, Outcome::Failed(None)).await;
    let settled = settle(attempts, "alice", &policy, Outcome::Succeeded).await;
    assert_eq!(settled, Settled::Recorded { remaining: 3 });
    assert_eq!(budget(attempts, "alice", &policy).await, Budget::Open { remaining: 3 });
}

pub(super) async fn an_unlock_forgets_everything(world: World) {
    let (attempts, policy) = (&*world.attempts, after(2));
    let old = ticket(attempts, "alice", &policy).await;
    settle(attempts, "alice", &policy, Outcome::Failed(None)).await;
    let unlocked = reserve_in(attempts, "alice", &policy, 1).await;
    assert!(matches!(unlocked, Reservation::Granted(_)), "{unlocked:?}");
    let stale = settle_ticket(attempts, "alice", &policy, old, Outcome::Failed(None)).await;
    assert_eq!(stale, Settled::Stale);
    let left = budget_in(attempts, "alice", &policy, 1).await;
    assert_eq!(left, Budget::Open { remaining: 1 });

    lock_out(attempts, "bob", &policy).await;
    let unlocked = reserve_in(attempts, "bob", &policy, 1).await;
    assert!(matches!(unlocked, Reservation::Granted(_)), "{unlocked:?}");
}

pub(super) async fn a_released_guess_is_free(world: World) {
    let (attempts, policy) = (&*world.attempts, after(2));
    for _ in 0..5 {
        let settled = settle(attempts, "alice", &policy, Outcome::Released).await;
        assert_eq!(settled, Settled::Recorded { remaining: 2 });
    }
}

/// Attempts that nobody settled: in flight, then failed, then a lockout.
pub(super) async fn what_is_dropped_counts(world: World) {
    let (attempts, policy) = (&*world.attempts, after(2));
    ticket(attempts, "alice", &policy).await;
    ticket(attempts, "alice", &policy).await;
    assert_eq!(reserve(attempts, "alice", &policy).await, Reservation::Busy);
    world.clock.advance(minutes(1));
    let met = reserve(attempts, "alice", &policy).await;
    let Reservation::LockedOut { .. } = met else { panic!("{met:?}") };
    assert_eq!(reserve(attempts, "alice", &policy).await, met);
}

pub(super) async fn forgetting_never_unlocks(world: World) {
    let (attempts, policy) = (&*world.attempts, after(2));
    let forever = LockoutPolicy::after(2)
        .failures_within(minutes(15))
        .build()
        .expect("a policy");
    settle(attempts, "failed", &policy, Outcome::Failed(None)).await;
    lock_out(attempts, "locked", &policy).await;
    lock_out(attempts, "for ever", &forever).await;
    let in_a_year = world.clock.wall().after(minutes(60 * 24 * 365));
    world
        .directory
        .prune(world.clock.wall())
        .await
        .expect("writes");
    assert_eq!(budget(attempts, "failed", &policy).await, Budget::Open { remaining: 1 });
    assert!(matches!(budget(attempts, "locked", &policy).await, Budget::LockedOut(_)));
    world.directory.prune(in_a_year).await.expect("writes");
    assert!(matches!(budget(attempts, "for ever", &forever).await, Budget::LockedOut(_)));
}
