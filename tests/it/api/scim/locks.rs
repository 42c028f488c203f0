//! Locks and disablement, as WSO2's clients lay and lift them.

use std::time::Duration;

use portcullis::LockoutPolicy;
use portcullis::admin::{Actor, Pins, settings::ACCOUNT_DISABLING};
use portcullis::domain::event::Action;
use portcullis::domain::lock::End;
use serde_json::{Value, json};

use super::super::{PASSWORD, Stand, assert_done_by, token};
use super::{STRICT, Scim, WSO2, WSO2_URN, account, may_enter};

async fn wrote(scim: &Scim<'_>, path: &str, name: &str, value: Value) -> super::Reply {
    let path_of = format!("{WSO2_URN}:{name}");
    scim.patch(path, json!([{ "op": "replace", "path": path_of, "value": value }]))
        .await
}

async fn allow_disabling(stand: &Stand) {
    stand
        .test
        .admin()
        .allow_disabling(&Actor::System, true)
        .await
        .expect("set");
}

#[tokio::test]
async fn a_lock_bites_on_the_next_request_and_is_one_record() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, WSO2);
    let bob = stand.person("bob").await;
    let path = format!("/Users/{}", bob.id);
    let cookie = stand.test.sign_in(&bob).await;
    assert_eq!(stand.public.get("/", &cookie).await.status, 200);
    let before = records(&stand).await;
    // As its documentation has it.
    let body = json!({
        "Operations": [{ "op": "replace", "value": { WSO2_URN: { "accountLocked": true } } }],
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
    });
    let json = [("content-type", "application/json")];
    let locked = scim.send("PATCH", &path, &json, &body.to_string()).await;
    assert_ne!(stand.public.get("/", &cookie).await.status, 200);
    locked.is(200);
    assert_eq!(locked.headers["location"], format!("{WSO2}{path}"));
    let own = &locked.body[WSO2_URN];
    assert_eq!(own["accountLocked"], true);
    assert_eq!(
        (&own["accountState"], &own["lockedReason"]),
        (&json!("LOCKED"), &json!("ADMIN_INITIATED"))
    );
    assert!(locked.body["schemas"].to_string().contains(WSO2_URN));
    assert_eq!(records(&stand).await, before + 1);
    assert_done_by(&stand.last_record().await, Action::AccountLocked, stand.root.id.get());
    // The same once more is no change.
    let again = scim.send("PATCH", &path, &json, &body.to_string()).await;
    assert_eq!((again.status, &again.body), (200, &locked.body));
    assert_eq!(records(&stand).await, before + 1);
    assert_eq!(
        scim.found(&format!("{WSO2_URN}:accountLocked eq true"))
            .await,
        ["bob"]
    );
    let free = wrote(&scim, &path, "accountLocked", json!(false)).await;
    assert_eq!(free.body[WSO2_URN]["accountState"], "UNLOCKED");
    assert_eq!(free.body[WSO2_URN].get("lockedReason"), None);
    assert_eq!(stand.last_record().await.action, Action::AccountUnlocked);
    assert_eq!(stand.sign_in("bob", PASSWORD).await, 303);
}

async fn records(stand: &Stand) -> u64 {
    stand.last_record().await.position
}

#[tokio::test]
async fn s1_to_s5_flags_are_read_as_wso2_reads_them() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, WSO2);
    let bob = scim.user("bob", json!({})).await;
    let path = format!("{WSO2_URN}:accountLocked");
    let on = scim
        .patch(&bob, json!([{ "op": "Replace", "path": path, "value": "True" }]))
        .await;
    assert_eq!(on.body[WSO2_URN]["accountLocked"], true);
    let kept = scim
        .patch(&bob, json!([{ "op": "remove", "path": path }]))
        .await;
    kept.is(200);
    assert_eq!(kept.body[WSO2_URN]["accountLocked"], true);
    let off = scim
        .patch(&bob, json!([{ "op": "replace", "path": path, "value": "yes" }]))
        .await;
    assert_eq!(off.body[WSO2_URN]["accountLocked"], false);
    assert!(may_enter(&stand, &bob).await);
    for name in ["lockedReason", "accountState"] {
        let refused = wrote(&scim, &bob, name, json!("x")).await;
        refused.is_scim_problem(400, Some("mutability"));
        assert_eq!(refused.body["status"], "400");
    }
    let lower = json!({ "operations": [{ "op": "replace", "path": path, "value": true }] });
    let lower = scim.send("PATCH", &bob, &[], &lower.to_string()).await;
    lower.is_scim_problem(400, Some("invalidSyntax"));
    // The other mount follows the standard.
    let strict = Scim::at(&stand, STRICT);
    let wrong = strict
        .patch(&bob, json!([{ "op": "replace", "path": path, "value": "yes" }]))
        .await;
    wrong.is_scim_problem(400, Some("invalidValue"));
    wrote(&strict, &bob, "accountLocked", json!(true))
        .await
        .is(200);
    let gone = strict
        .patch(&bob, json!([{ "op": "remove", "path": path }]))
        .await;
    assert_eq!(gone.body.get(WSO2_URN), None, "{}", gone.text);
    assert!(may_enter(&stand, &bob).await);
}

