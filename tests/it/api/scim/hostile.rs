//! What nobody should send.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use super::super::Stand;
use super::{ENTERPRISE, STRICT, Scim, WSO2, WSO2_URN};

#[tokio::test]
async fn v26_v27_who_brings_nothing_learns_nothing() {
    let stand = Stand::new().await;
    for mount in [STRICT, WSO2] {
        let mut scim = Scim::at(&stand, mount);
        for path in [
            "/nope",
            "/Users/nope",
            "/Users/0",
            "/Users/-1",
            "/Users/01",
            "/Users/999",
            "/Groups/nope",
            "/Schemas/nope",
            "/ResourceTypes/nope",
            "",
            "/",
            "/Users/1/x",
        ] {
            let missing = scim.get(path).await;
            missing.is_scim_problem(404, None);
        }
        scim.token = String::new();
        for (method, path) in [
            ("GET", "/Users"),
            ("GET", "/Users/1"),
            ("POST", "/Bulk"),
            ("GET", "/nope"),
            ("PATCH", "/Users/1"),
            ("GET", "/ServiceProviderConfig"),
            ("PUT", "/Schemas"),
        ] {
            let body = if method == "GET" { "" } else { "{}" };
            let refused = scim.send(method, path, &[], body).await;
            refused.is_scim_problem(401, None);
            let challenge = refused.headers["www-authenticate"].to_str().expect("text");
            assert!(challenge.starts_with("Bearer"), "{challenge}");
        }
    }
}

#[tokio::test]
async fn g1_no_spelling_of_a_path_leads_elsewhere() {
    let stand = Stand::new().await;
    let bearer = format!("Bearer {}", stand.a);
    let before = stand.last_record().await;
    for (method, path) in [
        ("Post", "/scim2/Users"),
        ("post", "/scim2/Users"),
        ("GET", "/scim2;/Users"),
        ("GET", "/scim2/Users;x=1"),
        ("GET", "/scim2/Users/;%2F.well-known%2Fx"),
        ("GET", "/scim2/Users/..%2FGroups"),
        ("GET", "/scim2/x/../Users"),
        ("GET", "/scim2/%55sers"),
        ("GET", "/scim2//Users"),
        ("GET", "//scim2/Users"),
        ("GET", "/SCIM2/Users"),
        ("GET", "/scim2/Users/"),
        ("GET", "/scim2/Users%2F1"),
        ("GET", "/scim2/Users/1%00"),
        ("GET", "/scim2/Users/%ff"),
        ("GET", "/scim/v2/Users/%31%2e"),
        ("DELETE", "/scim/v2/Users/1%2F..%2F2"),
    ] {
        for token in [None, Some(&bearer)] {
            let headers: Vec<_> = token
                .iter()
                .map(|token| ("authorization", token.as_str()))
                .collect();
            let answer = stand.api.send(method, path, &headers, "").await;
            assert!((400..500).contains(&answer.status), "{method} {path}: {}", answer.status);
            assert!(!answer.body.contains("userName"), "{method} {path}: {}", answer.body);
        }
    }
    assert_eq!(stand.last_record().await, before);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "(?s).{0,8}|replace|add|POST|/Users|/Users/2|active|emails\\[type eq \"x\"\\]|bulkId:a"
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let name = proptest::sample::select(vec![
            "userName",
            "name",
            "givenName",
            "emails",
            "value",
            "primary",
            "active",
            "members",
            "displayName",
            "externalId",
            "preferredLanguage",
            "password",
            "Operations",
            "op",
            "path",
            "method",
            "bulkId",
            "data",
            "filter",
            "attributes",
            "count",
            "failOnErrors",
            "schemas",
            "id",
            "meta",
            "groups",
            ENTERPRISE,
            WSO2_URN,
            "accountLocked",
            "unlockTime",
            "accountDisabled",
        ]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(name, inner, 0..5).prop_map(|parts| {
                parts
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()
            }),
        ]
    })
}

/// Property: whatever is sent, the answer is no fault of ours, and in the form that
/// clients know.
#[test]
fn no_body_is_more_than_refused() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let stand = runtime.block_on(async {
        let stand = Stand::new().await;
        let scim = Scim::at(&stand, STRICT);
        scim.user("bob", json!({})).await;
        scim.post("/Groups", json!({ "displayName": "G" }))
            .await
            .is(201);
        stand
    });
    let targets = [
        ("POST", "/Users"),
        ("PUT", "/Users/2"),
        ("PATCH", "/Users/2"),
        ("POST", "/Groups"),
        ("PUT", "/Groups/1"),
        ("PATCH", "/Groups/1"),
        ("POST", "/Bulk"),
        ("POST", "/.search"),
        ("POST", "/Users/.search"),
    ];
    let target = proptest::sample::select(targets.to_vec());
    let mount = proptest::sample::select(vec![STRICT, WSO2]);
    let steps = proptest::collection::vec(value(), 0..3);
    let mut runner =
        TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let strategy = (target, mount, value(), proptest::option::of(steps));
    let ran = runner.run(&strategy, |((method, path), mount, value, steps)| {
        let body = match steps {
            Some(steps) => json!({ "Operations": steps, "userName": "x", "displayName": value }),
            None => value,
        };
        let answer = runtime.block_on(async {
            Scim::at(&stand, mount)
                .send(method, path, &[], &body.to_string())
                .await
        });
        prop_assert!(answer.status < 500, "{method} {path} {body}: {}", answer.text);
        if answer.status >= 400 {
            prop_assert_eq!(&answer.body["status"], &answer.status.to_string());
        }
        Ok(())
    });
    ran.expect("no fault");
}
