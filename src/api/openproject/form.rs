//! `POST …/form`: what would be wrong, and what can be written, before it is sent.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::{Map, Value, json};

use super::USERS;
use super::attributes::Sent;
use super::draft::Draft;
use super::json::Hal;
use super::refusal::Refusal;
use super::show::{Named, find};
use super::update::may_change;
use super::user::status;
use crate::admin::{Admin, Caller};
use crate::api::body;
use crate::domain::account::Account;
use crate::domain::operation::Operation;
use crate::domain::time::Timestamp;

/// Each attribute: its name, its type, what people call it, whether a new user needs
/// it, and whether only administrators write it.
const ATTRIBUTES: [(&str, &str, &str, bool, bool); 9] = [
    ("login", "String", "Username", true, false),
    ("admin", "Boolean", "Administrator", false, true),
    ("firstName", "String", "First name", true, false),
    ("lastName", "String", "Last name", true, false),
    ("email", "String", "Email", true, false),
    ("identityUrl", "String", "Identity URL", false, true),
    ("language", "String", "Language", false, false),
    ("status", "String", "Status", false, false),
    ("password", "Password", "Password", false, true),
];

pub(super) async fn create(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    sent: Body,
) -> Result<Response, Refusal> {
    caller.rights.require(Operation::CreateUser)?;
    let sent = body::object(sent, true).await?;
    let mut draft = Draft::of_new(&sent, &caller);
    draft.check_taken(&admin, None).await?;
    let writable = |attribute: &str| writable_of_new(attribute, &caller);
    Ok(form(draft, Map::new(), USERS, "post", writable))
}

pub(super) async fn update(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
    sent: Body,
) -> Result<Response, Refusal> {
    let account = find(&admin, &caller, named).await?;
    may_change(&caller, &account)?;
    let sent = body::object(sent, true).await?;
    let now = admin.now();
    let mut draft = Draft::of_known(&sent, &account, &caller, now);
    draft.check_taken(&admin, Some(&account)).await?;
    let writable = |attribute: &str| writable_of_known(attribute, &account, &caller);
    let commit = format!("{USERS}/{}", account.id);
    Ok(form(draft, known(&account, now), &commit, "patch", writable))
}

fn writable_of_new(attribute: &str, caller: &Caller) -> bool {
    caller.rights.administer() || !is_for_administrators(attribute)
}

fn writable_of_known(attribute: &str, account: &Account, caller: &Caller) -> bool {
    let own = caller.is(account.id);
    match attribute {
        "login" => false,
        "admin" => !own && caller.rights.administer(),
        "status" => !own && caller.rights.allow(Operation::UpdateUser),
        _ => caller.rights.administer() || !is_for_administrators(attribute),
    }
}

fn is_for_administrators(attribute: &str) -> bool {
    ATTRIBUTES
        .iter()
        .any(|(name, .., administrators)| *name == attribute && *administrators)
}

/// What is there, as it would be sent.
fn known(account: &Account, now: Timestamp) -> Sent {
    let (first, last) = account.names();
    let value = json!({
        "login": account.login, "admin": account.admin, "firstName": first, "lastName": last,
        "email": account.email, "identityUrl": account.details.identity_url,
        "language": account.details.language, "status": status(account, now),
    });
    value.as_object().cloned().unwrap_or_default()
}

fn form(
    draft: Draft,
    mut payload: Sent,
    commit: &str,
    method: &str,
    writable: impl Fn(&str) -> bool,
) -> Response {
    let Draft { violations, shown, .. } = draft;
    payload.extend(shown);
    payload.retain(|name, _| writable(name));
    let mut errors = Map::new();
    for violation in &violations {
        errors
            .entry(violation.attribute)
            .or_insert_with(|| violation.to_json());
    }
    let here = json!({ "href": format!("{commit}/form"), "method": "post" });
    let mut links = json!({ "self": here, "validate": here });
    if violations.is_empty() {
        links["commit"] = json!({ "href": commit, "method": method });
    }
    let schema = schema(method == "post", writable);
    let embedded = json!({ "payload": payload, "schema": schema, "validationErrors": errors });
    let form = json!({ "_type": "Form", "_embedded": embedded, "_links": links });
    Hal(StatusCode::OK, form).into_response()
}

fn schema(of_new: bool, writable: impl Fn(&str) -> bool) -> Value {
    let mut schema = json!({ "_type": "Schema", "_dependencies": [], "_links": {} });
    for (name, kind, words, needed, _) in ATTRIBUTES {
        schema[name] = json!({
            "type": kind,
            "name": words,
            "required": needed && of_new,
            "hasDefault": name == "status",
            "writable": writable(name),
        });
    }
    schema
}
