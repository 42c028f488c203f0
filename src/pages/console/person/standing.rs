//! Whether somebody can come in: the two switches, account locked and account disabled,
//! saved together.

use axum::extract::{Path, State};
use axum::response::Response;
use http::StatusCode;

use super::edit::{PersonPage, Saved, show};
use super::{Who, back, found};
use crate::admin::{PersonChange, Switch, Target, UnlockKind};
use crate::domain::account::Account;
use crate::domain::length::read_length;
use crate::domain::lock::{End, Reason};
use crate::domain::standing::Version;
use crate::domain::time::Timestamp;
use crate::pages::answer;
use crate::pages::console::Here;
use crate::pages::console::answer::{Trouble, sentence};
use crate::pages::console::desk::Desk;
use crate::pages::console::notice::Done;
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::form::Fields;

/// The two switches as they stand or were sent.
#[derive(Clone, Debug, Default)]
pub(in crate::pages::console) struct Form {
    pub(super) locked: bool,
    pub(super) disabled: bool,
    /// How long: `2h`, `7d`, an instant in UTC, or empty for until somebody unlocks.
    pub(super) until: String,
    pub(super) reason: String,
    /// Whether account disabling is switched on.
    pub(super) can_disable: bool,
    pub(super) version: u64,
    pub(super) error: String,
    pub(super) wrong: &'static str,
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
            can_disable: desk.admin.disabling_is_allowed().await?,
            version: account.version.get(),
            ..Self::default()
        })
    }

    fn read(fields: &mut Fields) -> Result<Self, Trouble> {
        let mut text = |name| Ok::<_, Trouble>(fields.perhaps(name)?.unwrap_or_default());
        Ok(Self {
            locked: text("locked")? == "yes",
            disabled: text("disabled")? == "yes",
            until: text("until")?,
            reason: text("reason")?,
            version: text("version")?.parse().unwrap_or_default(),
            ..Self::default()
        })
    }

    pub(super) fn error_at(&self, field: &str) -> &str {
        if self.wrong == field { &self.error } else { "" }
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
        }
        if self.disabled && !was.disabled {
            let missing = || ("reason", "Say why: disabling needs a reason.".to_owned());
            change.disable(reason.ok_or_else(missing)?, Switch::Heeded);
        } else if was.disabled && !self.disabled {
            change.enable(Switch::Heeded);
        }
        Ok(change)
    }
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
        Ok(Saved::Done(response)) => response,
        Ok(Saved::Wrong(page)) => answer::page(StatusCode::UNPROCESSABLE_ENTITY, &*page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn save(desk: &Desk, staff: &Staff, id: &str, fields: &mut Fields) -> Result<Saved, Trouble> {
    let account = found(desk, staff, id).await?;
    let now = desk.now();
    let (was, sent) = (Form::of(desk, &account, now).await?, Form::read(fields)?);
    // A switch that is not shown is not sent, and says nothing.
    let disabled = if was.can_disable { sent.disabled } else { was.disabled };
    let sent = Form { disabled, can_disable: was.can_disable, ..sent };
    let refused = match sent.change(&was, now) {
        Err(wrong) => wrong,
        Ok(change) => {
            let began = desk.begin();
            match desk
                .admin
                .update(&staff.actor, &Target::Id(account.id), change)
                .await
            {
                Ok(outcome) => {
                    let done = Done::new(deed(&was, &sent, outcome.changed));
                    let done = done.took(desk.since(began)).id(account.id.get());
                    let ended = outcome.sessions_ended.unwrap_or_default();
                    let done = done.count(ended.try_into().unwrap_or(u64::MAX));
                    return Ok(Saved::Done(back(desk, account.id, "", &done)));
                }
                Err(crate::admin::AdminError::Store(error)) => {
                    return Err(crate::admin::AdminError::Store(error).into());
                }
                Err(error) => ("standing", sentence(&error.to_string())),
            }
        }
    };
    let page = show(desk, staff, &account).await?;
    let (wrong, error) = refused;
    let version = account.version.get();
    let standing = Form { wrong, error, version, ..sent };
    Ok(Saved::Wrong(Box::new(PersonPage { standing, ..page })))
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
