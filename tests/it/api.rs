//! The interfaces over real sockets: OpenProject's API v3, vector by vector, on the
//! admin listener of a gateway whose public listener guards an application.
//!
//! The tests named `op_…` are the numbered vectors of OpenProject's behaviour; what
//! differs here says so in its name or words, and stands in `manual::openproject`.

mod attempts;
mod clerk;
mod client;
mod create;
mod hostile;
mod licences;
mod lists;
mod locks;
mod manual;
mod oauth;
mod openapi;
mod own;
mod runs;
mod scim;
mod tokens;
mod users;

use axum::Router;
use axum::routing::get;
use http::HeaderMap;
use portcullis::admin::TokenRequest;
use portcullis::api::Api;
use portcullis::domain::event::{Action, AuditRecord};
use portcullis::domain::permission::{Permission, Permissions};
use portcullis::domain::standing::Lifecycle;
use portcullis::gateway::{Gateway, Origin, RESERVED, Settings};
use portcullis::pages::Pages;
use portcullis::store::AuditQuery;
use portcullis::testing::TestGate;
use portcullis::{Account, LockoutPolicy};
use serde_json::{Value, json};

use crate::gateway::serve;
use crate::support::Browser;

const URN: &str = "urn:openproject-org:api:v3:errors:";
pub(crate) const PASSWORD: &str = "correct horse battery";

/// A gateway with both listeners, and an administrator with a token.
pub(crate) struct Stand {
    pub(crate) test: TestGate,
    pub(crate) public: Browser,
    pub(crate) api: Browser,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) root: Account,
    /// The root's token.
    pub(crate) a: String,
}

/// What the interface answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl Stand {
    pub(crate) async fn new() -> Self {
        Self::with(LockoutPolicy::balanced()).await
    }

    pub(crate) async fn with(policy: LockoutPolicy) -> Self {
        let test = TestGate::with(|builder| builder.lockout(policy).api_tokens(true)).await;
        let upstream = serve(Router::new().route("/", get(|| async { "inside" }))).await;
        let origin = Origin::parse(&format!("http://{upstream}")).expect("an origin");
        let mut settings = Settings::for_upstream(origin);
        settings.public = ([127, 0, 0, 1], 0).into();
        settings.admin = Some(([127, 0, 0, 1], 0).into());
        let pages = Pages::new(test.gate()).at(RESERVED).into_router();
        let pages = Router::new().nest(RESERVED, pages);
        let gateway = Gateway::bind(test.gate(), settings, pages).await;
        let admin = test.admin().clone().with_passwords(test.gate().passwords());
        let gateway = gateway.expect("free ports");
        let gateway = gateway
            .with_figures_by_token(admin.clone())
            .with_admin_routes(Api::new(admin).into_router());
        let public = Browser::at(gateway.public_address().expect("an address"));
        let address = gateway.admin_address().expect("an address").expect("one");
        tokio::spawn(gateway.run(std::future::pending()));
        let root = test.account("root").await;
        test.edit(&root, |account| account.admin = true).await;
        let a = token(&test, &root, &[]).await;
        Self { test, public, api: Browser::at(address), address, root, a }
    }

    /// Somebody plain.
    pub(crate) async fn person(&self, login: &str) -> Account {
        let account = self.test.account_with_password(login, PASSWORD).await;
        self.test
            .edit(&account, |account| {
                account.name = "Ada King Lovelace".to_owned();
                account.email = Some(format!("{}@example.org", account.login));
                account.details.language = Some("en".to_owned());
            })
            .await;
        self.now(&account).await
    }

    /// Somebody in another part of their life.
    pub(crate) async fn in_life(&self, login: &str, lifecycle: Lifecycle) -> Account {
        let account = self.test.account(login).await;
        self.test
            .edit(&account, |account| account.lifecycle = lifecycle)
            .await;
        account
    }

    /// Somebody who may do this to others, and their token.
    pub(crate) async fn who_may(&self, login: &str, permission: Option<Permission>) -> Token {
        let account = self.person(login).await;
        let permissions: Permissions = permission.into_iter().collect();
        self.test
            .edit(&account, |account| account.details.permissions = permissions)
            .await;
        let secret = token(&self.test, &account, &[]).await;
        Token { secret, id: account.id.get() }
    }

    /// The account as it is now.
    pub(crate) async fn now(&self, account: &Account) -> Account {
        let found = self.test.directory().account(account.id).await;
        found.expect("a store").expect("an account")
    }

    pub(crate) async fn get(&self, token: &str, path: &str) -> Reply {
        self.send("GET", path, token, &[], "").await
    }

    pub(crate) async fn post(&self, token: &str, path: &str, body: Value) -> Reply {
        self.send_json("POST", path, token, body).await
    }

    pub(crate) async fn patch(&self, token: &str, path: &str, body: Value) -> Reply {
        self.send_json("PATCH", path, token, body).await
    }

    pub(crate) async fn delete(&self, token: &str, path: &str) -> Reply {
        self.send("DELETE", path, token, &[], "").await
    }

    async fn send_json(&self, method: &str, path: &str, token: &str, body: Value) -> Reply {
        let json = ("content-type", "application/json");
        self.send(method, path, token, &[json], &body.to_string())
            .await
    }

    /// As `apikey` with this token.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        token: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let basic = basic("apikey", token);
        let headers = [&[("authorization", &*basic)], headers].concat();
        self.raw(method, path, &headers, body).await
    }

    /// Below `/api/v3`, with these headers and no others.
    pub(crate) async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let path = format!("/api/v3{path}");
        let answer = self.api.send(method, &path, headers, body).await;
        let read = serde_json::from_str(&answer.body).unwrap_or_default();
        Reply { status: answer.status, headers: answer.headers, body: read, text: answer.body }
    }

    pub(crate) async fn lock_path(&self, account: &Account) -> String {
        format!("/users/{}/lock", account.id)
    }

    /// Tries to sign in at the gateway's own form, and says how that was answered.
    pub(crate) async fn sign_in(&self, login: &str, password: &str) -> u16 {
        let form = [("login", login), ("password", password)];
        let answer = self
            .public
            .post_form("/.portcullis/sign-in", "", &form)
            .await;
        answer.status
    }

    /// What was last done to anybody.
    pub(crate) async fn last_record(&self) -> AuditRecord {
        let query = AuditQuery { account: None, before: None, limit: 1 };
        let records = self.test.directory().audit(query).await.expect("a store");
        records.into_iter().next().expect("a record")
    }
}

