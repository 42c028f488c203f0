//! Whom somebody ticked, also many, through everything that comes between the ticks and the
//! act: pages, searches, orders, and a password that is asked for again.

use std::fmt::Write as _;

use http::StatusCode;
use portcullis::Account;
use portcullis::admin::Actor;
use portcullis::domain::account::AccountId;
use portcullis::domain::standing::Status;

use super::{listed, now, status};
use crate::console::{Desk, House, PASSWORD, kept, location, runs};

/// More than one form may name.
const MANY: usize = 5_000;

/// What a hidden field of this name says.
fn hidden<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let field = page
        .split(&format!("type=\"hidden\" name=\"{name}\" value=\""))
        .nth(1);
    field.and_then(|rest| rest.split('"').next())
}

fn numbers(ids: &[AccountId]) -> String {
    ids.iter().fold(String::new(), |mut query, id| {
        let _ = write!(query, "&id={id}");
        query
    })
}

/// The list where all of these are chosen, a part at a time as its pages do it.
async fn ticked(desk: &Desk<'_>, ids: &[AccountId]) -> String {
    let mut pick = String::new();
    for part in ids.chunks(2_500) {
        // Nobody is shown whom this finds, so that all of them are elsewhere.
        let list = format!("/console/users?q=nobody{pick}{}", numbers(part));
        let page = desk.page(&list).await;
        pick = format!("&pick={}", hidden(&page, "pick").expect("a key"));
    }
    pick
}

/// Gives the password that the answer asks for, and is led on.
async fn confirmed<'a>(desk: &Desk<'a>, asked: &crate::guard::Answer) -> (Desk<'a>, String) {
    let query = location(asked).strip_prefix("/console/confirm?");
    let query = query.expect("their password is asked for").as_bytes();
    let (_, back) = url::form_urlencoded::parse(query).next().expect("a pair");
    let fields = [("password", PASSWORD), ("return_to", &back)];
    let answer = desk.post("/console/confirm", &fields).await;
    assert_eq!(location(&answer), back, "{}", answer.body);
    (Desk { app: desk.app, cookie: kept(&answer) }, back.into_owned())
}

async fn people(house: &House, count: usize) -> Vec<AccountId> {
    let mut ids = Vec::new();
    for number in 0..count {
        ids.push(house.test.account(&format!("p{number:04}")).await.id);
    }
    ids
}

async fn account(house: &House, id: AccountId) -> Account {
    house
        .test
        .admin()
        .record(id)
        .await
        .expect("a store")
        .expect("an account")
}

#[tokio::test]
async fn thousands_who_are_ticked_are_there_after_a_password_was_asked_for() {
    let house = House::new().await;
    let desk = house.desk().await;
    let ids = people(&house, MANY + 1).await;
    let other = account(&house, ids[MANY]).await;
    let cookie = house
        .test
        .sign_in(&account(&house, ids[MANY - 1]).await)
        .await;
    let pick = ticked(&desk, &ids[..MANY]).await;
    let page = desk.page(&format!("/console/users?q=p{pick}")).await;
    assert!(page.contains("4\u{202f}950 chosen who are not on this page"), "{page}");
    assert_eq!(page.matches(" checked aria-label=\"Choose").count(), 50);

    house.wait();
    let asked = desk
        .get(&format!("/console/users/act?do=lock&q=p{pick}"))
        .await;
    assert!(location(&asked).len() < 300, "{}", location(&asked));
    let (desk, back) = confirmed(&desk, &asked).await;
    let page = desk.page(&back).await;
    assert!(page.contains("Lock 5\u{202f}000 people?"), "{page}");
    assert!(page.len() < 100_000, "nobody is sent all of their numbers");
    let key = hidden(&page, "pick").expect("a key");

    // So long that it is asked for once more, when all is said.
    house.wait();
    let fields = [("do", "lock"), ("q", "p"), ("pick", key), ("reason", "a leak"), ("until", "7d")];
    let asked = desk.post("/console/users/act", &fields).await;
    let (desk, back) = confirmed(&desk, &asked).await;
    let page = desk.page(&back).await;
    assert!(page.contains(">a leak</textarea>") && page.contains("\"7d\" selected"), "{page}");
    let begun = desk.post("/console/users/act", &fields).await;
    assert_eq!(location(&begun), "/console/runs/1?done=begun", "{}", begun.body);
    let run = runs::ended(&house, 1).await;
    assert_eq!(run.counts.changed, MANY as u64);
    for id in [ids[0], ids[MANY / 2], ids[MANY - 1]] {
        assert_eq!(status(&house, &account(&house, id).await).await, Status::Locked);
    }
    assert_eq!(house.visit(&cookie).await, StatusCode::FORBIDDEN, "one of them is out");
    assert_eq!(status(&house, &other).await, Status::Active, "nobody else is locked");
}

