//! A directory that is lost: what is known is used, for so long; then nobody can
//! say, and nothing is forgotten for that.

use super::faulty::Mood;
use super::*;
use portcullis::OnStale;

const MAX_STALE: Duration = Duration::from_secs(10);
const MOMENT: Duration = Duration::from_micros(1);
const SOON: Duration = Duration::from_secs(2);

async fn fresh_again(house: &House, session: &SignedIn) {
    let passes = || async { visit(&house.gate, session).await.is_ok() };
    eventually("the directory is back", SOON, passes).await;
}

#[tokio::test(start_paused = true)]
async fn strict_uses_what_it_knows_and_then_says_that_it_does_not() {
    let house = House::new().await;
    let (alice, bob) = (house.account("alice").await, house.account("bob").await);
    let (hers, other) = (sign_in(&house.gate, &alice).await, sign_in(&house.gate, &alice).await);
    let his = sign_in(&house.gate, &bob).await;
    assert!(visit(&house.gate, &hers).await.is_ok());
    assert!(visit(&house.gate, &his).await.is_ok());
    house.lock(&bob).await;

    for mood in [Mood::Failing, Mood::Hanging] {
        house.directory.set(mood);
        assert!(visit(&house.gate, &hers).await.is_ok());
        assert_unknown(visit(&house.gate, &other).await);
        house.clock.advance(MAX_STALE);
        assert!(visit(&house.gate, &hers).await.is_ok(), "known, and just recent enough");
        house.clock.advance(MOMENT);
        assert_unknown(visit(&house.gate, &hers).await);
        assert_unknown(visit(&house.gate, &other).await);
        let known = visit(&house.gate, &his).await;
        assert!(is_locked(&known), "a known lock stays a lock: {known:?}");

        house.directory.set(Mood::Well);
        fresh_again(&house, &hers).await;
        assert!(is_locked(&visit(&house.gate, &his).await));
    }
    assert!(visit(&house.gate, &other).await.is_ok(), "what could not be read lives on");
}

#[tokio::test(start_paused = true)]
async fn best_effort_goes_on_with_what_it_knows() {
    let house = House::with(|b| b.max_stale(MAX_STALE, OnStale::BestEffort)).await;
    let (alice, bob) = (house.account("alice").await, house.account("bob").await);
    let (hers, his) = (sign_in(&house.gate, &alice).await, sign_in(&house.gate, &bob).await);
    assert!(visit(&house.gate, &hers).await.is_ok());
    assert!(visit(&house.gate, &his).await.is_ok());
    house.lock(&bob).await;
    house.directory.set(Mood::Failing);
    house.clock.advance(Duration::from_secs(3600));
    assert!(visit(&house.gate, &hers).await.is_ok());
    assert!(is_locked(&visit(&house.gate, &his).await));
}

