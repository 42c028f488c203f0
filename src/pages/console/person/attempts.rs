//! Attempts to sign in, one by one, and what they came to: lockouts and what lifted
//! them, newest first.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::{Head, Tab, Who, found, shell};
use crate::domain::event::Action;
use crate::domain::history::{AttemptEnd, PastAttempt};
use crate::domain::operation::Operation;
use crate::domain::time::Timestamp;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::Shell;
use crate::pages::console::entries::{self, Entry};
use crate::pages::console::people::{self, Partial, Reason};
use crate::pages::console::staff::Staff;
use crate::pages::form;
use crate::pages::when::Moment;
use crate::store::{AuditSearch, HistoryQuery};

/// How many are told; the whole story is in the history.
const TOLD: u32 = 20;

/// How many attempts a page has.
const PAGE: u32 = 50;

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
    attempts: Vec<Row>,
    /// The last of them, where there may be older ones.
    older: Option<u64>,
    /// Whether newer ones were left out.
    is_older_page: bool,
}

/// One attempt.
struct Row {
    when: Moment,
    class: &'static str,
    what: &'static str,
    from: String,
    known_device: bool,
}

impl Row {
    fn of(attempt: &PastAttempt, now: Timestamp) -> Self {
        let (class, what) = match attempt.end {
            AttemptEnd::Succeeded => ("done", "Signed in"),
            AttemptEnd::Passed => ("done", "Right password, no sign-in"),
            AttemptEnd::Wrong => ("locked", "Wrong password"),
            AttemptEnd::LockedOut => ("locked", "Refused: locked out"),
            AttemptEnd::Busy => ("locked", "Refused: too many at once"),
            AttemptEnd::Refused => ("off", "Right password, refused by a lock"),
        };
        Self {
            when: Moment::past(attempt.at, now),
            class,
            what,
            from: attempt
                .from
                .map_or_else(|| "not told".to_owned(), |from| from.to_string()),
            known_device: attempt.device.is_some(),
        }
    }
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
        let before = form::parameter(&head, "before").and_then(|text| text.parse().ok());
        let query = HistoryQuery { before, limit: PAGE, ..account.id.into() };
        let attempts = desk.admin.attempts(&staff.actor, query).await?;
        let older = attempts.last().map(|one| one.number);
        let mut reasons = people::lockouts(&account, now);
        people::name_sources(&desk.admin, &staff, &mut reasons, &account).await?;
        let page_head = Head::of(&staff, &account, now, Tab::Attempts);
        Ok::<_, Trouble>(AttemptsPage {
            shell: shell(&desk, &staff, &head, &page_head.person.name),
            head: page_head,
            reasons,
            partial: people::partial_lockouts(&account, now),
            spared: people::spared(&account, now),
            left: desk
                .admin
                .guesses_left(&account)
                .await
                .map_err(|_| Trouble::Unavailable)?,
            entries: entries::in_words(&desk.admin, &records, now).await?,
            older: older.filter(|_| attempts.len() == PAGE as usize),
            attempts: attempts
                .iter()
                .map(|one| Row::of(&one.attempt, now))
                .collect(),
            is_older_page: before.is_some(),
        })
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}
