//! Rows, read as what they should be. A value that is not is damage, never a guess.

use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;
use sqlx::{Any, Decode, Row, Type};

use super::errors::{Fallible, Fault};
use crate::domain::account::{Account, AccountId};
use crate::domain::application::{Application, ApplicationId};
use crate::domain::device::{Device, DeviceId};
use crate::domain::event::{Action, AuditRecord};
use crate::domain::lock::{End, Lockout, Locks};
use crate::domain::login::{fold_email, folded};
use crate::domain::session::{Session, SessionKey};
use crate::domain::standing::{Generation, Lifecycle, Version};
use crate::domain::time::Timestamp;
use crate::store::keyring::AuditLink;
use crate::store::{ApiToken, TokenOwner};

/// The columns of an account, as [`account`] reads them.
macro_rules! account_columns {
    () => {
        "id, login, name, email, admin, details, lifecycle, locks, generation, \
         sessions_ended_at, version, attempts_generation, CAST(CASE WHEN password_hash IS NULL THEN 0 ELSE 1 END AS BIGINT), \
         created_at, updated_at, last_sign_in_at"
    };
}
pub(super) use account_columns;

/// The columns of a session, as [`session`] reads them.
macro_rules! session_columns {
    () => {
        "sessions.key, sessions.account, sessions.generation, sessions.created_at, \
         sessions.expires_at, sessions.last_seen_at, sessions.opened_from, sessions.user_agent, \
         sessions.device, sessions.console"
    };
}
pub(super) use session_columns;

/// The columns of a device, as [`device`] reads them.
macro_rules! device_columns {
    () => {
        "devices.id, devices.account, devices.generation, devices.key, devices.previous_key, \
         devices.previous_until, devices.user_agent, devices.first_seen_at, \
         devices.last_seen_at, devices.last_seen_from, devices.expires_at"
    };
}
pub(super) use device_columns;

/// The columns of a token, as [`token`] reads them.
macro_rules! token_columns {
    () => {
        "key, owner, application, name, scopes, created_at, expires_at, last_used_at"
    };
}
pub(super) use token_columns;

/// The columns of an application, as [`application`] reads them.
macro_rules! application_columns {
    () => {
        "id, name, secret, scopes, enabled, made_by, created_at, last_used_at"
    };
}
pub(super) use application_columns;

/// The columns of an audit record, as [`audit_record`] reads them.
macro_rules! audit_columns {
    () => {
        "position, at, actor, action, account, reason, origin, state_before, state_after, link"
    };
}
pub(super) use audit_columns;

/// The columns of a deletion, as it is read.
macro_rules! deletion_columns {
    () => {
        "id, parties, actor, reason, transfer, state, modules, error, begun_at, updated_at, \
         ended_at, lease_holder, lease_until"
    };
}
pub(super) use deletion_columns;

pub(super) fn account(row: &AnyRow) -> Fallible<Account> {
    account_from(&mut Columns::of(row))
}

/// An account at the place in the row that has been reached.
pub(super) fn account_from(columns: &mut Columns<'_>) -> Fallible<Account> {
    Ok(Account {
        id: columns.account()?,
        login: columns.text()?.try_into().map_err(damage)?,
        name: columns.text()?,
        email: columns.get()?,
        admin: columns.flag()?,
        details: columns.json()?,
        lifecycle: columns.word(Lifecycle::from_word)?,
        locks: columns.json::<Locks>()?,
        generation: Generation::new(columns.number()?),
        sessions_ended_at: columns.time_if_any()?,
        version: Version::new(columns.number()?),
        attempts_generation: columns.number()?,
        has_password: columns.flag()?,
        created_at: columns.time()?,
        updated_at: columns.time()?,
        last_sign_in_at: columns.time_if_any()?,
    })
}

pub(super) fn session(row: &AnyRow) -> Fallible<Session> {
    let mut columns = Columns::of(row);
    Ok(Session {
        key: columns.key()?,
        account: columns.account()?.into(),
        generation: Generation::new(columns.number()?),
        created_at: columns.time()?,
        expires_at: columns.time()?,
        last_seen_at: columns.time()?,
        opened_from: columns.get()?,
        user_agent: columns.get()?,
        device: columns.word_if_any(device_id)?,
        console: columns.flag()?,
    })
}

pub(super) fn device(row: &AnyRow) -> Fallible<Device> {
    let mut columns = Columns::of(row);
    Ok(Device {
        id: columns.word(device_id)?,
        account: columns.account()?,
        generation: Generation::new(columns.number()?),
        key: columns.key()?,
        previous: {
            let key = columns.word_if_any(SessionKey::from_hex)?;
            key.zip(columns.time_if_any()?)
        },
        user_agent: columns.get()?,
        first_seen_at: columns.time()?,
        last_seen_at: columns.time()?,
        last_seen_from: columns.get()?,
        expires_at: columns.time()?,
    })
}

fn device_id(hex: &str) -> Option<DeviceId> {
    hex.parse().ok()
}

pub(super) fn token(row: &AnyRow) -> Fallible<ApiToken> {
    let mut columns = Columns::of(row);
    Ok(ApiToken {
        key: columns.key()?,
        owner: columns.owner()?,
        name: columns.text()?,
        scopes: columns.json()?,
        created_at: columns.time()?,
        expires_at: columns.time_if_any()?,
        last_used_at: columns.time_if_any()?,
    })
}

pub(super) fn application(row: &AnyRow) -> Fallible<Application> {
    let mut columns = Columns::of(row);
    Ok(Application {
        id: columns.word(application_id)?,
        name: columns.text()?,
        secret: columns.key()?,
        scopes: columns.json()?,
        enabled: columns.flag()?,
        made_by: columns.text()?,
        created_at: columns.time()?,
        last_used_at: columns.time_if_any()?,
    })
}

