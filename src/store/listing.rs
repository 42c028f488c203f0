//! Lists of sessions, with those that are over.

use crate::domain::account::AccountKey;
use crate::domain::session::{Session, SessionId};
use crate::domain::standing::Generation;
use crate::domain::time::Timestamp;

/// Which sessions to list, newest first.
#[derive(Clone, Debug, Default)]
pub struct SessionQuery {
    /// Only this account's.
    pub account: Option<AccountKey>,
    /// Only this one.
    pub id: Option<SessionId>,
    /// Only those in this state.
    pub state: Option<SessionState>,
    /// How many come before the page.
    pub offset: u64,
    /// How many are on the page.
    pub limit: u32,
}

/// What has become of a session.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SessionState {
    /// It is neither ended nor past its time.
    Active,
    /// Its owner ended it.
    Ended,
    /// Its time is over.
    Expired,
    /// Somebody else ended it, alone or with all of the account.
    Revoked,
}

/// A session, and what has become of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionRecord {
    /// The session as it was.
    pub session: Session,
    /// What has become of it.
    pub state: SessionState,
    /// When somebody ended it alone.
    pub ended_at: Option<Timestamp>,
}

/// A page of sessions. Those that are over are kept until some time after they would
/// have ended by themselves.
#[derive(Clone, Debug, Default)]
pub struct SessionPage {
    /// The sessions on it.
    pub sessions: Vec<SessionRecord>,
    /// How many were found, on all pages.
    pub total: u64,
}

impl SessionState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Active, Self::Ended, Self::Expired, Self::Revoked];

    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Ended => "ended",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// What a session has become that this actor ends, as the audit log names them.
    pub(crate) fn ended_by(actor: &str, owner: &AccountKey) -> Self {
        if actor == format!("user:{owner}") { Self::Ended } else { Self::Revoked }
    }

    /// What has become of a session that nobody ended alone. Of one that is of an
    /// older generation and past its time, the first is told.
    pub(crate) fn of(session: &Session, now_in: Option<Generation>, now: Timestamp) -> Self {
        if now_in != Some(session.generation) {
            Self::Revoked
        } else if now >= session.expires_at {
            Self::Expired
        } else {
            Self::Active
        }
    }
}
