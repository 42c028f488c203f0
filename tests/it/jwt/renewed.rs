//! A gate that goes by another description while it runs.

use std::time::Duration;

use super::*;

async fn world() -> (TestGate, Router, String) {
    let test = gate_of(issuer()).await;
    let app = app(test.gate());
    let alice = test.account("alice").await;
    let token = token(&claims(&test, &alice));
    assert_eq!(visit(&app, &token).await, StatusCode::OK);
    (test, app, token)
}

fn with_tokens() -> Builder {
    Portcullis::builder().jwt_sessions(sessions())
}

#[tokio::test]
async fn tokens_that_are_no_longer_taken_are_not_remembered() {
    let (test, app, token) = world().await;
    Portcullis::builder()
        .renew(&test.gate())
        .await
        .expect("fine");
    assert_eq!(visit(&app, &token).await, StatusCode::UNAUTHORIZED);
    let shelf = JwtSessions::from_issuer(JwtIssuer::new(ISSUER, "another shop", keys()));
    let other = Portcullis::builder().jwt_sessions(shelf);
    other.renew(&test.gate()).await.expect("fine");
    assert_eq!(visit(&app, &token).await, StatusCode::UNAUTHORIZED);
    with_tokens().renew(&test.gate()).await.expect("fine");
    assert_eq!(visit(&app, &token).await, StatusCode::OK);
}

#[tokio::test]
async fn who_signed_out_stays_so() {
    let (test, app, token) = world().await;
    let request = by_header(&token);
    let portcullis::engine::Admission::Pass(me) = test.gate().admit(request.headers()) else {
        panic!("it is remembered");
    };
    assert_eq!(test.gate().sign_out(&me).await, Ok(true));
    assert_eq!(visit(&app, &token).await, StatusCode::UNAUTHORIZED);
    Portcullis::builder()
        .renew(&test.gate())
        .await
        .expect("fine");
    with_tokens().renew(&test.gate()).await.expect("fine");
    assert_eq!(visit(&app, &token).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn sessions_go_on_by_their_new_times() {
    let (test, app, _) = world().await;
    let bob = test.account("bob").await;
    let cookie = test.sign_in(&bob).await;
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let short = with_tokens().session_lasts(minutes(60), minutes(5));
    short.renew(&test.gate()).await.expect("fine");
    assert_eq!(answer(&app, by_cookie(&cookie)).await.0, StatusCode::OK);
    test.clock().advance(minutes(4));
    assert_eq!(answer(&app, by_cookie(&cookie)).await.0, StatusCode::OK);
    test.clock().advance(minutes(6));
    assert_eq!(answer(&app, by_cookie(&cookie)).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_description_that_contradicts_itself_changes_nothing() {
    let (test, app, token) = world().await;
    let wrong = Portcullis::builder().session_lasts(Duration::from_secs(60), Duration::ZERO);
    assert!(wrong.renew(&test.gate()).await.is_err());
    assert_eq!(visit(&app, &token).await, StatusCode::OK);
    assert_eq!(test.gate().session_idle(), Duration::from_secs(2 * 3600));
}

/// What clients hold, and the names of cookies, stay as they were.
#[tokio::test]
async fn cookies_keep_their_names() {
    let (test, app, _) = world().await;
    let bob = test.account("bob").await;
    let cookie = test.sign_in(&bob).await;
    let name = test.gate().cookie_name();
    with_tokens()
        .https(true)
        .renew(&test.gate())
        .await
        .expect("fine");
    assert_eq!(test.gate().cookie_name(), name);
    assert_eq!(answer(&app, by_cookie(&cookie)).await.0, StatusCode::OK);
}
