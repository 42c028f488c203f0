//! `POST /v1/users/{id}/verify_password` and `…/remove_password`.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::HeaderMap;
use serde_json::json;

use super::fault::Fault;
use super::json::Json;
use super::users::{Named, find, shown};
use super::{check_type, fields};
use crate::admin::{Admin, Caller};
use crate::api::body;
use crate::domain::operation::Operation;

const SIGN_OUT: &str = "sign_out_of_other_sessions";

/// An attempt to sign in like any other, but that nobody is signed in.
pub(super) async fn verify(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
    headers: HeaderMap,
    sent: Body,
) -> Result<Json, Fault> {
    caller.rights.require(Operation::UpdateUser)?;
    check_type(&headers)?;
    let account = find(&admin, named).await?;
    let sent = body::object(sent, false).await?;
    if let Some(other) = sent.keys().find(|name| *name != "password") {
        return Err(Fault::unknown_param(other));
    }
    let password = sent
        .get("password")
        .ok_or_else(|| Fault::missing_param("password"))?;
    let password = fields::text("password", password)?;
    if !account.has_password {
        return Err(Fault::no_password());
    }
    admin
        .verify_password(&caller.actor(), &account.id.into(), password)
        .await?
        .map_err(Fault::of_attempt)?;
    Ok(Json::ok(json!({ "verified": true })))
}

/// Sessions go on, unless it is said that they end.
pub(super) async fn remove(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
    headers: HeaderMap,
    sent: Body,
) -> Result<Json, Fault> {
    caller.rights.require(Operation::UpdateUser)?;
    check_type(&headers)?;
    let account = find(&admin, named).await?;
    let sent = body::object(sent, true).await?;
    if let Some(other) = sent.keys().find(|name| *name != SIGN_OUT) {
        return Err(Fault::unknown_param(other));
    }
    let sign_out = match sent.get(SIGN_OUT) {
        Some(said) => fields::flag(SIGN_OUT, said)?.unwrap_or_default(),
        None => false,
    };
    let target = account.id.into();
    let removed = admin
        .remove_password(&caller.actor(), &target, sign_out)
        .await?;
    Ok(shown(&admin, &removed.account).await)
}
