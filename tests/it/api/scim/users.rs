//! People, as the standard has them.

use serde_json::{Value, json};

use super::super::{Stand, token};
use super::{ENTERPRISE, STRICT, Scim, WSO2_URN, account, may_enter};

#[tokio::test]
async fn v1_to_v6_active_is_said_in_many_ways() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    for (at, step) in [
        json!({ "op": "replace", "path": "active", "value": false }),
        json!({ "op": "Replace", "path": "active", "value": "False" }),
        json!({ "op": "replace", "value": { "active": false } }),
        json!({ "op": "Add", "path": "active", "value": "False" }),
    ]
    .into_iter()
    .enumerate()
    {
        let bob = scim.user(&format!("bob{at}"), json!({})).await;
        assert!(may_enter(&stand, &bob).await);
        let off = scim.patch(&bob, json!([step])).await;
        off.is(200);
        assert_eq!(off.body["active"], false);
        assert!(!may_enter(&stand, &bob).await);
        let record = stand.last_record().await;
        let actor = format!("user:{}", stand.root.id);
        assert_eq!(record.reason.as_deref(), Some(&*format!("via scim by {actor}")));
        let on = scim
            .patch(&bob, json!([{ "op": "remove", "path": "active" }]))
            .await;
        on.is(200);
        assert_eq!(on.body.get("active"), None, "{}", on.text);
        assert!(may_enter(&stand, &bob).await);
        let before = account(&stand, &bob).await;
        let wrong = json!([{ "op": "replace", "path": "active", "value": "maybe" }]);
        scim.patch(&bob, wrong)
            .await
            .is_scim_problem(400, Some("invalidValue"));
        assert_eq!(account(&stand, &bob).await, before);
    }
}

#[tokio::test]
async fn v7_to_v12_steps_are_done_all_or_none() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    let bob = scim.user("bob", json!({ "displayName": "Bob" })).await;
    let half = json!([
        { "op": "replace", "path": "displayName", "value": "x" },
        { "op": "replace", "path": "nosuch", "value": "y" },
    ]);
    scim.patch(&bob, half)
        .await
        .is_scim_problem(400, Some("invalidPath"));
    assert_eq!(scim.get(&bob).await.body["displayName"], "Bob");
    let dotted = json!({ "name.givenName": "A", format!("{ENTERPRISE}:department"): "D" });
    let done = scim
        .patch(&bob, json!([{ "op": "replace", "value": dotted }]))
        .await;
    done.is(200);
    assert_eq!(done.body["name"], json!({ "givenName": "A" }));
    assert_eq!(done.body[ENTERPRISE], json!({ "department": "D" }));
    assert_eq!(account(&stand, &bob).await.names().0, "A");
    let path = "emails[type eq \"work\"].value";
    let none = json!([{ "op": "replace", "path": path, "value": "a@b.c" }]);
    scim.patch(&bob, none)
        .await
        .is_scim_problem(400, Some("noTarget"));
    let made = scim
        .patch(&bob, json!([{ "op": "Add", "path": path, "value": "a@b.c" }]))
        .await;
    assert_eq!(made.body["emails"], json!([{ "type": "work", "value": "a@b.c" }]));
    assert_eq!(account(&stand, &bob).await.email.as_deref(), Some("a@b.c"));
    scim.patch(&bob, json!([{ "op": "remove" }]))
        .await
        .is_scim_problem(400, Some("noTarget"));
    for path in ["id", "meta.created"] {
        let step = json!([{ "op": "replace", "path": path, "value": "x" }]);
        scim.patch(&bob, step)
            .await
            .is_scim_problem(400, Some("mutability"));
    }
}

#[tokio::test]
async fn v13_v14_versions_are_heeded() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    let bob = scim.user("bob", json!({})).await;
    let read = scim.get(&bob).await;
    let tag = read.headers["etag"].to_str().expect("text").to_owned();
    assert_eq!(read.body["meta"]["version"], *tag);
    let body = json!({ "Operations": [{ "op": "add", "path": "title", "value": "x" }] });
    let body = body.to_string();
    let old = [("if-match", "W/\"99\"")];
    for method in ["PATCH", "DELETE"] {
        let sent = if method == "PATCH" { &body } else { "" };
        scim.send(method, &bob, &old, sent)
            .await
            .is_scim_problem(412, None);
    }
    let whole = json!({ "userName": "bob" }).to_string();
    scim.send("PUT", &bob, &old, &whole)
        .await
        .is_scim_problem(412, None);
    let seen = scim.send("GET", &bob, &[("if-none-match", &tag)], "").await;
    assert_eq!((seen.status, seen.text.as_str()), (304, ""));
    let done = scim.send("PATCH", &bob, &[("if-match", &tag)], &body).await;
    done.is(200);
    assert_ne!(done.headers["etag"], *tag);
    let again = scim.send("GET", &bob, &[("if-none-match", &tag)], "").await;
    again.is(200);
    // The same once more changes nothing.
    let same = scim.send("PATCH", &bob, &[], &body).await;
    assert_eq!(same.body["meta"], again.body["meta"]);
}

