//! The list of tokens: its pages, its search, and what it says of scopes.

use std::time::Duration;

use http::StatusCode;
use portcullis::admin::Actor;
use portcullis::domain::permission::Permission;

use super::super::House;
use super::{MANAGE, NEW, given, make};

/// The names of the tokens on a page, in its order.
fn listed(page: &str) -> Vec<&str> {
    let rows = page
        .split("<tr><th scope=\"row\"><span dir=\"auto\">")
        .skip(1);
    rows.filter_map(|row| row.split('<').next()).collect()
}

#[tokio::test]
async fn tokens_are_listed_page_by_page_and_found_by_name_and_login() {
    let house = House::new().await;
    let desk = house.desk().await;
    let (anna, berta) = (house.test.account("anna").await, house.test.account("berta").await);
    let mut made = Vec::new();
    for number in 0..120 {
        let owner = if number % 2 == 0 { &anna } else { &berta };
        made.push((number, given(&house, owner, &format!("t{number:03}")).await));
        house.test.clock().advance(Duration::from_secs(1));
    }
    let first = desk.page("/console/tokens").await;
    let next = |page: &str| {
        let rest = page.split("rel=\"next\" href=\"").nth(1)?;
        Some(rest.split('"').next()?.replace("&#38;", "&"))
    };
    assert_eq!((listed(&first).len(), listed(&first)[0]), (50, "t119"));
    // One that goes meanwhile, be it the last of the page, moves nobody else.
    let (_, last) = made[70];
    house
        .test
        .admin()
        .revoke_token(&Actor::System, last)
        .await
        .expect("revoked");
    let second = desk.page(&next(&first).expect("more")).await;
    assert_eq!((listed(&second).len(), listed(&second)[0]), (50, "t069"));
    let third = desk.page(&next(&second).expect("more")).await;
    assert_eq!(listed(&third).last(), Some(&"t000"));
    assert_eq!((listed(&third).len(), next(&third)), (20, None));

    let annas = desk.page("/console/tokens?q=ANN").await;
    assert_eq!((listed(&annas).len(), listed(&annas)[0]), (50, "t118"));
    let more = desk.page(&next(&annas).expect("more")).await;
    assert_eq!((listed(&more).len(), more.contains("tokens?q=ANN\"")), (9, true), "{more}");
    let named = desk.page("/console/tokens?q=T11").await;
    assert_eq!(listed(&named).len(), 10);
    let none = desk.page("/console/tokens?q=zz").await;
    assert!(none.contains("No token was found."), "{none}");
    for odd in ["before=x", "before=1.2", "before=", "before=-1.0&before=2"] {
        let page = desk.page(&format!("/console/tokens?{odd}")).await;
        assert_eq!(listed(&page).len(), 50, "{odd}");
    }
}

#[tokio::test]
async fn a_search_tells_nothing_of_people_but_their_login() {
    let house = House::new().await;
    let anna = house.test.account("anna").await;
    house
        .test
        .edit(&anna, |account| {
            account.name = "Secretive".to_owned();
            account.email = Some("hidden@example.com".to_owned());
        })
        .await;
    given(&house, &anna, "one").await;
    house.staff("keeper", MANAGE).await;
    let keeper = house.sign_in("keeper").await;
    for q in ["Secretive", "hidden", "example.com"] {
        let page = keeper.page(&format!("/console/tokens?q={q}")).await;
        assert_eq!(listed(&page).len(), 0, "{q}");
    }
    assert_eq!(listed(&keeper.page("/console/tokens?q=anna").await), ["one"]);
}

#[tokio::test]
async fn scopes_are_told_by_what_they_are_about_in_words_and_as_they_are_written() {
    let house = House::new().await;
    let desk = house.desk().await;
    house.test.account("anna").await;
    let page = desk.page(NEW).await;
    for words in ["<legend>People</legend>", "<legend>Portcullis itself</legend>"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    for permission in Permission::ALL {
        assert!(page.contains(&format!("<code>{permission}</code>")), "{permission}: {page}");
    }
    let fields = [("owner", "anna"), ("scope", "users.unlock"), ("others", "scim_list odd_one")];
    assert_eq!(make(&desk, &fields).await.status, StatusCode::OK);
    let list = desk.page("/console/tokens").await;
    for words in [
        "Let people in whom failed sign-ins locked out <code>users.unlock</code>",
        "As another system says <code>odd_one</code>",
        "As another system says <code>scim_list</code>",
    ] {
        assert!(list.contains(words), "{words}: {list}");
    }
}
