//! Lockout policies in words: `balanced`, `balanced max_attempts=10`, `off`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

use super::{Counters, Enforcement, InvalidPolicy, LockoutPolicy, PolicyKey, Preset};
use crate::domain::counting::{CounterRules, Counting, Growth, Window};
use crate::domain::length::spell_length;
use crate::domain::lock::LiveSessions;

/// For ever: failures don't age.
pub const NO_WINDOW: &str = "none";

/// A lockout that ends when somebody unlocks.
pub const UNTIL_UNLOCKED: &str = "until-unlocked";

/// No lockout of a row lasts until somebody unlocks.
pub const NEVER: &str = "never";

/// Consecutive failures have no ceiling, or lockouts no longest length.
pub const NO_CEILING: &str = "none";

/// How a window lets failures go.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "each or all")]
pub enum WindowKind {
    /// Each by itself.
    #[default]
    Sliding,
    /// All at once, when the last is old enough.
    SinceLast,
}

impl WindowKind {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sliding => "sliding",
            Self::SinceLast => "since-last",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Sliding, Self::SinceLast]
            .into_iter()
            .find(|kind| kind.name() == name)
    }

    pub(super) const fn of(window: Window) -> Self {
        match window {
            Window::SinceLast(_) => Self::SinceLast,
            Window::Endless | Window::Sliding(_) => Self::Sliding,
        }
    }
}

/// What differs from a preset in how one counter counts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct CounterWords {
    /// Whether it counts.
    pub count: Option<bool>,
    /// How many guesses reach the password check.
    pub max_attempts: Option<u32>,
    /// For how long a failure counts; `Some(None)`: for ever.
    pub window: Option<Option<Duration>>,
    /// Whether failures age each by itself.
    pub window_kind: Option<WindowKind>,
    /// How long a lockout lasts; `Some(None)`: until somebody unlocks.
    pub lock_for: Option<Option<Duration>>,
    /// How many times as long each further lockout lasts; 1: no growth.
    pub growth: Option<u32>,
    /// The longest that a lockout grows to; `Some(None)`: without an end.
    pub longest: Option<Option<Duration>>,
    /// How long the first lockouts last, one after the other.
    pub steps: Option<Vec<Duration>>,
    /// After how many lockouts in a row the next lasts until somebody unlocks.
    pub permanent_after: Option<Option<u32>>,
    /// How many consecutive failures lock until somebody unlocks.
    pub ceiling: Option<Option<u32>>,
}

/// A preset, and what differs from it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PolicyWords {
    /// What it begins with.
    pub preset: Preset,
    /// How guesses are counted by account.
    pub account: CounterWords,
    /// How they are counted by account and address.
    pub account_at_address: CounterWords,
    /// How they are counted by address.
    pub address: CounterWords,
    /// The networks whose addresses don't count.
    pub exempt: Option<Vec<IpNet>>,
    /// Whether known devices have guesses of their own.
    pub known_devices: Option<bool>,
    /// How many wrong passwords of one source are remembered.
    pub remember_wrong: Option<u8>,
    /// What a lockout does to sessions that were signed in before it.
    pub live_sessions: Option<LiveSessions>,
    /// Whether lockouts refuse anybody.
    pub enforcement: Option<Enforcement>,
}

impl PolicyWords {
    /// The preset alone.
    pub fn of(preset: Preset) -> Self {
        Self { preset, ..Self::default() }
    }

    /// The policy that these words mean.
    ///
    /// # Errors
    ///
    /// If they contradict each other, or the rule that the preset stands for.
    pub fn build(&self) -> Result<LockoutPolicy, InvalidPolicy> {
        let policy = self.assemble()?;
        self.preset.stands_for(&policy)?;
        Ok(policy)
    }

    /// The same, whatever rule the preset stands for.
    pub(super) fn assemble(&self) -> Result<LockoutPolicy, InvalidPolicy> {
        let Some(preset) = self.preset.parts() else {
            let alone = *self == Self::of(Preset::Off);
            return if alone { Ok(LockoutPolicy::off()) } else { Err(InvalidPolicy::PartsOfOff) };
        };
        let of_account = preset.account.clone();
        Parts {
            account: self.account.over(preset.account, of_account.clone()),
            account_at_address: self
                .account_at_address
                .over(preset.account_at_address, of_account),
            address: self
                .address
                .over(preset.address, Some(Parts::any_address())),
            exempt: self.exempt.clone().unwrap_or(preset.exempt),
            known_devices: self.known_devices.unwrap_or(preset.known_devices),
            remembered: self.remember_wrong.unwrap_or(preset.remembered),
            live_sessions: self.live_sessions.unwrap_or(preset.live_sessions),
            enforcement: self.enforcement.unwrap_or(preset.enforcement),
        }
        .build()
    }
}

