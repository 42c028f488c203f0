//! The list of people from page to page: in order, and with whom was ticked; and
//! what no list is made of.

use http::StatusCode;

use super::listed;
use crate::console::House;

/// After whom the next page goes on.
fn after(page: &str) -> Option<&str> {
    let button = page.split("name=\"after\" value=\"").nth(1);
    button.and_then(|rest| rest.split('"').next())
}

#[tokio::test]
async fn pages_go_on_where_the_one_before_ended() {
    let house = House::new().await;
    let desk = house.desk().await;
    for number in 0..120 {
        house.test.account(&format!("p{number:03}")).await;
    }
    let mut address = "/console/users?q=p&sort=-login".to_owned();
    let mut all = Vec::new();
    for pages in 1..=3 {
        let page = desk.page(&address).await;
        all.extend(listed(&page));
        assert_eq!(page.contains("First page"), pages > 1, "{address}");
        let next = after(&page);
        assert_eq!(next.is_some(), pages < 3, "{address}");
        address = format!("/console/users?q=p&sort=-login&after={}", next.unwrap_or_default());
    }
    let expected: Vec<_> = (0..120)
        .rev()
        .map(|number| format!("p{number:03}"))
        .collect();
    assert_eq!(all, expected);
}

#[tokio::test]
async fn a_list_by_status_goes_from_page_to_page_and_back_again() {
    let house = House::new().await;
    let desk = house.desk().await;
    for number in 0..60 {
        let one = house.test.account(&format!("p{number:02}")).await;
        match number {
            0..5 => house.test.lock(&one).await,
            7 => house.test.disable(&one).await,
            _ => {}
        }
    }
    house.test.invited("p99").await;
    for (sort, ends) in [("status", ("p00", "p59")), ("-status", ("p59", "p00"))] {
        let (mut all, mut next) = (Vec::new(), Some(String::new()));
        while let Some(after_whom) = next {
            let page = desk
                .page(&format!("/console/users?q=p&sort={sort}&after={after_whom}"))
                .await;
            all.extend(listed(&page));
            next = after(&page).map(str::to_owned);
        }
        assert_eq!((all.len(), all[0].as_str(), all[60].as_str()), (61, ends.0, ends.1), "{sort}");
        let mut middle = all[4..8].to_vec();
        if sort == "-status" {
            middle = all[53..57].iter().rev().cloned().collect();
        }
        assert_eq!(middle, ["p04", "p07", "p99", "p05"], "{sort}");
        let once: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(once.len(), 61, "{sort}");
    }
    let answer = desk.get("/console/users?sort=status&after=deleted.7").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn ticks_are_kept_from_page_to_page() {
    let house = House::new().await;
    let desk = house.desk().await;
    let mut ids = Vec::new();
    for number in 0..60 {
        ids.push(house.test.account(&format!("p{number:02}")).await.id);
    }
    let first = desk.page("/console/users?q=p").await;
    assert!(!first.contains("who are not on this page"));
    let turned = format!(
        "/console/users?q=p&id={}&id={}&id={}&after={}",
        ids[1],
        ids[55],
        ids[1],
        after(&first).expect("more")
    );
    let second = desk.page(&turned).await;
    assert!(second.contains("1 chosen who are not on this page"), "{second}");
    let hidden = format!("<input type=\"hidden\" name=\"id\" value=\"{}\">", ids[1]);
    let ticked = format!("name=\"id\" value=\"{}\" checked", ids[55]);
    assert!(second.contains(&hidden) && second.contains(&ticked), "{second}");
    assert_eq!(second.matches(" checked").count(), 1, "{second}");
    let act = desk
        .page(&format!("/console/users/act?q=p&sort=-name&do=lock&id={}&id={}", ids[1], ids[55]))
        .await;
    assert!(act.contains("Lock 2 people?"), "{act}");
    // Behind an act the number is of whom it was about.
    let done = desk
        .page(&format!("/console/users?q=p&done=locked&id={}", ids[55]))
        .await;
    assert!(!done.contains(" checked") && !done.contains("not on this page."), "{done}");
    let answer = desk.get("/console/users?id=x").await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_filter_that_cannot_be_understood_finds_nobody() {
    let house = House::new().await;
    let desk = house.desk().await;
    for (query, words) in [
        ("within=ten", "a number of days"),
        ("before=soon", "Write a day"),
        ("status=deleted", "no such status"),
        ("group=x", "no such group"),
    ] {
        let answer = desk.get(&format!("/console/users?q=zz&{query}")).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        assert!(answer.body.contains(words), "{query}: {}", answer.body);
        assert!(answer.body.contains("<title>Error: "), "{query}");
        assert!(answer.body.contains("value=\"zz\""), "what was typed is there still");
        assert_eq!(listed(&answer.body), Vec::<String>::new(), "{query}");
        // The same filter is no way to everybody.
        let act = desk
            .get(&format!("/console/users/act?do=lock&all=yes&{query}"))
            .await;
        assert_eq!(act.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        let file = desk
            .get(&format!("/console/users/export.csv?{query}"))
            .await;
        assert_eq!(file.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
    }
    let after = desk.get("/console/users?after=x").await;
    assert_eq!(after.status, StatusCode::UNPROCESSABLE_ENTITY);
}
