//! A Redis that is away, slow, or comes back.

use std::sync::Arc;
use std::time::Duration;

use portcullis::domain::attempts::{Budget, Outcome, Reservation};
use portcullis::domain::time::Clock;
use portcullis::store::redis::{AfterLoss, RedisAttempts, RedisSettings, WhenAway};
use portcullis::store::{AttemptStore, StoreError};
use tokio::time::Instant;

use super::{granted, guess, of, settings, until, until_it_answers};
use crate::servers::Redis;
use crate::stores::noon;

/// Impatient, so that tests need not be patient.
fn impatient(server: &Redis) -> RedisSettings {
    let mut settings = settings(server);
    settings.timeout = Duration::from_millis(300);
    settings.connect_timeout = Duration::from_millis(300);
    settings.after_loss = AfterLoss::GoOn;
    settings
}

async fn open(settings: &RedisSettings) -> RedisAttempts {
    let opened = RedisAttempts::open_with_clock(settings, Clock::manual(noon())).await;
    opened.expect("a store")
}

fn is_away(refused: &Result<bool, StoreError>) -> bool {
    matches!(refused, Err(StoreError::Unavailable(_)))
}

#[tokio::test]
async fn a_server_that_is_gone_is_told_at_once_and_taken_again() {
    let mut server = Redis::start(&[]);
    let store = open(&impatient(&server)).await;
    assert_eq!(granted(&store, "alice", 1).await, 1);
    server.kill();
    until("it is missed, though nobody asks", || async { !store.is_connected() }).await;
    let begun = Instant::now();
    for _ in 0..1_000 {
        assert!(is_away(&guess(&store, "alice").await));
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "nobody waits for what is away");
    server.start_again();
    until_it_answers(&store).await;
    assert_eq!(granted(&store, "alice", 9).await, 5);
}

/// A server that was told to forget scripts is told them again.
#[tokio::test]
async fn forgotten_scripts_are_sent_again() {
    let server = Redis::start(&[]);
    let store = open(&impatient(&server)).await;
    for _ in 0..5 {
        server.ask(&["SCRIPT", "FLUSH"]);
        assert_eq!(granted(&store, "alice", 1).await, 1);
    }
    server.ask(&["SCRIPT", "FLUSH"]);
    assert_eq!(granted(&store, "alice", 9).await, 0);
}

#[tokio::test]
async fn a_server_that_is_away_at_the_start_may_come() {
    let mut server = Redis::start(&[]);
    let settings = impatient(&server);
    server.stop();
    let store = open(&settings).await;
    assert!(is_away(&guess(&store, "alice").await));
    server.start_again();
    until_it_answers(&store).await;
    assert_eq!(granted(&store, "alice", 9).await, 5);
}

/// Two thousand come while it is stopped in its tracks: each is answered in about the
/// time that one may take, and what it did meanwhile counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_piles_up_before_a_server_that_hangs() {
    let server = Redis::start(&[]);
    let store = Arc::new(open(&impatient(&server)).await);
    assert_eq!(granted(&*store, "alice", 1).await, 1);
    server.pause();
    let begun = Instant::now();
    let guesses: Vec<_> = (0..2_000)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { guess(&*store, "alice").await })
        })
        .collect();
    for guess in guesses {
        assert!(is_away(&guess.await.expect("ends")));
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    until("the connection is given up", || async { !store.is_connected() }).await;
    server.go_on();
    until_it_answers(&*store).await;
    assert!(granted(&*store, "alice", 9).await <= 4, "one was counted before");
}

/// Each process has a budget of its own while it is away, and no more than that.
#[tokio::test]
async fn by_configuration_each_process_counts_by_itself_meanwhile() {
    let mut server = Redis::start(&[]);
    let mut settings = impatient(&server);
    settings.when_away = WhenAway::CountLocally;
    let (one, other) = (open(&settings).await, open(&settings).await);
    server.kill();
    for store in [&one, &other] {
        assert_eq!(granted(store, "alice", 20).await, 5);
        let budget = store.budget(&[of("alice")]).await.expect("it answers");
        assert!(matches!(budget, Budget::LockedOut(_)), "{budget:?}");
    }
    server.start_again();
    until("both are back", || async { one.is_connected() && other.is_connected() }).await;
    assert_eq!(granted(&one, "alice", 20).await + granted(&other, "alice", 20).await, 5);
    // Away once more, what was counted here still holds.
    server.kill();
    assert_eq!(granted(&one, "alice", 20).await, 0);
}

/// An attempt is settled where it was reserved.
#[tokio::test]
async fn a_success_that_was_reserved_elsewhere_clears_there() {
    let mut server = Redis::start(&[]);
    let mut settings = impatient(&server);
    settings.when_away = WhenAway::CountLocally;
    let store = open(&settings).await;
    server.kill();
    assert_eq!(granted(&store, "alice", 4).await, 4);
    let counters = [of("alice")];
    let reserved = store.reserve(&counters).await.expect("it answers");
    let Reservation::Granted(tickets) = reserved else { panic!("{reserved:?}") };
    server.start_again();
    until("it is back", || async { store.is_connected() }).await;
    let settled = store.settle(&counters, &tickets, Outcome::Succeeded).await;
    settled.expect("it answers");
    server.kill();
    assert_eq!(granted(&store, "alice", 20).await, 5, "the success cleared what was counted here");
}
