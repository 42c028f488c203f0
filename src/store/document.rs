//! An account's standing in JSON: what gateways tell each other, and any service that
//! asks. See the manual's page on status sources.

#[cfg(feature = "remote")]
use std::time::Duration;

use serde::{Deserialize, Serialize};

#[cfg(feature = "api")]
use crate::domain::account::AccountKey;
#[cfg(feature = "api")]
use crate::domain::denial::{DenialReason, LockKind};
#[cfg(feature = "remote")]
use crate::domain::lock::{LiveSessions, Lockout, LockoutId, Reason};
#[cfg(feature = "api")]
use crate::domain::standing::Bearer;
#[cfg(feature = "remote")]
use crate::domain::standing::{Generation, Version};
use crate::domain::standing::{Lifecycle, Standing};
use crate::domain::time::{Timestamp, rfc3339};

/// What is said of one account.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct StandingDocument {
    /// Its number, or whatever the system knows it by.
    pub(crate) account: String,
    /// What the person types to sign in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) login: Option<String>,
    pub(crate) state: State,
    /// Who locked it; left out where it is not locked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) locked_by: Option<LockedBy>,
    /// When the lock ends by itself; null: it does not.
    #[serde(default, with = "rfc3339")]
    pub(crate) locked_until: Option<Timestamp>,
    /// It rises with every change: the newer document is right.
    #[serde(default)]
    pub(crate) version: u64,
    /// It rises whenever all sessions of the account are ended.
    #[serde(default)]
    pub(crate) generation: u64,
    /// When they were last ended.
    #[serde(default, with = "rfc3339")]
    pub(crate) sessions_ended_at: Option<Timestamp>,
}

/// Whether the account may come in, with a session.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Active,
    Deleted,
    Disabled,
    Invited,
    Locked,
    /// There is no such account.
    None,
    Registered,
}

/// Who locked an account.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LockedBy {
    Administrator,
    FailedAttempts,
}

#[cfg(feature = "api")]
impl StandingDocument {
    /// What is said of an account with this standing now.
    pub(crate) fn of(account: &AccountKey, standing: &Standing, now: Timestamp) -> Self {
        let login = standing
            .profile
            .as_ref()
            .map(|profile| profile.login().to_owned());
        let refusal = standing.refusal_of(Bearer::Session, now);
        let (locked_by, end) = match refusal {
            Some(DenialReason::Locked { by: LockKind::Lockout, end }) => {
                (Some(LockedBy::FailedAttempts), end.instant())
            }
            Some(DenialReason::Locked { end, .. }) => {
                (Some(LockedBy::Administrator), end.instant())
            }
            _ => (None, None),
        };
        Self {
            account: account.to_string(),
            login,
            state: State::of(refusal, standing.lifecycle),
            locked_by,
            locked_until: end,
            version: standing.version.get(),
            generation: standing.generation.get(),
            sessions_ended_at: standing.sessions_ended_at,
        }
    }

    /// What is said where there is no such account.
    pub(crate) fn of_nobody(account: &str) -> Self {
        Self {
            account: account.to_owned(),
            login: None,
            state: State::None,
            locked_by: None,
            locked_until: None,
            version: 0,
            generation: 0,
            sessions_ended_at: None,
        }
    }
}

#[cfg(feature = "api")]
impl State {
    const fn of(refusal: Option<DenialReason>, lifecycle: Lifecycle) -> Self {
        match (refusal, lifecycle) {
            (None, _) => Self::Active,
            (Some(DenialReason::Deleted), _) => Self::Deleted,
            (Some(DenialReason::Disabled), _) => Self::Disabled,
            (Some(DenialReason::NotYetActive), Lifecycle::Invited) => Self::Invited,
            (Some(DenialReason::NotYetActive), _) => Self::Registered,
            (Some(_), _) => Self::Locked,
        }
    }
}

#[cfg(feature = "remote")]
impl StandingDocument {
    /// The standing that it tells of; `None` where there is no such account.
    pub(crate) fn standing(&self) -> Option<Standing> {
        let standing = match self.state {
            State::None => return None,
            State::Active => Standing::active(),
            State::Deleted => Standing::deleted(),
            State::Disabled => disabled(),
            State::Invited => waiting(Lifecycle::Invited),
            State::Registered => waiting(Lifecycle::Registered),
            State::Locked => self.locked(),
        };
        let standing = standing
            .at_version(Version::new(self.version))
            .in_generation(Generation::new(self.generation));
        let standing = match self.sessions_ended_at {
            Some(at) => standing.with_sessions_ended_at(at),
            None => standing,
        };
        Some(match &self.login {
            Some(login) => standing.with_login(login.as_str()),
            None => standing,
        })
    }

