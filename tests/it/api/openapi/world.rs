//! The people and things that the document's examples are about.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{HeaderMap, Request, StatusCode};
use portcullis::admin::deletion::LEASE;
use portcullis::admin::{Actor, DeletionRequest};
use portcullis::api::Api;
use portcullis::domain::transfer::Transfer;
use portcullis::testing::TestGate;
use portcullis::{ClientAddr, Visitor};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::api::{PASSWORD, token};

/// Alice has the number 7 in every example.
const BEFORE_ALICE: [&str; 6] = ["root", "grace", "alan", "edsger", "barbara", "ken"];

/// Interfaces over a directory in memory, as the examples find it.
pub(super) struct World {
    pub(super) test: TestGate,
    router: Router,
    token: String,
    /// What examples say for ids and secrets, and what those are here.
    pub(super) real: BTreeMap<String, String>,
}

/// What was answered.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
    pub(super) text: String,
}

impl World {
    pub(super) async fn new() -> Self {
        let test = TestGate::with(|builder| builder.api_tokens(true)).await;
        let admin = test.admin().clone().with_passwords(test.gate().passwords());
        let router = Api::new(admin).into_router();
        let root = seed(&test).await;
        let mut world = Self { test, router, token: root, real: BTreeMap::new() };
        world.set_up().await;
        world
    }

    /// What an example would have got from requests before it.
    async fn set_up(&mut self) {
        let disabling = json!({ "value": "on" });
        self.own("PUT", "/settings/accounts.disabling", disabling)
            .await;
        let sessions = self
            .own("GET", "/accounts/alice/sessions", Value::Null)
            .await;
        let devices = self
            .own("GET", "/accounts/alice/devices", Value::Null)
            .await;
        let new = json!({
            "owner": "alice", "name": "nightly import", "scopes": ["users.manage"],
            "expires_at": "2030-01-31T12:00:00Z",
        });
        let made = self.own("POST", "/tokens", new).await;
        let document = self.document().await;
        let documented = |name: &str| {
            let place = format!("/components/parameters/{name}/example");
            document
                .pointer(&place)
                .and_then(Value::as_str)
                .expect("an example")
                .to_owned()
        };
        let mut real = BTreeMap::new();
        let mut found = |name: &str, id: &Value| {
            real.insert(documented(name), id.as_str().expect("an id").to_owned());
        };
        found("SessionId", &sessions["sessions"][0]["id"]);
        found("DeviceId", &devices["devices"][0]["id"]);
        found("TokenId", &made["token"]["id"]);
        self.real = real;
        let harbour = json!({ "displayName": "Harbour", "members": [{ "value": "7" }] });
        let scim = [("content-type", "application/scim+json")];
        self.send("POST", "/scim/v2/Groups", &scim, &harbour.to_string())
            .await;
        self.add_application(&document).await;
        self.begin_deletion().await;
        self.begin_runs().await;
        let after = json!({ "value": "90 days" });
        self.own("PUT", "/settings/inactivity.after", after).await;
    }

    /// A run that is finished, and one that nobody works on.
    async fn begin_runs(&self) {
        let admin = self.test.admin();
        let request = |login: &str| {
            let request = json!({
                "selection": { "logins": [login] },
                "change": { "locked": { "yes": { "reason": "the contract ended" } } },
            });
            serde_json::from_value(request).expect("a request")
        };
        let run = admin
            .begin_bulk(&Actor::System, request(BEFORE_ALICE[2]))
            .await;
        let finished = admin.finish_run(run.expect("a run").id, |_| {}).await;
        finished.expect("it comes to its end");
        let waiting = admin
            .begin_bulk(&Actor::System, request(BEFORE_ALICE[3]))
            .await;
        waiting.expect("a run");
    }

    /// A deletion that somebody died over.
    async fn begin_deletion(&self) {
        let request = DeletionRequest {
            reason: "left the company".try_into().expect("a reason"),
            transfer: Transfer::Nothing,
        };
        let admin = self.test.admin();
        let whom = BEFORE_ALICE[1].into();
        let begun = admin.begin_deletion(&Actor::System, &whom, request).await;
        drop(begun.expect("a deletion"));
        self.test.clock().advance(LEASE * 2);
    }

