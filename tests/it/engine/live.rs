//! Connections that outlive their request: told in time, whatever the stores do.

use super::faulty::Mood;
use super::*;
use futures_util::FutureExt;
use futures_util::future::join_all;

const PROMISED: Duration = Duration::from_secs(1);

/// Somebody signed in, with a connection that goes on.
struct Connected {
    session: SignedIn,
    me: CurrentAccount,
}

async fn connect(gate: &Portcullis, account: &Account) -> Connected {
    let session = sign_in(gate, account).await;
    let me = visit(gate, &session).await.expect("signed in");
    Connected { session, me }
}

/// Why it must end, if it must by now.
async fn told(gate: &Portcullis, connected: &Connected, within: Duration) -> Option<Denial> {
    tokio::time::timeout(within, gate.ended(&connected.me))
        .await
        .ok()
}

/// Ends a session where the gate learns of it through the feed alone.
async fn end_elsewhere(house: &House, connected: &Connected) {
    let id = connected.session.session().key.id();
    let elsewhere = Admin::new(Arc::new(house.directory.clone()));
    elsewhere
        .end_session(&Actor::System, id)
        .await
        .expect("it is there");
}

/// The gate finds that part of the feed is gone, with all that happened in it.
async fn lose_what_happened(house: &House) {
    let later = house.clock.wall().after(Duration::from_secs(60));
    house.directory.prune(later).await.expect("pruned");
}

#[tokio::test(start_paused = true)]
async fn an_end_that_was_only_in_the_pruned_part_of_the_feed_is_told() {
    let house = House::new().await;
    let mut connected = Vec::new();
    for number in 0..16 {
        let person = house.account(&format!("person{number}")).await;
        connected.push(connect(&house.gate, &person).await);
    }
    let told = connected
        .iter()
        .map(|one| told(&house.gate, one, 2 * PROMISED));
    let happens = async {
        tokio::time::sleep(PROMISED / 2).await;
        house.directory.lose_feed();
        for one in &connected {
            end_elsewhere(&house, one).await;
        }
        lose_what_happened(&house).await;
        house.directory.set(Mood::Well);
    };
    let (told, ()) = tokio::join!(join_all(told), happens);
    for denial in told {
        assert_eq!(denial.map(|denial| denial.reason()), Some(DenialReason::SessionEnded));
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_while_the_store_fails_is_told_when_it_is_back() {
    for mood in [Mood::Failing, Mood::Hanging] {
        let house = House::with(|b| b.store_timeout(PROMISED)).await;
        let alice = house.account("alice").await;
        let one = connect(&house.gate, &alice).await;
        let ended = house.gate.ended(&one.me);
        tokio::pin!(ended);
        assert!((&mut ended).now_or_never().is_none());
        house.directory.set_only("session", mood);
        house
            .admin
            .end_session(&Actor::System, one.session.session().key.id())
            .await
            .expect("it");
        let waited = tokio::time::timeout(Duration::from_secs(90), &mut ended).await;
        assert!(waited.is_err(), "a store that does not answer ends nothing");
        house.directory.set(Mood::Well);
        let told = tokio::time::timeout(3 * PROMISED, &mut ended)
            .await
            .expect("told");
        assert_eq!(told.reason(), DenialReason::SessionEnded);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_told_while_the_store_hangs() {
    let house = House::new().await;
    let alice = house.account("alice").await;
    let one = connect(&house.gate, &alice).await;
    house.directory.set_only("session", Mood::Hanging);
    let lock = async {
        tokio::time::sleep(PROMISED / 2).await;
        house.lock(&alice).await;
    };
    let (told, ()) = tokio::join!(told(&house.gate, &one, PROMISED), lock);
    assert!(is_locked(&Err(told.expect("told in time"))));
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_was_only_in_the_pruned_part_is_told_once_the_store_is_back() {
    let house = House::new().await;
    let (alice, bob) = (house.account("alice").await, house.account("bob").await);
    let (hers, his) = (connect(&house.gate, &alice).await, connect(&house.gate, &bob).await);
    house.directory.lose_feed();
    let elsewhere = Admin::new(Arc::new(house.directory.clone()));
    lock(&elsewhere, &alice).await;
    lose_what_happened(&house).await;
    house.directory.set(Mood::Well);
    house.directory.set_only("account", Mood::Failing);
    let asked = house.directory.asked("account");
    let doubts = || async { house.directory.asked("account") > asked + 2 };
    eventually("the gate asks again", 5 * PROMISED, doubts).await;
    assert!(told(&house.gate, &hers, PROMISED).await.is_none(), "nobody can say");
    house.directory.set(Mood::Well);
    let denial = told(&house.gate, &hers, 5 * PROMISED).await;
    assert!(is_locked(&Err(denial.expect("told"))));
    assert!(told(&house.gate, &his, 5 * PROMISED).await.is_none());
}
