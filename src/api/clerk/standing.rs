//! Locks and bans.
//!
//! What a body says matters to the bans of several alone: clients send none, an empty
//! object or null, of any type.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use http::HeaderMap;
use serde_json::Value;

use super::fault::Fault;
use super::json::Json;
use super::users::{Named, document, find, reason, shown};
use super::{check_type, fields, id};
use crate::admin::{Admin, Caller, PersonChange, Switch, UnlockKind};
use crate::api::body;
use crate::domain::account::Account;
use crate::domain::operation::Operation;

/// So many are banned at once at most.
const MAX_AT_ONCE: usize = 50;

pub(super) async fn lock(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Json, Fault> {
    caller.rights.require(Operation::UpdateUser)?;
    let target = find(&admin, named).await?.id.into();
    let length = admin.clerk_lock_length().await?;
    let locked = admin
        .lock_for(&caller.actor(), &target, length, None)
        .await?;
    Ok(shown(&admin, &locked.account).await)
}

pub(super) async fn unlock(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Json, Fault> {
    caller.rights.require(Operation::UnlockUser)?;
    let target = find(&admin, named).await?.id.into();
    // Who may only help people in lifts what the engine laid.
    let kind = match caller.rights.allow(Operation::UpdateUser) {
        true => UnlockKind::All,
        false => UnlockKind::Lockout,
    };
    let unlocked = admin.unlock(&caller.actor(), &target, kind).await?;
    Ok(shown(&admin, &unlocked.account).await)
}

pub(super) async fn ban(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Json, Fault> {
    one(&admin, &caller, named, Ban::Lay).await
}

pub(super) async fn unban(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Json, Fault> {
    one(&admin, &caller, named, Ban::Lift).await
}

pub(super) async fn ban_all(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Json, Fault> {
    several(&admin, &caller, &headers, sent, Ban::Lay).await
}

pub(super) async fn unban_all(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Json, Fault> {
    several(&admin, &caller, &headers, sent, Ban::Lift).await
}

#[derive(Clone, Copy)]
enum Ban {
    Lay,
    Lift,
}

impl Ban {
    async fn apply(self, admin: &Admin, caller: &Caller, to: &Account) -> Result<Value, Fault> {
        let mut change = PersonChange::default();
        match self {
            Self::Lay => change.disable(reason(caller)?, Switch::Ignored),
            Self::Lift => change.enable(Switch::Ignored),
        }
        let changed = admin.update(&caller.actor(), &to.id.into(), change).await?;
        Ok(document(admin, &changed.account).await)
    }
}

async fn one(admin: &Admin, caller: &Caller, named: Named, ban: Ban) -> Result<Json, Fault> {
    caller.rights.require(Operation::UpdateUser)?;
    let account = find(admin, named).await?;
    Ok(Json::ok(ban.apply(admin, caller, &account).await?))
}

/// One after the other, once all of them are known to be there.
async fn several(
    admin: &Admin,
    caller: &Caller,
    headers: &HeaderMap,
    sent: Body,
    ban: Ban,
) -> Result<Json, Fault> {
    caller.rights.require(Operation::UpdateUser)?;
    check_type(headers)?;
    let sent = body::object(sent, false).await?;
    if let Some(other) = sent.keys().find(|name| *name != "user_ids") {
        return Err(Fault::unknown_param(other));
    }
    let ids = sent
        .get("user_ids")
        .ok_or_else(|| Fault::missing_param("user_ids"))?;
    let ids = fields::texts("user_ids", ids)?;
    match ids.len() {
        0 => return Err(Fault::missing_param("user_ids")),
        1..=MAX_AT_ONCE => {}
        _ => return Err(Fault::bulk(MAX_AT_ONCE)),
    }
    let mut accounts = Vec::with_capacity(ids.len());
    for text in ids {
        let id = id::user(text).ok_or_else(|| Fault::not_found("user"))?;
        accounts.push(admin.account(&id.into()).await?);
    }
    let mut users = Vec::with_capacity(accounts.len());
    for account in &accounts {
        users.push(ban.apply(admin, caller, account).await?);
    }
    Ok(Json::ok(users.into()))
}