#[tokio::test]
async fn ticks_are_kept_when_others_are_searched_for_and_in_another_order() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let bert = house.test.account("bert").await;
    let both = numbers(&[anna.id, bert.id]);
    // As a form sends it where nothing was changed, and where something is searched for.
    let page = desk
        .page(&format!("/console/users?q=an&status=&all_of={both}"))
        .await;
    assert_eq!(listed(&page), ["anna"]);
    assert!(page.contains("<strong>1 chosen who are not on this page"), "{page}");
    assert_eq!(hidden(&page, "id"), Some(&*bert.id.to_string()));
    assert!(page.contains(" checked aria-label=\"Choose anna\""), "{page}");
    let page = desk.page(&format!("/console/users?q=nobody{both}")).await;
    assert!(page.contains("2 chosen who") && page.contains("value=\"lock\""), "{page}");

    let sorted = desk
        .get(&format!("/console/users?q=n&by=-name&sort=status{both}"))
        .await;
    assert_eq!(location(&sorted), format!("/console/users?q=n&sort=%2Dname{both}"));
    let page = desk.page(location(&sorted)).await;
    assert!(page.contains(" checked aria-label=\"Choose anna\""), "{page}");
    let all = desk
        .get(&format!("/console/users?q=n&everybody=yes&sort=status{both}"))
        .await;
    assert_eq!(location(&all), format!("/console/users?sort=status{both}"));

    // Many are kept by then, and the address is short.
    let ids = people(&house, 150).await;
    let sorted = desk
        .get(&format!("/console/users?by=name{}", numbers(&ids)))
        .await;
    assert!(location(&sorted).starts_with("/console/users?sort=name&pick="), "{sorted:?}");
    let page = desk.page(&format!("{}&q=p", location(&sorted))).await;
    assert!(page.contains("100 chosen who are not on this page"), "{page}");
    let file = desk
        .get(&location(&sorted).replace("users?", "users/export.csv?"))
        .await;
    assert_eq!(file.body.lines().count(), 151, "the ticked are exported");
}

#[tokio::test]
async fn everyone_who_matches_is_of_the_search_that_was_shown() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    house.test.account("bert").await;
    let page = desk.page("/console/users?q=an&all=yes").await;
    assert!(page.contains("name=\"all\" value=\"yes\" checked"), "{page}");
    assert_eq!(hidden(&page, "all_of"), Some("q=an"));
    let same = desk.page("/console/users?q=an&all=yes&all_of=q%3Dan").await;
    assert!(same.contains("name=\"all\" value=\"yes\" checked"), "{same}");
    let other = desk.page("/console/users?q=&all=yes&all_of=q%3Dan").await;
    assert!(!other.contains(" checked"), "everybody was not chosen: {other}");
    for end in ["act?do=lock&", "export.csv?"] {
        let sent = desk
            .get(&format!("/console/users/{end}q=&all=yes&all_of=q%3Dan"))
            .await;
        assert_eq!(sent.status, StatusCode::UNPROCESSABLE_ENTITY, "{end}");
        assert!(sent.body.contains("The search was changed"), "{}", sent.body);
    }
    let act = desk
        .page("/console/users/act?do=sign-out&q=an&all=yes&all_of=q%3Dan")
        .await;
    assert!(act.contains("Nothing would change") || act.contains("1 person"), "{act}");
    assert_eq!(now(&house, &anna).await.locks.admin_lock, None);
}

