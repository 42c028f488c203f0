//! What is decided about somebody: account locked, account disabled, and what they may
//! do to others; saved together, after a page that says what will happen.

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use super::edit::{PersonPage, Saved, show};
use super::rights::{Choice, Granted};
use super::stale::{Differs, compared};
use super::{Who, back, found, live_sessions, signed_out};
use crate::admin::{AdminError, PersonChange, Switch, Target, UnlockKind};
use crate::domain::account::Account;
use crate::domain::length::read_length;
use crate::domain::lock::{End, Reason};
use crate::domain::operation::Operation;
use crate::domain::standing::Version;
use crate::domain::time::Timestamp;
use crate::pages::console::Here;
use crate::pages::console::answer::{Trouble, sentence, status_of};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::Done;
use crate::pages::console::people::Person;
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::form::Fields;

/// The permissions section as it stands or was sent.
#[derive(Clone, Debug, Default)]
pub(in crate::pages::console) struct Form {
    pub(super) locked: bool,
    pub(super) disabled: bool,
    /// How long: `2h`, `7d`, an instant in UTC, or empty for until somebody unlocks.
    pub(super) until: String,
    pub(super) reason: String,
    pub(super) granted: Granted,
    /// Whether account disabling is switched on.
    pub(super) can_disable: bool,
    pub(super) version: u64,
    pub(super) error: String,
    pub(super) wrong: &'static str,
}

/// What will happen, in full, with the form that says yes to it.
#[derive(Template)]
#[template(path = "console/person_confirm.html")]
pub(super) struct ConfirmPage {
    shell: Shell,
    person: Person,
    effects: Vec<String>,
    form: Form,
}

impl Form {
    pub(super) async fn of(
        desk: &Desk,
        account: &Account,
        now: Timestamp,
    ) -> Result<Self, Trouble> {
        Ok(Self {
            locked: account.locks.admin_lock_at(now).is_some(),
            disabled: account.locks.disablement.is_some(),
            granted: Granted::of(account),
            can_disable: desk.admin.disabling_is_allowed().await?,
            version: account.version.get(),
            ..Self::default()
        })
    }

    /// What was sent. A switch that is not shown is not sent, and says nothing.
    fn read(fields: &mut Fields, was: &Self) -> Result<Self, Trouble> {
        let granted = Granted::read(fields)?.unwrap_or_else(|| was.granted.clone());
        let mut text = |name| Ok::<_, Trouble>(fields.perhaps(name)?.unwrap_or_default());
        let version = text("version")?.parse();
        let disabled = text("disabled")? == "yes";
        Ok(Self {
            locked: text("locked")? == "yes",
            disabled: if was.can_disable { disabled } else { was.disabled },
            until: text("until")?,
            reason: text("reason")?,
            granted,
            can_disable: was.can_disable,
            version: version.map_err(|_| Trouble::Bad(super::NO_VERSION.to_owned()))?,
            ..Self::default()
        })
    }

    pub(super) fn error_at(&self, field: &str) -> &str {
        if self.wrong == field { &self.error } else { "" }
    }

    pub(super) fn choices(&self) -> Vec<Choice> {
        self.granted.choices()
    }

    fn change(&self, was: &Self, now: Timestamp) -> Result<PersonChange, (&'static str, String)> {
        let mut change = PersonChange::default();
        change.expect(Version::new(self.version));
        let reason = reason(&self.reason)?;
        let laid_anew = self.locked && (!was.locked || reason.is_some() || !self.until.is_empty());
        if laid_anew && !(self.disabled && !was.disabled && was.locked) {
            change.lock(end(&self.until, now)?, reason.clone());
        } else if was.locked && !self.locked {
            change.unlock(UnlockKind::AdminLock);
        } else if !self.locked && !self.until.trim().is_empty() {
            return Err((
                "until",
                "Tick \u{201c}Account locked\u{201d} to lock until then.".to_owned(),
            ));
        }
        if self.disabled && !was.disabled {
            let missing = || ("reason", "Say why: disabling needs a reason.".to_owned());
            change.disable(reason.ok_or_else(missing)?, Switch::Heeded);
        } else if was.disabled && !self.disabled {
            change.enable(Switch::Heeded);
        }
        if self.granted != was.granted {
            change.admin(self.granted.admin);
            change.permissions(self.granted.permissions.clone());
        }
        Ok(change)
    }

