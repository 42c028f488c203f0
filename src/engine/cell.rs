//! The standing cell: what the hot path asks of an account.
//!
//! One cell serves every session of its account, and a change of standing
//! writes it in place: a lock reaches every session at once, and nothing needs
//! to be found or thrown away. What admits is one word, so that a reader sees a
//! standing whole or not at all:
//!
//! ```text
//!  63  62  61                  36 35                                  0
//! ┌──────┬───────────────────────┬────────────────────────────────────┐
//! │ state│ session generation    │ closed until, seconds since 1970   │
//! └──────┴───────────────────────┴────────────────────────────────────┘
//! ```
//!
//! Details, which only denials and handlers read, sit behind a mutex. Writers
//! take it and compare versions: the newer standing wins, in whatever order a
//! slow read and a pushed change meet.

mod elsewhere;

use std::fmt;
use std::sync::atomic::Ordering;

use crate::domain::account::AccountKey;
use crate::domain::denial::DenialReason;
use crate::domain::device::DeviceId;
use crate::domain::lock::{End, LiveSessions};
use crate::domain::profile::Profile;
use crate::domain::standing::{Bearer, Generation, Standing, Version};
use crate::domain::time::{Monotonic, Timestamp};
use crate::engine::sync::{AtomicU64, Mutex, lock};

use self::elsewhere::Beside;

const END_BITS: u32 = 36;
const GENERATION_BITS: u32 = 26;
const END_MASK: u64 = (1 << END_BITS) - 1;
const GENERATION_MASK: u64 = (1 << GENERATION_BITS) - 1;
/// Beyond the year 4000: the end of what does not end by itself.
const NO_END: u64 = END_MASK;

const UNKNOWN: u64 = 0;
const OPEN: u64 = 1;
const CLOSED: u64 = 2;

/// The admitting word. See the module's picture.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Word(u64);

/// What a word says to a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    /// The account and the session's generation are fine.
    Pass,
    /// Something stands against it; the details say what.
    Refuse,
    /// Nobody has looked yet.
    Unknown,
}

impl Word {
    const fn new(state: u64, generation: Generation, until: u64) -> Self {
        let generation = (generation.get() & GENERATION_MASK) << END_BITS;
        Self(state << (END_BITS + GENERATION_BITS) | generation | until)
    }

    /// The word for sessions of an account with this standing.
    fn of(standing: &Standing, now: Timestamp) -> Self {
        let generation = standing.generation;
        match standing.refusal_of(Bearer::Session, now) {
            None => Self::closed_until(generation, last_end(standing)),
            Some(DenialReason::Locked { end: End::At(end), .. }) => {
                // A lock with an end may hide a refusal without one.
                let hidden = standing.refusal_of(Bearer::Session, end).is_some();
                Self::closed_until(generation, if hidden { End::Never } else { End::At(end) })
            }
            Some(_) => Self::closed_until(generation, End::Never),
        }
    }

    fn open(generation: Generation) -> Self {
        if generation.get() > GENERATION_MASK {
            // It has no room here: the details are asked, which know it whole.
            return Self::closed_until(generation, End::Never);
        }
        Self::new(OPEN, generation, 0)
    }

    /// Ends are rounded up to the second: against the client.
    fn closed_until(generation: Generation, end: End) -> Self {
        let until = match end {
            End::At(end) if generation.get() <= GENERATION_MASK => {
                u64::try_from(end.ceil_secs()).unwrap_or(0).min(NO_END)
            }
            End::At(_) | End::Never => NO_END,
        };
        Self::new(CLOSED, generation, until)
    }

    /// What it says now to a session of this generation, or to what belongs to
    /// none.
    pub(crate) fn verdict(self, born: Option<Generation>, now: Timestamp) -> Verdict {
        let generation = self.0 >> END_BITS & GENERATION_MASK;
        let same = born.is_none_or(|born| born.get() == generation);
        match self.0 >> (END_BITS + GENERATION_BITS) {
            OPEN if same => Verdict::Pass,
            UNKNOWN => Verdict::Unknown,
            CLOSED if same && self.is_over(now) => Verdict::Pass,
            _ => Verdict::Refuse,
        }
    }

    fn is_over(self, now: Timestamp) -> bool {
        let until = self.0 & END_MASK;
        until != NO_END && u64::try_from(now.floor_secs()).is_ok_and(|now| now >= until)
    }
}

/// When the last of what once refused was over. Kept in the word, because the
/// clock by which it is over may be ahead and come back.
fn last_end(standing: &Standing) -> End {
    let lock = standing.locks.admin_lock.as_ref().map(|lock| lock.end);
    let lockout = standing.locks.lockout.as_ref();
    let lockout = lockout
        .filter(|lockout| lockout.live_sessions == LiveSessions::Refuse)
        .map(|lockout| lockout.end_at(lockout.laid_at));
    lock.max(lockout).unwrap_or(End::At(Timestamp::EPOCH))
}

