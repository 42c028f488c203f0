//! Stops bulk updates, lets them go on, and takes them back.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::{address, followed, named, words};
use crate::domain::permission::Permission;
use crate::pages::answer::{self, see_other};
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::Done;
use crate::pages::console::runs::foretold::people;
use crate::pages::console::staff::{Sent, Staff};
use crate::store::RunId;

#[derive(Template)]
#[template(path = "console/run_undo.html")]
struct UndoPage {
    shell: Shell,
    id: RunId,
    name: String,
    whom: String,
    /// It ended sessions, which stay ended.
    ended_sessions: bool,
}

pub(super) async fn cancel(State(desk): Here, Path(id): Path<String>, sent: Sent) -> Response {
    let Sent { staff, head, .. } = sent;
    let cancelled = async {
        let run = desk.admin.cancel_run(&staff.actor, named(&id)?).await?;
        Ok(see_other(&address(&desk, run.id, &Done::new("cancelled"))))
    };
    cancelled
        .await
        .unwrap_or_else(|trouble: Trouble| trouble.answer(&desk, Some(&staff), &head))
}

pub(super) async fn resume(State(desk): Here, Path(id): Path<String>, sent: Sent) -> Response {
    let Sent { staff, head, .. } = sent;
    let resumed = async {
        let id = named(&id)?;
        sure(&desk, &staff, &format!("{}/{id}", desk.path("runs")))?;
        let run = desk.admin.resume_run(&staff.actor, id).await?;
        Ok(followed(&desk, &run, "resumed"))
    };
    resumed
        .await
        .unwrap_or_else(|trouble: Trouble| trouble.answer(&desk, Some(&staff), &head))
}

/// Whoever sends it gave their password a short time ago.
fn sure(desk: &Desk, staff: &Staff, back: &str) -> Result<(), Trouble> {
    staff.require(Permission::ManageUsers)?;
    let onward = || Trouble::NotSure { onward: back.to_owned() };
    if staff.was_sure(desk.now()) { Ok(()) } else { Err(onward()) }
}

/// Says what would be taken back.
pub(super) async fn ask_undo(
    State(desk): Here,
    staff: Staff,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let asked = async {
        staff.require(Permission::ManageUsers)?;
        let id = named(&id)?;
        let run = desk.admin.run(&staff.actor, id).await?;
        if !staff.is_sure(desk.now()) {
            return Err(Trouble::NotSure { onward: undo_address(&desk, id) });
        }
        let page = UndoPage {
            shell: desk.shell(&staff, Section::Runs),
            id,
            name: words::name(&run),
            whom: people(run.counts.changed),
            ended_sessions: words::ends_sessions(&run.change),
        };
        Ok(answer::page(StatusCode::OK, &page))
    };
    asked
        .await
        .unwrap_or_else(|trouble: Trouble| trouble.answer(&desk, Some(&staff), &head))
}

pub(super) async fn undo(State(desk): Here, Path(id): Path<String>, sent: Sent) -> Response {
    let Sent { staff, head, .. } = sent;
    let begun = async {
        let id = named(&id)?;
        sure(&desk, &staff, &undo_address(&desk, id))?;
        let run = desk.admin.undo_run(&staff.actor, id).await?;
        Ok(followed(&desk, &run, "undo-begun"))
    };
    begun
        .await
        .unwrap_or_else(|trouble: Trouble| trouble.answer(&desk, Some(&staff), &head))
}

fn undo_address(desk: &Desk, id: RunId) -> String {
    format!("{}/{id}/undo", desk.path("runs"))
}