impl CounterWords {
    /// These words over what the preset says of this counter. Where it does not
    /// count there, words about it switch it on, over `else_from`.
    fn over(
        &self,
        preset: Option<CounterParts>,
        else_from: Option<CounterParts>,
    ) -> Option<CounterParts> {
        let wanted = self
            .count
            .unwrap_or(preset.is_some() || *self != Self::default());
        let base = preset.or(else_from).filter(|_| wanted)?;
        Some(self.merged(base))
    }

    fn merged(&self, base: CounterParts) -> CounterParts {
        let lock_for = match (&self.steps, self.lock_for) {
            (Some(_), None) => None,
            (_, said) => said.unwrap_or(base.lock_for),
        };
        // A preset's growth ends with its own lock, unless the words ask for growth.
        let asked = self.growth.is_some() || self.longest.is_some();
        let ends = (lock_for.is_none() || self.steps.is_some()) && !asked;
        let longest = match self.longest {
            Some(longest) => longest,
            // A longer lock raises the cap that nobody spoke of.
            None => base
                .longest
                .map(|longest| longest.max(lock_for.unwrap_or_default())),
        };
        CounterParts {
            max_attempts: self.max_attempts.unwrap_or(base.max_attempts),
            window: self.window_over(base.window),
            lock_for,
            growth: if ends { 1 } else { self.growth.unwrap_or(base.growth) },
            longest,
            steps: self.steps.clone().or(base.steps),
            permanent_after: self.permanent_after.unwrap_or(base.permanent_after),
            ceiling: self.ceiling.unwrap_or(base.ceiling),
        }
    }

    fn window_over(&self, base: Window) -> Window {
        let length = self.window.unwrap_or(base.length());
        let kind = self.window_kind.unwrap_or(WindowKind::of(base));
        match (length, kind) {
            (None, _) => Window::Endless,
            (Some(length), WindowKind::Sliding) => Window::Sliding(length),
            (Some(length), WindowKind::SinceLast) => Window::SinceLast(length),
        }
    }
}

/// A policy's parts, none left out.
pub(super) struct Parts {
    pub(super) account: Option<CounterParts>,
    pub(super) account_at_address: Option<CounterParts>,
    pub(super) address: Option<CounterParts>,
    pub(super) exempt: Vec<IpNet>,
    pub(super) known_devices: bool,
    pub(super) remembered: u8,
    pub(super) live_sessions: LiveSessions,
    pub(super) enforcement: Enforcement,
}

/// How one counter counts, nothing left out.
#[derive(Clone)]
pub(super) struct CounterParts {
    pub(super) max_attempts: u32,
    pub(super) window: Window,
    pub(super) lock_for: Option<Duration>,
    pub(super) growth: u32,
    pub(super) longest: Option<Duration>,
    pub(super) steps: Option<Vec<Duration>>,
    pub(super) permanent_after: Option<u32>,
    pub(super) ceiling: Option<u32>,
}

impl LockoutPolicy {
    /// The parts that make it up; none where it is off.
    pub(super) fn parts(&self) -> Option<Parts> {
        let counters = self.0.as_ref()?;
        let parts = |rules: &CounterRules| CounterParts::of(rules);
        Some(Parts {
            account: self.by_account().map(|rules| parts(rules)),
            account_at_address: self.by_account_at_address().map(|rules| parts(rules)),
            address: self.by_address().map(|rules| parts(rules)),
            exempt: counters.exempt.clone(),
            known_devices: counters.known_devices,
            remembered: counters.extras.remembered,
            live_sessions: counters.extras.live_sessions,
            enforcement: counters.enforcement,
        })
    }
}

impl Parts {
    /// The same, where every counter counts: one that does not begins as words about it
    /// would let it.
    pub(super) fn all_counted(self) -> Self {
        let pair = self.account_at_address.or_else(|| self.account.clone());
        let address = self.address.unwrap_or_else(Self::any_address);
        Self { account_at_address: pair, address: Some(address), ..self }
    }

    pub(super) fn build(self) -> Result<LockoutPolicy, InvalidPolicy> {
        let mut builder = LockoutPolicy::builder()
            .exempt(self.exempt)
            .known_devices(self.known_devices)
            .remembering(self.remembered)
            .live_sessions(self.live_sessions)
            .enforcement(self.enforcement);
        if let Some(parts) = self.account {
            builder = builder.by_account(parts.counting());
        }
        if let Some(parts) = self.account_at_address {
            builder = builder.by_account_at_address(parts.counting());
        }
        if let Some(parts) = self.address {
            builder = builder.by_address(parts.counting());
        }
        builder.build()
    }
}

