//! Describes a gate and makes it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use arc_swap::ArcSwap;
#[cfg(feature = "jwt")]
use arc_swap::ArcSwapOption;
use moka::sync::Cache;

use crate::domain::client::TrustedProxies;
use crate::domain::policy::LockoutPolicy;
use crate::domain::time::{Clock, Monotonic};
use crate::engine::credential::{CookieDomain, SessionCookie};
use crate::engine::elsewhere::{Elsewhere, OtherSource};
use crate::engine::figures::Figures;
use crate::engine::flight::SingleFlight;
use crate::engine::history::{self, History, Remember};
#[cfg(feature = "jwt")]
use crate::engine::jwt::{InvalidJwtSessions, JwtSessions, Jwts, SignedOut};
use crate::engine::live::Waiting;
use crate::engine::policy::Policy;
use crate::engine::session::TokenHasher;
use crate::engine::sessions::Sessions;
use crate::engine::source::{ErasedSessionSource, SessionSource, erase};
use crate::engine::standings::Standings;
use crate::engine::{Gate, Portcullis, Settings, elsewhere, feed};
use crate::store::keyring::Keyring;
use crate::store::memory::{SingleProcessAttempts, SingleProcessDirectory};
use crate::store::{
    AttemptStore, Directory, DirectorySource, ErasedSource, FeedCursor, SessionStore, StatusSource,
    StoreError,
};

/// What happens to a session's request when the directory was not heard of for
/// longer than `max_stale`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a request passes or it does not")]
pub enum OnStale {
    /// It passes on what was last known.
    BestEffort,
    /// It gets 503, and its session is left alone.
    #[default]
    Strict,
}

/// Describes a [`Portcullis`]. Everything has a default but where accounts are.
#[must_use = "a gate is made by build"]
pub struct Builder {
    clock: Option<Clock>,
    directory: Option<Arc<dyn Directory>>,
    source: Option<Arc<dyn ErasedSource>>,
    other: Option<OtherSource>,
    sessions: Option<Arc<dyn SessionStore>>,
    session_source: Option<Arc<dyn ErasedSessionSource>>,
    attempts: Option<Arc<dyn AttemptStore>>,
    policy: Option<LockoutPolicy>,
    settings: Settings,
    session_capacity: usize,
    on_stale: OnStale,
    #[cfg(feature = "jwt")]
    jwt: Option<JwtSessions>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            clock: None,
            directory: None,
            source: None,
            other: None,
            sessions: None,
            session_source: None,
            attempts: None,
            policy: None,
            settings: Settings {
                cookie: SessionCookie::new(false),
                cookie_domain: None,
                https: false,
                api_tokens: false,
                known_devices: true,
                trusted_proxies: TrustedProxies::default(),
                session_lifetime: Duration::from_secs(12 * 3600),
                session_idle: Duration::from_secs(2 * 3600),
                max_stale: Duration::from_secs(10),
                refresh_every: Duration::from_secs(30),
                store_timeout: Duration::from_secs(5),
                remember: Remember::default(),
            },
            session_capacity: 1_000_000,
            on_stale: OnStale::Strict,
            #[cfg(feature = "jwt")]
            jwt: None,
        }
    }
}

impl Builder {
    /// Accounts and sessions live in this directory.
    pub fn directory(mut self, directory: impl Directory) -> Self {
        self.directory = Some(Arc::new(directory));
        self
    }

    /// As [`Builder::directory`], for one that is shared already.
    pub fn shared_directory(mut self, directory: Arc<dyn Directory>) -> Self {
        self.directory = Some(directory);
        self
    }

    /// Accounts live in a system of the application's own, which says their
    /// standing. Sessions are kept in this process, unless [`Builder::sessions`]
    /// or [`Builder::sessions_from`] says otherwise.
    pub fn accounts(mut self, source: impl StatusSource) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Another system has a say in the directory's accounts, too: a request is refused
    /// where either says so. See [`OtherSource`].
    pub fn also_asking(mut self, other: OtherSource) -> Self {
        self.other = Some(other);
        self
    }

