//! `portcullis user lock` and `unlock`.

use clap::Args;

use crate::admin::UnlockKind;
use crate::api::own::view::OutcomeView;
use crate::cli::desk::{Desk, Who};
use crate::cli::exit::Failure;
use crate::cli::user::change::{ended, reason, tell};
use crate::cli::user::describe;
use crate::cli::when::When;
use crate::domain::lock::{End, Reason};

#[derive(Args, Debug)]
pub(in crate::cli) struct Lock {
    #[command(flatten)]
    who: Who,

    /// When it ends: 2h, 3 days, or 2030-01-31T12:00:00Z; left out, when unlocked
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    until: Option<When>,

    /// Why, for the audit log and for administrators
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<Reason>,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Unlock {
    #[command(flatten)]
    who: Who,

    /// Lift only what an administrator laid
    #[arg(long, conflicts_with = "lockout")]
    admin_lock: bool,

    /// Lift only what failed sign-ins led to
    #[arg(long)]
    lockout: bool,
}

impl Lock {
    pub(super) async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let end = match &self.until {
            Some(when) => End::At(desk.instant(when)?),
            None => End::Never,
        };
        let locked = desk
            .office
            .lock(&self.who.target(), end, self.reason)
            .await
            .map_err(|error| self.who.failure(error))?;
        tell(desk, &locked, &said(desk, &locked))
    }
}

fn said(desk: &Desk, locked: &OutcomeView) -> String {
    let login = &locked.account.login;
    let lock = locked.account.admin_lock.as_ref();
    let until = lock
        .map(|lock| describe::until(describe::end(lock.until), desk))
        .unwrap_or_default();
    if locked.changed {
        let ended = ended(locked);
        format!("{login} is locked {until}; {ended}; running services refuse them within 100 ms.")
    } else {
        format!("{login} is locked already, {until}: nothing was changed.")
    }
}

impl Unlock {
    pub(super) async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let kind = match (self.admin_lock, self.lockout) {
            (true, _) => UnlockKind::AdminLock,
            (_, true) => UnlockKind::Lockout,
            _ => UnlockKind::All,
        };
        let unlocked = desk
            .office
            .unlock(&self.who.target(), kind)
            .await
            .map_err(|error| self.who.failure(error))?;
        let login = &unlocked.account.login;
        // Another kind of lock, or a disablement, may stand still.
        let status = describe::status(&unlocked.account, desk);
        let words = match unlocked.changed {
            true => format!("{login} is unlocked, and {status} now."),
            false => format!("{login} has no such lock and is {status}: nothing was changed."),
        };
        tell(desk, &unlocked, &words)
    }
}
