//! What the layer makes of an answer, and whose sign-in it was.

use std::convert::Infallible;

use axum::Extension;
use axum::extract::State;
use axum::middleware::{Next, from_fn};
use portcullis::guard::sign_in::{DefaultResponseForSignIn, LetIn, SignInRefusal, SignInSucceeded};
use portcullis::{AccountKey, LockoutPolicy, Standing, StatusSource};

use super::*;

#[tokio::test]
async fn an_answer_without_the_sign_is_a_failure_and_goes_out_as_it_is() {
    let (test, app) = (TestGate::new().await, Application::default());
    let router = app.router(layer(&test));
    for turn in 0..5 {
        let answer = ask(&router, credentials("alice", &format!("wrong {turn}"))).await;
        assert_eq!((answer.status().as_u16(), location(&answer)), (303, Some("/login?error")));
        assert_eq!(answer.headers()["set-cookie"], "flash=wrong");
        assert!(answer.extensions().get::<LetIn>().is_none());
    }
    let refused = ask(&router, credentials("alice", RIGHT)).await;
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "300");
    assert!(refused.headers().get("set-cookie").is_none());
    assert_eq!(app.asked(), 5);
}

#[tokio::test]
async fn a_success_clears_what_failed_and_goes_out_as_it_is() {
    let (test, app) = (TestGate::new().await, Application::default());
    let alice = test.account("alice").await;
    let router = app.router(layer(&test));
    for round in 0..3 {
        for turn in 0..4 {
            let guess = credentials("alice", &format!("{round} {turn}"));
            assert_eq!(status(&router, guess).await, 303);
        }
        let answer = ask(&router, credentials("Alice ", RIGHT)).await;
        assert_eq!((answer.status().as_u16(), location(&answer)), (303, Some("/")));
        assert_eq!(answer.headers()["set-cookie"], "sid=secret; HttpOnly");
        let let_in = answer.extensions().get::<LetIn>().expect("who came in");
        assert_eq!((let_in.account(), let_in.generation()), (&alice.key(), alice.generation));
    }
    assert_eq!(app.asked(), 15);
}

#[tokio::test]
async fn the_same_wrong_password_is_one_guess_where_the_layer_knows_its_field() {
    let (test, app) = (TestGate::new().await, Application::default());
    let router = app.router(layer(&test));
    for _ in 0..15 {
        assert_eq!(status(&router, credentials("alice", "an old one")).await, 303);
    }
    assert!(!is_locked_out(&router, "alice").await);

    let blind = SignInLayer::builder(test.gate())
        .at("/login")
        .login_field("login");
    let router = app.router(blind.succeeds_when(sign()).build().expect("a layer"));
    for _ in 0..5 {
        assert_eq!(status(&router, credentials("bob", "an old one")).await, 303);
    }
    assert!(is_locked_out(&router, "bob").await);
}

/// A handler that answers with what the login says.
async fn by_word(State(words): State<Words>, body: String) -> Response {
    (words.0)(&body)
}

#[derive(Clone, Copy)]
struct Words(fn(&str) -> Response);

fn service(layer: SignInLayer, words: fn(&str) -> Response) -> Router {
    Router::new()
        .route("/login", post(by_word))
        .layer(layer)
        .with_state(Words(words))
}

#[tokio::test]
async fn one_factor_of_several_clears_nothing_and_counts_nothing() {
    let test = TestGate::new().await;
    test.account("alice").await;
    let layer = described(test.gate())
        .succeeds_when(Sign::status(StatusCode::OK))
        .passes_factor_when(Sign::header(http::HeaderName::from_static("x-next-factor")))
        .build()
        .expect("a layer");
    let router = service(layer, |body| match body {
        "login=alice&password=first" => [("x-next-factor", "code")].into_response(),
        "login=alice&password=both" => StatusCode::OK.into_response(),
        _ => StatusCode::UNAUTHORIZED.into_response(),
    });
    for turn in 0..4 {
        assert_eq!(status(&router, credentials("alice", &format!("{turn}"))).await, 401);
        // However often: it brings no guesses back, and takes none.
        for _ in 0..3 {
            let answer = ask(&router, credentials("alice", "first")).await;
            assert_eq!(answer.status(), 200);
            assert!(answer.extensions().get::<LetIn>().is_none());
        }
    }
    assert_eq!(status(&router, credentials("alice", "fifth")).await, 401);
    assert_eq!(status(&router, credentials("alice", "first")).await, 429);
    test.clock().advance(std::time::Duration::from_secs(300));
    assert_eq!(status(&router, credentials("alice", "both")).await, 200);
}

