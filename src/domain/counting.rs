//! How one counter of failed attempts counts, and what it does when it is full.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::domain::lock::LiveSessions;

/// The most guesses that a counter may allow before it locks.
pub const MAX_LIMIT: u32 = 1_000;

/// The most consecutive failures that a ceiling may allow.
pub const MAX_CEILING: u32 = 1_000_000;

/// The most steps that lockouts may grow in.
pub const MAX_STEPS: usize = 32;

const SECOND: Duration = Duration::from_secs(1);

/// For how long a failure counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "each is a rule of its own")]
pub enum Window {
    /// For ever.
    Endless,
    /// All are forgotten once the last of them is exactly this old.
    SinceLast(Duration),
    /// Each by itself, until it is exactly this old.
    Sliding(Duration),
}

impl Window {
    /// How long it is, where it ends.
    pub const fn length(self) -> Option<Duration> {
        match self {
            Self::Endless => None,
            Self::SinceLast(length) | Self::Sliding(length) => Some(length),
        }
    }
}

/// How the lockouts of a row grow.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "each is a rule of its own")]
pub enum Growth {
    /// Each lasts this many times as long as the one before, at most `cap`.
    Factor {
        /// At least 2.
        factor: u32,
        /// None: without an end.
        cap: Option<Duration>,
    },
    /// All last the same.
    None,
    /// The first lasts the first of these, the second the second; the last one
    /// repeats.
    Steps(Vec<Duration>),
}

/// How long lockouts last.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Lasting {
    Timed {
        first: Duration,
        growth: Growth,
        /// So many timed ones in a row, and then one until somebody unlocks.
        permanent_after: Option<NonZeroU32>,
    },
    UntilUnlocked,
}

/// Describes how one counter counts: after how many failures it locks, for how
/// long a failure counts, how long a lockout lasts.
///
/// Without further words failures count for ever and the lockout lasts until
/// somebody unlocks.
///
/// ```
/// use std::time::Duration;
/// use portcullis::domain::counting::Counting;
///
/// let minutes = |n: u64| Duration::from_secs(60 * n);
/// let address = Counting::after(100).failures_within(minutes(15)).lasting(minutes(15));
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use = "it does nothing until a policy is built with it"]
pub struct Counting {
    limit: u32,
    window: Window,
    lock_for: Option<Duration>,
    growth: Growth,
    permanent_after: Option<u32>,
    ceiling: Option<u32>,
    /// Whether steps and a factor were both asked for.
    grows_twice: bool,
}

impl Counting {
    /// Lets this many guesses reach the password check.
    pub const fn after(limit: u32) -> Self {
        Self {
            limit,
            window: Window::Endless,
            lock_for: None,
            growth: Growth::None,
            permanent_after: None,
            ceiling: None,
            grows_twice: false,
        }
    }

    /// A failure exactly this old no longer counts.
    pub fn failures_within(self, window: Duration) -> Self {
        Self { window: Window::Sliding(window), ..self }
    }

    /// No failure counts any more once the last is exactly this old.
    pub fn failures_since_last(self, window: Duration) -> Self {
        Self { window: Window::SinceLast(window), ..self }
    }

    /// For how long a failure counts.
    pub fn window(self, window: Window) -> Self {
        Self { window, ..self }
    }

    /// A lockout ends by itself after this long.
    pub fn lasting(self, lock_for: Duration) -> Self {
        Self { lock_for: Some(lock_for), ..self }
    }

    /// Each lockout without a sign-in in between lasts `factor` times as long
    /// as the one before, at most `cap`; no cap: without an end.
    pub fn growing(self, factor: u32, cap: impl Into<Option<Duration>>) -> Self {
        self.growing_as(Growth::Factor { factor, cap: cap.into() })
    }

    /// Lockouts without a sign-in in between last these lengths, one after the
    /// other; the last one repeats. In the place of [`Counting::lasting`].
    pub fn lasting_in_steps(self, steps: impl Into<Vec<Duration>>) -> Self {
        self.growing_as(Growth::Steps(steps.into()))
    }

