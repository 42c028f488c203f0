//! A Redis Cluster of three nodes.

use std::sync::Arc;
use std::time::Duration;

use portcullis::domain::attempts::{Budget, Outcome, Reservation, Scope};
use portcullis::domain::time::Clock;
use portcullis::store::keyring::Keyring;
use portcullis::store::redis::{AfterLoss, RedisAttempts, RedisMode, RedisSettings};
use portcullis::store::{AttemptStore, Counter};

use super::until;
use crate::servers::RedisCluster;
use crate::stores::noon;
use crate::stores::redis::{granted, guess, of, settings_at};

pub(super) fn settings(cluster: &RedisCluster) -> RedisSettings {
    let mut settings = settings_at(&cluster.url());
    settings.mode = RedisMode::Cluster;
    settings
}

async fn open(settings: &RedisSettings, clock: &Clock) -> RedisAttempts {
    let opened = RedisAttempts::open_with_clock(settings, clock.clone()).await;
    opened.expect("a store")
}

/// Five gateways, forty people, each guessed at a hundred times at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exactly_the_limit_is_granted_over_all_nodes() {
    let cluster = RedisCluster::shared();
    let (settings, clock) = (settings(cluster), Clock::manual(noon()));
    let mut stores = Vec::new();
    for _ in 0..5 {
        stores.push(Arc::new(open(&settings, &clock).await));
    }
    let guesses: Vec<_> = (0..4_000)
        .map(|n| {
            let store = Arc::clone(&stores[n % 5]);
            tokio::spawn(async move { (n % 40, guess(&*store, &format!("p{}", n % 40)).await) })
        })
        .collect();
    let mut each = [0; 40];
    for guess in guesses {
        let (who, granted) = guess.await.expect("ends");
        each[who] += u32::from(granted.expect("it answers"));
    }
    assert_eq!(each, [5; 40]);
}

/// An account and an address are in two slots: what the second refuses the first has not
/// counted.
#[tokio::test]
async fn what_one_slot_refuses_no_other_counts() {
    let cluster = RedisCluster::shared();
    let store = open(&settings(cluster), &Clock::manual(noon())).await;
    let keyring = Keyring::new(&[1; 32]);
    let address = |n: u8| {
        let network = format!("192.0.{n}.0/24").parse().expect("a network");
        Counter { key: keyring.address_attempt_key(network), scope: Scope::Shared, ..of("nobody") }
    };
    for n in 0..16 {
        let both = [of(&format!("q{n}")), address(n)];
        for _ in 0..5 {
            let one = std::slice::from_ref(&both[1]);
            let reserved = store.reserve(one).await.expect("it answers");
            let Reservation::Granted(tickets) = reserved else { panic!("{reserved:?}") };
            store
                .settle(one, &tickets, Outcome::Failed(None))
                .await
                .expect("it answers");
        }
        let refused = store.reserve(&both).await.expect("it answers");
        assert!(matches!(refused, Reservation::LockedOut { counter: 1, .. }), "{refused:?}");
        let budget = store.budget(&both[..1]).await.expect("it answers");
        assert_eq!(budget, Budget::Open { remaining: 5 });
    }
}

/// The other nodes go on, and the one that forgot closes alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_dies_takes_its_own_slots_alone() {
    let mut cluster = RedisCluster::start();
    let mut settings = settings(&cluster);
    settings.after_loss = AfterLoss::Refuse;
    settings.timeout = Duration::from_secs(2);
    let store = open(&settings, &Clock::manual(noon())).await;
    for n in 0..30 {
        assert_eq!(granted(&store, &format!("r{n}"), 1).await, 1);
    }
    cluster.node(2).kill();
    let answered = async || {
        let mut answered = Vec::new();
        for n in 0..30 {
            answered.push(guess(&store, &format!("r{n}")).await.is_ok());
        }
        answered
    };
    until("those of the others are taken", || async {
        let answered = answered().await;
        answered.contains(&true) && answered.contains(&false)
    })
    .await;
    cluster.node(2).start_again();
    until("it is closed, and the others are not", || async {
        let mut closed = 0;
        for n in 0..30 {
            let refused = guess(&store, &format!("r{n}")).await.err();
            let words = refused.map_or_else(String::new, |refused| refused.to_string());
            closed += u32::from(words.contains("may have lost"));
        }
        (1..30).contains(&closed)
    })
    .await;
}
