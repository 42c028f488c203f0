//! Bulk updates: chosen, looked at first, begun, followed, stopped and undone.

mod draft;
pub(super) mod foretold;
pub(super) mod lasting;
mod list;
mod show;
mod turn;
mod wizard;
mod words;

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::response::Response;
use axum::routing::{get, post};

use crate::admin::{Actor, BulkRequest, BulkRun};
use crate::domain::account::{Account, AccountId};
use crate::pages::answer::see_other;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::Desk;
use crate::pages::console::notice::Done;
use crate::pages::console::people;
use crate::pages::console::staff::Staff;
use crate::store::{RunId, RunState};

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/runs", get(list::page).post(wizard::start))
        .route("/runs/new", get(wizard::page).post(wizard::again))
        .route("/runs/check", post(wizard::check))
        .route("/runs/{id}", get(show::page))
        .route("/runs/{id}/cancel", post(turn::cancel))
        .route("/runs/{id}/resume", post(turn::resume))
        .route("/runs/{id}/undo", get(turn::ask_undo).post(turn::undo))
}

/// Begins a run, and leads to the page that follows it.
pub(super) async fn begin(
    desk: &Desk,
    staff: &Staff,
    request: BulkRequest,
) -> Result<Response, Trouble> {
    let run = desk.admin.begin_bulk(&staff.actor, request).await?;
    Ok(followed(desk, &run, "begun"))
}

/// Works on a run in this process, unless somebody else does, and leads to its page.
fn followed(desk: &Desk, run: &BulkRun, act: &str) -> Response {
    let (admin, id) = (desk.admin.clone(), run.id);
    if matches!(run.state, RunState::Preparing | RunState::Running) {
        tokio::spawn(async move {
            // It is not lost: every gateway goes on with a run that nobody works on.
            if let Err(error) = admin.finish_run(id, |_| {}).await {
                tracing::warn!(%error, run.id = id.get(), "run not finished");
            }
        });
    }
    see_other(&address(desk, id, &Done::new(act)))
}

fn address(desk: &Desk, id: RunId, done: &Done) -> String {
    format!("{}/{id}?{}", desk.path("runs"), done.to_query())
}

/// The run that an address names.
fn named(text: &str) -> Result<RunId, Trouble> {
    let id = text.parse::<RunId>().ok().filter(|id| id.get() > 0);
    id.ok_or(Trouble::NotFound)
}

/// Those of these accounts that there are, by their numbers. Whoever may see runs may see
/// people.
async fn accounts(
    desk: &Desk,
    staff: &Staff,
    ids: Vec<AccountId>,
) -> Result<HashMap<AccountId, Account>, Trouble> {
    use crate::store::{AccountFilter, AccountSearch};
    let limit = u32::try_from(ids.len()).unwrap_or(u32::MAX);
    let filters = vec![AccountFilter::Ids(ids)];
    let search = AccountSearch { filters, limit, uncounted: true, ..AccountSearch::default() };
    let found = desk.admin.search(&staff.actor, search).await?.accounts;
    Ok(found
        .into_iter()
        .map(|account| (account.id, account))
        .collect())
}

/// Who begun these, as people say it.
async fn authors(
    desk: &Desk,
    staff: &Staff,
    names: Vec<&str>,
) -> Result<HashMap<String, String>, Trouble> {
    let ids = names
        .iter()
        .filter_map(|name| Actor::account_in(name))
        .collect();
    let known = accounts(desk, staff, ids).await?;
    let said = names.into_iter().map(|name| {
        let account = Actor::account_in(name).and_then(|id| known.get(&id));
        let said = account.map_or_else(|| people::author(name), |one| one.login.to_string());
        (name.to_owned(), said)
    });
    Ok(said.collect())
}
