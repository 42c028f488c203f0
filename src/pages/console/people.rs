//! People, as every page of the console shows them: who they are, what their status is,
//! and why, in words.

use crate::admin::{Actor, Admin, AdminError};
use crate::domain::account::{Account, AccountId};
use crate::domain::lock::{AdminLock, Disablement, End, Lockout};
use crate::domain::operation::Operation;
use crate::domain::standing::Status;
use crate::domain::time::Timestamp;
use crate::pages::account;
use crate::pages::called::isolated;
use crate::pages::console::staff::Staff;
use crate::pages::when::Moment;

/// A person in a list.
#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) id: AccountId,
    pub(super) initials: String,
    /// The name; the login where there is none.
    pub(super) name: String,
    /// The same, for the middle of a sentence.
    pub(super) called: String,
    pub(super) login: String,
    pub(super) email: Option<String>,
    pub(super) admin: bool,
    pub(super) status: Badge,
    pub(super) last_sign_in: Option<Moment>,
}

/// A status: a colour, a shape and a word.
#[derive(Clone, Copy, Debug)]
pub(super) struct Badge {
    pub(super) class: &'static str,
    pub(super) word: &'static str,
}

/// One thing that stands against an account, as a sentence with an instant in it.
#[derive(Clone, Debug)]
pub(super) struct Reason {
    /// "Locked by an administrator (anna)".
    pub(super) what: String,
    pub(super) since: Moment,
    /// Why, in the words of whoever laid it.
    pub(super) why: Option<String>,
    /// When it ends; `None` where it does not by itself.
    pub(super) until: Option<Moment>,
    pub(super) kind: Against,
}

/// What kind of thing stands against an account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Against {
    AdminLock,
    Lockout,
    Disablement,
}

impl Person {
    pub(super) fn of(account: &Account, now: Timestamp) -> Self {
        let account::Person { initials, name, login, email } = account::Person::of(account);
        let last_sign_in = account.last_sign_in_at.map(|at| Moment::past(at, now));
        let (id, admin, status) = (account.id, account.admin, Badge::of(account, now));
        let called = isolated(&name);
        Self { id, initials, name, called, login, email, admin, status, last_sign_in }
    }
}

impl Badge {
    pub(super) fn of(account: &Account, now: Timestamp) -> Self {
        let lockout = account.locks.lockout_at(now).is_some();
        match account.standing().status(now) {
            Status::Active => Self { class: "done", word: "Active" },
            Status::Deleted => Self { class: "off gone", word: "Deleted" },
            Status::Disabled => Self { class: "off", word: "Disabled" },
            Status::Invited => Self { class: "hint", word: "Invited" },
            Status::Locked if account.locks.admin_lock_at(now).is_some() => {
                Self { class: "locked", word: "Locked" }
            }
            Status::Locked if lockout => Self { class: "locked", word: "Locked out" },
            Status::Locked => Self { class: "locked", word: "Locked" },
            Status::Registered => Self { class: "hint", word: "Registered" },
        }
    }
}

/// Everything that stands against an account now, what lasts longest first.
pub(super) fn reasons(account: &Account, now: Timestamp) -> Vec<Reason> {
    let locks = &account.locks;
    let disablement = locks
        .disablement
        .as_ref()
        .map(|found| Reason::of_disablement(found, now));
    let lock = locks
        .admin_lock_at(now)
        .map(|found| Reason::of_lock(found, now));
    let lockout = locks
        .lockout_at(now)
        .map(|found| Reason::of_lockout(found, now));
    [disablement, lock, lockout].into_iter().flatten().collect()
}

impl Reason {
    pub(super) fn is_lockout(&self) -> bool {
        self.kind == Against::Lockout
    }

    pub(super) fn is_disablement(&self) -> bool {
        self.kind == Against::Disablement
    }

    pub(super) fn is_admin_lock(&self) -> bool {
        self.kind == Against::AdminLock
    }

    fn of_disablement(found: &Disablement, now: Timestamp) -> Self {
        Self {
            what: format!("Disabled by {}", author(&found.author)),
            since: Moment::past(found.at, now),
            why: Some(found.reason.as_str().to_owned()),
            until: None,
            kind: Against::Disablement,
        }
    }

    fn of_lock(found: &AdminLock, now: Timestamp) -> Self {
        Self {
            what: format!("Locked by {}", author(&found.author)),
            since: Moment::past(found.laid_at, now),
            why: found
                .reason
                .as_ref()
                .map(|reason| reason.as_str().to_owned()),
            until: to_come(found.end, now),
            kind: Against::AdminLock,
        }
    }

