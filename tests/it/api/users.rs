//! Users: shown, changed and deleted.

use portcullis::admin::settings::ACCOUNT_DELETION;
use portcullis::domain::event::Action;
use portcullis::domain::permission::Permission;
use serde_json::json;

use super::{PASSWORD, Stand, assert_done_by};

fn keys(value: &serde_json::Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    keys.sort_unstable();
    keys
}

const ALL: [&str; 15] = [
    "_links",
    "_type",
    "admin",
    "avatar",
    "createdAt",
    "email",
    "firstName",
    "id",
    "identityUrl",
    "language",
    "lastName",
    "login",
    "name",
    "status",
    "updatedAt",
];

#[tokio::test]
async fn an_administrator_sees_everything() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let shown = stand.get(&stand.a, &format!("/users/{}", ada.id)).await;
    shown.is_user("active");
    assert_eq!(keys(&shown.body), ALL);
    let body = &shown.body;
    assert_eq!(body["firstName"], "Ada King");
    assert_eq!(
        (&body["lastName"], &body["name"]),
        (&json!("Lovelace"), &json!("Ada King Lovelace"))
    );
    assert_eq!(body["createdAt"], "2027-01-15T08:00:00.000Z");
    assert_eq!((&body["admin"], &body["avatar"]), (&json!(false), &json!(null)));
    let itself =
        json!({ "href": format!("/api/v3/users/{}", ada.id), "title": "Ada King Lovelace" });
    assert_eq!(body["_links"]["self"], itself);
    let links = ["delete", "lock", "self", "showUser", "updateImmediately"];
    assert_eq!(keys(&body["_links"]), links);
    assert_eq!(body["_links"]["delete"]["method"], "delete");
}

#[tokio::test]
async fn op_28_somebody_plain_sees_names_of_others_alone() {
    let stand = Stand::new().await;
    let (ada, u) = (stand.person("ada").await, stand.who_may("u", None).await);
    let shown = stand.get(&u.secret, &format!("/users/{}", ada.id)).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    assert_eq!(keys(&shown.body), ["_links", "_type", "avatar", "id", "name"]);
    assert_eq!(keys(&shown.body["_links"]), ["self", "showUser"]);
    assert!(!shown.text.contains("example.org"), "{}", shown.text);
}

#[tokio::test]
async fn op_29_everybody_sees_themselves() {
    let stand = Stand::new().await;
    let u = stand.who_may("u", None).await;
    let shown = stand.get(&u.secret, "/users/me").await;
    shown.is_user("active");
    let expected: Vec<_> = ALL.into_iter().filter(|key| *key != "admin").collect();
    assert_eq!(keys(&shown.body), expected);
    assert_eq!(shown.body["id"], u.id);
}

#[tokio::test]
async fn op_30_a_login_names_a_user_and_a_number_goes_first() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    for name in ["ada", "ADA", "%41da"] {
        assert_eq!(stand.get(&stand.a, &format!("/users/{name}")).await.body["id"], ada.id.get());
    }
    // Whose login is another's number: the number is meant.
    let twin = stand.person(&ada.id.to_string()).await;
    let shown = stand.get(&stand.a, &format!("/users/{}", ada.id)).await;
    assert_eq!(shown.body["id"], ada.id.get());
    let alone = stand.person("4711").await;
    assert_eq!(stand.get(&stand.a, "/users/4711").await.body["id"], alone.id.get());
    assert_ne!(twin.id, ada.id);
    // An e-mail address is no login, and nobody is called me.
    for nobody in
        ["ada@example.org", "0", "-1", "99999999999999999999", "+1", "%ff", "nobody", "%20"]
    {
        let answer = stand.get(&stand.a, &format!("/users/{nobody}")).await;
        answer.is_error(404, "NotFound");
    }
}

#[tokio::test]
async fn op_21_the_last_administrator_does_not_lock_themselves_by_a_change() {
    let stand = Stand::new().await;
    let answer = stand
        .patch(&stand.a, "/users/me", json!({ "status": "locked" }))
        .await;
    assert_eq!(answer.wrong(), ["status"]);
    assert!(stand.now(&stand.root).await.locks.admin_lock.is_none());
}

#[tokio::test]
async fn op_38_an_address_belongs_to_one_user() {
    let stand = Stand::new().await;
    let (ada, _eve) = (stand.person("ada").await, stand.person("eve").await);
    let path = format!("/users/{}", ada.id);
    let answer = stand
        .patch(&stand.a, &path, json!({ "email": "EVE@example.org" }))
        .await;
    answer.is_error(422, "PropertyConstraintViolation");
    assert_eq!(answer.wrong(), ["email"]);
    let other = stand
        .patch(&stand.a, &path, json!({ "email": "ada.king@example.org" }))
        .await;
    assert_eq!(other.body["email"], "ada.king@example.org");
    assert_done_by(&stand.last_record().await, Action::AccountUpdated, stand.root.id.get());
}

