//! Groups in our own words.

use portcullis::domain::permission::Permission;
use serde_json::{Value, json};

use super::{JSON, Stand};

#[tokio::test]
async fn a_group_is_made_changed_and_removed() {
    let stand = Stand::new().await;
    let (ada, bob) = (stand.person("ada").await, stand.person("bob").await);
    let new = json!({ "name": "Staff", "external_id": "HR-7", "members": ["ada"] });
    let made = stand.own("POST", "/groups", &stand.a, new).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let group = &made.body["group"];
    let path = format!("/groups/{}", group["id"]);
    assert_eq!(made.headers["location"], format!("/admin/v1{path}"));
    assert_eq!((&group["name"], &group["version"]), (&json!("Staff"), &json!(1)));

    let change = json!({ "name": "Everybody", "permissions": ["users.view"] });
    let changed = stand.own("PATCH", &path, &stand.a, change.clone()).await;
    assert_eq!(changed.body["changed"], true, "{}", changed.text);
    assert_eq!(changed.body["group"]["external_id"], "HR-7", "what was not sent stays");
    let again = stand.own("PATCH", &path, &stand.a, change).await;
    assert_eq!(again.body["changed"], false, "{}", again.text);
    let old = [JSON, ("if-match", "\"1\"")];
    for method in ["PATCH", "DELETE"] {
        let late = stand.own_with(method, &path, &stand.a, &old, "{}").await;
        late.is_problem(412, "outdated");
    }

    let move_on = json!({ "add": [bob.id, "ada"], "remove": [] });
    let members = format!("{path}/members");
    let joined = stand.own("POST", &members, &stand.a, move_on).await;
    assert_eq!(joined.body["changed"], true, "{}", joined.text);
    let shown = stand.own("GET", &path, &stand.a, Value::Null).await;
    assert_eq!(
        (&shown.body["count"], &shown.body["group"]["name"]),
        (&json!(2), &json!("Everybody"))
    );
    let first = stand
        .own("GET", &format!("{path}/members?limit=1"), &stand.a, Value::Null)
        .await;
    assert_eq!(first.body["members"][0]["account"], json!(ada.id), "{}", first.text);
    let next = format!("{path}/members?limit=1&after={}", first.body["next"]);
    let second = stand.own("GET", &next, &stand.a, Value::Null).await;
    assert_eq!(second.body["members"][0]["account"], json!(bob.id), "{}", second.text);
    let listed = stand
        .own("GET", "/groups?member=bob", &stand.a, Value::Null)
        .await;
    assert_eq!(listed.body["groups"].as_array().map(Vec::len), Some(1), "{}", listed.text);
    let left = json!({ "remove": ["bob"] });
    stand
        .own("POST", &format!("{path}/members"), &stand.a, left)
        .await;
    let listed = stand
        .own("GET", "/groups?member=bob", &stand.a, Value::Null)
        .await;
    assert_eq!(listed.body["groups"], json!([]), "{}", listed.text);

    let removed = stand.own("DELETE", &path, &stand.a, Value::Null).await;
    assert_eq!(removed.body["removed"], true, "{}", removed.text);
    for at in [&*path, &members, "/groups/0", "/groups/x"] {
        let gone = stand.own("GET", at, &stand.a, Value::Null).await;
        gone.is_problem(404, "no-such-group");
    }
}

#[tokio::test]
async fn groups_refuse_in_words() {
    let stand = Stand::new().await;
    let post = async |token: &str, body: Value| stand.own("POST", "/groups", token, body).await;
    let manager = stand
        .who_may("manager", Some(Permission::ManageUsers))
        .await;
    let nobody = stand.who_may("nobody", None).await;
    let powerful = json!({ "name": "Heads", "permissions": ["users.manage"] });
    post(&manager.secret, powerful)
        .await
        .is_problem(403, "administrators-only");
    post(&nobody.secret, json!({ "name": "x", "members": ["manager"] }))
        .await
        .is_problem(403, "forbidden");
    post(&stand.a, json!({ "name": "x", "members": [9999] }))
        .await
        .is_problem(422, "no-member");
    post(&stand.a, json!({ "name": "x", "members": ["who"] }))
        .await
        .is_problem(404, "no-such-account");
    for bad in [json!({ "name": " " }), json!({}), json!({ "name": "x", "members": [0] })] {
        post(&stand.a, bad).await.is_problem(422, "invalid");
    }
    for path in ["/groups", "/groups?member=manager", "/groups/1", "/groups/1/members"] {
        let refused = stand.own("GET", path, &nobody.secret, Value::Null).await;
        refused.is_problem(403, "forbidden");
    }
    for bad in ["limit=0", "limit=501", "foo=1", "after=0"] {
        let path = format!("/groups?{bad}");
        stand
            .own("GET", &path, &stand.a, Value::Null)
            .await
            .is_problem(422, "invalid");
    }
}
