//! What is done in one click, and who is let in for the first time.

use http::StatusCode;
use portcullis::admin::Actor;

use super::super::{House, location};
use super::{at, now, standing};

#[tokio::test]
async fn an_act_says_what_will_happen_and_then_what_did() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let cookies = [house.test.sign_in(&anna).await, house.test.sign_in(&anna).await];
    for act in ["lock", "sign-out"] {
        let page = desk.page(&at(&anna, &format!("/do/{act}"))).await;
        let words = "anna is signed out of 2 sessions now and can";
        assert!(page.contains(words), "{act}: {page}");
        assert_eq!(house.visit(&cookies[0]).await, StatusCode::OK, "{act}: only asked");
    }
    let done = desk.post(&at(&anna, "/do/sign-out"), &[]).await;
    let page = desk.page(location(&done)).await;
    assert!(page.contains("anna is signed out everywhere, and 2 sessions are ended."), "{page}");
    for cookie in &cookies {
        assert_eq!(house.visit(cookie).await, StatusCode::UNAUTHORIZED);
    }
    let bad = desk
        .post(&at(&anna, "/do/lock"), &[("until", "soon"), ("reason", "<b>")])
        .await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(bad.body.contains("until-error") && bad.body.contains("&#60;b&#62;"), "{}", bad.body);
    assert_eq!(desk.get(&at(&anna, "/do/eat")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn each_kind_of_lock_is_lifted_by_itself() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    house.test.lock_out(&anna).await;
    house.test.lock(&anna).await;
    let page = desk.page(&at(&anna, "")).await;
    for act in ["unlock-lockout", "unlock-admin-lock"] {
        assert!(page.contains(&at(&anna, &format!("/do/{act}"))), "{act}: {page}");
    }
    desk.post(&at(&anna, "/do/unlock-admin-lock"), &[]).await;
    let found = now(&house, &anna).await.locks;
    assert!(found.admin_lock.is_none() && found.lockout.is_some());
    house.test.lock(&anna).await;
    desk.post(&at(&anna, "/do/unlock-lockout"), &[]).await;
    let found = now(&house, &anna).await.locks;
    assert!(found.admin_lock.is_some() && found.lockout.is_none());
}

#[tokio::test]
async fn nobody_locks_themselves_or_the_last_administrator() {
    let house = House::new().await;
    let ada = house.administrator("ada").await;
    let desk = house.sign_in("ada").await;
    let before = now(&house, &ada).await;
    let refused = standing(&house, &desk, &ada, &[("locked", "yes"), ("confirmed", "yes")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("role=\"alert\""), "{}", refused.body);
    let demoted = standing(&house, &desk, &ada, &[("rights", "shown"), ("confirmed", "yes")]).await;
    assert_eq!(demoted.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", demoted.body);
    let refused = desk.post(&at(&ada, "/do/lock"), &[]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(now(&house, &ada).await, before);
}

#[tokio::test]
async fn disabling_is_there_only_while_it_is_switched_on() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    assert!(
        !desk
            .page(&at(&anna, ""))
            .await
            .contains("name=\"disabled\"")
    );
    let sent = [("disabled", "yes"), ("reason", "left"), ("confirmed", "yes")];
    let ignored = standing(&house, &desk, &anna, &sent).await;
    assert!(location(&ignored).contains("done=unchanged"), "{}", ignored.body);
    let refused = desk
        .post(&at(&anna, "/do/disable"), &[("reason", "left")])
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);
    assert!(now(&house, &anna).await.locks.disablement.is_none());

    house
        .test
        .admin()
        .allow_disabling(&Actor::System, true)
        .await
        .expect("a switch");
    assert!(
        desk.page(&at(&anna, ""))
            .await
            .contains("name=\"disabled\"")
    );
    let bare = [("disabled", "yes"), ("confirmed", "yes")];
    let wrong = standing(&house, &desk, &anna, &bare).await;
    assert!(wrong.body.contains("Say why: disabling needs a reason."), "{}", wrong.body);
    let cookie = house.test.sign_in(&anna).await;
    let done = standing(&house, &desk, &anna, &sent).await;
    assert_eq!(house.visit(&cookie).await, StatusCode::FORBIDDEN, "disabled");
    let page = desk.page(location(&done)).await;
    assert!(page.contains("Disabled by ada") && page.contains("/do/enable\">Undo"), "{page}");

    house
        .test
        .admin()
        .allow_disabling(&Actor::System, false)
        .await
        .expect("a switch");
    let page = desk.page(&at(&anna, "")).await;
    assert!(page.contains("Account disabling is switched off"), "{page}");
    assert!(!page.contains("/do/enable"), "{page}");
}

#[tokio::test]
async fn somebody_is_added_with_a_link_that_is_shown_once() {
    let house = House::new().await;
    let desk = house.desk().await;
    let fields =
        [("login", "new"), ("name", "<b>New</b>"), ("email", "n@example.com"), ("way_in", "link")];
    let made = desk.post_once("/console/users/new", &fields).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    let link = made
        .body
        .split("id=\"link\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let link = link.expect("a link");
    assert!(!made.body.contains("<b>New"), "{}", made.body);
    let found = house
        .test
        .admin()
        .account(&"new".into())
        .await
        .expect("they are there");
    assert!(!found.has_password && found.name == "<b>New</b>");
    let page = desk.page(&at(&found, "")).await;
    assert!(
        !page.contains(link) && page.contains("They have not chosen a password yet."),
        "{page}"
    );
    assert!(!desk.page(&at(&found, "/invite")).await.contains(link));
}

#[tokio::test]
async fn somebody_is_added_with_a_password_or_told_what_is_wrong() {
    let house = House::new().await;
    let desk = house.desk().await;
    let with = |login, password| [("login", login), ("way_in", "password"), ("password", password)];
    let weak = desk
        .post_once("/console/users/new", &with("new", "x"))
        .await;
    assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(weak.body.contains("id=\"password-error\"") && weak.body.contains("value=\"new\""));
    assert!(house.test.admin().account(&"new".into()).await.is_err());
    let added = desk
        .post_once("/console/users/new", &with("new", "a long enough password"))
        .await;
    assert_eq!(added.status, StatusCode::SEE_OTHER, "{}", added.body);
    assert!(desk.page(location(&added)).await.contains("new is added."));
    let twice = desk
        .post_once("/console/users/new", &with("new", "a long enough password"))
        .await;
    assert_eq!(twice.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", twice.body);
    house.wait();
    let asked = desk
        .post("/console/users/new", &with("late", "a long enough password"))
        .await;
    assert!(location(&asked).starts_with("/console/confirm?"), "{}", asked.body);
    assert!(house.test.admin().account(&"late".into()).await.is_err());
}

#[tokio::test]
async fn a_form_that_adds_or_invites_is_sent_once() {
    let house = House::new().await;
    let desk = house.desk().await;
    let once = |page: &str| super::value(page, "once");
    let key = once(&desk.page("/console/users/new").await);
    let fields =
        |login| [("login", login), ("name", ""), ("way_in", "link"), ("once", key.as_str())];
    // Nothing came of it, so it is put right and sent again.
    let wrong = desk.post("/console/users/new", &fields("a b\u{7}")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let taken = desk.post("/console/users/new", &fields("ada")).await;
    assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
    let made = desk.post("/console/users/new", &fields("new")).await;
    assert!(made.body.contains("id=\"link\""), "{}", made.body);
    let again = desk.post("/console/users/new", &fields("newer")).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(again.body.contains("was added the first time"), "{}", again.body);
    assert!(house.test.admin().account(&"newer".into()).await.is_err());
    let old = [("login", "newer"), ("way_in", "link"), ("once", "1-2-3")];
    let old = desk.post("/console/users/new", &old).await;
    assert_eq!(old.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(old.body.contains("open for too long") && old.body.contains("value=\"newer\""));

    let anna = house.test.invited("anna").await;
    let invite = at(&anna, "/invite");
    let key = once(&desk.page(&invite).await);
    let made = desk.post(&invite, &[("once", &key)]).await;
    assert!(made.body.contains("id=\"link\""), "{}", made.body);
    let again = desk.post(&invite, &[("once", &key)]).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "the link works still");
    assert!(!again.body.contains("id=\"link\"") && again.body.contains("made the first time"));
    let old = desk.post(&invite, &[]).await;
    assert_eq!(old.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_password_is_set_by_whoever_is_sure() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let cookie = house.test.sign_in(&anna).await;
    let page = desk.page(&at(&anna, "/password")).await;
    assert!(page.contains("(1 session)"), "{page}");
    let weak = desk
        .post(&at(&anna, "/password"), &[("password", "x")])
        .await;
    assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY);
    let set = desk
        .post(&at(&anna, "/password"), &[("password", "a long enough password")])
        .await;
    assert!(
        desk.page(location(&set))
            .await
            .contains("anna has a new password, and 1 session")
    );
    assert_eq!(house.visit(&cookie).await, StatusCode::UNAUTHORIZED);
    house.wait();
    for end in ["/password", "/invite"] {
        let asked = desk
            .post(&at(&anna, end), &[("password", "another long password")])
            .await;
        assert!(location(&asked).starts_with("/console/confirm?"), "{end}: {}", asked.body);
    }
}
