//! Instants, and the one clock of the process.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// How far a clock may step back and be taken to have stood still.
pub const STEP_BACK: Duration = Duration::from_secs(60);

/// An instant on the shared wall clock, in microseconds since the Unix epoch.
///
/// Arithmetic saturates: no configured duration can wrap an end into the past.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);

    /// An instant by its microseconds since the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// An instant by its whole seconds since the Unix epoch.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch, rounded down.
    pub const fn floor_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// Whole seconds since the Unix epoch, rounded up.
    pub const fn ceil_secs(self) -> i64 {
        let floor = self.floor_secs();
        if self.0.rem_euclid(1_000_000) == 0 { floor } else { floor + 1 }
    }

    /// This instant moved later, at most to the end of time.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(micros(by)))
    }

    /// This instant moved earlier, at most to the beginning of time.
    #[must_use]
    pub fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(micros(by)))
    }

    /// This instant, unless `stamp` was made a moment after it: then the clock stepped
    /// back, as clocks do that are set right, and no time has passed since the stamp.
    /// A stamp from further ahead is a clock's that was wrong.
    #[must_use]
    pub fn unless_stepped_back(self, stamp: Self) -> Self {
        if stamp > self && stamp.since(self) <= STEP_BACK { stamp } else { self }
    }

    /// How long ago `earlier` was; zero if it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        let micros = self.0.saturating_sub(earlier.0);
        Duration::from_micros(u64::try_from(micros).unwrap_or(0))
    }
}

/// An instant in JSON that programs and people read: RFC 3339, or `null`.
pub mod rfc3339 {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Timestamp;

    /// Writes it, with fractions of a second where there are any.
    ///
    /// # Errors
    ///
    /// If the serializer's own.
    pub fn serialize<S: Serializer>(
        instant: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = instant.map(|instant| {
            jiff::Timestamp::from_microsecond(instant.as_micros())
                .map_or_else(|_| instant.as_micros().to_string(), |instant| instant.to_string())
        });
        text.serialize(serializer)
    }

    /// Reads it, in any zone.
    ///
    /// # Errors
    ///
    /// If it is not RFC 3339.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let read = |text: String| match text.parse::<jiff::Timestamp>() {
            Ok(instant) => Ok(Timestamp::from_micros(instant.as_microsecond())),
            Err(_) => Err(D::Error::custom("write an instant as 2030-01-31T12:00:00Z")),
        };
        text.map(read).transpose()
    }
}

/// RFC 3339, in whole seconds, in UTC.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_second(self.floor_secs()) {
            Ok(instant) => write!(f, "{instant}"),
            Err(_) => f.write_str("(beyond the calendar)"),
        }
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// An instant on a clock that only goes forward, meaningful in this process.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Monotonic(u64);

impl Monotonic {
    /// Later than every instant that this process will see.
    pub const NEVER: Self = Self(u64::MAX);

    /// An instant by its microseconds since the clock began.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the clock began.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// This instant moved later, at most to [`Monotonic::NEVER`].
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(by.as_micros()).unwrap_or(u64::MAX)),
        )
    }

    /// How long ago `earlier` was; zero if it is not earlier.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// Both clocks, read at once.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The shared wall clock: for ends of locks and sessions.
    pub wall: Timestamp,
    /// The process's own clock: for how old an answer is.
    pub monotonic: Monotonic,
}

/// Where the time comes from: the machine, or a test's hand.
///
/// Cheap to clone; clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    /// `offset` turns the monotonic reading into wall time. A request reads one
    /// clock instead of two, and a step of the wall clock is followed at the
    /// next [`Clock::resync`].
    System {
        epoch: Instant,
        offset: AtomicI64,
    },
    Manual {
        wall: AtomicI64,
        monotonic: AtomicU64,
    },
}

