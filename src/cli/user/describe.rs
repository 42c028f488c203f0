//! Says in words why a person can't sign in, and what would change that.

use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::shell::last;
use crate::domain::account::Account;
use crate::domain::denial::{DenialReason, LockKind};
use crate::domain::lock::{AdminLock, Disablement, End, Lockout};
use crate::domain::standing::Lifecycle;
use crate::domain::time::Timestamp;

/// The status in a few words, with the end of a lock.
pub(super) fn status(account: &Account, desk: &Desk, now: Timestamp) -> String {
    status_until(account, now, |end| until(end, desk))
}

/// The same for a table, where room is scarce.
pub(super) fn short_status(account: &Account, desk: &Desk, now: Timestamp) -> String {
    status_until(account, now, |end| match end {
        End::At(end) => format!("until {}", desk.stamp(end)),
        End::Never => String::new(),
    })
}

fn status_until(account: &Account, now: Timestamp, until: impl Fn(End) -> String) -> String {
    let standing = account.standing();
    let Some(DenialReason::Locked { by, end }) = standing.sign_in_refusal(now) else {
        return standing.status(now).to_string();
    };
    let word = match by {
        LockKind::Admin => "locked",
        LockKind::Lockout => "locked out",
    };
    format!("{word} {}", until(end)).trim_end().to_owned()
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
pub(super) async fn obstacles(account: &Account, desk: &Desk) -> Result<Vec<String>, Failure> {
    let now = desk.admin.now();
    let locks = &account.locks;
    let mut lines = Vec::new();
    if let Some(disablement) = &locks.disablement {
        lines.extend(disabled(disablement, account, desk).await?);
    }
    if let Some(lock) = locks.admin_lock_at(now) {
        lines.extend(admin_lock(lock, account, desk).await?);
    }
    if let Some(lockout) = locks.lockout_at(now) {
        lines.extend(locked_out(lockout, account, desk));
    }
    lines.extend(not_come(account, desk));
    Ok(lines)
}

async fn disabled(
    disablement: &Disablement,
    account: &Account,
    desk: &Desk,
) -> Result<Vec<String>, Failure> {
    let author = desk.person(&disablement.author).await?;
    Ok(vec![
        format!("Disabled by {author}, {}.", desk.time(disablement.at)),
        reason(disablement.reason.as_str()),
        lift(desk, "enable", account),
    ])
}

async fn admin_lock(
    lock: &AdminLock,
    account: &Account,
    desk: &Desk,
) -> Result<Vec<String>, Failure> {
    let author = desk.person(&lock.author).await?;
    let why = lock
        .reason
        .as_ref()
        .map_or("none given", |reason| reason.as_str());
    Ok(vec![
        format!("Locked by {author}, {}.", desk.time(lock.laid_at)),
        reason(why),
        format!("  It lasts {}.", until(lock.end, desk)),
        lift(desk, "unlock --admin-lock", account),
    ])
}

fn locked_out(lockout: &Lockout, account: &Account, desk: &Desk) -> Vec<String> {
    let end = lockout.end_at(desk.admin.now());
    let failures = lockout.failures;
    vec![
        format!("Locked out after {failures} failed sign-ins, {}.", desk.time(lockout.laid_at)),
        format!("  It lasts {}.", until(end, desk)),
        lift(desk, "unlock --lockout", account),
    ]
}

fn not_come(account: &Account, desk: &Desk) -> Vec<String> {
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

fn lift(desk: &Desk, verb: &str, account: &Account) -> String {
    format!("  Lift it: {}", command(desk, verb, account))
}

fn command(desk: &Desk, verb: &str, account: &Account) -> String {
    desk.command(&format!("user {verb} {}", last(account.login.as_str())))
}
