//! The ways in which a service is wrapped.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{any, get};
use http::request::Parts;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use portcullis::testing::TestGate;
use portcullis::{CurrentAccount, Denial, DenialReason, GuardLayer};
use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};

use super::{ask, perhaps, visit, who};

#[tokio::test]
async fn a_layer_guards_what_is_above_it_and_unknown_paths_too() {
    let test = TestGate::new().await;
    let cookie = test.sign_in(&test.account("alice").await).await;
    let app = Router::new()
        .route("/", get(who))
        .layer(GuardLayer::new(test.gate()))
        .route("/public", get(perhaps));
    assert_eq!(visit(&app, "/", "a=b").await.status, 401);
    assert_eq!(visit(&app, "/nowhere", "a=b").await.status, 401);
    assert_eq!(visit(&app, "/nowhere", &cookie).await.status, 404);
    assert_eq!(visit(&app, "/", &cookie).await.body, "alice");
    assert_eq!(visit(&app, "/public", &cookie).await.body, "nobody");
}

#[tokio::test]
async fn a_route_layer_leaves_unknown_paths_unknown() {
    let test = TestGate::new().await;
    let cookie = test.sign_in(&test.account("alice").await).await;
    let app = Router::new()
        .route("/", get(who))
        .route_layer(GuardLayer::new(test.gate()));
    assert_eq!(visit(&app, "/", "a=b").await.status, 401);
    assert_eq!(visit(&app, "/nowhere", "a=b").await.status, 404);
    assert_eq!(visit(&app, "/", &cookie).await.body, "alice");
}

fn navigation(path: &str) -> Request<Body> {
    let request = Request::get(path).header("sec-fetch-mode", "navigate");
    request.body(Body::empty()).expect("a request")
}

async fn location(app: &Router, path: &str) -> String {
    let answer = ask(app, navigation(path)).await;
    assert_eq!(answer.status, 303, "{path}");
    answer.header("location").expect("it").to_owned()
}

/// Wherever in nested routers the guard stands, people return to the address
/// that they asked for.
#[tokio::test]
async fn nested_routers_return_to_the_whole_address() {
    let test = TestGate::new().await;
    let guard = GuardLayer::new(test.gate()).sign_in_at("/sign-in");
    let innermost = Router::new().route("/{id}", get(who));
    let returned = "/sign-in?return_to=/app/reports/7%3Fa%3Db";

    let inner = Router::new().nest("/reports", innermost.clone().layer(guard.clone()));
    let app = Router::new().nest("/app", inner);
    assert_eq!(location(&app, "/app/reports/7?a=b").await, returned);

    let inner = Router::new().nest("/reports", innermost.clone());
    let app = Router::new().nest("/app", inner.clone().route_layer(guard.clone()));
    assert_eq!(location(&app, "/app/reports/7?a=b").await, returned);

    let app = Router::new().nest_service("/app", inner).layer(guard);
    assert_eq!(location(&app, "/app/reports/7?a=b").await, returned);
}

/// The sign-in address is one of the whole service: below a prefix that a router
/// took off, only the page itself is exempt, and not its namesake.
#[tokio::test]
async fn only_the_sign_in_page_itself_is_exempt() {
    let test = TestGate::new().await;
    let below = Router::new().route("/sign-in", any(perhaps));
    let nested = |address: &str| {
        let guard = GuardLayer::new(test.gate()).sign_in_at(address);
        Router::new().nest("/app", below.clone().layer(guard))
    };
    let app = nested("/app/sign-in");
    assert_eq!(visit(&app, "/app/sign-in", "a=b").await.body, "nobody");
    assert_eq!(visit(&app, "/app/sign-in?a=b", "a=b").await.body, "nobody");
    let app = nested("/sign-in");
    assert_eq!(visit(&app, "/app/sign-in", "a=b").await.status, 401);
    assert_eq!(location(&app, "/app/sign-in").await, "/sign-in?return_to=/app/sign-in");

    let guard = GuardLayer::new(test.gate()).sign_in_at("/sign-in");
    let app = Router::new().route("/{*page}", any(perhaps)).layer(guard);
    for path in ["/sign-in", "/sign-in/", "/sign-in?return_to=/"] {
        assert_eq!(visit(&app, path, "a=b").await.body, "nobody", "{path}");
    }
    for path in ["/Sign-In", "/%73ign-in", "/sign-in/x", "/x/sign-in", "/sign-inx", "//sign-in"] {
        assert_eq!(visit(&app, path, "a=b").await.status, 401, "{path}");
        // Not in circles, either: who came by another spelling reads a page.
        let answer = ask(&app, navigation(path)).await;
        let leads_back = answer
            .header("location")
            .is_some_and(|to| to.contains("return_to=/Sign"));
        assert!(!leads_back, "{path}");
    }
}