    /// Sessions of ours are kept here, where accounts live in a system of the
    /// application's own. A directory keeps its sessions itself.
    pub fn sessions(mut self, sessions: impl SessionStore) -> Self {
        self.sessions = Some(Arc::new(sessions));
        self
    }

    /// Attempts are counted here. By default in the memory of this process.
    pub fn attempts(mut self, attempts: impl AttemptStore) -> Self {
        self.attempts = Some(Arc::new(attempts));
        self
    }

    /// As [`Builder::attempts`], for a store that is shared already.
    pub fn shared_attempts(mut self, attempts: Arc<dyn AttemptStore>) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// The application keeps its own sessions, and this says whose a request is.
    pub fn sessions_from(mut self, source: impl SessionSource) -> Self {
        self.session_source = Some(erase(source));
        self
    }

    /// People come with JSON web tokens that somebody else signed, beside sessions
    /// of ours. See [`jwt`](crate::engine::jwt).
    #[cfg(feature = "jwt")]
    pub fn jwt_sessions(mut self, sessions: JwtSessions) -> Self {
        self.jwt = Some(sessions);
        self
    }

    /// How failed sign-ins lock an account, whatever the directory's setting says.
    /// Default: what `portcullis settings` set there, at once and at run time, else
    /// [`LockoutPolicy::balanced`].
    pub fn lockout(mut self, policy: LockoutPolicy) -> Self {
        self.policy = Some(policy);
        self
    }

    /// Users reach the service over https: the session cookie is
    /// `__Host-portcullis` and is sent over https only. Otherwise it is
    /// `portcullis`; never are both accepted.
    pub fn https(mut self, https: bool) -> Self {
        self.settings.cookie = SessionCookie::new(https);
        self.settings.https = https;
        self
    }

    /// One sign-in for all hosts of this domain: the session cookie is
    /// `__Secure-portcullis`, and goes to each of them. Whoever runs any of these hosts
    /// could use a session that comes to it. It takes https. Default: none, the cookie
    /// goes back to the host alone that set it.
    pub fn cookie_domain(mut self, domain: CookieDomain) -> Self {
        self.settings.cookie_domain = Some(domain);
        self
    }

    /// Whether API tokens of the directory are taken from the `Authorization`
    /// header. Default: no.
    ///
    /// What a token may be used for is told by
    /// [`CurrentAccount::has_scope`](crate::CurrentAccount::has_scope), and is
    /// for the service to ask.
    pub fn api_tokens(mut self, taken: bool) -> Self {
        self.settings.api_tokens = taken;
        self
    }

    /// Whether a device that somebody signed in from has a budget of guesses of its
    /// own, so that strangers who guess can't shut the owner out. Default: yes; it
    /// takes a directory, and sign-ins that come with their headers
    /// ([`Visitor::with_headers`](crate::Visitor::with_headers)). Without it a
    /// lockout refuses everybody alike.
    pub fn known_devices(mut self, known: bool) -> Self {
        self.settings.known_devices = known;
        self
    }

