//! Why a request is refused.

use std::fmt;
use std::time::Duration;

use crate::domain::account::AccountKey;
use crate::domain::lock::End;
use crate::domain::time::Timestamp;

/// Which of the two kinds of lock refuses.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a person laid it or the engine did")]
pub enum LockKind {
    /// A person or an API laid it.
    Admin,
    /// The attempt engine laid it.
    Lockout,
}

/// The reason of a [`Denial`], in order of precedence: the account's own
/// reasons before the session's.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum DenialReason {
    /// The account is gone.
    Deleted,
    /// The account is disabled for good.
    Disabled,
    /// The account is locked.
    Locked {
        /// The kind that refuses; an admin lock where both do.
        by: LockKind,
        /// When it opens.
        end: End,
    },
    /// Invited or registered, and not let in yet.
    NotYetActive,
    /// The session ended: signed out, expired, or of an older generation.
    SessionEnded,
    /// The request brought no session.
    NoSession,
    /// Nobody can say: the directory does not answer.
    Unknown {
        /// When to ask again.
        retry_after: Duration,
    },
}

impl DenialReason {
    /// A word for logs, metrics and programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deleted => "account-deleted",
            Self::Disabled => "account-disabled",
            Self::Locked { .. } => "account-locked",
            Self::NotYetActive => "account-not-yet-active",
            Self::SessionEnded => "session-ended",
            Self::NoSession => "no-session",
            Self::Unknown { .. } => "status-unknown",
        }
    }

    /// When a lock opens, where this is one.
    pub const fn lock_end(self) -> Option<End> {
        match self {
            Self::Locked { end, .. } => Some(end),
            _ => None,
        }
    }

    /// Whether the account itself is refused, whatever the request brought.
    pub const fn is_of_account(self) -> bool {
        matches!(self, Self::Deleted | Self::Disabled | Self::Locked { .. } | Self::NotYetActive)
    }

    /// How long a client should wait before it tries again, where that is known.
    pub fn retry_after(self, now: Timestamp) -> Option<Duration> {
        match self {
            Self::Locked { end: End::At(end), .. } => Some(end.since(now)),
            Self::Unknown { retry_after } => Some(retry_after),
            _ => None,
        }
    }
}

impl fmt::Display for DenialReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request is refused, and why.
///
/// Every refusal that the guard answers carries this in its response's
/// extensions, for layers further out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Denial {
    reason: DenialReason,
    at: Timestamp,
    account: Option<AccountKey>,
    session_dead: bool,
    by_token: bool,
    born_at: Option<Timestamp>,
}

impl Denial {
    /// A refusal at an instant, of somebody unknown.
    pub const fn new(reason: DenialReason, at: Timestamp) -> Self {
        Self { reason, at, account: None, session_dead: false, by_token: false, born_at: None }
    }

    /// The same, of this account.
    #[must_use]
    pub fn of(self, account: AccountKey) -> Self {
        Self { account: Some(account), ..self }
    }

    /// The same, knowing that the session which the request brought is dead for
    /// good, so that its cookie is cleared.
    #[must_use]
    pub fn with_dead_session(self, session_dead: bool) -> Self {
        Self { session_dead, ..self }
    }

    /// The same, knowing that the request brought a bearer token.
    #[must_use]
    pub fn by_token(self, by_token: bool) -> Self {
        Self { by_token, ..self }
    }

    /// The same, of a session that was signed in at this instant.
    #[must_use]
    pub fn with_session_born_at(self, at: Timestamp) -> Self {
        Self { born_at: Some(at), ..self }
    }

    /// When the session that the request brought was signed in, where that is
    /// known.
    pub const fn session_born_at(&self) -> Option<Timestamp> {
        self.born_at
    }

    /// Why.
    pub const fn reason(&self) -> DenialReason {
        self.reason
    }

    /// When it was decided.
    pub const fn at(&self) -> Timestamp {
        self.at
    }

    /// Whose request it was, where that is known.
    pub const fn account(&self) -> Option<&AccountKey> {
        self.account.as_ref()
    }

    /// Whether the session is known to be dead for good. Never true while the
    /// directory can't be asked, nor of a bearer token: whatever that is worth,
    /// it says nothing about the session whose cookie came along with it.
    pub const fn session_is_dead(&self) -> bool {
        self.session_dead && !self.by_token
    }

    /// Whether the request brought a bearer token instead of a cookie.
    pub const fn is_of_token(&self) -> bool {
        self.by_token
    }

    /// How long the client should wait, in whole seconds rounded up and at
    /// least one, where that is known.
    pub fn retry_after_secs(&self) -> Option<u64> {
        let wait = self.reason.retry_after(self.at)?;
        Some((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request denied: {}", self.reason)
    }
}

impl std::error::Error for Denial {}
