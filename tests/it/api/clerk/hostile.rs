//! Whatever is sent, the answer is one of the interface's own, and never an accident.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use super::super::{Reply, Stand};

/// An answer that Clerk's clients know what to do with.
#[track_caller]
fn assert_known(reply: &Reply, what: &str) {
    assert!(reply.status < 500, "{what}: {} {}", reply.status, reply.text);
    if reply.status >= 400 {
        let code = reply.body["errors"][0]["code"]
            .as_str()
            .expect("a code")
            .to_owned();
        reply.is_fault(reply.status, &code);
    }
}

#[tokio::test]
async fn bodies_that_are_no_object_are_refused() {
    let stand = Stand::new().await;
    let deep = "[".repeat(50_000);
    for body in ["", "null", "[]", "7", "{", "{}{}", "{\"a\":\"\\ud800\"}", &deep] {
        let answer = stand.clerk_as(&stand.a, "POST", "/users", body).await;
        answer.is_fault(400, "request_body_invalid");
    }
    let huge = format!("{{\"first_name\":\"{}\"}}", "x".repeat(70_000));
    let answer = stand.clerk_as(&stand.a, "POST", "/users", &huge).await;
    answer.is_fault(413, "request_body_too_large");
    let bearer = format!("Bearer {}", stand.a);
    let headers = [("authorization", &*bearer), ("content-type", "text/plain")];
    let answer = stand.clerk_raw("POST", "/users", &headers, "{}").await;
    answer.is_fault(415, "unsupported_content_type");
}

#[tokio::test]
async fn places_and_methods_that_are_not_there_are_told_in_the_same_words() {
    let stand = Stand::new().await;
    for path in ["", "/", "/organizations", "/users/user_1/2/3", "/users/user_1/totp"] {
        stand
            .clerk_get(path)
            .await
            .is_fault(404, "resource_not_found");
    }
    for (method, path) in
        [("PUT", "/users"), ("GET", "/users/user_1/lock"), ("DELETE", "/sessions")]
    {
        let answer = stand.clerk(method, path, Value::Null).await;
        assert_known(&answer, path);
        assert!(matches!(answer.status, 404 | 405), "{method} {path}: {}", answer.text);
    }
    stand
        .clerk_raw("GET", "/organizations", &[], "")
        .await
        .is_fault(401, "authentication_invalid");
}

/// Any JSON, mostly under names that mean something.
fn body() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "[a-z]{1,5}@[a-z]{1,3}\\.example".prop_map(Value::from),
        "2026-0[1-9]-0[1-9]T00:00:00Z".prop_map(Value::from),
    ];
    let any = leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z_]{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    let name = prop_oneof![
        6 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned),
        1 => ".{0,8}",
    ];
    prop::collection::btree_map(name, any, 0..5)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

const NAMES: [&str; 22] = [
    "external_id",
    "first_name",
    "last_name",
    "locale",
    "email_address",
    "phone_number",
    "username",
    "password",
    "password_digest",
    "public_metadata",
    "private_metadata",
    "unsafe_metadata",
    "delete_self_enabled",
    "legal_accepted_at",
    "created_at",
    "banned",
    "locked",
    "primary_email_address_id",
    "create_organizations_limit",
    "user_ids",
    "backup_codes",
    "skip_password_checks",
];

#[test]
fn any_body_gets_an_answer_that_clients_know() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let stand = runtime.block_on(Stand::new());
    let ada = runtime.block_on(stand.person("ada"));
    let user = format!("/users/user_{}", ada.id);
    let mut runner = TestRunner::new(Config { cases: 128, ..Config::default() });
    let ran = runner.run(&body(), |body| {
        for (method, path) in [
            ("POST", "/users".to_owned()),
            ("PATCH", user.clone()),
            ("PATCH", format!("{user}/metadata")),
            ("PUT", format!("{user}/metadata")),
            ("POST", "/users/ban".to_owned()),
            ("POST", format!("{user}/lock")),
        ] {
            let answer = runtime.block_on(stand.clerk(method, &path, body.clone()));
            assert_known(&answer, &format!("{method} {path} {body}"));
        }
        Ok(())
    });
    ran.expect("known answers");
}

#[test]
fn any_query_gets_an_answer_that_clients_know() {
    const NAMES: [&str; 17] = [
        "limit",
        "offset",
        "order_by",
        "starting_after",
        "user_id",
        "external_id",
        "username",
        "email_address",
        "query",
        "name_query",
        "banned",
        "created_at_after",
        "last_active_at_since",
        "organization_id",
        "status",
        "client_id",
        "paginated",
    ];
    let value = prop_oneof![
        "-?[0-9]{1,21}",
        "[-+]?(user|sess|client)_[0-9a-f]{0,33}",
        "[-+]?[a-z_]{0,12}",
        "[!$%'()*+,./0-9:;=?@A-Z_a-z~-]{0,20}",
        "(%[0-9a-f]{2}){0,4}",
    ];
    let pair = (prop::sample::select(&NAMES[..]), value);
    let pair = pair.prop_map(|(name, value)| format!("{name}={value}"));
    let query = prop::collection::vec(pair, 0..4).prop_map(|pairs| pairs.join("&"));
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let stand = runtime.block_on(Stand::new());
    let mut runner = TestRunner::new(Config { cases: 192, ..Config::default() });
    let ran = runner.run(&query, |query| {
        for path in ["/users", "/users/count", "/sessions"] {
            let answer = runtime.block_on(stand.clerk_get(&format!("{path}?{query}")));
            assert_known(&answer, &format!("{path}?{query}"));
        }
        Ok(())
    });
    ran.expect("known answers");
}
