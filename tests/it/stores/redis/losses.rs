//! What was counted and is lost: it is found out, whatever lost it.

use std::sync::Arc;
use std::time::Duration;

use portcullis::domain::time::Clock;
use portcullis::store::AttemptStore;
use portcullis::store::memory::SingleProcessDirectory;
use portcullis::store::redis::{AfterLoss, RedisAttempts, RedisSettings};

use super::{granted, guess, settings, until_it_answers};
use crate::servers::Redis;
use crate::stores::{minutes, noon};

async fn open(settings: &RedisSettings, clock: &Clock) -> RedisAttempts {
    let opened = RedisAttempts::open_with_clock(settings, clock.clone()).await;
    opened.expect("a store")
}

/// Nobody gets a guess for a window, and then everybody their own.
async fn is_closed_for_a_window(store: &dyn AttemptStore, clock: &Clock) {
    for login in ["alice", "bob"] {
        let refused = guess(store, login)
            .await
            .expect_err("it is closed")
            .to_string();
        assert!(refused.contains("may have lost what was counted"), "{refused}");
    }
    clock.advance(minutes(15) - Duration::from_secs(1));
    assert!(guess(store, "alice").await.is_err(), "a window is not over yet");
    clock.advance(Duration::from_secs(1));
    assert_eq!(granted(store, "alice", 10).await, 5);
}

#[tokio::test]
async fn a_restart_that_forgets_closes_for_a_window() {
    let (mut server, clock) = (Redis::start(&[]), Clock::manual(noon()));
    let store = open(&settings(&server), &clock).await;
    assert_eq!(granted(&store, "alice", 3).await, 3);
    server.kill();
    server.start_again();
    until_it_answers(&store).await;
    is_closed_for_a_window(&store, &clock).await;
}

/// What is on disk looks whole, and is of some guesses ago.
#[tokio::test]
async fn an_older_state_from_disk_closes_for_a_window() {
    let (mut server, clock) = (Redis::start(&["--dbfilename", "dump.rdb"]), Clock::manual(noon()));
    let store = open(&settings(&server), &clock).await;
    assert_eq!(granted(&store, "alice", 1).await, 1);
    server.ask(&["SAVE"]);
    assert_eq!(granted(&store, "alice", 3).await, 3);
    server.kill();
    server.start_again();
    assert_ne!(server.ask(&["DBSIZE"]), "0", "it read its file");
    until_it_answers(&store).await;
    is_closed_for_a_window(&store, &clock).await;
}

#[tokio::test]
async fn a_hand_that_empties_it_closes_for_a_window() {
    let (server, clock) = (Redis::start(&[]), Clock::manual(noon()));
    let store = open(&settings(&server), &clock).await;
    assert_eq!(granted(&store, "alice", 3).await, 3);
    server.ask(&["FLUSHALL"]);
    is_closed_for_a_window(&store, &clock).await;
}

/// A replica may not have what its master answered.
#[tokio::test]
async fn a_replica_that_takes_over_closes_for_a_window() {
    let (master, replica) = (Redis::start(&[]), Redis::start(&[]));
    let clock = Clock::manual(noon());
    let of_master = settings(&master);
    assert_eq!(granted(&open(&of_master, &clock).await, "alice", 3).await, 3);
    let port = master.address().port().to_string();
    replica.ask(&["REPLICAOF", "127.0.0.1", &port]);
    super::until("the replica has all", || async {
        replica.ask(&["DBSIZE"]) == master.ask(&["DBSIZE"])
    })
    .await;
    replica.ask(&["REPLICAOF", "NO", "ONE"]);
    let mut of_replica = settings(&replica);
    of_replica.prefix.clone_from(&of_master.prefix);
    // Whoever comes later knows of no loss, and finds what tells of it.
    is_closed_for_a_window(&open(&of_replica, &clock).await, &clock).await;
}

#[tokio::test]
async fn by_configuration_a_loss_gives_one_budget_more() {
    let (mut server, clock) = (Redis::start(&[]), Clock::manual(noon()));
    let mut settings = settings(&server);
    settings.after_loss = AfterLoss::GoOn;
    let store = open(&settings, &clock).await;
    for _ in 0..3 {
        assert_eq!(granted(&store, "alice", 20).await, 5, "at most five a life of the server");
        server.kill();
        server.start_again();
        until_it_answers(&store).await;
    }
}

/// An empty Redis is new to a directory that knows of none, and robbed to one that does.
#[tokio::test]
async fn the_directory_tells_a_new_redis_from_one_that_lost_all() {
    let server = Redis::start(&[]);
    let directory = Arc::new(SingleProcessDirectory::new(Clock::system()));
    let settings = settings(&server);
    let open = || RedisAttempts::open(&settings, directory.clone());
    let first = open().await.expect("a store");
    assert_eq!(granted(&first, "alice", 2).await, 2, "nothing was ever counted");
    drop(first);
    let second = open().await.expect("a store");
    assert_eq!(granted(&second, "alice", 9).await, 3, "nothing was lost");
    drop(second);
    server.ask(&["FLUSHALL"]);
    let third = open().await.expect("a store");
    assert!(guess(&third, "alice").await.is_err(), "it was robbed between two gateways' lives");
}