#[tokio::test]
async fn errors_of_the_application_are_failures() {
    let (test, statuses) = (TestGate::new().await, [500, 502, 504, 404, 422, 200]);
    let layer = described(test.gate()).succeeds_when(Sign::status(StatusCode::NO_CONTENT));
    let router = service(layer.build().expect("a layer"), |body| {
        let status = body
            .rsplit('=')
            .next()
            .and_then(|status| status.parse().ok());
        StatusCode::from_u16(status.unwrap_or(400))
            .expect("a status")
            .into_response()
    });
    for expected in &statuses[..5] {
        let guess = credentials("alice", &expected.to_string());
        assert_eq!(status(&router, guess).await, *expected);
    }
    assert!(is_locked_out(&router, "alice").await);
}

// === Whose sign-in it was ===

/// The application's people: everybody whose key is a number under ten.
struct Numbered;

impl StatusSource for Numbered {
    type Error = Infallible;

    async fn standing(&self, key: &AccountKey) -> Result<Option<Standing>, Infallible> {
        let known = key.as_integer().is_some_and(|number| number < 10);
        Ok(known.then(Standing::active))
    }
}

async fn without_directory() -> Portcullis {
    let policy = LockoutPolicy::after(2).build().expect("a policy");
    let gate = Portcullis::builder().accounts(Numbered).lockout(policy);
    gate.build().await.expect("a gate")
}

#[tokio::test]
async fn the_applications_table_says_whose_a_login_is() {
    let find = |login: &str| {
        let found = match login {
            "alice" => Ok(Some(AccountKey::integer(7))),
            "gone" => Ok(Some(AccountKey::integer(70))),
            "nobody" => Ok(None),
            _ => Err(std::io::Error::other("the table is away")),
        };
        async move { found }
    };
    let app = Application::default();
    let layer = described(without_directory().await)
        .account_of(find)
        .build();
    let router = app.router(layer.expect("a layer"));
    for _ in 0..4 {
        // A success each time, so that one failure between two locks nobody out.
        assert_eq!(status(&router, credentials("alice", "wrong")).await, 303);
        let answer = ask(&router, credentials("alice", RIGHT)).await;
        let let_in = answer.extensions().get::<LetIn>().expect("who came in");
        assert_eq!(let_in.account(), &AccountKey::integer(7));
    }
    for (login, expected) in [("gone", 403), ("nobody", 403), ("error", 503)] {
        // Nothing is counted, so it is never a lockout.
        for _ in 0..4 {
            let answer = ask(&router, credentials(login, RIGHT)).await;
            assert_eq!(answer.status().as_u16(), expected, "{login}");
            assert!(answer.headers().get("set-cookie").is_none());
        }
    }
}

#[tokio::test]
async fn the_handler_says_whose_sign_in_it_was() {
    let layer = SignInLayer::builder(without_directory().await)
        .at("/login")
        .login_field("login")
        .succeeds_when(Sign::told());
    let router = service(layer.build().expect("a layer"), |body| match body {
        "login=alice&password=right" => Extension(SignInSucceeded::of(7)).into_response(),
        "login=old&password=right" => Extension(SignInSucceeded::of(70)).into_response(),
        _ => "wrong".into_response(),
    });
    let answer = ask(&router, credentials("alice", "right")).await;
    let let_in = answer.extensions().get::<LetIn>().expect("who came in");
    assert_eq!(let_in.account(), &AccountKey::integer(7));
    assert_eq!(status(&router, credentials("old", "right")).await, 403);
    for turn in 0..2 {
        assert_eq!(status(&router, credentials("alice", &format!("{turn}"))).await, 200);
    }
    assert_eq!(status(&router, credentials("alice", "right")).await, 429);
}

/// Otherwise whoever signs in as themselves would clear what failed of another.
#[tokio::test]
async fn a_guess_at_one_account_lets_nobody_else_in() {
    let test = TestGate::new().await;
    test.account("alice").await;
    let mallory = test.account("mallory").await;
    let layer = SignInLayer::builder(test.gate())
        .at("/login")
        .login_field("login")
        .succeeds_when(Sign::told());
    assert_eq!(mallory.key(), AccountKey::integer(2));
    let router = service(layer.build().expect("a layer"), |_| {
        let told = Extension(SignInSucceeded::of(2));
        (told, [("set-cookie", "sid=of-mallory")]).into_response()
    });
    assert_eq!(status(&router, credentials("mallory", "right")).await, 200);
    for _ in 0..5 {
        let answer = ask(&router, credentials("alice", "right")).await;
        assert_eq!(answer.status(), 401);
        assert!(answer.headers().get("set-cookie").is_none());
    }
    assert!(is_locked_out(&router, "alice").await);
}

