use std::collections::HashSet;

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation};
use serde_json::Value;

use super::*;
use crate::testing::{TestGate, current_account};

fn settings() -> Settings {
    Settings::new("https://gate.example".to_owned())
}

fn audience(number: usize, name: &str) -> Audience {
    Audience { number, name: name.into() }
}

async fn text(response: Response<Body>) -> String {
    use http_body_util::BodyExt;
    let body = response.into_body().collect().await.expect("a body");
    String::from_utf8(body.to_bytes().to_vec()).expect("text")
}

/// What an assertion says to an upstream that checks it, at the clock of now or without.
async fn checked(assertions: &Assertions, token: &HeaderValue, aud: &str) -> Option<Value> {
    let set = text(assertions.keys(&Method::GET)).await;
    let set: JwkSet = serde_json::from_str(&set).expect("a set");
    let token = token.to_str().expect("text");
    let kid = jsonwebtoken::decode_header(token)
        .expect("a head")
        .kid
        .expect("a name");
    let key = DecodingKey::from_jwk(set.find(&kid)?).expect("a key");
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_audience(&[aud]);
    validation.set_issuer(&["https://gate.example"]);
    // The clock of these tests is moved by hand.
    validation.validate_exp = false;
    jsonwebtoken::decode(token, &key, &validation)
        .ok()
        .map(|data| data.claims)
}

#[tokio::test]
async fn an_assertion_says_who_it_is_to_one_upstream() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    test.edit(&alice, |alice| {
        alice.name = "Alice Ä".to_owned();
        alice.details.permissions = [Permission::ViewAudit].into_iter().collect();
    })
    .await;
    let me = current_account(&test, &alice).await;
    let assertions = Assertions::open(&test.gate(), settings())
        .await
        .expect("keys");
    let token = assertions
        .of(&me, &audience(0, "wiki"))
        .await
        .expect("a token");
    let said = checked(&assertions, &token, "wiki")
        .await
        .expect("a signature");
    assert_eq!(said["sub"], alice.id.to_string());
    assert_eq!((&said["login"], &said["name"]), (&"alice".into(), &"Alice Ä".into()));
    assert_eq!(said["permissions"], serde_json::json!(["audit.view"]));
    assert_eq!(said["groups"], serde_json::json!([]));
    assert_eq!(said["exp"].as_i64(), said["iat"].as_i64().map(|iat| iat + 60));
    assert_eq!(said["sid"], me.session_id().expect("a session").to_string());
    assert_eq!(checked(&assertions, &token, "shop").await, None, "it is for one upstream");
    let other = assertions
        .of(&me, &audience(1, "shop"))
        .await
        .expect("a token");
    assert!(checked(&assertions, &other, "shop").await.is_some());
}

#[tokio::test]
async fn what_was_signed_is_used_again_for_a_while() {
    let test = TestGate::new().await;
    let (alice, bob) = (test.account("alice").await, test.account("bob").await);
    let (hers, his) = (current_account(&test, &alice).await, current_account(&test, &bob).await);
    let other = current_account(&test, &alice).await;
    let assertions = Assertions::open(&test.gate(), settings())
        .await
        .expect("keys");
    let wiki = audience(0, "wiki");
    let of = async |me| assertions.of(me, &wiki).await.expect("a token");
    let first = of(&hers).await;
    assert_eq!(of(&hers).await, first);
    test.clock().advance(Duration::from_secs(20));
    assert_eq!(of(&hers).await, first);
    let all: HashSet<_> = [first.clone(), of(&his).await, of(&other).await].into();
    assert_eq!(all.len(), 3, "each session has its own");
    test.clock().advance(Duration::from_secs(1));
    let later = of(&hers).await;
    assert_ne!(later, first);
    test.edit(&alice, |alice| alice.name = "Alice B".to_owned())
        .await;
    assert_ne!(of(&hers).await, later, "it says what is so now");
}

#[tokio::test]
async fn keys_are_those_of_the_directory() {
    let test = TestGate::new().await;
    let me = current_account(&test, &test.account("alice").await).await;
    let one = Assertions::open(&test.gate(), settings())
        .await
        .expect("keys");
    let other = Assertions::open(&test.gate(), settings())
        .await
        .expect("keys");
    let wiki = audience(0, "wiki");
    let token = one.of(&me, &wiki).await.expect("a token");
    assert!(checked(&other, &token, "wiki").await.is_some(), "another gateway has the same");
    let stranger = TestGate::new().await;
    let stranger = Assertions::open(&stranger.gate(), settings())
        .await
        .expect("keys");
    assert!(checked(&stranger, &token, "wiki").await.is_none());

    // A new key is used once it was published for a while, and then nothing else is.
    let admin = test.admin();
    admin
        .rotate_assertion_keys(&Actor::System, Takeover::Announced)
        .await
        .expect("a key");
    one.look().await.expect("keys");
    other.look().await.expect("keys");
    let keys = |at: &Assertions| at.keys(&Method::GET);
    let both = text(keys(&one)).await;
    assert_eq!(both.matches("\"kid\"").count(), 2, "{both}");
    let kid = |token: &HeaderValue| {
        jsonwebtoken::decode_header(token.to_str().expect("text"))
            .expect("a head")
            .kid
    };
    let before = one.of(&me, &wiki).await.expect("a token");
    assert_eq!(kid(&before), kid(&token));
    test.clock()
        .advance(crate::admin::assertion_keys::PUBLISHED_BEFORE);
    let after = one.of(&me, &wiki).await.expect("a token");
    assert_ne!(kid(&after), kid(&token));
    for token in [&before, &after] {
        assert!(checked(&other, token, "wiki").await.is_some());
    }
    test.clock()
        .advance(crate::admin::assertion_keys::PUBLISHED_AFTER);
    assert!(checked(&other, &before, "wiki").await.is_none(), "its key is published no more");
    assert!(checked(&other, &after, "wiki").await.is_some());

    // One that may be known is worth nothing at once.
    admin
        .rotate_assertion_keys(&Actor::System, Takeover::AtOnce)
        .await
        .expect("a key");
    one.look().await.expect("keys");
    assert!(checked(&one, &after, "wiki").await.is_none());
    let now = one.of(&me, &wiki).await.expect("a token");
    assert!(checked(&one, &now, "wiki").await.is_some());
}

#[tokio::test]
async fn only_the_published_part_is_published() {
    let test = TestGate::new().await;
    let assertions = Assertions::open(&test.gate(), settings())
        .await
        .expect("keys");
    let set: Value =
        serde_json::from_str(&text(assertions.keys(&Method::GET)).await).expect("JSON");
    let key = set["keys"][0].as_object().expect("a key");
    let mut names: Vec<_> = key.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "crv", "key_ops", "kid", "kty", "use", "x", "y"]);
    assert_eq!(assertions.keys(&Method::POST).status(), 405);
    let kept = test
        .directory()
        .setting("assertion.keys")
        .await
        .expect("a store")
        .expect("keys");
    assert!(!kept.contains(key["x"].as_str().expect("text")));
}
