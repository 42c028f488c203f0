//! Locks and bans.

use std::time::Duration;

use portcullis::admin::Actor;
use portcullis::admin::settings::CLERK_ADMIN_LOCK_FOR;
use portcullis::domain::event::Action;
use portcullis::domain::permission::Permission;
use portcullis::{Account, LockoutPolicy};
use serde_json::{Value, json};

use super::super::{PASSWORD, Stand, assert_done_by, token};

fn path(account: &Account) -> String {
    format!("/users/user_{}", account.id)
}

async fn lock_for(stand: &Stand, value: &str) {
    let set = stand
        .test
        .admin()
        .set_setting(&Actor::System, &CLERK_ADMIN_LOCK_FOR, value);
    set.await.expect("a setting");
}

#[tokio::test]
async fn cl_01_cl_03_cl_04_a_lock_ends_by_itself() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let locked = stand
        .clerk_post(&format!("{}/lock", path(&ada)), Value::Null)
        .await;
    assert_eq!(locked.is_clerk_user()["locked"], true);
    assert_eq!(locked.body["lockout_expires_in_seconds"], 3600);
    assert_done_by(&stand.last_record().await, Action::AccountLocked, stand.root.id.get());
    stand.test.clock().advance(Duration::from_secs(10));
    let later = stand.clerk_get(&path(&ada)).await;
    assert_eq!(later.body["lockout_expires_in_seconds"], 3590);
    // Locking the locked does not start the clock again.
    let again = stand
        .clerk_post(&format!("{}/lock", path(&ada)), Value::Null)
        .await;
    assert_eq!(again.is_clerk_user()["lockout_expires_in_seconds"], 3590);
    stand.test.clock().advance(Duration::from_secs(3590));
    let over = stand.clerk_get(&path(&ada)).await;
    assert_eq!(over.is_clerk_user()["locked"], false);
    assert_eq!(over.body["lockout_expires_in_seconds"], Value::Null);
}

#[tokio::test]
async fn cl_02_a_lock_without_an_end_says_so() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    lock_for(&stand, "until unlocked").await;
    let locked = stand
        .clerk_post(&format!("{}/lock", path(&ada)), Value::Null)
        .await;
    assert_eq!(locked.is_clerk_user()["locked"], true);
    assert_eq!(locked.body["lockout_expires_in_seconds"], Value::Null);
}

#[tokio::test]
async fn cl_05_cl_06_guesses_that_are_left_are_told() {
    let stand = Stand::with("clerk".parse().expect("a policy")).await;
    let ada = stand.person("ada").await;
    stand
        .clerk_post(&format!("{}/lock", path(&ada)), Value::Null)
        .await;
    let user = stand.clerk_get(&path(&ada)).await;
    assert_eq!(user.is_clerk_user()["verification_attempts_remaining"], 10);
    let stand = Stand::with(LockoutPolicy::off()).await;
    let ada = stand.person("ada").await;
    let user = stand.clerk_get(&path(&ada)).await;
    assert_eq!(user.is_clerk_user()["verification_attempts_remaining"], Value::Null);
}

#[tokio::test]
async fn cl_07_cl_08_an_unlock_lifts_both_locks_and_is_done_once() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    stand.test.lock_out(&stand.now(&ada).await).await;
    let out = stand.clerk_get(&path(&ada)).await;
    assert_eq!(out.is_clerk_user()["locked"], true);
    assert_eq!(out.body["verification_attempts_remaining"], 0);
    assert!(
        out.body["lockout_expires_in_seconds"]
            .as_i64()
            .expect("seconds")
            > 0
    );
    stand
        .clerk_post(&format!("{}/lock", path(&ada)), Value::Null)
        .await;
    let free = stand
        .clerk_post(&format!("{}/unlock", path(&ada)), Value::Null)
        .await;
    assert_eq!(free.is_clerk_user()["locked"], false);
    assert_eq!(free.body["verification_attempts_remaining"], 5);
    assert_done_by(&stand.last_record().await, Action::AccountUnlocked, stand.root.id.get());
    let again = stand
        .clerk_post(&format!("{}/unlock", path(&ada)), Value::Null)
        .await;
    assert_eq!(again.body, free.body);
    assert_eq!(stand.sign_in("ada", PASSWORD).await, 303);
}

