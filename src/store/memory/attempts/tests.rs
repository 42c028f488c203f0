use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::*;
use crate::domain::attempts::Scope;
use crate::domain::client::ClientAddr;
use crate::domain::login::TypedLogin;
use crate::domain::policy::LockoutPolicy;
use crate::store::keyring::Keyring;

fn counter(policy: &LockoutPolicy, login: &str) -> Counter {
    let key = Keyring::new(&[7; 32]).attempt_key(&TypedLogin::new(login));
    let rules = Arc::clone(policy.by_account().expect("it counts"));
    Counter { key, rules, generation: 0, scope: Scope::Own }
}

fn address_counter(policy: &LockoutPolicy) -> Counter {
    let address = ClientAddr::from(IpAddr::from(Ipv4Addr::new(192, 0, 2, 1)));
    let key = Keyring::new(&[7; 32]).address_attempt_key(address.prefix());
    let rules = Arc::clone(policy.by_address().expect("it counts"));
    Counter { key, rules, generation: 0, scope: Scope::Shared }
}

/// Small enough that each shard holds `a_shard` counters.
fn store(a_shard: usize) -> SingleProcessAttempts {
    let clock = Clock::manual(Timestamp::from_secs(1_000));
    SingleProcessAttempts::with_memory(clock, a_shard * SHARDS * BYTES_A_COUNTER)
}

async fn fail(store: &SingleProcessAttempts, counters: &[Counter]) -> Result<(), StoreError> {
    if let Reservation::Granted(tickets) = store.reserve(counters).await? {
        store
            .settle(counters, &tickets, Outcome::Failed(None))
            .await?;
    }
    Ok(())
}

async fn remaining(store: &SingleProcessAttempts, counter: &Counter) -> u32 {
    match store
        .budget(std::slice::from_ref(counter))
        .await
        .expect("answers")
    {
        Budget::Open { remaining } => remaining,
        Budget::LockedOut(_) => 0,
    }
}

#[tokio::test]
async fn a_flood_of_made_up_logins_forgets_the_lightest_and_never_a_lockout() {
    let (store, policy) = (store(4), LockoutPolicy::balanced());
    let (locked, tried) = (counter(&policy, "locked"), counter(&policy, "tried"));
    for _ in 0..5 {
        fail(&store, std::slice::from_ref(&locked))
            .await
            .expect("counts");
    }
    for _ in 0..3 {
        fail(&store, std::slice::from_ref(&tried))
            .await
            .expect("counts");
    }
    for n in 0..10_000 {
        fail(&store, &[counter(&policy, &format!("nobody{n}"))])
            .await
            .expect("counts");
    }
    assert!(store.len() <= 4 * SHARDS, "{}", store.len());
    assert_eq!(remaining(&store, &locked).await, 0);
    assert_eq!(remaining(&store, &tried).await, 2, "others weigh less");
}

#[tokio::test]
async fn where_all_are_lockouts_a_new_login_is_put_off_and_the_locked_stay_locked() {
    let policy = LockoutPolicy::after(1)
        .lasting(std::time::Duration::from_secs(60))
        .build()
        .expect("a policy");
    let store = store(1);
    let mut crowded = 0;
    for n in 0..2_000 {
        let counters = [counter(&policy, &format!("nobody{n}"))];
        match fail(&store, &counters).await {
            Ok(()) => assert_eq!(remaining(&store, &counters[0]).await, 0),
            Err(StoreError::Crowded) => crowded += 1,
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(store.len(), SHARDS);
    assert_eq!(crowded, 2_000 - SHARDS);
    store.clock.advance(std::time::Duration::from_secs(60));
    fail(&store, &[counter(&policy, "late")])
        .await
        .expect("there is room again");
}

#[tokio::test]
async fn what_one_counter_refuses_no_other_counts() {
    let (store, policy) = (store(64), LockoutPolicy::balanced());
    let (alice, address) = (counter(&policy, "alice"), address_counter(&policy));
    let both = [alice.clone(), address.clone()];
    for _ in 0..5 {
        fail(&store, &both).await.expect("counts");
    }
    assert_eq!(remaining(&store, &address).await, 95);
    for _ in 0..20 {
        let refused = store.reserve(&both).await.expect("answers");
        assert!(matches!(refused, Reservation::LockedOut { counter: 0, .. }), "{refused:?}");
    }
    assert_eq!(remaining(&store, &address).await, 95);
}

#[tokio::test]
async fn what_was_given_back_leaves_no_entry() {
    let (store, policy) = (store(64), LockoutPolicy::balanced());
    for n in 0..50 {
        let counters = [counter(&policy, &format!("p{n}")), address_counter(&policy)];
        for outcome in [Outcome::Released, Outcome::Passed, Outcome::Succeeded] {
            let reservation = store.reserve(&counters).await.expect("answers");
            let Reservation::Granted(tickets) = reservation else { panic!("{reservation:?}") };
            store
                .settle(&counters, &tickets, outcome)
                .await
                .expect("answers");
        }
    }
    assert!(store.is_empty());
    assert_eq!(remaining(&store, &counter(&policy, "p1")).await, 5);
    assert!(store.is_empty(), "looking leaves nothing behind");
}
