//! What is done to a person in one click, after a page that says what will happen.

use askama::Template;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::StatusCode;

use super::standing::{disabled, end, reason};
use super::{back, found, live_sessions, signed_out};
use crate::admin::{Outcome, Target, UnlockKind};
use crate::domain::account::Account;
use crate::domain::operation::Operation;
use crate::domain::time::Timestamp;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::{Trouble, sentence, status_of};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::Done;
use crate::pages::console::people::Person;
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::form::Fields;

/// One of the acts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Act {
    Lock,
    Unlock,
    UnlockAdminLock,
    UnlockLockout,
    Disable,
    Enable,
    SignOut,
}

impl Act {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "lock" => Self::Lock,
            "unlock" => Self::Unlock,
            "unlock-admin-lock" => Self::UnlockAdminLock,
            "unlock-lockout" => Self::UnlockLockout,
            "disable" => Self::Disable,
            "enable" => Self::Enable,
            "sign-out" => Self::SignOut,
            _ => return None,
        })
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::Unlock => "unlock",
            Self::UnlockAdminLock => "unlock-admin-lock",
            Self::UnlockLockout => "unlock-lockout",
            Self::Disable => "disable",
            Self::Enable => "enable",
            Self::SignOut => "sign-out",
        }
    }

    /// What the button says, which is also what the page is called.
    const fn name(self) -> &'static str {
        match self {
            Self::Lock => "Lock account",
            Self::Unlock => "Unlock account",
            Self::UnlockAdminLock => "Lift the lock",
            Self::UnlockLockout => "Lift the lockout",
            Self::Disable => "Disable account",
            Self::Enable => "Enable account",
            Self::SignOut => "Sign out everywhere",
        }
    }

    const fn deed(self) -> &'static str {
        match self {
            Self::Lock => "locked",
            Self::Unlock => "unlocked",
            Self::UnlockAdminLock => "lock-lifted",
            Self::UnlockLockout => "lockout-lifted",
            Self::Disable => "disabled",
            Self::Enable => "enabled",
            Self::SignOut => "signed-out",
        }
    }

    const fn needs(self) -> Operation {
        match self {
            Self::UnlockLockout => Operation::UnlockUser,
            _ => Operation::UpdateUser,
        }
    }

    const fn ends_sessions(self) -> bool {
        matches!(self, Self::Lock | Self::Disable | Self::SignOut)
    }

    /// What will happen, in full.
    fn effect(self, name: &str, sessions: u64) -> String {
        let out = signed_out(sessions);
        match self {
            Self::Lock => format!(
                "{name}{out} can't sign in until you unlock them, or until the end that you name."
            ),
            Self::Disable => disabled(name, &out),
            Self::SignOut => match sessions {
                0 => format!("{name} is signed in nowhere. What other systems signed ends, too."),
                _ => format!("{name}{out} can sign in again at once."),
            },
            Self::Unlock => format!(
                "{name} can sign in again at once. Sessions that the lock ended stay ended."
            ),
            Self::UnlockAdminLock => format!(
                "What an administrator laid on {name} is lifted; a lockout after failed sign-ins \
                 stays. Sessions that the lock ended stay ended."
            ),
            Self::UnlockLockout => format!(
                "{name} can sign in again at once; the failed sign-ins are forgotten. A lock that \
                 an administrator laid stays."
            ),
            Self::Enable => format!("{name} can sign in again at once, and uses a licence."),
        }
    }
}

#[derive(Template)]
#[template(path = "console/person_act.html")]
struct ActPage {
    shell: Shell,
    person: Person,
    act: &'static str,
    name: &'static str,
    effect: String,
    danger: bool,
    asks_until: bool,
    asks_reason: bool,
    needs_reason: bool,
    until: String,
    reason: String,
    wrong: &'static str,
    error: String,
}

impl ActPage {
    fn error_at(&self, field: &str) -> &str {
        if self.wrong == field { &self.error } else { "" }
    }
}

