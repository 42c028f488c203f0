//! New users, and forms that say what would be wrong with them.

use portcullis::domain::event::Action;
use portcullis::domain::permission::Permission;
use serde_json::json;

use super::{Stand, assert_done_by, complete};

#[tokio::test]
async fn op_31_op_32_everything_that_is_missing_is_said_at_once() {
    let stand = Stand::new().await;
    let nothing = stand.post(&stand.a, "/users", json!({})).await;
    assert_eq!(nothing.wrong(), ["email", "firstName", "lastName", "login", "password"]);
    let invited = stand
        .post(&stand.a, "/users", json!({ "status": "invited" }))
        .await;
    assert_eq!(invited.wrong(), ["email", "firstName", "lastName", "login"]);
}

#[tokio::test]
async fn op_33_an_address_is_enough_to_be_invited() {
    let stand = Stand::new().await;
    let wanted = json!({ "status": "invited", "email": "foo@example.org", "admin": false, "language": "EN" });
    let invited = stand.post(&stand.a, "/users", wanted).await;
    assert_eq!(invited.status, 201, "{}", invited.text);
    let body = &invited.body;
    assert_eq!((&body["login"], &body["status"]), (&json!("foo@example.org"), &json!("invited")));
    assert_eq!((&body["firstName"], &body["lastName"]), (&json!("foo"), &json!("@example.org")));
    assert_done_by(&stand.last_record().await, Action::AccountCreated, stand.root.id.get());
    assert_eq!(stand.sign_in("foo@example.org", "anything at all").await, 401);
}

#[tokio::test]
async fn op_34_a_new_user_is_active_or_invited() {
    let stand = Stand::new().await;
    let unknown = stand
        .post(&stand.a, "/users", json!({ "status": "blablu" }))
        .await;
    assert!(unknown.wrong().contains(&"status"));
    let mut locked = complete("grace");
    locked["status"] = json!("locked");
    assert_eq!(stand.post(&stand.a, "/users", locked).await.wrong(), ["status"]);
}

#[tokio::test]
async fn op_35_an_empty_password_is_wrong_twice() {
    let stand = Stand::new().await;
    let mut wanted = complete("grace");
    wanted["password"] = json!("");
    wanted["status"] = json!("active");
    let answer = stand.post(&stand.a, "/users", wanted).await;
    answer.is_error(422, "MultipleErrors");
    assert_eq!(answer.wrong(), ["password", "password"]);
}

#[tokio::test]
async fn op_36_only_administrators_give_passwords_and_identities() {
    let stand = Stand::new().await;
    let c = stand.who_may("c", Some(Permission::ManageUsers)).await;
    for (attribute, value) in [("password", "four words will do"), ("identityUrl", "saml:1")] {
        let mut wanted = complete("grace");
        wanted
            .as_object_mut()
            .expect("an object")
            .remove("password");
        wanted[attribute] = json!(value);
        let answer = stand.post(&c.secret, "/users", wanted).await;
        answer.is_error(422, "PropertyIsReadOnly");
        assert_eq!(answer.wrong(), [attribute]);
    }
    let mut invited = json!({ "status": "invited", "email": "g@example.org" });
    let made = stand.post(&c.secret, "/users", invited.clone()).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert!(made.body.get("admin").is_none());
    invited["email"] = json!("h@example.org");
    invited["admin"] = json!(true);
    assert_eq!(stand.post(&c.secret, "/users", invited).await.wrong(), ["admin"]);
}

#[tokio::test]
async fn op_37_somebody_plain_makes_nobody_and_learns_nothing() {
    let stand = Stand::new().await;
    let u = stand.who_may("u", None).await;
    let v = stand.who_may("v", Some(Permission::ViewUsers)).await;
    for token in [&u.secret, &v.secret] {
        for body in [json!({}), complete("grace")] {
            let answer = stand.post(token, "/users", body).await;
            answer.is_error(403, "MissingPermission");
            assert!(answer.body.get("_embedded").is_none());
        }
    }
    stand
        .get(&stand.a, "/users/grace")
        .await
        .is_error(404, "NotFound");
}

#[tokio::test]
async fn a_new_user_signs_in() {
    let stand = Stand::new().await;
    let made = stand
        .post(&stand.a, "/users", complete("Grace.Hopper"))
        .await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.is_hal();
    assert_eq!(
        (&made.body["login"], &made.body["name"]),
        (&json!("grace.hopper"), &json!("Grace Hopper"))
    );
    assert!(!made.text.contains("four words"), "a password is never shown");
    assert_eq!(stand.sign_in("grace.hopper", "four words will do").await, 303);
    let id = made.body["id"].as_i64().expect("a number");
    assert_eq!(stand.get(&stand.a, &format!("/users/{id}")).await.body, made.body);
    let record = stand.last_record().await;
    let states = format!("{:?}{:?}", record.before, record.after);
    assert!(!states.contains("four words") && !states.contains("argon2"), "{states}");
}

