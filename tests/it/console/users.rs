//! The list of people, and what is done from it.

mod kept;
mod paged;

use std::time::Duration;

use http::StatusCode;
use portcullis::Account;
use portcullis::admin::{Actor, GroupChange};
use portcullis::domain::group::GroupName;
use portcullis::domain::permission::Permission;
use portcullis::domain::standing::Status;

use super::{House, location};

/// The logins on a page, in its order.
fn listed(page: &str) -> Vec<String> {
    let boxes = page.split("aria-label=\"Choose ").skip(1);
    boxes
        .map(|part| part.split('"').next().unwrap_or_default().to_owned())
        .collect()
}

async fn now(house: &House, account: &Account) -> Account {
    let found = house.test.admin().record(account.id).await;
    found.expect("a store").expect("an account")
}

async fn status(house: &House, account: &Account) -> Status {
    let wall = house.test.clock().wall();
    now(house, account).await.standing().status(wall)
}

#[tokio::test]
async fn people_are_searched_and_filtered() {
    let house = House::new().await;
    let desk = house.desk().await;
    for login in ["anna", "anton", "berta"] {
        house.test.account(login).await;
    }
    let locked = house.test.account("carl").await;
    house.test.lock(&locked).await;
    let out = house.test.account("dora").await;
    house.test.lock_out(&out).await;
    house.test.invited("emil").await;
    for (query, expected) in [
        ("", vec!["ada", "anna", "anton", "berta", "carl", "dora", "emil"]),
        ("?q=AN", vec!["anna", "anton"]),
        ("?status=locked", vec!["carl", "dora"]),
        ("?status=locked-out", vec!["dora"]),
        ("?status=invited", vec!["emil"]),
        ("?q=an&status=locked", vec![]),
        ("?admins=yes", vec!["ada"]),
        ("?sort=-login&q=an", vec!["anton", "anna"]),
    ] {
        let page = desk.page(&format!("/console/users{query}")).await;
        assert_eq!(listed(&page), expected, "{query}");
    }
    let page = desk.page("/console/users?q=nobody").await;
    assert!(page.contains("Nobody was found."), "{page}");
}

#[tokio::test]
async fn people_are_found_by_when_they_came_last() {
    let house = House::new().await;
    let old = house.test.account("old").await;
    house.test.sign_in(&old).await;
    house.test.account("never").await;
    house.test.clock().advance(Duration::from_secs(40 * 86_400));
    let desk = house.desk().await;
    for (query, expected) in [
        ("within=30", vec!["ada"]),
        ("within=41", vec!["ada", "old"]),
        ("before=2027-01-20", vec!["never", "old"]),
        ("before=2027-01-15", vec!["never"]),
        ("never=yes", vec!["never"]),
    ] {
        let page = desk.page(&format!("/console/users?{query}")).await;
        assert_eq!(listed(&page), expected, "{query}");
    }
}

#[tokio::test]
async fn people_are_found_by_their_group() {
    let house = House::new().await;
    let desk = house.desk().await;
    let (anna, _) = (house.test.account("anna").await, house.test.account("berta").await);
    let name = GroupName::new("Crew <b>").expect("a name");
    let mut change = GroupChange::default();
    change.members().add(anna.id);
    let new = change.into_new(name);
    let group = house.test.admin().create_group(&Actor::System, new).await;
    let group = group.expect("a group").id;
    let page = desk.page(&format!("/console/users?group={group}")).await;
    assert_eq!(listed(&page), ["anna"]);
    assert!(page.contains("Crew &#60;b&#62;") && !page.contains("Crew <b>"), "{page}");
}