    /// What will happen that asks for a yes: whoever is let in again needs none.
    fn effects(&self, was: &Self, name: &str, sessions: u64, now: Timestamp) -> Vec<String> {
        let mut effects = Vec::new();
        let (locks, disables) = (self.locked && !was.locked, self.disabled && !was.disabled);
        let out = signed_out(sessions);
        if locks {
            effects.push(locked(name, &out, end(&self.until, now).ok(), now));
        }
        if disables {
            let out = if locks { String::new() } else { out };
            effects.push(disabled(name, &out));
        }
        effects.extend(self.granted.effects(&was.granted, name));
        effects
    }

    /// Where what was sent differs from what is there now.
    fn compared(&self, now: &Self) -> Vec<Differs> {
        let word = |on: bool| if on { "yes" } else { "no" }.to_owned();
        let mut rows = vec![
            ("Account locked", word(now.locked), word(self.locked)),
            ("Locked until", now.until.clone(), self.until.clone()),
            ("Account disabled", word(now.disabled), word(self.disabled)),
            ("Reason", now.reason.clone(), self.reason.clone()),
            ("Administrator", word(now.granted.admin), word(self.granted.admin)),
        ];
        rows.push(("Permissions", now.granted.in_words(), self.granted.in_words()));
        compared(rows)
    }
}

/// What a lock does, in full.
pub(super) fn locked(name: &str, out: &str, end: Option<End>, now: Timestamp) -> String {
    let until = end
        .and_then(End::instant)
        .and_then(|at| crate::pages::when::Moment::to_come(at, now));
    match until {
        Some(until) => {
            let (absolute, relative) = (until.absolute, until.relative);
            format!(
                "{name}{out} can't sign in until the lock ends {absolute} ({relative}), or you unlock them."
            )
        }
        None => format!("{name}{out} can't sign in until you unlock them."),
    }
}

/// What a disablement does, in full.
pub(super) fn disabled(name: &str, out: &str) -> String {
    format!("{name}{out} can't sign in until somebody enables the account. It frees a licence.")
}

/// Why, in somebody's words; none where nothing was typed.
pub(super) fn reason(typed: &str) -> Result<Option<Reason>, (&'static str, String)> {
    if typed.trim().is_empty() {
        return Ok(None);
    }
    let reason = Reason::try_from(typed.to_owned());
    reason
        .map(Some)
        .map_err(|error| ("reason", sentence(&error.to_string())))
}

/// Until when: a length from now, an instant in UTC, or until somebody unlocks.
pub(super) fn end(typed: &str, now: Timestamp) -> Result<End, (&'static str, String)> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(End::Never);
    }
    if let Some(length) = read_length(typed) {
        return Ok(End::At(now.after(length)));
    }
    let zoned = if typed.ends_with('Z') { typed.to_owned() } else { format!("{typed}Z") };
    let whole = if zoned.len() == "2030-01-31T12:00Z".len() {
        format!("{}:00Z", zoned.trim_end_matches('Z'))
    } else {
        zoned
    };
    match whole.parse::<jiff::Timestamp>() {
        Ok(at) if at.as_second() > now.floor_secs() => {
            Ok(End::At(Timestamp::from_secs(at.as_second())))
        }
        Ok(_) => Err(("until", "That time is over already: name a later one.".to_owned())),
        Err(_) => {
            let words = "Write how long, as 2h or 7d, or until when, as 2030-01-31T12:00 (UTC). \
                         Leave it empty for until somebody unlocks.";
            Err(("until", words.to_owned()))
        }
    }
}

