//! What is kept in Redis: names, times to live, and how much of it.

use std::sync::Arc;
use std::time::Duration;

use portcullis::LockoutPolicy;
use portcullis::domain::attempts::{Budget, Outcome, Reservation, Scope, Settled};
use portcullis::domain::login::TypedLogin;
use portcullis::domain::time::Clock;
use portcullis::store::keyring::Keyring;
use portcullis::store::memory::SingleProcessDirectory;
use portcullis::store::redis::RedisAttempts;
use portcullis::store::{AttemptStore, Counter, StoreError};

use super::{granted, guess, of, settings};
use crate::servers::Redis;
use crate::stores::{counter, minutes, noon};

async fn in_real_time(server: &Redis) -> RedisAttempts {
    let directory = Arc::new(SingleProcessDirectory::new(Clock::system()));
    let opened = RedisAttempts::open(&settings(server), directory).await;
    opened.expect("a store")
}

fn keys(server: &Redis) -> Vec<String> {
    let keys = server.ask(&["--scan"]);
    let mut keys: Vec<_> = keys.lines().map(str::to_owned).collect();
    keys.retain(|key| !key.ends_with("history"));
    keys
}

#[tokio::test]
async fn keys_bear_no_login_and_go_with_time() {
    let server = Redis::start(&[]);
    let store = in_real_time(&server).await;
    guess(&store, "alice@example.com")
        .await
        .expect("it answers");
    let keys = keys(&server);
    let [key] = &keys[..] else { panic!("{keys:?}") };
    assert!(!key.contains("alice"), "{key}");
    let value = server.ask(&["GET", key]);
    assert!(!value.contains("alice"), "{value}");
    let left: u64 = server.ask(&["TTL", key]).parse().expect("a number");
    // The window, and the lockout that nobody may have met yet.
    assert!((19 * 60..=21 * 60 + 5).contains(&left), "{left} s");
}

#[tokio::test]
async fn a_lockout_for_ever_stays_for_ever() {
    let server = Redis::start(&[]);
    let store = in_real_time(&server).await;
    let policy = LockoutPolicy::after(1).failures_within(minutes(15)).build();
    let counters = [counter(of("alice").key, &policy.expect("a policy"), 0)];
    let reserved = store.reserve(&counters).await.expect("it answers");
    let Reservation::Granted(tickets) = reserved else { panic!("{reserved:?}") };
    let settled = store
        .settle(&counters, &tickets, Outcome::Failed(None))
        .await;
    assert!(matches!(settled.expect("it answers")[..], [Settled::LockedOut(_)]));
    assert_eq!(server.ask(&["TTL", &keys(&server)[0]]), "-1");
}

#[tokio::test]
async fn what_was_given_back_leaves_no_entry_and_a_look_none_either() {
    let server = Redis::start(&[]);
    let store = in_real_time(&server).await;
    let counters = [of("alice")];
    for outcome in [Outcome::Released, Outcome::Passed, Outcome::Succeeded] {
        let reserved = store.reserve(&counters).await.expect("it answers");
        let Reservation::Granted(tickets) = reserved else { panic!("{reserved:?}") };
        store
            .settle(&counters, &tickets, outcome)
            .await
            .expect("it answers");
        store.budget(&counters).await.expect("it answers");
    }
    assert!(keys(&server).is_empty(), "{:?}", keys(&server));
}

#[tokio::test]
async fn numbers_beyond_the_whole_ones_of_lua_are_kept() {
    let store = super::attempts(&Clock::manual(noon())).await;
    let with = |generation| [Counter { generation, ..of("alice") }];
    let large = u64::MAX - 1;
    for _ in 0..2 {
        let reserved = store.reserve(&with(large)).await.expect("it answers");
        assert!(matches!(reserved, Reservation::Granted(_)), "{reserved:?}");
    }
    let left = async |generation| store.budget(&with(generation)).await.expect("it answers");
    assert_eq!(left(large).await, Budget::Open { remaining: 3 });
    // One that Lua's numbers could not tell from it.
    assert_eq!(left(large + 1).await, Budget::Open { remaining: 5 }, "unlocked");
    assert_eq!(left(large - 1).await, Budget::Open { remaining: 3 }, "an older one");
}

#[tokio::test]
async fn an_address_is_forgotten_by_hand() {
    let store = super::attempts(&Clock::manual(noon())).await;
    let keyring = Keyring::new(&[1; 32]);
    let network = "192.0.2.0/24".parse().expect("a network");
    let key = keyring.address_attempt_key(network);
    let counters = [Counter { key, scope: Scope::Shared, ..of("nobody") }];
    for _ in 0..5 {
        let reserved = store.reserve(&counters).await.expect("it answers");
        let Reservation::Granted(tickets) = reserved else { panic!("{reserved:?}") };
        store
            .settle(&counters, &tickets, Outcome::Failed(None))
            .await
            .expect("it answers");
    }
    assert!(matches!(store.budget(&counters).await, Ok(Budget::LockedOut(_))));
    assert_eq!(
        store
            .clear(&[key, of("nobody").key])
            .await
            .expect("it answers"),
        1
    );
    assert!(matches!(store.budget(&counters).await, Ok(Budget::Open { remaining: 5 })));
}