#[tokio::test]
async fn spellings_that_the_application_takes_for_one_are_counted_as_one() {
    let (test, app) = (TestGate::new().await, Application::default());
    let layer = described(test.gate()).counted_as(|login| login.replace('é', "e"));
    let router = app.router(layer.build().expect("a layer"));
    for (turn, login) in ["rene", "rené", "RENÉ", " rené", "rene"]
        .into_iter()
        .enumerate()
    {
        assert_eq!(status(&router, credentials(login, &format!("{turn}"))).await, 303, "{login}");
    }
    assert!(is_locked_out(&router, "réné").await);
}

// === Answers ===

#[tokio::test]
async fn people_read_a_page_and_programs_a_document() {
    let (test, app) = (TestGate::new().await, Application::default());
    let router = app.router(described(test.gate()).build().expect("a layer"));
    while !is_locked_out(&router, "alice").await {
        status(&router, credentials("alice", &format!("{}", app.asked()))).await;
    }
    let page = ask(&router, credentials("alice", RIGHT)).await;
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.headers()["cache-control"], "no-store");
    assert!(page.headers().contains_key("content-security-policy"));
    let page = text(page).await;
    assert!(page.contains("too many failed attempts") && page.contains("in 5 minutes"), "{page}");

    let mut program = credentials("alice", RIGHT);
    program
        .headers_mut()
        .insert("accept", "application/json".parse().expect("a value"));
    let document = ask(&router, program).await;
    assert_eq!(document.status(), 429);
    assert_eq!(document.headers()["content-type"], "application/problem+json");
    assert_eq!(document.headers()["retry-after"], "300");
    let document: serde_json::Value = serde_json::from_str(&text(document).await).expect("JSON");
    assert_eq!(document["type"], "urn:portcullis:denial:locked-out");
    assert_eq!(document["until"], "2027-01-15T08:05:00Z");

    let sent = typed("application/json", Body::from("{}"));
    let document = ask(&router, sent).await;
    assert_eq!(document.headers()["content-type"], "application/problem+json");
    let document: serde_json::Value = serde_json::from_str(&text(document).await).expect("JSON");
    assert_eq!(document["type"], "urn:portcullis:denial:content-type");
}

#[tokio::test]
async fn a_closure_answers_instead_and_bodies_are_made_as_told() {
    let (test, app) = (TestGate::new().await, Application::default());
    let teapot = |refusal: &SignInRefusal, _: &http::request::Parts| {
        let mut response = Response::new(Body::from(refusal.as_str()));
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        response
    };
    let refusing = described(test.gate())
        .refuse_with(teapot)
        .build()
        .expect("a layer");
    let router = Router::new().fallback(|| async { "in" }).layer(refusing);
    let answer = ask(&router, form("login=a")).await;
    assert!(answer.extensions().get::<SignInRefusal>().is_some());
    assert_eq!((answer.status().as_u16(), text(answer).await.as_str()), (418, "bad-sign-in"));

    let default = DefaultResponseForSignIn::new().text_into(|text: String| Body::from(text));
    let layer = described(test.gate())
        .refuse_with(default)
        .build()
        .expect("a layer");
    let router = Router::new().fallback(|| async { "in" }).layer(layer);
    assert!(
        text(ask(&router, form("login=a")).await)
            .await
            .contains("no password")
    );
    let layer = described(test.gate())
        .without_text()
        .build()
        .expect("a layer");
    let router = Router::new().fallback(|| async { "in" }).layer(layer);
    assert_eq!(text(ask(&router, form("login=a")).await).await, "");
    assert_eq!(app.asked(), 0);
}

/// Layers further out see the refusal, as they see a guard's denial.
#[tokio::test]
async fn layers_further_out_learn_why() {
    let test = TestGate::new().await;
    let reasons = Arc::<Mutex<Vec<SignInRefusal>>>::default();
    let seen = Arc::clone(&reasons);
    let watch = from_fn(move |request: Request<Body>, next: Next| {
        let seen = Arc::clone(&seen);
        async move {
            let answer = next.run(request).await;
            seen.lock()
                .expect("unpoisoned")
                .extend(answer.extensions().get::<SignInRefusal>());
            answer
        }
    });
    let router = Application::default().router(layer(&test)).layer(watch);
    for body in ["login=a&password=b", "login=a", "password=b"] {
        ask(&router, form(body)).await;
    }
    assert_eq!(reasons.lock().expect("unpoisoned").len(), 2);
}
