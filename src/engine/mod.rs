//! The gate: what knows who may pass.
//!
//! [`Portcullis`] is the handle. It is made by [`Portcullis::builder`], is cheap
//! to clone, and is shared by every layer and handler of a service. While any
//! clone lives, a task follows the directory's change feed.

mod account;
mod admit;
mod attempts;
mod builder;
mod cell;
#[cfg_attr(not(feature = "pages"), allow(dead_code, reason = "pages ask for it"))]
pub(crate) mod console;
mod credential;
mod devices;
mod elsewhere;
mod feed;
pub(crate) mod figures;
mod flight;
mod health;
mod history;
#[cfg(feature = "jwt")]
pub mod jwt;
mod live;
mod look;
#[cfg(feature = "metrics")]
pub mod metrics;
mod pace;
#[cfg(feature = "passwords")]
pub mod passwords;
mod policy;
#[cfg_attr(not(feature = "gateway"), allow(dead_code, reason = "the gateway asks for it"))]
pub(crate) mod rights;
mod session;
mod sessions;
mod sign_in;
mod sign_out;
mod source;
mod standings;
mod sync;
mod visitor;

#[cfg(all(test, portcullis_loom))]
mod interleavings;
#[cfg(all(test, not(portcullis_loom)))]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
#[cfg(feature = "jwt")]
use arc_swap::ArcSwapOption;
use moka::sync::Cache;

pub use self::account::CurrentAccount;
pub use self::admit::{Admission, Look};
pub use self::attempts::{Attempt, Failure};
pub use self::builder::{BuildError, Builder, OnStale};
pub use self::elsewhere::{AccountLink, OtherSource};
pub use self::health::Health;
pub use self::pace::{LastLock, Pace};
pub use self::policy::LOCKOUT_SETTING;
pub use self::sign_in::{SignInError, SignedIn};
pub use self::source::{SessionClaim, SessionSource};
pub use self::visitor::Visitor;

#[cfg(feature = "gateway")]
pub(crate) use self::credential::COOKIE_NAMES;

use self::cell::Cell;
use self::credential::SessionCookie;
pub use self::credential::{CookieDomain, InvalidCookieDomain};
use self::elsewhere::Elsewhere;
use self::figures::Figures;
use self::flight::SingleFlight;
use self::history::{History, Remember};
use self::live::Waiting;
use self::policy::Policy;
use self::session::{Live, TokenHash, TokenHasher};
use self::sessions::Sessions;
use self::source::ErasedSessionSource;
use self::standings::Standings;
use crate::domain::account::AccountKey;
use crate::domain::client::TrustedProxies;
use crate::domain::denial::DenialReason;
use crate::domain::session::{SessionId, SessionKey};
use crate::domain::standing::{Bearer, Standing};
use crate::domain::time::{Clock, Monotonic, Timestamp};
use crate::store::keyring::Keyring;
use crate::store::{AttemptStore, Directory, ErasedSource, SessionStore};

/// The gate's handle. Cheap to clone; clones share everything.
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use portcullis::Portcullis;
///
/// let gate = Portcullis::in_memory().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Portcullis(Arc<Gate>, OnStale);

/// Everything that clones share.
struct Gate {
    clock: Clock,
    figures: Figures,
    /// Those that a renewal changes, and the rest.
    settings: ArcSwap<Settings>,
    history: Arc<History>,
    tokens: TokenHasher,
    sessions: Sessions,
    standings: Standings,
    /// Keeps the cells of accounts that come without a session of ours.
    retained: Cache<AccountKey, Arc<Cell>>,
    /// Tokens that open nothing: guesses don't reach the store twice.
    unknown_tokens: Cache<TokenHash, ()>,
    standing_reads: SingleFlight<AccountKey, Result<(), Unanswered>>,
    session_reads: SingleFlight<(SessionId, Bearer), ReadSession>,
    /// Until when what is known may be used, in the clock's monotonic
    /// microseconds: the last look at the feed, plus `max_stale`.
    fresh_until: AtomicU64,
    /// Uses of sessions that are not written yet.
    touched: std::sync::Mutex<HashMap<SessionKey, Timestamp>>,
    live_accounts: Waiting<AccountKey>,
    live_sessions: Waiting<SessionId>,
    source: Arc<dyn ErasedSource>,
    /// Another system that has a say, too.
    elsewhere: Option<Elsewhere>,
    /// Odd while a source tells of changes as they happen; another number each time
    /// that it begins or ends, or may have left something out.
    followed: AtomicU64,
    session_store: Arc<dyn SessionStore>,
    session_source: Option<Arc<dyn ErasedSessionSource>>,
    #[cfg(feature = "jwt")]
    jwt: ArcSwapOption<jwt::Jwts>,
    #[cfg(feature = "jwt")]
    jwt_signed_out: jwt::SignedOut,
    directory: Option<Arc<dyn Directory>>,
    attempts: Arc<dyn AttemptStore>,
    keyring: Keyring,
    policy: Policy,
    /// What accounts may do, for whoever lets requests pass by that.
    rights: Cache<AccountKey, rights::Known>,
    rights_reads: SingleFlight<rights::Wanted, Result<Arc<rights::Rights>, Unanswered>>,
    /// Rises when who is in a group, or what a group allows, may have changed.
    changes_of_groups: AtomicU64,
    /// Rises when a setting of the directory may have changed.
    settings_changed: tokio::sync::watch::Sender<u64>,
    /// How far the directory's feed was read.
    feed_moved: tokio::sync::watch::Sender<u64>,
    #[cfg(feature = "passwords")]
    passwords: passwords::Passwords,
}

