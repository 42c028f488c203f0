//! Groups and who is in them.

use portcullis::domain::event::Action;
use portcullis::domain::permission::Permission;
use serde_json::{Value, json};

use super::super::{Stand, assert_done_by, token};
use super::{STRICT, Scim, WSO2};

async fn people(scim: &Scim<'_>) -> [String; 3] {
    let mut ids = Vec::new();
    for name in ["ada", "bob", "cyd"] {
        ids.push(scim.user(name, json!({})).await[7..].to_owned());
    }
    ids.try_into().expect("three")
}

fn members(group: &Value) -> Vec<String> {
    let all = group["members"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    all.iter()
        .map(|one| one["value"].as_str().expect("a value").to_owned())
        .collect()
}

#[tokio::test]
async fn v35_members_come_and_go_in_every_way_that_clients_say_it() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    let [ada, bob, cyd] = people(&scim).await;
    let sent = json!({ "displayName": "Staff", "externalId": "HR", "members": [{ "value": ada }] });
    let made = scim.post("/Groups", sent).await;
    made.is(201);
    let group = format!("/Groups/{}", made.id());
    assert_eq!(made.headers["location"], format!("{STRICT}{group}"));
    let value = |id: &str| json!({ "value": id });
    for (step, expected) in [
        (
            json!({ "op": "Add", "path": "members", "value": [value(&bob), value(&cyd)] }),
            vec![&ada, &bob, &cyd],
        ),
        (
            json!({ "op": "Remove", "path": "members", "value": [{ "value": bob, "$ref": null }] }),
            vec![&ada, &cyd],
        ),
        (json!({ "op": "remove", "path": format!("members[value eq \"{cyd}\"]") }), vec![&ada]),
        (json!({ "op": "add", "path": "members", "value": value(&ada) }), vec![&ada]),
        (json!({ "op": "add", "value": { "members": [value(&bob)] } }), vec![&ada, &bob]),
        (json!({ "op": "replace", "path": "members", "value": [value(&cyd)] }), vec![&cyd]),
        (
            json!({ "op": "replace", "value": { "Members": [value(&ada), value(&bob)], "displayName": "People" } }),
            vec![&ada, &bob],
        ),
        (
            json!({ "op": "remove", "path": format!("members[value eq \"{ada}\" or value eq \"{cyd}\"]") }),
            vec![&bob],
        ),
        (json!({ "op": "add", "path": "members", "value": [value("fake-member-id")] }), vec![&bob]),
        (json!({ "op": "remove", "path": "members" }), vec![]),
    ] {
        let done = scim.patch(&group, json!([step])).await;
        done.is(200);
        let expected: Vec<String> = expected.into_iter().cloned().collect();
        assert_eq!(members(&done.body), expected, "{step}");
        assert_eq!(members(&scim.get(&group).await.body), expected, "{step}");
    }
    assert_eq!(scim.get(&group).await.body["displayName"], "People");
    assert_done_by(&stand.last_record().await, Action::GroupUpdated, stand.root.id.get());
}

#[tokio::test]
async fn a_change_of_a_group_is_whole() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    let [ada, bob, _] = people(&scim).await;
    let sent = json!({ "displayName": "Staff", "members": [{ "value": ada }] });
    let group = format!("/Groups/{}", scim.post("/Groups", sent).await.id());
    let before = scim.get(&group).await.body;
    for (steps, kind) in [
        (
            json!([{ "op": "add", "path": "members", "value": [{ "value": bob }] },
            { "op": "replace", "path": "nosuch", "value": "x" }]),
            "invalidPath",
        ),
        (json!([{ "op": "remove", "path": "displayName" }]), "mutability"),
        (json!([{ "op": "replace", "path": "members.value", "value": "x" }]), "mutability"),
        (
            json!([{ "op": "add", "path": "members", "value": [{ "value": "7", "type": "Group" }] }]),
            "invalidValue",
        ),
        (json!([{ "op": "add", "path": "members", "value": [{}] }]), "invalidValue"),
        (json!([{ "op": "replace", "path": "displayName", "value": "a\u{7}b" }]), "invalidValue"),
    ] {
        scim.patch(&group, steps)
            .await
            .is_scim_problem(400, Some(kind));
        assert_eq!(scim.get(&group).await.body, before);
    }
    let put = scim
        .put(&group, json!({ "displayName": "Others", "members": [{ "value": bob }] }))
        .await;
    put.is(200);
    assert_eq!(members(&put.body), std::slice::from_ref(&bob));
    let old = [("if-match", "W/\"1\"")];
    let body = json!({ "displayName": "x" }).to_string();
    scim.send("PUT", &group, &old, &body)
        .await
        .is_scim_problem(412, None);
    scim.send("DELETE", &group, &old, "")
        .await
        .is_scim_problem(412, None);
    assert_eq!(scim.delete(&group).await.status, 204);
    scim.get(&group).await.is_scim_problem(404, None);
    scim.delete(&group).await.is_scim_problem(404, None);
}

