//! Deletions: without a transfer at once, with one as a job that is looked at again;
//! the modules that records are in, and whom records may be assigned to.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::StatusCode;
use http::header::LOCATION;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::problem::Problem;
use super::read::{Asked, Sent, Who, part, target};
use super::view::OutcomeView;
use crate::admin::deletion::TransferPreview;
use crate::admin::{
    Admin, AssignablePage, Caller, DeletionRequest, DeletionRun, Page, Target, Warning,
};
use crate::domain::deletion::{Deletion, DeletionId};
use crate::domain::lock::Reason;
use crate::domain::operation::Operation;
use crate::domain::transfer::Transfer;
use crate::store::DeletionQuery;

/// How many are on a page where nobody says, and at most.
const PAGE: u32 = 50;
const MAX_PAGE: u32 = 500;

/// The most people on a page of those whom records may be assigned to.
const MAX_PEOPLE: u32 = 200;

type Named = Result<Path<String>, PathRejection>;

/// A deletion that goes on by itself.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct BegunView {
    pub(crate) warning: Option<Warning>,
    pub(crate) deletion: Deletion,
}

/// A page of deletions.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct DeletionsView {
    pub(crate) deletions: Vec<Deletion>,
    /// What to send as `before` for the next page; none after the last.
    pub(crate) next: Option<DeletionId>,
}

/// Why somebody is deleted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Delete {
    reason: Reason,
}

/// A choice to be tried.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Try {
    transfer: Transfer,
}

/// Which deletions to list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Query {
    account: Option<String>,
    open: bool,
    before: Option<DeletionId>,
    limit: Option<u32>,
}

/// Which people to list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PeopleQuery {
    search: String,
    offset: u64,
    limit: Option<u32>,
}

/// Deletes at once, and leaves the records where they are.
pub(super) async fn delete(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Who(target): Who,
    Sent(Delete { reason }): Sent<Delete>,
) -> Result<Json<OutcomeView>, Problem> {
    let deleted = admin.delete(&caller.actor(), &target, reason).await?;
    Ok(Json(OutcomeView::new(&deleted, admin.now())))
}

/// Begins a deletion. It goes on when whoever asked has gone.
pub(super) async fn begin(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Who(target): Who,
    Sent(request): Sent<DeletionRequest>,
) -> Result<Response, Problem> {
    let actor = caller.actor();
    let begun = admin.begin_deletion(&actor, &target, request).await?;
    Ok(goes_on(begun))
}

pub(super) async fn preview(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Who(target): Who,
    Sent(Try { transfer }): Sent<Try>,
) -> Result<Json<TransferPreview>, Problem> {
    let actor = caller.actor();
    Ok(Json(admin.transfer_preview(&actor, &target, &transfer).await?))
}

pub(super) async fn list(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Asked(query): Asked<Query>,
) -> Result<Json<DeletionsView>, Problem> {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Problem::invalid(format!("`limit` is from 1 to {MAX_PAGE}")));
    }
    caller.rights.require(Operation::DeleteUser)?;
    let account = match query.account.as_deref().map(target) {
        // Also of somebody who is deleted by now.
        Some(Target::Id(id)) => Some(id),
        Some(named) => Some(admin.account(&named).await?.id),
        None => None,
    };
    let Query { open, before, .. } = query;
    let query = DeletionQuery { account, open, before, limit };
    let deletions = admin.deletions(&caller.actor(), query).await?;
    let last = deletions.last().map(|deletion| deletion.id);
    let next = last.filter(|_| deletions.len() == limit as usize);
    Ok(Json(DeletionsView { deletions, next }))
}

pub(super) async fn show(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Json<Deletion>, Problem> {
    Ok(Json(admin.deletion(&caller.actor(), id(named)?).await?))
}

pub(super) async fn resume(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Response, Problem> {
    let actor = caller.actor();
    Ok(goes_on(admin.resume_deletion(&actor, id(named)?).await?))
}

pub(super) async fn cancel(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Json<Deletion>, Problem> {
    let actor = caller.actor();
    Ok(Json(admin.cancel_deletion(&actor, id(named)?).await?))
}

/// What there is to be given to somebody else.
pub(super) async fn modules(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Value>, Problem> {
    caller.rights.require(Operation::DeleteUser)?;
    let modules: Vec<_> = admin.modules().collect();
    Ok(Json(json!({ "modules": modules })))
}

pub(super) async fn assignable(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Asked(query): Asked<PeopleQuery>,
) -> Result<Json<AssignablePage>, Problem> {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=MAX_PEOPLE).contains(&limit) {
        return Err(Problem::invalid(format!("`limit` is from 1 to {MAX_PEOPLE}")));
    }
    let page = Page { offset: query.offset, limit };
    Ok(Json(
        admin
            .assignable(&caller.actor(), &query.search, page)
            .await?,
    ))
}

/// Nobody is nobody to assign to: that is an answer, and no error.
pub(super) async fn is_assignable(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Who(target): Who,
) -> Result<Json<Value>, Problem> {
    caller.rights.require(Operation::ListUsers)?;
    let id = match target {
        Target::Id(id) => Some(id),
        named => match admin.account(&named).await {
            Ok(account) => Some(account.id),
            Err(crate::admin::AdminError::NotFound { .. }) => None,
            Err(error) => return Err(error.into()),
        },
    };
    let assignable = match id {
        Some(id) => admin.is_assignable(&caller.actor(), id).await?,
        None => false,
    };
    Ok(Json(json!({ "assignable": assignable })))
}

fn goes_on(run: DeletionRun) -> Response {
    let warning = run.warning();
    let deletion = run.spawn();
    let at = format!("/admin/v1/deletions/{}", deletion.id);
    let view = Json(BegunView { warning, deletion });
    (StatusCode::ACCEPTED, [(LOCATION, at)], view).into_response()
}

fn id(named: Named) -> Result<DeletionId, Problem> {
    part(named).ok_or_else(Problem::no_such_deletion)
}
