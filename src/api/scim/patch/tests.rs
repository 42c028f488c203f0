use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::*;
use crate::api::scim::flavour::Flavour;
use crate::api::scim::problem::Problem;
use crate::api::scim::schema::ResourceType;

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const WSO2: &str = "urn:scim:wso2:schema";

fn patched(flavour: Flavour, user: &Value, steps: &Value) -> Result<Value, Problem> {
    let body = json!({ "Operations": steps });
    let steps = read(body.as_object().expect("an object"), flavour)?;
    let user = user.as_object().cloned().expect("an object");
    apply(ResourceType::User, flavour, user, &steps).map(|patched| Value::Object(patched.resource))
}

fn strict(user: &Value, steps: &Value) -> Result<Value, Problem> {
    patched(Flavour::Strict, user, steps)
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "written in place")]
fn becomes(user: Value, step: Value, expected: Value) {
    assert_eq!(strict(&user, &json!([step])), Ok(expected), "{step}");
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "written in place")]
fn refused(user: &Value, steps: Value, kind: &str) {
    let problem = strict(user, &steps).expect_err("a wrong step");
    assert_eq!(problem.kind, Some(kind), "{steps}: {problem:?}");
}

fn bob() -> Value {
    json!({ "id": "7", "userName": "bob", "meta": { "created": "x" } })
}

#[expect(clippy::needless_pass_by_value, reason = "written in place")]
fn with(more: Value) -> Value {
    let mut user = bob();
    for (name, value) in more.as_object().expect("an object") {
        user[name] = value.clone();
    }
    user
}

fn emails() -> Value {
    with(json!({ "emails": [
        { "value": "a@x", "type": "work", "primary": true }, { "value": "b@x", "type": "home" },
    ] }))
}

#[test]
fn active_is_false_in_every_way_that_clients_say_it() {
    let wanted = with(json!({ "active": false }));
    for step in [
        json!({ "op": "replace", "path": "active", "value": false }),
        json!({ "op": "Replace", "path": "active", "value": "False" }),
        json!({ "op": "replace", "value": { "active": false } }),
        json!({ "op": "Add", "path": "active", "value": "False" }),
        json!({ "OP": "REPLACE", "Path": "ACTIVE", "Value": "false" }),
        json!({ "op": "replace", "path": "", "value": { "active": false } }),
        json!({ "op": "replace", "path": null, "value": [{ "active": false }] }),
        json!({ "op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:active", "value": false }),
    ] {
        becomes(bob(), step, wanted.clone());
    }
    becomes(wanted, json!({ "op": "remove", "path": "active" }), bob());
    refused(
        &bob(),
        json!([{ "op": "replace", "path": "active", "value": "maybe" }]),
        "invalidValue",
    );
}

#[test]
fn wso2_takes_any_text_for_a_flag() {
    let path = format!("{WSO2}:accountLocked");
    for (text, locked) in [("True", true), ("true", true), ("yes", false), ("", false)] {
        let step = json!([{ "op": "Replace", "path": path, "value": text }]);
        let wanted = with(json!({ WSO2: { "accountLocked": locked } }));
        assert_eq!(patched(Flavour::Wso2, &bob(), &step), Ok(wanted), "{text}");
    }
    let lower = json!({ "operations": [{ "op": "add", "value": {} }] });
    let lower = lower.as_object().expect("an object");
    let problem = read(lower, Flavour::Wso2).expect_err("not spelled so");
    assert_eq!(problem.kind, Some("invalidSyntax"));
    assert!(read(lower, Flavour::Strict).is_ok());
}

#[test]
fn names_in_a_value_may_be_paths() {
    let step = json!({ "op": "Replace", "value": {
        "name.givenName": "A", format!("{ENTERPRISE}:department"): "D",
        "emails[type eq \"work\"].value": "c@x", ENTERPRISE: { "division": "E" },
    } });
    let before = emails();
    let mut wanted = before.clone();
    wanted["name"] = json!({ "givenName": "A" });
    wanted[ENTERPRISE] = json!({ "department": "D", "division": "E" });
    wanted["emails"][0]["value"] = "c@x".into();
    becomes(before, step, wanted);
}

#[test]
fn of_several_values_a_filter_says_which() {
    let path = "emails[type eq \"work\"].value";
    let made = with(json!({ "emails": [{ "type": "work", "value": "a@b.c" }] }));
    becomes(bob(), json!({ "op": "Add", "path": path, "value": "a@b.c" }), made.clone());
    refused(&bob(), json!([{ "op": "replace", "path": path, "value": "a@b.c" }]), "noTarget");
    let ne = "emails[type ne \"work\"].value";
    refused(&bob(), json!([{ "op": "add", "path": ne, "value": "a@b.c" }]), "noTarget");
    let mut wanted = emails();
    wanted["emails"][0]["value"] = "c@x".into();
    becomes(emails(), json!({ "op": "replace", "path": path, "value": "c@x" }), wanted);
    let rest = with(json!({ "emails": [{ "value": "b@x", "type": "home" }] }));
    becomes(emails(), json!({ "op": "remove", "path": "emails[type eq \"work\"]" }), rest);
    becomes(made, json!({ "op": "remove", "path": "emails[value co \"@\"]" }), bob());
    becomes(emails(), json!({ "op": "remove", "path": "emails[type eq \"fax\"]" }), emails());
    let mut wanted = emails();
    wanted["emails"][1] = json!({ "value": "n@x" });
    let whole = json!({ "value": "n@x" });
    becomes(
        emails(),
        json!({ "op": "replace", "path": "emails[type eq \"home\"]", "value": whole }),
        wanted,
    );
}

