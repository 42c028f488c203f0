//! The console, as a service nests it: what its pages say, what they do to people who
//! are signed in, and whom they refuse.

#[cfg(feature = "gateway")]
mod applications;
mod attempts;
mod audit;
#[cfg(feature = "gateway")]
mod browser;
mod checks;
#[cfg(feature = "gateway")]
mod deletions;
mod entry;
mod groups;
mod licences;
mod modules;
mod overview;
mod person;
mod protection;
mod requests;
mod rights;
mod runs;
mod sessions;
#[cfg(feature = "gateway")]
mod tokens;
mod users;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::routing::get;
use http::{Request, StatusCode, header};
use portcullis::admin::{Admin, Modules};
use portcullis::domain::permission::Permission;
use portcullis::pages::Console;
use portcullis::testing::TestGate;
use portcullis::{Account, CurrentAccount, GuardLayer};

use crate::guard::{Answer, ask};

const PASSWORD: &str = "open the gate please";

/// A service with one guarded page, and the console below `/console`.
struct House {
    test: TestGate,
    app: Router,
}

/// A browser with a session in the console.
struct Desk<'a> {
    app: &'a Router,
    cookie: String,
}

impl House {
    async fn new() -> Self {
        Self::with(|console| console, |admin| admin).await
    }

    /// One whose people own records in these modules.
    async fn with_modules(modules: Modules) -> Self {
        Self::with(|console| console, |admin| admin.with_modules(modules)).await
    }

    /// A console, and what administers, that are described like this.
    async fn with(
        describe: impl FnOnce(Console) -> Console,
        equip: impl FnOnce(Admin) -> Admin,
    ) -> Self {
        let test = TestGate::new().await;
        let gate = test.gate();
        let admin = Admin::new(test.directory().clone())
            .with_gate(gate.clone())
            .with_passwords(gate.passwords());
        let console = describe(Console::new(gate.clone(), equip(admin)));
        let app = Router::new()
            .route("/", get(|me: CurrentAccount| async move { me.login().to_string() }))
            .layer(GuardLayer::new(gate))
            .nest_service("/console", console.into_router());
        Self { test, app }
    }

    /// Somebody who may this in the console.
    async fn staff(&self, login: &str, may: &[Permission]) -> Account {
        let account = self.test.account_with_password(login, PASSWORD).await;
        let may = may.iter().copied().collect();
        self.test
            .edit(&account, |account| account.details.permissions = may)
            .await;
        account
    }

    async fn administrator(&self, login: &str) -> Account {
        let account = self.test.account_with_password(login, PASSWORD).await;
        self.test
            .edit(&account, |account| account.admin = true)
            .await;
        account
    }

    /// The console, for an administrator of its own.
    async fn desk(&self) -> Desk<'_> {
        self.administrator("ada").await;
        self.sign_in("ada").await
    }

    async fn sign_in(&self, login: &str) -> Desk<'_> {
        let fields = [("login", login), ("password", PASSWORD)];
        let answer = self.send("/console/sign-in", "", &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        Desk { app: &self.app, cookie: kept(&answer) }
    }

    /// Sends a form as a page of ours does, with these cookies.
    async fn send(&self, path: &str, cookie: &str, fields: &[(&str, &str)]) -> Answer {
        ask(&self.app, form(path, cookie, fields, "same-origin")).await
    }

    /// Tries to come into the console.
    async fn attempt(&self, login: &str, password: &str) -> Answer {
        let fields = [("login", login), ("password", password)];
        self.send("/console/sign-in", "", &fields).await
    }

    /// What a session of the service gets at its next request.
    async fn visit(&self, cookie: &str) -> StatusCode {
        ask(&self.app, asking("/", cookie)).await.status
    }

    /// So late that nobody is sure any more.
    fn wait(&self) {
        self.test.clock().advance(Duration::from_secs(31 * 60));
    }
}

impl Desk<'_> {
    async fn get(&self, path: &str) -> Answer {
        ask(self.app, asking(path, &self.cookie)).await
    }

    /// A page that is there.
    async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        answer.body
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        ask(self.app, form(path, &self.cookie, fields, "same-origin")).await
    }

    /// Sends a form with the key that its page has now, where there is one for them.
    async fn post_once(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.get(path).await.body;
        let key = page.split("type=\"hidden\" name=\"once\" value=\"").nth(1);
        let key = key
            .and_then(|rest| rest.split('"').next())
            .unwrap_or_default();
        let fields: Vec<_> = fields.iter().copied().chain([("once", key)]).collect();
        self.post(path, &fields).await
    }

    /// The same, sent by another site's page.
    async fn post_from_elsewhere(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        ask(self.app, form(path, &self.cookie, fields, "cross-site")).await
    }
}

/// Every cookie that an answer sets, as a browser sends them back.
fn kept(answer: &Answer) -> String {
    let pairs: Vec<_> = set_cookies(answer)
        .filter_map(|set| set.split(';').next())
        .collect();
    pairs.join("; ")
}

fn set_cookies(answer: &Answer) -> impl Iterator<Item = &str> {
    let set = answer.headers.get_all(header::SET_COOKIE).iter();
    set.map(|set| set.to_str().expect("visible letters"))
}

fn asking(path: &str, cookie: &str) -> Request<Body> {
    let request = Request::get(path).header(header::HOST, "app.example");
    let request = request.header(header::COOKIE, cookie).extension(address());
    request.body(Body::empty()).expect("a request")
}

fn form(path: &str, cookie: &str, fields: &[(&str, &str)], site: &str) -> Request<Body> {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    let request = Request::post(path)
        .header(header::HOST, "app.example")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::COOKIE, cookie)
        .header("sec-fetch-site", site)
        .extension(address());
    request.body(Body::from(body)).expect("a request")
}

fn address() -> ConnectInfo<SocketAddr> {
    ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 4711)))
}

fn location(answer: &Answer) -> &str {
    answer.header("location").unwrap_or_default()
}