    fn growing_as(self, growth: Growth) -> Self {
        let grows_twice = self.growth != Growth::None;
        Self { growth, grows_twice, ..self }
    }

    /// After so many lockouts without a sign-in in between, the next lasts until
    /// somebody unlocks.
    pub fn permanent_after(self, lockouts: u32) -> Self {
        Self { permanent_after: Some(lockouts), ..self }
    }

    /// So many failures without a sign-in in between lock until somebody unlocks,
    /// however far apart they are.
    pub fn ceiling(self, failures: u32) -> Self {
        Self { ceiling: Some(failures), ..self }
    }

    /// The rules that these words make.
    pub(crate) fn build(self, extras: Extras) -> Result<CounterRules, Contradiction> {
        let limit = NonZeroU32::new(self.limit).ok_or(Contradiction::NoLimit)?;
        if self.limit > MAX_LIMIT {
            return Err(Contradiction::LimitTooHigh { limit: self.limit });
        }
        if self.window.length().is_some_and(|window| window < SECOND) {
            return Err(Contradiction::WindowTooShort);
        }
        if self.grows_twice {
            return Err(Contradiction::StepsAndGrowth);
        }
        let ceiling = self.ceiling_above(limit)?;
        let (window, lasting) = (self.window, self.lasting_of()?);
        Ok(CounterRules { limit, window, lasting, ceiling, extras })
    }

    fn ceiling_above(&self, limit: NonZeroU32) -> Result<Option<NonZeroU32>, Contradiction> {
        let Some(ceiling) = self.ceiling else { return Ok(None) };
        if ceiling > MAX_CEILING {
            return Err(Contradiction::CeilingTooHigh { ceiling });
        }
        let above = NonZeroU32::new(ceiling).filter(|ceiling| *ceiling > limit);
        let above = above.ok_or(Contradiction::CeilingBelowLimit { ceiling, limit: limit.get() });
        above.map(Some)
    }

    fn lasting_of(self) -> Result<Lasting, Contradiction> {
        let Some(first) = self.first()? else {
            return match (self.growth, self.permanent_after) {
                (Growth::None, None) => Ok(Lasting::UntilUnlocked),
                (Growth::None, Some(_)) => Err(Contradiction::PermanentOfEndless),
                _ => Err(Contradiction::GrowthOfEndless),
            };
        };
        if let Growth::Factor { factor, cap } = self.growth {
            if factor < 2 {
                return Err(Contradiction::NoGrowth);
            }
            if cap.is_some_and(|cap| cap < first) {
                return Err(Contradiction::CapBelowLock);
            }
        }
        let permanent_after = match self.permanent_after.map(NonZeroU32::new) {
            Some(None) => return Err(Contradiction::PermanentAtOnce),
            after => after.flatten(),
        };
        Ok(Lasting::Timed { first, growth: self.growth, permanent_after })
    }

    /// How long the first lockout lasts; none: until somebody unlocks.
    fn first(&self) -> Result<Option<Duration>, Contradiction> {
        let first = match (&self.growth, self.lock_for) {
            (Growth::Steps(steps), lock_for) => Some(first_step(steps, lock_for)?),
            (_, lock_for) => lock_for,
        };
        match first {
            Some(first) if first < SECOND => Err(Contradiction::LockTooShort),
            first => Ok(first),
        }
    }
}

fn first_step(steps: &[Duration], lock_for: Option<Duration>) -> Result<Duration, Contradiction> {
    let first = *steps.first().ok_or(Contradiction::NoSteps)?;
    if steps.len() > MAX_STEPS {
        return Err(Contradiction::TooManySteps { steps: steps.len() });
    }
    if steps.iter().any(|step| *step < SECOND) {
        return Err(Contradiction::LockTooShort);
    }
    match lock_for {
        Some(lock_for) if lock_for != first => Err(Contradiction::StepsAndLock),
        _ => Ok(first),
    }
}

