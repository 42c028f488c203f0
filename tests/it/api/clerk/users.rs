//! Users: made, changed, deleted; their metadata and passwords.

use portcullis::LockoutPolicy;
use portcullis::admin::Actor;
use portcullis::admin::settings::ACCOUNT_DELETION;
use portcullis::domain::event::Action;
use serde_json::{Value, json};

use super::super::{PASSWORD, Stand, assert_done_by};

async fn made(stand: &Stand, body: Value) -> (String, Value) {
    let made = stand.clerk_post("/users", body).await;
    made.is_clerk_user();
    let id = made.body["id"].as_str().expect("an id");
    (format!("/users/{id}"), made.body.clone())
}

/// The user that both clients read without a complaint, key by key.
#[tokio::test]
async fn a_user_has_every_key_that_clients_accept() {
    let stand = Stand::new().await;
    let (_, user) =
        made(&stand, json!({ "email_address": ["alice@example.org"], "username": "alice" })).await;
    let known =
        ["profile_image_url", "matches_sso_connection", "deprovisioned", "bypass_client_trust"];
    for (key, value) in user.as_object().expect("an object") {
        assert!(!value.is_f64(), "{key}");
    }
    let email = &user["email_addresses"][0];
    assert_eq!(email["verification"]["object"], "verification_admin");
    assert_eq!(email["linked_to"], json!([]));
    assert_eq!(user["primary_email_address_id"], email["id"]);
    assert!(known.iter().any(|key| user.get(*key).is_some()));
}

#[tokio::test]
async fn cl_22_a_deleted_user_is_gone() {
    let stand = Stand::new().await;
    let body = json!({ "email_address": ["a@example.org"], "external_id": "x1" });
    let (path, user) = made(&stand, body.clone()).await;
    let deleted = stand.clerk("DELETE", &path, Value::Null).await;
    let gone = json!({ "object": "user", "id": user["id"], "deleted": true, "external_id": "x1" });
    assert_eq!((deleted.status, &deleted.body), (200, &gone));
    assert_done_by(&stand.last_record().await, Action::AccountDeleted, stand.root.id.get());
    for method in ["GET", "DELETE", "PATCH"] {
        stand
            .clerk(method, &path, json!({}))
            .await
            .is_fault(404, "resource_not_found");
    }
    // A login is never given out again, also where it is an address.
    let again = stand.clerk_post("/users", body).await;
    again.is_fault(422, "form_identifier_exists");
    let off = stand
        .test
        .admin()
        .set_setting(&Actor::System, &ACCOUNT_DELETION, "off")
        .await;
    off.expect("a setting");
    let (path, _) = made(&stand, json!({ "username": "bob" })).await;
    stand
        .clerk("DELETE", &path, Value::Null)
        .await
        .is_fault(403, "feature_not_enabled");
}

#[tokio::test]
async fn cl_29_a_user_is_made_locked_or_banned() {
    let stand = Stand::new().await;
    let (_, user) = made(&stand, json!({ "email_address": ["a@x.example"], "locked": true })).await;
    assert_eq!(user["locked"], true);
    assert_eq!(user["lockout_expires_in_seconds"], 3600);
    assert_done_by(&stand.last_record().await, Action::AccountCreated, stand.root.id.get());
    let (path, user) =
        made(&stand, json!({ "username": "bob", "banned": true, "password": PASSWORD })).await;
    assert_eq!((&user["banned"], &user["locked"]), (&json!(true), &json!(false)));
    assert_eq!(stand.sign_in("bob", PASSWORD).await, 403);
    stand
        .clerk_post(&format!("{path}/unban"), Value::Null)
        .await
        .is_clerk_user();
    assert_eq!(stand.sign_in("bob", PASSWORD).await, 303);
}

