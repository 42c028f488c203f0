//! The page of one person: what it says, what it does to them, and whom it refuses.

mod acts;
mod forms;
mod may;
mod records;

use std::time::Duration;

use http::StatusCode;
use portcullis::Account;
use portcullis::admin::Actor;
use portcullis::domain::permission::Permission;

use super::{Desk, House, location};

async fn now(house: &House, account: &Account) -> Account {
    let found = house.test.admin().record(account.id).await;
    found.expect("a store").expect("an account")
}

fn at(account: &Account, end: &str) -> String {
    format!("/console/users/{}{end}", account.id)
}

/// The permissions form as a browser sends it, with these fields beside the version.
async fn standing(
    house: &House,
    desk: &Desk<'_>,
    account: &Account,
    fields: &[(&str, &str)],
) -> crate::guard::Answer {
    let version = now(house, account).await.version.get().to_string();
    let fields: Vec<_> = [("version", &*version)]
        .iter()
        .chain(fields)
        .copied()
        .collect();
    desk.post(&at(account, "/standing"), &fields).await
}

#[tokio::test]
async fn the_page_says_why_somebody_cannot_come_in_and_until_when() {
    let house = House::new().await;
    let ada = house.administrator("ada").await;
    let desk = house.sign_in("ada").await;
    let anna = house.test.account("anna").await;
    let cookie = house.test.sign_in(&anna).await;
    let page = desk.page(&at(&anna, "")).await;
    assert!(page.contains("Nothing stands against a sign-in."), "{page}");
    assert!(page.contains(">1 session</a>"), "{page}");
    assert_eq!(house.visit(&cookie).await, StatusCode::OK);

    let fields = [("locked", "yes"), ("until", "2h"), ("reason", "left <b>"), ("confirmed", "yes")];
    let done = standing(&house, &desk, &anna, &fields).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    assert_eq!(house.visit(&cookie).await, StatusCode::FORBIDDEN, "locked");
    let page = desk.page(location(&done)).await;
    assert!(
        page.contains("anna is locked, and 1 session is ended. It took hold here in"),
        "{page}"
    );
    assert!(page.contains(&at(&anna, "/do/unlock")) && page.contains(">Undo</a>"), "{page}");
    assert!(page.contains("Locked by ada just now, opens"), "{page}");
    assert!(page.contains("in 2 hours") && page.contains("Signed in nowhere."), "{page}");
    assert!(page.contains("Reason: <bdi>left &#60;b&#62;") && !page.contains("left <b>"), "{page}");

    let undone = desk.post(&at(&anna, "/do/unlock"), &[]).await;
    assert_eq!(undone.status, StatusCode::SEE_OTHER);
    assert!(now(&house, &anna).await.locks.admin_lock.is_none());
    assert_eq!(house.visit(&cookie).await, StatusCode::UNAUTHORIZED, "what ended stays so");
    assert!(ada.id != anna.id);
}

#[tokio::test]
async fn a_lockout_says_how_many_failed_and_on_which_devices_it_spares_them() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    house.test.sign_in_from(&anna, "").await.expect("a device");
    house.test.lock_out(&anna).await;
    let failures = now(&house, &anna)
        .await
        .locks
        .lockout
        .expect("a lockout")
        .failures;
    for page in ["", "/attempts"] {
        let page = desk.page(&at(&anna, page)).await;
        assert!(page.contains(&format!("Locked by {failures} failed sign-ins")), "{page}");
        assert!(page.contains("On 1 known device they still come in."), "{page}");
    }
    let told = desk.page(&at(&anna, "/attempts")).await;
    assert!(told.contains("locked out after failed sign-ins"), "{told}");
}

#[tokio::test]
async fn guesses_that_are_left_are_told() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let left = house
        .test
        .gate()
        .guesses_left(&anna)
        .await
        .expect("a store");
    let left = left.expect("they are counted");
    let page = desk.page(&at(&anna, "/attempts")).await;
    assert!(page.contains(&format!("Not locked out. {left} more wrong guesses")), "{page}");
}

