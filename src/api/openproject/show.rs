//! `GET /api/v3/users/{id}`, and how a user is named in an address.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::json::Hal;
use super::refusal::Refusal;
use super::user::User;
use crate::admin::{Admin, AdminError, Caller, Target};
use crate::domain::account::{Account, AccountId};
use crate::domain::login::TypedLogin;
use crate::domain::operation::Operation;

/// What stands in an address: text, or bytes that name nobody.
pub(super) type Named = Result<Path<String>, PathRejection>;

pub(super) async fn user(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Response, Refusal> {
    let account = find(&admin, &caller, named).await?;
    Ok(answer(StatusCode::OK, &admin, &account, &caller))
}

/// The user that is named: `me`, a number, or a login. An application is no user, so
/// nobody is its `me`. If one person's login is
/// another's number, the number is meant.
pub(super) async fn find(admin: &Admin, caller: &Caller, named: Named) -> Result<Account, Refusal> {
    let Ok(Path(name)) = named else { return Err(Refusal::NotFound) };
    if name == "me" {
        return caller.account().cloned().ok_or(Refusal::NotFound);
    }
    if let Some(id) = number(&name)
        && let Some(found) = known(admin.account(&id.into()).await)?
    {
        return Ok(found);
    }
    // An address that somebody can be reached at is no login.
    let login = TypedLogin::new(&name);
    let found = known(admin.account(&Target::Login(login.clone())).await)?;
    let found = found.filter(|account| account.login.as_str() == login.as_str());
    found.ok_or(Refusal::NotFound)
}

fn number(name: &str) -> Option<AccountId> {
    let digits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
    let number: i64 = name.parse().ok().filter(|_| digits)?;
    number.try_into().ok()
}

fn known(found: Result<Account, AdminError>) -> Result<Option<Account>, Refusal> {
    match found {
        Ok(account) => Ok(Some(account)),
        Err(AdminError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The user, as whoever asked may see them.
pub(super) fn answer(
    status: StatusCode,
    admin: &Admin,
    account: &Account,
    caller: &Caller,
) -> Response {
    let views = caller.rights.allow(Operation::ViewUser);
    Hal(status, User::of(account, caller, views, admin.now())).into_response()
}
