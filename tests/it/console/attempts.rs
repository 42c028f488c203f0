//! Attempts to sign in, as the console tells of them: one person's, all of them in
//! numbers, and what another policy would have made of them.

use std::net::IpAddr;

use portcullis::domain::permission::Permission;

use super::checks::NO_PAGE;
use super::*;

const OFFICE: &str = "198.51.100.7";
const CAFE: &str = "2001:db8:7::1";

/// Tries this password from an address.
async fn try_from(house: &House, login: &str, address: &str, password: &str) -> bool {
    let from: IpAddr = address.parse().expect("an address");
    match house.test.gate().attempt(login, from).await {
        Ok(attempt) => attempt.check_password(password).await.is_ok(),
        Err(_) => false,
    }
}

async fn lock_out(house: &House, login: &str) {
    for wrong in ["one", "two", "three"] {
        try_from(house, login, OFFICE, wrong).await;
    }
    for wrong in ["four", "five"] {
        try_from(house, login, CAFE, wrong).await;
    }
}

#[tokio::test]
async fn a_persons_attempts_are_told_one_by_one() {
    let house = House::new().await;
    let desk = house.desk().await;
    let alice = house.test.account_with_password("alice", PASSWORD).await;
    assert!(try_from(&house, "alice", CAFE, PASSWORD).await);
    lock_out(&house, "Alice").await;
    assert!(!try_from(&house, "alice", OFFICE, PASSWORD).await, "locked out");
    let page = desk
        .page(&format!("/console/users/{}/attempts", alice.id))
        .await;
    assert_eq!(page.matches("Wrong password").count(), 5);
    assert_eq!(page.matches("Refused: locked out").count(), 1);
    assert_eq!(page.matches(">Signed in<").count(), 1);
    assert!(page.contains(OFFICE) && page.contains(CAFE));
    assert!(page.contains("Locked by 5 failed sign-ins from 198.51.100.7 and 2001:db8:7::1"));
}

#[tokio::test]
async fn why_somebody_is_locked_out_names_where_from() {
    let house = House::new().await;
    let desk = house.desk().await;
    let alice = house.test.account_with_password("alice", PASSWORD).await;
    lock_out(&house, "alice").await;
    let why = "Locked by 5 failed sign-ins from 198.51.100.7 and 2001:db8:7::1";
    for path in [format!("/console/users/{}", alice.id), "/console/".to_owned()] {
        let page = desk.page(&path).await;
        assert!(page.contains(why), "{path}: {page}");
    }
    // Whoever may not read the log sees no addresses.
    house.staff("vera", &[Permission::ViewUsers]).await;
    let vera = house.sign_in("vera").await;
    for path in [format!("/console/users/{}", alice.id), "/console/".to_owned()] {
        let page = vera.page(&path).await;
        assert!(page.contains("Locked by 5 failed sign-ins"), "{path}");
        assert!(!page.contains(OFFICE) && !page.contains(CAFE), "{path}");
    }
}

#[tokio::test]
async fn long_stories_are_paged() {
    let house = House::new().await;
    let desk = house.desk().await;
    let alice = house.test.account_with_password("alice", PASSWORD).await;
    for _ in 0..60 {
        try_from(&house, "alice", OFFICE, PASSWORD).await;
    }
    let path = format!("/console/users/{}/attempts", alice.id);
    let page = desk.page(&path).await;
    assert_eq!(page.matches(">Signed in<").count(), 50);
    let (_, rest) = page.split_once("attempts?before=").expect("a way on");
    let number = rest.split('"').next().expect("a number");
    let older = desk.page(&format!("{path}?before={number}")).await;
    assert_eq!(older.matches(">Signed in<").count(), 10);
    assert!(older.contains("Newest attempts") && !older.contains("Older attempts"));
    let none = desk.page(&format!("{path}?before=1")).await;
    assert!(none.contains("No older ones are kept."));
    let odd = desk.page(&format!("{path}?before=%3Cscript%3E")).await;
    assert_eq!(odd.matches(">Signed in<").count(), 50, "what can't be read is no place");
}

