//! One deletion: how far it is, what stopped it, and what can be done about that.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;
use http::request::Parts;

use super::list::badge;
use super::records;
use crate::admin::deletion::LEASE;
use crate::domain::deletion::{Deletion, DeletionId, DeletionState, ModuleProgress, ModuleState};
use crate::domain::operation::Operation;
use crate::domain::time::Timestamp;
use crate::domain::transfer::Condition;
use crate::pages::answer::{self, see_other};
use crate::pages::called::isolated;
use crate::pages::console::Here;
use crate::pages::console::answer::{Trouble, sentence};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::{Done, Notice};
use crate::pages::console::overview::spaced;
use crate::pages::console::people::{Badge, author};
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::when::Moment;

#[derive(Template)]
#[template(path = "console/deletion.html")]
struct DeletionPage {
    shell: Shell,
    id: DeletionId,
    account: i64,
    login: String,
    state: Badge,
    words: String,
    /// What stopped it.
    error: Option<String>,
    is_live: bool,
    may_resume: bool,
    may_cancel: bool,
    moved: u64,
    expected: u64,
    modules: Vec<Row>,
    receiver: Option<(i64, String)>,
    reason: String,
    by: String,
    begun: Moment,
    ended: Option<Moment>,
}

/// How far a module is.
struct Row {
    label: String,
    which: String,
    moved: String,
    state: Badge,
    error: Option<String>,
}

