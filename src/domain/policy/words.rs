//! Lockout policies in words: `balanced`, `balanced max_attempts=10`, `off`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{InvalidPolicy, LockoutPolicy};
use crate::domain::length::{read_length, spell_length};
use crate::domain::lock::LiveSessions;

/// A policy that has a name.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Preset {
    /// Nobody is locked out, and nothing is counted.
    Off,
    /// 5 failures in 15 minutes lock for 5 minutes, doubling to at most 1 hour.
    #[default]
    Balanced,
    /// 20 failures in 30 minutes lock for 30 minutes.
    OpenProject,
    /// 10 failures lock for 1 hour; failures don't age.
    Clerk,
    /// 5 failures lock for 5 minutes, doubling to at most 24 hours; failures
    /// don't age.
    Wso2,
}

impl Preset {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Off, Self::Balanced, Self::OpenProject, Self::Clerk, Self::Wso2];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Balanced => "balanced",
            Self::OpenProject => "openproject",
            Self::Clerk => "clerk",
            Self::Wso2 => "wso2",
        }
    }

    /// The preset of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|preset| preset.name() == name)
    }

    /// The parts that make it up; none for [`Preset::Off`].
    fn parts(self) -> Option<Parts> {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        let (max_attempts, window, lock_for, growth, longest) = match self {
            Self::Off => return None,
            Self::Balanced => (5, Some(15), 5, 2, 60),
            Self::OpenProject => (20, Some(30), 30, 1, 30),
            Self::Clerk => (10, None, 60, 1, 60),
            Self::Wso2 => (5, None, 5, 2, 24 * 60),
        };
        Some(Parts {
            max_attempts,
            window: window.map(minutes),
            lock_for: Some(minutes(lock_for)),
            growth,
            longest: minutes(longest),
            live_sessions: LiveSessions::Refuse,
        })
    }
}

/// A preset, and what differs from it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PolicyWords {
    /// What it begins with.
    pub preset: Preset,
    /// How many guesses reach the password check.
    pub max_attempts: Option<u32>,
    /// For how long a failure counts; `Some(None)`: for ever.
    pub window: Option<Option<Duration>>,
    /// How long a lockout lasts; `Some(None)`: until somebody unlocks.
    pub lock_for: Option<Option<Duration>>,
    /// How many times as long each further lockout lasts; 1: no growth.
    pub growth: Option<u32>,
    /// The longest that a lockout grows to.
    pub longest: Option<Duration>,
    /// What a lockout does to sessions that were signed in before it.
    pub live_sessions: Option<LiveSessions>,
}

impl PolicyWords {
    /// The policy that these words mean.
    ///
    /// # Errors
    ///
    /// If they contradict each other.
    pub fn build(&self) -> Result<LockoutPolicy, InvalidPolicy> {
        let Some(preset) = self.preset.parts() else {
            let alone = *self == Self { preset: Preset::Off, ..Self::default() };
            return if alone { Ok(LockoutPolicy::off()) } else { Err(InvalidPolicy::PartsOfOff) };
        };
        let lock_for = self.lock_for.unwrap_or(preset.lock_for);
        // A preset's growth ends with its own lock, unless the words ask for growth.
        let asked = self.growth.is_some() || self.longest.is_some();
        let growth = match lock_for {
            None if !asked => 1,
            _ => self.growth.unwrap_or(preset.growth),
        };
        let own = if self.lock_for.is_some() && self.longest.is_none() {
            preset.longest.max(lock_for.unwrap_or_default())
        } else {
            preset.longest
        };
        Parts {
            max_attempts: self.max_attempts.unwrap_or(preset.max_attempts),
            window: self.window.unwrap_or(preset.window),
            lock_for,
            growth,
            longest: self.longest.unwrap_or(own),
            live_sessions: self.live_sessions.unwrap_or(preset.live_sessions),
        }
        .build()
    }

