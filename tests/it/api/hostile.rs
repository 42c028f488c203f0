//! Whatever is sent, the answer is one of the interface's own, and never an accident.

use portcullis::admin::{Actor, Admin, NewPerson, TokenRequest};
use portcullis::api::Api;
use portcullis::domain::login::Login;
use portcullis::store::memory::SingleProcessDirectory;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use super::{Reply, Stand, complete};
use crate::engine::faulty::{Faulty, Mood};

const JSON: (&str, &str) = ("content-type", "application/json");

/// An answer that OpenProject's clients know what to do with.
#[track_caller]
fn assert_known(reply: &Reply, what: &str) {
    assert!(reply.status < 500, "{what}: {} {}", reply.status, reply.text);
    if reply.status >= 400 && reply.status != 406 {
        assert_eq!(reply.body["_type"], "Error", "{what}: {}", reply.text);
        reply.is_hal();
    }
}

#[tokio::test]
async fn bodies_that_are_no_object_are_refused() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let deep = "[".repeat(50_000);
    for body in ["", "null", "[]", "\"x\"", "{", "{}{}", "{\"a\":\"\\ud800\"}", &deep, "\u{feff}{}"]
    {
        for (method, path) in [("POST", "/users"), ("PATCH", "/users/ada")] {
            let answer = stand.send(method, path, &stand.a, &[JSON], body).await;
            answer.is_error(400, "InvalidRequestBody");
        }
    }
    let huge = format!("{{\"firstName\":\"{}\"}}", "x".repeat(70_000));
    let answer = stand
        .send("PATCH", "/users/ada", &stand.a, &[JSON], &huge)
        .await;
    answer.is_error(413, "InvalidRequestBody");
    assert_eq!(stand.now(&ada).await, ada);
}

#[tokio::test]
async fn places_and_methods_that_are_not_there_are_told_in_the_same_words() {
    let stand = Stand::new().await;
    for path in ["", "/", "/projects", "/users/1/2/3", "/users/1/unlock"] {
        stand.get(&stand.a, path).await.is_error(404, "NotFound");
    }
    for (method, path) in [
        ("PUT", "/users/1"),
        ("DELETE", "/users"),
        ("GET", "/users/1/lock"),
        ("PATCH", "/users/form"),
    ] {
        let answer = stand.send(method, path, &stand.a, &[JSON], "{}").await;
        assert_known(&answer, path);
        assert!(matches!(answer.status, 404 | 405), "{method} {path}: {}", answer.text);
    }
    let head = stand.send("HEAD", "/users/me", &stand.a, &[], "").await;
    assert_eq!((head.status, &*head.text), (200, ""));
}

/// What is not known is passed over, as OpenProject does; what is known is not taken
/// for something else.
#[tokio::test]
async fn unknown_attributes_change_nothing() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let sent = json!({
        "statuss": "locked", "Admin": true, "customField1": "x", "id": 99, "generation": 7,
        "permissions": ["users.manage"], "_type": "Project", "groups": [1],
    });
    stand
        .patch(&stand.a, "/users/ada", sent)
        .await
        .is_user("active");
    assert_eq!(stand.now(&ada).await, ada);
}

/// A page of somebody else's can't make a browser on this network do anything here.
#[tokio::test]
async fn other_origins_and_other_names_are_refused() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let path = format!("/users/{}/lock", ada.id);
    let foreign = [JSON, ("origin", "https://evil.example")];
    assert_eq!(
        stand
            .send("POST", &path, &stand.a, &foreign, "{}")
            .await
            .status,
        403
    );
    let cross = [JSON, ("sec-fetch-site", "cross-site")];
    assert_eq!(
        stand
            .send("POST", &path, &stand.a, &cross, "{}")
            .await
            .status,
        403
    );
    let renamed = [JSON, ("host", "evil.example")];
    assert_eq!(
        stand
            .send("POST", &path, &stand.a, &renamed, "{}")
            .await
            .status,
        421
    );
    assert_eq!(stand.now(&ada).await, ada);
}

