//! Who may see and do what: each permission by itself.

use http::StatusCode;
use portcullis::domain::permission::Permission;

use super::super::House;
use super::{at, now, standing};

const OK: u16 = 200;
const NO: u16 = 403;
const WRONG: u16 = 422;
const DONE: u16 = 303;

/// Nothing about people, to see, to unlock, to manage, to read the audit log, and an administrator.
const WHO: [(&str, &[Permission], bool); 6] = [
    ("none", &[Permission::ManageTokens], false),
    ("view", &[Permission::ViewUsers], false),
    ("unlock", &[Permission::UnlockUsers], false),
    ("manage", &[Permission::ManageUsers], false),
    ("audit", &[Permission::ViewUsers, Permission::ViewAudit], false),
    ("admin", &[], true),
];

#[tokio::test]
async fn each_sees_and_does_exactly_their_part() {
    let pages = [
        ("", [NO, OK, OK, OK, OK, OK]),
        ("/sessions", [NO, OK, OK, OK, OK, OK]),
        ("/attempts", [NO, NO, NO, NO, OK, OK]),
        ("/records", [NO, NO, NO, OK, NO, OK]),
        ("/history", [NO, NO, NO, NO, OK, OK]),
        ("/do/unlock-lockout", [NO, NO, OK, OK, NO, OK]),
        ("/do/unlock", [NO, NO, NO, OK, NO, OK]),
        ("/do/lock", [NO, NO, NO, OK, NO, OK]),
        ("/do/sign-out", [NO, NO, NO, OK, NO, OK]),
        ("/password", [NO, NO, NO, OK, NO, OK]),
        ("/invite", [NO, NO, NO, OK, NO, OK]),
    ];
    let acts: [(&str, &[(&str, &str)], _); 9] = [
        ("/do/unlock-lockout", &[], [NO, NO, DONE, DONE, NO, DONE]),
        ("/do/lock", &[], [NO, NO, NO, DONE, NO, DONE]),
        ("/do/unlock-admin-lock", &[], [NO, NO, NO, DONE, NO, DONE]),
        ("/do/unlock", &[], [NO, NO, NO, DONE, NO, DONE]),
        ("/do/sign-out", &[], [NO, NO, NO, DONE, NO, DONE]),
        ("/do/disable", &[], [NO, NO, NO, WRONG, NO, WRONG]),
        ("/password", &[("password", "a new one for anna")], [NO, NO, NO, DONE, NO, DONE]),
        ("/sessions/end", &[("session", "none")], [NO, DONE, DONE, DONE, DONE, DONE]),
        ("/invite", &[], [NO, NO, NO, OK, NO, OK]),
    ];
    let house = House::new().await;
    let anna = house.test.account("anna").await;
    for (place, (login, may, admin)) in WHO.into_iter().enumerate() {
        let login = format!("who-{login}");
        match admin {
            true => house.administrator(&login).await,
            false => house.staff(&login, may).await,
        };
        let desk = house.sign_in(&login).await;
        for (page, expected) in &pages {
            let answer = desk.get(&at(&anna, page)).await;
            assert_eq!(answer.status.as_u16(), expected[place], "{login}: GET {page}");
        }
        for (act, fields, expected) in &acts {
            let before = now(&house, &anna).await;
            let answer = desk.post_once(&at(&anna, act), fields).await;
            assert_eq!(answer.status.as_u16(), expected[place], "{login}: POST {act}");
            if expected[place] == NO {
                assert_eq!(now(&house, &anna).await, before, "{login}: POST {act}");
            }
        }
        let switched = standing(&house, &desk, &anna, &[("locked", "yes"), ("confirmed", "yes")]);
        let expected = if matches!(place, 3 | 5) { DONE } else { NO };
        assert_eq!(switched.await.status.as_u16(), expected, "{login}");
        house.test.unlock(&anna).await;
        let added = desk.get("/console/users/new").await;
        let expected = if matches!(place, 3 | 5) { OK } else { NO };
        assert_eq!(added.status.as_u16(), expected, "{login}: GET new");
    }
}

#[tokio::test]
async fn a_session_is_ended_by_whoever_manages_people_alone() {
    let house = House::new().await;
    let anna = house.test.account("anna").await;
    let cookie = house.test.sign_in(&anna).await;
    let manager = house.staff("manager", &[Permission::ManageUsers]).await;
    house
        .staff("viewer", &[Permission::ViewUsers, Permission::ViewAudit])
        .await;
    let (viewer, manages) = (house.sign_in("viewer").await, house.sign_in("manager").await);
    let page = manages.page(&at(&anna, "/sessions")).await;
    let session = super::value(&page, "session");
    assert!(
        !viewer
            .page(&at(&anna, "/sessions"))
            .await
            .contains(&session)
    );
    let fields = [("session", &*session)];
    let refused = viewer.post(&at(&anna, "/sessions/end"), &fields).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(house.visit(&cookie).await, StatusCode::OK);
    let foreign = manages
        .post_from_elsewhere(&at(&anna, "/sessions/end"), &fields)
        .await;
    assert_eq!(foreign.status, StatusCode::FORBIDDEN);
    assert_eq!(house.visit(&cookie).await, StatusCode::OK);
    let ended = manages.post(&at(&anna, "/sessions/end"), &fields).await;
    assert_eq!(ended.status, StatusCode::SEE_OTHER);
    assert_eq!(house.visit(&cookie).await, StatusCode::UNAUTHORIZED);
    assert!(manager.id != anna.id);
}

#[tokio::test]
async fn administrators_are_for_administrators_and_so_are_permissions() {
    let house = House::new().await;
    let boss = house.administrator("boss").await;
    let anna = house.test.account("anna").await;
    house.staff("manager", &[Permission::ManageUsers]).await;
    let manages = house.sign_in("manager").await;
    let page = manages.page(&at(&boss, "")).await;
    assert!(!page.contains("/standing\"") && !page.contains("/do/lock"), "{page}");
    let lock = [("locked", "yes"), ("confirmed", "yes")];
    let refused = standing(&house, &manages, &boss, &lock).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert_eq!(manages.post(&at(&boss, "/do/lock"), &[]).await.status, StatusCode::FORBIDDEN);

    let page = manages.page(&at(&anna, "")).await;
    assert!(page.contains("Only administrators may change that."), "{page}");
    let grant = [("rights", "shown"), ("admin", "yes"), ("confirmed", "yes")];
    let refused = standing(&house, &manages, &anna, &grant).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
    let new = [("login", "mine"), ("admin", "yes"), ("way_in", "link")];
    let refused = manages.post_once("/console/users/new", &new).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "{}", refused.body);
    assert!(!now(&house, &anna).await.admin);
}

#[tokio::test]
async fn no_other_site_does_anything() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let before = now(&house, &anna).await;
    let version = before.version.get().to_string();
    let fields = [("version", &*version), ("locked", "yes"), ("confirmed", "yes"), ("login", "x")];
    let ends = [
        "",
        "/standing",
        "/do/lock",
        "/do/sign-out",
        "/password",
        "/invite",
        "/sessions/end",
        "/sessions/forget",
    ];
    for end in ends {
        let answer = desk.post_from_elsewhere(&at(&anna, end), &fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{end}");
    }
    let answer = desk
        .post_from_elsewhere("/console/users/new", &fields)
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(now(&house, &anna).await, before);
}
