//! A session in use: what the hot path reads of it, and what handlers ask for.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use siphasher::sip128::SipHasher13;

use crate::domain::device::DeviceId;
use crate::domain::session::{Session, SessionId, SessionKey};
use crate::domain::standing::{Bearer, Generation};
use crate::domain::time::Timestamp;
use crate::engine::cell::Cell;

/// How often a session in use is written back as seen.
pub(crate) const TOUCH_EVERY: Duration = Duration::from_secs(60);

/// A session in use: what the hot path reads, and what handlers ask for.
pub(crate) struct Live {
    pub(crate) token: TokenHash,
    pub(crate) key: SessionKey,
    pub(crate) cell: Arc<Cell>,
    pub(crate) bearer: Bearer,
    pub(crate) kept: Kept,
    /// Whether another generation of the account ends it: a session's does, a
    /// token's not.
    ends_with_generation: bool,
    born: Generation,
    created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    last_seen_at: AtomicI64,
    /// The known device that it was signed in on. Only refusals ask for it.
    pub(crate) device: Option<DeviceId>,
    /// What an API token may be used for; a session has none and needs none.
    scopes: Option<Box<Scopes>>,
    /// Used since the eviction hand last passed.
    pub(crate) used: AtomicBool,
}

/// Who keeps a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kept {
    /// The application, which says whose each request is.
    ByApplication,
    /// A store, or the directory, which can be asked for it again.
    InStore,
    /// Whoever holds the token that somebody else signed: it says everything.
    #[cfg(feature = "jwt")]
    InToken,
}

/// What an API token may be used for. Behind one thin pointer, for a million
/// sessions have none.
#[derive(Debug)]
pub(crate) struct Scopes(pub(crate) Vec<String>);

/// When a session was opened of which nobody says it.
pub(crate) const UNKNOWN_BIRTH: Timestamp = Timestamp::from_micros(i64::MIN);

/// A token, hashed with a secret of this process. Two tokens with one hash are
/// as unlikely as guessing a token.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct TokenHash {
    low: u64,
    high: u64,
}

impl TokenHash {
    pub(crate) const fn low(self) -> u64 {
        self.low
    }

    pub(crate) const fn shard_bits(self) -> usize {
        (self.high >> 32) as usize
    }
}

/// Hashes tokens as they come in. SHA-256 is for what is stored.
pub(crate) struct TokenHasher(SipHasher13);

impl TokenHasher {
    pub(crate) fn new(secret: [u8; 16]) -> Self {
        Self(SipHasher13::new_with_key(&secret))
    }

    /// One text is two tokens: what it is worth as a session says nothing of
    /// what it is worth as an API token.
    pub(crate) fn hash(&self, token: &[u8], bearer: Bearer) -> TokenHash {
        let hash = self.0.hash(token);
        let other = match bearer {
            Bearer::Session => 0,
            Bearer::Console => u64::MAX / 3,
            Bearer::Token => u64::MAX,
        };
        TokenHash { low: hash.h1 ^ other, high: hash.h2 ^ other }
    }
}

impl fmt::Debug for TokenHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHasher(..)")
    }
}

/// What a session's own times say.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Times {
    /// Nothing to do.
    Fine,
    /// In use, and due to be noted as seen.
    Touch,
    /// Idle for too long, as far as this process knows.
    Idle,
    /// Past its end.
    Expired,
}

impl Live {
    pub(crate) fn new(
        token: TokenHash,
        session: &Session,
        bearer: Bearer,
        cell: Arc<Cell>,
    ) -> Self {
        Self {
            token,
            key: session.key,
            cell,
            bearer,
            kept: Kept::InStore,
            ends_with_generation: bearer != Bearer::Token,
            born: session.generation,
            created_at: session.created_at,
            expires_at: session.expires_at,
            last_seen_at: AtomicI64::new(session.last_seen_at.as_micros()),
            device: session.device,
            scopes: None,
            used: AtomicBool::new(false),
        }
    }

    /// The same, kept elsewhere.
    pub(crate) fn kept(self, kept: Kept) -> Self {
        Self { kept, ..self }
    }

    /// The same, living on whatever the account's generation.
    pub(crate) fn of_any_generation(self) -> Self {
        Self { ends_with_generation: false, ..self }
    }

    /// The same in another generation, not yet used in it.
    #[cfg(feature = "jwt")]
    pub(crate) fn reborn_in(&self, generation: Generation) -> Self {
        let scopes = self
            .scopes
            .as_ref()
            .map(|scopes| Box::new(Scopes(scopes.0.clone())));
        Self {
            scopes,
            born: generation,
            last_seen_at: AtomicI64::new(self.last_seen_at().as_micros()),
            used: AtomicBool::new(false),
            cell: Arc::clone(&self.cell),
            ..*self
        }
    }

    /// The same, for these uses alone.
    pub(crate) fn for_scopes(self, scopes: Option<Box<Scopes>>) -> Self {
        Self { scopes, ..self }
    }

    pub(crate) fn id(&self) -> SessionId {
        self.key.id()
    }

    /// When it was opened, where that is known.
    pub(crate) fn created_at(&self) -> Option<Timestamp> {
        Some(self.created_at).filter(|at| *at != UNKNOWN_BIRTH)
    }

    /// Whether it may be used for this.
    pub(crate) fn has_scope(&self, scope: &str) -> bool {
        let held = |scopes: &Scopes| scopes.0.iter().any(|held| held == "*" || held == scope);
        self.scopes.as_deref().is_none_or(held)
    }

    /// The words that it is for; `None`: for everything.
    pub(crate) fn scopes(&self) -> Option<&[String]> {
        self.scopes.as_deref().map(|scopes| scopes.0.as_slice())
    }

    /// The generation that it lives and dies with, if it does.
    #[inline]
    pub(crate) fn born(&self) -> Option<Generation> {
        self.ends_with_generation.then_some(self.born)
    }

    /// Whether it was born after what is known of its account: generations only
    /// rise, so the account must be read again before the session is judged.
    pub(crate) fn is_ahead(&self) -> bool {
        self.cell.is_behind(self.born())
    }

    /// Whether the hot path may leave the session's times alone: it is not over,
    /// and was noted as seen a short while ago.
    pub(crate) fn is_settled(&self, now: Timestamp) -> bool {
        now < self.last_seen_at().after(TOUCH_EVERY) && now < self.expires_at
    }

    /// What the times say, off the hot path.
    pub(crate) fn times(&self, now: Timestamp, idle: Duration) -> Times {
        let unused = now.since(self.last_seen_at());
        if now >= self.expires_at {
            Times::Expired
        } else if self.bearer != Bearer::Token && unused >= idle {
            Times::Idle
        } else if unused >= TOUCH_EVERY {
            Times::Touch
        } else {
            Times::Fine
        }
    }

    /// Notes a use. True for one of many callers at once.
    pub(crate) fn touch(&self, now: Timestamp) -> bool {
        let before = self
            .last_seen_at
            .fetch_max(now.as_micros(), Ordering::Relaxed);
        now.since(Timestamp::from_micros(before)) >= TOUCH_EVERY
    }

    fn last_seen_at(&self) -> Timestamp {
        Timestamp::from_micros(self.last_seen_at.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live")
            .field("id", &self.id())
            .field("cell", &self.cell)
            .finish()
    }
}