#[tokio::test]
async fn s6_s7_v23_v28_types_and_rights_are_asked_for() {
    let stand = Stand::new().await;
    for (mount, status) in [(STRICT, 415), (WSO2, 406)] {
        let mut scim = Scim::at(&stand, mount);
        let bob = scim.user(&format!("bob{status}"), json!({})).await;
        for (method, path) in
            [("POST", "/Users"), ("PATCH", &*bob), ("PUT", &*bob), ("POST", "/Bulk")]
        {
            for headers in [vec![("content-type", "text/plain")], vec![("content-type", "")]] {
                scim.send(method, path, &headers, "{}")
                    .await
                    .is_scim_problem(status, None);
            }
        }
        scim.token = token(&stand.test, &stand.root, &["internal_user_mgt_view"]).await;
        wrote(&scim, &bob, "accountLocked", json!(true))
            .await
            .is_scim_problem(403, None);
        scim.get(&bob).await.is(200);
        scim.delete(&bob).await.is_scim_problem(403, None);
        scim.post("/Users", json!({ "userName": "x" }))
            .await
            .is_scim_problem(403, None);
        scim.get("/Users").await.is_scim_problem(403, None);
    }
}

#[tokio::test]
async fn l10_an_admin_lock_over_a_lockout_stands_on_its_own() {
    let policy = LockoutPolicy::after(3)
        .lasting(Duration::from_secs(300))
        .build()
        .expect("a policy");
    let stand = Stand::with(policy).await;
    let scim = Scim::at(&stand, WSO2);
    let bob = stand.person("bob").await;
    let path = format!("/Users/{}", bob.id);
    for _ in 0..3 {
        stand.sign_in("bob", "wrong horse battery").await;
    }
    let shown = scim.get(&path).await;
    let own = &shown.body[WSO2_URN];
    assert_eq!(
        (&own["accountLocked"], &own["lockedReason"]),
        (&json!(true), &json!("MAX_ATTEMPTS_EXCEEDED"))
    );
    assert_ne!(own["unlockTime"], "0");
    // Whoever sends back what they read locks nobody for good.
    let put = scim.put(&path, shown.body.clone()).await;
    put.is(200);
    assert!(account(&stand, &path).await.locks.admin_lock.is_none());
    let locked = wrote(&scim, &path, "accountLocked", json!(true)).await;
    assert_eq!(locked.body[WSO2_URN]["lockedReason"], "ADMIN_INITIATED");
    assert_eq!(locked.body[WSO2_URN]["unlockTime"], "0");
    stand.test.clock().advance(Duration::from_secs(301));
    assert_eq!(stand.sign_in("bob", PASSWORD).await, 403);
    // And one that knows nothing of locks lifts none.
    scim.put(&path, json!({ "userName": "bob" })).await.is(200);
    assert!(!may_enter(&stand, &path).await);
    wrote(&scim, &path, "accountLocked", json!(false))
        .await
        .is(200);
    assert_eq!(stand.sign_in("bob", PASSWORD).await, 303);
}

#[tokio::test]
async fn a_lock_may_have_an_end() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, WSO2);
    let bob = scim.user("bob", json!({})).await;
    let end = stand.test.admin().now().after(Duration::from_secs(3_600));
    let milliseconds = (end.as_micros() / 1_000).to_string();
    let lock = |time: Value| json!([{ "op": "add", "value": { WSO2_URN: { "accountLocked": true, "unlockTime": time } } }]);
    let locked = scim.patch(&bob, lock(json!(milliseconds))).await;
    locked.is(200);
    assert_eq!(locked.body[WSO2_URN]["unlockTime"], *milliseconds);
    let laid = account(&stand, &bob)
        .await
        .locks
        .admin_lock
        .expect("a lock");
    assert_eq!(laid.end, End::At(end));
    for bad in [json!("soon"), json!("-1"), json!("1")] {
        scim.patch(&bob, lock(bad))
            .await
            .is_scim_problem(400, Some("invalidValue"));
    }
    stand.test.clock().advance(Duration::from_secs(3_600));
    assert!(may_enter(&stand, &bob).await);
    assert_eq!(scim.get(&bob).await.body[WSO2_URN]["accountState"], "UNLOCKED");
    let without = wrote(&scim, &bob, "unlockTime", json!("99999999999999")).await;
    without.is_scim_problem(400, Some("invalidValue"));
}

