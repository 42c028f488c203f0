//! Sessions end by time, and are noted as used now and then.

use super::faulty::Mood;
use super::*;
use futures_util::FutureExt;
use portcullis::OnStale;
use portcullis::Timestamp;

const MINUTE: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_secs(2 * 3600);

/// Longer than the gate waits between two writes.
const A_WRITE: Duration = Duration::from_secs(11);

/// Moving the clock by hand must not look like a directory that is lost.
async fn house() -> House {
    House::with(|builder| builder.max_stale(Duration::MAX, OnStale::Strict)).await
}

async fn last_seen(house: &House, session: &SignedIn) -> Timestamp {
    let stored = portcullis::store::SessionStore::session(&house.directory, session.session().key);
    stored
        .await
        .expect("the store answers")
        .expect("the session")
        .last_seen_at
}

/// Another gateway notes a use.
async fn used_elsewhere(house: &House, session: &SignedIn) {
    let use_of_it = vec![(session.session().key, house.clock.wall())];
    let noted = portcullis::store::SessionStore::touch_sessions(&house.directory, use_of_it);
    noted.await.expect("the store answers");
}

#[tokio::test]
async fn a_session_lasts_twelve_hours_whatever_is_done_with_it() {
    let house = house().await;
    let session = sign_in(&house.gate, &house.account("alice").await).await;
    for _ in 0..11 {
        house.clock.advance(Duration::from_secs(3600));
        assert!(visit(&house.gate, &session).await.is_ok());
    }
    house
        .clock
        .advance(Duration::from_secs(3600) - Duration::from_micros(1));
    assert!(visit(&house.gate, &session).await.is_ok());
    house.clock.advance(Duration::from_micros(1));
    assert_ended(visit(&house.gate, &session).await);
}

#[tokio::test]
async fn a_session_that_nobody_uses_ends_after_two_hours() {
    let house = house().await;
    let session = sign_in(&house.gate, &house.account("alice").await).await;
    assert!(visit(&house.gate, &session).await.is_ok());
    house.clock.advance(IDLE - Duration::from_micros(1));
    assert!(visit(&house.gate, &session).await.is_ok());
    house.clock.advance(IDLE);
    assert_ended(visit(&house.gate, &session).await);
    assert_ended(visit(&house.gate, &session).await);
}

#[tokio::test]
async fn a_use_elsewhere_keeps_a_session_from_being_idle() {
    let house = house().await;
    let session = sign_in(&house.gate, &house.account("alice").await).await;
    assert!(visit(&house.gate, &session).await.is_ok());
    house.clock.advance(IDLE - MINUTE);
    used_elsewhere(&house, &session).await;
    house.clock.advance(IDLE - MINUTE);
    house.directory.set_only("session", Mood::Failing);
    assert_unknown(visit(&house.gate, &session).await);
    house.directory.set(Mood::Well);
    assert!(visit(&house.gate, &session).await.is_ok());
}

/// The account could not be read when the session was: both are read again.
#[tokio::test]
async fn a_use_elsewhere_counts_also_where_the_account_is_not_known() {
    let house = house().await;
    let session = sign_in(&house.gate, &house.account("alice").await).await;
    house.directory.set_only("account", Mood::Failing);
    assert_unknown(visit(&house.gate, &session).await);
    house.directory.set(Mood::Well);
    house.clock.advance(IDLE - MINUTE);
    used_elsewhere(&house, &session).await;
    house.clock.advance(IDLE - MINUTE);
    assert!(visit(&house.gate, &session).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn uses_are_written_once_a_minute_in_batches() {
    let house = house().await;
    let mut sessions = Vec::new();
    for login in ["alice", "bob", "carol"] {
        sessions.push(sign_in(&house.gate, &house.account(login).await).await);
    }
    let mut written = 0;
    for minute in 1..=3_u32 {
        house.clock.advance(MINUTE);
        for _ in 0..20 {
            for session in &sessions {
                assert!(visit(&house.gate, session).await.is_ok());
            }
        }
        tokio::time::sleep(A_WRITE).await;
        written += 1;
        assert_eq!(house.directory.asked("touch_sessions"), written, "minute {minute}");
        for session in &sessions {
            assert_eq!(last_seen(&house, session).await, house.clock.wall());
        }
    }
    house.clock.advance(MINUTE / 2);
    assert!(visit(&house.gate, &sessions[0]).await.is_ok());
    tokio::time::sleep(A_WRITE).await;
    assert_eq!(house.directory.asked("touch_sessions"), written, "seen half a minute ago");
}

#[tokio::test(start_paused = true)]
async fn a_use_that_could_not_be_written_is_written_later() {
    let house = house().await;
    let session = sign_in(&house.gate, &house.account("alice").await).await;
    house.clock.advance(MINUTE);
    for mood in [Mood::Failing, Mood::Hanging] {
        house.directory.set_only("touch_sessions", mood);
        house.clock.advance(MINUTE);
        assert!(visit(&house.gate, &session).await.is_ok());
        tokio::time::sleep(A_WRITE).await;
        assert!(last_seen(&house, &session).await < house.clock.wall());
        house.directory.set(Mood::Well);
        tokio::time::sleep(A_WRITE).await;
        assert_eq!(last_seen(&house, &session).await, house.clock.wall());
    }
}

#[tokio::test]
async fn who_comes_after_an_end_joins_no_read_from_before() {
    let house = House::with(|b| b.store_timeout(Duration::from_secs(60))).await;
    let alice = house.account("alice").await;
    let session = sign_in(&house.gate, &alice).await;
    house.directory.set_only("session", Mood::Hanging);
    let early = visit(&house.gate, &session);
    tokio::pin!(early);
    assert!((&mut early).now_or_never().is_none());
    house.directory.set(Mood::Well);
    house
        .admin
        .end_session(&Actor::System, session.session().key.id())
        .await
        .expect("it");
    let late = tokio::time::timeout(Duration::from_secs(5), visit(&house.gate, &session));
    assert_ended(late.await.expect("its own read"));
    assert!((&mut early).now_or_never().is_none(), "the first still waits");
}

#[tokio::test]
async fn who_comes_after_a_doubt_joins_no_read_from_before() {
    let house = House::with(|b| b.store_timeout(Duration::from_secs(60))).await;
    let (alice, bob) = (house.account("alice").await, house.account("bob").await);
    let session = sign_in(&house.gate, &alice).await;
    house.directory.set_only("session", Mood::Hanging);
    let early = visit(&house.gate, &session);
    tokio::pin!(early);
    assert!((&mut early).now_or_never().is_none());
    // Part of the feed is pruned before the gate reads it.
    house.directory.lose_feed();
    house.lock(&bob).await;
    let later = house.clock.wall().after(MINUTE);
    portcullis::store::Directory::prune(&house.directory, later)
        .await
        .expect("pruned");
    house.directory.set(Mood::Well);
    let passes = || async {
        let late = tokio::time::timeout(Duration::from_millis(20), visit(&house.gate, &session));
        late.await.is_ok_and(|answer| answer.is_ok())
    };
    eventually("its own read", Duration::from_secs(5), passes).await;
    assert!((&mut early).now_or_never().is_none(), "the first still waits");
}