#[tokio::test]
async fn cl_30_cl_31_what_can_not_be_is_refused_by_its_parameter() {
    let stand = Stand::new().await;
    made(&stand, json!({ "email_address": ["a@example.org", "b@example.org"], "username": "ann", "external_id": "x1" })).await;
    for (body, code, param) in [
        (json!({ "email_address": ["A@example.org"] }), "form_identifier_exists", "email_address"),
        (
            json!({ "email_address": ["c@example.org", "A@example.org"] }),
            "form_identifier_exists",
            "email_address",
        ),
        (json!({ "username": "ANN" }), "form_identifier_exists", "username"),
        (json!({ "username": "c", "external_id": "x1" }), "form_identifier_exists", "external_id"),
        (json!({ "foo": 1 }), "form_param_unknown", "foo"),
        (json!({}), "form_param_missing", "email_address"),
        (json!({ "email_address": "a@example.org" }), "form_param_format_invalid", "email_address"),
        (json!({ "email_address": ["nowhere"] }), "form_param_format_invalid", "email_address"),
        (json!({ "username": 7 }), "form_param_format_invalid", "username"),
        (json!({ "username": "c@d" }), "form_param_value_invalid", "username"),
        (
            json!({ "username": "c", "password": "short" }),
            "form_password_length_too_short",
            "password",
        ),
        (json!({ "username": "c", "locked": "yes" }), "form_param_format_invalid", "locked"),
        (
            json!({ "username": "c", "public_metadata": [] }),
            "form_param_format_invalid",
            "public_metadata",
        ),
        (
            json!({ "username": "c", "phone_number": ["+155"] }),
            "form_param_value_invalid",
            "phone_number",
        ),
        (
            json!({ "username": "c", "password_digest": "x" }),
            "form_param_value_invalid",
            "password_digest",
        ),
        (
            json!({ "username": "c", "locale": "no such language" }),
            "form_param_value_invalid",
            "locale",
        ),
        (
            json!({ "username": "c", "first_name": "a\u{7}" }),
            "form_param_value_invalid",
            "first_name",
        ),
        (json!({ "username": "c", "external_id": "" }), "form_param_value_invalid", "external_id"),
        (
            json!({ "username": "c", "created_at": "yesterday" }),
            "form_param_format_invalid",
            "created_at",
        ),
        (
            json!({ "username": "c", "create_organizations_limit": -1 }),
            "form_param_format_invalid",
            "create_organizations_limit",
        ),
    ] {
        let refused = stand.clerk_post("/users", body.clone()).await;
        assert_eq!(refused.is_fault(422, code)["param_name"], param, "{body}");
    }
    let count = stand.clerk_get("/users/count?username=c").await;
    assert_eq!(count.body["total_count"], 0);
}

#[tokio::test]
async fn what_is_kept_of_a_user_is_shown_as_it_was_set() {
    let stand = Stand::new().await;
    let (path, user) = made(&stand, json!({
        "email_address": ["a@example.org", "A@EXAMPLE.org", "b@example.org"], "first_name": "Ann",
        "locale": "pt-BR", "private_metadata": { "a": 1 }, "phone_number": [],
        "delete_self_enabled": true, "create_organizations_limit": 3,
        "legal_accepted_at": "2026-01-31T12:00:00Z", "skip_password_requirement": true,
        "created_at": "2020-01-01T00:00:00Z",
    })).await;
    assert_eq!(user["username"], Value::Null);
    assert_eq!(user["email_addresses"].as_array().map(Vec::len), Some(2));
    assert_eq!(user["legal_accepted_at"], 1_769_860_800_000_i64);
    assert_eq!(
        (&user["delete_self_enabled"], &user["create_organizations_limit"]),
        (&json!(true), &json!(3))
    );
    assert_eq!((&user["first_name"], &user["last_name"]), (&json!("Ann"), &Value::Null));
    // The second address becomes the first, and the first the second.
    let second = user["email_addresses"][1]["id"].clone();
    let moved = stand
        .clerk("PATCH", &path, json!({ "primary_email_address_id": second }))
        .await;
    assert_eq!(moved.is_clerk_user()["primary_email_address_id"], second);
    assert_eq!(moved.body["email_addresses"][0]["email_address"], "b@example.org");
    assert_eq!(moved.body["email_addresses"][1]["id"], user["email_addresses"][0]["id"]);
    assert_done_by(&stand.last_record().await, Action::AccountUpdated, stand.root.id.get());
    let unknown = stand
        .clerk("PATCH", &path, json!({ "primary_email_address_id": "idn_1" }))
        .await;
    unknown.is_fault(422, "form_param_value_invalid");
    let named = stand
        .clerk("PATCH", &path, json!({ "username": "ann", "first_name": null, "locale": null }))
        .await;
    assert_eq!(named.is_clerk_user()["username"], "ann");
    assert_eq!((&named.body["first_name"], &named.body["locale"]), (&Value::Null, &Value::Null));
    // Nothing at all changes nothing.
    let before = stand.last_record().await.position;
    stand.clerk("PATCH", &path, json!({})).await.is_clerk_user();
    stand
        .clerk("PATCH", &path, Value::Null)
        .await
        .is_clerk_user();
    assert_eq!(stand.last_record().await.position, before);
    let locked = stand.clerk("PATCH", &path, json!({ "locked": true })).await;
    locked.is_fault(422, "form_param_unknown");
}

