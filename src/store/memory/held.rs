//! Sessions held in memory: what both stores of this room do with them.

use std::cmp::Reverse;

use hashbrown::HashMap;

use crate::domain::account::AccountKey;
use crate::domain::session::{Session, SessionId, SessionKey};
use crate::domain::standing::Generation;
use crate::domain::time::Timestamp;
use crate::store::{SessionPage, SessionQuery, SessionRecord, SessionState};

#[derive(Debug, Default)]
pub(super) struct Held {
    open: HashMap<SessionKey, Session>,
    /// Those that were ended alone, to be listed.
    ended: HashMap<SessionKey, SessionRecord>,
}

impl Held {
    pub(super) fn insert(&mut self, session: Session) {
        self.open.insert(session.key, session);
    }

    pub(super) fn get(&self, key: SessionKey) -> Option<Session> {
        self.open.get(&key).cloned()
    }

    pub(super) fn named(&self, id: SessionId) -> Option<Session> {
        self.open
            .values()
            .find(|session| session.key.id() == id)
            .cloned()
    }

    /// Ends one, and keeps it to be listed until its time is over.
    pub(super) fn end(&mut self, id: SessionId, actor: &str, at: Timestamp) -> Option<Session> {
        let key = self.named(id)?.key;
        let session = self.open.remove(&key)?;
        let state = SessionState::ended_by(actor, &session.account);
        let record = SessionRecord { session: session.clone(), state, ended_at: Some(at) };
        self.ended.insert(key, record);
        Some(session)
    }

    /// Everything that is known of sessions, by what generation their accounts are in.
    pub(super) fn list(
        &self,
        query: &SessionQuery,
        generation: impl Fn(&AccountKey) -> Option<Generation>,
        at: Timestamp,
    ) -> SessionPage {
        let open = self.open.values().map(|session| {
            let state = SessionState::of(session, generation(&session.account), at);
            SessionRecord { session: session.clone(), state, ended_at: None }
        });
        let wanted = |record: &SessionRecord| {
            let SessionRecord { session, state, .. } = record;
            query
                .account
                .as_ref()
                .is_none_or(|account| *account == session.account)
                && query.id.is_none_or(|id| id == session.key.id())
                && query.state.is_none_or(|wanted| wanted == *state)
        };
        let all = open.chain(self.ended.values().cloned());
        let mut found: Vec<SessionRecord> = all.filter(wanted).collect();
        found.sort_by_key(|record| (Reverse(record.session.created_at), record.session.key.id()));
        let total = found.len() as u64;
        let before = usize::try_from(query.offset).unwrap_or(usize::MAX);
        let page = found.into_iter().skip(before).take(query.limit as usize);
        SessionPage { sessions: page.collect(), total }
    }

    /// Whose sessions there are.
    pub(super) fn accounts(&self) -> Vec<AccountKey> {
        let mut accounts: Vec<_> = self.open.values().map(|s| s.account.clone()).collect();
        accounts.sort_unstable();
        accounts.dedup();
        accounts
    }

    /// Never moves a use back.
    pub(super) fn touch(&mut self, seen: Vec<(SessionKey, Timestamp)>) {
        for (key, at) in seen {
            if let Some(session) = self.open.get_mut(&key) {
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
        let mut sessions: Vec<Session> = self.open.values().filter(lives).cloned().collect();
        sessions.sort_by_key(|session| Reverse((session.created_at, session.key.id())));
        sessions
    }

    /// Forgets those that ended before this, and says how many went.
    pub(super) fn forget(&mut self, before: Timestamp) -> u64 {
        let held = self.open.len() + self.ended.len();
        self.open.retain(|_, session| session.expires_at >= before);
        self.ended
            .retain(|_, record| record.session.expires_at >= before);
        (held - self.open.len() - self.ended.len()) as u64
    }
}
