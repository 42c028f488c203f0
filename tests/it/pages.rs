//! The pages, as a service nests them: by requests, over sockets, and in a
//! browser.

mod account;
mod assets;
pub(crate) mod browser;
mod devices;
mod invite;
mod no_oracle;
mod password;
pub(crate) mod requests;
mod sign_in;

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::get;
use http::{Request, header};
use portcullis::domain::login::TypedLogin;
use portcullis::pages::{Branding, Pages};
use portcullis::testing::TestGate;
use portcullis::{Account, CurrentAccount, GuardLayer, Portcullis};

use crate::guard::{Answer, ask};

pub(crate) const PASSWORD: &str = "correct horse battery";
const FORM: &str = "application/x-www-form-urlencoded";

/// What a test service says of itself.
fn branding() -> Branding {
    Branding::new("Harbour").contact("the help desk, 4711")
}

/// A service with one guarded page and the pages below `/.portcullis`.
fn service(gate: Portcullis) -> Router {
    service_with(gate, |pages| pages.brand(branding()))
}

fn service_with(gate: Portcullis, describe: impl FnOnce(Pages) -> Pages) -> Router {
    let pages = describe(Pages::new(gate.clone()));
    Router::new()
        .route("/", get(|me: CurrentAccount| async move { format!("Hello {}", me.login()) }))
        .layer(GuardLayer::new(gate).sign_in_at(&pages.sign_in_path()))
        .nest("/.portcullis", pages.into_router())
}

/// A gate with Alice in it, and the service before it.
async fn with_alice() -> (TestGate, Router) {
    let test = TestGate::new().await;
    test.account_with_password("alice", PASSWORD).await;
    let app = service(test.gate());
    (test, app)
}

async fn alice(test: &TestGate) -> Account {
    let found = test.directory().resolve(TypedLogin::new("alice")).await;
    found.expect("a store").expect("alice")
}

/// A request of a browser whose address is known.
fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path);
    request = request.header("host", "app.example");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let address = SocketAddr::from(([192, 0, 2, 1], 4711));
    let request = request.extension(ConnectInfo(address));
    request
        .body(Body::from(body.to_owned()))
        .expect("a request")
}

async fn visit(app: &Router, path: &str, cookie: &str) -> Answer {
    let headers = [("accept", "text/html"), ("cookie", cookie)];
    ask(app, request("GET", path, &headers, "")).await
}

/// Sends a form as a page of ours does.
async fn post(app: &Router, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
    let headers = [
        ("accept", "text/html"),
        ("content-type", FORM),
        ("cookie", cookie),
        ("sec-fetch-site", "same-origin"),
        ("user-agent", "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/145.0"),
    ];
    ask(app, request("POST", path, &headers, &encoded(fields))).await
}

fn encoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

async fn sign_in(app: &Router, login: &str, password: &str) -> Answer {
    let fields = [("login", login), ("password", password)];
    post(app, "/.portcullis/sign-in", "", &fields).await
}

/// The session's cookie that an answer sets, as a browser sends it back that
/// forgets which device it is.
fn session(answer: &Answer) -> String {
    let cookies = cookies(answer);
    cookies.split(';').next().unwrap_or_default().to_owned()
}

/// Every cookie that an answer sets, as a browser sends them back.
fn cookies(answer: &Answer) -> String {
    let set = answer.headers.get_all(header::SET_COOKIE).iter();
    let pairs: Vec<_> = set
        .map(|set| set.to_str().expect("visible letters"))
        .filter_map(|set| set.split(';').next())
        .collect();
    assert!(!pairs.is_empty(), "no cookie is set: {answer:?}");
    pairs.join("; ")
}

fn location(answer: &Answer) -> &str {
    answer.header("location").unwrap_or_default()
}