/// Why words about a counter contradict each other; each names the settings and
/// the mend.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Contradiction {
    /// The cap would shorten the first lockout.
    #[error(
        "the longest lockout (`longest`) is shorter than the first (`lock_for`): raise the cap or \
         shorten the lock"
    )]
    CapBelowLock,
    /// The ordinary lockout would never come.
    #[error(
        "the `ceiling` is {ceiling}, and `max_attempts` is {limit}, so it locks before a lockout \
         would: raise the ceiling, or lock until unlocked and leave it out"
    )]
    CeilingBelowLimit {
        /// What was asked for.
        ceiling: u32,
        /// The guesses before a lockout.
        limit: u32,
    },
    /// No guesser would ever get there.
    #[error("the `ceiling` is {ceiling}, and at most {MAX_CEILING}: lower it or leave it out")]
    CeilingTooHigh {
        /// What was asked for.
        ceiling: u32,
    },
    /// What lasts until somebody unlocks can't grow.
    #[error(
        "a lockout until unlocked (`lock_for`) can't grow: give it a length, or leave `growth`, \
         `longest` and `steps` out"
    )]
    GrowthOfEndless,
    /// More guesses than any lock could still be about.
    #[error(
        "`max_attempts` is {limit}, and at most {MAX_LIMIT}: lower it, or switch lockouts `off`"
    )]
    LimitTooHigh {
        /// What was asked for.
        limit: u32,
    },
    /// A lock of no length does not lock.
    #[error("a lockout (`lock_for`) is under a second: lengthen it, or switch lockouts `off`")]
    LockTooShort,
    /// Growth by less than two is none.
    #[error("the `growth` is less than 2: raise it or leave it out")]
    NoGrowth,
    /// No guess would ever reach the password check.
    #[error("`max_attempts` is 0, so nobody could sign in: raise it, or switch lockouts `off`")]
    NoLimit,
    /// Steps without a step.
    #[error("there are no `steps`: write at least one, or leave them out")]
    NoSteps,
    /// After no lockout at all.
    #[error(
        "`permanent_after` is 0, so the first lockout is until unlocked already: set `lock_for` to \
         that, or raise it"
    )]
    PermanentAtOnce,
    /// What lasts until somebody unlocks is permanent from the first on.
    #[error(
        "lockouts are until unlocked (`lock_for`) from the first on, so `permanent_after` has \
         nothing to say: give `lock_for` a length, or leave it out"
    )]
    PermanentOfEndless,
    /// Two ways to grow.
    #[error("there are `steps` and a `growth`: leave one of them out")]
    StepsAndGrowth,
    /// Two first lengths.
    #[error("the first of the `steps` is not `lock_for`: leave `lock_for` out")]
    StepsAndLock,
    /// More steps than anybody reads.
    #[error("there are {steps} `steps`, and at most {MAX_STEPS}: the last one repeats by itself")]
    TooManySteps {
        /// How many.
        steps: usize,
    },
    /// A window of no length counts nothing.
    #[error("the `window` is under a second: lengthen it or leave it out")]
    WindowTooShort,
}

/// What a policy says of all of its counters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Extras {
    pub(crate) live_sessions: LiveSessions,
    /// How many wrong passwords of one source are remembered.
    pub(crate) remembered: u8,
}

/// How one counter counts, checked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CounterRules {
    limit: NonZeroU32,
    window: Window,
    lasting: Lasting,
    ceiling: Option<NonZeroU32>,
    extras: Extras,
}

impl CounterRules {
    /// How many guesses reach the password check.
    pub const fn limit(&self) -> u32 {
        self.limit.get()
    }

    /// For how long a failure counts.
    pub const fn window(&self) -> Window {
        self.window
    }

    /// How many consecutive failures lock until somebody unlocks.
    pub fn ceiling(&self) -> Option<u32> {
        self.ceiling.map(NonZeroU32::get)
    }

