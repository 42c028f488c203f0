//! The lockout policy, as values that can't contradict themselves.

mod words;

use std::num::NonZeroU32;
use std::time::Duration;

use crate::domain::lock::LiveSessions;

pub use self::words::{
    NO_WINDOW, PolicyWords, Preset, UNTIL_UNLOCKED, UnknownWords, UnreadablePolicy,
    live_sessions_name, live_sessions_named,
};

/// The most guesses a policy may allow before it locks.
pub const MAX_LIMIT: u32 = 1_000;

/// How failed sign-ins lock an account.
///
/// ```
/// use std::time::Duration;
/// use portcullis::LockoutPolicy;
///
/// # fn main() -> Result<(), portcullis::InvalidPolicy> {
/// let policy = LockoutPolicy::after(5)
///     .failures_within(Duration::from_secs(15 * 60))
///     .lasting(Duration::from_secs(3600))
///     .build()?;
/// assert_eq!(policy.limit(), Some(5));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LockoutPolicy(Option<Rules>);

impl LockoutPolicy {
    /// Nobody is ever locked out, and nothing is counted.
    pub const fn off() -> Self {
        Self(None)
    }

    /// Five failures in 15 minutes lock for 5 minutes; each further lockout
    /// lasts twice as long, at most an hour. The default.
    pub fn balanced() -> Self {
        Self(Some(Rules {
            limit: const { NonZeroU32::new(5).unwrap() },
            window: Some(Duration::from_secs(15 * 60)),
            lock_for: Some(Duration::from_secs(5 * 60)),
            growth: Some(Growth { factor: 2, cap: Duration::from_secs(3600) }),
            live_sessions: LiveSessions::Refuse,
        }))
    }

    /// Starts a policy that lets this many guesses reach the password check.
    ///
    /// Without further words the failures never age and the lock lasts until
    /// somebody unlocks.
    pub const fn after(limit: u32) -> LockoutPolicyBuilder {
        LockoutPolicyBuilder {
            limit,
            window: None,
            lock_for: None,
            growth: None,
            live_sessions: LiveSessions::Refuse,
        }
    }

    /// How many guesses reach the password check; none: all of them.
    pub fn limit(&self) -> Option<u32> {
        self.0.as_ref().map(|rules| rules.limit.get())
    }

    pub(crate) const fn rules(&self) -> Option<&Rules> {
        self.0.as_ref()
    }
}

impl Default for LockoutPolicy {
    fn default() -> Self {
        Self::balanced()
    }
}

/// Collects the words of a [`LockoutPolicy`].
#[derive(Clone, Debug)]
#[must_use = "a policy is made by build"]
pub struct LockoutPolicyBuilder {
    limit: u32,
    window: Option<Duration>,
    lock_for: Option<Duration>,
    growth: Option<Growth>,
    live_sessions: LiveSessions,
}

impl LockoutPolicyBuilder {
    /// A failure exactly this old no longer counts.
    pub const fn failures_within(mut self, window: Duration) -> Self {
        self.window = Some(window);
        self
    }

    /// A lockout ends by itself after this long.
    pub const fn lasting(mut self, lock_for: Duration) -> Self {
        self.lock_for = Some(lock_for);
        self
    }

    /// Each lockout without a sign-in in between lasts `factor` times as long
    /// as the one before, at most `cap`.
    pub const fn growing(mut self, factor: u32, cap: Duration) -> Self {
        self.growth = Some(Growth { factor, cap });
        self
    }

    /// What a lockout does to sessions that were signed in before it.
    pub const fn live_sessions(mut self, live_sessions: LiveSessions) -> Self {
        self.live_sessions = live_sessions;
        self
    }

    /// The policy.
    ///
    /// # Errors
    ///
    /// If its words contradict each other, or one of them is zero.
    pub fn build(self) -> Result<LockoutPolicy, InvalidPolicy> {
        let limit = NonZeroU32::new(self.limit).ok_or(InvalidPolicy::NoLimit)?;
        if self.limit > MAX_LIMIT {
            return Err(InvalidPolicy::LimitTooHigh { limit: self.limit });
        }
        if self.window.is_some_and(|window| window < SECOND) {
            return Err(InvalidPolicy::WindowTooShort);
        }
        if self.lock_for.is_some_and(|lock_for| lock_for < SECOND) {
            return Err(InvalidPolicy::LockTooShort);
        }
        if let Some(growth) = self.growth {
            let lock_for = self.lock_for.ok_or(InvalidPolicy::GrowthOfEndless)?;
            if growth.factor < 2 {
                return Err(InvalidPolicy::NoGrowth);
            }
            if growth.cap < lock_for {
                return Err(InvalidPolicy::CapBelowLock);
            }
        }
        let Self { window, lock_for, growth, live_sessions, .. } = self;
        Ok(LockoutPolicy(Some(Rules { limit, window, lock_for, growth, live_sessions })))
    }
}