pub(super) async fn page(
    State(desk): Here,
    staff: Staff,
    Path((id, word)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        let act = Act::named(&word).ok_or(Trouble::NotFound)?;
        let account = found(&desk, &staff, &id).await?;
        show(&desk, &staff, &account, act).await
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn show(desk: &Desk, staff: &Staff, account: &Account, act: Act) -> Result<ActPage, Trouble> {
    staff.require(act.needs())?;
    let sessions = match act.ends_sessions() {
        true => live_sessions(desk, staff, account).await?,
        false => 0,
    };
    let person = Person::of(account, desk.now());
    Ok(ActPage {
        shell: desk.shell(staff, Section::Users),
        act: act.word(),
        name: act.name(),
        effect: act.effect(&person.called, sessions),
        person,
        danger: matches!(act, Act::Lock | Act::Disable),
        asks_until: act == Act::Lock,
        asks_reason: matches!(act, Act::Lock | Act::Disable),
        needs_reason: act == Act::Disable,
        until: String::new(),
        reason: String::new(),
        wrong: "",
        error: String::new(),
    })
}

pub(super) async fn submit(
    State(desk): Here,
    Path((id, word)): Path<(String, String)>,
    sent: Sent,
) -> Response {
    let Sent { staff, mut fields, head } = sent;
    match done(&desk, &staff, (&id, &word), &mut fields).await {
        Ok(Ok(response)) => response,
        Ok(Err(page)) => answer::page(StatusCode::UNPROCESSABLE_ENTITY, &*page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn done(
    desk: &Desk,
    staff: &Staff,
    (id, word): (&str, &str),
    fields: &mut Fields,
) -> Result<Result<Response, Box<ActPage>>, Trouble> {
    let act = Act::named(word).ok_or(Trouble::NotFound)?;
    let account = found(desk, staff, id).await?;
    let until = fields.perhaps("until")?.unwrap_or_default();
    let why = fields.perhaps("reason")?.unwrap_or_default();
    let began = desk.begin();
    match carry_out(desk, staff, &account, act, (&until, &why)).await {
        Ok(outcome) => {
            let act = if outcome.changed { act.deed() } else { "unchanged" };
            let ended = outcome.sessions_ended.unwrap_or_default();
            let done = Done::new(act)
                .count(ended.try_into().unwrap_or(u64::MAX))
                .took(desk.since(began))
                .id(account.id.get());
            Ok(Ok(back(desk, account.id, "", &done)))
        }
        Err(Undone::Wrong(wrong, error)) => {
            let page = show(desk, staff, &account, act).await?;
            Ok(Err(Box::new(ActPage { until, reason: why, wrong, error, ..page })))
        }
        Err(Undone::Trouble(trouble)) => Err(trouble),
    }
}

/// Why an act was not done.
enum Undone {
    Wrong(&'static str, String),
    Trouble(Trouble),
}

impl From<(&'static str, String)> for Undone {
    fn from((field, words): (&'static str, String)) -> Self {
        Self::Wrong(field, words)
    }
}

async fn carry_out(
    desk: &Desk,
    staff: &Staff,
    account: &Account,
    act: Act,
    (until, why): (&str, &str),
) -> Result<Outcome, Undone> {
    let (admin, actor, now): (_, _, Timestamp) = (&desk.admin, &staff.actor, desk.now());
    let target = Target::Id(account.id);
    let outcome = match act {
        Act::Lock => {
            admin
                .lock(actor, &target, end(until, now)?, reason(why)?)
                .await
        }
        Act::Unlock => admin.unlock(actor, &target, UnlockKind::All).await,
        Act::UnlockAdminLock => admin.unlock(actor, &target, UnlockKind::AdminLock).await,
        Act::UnlockLockout => admin.unlock(actor, &target, UnlockKind::Lockout).await,
        Act::Disable => {
            let missing = ("reason", "Say why: disabling needs a reason.".to_owned());
            let reason = reason(why)?.ok_or(missing)?;
            admin.disable(actor, &target, reason).await
        }
        Act::Enable => admin.enable(actor, &target).await,
        Act::SignOut => admin.sign_out(actor, &target).await,
    };
    outcome.map_err(|error| match status_of(&error) {
        StatusCode::CONFLICT => Undone::Wrong("form", sentence(&error.to_string())),
        _ => Undone::Trouble(error.into()),
    })
}
