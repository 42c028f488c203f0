//! Looks at a store: shared by many, dropped by some.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use futures_util::FutureExt;
use futures_util::future::join_all;
use http::request::Parts;
use portcullis::testing::START;
use portcullis::{Clock, GuardLayer, Portcullis, SessionClaim};
use tokio::sync::Barrier;

use super::{Clerk, Mood, Register, visit, who};

const CROWD: usize = 200;

fn app(gate: &Portcullis) -> Router {
    Router::new()
        .route("/", get(who))
        .layer(GuardLayer::new(gate.clone()))
}

/// A gate over this register, a session of its first person, and the clock.
async fn gate_over(register: &Arc<Register>) -> (Portcullis, String, Clock) {
    let clock = Clock::manual(START);
    let builder = Portcullis::builder().accounts(Clerk(Arc::clone(register)));
    let gate = builder.clock(clock.clone()).build().await.expect("a gate");
    let signed_in = gate.open_session(1, None).await.expect("may sign in");
    (gate.clone(), format!("portcullis={}", signed_in.token().expose()), clock)
}

#[tokio::test]
async fn a_crowd_that_misses_one_session_causes_one_read() {
    let register = Register::of(1);
    let (gate, cookie, clock) = gate_over(&register).await;
    let app = app(&gate);
    // First the session is unknown to this process, then its standing is old.
    for round in ["unknown", "old"] {
        let before = register.reads();
        register.be(Mood::Waits);
        let mut crowd = join_all((0..CROWD).map(|_| visit(&app, "/", &cookie))).boxed_local();
        assert!(crowd.as_mut().now_or_never().is_none(), "{round}: everybody waits");
        assert_eq!(register.reads() - before, 1, "{round}");
        register.be(Mood::Answers);
        let answers = crowd.await;
        assert!(answers.iter().all(|answer| answer.body == "1"), "{round}");
        assert_eq!(register.reads() - before, 1, "{round}");
        clock.advance(Duration::from_secs(31));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_crowd_of_threads_causes_one_read() {
    let register = Register::of(1);
    let (gate, cookie, _) = gate_over(&register).await;
    let app = app(&gate);
    let before = register.reads();
    register.be(Mood::Waits);
    let waiting = Arc::new(Barrier::new(CROWD + 1));
    let visits = (0..CROWD).map(|_| {
        let (app, cookie, waiting) = (app.clone(), cookie.clone(), Arc::clone(&waiting));
        tokio::spawn(async move {
            let mut visit = visit(&app, "/", &cookie).boxed();
            assert!(visit.as_mut().now_or_never().is_none());
            waiting.wait().await;
            visit.await.status
        })
    });
    let visits: Vec<_> = visits.collect();
    waiting.wait().await;
    register.be(Mood::Answers);
    for visit in visits {
        assert_eq!(visit.await.expect("no panic"), 200);
    }
    assert_eq!(register.reads() - before, 1);
}

#[tokio::test]
async fn a_request_dropped_while_it_looks_leaves_the_next_one_working() {
    let register = Register::of(1);
    let (gate, cookie, _) = gate_over(&register).await;
    let app = app(&gate);
    register.be(Mood::Waits);
    let mut dropped = visit(&app, "/", &cookie).boxed_local();
    assert!(dropped.as_mut().now_or_never().is_none());
    drop(dropped);
    register.be(Mood::Answers);
    assert_eq!(visit(&app, "/", &cookie).await.body, "1");
}

#[tokio::test]
async fn a_request_dropped_while_others_wait_leaves_them_its_read() {
    let register = Register::of(1);
    let (gate, cookie, _) = gate_over(&register).await;
    let app = app(&gate);
    let before = register.reads();
    register.be(Mood::Waits);
    let mut first = visit(&app, "/", &cookie).boxed_local();
    let mut second = visit(&app, "/", &cookie).boxed_local();
    assert!(first.as_mut().now_or_never().is_none());
    assert!(second.as_mut().now_or_never().is_none());
    drop(first);
    register.be(Mood::Answers);
    assert_eq!(second.await.body, "1");
    assert_eq!(register.reads() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn a_silent_register_is_waited_for_so_long_and_no_longer() {
    let register = Register::of(1);
    let (gate, cookie, _) = gate_over(&register).await;
    let app = app(&gate);
    register.be(Mood::Waits);
    let began = tokio::time::Instant::now();
    let answer = visit(&app, "/", &cookie).await;
    assert_eq!((answer.status.as_u16(), answer.clears_cookie()), (503, false));
    assert_eq!(began.elapsed().as_secs(), 5);
    register.be(Mood::Answers);
    assert_eq!(visit(&app, "/", &cookie).await.status, 200);
}

/// Sessions of an application's own: each request is asked about once, and its
/// account's standing is read once for all.
#[tokio::test]
async fn an_applications_own_sessions_are_asked_about_once_a_request() {
    let register = Register::of(2);
    let claims = Arc::new(AtomicUsize::new(0));
    let asked = Arc::clone(&claims);
    let whose = move |head: &Parts| {
        asked.fetch_add(1, Ordering::SeqCst);
        let user = head
            .headers
            .get("cookie")
            .and_then(|cookie| cookie.to_str().ok()?.parse().ok());
        async move { Ok::<_, std::io::Error>(user.map(|user: i64| SessionClaim::of(user))) }
    };
    let builder = Portcullis::builder().accounts(Clerk(Arc::clone(&register)));
    let gate = builder.sessions_from(whose).build().await.expect("a gate");
    let app = app(&gate);
    register.be(Mood::Waits);
    let mut crowd = join_all((0..CROWD).map(|_| visit(&app, "/", "1"))).boxed_local();
    assert!(crowd.as_mut().now_or_never().is_none());
    register.be(Mood::Answers);
    assert!(crowd.await.iter().all(|answer| answer.body == "1"));
    assert_eq!((claims.load(Ordering::SeqCst), register.reads()), (CROWD, 1));

    gate.standing_changed(&1.into(), portcullis::Standing::locked());
    assert_eq!(visit(&app, "/", "1").await.status, 403);
    assert_eq!(visit(&app, "/", "2").await.body, "2");
    assert_eq!(visit(&app, "/", "nobody").await.status, 401);
    assert_eq!(visit(&app, "/", "3").await.status, 403, "not in the register");
}
