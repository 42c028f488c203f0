//! From when until when a token is taken.

use std::time::Duration;

use super::*;

async fn world() -> (TestGate, Router, Value) {
    let test = gate_of(issuer()).await;
    let app = app(test.gate());
    let alice = test.account("alice").await;
    let claims = claims(&test, &alice);
    (test, app, claims)
}

#[tokio::test]
async fn a_remembered_token_expires() {
    let (test, app, claims) = world().await;
    let token = token(&claims);
    assert_eq!(visit(&app, &token).await, StatusCode::OK);
    test.clock().advance(Duration::from_secs(3609));
    assert_eq!(visit(&app, &token).await, StatusCode::OK, "within the leeway");
    test.clock().advance(Duration::from_secs(1));
    assert_eq!(visit(&app, &token).await, StatusCode::UNAUTHORIZED);
    assert_eq!(
        visit(&app, &self::token(&with(claims, "jti", json!("1")))).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(test.gate().jwt_signatures_checked(), 1, "what is over needs no signature");
}

#[tokio::test]
async fn a_long_token_is_never_idle() {
    let (test, app, claims) = world().await;
    let token = token(&with(claims, "exp", json!(START.floor_secs() + 30 * 24 * 3600)));
    assert_eq!(visit(&app, &token).await, StatusCode::OK);
    test.clock().advance(Duration::from_secs(29 * 24 * 3600));
    assert_eq!(visit(&app, &token).await, StatusCode::OK);
    assert_eq!(test.gate().jwt_signatures_checked(), 1);
}

#[tokio::test]
async fn a_token_is_not_taken_before_its_time() {
    let (test, app, claims) = world().await;
    let now = START.floor_secs();
    for claim in ["nbf", "iat"] {
        let early = token(&with(claims.clone(), claim, json!(now + 11)));
        assert_eq!(visit(&app, &early).await, StatusCode::UNAUTHORIZED, "{claim}");
    }
    assert_eq!(test.gate().jwt_signatures_checked(), 0);
    let soon = token(&with(claims, "nbf", json!(now + 11)));
    assert_eq!(visit(&app, &soon).await, StatusCode::UNAUTHORIZED);
    test.clock().advance(Duration::from_secs(1));
    assert_eq!(visit(&app, &soon).await, StatusCode::OK, "it was not forgotten for good");
}

#[tokio::test]
async fn times_are_numbers_and_those_that_must_be_there_are() {
    let (test, app, claims) = world().await;
    let now = START.floor_secs();
    for (claim, value) in [
        ("iat", Value::Null),
        ("exp", Value::Null),
        ("iat", json!(now.to_string())),
        ("exp", json!((now + 60).to_string())),
        ("nbf", json!("0")),
        ("nbf", json!([])),
        ("exp", json!(-1)),
        ("iat", json!(-1)),
        ("exp", json!({})),
        ("exp", json!(now - 11)),
    ] {
        let token = token(&with(claims.clone(), claim, value.clone()));
        assert_eq!(visit(&app, &token).await, StatusCode::UNAUTHORIZED, "{claim}: {value}");
    }
    assert_eq!(test.gate().jwt_signatures_checked(), 0);
    for (claim, value) in [("exp", json!(now as f64 + 0.5)), ("iat", json!(now as f64 - 0.5))] {
        let token = token(&with(claims.clone(), claim, value.clone()));
        assert_eq!(visit(&app, &token).await, StatusCode::OK, "{claim}: {value}");
    }
    let for_ever = token(&with(claims, "exp", json!(1e300)));
    assert_eq!(visit(&app, &for_ever).await, StatusCode::OK);
}