/// A token with its owner's number.
pub(crate) struct Token {
    pub(crate) secret: String,
    pub(crate) id: i64,
}

pub(crate) async fn token(test: &TestGate, owner: &Account, scopes: &[&str]) -> String {
    let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let request = TokenRequest { scopes, ..TokenRequest::default() };
    let system = portcullis::admin::Actor::System;
    let made = test
        .admin()
        .create_token(&system, &owner.id.into(), request)
        .await;
    made.expect("a token").secret.expose()
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    let pair = format!("{user}:{password}");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

impl Reply {
    /// It is an error of this name, in the form that clients know.
    #[track_caller]
    pub(crate) fn is_error(&self, status: u16, name: &str) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.body["_type"], "Error", "{}", self.text);
        assert_eq!(self.body["errorIdentifier"], format!("{URN}{name}"), "{}", self.text);
        let message = self.body["message"].as_str().expect("words");
        assert!(message.ends_with('.') && message.len() > 10, "{message}");
        self.is_hal();
    }

    #[track_caller]
    pub(crate) fn is_hal(&self) {
        let kind = self.headers["content-type"].to_str().expect("text");
        assert_eq!(kind, "application/hal+json; charset=utf-8");
        assert_eq!(self.headers["cache-control"], "no-store");
    }

    /// It is a user with this status.
    #[track_caller]
    pub(crate) fn is_user(&self, status: &str) {
        assert_eq!(self.status, 200, "{}", self.text);
        assert_eq!(self.body["_type"], "User", "{}", self.text);
        assert_eq!(self.body["status"], status, "{}", self.text);
        self.is_hal();
    }

    pub(crate) fn links(&self) -> Vec<&str> {
        let links = self.body["_links"].as_object().expect("links");
        links.keys().map(String::as_str).collect()
    }

    /// The names of the attributes that something is wrong about, sorted.
    #[track_caller]
    pub(crate) fn wrong(&self) -> Vec<&str> {
        assert_eq!(self.status, 422, "{}", self.text);
        let errors = self.body.pointer("/_embedded/errors");
        let errors = errors.and_then(Value::as_array);
        if errors.is_some() {
            self.is_error(422, "MultipleErrors");
        }
        let mut names = Vec::new();
        for error in errors.map_or(std::slice::from_ref(&self.body), Vec::as_slice) {
            let attribute = error.pointer("/_embedded/details/attribute");
            names.push(attribute.and_then(Value::as_str).expect("an attribute"));
        }
        names.sort_unstable();
        names
    }
}

/// Everything that a client needs to create an account.
pub(crate) fn complete(login: &str) -> Value {
    json!({
        "login": login, "firstName": "Grace", "lastName": "Hopper",
        "email": format!("{login}@example.org"), "password": "four words will do",
    })
}

/// The audit log knows who did it, and where from.
#[track_caller]
pub(crate) fn assert_done_by(record: &AuditRecord, action: Action, who: i64) {
    assert_eq!((record.action, record.actor.as_str()), (action, &*format!("user:{who}")));
    assert_eq!(record.from.as_deref(), Some("127.0.0.1"));
}