#[tokio::test]
async fn what_people_wrote_is_never_markup() {
    let house = House::new().await;
    let desk = house.desk().await;
    let eve = house.test.account("eve").await;
    let markup = "\"><script>alert(1)</script>";
    house
        .test
        .edit(&eve, |account| account.name = markup.to_owned())
        .await;
    let id = eve.id.to_string();
    let fields = [("do", "lock"), ("id", &id), ("reason", markup)];
    assert_eq!(desk.post("/console/users/act", &fields).await.status, StatusCode::SEE_OTHER);
    let query = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    for path in [
        "/console/users".to_owned(),
        format!("/console/users?q={query}"),
        format!("/console/users?before={query}"),
        format!("/console/users?within={query}&sort={query}"),
        format!("/console/users/act?do=unlock&id={id}&q={query}"),
        format!("/console/users?done=locked&id={id}"),
        format!("/console/runs/new?q={query}&reason={query}"),
    ] {
        let page = desk.get(&path).await.body;
        assert!(!page.contains("<script>alert"), "{path}: {page}");
    }
    let page = desk.page("/console/users").await;
    assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
}

#[tokio::test]
async fn a_lock_is_told_first_and_ends_sessions_at_once() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let cookie = house.test.sign_in(&anna).await;
    house.test.sign_in(&anna).await;
    let path = format!("/console/users/act?do=lock&id={}&q=an", anna.id);
    let page = desk.page(&path).await;
    assert!(page.contains("anna is signed out of 2 sessions now"), "{page}");
    assert_eq!(house.visit(&cookie).await, StatusCode::OK, "a look changes nothing");

    let id = anna.id.to_string();
    let late = [("do", "lock"), ("id", &id), ("until", "day"), ("until_day", "2020-01-01")];
    let refused = desk.post("/console/users/act", &late).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("has begun already") && refused.body.contains("Error: "));
    assert_eq!(house.visit(&cookie).await, StatusCode::OK, "nothing was done");

    let fields = [("do", "lock"), ("id", &id), ("q", "an"), ("reason", "left"), ("until", "1d")];
    let done = desk.post("/console/users/act", &fields).await;
    assert!(location(&done).starts_with("/console/users?q=an&done=locked&n=2"), "{done:?}");
    assert_ne!(house.visit(&cookie).await, StatusCode::OK);
    let page = desk.page(location(&done)).await;
    assert!(page.contains("anna is locked and signed out of 2 sessions. It took hold"), "{page}");
    assert!(page.contains("do=unlock&#38;id=") || page.contains("do=unlock&amp;id="), "{page}");
    assert!(page.contains("<bdi>left</bdi>, until"), "{page}");

    let again = desk.post("/console/users/act", &fields[..3]).await;
    assert!(location(&again).contains("done=locked"), "a longer end: {again:?}");
    let again = desk.post("/console/users/act", &fields[..3]).await;
    assert!(location(&again).contains("done=unchanged"), "{again:?}");

    let fields = [("do", "unlock"), ("id", id.as_str())];
    let undone = desk.post("/console/users/act", &fields).await;
    assert!(location(&undone).contains("done=unlocked"), "{undone:?}");
    assert_eq!(status(&house, &anna).await, Status::Active);
}

#[tokio::test]
async fn signing_out_ends_sessions_and_locks_nobody() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let cookie = house.test.sign_in(&anna).await;
    let id = anna.id.to_string();
    let done = desk
        .post("/console/users/act", &[("do", "sign-out"), ("id", &id)])
        .await;
    assert!(location(&done).contains("done=signed-out&n=1"), "{done:?}");
    assert_ne!(house.visit(&cookie).await, StatusCode::OK);
    assert_eq!(status(&house, &anna).await, Status::Active);
}