#[tokio::test]
async fn d1_to_d5_disabling_has_to_be_switched_on() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, WSO2);
    let bob = scim.user("bob", json!({ "password": PASSWORD })).await;
    // Here the flag is refused while the switch is off, where WSO2 keeps it unheeded.
    let refused = wrote(&scim, &bob, "accountDisabled", json!(true)).await;
    refused.is_scim_problem(403, None);
    assert!(refused.text.contains("switched off"), "{}", refused.text);
    assert!(may_enter(&stand, &bob).await);
    // The call of the documentation, word by word: it says false.
    let documented = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "value": { WSO2_URN: { "accountDisabled": false } } }],
    });
    let harmless = scim.send("PATCH", &bob, &[], &documented.to_string()).await;
    harmless.is(200);
    assert!(may_enter(&stand, &bob).await);
    allow_disabling(&stand).await;
    let disabled = wrote(&scim, &bob, "accountDisabled", json!(true)).await;
    disabled.is(200);
    assert_eq!(
        (&disabled.body["active"], &disabled.body[WSO2_URN]["accountDisabled"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(stand.sign_in("bob", PASSWORD).await, 403);
    assert_eq!(
        scim.found(&format!("{WSO2_URN}:accountDisabled eq true"))
            .await,
        ["bob"]
    );
    let both = wrote(&scim, &bob, "accountLocked", json!(true)).await;
    assert_eq!(both.body[WSO2_URN]["accountState"], "DISABLED");
    let locked = wrote(&scim, &bob, "accountDisabled", json!(false)).await;
    assert_eq!(locked.body[WSO2_URN]["accountState"], "LOCKED");
    assert!(!may_enter(&stand, &bob).await);
}

#[tokio::test]
async fn active_and_disabled_are_one_fact() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, WSO2);
    let bob = scim.user("bob", json!({})).await;
    let off = scim
        .patch(&bob, json!([{ "op": "replace", "path": "active", "value": false }]))
        .await;
    assert_eq!(off.body[WSO2_URN]["accountDisabled"], true);
    // Earlier disablements stay while the switch is off, and active still lifts them.
    wrote(&scim, &bob, "accountDisabled", json!(false))
        .await
        .is_scim_problem(403, None);
    let on = scim
        .patch(&bob, json!([{ "op": "replace", "path": "active", "value": true }]))
        .await;
    assert_eq!(
        (&on.body["active"], &on.body[WSO2_URN]["accountDisabled"]),
        (&json!(true), &json!(false))
    );
    allow_disabling(&stand).await;
    // Of two that differ, one says what is so already, and the other is meant.
    let differ = json!([{ "op": "replace", "value": { "active": true, WSO2_URN: { "accountDisabled": true } } }]);
    let off = scim.patch(&bob, differ.clone()).await;
    assert_eq!(off.body["active"], false, "{}", off.text);
    let on = scim.patch(&bob, differ).await;
    assert_eq!(on.body["active"], true, "{}", on.text);
    let contradiction =
        json!({ "userName": "eve", "active": true, WSO2_URN: { "accountDisabled": true } });
    scim.post("/Users", contradiction)
        .await
        .is_scim_problem(400, Some("invalidValue"));
    let born = scim
        .user("eve", json!({ "active": false, WSO2_URN: { "accountLocked": true } }))
        .await;
    let born = account(&stand, &born).await.locks;
    assert!(born.disablement.is_some() && born.admin_lock.is_some());
}

#[tokio::test]
async fn nobody_shuts_out_themselves_or_the_last_administrator() {
    let stand = Stand::new().await;
    allow_disabling(&stand).await;
    for mount in [STRICT, WSO2] {
        let mut scim = Scim::at(&stand, mount);
        let root = format!("/Users/{}", stand.root.id);
        let manager = stand.person(&format!("m{}", mount.len())).await;
        for (path, token) in
            [(root.clone(), stand.a.clone()), (root, token(&stand.test, &manager, &[]).await)]
        {
            scim.token = token;
            for step in [
                json!({ "op": "replace", "path": "active", "value": false }),
                json!({ "op": "replace", "path": format!("{WSO2_URN}:accountLocked"), "value": true }),
            ] {
                scim.patch(&path, json!([step]))
                    .await
                    .is_scim_problem(403, None);
            }
            scim.delete(&path).await.is_scim_problem(403, None);
        }
    }
}

#[tokio::test]
async fn what_a_file_pins_is_a_conflict() {
    let stand = Stand::new().await;
    let pins = Pins::default().with(&ACCOUNT_DISABLING, "off", "`accounts.disabling` in the file");
    let admin = stand.test.admin().clone().with_pins(pins);
    let router = portcullis::api::Api::new(admin).into_router();
    let bob = stand.person("bob").await;
    let body = json!({ "Operations": [{ "op": "add", "path": format!("{WSO2_URN}:accountDisabled"), "value": true }] });
    let request = http::Request::patch(format!("{WSO2}/Users/{}", bob.id))
        .header("authorization", format!("Bearer {}", stand.a))
        .header("content-type", "application/json")
        .body(axum::body::Body::from(body.to_string()))
        .expect("a request");
    let answer = tower::ServiceExt::oneshot(router, request)
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 409);
}