#[tokio::test]
async fn v15_a_name_is_one_persons_whatever_its_case() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    let bob = scim
        .user("bob", json!({ "externalId": "HR-1", "emails": [{ "value": "b@x.org" }] }))
        .await;
    scim.post("/Users", json!({ "userName": "BOB" }))
        .await
        .is_scim_problem(409, Some("uniqueness"));
    for taken in [
        json!({ "userName": "x", "externalId": "HR-1" }),
        json!({ "userName": "x", "emails": [{ "value": "B@X.org" }] }),
    ] {
        scim.post("/Users", taken)
            .await
            .is_scim_problem(409, Some("uniqueness"));
    }
    let eve = scim.user("Eve", json!({})).await;
    assert_eq!(scim.get(&eve).await.body["userName"], "Eve", "as it was sent");
    let step = json!([{ "op": "replace", "path": "userName", "value": "Bob" }]);
    scim.patch(&eve, step)
        .await
        .is_scim_problem(409, Some("uniqueness"));
    let step = json!([{ "op": "replace", "path": "userName", "value": "robert" }]);
    scim.patch(&bob, step).await.is(200);
    assert_eq!(account(&stand, &bob).await.login.as_str(), "robert");
}

#[tokio::test]
async fn v21_v22_who_asks_chooses_what_is_shown() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    let bob = scim
        .user("bob", json!({ "title": "T", "emails": [{ "value": "b@x.org" }] }))
        .await;
    let only = scim.get(&format!("{bob}?attributes=userName")).await.body;
    let mut names: Vec<_> = only.as_object().expect("one").keys().collect();
    names.sort();
    assert_eq!(names, ["id", "schemas", "userName"]);
    let without = scim
        .get(&format!("{bob}?excludedAttributes=emails,id"))
        .await
        .body;
    assert_eq!(without.get("emails"), None);
    assert!(without.get("id").is_some() && without.get("title").is_some());
    let both = scim
        .get(&format!("{bob}?attributes=id&excludedAttributes=id"))
        .await;
    both.is_scim_problem(400, Some("invalidValue"));
    let list = scim.list(&[("attributes", "title")]).await;
    assert_eq!(list.body["Resources"][1]["title"], "T");
    assert_eq!(list.body["Resources"][1].get("userName"), None);
    let state = scim
        .get(&format!("{bob}?attributes={WSO2_URN}:accountState"))
        .await;
    assert_eq!(state.body[WSO2_URN], json!({ "accountState": "UNLOCKED" }));
}

#[tokio::test]
async fn v32_v33_a_whole_resource_replaces_what_is_there() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    let first = json!({ "active": true, "title": "T", "externalId": "e", "emails": [{ "value": "b@x.org" }] });
    let bob = scim.user("bob", first).await;
    assert_eq!(scim.get(&bob).await.body["active"], true);
    let whole = json!({
        "userName": "bob", "nickName": "B", "id": "999", "groups": [{ "value": "1" }],
        "meta": { "version": "x" }, "nosuch": 1,
    });
    let put = scim.put(&bob, whole).await;
    put.is(200);
    let read = scim.get(&bob).await;
    assert_eq!(put.body, read.body);
    for gone in ["active", "title", "externalId", "emails", "groups", "nosuch"] {
        assert_eq!(read.body.get(gone), None, "{gone}");
    }
    assert_eq!((&read.body["nickName"], read.id()), (&json!("B"), bob[7..].to_owned()));
    assert_eq!(account(&stand, &bob).await.email, None);
    scim.put(&bob, json!({ "nickName": "B" }))
        .await
        .is_scim_problem(400, Some("invalidValue"));
    scim.put("/Users/999", json!({ "userName": "new" }))
        .await
        .is_scim_problem(404, None);
}

#[tokio::test]
async fn v34_who_is_deleted_is_gone_and_keeps_the_name() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    let bob = scim.user("bob", json!({})).await;
    let gone = scim.delete(&bob).await;
    assert_eq!((gone.status, gone.text.as_str()), (204, ""));
    scim.get(&bob).await.is_scim_problem(404, None);
    scim.delete(&bob).await.is_scim_problem(404, None);
    scim.patch(&bob, json!([{ "op": "remove", "path": "title" }]))
        .await
        .is_scim_problem(404, None);
    scim.put(&bob, json!({ "userName": "bob" }))
        .await
        .is_scim_problem(404, None);
    // Here the login stays the deleted account's, unless a setting says otherwise.
    let again = json!({ "userName": "bob" });
    scim.post("/Users", again.clone())
        .await
        .is_scim_problem(409, Some("uniqueness"));
    let reuse = &portcullis::admin::settings::ACCOUNT_LOGINS_REUSED;
    let system = portcullis::admin::Actor::System;
    stand
        .test
        .admin()
        .set_setting(&system, reuse, "on")
        .await
        .expect("set");
    let new = scim.post("/Users", again).await;
    new.is(201);
    assert_ne!(format!("/Users/{}", new.id()), bob);
    let tombstone = account(&stand, &bob).await;
    assert_eq!(tombstone.login.as_str(), format!("bob#DELETED-{}", tombstone.id));
}