    /// After how many lockouts in a row the next lasts until somebody unlocks.
    pub fn permanent_after(&self) -> Option<u32> {
        match &self.lasting {
            Lasting::Timed { permanent_after, .. } => permanent_after.map(NonZeroU32::get),
            Lasting::UntilUnlocked => Some(0),
        }
    }

    /// How long the lockout after `earlier` others in a row lasts; none: until
    /// somebody unlocks.
    pub fn length_after(&self, earlier: u32) -> Option<Duration> {
        let Lasting::Timed { first, growth, permanent_after } = &self.lasting else { return None };
        if permanent_after.is_some_and(|most| earlier >= most.get()) {
            return None;
        }
        Some(match growth {
            Growth::None => *first,
            Growth::Factor { factor, cap } => {
                let times = factor.checked_pow(earlier);
                let grown = times
                    .and_then(|times| first.checked_mul(times))
                    .unwrap_or(Duration::MAX);
                cap.map_or(grown, |cap| grown.min(cap))
            }
            Growth::Steps(steps) => {
                let at = usize::try_from(earlier).unwrap_or(usize::MAX);
                *steps.get(at).or(steps.last()).unwrap_or(first)
            }
        })
    }

    /// How lockouts grow; none where they last until somebody unlocks.
    pub const fn growth(&self) -> Option<&Growth> {
        match &self.lasting {
            Lasting::Timed { growth, .. } => Some(growth),
            Lasting::UntilUnlocked => None,
        }
    }

    /// How long nothing must have happened until a row of lockouts is forgotten:
    /// as long as the longest lockout, and no shorter than the window. None: only
    /// a sign-in or an unlock ends the row.
    pub fn streak_lasts(&self) -> Option<Duration> {
        let Lasting::Timed { first, growth, permanent_after: None } = &self.lasting else {
            return None;
        };
        let longest = match growth {
            Growth::None => *first,
            Growth::Factor { cap, .. } => (*cap)?,
            Growth::Steps(steps) => steps.iter().copied().max().unwrap_or(*first),
        };
        Some(longest.max(self.window.length()?))
    }

    pub(crate) const fn live_sessions(&self) -> LiveSessions {
        self.extras.live_sessions
    }

    pub(crate) const fn remembered(&self) -> usize {
        self.extras.remembered as usize
    }

    /// The same for a known device: what locks until somebody unlocks is for
    /// strangers.
    pub(crate) fn of_known_device(&self) -> Self {
        let mut rules = self.clone();
        rules.ceiling = None;
        if let Lasting::Timed { permanent_after, .. } = &mut rules.lasting {
            *permanent_after = None;
        }
        rules
    }

