//! Who is taken for whom.

use std::time::Duration;

use portcullis::domain::permission::Permission;

use super::{PASSWORD, Reply, Stand, basic, token};

fn challenge(reply: &Reply) -> &str {
    reply.headers["www-authenticate"].to_str().expect("text")
}

#[tokio::test]
async fn op_15_who_brings_nothing_is_asked_for_something() {
    let stand = Stand::new().await;
    for (method, path) in [
        ("GET", "/users/me"),
        ("GET", "/users"),
        ("POST", "/users"),
        ("PUT", "/users"),
        ("DELETE", "/users/1/lock"),
        ("GET", "/nothing/here"),
    ] {
        let answer = stand.raw(method, path, &[], "").await;
        answer.is_error(401, "Unauthenticated");
        assert_eq!(challenge(&answer), "Basic realm=\"OpenProject API\"", "{method} {path}");
    }
}

#[tokio::test]
async fn op_16_op_17_a_wrong_key_opens_nothing() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let silent = stand.raw("GET", "/users/me", &[], "").await;
    let right = &stand.a;
    let wrong = format!("pct_{}", "A".repeat(43));
    for header in [
        basic("apikey", &wrong),
        basic("apikey", ""),
        basic("APIKEY", right),
        basic("root", right),
        basic("ada", PASSWORD),
        basic("apikey", &right[..46]),
        "Basic !!!".to_owned(),
        "Digest x".to_owned(),
        right.clone(),
    ] {
        let headers = [("authorization", &*header)];
        let answer = stand.raw("GET", "/users/me", &headers, "").await;
        answer.is_error(401, "Unauthenticated");
        assert_eq!(challenge(&answer), "Basic realm=\"OpenProject API\"");
        assert_ne!(answer.body["message"], silent.body["message"]);
        let session = [headers[0], ("x-authentication-scheme", "Session")];
        let answer = stand.raw("GET", "/users/me", &session, "").await;
        answer.is_error(401, "Unauthenticated");
        assert!(challenge(&answer).contains("Session realm=\"OpenProject API\""));
    }
    // A wrong key counts as no guess at anybody's password.
    assert_eq!(stand.now(&ada).await, ada);
}

#[tokio::test]
async fn a_right_key_is_taken_both_ways() {
    let stand = Stand::new().await;
    for header in [basic("apikey", &stand.a), format!("Bearer {}", stand.a)] {
        let answer = stand
            .raw("GET", "/users/me", &[("authorization", &header)], "")
            .await;
        assert_eq!(answer.body["login"], "root", "{}", answer.text);
    }
    // Two headers are somebody else's and nobody can say which.
    let twice = basic("apikey", &stand.a);
    let twice = [("authorization", &*twice), ("authorization", &*twice)];
    let answer = stand.raw("GET", "/users/me", &twice, "").await;
    assert!(matches!(answer.status, 400 | 401), "{}", answer.text);
}

#[tokio::test]
async fn op_18_op_19_a_locked_owners_token_opens_nothing_at_once() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let key = token(&stand.test, &ada, &[]).await;
    stand.get(&key, "/users/me").await.is_user("active");
    let path = stand.lock_path(&ada).await;
    stand
        .post(&stand.a, &path, serde_json::json!({}))
        .await
        .is_user("locked");
    let refused = stand.get(&key, "/users/me").await;
    refused.is_error(401, "Unauthenticated");
    let bearer = format!("Bearer {key}");
    let refused = stand
        .raw("GET", "/users/me", &[("authorization", &bearer)], "")
        .await;
    refused.is_error(401, "Unauthenticated");
    assert!(challenge(&refused).starts_with("Bearer realm=\"OpenProject API\""));
    assert!(challenge(&refused).contains("error=\"invalid_token\""));
    assert!(challenge(&refused).contains("scope=\"api_v3\""));
    // After the unlock it is what it was.
    stand.delete(&stand.a, &path).await.is_user("active");
    stand.get(&key, "/users/me").await.is_user("active");
}

#[tokio::test]
async fn a_disabled_or_deleted_owners_token_opens_nothing() {
    let stand = Stand::new().await;
    let (ada, eve) = (stand.person("ada").await, stand.person("eve").await);
    let adas = token(&stand.test, &ada, &[]).await;
    let eves = token(&stand.test, &eve, &[]).await;
    stand.test.disable(&ada).await;
    stand
        .get(&adas, "/users/me")
        .await
        .is_error(401, "Unauthenticated");
    assert_eq!(stand.delete(&stand.a, "/users/eve").await.status, 202);
    stand
        .get(&eves, "/users/me")
        .await
        .is_error(401, "Unauthenticated");
}

/// Whoever guesses passwords has no token.
#[tokio::test]
async fn a_lockout_refuses_no_token() {
    let stand = Stand::new().await;
    stand.test.lock_out(&stand.root).await;
    assert_eq!(stand.sign_in("root", PASSWORD).await, 429);
    stand.get(&stand.a, "/users/me").await.is_user("locked");
}

