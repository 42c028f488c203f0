//! Sessions: listed, got and revoked.

use std::time::Duration;

use serde_json::Value;

use super::super::Stand;

#[tokio::test]
async fn cl_24_a_list_is_bare_or_has_its_total() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    for _ in 0..3 {
        stand.test.sign_in(&ada).await;
        stand.test.clock().advance(Duration::from_secs(1));
    }
    let path = format!("/sessions?user_id=user_{}", ada.id);
    let bare = stand.clerk_get(&path).await;
    let sessions = bare.body.as_array().expect("a bare list");
    assert_eq!(sessions.len(), 3);
    for key in [
        "object",
        "id",
        "user_id",
        "client_id",
        "status",
        "last_active_at",
        "expire_at",
        "abandon_at",
        "created_at",
        "updated_at",
    ] {
        assert!(!sessions[0][key].is_null(), "{key}: {}", bare.text);
    }
    assert!(sessions[0]["created_at"].as_i64() > sessions[2]["created_at"].as_i64());
    let page = stand
        .clerk_get(&format!("{path}&paginated=true&limit=2&offset=2"))
        .await;
    assert_eq!(page.body["total_count"], 3);
    assert_eq!(page.body["data"], Value::from(vec![sessions[2].clone()]));
    let one = format!("/sessions/{}", sessions[1]["id"].as_str().expect("an id"));
    assert_eq!(stand.clerk_get(&one).await.body, sessions[1]);
    let client = sessions[1]["client_id"].as_str().expect("an id");
    let by_client = stand
        .clerk_get(&format!("/sessions?client_id={client}"))
        .await;
    assert_eq!(by_client.body, Value::from(vec![sessions[1].clone()]));
}

#[tokio::test]
async fn a_session_that_is_revoked_ends_at_once_and_stays_listed() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let cookie = stand.test.sign_in(&ada).await;
    let path = format!("/sessions?user_id=user_{}", ada.id);
    let id = stand.clerk_get(&path).await.body[0]["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let headers = [("cookie", &*cookie), ("accept", "application/json")];
    assert_eq!(stand.public.send("GET", "/", &headers, "").await.status, 200);
    for _ in 0..2 {
        let revoked = stand
            .clerk_post(&format!("/sessions/{id}/revoke"), Value::Null)
            .await;
        assert_eq!((revoked.status, &revoked.body["status"]), (200, &"revoked".into()));
        assert_eq!(stand.public.send("GET", "/", &headers, "").await.status, 401);
    }
    assert_eq!(stand.clerk_get(&path).await.body[0]["status"], "revoked");
    assert_eq!(
        stand.clerk_get(&format!("{path}&status=active")).await.body,
        Value::from(vec![0; 0])
    );
    assert_eq!(
        stand
            .clerk_get(&format!("{path}&status=revoked"))
            .await
            .body[0]["id"],
        *id
    );
    // It is nobody's live session any more, anywhere.
    let shown = stand.test.admin().show(&ada.id.into()).await;
    assert!(shown.expect("ada").sessions.is_empty());
    // Until it would have ended by itself.
    stand.test.clock().advance(Duration::from_secs(13 * 3600));
    let now = stand.test.admin().now();
    stand.test.directory().prune(now).await.expect("a store");
    assert_eq!(stand.clerk_get(&path).await.body, Value::from(vec![0; 0]));
}

#[tokio::test]
async fn a_session_past_its_time_is_expired() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    stand.test.sign_in(&ada).await;
    stand.test.clock().advance(Duration::from_secs(13 * 3600));
    let path = format!("/sessions?user_id=user_{}", ada.id);
    assert_eq!(stand.clerk_get(&path).await.body[0]["status"], "expired");
}

#[tokio::test]
async fn sessions_that_are_none_of_ours_are_told_apart() {
    let stand = Stand::new().await;
    for path in [
        "/sessions?user_id=user_999",
        "/sessions?user_id=ada",
        "/sessions?client_id=x",
        "/sessions?status=pending",
    ] {
        assert_eq!(stand.clerk_get(path).await.body, Value::from(vec![0; 0]), "{path}");
    }
    let unknown = format!("/sessions/sess_{}", "0".repeat(32));
    for path in ["/sessions/x", &*unknown] {
        stand
            .clerk_get(path)
            .await
            .is_fault(404, "resource_not_found");
        let revoke = stand
            .clerk_post(&format!("{path}/revoke"), Value::Null)
            .await;
        revoke.is_fault(404, "resource_not_found");
    }
    let odd = stand.clerk_get("/sessions?status=odd").await;
    assert_eq!(odd.is_fault(422, "form_param_value_invalid")["param_name"], "status");
}
