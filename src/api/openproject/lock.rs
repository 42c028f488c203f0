//! `/api/v3/users/{id}/lock`, and `DELETE /api/v3/users/{id}`.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::refusal::Refusal;
use super::show::{Named, answer, find};
use crate::admin::{Admin, Caller, UnlockKind};
use crate::domain::account::Account;
use crate::domain::lock::{End, Reason};
use crate::domain::operation::Operation;
use crate::domain::time::Timestamp;

pub(super) async fn lock(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Response, Refusal> {
    let account = find(&admin, &caller, named).await?;
    // Who may manage users may not lock them here, whatever they may do elsewhere.
    caller
        .rights
        .require_administrator_to(Operation::UpdateUser)?;
    let target = account.id.into();
    let locked = admin
        .lock(&caller.actor(), &target, End::Never, None)
        .await?;
    Ok(answer(StatusCode::OK, &admin, &locked.account, &caller))
}

pub(super) async fn unlock(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Response, Refusal> {
    let account = find(&admin, &caller, named).await?;
    let kind = kind_for(&caller, &account, admin.now())?;
    let target = account.id.into();
    let unlocked = admin.unlock(&caller.actor(), &target, kind).await?;
    Ok(answer(StatusCode::OK, &admin, &unlocked.account, &caller))
}

/// Administrators lift every lock; who may only help people in lifts a lockout, and
/// is refused where that would help nobody.
fn kind_for(caller: &Caller, account: &Account, now: Timestamp) -> Result<UnlockKind, Refusal> {
    let locks = &account.locks;
    let (by_admin, out) = (locks.admin_lock_at(now).is_some(), locks.any_lockout_at(now));
    let kind = match caller
        .rights
        .require_administrator_to(Operation::UpdateUser)
    {
        Ok(()) => UnlockKind::All,
        Err(refused) if by_admin && !out => return Err(refused.into()),
        Err(_) => {
            caller.rights.require(Operation::UnlockUser)?;
            UnlockKind::Lockout
        }
    };
    if locks.disablement.is_some() && !by_admin && !out {
        // They show as locked, and no unlock lets them in.
        return Err(Refusal::Transition);
    }
    Ok(kind)
}

pub(super) async fn delete_user(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<StatusCode, Refusal> {
    let account = find(&admin, &caller, named).await?;
    caller
        .rights
        .require_administrator_to(Operation::DeleteUser)?;
    let reason = Reason::try_from("deleted through the OpenProject API");
    let Ok(reason) = reason else { return Err(Refusal::Unavailable) };
    admin
        .delete(&caller.actor(), &account.id.into(), reason)
        .await?;
    Ok(StatusCode::ACCEPTED)
}
