//! Users one by one: got, made, changed, deleted.

use axum::Extension;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use http::{HeaderMap, HeaderName, StatusCode};
use serde_json::{Value, json};

use super::draft::{self, NewUser, Terms};
use super::fault::Fault;
use super::json::Json;
use super::{check_type, id, user};
use crate::admin::{Admin, AdminError, Caller, PersonChange};
use crate::api::body;
use crate::domain::account::Account;
use crate::domain::lock::Reason;
use crate::domain::operation::Operation;

/// What stands in an address: text, or bytes that name nobody.
pub(super) type Named = Result<Path<String>, PathRejection>;

/// From this version of the interface on, metadata has an address of its own.
const METADATA_APART_SINCE: &str = "2026-05-12";

const VERSION: HeaderName = HeaderName::from_static("clerk-api-version");

/// So often somebody else may be quicker.
const TRIES: usize = 8;

pub(super) async fn get(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Json, Fault> {
    caller.rights.require(Operation::ViewUser)?;
    let account = find(&admin, named).await?;
    Ok(shown(&admin, &account).await)
}

pub(super) async fn create(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Json, Fault> {
    caller.rights.require(Operation::CreateUser)?;
    check_type(&headers)?;
    let new = NewUser::read(&body::object(sent, false).await?)?;
    for email in new.emails() {
        if admin.taken(None, None, Some(email)).await?.email {
            return Err(Fault::taken("email_address"));
        }
    }
    let terms = Terms {
        lock_for: admin.clerk_lock_length().await?,
        reason: reason(&caller)?,
        now: admin.now(),
    };
    let made = admin.add(&caller.actor(), new.into_person(terms)?).await?;
    Ok(shown(&admin, &made.account).await)
}

pub(super) async fn update(
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
    let takes_metadata = takes_metadata(&headers);
    change(&admin, &caller, account, |account| draft::change(account, &sent, takes_metadata)).await
}

/// Changes a user by what is read of how it is; somebody else may change it meanwhile.
pub(super) async fn change(
    admin: &Admin,
    caller: &Caller,
    mut account: Account,
    draft: impl Fn(&Account) -> Result<PersonChange, Fault>,
) -> Result<Json, Fault> {
    let target = account.id.into();
    for _ in 1..TRIES {
        match admin
            .update(&caller.actor(), &target, draft(&account)?)
            .await
        {
            Ok(updated) => return Ok(shown(admin, &updated.account).await),
            Err(AdminError::Outdated { .. }) => account = admin.account(&target).await?,
            Err(error) => return Err(error.into()),
        }
    }
    let updated = admin
        .update(&caller.actor(), &target, draft(&account)?)
        .await?;
    Ok(shown(admin, &updated.account).await)
}

/// Versions are dates. Whoever names none speaks an older one.
fn takes_metadata(headers: &HeaderMap) -> bool {
    let version = headers.get(VERSION).and_then(|value| value.to_str().ok());
    version.is_none_or(|version| version < METADATA_APART_SINCE)
}

pub(super) async fn delete(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Json, Fault> {
    caller.rights.require(Operation::DeleteUser)?;
    let account = find(&admin, named).await?;
    let target = account.id.into();
    let deleted = admin
        .delete(&caller.actor(), &target, reason(&caller)?)
        .await?;
    Ok(Json::ok(tombstone(&deleted.account)))
}

/// What is left to say of a user who is deleted.
pub(super) fn tombstone(account: &Account) -> Value {
    let mut gone = json!({ "object": "user", "id": id::of_user(account.id), "deleted": true });
    if let Some(external_id) = &account.details.external_id {
        gone["external_id"] = external_id.as_str().into();
    }
    gone
}

/// The user that is named.
pub(super) async fn find(admin: &Admin, named: Named) -> Result<Account, Fault> {
    let named = named.ok().and_then(|Path(text)| id::user(&text));
    let Some(id) = named else { return Err(Fault::not_found("user")) };
    Ok(admin.account(&id.into()).await?)
}

/// People must give a reason; Clerk's clients can't.
pub(super) fn reason(caller: &Caller) -> Result<Reason, Fault> {
    let words = format!("via clerk by {}", caller.actor().name());
    Reason::try_from(words).map_err(|invalid| Fault::forbidden(invalid.to_string()))
}

pub(super) async fn shown(admin: &Admin, account: &Account) -> Json {
    Json(StatusCode::OK, document(admin, account).await)
}

/// The document. How many guesses are left is no reason to say nothing of a change
/// that was made: where it can't be told, it is null.
pub(super) async fn document(admin: &Admin, account: &Account) -> Value {
    let left = admin.guesses_left(account).await.unwrap_or_default();
    user::document(account, left, admin.now())
}