#[tokio::test]
async fn a_token_ends_and_is_revoked() {
    let stand = Stand::new().await;
    let end = stand.test.clock().wall().after(Duration::from_secs(60));
    let request = portcullis::admin::TokenRequest {
        expires_at: Some(end),
        ..portcullis::admin::TokenRequest::default()
    };
    let system = portcullis::admin::Actor::System;
    let owner = stand.root.id.into();
    let admin = stand.test.admin();
    let short = admin
        .create_token(&system, &owner, request)
        .await
        .expect("a token");
    let key = short.secret.expose();
    stand.get(&key, "/users/me").await.is_user("active");
    let noted = stand
        .test
        .directory()
        .token(short.token.key)
        .await
        .expect("a store");
    assert_eq!(noted.expect("a token").last_used_at, Some(stand.test.clock().wall()));
    stand.test.clock().advance(Duration::from_secs(60));
    stand
        .get(&key, "/users/me")
        .await
        .is_error(401, "Unauthenticated");

    let long = admin
        .create_token(&system, &owner, Default::default())
        .await
        .expect("a token");
    let key = long.secret.expose();
    stand.get(&key, "/users/me").await.is_user("active");
    admin
        .revoke_token(&system, long.token.key.id())
        .await
        .expect("revoked");
    stand
        .get(&key, "/users/me")
        .await
        .is_error(401, "Unauthenticated");
}

/// A token that is for less is refused as OpenProject refuses one: 403, and what scope
/// it would take.
#[tokio::test]
async fn a_narrow_token_does_no_more_than_it_is_for() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let looks = token(&stand.test, &stand.root, &["users.view"]).await;
    let other = token(&stand.test, &stand.root, &["reports:read"]).await;
    let path = stand.lock_path(&ada).await;
    assert_eq!(stand.get(&looks, "/users").await.status, 200);
    for (token, method, path, needed) in [
        (&looks, "POST", &*path, "users.manage"),
        (&looks, "DELETE", &path, "users.unlock"),
        (&looks, "POST", "/users", "users.manage"),
        (&looks, "PATCH", "/users/ada", "users.manage"),
        (&looks, "PATCH", "/users/me", "users.manage"),
        (&looks, "DELETE", "/users/ada", "users.manage"),
        (&other, "GET", "/users", "users.view"),
    ] {
        let json = [("content-type", "application/json")];
        let body = "{\"firstName\":\"Eve\"}";
        let refused = stand.send(method, path, token, &json, body).await;
        refused.is_error(403, "Unauthenticated");
        assert!(challenge(&refused).contains("error=\"insufficient_scope\""), "{method} {path}");
        assert!(challenge(&refused).contains(needed), "{method} {path}");
    }
    assert_eq!(stand.now(&ada).await, ada, "nothing was changed");
    // Whoever has only such a scope is shown as an administrator to nobody.
    let shown = stand.get(&looks, "/users/ada").await;
    assert!(!shown.links().contains(&"lock"), "{}", shown.text);
    let shown = stand.get(&other, "/users/ada").await;
    assert!(shown.body.get("login").is_none(), "{}", shown.text);
    let manages = token(&stand.test, &stand.root, &["users.manage"]).await;
    stand
        .post(&manages, &path, serde_json::json!({}))
        .await
        .is_user("locked");
    let unlocks = token(&stand.test, &stand.root, &["users.unlock"]).await;
    stand
        .delete(&unlocks, &path)
        .await
        .is_error(403, "Unauthenticated");
    assert_eq!(stand.get(&unlocks, "/users").await.status, 200, "to unlock is to find");
    assert!(Permission::UnlockUsers.includes(Permission::ViewUsers));
}

#[tokio::test]
async fn no_answer_and_no_log_has_the_token() {
    let stand = Stand::new().await;
    let secret = &stand.a["pct_".len()..];
    let answer = stand.get(&stand.a, "/users/me").await;
    assert!(!answer.text.contains(secret));
    let head = format!("Bearer {}x", stand.a);
    let refused = stand
        .raw("GET", "/users/me", &[("authorization", &head)], "")
        .await;
    assert!(!refused.text.contains(secret) && !challenge(&refused).contains(secret));
}

#[tokio::test]
async fn figures_are_for_who_brings_a_token_for_them() {
    let stand = Stand::new().await;
    let figures = async |token: &str| {
        let bearer = format!("Bearer {token}");
        let headers: &[(&str, &str)] =
            if token.is_empty() { &[] } else { &[("authorization", &bearer)] };
        stand.api.send("GET", "/metrics", headers, "").await
    };
    let silent = figures("").await;
    assert_eq!(silent.status, 401);
    assert!(
        silent.headers["www-authenticate"]
            .to_str()
            .is_ok_and(|said| said.contains("Bearer"))
    );
    assert_eq!(figures(&format!("pct_{}", "A".repeat(43))).await.status, 401);
    let narrow = token(&stand.test, &stand.root, &["users.view", "settings.manage"]).await;
    let refused = figures(&narrow).await;
    assert_eq!(refused.status, 403);
    assert!(!refused.body.contains("portcullis_requests_total"), "{}", refused.body);
    let meant = token(&stand.test, &stand.root, &["metrics.read"]).await;
    let told = figures(&meant).await;
    assert_eq!(told.status, 200, "{}", told.body);
    assert!(told.body.contains("portcullis_requests_total"), "{}", told.body);
    for path in ["/livez", "/readyz"] {
        assert_eq!(stand.api.send("GET", path, &[], "").await.status, 200, "{path}");
    }
    // Who is locked reads no more figures.
    let teller = stand.person("teller").await;
    stand
        .test
        .edit(&teller, |account| account.admin = true)
        .await;
    let own = token(&stand.test, &teller, &["metrics.read"]).await;
    assert_eq!(figures(&own).await.status, 200);
    stand.test.lock(&teller).await;
    assert_eq!(figures(&own).await.status, 401);
}
