//! SCIM 2.0 over real sockets, on both mounts.
//!
//! The tests named `v…` are the numbered vectors of the standard's behaviour, those
//! named `s…` and `d…` WSO2's; what differs here stands in `manual::scim`.

mod bulk;
mod clients;
mod governance;
mod groups;
mod hostile;
mod lists;
mod locks;
mod manual;
mod okta;
mod users;

use portcullis::Account;
use serde_json::{Value, json};

use super::{Reply, Stand};

pub(super) const STRICT: &str = "/scim/v2";
pub(super) const WSO2: &str = "/scim2";
pub(super) const WSO2_URN: &str = "urn:scim:wso2:schema";
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";

/// A client of one mount.
pub(super) struct Scim<'a> {
    pub(super) stand: &'a Stand,
    pub(super) mount: &'static str,
    pub(super) token: String,
}

impl<'a> Scim<'a> {
    pub(super) fn at(stand: &'a Stand, mount: &'static str) -> Self {
        Self { stand, mount, token: stand.a.clone() }
    }

    /// With the media type that its clients send, and what else stands in the head.
    pub(super) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("authorization", bearer.as_str())];
        if !body.is_empty() && headers.iter().all(|(name, _)| *name != "content-type") {
            all.push(("content-type", "application/scim+json"));
        }
        all.extend(headers);
        let path = format!("{}{path}", self.mount);
        let answer = self.stand.api.send(method, &path, &all, body).await;
        let read = serde_json::from_str(&answer.body).unwrap_or_default();
        Reply { status: answer.status, headers: answer.headers, body: read, text: answer.body }
    }

    pub(super) async fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], "").await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Reply {
        self.send("POST", path, &[], &body.to_string()).await
    }

    pub(super) async fn put(&self, path: &str, body: Value) -> Reply {
        self.send("PUT", path, &[], &body.to_string()).await
    }

    pub(super) async fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], "").await
    }

    /// Steps, in the form that the standard has for them.
    pub(super) async fn patch(&self, path: &str, steps: Value) -> Reply {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": steps,
        });
        self.send("PATCH", path, &[], &body.to_string()).await
    }

    /// Makes somebody, and gives their path.
    pub(super) async fn user(&self, name: &str, more: Value) -> String {
        let mut body = json!({ "userName": name });
        for (name, value) in more.as_object().expect("an object") {
            body[name] = value.clone();
        }
        let made = self.post("/Users", body).await;
        made.is(201);
        format!("/Users/{}", made.id())
    }

    pub(super) async fn list(&self, query: &[(&str, &str)]) -> Reply {
        let query: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(query)
            .finish();
        self.get(&format!("/Users?{query}")).await
    }

    /// Who a filter finds, by name.
    pub(super) async fn found(&self, filter: &str) -> Vec<String> {
        let list = self.list(&[("filter", filter)]).await;
        list.is(200);
        list.names()
    }
}

impl Reply {
    #[track_caller]
    pub(super) fn is(&self, status: u16) {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers["cache-control"], "no-store");
        if !self.text.is_empty() {
            assert_eq!(self.headers["content-type"], "application/scim+json");
        }
    }

    /// It is an error in the form of the standard.
    #[track_caller]
    pub(super) fn is_scim_problem(&self, status: u16, kind: Option<&str>) {
        self.is(status);
        assert_eq!(self.body["schemas"], json!([ERROR]), "{}", self.text);
        assert_eq!(self.body["status"], status.to_string(), "{}", self.text);
        assert_eq!(self.body["scimType"].as_str(), kind, "{}", self.text);
        let words = self.body["detail"].as_str().expect("words");
        assert!(words.len() > 10, "{words}");
    }

    #[track_caller]
    pub(super) fn id(&self) -> String {
        self.body["id"].as_str().expect("an id").to_owned()
    }

    pub(super) fn names(&self) -> Vec<String> {
        let all = self.body["Resources"].as_array().expect("resources");
        let name = |one: &Value| {
            let name = one.get("userName").or_else(|| one.get("displayName"));
            name.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        all.iter().map(name).collect()
    }
}

/// The account behind a user's path.
pub(super) async fn account(stand: &Stand, path: &str) -> Account {
    let number: i64 = path
        .trim_start_matches("/Users/")
        .parse()
        .expect("a number");
    let id = number.try_into().expect("a number");
    stand
        .test
        .directory()
        .account(id)
        .await
        .expect("a store")
        .expect("an account")
}

/// Whether they may come in now.
pub(super) async fn may_enter(stand: &Stand, path: &str) -> bool {
    let account = account(stand, path).await;
    account
        .standing()
        .sign_in_refusal(stand.test.admin().now())
        .is_none()
}