#[tokio::test]
async fn nobody_locks_themselves_or_is_nobody() {
    let house = House::new().await;
    let desk = house.desk().await;
    let ada = house
        .test
        .admin()
        .account(&"ada".into())
        .await
        .expect("ada");
    let id = ada.id.to_string();
    let page = desk
        .page(&format!("/console/users/act?do=lock&id={id}"))
        .await;
    assert!(page.contains("nobody locks themselves") && !page.contains("button primary"));
    let refused = desk
        .post("/console/users/act", &[("do", "lock"), ("id", &id)])
        .await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(status(&house, &ada).await, Status::Active);
    for answer in [
        desk.get("/console/users/act?do=lock&q=x").await,
        desk.post("/console/users/act", &[("do", "lock"), ("q", "x")])
            .await,
    ] {
        assert_eq!(location(&answer), "/console/users?q=x&done=nobody");
        assert!(
            desk.page(location(&answer))
                .await
                .contains("Nobody was chosen")
        );
    }
    for (path, expected) in [
        ("/console/users/act?do=melt&id=1", StatusCode::NOT_FOUND),
        ("/console/users/act?do=lock&id=0", StatusCode::UNPROCESSABLE_ENTITY),
        ("/console/users/act?do=lock&id=999", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(desk.get(path).await.status, expected, "{path}");
    }
}

#[tokio::test]
async fn several_are_a_run_of_the_confirmed() {
    let house = House::new().await;
    let desk = house.desk().await;
    let people = [house.test.account("anna").await, house.test.account("anton").await];
    let other = house.test.account("berta").await;
    let cookie = house.test.sign_in(&people[0]).await;
    let path = "/console/users/act?do=lock&all=yes&q=an";
    let page = desk.page(path).await;
    assert!(page.contains("Lock 2 people?"), "{page}");
    let fields = [("do", "lock"), ("all", "yes"), ("q", "an"), ("reason", "left")];
    let begun = desk.post("/console/users/act", &fields).await;
    assert_eq!(location(&begun), "/console/runs/1?done=begun");
    super::runs::ended(&house, 1).await;
    assert_ne!(house.visit(&cookie).await, StatusCode::OK);
    for one in &people {
        assert_eq!(status(&house, one).await, Status::Locked);
    }
    assert_eq!(status(&house, &other).await, Status::Active, "whom the filter leaves out");

    // Whoever came long ago says first that it is them, and comes back.
    house.wait();
    for answer in [desk.get(path).await, desk.post("/console/users/act", &fields).await] {
        let query = location(&answer).strip_prefix("/console/confirm?");
        let query = query
            .expect("their password is asked for")
            .as_bytes()
            .to_vec();
        let (name, back) = url::form_urlencoded::parse(&query).next().expect("a pair");
        assert_eq!(name, "return_to");
        assert!(back.starts_with("/console/users/act?do="), "{back}");
        assert!(back.contains("q=an") && back.contains("&all=yes"), "{back}");
    }
    let runs = house.test.admin().runs(&Actor::System, None, 9).await;
    assert_eq!(runs.expect("a store").len(), 1, "only the first");
}

#[tokio::test]
async fn the_last_administrator_and_oneself_are_refused_before_and_in_a_run() {
    let house = House::new().await;
    let desk = house.desk().await;
    house.test.account("anna").await;
    let page = desk.page("/console/users/act?do=lock&all=yes").await;
    assert!(page.contains("Lock 1 person?"), "{page}");
    assert!(page.contains("<strong dir=\"auto\">ada</strong>"), "{page}");
    let out = desk.page("/console/users/act?do=sign-out&all=yes").await;
    assert!(out.contains("You are among them"), "{out}");
    let none = desk.page("/console/users/act?do=lock&all=yes&q=ada").await;
    assert!(none.contains("Nothing would change") && !none.contains("button primary"), "{none}");
}

#[tokio::test]
async fn an_export_is_what_the_filter_finds_and_calculates_nothing() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    house.test.account("berta").await;
    let name = "=HYPERLINK(\"x\")".to_owned();
    house.test.edit(&anna, |account| account.name = name).await;
    let file = desk.get("/console/users/export.csv?q=an").await;
    assert_eq!(file.header("content-type"), Some("text/csv; charset=utf-8"));
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"users.csv\""));
    let lines: Vec<_> = file.body.lines().collect();
    assert_eq!(lines.len(), 2, "{}", file.body);
    assert!(lines[0].starts_with("login,name,"), "{}", lines[0]);
    assert!(lines[1].starts_with("anna,\"'=HYPERLINK("), "{}", lines[1]);
    let ticked = desk
        .get(&format!("/console/users/export.csv?q=zz&id={}", anna.id))
        .await;
    assert_eq!(ticked.body.lines().count(), 2, "those who were ticked: {}", ticked.body);
    for number in 0..1001 {
        house.test.account(&format!("p{number:04}")).await;
    }
    let all = desk.get("/console/users/export.csv").await.body;
    assert_eq!(all.lines().count(), 1 + 3 + 1001, "over all pages, each once");
}

