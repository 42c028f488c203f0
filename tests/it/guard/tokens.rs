//! API tokens at the guard.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use http::{Request, header};
use portcullis::GuardLayer;
use portcullis::admin::{Actor, TokenRequest};
use portcullis::testing::TestGate;

use super::{Answer, ask, visit, who};

const INVALID: &str = "Bearer realm=\"portcullis\", error=\"invalid_token\"";

async fn taking_tokens() -> (TestGate, Router) {
    let test = TestGate::with(|builder| builder.api_tokens(true)).await;
    let guard = GuardLayer::new(test.gate()).sign_in_at("/sign-in");
    (test, Router::new().route("/", get(who)).layer(guard))
}

async fn call(app: &Router, authorization: &str) -> Answer {
    let request = Request::get("/").header(header::AUTHORIZATION, authorization);
    ask(app, request.body(Body::empty()).expect("a request")).await
}

fn assert_invalid(answer: &Answer) {
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), Some(INVALID));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(!answer.clears_cookie(), "a token is no cookie");
    assert!(!answer.body.contains("sign_in_url"), "{}", answer.body);
}

#[tokio::test]
async fn a_token_of_a_locked_account_is_invalid_while_the_lock_lasts() {
    let (test, app) = taking_tokens().await;
    let alice = test.account("alice").await;
    let token = test.api_token(&alice).await;
    assert_eq!(call(&app, &token).await.body, "alice");

    test.lock_for(&alice, Duration::from_secs(60)).await;
    let answer = call(&app, &token).await;
    assert_invalid(&answer);
    assert_eq!(answer.header("retry-after"), Some("60"));
    test.clock().advance(Duration::from_secs(60));
    assert_eq!(call(&app, &token).await.body, "alice", "a token has no generation");

    test.disable(&alice).await;
    assert_invalid(&call(&app, &token).await);
    test.delete(&alice).await;
    assert_invalid(&call(&app, &token).await);
}

#[tokio::test]
async fn a_lockout_never_refuses_a_token() {
    let (test, app) = taking_tokens().await;
    let alice = test.account("alice").await;
    let (token, cookie) = (test.api_token(&alice).await, test.sign_in(&alice).await);
    test.lock_out(&alice).await;
    assert_eq!(visit(&app, "/", &cookie).await.status, 403);
    assert_eq!(call(&app, &token).await.body, "alice");
}

#[tokio::test]
async fn a_revoked_token_is_refused_at_once() {
    let (test, app) = taking_tokens().await;
    let alice = test.account("alice").await;
    let created = test
        .admin()
        .create_token(&Actor::System, &alice.id.into(), TokenRequest::default())
        .await
        .expect("a token");
    let authorization = format!("Bearer {}", created.secret.expose());
    assert_eq!(call(&app, &authorization).await.body, "alice");
    let id = created.token.key.id();
    test.admin()
        .revoke_token(&Actor::System, id)
        .await
        .expect("revoked");
    // At once: nothing was waited for in between.
    assert_invalid(&call(&app, &authorization).await);
}

#[tokio::test]
async fn a_token_ends_when_it_was_made_to() {
    let (test, app) = taking_tokens().await;
    let alice = test.account("alice").await;
    let expires_at = Some(test.clock().wall().after(Duration::from_secs(60)));
    let request = TokenRequest { expires_at, ..TokenRequest::default() };
    let created = test
        .admin()
        .create_token(&Actor::System, &alice.id.into(), request)
        .await;
    let authorization = format!("Bearer {}", created.expect("a token").secret.expose());
    test.clock().advance(Duration::from_micros(59_999_999));
    assert_eq!(call(&app, &authorization).await.body, "alice");
    test.clock().advance(Duration::from_micros(1));
    assert_invalid(&call(&app, &authorization).await);
}

/// Whoever sends a bad token beside a good cookie is refused for the token, and
/// stays signed in.
#[tokio::test]
async fn a_bad_token_leaves_the_cookie_alone() {
    let (test, app) = taking_tokens().await;
    let alice = test.account("alice").await;
    let cookie = test.sign_in(&alice).await;
    let unknown = format!("Bearer pct_{}", "A".repeat(43));
    for bad in ["Bearer of-bad-news", "bearer pct_short", "Bearer ", &unknown] {
        for navigating in [false, true] {
            let mut request = Request::get("/")
                .header(header::COOKIE, &cookie)
                .header(header::AUTHORIZATION, bad);
            if navigating {
                request = request.header("sec-fetch-mode", "navigate");
            }
            let request = request.body(Body::empty()).expect("a request");
            assert_invalid(&ask(&app, request).await);
        }
    }
    assert_eq!(visit(&app, "/", &cookie).await.body, "alice");
}

/// The text of a session's token opens nothing as an API token, and trying that
/// does the session no harm.
#[tokio::test]
async fn a_session_is_no_token_and_a_token_no_session() {
    let (test, app) = taking_tokens().await;
    let alice = test.account("alice").await;
    let (token, cookie) = (test.api_token(&alice).await, test.sign_in(&alice).await);
    let of_session = cookie
        .strip_prefix("portcullis=")
        .expect("the cookie's name");
    assert_invalid(&call(&app, &format!("Bearer pct_{of_session}")).await);
    assert_eq!(visit(&app, "/", &cookie).await.body, "alice");

    let of_token = token.strip_prefix("Bearer pct_").expect("a token's form");
    assert_eq!(
        visit(&app, "/", &format!("portcullis={of_token}"))
            .await
            .status,
        401
    );
    assert_eq!(call(&app, &token).await.body, "alice");
}

#[tokio::test]
async fn where_tokens_are_not_taken_they_are_not_read() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    let app = Router::new()
        .route("/", get(who))
        .layer(GuardLayer::new(test.gate()));
    let token = test.api_token(&alice).await;
    let answer = call(&app, &token).await;
    assert_eq!(answer.status, 401);
    assert_eq!(answer.header("www-authenticate"), Some("Session realm=\"portcullis\""));
}