impl CounterParts {
    fn of(rules: &CounterRules) -> Self {
        let (growth, longest, steps) = match rules.growth() {
            Some(Growth::Factor { factor, cap }) => (*factor, *cap, None),
            Some(Growth::Steps(steps)) => (1, None, Some(steps.to_vec())),
            Some(Growth::None) | None => (1, None, None),
        };
        Self {
            max_attempts: rules.limit(),
            window: rules.window(),
            lock_for: rules.length_after(0),
            growth,
            longest,
            steps,
            // What lasts until somebody unlocks has nothing to say of it.
            permanent_after: rules.growth().and(rules.permanent_after()),
            ceiling: rules.ceiling(),
        }
    }

    fn counting(self) -> Counting {
        let mut counting = Counting::after(self.max_attempts).window(self.window);
        if let Some(lock_for) = self.lock_for {
            counting = counting.lasting(lock_for);
        }
        if let Some(steps) = self.steps {
            counting = counting.lasting_in_steps(steps);
        }
        if self.growth != 1 {
            counting = counting.growing(self.growth, self.longest);
        }
        if let Some(lockouts) = self.permanent_after {
            counting = counting.permanent_after(lockouts);
        }
        if let Some(failures) = self.ceiling {
            counting = counting.ceiling(failures);
        }
        counting
    }
}

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

/// Whether lockouts refuse anybody, by its name.
pub fn enforcement_named(name: &str) -> Option<Enforcement> {
    match name {
        "lock" => Some(Enforcement::Lock),
        "monitor" => Some(Enforcement::Monitor),
        _ => None,
    }
}

/// The name of whether lockouts refuse anybody.
pub const fn enforcement_name(enforcement: Enforcement) -> &'static str {
    match enforcement {
        Enforcement::Lock => "lock",
        Enforcement::Monitor => "monitor",
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
            let pair = part.split_once('=');
            let set = pair.and_then(|(name, value)| words.set(PolicyKey::named(name)?, value));
            set.ok_or_else(|| unknown(part))?;
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
        let named = Preset::ALL.iter().find(|preset| preset.policy() == *self);
        match (named, &self.0) {
            (Some(preset), _) => f.write_str(preset.name()),
            (None, None) => f.write_str(Preset::Off.name()),
            (None, Some(counters)) => counters.spell(f),
        }
    }
}

impl Counters {
    fn spell(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        spell_counter(f, "", self.account.as_deref())?;
        if let Some(rules) = &self.account_at_address {
            spell_counter(f, "account_at_address.", Some(rules))?;
        }
        let address = self.address.as_ref().map(|budgets| &*budgets.0[0]);
        spell_counter(f, "address.", address)?;
        if !self.exempt.is_empty() {
            let networks: Vec<_> = self.exempt.iter().map(IpNet::to_string).collect();
            write!(f, "exempt={} ", networks.join(","))?;
        }
        if !self.known_devices {
            f.write_str("known_devices=off ")?;
        }
        write!(f, "remember_wrong={}", self.extras.remembered)?;
        write!(f, " live_sessions={}", live_sessions_name(self.extras.live_sessions))?;
        if self.enforcement == Enforcement::Monitor {
            f.write_str(" mode=monitor")?;
        }
        Ok(())
    }
}

fn spell_counter(
    f: &mut fmt::Formatter<'_>,
    of: &str,
    rules: Option<&CounterRules>,
) -> fmt::Result {
    let Some(rules) = rules else { return write!(f, "{of}count=off ") };
    let length =
        |length: Option<Duration>, word: &str| length.map_or_else(|| word.to_owned(), spell_length);
    write!(f, "{of}max_attempts={} ", rules.limit())?;
    write!(f, "{of}window={} ", length(rules.window().length(), NO_WINDOW))?;
    if WindowKind::of(rules.window()) == WindowKind::SinceLast {
        write!(f, "{of}window_kind={} ", WindowKind::SinceLast.name())?;
    }
    match rules.growth() {
        Some(Growth::Steps(steps)) => {
            let steps: Vec<_> = steps.iter().map(|step| spell_length(*step)).collect();
            write!(f, "{of}steps={} ", steps.join(","))?;
        }
        growth => {
            write!(f, "{of}lock_for={} ", length(rules.length_after(0), UNTIL_UNLOCKED))?;
            match growth {
                Some(Growth::Factor { factor, cap }) => {
                    let longest = length(*cap, NO_CEILING);
                    write!(f, "{of}growth={factor} {of}longest={longest} ")?;
                }
                _ => write!(f, "{of}growth=1 ")?,
            }
        }
    }
    if let (Some(_), Some(lockouts)) = (rules.growth(), rules.permanent_after()) {
        write!(f, "{of}permanent_after={lockouts} ")?;
    }
    match rules.ceiling() {
        Some(failures) => write!(f, "{of}ceiling={failures} "),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
