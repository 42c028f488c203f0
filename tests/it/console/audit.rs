//! The audit log in the console: searched, read, exported, and checked.

use std::time::Duration;

use http::StatusCode;
use portcullis::admin::Actor;
use portcullis::domain::event::{Action, Note};
use portcullis::domain::lock::{End, Reason};
use portcullis::domain::permission::Permission;

use super::House;
use super::checks::{ESCAPED, IN_ADDRESS, MARKUP, everybody, hidden, reach, wrong_at};

const PAGE: &str = "/console/audit";
const CHECK: &str = "/console/audit/check";
const READ: &[Permission] = &[Permission::ViewAudit];

/// How many records one request checks.
const PART: u64 = 20_000;

/// The numbers of the records on a page, in its order.
fn listed(page: &str) -> Vec<u64> {
    let links = page.split("href=\"/console/audit/records/").skip(1);
    let numbers = links.filter_map(|rest| rest.split(['"', '?']).next()?.parse().ok());
    numbers.collect()
}

/// Writes so many records that are about nobody.
async fn write(house: &House, records: u64) {
    for number in 0..records {
        let written = house
            .test
            .directory()
            .set_setting("of.this.test", number.to_string(), note(number))
            .await;
        written.expect("written");
    }
}

fn note(number: u64) -> Note {
    Note {
        actor: "system".to_owned(),
        action: Action::SettingChanged,
        reason: number.is_multiple_of(10).then(|| format!("round {number}")),
        from: None,
    }
}

#[tokio::test]
async fn whoever_may_read_the_log_does_and_nobody_else() {
    let house = House::new().await;
    write(&house, 3).await;
    for someone in everybody(&house).await {
        for page in [PAGE, "/console/audit/records/1", "/console/audit/export?format=csv"] {
            someone.sees(page, READ).await;
        }
        someone.does(&house, CHECK, &[], READ).await;
    }
}

#[tokio::test]
async fn no_other_site_begins_a_check() {
    let house = House::new().await;
    let desk = house.desk().await;
    let refused = desk.post_from_elsewhere(CHECK, &[]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(!refused.body.contains("is whole"), "{}", refused.body);
}

#[tokio::test]
async fn records_are_searched_in_words_and_page_by_page() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let anna_made = reach(&house).await;
    house.test.lock(&anna).await;
    let locked = reach(&house).await;
    write(&house, 120).await;
    let last = reach(&house).await;
    let page = desk.page(PAGE).await;
    assert_eq!((listed(&page).len(), listed(&page)[0]), (50, last));
    let next = page.split("rel=\"next\" href=\"").nth(1).expect("more");
    let next = next
        .split('"')
        .next()
        .unwrap_or_default()
        .replace("&#38;", "&");
    assert_eq!(listed(&desk.page(&next).await)[0], last - 50);
    for (query, expected) in [
        ("person=anna", vec![locked, anna_made]),
        ("person=ANNA&action=account.locked", vec![locked]),
        ("action=account.locked", vec![locked]),
        ("action=account.deleted", vec![]),
        ("actor=system&person=anna", vec![locked]),
        ("reason=ROUND%2011", vec![locked + 111]),
        ("until=2020-01-01", vec![]),
        ("since=2099-01-01", vec![]),
        ("address=192.0.2.77", vec![]),
    ] {
        let page = desk.page(&format!("{PAGE}?{query}")).await;
        assert_eq!(listed(&page), expected, "{query}");
    }
    let page = desk.page(&format!("{PAGE}?action=account.locked")).await;
    assert!(page.contains("value=\"account.locked\" selected>Locked somebody</option>"), "{page}");
    for action in Action::ALL {
        let word = action.as_str();
        assert!(page.contains(&format!("<option value=\"{word}\"")), "{word}");
        assert!(!page.contains(&format!(">{word}<")), "{word} stands there as it is");
    }
    let export = desk
        .page("/console/audit/export?format=jsonl&person=anna")
        .await;
    assert_eq!(export.lines().count(), 2, "{export}");
}

#[tokio::test]
async fn a_search_that_cannot_be_is_said_beside_its_field() {
    let house = House::new().await;
    let desk = house.desk().await;
    for (field, bad, words) in [
        ("person", "nobody", "There is nobody called"),
        ("actor", "nobody", "There is nobody called"),
        ("action", "explode", "no action"),
        ("since", "soon", "is no day"),
        ("until", "2030-02-31", "is no day"),
        ("person", IN_ADDRESS, ESCAPED),
        ("action", IN_ADDRESS, ESCAPED),
        ("since", IN_ADDRESS, ESCAPED),
    ] {
        let answer = desk.get(&format!("{PAGE}?reason=kept&{field}={bad}")).await;
        wrong_at(&answer, field, words);
        assert!(answer.body.contains("name=\"reason\" value=\"kept\""), "{}", answer.body);
        if field != "action" {
            let bad = bad.replace(IN_ADDRESS, ESCAPED);
            assert!(answer.body.contains(&format!("value=\"{bad}\"")), "{}", answer.body);
        }
        assert_eq!(listed(&answer.body), Vec::<u64>::new(), "{field}");
        assert!(!answer.body.contains("<script>alert"), "{}", answer.body);
        let file = desk.get(&format!("{PAGE}/export?{field}={bad}")).await;
        assert_eq!(file.status, StatusCode::UNPROCESSABLE_ENTITY, "{field}");
    }
}

