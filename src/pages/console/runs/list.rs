//! The list of bulk updates.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;

use super::{authors, words};
use crate::admin::BulkRun;
use crate::domain::permission::Permission;
use crate::domain::time::Timestamp;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::overview::spaced;
use crate::pages::console::people::Badge;
use crate::pages::console::staff::Staff;
use crate::pages::form;
use crate::pages::when::Moment;
use crate::store::RunId;

/// Runs on a page.
const PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "console/runs.html")]
struct RunsPage {
    shell: Shell,
    runs: Vec<Row>,
    next: Option<RunId>,
    is_later: bool,
}

struct Row {
    id: RunId,
    name: String,
    by: String,
    origin: Option<&'static str>,
    state: Badge,
    changed: String,
    total: String,
    begun: Option<Moment>,
}

pub(super) async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match show(&desk, &staff, &head).await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn show(desk: &Desk, staff: &Staff, head: &Parts) -> Result<RunsPage, Trouble> {
    staff.require(Permission::ManageUsers)?;
    let before = form::parameter(head, "before").filter(|text| !text.is_empty());
    let before = before.map(|text| super::named(&text)).transpose()?;
    let mut runs = desk.admin.runs(&staff.actor, before, PAGE + 1).await?;
    let more = runs.len() > PAGE as usize;
    runs.truncate(PAGE as usize);
    let names = runs.iter().map(|run| run.by.as_str()).collect();
    let said = authors(desk, staff, names).await?;
    let now = desk.now();
    let next = runs.last().map(|run| run.id).filter(|_| more);
    let by = |run: &BulkRun| said.get(&run.by).cloned().unwrap_or_default();
    Ok(RunsPage {
        shell: desk.shell(staff, Section::Runs),
        runs: runs.iter().map(|run| Row::of(run, by(run), now)).collect(),
        next,
        is_later: before.is_some(),
    })
}

impl Row {
    fn of(run: &BulkRun, by: String, now: Timestamp) -> Self {
        Self {
            id: run.id,
            name: words::name(run),
            by,
            origin: words::origin(run),
            state: words::state(run.state),
            changed: spaced(run.counts.changed),
            total: spaced(run.total),
            begun: run.begun_at.map(|at| Moment::past(at, now)),
        }
    }
}
