//! Lists, searches, and what is found out first.

use serde_json::json;

use super::super::Stand;
use super::{ENTERPRISE, STRICT, Scim, WSO2, WSO2_URN};

async fn three(scim: &Scim<'_>) {
    for (name, more) in [
        (
            "bob",
            json!({ "active": false, "title": "b", "emails": [{ "value": "bob@x.org", "type": "work" },
            { "value": "robert@y.org", "type": "home" }], "externalId": "Ext-1" }),
        ),
        (
            "ada",
            json!({ "active": true, "title": "C", "name": { "givenName": "Ada", "familyName": "King" } }),
        ),
        ("cyd", json!({ ENTERPRISE: { "department": "Works" } })),
    ] {
        scim.user(name, more).await;
    }
}

#[tokio::test]
async fn v16_v17_lists_have_pages() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    three(&scim).await;
    let filter = ("filter", "userName ne \"root\"");
    for (query, names, start) in [
        (vec![("startIndex", "2"), ("count", "1")], vec!["ada"], 2),
        (vec![("count", "0")], vec![], 1),
        (vec![("count", "-1")], vec![], 1),
        (vec![("startIndex", "0"), ("count", "1")], vec!["bob"], 1),
        (vec![("startIndex", "9")], vec![], 9),
        (vec![], vec!["bob", "ada", "cyd"], 1),
    ] {
        let query = [query, vec![filter]].concat();
        let list = scim.list(&query).await;
        list.is(200);
        assert_eq!(list.names(), names, "{query:?}");
        assert_eq!(list.body["totalResults"], 3, "{query:?}");
        assert_eq!(list.body["itemsPerPage"], names.len(), "{query:?}");
        assert_eq!(list.body["startIndex"], start, "{query:?}");
    }
}

#[tokio::test]
async fn v18_v19_filters_find_whom_they_mean() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    three(&scim).await;
    for (filter, names) in [
        ("userName EQ \"BOB\"", vec!["bob"]),
        ("active eq false and (userName sw \"b\" or not (emails pr))", vec!["bob"]),
        ("active eq true and userName ne \"root\"", vec!["ada", "cyd"]),
        ("externalId eq \"Ext-1\"", vec!["bob"]),
        ("externalId eq \"ext-1\"", vec![]),
        ("externalId sw \"Ext\"", vec!["bob"]),
        ("emails.value eq \"ROBERT@y.org\"", vec!["bob"]),
        ("emails eq \"bob@x.org\"", vec!["bob"]),
        ("emails[type eq \"work\"].value eq \"bob@x.org\"", vec!["bob"]),
        ("emails[type eq \"work\" and value eq \"robert@y.org\"]", vec![]),
        ("name.familyName eq \"king\"", vec!["ada"]),
        ("title gt \"a\" and title lt \"c\"", vec!["bob"]),
        ("title pr and not (title eq \"B\")", vec!["ada"]),
        ("nickName ne \"x\" and userName co \"d\"", vec!["ada", "cyd"]),
        (&format!("{ENTERPRISE}:department ew \"KS\""), vec!["cyd"]),
        ("id eq \"nobody\"", vec![]),
        ("meta.created gt \"2020-01-01T00:00:00Z\" and title pr", vec!["bob", "ada"]),
        ("meta.lastModified lt \"2020-01-01T00:00:00Z\"", vec![]),
        (&format!("{WSO2_URN}:accountLocked eq true"), vec![]),
    ] {
        assert_eq!(scim.found(filter).await, names, "{filter}");
    }
    let id =
        scim.list(&[("filter", "userName eq \"cyd\"")]).await.body["Resources"][0]["id"].clone();
    assert_eq!(scim.found(&format!("id eq {id}")).await, ["cyd"]);
    assert_eq!(
        scim.found(&format!("not (id eq {id}) and userName ne \"root\""))
            .await,
        ["bob", "ada"]
    );
}

#[tokio::test]
async fn v20_what_makes_no_sense_is_refused() {
    let stand = Stand::new().await;
    for (mount, kind) in [(STRICT, "invalidFilter"), (WSO2, "InvalidFilter")] {
        let scim = Scim::at(&stand, mount);
        for bad in ["bad ((", "active gt true", "nosuch eq \"x\"", "userName eq"] {
            scim.list(&[("filter", bad)])
                .await
                .is_scim_problem(400, Some(kind));
        }
    }
}

