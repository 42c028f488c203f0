//! The parts of a policy by name, and what each says in a preset and in a policy.

use std::fmt;
use std::time::Duration;

use ipnet::IpNet;

use super::words::{
    CounterParts, CounterWords, NEVER, NO_CEILING, NO_WINDOW, Parts, PolicyWords, UNTIL_UNLOCKED,
    WindowKind, enforcement_name, enforcement_named, live_sessions_name, live_sessions_named,
};
use super::{LockoutPolicy, Preset};
use crate::domain::length::{read_length, spell_length};

/// A counter of a policy that has words of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "what is counted by")]
pub enum PolicyCounter {
    /// By account.
    Account,
    /// By account and address.
    AccountAtAddress,
    /// By address.
    Address,
}

impl PolicyCounter {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Account, Self::AccountAtAddress, Self::Address];
}

macro_rules! counter_keys {
    ($($(#[$doc:meta])* $key:ident = $name:literal,)*) => {
        /// What can be said of one counter.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        #[non_exhaustive]
        pub enum CounterKey {
            $($(#[$doc])* $key,)*
        }

        impl CounterKey {
            /// All of them, in the order in which they are read best.
            pub const ALL: &'static [Self] = &[$(Self::$key,)*];

            /// Its name within its counter.
            pub const fn name(self) -> &'static str {
                self.name_of(PolicyCounter::Account)
            }

            const fn name_of(self, counter: PolicyCounter) -> &'static str {
                match (self, counter) {
                    $(
                        (Self::$key, PolicyCounter::Account) => $name,
                        (Self::$key, PolicyCounter::AccountAtAddress) => {
                            concat!("account_at_address.", $name)
                        }
                        (Self::$key, PolicyCounter::Address) => concat!("address.", $name),
                    )*
                }
            }
        }
    };
}

counter_keys! {
    /// See [`CounterWords::count`].
    Count = "count",
    /// See [`CounterWords::max_attempts`].
    MaxAttempts = "max_attempts",
    /// See [`CounterWords::window`].
    Window = "window",
    /// See [`CounterWords::window_kind`].
    WindowKind = "window_kind",
    /// See [`CounterWords::lock_for`].
    LockFor = "lock_for",
    /// See [`CounterWords::growth`].
    Growth = "growth",
    /// See [`CounterWords::longest`].
    Longest = "longest",
    /// See [`CounterWords::steps`].
    Steps = "steps",
    /// See [`CounterWords::permanent_after`].
    PermanentAfter = "permanent_after",
    /// See [`CounterWords::ceiling`].
    Ceiling = "ceiling",
}

/// What can be said of a policy beside its preset.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PolicyKey {
    /// Of one counter.
    Of(PolicyCounter, CounterKey),
    /// See [`PolicyWords::exempt`].
    Exempt,
    /// See [`PolicyWords::known_devices`].
    KnownDevices,
    /// See [`PolicyWords::remember_wrong`].
    RememberWrong,
    /// See [`PolicyWords::live_sessions`].
    LiveSessions,
    /// See [`PolicyWords::enforcement`].
    Mode,
}

impl PolicyKey {
    /// Those that are of no counter.
    pub const COMMON: [Self; 5] =
        [Self::Mode, Self::LiveSessions, Self::KnownDevices, Self::RememberWrong, Self::Exempt];

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        let of = |counter| {
            CounterKey::ALL
                .iter()
                .map(move |key| Self::Of(counter, *key))
        };
        PolicyCounter::ALL
            .into_iter()
            .flat_map(of)
            .chain(Self::COMMON)
    }

    /// Its name, as it is written before its value.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Of(counter, key) => key.name_of(counter),
            Self::Exempt => "exempt",
            Self::KnownDevices => "known_devices",
            Self::RememberWrong => "remember_wrong",
            Self::LiveSessions => "live_sessions",
            Self::Mode => "mode",
        }
    }

    /// The key of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::all().find(|key| key.name() == name)
    }

    /// A text as the one word that says the same, if it is a value of this, whatever the
    /// rest of the policy says: `1h 30m` is `1h30m`.
    pub fn word(self, text: &str) -> Option<String> {
        let read = |text: &str| {
            let mut words = PolicyWords::default();
            words.set(self, text).map(|()| words)
        };
        let is_gap = |letter: char| letter == ',' || letter.is_whitespace();
        if self == Self::Exempt {
            let networks = text.split(is_gap).filter(|network| !network.is_empty());
            let word = joined(networks.map(str::to_owned));
            return read(&word).map(|_| word);
        }
        let word: String = text.split_whitespace().collect();
        (read(text.trim())? == read(&word)?).then_some(word)
    }
}