    /// Sets one part by its name.
    fn set(&mut self, name: &str, value: &str) -> Result<(), UnknownWords> {
        let wrong = || UnknownWords { words: format!("{name}={value}") };
        let length = || read_length(value).ok_or_else(wrong);
        let number = || value.parse().map_err(|_| wrong());
        match name {
            "max_attempts" => self.max_attempts = Some(number()?),
            "window" if value == NO_WINDOW => self.window = Some(None),
            "window" => self.window = Some(Some(length()?)),
            "lock_for" if value == UNTIL_UNLOCKED => self.lock_for = Some(None),
            "lock_for" => self.lock_for = Some(Some(length()?)),
            "growth" => self.growth = Some(number()?),
            "longest" => self.longest = Some(length()?),
            "live_sessions" => {
                self.live_sessions = Some(live_sessions_named(value).ok_or_else(wrong)?);
            }
            _ => return Err(wrong()),
        }
        Ok(())
    }
}

/// For ever: failures don't age.
pub const NO_WINDOW: &str = "none";

/// A lockout that ends when somebody unlocks.
pub const UNTIL_UNLOCKED: &str = "until-unlocked";

/// What a lockout does to live sessions, by its name.
pub fn live_sessions_named(name: &str) -> Option<LiveSessions> {
    match name {
        "keep" => Some(LiveSessions::Keep),
        "refuse" => Some(LiveSessions::Refuse),
        _ => None,
    }
}

/// The name of what a lockout does to live sessions.
pub const fn live_sessions_name(live_sessions: LiveSessions) -> &'static str {
    match live_sessions {
        LiveSessions::Keep => "keep",
        LiveSessions::Refuse => "refuse",
    }
}

/// A policy's parts, none left out.
struct Parts {
    max_attempts: u32,
    window: Option<Duration>,
    lock_for: Option<Duration>,
    growth: u32,
    longest: Duration,
    live_sessions: LiveSessions,
}

impl Parts {
    fn build(self) -> Result<LockoutPolicy, InvalidPolicy> {
        let mut builder = LockoutPolicy::after(self.max_attempts).live_sessions(self.live_sessions);
        if let Some(window) = self.window {
            builder = builder.failures_within(window);
        }
        if let Some(lock_for) = self.lock_for {
            builder = builder.lasting(lock_for);
        }
        if self.growth != 1 {
            builder = builder.growing(self.growth, self.longest);
        }
        builder.build()
    }
}

/// Words that are no policy.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{words:?} is no part of a policy: write parts such as balanced or max_attempts=5")]
pub struct UnknownWords {
    words: String,
}

