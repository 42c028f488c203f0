//! A valid token is not an open account.

use std::time::Duration;

use portcullis::domain::denial::DenialReason;
use portcullis::engine::Admission;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_lock_reaches_a_token_and_what_it_ended_stays_ended() {
    let test = gate_of(issuer()).await;
    let app = app(test.gate());
    let alice = test.account("alice").await;
    let old = token(&claims(&test, &alice));
    assert_eq!(visit(&app, &old).await, StatusCode::OK);

    test.clock().advance(SECOND);
    test.lock(&alice).await;
    let (status, challenge) = answer(&app, by_header(&old)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(challenge.as_deref(), Some("Bearer realm=\"portcullis\", error=\"invalid_token\""));
    assert_eq!(reason(&test, &old).await, Some("account-locked"));

    test.clock().advance(SECOND);
    test.unlock(&alice).await;
    assert_eq!(reason(&test, &old).await, Some("session-ended"));
    let same_second = token(&claims(&test, &alice));
    assert_eq!(
        reason(&test, &same_second).await,
        Some("session-ended"),
        "nobody can say which came first"
    );

    test.clock().advance(SECOND);
    assert_eq!(reason(&test, &same_second).await, Some("session-ended"));
    let young = token(&claims(&test, &alice));
    assert_eq!(visit(&app, &young).await, StatusCode::OK);
    assert_eq!(visit(&app, &old).await, StatusCode::UNAUTHORIZED);
}

/// Why a token is refused, if it is.
async fn reason(test: &TestGate, token: &str) -> Option<&'static str> {
    let judged = match test.gate().admit(by_header(token).headers()) {
        Admission::Pass(account) => Ok(account),
        Admission::Deny(denial) => Err(denial),
        Admission::Look(look) => look.await,
    };
    judged.err().map(|denial| denial.reason().as_str())
}

#[tokio::test]
async fn a_token_that_was_never_seen_before_the_lock_is_dead_after_it() {
    let test = gate_of(issuer()).await;
    let alice = test.account("alice").await;
    let unseen = token(&claims(&test, &alice));
    let later = token(&with(claims(&test, &alice), "iat", json!(START.floor_secs() + 3)));
    test.clock().advance(SECOND);
    test.lock(&alice).await;
    assert_eq!(
        reason(&test, &unseen).await,
        Some("account-locked"),
        "the account's reason is first"
    );
    test.clock().advance(SECOND);
    test.unlock(&alice).await;
    assert_eq!(reason(&test, &unseen).await, Some("session-ended"));
    test.clock().advance(SECOND);
    assert_eq!(reason(&test, &unseen).await, Some("session-ended"));
    assert_eq!(reason(&test, &later).await, None, "issued after the unlock, by its own word");
}

#[tokio::test]
async fn a_token_from_the_future_is_as_old_as_its_first_sight() {
    let test = gate_of(issuer().leeway(Duration::from_secs(60))).await;
    let alice = test.account("alice").await;
    let early = token(&with(claims(&test, &alice), "iat", json!(START.floor_secs() + 30)));
    assert_eq!(reason(&test, &early).await, None);
    test.clock().advance(SECOND);
    test.lock(&alice).await;
    test.unlock(&alice).await;
    test.clock().advance(SECOND);
    assert_eq!(reason(&test, &early).await, Some("session-ended"));
    test.clock().advance(Duration::from_secs(60));
    assert_eq!(reason(&test, &early).await, Some("session-ended"));
}

#[tokio::test]
async fn every_way_of_ending_sessions_ends_tokens() {
    let test = gate_of(issuer()).await;
    let alice = test.account("alice").await;
    let token = token(&claims(&test, &alice));
    assert_eq!(reason(&test, &token).await, None);
    test.sign_out(&alice).await;
    assert_eq!(reason(&test, &token).await, Some("session-ended"));

    for (name, expected) in [("disabled", "account-disabled"), ("deleted", "account-deleted")] {
        let person = test.account(name).await;
        test.clock().advance(SECOND);
        let token = self::token(&claims(&test, &person));
        assert_eq!(reason(&test, &token).await, None);
        match name {
            "disabled" => test.disable(&person).await,
            _ => test.delete(&person).await,
        }
        assert_eq!(reason(&test, &token).await, Some(expected));
    }
}

