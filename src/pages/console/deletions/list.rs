//! Deletions, newest first.

use askama::Template;
use axum::extract::{Request, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;

use crate::domain::deletion::{Deletion, DeletionId, DeletionState};
use crate::domain::operation::Operation;
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
use crate::store::DeletionQuery;

/// How many are on a page.
const PAGE: u32 = 50;

#[derive(Template)]
#[template(path = "console/deletions.html")]
struct DeletionsPage {
    shell: Shell,
    open: bool,
    rows: Vec<Row>,
    /// Where the next page begins.
    next: Option<DeletionId>,
    is_later: bool,
}

struct Row {
    id: DeletionId,
    login: String,
    state: Badge,
    moved: String,
    receiver: Option<String>,
    begun: Moment,
    reason: String,
}

pub(super) async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match show(&desk, &staff, &head).await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn show(desk: &Desk, staff: &Staff, request: &Parts) -> Result<DeletionsPage, Trouble> {
    staff.require(Operation::DeleteUser)?;
    let open = form::parameter(request, "open").as_deref() == Some("yes");
    let before = form::parameter(request, "before");
    let before: Option<DeletionId> = before.and_then(|text| text.parse().ok());
    let query = DeletionQuery { account: None, open, before, limit: PAGE };
    let found = desk.admin.deletions(&staff.actor, query).await?;
    let last = found.last().map(|deletion| deletion.id);
    let now = desk.now();
    Ok(DeletionsPage {
        shell: desk.shell(staff, Section::Deletions),
        open,
        next: last.filter(|_| found.len() == PAGE as usize),
        is_later: before.is_some(),
        rows: found
            .iter()
            .map(|deletion| Row::of(deletion, now))
            .collect(),
    })
}

impl Row {
    fn of(deletion: &Deletion, now: Timestamp) -> Self {
        let receiver = deletion.receiver.as_ref();
        let (moved, expected) = (deletion.moved(), deletion.expected());
        Self {
            id: deletion.id,
            login: deletion.account.login.to_string(),
            state: badge(deletion.state),
            moved: format!("{} of {}", spaced(moved), spaced(expected.max(moved))),
            receiver: receiver.map(|party| party.login.to_string()),
            begun: Moment::past(deletion.begun_at, now),
            reason: deletion.reason.as_str().to_owned(),
        }
    }
}

/// How far a deletion is, as a colour and a word.
pub(super) const fn badge(state: DeletionState) -> Badge {
    match state {
        DeletionState::Working => Badge { class: "hint", word: "Under way" },
        DeletionState::Failed => Badge { class: "wrong", word: "Stopped" },
        DeletionState::Cancelled => Badge { class: "off", word: "Called off" },
        DeletionState::Done => Badge { class: "done", word: "Deleted" },
    }
}
