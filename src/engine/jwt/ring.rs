//! The keys of one issuer: those that are known, and whether others may be asked for.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::fetch::{Fetcher, NoKeys};
use super::keys::{JwtKeys, KeyFlaw, LeftOut, SetFrom, read_set};

/// How often keys are fetched, although no token asks for others.
const FETCH_EVERY: Duration = Duration::from_secs(45);

/// How long after a fetch no other one begins, whatever asks for it.
const PAUSE: Duration = Duration::from_secs(10);

/// How long a token waits for keys: as long as a fetch can take.
const PATIENCE: Duration = Duration::from_secs(11);

/// The keys that an issuer publishes, and the task that fetches them.
pub(super) struct Ring {
    issuer: String,
    state: Mutex<State>,
    /// How many fetches are over.
    over: watch::Sender<u64>,
    wanted: Arc<Notify>,
}

struct State {
    keys: Option<Arc<JwtKeys>>,
    /// When the last fetch began.
    began: Instant,
    /// Whether one is under way, or about to be.
    under_way: bool,
    /// What the last one came to; nothing before the first.
    last: Option<Came>,
    /// What was read last.
    read: Option<[u8; 32]>,
    /// The keys that were told to be left out.
    left_out: Vec<LeftOut>,
}

/// What a fetch came to.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Came {
    ToKeys,
    /// To nothing, for this reason.
    ToNothing(String),
}

impl Ring {
    /// Fetches keys from now on, until it is dropped.
    pub(super) fn kept(issuer: &str, fetcher: Fetcher) -> Arc<Self> {
        let state = State {
            keys: None,
            began: Instant::now(),
            under_way: true,
            last: None,
            read: None,
            left_out: Vec::new(),
        };
        let ring = Arc::new(Self {
            issuer: issuer.to_owned(),
            state: Mutex::new(state),
            over: watch::Sender::new(0),
            wanted: Arc::default(),
        });
        tokio::spawn(keep(Arc::downgrade(&ring), Arc::clone(&ring.wanted), fetcher));
        ring
    }

    /// The keys that are known.
    pub(super) fn keys(&self) -> Option<Arc<JwtKeys>> {
        self.state().keys.clone()
    }

    /// Whether the issuer was heard when it was last asked: a key that is not known
    /// then is none of its keys.
    pub(super) fn is_heard(&self) -> bool {
        let state = self.state();
        state.keys.is_some() && state.last == Some(Came::ToKeys)
    }

    /// Waits for other keys, if it is not too early to ask for them.
    pub(super) async fn ask_again(&self) {
        let mut over = self.over.subscribe();
        if self.is_awaited() {
            // Whoever gives up sees what is known.
            let _ = timeout(PATIENCE, over.changed()).await;
        }
    }

    /// Whether a fetch is under way, which this may have begun.
    fn is_awaited(&self) -> bool {
        let mut state = self.state();
        if !state.under_way && state.began.elapsed() >= PAUSE {
            state.begin();
            self.wanted.notify_one();
        }
        state.under_way
    }

    fn is_wanted(&self) -> bool {
        self.state().under_way
    }

    fn begin(&self) {
        let mut state = self.state();
        // Who asked for it has begun it.
        if !state.under_way {
            state.begin();
        }
    }

    /// Takes in what was fetched, and says how long to wait before the next time.
    fn end(&self, fetched: Result<Vec<u8>, NoKeys>) -> Duration {
        let taken = fetched.and_then(|set| self.take(&set));
        let came = match taken {
            Ok(()) => Came::ToKeys,
            Err(error) => Came::ToNothing(error.to_string()),
        };
        let pause = if came == Came::ToKeys { FETCH_EVERY } else { PAUSE };
        self.tell(&came);
        let mut state = self.state();
        state.last = Some(came);
        state.under_way = false;
        drop(state);
        // After the state: whoever waits has subscribed before they looked at it.
        self.over.send_modify(|over| *over += 1);
        pause
    }

    /// What can't be read changes nothing of what is known.
    fn take(&self, set: &[u8]) -> Result<(), NoKeys> {
        let read: [u8; 32] = Sha256::digest(set).into();
        if self.state().read == Some(read) {
            return Ok(());
        }
        let (keys, left_out) = read_set(set, SetFrom::Issuer)?;
        tracing::info!(jwt.issuer = ?self.issuer, keys = keys.len(), "issuer's keys fetched");
        let mut state = self.state();
        let told = std::mem::replace(&mut state.left_out, left_out.clone());
        state.keys = Some(Arc::new(keys));
        state.read = Some(read);
        drop(state);
        let news = left_out.iter().filter(|key| !told.contains(key));
        for LeftOut { kid, flaw } in news.filter(|key| key.flaw != KeyFlaw::Purpose) {
            let (issuer, flaw) = (&self.issuer, flaw.as_str());
            tracing::warn!(jwt.issuer = ?issuer, jwt.kid = ?kid, jwt.key_flaw = flaw, "issuer's key left out");
        }
        Ok(())
    }

    /// Says each trouble once, and that it is over.
    fn tell(&self, came: &Came) {
        let last = self.state().last.clone();
        match came {
            Came::ToNothing(error) if last.as_ref() != Some(came) => {
                tracing::warn!(jwt.issuer = ?self.issuer, error, "issuer's keys not fetched");
            }
            Came::ToKeys if matches!(last, Some(Came::ToNothing(_))) => {
                tracing::info!(jwt.issuer = ?self.issuer, "issuer back");
            }
            _ => {}
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn begin(&mut self) {
        self.under_way = true;
        self.began = Instant::now();
    }
}

/// Fetches, one time after the other, while anybody holds the ring.
async fn keep(ring: Weak<Ring>, wanted: Arc<Notify>, mut fetcher: Fetcher) {
    let mut pause = Duration::ZERO;
    while is_due(&ring, &wanted, pause).await {
        let Some(held) = ring.upgrade() else { return };
        held.begin();
        drop(held);
        let fetched = fetcher.fetch().await;
        let Some(held) = ring.upgrade() else { return };
        pause = held.end(fetched);
    }
}

/// Waits so long, or until keys are asked for; false once the ring is gone.
async fn is_due(ring: &Weak<Ring>, wanted: &Notify, pause: Duration) -> bool {
    let deadline = Instant::now() + pause;
    while timeout_at(deadline, wanted.notified()).await.is_ok() {
        match ring.upgrade() {
            None => return false,
            Some(ring) if ring.is_wanted() => return true,
            // What was asked for has been fetched meanwhile.
            Some(_) => {}
        }
    }
    true
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.wanted.notify_one();
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}