#[tokio::test]
async fn the_overview_tells_how_attempts_went_and_where_failures_came_from() {
    let house = House::new().await;
    let desk = house.desk().await;
    house.test.account_with_password("alice", PASSWORD).await;
    lock_out(&house, "alice").await;
    try_from(&house, "nobody@example.test", OFFICE, "guess").await;
    let page = desk.page("/console/").await;
    let row = "<td data-label=\"Failed\">6</td><td data-label=\"Succeeded\">1</td>";
    assert!(page.contains(row), "five at alice, one at nobody; one is this desk's: {page}");
    let (_, sources) = page
        .split_once("Where failures came from")
        .expect("sources");
    let office = sources.find(OFFICE).expect("the office");
    let cafe = sources.find("2001:db8:7::/64").expect("a network of IPv6");
    assert!(office < cafe, "the most first");
    assert!(sources.contains("<td data-label=\"Logins tried\">2</td>"));
    assert!(!page.contains("nobody@example.test"), "nobody's login is told");
    house.staff("vera", &[Permission::ViewUsers]).await;
    let page = house.sign_in("vera").await.page("/console/").await;
    assert!(!page.contains("Where failures came from") && !page.contains(OFFICE));
}

#[tokio::test]
async fn a_policy_is_tried_on_the_attempts_of_the_week() {
    let house = House::new().await;
    let desk = house.desk().await;
    let bob = house.test.account_with_password("bob", PASSWORD).await;
    for wrong in ["one", "two", "three"] {
        try_from(&house, "bob", OFFICE, wrong).await;
    }
    assert!(try_from(&house, "bob", OFFICE, PASSWORD).await);
    let page = desk
        .page("/console/protection/trial?policy=balanced+max_attempts%3D2")
        .await;
    let row = |name: &str, now: u32, then: u32| {
        let row = format!(
            "<th scope=\"row\">{name}</th><td data-label=\"In force\">{now}</td>\
             <td data-label=\"The other\">{then}"
        );
        assert!(page.contains(&row), "{row}\n{page}");
    };
    row("Wrong passwords that would have been looked at", 3, 2);
    row("Wrong passwords refused unseen", 0, 1);
    row("Accounts and unknown logins locked out", 0, 1);
    // This desk's own sign-in is one of two.
    row("Good sign-ins let in", 2, 1);
    row("Good sign-ins refused", 0, 1);
    row("People these were of", 0, 1);
    let now = house
        .test
        .directory()
        .account(bob.id)
        .await
        .expect("a store");
    assert!(now.expect("bob").locks.lockout.is_none(), "looking changes nothing");
    let bad = desk
        .get("/console/protection/trial?policy=balanced+max_attempts%3D0")
        .await;
    assert_eq!(bad.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(bad.body.contains("max_attempts"), "{}", bad.body);
}

#[tokio::test]
async fn only_who_may_change_the_policy_tries_one() {
    let house = House::new().await;
    // Whoever may do no more than read figures does not come into the console.
    let out = [&NO_PAGE[..], &[Permission::ManageSettings]].concat();
    for may in Permission::ALL
        .iter()
        .copied()
        .filter(|may| !out.contains(may))
    {
        let login = format!("p{}", may.as_str().replace('.', "-"));
        house.staff(&login, &[may]).await;
        let desk = house.sign_in(&login).await;
        let status = desk.get("/console/protection/trial").await.status;
        assert!(status.is_client_error(), "{login}: {status}");
    }
}

#[tokio::test]
async fn what_is_older_than_a_week_is_not_tried() {
    let house = House::new().await;
    house.test.account_with_password("bob", PASSWORD).await;
    try_from(&house, "bob", OFFICE, "wrong").await;
    house
        .test
        .clock()
        .advance(Duration::from_secs(8 * 24 * 3600));
    let desk = house.desk().await;
    let page = desk.page("/console/protection/trial").await;
    assert!(page.contains("<p>1 attempt,"), "{page}");
}
