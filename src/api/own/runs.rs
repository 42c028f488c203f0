//! Changes of many accounts at once, and the rule about people who stay away.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::StatusCode;
use http::header::LOCATION;
use serde::Deserialize;
use serde_json::{Value, json};

use super::problem::Problem;
use super::read::{Asked, Long, Sent, part};
use crate::admin::{Admin, BulkItem, BulkPreview, BulkRequest, BulkRun, Caller};
use crate::domain::operation::Operation;
use crate::store::{ItemOutcome, RunId, RunState};

/// How many are on a page where nobody says, and at most.
const PAGE: u32 = 50;
const MAX_PAGE: u32 = 500;

type Named = Result<Path<String>, PathRejection>;
type Answer<T> = Result<Json<T>, Problem>;

/// Which runs to list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RunQuery {
    before: Option<RunId>,
    limit: Option<u32>,
}

/// Which items to list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ItemsQuery {
    after: Option<i64>,
    outcome: Option<ItemOutcome>,
    limit: Option<u32>,
}

/// Nothing is asked for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

pub(super) async fn preview(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Long(request): Long<BulkRequest>,
) -> Answer<BulkPreview> {
    Ok(Json(admin.preview_bulk(&caller.actor(), &request).await?))
}

/// The answer comes before the work: the run is looked at to see how far it is.
pub(super) async fn begin(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Long(request): Long<BulkRequest>,
) -> Result<Response, Problem> {
    let run = admin.begin_bulk(&caller.actor(), request).await?;
    Ok(begun(&admin, run))
}

/// Works on it in this process, unless somebody else does.
fn begun(admin: &Admin, run: BulkRun) -> Response {
    let (admin, id) = (admin.clone(), run.id);
    if matches!(run.state, RunState::Preparing | RunState::Running) {
        tokio::spawn(async move {
            // It is not lost: every gateway goes on with a run that nobody works on.
            if let Err(error) = admin.finish_run(id, |_| {}).await {
                tracing::warn!(%error, run.id = id.get(), "run not finished");
            }
        });
    }
    let at = format!("/admin/v1/runs/{id}");
    (StatusCode::ACCEPTED, [(LOCATION, at)], Json(run)).into_response()
}

pub(super) async fn list(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Asked(query): Asked<RunQuery>,
) -> Answer<Value> {
    let limit = page(query.limit)?;
    let runs = admin.runs(&caller.actor(), query.before, limit).await?;
    let next = runs.last().map(|run| run.id);
    let next = next.filter(|_| runs.len() == limit as usize);
    Ok(Json(json!({ "runs": runs, "next": next })))
}

pub(super) async fn show(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Answer<BulkRun> {
    Ok(Json(admin.run(&caller.actor(), id(named)?).await?))
}

pub(super) async fn items(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
    Asked(query): Asked<ItemsQuery>,
) -> Answer<Value> {
    let (actor, limit) = (caller.actor(), page(query.limit)?);
    let after = query.after.unwrap_or_default();
    let items: Vec<BulkItem> = admin
        .run_items(&actor, id(named)?, after, query.outcome, limit)
        .await?;
    let next = items.last().map(|item| item.position);
    let next = next.filter(|_| items.len() == limit as usize);
    Ok(Json(json!({ "items": items, "next": next })))
}

pub(super) async fn cancel(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer<BulkRun> {
    Ok(Json(admin.cancel_run(&caller.actor(), id(named)?).await?))
}

pub(super) async fn resume(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
    Sent(Nothing {}): Sent<Nothing>,
) -> Result<Response, Problem> {
    let run = admin.resume_run(&caller.actor(), id(named)?).await?;
    Ok(begun(&admin, run))
}

pub(super) async fn undo(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
    Sent(Nothing {}): Sent<Nothing>,
) -> Result<Response, Problem> {
    let run = admin.undo_run(&caller.actor(), id(named)?).await?;
    Ok(begun(&admin, run))
}

/// The rule as it is set, and whether it was seen or confirmed as it is.
pub(super) async fn inactivity(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
) -> Answer<Value> {
    caller.rights.require(Operation::ListUsers)?;
    let rule = admin.inactivity_rule().await?;
    let confirmed = match rule {
        Some(rule) => admin.is_confirmed(rule).await?,
        None => false,
    };
    Ok(Json(json!({ "rule": rule, "confirmed": confirmed })))
}

pub(super) async fn preview_inactivity(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer<Value> {
    let preview = admin.preview_inactivity(&caller.actor()).await?;
    Ok(Json(json!({ "inactivity": preview })))
}

pub(super) async fn confirm_inactivity(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer<Value> {
    admin.confirm_inactivity(&caller.actor()).await?;
    Ok(Json(json!({ "rule": admin.inactivity_rule().await?, "confirmed": true })))
}

fn page(limit: Option<u32>) -> Result<u32, Problem> {
    let limit = limit.unwrap_or(PAGE);
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::invalid(format!("`limit` is from 1 to {MAX_PAGE}")))
}

fn id(named: Named) -> Result<RunId, Problem> {
    part(named).ok_or_else(Problem::no_such_run)
}
