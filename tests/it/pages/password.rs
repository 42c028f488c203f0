//! Changing the own password.

use http::StatusCode;
use portcullis::domain::event::Action;
use portcullis::store::AuditQuery;

use super::{PASSWORD, location, post, session, sign_in, visit, with_alice};
use crate::guard::Answer;

const PAGE: &str = "/.portcullis/account/password";
const NEW: &str = "another horse battery";

async fn change(app: &axum::Router, cookie: &str, fields: [&str; 3]) -> Answer {
    let [current, new, again] = fields;
    post(app, PAGE, cookie, &[("current", current), ("new", new), ("again", again)]).await
}

#[tokio::test]
async fn a_new_password_ends_every_other_session() {
    let (test, app) = with_alice().await;
    let phone = session(&sign_in(&app, "alice", PASSWORD).await);
    let desk = session(&sign_in(&app, "alice", PASSWORD).await);
    let changed = change(&app, &desk, [PASSWORD, NEW, NEW]).await;
    assert_eq!(changed.status, StatusCode::SEE_OTHER);
    assert_eq!(location(&changed), "/.portcullis/account?notice=password-changed");
    let fresh = session(&changed);
    assert_ne!(fresh, desk);
    for old in [&phone, &desk] {
        assert_eq!(visit(&app, "/", old).await.status, StatusCode::SEE_OTHER);
    }
    let page = visit(&app, location(&changed), &fresh).await;
    assert!(page.body.contains("Your password is changed."), "{}", page.body);
    assert!(page.body.contains("Firefox on Windows"), "{}", page.body);
    assert_eq!(sign_in(&app, "alice", PASSWORD).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(sign_in(&app, "alice", NEW).await.status, StatusCode::SEE_OTHER);

    let query = AuditQuery { account: None, before: None, limit: 10 };
    let records = test.directory().audit(query).await.expect("a store");
    let record = records
        .iter()
        .find(|record| record.action == Action::PasswordSet);
    let record = record.expect("a record");
    assert_eq!(record.actor, "user:1");
    assert_eq!(record.from.as_deref(), Some("192.0.2.1"));
}

#[tokio::test]
async fn guesses_of_the_current_password_count() {
    let (test, app) = with_alice().await;
    let cookie = session(&sign_in(&app, "alice", PASSWORD).await);
    for turn in 0..5 {
        let wrong = change(&app, &cookie, ["a guess", NEW, NEW]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "turn {turn}");
        assert!(wrong.body.contains("This is not your current password."), "{}", wrong.body);
    }
    // Locked out, here and at the sign-in page.
    let sent = change(&app, &cookie, [PASSWORD, NEW, NEW]).await;
    assert_eq!(sent.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(sent.header("retry-after"), Some("300"));
    assert!(sent.body.contains("Too many attempts. You can try again"), "{}", sent.body);
    assert_eq!(sign_in(&app, "alice", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    test.clock().advance(std::time::Duration::from_secs(300));
    assert_eq!(sign_in(&app, "alice", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn what_is_wrong_stands_beside_its_field() {
    let (test, app) = with_alice().await;
    let cookie = session(&sign_in(&app, "alice", PASSWORD).await);
    let checked = test.gate().passwords_checked();
    let long = "x".repeat(1025);
    for (fields, words) in [
        (["", NEW, NEW], "Enter your current password."),
        ([PASSWORD, "", ""], "Enter a new password."),
        ([PASSWORD, "short", "short"], "Use at least 8 characters."),
        ([PASSWORD, &long, &long], "Use at most 1024 bytes."),
        ([PASSWORD, "tab\tand tab", "tab\tand tab"], "Leave out tabs and line breaks."),
        ([PASSWORD, PASSWORD, PASSWORD], "Choose another one than your current password."),
        ([PASSWORD, NEW, "another horse"], "This is not the same as the new password."),
    ] {
        let answer = change(&app, &cookie, fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{words}");
        assert!(answer.body.contains(words) && answer.body.contains("<title>Error: "), "{words}");
        assert!(!answer.body.contains(NEW) && !answer.body.contains(PASSWORD));
    }
    assert_eq!(test.gate().passwords_checked(), checked, "none of them is a guess");
    assert_eq!(sign_in(&app, "alice", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn each_field_is_there_once() {
    let (_test, app) = with_alice().await;
    let cookie = session(&sign_in(&app, "alice", PASSWORD).await);
    let twice = [("current", PASSWORD), ("new", NEW), ("again", NEW), ("new", "yet another horse")];
    assert_eq!(post(&app, PAGE, &cookie, &twice).await.status, StatusCode::BAD_REQUEST);
    let missing = [("current", PASSWORD), ("new", NEW)];
    assert_eq!(post(&app, PAGE, &cookie, &missing).await.status, StatusCode::BAD_REQUEST);
}