#[tokio::test]
async fn op_39_op_41_nothing_is_changed_and_nobody_is_found() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let answer = stand.patch(&stand.a, "/users/ada", json!({})).await;
    answer.is_user("active");
    assert_eq!(stand.now(&ada).await, ada);
    stand
        .patch(&stand.a, "/users/666", json!({}))
        .await
        .is_error(404, "NotFound");
}

#[tokio::test]
async fn op_40_only_administrators_write_passwords() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let m = stand.who_may("m", Some(Permission::ManageUsers)).await;
    let wanted = json!({ "password": "another four words" });
    for path in ["/users/ada", "/users/me"] {
        let answer = stand.patch(&m.secret, path, wanted.clone()).await;
        answer.is_error(422, "PropertyIsReadOnly");
        assert_eq!(answer.wrong(), ["password"]);
    }
    assert_eq!(stand.sign_in("ada", PASSWORD).await, 303);
    let cookie = stand.test.sign_in(&ada).await;
    stand
        .patch(&stand.a, "/users/ada", wanted)
        .await
        .is_user("active");
    assert_eq!(stand.sign_in("ada", PASSWORD).await, 401);
    assert_eq!(stand.sign_in("ada", "another four words").await, 303);
    assert_eq!(stand.public.get("/", &cookie).await.status, 303, "signed out everywhere");
}

#[tokio::test]
async fn who_manages_users_changes_them_and_no_administrator() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let m = stand.who_may("m", Some(Permission::ManageUsers)).await;
    let u = stand.who_may("u", None).await;
    let wanted = json!({ "firstName": "Augusta", "language": "fr", "status": "locked" });
    let changed = stand.patch(&m.secret, "/users/ada", wanted.clone()).await;
    changed.is_user("locked");
    assert_eq!(changed.body["name"], "Augusta Lovelace");
    assert_eq!(changed.body["language"], "fr");
    assert_done_by(&stand.last_record().await, Action::AccountLocked, m.id);
    stand
        .patch(&m.secret, "/users/ada", json!({ "status": "active" }))
        .await
        .is_user("active");
    for (token, path) in [(&m.secret, "/users/root"), (&u.secret, "/users/ada")] {
        stand
            .patch(token, path, wanted.clone())
            .await
            .is_error(403, "MissingPermission");
    }
    let answer = stand
        .patch(&m.secret, "/users/ada", json!({ "admin": true }))
        .await;
    answer.is_error(422, "PropertyIsReadOnly");
    let own = stand
        .patch(&u.secret, "/users/me", json!({ "firstName": "Uma" }))
        .await;
    assert_eq!(own.body["firstName"], "Uma");
    for refused in
        [json!({ "status": "locked" }), json!({ "admin": true }), json!({ "identityUrl": "x:1" })]
    {
        stand
            .patch(&u.secret, "/users/me", refused)
            .await
            .is_error(422, "PropertyIsReadOnly");
    }
    assert!(!stand.now(&ada).await.admin);
}

#[tokio::test]
async fn administrators_make_administrators_and_not_themselves_none() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let made = stand
        .patch(&stand.a, "/users/ada", json!({ "admin": true }))
        .await;
    assert_eq!(made.body["admin"], true);
    assert!(stand.now(&ada).await.admin);
    let own = stand
        .patch(&stand.a, "/users/me", json!({ "admin": false }))
        .await;
    own.is_error(422, "PropertyIsReadOnly");
    let taken = stand
        .patch(&stand.a, "/users/ada", json!({ "admin": false }))
        .await;
    assert_eq!(taken.body["admin"], false);
}

/// As real clients do: what was read is sent back with one thing changed.
#[tokio::test]
async fn a_whole_user_is_taken_back() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let mut whole = stand.get(&stand.a, "/users/ada").await.body;
    let same = stand.patch(&stand.a, "/users/ada", whole.clone()).await;
    same.is_user("active");
    assert_eq!(stand.now(&ada).await, ada, "nothing was changed");
    whole["lastName"] = json!("Byron");
    whole["_links"] = json!({});
    whole["customField7"] = json!("x");
    let changed = stand.patch(&stand.a, "/users/ada", whole).await;
    changed.is_user("active");
    assert_eq!(changed.body["name"], "Ada King Byron");
}

