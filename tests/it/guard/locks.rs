//! Locks that end by themselves or by hand, and what becomes of old sessions.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use portcullis::GuardLayer;
use portcullis::testing::TestGate;

use super::{Answer, visit, who};

fn app(test: &TestGate) -> Router {
    Router::new()
        .route("/", get(who))
        .layer(GuardLayer::new(test.gate()))
}

fn told(answer: &Answer) -> (u16, Option<&str>) {
    (answer.status.as_u16(), answer.header("retry-after"))
}

#[tokio::test]
async fn a_timed_lock_counts_down_opens_by_itself_and_leaves_its_session_dead() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    let old = test.sign_in(&alice).await;
    let app = app(&test);
    assert_eq!(visit(&app, "/", &old).await.status, 200);

    test.lock_for(&alice, Duration::from_secs(90)).await;
    assert_eq!(told(&visit(&app, "/", &old).await), (403, Some("90")));
    test.clock().advance(Duration::from_millis(89_001));
    let answer = visit(&app, "/", &old).await;
    assert_eq!(told(&answer), (403, Some("1")));
    assert!(answer.body.contains("2027-01-15T08:01:30Z"), "{}", answer.body);

    test.clock().advance(Duration::from_millis(999));
    let answer = visit(&app, "/", &old).await;
    assert_eq!((told(&answer), answer.clears_cookie()), ((401, None), true));
    let new = test.sign_in(&alice).await;
    assert_eq!(visit(&app, "/", &new).await.status, 200);
    assert_eq!(visit(&app, "/", &old).await.status, 401);
}

#[tokio::test]
async fn an_unlock_leaves_the_session_that_an_admin_lock_ended_dead() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    let old = test.sign_in(&alice).await;
    let app = app(&test);
    test.lock(&alice).await;
    assert_eq!(told(&visit(&app, "/", &old).await), (403, None));
    test.unlock(&alice).await;
    assert_eq!(told(&visit(&app, "/", &old).await), (401, None));
    let new = test.sign_in(&alice).await;
    assert_eq!(visit(&app, "/", &new).await.status, 200);
}

#[tokio::test]
async fn a_session_resumes_when_a_lockout_ends() {
    for unlocked in [false, true] {
        let test = TestGate::new().await;
        let alice = test.account("alice").await;
        let cookie = test.sign_in(&alice).await;
        let app = app(&test);
        test.lock_out(&alice).await;
        let answer = visit(&app, "/", &cookie).await;
        assert_eq!((told(&answer), answer.clears_cookie()), ((403, Some("300")), false));
        if unlocked {
            test.unlock(&alice).await;
        } else {
            test.clock().advance(Duration::from_micros(299_999_999));
            assert_eq!(told(&visit(&app, "/", &cookie).await), (403, Some("1")));
            test.clock().advance(Duration::from_micros(1));
        }
        assert_eq!(visit(&app, "/", &cookie).await.status, 200, "unlocked by hand: {unlocked}");
    }
}

#[tokio::test]
async fn a_lock_reaches_every_session_at_once_and_nobody_else() {
    let test = TestGate::new().await;
    let (alice, bob) = (test.account("alice").await, test.account("bob").await);
    let app = app(&test);
    let bobs = test.sign_in(&bob).await;
    let mut alices = Vec::new();
    for _ in 0..20 {
        let cookie = test.sign_in(&alice).await;
        assert_eq!(visit(&app, "/", &cookie).await.body, "alice");
        alices.push(cookie);
    }
    test.lock(&alice).await;
    for cookie in &alices {
        assert_eq!(visit(&app, "/", cookie).await.status, 403);
    }
    assert_eq!(visit(&app, "/", &bobs).await.body, "bob");
}

#[tokio::test]
async fn one_session_can_be_ended_alone() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    let (first, second) = (test.sign_in(&alice).await, test.sign_in(&alice).await);
    let app = app(&test);
    assert_eq!(visit(&app, "/", &first).await.status, 200);
    let sessions = test
        .directory()
        .sessions_of(alice.key())
        .await
        .expect("a store in memory");
    let current = portcullis::testing::current_account(&test, &alice).await;
    for session in sessions {
        let actor = portcullis::admin::Actor::System;
        test.admin()
            .end_session(&actor, session.key.id())
            .await
            .expect("a live session");
    }
    // At once: nothing was waited for in between.
    assert_eq!(visit(&app, "/", &first).await.status, 401);
    assert_eq!(visit(&app, "/", &second).await.status, 401);

    assert!(
        test.gate()
            .sign_out(&current)
            .await
            .expect("a store in memory")
    );
    assert!(
        !test
            .gate()
            .sign_out(&current)
            .await
            .expect("a store in memory")
    );
}