#[tokio::test]
async fn an_identity_elsewhere_is_a_way_in_of_its_own() {
    let stand = Stand::new().await;
    let mut wanted = complete("grace");
    wanted
        .as_object_mut()
        .expect("an object")
        .remove("password");
    wanted["identityUrl"] = json!("saml:12345");
    let made = stand.post(&stand.a, "/users", wanted).await;
    assert_eq!((made.status, &made.body["status"]), (201, &json!("active")), "{}", made.text);
    assert_eq!(made.body["identityUrl"], "saml:12345");
}

#[tokio::test]
async fn names_that_are_taken_or_impossible_are_refused_together() {
    let stand = Stand::new().await;
    stand.person("ada").await;
    let mut twin = complete("ADA");
    twin["email"] = json!("Ada@Example.ORG");
    assert_eq!(stand.post(&stand.a, "/users", twin).await.wrong(), ["email", "login"]);
    for login in ["me", "o'neil", "a/b", "a\u{200b}b", &"x".repeat(129), "   "] {
        let mut wanted = complete("grace");
        wanted["login"] = json!(login);
        assert_eq!(stand.post(&stand.a, "/users", wanted).await.wrong(), ["login"], "{login:?}");
    }
    for (attribute, value) in [
        ("firstName", json!("x".repeat(257))),
        ("lastName", json!("a\u{7}b")),
        ("email", json!("nowhere")),
        ("language", json!("no such language")),
        ("password", json!("x".repeat(5000))),
        ("login", json!(7)),
        ("admin", json!("true")),
        ("status", json!(["active"])),
    ] {
        let mut wanted = complete("grace");
        wanted[attribute] = value;
        assert_eq!(stand.post(&stand.a, "/users", wanted).await.wrong(), [attribute]);
    }
    stand
        .get(&stand.a, "/users/grace")
        .await
        .is_error(404, "NotFound");
}

#[tokio::test]
async fn a_form_says_what_would_be_wrong_and_changes_nothing() {
    let stand = Stand::new().await;
    let form = stand.post(&stand.a, "/users/form", json!({})).await;
    assert_eq!((form.status, &form.body["_type"]), (200, &json!("Form")), "{}", form.text);
    let errors = form.body["_embedded"]["validationErrors"]
        .as_object()
        .expect("errors");
    let names: Vec<&str> = errors.keys().map(String::as_str).collect();
    assert_eq!(names, ["email", "firstName", "lastName", "login", "password"]);
    assert_eq!(errors["email"]["_type"], "Error");
    assert!(form.body["_links"].get("commit").is_none());
    let form = stand.post(&stand.a, "/users/form", complete("grace")).await;
    assert_eq!(form.body["_embedded"]["validationErrors"], json!({}));
    let commit = json!({ "href": "/api/v3/users", "method": "post" });
    assert_eq!(form.body["_links"]["commit"], commit);
    let embedded = &form.body["_embedded"];
    assert_eq!(embedded["payload"]["login"], "grace");
    assert!(embedded["payload"].get("password").is_none(), "{}", form.text);
    assert_eq!(embedded["schema"]["login"]["required"], true);
    assert_eq!(embedded["schema"]["admin"]["writable"], true);
    stand
        .get(&stand.a, "/users/grace")
        .await
        .is_error(404, "NotFound");
    // What the form shows can be sent as it is.
    let mut payload = embedded["payload"].clone();
    payload["password"] = json!("four words will do");
    assert_eq!(stand.post(&stand.a, "/users", payload).await.status, 201);
}

#[tokio::test]
async fn a_form_of_somebody_shows_them_with_what_was_sent() {
    let stand = Stand::new().await;
    let ada = stand.person("ada").await;
    let m = stand.who_may("m", Some(Permission::ManageUsers)).await;
    let u = stand.who_may("u", None).await;
    let sent = json!({ "lastName": "Byron", "email": "nowhere" });
    let form = stand.post(&m.secret, "/users/ada/form", sent).await;
    let payload = &form.body["_embedded"]["payload"];
    assert_eq!(
        (&payload["firstName"], &payload["lastName"]),
        (&json!("Ada King"), &json!("Byron"))
    );
    assert!(payload.get("admin").is_none() && payload.get("login").is_none(), "{payload}");
    let errors = form.body["_embedded"]["validationErrors"]
        .as_object()
        .expect("errors");
    assert_eq!(errors.keys().collect::<Vec<_>>(), ["email"]);
    assert_eq!(form.body["_embedded"]["schema"]["login"]["writable"], false);
    let empty = [("content-type", "application/json")];
    let path = format!("/users/{}/form", ada.id);
    let form = stand.send("POST", &path, &stand.a, &empty, "").await;
    assert_eq!(form.body["_links"]["commit"]["method"], "patch", "{}", form.text);
    stand
        .post(&u.secret, &path, json!({}))
        .await
        .is_error(403, "MissingPermission");
    stand
        .post(&u.secret, "/users/form", json!({}))
        .await
        .is_error(403, "MissingPermission");
    stand
        .post(&u.secret, "/users/666/form", json!({}))
        .await
        .is_error(404, "NotFound");
    assert_eq!(stand.now(&ada).await, ada);
}
