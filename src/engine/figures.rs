//! What the gate counts: plain numbers that its rooms add to as things happen.
//!
//! Nobody adds to them on the way of a request that passes. They are read when
//! somebody asks for the figures.

#[cfg(any(feature = "gateway", feature = "passwords"))]
mod level;

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

#[cfg(any(feature = "gateway", feature = "passwords"))]
pub(crate) use self::level::{Level, Raised};
use crate::domain::attempts::Outcome;
use crate::domain::client::ClientAddr;
use crate::domain::denial::DenialReason;
use crate::domain::event::Action;
use crate::domain::time::Monotonic;
use crate::engine::pace::LockClock;
use crate::engine::sign_in::SignInError;

/// What a label of a figure may say: one of a few words that the program knows.
/// Nothing that a client sends can become one.
pub(crate) trait Word: Copy + 'static {
    /// Every word.
    const ALL: &'static [Self];

    /// Its place among all.
    fn index(self) -> usize;

    /// The word itself.
    #[cfg(feature = "metrics")]
    fn as_str(self) -> &'static str;
}

/// Makes an enum of [`Word`]s.
macro_rules! words {
    ($(#[$doc:meta])* $vis:vis enum $name:ident { $($variant:ident => $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        $vis enum $name { $($variant,)+ }

        impl $crate::engine::figures::Word for $name {
            const ALL: &'static [Self] = &[$(Self::$variant,)+];

            fn index(self) -> usize {
                self as usize
            }

            #[cfg(feature = "metrics")]
            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}
#[cfg(feature = "gateway")]
pub(crate) use words;

words! {
    /// How an attempt to sign in went.
    pub(crate) enum Attempted {
        Granted => "granted",
        Wrong => "wrong",
        Succeeded => "succeeded",
        Busy => "busy",
        WouldRefuse => "would-refuse",
        LockedOut => "locked-out",
        Refused => "refused",
        Unavailable => "unavailable",
    }
}

words! {
    /// What a lockout is one of.
    pub(crate) enum CountedBy {
        Account => "account",
        AccountAtAddress => "account-at-address",
        Address => "address",
        Device => "device",
    }
}

words! {
    /// What had to be read, because memory did not have it.
    pub(crate) enum Lookup {
        Session => "session",
        Standing => "standing",
        Claim => "claim",
    }
}

#[cfg(feature = "jwt")]
words! {
    /// What a token of somebody else's was worth that was not remembered.
    pub(crate) enum TokenWorth {
        Valid => "valid",
        Worthless => "worthless",
        KeysUnknown => "keys-unknown",
        Busy => "busy",
    }
}

words! {
    /// How a store did not answer.
    pub(crate) enum StoreTrouble {
        Failed => "failed",
        Silent => "silent",
    }
}

words! {
    /// A [`DenialReason`] without its details.
    pub(crate) enum Why {
        Deleted => "account-deleted",
        Disabled => "account-disabled",
        Locked => "account-locked",
        NotYetActive => "account-not-yet-active",
        SessionEnded => "session-ended",
        NoSession => "no-session",
        Unknown => "status-unknown",
    }
}

impl Attempted {
    /// What an error says of an attempt.
    pub(super) const fn of(error: &SignInError) -> Self {
        match error {
            SignInError::Busy => Self::Busy,
            SignInError::LockedOut { .. } => Self::LockedOut,
            SignInError::Refused { .. } => Self::Refused,
            SignInError::Unavailable => Self::Unavailable,
            SignInError::Wrong => Self::Wrong,
        }
    }
}

impl From<DenialReason> for Why {
    fn from(reason: DenialReason) -> Self {
        match reason {
            DenialReason::Deleted => Self::Deleted,
            DenialReason::Disabled => Self::Disabled,
            DenialReason::Locked { .. } => Self::Locked,
            DenialReason::NotYetActive => Self::NotYetActive,
            DenialReason::SessionEnded => Self::SessionEnded,
            DenialReason::NoSession => Self::NoSession,
            DenialReason::Unknown { .. } => Self::Unknown,
        }
    }
}

impl Word for Action {
    const ALL: &'static [Self] = Self::ALL;

    fn index(self) -> usize {
        self as usize
    }

    #[cfg(feature = "metrics")]
    fn as_str(self) -> &'static str {
        Self::as_str(self)
    }
}

/// More words than any label has.
const MAX_WORDS: usize = 64;

/// How often each of some words was counted.
#[derive(Debug)]
pub(crate) struct Counts<W>([AtomicU64; MAX_WORDS], PhantomData<W>);

impl<W: Word> Counts<W> {
    pub(crate) fn add(&self, word: W) {
        self.0[word.index()].fetch_add(1, Ordering::Relaxed);
    }
}

impl<W: Word> Default for Counts<W> {
    fn default() -> Self {
        const { assert!(W::ALL.len() <= MAX_WORDS, "there is a place for each word") };
        Self(std::array::from_fn(|_| AtomicU64::new(0)), PhantomData)
    }
}

/// Bounds of buckets, in microseconds.
pub(crate) type Bounds = [u64; BOUNDS];

const BOUNDS: usize = 14;

/// How long things took, by buckets.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static Bounds,
    /// The last is for what took longer than every bound.
    buckets: [AtomicU64; BOUNDS + 1],
    micros: AtomicU64,
}

impl Histogram {
    pub(crate) const fn new(bounds: &'static Bounds) -> Self {
        Self {
            bounds,
            buckets: [const { AtomicU64::new(0) }; BOUNDS + 1],
            micros: AtomicU64::new(0),
        }
    }

    /// A bound belongs to the bucket below it.
    pub(crate) fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = self.bounds.iter().position(|bound| micros <= *bound);
        self.buckets[bucket.unwrap_or(BOUNDS)].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// 1 ms to 30 s, with the 50 ms that is promised of other gateways.
const OF_REVOCATIONS: Bounds = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000, 30_000_000,
];

/// What one gate counts.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(super) denials: Counts<Why>,
    pub(super) cuts: Counts<Why>,
    pub(super) lookups: Counts<Lookup>,
    pub(super) store_troubles: Counts<StoreTrouble>,
    #[cfg(feature = "jwt")]
    pub(super) tokens: Counts<TokenWorth>,
    pub(super) attempts: Counts<Attempted>,
    pub(super) lockouts: Counts<CountedBy>,
    /// Lockouts that a policy which only monitors would have laid.
    pub(super) would_lock: Counts<CountedBy>,
    /// Attempts that were not remembered.
    pub(super) attempts_forgotten: AtomicU64,
    /// Whether a proxy's own address came in the place of its client's.
    proxy_seen: AtomicBool,
    pub(super) attempt_store: Histogram,
    pub(super) revocations: Histogram,
    pub(super) last_lock: LockClock,
    pub(super) feed_position: AtomicU64,
    pub(super) looked_at_feed: AtomicU64,
    pub(super) admin_changes: Counts<Action>,
    pub(crate) licences: Arc<LicenceFigures>,
    #[cfg(feature = "http-client")]
    pub(crate) webhooks: WebhookFigures,
    /// Whether the attempt store failed when it was last asked.
    pub(super) attempts_failing: AtomicBool,
}