    /// The proxies that say where a sign-in comes from: their own addresses are
    /// never counted. Default: none.
    ///
    /// Reading what they say is for whoever makes the
    /// [`Visitor`](crate::Visitor), as with
    /// [`ClientAddr::behind`](crate::domain::client::ClientAddr::behind).
    pub fn trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        self.settings.trusted_proxies = proxies;
        self
    }

    /// How long a session lasts at most, and unused. Default: 12 and 2 hours.
    pub fn session_lasts(mut self, at_most: Duration, unused: Duration) -> Self {
        self.settings.session_lifetime = at_most;
        self.settings.session_idle = unused;
        self
    }

    /// How long what is known is used while the directory can't be asked, and
    /// what happens then. Default: 10 seconds, [`OnStale::Strict`]. Routes may differ:
    /// see [`Portcullis::when_stale`].
    pub fn max_stale(mut self, max_stale: Duration, then: OnStale) -> Self {
        self.settings.max_stale = max_stale;
        self.on_stale = then;
        self
    }

    /// How often a [`StatusSource`] is asked about an account in use; changes
    /// pushed with [`Portcullis::standing_changed`] count at once. Counted from
    /// the read, so a busy account is not asked about less. Default: 30 seconds.
    pub fn refresh_every(mut self, every: Duration) -> Self {
        self.settings.refresh_every = every;
        self
    }

    /// How long a request waits for a store. Default: 5 seconds.
    pub fn store_timeout(mut self, timeout: Duration) -> Self {
        self.settings.store_timeout = timeout;
        self
    }

    /// How long attempts to sign in are remembered in the directory, and how many at
    /// most, for people who look after accounts; zero of either remembers none. What locks
    /// anybody out is counted apart from it. Default: 8 days and a million.
    pub fn remember_attempts(mut self, keep: Duration, most: u64) -> Self {
        self.settings.remember = Remember { keep, most };
        self
    }

    /// How many sessions are kept in memory; more are read again when they come.
    /// Default: a million.
    pub fn session_capacity(mut self, sessions: usize) -> Self {
        self.session_capacity = sessions;
        self
    }

    /// Tells the time by this clock. Default: the directory's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The gate. A task follows the directory's feed from now on.
    ///
    /// # Errors
    ///
    /// If the description contradicts itself, or the directory does not answer.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn build(mut self) -> Result<Portcullis, BuildError> {
        self.check()?;
        if self.settings.cookie_domain.is_some() {
            self.settings.cookie = SessionCookie::of_domain();
        }
        let clock = self.settled_clock();
        let cursor = match &self.directory {
            Some(directory) => directory.feed_head().await?,
            None => FeedCursor::default(),
        };
        // After the feed's head: a change since then is met by the follower.
        let policy = Policy::settle(self.policy.take(), self.directory.as_deref()).await?;
        let on_stale = self.on_stale;
        let gate = Portcullis(Arc::new(self.assemble(clock, policy)?), on_stale);
        gate.0.looked_at_feed(gate.0.first_look());
        feed::spawn(&gate.0, cursor);
        history::spawn(&gate.0);
        elsewhere::spawn(&gate.0);
        Ok(gate)
    }

    /// Makes a gate that runs go by this description from now on. What it was built
    /// over stays: accounts, sessions and attempts; so does what clients hold, the
    /// cookies' names, and how many sessions are kept in memory. What happens when the
    /// directory is not heard of is a handle's own: [`Portcullis::when_stale`].
    ///
    /// Nobody is signed out. Tokens that somebody else signed are looked at anew where
    /// others are taken than before.
    ///
    /// # Errors
    ///
    /// If the description contradicts itself, or the directory does not answer. Nothing
    /// is changed then.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn renew(mut self, running: &Portcullis) -> Result<(), BuildError> {
        let gate = &running.0;
        self.directory = gate.directory.clone();
        self.source = Some(Arc::clone(&gate.source)).filter(|_| self.directory.is_none());
        self.sessions = None;
        self.session_source.clone_from(&gate.session_source);
        let before = gate.settings.load_full();
        self.settings.https = before.https;
        self.settings.cookie = before.cookie.clone();
        self.settings.cookie_domain = before.cookie_domain.clone();
        self.check()?;
        let policy = Policy::settle(self.policy.take(), self.directory.as_deref()).await?;
        #[cfg(feature = "jwt")]
        gate.renew_jwts(self.jwt.as_ref())?;
        gate.policy.renew(policy);
        gate.settings.store(Arc::new(self.settings));
        Ok(())
    }

    fn check(&self) -> Result<(), BuildError> {
        match (&self.directory, &self.source) {
            (None, None) => return Err(BuildError::NoAccounts),
            (Some(_), Some(_)) => return Err(BuildError::TwoSourcesOfAccounts),
            _ => {}
        }
        if self.directory.is_none() && self.other.is_some() {
            return Err(BuildError::OtherSourceAlone);
        }
        if self.directory.is_some() && self.sessions.is_some() {
            return Err(BuildError::TwoStoresOfSessions);
        }
        if self.settings.cookie_domain.is_some() && !self.settings.https {
            return Err(BuildError::CookieDomainWithoutHttps);
        }
        // What is written of a session's use is up to two minutes old.
        if self.settings.session_idle < Duration::from_secs(5 * 60) {
            return Err(BuildError::IdleTooShort);
        }
        #[cfg(feature = "jwt")]
        if let Some(jwt) = &self.jwt {
            jwt.check(self.directory.is_some(), self.session_source.is_some())?;
        }
        if self.settings.session_lifetime < Duration::from_secs(1) {
            return Err(BuildError::LifetimeTooShort);
        }
        Ok(())
    }

    fn settled_clock(&self) -> Clock {
        let of_directory = self
            .directory
            .as_ref()
            .map(|directory| directory.clock().clone());
        self.clock.clone().or(of_directory).unwrap_or_default()
    }

    fn assemble(self, clock: Clock, policy: Policy) -> Result<Gate, BuildError> {
        let (keyring, source) = match (&self.directory, self.source) {
            (Some(directory), _) => {
                let source: Arc<dyn ErasedSource> =
                    Arc::new(DirectorySource(Arc::clone(directory)));
                (directory.keyring().clone(), source)
            }
            (None, Some(source)) => (Keyring::new(&random()?), source),
            (None, None) => return Err(BuildError::NoAccounts),
        };
        let session_store: Arc<dyn SessionStore> = match (&self.directory, self.sessions) {
            (_, Some(sessions)) => sessions,
            (Some(directory), None) => Arc::clone(directory) as Arc<dyn SessionStore>,
            (None, None) => Arc::new(crate::store::memory::SingleProcessSessions::new(
                clock.clone(),
                Arc::clone(&source),
            )),
        };
        let attempts = self
            .attempts
            .unwrap_or_else(|| Arc::new(SingleProcessAttempts::new(clock.clone())));
        Ok(Gate {
            figures: Figures::default(),
            history: Arc::new(History::default()),
            tokens: TokenHasher::new(random()?),
            sessions: Sessions::new(self.session_capacity),
            standings: match &self.other {
                Some(_) => Standings::new(64).with_elsewhere(),
                None => Standings::new(64),
            },
            retained: Cache::builder()
                .max_capacity(self.session_capacity as u64)
                .build(),
            unknown_tokens: Cache::builder()
                .max_capacity(UNKNOWN_TOKENS)
                .time_to_live(UNKNOWN_FOR)
                .build(),
            standing_reads: SingleFlight::new(),
            session_reads: SingleFlight::new(),
            fresh_until: AtomicU64::new(0),
            touched: std::sync::Mutex::default(),
            live_accounts: Waiting::new(),
            live_sessions: Waiting::new(),
            source,
            elsewhere: self.other.map(Elsewhere::new),
            followed: AtomicU64::new(0),
            session_store,
            session_source: self.session_source,
            #[cfg(feature = "jwt")]
            jwt: ArcSwapOption::new(jwts(self.jwt.as_ref(), None)?),
            #[cfg(feature = "jwt")]
            jwt_signed_out: SignedOut::default(),
            directory: self.directory,
            attempts,
            keyring,
            policy,
            rights: Cache::builder().max_capacity(KNOWN_RIGHTS).build(),
            rights_reads: SingleFlight::new(),
            changes_of_groups: AtomicU64::new(0),
            settings_changed: tokio::sync::watch::Sender::new(0),
            feed_moved: tokio::sync::watch::Sender::new(0),
            settings: ArcSwap::from_pointee(self.settings),
            clock,
            #[cfg(feature = "passwords")]
            passwords: crate::engine::passwords::Passwords::new(),
        })
    }
}