#[tokio::test]
async fn v36_an_extension_goes_with_its_urn() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    let bob = scim
        .user("bob", json!({ ENTERPRISE: { "department": "D" } }))
        .await;
    let schemas = |body: &Value| body["schemas"].to_string().contains(ENTERPRISE);
    assert!(schemas(&scim.get(&bob).await.body));
    let gone = scim
        .patch(&bob, json!([{ "op": "remove", "path": ENTERPRISE }]))
        .await;
    gone.is(200);
    assert!(!schemas(&gone.body) && gone.body.get(ENTERPRISE).is_none());
}

#[tokio::test]
async fn v37_a_password_is_never_shown() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    let bob = scim
        .user("bob", json!({ "password": "correct horse battery" }))
        .await;
    assert_eq!(stand.sign_in("bob", "correct horse battery").await, 303);
    for path in [bob.clone(), format!("{bob}?attributes=password")] {
        let read = scim.get(&path).await;
        read.is(200);
        assert!(!read.text.contains("password") && !read.text.contains("horse"), "{}", read.text);
    }
    let step = json!([{ "op": "replace", "path": "password", "value": "another horse battery" }]);
    let changed = scim.patch(&bob, step).await;
    changed.is(200);
    assert!(!changed.text.contains("horse"));
    assert_eq!(stand.sign_in("bob", "another horse battery").await, 303);
    let filter = scim.list(&[("filter", "password pr")]).await;
    assert_eq!(filter.body["totalResults"], 0, "{}", filter.text);
    let short = json!([{ "op": "replace", "path": "password", "value": "x" }]);
    scim.patch(&bob, short)
        .await
        .is_scim_problem(400, Some("invalidValue"));
}

#[tokio::test]
async fn the_directory_is_right_where_it_differs() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    let sent = json!({
        "name": { "givenName": "Ada", "familyName": "King", "formatted": "Ada King", "middleName": "L" },
        "emails": [{ "value": "home@x.org", "type": "home" },
            { "value": "ada@x.org", "type": "work", "primary": true }],
        "preferredLanguage": "en", "locale": "en-GB",
    });
    let ada = scim.user("Ada", sent.clone()).await;
    let before = scim.get(&ada).await.body;
    for name in ["name", "emails", "preferredLanguage", "locale"] {
        assert_eq!(before[name], sent[name], "{name}");
    }
    let known = account(&stand, &ada).await;
    stand
        .test
        .edit(&known, |account| {
            account.name = "Countess Lovelace".to_owned();
            account.details.first_name = "Countess".to_owned();
            account.details.last_name = "Lovelace".to_owned();
            account.email = Some("new@x.org".to_owned());
            account.details.language = Some("fr".to_owned());
        })
        .await;
    let after = scim.get(&ada).await.body;
    let name = json!({ "givenName": "Countess", "familyName": "Lovelace", "middleName": "L" });
    assert_eq!(after["name"], name);
    assert_eq!(after["emails"][1]["value"], "new@x.org");
    assert_eq!(after["emails"][0]["value"], "home@x.org");
    assert_eq!((&after["preferredLanguage"], &after["locale"]), (&json!("fr"), &json!("en-GB")));
    // Somebody who was never written here is shown as far as they are known.
    let grace = stand.person("grace").await;
    let grace = scim.get(&format!("/Users/{}", grace.id)).await.body;
    assert_eq!(grace["name"], json!({ "givenName": "Ada King", "familyName": "Lovelace" }));
    assert_eq!(grace["displayName"], "Ada King Lovelace");
    assert_eq!(grace["emails"][0]["value"], "grace@example.org");
    assert_eq!(grace.get("active"), None);
}

#[tokio::test]
async fn me_is_whoever_asks() {
    let stand = Stand::new().await;
    let mut scim = Scim::at(&stand, STRICT);
    let ada = stand.person("ada").await;
    scim.token = token(&stand.test, &ada, &[]).await;
    let me = scim.get("/Me").await;
    me.is(200);
    assert_eq!(me.id(), ada.id.to_string());
    scim.get(&format!("/Users/{}", ada.id)).await.is(200);
    scim.get(&format!("/Users/{}", stand.root.id))
        .await
        .is_scim_problem(403, None);
    scim.get("/Users").await.is_scim_problem(403, None);
    let step = json!([{ "op": "replace", "path": "active", "value": false }]);
    scim.patch("/Me", step).await.is_scim_problem(403, None);
    scim.delete("/Me").await.is_scim_problem(403, None);
}