pub(super) async fn page(
    State(desk): Here,
    staff: Staff,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    match show(&desk, &staff, &id, &head).await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

fn number(id: &str) -> Result<DeletionId, Trouble> {
    id.parse().map_err(|_| Trouble::NotFound)
}

async fn show(
    desk: &Desk,
    staff: &Staff,
    id: &str,
    request: &Parts,
) -> Result<DeletionPage, Trouble> {
    staff.require(Operation::DeleteUser)?;
    let found = desk.admin.deletion(&staff.actor, number(id)?).await?;
    let (state, now) = (found.state, desk.now());
    let notice = Done::of(request).and_then(|done| said(&done, state));
    let (moved, expected) = (found.moved(), found.expected().max(found.moved()));
    let is_live = state == DeletionState::Working;
    let receiver = found.receiver.as_ref();
    Ok(DeletionPage {
        shell: desk.shell(staff, Section::Deletions).with(notice),
        id: found.id,
        account: found.account.id.get(),
        login: found.account.login.to_string(),
        state: badge(state),
        words: words(&found),
        error: found.error.as_deref().map(sentence),
        is_live,
        may_resume: state == DeletionState::Failed || (is_live && is_left(&found, now)),
        may_cancel: state.is_open(),
        moved,
        expected,
        modules: found
            .modules
            .iter()
            .map(|module| Row::of(desk, module))
            .collect(),
        receiver: receiver.map(|party| (party.id.get(), party.login.to_string())),
        reason: found.reason.as_str().to_owned(),
        by: author(&found.actor),
        begun: Moment::past(found.begun_at, now),
        ended: found.ended_at.map(|at| Moment::past(at, now)),
    })
}

/// Whether nobody has worked on it for so long that whoever did must have died.
fn is_left(deletion: &Deletion, now: Timestamp) -> bool {
    now >= deletion.updated_at.after(LEASE)
}

/// How far it is, in sentences.
fn words(deletion: &Deletion) -> String {
    let login = isolated(deletion.account.login.as_str());
    let (moved, expected) = (deletion.moved(), deletion.expected().max(deletion.moved()));
    let to = deletion.receiver.as_ref();
    let to = to.map(|party| isolated(party.login.as_str()));
    let went = match &to {
        Some(to) if moved > 0 => format!("{} went to {to}.", records(moved)),
        Some(_) => "No record was moved.".to_owned(),
        None => "Their records stay with the deleted account.".to_owned(),
    };
    match (deletion.state, &to) {
        (DeletionState::Working, Some(to)) => format!(
            "{login} is being deleted: {} of {} are with {to}.",
            spaced(moved),
            records(expected)
        ),
        (DeletionState::Working, None) => format!("{login} is being deleted."),
        (DeletionState::Failed, to) => {
            let moved = to.as_ref().map_or_else(String::new, |to| {
                format!(" {} of {} are with {to}.", spaced(moved), records(expected))
            });
            format!("{login} is locked, and not deleted.{moved}")
        }
        (DeletionState::Cancelled, to) => {
            let kept = if to.is_some() && moved > 0 {
                format!(" {} went to the receiver and stay there.", records(moved))
            } else {
                String::new()
            };
            format!(
                "{login} is not deleted.{kept} The account stays locked until somebody unlocks it."
            )
        }
        (DeletionState::Done, _) => {
            format!("{login} is deleted. {went}")
        }
    }
}

fn said(done: &Done, state: DeletionState) -> Option<Notice> {
    match &*done.act {
        "resumed" if state.is_open() => Some(Notice::done("It goes on.")),
        "cancelled" if state == DeletionState::Cancelled => {
            Some(Notice::done("The deletion is called off."))
        }
        _ => None,
    }
}

impl Row {
    fn of(desk: &Desk, module: &ModuleProgress) -> Self {
        let known = desk.admin.modules().find(|one| one.name == module.module);
        let conditions = module.choice.conditions().iter();
        let conditions: Vec<_> = conditions.map(Condition::to_string).collect();
        let (moved, expected) = (module.moved, module.expected.max(module.moved));
        Self {
            label: known.map_or_else(|| module.module.to_string(), |one| one.label.clone()),
            which: match conditions.is_empty() {
                true => "All".to_owned(),
                false => format!("Those where {}", conditions.join(" and ")),
            },
            moved: format!("{} of {}", spaced(moved), spaced(expected)),
            state: match (module.state, &module.error) {
                (ModuleState::Moved, _) => Badge { class: "done", word: "Moved" },
                (_, Some(_)) => Badge { class: "wrong", word: "Stopped" },
                (ModuleState::Moving, None) => Badge { class: "hint", word: "Moving" },
                (ModuleState::Waiting, None) => Badge { class: "off", word: "Waiting" },
            },
            error: module.error.as_deref().map(sentence),
        }
    }
}

/// Goes on with what stopped. That deletes, in the end, so the password is asked for.
pub(super) async fn resume(State(desk): Here, Path(id): Path<String>, sent: Sent) -> Response {
    let Sent { staff, head, .. } = sent;
    let done = async {
        staff.require(Operation::DeleteUser)?;
        let id = number(&id)?;
        if !staff.was_sure(desk.now()) {
            return Err(Trouble::NotSure { onward: desk.path(&format!("deletions/{id}")) });
        }
        let run = desk.admin.resume_deletion(&staff.actor, id).await?;
        Ok(run.spawn().id)
    };
    finish(&desk, &staff, &head, done.await, "resumed")
}

/// Calls it off: what was moved stays moved.
pub(super) async fn cancel(State(desk): Here, Path(id): Path<String>, sent: Sent) -> Response {
    let Sent { staff, head, .. } = sent;
    let done = async {
        staff.require(Operation::DeleteUser)?;
        let cancelled = desk
            .admin
            .cancel_deletion(&staff.actor, number(&id)?)
            .await?;
        Ok(cancelled.id)
    };
    finish(&desk, &staff, &head, done.await, "cancelled")
}

fn finish(
    desk: &Desk,
    staff: &Staff,
    head: &Parts,
    done: Result<DeletionId, Trouble>,
    act: &str,
) -> Response {
    match done {
        Ok(id) => {
            let path = desk.path(&format!("deletions/{id}"));
            see_other(&format!("{path}?{}", Done::new(act).to_query()))
        }
        Err(trouble) => trouble.answer(desk, Some(staff), head),
    }
}