fn application_id(hex: &str) -> Option<ApplicationId> {
    hex.parse().ok()
}

/// A record, and the link of the chain that it was written with.
pub(super) fn audit_record(row: &AnyRow) -> Fallible<(AuditRecord, AuditLink)> {
    let mut columns = Columns::of(row);
    let record = AuditRecord {
        position: columns.number()?,
        at: columns.time()?,
        actor: columns.text()?,
        action: columns.word(Action::from_word)?,
        account: columns.account_if_any()?,
        reason: columns.get()?,
        from: columns.get()?,
        before: columns.get()?,
        after: columns.get()?,
    };
    Ok((record, columns.word(AuditLink::from_hex)?))
}

/// How many columns a session has.
const SESSION_COLUMNS: usize = 10;

/// Reads a row's columns one after the other.
pub(super) struct Columns<'r> {
    row: &'r AnyRow,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(super) fn of(row: &'r AnyRow) -> Self {
        Self { row, next: 0 }
    }

    /// What comes after the columns of a session.
    pub(super) fn after_session(row: &'r AnyRow) -> Self {
        Self { row, next: SESSION_COLUMNS }
    }

    pub(super) fn get<T: Decode<'r, Any> + Type<Any>>(&mut self) -> Fallible<T> {
        self.next += 1;
        Ok(self.row.try_get(self.next - 1)?)
    }

    pub(super) fn text(&mut self) -> Fallible<String> {
        self.get()
    }

    pub(super) fn number(&mut self) -> Fallible<u64> {
        u64::try_from(self.get::<i64>()?).map_err(damage)
    }

    pub(super) fn account(&mut self) -> Fallible<AccountId> {
        self.get::<i64>()?.try_into().map_err(damage)
    }

    pub(super) fn time(&mut self) -> Fallible<Timestamp> {
        Ok(Timestamp::from_micros(self.get()?))
    }

    pub(super) fn word<T>(&mut self, read: impl Fn(&str) -> Option<T>) -> Fallible<T> {
        meaning(&self.text()?, read)
    }

    pub(super) fn word_if_any<T>(
        &mut self,
        read: impl Fn(&str) -> Option<T>,
    ) -> Fallible<Option<T>> {
        let word: Option<String> = self.get()?;
        word.map(|word| meaning(&word, read)).transpose()
    }

    pub(super) fn account_if_any(&mut self) -> Fallible<Option<AccountId>> {
        let number = self.get::<Option<i64>>()?;
        number.map(AccountId::try_from).transpose().map_err(damage)
    }

    /// An account or an application, and never both.
    fn owner(&mut self) -> Fallible<TokenOwner> {
        match (self.account_if_any()?, self.word_if_any(application_id)?) {
            (Some(account), None) => Ok(account.into()),
            (None, Some(application)) => Ok(application.into()),
            _ => Err(Fault::damaged("a token belongs to an account or to an application")),
        }
    }

    pub(super) fn time_if_any(&mut self) -> Fallible<Option<Timestamp>> {
        Ok(self.get::<Option<i64>>()?.map(Timestamp::from_micros))
    }

    fn flag(&mut self) -> Fallible<bool> {
        Ok(self.get::<i64>()? != 0)
    }

    fn key(&mut self) -> Fallible<SessionKey> {
        self.word(SessionKey::from_hex)
    }

    pub(super) fn json<T: DeserializeOwned>(&mut self) -> Fallible<T> {
        serde_json::from_str(&self.text()?).map_err(damage)
    }
}

fn meaning<T>(word: &str, read: impl Fn(&str) -> Option<T>) -> Fallible<T> {
    read(word).ok_or_else(|| Fault::damaged(format!("nothing here is called {word:?}")))
}

fn damage(error: impl std::error::Error) -> Fault {
    Fault::damaged(error.to_string())
}

/// A number as the database keeps it. None here comes near the end of the range.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Numbers, as `IN (…)` takes them. Nothing has a number below zero: Postgres takes no
/// list of nothing.
pub(super) fn numbers<T: ToString>(numbers: impl IntoIterator<Item = T>) -> String {
    let numbers: Vec<_> = numbers
        .into_iter()
        .map(|number| number.to_string())
        .collect();
    if numbers.is_empty() { "-1".to_owned() } else { numbers.join(", ") }
}

pub(super) fn json(value: &impl serde::Serialize) -> Fallible<String> {
    serde_json::to_string(value).map_err(damage)
}

/// When the admin lock ends, for the index; one without an end ends last.
pub(super) fn admin_lock_until(locks: &Locks) -> Option<i64> {
    locks.admin_lock.as_ref().map(|lock| end(lock.end))
}

/// When the lockout ends, for the index. It is on before this instant, whatever the
/// clock does: what it is cut to when the clock went back is always ahead.
pub(super) fn lockout_until(locks: &Locks) -> Option<i64> {
    locks.lockout.as_ref().map(lockout_end)
}

pub(super) fn lockout_end(lockout: &Lockout) -> i64 {
    end(lockout
        .length
        .map_or(End::Never, |length| End::At(lockout.laid_at.after(length))))
}

fn end(end: End) -> i64 {
    end.instant().map_or(i64::MAX, Timestamp::as_micros)
}

/// The form that e-mail addresses are compared in, also odd ones.
pub(super) fn folded_email(email: Option<&str>) -> Option<String> {
    email.map(|email| fold_email(email).unwrap_or_else(|| folded(email)))
}
