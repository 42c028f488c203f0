//! What failed sign-ins came to: lockouts and what lifted them, newest first.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::{Head, Tab, Who, found, shell};
use crate::domain::event::Action;
use crate::domain::operation::Operation;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::Shell;
use crate::pages::console::entries::{self, Entry};
use crate::pages::console::people::{self, Partial, Reason};
use crate::pages::console::staff::Staff;
use crate::store::AuditSearch;

/// How many are told; the whole story is in the history.
const TOLD: u32 = 50;

/// What is about attempts.
const ACTIONS: [Action; 6] = [
    Action::AccountLockedOut,
    Action::AccountLockedOutAtAddress,
    Action::AccountWouldBeLockedOut,
    Action::AccountUnlocked,
    Action::DeviceLockedOut,
    Action::PasswordSet,
];

#[derive(Template)]
#[template(path = "console/person_attempts.html")]
struct AttemptsPage {
    shell: Shell,
    head: Head,
    reasons: Vec<Reason>,
    partial: Vec<Partial>,
    spared: usize,
    /// How many more wrong guesses a stranger has before a lockout, where they are counted.
    left: Option<u32>,
    entries: Vec<Entry>,
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
        let search = AuditSearch {
            account: Some(account.id),
            actions: ACTIONS.to_vec(),
            limit: TOLD,
            ..AuditSearch::default()
        };
        let found = desk.admin.audit_entries(&staff.actor, search).await?;
        let records: Vec<_> = found.into_iter().map(|one| one.record).collect();
        let now = desk.now();
        let page_head = Head::of(&staff, &account, now, Tab::Attempts);
        Ok::<_, Trouble>(AttemptsPage {
            shell: shell(&desk, &staff, &head, &page_head.person.name),
            head: page_head,
            reasons: people::lockouts(&account, now),
            partial: people::partial_lockouts(&account, now),
            spared: people::spared(&account, now),
            left: desk
                .admin
                .guesses_left(&account)
                .await
                .map_err(|_| Trouble::Unavailable)?,
            entries: entries::in_words(&desk.admin, &records, now).await?,
        })
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}
