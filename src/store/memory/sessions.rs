//! Sessions in the memory of one process, of accounts that live elsewhere.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::account::AccountKey;
use crate::domain::denial::DenialReason;
use crate::domain::event::Note;
use crate::domain::session::{Session, SessionId, SessionKey};
use crate::domain::time::{Clock, Timestamp};
use crate::store::memory::held::Held;
use crate::store::memory::{born, now};
use crate::store::{
    BoxFuture, ErasedSource, NewSession, SessionPage, SessionQuery, SessionStore, StoreError,
};

/// Expired sessions are swept out whenever so many were opened.
const SWEEP_AFTER: usize = 1024;

pub(crate) struct SingleProcessSessions {
    clock: Clock,
    source: Arc<dyn ErasedSource>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sessions: Held,
    opened: usize,
}

impl SingleProcessSessions {
    pub(crate) fn new(clock: Clock, source: Arc<dyn ErasedSource>) -> Self {
        tracing::warn!("sessions kept in the memory of this one process");
        Self { clock, source, state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, session: Session, at: Timestamp) {
        let mut state = self.state();
        state.opened += 1;
        if state.opened.is_multiple_of(SWEEP_AFTER) {
            state.sessions.forget(at);
        }
        state.sessions.insert(session);
    }
}

impl fmt::Debug for SingleProcessSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SingleProcessSessions(..)")
    }
}

impl SessionStore for SingleProcessSessions {
    fn open_session(
        &self,
        new: NewSession,
    ) -> BoxFuture<'_, Result<Result<Session, DenialReason>, StoreError>> {
        Box::pin(async move {
            // A lock that is laid after this read raises the generation, and the
            // session is dead in it before it is first used.
            let Some(standing) = self.source.standing(&new.account).await? else {
                return Ok(Err(DenialReason::Deleted));
            };
            let at = self.clock.wall();
            let refusal = standing.sign_in_refusal(at);
            if let Some(refusal) = refusal.or_else(|| new.refusal_in(standing.generation)) {
                return Ok(Err(refusal));
            }
            let session = born(new, standing.generation, None, at);
            self.insert(session.clone(), at);
            Ok(Ok(session))
        })
    }

    fn session(&self, key: SessionKey) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        now(Ok(self.state().sessions.get(key)))
    }

    fn end_session(
        &self,
        id: SessionId,
        note: Note,
    ) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        let at = self.clock.wall();
        now(Ok(self.state().sessions.end(id, &note.actor, at)))
    }

    fn touch_sessions(
        &self,
        seen: Vec<(SessionKey, Timestamp)>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.state().sessions.touch(seen);
        now(Ok(()))
    }

    fn sessions_of(&self, account: AccountKey) -> BoxFuture<'_, Result<Vec<Session>, StoreError>> {
        now(Ok(self.state().sessions.of(&account, None, self.clock.wall())))
    }

    fn sessions(&self, query: SessionQuery) -> BoxFuture<'_, Result<SessionPage, StoreError>> {
        Box::pin(async move {
            let accounts = match &query.account {
                Some(account) => vec![account.clone()],
                None => self.state().sessions.accounts(),
            };
            let mut generations = HashMap::new();
            for account in accounts {
                let standing = self.source.standing(&account).await?;
                generations.insert(account, standing.map(|standing| standing.generation));
            }
            let of = |account: &AccountKey| generations.get(account).copied().flatten();
            Ok(self.state().sessions.list(&query, of, self.clock.wall()))
        })
    }
}