    /// The same for so many times as many sources.
    pub(crate) fn widened(&self, times: u32) -> Self {
        let limit = self
            .limit
            .saturating_mul(NonZeroU32::new(times).unwrap_or(NonZeroU32::MIN));
        Self { limit, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn build(counting: Counting) -> Result<CounterRules, Contradiction> {
        counting.build(Extras { live_sessions: LiveSessions::Refuse, remembered: 0 })
    }

    fn lengths(counting: Counting) -> Vec<Option<u64>> {
        let rules = build(counting).expect("rules");
        let length = |n| rules.length_after(n).map(|length| length.as_secs());
        (0..5).map(length).collect()
    }

    #[test]
    fn contradictions_do_not_build() {
        use Contradiction as E;
        let of = |counting| build(counting).expect_err("contradicts itself");
        let five = || Counting::after(5);
        let timed = || five().lasting(secs(60));
        assert_eq!(of(Counting::after(0)), E::NoLimit);
        assert_eq!(of(Counting::after(1_001)), E::LimitTooHigh { limit: 1_001 });
        assert_eq!(of(five().failures_within(secs(0))), E::WindowTooShort);
        assert_eq!(of(five().failures_since_last(Duration::from_millis(999))), E::WindowTooShort);
        assert_eq!(of(five().lasting(secs(0))), E::LockTooShort);
        assert_eq!(of(five().growing(2, secs(60))), E::GrowthOfEndless);
        assert_eq!(of(timed().growing(1, secs(60))), E::NoGrowth);
        assert_eq!(of(timed().growing(2, secs(59))), E::CapBelowLock);
        assert_eq!(of(five().lasting_in_steps([])), E::NoSteps);
        assert_eq!(of(five().lasting_in_steps([secs(9), secs(0)])), E::LockTooShort);
        assert_eq!(of(timed().lasting_in_steps([secs(9)])), E::StepsAndLock);
        assert_eq!(of(five().lasting_in_steps([secs(9)]).growing(2, None)), E::StepsAndGrowth);
        assert_eq!(of(five().lasting_in_steps([secs(9); 33])), E::TooManySteps { steps: 33 });
        assert_eq!(of(five().permanent_after(3)), E::PermanentOfEndless);
        assert_eq!(of(timed().permanent_after(0)), E::PermanentAtOnce);
        assert_eq!(of(timed().ceiling(5)), E::CeilingBelowLimit { ceiling: 5, limit: 5 });
        assert_eq!(of(timed().ceiling(0)), E::CeilingBelowLimit { ceiling: 0, limit: 5 });
        assert_eq!(of(timed().ceiling(2_000_000)), E::CeilingTooHigh { ceiling: 2_000_000 });
    }

    #[test]
    fn every_mend_is_right_for_settings_and_code() {
        for limit in [0, 1_001] {
            let words = build(Counting::after(limit))
                .expect_err("no limit")
                .to_string();
            assert!(words.ends_with("switch lockouts `off`") && !words.contains("::"), "{words}");
        }
    }

    #[test]
    fn lockouts_last_as_their_growth_says() {
        let minute = || Counting::after(5).lasting(secs(60));
        assert_eq!(lengths(minute()), [Some(60); 5]);
        assert_eq!(lengths(minute().growing(3, secs(600))), [60, 180, 540, 600, 600].map(Some));
        assert_eq!(lengths(minute().growing(10, None))[4], Some(600_000));
        let steps = Counting::after(5).lasting_in_steps([secs(60), secs(900), secs(300)]);
        assert_eq!(lengths(steps), [60, 900, 300, 300, 300].map(Some));
        let then_for_ever = minute().permanent_after(2);
        assert_eq!(lengths(then_for_ever), [Some(60), Some(60), None, None, None]);
        assert_eq!(lengths(Counting::after(5)), [None; 5]);
    }

    #[test]
    fn lengths_saturate() {
        let rules = build(Counting::after(1).lasting(secs(60)).growing(u32::MAX, None));
        let rules = rules.expect("rules");
        assert!(
            rules
                .length_after(u32::MAX)
                .is_some_and(|length| length > secs(1 << 40))
        );
    }

    #[test]
    fn a_row_is_forgotten_only_where_nothing_in_it_is_for_ever() {
        let base = || {
            Counting::after(5)
                .failures_within(secs(900))
                .lasting(secs(300))
        };
        let lasts = |counting| build(counting).expect("rules").streak_lasts();
        assert_eq!(lasts(base()), Some(secs(900)));
        assert_eq!(lasts(base().growing(2, secs(3600))), Some(secs(3600)));
        assert_eq!(lasts(base().growing(2, None)), None);
        assert_eq!(lasts(base().permanent_after(3)), None);
        assert_eq!(lasts(Counting::after(5).lasting(secs(300))), None);
        let steps = Counting::after(5).failures_within(secs(60));
        assert_eq!(lasts(steps.lasting_in_steps([secs(90), secs(70)])), Some(secs(90)));
    }

    #[test]
    fn known_devices_are_never_locked_for_ever() {
        let rules = build(
            Counting::after(5)
                .lasting(secs(60))
                .permanent_after(1)
                .ceiling(9),
        );
        let device = rules.expect("rules").of_known_device();
        assert_eq!((device.ceiling(), device.length_after(7)), (None, Some(secs(60))));
    }
}
