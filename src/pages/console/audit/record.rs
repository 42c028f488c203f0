//! One record of the audit log, with all that it says.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::search::Form;
use crate::domain::operation::Operation;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::entries::{self, Entry};
use crate::pages::console::nav::Section;
use crate::pages::console::staff::Staff;
use crate::store::AuditSearch;

#[derive(Template)]
#[template(path = "console/audit_record.html")]
struct RecordPage {
    shell: Shell,
    one: Entry,
    /// The word that the log has for what was done.
    action: &'static str,
    /// What ties it to the record before.
    link: String,
    /// The search that it was found by.
    query: String,
}

pub(super) async fn page(
    State(desk): Here,
    staff: Staff,
    Path(position): Path<String>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let query = Form::of(&head).to_query();
    match show(&desk, &staff, &position, query).await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn show(
    desk: &Desk,
    staff: &Staff,
    position: &str,
    query: String,
) -> Result<RecordPage, Trouble> {
    staff.require(Operation::ReadAudit)?;
    let position: u64 = position.parse().map_err(|_| Trouble::NotFound)?;
    let search = AuditSearch {
        after: position.checked_sub(1),
        oldest_first: true,
        limit: 1,
        ..AuditSearch::default()
    };
    let found = desk.admin.audit_entries(&staff.actor, search).await?;
    let found = found
        .into_iter()
        .find(|one| one.record.position == position);
    let entry = found.ok_or(Trouble::NotFound)?;
    let (action, link) = (entry.record.action.as_str(), entry.link.to_hex());
    let mut entries = entries::in_words(&desk.admin, &[entry.record], desk.now()).await?;
    let one = entries.pop().ok_or(Trouble::NotFound)?;
    let shell = desk.shell(staff, Section::Audit);
    Ok(RecordPage { shell, one, action, link, query })
}
