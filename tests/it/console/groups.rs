//! Groups in the console: who is in them, who comes in, and what that lets them do.

use http::StatusCode;
use portcullis::Account;
use portcullis::admin::{Actor, GroupChange};
use portcullis::domain::group::{Group, GroupId, GroupName};
use portcullis::domain::permission::Permission;
use portcullis::store::GroupQuery;

use super::checks::{ESCAPED, IN_ADDRESS, MARKUP, NOBODY, everybody, hidden, reach, wrong_at};
use super::{House, location};

const LIST: &str = "/console/groups";
const SEE: &[Permission] =
    &[Permission::ViewUsers, Permission::UnlockUsers, Permission::ManageUsers];
const MANAGE: &[Permission] = &[Permission::ManageUsers];

fn at(group: GroupId, end: &str) -> String {
    format!("{LIST}/{group}{end}")
}

/// A group with these members, who may this.
async fn made(house: &House, name: &str, may: &[Permission], members: &[&Account]) -> Group {
    let mut change = GroupChange::default();
    change.permissions(may.iter().copied().collect());
    for member in members {
        change.members().add(member.id);
    }
    let new = change.into_new(GroupName::new(name).expect("a name"));
    let group = house.test.admin().create_group(&Actor::System, new).await;
    group.expect("a group")
}

async fn members(house: &House, group: GroupId) -> Vec<i64> {
    let found = house
        .test
        .admin()
        .members(&Actor::System, group, None, 100)
        .await;
    found
        .expect("members")
        .iter()
        .map(|one| one.account.get())
        .collect()
}

async fn now(house: &House, group: GroupId) -> Group {
    let found = house.test.admin().group(&Actor::System, group).await;
    found.expect("a group")
}

/// The names of the buttons that put somebody in.
fn suggested(page: &str) -> Vec<&str> {
    let buttons = page.split("name=\"add\" value=\"").skip(1);
    let names = buttons.filter_map(|rest| rest.split("class=\"unseen\"> ").nth(1));
    names.filter_map(|rest| rest.split('<').next()).collect()
}

#[tokio::test]
async fn each_sees_and_does_exactly_their_part() {
    let house = House::new().await;
    let (anna, berta) = (house.test.account("anna").await, house.test.account("berta").await);
    let (in_anna, in_berta) = (anna.id.to_string(), berta.id.to_string());
    for someone in everybody(&house).await {
        let plain = made(&house, "plain", &[], &[&berta]).await;
        let mighty = made(&house, "mighty", &[Permission::ViewAudit], &[&berta]).await;
        for group in [&plain, &mighty] {
            someone.sees(&at(group.id, ""), SEE).await;
            let it_takes = if group.id == plain.id { MANAGE } else { NOBODY };
            for act in [[("login", "anna")], [("remove", &*in_berta)], [("add", &*in_anna)]] {
                let path = at(group.id, "/members");
                someone.does(&house, &path, &act, it_takes).await;
            }
            let version = now(&house, group.id).await.version.get().to_string();
            let rename = [("name", "renamed"), ("version", &*version)];
            someone
                .does(&house, &at(group.id, ""), &rename, it_takes)
                .await;
            let version = now(&house, group.id).await.version.get().to_string();
            let grant = [
                ("name", "renamed"),
                ("version", &*version),
                ("rights", "shown"),
                ("may", "users.manage"),
            ];
            someone
                .does(&house, &at(group.id, ""), &grant, NOBODY)
                .await;
        }
        someone.sees(LIST, SEE).await;
        someone
            .does(&house, LIST, &[("name", "another")], MANAGE)
            .await;
        for group in [&plain, &mighty] {
            let own = someone.held.is_none() || group.id == plain.id;
            let version = now(&house, group.id).await.version.get().to_string();
            let path = at(group.id, "/delete");
            someone.sees(&path, MANAGE).await;
            let it_takes = if own { MANAGE } else { NOBODY };
            someone
                .does(&house, &path, &[("version", &*version)], it_takes)
                .await;
        }
    }
}