#[cfg(feature = "http-client")]
words! {
    /// What became of a message to a webhook.
    pub(crate) enum Delivered {
        Arrived => "arrived",
        Again => "again",
        Dead => "dead",
    }
}

/// Messages to webhooks: what became of them, and how many are left.
#[cfg(feature = "http-client")]
#[derive(Debug, Default)]
pub(crate) struct WebhookFigures {
    pub(super) deliveries: Counts<Delivered>,
    pub(super) waiting: AtomicU64,
    pub(super) dead: AtomicU64,
}

#[cfg(feature = "http-client")]
impl WebhookFigures {
    pub(crate) fn count(&self, delivered: Delivered) {
        self.deliveries.add(delivered);
    }

    pub(crate) fn note_backlog(&self, waiting: u64, dead: u64) {
        self.waiting.store(waiting, Ordering::Relaxed);
        self.dead.store(dead, Ordering::Relaxed);
    }
}

/// How many licences are used, and how many there are; 0 where nobody counts them, or
/// where there is no limit.
#[derive(Debug, Default)]
pub(crate) struct LicenceFigures {
    used: AtomicU64,
    limit: AtomicU64,
}

impl LicenceFigures {
    /// So many are used, of so many.
    pub(crate) fn tell(&self, used: u64, limit: Option<u64>) {
        self.used.store(used, Ordering::Relaxed);
        self.limit.store(limit.unwrap_or(0), Ordering::Relaxed);
    }
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            denials: Counts::default(),
            cuts: Counts::default(),
            lookups: Counts::default(),
            store_troubles: Counts::default(),
            #[cfg(feature = "jwt")]
            tokens: Counts::default(),
            attempts: Counts::default(),
            lockouts: Counts::default(),
            would_lock: Counts::default(),
            attempts_forgotten: AtomicU64::new(0),
            proxy_seen: AtomicBool::new(false),
            revocations: Histogram::new(&OF_REVOCATIONS),
            attempt_store: Histogram::new(&OF_REVOCATIONS),
            last_lock: LockClock::default(),
            feed_position: AtomicU64::new(0),
            looked_at_feed: AtomicU64::new(0),
            admin_changes: Counts::default(),
            licences: Arc::default(),
            #[cfg(feature = "http-client")]
            webhooks: WebhookFigures::default(),
            attempts_failing: AtomicBool::new(false),
        }
    }
}

impl Figures {
    /// A guard answered a request in the service's place.
    pub(crate) fn denied(&self, reason: DenialReason) {
        self.denials.add(reason.into());
    }

    /// A change of the directory was made here.
    pub(crate) fn changed(&self, action: Action) {
        self.admin_changes.add(action);
    }

