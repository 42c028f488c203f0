//! Sessions held in memory: what both stores of this room do with them.

use std::cmp::Reverse;

use hashbrown::HashMap;

use crate::domain::account::AccountKey;
use crate::domain::session::{Session, SessionId, SessionKey};
use crate::domain::standing::Generation;
use crate::domain::time::Timestamp;

#[derive(Debug, Default)]
pub(super) struct Held(HashMap<SessionKey, Session>);

impl Held {
    pub(super) fn insert(&mut self, session: Session) {
        self.0.insert(session.key, session);
    }

    pub(super) fn get(&self, key: SessionKey) -> Option<Session> {
        self.0.get(&key).cloned()
    }

    pub(super) fn named(&self, id: SessionId) -> Option<Session> {
        self.0
            .values()
            .find(|session| session.key.id() == id)
            .cloned()
    }

    pub(super) fn end(&mut self, id: SessionId) -> Option<Session> {
        let key = self.named(id)?.key;
        self.0.remove(&key)
    }

    /// Never moves a use back.
    pub(super) fn touch(&mut self, seen: Vec<(SessionKey, Timestamp)>) {
        for (key, at) in seen {
            if let Some(session) = self.0.get_mut(&key) {
                session.last_seen_at = session.last_seen_at.max(at);
            }
        }
    }

    /// The sessions of an account that live at this instant, newest first: those of
    /// one generation, or of any.
    pub(super) fn of(
        &self,
        account: &AccountKey,
        born: Option<Generation>,
        at: Timestamp,
    ) -> Vec<Session> {
        let lives = |s: &&Session| {
            s.account == *account
                && at < s.expires_at
                && born.is_none_or(|born| born == s.generation)
        };
        let mut sessions: Vec<Session> = self.0.values().filter(lives).cloned().collect();
        sessions.sort_by_key(|session| Reverse((session.created_at, session.key.id())));
        sessions
    }

    /// Forgets those that ended before this, and says how many went.
    pub(super) fn forget(&mut self, before: Timestamp) -> u64 {
        let held = self.0.len();
        self.0.retain(|_, session| session.expires_at >= before);
        (held - self.0.len()) as u64
    }
}
