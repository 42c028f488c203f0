//! Many people as they stand in files: written out, and taken over.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use futures_util::stream;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde::{Deserialize, Serialize};

use super::lists::AccountQuery;
use super::problem::Problem;
use super::read::{Asked, Long};
use crate::admin::export::{HEAD, values};
use crate::admin::import_row::Columns;
use crate::admin::{Actor, Admin, AdminError, Caller, Import, ImportedPerson};
use crate::domain::csv;
use crate::domain::operation::Operation;
use crate::store::AccountSearch;

/// How many rows are taken over in one request.
const MAX_ROWS: usize = 500;

/// What is to be taken over: the rows of a file, as they stand there. Holds hashes of
/// passwords, so it is never printed.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ImportRequest {
    /// What the first line says.
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Whether accounts that are there already are changed.
    #[serde(default)]
    update: bool,
    /// Whether nothing is to be changed.
    #[serde(default)]
    dry_run: bool,
}

/// What became of the rows, in their order.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct ImportedView {
    pub(crate) rows: Vec<RowView>,
    /// Whether the directory stopped answering before the last row: those that are not
    /// here were not tried.
    pub(crate) stopped: bool,
}

/// What became of one row.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct RowView {
    pub(crate) outcome: RowOutcome,
    /// Why it was refused.
    pub(crate) why: Option<String>,
}

/// What a row came to.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RowOutcome {
    Added,
    /// There already, and left.
    Exists,
    Refused,
    Unchanged,
    Updated,
}

impl From<Import> for RowOutcome {
    fn from(done: Import) -> Self {
        match done {
            Import::Added => Self::Added,
            Import::Kept => Self::Exists,
            Import::Unchanged => Self::Unchanged,
            Import::Updated => Self::Updated,
        }
    }
}

pub(super) async fn import(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Long(request): Long<ImportRequest>,
) -> Result<Json<ImportedView>, Problem> {
    // What a row comes to says who is there.
    caller.rights.require(Operation::CreateUser)?;
    caller.rights.require(Operation::UpdateUser)?;
    if request.rows.len() > MAX_ROWS {
        return Err(Problem::invalid(format!(
            "there are at most {MAX_ROWS} rows: send the rest after"
        )));
    }
    let columns = Columns::of(&request.columns).map_err(Problem::invalid)?;
    let (actor, mut rows) = (caller.actor(), Vec::new());
    for fields in &request.rows {
        let done = match columns.person(fields, admin.now()) {
            Err(why) => Ok(Err(why)),
            Ok(person) => one(&admin, &actor, person, &request).await,
        };
        match done {
            Ok(Ok(done)) => rows.push(RowView { outcome: done.into(), why: None }),
            Ok(Err(why)) => rows.push(RowView { outcome: RowOutcome::Refused, why: Some(why) }),
            // What was done before is told all the same.
            Err(error) if rows.is_empty() => return Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "import stopped");
                return Ok(Json(ImportedView { rows, stopped: true }));
            }
        }
    }
    Ok(Json(ImportedView { rows, stopped: false }))
}

/// The outer error is the store's.
async fn one(
    admin: &Admin,
    actor: &Actor,
    person: ImportedPerson,
    request: &ImportRequest,
) -> Result<Result<Import, String>, AdminError> {
    let done = match request.dry_run {
        true => admin.preview_import(&person, request.update).await,
        false => admin.import(actor, person, request.update).await,
    };
    match done {
        Err(error @ AdminError::Store(_)) => Err(error),
        done => Ok(done.map_err(|error| error.to_string())),
    }
}

/// Everybody whom the query takes, as a table, a page at a time. An export that breaks
/// off has lost its connection: a client sees that it is not whole.
pub(super) async fn export(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Asked(query): Asked<AccountQuery>,
) -> Result<Response, Problem> {
    let search = query.whole()?;
    let first = admin.search(&caller.actor(), search.clone()).await?;
    let start = (csv::line(HEAD), Some(first.accounts), search);
    let lines = stream::try_unfold(start, move |(head, page, mut search)| {
        let (admin, actor) = (admin.clone(), caller.actor());
        async move {
            let Some(page) = page else { return Ok::<_, AdminError>(None) };
            let now = admin.now();
            let lines = page.iter().map(|account| {
                let values = values(account, now);
                csv::line(values.iter().map(String::as_str))
            });
            let text: String = std::iter::once(head).chain(lines).collect();
            let next = next_page(&admin, &actor, &mut search, &page).await?;
            Ok(Some((Bytes::from(text), (String::new(), next, search))))
        }
    });
    let kind = (CONTENT_TYPE, "text/csv; charset=utf-8");
    let name = (CONTENT_DISPOSITION, "attachment; filename=\"people.csv\"");
    Ok(([kind, name], Body::from_stream(lines)).into_response())
}

async fn next_page(
    admin: &Admin,
    actor: &Actor,
    search: &mut AccountSearch,
    page: &[crate::domain::account::Account],
) -> Result<Option<Vec<crate::domain::account::Account>>, AdminError> {
    if page.len() < search.limit as usize {
        return Ok(None);
    }
    search.after = page.last().map(|last| last.id);
    Ok(Some(admin.search(actor, search.clone()).await?.accounts))
}
