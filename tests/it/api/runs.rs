//! Changes of many accounts at once, below `/admin/v1/runs`.

use std::time::Duration;

use portcullis::domain::permission::Permission;
use serde_json::{Value, json};

use super::Stand;

impl Stand {
    /// The run, once it is at its end.
    async fn finished(&self, id: &Value) -> Value {
        let path = format!("/runs/{id}");
        for _ in 0..500 {
            let run = self.own("GET", &path, &self.a, Value::Null).await;
            if run.body["state"] == "finished" {
                return run.body;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("run {id} does not come to its end");
    }
}

#[tokio::test]
async fn many_are_locked_and_it_is_taken_back() {
    let stand = Stand::new().await;
    for login in ["ada", "bob", "eve"] {
        stand.person(login).await;
    }
    let request = json!({
        "selection": { "logins": ["ada", "bob", "nobody", "root"] },
        "change": { "locked": { "yes": { "reason": "audit" } } },
    });
    let preview = stand
        .own("POST", "/runs/preview", &stand.a, request.clone())
        .await;
    let counts = json!({ "changed": 2, "unchanged": 0, "refused": 1, "not_found": 1 });
    assert_eq!(preview.body["counts"], counts, "{}", preview.text);
    assert_eq!(preview.body["refused"][0]["login"], "root");

    let begun = stand.own("POST", "/runs", &stand.a, request).await;
    assert_eq!(begun.status, 202, "{}", begun.text);
    let id = &begun.body["id"];
    assert_eq!(begun.headers["location"], format!("/admin/v1/runs/{id}"));
    assert_eq!(stand.finished(id).await["counts"], counts);
    let status = async |login: &str| {
        let shown = stand
            .own("GET", &format!("/accounts/{login}"), &stand.a, Value::Null)
            .await;
        shown.body["status"].as_str().expect("a status").to_owned()
    };
    assert_eq!((status("ada").await, status("eve").await), ("locked".into(), "active".into()));
    let items = format!("/runs/{id}/items?outcome=changed&limit=1");
    let items = stand.own("GET", &items, &stand.a, Value::Null).await;
    assert_eq!(items.body["items"].as_array().expect("a list").len(), 1, "{}", items.text);
    assert!(items.body["next"].is_i64());

    let undo = stand
        .own("POST", &format!("/runs/{id}/undo"), &stand.a, Value::Null)
        .await;
    assert_eq!(undo.status, 202, "{}", undo.text);
    assert_eq!(stand.finished(&undo.body["id"]).await["counts"]["changed"], 2);
    assert_eq!(status("ada").await, "active");
    let again = stand
        .own("POST", &format!("/runs/{id}/undo"), &stand.a, Value::Null)
        .await;
    again.is_problem(409, "run-undone");
    let over = stand
        .own("POST", &format!("/runs/{id}/cancel"), &stand.a, Value::Null)
        .await;
    over.is_problem(409, "run-state");
    let listed = stand
        .own("GET", "/runs?limit=1", &stand.a, Value::Null)
        .await;
    assert_eq!(listed.body["runs"][0]["undoes"], *id);
}

#[tokio::test]
async fn what_makes_no_run_is_refused() {
    let stand = Stand::new().await;
    let viewer = stand.who_may("viewer", Some(Permission::ViewUsers)).await;
    let all = json!({ "selection": { "search": [] }, "change": { "locked": "no" } });
    let refused = stand.own("POST", "/runs", &viewer.secret, all).await;
    refused.is_problem(403, "forbidden");
    for wrong in [
        json!({}),
        json!({ "selection": { "everybody": [] }, "change": {} }),
        json!({ "selection": { "ids": [0] }, "change": {} }),
        json!({ "selection": { "search": [] }, "change": { "locked": "perhaps" } }),
    ] {
        let answer = stand.own("POST", "/runs", &stand.a, wrong).await;
        answer.is_problem(422, "invalid");
    }
    for path in ["/runs/77", "/runs/x", "/runs/77/items"] {
        let gone = stand.own("GET", path, &stand.a, Value::Null).await;
        gone.is_problem(404, "no-such-run");
    }
}

#[tokio::test]
async fn the_rule_about_absence_is_seen_before_it_is_kept() {
    let stand = Stand::new().await;
    let off = stand.own("GET", "/inactivity", &stand.a, Value::Null).await;
    assert_eq!(off.body, json!({ "rule": null, "confirmed": false }));
    let set = json!({ "value": "30 days" });
    let set = stand
        .own("PUT", "/settings/inactivity.after", &stand.a, set)
        .await;
    assert_eq!(set.status, 200, "{}", set.text);
    let unseen = stand.own("GET", "/inactivity", &stand.a, Value::Null).await;
    assert_eq!(
        (&unseen.body["rule"]["days"], &unseen.body["confirmed"]),
        (&json!(30), &json!(false))
    );
    let seen = stand
        .own("POST", "/inactivity/preview", &stand.a, Value::Null)
        .await;
    assert_eq!(seen.body["inactivity"]["rule"]["days"], 30, "{}", seen.text);
    let seen = stand.own("GET", "/inactivity", &stand.a, Value::Null).await;
    assert_eq!(seen.body["confirmed"], true);
}