    /// What was laid for failed attempts spares tokens, as it does there.
    fn locked(&self) -> Standing {
        match (self.locked_by, self.locked_until) {
            (Some(LockedBy::FailedAttempts), end) => locked_out(end),
            (_, Some(end)) => Standing::locked_until(end),
            (_, None) => Standing::locked(),
        }
    }
}

#[cfg(feature = "remote")]
fn locked_out(end: Option<Timestamp>) -> Standing {
    let mut standing = Standing::active();
    standing.locks.lockout = Some(Lockout {
        id: LockoutId { generation: 0, n: 0 },
        laid_at: Timestamp::EPOCH,
        length: end.map(|end| end.since(Timestamp::EPOCH).max(Duration::from_micros(1))),
        failures: 0,
        live_sessions: LiveSessions::Refuse,
    });
    standing
}

#[cfg(feature = "remote")]
/// Somebody who may not come in yet.
pub(crate) fn waiting(lifecycle: Lifecycle) -> Standing {
    Standing { lifecycle, ..Standing::active() }
}

#[cfg(feature = "remote")]
/// Disabled by a system that says no reason.
pub(crate) fn disabled() -> Standing {
    match Reason::try_from("so says the status source") {
        Ok(reason) => Standing::disabled(reason),
        Err(_) => Standing::locked(),
    }
}

#[cfg(all(test, feature = "api", feature = "remote"))]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::lock::{AdminLock, Disablement, End};

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn standings() -> impl Strategy<Value = Standing> {
        let end = prop_oneof![
            Just(End::Never),
            (0..3_000_i64).prop_map(|secs| End::At(Timestamp::from_secs(secs))),
        ];
        let lifecycle = prop_oneof![
            Just(Lifecycle::Active),
            Just(Lifecycle::Deleted),
            Just(Lifecycle::Invited),
            Just(Lifecycle::Registered),
        ];
        let lock = proptest::option::of(end);
        let lockout = proptest::option::of(1..3_000_u64);
        (lifecycle, lock, lockout, any::<bool>(), 0..9_u64, 0..9_u64).prop_map(
            |(lifecycle, lock, lockout, disabled, version, generation)| {
                let mut standing = waiting(lifecycle)
                    .at_version(Version::new(version))
                    .in_generation(Generation::new(generation));
                standing.locks.admin_lock = lock.map(|end| AdminLock {
                    laid_at: Timestamp::EPOCH,
                    end,
                    reason: None,
                    author: "x".to_owned(),
                });
                standing.locks.lockout = lockout.map(|secs| Lockout {
                    length: Some(Duration::from_secs(secs)),
                    ..locked_out(None).locks.lockout.expect("one")
                });
                if disabled {
                    let reason = "left".try_into().expect("a reason");
                    standing.locks.disablement =
                        Some(Disablement { at: NOW, reason, author: "x".to_owned() });
                }
                standing
            },
        )
    }

    proptest! {
        /// Property: whoever reads the document refuses a session now exactly where it is
        /// refused here, for the same reason and until the same instant.
        #[test]
        fn what_is_told_is_what_is_met(standing in standings()) {
            let key = AccountKey::integer(42);
            let document = StandingDocument::of(&key, &standing, NOW);
            let json = serde_json::to_string(&document).expect("JSON");
            let read: StandingDocument = serde_json::from_str(&json).expect("the form");
            prop_assert_eq!(&read, &document);
            let told = read.standing().expect("an account");
            prop_assert_eq!(
                told.refusal_of(Bearer::Session, NOW),
                standing.refusal_of(Bearer::Session, NOW)
            );
            prop_assert_eq!(told.version, standing.version);
            prop_assert_eq!(told.generation, standing.generation);
        }
    }

    #[test]
    fn little_has_to_be_said() {
        let read: StandingDocument =
            serde_json::from_str(r#"{"account":"7","state":"locked","else":1}"#).expect("the form");
        assert_eq!(read.standing(), Some(Standing::locked()));
        assert!(serde_json::from_str::<StandingDocument>(r#"{"account":"7"}"#).is_err());
        assert!(
            serde_json::from_str::<StandingDocument>(r#"{"account":"7","state":"x"}"#).is_err()
        );
        assert_eq!(StandingDocument::of_nobody("9").standing(), None);
    }
}