#[tokio::test]
async fn a_lockout_refuses_a_token_while_it_lasts() {
    let test = gate_of(issuer()).await;
    let alice = test.account("alice").await;
    let token = token(&claims(&test, &alice));
    assert_eq!(reason(&test, &token).await, None);
    test.lock_out(&alice).await;
    assert_eq!(reason(&test, &token).await, Some("account-locked"));
    test.clock().advance(Duration::from_secs(5 * 60));
    assert_eq!(reason(&test, &token).await, None, "a lockout ends nothing");
}

#[tokio::test]
async fn whoever_is_not_let_in_is_not_let_in_by_a_token() {
    let test = gate_of(issuer()).await;
    let invited = test.invited("ingrid").await;
    assert_eq!(
        reason(&test, &token(&claims(&test, &invited))).await,
        Some("account-not-yet-active")
    );
    let nobody = with(claims(&test, &invited), "sub", json!("4711"));
    assert_eq!(reason(&test, &token(&nobody)).await, Some("account-deleted"));
}

#[tokio::test]
async fn a_token_that_was_signed_out_of_stays_out_whatever_its_signature() {
    let keys = JwtKeys::public_pem(include_str!("keys/p256.pub.pem")).expect("a key");
    let test = gate_of(JwtIssuer::new(ISSUER, "shop", keys)).await;
    let alice = test.account("alice").await;
    let key = EncodingKey::from_ec_pem(include_bytes!("keys/p256.pem")).expect("a key");
    let header = json!({"alg": "ES256"});
    let claims = claims(&test, &alice);
    // Whoever holds the key, or turns the sign of an ECDSA signature round, has two
    // texts of one token.
    let one = sign(&header, &claims, Algorithm::ES256, &key);
    let other = sign(&header, &claims, Algorithm::ES256, &key);
    assert_ne!(one, other);
    let me = match test.gate().admit(by_header(&one).headers()) {
        Admission::Look(look) => look.await.expect("a valid token"),
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(&test, &other).await, None);
    assert_eq!(test.gate().sign_out(&me).await, Ok(true));
    assert_eq!(test.gate().sign_out(&me).await, Ok(false));
    for token in [&one, &other] {
        assert_eq!(reason(&test, token).await, Some("session-ended"));
    }
    let fresh = with(claims, "jti", json!("another"));
    let fresh = sign(&header, &fresh, Algorithm::ES256, &key);
    assert_eq!(reason(&test, &fresh).await, None);
}

#[tokio::test]
async fn live_connections_end_with_the_account_the_token_or_its_time() {
    let test = gate_of(issuer()).await;
    let alice = test.account("alice").await;
    let enter = async |claims: &Value| match test.gate().admit(by_header(&token(claims)).headers())
    {
        Admission::Look(look) => look.await.expect("a valid token"),
        Admission::Pass(me) => me,
        Admission::Deny(denial) => panic!("{denial}"),
    };
    let me = enter(&claims(&test, &alice)).await;
    let gate = test.gate();
    let mut open = Box::pin(gate.ended(&me));
    assert!(futures_util::poll!(&mut open).is_pending());
    test.gate().sign_out(&me).await.expect("there is room");
    assert_eq!(open.await.reason(), DenialReason::SessionEnded);

    test.clock().advance(SECOND);
    let me = enter(&claims(&test, &alice)).await;
    let mut open = Box::pin(gate.ended(&me));
    assert!(futures_util::poll!(&mut open).is_pending());
    test.lock(&alice).await;
    assert!(matches!(open.await.reason(), DenialReason::Locked { .. }));
    test.unlock(&alice).await;

    test.clock().advance(SECOND);
    let me = enter(&claims(&test, &alice)).await;
    test.clock().advance(Duration::from_secs(3600 + 10));
    assert_eq!(gate.ended(&me).await.reason(), DenialReason::SessionEnded, "at its end");
}
