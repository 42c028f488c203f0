//! Where somebody is signed in, and on which devices they are known.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::{Head, Tab, Who, back, found, shell};
use crate::admin::{AdminError, Target};
use crate::domain::operation::Operation;
use crate::domain::time::Timestamp;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::notice::Done;
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::program;
use crate::pages::when::Moment;

#[derive(Template)]
#[template(path = "console/person_sessions.html")]
struct SessionsPage {
    shell: Shell,
    head: Head,
    sessions: Vec<SessionRow>,
    devices: Vec<DeviceRow>,
}

struct SessionRow {
    id: String,
    program: String,
    from: String,
    signed_in: Moment,
    last_seen: Moment,
    on_known_device: bool,
    console: bool,
    is_this: bool,
}

struct DeviceRow {
    id: String,
    program: String,
    from: String,
    first: Moment,
    last: Moment,
}

pub(super) async fn page(
    State(desk): Here,
    staff: Staff,
    Path(id): Who,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        let account = found(&desk, &staff, &id).await?;
        let page_head = Head::of(&staff, &account, desk.now(), Tab::Sessions);
        let shell = shell(&desk, &staff, &head, &page_head.person.name);
        show(&desk, &staff, account.id, (shell, page_head)).await
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn show(
    desk: &Desk,
    staff: &Staff,
    id: crate::domain::account::AccountId,
    (shell, head): (Shell, Head),
) -> Result<SessionsPage, Trouble> {
    let detail = desk.admin.show(&Target::Id(id)).await?;
    let (account, now) = (&detail.account, detail.now);
    let idle = desk.gate.session_idle();
    let live = detail
        .sessions
        .iter()
        .filter(|one| one.last_seen_at.after(idle) > now);
    let sessions = live.map(|one| SessionRow {
        id: one.key.id().to_string(),
        program: program::in_words(one.user_agent.as_deref()),
        from: one
            .opened_from
            .clone()
            .unwrap_or_else(|| "unknown".to_owned()),
        signed_in: Moment::past(one.created_at, now),
        last_seen: Moment::past(one.last_seen_at, now),
        on_known_device: one.device.is_some(),
        console: one.console,
        is_this: staff.session() == Some(one.key.id()),
    });
    let devices = desk.admin.devices(id).await?;
    let known = devices
        .iter()
        .filter(|device| device.is_known_to(account, now));
    let devices = known.map(|device| DeviceRow::of(device, now)).collect();
    Ok(SessionsPage { shell, head, sessions: sessions.collect(), devices })
}

impl DeviceRow {
    fn of(device: &crate::domain::device::Device, now: Timestamp) -> Self {
        Self {
            id: device.id.to_string(),
            program: program::in_words(device.user_agent.as_deref()),
            from: device
                .last_seen_from
                .clone()
                .unwrap_or_else(|| "unknown".to_owned()),
            first: Moment::past(device.first_seen_at, now),
            last: Moment::past(device.last_seen_at, now),
        }
    }
}

/// Ends one session of theirs.
pub(super) async fn end(State(desk): Here, Path(id): Who, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let ended = async {
        let account = found(&desk, &staff, &id).await?;
        let named = fields.once("session")?;
        let began = desk.begin();
        let own = desk.admin.show(&Target::Id(account.id)).await?.sessions;
        // Nobody ends a session of somebody else's by way of this page.
        let session = own.iter().find(|one| one.key.id().to_string() == named);
        let act = match session {
            None => "session-gone",
            Some(session) => match desk.admin.end_session(&staff.actor, session.key.id()).await {
                Ok(_) => "session-ended",
                Err(AdminError::NoSuchSession { .. }) => "session-gone",
                Err(error) => return Err(error.into()),
            },
        };
        let done = Done::new(act).took(desk.since(began));
        Ok::<_, Trouble>(back(&desk, account.id, "/sessions", &done))
    };
    match ended.await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

/// Makes a device of theirs a stranger's.
pub(super) async fn forget(State(desk): Here, Path(id): Who, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let forgotten = async {
        staff.require(Operation::UpdateUser)?;
        let account = found(&desk, &staff, &id).await?;
        let named = fields.once("device")?;
        let device = named.parse().map_err(|_| Trouble::NotFound)?;
        let own = desk.admin.devices(account.id).await?;
        if !own.iter().any(|one| one.id == device) {
            return Err(Trouble::NotFound);
        }
        desk.admin
            .forget_device(&staff.actor, &Target::Id(account.id), device)
            .await?;
        Ok(back(&desk, account.id, "/sessions", &Done::new("device-forgotten")))
    };
    match forgotten.await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}