/// The interface is not below the public address.
#[tokio::test]
async fn the_public_listener_knows_nothing_of_it() {
    let stand = Stand::new().await;
    let bearer = format!("Bearer {}", stand.a);
    let headers = [("authorization", &*bearer)];
    let answer = stand
        .public
        .send("GET", "/api/v3/users", &headers, "")
        .await;
    assert!(!answer.body.contains("Collection"), "{}", answer.body);
}

/// Nothing is changed, and the client is told to come again.
#[tokio::test]
async fn a_directory_that_fails_is_no_accident_of_the_interface() {
    let clock = portcullis::Clock::manual(portcullis::testing::START);
    let store = Faulty::new(SingleProcessDirectory::new(clock));
    let admin = Admin::new(std::sync::Arc::new(store.clone()));
    let root = NewPerson::new(Login::new("root").expect("a login"))
        .with_admin(true)
        .active();
    let root = admin
        .add(&Actor::System, root)
        .await
        .expect("added")
        .account;
    let owner = root.id.into();
    let token = admin.create_token(&Actor::System, &owner, TokenRequest::default());
    let token = token.await.expect("a token").secret.expose();
    let service = Api::new(admin).into_router();
    let address = crate::gateway::serve(service).await;
    let api = crate::support::Browser::at(address);
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", &*bearer), JSON];
    for method in ["token", "account", "search", "change", "create"] {
        store.set_only(method, Mood::Failing);
        let mut failed = 0;
        for (verb, path) in [
            ("GET", "/users"),
            ("POST", "/users/1/lock"),
            ("POST", "/users"),
            ("PATCH", "/users/me"),
        ] {
            let mut body = complete(method);
            body["firstName"] = json!("Augusta");
            let sent = if verb == "PATCH" { json!({ "firstName": "Augusta" }) } else { body };
            let path = format!("/api/v3{path}");
            let answer = api.send(verb, &path, &headers, &sent.to_string()).await;
            if answer.status < 500 {
                continue;
            }
            failed += 1;
            assert_eq!(
                (answer.status, &answer.headers["retry-after"]),
                (503, &"1".parse().expect("one"))
            );
            let body: Value = serde_json::from_str(&answer.body).expect("JSON");
            assert_eq!(body["_type"], "Error");
        }
        assert!(failed > 0, "{method} failed and nobody was told");
        store.set(Mood::Well);
    }
}

fn junk() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("a number", |n| n.is_finite())
            .prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|map| map.into_iter().collect()),
        ]
    })
}

/// Every attribute with every kind of value, in both places that take them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_value_of_any_attribute_is_answered() {
    let stand = Stand::new().await;
    stand.person("ada").await;
    let names = [
        "login",
        "firstName",
        "lastName",
        "email",
        "language",
        "admin",
        "status",
        "identityUrl",
        "password",
        "name",
    ];
    let mut runner = TestRunner::deterministic();
    let some = (proptest::sample::select(names.to_vec()), junk());
    for _ in 0..150 {
        let tree = some.new_tree(&mut runner).expect("a value");
        let (name, value) = proptest::strategy::ValueTree::current(&tree);
        let mut whole = complete("grace");
        whole[name] = value.clone();
        let what = json!({ name: value });
        for answer in [
            stand.patch(&stand.a, "/users/ada", what.clone()).await,
            stand.post(&stand.a, "/users/ada/form", what.clone()).await,
            stand.post(&stand.a, "/users/form", whole.clone()).await,
        ] {
            assert_known(&answer, &what.to_string());
        }
    }
}

/// Anything in the query and in the place of a user.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_address_is_answered() {
    let stand = Stand::new().await;
    let mut runner = TestRunner::deterministic();
    let text = ".{0,30}";
    for _ in 0..150 {
        let tree = text.new_tree(&mut runner).expect("a text");
        let text = proptest::strategy::ValueTree::current(&tree);
        let written: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let written = written.replace('+', "%20");
        for path in [
            format!("/users?filters={written}&sortBy={written}&select={written}"),
            format!("/users?offset={written}&pageSize={written}"),
            format!("/users/{written}x"),
        ] {
            let answer = stand.get(&stand.a, &path).await;
            // The listener itself refuses what can be read in two ways.
            let of_the_listener = answer.text.contains("urn:portcullis:gateway:");
            if !of_the_listener {
                assert_known(&answer, &path);
            }
        }
    }
}
