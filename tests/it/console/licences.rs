//! Licences in the console: how many are used, the limit, and what becomes of people who
//! stay away.

use std::time::Duration;

use http::StatusCode;
use portcullis::admin::settings::{INACTIVITY_ACTION, INACTIVITY_AFTER, LICENCE_LIMIT, Pins};
use portcullis::admin::{Actor, InactivityRule};
use portcullis::domain::permission::Permission;
use portcullis::domain::standing::Status;

use super::checks::{ESCAPED, MARKUP, NOBODY, everybody, hidden, reach, wrong_at};
use super::{House, location};

const PAGE: &str = "/console/licences";
const RULE: &str = "/console/licences/inactivity";
const CONFIRM: &str = "/console/licences/inactivity/confirm";
const SEE: &[Permission] =
    &[Permission::ViewUsers, Permission::UnlockUsers, Permission::ManageUsers];
const CHANGE: &[Permission] = &[Permission::ManageSettings];

async fn limit(house: &House) -> Option<u64> {
    let licences = house.test.admin().licences(&Actor::System).await;
    licences.expect("licences").limit
}

async fn rule(house: &House) -> Option<InactivityRule> {
    house.test.admin().inactivity_rule().await.expect("a store")
}

async fn is_kept(house: &House) -> bool {
    let rule = rule(house).await.expect("a rule");
    house
        .test
        .admin()
        .is_confirmed(rule)
        .await
        .expect("a store")
}

async fn set(house: &House, days: &str) {
    let set = house
        .test
        .admin()
        .set_setting(&Actor::System, &INACTIVITY_AFTER, days)
        .await;
    assert!(set.expect("set"));
}

#[tokio::test]
async fn each_sees_and_does_exactly_their_part() {
    let house = House::new().await;
    for (turn, someone) in everybody(&house).await.into_iter().enumerate() {
        set(&house, &format!("{} days", 100 + turn)).await;
        someone.sees(PAGE, SEE).await;
        someone.sees(RULE, NOBODY).await;
        let number = (1000 + turn).to_string();
        someone
            .does(&house, PAGE, &[("limit", &number)], CHANGE)
            .await;
        let seen = house.test.admin().inactivity_rule().await.expect("a store");
        let seen = seen.expect("a rule").days;
        let words = format!(
            "Whoever did not sign in for {seen} days is locked, which keeps the licence in use. \
             Portcullis looks once a day."
        );
        someone
            .does(&house, CONFIRM, &[("rule", &words)], NOBODY)
            .await;
        assert_eq!(is_kept(&house).await, someone.held.is_none(), "{:?}", someone.held);
        let days = (200 + turn).to_string();
        let fields = [("days", &*days), ("action", "lock")];
        someone.does(&house, RULE, &fields, CHANGE).await;
        let page = house.sign_in("who-administers").await.page(PAGE).await;
        assert!(page.contains("name=\"limit\"") && page.contains("name=\"days\""), "{page}");
    }
}