#[tokio::test]
async fn cl_09_cl_10_cl_11_who_is_not_known_is_told_in_the_catalogues_words() {
    let stand = Stand::new().await;
    for id in ["user_999", "user_0", "user_01", "ada", "user_", "user_-1", "%ff"] {
        let unknown = stand
            .clerk_post(&format!("/users/{id}/lock"), Value::Null)
            .await;
        unknown.is_fault(404, "resource_not_found");
    }
    let wrong = format!("pct_{}", "A".repeat(43));
    stand
        .clerk_as(&wrong, "GET", "/users", "")
        .await
        .is_fault(401, "clerk_key_invalid");
    stand
        .clerk_as("sk_test_x", "GET", "/users", "")
        .await
        .is_fault(401, "clerk_key_invalid");
    let basic = super::super::basic("apikey", &stand.a);
    for header in ["Basic x", &*basic, "nonsense"] {
        let refused = stand
            .clerk_raw("GET", "/users", &[("authorization", header)], "")
            .await;
        refused.is_fault(401, "authorization_header_format_invalid");
    }
    stand
        .clerk_raw("GET", "/users", &[], "")
        .await
        .is_fault(401, "authentication_invalid");
}

/// In Clerk a lock leaves sessions as they are; ours ends them, on the next request.
#[tokio::test]
async fn cl_12_differs_a_lock_ends_live_sessions() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let cookie = stand.test.sign_in(&ada).await;
    assert_eq!(inside(&stand, &cookie).await, 200);
    stand
        .clerk_post(&format!("{}/lock", path(&ada)), Value::Null)
        .await;
    assert_eq!(inside(&stand, &cookie).await, 403);
    stand
        .clerk_post(&format!("{}/unlock", path(&ada)), Value::Null)
        .await;
    assert_eq!(inside(&stand, &cookie).await, 401);
}

async fn inside(stand: &Stand, cookie: &str) -> u16 {
    let headers = [("cookie", cookie), ("accept", "application/json")];
    stand.public.send("GET", "/", &headers, "").await.status
}

#[tokio::test]
async fn cl_13_cl_14_a_ban_revokes_all_sessions_and_they_stay_so() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let cookie = stand.test.sign_in(&ada).await;
    stand.test.sign_in(&ada).await;
    let listed = format!("/sessions?user_id=user_{}", ada.id);
    assert_eq!(statuses(&stand.clerk_get(&listed).await.body), ["active", "active"]);
    let banned = stand
        .clerk_post(&format!("{}/ban", path(&ada)), Value::Null)
        .await;
    assert_eq!(banned.is_clerk_user()["banned"], true);
    let record = stand.last_record().await;
    assert_done_by(&record, Action::AccountDisabled, stand.root.id.get());
    let reason = format!("via clerk by user:{}", stand.root.id);
    assert_eq!(record.reason.as_deref(), Some(&*reason));
    assert_eq!(inside(&stand, &cookie).await, 403);
    assert_eq!(statuses(&stand.clerk_get(&listed).await.body), ["revoked", "revoked"]);
    assert_eq!(stand.sign_in("ada", PASSWORD).await, 403);
    let verify = format!("{}/verify_password", path(&ada));
    let verified = stand
        .clerk_post(&verify, json!({ "password": PASSWORD }))
        .await;
    verified.is_fault(403, "user_banned");

    let free = stand
        .clerk_post(&format!("{}/unban", path(&ada)), Value::Null)
        .await;
    assert_eq!(free.is_clerk_user()["banned"], false);
    assert_eq!(statuses(&stand.clerk_get(&listed).await.body), ["revoked", "revoked"]);
    assert_eq!(inside(&stand, &cookie).await, 401);
    assert_eq!(stand.sign_in("ada", PASSWORD).await, 303);
}

fn statuses(sessions: &Value) -> Vec<&str> {
    let all = sessions.as_array().expect("a list").iter();
    all.map(|session| session["status"].as_str().expect("a status"))
        .collect()
}