#[tokio::test]
async fn metadata_is_merged_or_replaced_kind_by_kind() {
    let stand = Stand::new().await;
    let (path, _) = made(
        &stand,
        json!({
            "username": "ann", "public_metadata": { "a": { "b": 1, "c": 2 }, "fooBar": 3 },
            "unsafe_metadata": { "u": 1 },
        }),
    )
    .await;
    let metadata = format!("{path}/metadata");
    let merged = stand
        .clerk("PATCH", &metadata, json!({ "public_metadata": { "a": { "b": null, "d": 4 } } }))
        .await;
    assert_eq!(
        merged.is_clerk_user()["public_metadata"],
        json!({ "a": { "c": 2, "d": 4 }, "fooBar": 3 })
    );
    assert_eq!(merged.body["unsafe_metadata"], json!({ "u": 1 }));
    let replaced = stand
        .clerk("PUT", &metadata, json!({ "public_metadata": { "x": null } }))
        .await;
    assert_eq!(replaced.is_clerk_user()["public_metadata"], json!({ "x": null }));
    assert_eq!(replaced.body["unsafe_metadata"], json!({ "u": 1 }));
    let gone = stand
        .clerk("PATCH", &metadata, json!({ "unsafe_metadata": null }))
        .await;
    assert_eq!(gone.is_clerk_user()["unsafe_metadata"], json!({}));
    stand
        .clerk("PATCH", &metadata, json!({ "locked": true }))
        .await
        .is_fault(422, "form_param_unknown");
    let text = "x".repeat(40_000);
    let half = json!({ "public_metadata": { "half": text } });
    stand.clerk("PATCH", &metadata, half).await.is_clerk_user();
    let other = json!({ "private_metadata": { "half": text } });
    stand
        .clerk("PATCH", &metadata, other)
        .await
        .is_fault(422, "form_param_exceeds_allowed_size");
    // In the version that moved metadata, it is no part of a user's own parameters.
    let bearer = format!("Bearer {}", stand.a);
    let body = json!({ "public_metadata": { "v": 1 } }).to_string();
    for (version, status) in
        [("2025-11-10", 200), ("2021-02-05", 200), ("soon", 422), ("2026-05-12", 422)]
    {
        let headers = [
            ("authorization", &*bearer),
            ("content-type", "application/json"),
            ("clerk-api-version", version),
        ];
        assert_eq!(
            stand
                .clerk_raw("PATCH", &path, &headers, &body)
                .await
                .status,
            status,
            "{version}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metadata_that_is_merged_at_once_is_all_there() {
    let stand = std::sync::Arc::new(Stand::new().await);
    let (path, _) = made(&stand, json!({ "username": "ann" })).await;
    let metadata = format!("{path}/metadata");
    let mut merging = tokio::task::JoinSet::new();
    for n in 0..4 {
        let (stand, metadata) = (std::sync::Arc::clone(&stand), metadata.clone());
        merging.spawn(async move {
            let body = json!({ "public_metadata": { format!("k{n}"): n } });
            stand.clerk("PATCH", &metadata, body).await.status
        });
    }
    assert_eq!(merging.join_all().await, [200; 4]);
    let user = stand.clerk_get(&path).await;
    assert_eq!(user.body["public_metadata"], json!({ "k0": 0, "k1": 1, "k2": 2, "k3": 3 }));
}

#[tokio::test]
async fn cl_19_cl_20_cl_21_a_password_is_verified_as_an_attempt() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let path = format!("/users/user_{}/verify_password", ada.id);
    let right = stand
        .clerk_post(&path, json!({ "password": PASSWORD }))
        .await;
    assert_eq!((right.status, right.body), (200, json!({ "verified": true })));
    let wrong = stand
        .clerk_post(&path, json!({ "password": "guess" }))
        .await;
    wrong.is_fault(422, "incorrect_password");
    stand
        .clerk_post(&path, json!({ "password": "" }))
        .await
        .is_fault(422, "incorrect_password");
    // A right one clears nothing: nobody signed in.
    stand
        .clerk_post(&path, json!({ "password": PASSWORD }))
        .await;
    let user = stand.clerk_get(&format!("/users/user_{}", ada.id)).await;
    assert_eq!(user.body["verification_attempts_remaining"], 4);
    let (none, _) = made(&stand, json!({ "username": "bob" })).await;
    let none = stand
        .clerk_post(&format!("{none}/verify_password"), json!({ "password": "x" }))
        .await;
    none.is_fault(400, "no_password_set");
    for (body, code) in [
        (json!({}), "form_param_missing"),
        (json!({ "password": 7 }), "form_param_format_invalid"),
        (json!({ "password": "x", "other": 1 }), "form_param_unknown"),
    ] {
        stand.clerk_post(&path, body).await.is_fault(422, code);
    }
}

#[tokio::test]
async fn a_password_is_taken_away() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let user = format!("/users/user_{}", ada.id);
    let path = format!("{user}/remove_password");
    let generation = async || {
        let found = stand.test.directory().account(ada.id).await;
        found.expect("answers").expect("an account").generation
    };
    assert_eq!(stand.sign_in("ada", PASSWORD).await, 303);
    let before = generation().await;
    for (body, code) in [
        (json!({ "sign_out_of_other_sessions": "yes" }), "form_param_format_invalid"),
        (json!({ "other": true }), "form_param_unknown"),
    ] {
        stand.clerk_post(&path, body).await.is_fault(422, code);
    }
    let removed = stand.clerk("POST", &path, Value::Null).await;
    removed.is_clerk_user();
    assert_eq!(removed.body["password_enabled"], false, "{}", removed.body);
    assert_eq!(generation().await, before, "sessions go on");
    let again = stand.clerk_post(&path, json!({})).await;
    assert_eq!((again.status, again.body), (200, removed.body), "it was away already");
    // It is wrong now, as another's that never was.
    assert_eq!(stand.sign_in("ada", PASSWORD).await, 401);
    assert_eq!(stand.sign_in("nobody", PASSWORD).await, 401);
    let verify = json!({ "password": PASSWORD });
    stand
        .clerk_post(&format!("{user}/verify_password"), verify)
        .await
        .is_fault(400, "no_password_set");
    let out = stand
        .clerk_post(&path, json!({ "sign_out_of_other_sessions": true }))
        .await;
    out.is_clerk_user();
    assert_eq!(generation().await, before.next(), "sessions end");
    let new = json!({ "password": "four words will do" });
    stand.clerk("PATCH", &user, new).await.is_clerk_user();
    assert_eq!(stand.sign_in("ada", "four words will do").await, 303);
    let root = format!("/users/user_{}/remove_password", stand.root.id);
    stand
        .clerk_post(&root, json!({}))
        .await
        .is_fault(403, "authorization_invalid");
    stand
        .clerk_post("/users/user_999/remove_password", json!({}))
        .await
        .is_fault(404, "resource_not_found");
}

