//! Changing the own password.

use std::sync::Arc;

use axum::Router;
use http::StatusCode;
use portcullis::admin::{Actor, Admin, Target, UnlockKind};
use portcullis::domain::event::Action;
use portcullis::domain::lock::End;
use portcullis::domain::password::Password;
use portcullis::store::AuditQuery;
use portcullis::store::memory::SingleProcessDirectory;
use portcullis::testing::START;
use portcullis::{Account, Clock, Portcullis};

use super::{PASSWORD, location, post, service, session, sign_in, visit, with_alice};
use crate::engine::faulty::Faulty;
use crate::engine::person;
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
        let wrong = change(&app, &cookie, [&format!("guess {turn}"), NEW, NEW]).await;
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

/// A service over a directory to which things happen in between, and its keeper.
async fn house() -> (Faulty, Admin, Router, Account) {
    let inner = SingleProcessDirectory::new(Clock::manual(START));
    let directory = Faulty::new(inner.clone());
    let gate = Portcullis::builder().directory(directory.clone());
    let gate = gate.build().await.expect("a gate");
    let admin = Admin::new(Arc::new(inner)).with_gate(gate.clone());
    let alice = person(&directory, "alice", None).await;
    let password = Password::new(PASSWORD).expect("a password");
    let set = admin
        .set_password(&Actor::System, &alice.id.into(), &password)
        .await;
    let alice = set.expect("an account").account;
    (directory, admin, service(gate), alice)
}

/// The current password was found right, and then an administrator acts.
#[tokio::test]
async fn what_an_administrator_did_meanwhile_stays() {
    const RESET: &str = "four words of theirs";
    for locks in [false, true] {
        let (directory, admin, app, alice) = house().await;
        let cookie = session(&sign_in(&app, "alice", PASSWORD).await);
        let (keeper, target) = (admin.clone(), Target::Id(alice.id));
        directory.before_next("change", async move {
            let password = Password::new(RESET).expect("a password");
            let did = match locks {
                true => keeper.lock(&Actor::System, &target, End::Never, None).await,
                false => {
                    keeper
                        .set_password(&Actor::System, &target, &password)
                        .await
                }
            };
            assert!(did.expect("an account").changed);
        });
        let refused = change(&app, &cookie, [PASSWORD, NEW, NEW]).await;
        assert_eq!(location(&refused), "/.portcullis/sign-in?notice=signed-out", "{refused:?}");
        assert_eq!(refused.header("set-cookie"), None);
        let page = visit(&app, location(&refused), &cookie).await;
        assert!(page.body.contains("You were signed out."), "{}", page.body);
        let unlocked = admin
            .unlock(&Actor::System, &alice.id.into(), UnlockKind::All)
            .await;
        unlocked.expect("an account");
        let stands = if locks { PASSWORD } else { RESET };
        assert_eq!(sign_in(&app, "alice", NEW).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(sign_in(&app, "alice", stands).await.status, StatusCode::SEE_OTHER);
    }
}