    /// An attempt was settled like this, and whether it met a lockout; `None`: the
    /// store did not answer. What was given back is counted where that was decided.
    pub(super) fn settled(&self, outcome: Outcome, locked_out: Option<bool>) {
        let attempted = match (outcome, locked_out) {
            (Outcome::Released | Outcome::Passed, _) => return,
            (_, None) => Attempted::Unavailable,
            (Outcome::Failed(_), Some(_)) => Attempted::Wrong,
            (_, Some(true)) => Attempted::LockedOut,
            (_, Some(false)) => Attempted::Succeeded,
        };
        self.attempts.add(attempted);
    }

    /// An attempt was not remembered, because more waited than could be written.
    pub(super) fn attempt_forgotten(&self) {
        self.attempts_forgotten.fetch_add(1, Ordering::Relaxed);
    }

    /// A policy that only monitors let somebody through whom it would have refused.
    pub(super) fn would_refuse(&self) {
        self.attempts.add(Attempted::WouldRefuse);
    }

    /// A sign-in came from the address of a trusted proxy itself, which is never
    /// counted: whoever is behind it would pay for each other. Said once.
    pub(super) fn note_uncounted_proxy(&self, address: ClientAddr) {
        if !self.proxy_seen.swap(true, Ordering::Relaxed) {
            tracing::warn!(client.ip = %address, "proxy names no client");
        }
    }

    /// The feed was looked at, up to its end, at this instant.
    pub(super) fn looked(&self, at: Monotonic) {
        self.looked_at_feed
            .fetch_max(at.as_micros(), Ordering::Relaxed);
    }
}

/// Reading, for whoever prints the figures.
#[cfg(feature = "metrics")]
mod reading {
    use super::*;

    impl<W: Word> Counts<W> {
        /// Each word, and how often it was counted.
        pub(crate) fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
            let count = |word: &W| self.0[word.index()].load(Ordering::Relaxed);
            W::ALL.iter().map(move |word| (word.as_str(), count(word)))
        }
    }

    impl LicenceFigures {
        /// How many are used.
        pub(crate) fn used(&self) -> u64 {
            self.used.load(Ordering::Relaxed)
        }

        /// How many there are.
        pub(crate) fn limit(&self) -> u64 {
            self.limit.load(Ordering::Relaxed)
        }
    }

    /// What a [`Histogram`] holds at an instant.
    #[derive(Clone, Debug)]
    pub(crate) struct Spread {
        /// In seconds.
        pub(crate) sum: f64,
        /// Bounds in seconds, and how many are in each bucket alone.
        pub(crate) buckets: Vec<(f64, u64)>,
    }

    impl Histogram {
        pub(crate) fn spread(&self) -> Spread {
            let bounds = self.bounds.iter().map(|micros| seconds(*micros));
            let counts = self
                .buckets
                .iter()
                .map(|bucket| bucket.load(Ordering::Relaxed));
            Spread {
                sum: seconds(self.micros.load(Ordering::Relaxed)),
                buckets: bounds.chain([f64::INFINITY]).zip(counts).collect(),
            }
        }
    }

    #[cfg(feature = "gateway")]
    impl Spread {
        /// Both together. They have the same bounds.
        pub(crate) fn with(mut self, other: &Self) -> Self {
            self.sum += other.sum;
            for ((_, count), (_, more)) in self.buckets.iter_mut().zip(&other.buckets) {
                *count += more;
            }
            self
        }
    }

    impl Spread {
        pub(crate) fn count(&self) -> u64 {
            self.buckets.iter().map(|(_, count)| count).sum()
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "figures are read to a few digits")]
    fn seconds(micros: u64) -> f64 {
        micros as f64 / 1e6
    }
}
#[cfg(feature = "metrics")]
pub(crate) use self::reading::Spread;

#[cfg(all(test, feature = "metrics"))]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_the_bucket_below_it() {
        let histogram = Histogram::new(&OF_REVOCATIONS);
        for micros in [0, 50_000, 50_001, 30_000_001] {
            histogram.observe(Duration::from_micros(micros));
        }
        let spread = histogram.spread();
        let filled: Vec<_> = spread
            .buckets
            .iter()
            .filter(|(_, n)| *n > 0)
            .copied()
            .collect();
        assert_eq!(filled, [(0.001, 1), (0.05, 1), (0.1, 1), (f64::INFINITY, 1)]);
        assert_eq!(spread.count(), 4);
        assert!((spread.sum - 30.100_002).abs() < 1e-9, "{}", spread.sum);
    }

    #[test]
    fn words_are_counted_each_by_itself() {
        let counts = Counts::<Action>::default();
        for (at, action) in Action::ALL.iter().enumerate() {
            assert_eq!(action.index(), at);
            (0..=at).for_each(|_| counts.add(*action));
        }
        for ((word, count), (at, action)) in counts.each().zip(Action::ALL.iter().enumerate()) {
            assert_eq!((word, count), (action.as_str(), at as u64 + 1));
        }
        let reason = DenialReason::SessionEnded;
        assert_eq!(Why::from(reason).as_str(), reason.as_str());
    }
}