#[tokio::test]
async fn what_is_kept_is_of_one_session_and_for_an_hour() {
    let house = House::new().await;
    let desk = house.desk().await;
    house.administrator("eve").await;
    let ids = people(&house, 120).await;
    let pick = ticked(&desk, &ids).await;
    let act = format!("/console/users/act?do=lock{pick}");
    assert!(desk.page(&act).await.contains("Lock 120 people?"));
    let (eve, again) = (house.sign_in("eve").await, house.sign_in("ada").await);
    for other in [&eve, &again] {
        let answer = other.get(&act).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains("is not known any more"), "{}", answer.body);
        let sent = other
            .post("/console/users/act", &[("do", "lock"), ("pick", &pick[6..])])
            .await;
        assert_eq!(sent.status, StatusCode::UNPROCESSABLE_ENTITY);
        let list = other.page(&format!("/console/users?q=p{pick}")).await;
        assert!(list.contains("is not known any more") && !list.contains(" checked"), "{list}");
    }
    for key in ["kept=", "kept=0", "kept=%00&do=lock&id=3"] {
        let answer = desk.get(&format!("/console/users/act?{key}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{key}");
    }
    house.wait();
    assert!(
        desk.page(&format!("/console/users?q=p{pick}"))
            .await
            .contains("70 chosen who")
    );
    house.wait();
    house.wait();
    let list = desk.page(&format!("/console/users?q=p{pick}")).await;
    assert!(list.contains("is not known any more"), "{list}");
    let runs = house.test.admin().runs(&Actor::System, None, 9).await;
    assert!(runs.expect("a store").is_empty(), "nothing was done");
}

#[tokio::test]
async fn so_many_are_chosen_one_by_one_and_no_more() {
    let house = House::new().await;
    let desk = house.desk().await;
    let id = |number: i64| AccountId::try_from(number).expect("a number");
    let ids: Vec<_> = (1..=10_000).map(id).collect();
    let pick = ticked(&desk, &ids).await;
    let full = desk
        .get(&format!("/console/users?q=nobody{pick}&id=10000"))
        .await;
    assert_eq!(full.status, StatusCode::OK, "who is chosen twice is one");
    let more = desk
        .get(&format!("/console/users?q=nobody{pick}&id=10001"))
        .await;
    assert_eq!(more.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(more.body.contains("More than 10 000 people"), "{}", more.body);
}

#[tokio::test]
async fn a_bulk_update_is_as_it_was_filled_in_after_a_password_was_asked_for() {
    let house = House::new().await;
    house.administrator("ada").await;
    let ids = people(&house, 1_000).await;
    let logins: Vec<_> = (0..ids.len())
        .map(|number| format!("p{number:04}"))
        .collect();
    let logins = logins.join("\r\n");
    let fields = [
        ("whom", "named"),
        ("logins", &logins),
        ("locked", "yes"),
        ("reason", "a leak"),
        ("until", "30d"),
    ];
    for path in ["/console/runs/check", "/console/runs"] {
        house.wait();
        let desk = house.sign_in("ada").await;
        house.wait();
        let asked = desk.post(path, &fields).await;
        let (desk, back) = confirmed(&desk, &asked).await;
        let page = desk.page(&back).await;
        for words in ["p0000", "p0999</textarea>", ">a leak<", "\"30d\" selected"] {
            assert!(page.contains(words), "{path}: {words}");
        }
        let check = desk.post("/console/runs/check", &fields).await;
        assert!(check.body.contains("Lock 1\u{202f}000 people"), "{}", check.body);
    }
    let desk = house.sign_in("ada").await;
    let pick = ticked(&desk, &ids).await;
    house.wait();
    let asked = desk.get(&format!("/console/runs/new?{}", &pick[1..])).await;
    let (desk, back) = confirmed(&desk, &asked).await;
    let page = desk.page(&back).await;
    assert!(page.contains("Those whom you ticked in the list (1000)"), "{page}");
}