/// How many tokens that open nothing are remembered, and for how long.
const UNKNOWN_TOKENS: u64 = 100_000;
const UNKNOWN_FOR: Duration = Duration::from_secs(30);

/// Of how many accounts it is kept what they may do.
const KNOWN_RIGHTS: u64 = 100_000;
/// What is known of foreign tokens, where any are taken.
#[cfg(feature = "jwt")]
fn jwts(
    wanted: Option<&JwtSessions>,
    before: Option<&Jwts>,
) -> Result<Option<Arc<Jwts>>, InvalidJwtSessions> {
    let jwts = wanted.map(|wanted| Jwts::new(wanted, before)).transpose()?;
    Ok(jwts.map(Arc::new))
}

impl Gate {
    /// Takes these foreign tokens from now on, and looks anew at all that were taken.
    #[cfg(feature = "jwt")]
    fn renew_jwts(&self, wanted: Option<&JwtSessions>) -> Result<(), InvalidJwtSessions> {
        let before = self.jwt.load_full();
        let same = match (before.as_deref(), wanted) {
            (None, None) => true,
            (Some(before), Some(wanted)) => before.takes_as(wanted),
            _ => false,
        };
        if same {
            return Ok(());
        }
        self.jwt.store(jwts(wanted, before.as_deref())?);
        // Tokens that nobody vouches for any more are remembered among sessions.
        self.sessions.forget_all();
        self.unknown_tokens.invalidate_all();
        Ok(())
    }

