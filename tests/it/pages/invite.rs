//! Choosing a password by a link.

use std::time::Duration;

use axum::Router;
use http::StatusCode;
use portcullis::admin::settings::LICENCE_LIMIT;
use portcullis::admin::{Actor, Target};
use portcullis::domain::event::Action;
use portcullis::domain::lock::End;
use portcullis::store::AuditQuery;
use portcullis::testing::TestGate;
use portcullis::{Account, Status};

use super::{
    FORM, PASSWORD, encoded, location, post, request, service, session, sign_in, visit, with_alice,
};
use crate::guard::{Answer, ask};

const PAGE: &str = "/.portcullis/invite";
const DEAD: &str = "This link does not work any more";

/// A gate with Bob, who is invited, and the service before it.
async fn with_bob() -> (TestGate, Router, Account) {
    let test = TestGate::new().await;
    let bob = test.invited("bob").await;
    let app = service(test.gate());
    (test, app, bob)
}

async fn link(test: &TestGate, account: &Account) -> String {
    let made = test
        .admin()
        .invite(&Actor::System, &Target::Id(account.id), None)
        .await;
    made.expect("a link").secret.expose()
}

async fn open(app: &Router, code: &str) -> Answer {
    post(app, PAGE, "", &[("code", code)]).await
}

async fn choose(app: &Router, code: &str, password: &str) -> Answer {
    let fields = [("code", code), ("new", password), ("again", password)];
    post(app, PAGE, "", &fields).await
}

fn is_dead(answer: &Answer) -> bool {
    answer.status == StatusCode::GONE && answer.body.contains(DEAD)
}

#[tokio::test]
async fn an_invited_person_comes_in_by_the_link_once() {
    let (test, app, bob) = with_bob().await;
    let code = link(&test, &bob).await;
    let page = visit(&app, PAGE, "").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("data-fragment"), "{}", page.body);

    let form = open(&app, &code).await;
    assert_eq!(form.status, StatusCode::OK);
    assert!(
        form.body
            .contains("You sign in as <strong dir=\"auto\">bob</strong>"),
        "{}",
        form.body
    );
    assert!(form.body.contains(&code) && form.body.contains("name=\"again\""), "{}", form.body);
    assert_eq!(form.headers["cache-control"], "no-store");
    // A link that is pasted whole is as good.
    let whole = open(&app, &format!("https://app.example{PAGE}#{code}")).await;
    assert_eq!(whole.status, StatusCode::OK);

    let entered = choose(&app, &code, PASSWORD).await;
    assert_eq!((entered.status, location(&entered)), (StatusCode::SEE_OTHER, "/"));
    let hello = visit(&app, "/", &session(&entered)).await;
    assert_eq!(hello.body, "Hello bob");
    assert_eq!(sign_in(&app, "bob", PASSWORD).await.status, StatusCode::SEE_OTHER);

    assert!(is_dead(&choose(&app, &code, "another horse battery").await), "it works once");
    assert!(is_dead(&open(&app, &code).await));
    assert_eq!(sign_in(&app, "bob", PASSWORD).await.status, StatusCode::SEE_OTHER);
    let query = AuditQuery { account: Some(bob.id), before: None, limit: 1 };
    let records = test.directory().audit(query).await.expect("a store");
    assert_eq!(records[0].action, Action::AccountActivated);
    assert_eq!(records[0].actor, format!("user:{}", bob.id));
    assert_eq!(records[0].from.as_deref(), Some("192.0.2.1"));
}

/// Whether it was used, is over, was replaced or never was: the same bytes.
#[tokio::test]
async fn every_dead_link_gets_the_same_page() {
    let (test, app, bob) = with_bob().await;
    let replaced = link(&test, &bob).await;
    let old = link(&test, &bob).await;
    let unknown = format!("pci_{}", "A".repeat(43));
    test.clock().advance(Duration::from_secs(7 * 24 * 3600));
    let mut pages = Vec::new();
    for code in [&replaced, &old, &unknown, &"nonsense".to_owned(), &String::new()] {
        let page = choose(&app, code, PASSWORD).await;
        assert!(is_dead(&page), "{}", page.body);
        pages.push((page.body, format!("{:?}", page.headers)));
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "{pages:#?}");
    let now = test
        .directory()
        .account(bob.id)
        .await
        .expect("a store")
        .expect("bob");
    assert!(!now.has_password);
}

#[tokio::test]
async fn of_two_at_once_one_comes_in() {
    let (test, app, bob) = with_bob().await;
    let code = link(&test, &bob).await;
    let both =
        tokio::join!(choose(&app, &code, PASSWORD), choose(&app, &code, "another horse battery"),);
    let both = [both.0, both.1];
    let entered: Vec<_> = both
        .iter()
        .filter(|answer| answer.status == StatusCode::SEE_OTHER)
        .collect();
    assert_eq!(entered.len(), 1);
    assert_eq!(both.iter().filter(|answer| is_dead(answer)).count(), 1);
    assert_eq!(visit(&app, "/", &session(entered[0])).await.body, "Hello bob");
}