/// The standing of one account, shared by all its sessions.
pub(crate) struct Cell {
    word: AtomicU64,
    /// Until when the source's word is taken, where no feed tells of changes.
    known_until: AtomicU64,
    key: AccountKey,
    details: Mutex<Details>,
}

#[derive(Debug, Default)]
struct Details {
    /// Whether any standing was ever written.
    known: bool,
    /// Whether what is known must be read again: changes may have been missed.
    suspect: bool,
    version: Version,
    generation: Generation,
    /// When the generation was last raised. Without the room for a flag: a million
    /// cells have it.
    sessions_ended_at: Ended,
    /// Counts pushed changes, so that a read which began before one of the same
    /// version can be told from a later one.
    pushes: u32,
    /// Counts how often the cell became suspect: a read that began before does
    /// not clear it.
    suspicions: u32,
    profile: Option<Profile>,
    /// What stands against the account, where anything does: a million plain
    /// accounts pay for none of it.
    against: Against,
    /// What another system says of it, where one is asked, too.
    beside: Option<Box<Beside>>,
}

/// When an account's generation was last raised, where the source says it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Ended(Timestamp);

impl Ended {
    const NEVER: Self = Self(Timestamp::from_micros(i64::MIN));

    fn at(at: Option<Timestamp>) -> Self {
        at.map_or(Self::NEVER, Self)
    }

    fn get(self) -> Option<Timestamp> {
        (self != Self::NEVER).then_some(self.0)
    }
}

impl Default for Ended {
    fn default() -> Self {
        Self::NEVER
    }
}

/// What stands against an account. Small where nothing does.
#[derive(Debug, Default)]
enum Against {
    NoSuchAccount,
    #[default]
    Nothing,
    Standing(Box<Standing>),
}

/// Proof of when a read of the source began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReadBegan {
    pushes: u32,
    suspicions: u32,
}

impl Cell {
    /// A cell that knows nothing. It is filled by a read that begins after
    /// everybody can find it.
    pub(crate) fn new(key: AccountKey) -> Self {
        Self {
            word: AtomicU64::new(Word::new(UNKNOWN, Generation::new(0), 0).0),
            known_until: AtomicU64::new(0),
            key,
            details: Mutex::new(Details::default()),
        }
    }

    pub(crate) const fn key(&self) -> &AccountKey {
        &self.key
    }

    /// What a request asks: one load.
    pub(crate) fn word(&self) -> Word {
        // Acquire: whoever sees a word also sees the details it was written with.
        Word(self.word.load(Ordering::Acquire))
    }

    /// Until when what is known may be used without asking the source again.
    pub(crate) fn known_until(&self) -> Monotonic {
        Monotonic::from_micros(self.known_until.load(Ordering::Relaxed))
    }

    pub(crate) fn is_known(&self) -> bool {
        let details = lock(&self.details);
        let elsewhere = details.beside.as_ref();
        details.known && !details.suspect && elsewhere.is_none_or(|beside| beside.is_known())
    }

    /// Remembers that a read of the source begins now.
    pub(crate) fn begin_read(&self) -> ReadBegan {
        let details = lock(&self.details);
        ReadBegan { pushes: details.pushes, suspicions: details.suspicions }
    }

    /// Writes what a read of the source yielded, unless something newer is here.
    /// Either way what is here is known now to be no older than the read.
    pub(crate) fn finish_read(
        &self,
        began: ReadBegan,
        read: Option<Standing>,
        now: Timestamp,
        known_until: Monotonic,
    ) {
        let mut details = lock(&self.details);
        if details.take(began, read) {
            self.known_until
                .store(known_until.as_micros(), Ordering::Relaxed);
            self.publish(&details, now);
        }
    }

    /// Writes a change that was pushed, unless something newer is here. Says
    /// whether it was written.
    pub(crate) fn push(&self, standing: Standing, now: Timestamp) -> bool {
        let mut details = lock(&self.details);
        details.pushes = details.pushes.wrapping_add(1);
        if standing.version < details.version {
            return false;
        }
        // A push does not renew `known_until`: the source is still asked in time.
        let suspect = details.suspect;
        details.write(Some(standing));
        if suspect {
            // Something newer still may have been missed.
            details.suspect = true;
            return true;
        }
        self.publish(&details, now);
        true
    }

    /// Changes may have been missed: the next request asks the source again, and
    /// believes it, also where it was set back to an older version.
    pub(crate) fn suspect(&self) {
        let mut details = lock(&self.details);
        details.suspect = true;
        details.version = Version::default();
        details.suspicions = details.suspicions.wrapping_add(1);
        self.word
            .store(Word::new(UNKNOWN, details.generation, 0).0, Ordering::Release);
    }