#[tokio::test]
async fn a_record_has_a_page_with_all_that_it_says_and_a_way_back() {
    let house = House::new().await;
    let desk = house.desk().await;
    let anna = house.test.account("anna").await;
    let reason = Reason::try_from(MARKUP).expect("a reason");
    let locked = house
        .test
        .admin()
        .lock(&Actor::System, &anna.id.into(), End::Never, Some(reason))
        .await;
    locked.expect("locked");
    let position = reach(&house).await;
    let list = desk.page(&format!("{PAGE}?person=anna")).await;
    assert!(list.contains(&format!("/records/{position}?person=anna\"")), "{list}");
    let page = desk
        .page(&format!("{PAGE}/records/{position}?person=anna"))
        .await;
    for words in [
        "href=\"/console/audit?person=anna\"",
        "<code>account.locked</code>",
        "lock reason",
        ESCAPED,
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(!page.contains("<script>alert") && !list.contains("<script>alert"));
    let odd = desk
        .page(&format!("{PAGE}/records/{position}?person={IN_ADDRESS}"))
        .await;
    assert!(!odd.contains("<script>alert"), "{odd}");
    for missing in ["0", "x", "4711", "18446744073709551615"] {
        let status = desk.get(&format!("{PAGE}/records/{missing}")).await.status;
        assert_eq!(status, StatusCode::NOT_FOUND, "{missing}");
    }
}

#[tokio::test]
async fn what_people_are_called_is_never_markup() {
    let house = House::new().await;
    let desk = house.desk().await;
    let eve = house.test.account("eve").await;
    house
        .test
        .edit(&eve, |account| account.name = MARKUP.to_owned())
        .await;
    for path in [
        format!("{PAGE}/records/{}", reach(&house).await),
        format!("{PAGE}?reason={IN_ADDRESS}"),
        format!("{PAGE}?address={IN_ADDRESS}"),
        format!("{PAGE}?actor=x:{IN_ADDRESS}"),
    ] {
        let page = desk.page(&path).await;
        assert!(!page.contains("<script>alert") && page.contains(ESCAPED), "{path}: {page}");
    }
}

/// What people see first comes at once, also over a slow line.
#[tokio::test]
async fn the_first_page_is_small_however_much_was_done() {
    let house = House::new().await;
    let desk = house.desk().await;
    for number in 0..60 {
        let account = house
            .test
            .account(&format!("somebody-{number}.with-a-long-login"))
            .await;
        house
            .test
            .edit(&account, |account| {
                account.name = format!("Somebody with a name of some length, the {number}th");
                account.email = Some(format!("somebody-{number}@department.example.com"));
                account.details.language = Some("en".to_owned());
                account.details.external_id = Some(format!("hr-{number}"));
            })
            .await;
    }
    let page = desk.page(PAGE).await;
    assert_eq!(listed(&page).len(), 50);
    assert!(page.len() < 60_000, "{} bytes", page.len());
}

#[tokio::test]
async fn a_check_goes_a_part_at_a_time_and_keeps_the_search() {
    let house = House::new().await;
    let desk = house.desk().await;
    let short = desk
        .post(&format!("{CHECK}?action=account.locked"), &[])
        .await;
    let all = reach(&house).await;
    let words = format!("The audit log is whole: all {all} records");
    assert!(short.body.contains(&words), "{}", short.body);
    assert!(short.body.contains("value=\"account.locked\" selected"), "{}", short.body);

    write(&house, 2 * PART).await;
    let all = reach(&house).await;
    let first = desk
        .post(&format!("{CHECK}?action=account.locked"), &[])
        .await;
    assert!(first.body.contains("Checked up to record 20\u{202f}000 of"), "{}", first.body);
    assert!(!first.body.contains("is whole"), "{}", first.body);
    assert!(first.body.contains("value=\"account.locked\" selected"), "{}", first.body);
    assert!(
        first
            .body
            .contains("/audit/check?action=account%2Elocked\" hx-post")
    );
    let after = hidden(&first.body, "after");
    let second = desk.post(CHECK, &[("after", &after)]).await;
    assert!(
        second
            .body
            .contains("Checked up to record 40\u{202f}000 of"),
        "{}",
        second.body
    );
    let after = hidden(&second.body, "after");
    let third = desk.post(CHECK, &[("after", &after)]).await;
    let spaced = format!("{}\u{202f}{:03}", all / 1000, all % 1000);
    let words = format!("The audit log is whole: all {spaced} records");
    assert!(third.body.contains(&words), "{words}: {}", third.body);

    // Whoever says that they came further than they did begins at the beginning.
    for lie in ["39999", "x", "18446744073709551615", "-1"] {
        let begun = desk.post(CHECK, &[("after", lie)]).await;
        assert!(begun.body.contains("up to record 20\u{202f}000 of"), "{lie}: {}", begun.body);
    }
}

#[tokio::test]
async fn times_are_days_of_the_calendar() {
    let house = House::new().await;
    house.administrator("ada").await;
    write(&house, 1).await;
    let early = reach(&house).await;
    house.test.clock().advance(Duration::from_secs(86_400));
    let desk = house.sign_in("ada").await;
    write(&house, 1).await;
    let late = reach(&house).await;
    let page = desk
        .page(&format!("{PAGE}?until=2027-01-15&action=setting.changed"))
        .await;
    assert_eq!(listed(&page), [early]);
    let page = desk
        .page(&format!("{PAGE}?since=2027-01-16&action=setting.changed"))
        .await;
    assert_eq!(listed(&page), [late]);
}
