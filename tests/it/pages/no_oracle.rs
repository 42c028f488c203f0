//! A login that exists and one that does not get the same bytes and the same
//! work.

use portcullis::testing::TestGate;

use super::{FORM, PASSWORD, request, service};
use crate::guard::{Answer, ask};

/// Everything that a client sees of an answer, the login itself aside.
fn seen(answer: &Answer, login: &str) -> (u16, String, String) {
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().expect("visible letters")))
        .collect();
    headers.sort();
    let (mut headers, body) = (headers.join("\n"), answer.body.replace(login, "LOGIN"));
    // Whoever typed a longer login gets it back.
    let lengths = [answer.body.len(), body.len()].map(|length| format!("content-length: {length}"));
    headers = headers.replace(&lengths[0], &lengths[1]);
    (answer.status.as_u16(), headers, body)
}

async fn guess(app: &axum::Router, accept: &str, login: &str, which: u32) -> Answer {
    let headers = [("accept", accept), ("content-type", FORM)];
    let body = format!("login={login}&password=guess+{which}&return_to=%2Freports");
    ask(app, request("POST", "/.portcullis/sign-in", &headers, &body)).await
}

#[tokio::test]
async fn existing_and_unknown_logins_get_the_same_bytes() {
    for accept in ["text/html", "application/json"] {
        let test = TestGate::new().await;
        let app = service(test.gate());
        test.account_with_password("person", PASSWORD).await;
        // Without a password, locked, disabled: nobody can tell.
        test.invited("invited").await;
        let locked = test.account_with_password("shut", PASSWORD).await;
        test.lock(&locked).await;
        let disabled = test.account_with_password("away", PASSWORD).await;
        test.disable(&disabled).await;

        // Five wrong tries, and the lockout.
        for turn in 0..7 {
            let before = test.gate().passwords_checked();
            let nobody = seen(&guess(&app, accept, "nobody", turn).await, "nobody");
            let work = test.gate().passwords_checked() - before;
            assert_eq!(nobody.0, if turn < 5 { 401 } else { 429 });
            assert_eq!(work, u64::from(turn < 5));
            for login in ["person", "invited", "shut", "away"] {
                let before = test.gate().passwords_checked();
                let somebody = seen(&guess(&app, accept, login, turn).await, login);
                assert_eq!(somebody, nobody, "{login}, turn {turn}");
                assert_eq!(test.gate().passwords_checked() - before, work, "{login}, turn {turn}");
            }
        }
    }
}

#[tokio::test]
async fn a_login_that_is_too_long_is_as_wrong_as_any() {
    let test = TestGate::new().await;
    let app = service(test.gate());
    for length in [129, 600, 7_000] {
        let long = "x".repeat(length);
        let before = test.gate().passwords_checked();
        let somebody = seen(&guess(&app, "text/html", &long, 0).await, &long);
        assert_eq!(test.gate().passwords_checked() - before, 1);
        assert_eq!(somebody, seen(&guess(&app, "text/html", "nobody", 0).await, "nobody"));
    }
}