#[tokio::test]
async fn there_are_no_keys() {
    let stand = Stand::new().await;
    let keys = stand.clerk_get("/jwks").await;
    assert_eq!((keys.status, keys.body), (200, json!({ "keys": [] })));
    let silent = stand.api.send("GET", "/v1/jwks", &[], "").await;
    assert_eq!(silent.status, 401);
}

/// Clerk tells whoever signs in how many tries are left; here that is told to nobody
/// but who administers, and wrong is wrong until the account is locked.
#[tokio::test]
async fn cl_17_cl_18_differ_wrong_passwords_lock_and_are_not_verified_then() {
    let policy = LockoutPolicy::after(5)
        .lasting(std::time::Duration::from_secs(600))
        .build();
    let stand = Stand::with(policy.expect("a policy")).await;
    let ada = stand.person("ada").await;
    let user = format!("/users/user_{}", ada.id);
    let path = format!("{user}/verify_password");
    for (n, left) in [(1, 4), (2, 3), (3, 2), (4, 1), (5, 0)] {
        let wrong = stand
            .clerk_post(&path, json!({ "password": format!("guess {n}") }))
            .await;
        wrong.is_fault(422, "incorrect_password");
        let now = stand.clerk_get(&user).await;
        assert_eq!(now.body["verification_attempts_remaining"], left, "{n}");
        assert_eq!(now.body["locked"], left == 0);
    }
    let locked = stand
        .clerk_post(&path, json!({ "password": PASSWORD }))
        .await;
    assert_eq!(locked.is_fault(403, "user_locked")["lockout_expires_in_seconds"], 600);
    assert_eq!(stand.sign_in("ada", PASSWORD).await, 429);
    stand
        .clerk_post(&format!("{user}/unlock"), Value::Null)
        .await
        .is_clerk_user();
    assert_eq!(
        stand
            .clerk_post(&path, json!({ "password": PASSWORD }))
            .await
            .status,
        200
    );
    // An admin lock without an end has no seconds to tell, and only the right password
    // learns of it.
    stand.test.lock(&ada).await;
    let locked = stand
        .clerk_post(&path, json!({ "password": PASSWORD }))
        .await;
    assert_eq!(*locked.is_fault(403, "user_locked"), Value::Null);
    stand
        .clerk_post(&path, json!({ "password": "guess" }))
        .await
        .is_fault(422, "incorrect_password");
}

/// Whoever asks for many people is not shut out by what some of them guess.
#[tokio::test]
async fn failures_are_not_counted_by_the_address_of_who_asks() {
    let stand = Stand::new().await;
    for n in 0..30 {
        let ada = stand.person(&format!("p{n}")).await;
        let path = format!("/users/user_{}/verify_password", ada.id);
        for guess in ["one", "two", "three", "four"] {
            let wrong = stand.clerk_post(&path, json!({ "password": guess })).await;
            wrong.is_fault(422, "incorrect_password");
        }
    }
    // A hundred failures from an address lock it out, but these are not from there.
    stand.person("ada").await;
    assert_eq!(stand.sign_in("ada", PASSWORD).await, 303);
}