    fn of_lockout(found: &Lockout, now: Timestamp) -> Self {
        let plural = if found.failures == 1 { "" } else { "s" };
        Self {
            what: format!("Locked by {} failed sign-in{plural}", found.failures),
            since: Moment::past(found.laid_at, now),
            why: None,
            until: to_come(found.end_at(now), now),
            kind: Against::Lockout,
        }
    }
}

/// Those of the reasons that failed sign-ins laid.
pub(super) fn lockouts(account: &Account, now: Timestamp) -> Vec<Reason> {
    let mut found = reasons(account, now);
    found.retain(|reason| reason.kind == Against::Lockout);
    found
}

/// A lockout that keeps somebody out of one place alone: they come in from elsewhere.
#[derive(Clone, Debug)]
pub(super) struct Partial {
    pub(super) what: String,
    pub(super) until: Option<Moment>,
}

/// The lockouts of single devices and addresses that stand now.
pub(super) fn partial_lockouts(account: &Account, now: Timestamp) -> Vec<Partial> {
    let locks = &account.locks;
    let devices = locks.device_lockouts.iter();
    let devices = devices
        .filter(|one| one.lockout.is_on(now))
        .map(|one| Partial {
            what: format!(
                "One known device is locked out: {} of its sign-ins failed. Others still work",
                one.lockout.failures
            ),
            until: to_come(one.lockout.end_at(now), now),
        });
    let address = locks
        .addresses_until
        .filter(|end| !end.is_over(now))
        .map(|end| Partial {
            what: "Locked out at an address that failed too often. Elsewhere sign-in works"
                .to_owned(),
            until: to_come(end, now),
        });
    devices.chain(address).collect()
}

/// On how many known devices a lockout that stands now lets its owner go on.
pub(super) fn spared(account: &Account, now: Timestamp) -> usize {
    let locks = &account.locks;
    let lockout = locks.lockout_at(now);
    lockout.map_or(0, |_| {
        locks
            .spared
            .iter()
            .filter(|one| locks.spares(**one, now))
            .count()
    })
}

/// Calls those who laid something by their logins, where they are people.
pub(super) async fn name_authors(
    admin: &Admin,
    reasons: &mut [Reason],
    account: &Account,
) -> Result<(), AdminError> {
    let locks = &account.locks;
    for reason in reasons {
        let author = match reason.kind {
            Against::AdminLock => locks.admin_lock.as_ref().map(|found| &found.author),
            Against::Disablement => locks.disablement.as_ref().map(|found| &found.author),
            Against::Lockout => None,
        };
        let id = author.and_then(|author| Actor::account_in(author));
        let Some(id) = id else { continue };
        if let Some(found) = admin.record(id).await? {
            let verb = if reason.kind == Against::AdminLock { "Locked" } else { "Disabled" };
            reason.what = format!("{verb} by {}", isolated(found.login.as_str()));
        }
    }
    Ok(())
}

/// Says where the failures came from that locked somebody out, to whoever may know.
pub(super) async fn name_sources(
    admin: &Admin,
    staff: &Staff,
    reasons: &mut [Reason],
    account: &Account,
) -> Result<(), AdminError> {
    let Some(reason) = reasons.iter_mut().find(|reason| reason.is_lockout()) else {
        return Ok(());
    };
    if !staff.rights.allow(Operation::ReadAudit) {
        return Ok(());
    }
    let sources = admin.sources_of_lockout(&staff.actor, account).await?;
    let addresses: Vec<_> = sources.iter().map(|(from, _)| from.to_string()).collect();
    match &addresses[..] {
        [] => {}
        [one] => reason.what.push_str(&format!(" from {one}")),
        [one, other] => reason.what.push_str(&format!(" from {one} and {other}")),
        [one, other, more @ ..] => {
            let more = more.len();
            reason
                .what
                .push_str(&format!(" from {one}, {other} and {more} more"));
        }
    }
    Ok(())
}

fn to_come(end: End, now: Timestamp) -> Option<Moment> {
    end.instant().and_then(|at| Moment::to_come(at, now))
}

/// Whoever did something, as people say it.
pub(super) fn author(name: &str) -> String {
    match name.split_once(':') {
        Some(("user", id)) => format!("an administrator (number {id})"),
        Some(("cli", user)) => format!("the host's command line ({user})"),
        Some(("app", id)) => format!("an application ({id})"),
        _ if matches!(name, "system" | "engine") => "Portcullis itself".to_owned(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_author_is_told_in_words() {
        assert_eq!(author("user:7"), "an administrator (number 7)");
        assert_eq!(author("cli:root"), "the host's command line (root)");
        assert_eq!(author("system"), "Portcullis itself");
        assert_eq!(author("odd"), "odd");
    }
}