#[tokio::test]
async fn lists_are_sorted() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    three(&scim).await;
    let filter = ("filter", "userName ne \"root\"");
    for (by, order, names) in [
        ("userName", "ascending", vec!["ada", "bob", "cyd"]),
        ("userName", "descending", vec!["cyd", "bob", "ada"]),
        ("title", "ascending", vec!["bob", "ada", "cyd"]),
        ("title", "descending", vec!["cyd", "ada", "bob"]),
        ("meta.created", "ascending", vec!["bob", "ada", "cyd"]),
        ("emails", "ascending", vec!["bob", "ada", "cyd"]),
        ("nosuch", "ascending", vec!["bob", "ada", "cyd"]),
    ] {
        let list = scim
            .list(&[filter, ("sortBy", by), ("sortOrder", order)])
            .await;
        assert_eq!(list.names(), names, "{by} {order}");
    }
}

#[tokio::test]
async fn searches_ask_in_their_body() {
    let stand = Stand::new().await;
    let scim = Scim::at(&stand, STRICT);
    three(&scim).await;
    let group = scim.post("/Groups", json!({ "displayName": "Adas" })).await;
    group.is(201);
    let asked = json!({ "filter": "userName sw \"a\"", "attributes": ["userName"] });
    let found = scim.post("/Users/.search", asked).await;
    found.is(200);
    assert_eq!(found.names(), ["ada"]);
    let all = scim
        .post("/.search", json!({ "count": 4, "startIndex": 2 }))
        .await;
    assert_eq!(all.names(), ["bob", "ada", "cyd", "Adas"]);
    assert_eq!(all.body["totalResults"], 5);
    let groups = scim
        .post("/.search", json!({ "filter": "meta.resourceType eq \"Group\"" }))
        .await;
    assert_eq!(groups.names(), ["Adas"]);
    let only = scim
        .post("/.search", json!({ "filter": "userName eq \"bob\"" }))
        .await;
    assert_eq!((only.names(), &only.body["totalResults"]), (vec!["bob".to_owned()], &json!(1)));
    let bad = scim
        .post("/.search", json!({ "filter": "nosuch pr" }))
        .await;
    bad.is_scim_problem(400, Some("invalidFilter"));
}

#[tokio::test]
async fn v24_v25_what_there_is_is_only_read() {
    let stand = Stand::new().await;
    for mount in [STRICT, WSO2] {
        let scim = Scim::at(&stand, mount);
        for path in ["/ServiceProviderConfig", "/Schemas", "/ResourceTypes", "/ResourceTypes/User"]
        {
            scim.get(path).await.is(200);
            for method in ["POST", "PUT", "PATCH", "DELETE"] {
                let body = if method == "DELETE" { "" } else { "{}" };
                let answer = scim.send(method, path, &[], body).await;
                answer.is_scim_problem(405, None);
                assert_eq!(answer.headers["allow"], "GET", "{method} {path}");
            }
        }
        for path in ["/Schemas?filter=id+pr", "/ResourceTypes?filter=id+pr"] {
            scim.get(path).await.is_scim_problem(403, None);
        }
        let schemas = scim.get("/Schemas").await;
        assert!(!schemas.text.contains("null"), "{}", schemas.text);
        for schema in schemas.body["Resources"].as_array().expect("some") {
            let id = schema["id"].as_str().expect("an id");
            assert_eq!(scim.get(&format!("/Schemas/{id}")).await.body, *schema);
        }
    }
    let config = Scim::at(&stand, WSO2)
        .get("/ServiceProviderConfig")
        .await
        .body;
    for (path, wanted) in [
        ("/bulk/maxOperations", json!(1000)),
        ("/bulk/maxPayloadSize", json!(1_048_576)),
        ("/filter/maxResults", json!(200)),
        ("/sort/supported", json!(false)),
        ("/etag/supported", json!(false)),
        ("/authenticationSchemes/1/type", json!("httpbasic")),
    ] {
        assert_eq!(config.pointer(path), Some(&wanted), "{path}");
    }
}
