//! The audit log: searched, exported, and checked for whatever somebody altered.

mod check;
mod export;
mod record;
mod search;

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use http::request::Parts;

use self::check::Progress;
use self::search::Form;
use super::Here;
use crate::domain::operation::Operation;
use crate::pages::answer;
use crate::pages::console::actions::{self, Area};
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::entries::{self, Entry};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::Notice;
use crate::pages::console::staff::Staff;
use crate::pages::console::wrong::Wrong;
use crate::pages::form;
use crate::store::AuditSearch;

pub(super) use self::check::Checks;

const PAGE: u32 = 50;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/audit", get(page))
        .route("/audit/records/{position}", get(record::page))
        .route("/audit/export", get(export::file))
        .route("/audit/check", post(check::check))
}

#[derive(Template)]
#[template(path = "console/audit.html")]
struct AuditPage {
    shell: Shell,
    /// How the program is called on the host.
    program: String,
    form: Form,
    actions: Vec<Area>,
    entries: Vec<Entry>,
    next: Option<u64>,
    /// How far a check came that is not at the end yet.
    progress: Option<Progress>,
    wrong: Wrong,
}

impl AuditPage {
    /// What the address of the next page says.
    fn older(&self, next: &u64) -> String {
        let query = self.form.to_query();
        let join = if query.is_empty() { "" } else { "&" };
        format!("{query}{join}before={next}")
    }

    /// What the address of a record says, so that the way back is the search.
    fn found_by(&self) -> String {
        match self.form.to_query() {
            query if query.is_empty() => query,
            query => format!("?{query}"),
        }
    }

    fn answer(&self) -> Response {
        let status =
            if self.wrong.is_none() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        answer::page(status, self)
    }
}

async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match show(&desk, &staff, &head, None).await {
        Ok(page) => page.answer(),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn show(
    desk: &Desk,
    staff: &Staff,
    head: &Parts,
    notice: Option<Notice>,
) -> Result<AuditPage, Trouble> {
    staff.require(Operation::ReadAudit)?;
    let form = Form::of(head);
    let (search, wrong) = match form.search(desk).await? {
        Ok(search) => (Some(search), Wrong::default()),
        Err(wrong) => (None, wrong),
    };
    let records = match search {
        None => Vec::new(),
        Some(search) => {
            let before = form::parameter(head, "before").and_then(|text| text.parse().ok());
            let search = AuditSearch { before, limit: PAGE, ..search };
            let found = desk.admin.audit_entries(&staff.actor, search).await?;
            found.into_iter().map(|one| one.record).collect()
        }
    };
    let next = records.last().map(|last| last.position);
    Ok(AuditPage {
        shell: desk.shell(staff, Section::Audit).with(notice),
        program: desk.program.clone(),
        actions: actions::areas(&form.action),
        entries: entries::in_words(&desk.admin, &records, desk.now()).await?,
        form,
        next: next.filter(|_| records.len() == PAGE as usize),
        progress: None,
        wrong,
    })
}