/// What the builder settled.
#[derive(Clone, Debug)]
struct Settings {
    cookie: SessionCookie,
    cookie_domain: Option<CookieDomain>,
    https: bool,
    api_tokens: bool,
    known_devices: bool,
    trusted_proxies: TrustedProxies,
    session_lifetime: Duration,
    session_idle: Duration,
    max_stale: Duration,
    /// How long a source's word is taken, where no feed tells of changes.
    refresh_every: Duration,
    store_timeout: Duration,
    remember: Remember,
}

/// What a read of a session yields.
type ReadSession = Result<Option<Arc<Live>>, Unanswered>;

/// A store or source did not answer; it was logged where it happened.
#[derive(Clone, Copy, Debug)]
struct Unanswered;

/// When a client should ask again while the directory can't say.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// How many uses of sessions wait at most for a store that can't write them.
const MAX_UNWRITTEN: usize = 1 << 20;

impl Portcullis {
    /// Starts a gate's description.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Opens the directory in this SQLite file, or makes it, with the defaults.
    ///
    /// Failed sign-ins are counted in a file beside it.
    ///
    /// # Errors
    ///
    /// If the file can't be used; the error says why and what to do.
    #[cfg(feature = "sqlite")]
    pub async fn open(path: impl AsRef<std::path::Path>) -> Result<Self, BuildError> {
        let directory = crate::store::sql::SqlDirectory::open(path).await?;
        let attempts = directory.attempts();
        Self::builder()
            .directory(directory)
            .attempts(attempts)
            .build()
            .await
    }

    /// This gate with another answer for when the directory was not heard of for
    /// too long: for a layer before routes that had better go on, or had better
    /// not.
    ///
    /// ```
    /// # use portcullis::{GuardLayer, OnStale, Portcullis};
    /// # fn layers(gate: Portcullis) {
    /// let everywhere = GuardLayer::new(gate.clone());
    /// let status_page = GuardLayer::new(gate.when_stale(OnStale::BestEffort));
    /// # }
    /// ```
    #[must_use]
    pub fn when_stale(&self, then: OnStale) -> Self {
        Self(Arc::clone(&self.0), then)
    }

    /// Tells the gate what an account's standing is now. When this returns, no
    /// request that begins later is admitted against it.
    ///
    /// For sources that learn of changes themselves. A standing of an older
    /// version than the one that is known changes nothing; one of the same
    /// version takes its place. It has to be stored where the source reads it,
    /// too: other processes, and this one after a restart, ask there.
    pub fn standing_changed(&self, account: &AccountKey, standing: Standing) {
        self.0.learn(account, standing);
    }

    /// The standing of an account, as a request of it would meet it now; `None`
    /// if there is no such account.
    ///
    /// # Errors
    ///
    /// [`DenialReason::Unknown`] if the source does not answer.
    pub async fn standing(&self, account: &AccountKey) -> Result<Option<Standing>, DenialReason> {
        let cell = self.0.standings.find_or_create(account);
        let now = self.0.clock.now();
        if !self.0.may_use(&cell, now.monotonic) {
            self.0
                .fill(&cell, None)
                .await
                .map_err(|Unanswered| unknown())?;
        }
        Ok(cell.standing())
    }

    /// Forgets one session at once; it has to be ended in the store, too.
    pub fn session_ended(&self, id: SessionId) {
        self.0.end_session(id);
    }

    /// The directory that the gate was built on, if it was built on one.
    pub fn directory(&self) -> Option<&Arc<dyn Directory>> {
        self.0.directory.as_ref()
    }