#[test]
fn adding_nothing_to_what_is_not_there_leaves_no_hole() {
    let add = json!({ "op": "add", "path": "emails[type eq \"other\"]", "value": null });
    assert_eq!(strict(&emails(), &json!([add, add])), Ok(emails()));
}

#[test]
fn one_of_several_is_primary() {
    let mut wanted = emails();
    wanted["emails"][0]["primary"] = false.into();
    wanted["emails"][1]["primary"] = true.into();
    let path = "emails[type eq \"home\"].primary";
    becomes(emails(), json!({ "op": "replace", "path": path, "value": true }), wanted);
    let new = json!([{ "value": "c@x", "primary": true }]);
    let added = strict(&emails(), &json!([{ "op": "add", "path": "emails", "value": new }]));
    let added = added.expect("a change");
    assert_eq!(added["emails"][0]["primary"], false);
    assert_eq!(added["emails"][2]["primary"], true);
    let two = json!([{ "value": "c", "primary": true }, { "value": "d", "primary": true }]);
    refused(&bob(), json!([{ "op": "add", "path": "emails", "value": two }]), "invalidValue");
    let both = "emails[value pr].primary";
    refused(&emails(), json!([{ "op": "add", "path": both, "value": true }]), "invalidValue");
}

#[test]
fn an_extension_is_one_thing() {
    let before = with(json!({ ENTERPRISE: { "department": "D" } }));
    becomes(before.clone(), json!({ "op": "remove", "path": ENTERPRISE }), bob());
    let both = with(json!({ ENTERPRISE: { "department": "D", "division": "E" } }));
    for op in ["add", "replace"] {
        let step = json!({ "op": op, "path": ENTERPRISE, "value": { "division": "E" } });
        becomes(before.clone(), step, both.clone());
    }
    becomes(before, json!({ "op": "remove", "path": format!("{ENTERPRISE}:department") }), bob());
}

#[test]
fn what_can_not_be_done_is_refused() {
    for (steps, kind) in [
        (json!([{ "op": "remove" }]), "noTarget"),
        (json!([{ "op": "replace", "path": "id", "value": "x" }]), "mutability"),
        (json!([{ "op": "replace", "path": "meta.created", "value": "x" }]), "mutability"),
        (json!([{ "op": "replace", "path": "groups", "value": [] }]), "mutability"),
        (
            json!([{ "op": "replace", "path": format!("{WSO2}:lockedReason"), "value": "x" }]),
            "mutability",
        ),
        (json!([{ "op": "remove", "path": "userName" }]), "mutability"),
        (json!([{ "op": "replace", "path": "userName", "value": null }]), "mutability"),
        (json!([{ "op": "replace", "path": "nosuch", "value": "x" }]), "invalidPath"),
        (json!([{ "op": "add", "value": { "nosuch": 1 } }]), "invalidPath"),
        (json!([{ "op": "add", "value": "x" }]), "invalidValue"),
        (json!([{ "op": "add", "path": "nickName" }]), "invalidValue"),
        (json!([{ "op": "add", "path": "nickName", "value": 1 }]), "invalidValue"),
        (json!([{ "op": "add", "path": "name", "value": "x" }]), "invalidValue"),
        (json!([{ "op": "move", "path": "nickName", "value": "x" }]), "invalidSyntax"),
        (json!([{ "op": "add", "path": 1, "value": "x" }]), "invalidPath"),
        (json!([1]), "invalidSyntax"),
        (json!([]), "invalidSyntax"),
        (json!({}), "invalidSyntax"),
    ] {
        refused(&bob(), steps, kind);
    }
    let half = json!([
        { "op": "replace", "path": "displayName", "value": "x" },
        { "op": "replace", "path": "nosuch", "value": "y" },
    ]);
    refused(&bob(), half, "invalidPath");
}

