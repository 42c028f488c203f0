//! What Okta asks of a service, step by step.

use serde_json::{Value, json};

use super::super::Stand;
use super::{STRICT, Scim};

fn complete(user: &Value) {
    for path in ["/id", "/name/familyName", "/name/givenName", "/userName", "/emails/0/value"] {
        assert!(user.pointer(path).is_some_and(Value::is_string), "{path}: {user}");
    }
    assert!(user["active"].is_boolean(), "{user}");
}

#[tokio::test]
async fn a3_okta_finds_what_it_looks_for() {
    let stand = Stand::new().await;
    let mut scim = Scim::at(&stand, STRICT);
    let user = |name: &str| {
        json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
            "userName": name, "name": { "givenName": "Test", "familyName": "User" },
            "emails": [{ "primary": true, "value": name, "type": "work" }],
            "displayName": "Test User", "locale": "en-US", "externalId": name, "groups": [],
            "password": "1mz050nq 1mz050nq", "active": true,
        })
    };
    scim.post("/Users", user("first@example.org")).await.is(201);
    // (1) The first user is complete, and the page's numbers are numbers.
    let filter = "filter=userName+ne+%22root%22";
    let list = scim
        .get(&format!("/Users?count=1&startIndex=1&{filter}"))
        .await;
    list.is(200);
    complete(&list.body["Resources"][0]);
    for number in ["itemsPerPage", "startIndex", "totalResults"] {
        assert!(list.body[number].is_u64(), "{}", list.text);
    }
    // (2) So is that user alone.
    let id = list.body["Resources"][0]["id"].as_str().expect("an id");
    let one = scim.get(&format!("/Users/{id}")).await;
    complete(&one.body);
    // (3) Nobody is found where nobody is.
    let none = scim
        .list(&[("filter", "userName eq \"nobody@example.org\"")])
        .await;
    assert_eq!((none.status, &none.body["totalResults"]), (200, &json!(0)));
    // (4) An id that nobody has.
    scim.get("/Users/010101001010101011001010101011")
        .await
        .is_scim_problem(404, None);
    // (5) A user is made, also from plain JSON.
    let plain = [("content-type", "application/json")];
    let sent = user("Second@example.org").to_string();
    let made = scim.send("POST", "/Users", &plain, &sent).await;
    made.is(201);
    assert_eq!(made.body["active"], true);
    complete(&made.body);
    // (6) And only once.
    scim.send("POST", "/Users", &plain, &sent)
        .await
        .is_scim_problem(409, Some("uniqueness"));
    // (7) The case of a name does not matter.
    assert_eq!(scim.found("userName eq \"SECOND@EXAMPLE.ORG\"").await, ["Second@example.org"]);
    // (8) Groups are listed.
    scim.get("/Groups").await.is(200);
    // What it does to who left, and to who comes back.
    let path = format!("/Users/{}", made.id());
    let steps = |active| json!([{ "op": "replace", "value": { "active": active } }]);
    assert_eq!(scim.patch(&path, steps(false)).await.body["active"], false);
    let mut whole = scim.get(&path).await.body;
    whole["active"] = true.into();
    let back = scim.put(&path, whole.clone()).await;
    back.is(200);
    assert_eq!(back.body["active"], true);
    whole["active"] = false.into();
    assert_eq!(scim.put(&path, whole).await.body["active"], false);
    // (9) A wrong token opens nothing.
    scim.token = "wrong".to_owned();
    let refused = scim.get("/Users").await;
    refused.is_scim_problem(401, None);
    assert!(
        refused.headers["www-authenticate"]
            .to_str()
            .expect("text")
            .starts_with("Bearer")
    );
}