    fn publish(&self, details: &Details, now: Timestamp) {
        let own = details.word(now);
        let word = match &details.beside {
            Some(beside) => beside.close(own, now),
            None => own,
        };
        self.word.store(word.0, Ordering::Release);
    }

    /// Why a session of this generation, or what belongs to none, is refused now,
    /// with the account's own reasons first, and whether it is dead for good. A
    /// session on a known device may be spared by a lockout.
    pub(crate) fn refusal(
        &self,
        bearer: Bearer,
        device: Option<DeviceId>,
        born: Option<Generation>,
        now: Timestamp,
    ) -> Option<(DenialReason, bool)> {
        let details = lock(&self.details);
        let dead = born.is_some_and(|born| born != details.generation);
        // What is dead is not spared: it is told of the lockout.
        let device = device.filter(|_| !dead);
        let account = match &details.against {
            Against::Nothing => None,
            Against::NoSuchAccount => return Some((DenialReason::Deleted, true)),
            Against::Standing(standing) => standing.refusal_on(bearer, device, now),
        };
        match account {
            Some(reason) => Some((reason, dead || reason == DenialReason::Deleted)),
            None if dead => Some((DenialReason::SessionEnded, true)),
            None => None,
        }
    }

    /// Whether a session of this generation was born after what is known here.
    pub(crate) fn is_behind(&self, born: Option<Generation>) -> bool {
        born.is_some_and(|born| born > self.generation())
    }

    /// Whether what is known here is older than this version.
    pub(crate) fn is_older_than(&self, version: Version) -> bool {
        lock(&self.details).version < version
    }

    /// The version of what is known here.
    pub(crate) fn version(&self) -> Version {
        lock(&self.details).version
    }

    /// The generation that sessions are born in now.
    pub(crate) fn generation(&self) -> Generation {
        lock(&self.details).generation
    }

    /// The generation that sessions are born in now, and when it was last raised.
    #[cfg(feature = "jwt")]
    pub(crate) fn last_raise(&self) -> (Generation, Option<Timestamp>) {
        let details = lock(&self.details);
        (details.generation, details.sessions_ended_at.get())
    }

    /// What the account is called, where the source says so.
    pub(crate) fn profile(&self) -> Option<Profile> {
        let details = lock(&self.details);
        let said = details.beside.as_ref().map(|beside| beside.said());
        let elsewhere = || said.and_then(|said| said.profile.clone());
        details.profile.clone().or_else(elsewhere)
    }

    /// Everything that is known of the account; `None` if there is none.
    pub(crate) fn standing(&self) -> Option<Standing> {
        let details = lock(&self.details);
        match &details.against {
            Against::NoSuchAccount => None,
            Against::Standing(standing) => Some(Standing::clone(standing)),
            Against::Nothing => Some(Standing {
                generation: details.generation,
                sessions_ended_at: details.sessions_ended_at.get(),
                version: details.version,
                profile: details.profile.clone(),
                ..Standing::default()
            }),
        }
    }
}

impl Details {
    /// The word for what is known; where nothing is, or not any more, for that.
    fn word(&self, now: Timestamp) -> Word {
        if !self.known || self.suspect {
            return Word::new(UNKNOWN, self.generation, 0);
        }
        match &self.against {
            Against::Nothing => Word::open(self.generation),
            Against::NoSuchAccount => Word::closed_until(self.generation, End::Never),
            Against::Standing(standing) => Word::of(standing, now),
        }
    }

    /// Takes what a read yielded, unless something newer is here. Says whether what is
    /// here is now known to be no older than the read.
    fn take(&mut self, began: ReadBegan, read: Option<Standing>) -> bool {
        if self.suspicions != began.suspicions {
            return false;
        }
        if self.has_newer(began, read.as_ref()) {
            self.suspect = false;
        } else {
            self.write(read);
        }
        true
    }

    /// Whether what is here is newer than a read that began then.
    fn has_newer(&self, began: ReadBegan, read: Option<&Standing>) -> bool {
        let version = read.map_or(self.version, |standing| standing.version);
        if self.pushes != began.pushes {
            return version <= self.version;
        }
        // An account that was gone and is back may count its versions from one.
        let gone = matches!(self.against, Against::NoSuchAccount);
        version < self.version && !gone
    }

    fn write(&mut self, standing: Option<Standing>) {
        self.known = true;
        self.suspect = false;
        let Some(standing) = standing else {
            self.against = Against::NoSuchAccount;
            return;
        };
        self.version = standing.version;
        self.generation = standing.generation;
        self.sessions_ended_at = Ended::at(standing.sessions_ended_at);
        if self.profile != standing.profile {
            self.profile.clone_from(&standing.profile);
        }
        self.against = if standing.is_plain() {
            Against::Nothing
        } else {
            Against::Standing(Box::new(standing))
        };
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cell")
            .field("key", &self.key)
            .field("word", &self.word())
            .finish()
    }
}

#[cfg(all(test, not(portcullis_loom)))]
mod tests;
