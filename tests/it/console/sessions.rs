//! Sessions in the console: apart from those of the service, ended by what ends them,
//! and asked for again before what can't be taken back.

use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt;
use http::{Request, StatusCode, header};
use portcullis::Account;
use portcullis::testing::TestGate;

use super::{House, PASSWORD, address, asking, kept, location, set_cookies};
use crate::guard::ask;

const NAME: &str = "portcullis-console";

/// What a browser keeps of the session alone.
fn session_of(cookie: &str) -> &str {
    let mut pairs = cookie.split("; ");
    let found = pairs.find(|pair| {
        pair.split('=')
            .next()
            .is_some_and(|name| name.ends_with(NAME))
    });
    found.expect("a session in the console")
}

fn token_of(cookie: &str) -> &str {
    session_of(cookie).split_once('=').expect("a pair").1
}

async fn live(gate: &TestGate, account: &Account) -> usize {
    let sessions = gate.directory().sessions_of(account.key()).await;
    sessions.expect("a store").len()
}

#[tokio::test]
async fn no_other_site_and_no_script_gets_the_cookie() {
    for (https, name) in [(false, NAME.to_owned()), (true, format!("__Host-{NAME}"))] {
        let is_https: fn(&http::request::Parts) -> bool = if https { |_| true } else { |_| false };
        let house = House::with(|console| console.https(is_https), |admin| admin).await;
        house.administrator("ada").await;
        let answer = house.attempt("ada", PASSWORD).await;
        let set = set_cookies(&answer).find(|set| set.starts_with(&format!("{name}=")));
        let set = set.expect("the session's");
        for attribute in ["; HttpOnly", "; SameSite=Strict", "; Path=/"] {
            assert!(set.contains(attribute), "{attribute}: {set}");
        }
        assert_eq!(set.contains("; Secure"), https, "{set}");
        assert!(!set.contains("Domain"), "{set}");
        let page = ask(&house.app, asking("/console/", &kept(&answer))).await;
        assert_eq!(page.status, StatusCode::OK);
    }
}

/// Over https, a name that any page of the same site could have set is no session.
#[tokio::test]
async fn over_https_the_plain_name_is_nothing() {
    let house = House::with(|console| console.https(|_| true), |admin| admin).await;
    let desk = house.desk().await;
    let plain = format!("{NAME}={}", token_of(&desk.cookie));
    let answer = ask(&house.app, asking("/console/", &plain)).await;
    assert!(location(&answer).starts_with("/console/sign-in"), "{answer:?}");
}

