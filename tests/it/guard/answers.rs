//! Every kind of client, refused for every reason.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use http::{Request, header};
use portcullis::domain::lock::{AdminLock, End};
use portcullis::domain::standing::Lifecycle;
use portcullis::testing::{START, TestGate};
use portcullis::{AccountKey, Clock, DenialReason, GuardLayer, Portcullis, Standing};
use serde_json::Value;

use super::{Answer, Clerk, Mood, Register, ask, who};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Case {
    Deleted,
    Disabled,
    Locked,
    LockedOut,
    NotYetActive,
    SessionEnded,
    NoSession,
    Unknown,
}

impl Case {
    /// From the gravest down.
    const ALL: [Self; 8] = [
        Self::Deleted,
        Self::Disabled,
        Self::Locked,
        Self::LockedOut,
        Self::NotYetActive,
        Self::SessionEnded,
        Self::NoSession,
        Self::Unknown,
    ];

    /// What programs read, the status, the notice, and whether the session is
    /// dead for good.
    fn expected(self) -> (&'static str, u16, Option<&'static str>, bool) {
        match self {
            Self::Deleted => ("account-deleted", 403, Some("deleted"), true),
            Self::Disabled => ("account-disabled", 403, Some("disabled"), true),
            Self::Locked => ("account-locked", 403, Some("locked"), true),
            Self::LockedOut => ("account-locked", 403, Some("locked-out"), false),
            Self::NotYetActive => ("account-not-yet-active", 403, Some("not-yet-active"), false),
            Self::SessionEnded => ("session-ended", 401, Some("signed-out"), true),
            Self::NoSession => ("no-session", 401, None, false),
            Self::Unknown => ("status-unknown", 503, None, false),
        }
    }

    fn retry_after(self) -> Option<&'static str> {
        match self {
            Self::LockedOut => Some("300"),
            Self::Unknown => Some("1"),
            _ => None,
        }
    }

    /// A gate, and the cookie of somebody who is in this case at it.
    async fn stage(self) -> (Portcullis, Option<String>) {
        if self == Self::Unknown {
            return unknown().await;
        }
        let test = TestGate::new().await;
        let alice = test.account("alice").await;
        let cookie = test.sign_in(&alice).await;
        match self {
            Self::Deleted => test.delete(&alice).await,
            Self::Disabled => test.disable(&alice).await,
            Self::Locked => test.lock(&alice).await,
            Self::LockedOut => test.lock_out(&alice).await,
            Self::NotYetActive => {
                test.edit(&alice, |alice| alice.lifecycle = Lifecycle::Invited)
                    .await;
            }
            Self::SessionEnded => test.sign_out(&alice).await,
            Self::NoSession | Self::Unknown => {}
        }
        (test.gate(), Some(cookie).filter(|_| self != Self::NoSession))
    }
}

async fn unknown() -> (Portcullis, Option<String>) {
    let register = Register::of(1);
    let builder = Portcullis::builder().accounts(Clerk(Arc::clone(&register)));
    let gate = builder.build().await.expect("a gate");
    let signed_in = gate.open_session(1, None).await.expect("may sign in");
    register.be(Mood::Fails);
    let cookie = format!("portcullis={}", signed_in.token().expose());
    (gate, Some(cookie))
}

#[derive(Clone, Copy, Debug)]
enum Client {
    Browser,
    OldBrowser,
    Form,
    Script,
    Program,
    Htmx,
    Grpc,
    WebSocket,
}

impl Client {
    const ALL: [Self; 8] = [
        Self::Browser,
        Self::OldBrowser,
        Self::Form,
        Self::Script,
        Self::Program,
        Self::Htmx,
        Self::Grpc,
        Self::WebSocket,
    ];