const SECOND: Duration = Duration::from_secs(1);

/// Why the words of a policy don't make one; each names the settings and the mend.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPolicy {
    /// The cap would shorten the first lockout.
    #[error("the growth's cap is shorter than the lock itself: raise the cap or shorten `lasting`")]
    CapBelowLock,
    /// What lasts until somebody unlocks can't grow.
    #[error("a lock until unlocked can't grow: give `lasting` or leave `growing` out")]
    GrowthOfEndless,
    /// More guesses than any lock could still be about.
    #[error("the limit is {limit}, and at most {MAX_LIMIT}: lower it, or switch lockouts `off`")]
    LimitTooHigh {
        /// What was asked for.
        limit: u32,
    },
    /// A lock of no length does not lock.
    #[error("`lasting` is under a second: lengthen it, or switch lockouts `off`")]
    LockTooShort,
    /// Growth by less than two is none.
    #[error("the growth's factor is less than 2: raise it or leave `growing` out")]
    NoGrowth,
    /// No guess would ever reach the password check.
    #[error("the limit is 0, so nobody could sign in: raise it, or switch lockouts `off`")]
    NoLimit,
    /// What is off has no parts.
    #[error("`off` counts nothing, so it has no parts: leave them out, or begin with a preset")]
    PartsOfOff,
    /// A window of no length counts nothing.
    #[error("`failures_within` is under a second: lengthen it or leave it out")]
    WindowTooShort,
}

/// A policy that counts, checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Rules {
    pub(crate) limit: NonZeroU32,
    pub(crate) window: Option<Duration>,
    pub(crate) lock_for: Option<Duration>,
    pub(crate) growth: Option<Growth>,
    pub(crate) live_sessions: LiveSessions,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Growth {
    factor: u32,
    cap: Duration,
}

impl Rules {
    pub(crate) const fn limit(&self) -> usize {
        self.limit.get() as usize
    }

    /// How long the lockout after `earlier` others in a row lasts.
    pub(crate) fn length_after(&self, earlier: u32) -> Option<Duration> {
        let lock_for = self.lock_for?;
        let Some(Growth { factor, cap }) = self.growth else { return Some(lock_for) };
        let factor = factor.saturating_pow(earlier);
        Some(lock_for.saturating_mul(factor).min(cap))
    }

    /// How long nothing must have happened until a row of lockouts is forgotten.
    ///
    /// As long as the longest lockout, and no shorter than the window.
    pub(crate) fn streak_lasts(&self) -> Option<Duration> {
        let longest = self
            .growth
            .map_or(self.lock_for, |growth| Some(growth.cap))?;
        Some(longest.max(self.window?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn contradictions_do_not_build() {
        use InvalidPolicy as E;
        let of = |builder: LockoutPolicyBuilder| builder.build().expect_err("contradicts itself");
        let five = || LockoutPolicy::after(5);
        assert_eq!(of(LockoutPolicy::after(0)), E::NoLimit);
        assert_eq!(of(LockoutPolicy::after(1_001)), E::LimitTooHigh { limit: 1_001 });
        assert_eq!(of(five().failures_within(secs(0))), E::WindowTooShort);
        assert_eq!(of(five().lasting(secs(0))), E::LockTooShort);
        assert_eq!(of(five().growing(2, secs(60))), E::GrowthOfEndless);
        assert_eq!(of(five().lasting(secs(60)).growing(1, secs(60))), E::NoGrowth);
        assert_eq!(of(five().lasting(secs(60)).growing(2, secs(59))), E::CapBelowLock);
    }

    #[test]
    fn every_mend_is_right_for_settings_and_code() {
        for limit in [0, 1_001] {
            let words = LockoutPolicy::after(limit).build().expect_err("no limit");
            let words = words.to_string();
            assert!(words.ends_with("switch lockouts `off`") && !words.contains("::"), "{words}");
        }
    }

    #[test]
    fn lockouts_double_up_to_the_cap_and_never_overflow() {
        let policy = LockoutPolicy::balanced();
        let rules = policy.rules().expect("it counts");
        let minutes = |n| rules.length_after(n).map(|length| length.as_secs() / 60);
        let row: Vec<_> = (0..6).map(minutes).collect();
        assert_eq!(row, [5, 10, 20, 40, 60, 60].map(Some));
        assert_eq!(minutes(u32::MAX), Some(60));
    }

    #[test]
    fn the_default_is_a_policy_that_builds() {
        let built = LockoutPolicy::after(5)
            .failures_within(secs(900))
            .lasting(secs(300))
            .growing(2, secs(3600))
            .build();
        assert_eq!(built, Ok(LockoutPolicy::default()));
    }
}
