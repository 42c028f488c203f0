//! Many operations in one request.

use serde_json::{Value, json};

use super::super::{Stand, token};
use super::{STRICT, Scim, WSO2, WSO2_URN, account};

async fn bulk(scim: &Scim<'_>, stop: u64, operations: Value) -> super::Reply {
    let schemas = ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"];
    let body = json!({ "schemas": schemas, "failOnErrors": stop, "Operations": operations });
    scim.post("/Bulk", body).await
}

fn statuses(reply: &super::Reply) -> Vec<String> {
    reply.is(200);
    let all = reply.body["Operations"].as_array().expect("operations");
    all.iter()
        .map(|one| one["status"].as_str().unwrap_or("an object").to_owned())
        .collect()
}

#[tokio::test]
async fn v29_it_stops_after_as_many_failures_as_are_allowed() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    let bob = scim.user("bob", json!({})).await;
    let rename = json!({ "Operations": [{ "op": "add", "path": "title", "value": "T" }] });
    let all = json!([
        { "method": "PATCH", "path": bob, "data": rename },
        { "method": "POST", "path": "/Users", "bulkId": "x", "data": { "userName": "BOB" } },
        { "method": "DELETE", "path": bob },
    ]);
    let done = bulk(&scim, 1, all.clone()).await;
    assert_eq!(statuses(&done), ["200", "409"]);
    assert_eq!(done.body["Operations"][0]["location"], format!("{STRICT}{bob}"));
    assert!(done.body["Operations"][0].get("response").is_none());
    assert_eq!(done.body["Operations"][1]["response"]["scimType"], "uniqueness");
    scim.get(&bob).await.is(200);
    let done = bulk(&scim, 0, all).await;
    assert_eq!(statuses(&done), ["200", "409", "204"]);
    scim.get(&bob).await.is_scim_problem(404, None);
}

#[tokio::test]
async fn v30_operations_name_what_others_make() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    let members = |id: &str| json!({ "displayName": "G", "members": [{ "value": id }] });
    let manager = |id: &str| json!({ "userName": id, super::ENTERPRISE: { "manager": { "value": format!("bulkId:{id}") } } });
    // Also where the name comes before what it stands for.
    let done = bulk(&scim, 0, json!([
        { "method": "POST", "path": "/Groups", "bulkId": "g", "data": members("bulkId:q1") },
        { "method": "POST", "path": "/Users", "bulkId": "q1", "data": { "userName": "q" } },
        { "method": "PATCH", "path": "/Users/bulkId:q1", "data": {
            "Operations": [{ "op": "add", "path": "title", "value": "T" }] } },
        { "method": "POST", "path": "/Users", "bulkId": "self", "data": manager("self") },
        { "method": "POST", "path": "/Groups", "bulkId": "h", "data": members("bulkId:nobody") },
        { "method": "POST", "path": "/Nothing", "bulkId": "i", "data": {} },
        { "method": "GET", "path": "/Users" },
    ]))
    .await;
    assert_eq!(statuses(&done), ["201", "201", "200", "409", "409", "404", "400"]);
    let path = |at: usize| {
        let location = done.body["Operations"][at]["location"]
            .as_str()
            .expect("a place");
        location.trim_start_matches(STRICT).to_owned()
    };
    let user = scim.get(&path(1)).await.body;
    assert_eq!(user["title"], "T");
    assert_eq!(scim.get(&path(0)).await.body["members"][0]["value"], user["id"]);
    let words = done.body["Operations"][3]["response"]["detail"]
        .as_str()
        .expect("words");
    assert!(words.contains("circle"), "{words}");
}

#[tokio::test]
async fn v31_there_are_only_so_many() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    let one = json!({ "method": "DELETE", "path": "/Users/99999" });
    let most = bulk(&scim, 1, vec![one.clone(); 1_000].into()).await;
    assert_eq!(statuses(&most), ["404"]);
    bulk(&scim, 0, vec![one.clone(); 1_001].into())
        .await
        .is_scim_problem(413, None);
    let long = json!([{ "method": "DELETE", "path": "x".repeat(1024 * 1024) }]);
    bulk(&scim, 0, long).await.is_scim_problem(413, None);
    for (bad, kind) in [
        (json!([{ "method": "POST", "path": "/Users", "data": {} }]), "invalidValue"),
        (
            json!([one, { "method": "POST", "path": "/Users", "bulkId": "a", "data": {} },
            { "method": "POST", "path": "/Users", "bulkId": "a", "data": {} }]),
            "invalidValue",
        ),
        (json!([1]), "invalidSyntax"),
        (json!({}), "invalidSyntax"),
    ] {
        bulk(&scim, 0, bad).await.is_scim_problem(400, Some(kind));
    }
}

#[tokio::test]
async fn s8_wso2_says_a_status_as_an_object() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, WSO2);
    let (ada, bob) = (scim.user("ada", json!({})).await, scim.user("bob", json!({})).await);
    let lock = json!({ "Operations": [{ "op": "replace", "value": { WSO2_URN: { "accountLocked": true } } }] });
    let done = bulk(
        &scim,
        0,
        json!([
            { "method": "POST", "path": "/Groups", "bulkId": "g", "data": { "displayName": "G" } },
            { "method": "PATCH", "path": ada, "data": lock },
            { "method": "PATCH", "path": bob, "data": lock },
            { "method": "POST", "path": "/Users", "bulkId": "x", "data": { "userName": "bob" } },
        ]),
    )
    .await;
    done.is(200);
    let said: Vec<_> = done.body["Operations"]
        .as_array()
        .expect("operations")
        .iter()
        .map(|one| (one["status"]["code"].as_u64(), one["response"].is_string()))
        .collect();
    // People come before groups.
    let expected = [200, 200, 409, 201].map(|code| (Some(code), true));
    assert_eq!(said, expected, "{}", done.text);
    for path in [ada, bob] {
        assert!(account(&stand, &path).await.locks.admin_lock.is_some());
    }
}

#[tokio::test]
async fn each_operation_asks_whether_it_may() {
    let stand = Stand::new().await;
    let mut scim = Scim::at(&stand, WSO2);
    let bob = scim.user("bob", json!({})).await;
    let all = json!([
        { "method": "DELETE", "path": bob },
        { "method": "POST", "path": "/Users", "bulkId": "x", "data": { "userName": "eve" } },
    ]);
    for (scopes, codes) in [
        (vec!["internal_user_mgt_create", "internal_user_mgt_delete"], [403, 403]),
        (vec!["internal_bulk_user_create"], [403, 201]),
    ] {
        scim.token = token(&stand.test, &stand.root, &scopes).await;
        let done = bulk(&scim, 0, all.clone()).await;
        done.is(200);
        for (one, code) in done.body["Operations"]
            .as_array()
            .expect("some")
            .iter()
            .zip(codes)
        {
            assert_eq!(one["status"]["code"], code, "{scopes:?}: {one}");
        }
    }
}
