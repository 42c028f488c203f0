//! Says in words why a person can't sign in, and what would change that.

use crate::api::own::view::{AccountView, AdminLockView, DisablementView, Instant, LockoutView};
use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::shell::last;
use crate::domain::lock::End;
use crate::domain::standing::{Lifecycle, Status};

/// The status in a few words, with the end of a lock.
pub(super) fn status(account: &AccountView, desk: &Desk) -> String {
    status_until(account, |end| until(end, desk))
}

/// The same for a table, where room is scarce.
pub(super) fn short_status(account: &AccountView, desk: &Desk) -> String {
    status_until(account, |end| match end {
        End::At(end) => format!("until {}", desk.stamp(end)),
        End::Never => String::new(),
    })
}

/// Both kinds of lock stack: while either refuses, the later end is when it opens.
fn status_until(account: &AccountView, until: impl Fn(End) -> String) -> String {
    let admin = account.admin_lock.as_ref().map(|lock| end(lock.until));
    let lockout = account.lockout.as_ref().map(|lock| end(lock.until));
    let Some(end) = admin
        .max(lockout)
        .filter(|_| account.status == Status::Locked)
    else {
        return account.status.to_string();
    };
    let word = if admin.is_some() { "locked" } else { "locked out" };
    format!("{word} {}", until(end)).trim_end().to_owned()
}

/// The end of a lock, as the interface shows it.
pub(super) fn end(until: Option<Instant>) -> End {
    until.map_or(End::Never, |until| End::At(until.0))
}

/// Until when, in words.
pub(super) fn until(end: End, desk: &Desk) -> String {
    match end {
        End::At(end) => format!("until {}", desk.time(end)),
        End::Never => "until somebody unlocks them".to_owned(),
    }
}

/// Everything that stands against signing in, a few lines each: who laid it,
/// when and why, when it ends, and the command that lifts it.
pub(super) async fn obstacles(account: &AccountView, desk: &Desk) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    if let Some(disablement) = &account.disablement {
        lines.extend(disabled(disablement, account, desk).await?);
    }
    if let Some(lock) = &account.admin_lock {
        lines.extend(admin_lock(lock, account, desk).await?);
    }
    if let Some(lockout) = &account.lockout {
        lines.extend(locked_out(lockout, account, desk));
    }
    lines.extend(not_come(account, desk));
    Ok(lines)
}

async fn disabled(
    disablement: &DisablementView,
    account: &AccountView,
    desk: &Desk,
) -> Result<Vec<String>, Failure> {
    let author = desk.person(&disablement.by).await?;
    Ok(vec![
        format!("Disabled by {author}, {}.", desk.time(disablement.since.0)),
        reason(&disablement.reason),
        lift(desk, "enable", account),
    ])
}

async fn admin_lock(
    lock: &AdminLockView,
    account: &AccountView,
    desk: &Desk,
) -> Result<Vec<String>, Failure> {
    let author = desk.person(&lock.by).await?;
    let why = lock.reason.as_deref().unwrap_or("none given");
    Ok(vec![
        format!("Locked by {author}, {}.", desk.time(lock.since.0)),
        reason(why),
        format!("  It lasts {}.", until(end(lock.until), desk)),
        lift(desk, "unlock --admin-lock", account),
    ])
}

fn locked_out(lockout: &LockoutView, account: &AccountView, desk: &Desk) -> Vec<String> {
    let end = end(lockout.until);
    let failures = lockout.failures;
    vec![
        format!("Locked out after {failures} failed sign-ins, {}.", desk.time(lockout.since.0)),
        format!("  It lasts {}.", until(end, desk)),
        lift(desk, "unlock --lockout", account),
    ]
}

fn not_come(account: &AccountView, desk: &Desk) -> Vec<String> {
    let words = match account.lifecycle {
        Lifecycle::Invited => "Invited: they have no password yet.",
        Lifecycle::Registered => "Registered by themselves: nobody has let them in yet.",
        Lifecycle::Deleted => {
            return vec!["Deleted: the login is never given out again.".to_owned()];
        }
        _ => return Vec::new(),
    };
    let next = format!("  Let them in: {}", command(desk, "passwd", account));
    vec![words.to_owned(), next]
}

/// However many lines somebody wrote, none of them looks like one of ours.
fn reason(words: &str) -> String {
    format!("  Reason: {}", words.replace('\n', "\n          "))
}

fn lift(desk: &Desk, verb: &str, account: &AccountView) -> String {
    format!("  Lift it: {}", command(desk, verb, account))
}

fn command(desk: &Desk, verb: &str, account: &AccountView) -> String {
    desk.command(&format!("user {verb} {}", last(&account.login)))
}
