//! Deletions in our own words.

use std::time::Duration;

use portcullis::domain::event::Action;
use portcullis::domain::permission::Permission;
use serde_json::{Value, json};

use super::Stand;

#[tokio::test]
async fn who_is_deleted_with_a_reason_is_gone_for_good() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let delete =
        async |token: &str, path: &str, body: Value| stand.own("DELETE", path, token, body).await;
    delete(&stand.a, "/accounts/ada", Value::Null)
        .await
        .is_problem(422, "invalid");
    let why = json!({ "reason": "left the company" });
    let viewer = stand.who_may("viewer", Some(Permission::ViewUsers)).await;
    delete(&viewer.secret, "/accounts/ada", why.clone())
        .await
        .is_problem(403, "forbidden");
    let root = format!("/accounts/{}", stand.root.id);
    delete(&stand.a, &root, why.clone())
        .await
        .is_problem(403, "yourself");
    let deleted = delete(&stand.a, "/accounts/ada", why.clone()).await;
    assert_eq!(deleted.is_done(true)["status"], "deleted");
    let record = stand.last_record().await;
    assert_eq!((record.action, record.account), (Action::AccountDeleted, Some(ada.id)));
    assert_eq!(record.reason.as_deref(), Some("left the company"));
    delete(&stand.a, "/accounts/ada", why)
        .await
        .is_problem(404, "no-such-account");
    let again = json!({ "login": "ada" });
    stand
        .own("POST", "/accounts", &stand.a, again)
        .await
        .is_problem(409, "taken");
    let listed = stand
        .own("GET", "/accounts?status=deleted", &stand.a, Value::Null)
        .await;
    assert_eq!(listed.body["accounts"][0]["id"], json!(ada.id), "{}", listed.text);
    let sorted = stand.own("GET", "/accounts?status=deleted&sort=name", &stand.a, Value::Null);
    sorted.await.is_problem(422, "invalid");
}

#[tokio::test]
async fn a_deletion_is_begun_and_looked_at_until_it_is_done() {
    let stand = Stand::new().await;
    stand.person("ada").await;
    let request = json!({ "reason": "left", "transfer": { "records": "nothing" } });
    let tried = json!({ "transfer": { "records": "nothing" } });
    let preview = stand
        .own("POST", "/accounts/ada/deletion/preview", &stand.a, tried)
        .await;
    assert_eq!(preview.body["account"]["login"], "ada", "{}", preview.text);
    let begun = stand
        .own("POST", "/accounts/ada/deletion", &stand.a, request)
        .await;
    assert_eq!(begun.status, 202, "{}", begun.text);
    let id = begun.body["deletion"]["id"].clone();
    let at = format!("/deletions/{id}");
    assert_eq!(begun.headers["location"], format!("/admin/v1{at}"));
    let mut state = Value::Null;
    for _ in 0..200 {
        state = stand.own("GET", &at, &stand.a, Value::Null).await.body["state"].clone();
        if state != "working" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert_eq!(state, "done");
    let listed = stand.own("GET", "/deletions", &stand.a, Value::Null).await;
    assert_eq!(listed.body["deletions"][0]["id"], id, "{}", listed.text);
    let open = stand
        .own("GET", "/deletions?open=true", &stand.a, Value::Null)
        .await;
    assert_eq!(open.body["deletions"], json!([]), "{}", open.text);
    for what in ["resume", "cancel"] {
        let path = format!("{at}/{what}");
        let over = stand.own("POST", &path, &stand.a, Value::Null).await;
        over.is_problem(409, "deletion-ended");
    }
}

#[tokio::test]
async fn deletions_refuse_in_words() {
    let stand = Stand::new().await;
    stand.person("ada").await;
    let bob = stand.person("bob").await;
    let begin = async |transfer: Value| {
        let body = json!({ "reason": "left", "transfer": transfer });
        stand
            .own("POST", "/accounts/ada/deletion", &stand.a, body)
            .await
    };
    let all = json!({ "records": "all", "receiver": bob.id });
    begin(all).await.is_problem(409, "no-modules");
    for bad in [json!({}), json!({ "records": "all" }), json!({ "records": "most" }), Value::Null] {
        begin(bad).await.is_problem(422, "invalid");
    }
    for path in ["/deletions/9", "/deletions/0", "/deletions/x"] {
        stand
            .own("GET", path, &stand.a, Value::Null)
            .await
            .is_problem(404, "no-such-deletion");
    }
    let nobody = stand.who_may("nobody", None).await;
    for path in ["/deletions", "/deletions?account=ada", "/deletions/1", "/modules"] {
        let refused = stand.own("GET", path, &nobody.secret, Value::Null).await;
        refused.is_problem(403, "forbidden");
    }
    let off = json!({ "value": "off" });
    stand
        .own("PUT", "/settings/accounts.deletion", &stand.a, off)
        .await;
    begin(json!({ "records": "nothing" }))
        .await
        .is_problem(409, "deletion-is-off");
    let why = json!({ "reason": "left" });
    let refused = stand.own("DELETE", "/accounts/ada", &stand.a, why).await;
    refused.is_problem(409, "deletion-is-off");
    let modules = stand.own("GET", "/modules", &stand.a, Value::Null).await;
    assert_eq!(modules.body, json!({ "modules": [] }));
}

#[tokio::test]
async fn records_are_assigned_to_who_is_active() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    stand.person("bob").await;
    stand
        .own("POST", "/accounts/bob/lock", &stand.a, json!({}))
        .await
        .is_done(true);
    let get = async |path: &str| stand.own("GET", path, &stand.a, Value::Null).await;
    let people = get("/assignable?search=example.org").await;
    assert_eq!(
        (&people.body["total"], &people.body["people"][0]["id"]),
        (&json!(1), &json!(ada.id))
    );
    for (who, may) in [("ada", true), ("bob", false), ("9999", false), ("nobody-here", false)] {
        assert_eq!(get(&format!("/assignable/{who}")).await.body["assignable"], may, "{who}");
    }
    let nobody = stand.who_may("nobody", None).await;
    for path in ["/assignable", "/assignable/ada"] {
        let refused = stand.own("GET", path, &nobody.secret, Value::Null).await;
        refused.is_problem(403, "forbidden");
    }
    get("/assignable?limit=201")
        .await
        .is_problem(422, "invalid");
}
