//! Who sees which page of people, and does what: each permission by itself against each
//! page and act. What comes of acts is tested where the acts are.

use portcullis::admin::Actor;
use portcullis::domain::group::GroupName;
use portcullis::domain::permission::Permission;
use portcullis::store::NewGroup;
use portcullis::{Account, Visitor};

use super::checks::{MARKUP, NOBODY, Someone, everybody};
use super::*;

const VIEW: &[Permission] =
    &[Permission::ViewUsers, Permission::UnlockUsers, Permission::ManageUsers];
const UNLOCK: &[Permission] = &[Permission::UnlockUsers, Permission::ManageUsers];
const MANAGE: &[Permission] = &[Permission::ManageUsers];

/// Somebody new for each who tries, so that each finds the same.
async fn target(house: &House, someone: &Someone<'_>, what: &str) -> Account {
    let held = someone
        .held
        .map_or_else(|| "admin".to_owned(), |held| held.to_string());
    let login = format!("{what}-of-{held}");
    house.test.account_with_password(&login, PASSWORD).await
}

#[tokio::test]
async fn pages_of_people_are_for_whom_they_are_for() {
    let house = House::new().await;
    let bob = house.test.account_with_password("bob", PASSWORD).await;
    let at = |end: &str| format!("/console/users/{}{end}", bob.id);
    // Attempts and history show people and the log at once.
    let pages = [
        ("/console/users".to_owned(), VIEW),
        ("/console/users/export.csv".to_owned(), VIEW),
        ("/console/users/new".to_owned(), MANAGE),
        (at(""), VIEW),
        (at("/sessions"), VIEW),
        (at("/attempts"), NOBODY),
        (at("/history"), NOBODY),
        (at("/records"), MANAGE),
        (at("/do/lock"), MANAGE),
        (at("/do/sign-out"), MANAGE),
        (at("/do/unlock-lockout"), UNLOCK),
        (at("/password"), MANAGE),
        (at("/invite"), MANAGE),
        ("/console/runs/new".to_owned(), MANAGE),
        ("/console/runs".to_owned(), MANAGE),
        ("/console/deletions".to_owned(), MANAGE),
    ];
    for someone in everybody(&house).await {
        for (path, it_takes) in &pages {
            someone.sees(path, it_takes).await;
        }
    }
}

#[tokio::test]
async fn acts_on_people_are_for_whom_they_are_for() {
    let house = House::new().await;
    for someone in everybody(&house).await {
        let bob = target(&house, &someone, "bob").await;
        let at = |end: &str| format!("/console/users/{}{end}", bob.id);
        let why = [("reason", "left")];
        someone.does(&house, &at("/do/lock"), &why, MANAGE).await;
        someone.does(&house, &at("/do/unlock"), &[], MANAGE).await;
        someone
            .does(&house, &at("/do/unlock-admin-lock"), &[], MANAGE)
            .await;
        house.test.lock_out(&bob).await;
        someone
            .does(&house, &at("/do/unlock-lockout"), &[], UNLOCK)
            .await;
        someone.does(&house, &at("/do/sign-out"), &[], MANAGE).await;
        let session = [("session", "0123456789abcdef")];
        someone
            .does(&house, &at("/sessions/end"), &session, VIEW)
            .await;
        let password = [("password", "another gate to open")];
        someone
            .does(&house, &at("/password"), &password, MANAGE)
            .await;
    }
}

#[tokio::test]
async fn whoever_manages_people_makes_no_administrator_and_touches_none() {
    let house = House::new().await;
    let boss = house.administrator("boss").await;
    house.staff("max", MANAGE).await;
    let max = house.sign_in("max").await;
    for act in ["lock", "sign-out", "unlock"] {
        let path = format!("/console/users/{}/do/{act}", boss.id);
        let answer = max.post(&path, &[("reason", "a coup")]).await;
        assert!(answer.status.is_client_error(), "{act}: {}", answer.status);
    }
    let path = format!("/console/users/{}/password", boss.id);
    let answer = max
        .post(&path, &[("password", "another gate to open")])
        .await;
    assert!(answer.status.is_client_error(), "{}", answer.status);
    let new = [("login", "puppet"), ("admin", "yes"), ("rights", "shown")];
    let answer = max.post_once("/console/users/new", &new).await;
    let directory = house.test.directory();
    let puppet = directory
        .resolve(portcullis::domain::login::TypedLogin::new("puppet"))
        .await
        .expect("a store");
    assert!(puppet.is_none_or(|puppet| !puppet.admin), "{}", answer.body);
    let boss = directory
        .account(boss.id)
        .await
        .expect("a store")
        .expect("boss");
    assert!(boss.locks.admin_lock.is_none() && boss.admin);
    assert_eq!(house.attempt("boss", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn every_field_of_a_person_may_hold_markup() {
    let house = House::new().await;
    let desk = house.desk().await;
    let bob = house.test.account_with_password("bob", PASSWORD).await;
    house
        .test
        .edit(&bob, |bob| {
            bob.name = MARKUP.to_owned();
            bob.details.first_name = MARKUP.to_owned();
            bob.details.last_name = MARKUP.to_owned();
        })
        .await;
    let lock = format!("/console/users/{}/do/lock", bob.id);
    desk.post(&lock, &[("reason", MARKUP)]).await;
    let from = Visitor::from(std::net::IpAddr::from([198, 51, 100, 7]));
    let attempt = house
        .test
        .gate()
        .attempt("bob", from)
        .await
        .expect("a guess");
    let _ = attempt.by_program(MARKUP).fail().await;
    let at = |end: &str| format!("/console/users/{}{end}", bob.id);
    let paths = [
        at(""),
        at("/sessions"),
        at("/attempts"),
        at("/history"),
        at("/do/unlock"),
        at("/do/sign-out"),
        "/console/users".to_owned(),
        format!("/console/users?q={}", super::checks::IN_ADDRESS),
        "/console/audit".to_owned(),
        "/console/".to_owned(),
    ];
    for path in paths {
        let page = desk.page(&path).await;
        assert!(!page.contains("<script>alert"), "{path}");
    }
}

/// A way in as somebody who may do more would be a way to all that they may.
#[tokio::test]
async fn nobody_makes_a_way_in_as_somebody_who_may_do_more() {
    let house = House::new().await;
    let by_themselves = house.staff("bob", &[Permission::ManageSettings]).await;
    let by_group = house.test.account_with_password("gus", PASSWORD).await;
    let admin = house.test.admin();
    let keepers = NewGroup {
        name: GroupName::new("Keepers").expect("a name"),
        external_id: None,
        permissions: [Permission::ManageTokens].into_iter().collect(),
        document: serde_json::Value::Null,
        members: [by_group.id].into_iter().collect(),
    };
    let made = admin.create_group(&Actor::System, keepers).await;
    made.expect("a group");
    let equal = house.staff("eve", MANAGE).await;
    house.staff("max", MANAGE).await;
    let max = house.sign_in("max").await;
    let new = [("password", "another gate to open")];
    for beyond in [by_themselves.id, by_group.id] {
        for (end, fields) in [("password", &new[..]), ("invite", &[])] {
            let answer = max
                .post_once(&format!("/console/users/{beyond}/{end}"), fields)
                .await;
            assert!(answer.status.is_client_error(), "{beyond} {end}: {}", answer.status);
            assert!(answer.body.contains("Only an administrator"), "{}", answer.body);
        }
    }
    assert_eq!(house.attempt("bob", PASSWORD).await.status, StatusCode::SEE_OTHER);
    let answer = max
        .post(&format!("/console/users/{}/password", equal.id), &new)
        .await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
}