impl Clock {
    /// The machine's clock.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn system() -> Self {
        let clock =
            Self(Arc::new(Source::System { epoch: Instant::now(), offset: AtomicI64::new(0) }));
        clock.resync();
        clock
    }

    /// A clock that stands at `start` until it is moved by hand.
    pub fn manual(start: Timestamp) -> Self {
        Self(Arc::new(Source::Manual {
            wall: AtomicI64::new(start.as_micros()),
            monotonic: AtomicU64::new(0),
        }))
    }

    /// Both clocks; one reading of the machine.
    pub fn now(&self) -> Now {
        match &*self.0 {
            Source::System { epoch, offset } => {
                let elapsed = saturating_micros(epoch.elapsed());
                let wall = offset
                    .load(Ordering::Relaxed)
                    .saturating_add_unsigned(elapsed);
                Now { wall: Timestamp(wall), monotonic: Monotonic(elapsed) }
            }
            Source::Manual { wall, monotonic } => Now {
                wall: Timestamp(wall.load(Ordering::SeqCst)),
                monotonic: Monotonic(monotonic.load(Ordering::SeqCst)),
            },
        }
    }

    /// The wall clock.
    pub fn wall(&self) -> Timestamp {
        self.now().wall
    }

    /// Follows a step that the machine's wall clock made meanwhile.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the machine's clock")]
    pub fn resync(&self) {
        if let Source::System { epoch, offset } = &*self.0 {
            let elapsed = saturating_micros(epoch.elapsed());
            let wall = match SystemTime::now().duration_since(UNIX_EPOCH) {
                Ok(since) => micros(since),
                Err(before) => -micros(before.duration()),
            };
            offset.store(wall.saturating_sub_unsigned(elapsed), Ordering::Relaxed);
        }
    }

    /// Moves a manual clock forward, both hands.
    ///
    /// # Panics
    ///
    /// On the machine's clock, which is not ours to move.
    pub fn advance(&self, by: Duration) {
        let Source::Manual { wall, monotonic } = &*self.0 else {
            panic!("the machine's clock can't be moved: make one with Clock::manual");
        };
        wall.fetch_add(micros(by), Ordering::SeqCst);
        monotonic.fetch_add(saturating_micros(by), Ordering::SeqCst);
    }

    /// Sets the wall hand of a manual clock, as an operator's mistake would.
    ///
    /// # Panics
    ///
    /// On the machine's clock, which is not ours to set.
    pub fn step_wall_to(&self, to: Timestamp) {
        let Source::Manual { wall, .. } = &*self.0 else {
            panic!("the machine's clock can't be set: make one with Clock::manual");
        };
        wall.store(to.as_micros(), Ordering::SeqCst);
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

fn saturating_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_away_from_the_client() {
        assert_eq!(Timestamp::from_micros(1_000_001).ceil_secs(), 2);
        assert_eq!(Timestamp::from_micros(1_000_000).ceil_secs(), 1);
        assert_eq!(Timestamp::from_micros(-1).floor_secs(), -1);
        assert_eq!(Timestamp::from_micros(-1).ceil_secs(), 0);
    }

    #[test]
    fn arithmetic_saturates() {
        let late = Timestamp::from_micros(i64::MAX - 1);
        assert_eq!(late.after(Duration::MAX), Timestamp::from_micros(i64::MAX));
        assert_eq!(Timestamp::EPOCH.since(late), Duration::ZERO);
        assert_eq!(Monotonic::NEVER.after(Duration::MAX), Monotonic::NEVER);
    }

    #[test]
    fn prints_rfc_3339() {
        assert_eq!(Timestamp::from_secs(1_795_284_720).to_string(), "2026-11-21T18:12:00Z");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "it is compared with the machine's clock")]
    fn one_reading_follows_the_wall_clock() {
        let clock = Clock::system();
        let machine = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("after 1970");
        let difference = clock.wall().as_micros() - micros(machine);
        assert!(difference.abs() < 1_000_000, "{difference} microseconds apart");
    }
}