impl PolicyWords {
    /// Says one part; `None`: that is no value of it.
    pub(super) fn set(&mut self, key: PolicyKey, value: &str) -> Option<()> {
        match key {
            PolicyKey::Of(PolicyCounter::Account, key) => self.account.set(key, value)?,
            PolicyKey::Of(PolicyCounter::AccountAtAddress, key) => {
                self.account_at_address.set(key, value)?;
            }
            PolicyKey::Of(PolicyCounter::Address, key) => self.address.set(key, value)?,
            PolicyKey::Exempt => self.exempt = Some(read_networks(value)?),
            PolicyKey::KnownDevices => self.known_devices = Some(read_switch(value)?),
            PolicyKey::RememberWrong => self.remember_wrong = Some(value.parse().ok()?),
            PolicyKey::LiveSessions => self.live_sessions = Some(live_sessions_named(value)?),
            PolicyKey::Mode => self.enforcement = Some(enforcement_named(value)?),
        }
        Some(())
    }
}

impl CounterWords {
    fn set(&mut self, key: CounterKey, value: &str) -> Option<()> {
        let number = |text: &str| text.parse().ok();
        match key {
            CounterKey::Count => self.count = Some(read_switch(value)?),
            CounterKey::MaxAttempts => self.max_attempts = Some(value.parse().ok()?),
            CounterKey::Window => self.window = Some(or_word(value, NO_WINDOW, read_length)?),
            CounterKey::WindowKind => self.window_kind = Some(WindowKind::named(value)?),
            CounterKey::LockFor => {
                self.lock_for = Some(or_word(value, UNTIL_UNLOCKED, read_length)?);
            }
            CounterKey::Growth => self.growth = Some(value.parse().ok()?),
            CounterKey::Longest => self.longest = Some(or_word(value, NO_CEILING, read_length)?),
            CounterKey::Steps => {
                self.steps = Some(value.split(',').map(read_length).collect::<Option<_>>()?);
            }
            CounterKey::PermanentAfter => {
                self.permanent_after = Some(or_word(value, NEVER, number)?);
            }
            CounterKey::Ceiling => self.ceiling = Some(or_word(value, NO_CEILING, number)?),
        }
        Some(())
    }
}