#[tokio::test]
async fn no_other_site_does_anything() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let group = made(&house, "crew", &[], &[&anna]).await;
    let (version, id) = (group.version.get().to_string(), anna.id.to_string());
    let before = reach(&house).await;
    for (path, fields) in [
        (LIST.to_owned(), vec![("name", "x")]),
        (at(group.id, ""), vec![("name", "x"), ("version", &*version)]),
        (at(group.id, "/members"), vec![("login", "ada")]),
        (at(group.id, "/members"), vec![("remove", &*id)]),
        (at(group.id, "/delete"), vec![("version", &*version)]),
    ] {
        let refused = desk.post_from_elsewhere(&path, &fields).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(reach(&house).await, before);
}

#[tokio::test]
async fn people_are_suggested_by_any_part_of_what_they_are_called() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let berta = house.test.account("berta").await;
    house
        .test
        .edit(&berta, |account| account.name = "Berta Annaberg".to_owned())
        .await;
    house.test.invited("hannah").await;
    let group = made(&house, "crew", &[], &[]).await;
    let found = desk.page(&at(group.id, "?login=ANNA")).await;
    assert_eq!(suggested(&found), ["anna", "hannah", "Berta Annaberg"], "{found}");
    assert!(found.contains("name=\"login\" value=\"ANNA\""), "{found}");
    let field = format!("value=\"{}\"", anna.id);
    assert!(found.contains(&field), "{found}");

    let id = anna.id.to_string();
    let joined = desk
        .post(&at(group.id, "/members"), &[("login", "ANNA"), ("add", &id)])
        .await;
    assert!(location(&joined).ends_with("?done=joined"), "{}", joined.body);
    let named = desk
        .post(&at(group.id, "/members"), &[("login", " BERTA ")])
        .await;
    assert!(location(&named).ends_with("?done=joined"), "{}", named.body);
    assert_eq!(members(&house, group.id).await, [anna.id.get(), berta.id.get()]);
    let again = desk
        .post(&at(group.id, "/members"), &[("login", "anna")])
        .await;
    assert!(location(&again).ends_with("?done=unchanged"), "{}", again.body);
    let left = desk.page(&at(group.id, "?login=anna")).await;
    assert_eq!(suggested(&left), ["hannah"], "who is in it is not suggested");
    let out = desk
        .post(&at(group.id, "/members"), &[("remove", &id)])
        .await;
    assert!(location(&out).ends_with("?done=left"), "{}", out.body);
    assert_eq!(members(&house, group.id).await, [berta.id.get()]);
    assert!(
        desk.page(location(&out))
            .await
            .contains("They are in the group no more.")
    );
}

#[tokio::test]
async fn no_more_than_a_few_are_suggested_and_nobody_to_who_may_not() {
    let house = House::new().await;
    let desk = house.desk().await;
    for number in 0..20 {
        house.test.account(&format!("p{number:02}")).await;
    }
    let group = made(&house, "crew", &[], &[]).await;
    let found = desk.page(&at(group.id, "?login=p")).await;
    assert_eq!(suggested(&found).len(), 8);
    house.staff("looker", &[Permission::ViewUsers]).await;
    let looker = house.sign_in("looker").await;
    let page = looker.page(&at(group.id, "?login=p")).await;
    assert!(suggested(&page).is_empty() && !page.contains("name=\"login\""), "{page}");
}

