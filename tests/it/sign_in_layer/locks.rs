//! Accounts that may not sign in, and what nobody learns of them.

use portcullis::Account;
use portcullis::guard::sign_in::LetIn;

use super::*;

/// Everything that a client sees.
async fn seen(response: Response) -> (u16, String, String) {
    let status = response.status().as_u16();
    let mut headers: Vec<_> = response
        .headers()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().expect("visible letters")))
        .collect();
    headers.sort();
    (status, headers.join("\n"), text(response).await)
}

fn guess(accept: &str, login: &str, password: &str) -> Request<Body> {
    let mut request = credentials(login, password);
    request
        .headers_mut()
        .insert("accept", accept.parse().expect("a value"));
    request
}

/// One of each, under the names of their state.
async fn people(test: &TestGate) {
    test.account("person").await;
    test.invited("invited").await;
    test.lock(&test.account("shut").await).await;
    test.disable(&test.account("away").await).await;
    test.delete(&test.account("gone").await).await;
}

#[tokio::test]
async fn existing_and_unknown_logins_get_the_same_bytes() {
    for accept in ["text/html", "application/json"] {
        let (test, app) = (TestGate::new().await, Application::default());
        people(&test).await;
        let router = app.router(layer(&test));
        for turn in 0..8 {
            let wrong = format!("wrong {turn}");
            let before = app.asked();
            let nobody = seen(ask(&router, guess(accept, "nobody", &wrong)).await).await;
            let work = app.asked() - before;
            assert_eq!((nobody.0, work), if turn < 5 { (303, 1) } else { (429, 0) });
            for login in ["person", "invited", "shut", "away", "gone"] {
                let before = app.asked();
                let somebody = seen(ask(&router, guess(accept, login, &wrong)).await).await;
                assert_eq!(somebody, nobody, "{login}, turn {turn}");
                assert_eq!(app.asked() - before, work, "{login}, turn {turn}");
            }
        }
        // Locked out, the right password looks like any.
        let nobody = seen(ask(&router, guess(accept, "nobody", RIGHT)).await).await;
        for login in ["person", "shut", "away"] {
            let somebody = seen(ask(&router, guess(accept, login, RIGHT)).await).await;
            assert_eq!(somebody, nobody, "{login}");
        }
    }
}

#[tokio::test]
async fn only_the_right_password_earns_the_notice_and_no_session() {
    let (test, app) = (TestGate::new().await, Application::default());
    people(&test).await;
    let contact = described(test.gate()).contact("the help desk, 4711");
    let router = app.router(contact.build().expect("a layer"));
    for (login, words) in [
        ("shut", "Your account is locked"),
        ("away", "Your account is disabled"),
        ("gone", "This account no longer exists"),
        ("invited", "Your account is not active yet"),
        // The application let somebody in whom the directory does not know.
        ("stranger", "This account no longer exists"),
    ] {
        assert_eq!(status(&router, credentials(login, "wrong")).await, 303, "{login}");
        // Nothing is counted by it and nothing cleared, however often.
        for _ in 0..6 {
            let answer = ask(&router, credentials(login, RIGHT)).await;
            assert!(answer.extensions().get::<LetIn>().is_none());
            let (status, headers, page) = seen(answer).await;
            assert_eq!(status, 403, "{login}");
            assert!(!headers.contains("set-cookie") && !headers.contains("location"), "{headers}");
            assert!(page.contains(words) && page.contains("the help desk, 4711"), "{page}");
        }
        for turn in 0..4 {
            assert_eq!(
                status(&router, credentials(login, &format!("{turn}"))).await,
                303,
                "{login}"
            );
        }
        assert!(is_locked_out(&router, login).await, "{login}");
    }
}

#[tokio::test]
async fn a_lock_that_comes_while_the_handler_works_is_met() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    let handler = |test: TestGate, alice: Account| async move {
        test.lock(&alice).await;
        ([("set-cookie", "sid=secret")], StatusCode::NO_CONTENT)
    };
    let layer = described(test.gate()).succeeds_when(Sign::status(StatusCode::NO_CONTENT));
    let held = (test.clone(), alice.clone());
    let router = Router::new()
        .route("/login", post(move || handler(held.0.clone(), held.1.clone())))
        .layer(layer.build().expect("a layer"));
    let answer = ask(&router, credentials("alice", RIGHT)).await;
    assert_eq!(answer.status(), 403);
    assert!(answer.headers().get("set-cookie").is_none());
}

#[tokio::test]
async fn a_lock_that_ends_is_over() {
    let (test, app) = (TestGate::new().await, Application::default());
    let alice = test.account("alice").await;
    let router = app.router(layer(&test));
    test.lock_for(&alice, std::time::Duration::from_secs(60))
        .await;
    let answer = ask(&router, credentials("alice", RIGHT)).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["retry-after"]),
        (403, &"60".parse().expect("one"))
    );
    test.clock().advance(std::time::Duration::from_secs(60));
    assert_eq!(location(&ask(&router, credentials("alice", RIGHT)).await), Some("/"));
}
