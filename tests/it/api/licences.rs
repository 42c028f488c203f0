//! Licences and invitations, as OpenProject's clients meet them.

use portcullis::Status;
use portcullis::admin::settings::LICENCE_LIMIT;
use portcullis::admin::{Actor, AdminError};
use portcullis::domain::lock::{End, Reason};
use serde_json::json;

use super::{Stand, complete};

async fn limit(stand: &Stand, value: &str) {
    let set = stand
        .test
        .admin()
        .set_setting(&Actor::System, &LICENCE_LIMIT, value)
        .await;
    set.expect("set");
}

/// PO-12 to PO-14: a locked account keeps its licence, a disabled one frees it.
#[tokio::test]
async fn po_12_to_14_nobody_becomes_active_past_the_limit() {
    let stand = Stand::new().await;
    let admin = stand.test.admin();
    let ada = stand.person("ada").await;
    let licences = admin.licences(&Actor::System).await.expect("counted");
    limit(&stand, &licences.used.to_string()).await;
    admin
        .lock(&Actor::System, &ada.id.into(), End::Never, None)
        .await
        .expect("locked");

    let refused = stand.post(&stand.a, "/users", complete("grace")).await;
    assert_eq!(refused.status, 422, "{}", refused.text);
    refused.is_error(422, "PropertyConstraintViolation");
    assert_eq!(refused.body["_embedded"]["details"]["attribute"], "base");
    let message = refused.body["message"].as_str().expect("words");
    assert!(message.contains("licences are in use"), "{message}");
    let invited = json!({ "status": "invited", "email": "foo@example.org" });
    assert_eq!(stand.post(&stand.a, "/users", invited).await.status, 201, "needs none");

    admin
        .allow_disabling(&Actor::System, true)
        .await
        .expect("allowed");
    let left = Reason::try_from("left").expect("a reason");
    admin
        .disable(&Actor::System, &ada.id.into(), left)
        .await
        .expect("disabled");
    assert_eq!(
        stand
            .post(&stand.a, "/users", complete("grace"))
            .await
            .status,
        201
    );
    let enabled = admin.enable(&Actor::System, &ada.id.into()).await;
    assert!(matches!(enabled, Err(AdminError::NoLicence { .. })), "{enabled:?}");
    let now = stand.now(&ada).await;
    assert_eq!(now.standing().status(admin.now()), Status::Disabled);

    limit(&stand, "1").await;
    let licences = admin.licences(&Actor::System).await.expect("counted");
    assert!(licences.over() > 0, "lowering it is accepted, and ends nobody's access");
    assert_eq!(licences.available(), Some(0));
    limit(&stand, "none").await;
    admin
        .enable(&Actor::System, &ada.id.into())
        .await
        .expect("enabled");
}

#[tokio::test]
async fn a_link_is_made_for_whoever_may_manage_people() {
    let stand = Stand::new().await;
    let wanted = json!({ "status": "invited", "email": "foo@example.org" });
    let invited = stand.post(&stand.a, "/users", wanted).await;
    let path = format!("/users/{}/invitation", invited.body["id"]);
    let made = stand.post(&stand.a, &path, json!({})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(made.body["purpose"], "invitation");
    let token = made.body["token"].as_str().expect("a token");
    assert_eq!(made.body["_links"]["open"]["href"], format!("/.portcullis/invite#{token}"));
    let nobody = stand.who_may("eve", None).await;
    assert_eq!(stand.post(&nobody.secret, &path, json!({})).await.status, 403);
    assert_eq!(
        stand
            .post(&stand.a, "/users/4711/invitation", json!({}))
            .await
            .status,
        404
    );
}