async fn break_down(_: Request<()>) -> std::io::Result<Response<String>> {
    Err(std::io::Error::other("it broke"))
}

async fn say_nothing(_: Request<()>) -> Result<Response<Empty<Bytes>>, Infallible> {
    Ok(Response::new(Empty::new()))
}

async fn login_of(request: Request<()>) -> Result<Response<String>, Infallible> {
    let me = request
        .extensions()
        .get::<CurrentAccount>()
        .expect("an account");
    Ok(Response::new(me.login().to_string()))
}

#[tokio::test]
async fn a_service_function_is_wrapped_by_a_service_builder() {
    let test = TestGate::new().await;
    let cookie = test.sign_in(&test.account("alice").await).await;
    let service = ServiceBuilder::new()
        .layer(GuardLayer::new(test.gate()))
        .service_fn(login_of);
    let ask = async |cookie: &str| {
        let request = Request::get("/")
            .header(header::COOKIE, cookie)
            .body(())
            .expect("a request");
        service
            .clone()
            .oneshot(request)
            .await
            .expect("infallible")
            .into_parts()
    };
    let (head, body) = ask(&cookie).await;
    assert_eq!((head.status, body.as_str()), (StatusCode::OK, "alice"));
    let (head, body) = ask("a=b").await;
    assert_eq!(head.status, StatusCode::UNAUTHORIZED);
    assert!(body.contains("urn:portcullis:denial:no-session"));
}

#[tokio::test]
async fn an_error_of_the_service_stays_its_own() {
    let test = TestGate::new().await;
    let cookie = test.sign_in(&test.account("alice").await).await;
    let service = ServiceBuilder::new()
        .layer(GuardLayer::new(test.gate()))
        .service_fn(break_down);
    for _ in ["a miss", "a pass"] {
        let request = Request::get("/")
            .header(header::COOKIE, &cookie)
            .body(())
            .expect("one");
        let error = service
            .clone()
            .oneshot(request)
            .await
            .expect_err("it broke");
        assert_eq!(error.to_string(), "it broke");
    }
}

async fn greet(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let me = head.extensions.get::<CurrentAccount>().expect("an account");
    let body = body.collect().await.expect("the whole body").to_bytes();
    Ok(Response::new(Full::from(format!("{} said {}", me.login(), body.len()))))
}

/// Without axum: hyper serves the guarded service itself.
async fn serve_bare(test: &TestGate) -> SocketAddr {
    let layer = GuardLayer::new(test.gate());
    let service = TowerToHyperService::new(layer.layer(service_fn(greet)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let server = auto::Builder::new(TokioExecutor::new());
            let connection = server.serve_connection(TokioIo::new(stream), service.clone());
            tokio::spawn(connection.into_owned());
        }
    });
    address
}

async fn say_three(address: SocketAddr, cookie: &str, h2: bool) -> (u16, String) {
    let client = Client::builder(TokioExecutor::new())
        .http2_only(h2)
        .build_http();
    let request = Request::post(format!("http://{address}/")).header(header::COOKIE, cookie);
    let request = request
        .body(Full::<Bytes>::from("three"))
        .expect("a request");
    let (head, body) = client
        .request(request)
        .await
        .expect("an answer")
        .into_parts();
    let body = body.collect().await.expect("the whole body").to_bytes();
    (head.status.as_u16(), String::from_utf8(body.to_vec()).expect("text"))
}

