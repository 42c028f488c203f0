//! Settings as WSO2's identity governance has them.

use portcullis::admin::settings::{ACCOUNT_DISABLING, LOCKOUT};
use portcullis::admin::{Actor, Pins};
use serde_json::{Value, json};

use super::super::{Stand, token};

const LOCK: &str = "/TG9naW4gQXR0ZW1wdHMgU2VjdXJpdHk/connectors/YWNjb3VudC5sb2NrLmhhbmRsZXI";
const DISABLE: &str = "/QWNjb3VudCBNYW5hZ2VtZW50/connectors/YWNjb3VudC5kaXNhYmxlLmhhbmRsZXI";

async fn ask(
    stand: &Stand,
    token: &str,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (u16, Value) {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let path = format!("/api/server/v1/identity-governance{path}");
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let answer = stand.api.send(method, &path, &headers, &body).await;
    (answer.status, serde_json::from_str(&answer.body).unwrap_or_default())
}

fn update(pairs: &[(&str, &str)]) -> Option<Value> {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(name, value)| json!({ "name": name, "value": value }))
        .collect();
    Some(json!({ "operation": "UPDATE", "properties": pairs }))
}

fn property(connector: &Value, name: &str) -> String {
    let all = connector["properties"].as_array().expect("properties");
    let one = all
        .iter()
        .find(|one| one["name"] == name)
        .expect("a property");
    one["value"].as_str().expect("a text").to_owned()
}

async fn value(stand: &Stand, setting: &'static portcullis::admin::settings::Setting) -> String {
    stand
        .test
        .admin()
        .setting(&Actor::System, setting)
        .await
        .expect("a setting")
        .value
}

#[tokio::test]
async fn connectors_are_the_settings() {
    let stand = Stand::new().await;
    let root = stand.a.clone();
    let (status, shown) = ask(&stand, &root, "GET", DISABLE, None).await;
    assert_eq!((status, &shown["name"]), (200, &json!("account.disable.handler")));
    assert_eq!(property(&shown, "account.disable.handler.enable"), "false");
    let on = update(&[("account.disable.handler.enable", "true")]);
    assert_eq!(ask(&stand, &root, "PATCH", DISABLE, on).await.0, 200);
    assert_eq!(value(&stand, &ACCOUNT_DISABLING).await, "on");
    let numbers = update(&[
        ("account.lock.handler.lock.on.max.failed.attempts.enable", "true"),
        ("account.lock.handler.On.Failure.Max.Attempts", "7"),
        ("account.lock.handler.Time", "15"),
        ("account.lock.handler.login.fail.timeout.ratio", "3"),
        ("account.lock.handler.notification.manageInternally", "true"),
    ]);
    let (status, said) = ask(&stand, &root, "PATCH", LOCK, numbers).await;
    assert_eq!(status, 200, "{said}");
    let (_, shown) = ask(&stand, &root, "GET", LOCK, None).await;
    for (name, expected) in [
        ("account.lock.handler.On.Failure.Max.Attempts", "7"),
        ("account.lock.handler.Time", "15"),
        ("account.lock.handler.login.fail.timeout.ratio", "3"),
    ] {
        assert_eq!(property(&shown, name), expected);
    }
    let policy = value(&stand, &LOCKOUT).await;
    assert!(policy.contains("max_attempts=7") && policy.contains("lock_for=15m"), "{policy}");
    let off = update(&[("account.lock.handler.lock.on.max.failed.attempts.enable", "false")]);
    assert_eq!(ask(&stand, &root, "PATCH", LOCK, off).await.0, 200);
    assert_eq!(value(&stand, &LOCKOUT).await, "off");
    let (category, _) = LOCK.split_once("/connectors").expect("a category");
    let (_, category) = ask(&stand, &root, "GET", category, None).await;
    assert_eq!(
        category.pointer("/connectors/0/name"),
        Some(&json!("account.lock.handler")),
        "{category}"
    );
    let (_, all) = ask(&stand, &root, "GET", "", None).await;
    assert_eq!(all.as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let stand = Stand::new().await;
    let root = stand.a.clone();
    for (path, body, expected) in [
        (LOCK, update(&[("account.lock.handler.On.Failure.Max.Attempts", "many")]), 400),
        (LOCK, update(&[("account.lock.handler.On.Failure.Max.Attempts", "0")]), 400),
        (LOCK, update(&[("nosuch", "1")]), 400),
        (DISABLE, update(&[("account.disable.handler.enable", "maybe")]), 400),
        (DISABLE, Some(json!({ "operation": "REMOVE", "properties": [] })), 400),
        (
            DISABLE,
            Some(json!({ "operation": "UPDATE", "properties": [{ "name": "x", "value": true }] })),
            400,
        ),
        (DISABLE, Some(json!([])), 400),
        ("/bm9uZQ/connectors/bm9uZQ", update(&[]), 404),
    ] {
        let (status, said) = ask(&stand, &root, "PATCH", path, body).await;
        assert_eq!(status, expected, "{said}");
        assert!(
            said["description"]
                .as_str()
                .is_some_and(|words| words.len() > 8),
            "{said}"
        );
    }
    let view = token(&stand.test, &stand.root, &["users.view"]).await;
    assert_eq!(ask(&stand, &view, "GET", DISABLE, None).await.0, 200);
    let on = || update(&[("account.disable.handler.enable", "true")]);
    assert_eq!(ask(&stand, &view, "PATCH", DISABLE, on()).await.0, 403);
    assert_eq!(ask(&stand, "wrong", "GET", DISABLE, None).await.0, 401);
    let pins = Pins::default().with(&ACCOUNT_DISABLING, "off", "the file");
    let router =
        portcullis::api::Api::new(stand.test.admin().clone().with_pins(pins)).into_router();
    let path = format!("/api/server/v1/identity-governance{DISABLE}");
    let request = http::Request::patch(path)
        .header("authorization", format!("Bearer {root}"))
        .header("content-type", "application/json")
        .body(axum::body::Body::from(on().expect("a body").to_string()))
        .expect("a request");
    let answer = tower::ServiceExt::oneshot(router, request)
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 409);
}