#[tokio::test]
async fn neither_cookie_is_worth_anything_in_the_others_place() {
    let house = House::new().await;
    let ada = house.administrator("ada").await;
    let desk = house.sign_in("ada").await;
    let service = house.test.sign_in(&ada).await;
    let token = token_of(&desk.cookie);
    for name in ["portcullis", "__Host-portcullis", NAME] {
        assert_eq!(house.visit(&format!("{name}={token}")).await, StatusCode::UNAUTHORIZED);
    }
    let (_, brought) = service.split_once('=').expect("a cookie");
    for name in [NAME, "portcullis", "__Host-portcullis-console"] {
        let answer = ask(&house.app, asking("/console/", &format!("{name}={brought}"))).await;
        assert!(location(&answer).starts_with("/console/sign-in"), "{name}: {answer:?}");
    }
    // Both are good where they belong, beside each other.
    let both = format!("{service}; {}", desk.cookie);
    assert_eq!(house.visit(&both).await, StatusCode::OK);
    assert_eq!(ask(&house.app, asking("/console/", &both)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_session_is_never_one_that_was_brought() {
    let house = House::new().await;
    let ada = house.administrator("ada").await;
    let planted = format!("{NAME}={}", "A".repeat(43));
    let fields = [("login", "ada"), ("password", PASSWORD)];
    let first = kept(&house.send("/console/sign-in", &planted, &fields).await);
    assert_ne!(session_of(&first), planted);
    let answer = ask(&house.app, asking("/console/", &planted)).await;
    assert!(location(&answer).starts_with("/console/sign-in"), "{answer:?}");

    // Signing in again leaves nothing behind that still opens.
    let second = kept(&house.send("/console/sign-in", &first, &fields).await);
    assert_ne!(session_of(&first), session_of(&second));
    let old = ask(&house.app, asking("/console/", session_of(&first))).await;
    assert!(location(&old).starts_with("/console/sign-in"), "{old:?}");
    assert_eq!(live(&house.test, &ada).await, 1);
}

/// Whoever is attacked has to be able to do something about it.
#[tokio::test]
async fn a_lockout_refuses_no_session_here_and_an_admin_lock_does_at_once() {
    let house = House::new().await;
    house.administrator("eve").await;
    let ada = house.administrator("ada").await;
    let desk = house.sign_in("ada").await;
    house.test.lock_out(&ada).await;
    assert_eq!(desk.get("/console/").await.status, StatusCode::OK);
    assert_eq!(house.attempt("ada", PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);

    house.test.lock(&ada).await;
    let refused = desk.get("/console/").await;
    let to = "/console/sign-in?notice=locked&return_to=/console/";
    assert_eq!((refused.status, location(&refused)), (StatusCode::SEE_OTHER, to));
    assert!(set_cookies(&refused).any(|set| set.starts_with("portcullis-console=;")));
    let sent = desk.post("/console/sign-out", &[]).await;
    assert!(location(&sent).starts_with("/console/sign-in?notice=locked"), "{sent:?}");
    house.test.unlock(&ada).await;
    let dead = desk.get("/console/").await;
    assert!(location(&dead).starts_with("/console/sign-in"), "a session that ended stays so");
}

/// Rights are those of now, not of when somebody came in.
#[tokio::test]
async fn who_is_no_administrator_any_more_sees_nothing_at_once() {
    let house = House::new().await;
    let ada = house.administrator("ada").await;
    let desk = house.sign_in("ada").await;
    assert_eq!(desk.get("/console/audit").await.status, StatusCode::OK);
    house.test.edit(&ada, |account| account.admin = false).await;
    let refused = desk.get("/console/audit").await;
    assert_ne!(refused.status, StatusCode::OK, "{refused:?}");
    assert!(!refused.body.contains("<table"), "{}", refused.body);
}

#[tokio::test]
async fn confirming_opens_a_new_session_and_ends_the_old_one() {
    let house = House::new().await;
    let ada = house.administrator("ada").await;
    let desk = house.sign_in("ada").await;
    let page = desk.page("/console/confirm?return_to=/console/users").await;
    assert!(page.contains("name=\"return_to\" value=\"/console/users\""), "{page}");

    let wrong = desk
        .post("/console/confirm", &[("password", "a guess")])
        .await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert!(wrong.body.contains("<title>Error: "), "{}", wrong.body);
    assert!(!wrong.body.contains("a guess"));
    assert_eq!(set_cookies(&wrong).count(), 0);
    let empty = desk.post("/console/confirm", &[("password", "")]).await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(desk.get("/console/").await.status, StatusCode::OK, "nothing ended by a slip");

    let fields = [("password", PASSWORD), ("return_to", "/console/users")];
    let answer = desk.post("/console/confirm", &fields).await;
    assert_eq!((answer.status, location(&answer)), (StatusCode::SEE_OTHER, "/console/users"));
    let new = kept(&answer);
    assert_ne!(session_of(&new), session_of(&desk.cookie));
    assert_eq!(ask(&house.app, asking("/console/", &new)).await.status, StatusCode::OK);
    let old = desk.get("/console/").await;
    assert!(location(&old).starts_with("/console/sign-in"), "{old:?}");
    assert_eq!(live(&house.test, &ada).await, 1);
}

/// A session that is left open is no place to guess from.
#[tokio::test]
async fn guesses_at_the_confirmation_are_counted() {
    let house = House::new().await;
    house.administrator("eve").await;
    let desk = house.desk().await;
    for guess in 0..5 {
        let wrong = desk
            .post("/console/confirm", &[("password", &format!("guess {guess}"))])
            .await;
        assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    }
    let sixth = desk
        .post("/console/confirm", &[("password", PASSWORD)])
        .await;
    assert_eq!(sixth.status, StatusCode::TOO_MANY_REQUESTS, "{}", sixth.body);
    assert_eq!(set_cookies(&sixth).count(), 0);
    house.test.clock().advance(Duration::from_secs(300));
    let seventh = desk
        .post("/console/confirm", &[("password", PASSWORD)])
        .await;
    assert_eq!(seventh.status, StatusCode::SEE_OTHER);
}

/// A form whose second half comes when its sender is locked does nothing.
#[tokio::test]
async fn a_session_that_ends_while_its_form_is_sent_does_nothing() {
    let house = House::new().await;
    house.administrator("eve").await;
    let ada = house.administrator("ada").await;
    let desk = house.sign_in("ada").await;
    let (test, who) = (house.test.clone(), ada.clone());
    let first =
        futures_util::stream::iter([Ok::<_, std::io::Error>("password=open+the+".to_owned())]);
    let second = futures_util::stream::once(async move {
        test.lock(&who).await;
        Ok("gate+please".to_owned())
    });
    let request = Request::post("/console/confirm")
        .header(header::HOST, "app.example")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::COOKIE, &desk.cookie)
        .header("sec-fetch-site", "same-origin")
        .extension(address());
    let request = request.body(Body::from_stream(first.chain(second)));
    let checked = house.test.gate().passwords_checked();
    let answer = ask(&house.app, request.expect("a request")).await;
    assert!(location(&answer).starts_with("/console/sign-in?notice=locked"), "{answer:?}");
    assert_eq!(house.test.gate().passwords_checked(), checked);
}
