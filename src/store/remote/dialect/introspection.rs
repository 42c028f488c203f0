//! Token introspection (RFC 7662): what is asked about is a token.

use http::StatusCode;
use serde_json::Value;

use super::{Question, Said, Whom};
use crate::domain::standing::Standing;
use crate::store::remote::Fault;

pub(super) fn question(whom: Whom<'_>) -> Question {
    let form = format!("token={}&token_type_hint=access_token", whom.in_path());
    Question { path: String::new(), form: Some(form) }
}

/// A token that is not active is worth nothing: it ended, was revoked, or never was one
/// (2.2), and its owner may be locked. Whoever asks is told no more than that.
pub(super) fn read(status: StatusCode, body: &Value) -> Result<Said, Fault> {
    if status != StatusCode::OK {
        return Err(Fault::Status(status));
    }
    match body["active"].as_bool() {
        Some(true) => Ok(Said::standing(Standing::active())),
        Some(false) => Ok(Said::Nobody),
        None => Err(Fault::OtherForm("it does not say `active`")),
    }
}
