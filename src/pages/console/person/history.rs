//! What was done to somebody, newest first.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::{Head, Tab, Who, found, shell};
use crate::domain::operation::Operation;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::Shell;
use crate::pages::console::entries::{self, Entry};
use crate::pages::console::staff::Staff;
use crate::pages::form;
use crate::store::AuditSearch;

const PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "console/person_history.html")]
struct HistoryPage {
    shell: Shell,
    head: Head,
    entries: Vec<Entry>,
    /// The last of them, where more may come.
    next: Option<u64>,
}

pub(super) async fn page(
    State(desk): Here,
    staff: Staff,
    Path(id): Who,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        staff.require(Operation::ReadAudit)?;
        let account = found(&desk, &staff, &id).await?;
        let before = form::parameter(&head, "before").and_then(|text| text.parse().ok());
        let account_id = Some(account.id);
        let search =
            AuditSearch { account: account_id, before, limit: PAGE, ..AuditSearch::default() };
        let found = desk.admin.audit_entries(&staff.actor, search).await?;
        let records: Vec<_> = found.into_iter().map(|one| one.record).collect();
        let next = records.last().map(|last| last.position);
        let next = next.filter(|_| records.len() == PAGE as usize);
        let entries = entries::in_words(&desk.admin, &records, desk.now()).await?;
        let page_head = Head::of(&staff, &account, desk.now(), Tab::History);
        let shell = shell(&desk, &staff, &head, &page_head.person.name);
        Ok::<_, Trouble>(HistoryPage { shell, head: page_head, entries, next })
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}
