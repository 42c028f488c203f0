//! SCIM 2.0 (RFC 7643, RFC 7644), and what WSO2 Identity Server adds to it.

use http::StatusCode;
use serde_json::Value;

use super::{Question, Said, Whom, id_of, lists};
use crate::domain::standing::{Lifecycle, Standing};
use crate::domain::time::Timestamp;
use crate::store::document::{disabled, waiting};
use crate::store::remote::Fault;

/// Where WSO2 has it.
pub(super) const WSO2: &str = "/scim2";

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const ERROR: &str = "urn:ietf:params:scim:api:messages:2.0:Error";
const LIST: &str = "urn:ietf:params:scim:api:messages:2.0:ListResponse";

/// Where WSO2 writes of locks: since version 7, and before.
const EXTENSIONS: [&str; 2] =
    ["urn:scim:wso2:schema", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"];

/// What an account's locks are written in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flavour {
    Plain,
    Wso2,
}

pub(super) fn question(base: &str, whom: Whom<'_>) -> Question {
    Question::get(format!("{base}/Users/{}", whom.in_path()))
}

pub(super) fn is_list(body: &Value) -> bool {
    lists(&body["schemas"], LIST) && body["totalResults"].is_u64()
}

pub(super) fn read(
    status: StatusCode,
    body: &Value,
    whom: Whom<'_>,
    flavour: Flavour,
) -> Result<Said, Fault> {
    if status == StatusCode::NOT_FOUND {
        let says_so = id_of(&body["status"]).is_some_and(|status| status == "404");
        let documented = lists(&body["schemas"], ERROR) && says_so;
        return if documented { Ok(Said::PerhapsNobody) } else { Err(Fault::Status(status)) };
    }
    if status != StatusCode::OK {
        return Err(Fault::Status(status));
    }
    if !lists(&body["schemas"], USER) {
        return Err(Fault::OtherForm("`schemas` does not name a user"));
    }
    if body["id"] != whom.key {
        return Err(Fault::OtherAccount);
    }
    let active = match &body["active"] {
        Value::Bool(active) => Some(*active),
        Value::Null => None,
        _ => return Err(Fault::OtherForm("`active` is neither true nor false")),
    };
    match (flavour, active) {
        (_, Some(false)) => Ok(Said::standing(disabled())),
        (Flavour::Plain, Some(true)) => Ok(Said::standing(Standing::active())),
        (Flavour::Plain, None) => Err(Fault::OtherForm("it does not say `active`")),
        (Flavour::Wso2, _) => locks_of(body).map(Said::standing),
    }
}

/// What WSO2 never wrote is not there: neither locked nor disabled.
fn locks_of(body: &Value) -> Result<Standing, Fault> {
    let mut standing = Standing::active();
    for extension in EXTENSIONS.map(|name| &body[name]) {
        if flag(&extension["accountDisabled"])? {
            return Ok(disabled());
        }
        if flag(&extension["accountLocked"])? {
            standing = locked(extension)?;
        }
    }
    Ok(standing)
}

/// A lock whose time is over stays written down there, and refuses nobody.
fn locked(extension: &Value) -> Result<Standing, Fault> {
    let state = extension["accountState"].as_str().unwrap_or_default();
    if state.starts_with("PENDING_") {
        return Ok(waiting(Lifecycle::Registered));
    }
    let bad = || Fault::OtherForm("`unlockTime` is no time");
    let millis: i64 = match &extension["unlockTime"] {
        Value::Null => 0,
        value => match id_of(value).as_deref() {
            Some("") => 0,
            Some(text) => text.parse().map_err(|_| bad())?,
            None => return Err(bad()),
        },
    };
    Ok(match millis {
        0 => Standing::locked(),
        millis => Standing::locked_until(Timestamp::from_micros(millis.saturating_mul(1000))),
    })
}

/// Its booleans may be written as text.
fn flag(value: &Value) -> Result<bool, Fault> {
    match value {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.is_empty() || text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(Fault::OtherForm("a lock is neither true nor false")),
    }
}