/// OpenProject gives a login out again that somebody had; here it is theirs for ever.
#[tokio::test]
async fn differs_a_former_login_is_nobody_elses_and_a_name_follows_its_parts() {
    let stand = Stand::new().await;
    stand.person("ada").await;
    let answer = stand
        .patch(&stand.a, "/users/ada", json!({ "name": "Countess" }))
        .await;
    answer.is_error(422, "PropertyIsReadOnly");
    assert_eq!(answer.wrong(), ["name"]);
    let renamed = json!({ "login": "countess" });
    let answer = stand.patch(&stand.a, "/users/ada", renamed).await;
    answer.is_user("active");
    assert_eq!(answer.body["login"], "countess");
    stand
        .get(&stand.a, "/users/ada")
        .await
        .is_error(404, "NotFound");
    let mut heir = super::complete("ada");
    heir["email"] = json!("heir@example.org");
    let taken = stand.post(&stand.a, "/users", heir).await;
    assert_eq!(taken.wrong(), ["login"]);
    stand.person("grace").await;
    for taken in ["ada", "countess", "COUNTESS"] {
        let answer = stand
            .patch(&stand.a, "/users/grace", json!({ "login": taken }))
            .await;
        assert_eq!(answer.wrong(), ["login"], "{taken}: {}", answer.text);
    }
    let u = stand.who_may("u", None).await;
    let own = stand
        .patch(&u.secret, "/users/me", json!({ "login": "root.2" }))
        .await;
    own.is_error(422, "PropertyIsReadOnly");
}

#[tokio::test]
async fn a_change_happens_whole_or_not_at_all() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let wanted = json!({
        "firstName": "Augusta", "lastName": "", "email": "no address", "language": "e n",
        "status": "asleep", "password": "short", "admin": "yes",
    });
    let answer = stand.patch(&stand.a, "/users/ada", wanted).await;
    let wrong = ["admin", "email", "language", "lastName", "password", "status"];
    assert_eq!(answer.wrong(), wrong);
    assert_eq!(stand.now(&ada).await, ada);
}

/// OpenProject does not let anybody delete users until that is switched on; here it is
/// on until somebody switches it off.
#[tokio::test]
async fn op_42_op_43_differs_deleting_is_on_until_it_is_switched_off() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let cookie = stand.test.sign_in(&ada).await;
    let ada = stand.now(&ada).await;
    let set = async |value| {
        let system = portcullis::admin::Actor::System;
        let set = stand
            .test
            .admin()
            .set_setting(&system, &ACCOUNT_DELETION, value)
            .await;
        set.expect("a setting");
    };
    set("off").await;
    stand
        .delete(&stand.a, "/users/ada")
        .await
        .is_error(403, "MissingPermission");
    assert_eq!(stand.now(&ada).await, ada, "the user is kept");
    set("on").await;
    let deleted = stand.delete(&stand.a, "/users/ada").await;
    assert_eq!((deleted.status, deleted.text.as_str()), (202, ""));
    let record = stand.last_record().await;
    assert_done_by(&record, Action::AccountDeleted, stand.root.id.get());
    assert_eq!(record.reason.as_deref(), Some("deleted through the OpenProject API"));
    assert_eq!(stand.public.get("/", &cookie).await.status, 303, "at once");
    assert_eq!(stand.sign_in("ada", PASSWORD).await, 401);
    for path in ["/users/ada".to_owned(), format!("/users/{}", ada.id)] {
        stand.get(&stand.a, &path).await.is_error(404, "NotFound");
        stand
            .delete(&stand.a, &path)
            .await
            .is_error(404, "NotFound");
        stand
            .post(&stand.a, &format!("{path}/lock"), json!({}))
            .await
            .is_error(404, "NotFound");
    }
    // The login is never given out again; the address is.
    let mut again = super::complete("ada");
    let answer = stand.post(&stand.a, "/users", again.clone()).await;
    assert_eq!(answer.wrong(), ["login"]);
    again["login"] = json!("ada.2");
    assert_eq!(stand.post(&stand.a, "/users", again).await.status, 201);
}

/// OpenProject has a switch that lets people delete themselves; here nobody can.
#[tokio::test]
async fn op_44_differs_nobody_deletes_themselves() {
    let stand = Stand::new().await;
    let u = stand.who_may("u", None).await;
    let m = stand.who_may("m", Some(Permission::ManageUsers)).await;
    for (token, path) in
        [(&u.secret, "/users/me"), (&stand.a, "/users/me"), (&m.secret, "/users/u")]
    {
        stand
            .delete(token, path)
            .await
            .is_error(403, "MissingPermission");
    }
    stand
        .delete(&u.secret, "/users/9999")
        .await
        .is_error(404, "NotFound");
    stand.get(&u.secret, "/users/me").await.is_user("active");
}