    /// A directory was looked at just now; nothing else has a feed to follow.
    fn first_look(&self) -> Monotonic {
        match self.directory {
            Some(_) => self.clock.now().monotonic,
            None => Monotonic::NEVER,
        }
    }
}

fn random<const N: usize>() -> Result<[u8; N], BuildError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| BuildError::Randomness(error.to_string()))?;
    Ok(bytes)
}

impl Portcullis {
    /// A gate over an empty directory in the memory of this one process.
    ///
    /// # Errors
    ///
    /// If the system has no randomness.
    pub async fn in_memory() -> Result<Self, BuildError> {
        let clock = Clock::system();
        Self::builder()
            .directory(SingleProcessDirectory::new(clock))
            .build()
            .await
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("policy", &self.policy)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Why a gate was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A cookie that goes to several hosts goes over https alone.
    #[error("a cookie's domain takes https: call `https(true)`, or leave `cookie_domain` out")]
    CookieDomainWithoutHttps,
    /// Uses of sessions are written once a minute.
    #[error("an idle limit under 5 minutes can't be kept: raise it in `session_lasts`")]
    IdleTooShort,
    /// A session that is over when it begins.
    #[error("a session's lifetime is under a second: raise it in `session_lasts`")]
    LifetimeTooShort,
    /// The description of foreign tokens can't be kept.
    #[cfg(feature = "jwt")]
    #[error(transparent)]
    Jwt(#[from] crate::engine::jwt::InvalidJwtSessions),
    /// Nobody to guard.
    #[error("the gate does not know where accounts are: call `directory` or `accounts`")]
    NoAccounts,
    /// It has a say beside a directory.
    #[error("`also_asking` takes a `directory`: for a source alone, call `accounts`")]
    OtherSourceAlone,
    /// The system has no randomness.
    #[error("the system gives no random bytes: {0}")]
    Randomness(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Which of the two would be right about an account?
    #[error("both `directory` and `accounts` were called: leave one out")]
    TwoSourcesOfAccounts,
    /// A directory opens sessions in the transaction that reads the account.
    #[error("a directory keeps its sessions itself: leave `sessions` out")]
    TwoStoresOfSessions,
}
