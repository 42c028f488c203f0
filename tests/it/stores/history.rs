//! Attempts that are over.

use std::time::Duration;

use portcullis::Timestamp;
use portcullis::domain::account::AccountId;
use portcullis::domain::client::ClientAddr;
use portcullis::domain::device::DeviceId;
use portcullis::domain::history::{AttemptEnd, PastAttempt};
use portcullis::store::{Directory, HistoryQuery, HourCount, Remembered};

use super::{World, add, person};

const PLENTY: u64 = 1000;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_900_000_800 + secs)
}

fn wrong(secs: i64, address: &str) -> PastAttempt {
    PastAttempt {
        at: at(secs),
        account: None,
        login: u64::MAX - 7,
        from: ClientAddr::from_text(address),
        device: None,
        end: AttemptEnd::Wrong,
        mark: None,
    }
}

fn good(secs: i64, account: AccountId) -> PastAttempt {
    PastAttempt {
        account: Some(account),
        login: 8,
        device: Some(DeviceId::from_random([9; 8])),
        end: AttemptEnd::Succeeded,
        mark: Some(u64::MAX),
        ..wrong(secs, "2001:db8::1")
    }
}

async fn remember(directory: &dyn Directory, attempts: Vec<PastAttempt>, most: u64) {
    let remembered = directory.history().remember(attempts, most).await;
    remembered.expect("a store");
}

async fn found(directory: &dyn Directory, query: HistoryQuery) -> Vec<Remembered> {
    let limit = if query.limit == 0 { 100 } else { query.limit };
    let query = HistoryQuery { limit, ..query };
    directory.history().attempts(query).await.expect("a store")
}

async fn numbers(directory: &dyn Directory, query: HistoryQuery) -> Vec<u64> {
    let found = found(directory, query).await;
    found.into_iter().map(|one| one.number).collect()
}

pub(super) async fn an_attempt_is_remembered_as_it_was(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    let told =
        vec![wrong(0, "192.0.2.7"), good(1, alice.id), PastAttempt { from: None, ..wrong(2, "") }];
    remember(directory, told.clone(), PLENTY).await;
    let oldest_first = HistoryQuery { oldest_first: true, ..HistoryQuery::default() };
    let attempts: Vec<_> = found(directory, oldest_first)
        .await
        .into_iter()
        .map(|one| one.attempt)
        .collect();
    assert_eq!(attempts, told);
    remember(directory, Vec::new(), PLENTY).await;
    assert_eq!(numbers(directory, HistoryQuery::default()).await.len(), 3);
}

pub(super) async fn attempts_are_found_by_account_and_place(world: World) {
    let directory = &*world.directory;
    let (alice, bob) = (add(directory, person("alice")).await, add(directory, person("bob")).await);
    let told = (0..6).map(|n| good(n, if n % 2 == 0 { alice.id } else { bob.id }));
    remember(directory, told.collect(), PLENTY).await;
    let all = HistoryQuery::default();
    let of_alice = HistoryQuery { account: Some(alice.id), ..all };
    assert_eq!(numbers(directory, all).await, [6, 5, 4, 3, 2, 1]);
    assert_eq!(numbers(directory, of_alice).await, [5, 3, 1]);
    let older = HistoryQuery { before: Some(5), limit: 1, ..of_alice };
    assert_eq!(numbers(directory, older).await, [3]);
    let younger = HistoryQuery { after: Some(1), oldest_first: true, ..of_alice };
    assert_eq!(numbers(directory, younger).await, [3, 5]);
    let until = HistoryQuery { until: Some(at(2)), ..all };
    assert_eq!(numbers(directory, until).await, [3, 2, 1]);
}

pub(super) async fn the_newest_attempts_are_kept_and_hours_outlive_them(world: World) {
    let directory = &*world.directory;
    remember(directory, (0..4).map(|n| wrong(n, "192.0.2.7")).collect(), 3).await;
    assert_eq!(numbers(directory, HistoryQuery::default()).await, [4, 3, 2]);
    remember(directory, vec![wrong(7200, "192.0.2.7")], 3).await;
    assert_eq!(numbers(directory, HistoryQuery::default()).await, [5, 4, 3]);
    let hours = directory.history().by_hour(at(0)).await.expect("a store");
    let wrongs = |secs, count| HourCount { hour: at(secs), end: AttemptEnd::Wrong, count };
    // 1,900,000,800 is the begin of an hour.
    assert_eq!(hours, [wrongs(0, 4), wrongs(7200, 1)]);
    let late = directory
        .history()
        .by_hour(at(7300))
        .await
        .expect("a store");
    assert_eq!(late, [wrongs(7200, 1)]);
}

pub(super) async fn failures_are_told_by_their_networks(world: World) {
    let directory = &*world.directory;
    let alice = add(directory, person("alice")).await;
    let other = PastAttempt { login: 3, ..wrong(3, "2001:db8::5") };
    let told = vec![
        wrong(0, "198.51.100.1"),
        wrong(1, "2001:db8::1"),
        wrong(2, "2001:db8::2"),
        other,
        good(4, alice.id),
        PastAttempt { end: AttemptEnd::LockedOut, ..wrong(5, "198.51.100.1") },
        wrong(6, "203.0.113.9"),
    ];
    remember(directory, told, PLENTY).await;
    let sources = directory
        .history()
        .sources(PLENTY, 2)
        .await
        .expect("a store");
    let told: Vec<_> = sources
        .iter()
        .map(|one| (one.network.to_string(), one.failures, one.logins, one.last))
        .collect();
    let expected =
        [("2001:db8::/64".to_owned(), 3, 2, at(3)), ("198.51.100.1/32".to_owned(), 2, 1, at(5))];
    assert_eq!(told, expected);
    let newest = directory.history().sources(2, 5).await.expect("a store");
    let of: Vec<_> = newest.iter().map(|one| one.network.to_string()).collect();
    assert_eq!(of, ["203.0.113.9/32", "198.51.100.1/32"]);
}

pub(super) async fn what_is_old_of_attempts_is_forgotten(world: World) {
    let directory = &*world.directory;
    let hour = Duration::from_secs(3600);
    remember(directory, (0..600).map(|n| wrong(n, "192.0.2.7")).collect(), PLENTY).await;
    remember(directory, vec![wrong(4000, "192.0.2.7")], PLENTY).await;
    let gone = directory
        .history()
        .forget(at(599), at(0))
        .await
        .expect("a store");
    assert_eq!(gone, 599);
    assert_eq!(numbers(directory, HistoryQuery::default()).await, [601, 600]);
    let gone = directory
        .history()
        .forget(at(9999), at(0).after(hour))
        .await
        .expect("a store");
    assert_eq!(gone, 3, "two attempts and one hour");
    remember(directory, vec![wrong(10_000, "192.0.2.7")], PLENTY).await;
    assert_eq!(numbers(directory, HistoryQuery::default()).await, [602], "no number comes again");
}
