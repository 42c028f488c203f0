//! People and instants that the rules' tests share.

use std::time::Duration;

use super::*;
use crate::domain::lock::{AdminLock, End, LiveSessions, Lockout, LockoutId, Locks, Reason};
use crate::domain::login::Login;
use crate::domain::standing::{Generation, Version};

pub(super) const NOW: Timestamp = Timestamp::from_secs(1_000_000);

pub(super) fn account(number: i64) -> Account {
    Account {
        id: number.try_into().expect("a number"),
        login: Login::new(&format!("user{number}")).expect("a login"),
        name: String::new(),
        email: None,
        admin: false,
        lifecycle: Lifecycle::Active,
        locks: Locks::default(),
        generation: Generation::new(3),
        version: Version::new(9),
        attempts_generation: 2,
        has_password: true,
        created_at: Timestamp::EPOCH,
        updated_at: Timestamp::EPOCH,
        last_sign_in_at: None,
    }
}

/// The account among two other administrators.
pub(super) fn facts(account: &Account) -> Facts<'_> {
    Facts { account, other_active_admins: 2, now: NOW }
}

pub(super) fn administrator(number: i64) -> Actor {
    let Account { id, login, .. } = account(number);
    Actor::Account { id, login, from: None }
}

pub(super) fn cli() -> Actor {
    Actor::Cli { user: "root".to_owned() }
}

pub(super) fn at(secs: u64) -> End {
    End::At(NOW.after(Duration::from_secs(secs)))
}

pub(super) fn reason(words: &str) -> Option<Reason> {
    Some(words.try_into().expect("a reason"))
}

pub(super) fn locked(mut account: Account, end: End) -> Account {
    let author = "user:1".to_owned();
    let laid_at = NOW.before(Duration::from_secs(60));
    account.locks.admin_lock = Some(AdminLock { laid_at, end, reason: None, author });
    account
}

pub(super) fn locked_out(mut account: Account) -> Account {
    account.locks.lockout = Some(Lockout {
        id: LockoutId { generation: account.attempts_generation, n: 1 },
        laid_at: NOW,
        length: Some(Duration::from_secs(300)),
        failures: 5,
        live_sessions: LiveSessions::Refuse,
    });
    account
}

pub(super) fn written(ruling: Result<Ruling, AdminError>) -> (Edit, Option<Warning>) {
    match ruling {
        Ok(Ruling::Write(edit, warning)) => (*edit, warning),
        Ok(Ruling::Keep) => panic!("nothing was written"),
        Err(refused) => panic!("refused: {refused}"),
    }
}