fn used_memory(server: &Redis) -> u64 {
    let used = server.ask(&["INFO", "memory"]);
    let used = used
        .lines()
        .find_map(|line| line.strip_prefix("used_memory:"));
    used.and_then(|used| used.trim().parse().ok())
        .expect("a number")
}

/// Small enough that some thousand counters fill it.
fn small() -> Redis {
    let server = Redis::start(&[]);
    let most = used_memory(&server) + 3 * 1024 * 1024;
    server.ask(&["CONFIG", "SET", "maxmemory", &most.to_string()]);
    server
}

/// With its key and its place in the server's table.
#[tokio::test]
async fn memory_of_a_counter() {
    const COUNTERS: u64 = 2_000;
    let policy = LockoutPolicy::after(5)
        .failures_within(minutes(15))
        .lasting(minutes(5))
        .remembering(3)
        .build()
        .expect("a policy");
    let keyring = Keyring::new(&[1; 32]);
    for (failures, most) in [(1, 400), (4, 800)] {
        let server = Redis::start(&[]);
        let store = in_real_time(&server).await;
        let before = used_memory(&server);
        for n in 0..COUNTERS {
            let key = keyring.attempt_key(&TypedLogin::new(&format!("p{n}")));
            let counters = [counter(key, &policy, 0)];
            for failure in 0..failures {
                let reserved = store.reserve(&counters).await.expect("it answers");
                let Reservation::Granted(tickets) = reserved else { panic!("{reserved:?}") };
                let word = failure.to_string();
                let guess = keyring.guess(&key, Default::default(), "here", &word);
                let outcome = Outcome::Failed(Some(guess));
                store
                    .settle(&counters, &tickets, outcome)
                    .await
                    .expect("it answers");
            }
        }
        let each = (used_memory(&server) - before) / COUNTERS;
        println!("{failures} failures: {each} bytes a counter");
        assert!(each < most, "{each} bytes for {failures} failures");
    }
}

/// Six times as many as there is room for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_made_up_logins_forgets_the_lightest_and_never_a_lockout() {
    let server = small();
    let store = Arc::new(in_real_time(&server).await);
    for n in 0..50 {
        assert_eq!(granted(&*store, &format!("locked{n}"), 9).await, 5);
    }
    assert_eq!(granted(&*store, "tried", 3).await, 3);
    let floods: Vec<_> = (0..16)
        .map(|part| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                for n in 0..2_000 {
                    guess(&*store, &format!("nobody{part}.{n}"))
                        .await
                        .expect("there is room");
                }
            })
        })
        .collect();
    for flood in floods {
        flood.await.expect("ends");
    }
    let held = keys(&server).len();
    assert!(held < 32_000, "{held} counters are held, so it was never full");
    println!("32,000 logins in 3 MiB: {held} counters are held");
    for n in 0..50 {
        assert!(
            !guess(&*store, &format!("locked{n}"))
                .await
                .expect("it answers"),
            "locked{n}"
        );
    }
    assert_eq!(granted(&*store, "tried", 9).await, 2, "others weigh less");
}

#[tokio::test]
async fn where_all_are_lockouts_a_new_login_is_put_off() {
    let server = small();
    let store = in_real_time(&server).await;
    let policy = LockoutPolicy::after(1)
        .lasting(Duration::from_secs(3600))
        .build();
    let policy = policy.expect("a policy");
    let keyring = Keyring::new(&[1; 32]);
    let of = |n: u32| {
        [counter(keyring.attempt_key(&TypedLogin::new(&format!("nobody{n}"))), &policy, 0)]
    };
    let first_full = async {
        for n in 0..100_000 {
            let tickets = match store.reserve(&of(n)).await {
                Ok(Reservation::Granted(tickets)) => tickets,
                Err(StoreError::Crowded) => return n,
                other => panic!("{n}: {other:?}"),
            };
            match store.settle(&of(n), &tickets, Outcome::Failed(None)).await {
                Ok(settled) => assert!(matches!(settled[..], [Settled::LockedOut(_)]), "{n}"),
                Err(StoreError::Crowded) => return n,
                Err(other) => panic!("{n}: {other}"),
            }
        }
        panic!("it was never full");
    };
    let full = first_full.await;
    println!("{full} lockouts in 3 MiB");
    for n in 0..full {
        let budget = store.budget(&of(n)).await;
        assert!(matches!(budget, Ok(Budget::LockedOut(_))), "{n} of {full}: {budget:?}");
    }
}
