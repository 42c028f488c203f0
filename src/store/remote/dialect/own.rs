//! Our own JSON form.

use http::StatusCode;
use serde_json::Value;

use super::{Question, RemoteName, Said, Whom};
use crate::store::document::{StandingDocument, State};
use crate::store::remote::Fault;

pub(super) fn question(whom: Whom<'_>) -> Question {
    let by = match whom.named {
        RemoteName::Id => "",
        RemoteName::Login => "?by=login",
    };
    Question::get(format!("/standing/{}{by}", whom.in_path()))
}

pub(super) fn read(status: StatusCode, body: &Value, whom: Whom<'_>) -> Result<Said, Fault> {
    let documented = serde::Deserialize::deserialize(body);
    let document: StandingDocument = match (status, documented) {
        (StatusCode::OK | StatusCode::NOT_FOUND, Ok(document)) => document,
        (StatusCode::OK, Err(_)) => return Err(Fault::OtherForm("it is no standing")),
        _ => return Err(Fault::Status(status)),
    };
    let is_nobody = document.state == State::None;
    // Where there is nobody, what was asked for is said again.
    let name = match whom.named {
        RemoteName::Login if !is_nobody => document.login.as_deref(),
        _ => Some(document.account.as_str()),
    };
    if name != Some(whom.key) {
        return Err(Fault::OtherAccount);
    }
    match (status, document.standing()) {
        (StatusCode::NOT_FOUND, None) => Ok(Said::Nobody),
        (StatusCode::OK, Some(standing)) => Ok(Said::standing(standing)),
        _ => Err(Fault::OtherForm("its status and its `state` contradict each other")),
    }
}