#[tokio::test]
async fn a_bare_service_is_guarded_on_a_socket() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    let cookie = test.sign_in(&alice).await;
    let address = serve_bare(&test).await;
    for h2 in [false, true] {
        let said = say_three(address, &cookie, h2).await;
        assert_eq!(said, (200, "alice said 5".to_owned()));
        assert_eq!(say_three(address, "a=b", h2).await.0, 401);
    }
    test.lock(&alice).await;
    for h2 in [false, true] {
        assert_eq!(say_three(address, &cookie, h2).await.0, 403);
    }
}

#[tokio::test]
async fn a_closure_answers_instead() {
    let test = TestGate::new().await;
    let alice = test.account("alice").await;
    let cookie = test.sign_in(&alice).await;
    let guard = GuardLayer::new(test.gate())
        .sign_in_at("/sign-in")
        .deny_with(|denial: &Denial, request: &Parts| {
            let words = format!("{} at {}", denial.reason(), request.uri);
            let mut response = Response::new(Body::from(words));
            *response.status_mut() = match denial.reason() {
                DenialReason::NoSession => StatusCode::IM_A_TEAPOT,
                _ => StatusCode::GONE,
            };
            response
        });
    let app = Router::new()
        .route("/", get(who))
        .route("/sign-in", get(perhaps))
        .layer(guard);
    let answer = visit(&app, "/", "a=b").await;
    assert_eq!((answer.status.as_u16(), &*answer.body), (418, "no-session at /"));
    assert_eq!(
        answer.reason(),
        Some(DenialReason::NoSession),
        "it carries the denial all the same"
    );
    test.delete(&alice).await;
    for _ in ["a miss", "known"] {
        let answer = visit(&app, "/", &cookie).await;
        assert_eq!((answer.status.as_u16(), &*answer.body), (410, "account-deleted at /"));
        assert_eq!(answer.denial.and_then(|denial| denial.account().cloned()), Some(alice.key()));
    }
    assert_eq!(visit(&app, "/sign-in", "a=b").await.body, "nobody");
}

#[tokio::test]
async fn bodies_of_other_types_are_said_how_to_make() {
    let test = TestGate::new().await;
    let inside = service_fn(say_nothing);
    let guard = GuardLayer::new(test.gate())
        .without_text()
        .sign_in_at("/sign-in");
    let service = ServiceBuilder::new().layer(guard).service(inside);
    let request = Request::get("/")
        .header("sec-fetch-mode", "navigate")
        .body(())
        .expect("one");
    let response = service.oneshot(request).await.expect("infallible");
    assert_eq!(response.status(), 303);
    assert_eq!(response.headers()["location"], "/sign-in?return_to=/");
}

/// Cookies of a service that is reached over https are for https alone, the
/// counter of redirect loops included.
#[tokio::test]
async fn cookies_of_https_are_for_https() {
    for https in [false, true] {
        let test = TestGate::with(|builder| builder.https(https)).await;
        let alice = test.account("alice").await;
        let cookie = test.sign_in(&alice).await;
        let guard = GuardLayer::new(test.gate()).sign_in_at("https://sso.example/");
        let app = Router::new().route("/", get(who)).layer(guard);
        test.lock(&alice).await;
        let mut request = navigation("/");
        request
            .headers_mut()
            .insert(header::COOKIE, cookie.parse().expect("a value"));
        let answer = ask(&app, request).await;
        let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies.len(), 2, "the loop's and the session's: {cookies:?}");
        let secure = |cookie: &&http::HeaderValue| cookie.as_bytes().ends_with(b"; Secure");
        assert_eq!(cookies.iter().filter(|cookie| secure(cookie)).count(), 2 * usize::from(https));
    }
}
