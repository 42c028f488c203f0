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
use crate::engine::session::{Kept, Live};
use crate::engine::{ASK_AGAIN, CurrentAccount, Gate, Portcullis, Unanswered};

/// However long nothing happens, the times of a session are looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// What is known until an instant is not overdue at it.
const MOMENT: Duration = Duration::from_millis(1);

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
        let mut session_news = std::pin::pin!(of_session.notify.notified());
        let mut session = OfStore::MayBeOver;
        loop {
            // Both listen before anything is read, and the session's news is heard
            // also while nobody waits for it: none falls between.
            let mut account_news = std::pin::pin!(of_account.notify.notified());
            account_news.as_mut().enable();
            if session == OfStore::MayBeOver {
                session_news.set(of_session.notify.notified());
                session_news.as_mut().enable();
            }
            if let Some(denial) = gate.must_end(live, session) {
                gate.figures.cuts.add(denial.reason().into());
                return denial;
            }
            tokio::select! {
                biased;
                () = session_news.as_mut() => session = OfStore::MayBeOver,
                () = account_news => {}
                // No store that hangs delays the news.
                answer = gate.look(live, session) => session = answer,
            }
        }
    }
}

/// What the store says of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum OfStore {
    Ended,
    Goes,
    /// There may be news of it, and the store was not asked yet.
    MayBeOver,
}

impl Gate {
    fn must_end(&self, live: &Live, session: OfStore) -> Option<Denial> {
        let now = self.clock.wall();
        if let Some(denial) = self.refusal(live, now) {
            return Some(denial);
        }
        let over = session == OfStore::Ended || now >= live.expires_at;
        over.then(|| self.of(live, DenialReason::SessionEnded, true, now))
    }

    /// Asks what is to be asked now, or waits until there is something.
    async fn look(self: &Arc<Self>, live: &Live, session: OfStore) -> OfStore {
        let now = self.clock.now();
        let answered = if session == OfStore::MayBeOver {
            self.stored_state(live).await
        } else if now.monotonic > live.cell.known_until() {
            // No feed tells of changes: the source is asked in time.
            self.fill_for(live).await.map(|()| session)
        } else {
            let known_for = live.cell.known_until().since(now.monotonic) + MOMENT;
            let left = live.expires_at.since(now.wall);
            tokio::time::sleep(left.min(LOOK_EVERY).min(known_for)).await;
            Ok(session)
        };
        if answered.is_err() {
            tokio::time::sleep(ASK_AGAIN).await;
        }
        answered.unwrap_or(session)
    }

    async fn stored_state(&self, live: &Live) -> Result<OfStore, Unanswered> {
        match live.kept {
            Kept::ByApplication => return Ok(OfStore::Goes),
            #[cfg(feature = "jwt")]
            Kept::InToken if self.is_signed_out(live.id()) => return Ok(OfStore::Ended),
            #[cfg(feature = "jwt")]
            Kept::InToken => return Ok(OfStore::Goes),
            Kept::InStore => {}
        }
        let stored = self.stored_session(live.key, live.bearer).await?;
        Ok(stored.map_or(OfStore::Ended, |_| OfStore::Goes))
    }

    /// An account may have changed.
    pub(super) fn account_changed(&self, account: &AccountKey) {
        self.live_accounts.wake(account);
    }

    /// A session or token has ended: takes it out of the table, and out of reach
    /// for whoever comes from now on and would wait for a read that began before.
    pub(super) fn end_session(&self, id: SessionId) {
        self.sessions.end(id);
        for bearer in [Bearer::Session, Bearer::Console, Bearer::Token] {
            self.session_reads.forget(&(id, bearer));
        }
        self.live_sessions.wake(&id);
    }
}