pub(super) async fn submit(State(desk): Here, Path(id): Who, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    match save(&desk, &staff, &id, &mut fields).await {
        Ok(saved) => saved.answer(),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn save(desk: &Desk, staff: &Staff, id: &str, fields: &mut Fields) -> Result<Saved, Trouble> {
    staff.require(Operation::UpdateUser)?;
    let account = found(desk, staff, id).await?;
    let now = desk.now();
    let was = Form::of(desk, &account, now).await?;
    let sent = Form::read(fields, &was)?;
    if sent.version != was.version {
        return outdated(desk, staff, &account, &sent).await;
    }
    if sent.granted != was.granted && !staff.was_sure(now) {
        return Err(Trouble::NotSure { onward: desk.path(&format!("users/{}", account.id)) });
    }
    let change = match sent.change(&was, now) {
        Ok(change) => change,
        Err(wrong) => return refused(desk, staff, &account, sent, wrong).await,
    };
    if fields.perhaps("confirmed")?.is_none()
        && let Some(page) = to_confirm(desk, staff, &account, (&was, &sent)).await?
    {
        return Ok(Saved::Asked(Box::new(page)));
    }
    carry_out(desk, staff, &account, (&was, sent), change).await
}

/// The page that asks for a yes, where something needs one.
async fn to_confirm(
    desk: &Desk,
    staff: &Staff,
    account: &Account,
    (was, sent): (&Form, &Form),
) -> Result<Option<ConfirmPage>, Trouble> {
    let now = desk.now();
    let person = Person::of(account, now);
    let sessions = live_sessions(desk, staff, account).await?;
    let effects = sent.effects(was, &person.called, sessions, now);
    let shell = desk.shell(staff, Section::Users);
    let page = ConfirmPage { shell, person, effects, form: sent.clone() };
    Ok(Some(page).filter(|page| !page.effects.is_empty()))
}

async fn carry_out(
    desk: &Desk,
    staff: &Staff,
    account: &Account,
    (was, sent): (&Form, Form),
    change: PersonChange,
) -> Result<Saved, Trouble> {
    let began = desk.begin();
    let target = Target::Id(account.id);
    match desk.admin.update(&staff.actor, &target, change).await {
        Ok(outcome) => {
            let done = Done::new(deed(was, &sent, outcome.changed))
                .took(desk.since(began))
                .id(account.id.get());
            let ended = outcome.sessions_ended.unwrap_or_default();
            let done = done.count(ended.try_into().unwrap_or(u64::MAX));
            Ok(Saved::Done(back(desk, account.id, "", &done)))
        }
        Err(AdminError::Outdated { .. }) => {
            let account = found(desk, staff, &account.id.to_string()).await?;
            outdated(desk, staff, &account, &sent).await
        }
        Err(error) if status_of(&error) == StatusCode::CONFLICT => {
            let wrong = ("standing", sentence(&error.to_string()));
            refused(desk, staff, account, sent, wrong).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The form again, with all that was typed and what is wrong with it.
async fn refused(
    desk: &Desk,
    staff: &Staff,
    account: &Account,
    sent: Form,
    (wrong, error): (&'static str, String),
) -> Result<Saved, Trouble> {
    let page = show(desk, staff, account).await?;
    let standing = Form { wrong, error, ..sent };
    Ok(Saved::Wrong(Box::new(PersonPage { standing, ..page })))
}

/// What is there now, beside what was sent: nothing was saved.
async fn outdated(
    desk: &Desk,
    staff: &Staff,
    account: &Account,
    sent: &Form,
) -> Result<Saved, Trouble> {
    let page = show(desk, staff, account).await?;
    let stale = Some(sent.compared(&page.standing));
    Ok(Saved::Outdated(Box::new(PersonPage { stale, ..page })))
}

fn deed(was: &Form, sent: &Form, changed: bool) -> &'static str {
    match (was, sent) {
        _ if !changed => "unchanged",
        (was, sent) if sent.disabled && !was.disabled => "disabled",
        (was, sent) if sent.locked && !was.locked => "locked",
        (was, sent) if was.locked && !sent.locked && was.disabled == sent.disabled => "unlocked",
        (was, sent) if was.disabled && !sent.disabled && was.locked == sent.locked => "enabled",
        _ => "saved",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_length_or_an_instant() {
        let now = Timestamp::from_secs(1_900_000_000);
        assert_eq!(end("", now), Ok(End::Never));
        assert_eq!(end(" 2h ", now), Ok(End::At(Timestamp::from_secs(1_900_007_200))));
        let at = Ok(End::At(Timestamp::from_secs(1_927_540_800)));
        assert_eq!(end("2031-01-30T12:00", now), at);
        assert_eq!(end("2031-01-30T12:00:00Z", now), at);
        for bad in ["soon", "2001-01-01T00:00", "2031-13-01T00:00", "-2h"] {
            assert!(end(bad, now).is_err(), "{bad}");
        }
    }
}
