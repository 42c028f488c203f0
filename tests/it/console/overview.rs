//! The overview: what it counts, whom it names, and what it keeps from whom.

use std::time::Duration;

use http::StatusCode;
use portcullis::admin::Actor;
use portcullis::domain::permission::Permission;

use super::checks::NO_PAGE;
use super::{House, PASSWORD, location};

/// The number on a tile.
fn tile<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let before = page
        .split(&format!("</strong><span class=\"muted\">{name}</span>"))
        .next()?;
    let has = page.len() > before.len();
    before.rsplit("<strong>").next().filter(|_| has)
}

/// The part of a page below a heading, up to the next section.
fn section<'a>(page: &'a str, id: &str) -> &'a str {
    let part = page
        .split(&format!("<h2 id=\"{id}\">"))
        .nth(1)
        .unwrap_or_default();
    part.split("</section>").next().unwrap_or_default()
}

/// Somebody in every state, beside whoever looks.
async fn populate(house: &House) {
    for login in ["anna", "anton"] {
        house.test.account(login).await;
    }
    let lena = house.test.account("lena").await;
    house.test.lock(&lena).await;
    let dora = house.test.account("dora").await;
    house.test.lock_out(&dora).await;
    let dan = house.test.account("dan").await;
    house.test.disable(&dan).await;
    for login in ["ivy", "ida", "igor"] {
        house.test.invited(login).await;
    }
    let gone = house.test.account("gone").await;
    house.test.delete(&gone).await;
}

#[tokio::test]
async fn it_counts_who_is_what() {
    let house = House::new().await;
    let desk = house.desk().await;
    let page = desk.page("/console/").await;
    let none = ["active", "locked", "disabled", "invited"].map(|name| tile(&page, name));
    assert_eq!(none, [Some("1"), Some("0"), Some("0"), Some("0")]);
    assert_eq!(tile(&page, "licences used"), None, "there is no limit");
    populate(&house).await;
    let page = desk.page("/console/").await;
    let counts = ["active", "locked", "disabled", "invited"].map(|name| tile(&page, name));
    assert_eq!(counts, [Some("3"), Some("2"), Some("1"), Some("3")]);
    // A tile leads to as many as it counts.
    for (status, count) in [("active", 3), ("locked", 2), ("disabled", 1), ("invited", 3)] {
        assert!(page.contains(&format!("href=\"/console/users?status={status}\"")), "{page}");
        let listed = desk.page(&format!("/console/users?status={status}")).await;
        assert_eq!(listed.matches("aria-label=\"Choose ").count(), count, "{status}");
    }
    let limited = house
        .test
        .admin()
        .limit_licences(&Actor::System, Some(10))
        .await;
    assert!(limited.expect("a store"));
    let page = desk.page("/console/").await;
    assert_eq!(tile(&page, "licences used"), Some("5 / 10"));
}

#[tokio::test]
async fn it_says_how_closely_the_gateway_follows_and_in_which_ways_people_are_locked() {
    let house = House::new().await;
    let desk = house.desk().await;
    let page = desk.page("/console/").await;
    let pace = section(&page, "pace");
    assert!(pace.contains(" behind.") && pace.contains("No lock was laid since"), "{pace}");
    assert!(!page.contains(" by hand"), "{page}");
    populate(&house).await;
    let page = desk.page("/console/").await;
    assert!(page.contains("1 by hand, 1 for failed sign-ins"), "{page}");
}

#[tokio::test]
async fn it_names_who_is_locked_out_until_that_ends() {
    let house = House::new().await;
    let desk = house.desk().await;
    let page = desk.page("/console/").await;
    assert!(section(&page, "out").contains("Nobody."), "{page}");
    populate(&house).await;
    let page = desk.page("/console/").await;
    let out = section(&page, "out");
    assert!(
        out.contains("dora") && out.contains("opens <time datetime=\"2027-01-15T08:05:00Z\">"),
        "{out}"
    );
    assert!(!out.contains("lena"), "an administrator locked her: {out}");
    assert_eq!(out.matches("class=\"person\"").count(), 1, "{out}");
    house.test.clock().advance(Duration::from_secs(300));
    let page = desk.page("/console/").await;
    assert!(section(&page, "out").contains("Nobody."), "{page}");
}

#[tokio::test]
async fn its_chart_counts_lockouts_and_locks_of_each_day() {
    let house = House::new().await;
    let desk = house.desk().await;
    let page = desk.page("/console/").await;
    assert!(section(&page, "lately").contains("None."), "{page}");
    populate(&house).await;
    let page = desk.page("/console/").await;
    let lately = section(&page, "lately");
    let today = "<td data-label=\"Locked out\">1</td><td data-label=\"Locked\">1</td>";
    assert!(lately.contains(today), "{lately}");
    let before = "<td data-label=\"Locked out\">0</td><td data-label=\"Locked\">0</td>";
    assert_eq!(lately.matches(before).count(), 13, "{lately}");
}

#[tokio::test]
async fn names_on_it_are_text() {
    let house = House::new().await;
    let desk = house.desk().await;
    let bad = house.test.account("bad").await;
    house
        .test
        .edit(&bad, |account| account.name = "<b>\"Bad'".to_owned())
        .await;
    house.test.lock_out(&bad).await;
    let page = desk.page("/console/").await;
    assert!(page.contains("&#60;b&#62;&#34;Bad&#39;") && !page.contains("<b>"), "{page}");
}

/// Each permission alone: who sees the overview, and what of it.
#[tokio::test]
async fn it_shows_nobody_what_they_may_not_see() {
    for may in Permission::ALL {
        let house = House::new().await;
        populate(&house).await;
        house.staff("nina", &[may]).await;
        let admitted = house.attempt("nina", PASSWORD).await;
        if admitted.status != StatusCode::SEE_OTHER {
            assert!(NO_PAGE.contains(&may), "{may}");
            assert_eq!(admitted.status, StatusCode::FORBIDDEN);
            assert!(!admitted.body.contains("dora"), "{}", admitted.body);
            continue;
        }
        let desk = house.sign_in("nina").await;
        let answer = desk.get("/console/").await;
        let first = match may {
            Permission::ManageSettings => "/console/protection",
            Permission::ViewAudit => "/console/audit",
            Permission::ManageTokens => "/console/tokens",
            _ => {
                assert_eq!(answer.status, StatusCode::OK, "{may}");
                assert!(answer.body.contains("dora"), "{may}");
                assert_eq!(tile(&answer.body, "locked"), Some("2"), "{may}");
                assert!(!answer.body.contains("<h2 id=\"lately\">"), "{may}");
                assert!(!answer.body.contains("href=\"/console/audit\""), "{may}");
                continue;
            }
        };
        assert_eq!((answer.status, location(&answer)), (StatusCode::SEE_OTHER, first), "{may}");
        assert!(!answer.body.contains("dora"), "{may}");
    }
    let house = House::new().await;
    populate(&house).await;
    house
        .staff("nina", &[Permission::ViewUsers, Permission::ViewAudit])
        .await;
    let page = house.sign_in("nina").await.page("/console/").await;
    assert!(page.contains("<h2 id=\"lately\">"), "{page}");
}

/// It has nothing to send: whatever is posted to it changes nothing.
#[tokio::test]
async fn it_takes_no_forms() {
    let house = House::new().await;
    let desk = house.desk().await;
    let answers =
        [desk.post("/console/", &[]).await, desk.post_from_elsewhere("/console/", &[]).await];
    for answer in answers {
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    }
}