    fn request(self, cookie: Option<&str>) -> Request<Body> {
        let headers: &[(&str, &str)] = match self {
            Self::Browser => &[("sec-fetch-mode", "navigate"), ("accept", "text/html")],
            Self::OldBrowser => &[("accept", "text/html,application/xhtml+xml,*/*;q=0.8")],
            Self::Form => &[("sec-fetch-mode", "navigate"), ("content-length", "0")],
            Self::Script => &[("sec-fetch-mode", "cors"), ("accept", "text/html")],
            Self::Program => &[("accept", "application/json")],
            Self::Htmx => &[("hx-request", "true"), ("hx-current-url", "http://app/page?a=b")],
            Self::Grpc => &[("content-type", "application/grpc+proto"), ("te", "trailers")],
            Self::WebSocket => &[
                ("connection", "Upgrade"),
                ("upgrade", "websocket"),
                ("sec-websocket-version", "13"),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ],
        };
        let method = if matches!(self, Self::Form | Self::Grpc) { "POST" } else { "GET" };
        let mut request = Request::builder().method(method).uri("/desk?tab=1");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(cookie) = cookie {
            request = request.header(header::COOKIE, cookie);
        }
        request.body(Body::empty()).expect("a request")
    }

    /// What this client gets for this reason.
    fn check(self, case: Case, answer: &Answer) {
        let (word, status, notice, dead) = case.expected();
        assert_eq!(answer.reason().map(DenialReason::as_str), Some(word));
        assert_eq!(answer.clears_cookie(), dead);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        let challenge = (answer.status == 401).then_some("Session realm=\"portcullis\"");
        assert_eq!(answer.header("www-authenticate"), challenge);
        let retry_after = case.retry_after().filter(|_| answer.status.as_u16() >= 400);
        assert_eq!(answer.header("retry-after"), retry_after);
        let location = |page| location(page, notice);
        match self {
            Self::Browser | Self::OldBrowser | Self::Form if status == 503 => {
                assert_eq!(answer.status, 503);
                assert_eq!(answer.header("location"), None);
                assert!(answer.body.contains("<h1>Not available right now</h1>"));
            }
            Self::Browser | Self::OldBrowser => {
                assert_eq!(answer.status, 303);
                assert_eq!(answer.header("location"), Some(&*location("/desk%3Ftab%3D1")));
            }
            Self::Form => {
                assert_eq!(answer.status, 303);
                assert_eq!(answer.header("location"), Some(&*location("")));
            }
            Self::Grpc => {
                let code = match status {
                    401 => "16",
                    403 => "7",
                    _ => "14",
                };
                assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""));
                assert_eq!(answer.header("grpc-status"), Some(code));
                assert_eq!(answer.header("content-type"), Some("application/grpc"));
            }
            Self::Script | Self::Program | Self::WebSocket | Self::Htmx => {
                check_problem(answer, word, status);
                let htmx = matches!(self, Self::Htmx) && status != 503;
                let redirect = htmx.then(|| location("/page%3Fa%3Db"));
                assert_eq!(answer.header("hx-redirect"), redirect.as_deref());
            }
        }
    }
}

fn location(page: &str, notice: Option<&str>) -> String {
    let page = (!page.is_empty()).then(|| format!("return_to={page}"));
    let notice = notice.map(|notice| format!("notice={notice}"));
    let params: Vec<String> = page.into_iter().chain(notice).collect();
    let joint = if params.is_empty() { "" } else { "?" };
    format!("/sign-in{joint}{}", params.join("&"))
}

fn check_problem(answer: &Answer, word: &str, status: u16) {
    assert_eq!(answer.status, status);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert_eq!(answer.header("location"), None);
    let problem: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(problem["type"], format!("urn:portcullis:denial:{word}"));
    assert_eq!(problem["status"], status);
    let sign_in = (status != 503).then_some("/sign-in");
    assert_eq!(problem.get("sign_in_url").and_then(Value::as_str), sign_in);
}

fn app(gate: Portcullis) -> Router {
    Router::new()
        .route("/desk", any(who))
        .layer(GuardLayer::new(gate).sign_in_at("/sign-in"))
}

#[tokio::test]
async fn every_client_is_told_every_reason_in_its_own_terms() {
    for case in Case::ALL {
        for client in Client::ALL {
            let (gate, cookie) = case.stage().await;
            let app = app(gate);
            // The first look misses or denies at once; the second knows.
            for look in ["first", "second"] {
                println!("{client:?}, {case:?}, {look} look");
                client.check(case, &ask(&app, client.request(cookie.as_deref())).await);
            }
        }
    }
}

