//! Connections that outlive their request: told when their account or session
//! is refused.
//!
//! Only who waits is registered, so a request that does not stream pays nothing.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::domain::account::AccountKey;
use crate::domain::denial::{Denial, DenialReason};
use crate::domain::session::SessionId;
use crate::domain::standing::Bearer;
use crate::engine::sessions::Live;
use crate::engine::{CurrentAccount, Gate, Portcullis, Unanswered};

/// However long nothing happens, the times of a session are looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// A store or source that does not answer is left alone for this long.
const STORE_REST: Duration = Duration::from_secs(1);

/// Who waits for news, by what the news is about.
pub(super) struct Waiting<K: Eq + Hash>(Mutex<HashMap<K, (Arc<Notify>, usize)>>);

impl<K: Clone + Eq + Hash> Waiting<K> {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Wakes whoever waits for news about this.
    pub(super) fn wake(&self, about: &K) {
        if let Some((notify, _)) = self.entries().get(about) {
            notify.notify_waiters();
        }
    }

    /// Wakes everybody.
    pub(super) fn wake_all(&self) {
        for (notify, _) in self.entries().values() {
            notify.notify_waiters();
        }
    }

    fn register(&self, about: K) -> Registered<'_, K> {
        let mut entries = self.entries();
        let (notify, waiters) = entries.entry(about.clone()).or_default();
        *waiters += 1;
        let notify = Arc::clone(notify);
        drop(entries);
        Registered { waiting: self, about, notify }
    }

    fn entries(&self) -> MutexGuard<'_, HashMap<K, (Arc<Notify>, usize)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> fmt::Debug for Waiting<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiting(..)")
    }
}

/// One who waits; deregistered when it is dropped.
struct Registered<'a, K: Clone + Eq + Hash> {
    waiting: &'a Waiting<K>,
    about: K,
    notify: Arc<Notify>,
}

impl<K: Clone + Eq + Hash> Drop for Registered<'_, K> {
    fn drop(&mut self) {
        let mut entries = self.waiting.entries();
        if let Some((_, waiters)) = entries.get_mut(&self.about) {
            *waiters -= 1;
            if *waiters == 0 {
                entries.remove(&self.about);
            }
        }
    }
}

impl Portcullis {
    /// Waits until a connection of this account must end: because it was locked,
    /// disabled, deleted or locked out, or because the session ended.
    ///
    /// For whatever outlives its request: a WebSocket, an event stream, a long
    /// download. Select on it beside the connection, and close when it is done:
    ///
    /// ```
    /// # use portcullis::{CurrentAccount, Portcullis};
    /// # async fn talk() {}
    /// async fn connection(gate: Portcullis, me: CurrentAccount) {
    ///     tokio::select! {
    ///         () = talk() => {}
    ///         _ = gate.ended(&me) => {}
    ///     }
    /// }
    /// ```
    ///
    /// A directory that does not answer ends nothing.
    pub async fn ended(&self, account: &CurrentAccount) -> Denial {
        let (gate, live) = (&self.0, &account.0);
        let of_account = gate.live_accounts.register(live.cell.key().clone());
        let of_session = gate.live_sessions.register(live.id());
        let mut session_may_be_over = true;
        loop {
            // Both listen before anything is read, so that no news falls between.
            let mut account_news = std::pin::pin!(of_account.notify.notified());
            let mut session_news = std::pin::pin!(of_session.notify.notified());
            account_news.as_mut().enable();
            session_news.as_mut().enable();
            match gate.must_end(live, session_may_be_over).await {
                Ok(Some(denial)) => return denial,
                Ok(None) => session_may_be_over = false,
                // It may be over still, and is asked about again.
                Err(Unanswered) => {}
            }
            let rest = gate.next_look(live, session_may_be_over);
            tokio::select! {
                // Where both have news, the account is looked at all the same.
                biased;
                () = session_news => session_may_be_over = true,
                () = account_news => {}
                () = tokio::time::sleep(rest) => {}
            }
        }
    }
}

impl Gate {
    async fn must_end(
        self: &Arc<Self>,
        live: &Live,
        session_may_be_over: bool,
    ) -> Result<Option<Denial>, Unanswered> {
        // No request may come that asks a source without a feed.
        if live.cell.known_until() < self.clock.now().monotonic {
            let _ = self.fill(&live.cell, live.born()).await;
        }
        let now = self.clock.wall();
        if let Some(denial) = self.refusal(live, now) {
            return Ok(Some(denial));
        }
        let ours = live.id().get() != 0;
        let over = now >= live.expires_at
            || (ours
                && session_may_be_over
                && self.stored_session(live.key, live.bearer).await?.is_none());
        Ok(over.then(|| self.of(live, DenialReason::SessionEnded, true, now)))
    }

    /// When a connection is looked at again, whatever the news: when its session
    /// ends, the word of a source without a feed is not taken any more, or a store
    /// that did not answer has had a rest.
    fn next_look(&self, live: &Live, unanswered: bool) -> Duration {
        let now = self.clock.now();
        let expires = live.expires_at.since(now.wall);
        let overdue = live.cell.known_until().since(now.monotonic);
        let overdue = if unanswered { Duration::ZERO } else { overdue };
        expires.min(overdue.max(STORE_REST)).min(LOOK_EVERY)
    }

    /// An account may have changed.
    pub(super) fn account_changed(&self, account: &AccountKey) {
        self.live_accounts.wake(account);
    }

    /// A session or token has ended: takes it out of the table, and out of reach
    /// for whoever comes from now on and would wait for a read that began before.
    pub(super) fn end_session(&self, id: SessionId) {
        self.sessions.end(id);
        self.session_reads.forget(&(id, Bearer::Session));
        self.session_reads.forget(&(id, Bearer::Token));
        self.live_sessions.wake(&id);
    }
}
