//! A master and a replica that a sentinel watches.

use std::time::Duration;

use portcullis::domain::time::Clock;
use portcullis::store::redis::{RedisAttempts, RedisMode};

use super::until;
use crate::servers::{Redis, Sentinel};
use crate::stores::redis::{granted, guess, settings_at};
use crate::stores::{minutes, noon};

/// The master dies; the replica takes over, and may not have heard of all: closed for a
/// window, and then as ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_master_is_found_and_what_it_may_have_missed_is_seen() {
    let (mut master, replica) = (Redis::start(&[]), Redis::start(&[]));
    replica.ask(&["REPLICAOF", "127.0.0.1", &master.address().port().to_string()]);
    let sentinel = Sentinel::watch(&master);
    let mut settings = settings_at(&sentinel.url());
    settings.mode = RedisMode::Sentinel;
    settings.timeout = Duration::from_secs(2);
    settings.connect_timeout = Duration::from_secs(2);
    let clock = Clock::manual(noon());
    let store = RedisAttempts::open_with_clock(&settings, clock.clone()).await;
    let store = store.expect("a store");
    assert!(store.is_connected());
    assert_eq!(granted(&store, "alice", 3).await, 3);
    until("the sentinel knows of the replica", || async { sentinel.knows_a_replica() }).await;
    until("the replica has all", || async { replica.ask(&["DBSIZE"]) == master.ask(&["DBSIZE"]) })
        .await;
    master.kill();
    until("the replica is the master", || async { replica.ask(&["ROLE"]).starts_with("master") })
        .await;
    let words = async || match guess(&store, "alice").await {
        Ok(granted) => format!("granted: {granted}"),
        Err(error) => error.to_string(),
    };
    until("it is closed", || async { words().await.contains("may have lost") }).await;
    clock.advance(minutes(15));
    assert_eq!(granted(&store, "alice", 9).await, 5);
}
