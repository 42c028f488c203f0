//! The account's own page: sessions, and who may touch them.

use std::time::Duration;

use http::StatusCode;

use super::{
    PASSWORD, alice, location, post, request, service, session, sign_in, visit, with_alice,
};
use crate::guard::ask;

const ACCOUNT: &str = "/.portcullis/account";

/// The names of the sessions that the page offers to end.
fn offered(page: &str) -> Vec<String> {
    let parts = page.split("name=\"session\" value=\"").skip(1);
    parts
        .map(|part| part.split('"').next().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn it_is_for_whoever_is_signed_in() {
    let (test, app) = with_alice().await;
    let nobody = visit(&app, ACCOUNT, "").await;
    assert_eq!(location(&nobody), "/.portcullis/sign-in?return_to=/.portcullis/account");
    let cookie = session(&sign_in(&app, "alice", PASSWORD).await);
    let page = visit(&app, ACCOUNT, &cookie).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("<h1><bdi>alice</bdi></h1>") && page.body.contains("This one"));
    test.lock(&alice(&test).await).await;
    let locked = visit(&app, ACCOUNT, &cookie).await;
    assert!(location(&locked).ends_with("notice=locked"), "{locked:?}");
}

#[tokio::test]
async fn sessions_are_told_in_plain_words() {
    let (test, app) = with_alice().await;
    let first = session(&sign_in(&app, "alice", PASSWORD).await);
    test.clock().advance(Duration::from_secs(3 * 3600 / 2));
    let second = session(&sign_in(&app, "alice", PASSWORD).await);
    let page = visit(&app, ACCOUNT, &second).await.body;
    assert!(page.contains("Firefox on Windows") && page.contains("192.0.2.1"), "{page}");
    assert!(page.contains("90 minutes ago"), "{page}");
    assert_eq!(offered(&page).len(), 1);
    // Two hours unused, and it opens nothing any more.
    test.clock().advance(Duration::from_secs(1801));
    assert_eq!(offered(&visit(&app, ACCOUNT, &second).await.body).len(), 0);
    assert_eq!(visit(&app, "/", &first).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_ended_session_opens_nothing_at_the_next_request() {
    let (_test, app) = with_alice().await;
    let phone = session(&sign_in(&app, "alice", PASSWORD).await);
    let desk = session(&sign_in(&app, "alice", PASSWORD).await);
    assert_eq!(visit(&app, "/", &phone).await.status, StatusCode::OK);
    let named = offered(&visit(&app, ACCOUNT, &desk).await.body);
    let end = "/.portcullis/account/end-session";
    let ended = post(&app, end, &desk, &[("session", &named[0])]).await;
    assert_eq!(location(&ended), "/.portcullis/account?notice=session-ended");
    assert_eq!(visit(&app, "/", &phone).await.status, StatusCode::SEE_OTHER);
    assert!(
        visit(&app, location(&ended), &desk)
            .await
            .body
            .contains("That session is ended.")
    );
    let again = post(&app, end, &desk, &[("session", &named[0])]).await;
    assert_eq!(location(&again), "/.portcullis/account?notice=session-gone");
    assert_eq!(visit(&app, "/", &desk).await.status, StatusCode::OK);
}

#[tokio::test]
async fn all_others_end_at_once() {
    let (_test, app) = with_alice().await;
    let mut others = Vec::new();
    for _ in 0..3 {
        others.push(session(&sign_in(&app, "alice", PASSWORD).await));
    }
    let desk = session(&sign_in(&app, "alice", PASSWORD).await);
    let ended = post(&app, "/.portcullis/account/end-others", &desk, &[]).await;
    assert_eq!(location(&ended), "/.portcullis/account?notice=others-ended");
    for other in &others {
        assert_eq!(visit(&app, "/", other).await.status, StatusCode::SEE_OTHER);
    }
    let page = visit(&app, ACCOUNT, &desk).await.body;
    assert!(page.contains("Only here.") && offered(&page).is_empty(), "{page}");
}

#[tokio::test]
async fn nobody_ends_the_session_of_somebody_else() {
    let (test, app) = with_alice().await;
    test.account_with_password("mallory", PASSWORD).await;
    let alice = session(&sign_in(&app, "alice", PASSWORD).await);
    let desk = session(&sign_in(&app, "alice", PASSWORD).await);
    let mallory = session(&sign_in(&app, "mallory", PASSWORD).await);
    let named = offered(&visit(&app, ACCOUNT, &desk).await.body);
    for name in [named[0].as_str(), "", "x", "00000000000000000000000000000000"] {
        let fields = [("session", name)];
        let tried = post(&app, "/.portcullis/account/end-session", &mallory, &fields).await;
        assert_eq!(location(&tried), "/.portcullis/account?notice=session-gone");
    }
    post(&app, "/.portcullis/account/end-others", &mallory, &[]).await;
    assert_eq!(visit(&app, "/", &alice).await.status, StatusCode::OK);
    assert_eq!(visit(&app, "/", &desk).await.status, StatusCode::OK);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_takes_the_cookie() {
    let (_test, app) = with_alice().await;
    let cookie = session(&sign_in(&app, "alice", PASSWORD).await);
    let page = visit(&app, "/.portcullis/sign-out", &cookie).await;
    assert!(page.body.contains("alice"), "{}", page.body);
    assert_eq!(visit(&app, "/", &cookie).await.status, StatusCode::OK, "a look changes nothing");
    let out = post(&app, "/.portcullis/sign-out", &cookie, &[]).await;
    assert_eq!(location(&out), "/.portcullis/sign-in?notice=bye");
    assert!(
        out.header("set-cookie")
            .is_some_and(|cookie| cookie.contains("Max-Age=0"))
    );
    assert_eq!(visit(&app, "/", &cookie).await.status, StatusCode::SEE_OTHER);
    let again = post(&app, "/.portcullis/sign-out", &cookie, &[]).await;
    assert_eq!(again.status, StatusCode::SEE_OTHER, "twice is as good as once");
}

/// A lockout lets sessions wait. Whoever signs out meanwhile has signed out.
#[tokio::test]
async fn signing_out_works_while_locked_out() {
    let (test, app) = with_alice().await;
    let cookie = test.sign_in(&alice(&test).await).await;
    for _ in 0..5 {
        sign_in(&app, "alice", "a guess").await;
    }
    post(&app, "/.portcullis/sign-out", &cookie, &[]).await;
    test.clock().advance(Duration::from_secs(300));
    let sent = visit(&app, "/", &cookie).await;
    assert!(location(&sent).ends_with("notice=signed-out"), "{sent:?}");
}

/// Word of a deed is taken from our own pages alone.
#[tokio::test]
async fn a_link_of_somebody_elses_claims_no_deed() {
    let (_test, app) = with_alice().await;
    let cookie = session(&sign_in(&app, "alice", PASSWORD).await);
    let path = "/.portcullis/account?notice=password-changed";
    let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")];
    let linked = ask(&app, request("GET", path, &headers, "")).await;
    assert_eq!(linked.status, StatusCode::OK);
    assert!(!linked.body.contains("Your password is changed"));
    assert!(
        visit(&app, path, &cookie)
            .await
            .body
            .contains("Your password is changed")
    );
}

#[tokio::test]
async fn a_token_is_no_person() {
    let test = portcullis::testing::TestGate::with(|builder| builder.api_tokens(true)).await;
    let alice = test.account_with_password("alice", PASSWORD).await;
    let app = service(test.gate());
    let token = test.api_token(&alice).await;
    for (method, path) in [
        ("GET", "/.portcullis/account"),
        ("GET", "/.portcullis/account/password"),
        ("POST", "/.portcullis/account/password"),
        ("POST", "/.portcullis/account/end-others"),
        ("POST", "/.portcullis/account/end-session"),
        ("POST", "/.portcullis/account/forget-device"),
    ] {
        let headers = [("authorization", token.as_str()), ("content-type", super::FORM)];
        let body = "session=x&device=x&current=longer+one&new=long+enough&again=long+enough";
        let answer = ask(&app, request(method, path, &headers, body)).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
    }
}