/// Why a text is no policy.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UnreadablePolicy {
    /// It is not understood.
    #[error(transparent)]
    Words(#[from] UnknownWords),
    /// It contradicts itself.
    #[error(transparent)]
    Contradiction(#[from] InvalidPolicy),
}

impl FromStr for PolicyWords {
    type Err = UnknownWords;

    fn from_str(text: &str) -> Result<Self, UnknownWords> {
        let unknown = |words: &str| UnknownWords { words: words.to_owned() };
        let mut words = Self::default();
        let mut parts = text.split_whitespace().peekable();
        if parts.peek().is_none() {
            return Err(unknown(text));
        }
        if let Some(preset) = parts.peek().and_then(|word| Preset::named(word)) {
            words.preset = preset;
            parts.next();
        }
        for part in parts {
            let (name, value) = part.split_once('=').ok_or_else(|| unknown(part))?;
            words.set(name, value)?;
        }
        Ok(words)
    }
}

impl FromStr for LockoutPolicy {
    type Err = UnreadablePolicy;

    /// Reads a preset's name, the parts of a policy, or both. What is not said is
    /// as in the preset, or in `balanced`.
    fn from_str(text: &str) -> Result<Self, UnreadablePolicy> {
        let words: PolicyWords = text.parse()?;
        Ok(words.build()?)
    }
}

/// All of its parts, or the name of the preset that it is, as they are read.
impl fmt::Display for LockoutPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |preset: &Preset| {
            let words = PolicyWords { preset: *preset, ..PolicyWords::default() };
            words.build().as_ref() == Ok(self)
        };
        if let Some(preset) = Preset::ALL.iter().find(|preset| named(preset)) {
            return f.write_str(preset.name());
        }
        let Some(rules) = self.rules() else { return f.write_str(Preset::Off.name()) };
        write!(f, "max_attempts={}", rules.limit)?;
        match rules.window {
            Some(window) => write!(f, " window={}", spell_length(window))?,
            None => write!(f, " window={NO_WINDOW}")?,
        }
        match rules.lock_for {
            Some(lock_for) => write!(f, " lock_for={}", spell_length(lock_for))?,
            None => write!(f, " lock_for={UNTIL_UNLOCKED}")?,
        }
        match rules.growth {
            Some(growth) => {
                write!(f, " growth={} longest={}", growth.factor, spell_length(growth.cap))?;
            }
            None => f.write_str(" growth=1")?,
        }
        write!(f, " live_sessions={}", live_sessions_name(rules.live_sessions))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn policy(text: &str) -> LockoutPolicy {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn presets_are_what_they_are_named_after() {
        assert_eq!(policy("balanced"), LockoutPolicy::balanced());
        assert_eq!(policy("off"), LockoutPolicy::off());
        for preset in Preset::ALL {
            assert_eq!(policy(preset.name()).to_string(), preset.name());
        }
        let minutes = |text: &str, n| {
            let policy = policy(text);
            let rules = policy.rules().expect("it counts");
            rules.length_after(n).map(|length| length.as_secs() / 60)
        };
        assert_eq!([0, 1, 2].map(|n| minutes("openproject", n)), [30; 3].map(Some));
        assert_eq!([0, 1, 2].map(|n| minutes("wso2", n)), [5, 10, 20].map(Some));
        assert_eq!(policy("clerk").limit(), Some(10));
    }

    #[test]
    fn what_is_not_said_is_as_in_the_preset() {
        let ten = policy("max_attempts=10");
        assert_eq!(
            ten.to_string(),
            "max_attempts=10 window=15m lock_for=5m growth=2 longest=1h live_sessions=refuse"
        );
        assert_eq!(policy("balanced lock_for=until-unlocked").to_string(), {
            "max_attempts=5 window=15m lock_for=until-unlocked growth=1 live_sessions=refuse"
        });
        // A longer lock raises the cap that nobody spoke of.
        assert!(policy("lock_for=2h").to_string().contains("longest=2h"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let refused = |text: &str| text.parse::<LockoutPolicy>().expect_err(text).to_string();
        for text in ["", "strict", "max_attempts", "window=soon", "attempts=5", "growth=-1"] {
            assert!(refused(text).contains("is no part of a policy"), "{text}");
        }
        assert!(refused("off max_attempts=5").contains("`off`"));
        assert!(refused("max_attempts=0").contains("nobody could sign in"));
        assert!(refused("lock_for=2h longest=1h").contains("raise the cap"));
    }

    proptest! {
        /// Property: what is spelled is read as the same policy.
        #[test]
        fn a_spelled_policy_is_read_back(
            limit in 1..=1000u32,
            window in proptest::option::of(1..1_000_000u64),
            lock_for in proptest::option::of(1..1_000_000u64),
            growth in 2..100u32,
            keep in any::<bool>(),
        ) {
            let mut builder = LockoutPolicy::after(limit);
            if let Some(window) = window {
                builder = builder.failures_within(Duration::from_secs(window));
            }
            if let Some(lock_for) = lock_for {
                let lock_for = Duration::from_secs(lock_for);
                builder = builder.lasting(lock_for).growing(growth, lock_for * 2);
            }
            let live = if keep { LiveSessions::Keep } else { LiveSessions::Refuse };
            let built = builder.live_sessions(live).build().expect("a policy");
            prop_assert_eq!(policy(&built.to_string()), built);
        }

        /// Property: no text makes the reader panic, and what it reads it can spell.
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,60}|([a-z_]{0,12}=?[0-9a-z]{0,5} ?){0,5}") {
            if let Ok(policy) = text.parse::<LockoutPolicy>() {
                prop_assert_eq!(policy.to_string().parse(), Ok(policy));
            }
        }
    }
}