#[tokio::test]
async fn cl_15_cl_16_several_are_banned_at_once() {
    let stand = Stand::new().await;
    let (ada, bob) = (stand.person("ada").await, stand.person("bob").await);
    let many: Vec<String> = (1..=51).map(|n| format!("user_{n}")).collect();
    let refused = stand
        .clerk_post("/users/ban", json!({ "user_ids": many }))
        .await;
    refused.is_fault(400, "bulk_size_exceeded");
    let two = json!({ "user_ids": [format!("user_{}", bob.id), format!("user_{}", ada.id)] });
    for (path, banned) in [("/users/ban", true), ("/users/unban", false)] {
        let done = stand.clerk_post(path, two.clone()).await;
        let users = done.body.as_array().expect("a bare list");
        let ids: Vec<_> = users.iter().map(|user| user["id"].clone()).collect();
        assert_eq!(json!(ids), two["user_ids"]);
        assert!(users.iter().all(|user| user["banned"] == banned), "{}", done.text);
    }
    // Where one is unknown nobody is banned.
    let one = json!({ "user_ids": [format!("user_{}", ada.id), "user_999"] });
    stand
        .clerk_post("/users/ban", one)
        .await
        .is_fault(404, "resource_not_found");
    assert_eq!(stand.clerk_get(&path(&ada)).await.body["banned"], false);
    for (body, code) in [
        (json!({}), "form_param_missing"),
        (json!({ "user_ids": [] }), "form_param_missing"),
        (json!({ "user_ids": "user_1" }), "form_param_format_invalid"),
        (json!({ "user_ids": [1] }), "form_param_format_invalid"),
        (json!({ "user_ids": ["user_1"], "foo": 1 }), "form_param_unknown"),
    ] {
        stand
            .clerk_post("/users/ban", body)
            .await
            .is_fault(422, code);
    }
}

#[tokio::test]
async fn cl_35_a_lock_takes_any_body_of_any_type() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let bearer = format!("Bearer {}", stand.a);
    for body in ["", "{}", "null", "[1", "duration=1h"] {
        for kind in [None, Some("application/json"), Some("text/plain"), Some("")] {
            for what in ["lock", "unlock", "ban", "unban"] {
                let mut headers = vec![("authorization", &*bearer)];
                headers.extend(kind.map(|kind| ("content-type", kind)));
                let path = format!("{}/{what}", path(&ada));
                let done = stand.clerk_raw("POST", &path, &headers, body).await;
                done.is_clerk_user();
            }
        }
    }
}

/// Nobody locks, bans or deletes themselves or the last administrator.
#[tokio::test]
async fn nobody_shuts_out_themselves_or_the_last_administrator() {
    let stand = Stand::new().await;
    let root = stand.root.clone();
    for what in ["lock", "ban"] {
        let refused = stand
            .clerk_post(&format!("{}/{what}", path(&root)), Value::Null)
            .await;
        refused.is_fault(403, "authorization_invalid");
    }
    stand
        .clerk("DELETE", &path(&root), Value::Null)
        .await
        .is_fault(403, "authorization_invalid");
    let user = stand.clerk_get(&path(&root)).await;
    assert_eq!((&user.body["locked"], &user.body["banned"]), (&json!(false), &json!(false)));
}

#[tokio::test]
async fn rights_are_asked_before_anything_is_told() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let nobody = stand.who_may("n", None).await.secret;
    let viewer = stand.who_may("v", Some(Permission::ViewUsers)).await.secret;
    let helper = stand
        .who_may("h", Some(Permission::UnlockUsers))
        .await
        .secret;
    let manager = stand
        .who_may("m", Some(Permission::ManageUsers))
        .await
        .secret;
    let lock = format!("{}/lock", path(&ada));
    for (token, path) in [
        (&nobody, "/users"),
        (&nobody, "/users/count"),
        (&nobody, "/users/user_999"),
        (&nobody, "/sessions?user_id=user_1"),
    ] {
        let refused = stand.clerk_as(token, "GET", path, "").await;
        refused.is_fault(403, "authorization_invalid");
    }
    for token in [&nobody, &viewer, &helper] {
        for what in ["/users/user_999/lock", &*lock, "/users/user_999/verify_password"] {
            let refused = stand.clerk_as(token, "POST", what, "").await;
            refused.is_fault(403, "authorization_invalid");
        }
    }
    stand
        .clerk_as(&manager, "POST", &lock, "")
        .await
        .is_clerk_user();
    // Who may only help people in lifts a lockout, and leaves the admin lock.
    let helped = stand
        .clerk_as(&helper, "POST", &format!("{}/unlock", path(&ada)), "")
        .await;
    assert_eq!(helped.is_clerk_user()["locked"], true);
    // Administrators are an administrator's to lock.
    let root = stand
        .clerk_as(&manager, "POST", &format!("{}/lock", path(&stand.root)), "")
        .await;
    root.is_fault(403, "authorization_invalid");
    let narrow = token(&stand.test, &stand.root, &["users.view"]).await;
    stand
        .clerk_as(&narrow, "POST", &lock, "")
        .await
        .is_fault(403, "authorization_invalid");
}