/// One gate, two layers: routes that go on, and routes that do not.
#[tokio::test(start_paused = true)]
async fn routes_may_differ_in_what_they_do_when_nobody_can_say() {
    let house = House::with(|b| b.max_stale(MAX_STALE, OnStale::Strict)).await;
    let lenient = house.gate.when_stale(OnStale::BestEffort);
    let (alice, bob) = (house.account("alice").await, house.account("bob").await);
    let (hers, his) = (sign_in(&house.gate, &alice).await, sign_in(&house.gate, &bob).await);
    assert!(visit(&house.gate, &hers).await.is_ok());
    assert!(visit(&lenient, &his).await.is_ok());
    house.lock(&bob).await;
    house.directory.set(Mood::Failing);
    house.clock.advance(Duration::from_secs(3600));
    assert_unknown(visit(&house.gate, &hers).await);
    assert!(visit(&lenient, &hers).await.is_ok());
    assert!(is_locked(&visit(&lenient, &his).await), "a known lock stays a lock");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_never_answers_costs_one_time_out() {
    let patience = Duration::from_millis(500);
    let house = House::with(|b| b.store_timeout(patience)).await;
    let alice = house.account("alice").await;
    let session = sign_in(&house.gate, &alice).await;
    house.directory.set(Mood::Hanging);
    let began = tokio::time::Instant::now();
    let many = (0..50).map(|_| visit(&house.gate, &session));
    for answer in futures_util::future::join_all(many).await {
        assert_unknown(answer);
    }
    assert!(began.elapsed() < patience + Duration::from_millis(100), "{:?}", began.elapsed());
    assert_eq!(house.directory.asked("session"), 1, "and one question");
    house.directory.set(Mood::Well);
    fresh_again(&house, &session).await;
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_was_laid_while_the_feed_was_lost_bites_when_it_is_back() {
    let house = House::new().await;
    let alice = house.account("alice").await;
    let session = sign_in(&house.gate, &alice).await;
    assert!(visit(&house.gate, &session).await.is_ok());
    house.directory.lose_feed();
    // Laid by another program, which tells this gate nothing.
    let elsewhere = Admin::new(Arc::new(house.directory.clone()));
    lock(&elsewhere, &alice).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(visit(&house.gate, &session).await.is_ok(), "the feed is lost");
    house.directory.set(Mood::Well);
    let bites = || async { is_locked(&visit(&house.gate, &session).await) };
    eventually("the lock bites", SOON, bites).await;
}

#[tokio::test]
async fn what_opens_nothing_is_asked_for_once_and_a_fault_is_no_answer() {
    let house = House::with(|b| b.api_tokens(true)).await;
    let text = "A".repeat(43);
    let by = HeaderMap::from_iter([(COOKIE, format!("portcullis={text}").parse().expect("it"))]);
    house.directory.set_only("session", Mood::Failing);
    for _ in 0..3 {
        assert_unknown(ask(&house.gate, &by).await);
    }
    assert_eq!(house.directory.asked("session"), 3, "a fault is not remembered");
    house.directory.set(Mood::Well);
    for _ in 0..3 {
        assert_ended(ask(&house.gate, &by).await);
    }
    assert_eq!(house.directory.asked("session"), 4);

    // The same text as a token is another question, and its answer says nothing
    // of any cookie.
    for expected in [1, 1] {
        let denial = ask(&house.gate, &bearer(&format!("pct_{text}")))
            .await
            .expect_err("no token");
        assert!(denial.is_of_token() && !denial.session_is_dead());
        assert_eq!(house.directory.asked("token"), expected);
    }
}

#[tokio::test]
async fn a_token_that_opens_nothing_is_not_held_against_the_session_of_that_text() {
    let house = House::with(|b| b.api_tokens(true).session_capacity(1)).await;
    let alice = house.account("alice").await;
    let (session, other) = (sign_in(&house.gate, &alice).await, sign_in(&house.gate, &alice).await);
    let confused = bearer(&format!("pct_{}", session.token().expose()));
    assert!(ask(&house.gate, &confused).await.is_err());
    assert!(visit(&house.gate, &session).await.is_ok());
    assert!(visit(&house.gate, &other).await.is_ok(), "takes the only place in memory");
    assert!(visit(&house.gate, &session).await.is_ok());
}

#[tokio::test]
async fn a_broken_header_ends_no_session() {
    let house = House::with(|b| b.api_tokens(true)).await;
    let session = sign_in(&house.gate, &house.account("alice").await).await;
    let not_canonical = format!("pct_{}B", "A".repeat(42));
    for secret in ["eyJhbGciOi.another.system", "pct_short", &not_canonical] {
        let mut both = cookie(&house.gate, &session);
        both.extend(bearer(secret));
        let denial = ask(&house.gate, &both).await.expect_err("no token of ours");
        assert!(!denial.session_is_dead(), "{secret}");
    }
    assert!(visit(&house.gate, &session).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_running_when_the_last_handle_is_gone() {
    let house = House::with(|b| b.store_timeout(Duration::from_millis(200))).await;
    let alice = house.account("alice").await;
    for _ in 0..3 {
        let session = sign_in(&house.gate, &alice).await;
        assert!(visit(&house.gate, &session).await.is_ok());
    }
    let House { directory, admin, gate, .. } = house;
    drop(admin);
    let clone = gate.clone();
    drop(gate);
    tokio::time::sleep(Duration::from_secs(60)).await;
    let asked = directory.asked("change_hint");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(directory.asked("change_hint") > asked + 20, "a clone keeps the follower");
    drop(clone);
    let gone = || async { directory.handles() == 1 };
    eventually("everything is given back", SOON, gone).await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_keeps_no_gate() {
    let house = House::with(|b| b.store_timeout(Duration::from_millis(100))).await;
    let mut under_way = Vec::new();
    for number in 0..200 {
        let person = house.account(&format!("person{number}")).await;
        let session = sign_in(&house.gate, &person).await;
        under_way.push(visit(&house.gate, &session).await.expect("signed in"));
    }
    // Every account is asked again, and no answer comes.
    house.directory.lose_feed();
    house.lock(&house.account("last").await).await;
    house
        .directory
        .prune(START.after(Duration::from_secs(3600)))
        .await
        .expect("pruned");
    house.directory.set(Mood::Well);
    house.directory.set_only("account", Mood::Hanging);
    let asked = house.directory.asked("account");
    let rechecks = || async { house.directory.asked("account") > asked };
    eventually("the re-check is under way", SOON, rechecks).await;
    let House { directory, admin, gate, .. } = house;
    drop((admin, gate));
    let gone = || async { directory.handles() == 1 };
    eventually("everything is given back", Duration::from_secs(1), gone).await;
}
