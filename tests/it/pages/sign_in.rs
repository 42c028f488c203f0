//! What a sign-in gets: each row of the table.

use std::time::Duration;

use http::StatusCode;
use portcullis::Portcullis;
use portcullis::pages::{Branding, SharedBranding};
use portcullis::testing::TestGate;

use super::{
    FORM, PASSWORD, alice, location, post, request, service, service_with, session, sign_in, visit,
    with_alice,
};
use crate::guard::ask;

const PAGE: &str = "/.portcullis/sign-in";

#[tokio::test]
async fn the_right_password_leads_back() {
    let (test, app) = with_alice().await;
    let fields = [("login", "ALICE "), ("password", PASSWORD), ("return_to", "/reports?a=b&c=d")];
    let answer = post(&app, PAGE, "", &fields).await;
    assert_eq!((answer.status, location(&answer)), (StatusCode::SEE_OTHER, "/reports?a=b&c=d"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies.len(), 2, "the session's and the device's");
    for (cookie, name) in cookies.iter().zip(["portcullis=", "portcullis-device="]) {
        let cookie = cookie.to_str().expect("visible letters");
        let strict = cookie.contains("; HttpOnly; SameSite=Lax") && cookie.contains("; Path=/;");
        assert!(cookie.starts_with(name) && strict, "{cookie}");
    }
    assert_eq!(visit(&app, "/", &session(&answer)).await.body, "Hello alice");

    let key = alice(&test).await.key();
    let sessions = test.directory().sessions_of(key).await.expect("a store");
    assert_eq!(sessions[0].opened_from.as_deref(), Some("192.0.2.1"));
    assert!(
        sessions[0]
            .user_agent
            .as_deref()
            .is_some_and(|name| name.contains("Firefox"))
    );
}

#[tokio::test]
async fn a_wrong_try_gets_the_form_again() {
    let (_test, app) = with_alice().await;
    let answer = sign_in(&app, "alice", "a guess").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(answer.header("www-authenticate"), Some("Session realm=\"portcullis\""));
    assert_eq!(answer.header("set-cookie"), None);
    assert!(
        answer
            .body
            .contains("role=\"alert\">\n<p>Wrong login or password.</p>"),
        "{}",
        answer.body
    );
    assert!(answer.body.contains("name=\"login\" value=\"alice\""));
    assert!(!answer.body.contains("a guess"));
}

#[tokio::test]
async fn a_lockout_says_when_it_opens() {
    let (test, app) = with_alice().await;
    for n in 0..5 {
        let wrong = sign_in(&app, "alice", &format!("guess {n}")).await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    }
    let answer = sign_in(&app, "alice", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), Some("300"));
    let words = "Too many attempts. You can try again <time datetime=\"2027-01-15T08:05:00Z\">\
                 at 08:05 UTC</time> (<span data-wait=\"300\">in 5 minutes</span>).";
    assert!(answer.body.contains(words), "{}", answer.body);
    test.clock().advance(Duration::from_secs(300));
    assert_eq!(sign_in(&app, "alice", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn only_the_right_password_earns_word_of_a_lock() {
    let (test, app) = with_alice().await;
    let bob = test.account_with_password("bob", PASSWORD).await;
    test.lock_for(&bob, Duration::from_secs(3600)).await;
    let carol = test.account_with_password("carol", PASSWORD).await;
    test.disable(&carol).await;
    for login in ["bob", "carol"] {
        let wrong = sign_in(&app, login, "a guess").await;
        let other = sign_in(&app, "nobody", "a guess").await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
        assert_eq!(wrong.body.replace(login, "nobody"), other.body);
    }
    for (login, title) in
        [("bob", "Your account is locked"), ("carol", "Your account has been switched off")]
    {
        let answer = sign_in(&app, login, PASSWORD).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(answer.header("set-cookie"), None);
        assert!(answer.body.contains(&format!("<h1>{title}</h1>")), "{}", answer.body);
        assert!(
            answer
                .body
                .contains("Ask your administrator (the help desk, 4711).")
        );
    }
    let bob = sign_in(&app, "bob", PASSWORD).await;
    assert_eq!(bob.header("retry-after"), Some("3600"));
    assert!(
        bob.body
            .contains("It opens <time datetime=\"2027-01-15T09:00:00Z\">at 09:00 UTC")
    );
}

#[tokio::test]
async fn somebody_who_is_invited_has_no_password_yet() {
    let (test, app) = with_alice().await;
    test.invited("dave").await;
    let dave = sign_in(&app, "dave", PASSWORD).await;
    let other = sign_in(&app, "nobody", PASSWORD).await;
    assert_eq!(dave.status, StatusCode::UNAUTHORIZED);
    assert_eq!(dave.body.replace("dave", "nobody"), other.body);
}

#[tokio::test]
async fn an_empty_field_is_no_guess() {
    let (test, app) = with_alice().await;
    for (login, password, words) in [
        ("alice", "", "Enter your password."),
        ("", PASSWORD, "Enter your login."),
        (" \t", PASSWORD, "Enter your login."),
    ] {
        for _ in 0..10 {
            let answer = sign_in(&app, login, password).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert!(answer.body.contains(words) && answer.body.contains("aria-invalid=\"true\""));
        }
    }
    assert_eq!(test.gate().passwords_checked(), 0);
    assert_eq!(sign_in(&app, "alice", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn the_session_is_never_one_that_was_brought() {
    let (test, app) = with_alice().await;
    let planted = format!("portcullis={}", "A".repeat(43));
    let fields = [("login", "alice"), ("password", PASSWORD)];
    let first = session(&post(&app, PAGE, &planted, &fields).await);
    assert_ne!(first, planted);
    assert_eq!(visit(&app, "/", &planted).await.status, StatusCode::SEE_OTHER);
    // Signing in again leaves nothing behind that still opens.
    let second = session(&post(&app, PAGE, &first, &fields).await);
    assert_ne!(first, second);
    assert_eq!(visit(&app, "/", &second).await.status, StatusCode::OK);
    assert_eq!(
        location(&visit(&app, "/", &first).await),
        "/.portcullis/sign-in?return_to=/&notice=signed-out"
    );
    drop(test);
}

#[tokio::test]
async fn whoever_is_signed_in_is_told_so() {
    let (_test, app) = with_alice().await;
    let cookie = session(&sign_in(&app, "alice", PASSWORD).await);
    let page = visit(&app, "/.portcullis/sign-in?return_to=/reports&notice=locked", &cookie).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("You are signed in") && page.body.contains("href=\"/reports\""));
    assert!(!page.body.contains("name=\"password\"") && !page.body.contains("locked"));
    let page = visit(&app, "/.portcullis/sign-in?return_to=//evil.example", &cookie).await;
    assert!(page.body.contains("href=\"/\"") && !page.body.contains("evil"), "{}", page.body);
}

#[tokio::test]
async fn notices_are_said_in_the_words_of_the_house() {
    let (_test, app) = with_alice().await;
    for (notice, words) in [
        ("locked", "You were signed out because your account was locked. Ask your administrator"),
        ("locked-out", "There were too many attempts to sign in to your account"),
        ("disabled", "You were signed out because your account was switched off."),
        ("deleted", "You were signed out because your account no longer exists."),
        ("not-yet-active", "Your account is not active yet."),
        ("signed-out", "You were signed out. Sign in again to go on where you were."),
        ("bye", "You are signed out."),
    ] {
        let page = visit(&app, &format!("{PAGE}?notice={notice}"), "").await;
        assert!(page.body.contains(words), "{notice}: {}", page.body);
    }
    let plain = visit(&app, PAGE, "").await.body;
    for unknown in ["x", "", "%3Cscript%3E", "locked&notice=locked", "%FF"] {
        let page = visit(&app, &format!("{PAGE}?notice={unknown}"), "").await;
        assert_eq!((page.status, &page.body), (StatusCode::OK, &plain), "{unknown}");
    }
}

/// Their session, on no known device, waits for the lockout to end, and so do they.
#[tokio::test]
async fn a_session_that_waits_is_told_how_long() {
    let (test, app) = with_alice().await;
    let cookie = test.sign_in(&alice(&test).await).await;
    for n in 0..5 {
        sign_in(&app, "alice", &format!("guess {n}")).await;
    }
    let sent = visit(&app, "/", &cookie).await;
    assert_eq!(location(&sent), "/.portcullis/sign-in?return_to=/&notice=locked-out");
    let page = visit(&app, location(&sent), &cookie).await;
    let words = "You can go on where you were <time datetime=\"2027-01-15T08:05:00Z\">at 08:05 UTC";
    assert!(page.body.contains(words), "{}", page.body);
    test.clock().advance(Duration::from_secs(300));
    assert_eq!(visit(&app, "/", &cookie).await.body, "Hello alice");
}

#[tokio::test]
async fn programs_get_documents() {
    let (test, app) = with_alice().await;
    let json = [("accept", "application/json"), ("content-type", "application/json")];
    let send = |body: &'static str| ask(&app, request("POST", PAGE, &json, body));
    let wrong = send(r#"{"login": "alice", "password": "a guess"}"#).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(wrong.header("content-type"), Some("application/problem+json"));
    assert!(wrong.body.contains("wrong-login-or-password"), "{}", wrong.body);
    let empty = send(r#"{"login": "alice", "password": ""}"#).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(empty.body.contains("Enter your password."), "{}", empty.body);
    let right = r#"{"login": "alice", "password": "correct horse battery", "return_to": "/a"}"#;
    let right = send(right).await;
    assert_eq!(right.status, StatusCode::OK);
    assert_eq!(right.body, r#"{"expires_at":"2027-01-15T20:00:00Z","return_to":"/a"}"#);
    assert_eq!(visit(&app, "/", &session(&right)).await.body, "Hello alice");

    let form = [("accept", "application/json"), ("content-type", FORM)];
    for n in 0..5 {
        let guess = format!("login=bob&password=x{n}");
        ask(&app, request("POST", PAGE, &form, &guess)).await;
    }
    let locked = ask(&app, request("POST", PAGE, &form, "login=bob&password=x")).await;
    assert_eq!(
        (locked.status, locked.header("retry-after")),
        (StatusCode::TOO_MANY_REQUESTS, Some("300"))
    );
    assert!(locked.body.contains("\"until\":\"2027-01-15T08:05:00Z\""), "{}", locked.body);
    drop(test);
}

#[tokio::test]
async fn the_branding_changes_while_pages_are_served() {
    let test = TestGate::new().await;
    let shared = SharedBranding::from(Branding::new("Harbour"));
    let app = service_with(test.gate(), |pages| pages.brand(shared.clone()));
    assert!(
        visit(&app, PAGE, "")
            .await
            .body
            .contains("<title>Sign in – Harbour</title>")
    );
    let accent = "#fd0".parse().expect("a colour");
    shared.set(Branding::new("Lighthouse").accent(accent));
    let page = visit(&app, PAGE, "").await.body;
    assert!(page.contains("<title>Sign in – Lighthouse</title>"), "{page}");
    let (_, colours) = page
        .split_once("/.portcullis/assets/colours.")
        .expect("a stylesheet");
    let (name, _) = colours.split_once('"').expect("its end");
    let colours = visit(&app, &format!("/.portcullis/assets/colours.{name}"), "").await;
    assert!(colours.body.starts_with(":root{--accent:light-dark(#"), "{}", colours.body);
    assert!(colours.body.contains(",#ffdd00)"), "{}", colours.body);
}

#[tokio::test]
async fn nobody_signs_in_while_the_store_is_away() {
    use portcullis::domain::time::Clock;
    use portcullis::store::memory::SingleProcessDirectory;
    let directory = SingleProcessDirectory::new(Clock::system());
    let gate = Portcullis::builder()
        .directory(directory)
        .attempts(Away)
        .build()
        .await
        .expect("a gate");
    let app = service(gate);
    let answer = sign_in(&app, "alice", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.header("retry-after"), Some("1"));
    let words = "Sign-in is not available right now. Nothing is wrong with your account; try \
                 again in a moment.";
    assert!(answer.body.contains(words), "{}", answer.body);
    assert!(answer.body.contains("value=\"alice\""));
}

/// An attempt store that does not answer.
#[derive(Debug)]
struct Away;

mod away {
    use portcullis::domain::attempts::{Budget, Outcome, Reservation, Settled, Ticket};
    use portcullis::store::keyring::AttemptKey;
    use portcullis::store::{AttemptStore, BoxFuture, Counter, StoreError};

    fn failed<T: Send + 'static>() -> BoxFuture<'static, Result<T, StoreError>> {
        Box::pin(async { Err(StoreError::unavailable("the disk is gone")) })
    }

    impl AttemptStore for super::Away {
        fn reserve<'a>(
            &'a self,
            _: &'a [Counter],
        ) -> BoxFuture<'a, Result<Reservation, StoreError>> {
            failed()
        }

        fn settle<'a>(
            &'a self,
            _: &'a [Counter],
            _: &'a [Ticket],
            _: Outcome,
        ) -> BoxFuture<'a, Result<Vec<Settled>, StoreError>> {
            failed()
        }

        fn budget<'a>(&'a self, _: &'a [Counter]) -> BoxFuture<'a, Result<Budget, StoreError>> {
            failed()
        }

        fn clear<'a>(&'a self, _: &'a [AttemptKey]) -> BoxFuture<'a, Result<u64, StoreError>> {
            failed()
        }
    }
}
