//! Coming into the console: who does, who does not, and what either is told.

use std::time::Duration;

use http::StatusCode;
use portcullis::domain::permission::Permission;

use super::{House, PASSWORD, asking, kept, location, set_cookies};
use crate::guard::ask;

#[tokio::test]
async fn the_right_password_opens_the_console() {
    let house = House::new().await;
    house.administrator("ada").await;
    let answer = house.attempt(" ADA", PASSWORD).await;
    assert_eq!((answer.status, location(&answer)), (StatusCode::SEE_OTHER, "/console/"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let page = ask(&house.app, asking("/console/", &kept(&answer))).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("<h1>Overview</h1>"), "{}", page.body);
}

#[tokio::test]
async fn a_wrong_one_gets_the_form_again() {
    let house = House::new().await;
    house.administrator("ada").await;
    let answer = house.attempt("ada", "a guess").await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert_eq!(set_cookies(&answer).count(), 0);
    for part in ["<title>Error: ", "Wrong login or password.", "name=\"login\" value=\"ada\""] {
        assert!(answer.body.contains(part), "{part}: {}", answer.body);
    }
    assert!(!answer.body.contains("a guess"));
}

#[tokio::test]
async fn an_empty_field_is_no_guess() {
    let house = House::new().await;
    house.administrator("ada").await;
    for (login, password, words) in [
        ("ada", "", "Enter your password."),
        ("", PASSWORD, "Enter your login."),
        (" ", PASSWORD, "Enter your login."),
    ] {
        let answer = house.attempt(login, password).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains(words), "{}", answer.body);
    }
    assert_eq!(house.test.gate().passwords_checked(), 0);
}

/// Whoever guesses learns from no byte whether there is such an account, nor whether it
/// may do anything here, nor that it is locked.
#[tokio::test]
async fn guesses_learn_nothing() {
    let house = House::new().await;
    house.administrator("ada").await;
    house.staff("nina", &[]).await;
    // The last administrator's right password is good whatever strangers guess.
    house.administrator("eve").await;
    let locked = house.administrator("lena").await;
    house.test.lock(&locked).await;
    for guess in 0..7 {
        let unknown = house.attempt("nobody", &format!("guess {guess}")).await;
        for login in ["ada", "nina", "lena"] {
            let known = house.attempt(login, &format!("guess {guess}")).await;
            assert_eq!(known.status, unknown.status, "{login}, guess {guess}");
            assert_eq!(known.body.replace(login, "nobody"), unknown.body, "{login}");
            let names = |answer: &crate::guard::Answer| {
                let names = answer.headers.keys().map(ToString::to_string);
                names.collect::<Vec<_>>()
            };
            assert_eq!(names(&known), names(&unknown), "{login}, guess {guess}");
        }
    }
    let answer = house.attempt("ada", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), Some("300"));
    assert!(answer.body.contains("Too many attempts."), "{}", answer.body);
    house.test.clock().advance(Duration::from_secs(300));
    assert_eq!(house.attempt("ada", PASSWORD).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn only_the_right_password_earns_word_of_a_lock() {
    let house = House::new().await;
    house.administrator("eve").await;
    let ada = house.administrator("ada").await;
    house.test.lock_for(&ada, Duration::from_secs(3600)).await;
    let answer = house.attempt("ada", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(set_cookies(&answer).count(), 0);
    assert!(answer.body.contains("<h1>Your account is locked</h1>"), "{}", answer.body);
    assert!(
        answer
            .body
            .contains("It opens <time datetime=\"2027-01-15T09:00:00Z\">")
    );
}

/// The password is right, and there is no session: none is set, none is kept.
#[tokio::test]
async fn whoever_may_do_nothing_here_gets_no_session() {
    let house = House::new().await;
    let nina = house.staff("nina", &[]).await;
    let answer = house.attempt("nina", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("There is nothing for you here"), "{}", answer.body);
    assert_eq!(set_cookies(&answer).count(), 0);
    let sessions = house.test.directory().sessions_of(nina.key()).await;
    assert_eq!(sessions.expect("a store").len(), 0);
}

/// A part of the console is the first page for whoever may see no people.
#[tokio::test]
async fn the_first_page_is_one_that_somebody_may_see() {
    let house = House::new().await;
    house.staff("nina", &[Permission::ViewAudit]).await;
    let desk = house.sign_in("nina").await;
    let first = desk.get("/console/").await;
    assert_eq!((first.status, location(&first)), (StatusCode::SEE_OTHER, "/console/audit"));
}

#[tokio::test]
async fn whoever_is_signed_in_is_not_asked_again() {
    let house = House::new().await;
    let desk = house.desk().await;
    let there = desk.get("/console/sign-in?return_to=/console/users").await;
    assert_eq!((there.status, location(&there)), (StatusCode::SEE_OTHER, "/console/users"));
    let away = desk.get("/console/sign-in?return_to=//evil.example").await;
    assert_eq!((away.status, location(&away)), (StatusCode::SEE_OTHER, "/console/"));
}

#[tokio::test]
async fn signing_out_ends_the_session_and_takes_the_cookie() {
    let house = House::new().await;
    let desk = house.desk().await;
    let answer = desk.post("/console/sign-out", &[]).await;
    let to = (answer.status, location(&answer));
    assert_eq!(to, (StatusCode::SEE_OTHER, "/console/sign-in?notice=bye"));
    let gone = set_cookies(&answer)
        .any(|set| set.starts_with("portcullis-console=;") && set.contains("Max-Age=0"));
    assert!(gone, "{:?}", answer.headers);
    let after = desk.get("/console/").await;
    assert!(location(&after).starts_with("/console/sign-in"), "{after:?}");
    let page = ask(&house.app, asking("/console/sign-in?notice=bye", "")).await;
    assert!(page.body.contains("You are signed out."), "{}", page.body);
}
