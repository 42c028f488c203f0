//! Deleting in the console: step by step, said in words before it is done, and looked
//! at until it is.

use std::time::Duration;

use http::StatusCode;
use portcullis::admin::Actor;
use portcullis::admin::settings::{ACCOUNT_DELETION, ACCOUNT_LOGINS_REUSED};
use portcullis::domain::permission::Permission;
use portcullis::domain::standing::Lifecycle;
use portcullis::{Account, SignInError};
use tempfile::TempDir;

use super::{Desk, House, location};
use crate::deletions::App;

/// An office with ada, bob, carol and dora, in this order, and an application.
struct Office {
    house: House,
    app: App,
    bob: Account,
    carol: Account,
    _kept: TempDir,
}

impl Office {
    async fn new() -> Self {
        let kept = crate::stores::folder();
        let app = App::make(kept.path()).await;
        let modules = app.modules();
        let house = House::with(|console| console, |admin| admin.with_modules(modules)).await;
        house.administrator("ada").await;
        let bob = house.test.account("bob").await;
        let carol = house.test.account("carol").await;
        house.test.account("dora").await;
        app.fill().await;
        Self { house, app, bob, carol, _kept: kept }
    }

    fn delete(&self, more: &str) -> String {
        format!("/console/users/{}/delete{more}", self.bob.id)
    }