#[tokio::test]
async fn only_what_somebody_may_is_offered_and_done() {
    let house = House::new().await;
    house.administrator("root").await;
    let anna = house.test.account("anna").await;
    let berta = house.test.account("berta").await;
    house.test.lock_out(&anna).await;
    house.test.lock(&berta).await;
    house.staff("viewer", &[Permission::ViewUsers]).await;
    house.staff("helper", &[Permission::UnlockUsers]).await;
    house.staff("auditor", &[Permission::ViewAudit]).await;
    let (a, b) = (anna.id.to_string(), berta.id.to_string());

    let auditor = house.sign_in("auditor").await;
    let viewer = house.sign_in("viewer").await;
    let helper = house.sign_in("helper").await;
    for path in ["/console/users", "/console/users/export.csv", "/console/users/act?do=lock&id=1"] {
        assert_eq!(auditor.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let page = viewer.page("/console/users").await;
    for word in ["value=\"lock\"", "value=\"unlock\"", "value=\"sign-out\"", "runs/new", "Add user"]
    {
        assert!(!page.contains(word), "{word}");
    }
    let page = helper.page("/console/users").await;
    assert!(page.contains("value=\"unlock\"") && !page.contains("value=\"lock\""));
    for act in ["lock", "unlock", "sign-out"] {
        let path = format!("/console/users/act?do={act}&id={a}");
        assert_eq!(viewer.get(&path).await.status, StatusCode::FORBIDDEN, "{act}");
        for desk in [&auditor, &viewer] {
            let sent = desk
                .post("/console/users/act", &[("do", act), ("id", &a)])
                .await;
            assert_eq!(sent.status, StatusCode::FORBIDDEN, "{act}");
        }
        // Several are for whoever may change people.
        let all = [("do", act), ("id", &a), ("id", &b)];
        let sent = helper.post("/console/users/act", &all).await;
        assert_eq!(sent.status, StatusCode::FORBIDDEN, "{act}");
    }
    assert_eq!(status(&house, &anna).await, Status::Locked);
    let helped = helper
        .post("/console/users/act", &[("do", "unlock"), ("id", &a)])
        .await;
    assert!(location(&helped).contains("done=unlocked"), "{helped:?}");
    assert_eq!(status(&house, &anna).await, Status::Active);
    let sent = helper
        .post("/console/users/act", &[("do", "unlock"), ("id", &b)])
        .await;
    assert!(location(&sent).contains("done=unchanged"), "an admin lock stays: {sent:?}");
    assert_eq!(status(&house, &berta).await, Status::Locked);
}

#[tokio::test]
async fn other_sites_and_nobody_do_nothing() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let id = anna.id.to_string();
    let fields = [("do", "lock"), ("id", id.as_str())];
    let sent = desk
        .post_from_elsewhere("/console/users/act", &fields)
        .await;
    assert_eq!(sent.status, StatusCode::FORBIDDEN);
    let nobody = super::Desk { app: &house.app, cookie: String::new() };
    let sent = nobody.post("/console/users/act", &fields).await;
    assert!(location(&sent).starts_with("/console/sign-in"), "{sent:?}");
    let asked = nobody.get("/console/users?q=an").await;
    let back = "/console/sign-in?return_to=/console/users%3Fq%3Dan";
    assert_eq!(location(&asked).replace("%2F", "/"), back);
    // A session of the service is none of the console.
    let own = house.test.sign_in(&anna).await;
    let own = super::Desk { app: &house.app, cookie: own };
    assert!(location(&own.get("/console/users").await).starts_with("/console/sign-in"));
    assert_eq!(status(&house, &anna).await, Status::Active);
    // What a link of another site says was done is not said.
    let page = desk.page("/console/users?done=locked&id=x").await;
    assert!(!page.contains("is locked"), "{page}");
}
