//! `PATCH /api/v3/users/{id}`.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::draft::Draft;
use super::refusal::{Refusal, Violation};
use super::show::{Named, answer, find};
use crate::admin::{Admin, AdminError, Caller, Identity};
use crate::api::body;
use crate::domain::account::Account;
use crate::domain::operation::Operation;
use crate::domain::standing::Transition;

pub(super) async fn user(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
    sent: Body,
) -> Result<Response, Refusal> {
    let account = find(&admin, &caller, named).await?;
    may_change(&caller, &account)?;
    let sent = body::object(sent, false).await?;
    let mut draft = Draft::of_known(&sent, &account, &caller, admin.now());
    draft.check_taken(&admin, Some(&account)).await?;
    let target = account.id.into();
    let updated = admin
        .update(&caller.actor(), &target, draft.into_change()?)
        .await
        .map_err(as_violation)?;
    let caller = seen_again(caller, &updated.account);
    Ok(answer(StatusCode::OK, &admin, &updated.account, &caller))
}

/// A refusal alone, and no word of what else is wrong.
pub(super) fn may_change(caller: &Caller, account: &Account) -> Result<(), Refusal> {
    if caller.is(account.id) {
        return Ok(());
    }
    caller.rights.require(Operation::UpdateUser)?;
    if account.admin {
        caller
            .rights
            .require_administrator_to(Operation::UpdateUser)?;
    }
    Ok(())
}

/// Here a rule against a change is one against the attribute that asks for it.
fn as_violation(error: AdminError) -> Refusal {
    let attribute = match &error {
        AdminError::LastAdministrator { change: Transition::Demote }
        | AdminError::Yourself { change: Transition::Demote } => "admin",
        AdminError::InvalidTransition(_)
        | AdminError::LastAdministrator { .. }
        | AdminError::Yourself { .. } => "status",
        _ => return error.into(),
    };
    Refusal::Invalid(vec![Violation::new(attribute, error)])
}

/// The caller, as they are after what they changed of themselves.
fn seen_again(caller: Caller, account: &Account) -> Caller {
    if caller.is(account.id) {
        Caller { identity: Identity::Account(Box::new(account.clone())), ..caller }
    } else {
        caller
    }
}