#[tokio::test]
async fn no_other_site_does_anything() {
    let house = House::new().await;
    let desk = house.desk().await;
    set(&house, "90 days").await;
    let words = hidden(&desk.page(RULE).await, "rule");
    let before = reach(&house).await;
    for (path, fields) in [
        (PAGE, vec![("limit", "7")]),
        (RULE, vec![("days", "1"), ("action", "lock")]),
        (CONFIRM, vec![("rule", &*words)]),
    ] {
        let refused = desk.post_from_elsewhere(path, &fields).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(reach(&house).await, before);
}

#[tokio::test]
async fn a_limit_is_set_told_and_taken_away() {
    let house = House::new().await;
    let desk = house.desk().await;
    for login in ["anna", "berta"] {
        house.test.account(login).await;
    }
    let page = desk.page(PAGE).await;
    assert!(page.contains("3 used. There is no limit."), "{page}");
    let done = desk.post(PAGE, &[("limit", " 5 ")]).await;
    let page = desk.page(location(&done)).await;
    assert!(page.contains("3 used of 5. 2 left.") && page.contains("The limit is changed"));
    desk.post(PAGE, &[("limit", "2")]).await;
    let page = desk.page(PAGE).await;
    assert!(page.contains("That is 1 more than there are"), "{page}");
    let same = desk.post(PAGE, &[("limit", "2")]).await;
    assert!(location(&same).ends_with("done=unchanged"), "{}", same.body);
    let before = reach(&house).await;
    for bad in ["0", "-1", "many", "1.5", "99999999999999999999", MARKUP] {
        let answer = desk.post(PAGE, &[("limit", bad)]).await;
        wrong_at(&answer, "limit", "limit");
        let kept = format!("value=\"{}\"", bad.replace(MARKUP, ESCAPED));
        assert!(answer.body.contains(&kept), "{kept}: {}", answer.body);
        assert!(!answer.body.contains("<script>alert"), "{}", answer.body);
    }
    assert_eq!((reach(&house).await, limit(&house).await), (before, Some(2)));
    let done = desk.post(PAGE, &[("limit", "")]).await;
    assert!(location(&done).ends_with("done=unlimited"), "{}", done.body);
    assert_eq!(limit(&house).await, None);
    house.wait();
    for path in [PAGE, RULE, CONFIRM] {
        let fields = [("limit", "7"), ("days", "7"), ("action", "lock"), ("rule", "x")];
        let asked = desk.post(path, &fields).await;
        assert!(location(&asked).starts_with("/console/confirm?"), "{path}: {}", asked.body);
    }
    assert_eq!(limit(&house).await, None);
}

#[tokio::test]
async fn the_rule_waits_until_it_was_seen_and_then_is_kept() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let page = desk.page(PAGE).await;
    assert!(page.contains("the rule is off") && !page.contains(&format!("\"{RULE}\">See")));
    assert_eq!(desk.get(RULE).await.status, StatusCode::UNPROCESSABLE_ENTITY);

    let done = desk.post(RULE, &[("days", "30"), ("action", "lock")]).await;
    let page = desk.page(location(&done)).await;
    assert!(page.contains("Whoever did not sign in for 30 days is locked"), "{page}");
    assert!(page.contains("waits until an administrator has seen whom it hits"), "{page}");
    house.test.clock().advance(Duration::from_secs(31 * 86_400));
    let desk = house.sign_in("ada").await;
    let before = reach(&house).await;
    let look = desk.page(RULE).await;
    assert!(look.contains("1 person is locked, and signed out everywhere."), "{look}");
    assert_eq!((reach(&house).await, is_kept(&house).await), (before, false), "only looked at");

    // What was seen is what is confirmed.
    let words = hidden(&look, "rule").replace("&#39;", "'");
    set(&house, "10 days").await;
    let stale = desk.post(CONFIRM, &[("rule", &words)]).await;
    assert_eq!(stale.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(stale.body.contains("Look again") && !is_kept(&house).await, "{}", stale.body);
    let words = hidden(&desk.page(RULE).await, "rule");
    let kept = desk.post(CONFIRM, &[("rule", &words)]).await;
    assert!(location(&kept).ends_with("done=rule-kept"), "{}", kept.body);
    assert!(is_kept(&house).await);
    assert!(!desk.page(RULE).await.contains("Keep the rule"), "it is kept already");
    let run = house
        .test
        .admin()
        .keep_inactivity_rule()
        .await
        .expect("kept");
    let run = run.expect("a run").id;
    house
        .test
        .admin()
        .finish_run(run, |_| {})
        .await
        .expect("finished");
    let found = house
        .test
        .admin()
        .record(anna.id)
        .await
        .expect("a store")
        .expect("anna");
    assert_eq!(found.standing().status(house.test.clock().wall()), Status::Locked);
    let off = desk.post(RULE, &[("days", ""), ("action", "lock")]).await;
    assert!(location(&off).ends_with("done=rule-off"), "{}", off.body);
    assert_eq!(rule(&house).await, None);
}

#[tokio::test]
async fn a_rule_that_cannot_be_is_said_beside_its_field() {
    let house = House::new().await;
    let desk = house.desk().await;
    let before = reach(&house).await;
    for (days, action, at, words) in [
        ("soon", "lock", "days", "from 1 to 3650"),
        ("0", "lock", "days", "from 1 to 3650"),
        ("3651", "disable", "days", "from 1 to 3650"),
        (MARKUP, "lock", "days", "from 1 to 3650"),
        ("30", "explode", "action", "Choose what becomes"),
        ("30", "disable", "action", "Account disabling is off"),
    ] {
        let answer = desk.post(RULE, &[("days", days), ("action", action)]).await;
        wrong_at(&answer, at, words);
        let kept = format!(
            "name=\"days\" inputmode=\"numeric\" autocomplete=\"off\" value=\"{}\"",
            days.replace(MARKUP, ESCAPED)
        );
        assert!(answer.body.contains(&kept), "{kept}: {}", answer.body);
        let ticked = answer.body.contains("value=\"disable\" checked");
        assert_eq!(ticked, action == "disable", "{}", answer.body);
    }
    assert_eq!((reach(&house).await, rule(&house).await), (before, None));
    house
        .test
        .admin()
        .allow_disabling(&Actor::System, true)
        .await
        .expect("a switch");
    let done = desk
        .post(RULE, &[("days", "30"), ("action", "disable")])
        .await;
    assert!(location(&done).ends_with("done=rule-set"), "{}", done.body);
    let same = desk
        .post(RULE, &[("days", "30 days"), ("action", "disable")])
        .await;
    assert!(location(&same).ends_with("done=unchanged"), "{}", same.body);
    assert!(
        desk.page(PAGE)
            .await
            .contains("is disabled, which frees the licence")
    );
}

#[tokio::test]
async fn what_a_file_says_is_told_and_not_changed_here() {
    let file = "portcullis.toml <b>";
    let pins = Pins::default()
        .with(&LICENCE_LIMIT, "7", file)
        .with(&INACTIVITY_AFTER, "90 days", file)
        .with(&INACTIVITY_ACTION, "lock", file);
    let house = House::with(|console| console, |admin| admin.with_pins(pins)).await;
    let desk = house.desk().await;
    let page = desk.page(PAGE).await;
    assert!(!page.contains("name=\"limit\"") && !page.contains("name=\"days\""), "{page}");
    assert_eq!(
        page.matches("<code>portcullis.toml &#60;b&#62;</code>")
            .count(),
        2,
        "{page}"
    );
    let before = reach(&house).await;
    let refused = desk.post(PAGE, &[("limit", "8")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);
    let refused = desk.post(RULE, &[("days", "8"), ("action", "lock")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", refused.body);
    assert_eq!(reach(&house).await, before);
}