#[tokio::test]
async fn one_session_is_ended_and_one_device_forgotten() {
    let house = House::new().await;
    let desk = house.desk().await;
    let (anna, berta) = (house.test.account("anna").await, house.test.account("berta").await);
    let known = house.test.sign_in_from(&anna, "").await.expect("a device");
    let other = house.test.sign_in(&anna).await;
    let hers = house.test.sign_in(&berta).await;
    let page = desk.page(&at(&anna, "/sessions")).await;
    assert_eq!(page.matches("name=\"session\"").count(), 2, "{page}");
    assert!(page.contains("Known device</span>"), "{page}");

    // Another person's session has no way here.
    let foreign = value(&desk.page(&at(&berta, "/sessions")).await, "session");
    let answer = desk
        .post(&at(&anna, "/sessions/end"), &[("session", &foreign)])
        .await;
    assert!(location(&answer).contains("done=session-gone"), "{}", location(&answer));
    assert_eq!(house.visit(&hers).await, StatusCode::OK);

    for _ in 0..2 {
        let id = value(&desk.page(&at(&anna, "/sessions")).await, "session");
        let ended = desk
            .post(&at(&anna, "/sessions/end"), &[("session", &id)])
            .await;
        assert!(location(&ended).contains("done=session-ended"), "{}", location(&ended));
        assert!(
            desk.page(location(&ended))
                .await
                .contains("The session is ended.")
        );
    }
    for cookie in [&known, &other] {
        assert_eq!(house.visit(cookie).await, StatusCode::UNAUTHORIZED);
    }
    let device = value(&desk.page(&at(&anna, "/sessions")).await, "device");
    let foreign = desk
        .post(&at(&berta, "/sessions/forget"), &[("device", &device)])
        .await;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND);
    let forgotten = desk
        .post(&at(&anna, "/sessions/forget"), &[("device", &device)])
        .await;
    assert_eq!(forgotten.status, StatusCode::SEE_OTHER);
    let page = desk.page(&at(&anna, "/sessions")).await;
    assert!(!page.contains("name=\"device\"") && page.contains("Nowhere."), "{page}");
}

/// The value of the first field of this name.
fn value(page: &str, name: &str) -> String {
    let field = page.split(&format!("name=\"{name}\" value=\"")).nth(1);
    let value = field.and_then(|rest| rest.split('"').next());
    value
        .unwrap_or_else(|| panic!("no {name} in {page}"))
        .to_owned()
}

#[tokio::test]
async fn history_tells_field_by_field_and_goes_on() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    for number in 0..51 {
        let mut change = portcullis::admin::PersonChange::default();
        change
            .name(&format!("<i>Anna {number}</i>"))
            .expect("a name");
        let target = anna.id.into();
        let saved = house
            .test
            .admin()
            .update(&Actor::System, &target, change)
            .await;
        assert!(saved.expect("a change").changed);
    }
    let page = desk.page(&at(&anna, "/history")).await;
    assert!(page.contains("&#60;i&#62;Anna 49&#60;/i&#62;</td>"), "{page}");
    assert!(!page.contains("<i>Anna"), "{page}");
    assert!(page.contains("Portcullis itself"), "{page}");
    let next = page
        .split("/history?before=")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let older = desk
        .page(&at(&anna, &format!("/history?before={}", next.expect("more"))))
        .await;
    assert!(older.contains("added") && !older.contains("Older records"), "{older}");
}

#[tokio::test]
async fn who_is_not_there_is_said() {
    let house = House::new().await;
    let desk = house.desk().await;
    for path in ["/console/users/99", "/console/users/0", "/console/users/x", "/console/users/-1"] {
        for end in ["", "/sessions", "/attempts", "/records", "/history", "/do/lock"] {
            let answer = desk.get(&format!("{path}{end}")).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}{end}");
        }
    }
    let gone = house.test.account("gone").await;
    house.test.delete(&gone).await;
    let page = desk.page(&at(&gone, "")).await;
    assert!(page.contains("The login can never be used again."), "{page}");
    assert!(!page.contains("<form method=\"post\" action=\"/console/users/"), "{page}");
    let refused = desk.post(&at(&gone, "/do/unlock"), &[]).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND);
    house.test.clock().advance(Duration::from_secs(1));
    assert!(house.staff("eve", &[Permission::ViewUsers]).await.id != gone.id);
}