#[tokio::test]
async fn every_client_passes_who_may() {
    for client in Client::ALL {
        let test = TestGate::new().await;
        let cookie = test.sign_in(&test.account("alice").await).await;
        let answer = ask(&app(test.gate()), client.request(Some(&cookie))).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "alice"), "{client:?}");
        assert_eq!((answer.denial.is_none(), answer.header("set-cookie")), (true, None));
    }
}

/// Piles one reason on another: the gravest is told, and the cookie of a session
/// that died first of all is cleared whatever is told.
#[tokio::test]
async fn the_gravest_reason_is_told_and_a_dead_cookie_cleared_all_the_same() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    let cookie = test.sign_in(&alice).await;
    let app = app(test.gate());
    let told = async |case: Case| {
        let answer = ask(&app, Client::Program.request(Some(&cookie))).await;
        let (word, status, ..) = case.expected();
        assert_eq!(
            (answer.reason().map(DenialReason::as_str), answer.status.as_u16()),
            (Some(word), status)
        );
        assert!(answer.clears_cookie(), "{case:?}");
        answer.reason().expect("a reason").lock_end()
    };
    test.sign_out(&alice).await;
    told(Case::SessionEnded).await;
    test.edit(&alice, |alice| alice.lifecycle = Lifecycle::Invited)
        .await;
    told(Case::NotYetActive).await;
    test.lock_out(&alice).await;
    assert_eq!(told(Case::LockedOut).await, Some(End::At(START.after(Duration::from_secs(300)))));
    let author = "test".to_owned();
    let lock = AdminLock { laid_at: START, end: End::Never, reason: None, author };
    test.edit(&alice, |alice| alice.locks.admin_lock = Some(lock))
        .await;
    assert_eq!(told(Case::Locked).await, Some(End::Never));
    test.disable(&alice).await;
    told(Case::Disabled).await;
    test.delete(&alice).await;
    told(Case::Deleted).await;
}

#[tokio::test]
async fn a_session_past_its_time_is_cleared_from_a_locked_out_browser() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    let cookie = test.sign_in(&alice).await;
    let app = app(test.gate());
    let nearly = Duration::from_secs(12 * 3600 - 60);
    test.clock().advance(nearly);
    test.lock_out(&alice).await;
    let answer = ask(&app, Client::Program.request(Some(&cookie))).await;
    assert_eq!((answer.status.as_u16(), answer.clears_cookie()), (403, false));
    test.clock().advance(Duration::from_secs(60));
    let answer = ask(&app, Client::Program.request(Some(&cookie))).await;
    assert_eq!((answer.status.as_u16(), answer.clears_cookie()), (403, true));
}

/// Not knowing comes last: whoever is known to be locked stays locked while the
/// directory is silent, and whoever brought nothing needs no directory.
#[tokio::test]
async fn a_silent_directory_hides_no_lock() {
    let clock = Clock::manual(START);
    let register = Register::of(1);
    let builder = Portcullis::builder().accounts(Clerk(Arc::clone(&register)));
    let gate = builder.clock(clock.clone()).build().await.expect("a gate");
    let signed_in = gate.open_session(1, None).await.expect("may sign in");
    let cookie = format!("portcullis={}", signed_in.token().expose());
    let app = app(gate.clone());
    let told = async |cookie| {
        let answer = ask(&app, Client::Program.request(cookie)).await;
        (answer.status.as_u16(), answer.clears_cookie())
    };
    assert_eq!(told(Some(&cookie)).await, (200, false));

    register.be(Mood::Fails);
    clock.advance(Duration::from_secs(30 + 10));
    assert_eq!(told(Some(&cookie)).await, (200, false), "the last word is taken a little longer");
    clock.advance(Duration::from_secs(1));
    assert_eq!(told(Some(&cookie)).await, (503, false));
    assert_eq!(told(None).await, (401, false));

    register.be(Mood::Answers);
    register.write(&AccountKey::integer(1), Standing::locked());
    assert_eq!(told(Some(&cookie)).await, (403, false));
    register.be(Mood::Fails);
    clock.advance(Duration::from_secs(3600));
    assert_eq!(told(Some(&cookie)).await, (403, false), "a known lock stays one");
}