#[tokio::test]
async fn what_is_wrong_is_said_beside_its_field_and_what_was_typed_stays() {
    let house = House::new().await;
    let desk = house.desk().await;
    house.test.account("anna").await;
    let group = made(&house, "crew", &[], &[]).await;
    let before = reach(&house).await;
    let long = "x".repeat(1000);
    for bad in ["", " ", &long] {
        wrong_at(&desk.post(LIST, &[("name", bad)]).await, "name", "name");
    }
    let version = group.version.get().to_string();
    let fields = [
        ("version", &*version),
        ("name", &*long),
        ("rights", "shown"),
        ("may", "users.unlock"),
        ("may", "audit.view"),
    ];
    let answer = desk.post(&at(group.id, ""), &fields).await;
    wrong_at(&answer, "name", "name");
    for kept in [&*long, "value=\"users.unlock\" checked", "value=\"audit.view\" checked"] {
        assert!(answer.body.contains(kept), "{}", answer.body);
    }
    let stale = [("version", "99"), ("name", MARKUP)];
    let answer = desk.post(&at(group.id, ""), &stale).await;
    wrong_at(&answer, "form", "changed meanwhile");
    assert!(
        answer
            .body
            .contains(&format!("name=\"name\" value=\"{ESCAPED}\""))
    );
    for (typed, words) in [("", "Say who comes in"), ("ann", "ann"), (MARKUP, ESCAPED)] {
        let answer = desk
            .post(&at(group.id, "/members"), &[("login", typed)])
            .await;
        wrong_at(&answer, "login", words);
        let kept = format!("name=\"login\" value=\"{}\"", typed.replace(MARKUP, ESCAPED));
        assert!(answer.body.contains(&kept), "{kept}: {}", answer.body);
        assert!(!answer.body.contains("<script>alert"), "{}", answer.body);
        let expected: &[&str] = if typed == "ann" { &["anna"] } else { &[] };
        assert_eq!(suggested(&answer.body), expected, "somebody like that may be meant");
    }
    for odd in [[("add", "x")], [("remove", "0")]] {
        let status = desk.post(&at(group.id, "/members"), &odd).await.status;
        assert_eq!(status, StatusCode::NOT_FOUND, "{odd:?}");
    }
    let nobody = desk
        .post(&at(group.id, "/members"), &[("add", "4711")])
        .await;
    assert!(nobody.status.is_client_error(), "{}", nobody.body);
    assert_eq!(reach(&house).await, before);
    for odd in ["/x", "/0", "/4711", "/4711/delete"] {
        let status = desk.get(&format!("{LIST}{odd}")).await.status;
        assert_eq!(status, StatusCode::NOT_FOUND, "{odd}");
    }
}

#[tokio::test]
async fn permissions_are_told_in_words_and_take_the_password_again() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.staff("anna", &[]).await;
    let group = made(&house, "crew", &[], &[&anna]).await;
    let page = desk.page(&at(group.id, "")).await;
    assert!(page.contains("Read the audit log<small><code>audit.view</code></small>"), "{page}");
    let version = hidden(&page, "version");
    let fields =
        [("name", "crew"), ("version", &*version), ("rights", "shown"), ("may", "audit.view")];
    let refused = house.attempt("anna", super::PASSWORD).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN, "there is nothing for her yet");
    let saved = desk.post(&at(group.id, ""), &fields).await;
    assert!(location(&saved).ends_with("?done=saved"), "{}", saved.body);
    let annas = house.sign_in("anna").await;
    assert_eq!(annas.get("/console/audit").await.status, StatusCode::OK);
    let list = desk.page(LIST).await;
    assert!(list.contains("Read the audit log <code>audit.view</code>"), "{list}");

    house.wait();
    let before = reach(&house).await;
    let page = desk.page(&at(group.id, "")).await;
    assert!(!page.contains("name=\"may\"") && !page.contains("name=\"rights\""), "{page}");
    assert!(page.contains("Read the audit log <code>audit.view</code>"), "{page}");
    let way = format!("/console/confirm?return_to={}", at(group.id, ""));
    assert!(page.contains(&way), "{page}");
    let version = hidden(&page, "version");
    let fields = [("name", "crew"), ("version", &*version), ("rights", "shown")];
    assert_eq!(location(&desk.post(&at(group.id, ""), &fields).await), way);
    assert_eq!(reach(&house).await, before);
    // A new name takes none, and leaves the permissions alone.
    let fields = [("name", "team"), ("version", &*version)];
    let saved = desk.post(&at(group.id, ""), &fields).await;
    assert!(location(&saved).ends_with("?done=saved"), "{}", saved.body);
    let found = now(&house, group.id).await;
    assert_eq!(found.name.as_str(), "team");
    assert!(found.permissions.allow(Permission::ViewAudit));
}