    /// The page of bob's deletion, when it goes on no more.
    async fn settled(&self, desk: &Desk<'_>, address: &str) -> String {
        for _ in 0..200 {
            let page = desk.page(address).await;
            if !page.contains("Under way") {
                return page;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("{address} is under way for too long");
    }

    async fn lifecycle(&self, account: &Account) -> Lifecycle {
        let found = self.house.test.directory().account(account.id).await;
        found.expect("a store").expect("bob").lifecycle
    }
}

/// A page's text, as one line.
fn words(page: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for letter in page.chars() {
        match letter {
            '<' => inside = true,
            '>' => (inside, _) = (false, text.push(' ')),
            letter if !inside => text.push(letter),
            _ => (),
        }
    }
    let text = text
        .replace("&#39;", "'")
        .replace("&#34;", "\"")
        .replace("&#38;", "&");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn says(page: &str, parts: &[&str]) {
    let text = words(page);
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

const SOME: &str = "records=some&receiver=3&of.contacts=all&of.tasks=nothing&of.deals=some\
    &field.deals=status&is.deals=is_not&value.deals=won";

#[tokio::test]
async fn everything_is_said_before_it_is_done_and_then_it_is() {
    let office = Office::new().await;
    let desk = office.house.sign_in("ada").await;
    let session = office.house.test.sign_in(&office.bob).await;
    assert_eq!(office.house.visit(&session).await, StatusCode::OK);

    let first = desk.page(&office.delete("")).await;
    says(&first, &["What becomes of their records?", "What they own now", "carol", "dora"]);
    assert!(!first.contains(&format!("name=\"receiver\" value=\"{}\"", office.bob.id)), "{first}");
    let counted = desk.page(&office.delete(&format!("?{SOME}"))).await;
    says(&counted, &["What that comes to now", "Contacts 2 2 0", "Deals 4 3 1"]);

    let look = desk.page(&office.delete(&format!("/look?{SOME}"))).await;
    says(
        &look,
        &[
            "Delete bob?",
            "This can't be taken back.",
            "bob is signed out of 1 session now, and can't sign in any more.",
            "2 records of Contacts go to carol.",
            "3 records of Deals, those where status is not won, go to carol.",
            "1 record of Deals stays with the deleted account.",
            "The login bob can never be used again.",
        ],
    );
    assert_eq!(office.house.visit(&session).await, StatusCode::OK, "a look changes nothing");

    let mut fields: Vec<_> = url::form_urlencoded::parse(SOME.as_bytes()).collect();
    fields.push(("reason".into(), "left <b>us</b>".into()));
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (&**name, &**value))
        .collect();
    let begun = desk.post(&office.delete("/look"), &fields).await;
    let address = location(&begun).to_owned();
    assert_eq!((begun.status, &*address), (StatusCode::SEE_OTHER, "/console/deletions/1"));
    assert_ne!(office.house.visit(&session).await, StatusCode::OK, "locked at once");

    let done = office.settled(&desk, &address).await;
    says(
        &done,
        &["bob is deleted. 5 records went to carol.", "Those where status is not won", "3 of 3"],
    );
    assert!(done.contains("left &#60;b&#62;us&#60;/b&#62;"), "{done}");
    assert!(!done.contains("hx-trigger"), "nothing is asked any more");
    assert_eq!(office.lifecycle(&office.bob).await, Lifecycle::Deleted);
    let moved = office
        .app
        .number("SELECT COUNT(*) FROM deals WHERE owner_id = 3")
        .await;
    assert_eq!(moved, 4, "three of bob's, and one that was carol's");
    let refused = office
        .house
        .test
        .gate()
        .attempt("bob", std::net::IpAddr::from([192, 0, 2, 9]))
        .await;
    let attempt = refused
        .expect("an attempt")
        .check_password(super::PASSWORD)
        .await;
    assert!(matches!(attempt, Err(SignInError::Wrong)), "{attempt:?}");

    let list = desk.page("/console/deletions").await;
    says(
        &list,
        &[
            "bob Deleted 5 of 5 carol",
            "left <b>us</b>"
                .replace('<', "&#60;")
                .replace('>', "&#62;")
                .as_str(),
        ],
    );
    says(&desk.page("/console/deletions?open=yes").await, &["There are none."]);
    let again = desk.get(&office.delete("")).await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", again.body);
}

#[tokio::test]
async fn without_modules_only_the_reason_is_asked() {
    let house = House::new().await;
    let desk = house.desk().await;
    let bob = house.test.account("bob").await;
    let first = desk.get(&format!("/console/users/{}/delete", bob.id)).await;
    let look = format!("/console/users/{}/delete/look?records=nothing", bob.id);
    assert_eq!((first.status, location(&first)), (StatusCode::SEE_OTHER, look.as_str()));
    says(&desk.page(&look).await, &["Delete bob?", "bob can't sign in any more."]);
    let post = format!("/console/users/{}/delete/look", bob.id);
    let begun = desk
        .post(&post, &[("records", "nothing"), ("reason", "left")])
        .await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.body);
    for _ in 0..200 {
        let found = house
            .test
            .directory()
            .account(bob.id)
            .await
            .expect("a store");
        if found.expect("bob").lifecycle == Lifecycle::Deleted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("bob is not deleted");
}

#[tokio::test]
async fn what_is_missing_is_asked_for_and_nothing_typed_is_lost() {
    let office = Office::new().await;
    let desk = office.house.sign_in("ada").await;
    for (query, words) in [
        ("", "Choose what becomes of their records."),
        ("?records=all", "Choose who gets the records."),
        ("?records=all&receiver=99", "There is no account"),
        ("?records=some&receiver=3", "Choose records of at least one module"),
        ("?records=some&receiver=3&of.deals=some", "Say which records of Deals go"),
    ] {
        let answer = desk.get(&office.delete(&format!("/look{query}"))).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}: {}", answer.body);
        assert!(answer.body.contains("<title>Error: "), "{query}");
        says(&answer.body, &[words]);
    }
    // Whoever is locked gets nothing, and neither does whoever goes.
    office.house.test.lock(&office.carol).await;
    let locked = desk
        .get(&office.delete("/look?records=all&receiver=3"))
        .await;
    assert_eq!(locked.status, StatusCode::UNPROCESSABLE_ENTITY);
    says(&locked.body, &["records go to active accounts only"]);
    let own = desk
        .get(&office.delete(&format!("/look?records=all&receiver={}", office.bob.id)))
        .await;
    says(&own.body, &["Records can't go to the account that is deleted"]);

    let typed = "/look?records=some&receiver=4&of.deals=some&field.deals=none&is.deals=is&value.deals=%3Cb%3E";
    let odd = desk.get(&office.delete(typed)).await;
    assert_eq!(odd.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(odd.body.contains("value=\"&#60;b&#62;\""), "{}", odd.body);

    let fields = [("records", "all"), ("receiver", "4"), ("reason", "  ")];
    let unsaid = desk.post(&office.delete("/look"), &fields).await;
    assert_eq!(unsaid.status, StatusCode::UNPROCESSABLE_ENTITY);
    says(&unsaid.body, &["Say why: deleting needs a reason.", "go to dora."]);
    assert_eq!(office.lifecycle(&office.bob).await, Lifecycle::Active);
}

#[tokio::test]
async fn the_receiver_is_searched_among_active_people() {
    let office = Office::new().await;
    let desk = office.house.sign_in("ada").await;
    office.house.test.account("<i>eve").await;
    let found = desk.page(&office.delete("?records=all&find=DOR")).await;
    says(&found, &["dora"]);
    assert!(!words(&found).contains("carol"), "{found}");
    let hostile = desk.page(&office.delete("?find=%3Ci%3E")).await;
    assert!(!hostile.contains("<i>") && hostile.contains("&#60;i&#62;eve"), "{hostile}");
    office.house.test.lock(&office.carol).await;
    let none = desk.page(&office.delete("?find=carol")).await;
    says(&none, &["Nobody who is active fits that."]);
    // Whoever is chosen stays on the page, whatever is searched next.
    let kept = desk.page(&office.delete("?receiver=4&find=nobody")).await;
    assert!(kept.contains("name=\"receiver\" value=\"4\" checked"), "{kept}");
}

#[tokio::test]
async fn the_password_is_asked_for_again_before_the_last_look() {
    let office = Office::new().await;
    let desk = office.house.sign_in("ada").await;
    office.house.wait();
    assert_eq!(desk.get(&office.delete("")).await.status, StatusCode::OK);
    let look = office.delete("/look?records=all&receiver=3");
    let asked = desk.get(&look).await;
    assert!(location(&asked).starts_with("/console/confirm?return_to="), "{asked:?}");
    let fields = [("records", "all"), ("receiver", "3"), ("reason", "left")];
    let sent = desk.post(&office.delete("/look"), &fields).await;
    assert!(location(&sent).starts_with("/console/confirm"), "{sent:?}");
    assert_eq!(office.lifecycle(&office.bob).await, Lifecycle::Active);
    let desk = office.house.sign_in("ada").await;
    says(&desk.page(&look).await, &["Delete bob?"]);
}

#[tokio::test]
async fn what_stops_is_told_and_goes_on_or_is_called_off() {
    let office = Office::new().await;
    let desk = office.house.sign_in("ada").await;
    office.app.hold_won_deals().await;
    let fields = [("records", "all"), ("receiver", "3"), ("reason", "left")];
    let begun = desk.post(&office.delete("/look"), &fields).await;
    let address = location(&begun).to_owned();
    let stopped = office.settled(&desk, &address).await;
    says(
        &stopped,
        &["Stopped", "bob is locked, and not deleted.", "are with carol.", "Resume", "Call it off"],
    );
    says(&desk.page("/console/deletions?open=yes").await, &["bob Stopped"]);
    // Whoever would delete bob once more is led there.
    assert_eq!(location(&desk.get(&office.delete("")).await), address);

    let elsewhere = desk
        .post_from_elsewhere(&format!("{address}/resume"), &[])
        .await;
    assert_eq!(elsewhere.status, StatusCode::FORBIDDEN);
    let off = desk.post(&format!("{address}/cancel"), &[]).await;
    assert_eq!(location(&off), format!("{address}?done=cancelled"));
    let page = desk.page(location(&off)).await;
    says(
        &page,
        &["The deletion is called off.", "went to the receiver and stay there.", "stays locked"],
    );
    assert!(!page.contains("Resume"), "{page}");
    let again = desk.post(&format!("{address}/resume"), &[]).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "{}", again.body);
    assert_eq!(office.lifecycle(&office.bob).await, Lifecycle::Active);
}

#[tokio::test]
async fn resumed_it_comes_to_its_end() {
    let office = Office::new().await;
    let desk = office.house.sign_in("ada").await;
    office.app.hold_won_deals().await;
    let fields = [("records", "all"), ("receiver", "3"), ("reason", "left")];
    let begun = desk.post(&office.delete("/look"), &fields).await;
    let address = location(&begun).to_owned();
    office.settled(&desk, &address).await;
    office.app.run("DROP TRIGGER held").await;
    let on = desk.post(&format!("{address}/resume"), &[]).await;
    assert_eq!(location(&on), format!("{address}?done=resumed"));
    says(&office.settled(&desk, &address).await, &["bob is deleted."]);
    let left = office
        .app
        .number("SELECT COUNT(*) FROM deals WHERE owner_id = 2")
        .await;
    assert_eq!(left, 0);
}

/// By the pages and by their forms: who may not manage people, nobody oneself, no
/// administrator by anybody who is none, and no other site.
#[tokio::test]
async fn who_may_not_delete_does_not() {
    let office = Office::new().await;
    let house = &office.house;
    house.staff("nina", &[Permission::ViewUsers]).await;
    house
        .staff("mona", &[Permission::ViewUsers, Permission::ManageUsers])
        .await;
    let fields = [("records", "nothing"), ("reason", "left")];
    let nina = house.sign_in("nina").await;
    let pages = [
        office.delete(""),
        office.delete("/look?records=nothing"),
        "/console/deletions".into(),
        "/console/deletions/1".into(),
    ];
    for page in pages {
        assert_eq!(nina.get(&page).await.status, StatusCode::FORBIDDEN, "{page}");
    }
    for act in [
        office.delete("/look"),
        "/console/deletions/1/resume".into(),
        "/console/deletions/1/cancel".into(),
    ] {
        assert_eq!(nina.post(&act, &fields).await.status, StatusCode::FORBIDDEN, "{act}");
    }
    let mona = house.sign_in("mona").await;
    let ada = "/console/users/1/delete/look";
    assert_eq!(mona.post(ada, &fields).await.status, StatusCode::FORBIDDEN);
    let desk = house.sign_in("ada").await;
    assert_eq!(desk.post(ada, &fields).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    says(&desk.get("/console/users/1/delete").await.body, &["Nobody deletes their own account."]);
    let elsewhere = mona
        .post_from_elsewhere(&office.delete("/look"), &fields)
        .await;
    assert_eq!(elsewhere.status, StatusCode::FORBIDDEN);
    for missing in [
        "/console/users/99/delete",
        "/console/users/x/delete",
        "/console/deletions/99",
        "/console/deletions/x",
    ] {
        assert_eq!(desk.get(missing).await.status, StatusCode::NOT_FOUND, "{missing}");
    }
    assert_eq!(office.lifecycle(&office.bob).await, Lifecycle::Active);
    assert_eq!(mona.get(&office.delete("")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn settings_are_told_and_heeded() {
    let office = Office::new().await;
    let desk = office.house.sign_in("ada").await;
    let admin = office.house.test.admin();
    admin
        .set_setting(&Actor::System, &ACCOUNT_LOGINS_REUSED, "on")
        .await
        .expect("set");
    let look = office.delete("/look?records=nothing");
    says(&desk.page(&look).await, &["The login bob may be given to somebody else"]);
    admin
        .set_setting(&Actor::System, &ACCOUNT_DELETION, "off")
        .await
        .expect("set");
    assert_eq!(desk.get(&look).await.status, StatusCode::CONFLICT);
    let fields = [("records", "nothing"), ("reason", "left")];
    assert_eq!(desk.post(&office.delete("/look"), &fields).await.status, StatusCode::CONFLICT);
}
