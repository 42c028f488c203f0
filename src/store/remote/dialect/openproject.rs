//! OpenProject's API v3.

use http::StatusCode;
use serde_json::Value;

use super::{Question, RemoteName, Said, Whom, id_of};
use crate::domain::standing::{Lifecycle, Standing};
use crate::store::document::waiting;
use crate::store::remote::Fault;

const NOT_FOUND: &str = "urn:openproject-org:api:v3:errors:NotFound";

/// One address takes ids and logins, and `me` is whoever asks.
pub(super) fn question(whom: Whom<'_>) -> Option<Question> {
    let is_id = whom.key.bytes().all(|byte| byte.is_ascii_digit());
    let possible = match whom.named {
        RemoteName::Id => is_id,
        RemoteName::Login => !whom.key.eq_ignore_ascii_case("me"),
    };
    possible.then(|| Question::get(format!("/api/v3/users/{}", whom.in_path())))
}

pub(super) fn read(status: StatusCode, body: &Value, whom: Whom<'_>) -> Result<Said, Fault> {
    if status == StatusCode::NOT_FOUND {
        let documented = body["_type"] == "Error" && body["errorIdentifier"] == NOT_FOUND;
        return if documented { Ok(Said::PerhapsNobody) } else { Err(Fault::Status(status)) };
    }
    if status != StatusCode::OK {
        return Err(Fault::Status(status));
    }
    if body["_type"] != "User" {
        return Err(Fault::OtherForm("`_type` is not `User`"));
    }
    let name = match whom.named {
        RemoteName::Id => id_of(&body["id"]),
        RemoteName::Login => id_of(&body["login"]),
    };
    if name.as_deref() != Some(whom.key) {
        return Err(Fault::OtherAccount);
    }
    let standing = match body["status"].as_str() {
        Some("active") => Standing::active(),
        Some("locked") => Standing::locked(),
        Some("invited") => waiting(Lifecycle::Invited),
        Some("registered") => waiting(Lifecycle::Registered),
        Some("deleted") => Standing::deleted(),
        Some(_) => return Err(Fault::OtherForm("`status` is none that is known")),
        None => return Err(Fault::OtherForm("it does not show `status` to our credential")),
    };
    Ok(Said::standing(standing))
}

/// Only administrators are told whether they are one.
pub(super) fn sees_accounts(status: StatusCode, body: &Value) -> bool {
    status == StatusCode::OK && body["_type"] == "User" && body["status"] == "active"
}
