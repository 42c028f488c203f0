//! Clerk's Backend API.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;

use super::{Question, Said, Whom};
use crate::domain::standing::Standing;
use crate::domain::time::Timestamp;
use crate::store::document::disabled;
use crate::store::remote::Fault;

pub(super) fn question(whom: Whom<'_>) -> Question {
    Question::get(format!("/v1/users/{}", whom.in_path()))
}

pub(super) fn read(
    status: StatusCode,
    body: &Value,
    whom: Whom<'_>,
    now: Timestamp,
) -> Result<Said, Fault> {
    if status == StatusCode::NOT_FOUND {
        let documented = body["errors"][0]["code"] == "resource_not_found";
        return if documented { Ok(Said::PerhapsNobody) } else { Err(Fault::Status(status)) };
    }
    if status != StatusCode::OK {
        return Err(Fault::Status(status));
    }
    if body["object"] != "user" {
        return Err(Fault::OtherForm("`object` is not `user`"));
    }
    if body["id"] != whom.key {
        return Err(Fault::OtherAccount);
    }
    let (Some(banned), Some(locked)) = (body["banned"].as_bool(), body["locked"].as_bool()) else {
        return Err(Fault::OtherForm("it does not say `banned` and `locked`"));
    };
    let deprovisioned = body["deprovisioned"].as_bool().unwrap_or(false);
    Ok(Said::standing(match &body["lockout_expires_in_seconds"] {
        _ if banned || deprovisioned => disabled(),
        _ if !locked => Standing::active(),
        Value::Number(secs) => {
            let secs = secs
                .as_u64()
                .ok_or(Fault::OtherForm("a lock's rest is no number"))?;
            Standing::locked_until(now.after(Duration::from_secs(secs)))
        }
        Value::Null => Standing::locked(),
        _ => return Err(Fault::OtherForm("a lock's rest is no number")),
    }))
}
