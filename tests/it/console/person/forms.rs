//! The forms: saved as a whole, shown again with what is wrong, and never over what
//! somebody else saved meanwhile.

use http::StatusCode;
use portcullis::admin::Actor;
use portcullis::domain::permission::Permission;

use super::super::{House, location};
use super::{at, now, standing};

#[tokio::test]
async fn what_takes_something_away_is_asked_first_and_saved_as_one() {
    let house = House::new().await;
    let desk = house.desk().await;
    house
        .test
        .admin()
        .allow_disabling(&Actor::System, true)
        .await
        .expect("a switch");
    let anna = house.test.account("anna").await;
    let cookies = [house.test.sign_in(&anna).await, house.test.sign_in(&anna).await];
    let fields = [
        ("locked", "yes"),
        ("disabled", "yes"),
        ("reason", "left"),
        ("rights", "shown"),
        ("may", "audit.view"),
    ];
    let asked = standing(&house, &desk, &anna, &fields).await;
    assert_eq!(asked.status, StatusCode::OK);
    for words in [
        "anna is signed out of 2 sessions now and can&#39;t sign in until you unlock them.",
        "anna can&#39;t sign in until somebody enables the account.",
        "anna gets: audit.view.",
    ] {
        assert!(asked.body.contains(words), "{words}: {}", asked.body);
    }
    assert_eq!(now(&house, &anna).await.version, anna.version, "nothing is done yet");
    assert_eq!(house.visit(&cookies[0]).await, StatusCode::OK);

    let fields: Vec<_> = fields.into_iter().chain([("confirmed", "yes")]).collect();
    let saved = standing(&house, &desk, &anna, &fields).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    let found = now(&house, &anna).await;
    assert!(found.locks.admin_lock.is_some() && found.locks.disablement.is_some());
    assert!(found.details.permissions.allow(Permission::ViewAudit));
    assert_eq!(found.version.get(), anna.version.get() + 1, "one change");
    for cookie in &cookies {
        assert_eq!(house.visit(cookie).await, StatusCode::FORBIDDEN);
    }
    // What lets somebody in needs no second yes.
    let fields = [("locked", "yes"), ("rights", "shown"), ("may", "audit.view")];
    let enabled = standing(&house, &desk, &anna, &fields).await;
    assert!(location(&enabled).contains("done=enabled"), "{}", enabled.body);
    let found = now(&house, &anna).await;
    assert!(found.locks.admin_lock.is_some() && found.locks.disablement.is_none());
}

#[tokio::test]
async fn a_stale_form_shows_what_is_there_beside_what_was_sent() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let seen = anna.version.get().to_string();
    house.test.lock(&anna).await;
    let sent = [("version", &*seen), ("reason", "<b>"), ("confirmed", "yes")];
    let stale = desk.post(&at(&anna, "/standing"), &sent).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    assert!(stale.body.contains("<title>Error: "), "{}", stale.body);
    for words in [
        "nothing of yours was saved",
        "Account locked</th><td data-label=\"There now\" dir=\"auto\">yes</td>",
        "&#60;b&#62;</td>",
        "name=\"locked\" value=\"yes\" checked",
    ] {
        assert!(stale.body.contains(words), "{words}: {}", stale.body);
    }
    let sent = [("version", &*seen), ("login", "anna"), ("name", "Anna")];
    let stale = desk.post(&at(&anna, ""), &sent).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    assert!(stale.body.contains("dir=\"auto\">Anna</td>"), "{}", stale.body);
    let found = now(&house, &anna).await;
    assert!(found.name.is_empty() && found.locks.admin_lock.is_some());
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_the_field_and_nothing_typed_is_lost() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    for (fields, words) in [
        (vec![("locked", "yes"), ("until", "soon"), ("reason", "kept <i>")], "Write how long"),
        (
            vec![("locked", "yes"), ("until", "2001-01-01T00:00"), ("reason", "kept <i>")],
            "over already",
        ),
        (vec![("until", "2h"), ("reason", "kept <i>")], "to lock until then"),
    ] {
        let wrong = standing(&house, &desk, &anna, &fields).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{words}");
        assert!(wrong.body.contains("<title>Error: "), "{words}");
        assert!(wrong.body.contains(words), "{words}: {}", wrong.body);
        assert!(wrong.body.contains("id=\"until-error\""), "{words}");
        assert!(wrong.body.contains("value=\"kept &#60;i&#62;\""), "{words}: {}", wrong.body);
    }
    let version = anna.version.get().to_string();
    for (field, bad) in [("login", "a b\u{7}"), ("email", "no address"), ("language", "<script>")] {
        let mut fields = vec![("version", &*version), ("name", "Typed \"<b>\"")];
        fields.push(("login", "anna"));
        fields.retain(|(name, _)| *name != field);
        fields.push((field, bad));
        let wrong = desk.post(&at(&anna, ""), &fields).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}: {}", wrong.body);
        assert!(wrong.body.contains(&format!("id=\"{field}-error\"")), "{field}: {}", wrong.body);
        assert!(wrong.body.contains("Typed &#34;&#60;b&#62;&#34;"), "{field}: {}", wrong.body);
        assert!(!wrong.body.contains("<script>"), "{field}");
    }
    let whole = desk
        .post(&at(&anna, "/standing"), &[("locked", "yes")])
        .await;
    assert_eq!(whole.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(now(&house, &anna).await, anna);
}

#[tokio::test]
async fn details_are_saved_and_a_former_login_stays_reserved() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let page = desk.page(&at(&anna, "")).await;
    assert!(page.contains("A former login stays reserved"), "{page}");
    let version = anna.version.get().to_string();
    let fields = [
        ("version", &*version),
        ("login", "anna.k"),
        ("name", "Anna K"),
        ("first_name", "Anna"),
        ("last_name", "K"),
        ("email", "anna@example.com"),
        ("language", "de"),
        ("external_id", "hr-7"),
    ];
    let saved = desk.post(&at(&anna, ""), &fields).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    let found = now(&house, &anna).await;
    assert_eq!((found.login.as_str(), &*found.name), ("anna.k", "Anna K"));
    assert_eq!(found.email.as_deref(), Some("anna@example.com"));
    assert_eq!(found.details.language.as_deref(), Some("de"));
    assert_eq!(found.details.external_id.as_deref(), Some("hr-7"));
    let taken = desk
        .post_once("/console/users/new", &[("login", "anna"), ("way_in", "link")])
        .await;
    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", taken.body);
}

#[tokio::test]
async fn permissions_want_the_password_again() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    assert!(desk.page(&at(&anna, "")).await.contains("name=\"may\""));
    house.wait();
    let page = desk.page(&at(&anna, "")).await;
    assert!(!page.contains("name=\"may\""), "{page}");
    let way = format!("/console/confirm?return_to=/console/users/{}", anna.id);
    assert!(page.contains(&way), "{page}");
    let grant = [("rights", "shown"), ("may", "audit.view"), ("confirmed", "yes")];
    let asked = standing(&house, &desk, &anna, &grant).await;
    assert_eq!(location(&asked), way);
    assert!(
        !now(&house, &anna)
            .await
            .details
            .permissions
            .allow(Permission::ViewAudit)
    );
    // A lock can wait for no password.
    let locked = standing(&house, &desk, &anna, &[("locked", "yes"), ("confirmed", "yes")]).await;
    assert_eq!(locked.status, StatusCode::SEE_OTHER, "{}", locked.body);
}