    /// The application that asks for tokens.
    async fn add_application(&mut self, document: &Value) {
        let form = |path: &str, name: &str| {
            let path = path.replace('/', "~1");
            let place = format!(
                "/paths/{path}/post/requestBody/content/\
                 application~1x-www-form-urlencoded/examples/form/value/{name}"
            );
            document
                .pointer(&place)
                .and_then(Value::as_str)
                .expect("an example")
                .to_owned()
        };
        let scopes = vec!["users.view".to_owned()];
        let made = self
            .test
            .admin()
            .add_application(&Actor::System, "import", scopes)
            .await;
        let made = made.expect("an application");
        let (id, secret) = (made.application.id.to_string(), made.secret.expose());
        let body = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let issued = self.raw("POST", "/oauth2/token", &[kind], &body).await;
        let issued = issued.body["access_token"]
            .as_str()
            .expect("a token")
            .to_owned();
        self.real.extend([
            (form("/oauth2/token", "client_id"), id),
            (form("/oauth2/token", "client_secret"), secret),
            (form("/oauth2/introspect", "token"), issued),
        ]);
    }

    pub(super) async fn document(&self) -> Value {
        self.raw("GET", "/openapi.json", &[], "").await.body
    }

    async fn own(&self, method: &str, path: &str, body: Value) -> Value {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let kind = [("content-type", "application/json")];
        let reply = self
            .send(method, &format!("/admin/v1{path}"), &kind, &text)
            .await;
        assert!(reply.status.is_success(), "{method} {path}: {}", reply.text);
        reply.body
    }

    /// As root.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        let headers = [&[("authorization", bearer.as_str())], headers].concat();
        self.raw(method, path, &headers, body).await
    }

    pub(super) async fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let from: ClientAddr = std::net::SocketAddr::from(([192, 0, 2, 7], 4711)).into();
        let request = request.extension(from).body(Body::from(body.to_owned()));
        let request = request.expect("a request");
        let answer = self
            .router
            .clone()
            .oneshot(request)
            .await
            .expect("an answer");
        let (head, body) = answer.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.expect("a body");
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        let kind = head
            .headers
            .get("content-type")
            .map_or(&b""[..], |kind| kind.as_bytes());
        // Lines of JSON, and tables, are texts.
        let is_json = !kind.ends_with(b"jsonl") && !kind.starts_with(b"text/");
        let read = serde_json::from_str(&text).ok().filter(|_| is_json);
        let body = read.unwrap_or_else(|| Value::String(text.clone()));
        Reply { status: head.status, headers: head.headers, body, text }
    }
}

/// Makes the people, and yields the token of root.
async fn seed(test: &TestGate) -> String {
    let mut root = None;
    for login in BEFORE_ALICE {
        let account = test.account(login).await;
        root.get_or_insert(account);
    }
    let root = root.expect("the first of them");
    test.edit(&root, |account| account.admin = true).await;
    let alice = test.account_with_password("alice", PASSWORD).await;
    assert_eq!(alice.id.get(), 7);
    test.edit(&alice, |account| {
        account.name = "Alice Archer".to_owned();
        account.email = Some("alice@example.org".to_owned());
        let details = &mut account.details;
        (details.first_name, details.last_name) = ("Alice".to_owned(), "Archer".to_owned());
        details.language = Some("en".to_owned());
        details.external_id = Some("HR-7".to_owned());
    })
    .await;
    let mut headers = HeaderMap::new();
    headers.insert("user-agent", "Mozilla/5.0 (X11; Linux x86_64)".parse().expect("text"));
    let visitor = Visitor::from(std::net::IpAddr::from([192, 0, 2, 7])).with_headers(&headers);
    let attempt = test
        .gate()
        .attempt("alice", visitor)
        .await
        .expect("nobody guessed");
    attempt.succeed(alice.id).await.expect("a session");
    token(test, &root, &[]).await
}
