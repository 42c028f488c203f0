//! Lists of users.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::Stand;

fn logins(users: &Value) -> Vec<&str> {
    let all = users.as_array().expect("a bare list").iter();
    all.map(|user| user["username"].as_str().expect("a username"))
        .collect()
}

/// Eleven people beside the root, one a minute.
async fn crowd() -> Stand {
    let stand = Stand::new().await;
    for n in 0..11 {
        stand.test.clock().advance(Duration::from_secs(60));
        stand.person(&format!("p{n:02}")).await;
    }
    stand
}

#[tokio::test]
async fn cl_25_cl_26_cl_27_pages_are_newest_first() {
    let stand = crowd().await;
    let first = stand.clerk_get("/users").await;
    assert_eq!(logins(&first.body).len(), 10);
    assert_eq!(logins(&first.body)[..2], ["p10", "p09"]);
    let count = stand.clerk_get("/users/count").await;
    assert_eq!(count.body, json!({ "object": "total_count", "total_count": 12 }));
    assert_eq!(logins(&stand.clerk_get("/users?offset=10").await.body), ["p00", "root"]);
    let last = first.body[9]["id"].as_str().expect("an id");
    let next = stand
        .clerk_get(&format!("/users?starting_after={last}"))
        .await;
    assert_eq!(logins(&next.body), ["p00", "root"]);
    for (query, param) in [
        ("limit=501", "limit"),
        ("limit=0", "limit"),
        ("offset=-1", "offset"),
        ("order_by=-created_at&starting_after=user_1&offset=5", "starting_after"),
        ("order_by=username&starting_after=user_1", "starting_after"),
        ("order_by=shoe_size", "order_by"),
        ("created_at_after=yesterday", "created_at_after"),
    ] {
        let refused = stand.clerk_get(&format!("/users?{query}")).await;
        assert_eq!(refused.status, 422, "{query}");
        assert_eq!(refused.body["errors"][0]["meta"]["param_name"], param);
    }
    let oldest = stand.clerk_get("/users?order_by=created_at&limit=2").await;
    assert_eq!(logins(&oldest.body), ["root", "p00"]);
}

#[tokio::test]
async fn cl_28_filters_take_whom_they_name() {
    let stand = crowd().await;
    let id = |n: i64| format!("user_{}", stand.root.id.get() + 1 + n);
    let made = stand.clerk_get("/users?username=p05").await;
    let created = made.body[0]["created_at"].as_i64().expect("a time");
    for (query, wanted) in [
        (format!("user_id=-{}", id(3)), 11),
        (format!("user_id={}&user_id={}", id(3), id(4)), 2),
        (format!("user_id=%2B{}", id(3)), 1),
        (format!("user_id=+{}", id(3)), 1),
        ("user_id=user_999".to_owned(), 0),
        ("user_id=nobody".to_owned(), 0),
        (
            "email_address=P01@example.org&email_address=p02@example.org&email_address=x"
                .to_owned(),
            2,
        ),
        ("username=P01&username=nobody".to_owned(), 1),
        ("username_query=p1".to_owned(), 1),
        ("email_address_query=EXAMPLE".to_owned(), 11),
        ("name_query=lovelace".to_owned(), 11),
        ("query=p0".to_owned(), 10),
        (format!("query={}", id(3)), 1),
        ("external_id=navy-1".to_owned(), 0),
        ("external_id=-navy-1".to_owned(), 12),
        ("phone_number=%2B155".to_owned(), 0),
        ("phone_number_query=155".to_owned(), 0),
        ("web3_wallet=0x0".to_owned(), 0),
        ("organization_id=org_1".to_owned(), 0),
        ("organization_id=-org_1".to_owned(), 12),
        ("provider_user_id=1".to_owned(), 0),
        ("banned=true".to_owned(), 0),
        ("banned=false".to_owned(), 12),
        ("locked=true".to_owned(), 12),
        (format!("created_at_after={created}"), 5),
        (format!("created_at_before={created}"), 6),
        ("last_sign_in_at_before=99999999999999".to_owned(), 0),
        ("last_active_at_since=0".to_owned(), 0),
        (format!("created_at_after={}", i64::MAX), 0),
        (format!("created_at_before={}", i64::MIN), 0),
        ("username=".to_owned(), 12),
        ("limit=1&username=p01&username_query=p01".to_owned(), 1),
    ] {
        let users = stand
            .clerk_get(&format!("/users?{query}&limit=100").replacen("limit=1&", "", 1))
            .await;
        assert_eq!(users.body.as_array().map(Vec::len), Some(wanted), "{query}: {}", users.text);
        let count = stand.clerk_get(&format!("/users/count?{query}")).await;
        assert_eq!(count.body["total_count"], wanted, "{query}");
    }
    let many: String = (0..101).map(|n| format!("&username=u{n}")).collect();
    stand
        .clerk_get(&format!("/users?{many}"))
        .await
        .is_fault(422, "form_param_value_invalid");
}
