//! What other systems are asked, and what their answers say.
//!
//! A dialect takes what its system documents and nothing else for an answer. Whatever is
//! not that is a fault: it says nothing of the account.

mod clerk;
mod introspection;
mod openproject;
mod own;
mod scim;

use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::Fault;
use crate::domain::account::AccountKey;
use crate::domain::standing::Standing;
use crate::domain::time::Timestamp;

/// What is written as it is in a part of a path (RFC 3986, 2.3).
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The system that is asked, and how it is spoken to.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RemoteKind {
    /// Clerk's Backend API: `GET /v1/users/{id}`.
    Clerk,
    /// RFC 7662: the account key is a token, which is active or not.
    Introspection,
    /// OpenProject's API v3: `GET /api/v3/users/{id}`.
    OpenProject,
    /// Another Portcullis, or a service that speaks its JSON: `GET /standing/{id}`.
    Portcullis,
    /// SCIM 2.0 (RFC 7644): `GET /Users/{id}` below the address, and `active`.
    Scim,
    /// WSO2 Identity Server: `GET /scim2/Users/{id}`, with its locks.
    Wso2,
}

/// What accounts are called there.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "one of the two names an account there")]
pub enum RemoteName {
    /// By the id that the system gave them.
    #[default]
    Id,
    /// By their login. OpenProject and Portcullis alone.
    Login,
}

/// One question, as it goes over the wire.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Question {
    /// Behind the address, with a slash before it; may be empty.
    pub(super) path: String,
    /// A form that is sent; without one it is a GET.
    pub(super) form: Option<String>,
}

/// Whom a question is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whom<'a> {
    pub(super) key: &'a str,
    pub(super) named: RemoteName,
}

/// What an answer says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    Standing(Box<Standing>),
    /// There is no such account, if our credential works: whoever may not see accounts
    /// is told the same.
    PerhapsNobody,
    /// There is no such account.
    Nobody,
}

impl Said {
    fn standing(standing: Standing) -> Self {
        Self::Standing(Box::new(standing))
    }
}

impl Question {
    fn get(path: String) -> Self {
        Self { path, form: None }
    }
}

impl RemoteKind {
    /// What asks about an account; `None` where no account there can be called so.
    pub(super) fn question(self, account: &AccountKey, named: RemoteName) -> Option<Question> {
        let key = account.to_string();
        // Dots alone would lead elsewhere in a path, however they are written.
        if key.is_empty() || key.bytes().all(|byte| byte == b'.') {
            return None;
        }
        let whom = Whom { key: &key, named };
        match self {
            Self::Clerk => Some(clerk::question(whom)),
            Self::Introspection => Some(introspection::question(whom)),
            Self::OpenProject => openproject::question(whom),
            Self::Portcullis => Some(own::question(whom)),
            Self::Scim => Some(scim::question("", whom)),
            Self::Wso2 => Some(scim::question(scim::WSO2, whom)),
        }
    }

    /// What a documented answer with this status says.
    pub(super) fn read(
        self,
        status: StatusCode,
        body: &Value,
        account: &AccountKey,
        named: RemoteName,
        now: Timestamp,
    ) -> Result<Said, Fault> {
        let key = account.to_string();
        let whom = Whom { key: &key, named };
        match self {
            Self::Clerk => clerk::read(status, body, whom, now),
            Self::Introspection => introspection::read(status, body),
            Self::OpenProject => openproject::read(status, body, whom),
            Self::Portcullis => own::read(status, body, whom),
            Self::Scim => scim::read(status, body, whom, scim::Flavour::Plain),
            Self::Wso2 => scim::read(status, body, whom, scim::Flavour::Wso2),
        }
    }

    /// What only somebody whose credential works, and may see accounts, is answered as
    /// documented.
    pub(super) fn trial(self) -> Question {
        match self {
            Self::Clerk => Question::get("/v1/users/count".to_owned()),
            Self::Introspection => introspection::question(Whom::nobody()),
            Self::OpenProject => Question::get("/api/v3/users/me".to_owned()),
            Self::Portcullis => own::question(Whom::nobody()),
            Self::Scim => Question::get("/Users?startIndex=1&count=1".to_owned()),
            Self::Wso2 => Question::get(format!("{}/Users?startIndex=1&count=1", scim::WSO2)),
        }
    }

    /// Whether the trial's answer is that.
    pub(super) fn passes(self, status: StatusCode, body: &Value) -> bool {
        match self {
            Self::Clerk => status == StatusCode::OK && body["object"] == "total_count",
            Self::Introspection => introspection::read(status, body).is_ok(),
            Self::OpenProject => openproject::sees_accounts(status, body),
            Self::Portcullis => own::read(status, body, Whom::nobody()).is_ok(),
            Self::Scim | Self::Wso2 => status == StatusCode::OK && scim::is_list(body),
        }
    }

    /// What it says it sends.
    pub(super) const fn accepts(self) -> &'static str {
        match self {
            Self::OpenProject => "application/hal+json, application/json",
            Self::Scim | Self::Wso2 => "application/scim+json, application/json",
            Self::Clerk | Self::Introspection | Self::Portcullis => "application/json",
        }
    }

    /// Whether it tells of changes as they happen.
    pub const fn has_feed(self) -> bool {
        matches!(self, Self::Portcullis)
    }

    /// Whether accounts there can be asked about by their login.
    pub const fn knows_logins(self) -> bool {
        matches!(self, Self::OpenProject | Self::Portcullis)
    }
}

impl Whom<'_> {
    /// Nobody has this number.
    const fn nobody() -> Whom<'static> {
        Whom { key: "0", named: RemoteName::Id }
    }

    fn in_path(self) -> String {
        utf8_percent_encode(self.key, UNRESERVED).to_string()
    }
}

/// A text or a number, as text.
fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => number.as_i64().map(|number| number.to_string()),
        _ => None,
    }
}

/// Whether a list has this text in it.
fn lists(value: &Value, text: &str) -> bool {
    let list = value.as_array();
    list.is_some_and(|list| list.iter().any(|one| one == text))
}
