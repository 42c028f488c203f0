//! Where nobody in particular may come, and who is nobody there.

use std::convert::Infallible;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::routing::{any, get};
use axum::{Extension, Router};
use http::header::{AUTHORIZATION, COOKIE};
use http::request::Parts;
use portcullis::testing::{TestGate, current_account};
use portcullis::{AccountId, CurrentAccount, GuardLayer, SessionClaim};

use super::{ask, perhaps, visit, who};

#[tokio::test]
async fn an_optional_guard_greets_who_may_pass_and_lets_all_others_be_nobody() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    let cookie = test.sign_in(&alice).await;
    let guard = GuardLayer::new(test.gate()).optional();
    let app = Router::new()
        .route("/", get(perhaps))
        .route("/mine", get(who))
        .layer(guard);
    assert_eq!(visit(&app, "/", &cookie).await.body, "alice");
    assert_eq!(visit(&app, "/", "portcullis=forged").await.body, "nobody");
    assert_eq!(visit(&app, "/", "a=b").await.body, "nobody");

    test.lock(&alice).await;
    let answer = visit(&app, "/", &cookie).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "nobody"));
    assert!(answer.denial.is_none());
    assert_eq!(visit(&app, "/mine", &cookie).await.status, 500, "nobody's is no page of theirs");
}

#[tokio::test]
async fn a_handler_without_a_guard_says_what_is_missing() {
    let app = Router::new()
        .route("/", get(who))
        .route("/perhaps", get(perhaps));
    let answer = visit(&app, "/", "portcullis=x").await;
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("GuardLayer"), "{}", answer.body);
    assert_eq!(visit(&app, "/perhaps", "portcullis=x").await.body, "nobody");
}

/// What a layer further out says of the account never gets past a guard that
/// does not know it itself.
#[tokio::test]
async fn an_account_from_further_out_never_survives() {
    let test = TestGate::new().await;
    let mallory = test.account("mallory").await;
    let forged = current_account(&test, &mallory).await;
    let alice = test.sign_in(&test.account("alice").await).await;
    let guard = GuardLayer::new(test.gate()).sign_in_at("/sign-in");
    let inside = Router::new()
        .route("/", any(perhaps))
        .route("/sign-in", get(perhaps));
    for (optional, status) in [(false, 401), (true, 200)] {
        let guard = if optional { guard.clone().optional() } else { guard.clone() };
        let app = inside.clone().layer(guard).layer(Extension(forged.clone()));
        let answer = visit(&app, "/", "a=b").await;
        assert_eq!(answer.status, status);
        assert!(!answer.body.contains("mallory"), "{}", answer.body);
        assert_eq!(visit(&app, "/sign-in", "a=b").await.body, "nobody");
        assert_eq!(visit(&app, "/", &alice).await.body, "alice");
        assert_eq!(ask(&app, preflight(&alice)).await.body, "nobody");
    }
}

#[tokio::test]
async fn of_two_guards_the_inner_one_says_who_it_is() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    let cookie = test.sign_in(&alice).await;
    let guard = GuardLayer::new(test.gate());
    let lock_meanwhile = {
        let test = test.clone();
        from_fn(move |request: Request, next: Next| {
            let (test, alice) = (test.clone(), alice.clone());
            async move {
                assert!(request.extensions().get::<CurrentAccount>().is_some());
                test.lock(&alice).await;
                next.run(request).await
            }
        })
    };
    let app = Router::new()
        .route("/", get(perhaps))
        .layer(guard.clone().optional())
        .layer(lock_meanwhile)
        .layer(guard);
    assert_eq!(visit(&app, "/", &cookie).await.body, "nobody");
}

fn preflight(cookie: &str) -> Request {
    Request::builder()
        .method("OPTIONS")
        .uri("/")
        .header("origin", "https://app.example")
        .header("access-control-request-method", "PUT")
        .header(COOKIE, cookie)
        .header(AUTHORIZATION, "Bearer secret")
        .body(Body::empty())
        .expect("a request")
}

#[tokio::test]
async fn a_preflight_passes_and_brings_nothing() {
    let test = TestGate::new().await;
    let alice = test.sign_in(&test.account("alice").await).await;
    let headers = async |me: Option<CurrentAccount>, request: Request| {
        let brought = [COOKIE, AUTHORIZATION].map(|name| request.headers().contains_key(name));
        format!("{} {brought:?} {}", me.is_some(), request.headers().contains_key("origin"))
    };
    let app = Router::new()
        .route("/", any(headers))
        .layer(GuardLayer::new(test.gate()));
    for cookie in [&*alice, "portcullis=x", "a=b"] {
        let answer = ask(&app, preflight(cookie)).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, "false [false, false] true"));
    }
}

#[tokio::test]
async fn what_only_looks_like_a_preflight_is_guarded() {
    let test = TestGate::new().await;
    let alice = test.sign_in(&test.account("alice").await).await;
    let app = Router::new()
        .route("/", any(perhaps))
        .layer(GuardLayer::new(test.gate()));
    let changes = [
        ("origin", None),
        ("access-control-request-method", None),
        ("content-length", Some("1")),
        ("upgrade", Some("h2c")),
    ];
    for (cookie, status) in [("a=b", 401), (&*alice, 200)] {
        for (name, value) in changes {
            let mut request = preflight(cookie);
            request.headers_mut().remove(name);
            if let Some(value) = value {
                request
                    .headers_mut()
                    .insert(name, value.parse().expect("a value"));
            }
            assert_eq!(ask(&app, request).await.status, status, "{name}: {value:?}");
        }
        let mut request = preflight(cookie);
        *request.method_mut() = http::Method::PUT;
        assert_eq!(ask(&app, request).await.status, status);
    }
}

/// Where an application keeps its own sessions, what knows of one is further out:
/// taking the cookie off comes too late.
#[tokio::test]
async fn a_preflight_opens_no_session_of_the_applications_own() {
    let claim = |head: &Parts| {
        let who: Option<AccountId> = head.extensions.get().copied();
        async move { Ok::<_, Infallible>(who.map(SessionClaim::of)) }
    };
    let test = TestGate::with(|builder| builder.sessions_from(claim)).await;
    let alice = test.account("alice").await;
    test.lock(&alice).await;
    let app = Router::new()
        .route("/", any(perhaps))
        .layer(GuardLayer::new(test.gate()));

    let of_nobody = ask(&app, preflight("a=b")).await;
    assert_eq!((of_nobody.status.as_u16(), &*of_nobody.body), (200, "nobody"));
    let mut of_alice = preflight("a=b");
    of_alice.extensions_mut().insert(alice.id);
    assert_eq!(ask(&app, of_alice).await.status, 403);
}