#[test]
fn nothing_said_is_nothing_there() {
    let before = with(json!({ "nickName": "b", "emails": [{ "value": "a" }] }));
    for (path, value) in [("nickName", json!(null)), ("nickName", json!(""))] {
        let after = with(json!({ "emails": [{ "value": "a" }] }));
        becomes(before.clone(), json!({ "op": "replace", "path": path, "value": value }), after);
    }
    let after = with(json!({ "nickName": "b" }));
    for value in [json!([]), json!(null)] {
        becomes(
            before.clone(),
            json!({ "op": "replace", "path": "emails", "value": value }),
            after.clone(),
        );
    }
    becomes(before, json!({ "op": "remove", "path": "emails[value eq \"a\"].value" }), after);
    becomes(bob(), json!({ "op": "add", "path": "schemas", "value": ["x"] }), bob());
}

#[test]
fn what_is_named_is_known() {
    let steps = [
        Step { verb: Verb::Add, path: Some("name.givenName".to_owned()), value: json!("A") },
        Step { verb: Verb::Remove, path: Some(WSO2.to_owned()), value: Value::Null },
    ];
    let user = bob().as_object().cloned().expect("one");
    let touched = apply(ResourceType::User, Flavour::Strict, user, &steps)
        .expect("done")
        .touched;
    assert!(touched.has(None, "name") && touched.has(Some(WSO2), "accountLocked"));
    assert!(!touched.has(None, "active") && !touched.has(Some(WSO2), "accountState"));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3_i64).prop_map(Value::from),
        select(vec!["", "a", "work", "true", "a@x"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 8, 3, |inner| {
        let name = select(vec![
            "value",
            "type",
            "primary",
            "active",
            "nickName",
            "emails",
            "name",
            "givenName",
            "name.familyName",
            "nosuch",
            "id",
            ENTERPRISE,
            "department",
        ]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::hash_map(name, inner, 0..3).prop_map(|parts| {
                parts
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()
            }),
        ]
    })
}

fn step() -> impl Strategy<Value = Step> {
    let path = proptest::option::weighted(
        0.8,
        select(vec![
            "nickName",
            "name",
            "name.givenName",
            "emails",
            "emails.type",
            "active",
            "userName",
            "id",
            "emails[type eq \"work\"]",
            "emails[type eq \"work\"].value",
            "emails[primary eq true].primary",
            "emails[value pr and not (type eq \"home\")].type",
            "nosuch",
            ENTERPRISE,
            "schemas",
        ]),
    );
    (select(vec![Verb::Add, Verb::Remove, Verb::Replace]), path, value())
        .prop_map(|(verb, path, value)| Step { verb, path: path.map(str::to_owned), value })
}

proptest! {
    /// Property: steps that can all be done lead, one by one, to where they lead
    /// together; and otherwise the first that can't be done is why.
    #[test]
    fn steps_are_done_in_their_order(steps in proptest::collection::vec(step(), 1..5)) {
        let user = emails().as_object().cloned().expect("one");
        let run = |user: Object, steps: &[Step]| {
            apply(ResourceType::User, Flavour::Strict, user, steps).map(|patched| patched.resource)
        };
        let mut alone = Ok(user.clone());
        for step in &steps {
            alone = alone.and_then(|user| run(user, std::slice::from_ref(step)));
        }
        prop_assert_eq!(run(user, &steps), alone);
    }

    /// Property: whatever is done, what is there is of the schema's kinds, has nothing
    /// empty in it, one primary at most, and what nobody may write is as it was.
    #[test]
    fn whatever_is_done_leaves_a_resource(steps in proptest::collection::vec(step(), 1..5)) {
        let user = emails().as_object().cloned().expect("one");
        if let Ok(patched) = apply(ResourceType::User, Flavour::Strict, user, &steps) {
            let after = patched.resource;
            prop_assert_eq!(&after["id"], "7");
            let again = crate::api::scim::value::resource(
                ResourceType::User, &after, Flavour::Strict,
            ).expect("a resource");
            let mut writable = after;
            writable.retain(|name, _| !["id", "meta"].contains(&name.as_str()));
            prop_assert_eq!(again, writable);
        }
    }

    /// Property: what was set is there, set once more it changes nothing, and removed it
    /// is not there any more.
    #[test]
    fn what_is_set_is_there(
        path in select(vec!["nickName", "title", "name.givenName", "emails[type eq \"work\"].value"]),
        text in "[a-z]{1,5}",
        verb in select(vec![Verb::Add, Verb::Replace]),
    ) {
        let one = |user: Object, verb, value| {
            let step = Step { verb, path: Some(path.to_owned()), value };
            apply(ResourceType::User, Flavour::Strict, user, &[step]).map(|done| done.resource)
        };
        let before = emails().as_object().cloned().expect("one");
        let once = one(before.clone(), verb, json!(text)).expect("set");
        let quoted = serde_json::to_string(&text).expect("JSON");
        let shown = Value::Object(once.clone()).to_string();
        prop_assert!(shown.contains(&quoted), "not there");
        prop_assert_eq!(one(once.clone(), verb, json!(text)), Ok(once.clone()));
        let gone = one(once, Verb::Remove, Value::Null).expect("removed");
        let from_start = one(before, Verb::Remove, Value::Null).expect("removed");
        prop_assert_eq!(gone, from_start);
    }
}