fn read_switch(text: &str) -> Option<bool> {
    match text {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn or_word<T>(text: &str, word: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<Option<T>> {
    if text == word { Some(None) } else { read(text).map(Some) }
}

fn read_networks(text: &str) -> Option<Vec<IpNet>> {
    if text == NO_CEILING {
        return Some(Vec::new());
    }
    text.split(',')
        .map(|network| network.parse().ok())
        .collect()
}

impl Parts {
    /// What this part says, as it is read; none where it has nothing to say: of a counter
    /// that is off, of steps where there are none.
    fn says(&self, key: PolicyKey) -> Option<String> {
        let switch = |on| if on { "on" } else { "off" }.to_owned();
        Some(match key {
            PolicyKey::Of(counter, key) => {
                let parts = match counter {
                    PolicyCounter::Account => &self.account,
                    PolicyCounter::AccountAtAddress => &self.account_at_address,
                    PolicyCounter::Address => &self.address,
                };
                match (parts, key) {
                    (None, CounterKey::Count) => switch(false),
                    (parts, key) => return parts.as_ref()?.says(key),
                }
            }
            PolicyKey::Exempt => match &*self.exempt {
                [] => NO_CEILING.to_owned(),
                networks => joined(networks.iter().map(IpNet::to_string)),
            },
            PolicyKey::KnownDevices => switch(self.known_devices),
            PolicyKey::RememberWrong => self.remembered.to_string(),
            PolicyKey::LiveSessions => live_sessions_name(self.live_sessions).to_owned(),
            PolicyKey::Mode => enforcement_name(self.enforcement).to_owned(),
        })
    }
}

impl CounterParts {
    fn says(&self, key: CounterKey) -> Option<String> {
        let length = |length: Option<Duration>, word: &str| {
            length.map_or_else(|| word.to_owned(), spell_length)
        };
        let number = |number: Option<u32>, word: &str| {
            number.map_or_else(|| word.to_owned(), |number| number.to_string())
        };
        let grows = self.growth != 1;
        Some(match key {
            CounterKey::Count => "on".to_owned(),
            CounterKey::MaxAttempts => self.max_attempts.to_string(),
            CounterKey::Window => length(self.window.length(), NO_WINDOW),
            CounterKey::WindowKind => WindowKind::of(self.window).name().to_owned(),
            CounterKey::LockFor if self.steps.is_some() => return None,
            CounterKey::LockFor => length(self.lock_for, UNTIL_UNLOCKED),
            CounterKey::Growth => self.growth.to_string(),
            CounterKey::Longest if !grows => return None,
            CounterKey::Longest => length(self.longest, NO_CEILING),
            CounterKey::Steps => {
                let steps = self.steps.as_ref()?;
                joined(steps.iter().map(|step| spell_length(*step)))
            }
            CounterKey::PermanentAfter => number(self.permanent_after, NEVER),
            CounterKey::Ceiling => number(self.ceiling, NO_CEILING),
        })
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(",")
}

impl Preset {
    /// What it says of this part, as it is read, where it says anything. Of a counter that
    /// does not count in it: what that begins with once it is switched on.
    pub fn says(self, key: PolicyKey) -> Option<String> {
        let parts = self.parts()?;
        match key {
            PolicyKey::Of(_, CounterKey::Count) => parts.says(key),
            _ => parts.all_counted().says(key),
        }
    }
}

impl LockoutPolicy {
    /// What it says of this part, as it is read; none where that has nothing to say.
    pub fn says(&self, key: PolicyKey) -> Option<String> {
        self.parts()?.says(key)
    }

    /// The same policy as a preset and what differs from it: of all presets the one from
    /// which the least does.
    pub fn differences(&self) -> Differences {
        let counting = Preset::ALL
            .into_iter()
            .filter(|preset| *preset != Preset::Off);
        let mut all: Vec<_> = counting
            .filter_map(|preset| Differences::from(preset, self))
            .collect();
        all.sort_by_key(|found| found.parts.len());
        // A preset that stands for a rule is told only where the rule is kept.
        let mut kept = all
            .into_iter()
            .filter(|found| found.preset.stands_for(self).is_ok());
        kept.next()
            .unwrap_or(Differences { preset: Preset::Off, parts: Vec::new() })
    }
}

/// A preset, and what differs from it: as short as it can be said.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Differences {
    /// The preset.
    pub preset: Preset,
    /// What differs, with its values.
    pub parts: Vec<(PolicyKey, String)>,
}

impl Differences {
    /// What of this policy differs from this preset; none where nothing is counted.
    fn from(preset: Preset, policy: &LockoutPolicy) -> Option<Self> {
        let own = policy.parts()?;
        let differing = PolicyKey::all().filter_map(|key| {
            let says = own.says(key)?;
            (preset.says(key).as_ref() != Some(&says)).then_some((key, says))
        });
        let mut found = Self { preset, parts: differing.collect() };
        found.mean(policy).then_some(())?;
        // Some follow from others: a lockout until unlocked does not grow.
        let mut at = 0;
        while at < found.parts.len() {
            let mut fewer = found.clone();
            fewer.parts.remove(at);
            if fewer.mean(policy) {
                found = fewer;
            } else {
                at += 1;
            }
        }
        Some(found)
    }

    fn mean(&self, policy: &LockoutPolicy) -> bool {
        let mut words = PolicyWords::of(self.preset);
        let said = self
            .parts
            .iter()
            .all(|(key, value)| words.set(*key, value).is_some());
        said && words.assemble().as_ref() == Ok(policy)
    }
}

impl fmt::Display for Differences {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.preset.name())?;
        for (key, value) in &self.parts {
            write!(f, " {}={value}", key.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What can be said and has no key could not be chosen where policies are chosen part
    /// by part. A new field does not build here until it is counted.
    #[test]
    fn every_word_of_a_policy_has_a_key() {
        let PolicyWords {
            preset: _,
            account,
            account_at_address: _,
            address: _,
            exempt: _,
            known_devices: _,
            remember_wrong: _,
            live_sessions: _,
            enforcement: _,
        } = PolicyWords::default();
        let CounterWords {
            count: _,
            max_attempts: _,
            window: _,
            window_kind: _,
            lock_for: _,
            growth: _,
            longest: _,
            steps: _,
            permanent_after: _,
            ceiling: _,
        } = account;
        assert_eq!(CounterKey::ALL.len(), 10);
        assert_eq!(PolicyKey::COMMON.len(), 5);
        assert_eq!(PolicyKey::all().count(), 3 * 10 + 5);
        for key in PolicyKey::all() {
            assert_eq!(PolicyKey::named(key.name()), Some(key));
        }
    }

    /// What a preset says of a part is a value of that part, and changes nothing.
    #[test]
    fn what_a_preset_says_can_be_said() {
        for preset in Preset::ALL {
            for key in PolicyKey::all() {
                let Some(says) = preset.says(key) else { continue };
                assert!(
                    key.word(&says).as_ref() == Some(&says),
                    "{}: {}={says}",
                    preset.name(),
                    key.name()
                );
                let text = format!("{} {}={says}", preset.name(), key.name());
                let counted = preset.policy().says(key).is_some();
                let policy: LockoutPolicy = text.parse().expect(&text);
                assert_eq!(policy == preset.policy(), counted, "{text}");
            }
        }
    }

    #[test]
    fn a_value_is_one_word() {
        let word = |name: &str, text: &str| PolicyKey::named(name).expect(name).word(text);
        let is = |name: &str, text: &str, told: &str| {
            assert_eq!(word(name, text).as_deref(), Some(told), "{name}: {text:?}");
        };
        is("window", " 1h 30m ", "1h30m");
        is("address.steps", "1m, 5 min, 1h", "1m,5min,1h");
        is("exempt", "10.0.0.0/8\r\nfd00::/8, 192.0.2.7/32,", "10.0.0.0/8,fd00::/8,192.0.2.7/32");
        is("mode", "monitor", "monitor");
        for (name, text) in [
            ("window", "5 0m"),
            ("window", "soon"),
            ("max_attempts", "1 000"),
            ("max_attempts", "-1"),
            ("steps", "1m,,5m"),
            ("exempt", ","),
            ("exempt", "10.0.0.300/8"),
            ("mode", "off"),
            ("count", ""),
        ] {
            assert_eq!(word(name, text), None, "{name}: {text:?}");
        }
    }

    #[test]
    fn a_policy_is_told_by_the_preset_that_is_nearest() {
        for (text, told) in [
            ("balanced", "balanced"),
            ("off", "off"),
            ("max_attempts=4", "balanced max_attempts=4"),
            ("balanced lock_for=until-unlocked", "balanced lock_for=until-unlocked"),
            ("balanced mode=monitor", "monitor"),
            ("lock_for=2h", "balanced lock_for=2h"),
            ("steps=1m,5m,1h", "balanced steps=1m,5m,1h"),
            ("balanced address.count=off", "balanced address.count=off"),
            ("count=off", "balanced count=off"),
            ("account_at_address.max_attempts=3", "balanced account_at_address.max_attempts=3"),
            ("pci-8.3.4 max_attempts=6", "pci-8.3.4 max_attempts=6"),
            (
                "nist-800-63b-4 ceiling=50 address.growth=3",
                "nist-800-63b-4 address.growth=3 ceiling=50",
            ),
            ("openproject window_kind=sliding", "openproject window_kind=sliding"),
            (
                "exempt=10.0.0.0/8,fd00::/8 known_devices=off",
                "balanced exempt=10.0.0.0/8,fd00::/8 known_devices=off",
            ),
        ] {
            let policy: LockoutPolicy = text.parse().expect(text);
            let spelled = policy.differences().to_string();
            let sorted = |text: &str| {
                let mut words: Vec<_> = text.split(' ').map(str::to_owned).collect();
                words.sort();
                words
            };
            assert_eq!(sorted(&spelled), sorted(told), "{text}");
        }
    }
}
