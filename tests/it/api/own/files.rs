//! People as they stand in files, over HTTP.

use portcullis::domain::permission::Permission;
use serde_json::{Value, json};

use super::{JSON, Stand};

fn outcomes(reply: &super::Reply) -> Vec<&str> {
    assert_eq!(reply.status, 200, "{}", reply.text);
    let rows = reply.body["rows"].as_array().expect("rows").iter();
    rows.map(|row| row["outcome"].as_str().expect("a word"))
        .collect()
}

#[tokio::test]
async fn rows_are_taken_over_once_and_each_says_what_it_came_to() {
    let stand = Stand::new().await;
    stand.person("ada").await;
    let rows = json!([["bob", "Bob"], ["ada", "Countess"], ["", "Nobody"], ["short"]]);
    let ask = async |more: Value| {
        let mut body = json!({ "columns": ["login", "name"], "rows": rows });
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        stand.own("POST", "/imports", &stand.a, body).await
    };
    let dry = ask(json!({ "dry_run": true })).await;
    assert_eq!(outcomes(&dry), ["added", "exists", "refused", "refused"]);
    stand
        .own("GET", "/accounts/bob", &stand.a, Value::Null)
        .await
        .is_problem(404, "no-such-account");
    let done = ask(json!({})).await;
    assert_eq!(outcomes(&done), ["added", "exists", "refused", "refused"]);
    assert!(
        done.body["rows"][2]["why"]
            .as_str()
            .is_some_and(|why| !why.is_empty())
    );
    assert_eq!(outcomes(&ask(json!({})).await), ["exists", "exists", "refused", "refused"]);
    let updated = ask(json!({ "update": true })).await;
    assert_eq!(outcomes(&updated), ["unchanged", "updated", "refused", "refused"]);
    let ada = stand
        .own("GET", "/accounts/ada", &stand.a, Value::Null)
        .await;
    assert_eq!(ada.body["name"], "Countess", "{}", ada.text);
}

#[tokio::test]
async fn what_is_no_file_is_refused_whole() {
    let stand = Stand::new().await;
    let many = vec![json!(["x"]); 501];
    for body in [
        json!({ "columns": ["login"] }),
        json!({ "columns": "login", "rows": [] }),
        json!({ "columns": ["login"], "rows": [["a", 7]] }),
        json!({ "columns": ["login"], "rows": many }),
        json!({ "columns": ["name"], "rows": [] }),
        json!({ "columns": ["login", "login"], "rows": [] }),
        json!({ "columns": ["shoe_size", "login"], "rows": [] }),
        json!({ "columns": ["login"], "rows": [], "more": true }),
    ] {
        let refused = stand.own("POST", "/imports", &stand.a, body).await;
        refused.is_problem(422, "invalid");
    }
    stand
        .own_with("POST", "/imports", &stand.a, &[JSON], "{")
        .await
        .is_problem(400, "malformed");
    for query in ["limit=1", "after=1", "sort=login", "status=deleted", "shoe_size=7"] {
        let path = format!("/exports?{query}");
        let refused = stand.own("GET", &path, &stand.a, Value::Null).await;
        refused.is_problem(422, "invalid");
    }
}

#[tokio::test]
async fn who_may_not_takes_nobody_over_and_learns_nothing() {
    let stand = Stand::new().await;
    stand.person("ada").await;
    let body = json!({ "columns": ["login"], "rows": [["ada"], ["new"]], "dry_run": true });
    let viewer = stand.who_may("viewer", Some(Permission::ViewUsers)).await;
    let nobody = stand.who_may("nobody", None).await;
    for token in [&viewer, &nobody] {
        let refused = stand
            .own("POST", "/imports", &token.secret, body.clone())
            .await;
        refused.is_problem(403, "forbidden");
    }
    let refused = stand
        .own("GET", "/exports", &nobody.secret, Value::Null)
        .await;
    refused.is_problem(403, "forbidden");
    let shown = stand
        .own("GET", "/exports?login=ada", &viewer.secret, Value::Null)
        .await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    let lines: Vec<&str> = shown.text.lines().collect();
    assert!(lines[0].starts_with("login,name,") && lines[1].starts_with("ada,"), "{lines:?}");
    assert_eq!(lines.len(), 2);
}