#[tokio::test]
async fn what_is_wrong_with_a_password_is_said_and_the_link_stays() {
    let (test, app, bob) = with_bob().await;
    let code = link(&test, &bob).await;
    for (new, again, words) in [
        ("", "", "Enter a new password."),
        ("short", "short", "Use at least 8 characters."),
        (PASSWORD, "correct horse", "This is not the same password."),
    ] {
        let fields = [("code", code.as_str()), ("new", new), ("again", again)];
        let form = post(&app, PAGE, "", &fields).await;
        assert_eq!(form.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(form.body.contains(words) && form.body.contains("<title>Error"), "{}", form.body);
        assert!(!form.body.contains(PASSWORD), "what was typed is not shown again");
    }
    assert_eq!(choose(&app, &code, PASSWORD).await.status, StatusCode::SEE_OTHER);
}

/// Nobody sets a password by a form on another page, and no address has the secret.
#[tokio::test]
async fn a_form_of_another_page_does_nothing() {
    let (test, app, bob) = with_bob().await;
    let code = link(&test, &bob).await;
    let fields = [("code", code.as_str()), ("new", PASSWORD), ("again", PASSWORD)];
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")]
    {
        let headers = [("accept", "text/html"), ("content-type", FORM), (name, value)];
        let refused = ask(&app, request("POST", PAGE, &headers, &encoded(&fields))).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN, "{name}: {value}");
    }
    // Of an address that has it all the same, nothing comes.
    let page = visit(&app, &format!("{PAGE}?code={code}"), "").await;
    assert!(!page.body.contains(&code), "{}", page.body);
    assert_eq!(page.headers["referrer-policy"], "same-origin");
}

#[tokio::test]
async fn who_forgot_a_password_chooses_another() {
    let (test, app) = with_alice().await;
    let alice = super::alice(&test).await;
    let phone = session(&sign_in(&app, "alice", PASSWORD).await);
    let code = link(&test, &alice).await;
    let form = open(&app, &code).await;
    assert!(form.body.contains("Choose a new password"), "{}", form.body);
    let entered = choose(&app, &code, "another horse battery").await;
    assert_eq!(visit(&app, "/", &session(&entered)).await.body, "Hello alice");
    assert_eq!(visit(&app, "/", &phone).await.status, StatusCode::SEE_OTHER, "signed out");
    assert_eq!(sign_in(&app, "alice", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_link_dies_with_a_lock_a_new_password_and_the_account() {
    let (test, app) = with_alice().await;
    let alice = super::alice(&test).await;
    let target = Target::Id(alice.id);
    let code = link(&test, &alice).await;
    let locked = test
        .admin()
        .lock(&Actor::System, &target, End::Never, None)
        .await;
    locked.expect("locked");
    assert!(is_dead(&choose(&app, &code, "another horse battery").await));
    test.unlock(&alice).await;
    assert!(is_dead(&open(&app, &code).await), "and stays so");

    let code = link(&test, &alice).await;
    let password = "a third horse battery".to_owned();
    let set = portcullis::domain::password::Password::new(&password).expect("a password");
    test.admin()
        .set_password(&Actor::System, &target, &set)
        .await
        .expect("set");
    assert!(is_dead(&open(&app, &code).await));

    let code = link(&test, &alice).await;
    test.delete(&alice).await;
    assert!(is_dead(&open(&app, &code).await));
}

/// The link of a person who has to wait for a licence stays good.
#[tokio::test]
async fn without_a_licence_nobody_comes_in_and_the_link_stays() {
    let (test, app, bob) = with_bob().await;
    test.account("alice").await;
    let limit = async |value| {
        let set = test
            .admin()
            .set_setting(&Actor::System, &LICENCE_LIMIT, value)
            .await;
        set.expect("set");
    };
    limit("1").await;
    let code = link(&test, &bob).await;
    let refused = choose(&app, &code, PASSWORD).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.body.contains("your link still works"), "{}", refused.body);
    limit("2").await;
    let entered = choose(&app, &code, PASSWORD).await;
    assert_eq!(visit(&app, "/", &session(&entered)).await.body, "Hello bob");
    let now = test
        .directory()
        .account(bob.id)
        .await
        .expect("a store")
        .expect("bob");
    assert_eq!(now.standing().status(test.clock().wall()), Status::Active);
}

/// Strangers who guess at Bob's login keep him from signing in, not from choosing.
#[tokio::test]
async fn a_lockout_keeps_nobody_from_choosing() {
    let (test, app, bob) = with_bob().await;
    let code = link(&test, &bob).await;
    for guess in 0..6 {
        sign_in(&app, "bob", &format!("guess {guess} of a stranger")).await;
    }
    let chosen = choose(&app, &code, PASSWORD).await;
    assert_eq!(location(&chosen), "/.portcullis/sign-in?notice=password-chosen");
    let page = visit(&app, location(&chosen), "").await;
    assert!(page.body.contains("Your password is set. Sign in with it."), "{}", page.body);
}