    /// How far the directory's feed was read; rises soon after each change.
    #[cfg(feature = "api")]
    pub(crate) fn feed_moved(&self) -> tokio::sync::watch::Receiver<u64> {
        self.0.feed_moved.subscribe()
    }

    /// The clock that the gate tells the time by.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// The name of the session cookie.
    pub fn cookie_name(&self) -> &'static str {
        self.0.settings().cookie.name()
    }

    /// Whether users reach the service over https, and cookies are for https alone.
    pub fn is_https(&self) -> bool {
        self.0.settings().https
    }

    /// Whether API tokens are taken from the `Authorization` header.
    pub fn takes_api_tokens(&self) -> bool {
        self.0.settings().api_tokens
    }

    /// Where whatever this gate's process does is counted.
    pub(crate) fn figures(&self) -> &Figures {
        &self.0.figures
    }

    /// Whether any bearer tokens are taken from the `Authorization` header.
    pub fn takes_bearer_tokens(&self) -> bool {
        #[cfg(feature = "jwt")]
        if self
            .0
            .jwt
            .load()
            .as_ref()
            .is_some_and(|jwt| jwt.in_header())
        {
            return true;
        }
        self.takes_api_tokens()
    }

    /// How many signatures of JSON web tokens were checked since the gate was built.
    #[cfg(feature = "jwt")]
    pub fn jwt_signatures_checked(&self) -> u64 {
        self.0
            .jwt
            .load()
            .as_ref()
            .map_or(0, |jwt| jwt.signatures_checked())
    }

    /// How many sessions are held in memory.
    pub fn sessions_in_memory(&self) -> usize {
        self.0.sessions.len()
    }

    /// How long a session lasts unused.
    pub fn session_idle(&self) -> Duration {
        self.0.settings().session_idle
    }

    /// What the gate checks passwords with: whoever hashes beside it shares its
    /// limit.
    #[cfg(feature = "passwords")]
    pub fn passwords(&self) -> passwords::Passwords {
        self.0.passwords.clone()
    }

    /// How many passwords were compared with a hash since the gate was built.
    #[cfg(feature = "passwords")]
    pub fn passwords_checked(&self) -> u64 {
        self.0.passwords.verifications()
    }
}

impl fmt::Debug for Portcullis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portcullis")
            .field("settings", &*self.0.settings())
            .field("sessions", &self.0.sessions.len())
            .finish_non_exhaustive()
    }
}

fn unknown() -> DenialReason {
    DenialReason::Unknown { retry_after: ASK_AGAIN }
}

// === impl Gate ===

impl Gate {
    /// What the gate goes by now. Not to be held for long: a renewal waits for nobody,
    /// and whoever holds it sees the old.
    #[inline]
    fn settings(&self) -> arc_swap::Guard<Arc<Settings>> {
        self.settings.load()
    }

    /// Writes a pushed change into the account's cell, if anybody holds one. If
    /// nobody does, the next who needs one reads it from the source.
    fn learn(&self, account: &AccountKey, standing: Standing) {
        if let Some(cell) = self.standings.find(account) {
            cell.push(standing, self.clock.wall());
            self.account_changed(account);
        }
    }

    /// Whether what the cell knows may be used without asking the source.
    fn may_use(&self, cell: &Cell, now: Monotonic) -> bool {
        cell.is_known() && now <= cell.known_until()
    }

    /// Whether the last look at the feed is recent enough.
    fn is_fresh(&self, now: Monotonic) -> bool {
        now.as_micros() <= self.fresh_until.load(Ordering::Relaxed)
    }

    /// Notes that the feed was looked at, at this instant.
    fn looked_at_feed(&self, at: Monotonic) {
        self.figures.looked(at);
        let until = at.after(self.settings().max_stale).as_micros();
        self.fresh_until.fetch_max(until, Ordering::Relaxed);
    }

    /// Notes that a session was used; written to the store in batches.
    fn touch(&self, live: &Live, now: Timestamp) {
        if live.touch(now) {
            self.note_uses([(live.key, now)]);
        }
    }

    fn note_uses(&self, uses: impl IntoIterator<Item = (SessionKey, Timestamp)>) {
        let mut touched = self.touched();
        for (key, at) in uses {
            if touched.len() < MAX_UNWRITTEN || touched.contains_key(&key) {
                let noted = touched.entry(key).or_insert(at);
                *noted = at.max(*noted);
            }
        }
    }

    fn touched(&self) -> std::sync::MutexGuard<'_, HashMap<SessionKey, Timestamp>> {
        self.touched
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