#[tokio::test]
async fn groups_are_found_by_their_names_and_members() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    let [ada, bob, _] = people(&scim).await;
    for (name, who) in [("Staff", vec![&ada, &bob]), ("Board", vec![&ada]), ("staff", vec![])] {
        let all: Vec<_> = who.into_iter().map(|id| json!({ "value": id })).collect();
        scim.post("/Groups", json!({ "displayName": name, "members": all }))
            .await
            .is(201);
    }
    for (filter, names) in [
        ("displayName eq \"STAFF\"".to_owned(), vec!["Staff", "staff"]),
        (format!("members eq \"{bob}\""), vec!["Staff"]),
        (format!("members.value eq \"{ada}\" and displayName sw \"b\""), vec!["Board"]),
        (format!("members[value eq \"{ada}\"]"), vec!["Staff", "Board"]),
        ("members eq \"nobody\"".to_owned(), vec![]),
        ("displayName co \"a\" and not (displayName ew \"f\")".to_owned(), vec!["Board"]),
        ("id eq \"2\"".to_owned(), vec!["Board"]),
    ] {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("filter", &filter)
            .append_pair("excludedAttributes", "members")
            .finish();
        let found = scim.get(&format!("/Groups?{query}")).await;
        found.is(200);
        assert_eq!(found.names(), names, "{filter}");
        assert!(!found.text.contains("members"), "{}", found.text);
    }
    let query = "filter=not+(members+eq+%22".to_owned() + &ada + "%22)";
    scim.get(&format!("/Groups?{query}"))
        .await
        .is_scim_problem(400, Some("invalidFilter"));
    let sorted = scim
        .get("/Groups?sortBy=displayName&sortOrder=descending&count=1")
        .await;
    assert_eq!(
        (sorted.names(), &sorted.body["totalResults"]),
        (vec!["Staff".to_owned()], &json!(3))
    );
    let user = scim.get(&format!("/Users/{ada}")).await.body;
    let of: Vec<_> = user["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .map(|one| &one["display"])
        .collect();
    assert_eq!(of, ["Staff", "Board"]);
    assert_eq!(scim.found("groups.display eq \"board\"").await, ["ada"]);
    let wso2 = Scim::at(&stand, WSO2).get("/Groups/1").await.body;
    assert_eq!(wso2["members"][0]["display"], "ada");
}

#[tokio::test]
async fn a_group_gives_its_members_permissions() {
    let stand = Stand::new().await;
    let mut scim = Scim::at(&stand, STRICT);
    let ada = stand.person("ada").await;
    let group = scim.post("/Groups", json!({ "displayName": "Desk" })).await;
    let id: i64 = group.id().parse().expect("a number");
    let system = portcullis::admin::Actor::System;
    let mut change = portcullis::admin::GroupChange::default();
    change.permissions([Permission::ManageUsers].into_iter().collect());
    let id = id.try_into().expect("a number");
    stand
        .test
        .admin()
        .change_group(&system, id, change)
        .await
        .expect("changed");
    let path = format!("/Groups/{id}");
    let own = token(&stand.test, &ada, &[]).await;
    let root = std::mem::replace(&mut scim.token, own.clone());
    scim.get("/Users").await.is_scim_problem(403, None);
    let join =
        json!([{ "op": "add", "path": "members", "value": [{ "value": ada.id.to_string() }] }]);
    scim.patch(&path, join.clone())
        .await
        .is_scim_problem(403, None);
    scim.token = root;
    scim.patch(&path, join).await.is(200);
    scim.token = own;
    scim.get("/Users").await.is(200);
    scim.post("/Users", json!({ "userName": "new" }))
        .await
        .is(201);
    // Whoever manages people changes no group that gives permissions.
    let leave = json!([{ "op": "remove", "path": "members" }]);
    scim.patch(&path, leave).await.is_scim_problem(403, None);
    scim.delete(&path).await.is_scim_problem(403, None);
    scim.post("/Groups", json!({ "displayName": "Plain" }))
        .await
        .is(201);
}

#[tokio::test]
async fn programs_do_what_their_scopes_say() {
    let stand = Stand::new().await;
    let mut scim = Scim::at(&stand, WSO2);
    let [ada, ..] = people(&scim).await;
    scim.post("/Groups", json!({ "displayName": "Staff" }))
        .await
        .is(201);
    scim.token = token(&stand.test, &stand.root, &["internal_group_mgt_update"]).await;
    let join = json!([{ "op": "add", "path": "members", "value": [{ "value": ada }] }]);
    let joined = scim.patch("/Groups/1", join).await;
    joined.is(200);
    assert!(joined.body.get("members").is_none(), "it may not see them: {}", joined.text);
    scim.get("/Groups/1").await.is_scim_problem(403, None);
    scim.delete("/Groups/1").await.is_scim_problem(403, None);
    scim.get("/Groups").await.is_scim_problem(403, None);
}
