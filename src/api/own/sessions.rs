//! Live sessions and known devices.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::{Extension, Json};
use serde_json::{Value, json};

use super::accounts::seen;
use super::problem::Problem;
use super::read::{Who, part};
use super::view::{AccountView, DeviceView, SessionView};
use crate::admin::{Admin, AdminError, Caller};
use crate::domain::device::DeviceId;
use crate::domain::session::SessionId;

pub(super) async fn of_account(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Who(target): Who,
) -> Result<Json<Value>, Problem> {
    let account = seen(&admin, &caller, &target).await?;
    let detail = admin.show(&account.id.into()).await?;
    let sessions: Vec<_> = detail.sessions.iter().map(SessionView::new).collect();
    Ok(Json(json!({ "sessions": sessions })))
}

pub(super) async fn end(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<Value>, Problem> {
    let id: SessionId = part(id).ok_or_else(Problem::no_such_session)?;
    let ended = admin.end_session(&caller.actor(), id).await?;
    Ok(Json(json!({ "session": SessionView::new(&ended), "ended": true })))
}

pub(super) async fn devices(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Who(target): Who,
) -> Result<Json<Value>, Problem> {
    let account = seen(&admin, &caller, &target).await?;
    let devices = admin.devices(account.id).await?;
    let devices: Vec<_> = devices.iter().map(DeviceView::new).collect();
    Ok(Json(json!({ "devices": devices })))
}

pub(super) async fn forget_device(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Who(target): Who,
    named: Result<Path<(String, String)>, PathRejection>,
) -> Result<Json<Value>, Problem> {
    let id = named
        .ok()
        .and_then(|Path((_, id))| id.parse::<DeviceId>().ok());
    let id = id.ok_or_else(Problem::no_such_device)?;
    let forgotten = admin.forget_device(&caller.actor(), &target, id).await;
    let account = forgotten.map_err(|error: AdminError| Problem::from(error))?;
    let account = AccountView::new(&account, admin.now());
    Ok(Json(json!({ "account": account, "forgotten": true })))
}