#[tokio::test]
async fn deleting_says_who_loses_what_and_takes_the_password_again() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let group = made(&house, MARKUP, &[Permission::ViewAudit], &[&anna]).await;
    let look = desk.page(&at(group.id, "/delete")).await;
    assert!(look.contains("Its 1 member stays, and can no more: Read the audit log"), "{look}");
    let version = hidden(&look, "version");
    let stale = desk
        .post(&at(group.id, "/delete"), &[("version", "99")])
        .await;
    assert_eq!(stale.status, StatusCode::CONFLICT, "{}", stale.body);
    house.wait();
    let way = format!("/console/confirm?return_to={}", at(group.id, "/delete"));
    assert_eq!(location(&desk.get(&at(group.id, "/delete")).await), way);
    let asked = desk
        .post(&at(group.id, "/delete"), &[("version", &version)])
        .await;
    assert_eq!(location(&asked), way);
    assert_eq!(now(&house, group.id).await.version, group.version);
    let desk = house.sign_in("ada").await;
    let done = desk
        .post(&at(group.id, "/delete"), &[("version", &version)])
        .await;
    assert!(location(&done).ends_with("?done=deleted"), "{}", done.body);
    let left = house
        .test
        .admin()
        .groups(&Actor::System, GroupQuery::default())
        .await;
    assert!(left.expect("groups").groups.is_empty());
}

#[tokio::test]
async fn what_people_wrote_is_never_markup() {
    let house = House::new().await;
    let desk = house.desk().await;
    let eve = house.test.account("eve").await;
    house
        .test
        .edit(&eve, |account| account.name = MARKUP.to_owned())
        .await;
    let group = made(&house, MARKUP, &[Permission::ViewUsers], &[&eve]).await;
    let empty = made(&house, "empty", &[], &[]).await;
    for path in [
        LIST.to_owned(),
        at(group.id, ""),
        at(group.id, "/delete"),
        at(empty.id, "?login=eve"),
        at(empty.id, &format!("?login={IN_ADDRESS}")),
        "/console/audit".to_owned(),
    ] {
        let page = desk.page(&path).await;
        assert!(!page.contains("<script>alert") && page.contains(ESCAPED), "{path}: {page}");
    }
}

#[tokio::test]
async fn long_lists_go_on_where_the_page_before_ended() {
    let house = House::new().await;
    let desk = house.desk().await;
    let mut people = Vec::new();
    for number in 0..60 {
        people.push(house.test.account(&format!("p{number:02}")).await);
    }
    let everyone: Vec<_> = people.iter().collect();
    let group = made(&house, "crew", &[], &everyone).await;
    for number in 0..50 {
        made(&house, &format!("g{number:02}"), &[], &[]).await;
    }
    let first = desk.page(&at(group.id, "")).await;
    assert_eq!(first.matches("name=\"remove\"").count(), 50);
    let next = format!("{}?after={}", at(group.id, ""), people[49].id);
    assert!(first.contains(&next), "{first}");
    assert_eq!(desk.page(&next).await.matches("name=\"remove\"").count(), 10);
    let first = desk.page(LIST).await;
    assert_eq!(first.matches("<tr><th scope=\"row\">").count(), 50);
    let next = first.split("/console/groups?after=").nth(1).expect("more");
    let next = format!("{LIST}?after={}", next.split('"').next().unwrap_or_default());
    assert!(desk.page(&next).await.contains(">g49<"));
}
