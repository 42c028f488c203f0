//! A policy as it is typed, and what is wrong with it, value by value.

use std::fmt;

use crate::domain::counting::Contradiction;
use crate::domain::policy::{
    CounterKey, InvalidPolicy, LockoutPolicy, PolicyCounter, PolicyKey, Preset, UnreadablePolicy,
};
use crate::pages::console::answer::sentence;
use crate::pages::console::protection::labels;
use crate::pages::form::{BadForm, Fields};

/// A preset and what differs from it, as people type it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Typed {
    pub(super) preset: String,
    /// What was typed for each value; nothing where the preset decides.
    values: Vec<(PolicyKey, String)>,
}

/// Why that is no policy.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Wrong {
    /// What is wrong with the preset, or with all of it.
    pub(super) preset: String,
    /// What is wrong with values.
    pub(super) values: Vec<(PolicyKey, String)>,
    /// Whether that is one contradiction, between all of them.
    pub(super) is_between: bool,
}

/// A policy, and the words that it was chosen by.
pub(super) struct Chosen {
    pub(super) policy: LockoutPolicy,
    pub(super) words: String,
}

impl Typed {
    pub(super) fn of(policy: &LockoutPolicy) -> Self {
        let found = policy.differences();
        Self { preset: found.preset.name().to_owned(), values: found.parts }
    }

    /// What a preset and a line of words say; the word that is none of a policy otherwise.
    pub(super) fn of_words(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace().peekable();
        let preset = words.next_if(|word| !word.contains('='));
        let mut typed = Self {
            preset: preset.unwrap_or(Preset::default().name()).to_owned(),
            values: Vec::new(),
        };
        for word in words {
            let pair = word.split_once('=');
            let pair = pair.and_then(|(name, value)| Some((PolicyKey::named(name)?, value)));
            let (key, value) = pair.ok_or_else(|| {
                format!("“{word}” is no part of a policy: write parts such as max_attempts=5.")
            })?;
            typed.values.retain(|(said, _)| *said != key);
            typed.values.push((key, value.to_owned()));
        }
        Ok(typed)
    }

    /// What the fields of the form say.
    pub(super) fn of_fields(preset: String, fields: &mut Fields) -> Result<Self, BadForm> {
        let mut typed = Self { preset, values: Vec::new() };
        for key in PolicyKey::all() {
            let value = fields.perhaps(key.name())?.unwrap_or_default();
            if !value.trim().is_empty() {
                typed.values.push((key, value));
            }
        }
        Ok(typed)
    }

    /// What was typed for this; nothing where the preset decides.
    pub(super) fn value(&self, key: PolicyKey) -> &str {
        let mut values = self.values.iter();
        values
            .find(|(said, _)| *said == key)
            .map_or("", |(_, value)| value)
    }

    /// The policy that this is.
    pub(super) fn read(&self) -> Result<Chosen, Wrong> {
        let mut wrong = Wrong::default();
        let preset = Preset::named(self.preset.trim());
        if preset.is_none() {
            let name = &self.preset;
            wrong.preset = format!("There is no preset “{name}”: choose one of the list.");
        }
        let mut words = preset.unwrap_or_default().name().to_owned();
        for (key, typed) in &self.values {
            match key.word(typed) {
                Some(word) => {
                    self.alone(preset, *key, &word, &mut wrong);
                    words.push_str(&format!(" {}={word}", key.name()));
                }
                None => wrong.values.push((*key, labels::wants(*key, typed.trim()))),
            }
        }
        if wrong != Wrong::default() {
            return Err(wrong);
        }
        match words.parse() {
            Ok(policy) => Ok(Chosen { policy, words }),
            Err(error) => Err(self.wrong(&error)),
        }
    }

    /// What is wrong with this value whatever else was typed, so that it is told together
    /// with what is wrong with others.
    fn alone(&self, preset: Option<Preset>, key: PolicyKey, word: &str, wrong: &mut Wrong) {
        let Some(preset) = preset.filter(|preset| *preset != Preset::Off) else { return };
        let parsed = format!("{} {}={word}", preset.name(), key.name()).parse::<LockoutPolicy>();
        let Err(UnreadablePolicy::Contradiction(error)) = parsed else { return };
        // A rule that a preset stands for is about all of a policy.
        if matches!(error, InvalidPolicy::AgainstPreset { .. }) {
            return;
        }
        let concerned = concerned(&error);
        let typed = concerned.iter().filter(|key| !self.value(**key).is_empty());
        if concerned.contains(&key) && typed.count() == 1 {
            wrong.values.push((key, told(&error)));
        }
    }

    /// What is wrong with all of it, at the values that it is about: those that were
    /// typed, or the first.
    fn wrong(&self, error: &UnreadablePolicy) -> Wrong {
        let UnreadablePolicy::Contradiction(error) = error else {
            return Wrong { preset: sentence(&error.to_string()), ..Wrong::default() };
        };
        let (concerned, words) = (concerned(error), told(error));
        let typed = concerned.iter().filter(|key| !self.value(**key).is_empty());
        let mut at: Vec<_> = typed.copied().collect();
        if at.is_empty() {
            at.extend(concerned.first());
        }
        if at.is_empty() {
            return Wrong { preset: words, ..Wrong::default() };
        }
        let values = at.into_iter().map(|key| (key, words.clone()));
        Wrong { values: values.collect(), is_between: true, ..Wrong::default() }
    }
}

/// As one line of words; each value is one word.
impl fmt::Display for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.preset)?;
        for (key, typed) in &self.values {
            let word = key
                .word(typed)
                .unwrap_or_else(|| typed.split_whitespace().collect());
            write!(f, " {}={word}", key.name())?;
        }
        Ok(())
    }
}

/// What a contradiction says, in the names that the page has for values.
fn told(error: &InvalidPolicy) -> String {
    let message = match error {
        InvalidPolicy::Account(of)
        | InvalidPolicy::AccountAtAddress(of)
        | InvalidPolicy::Address(of) => of.to_string(),
        _ => error.to_string(),
    };
    sentence(&labels::relabelled(&message))
}

/// The values that a contradiction is about; none: the preset.
fn concerned(error: &InvalidPolicy) -> Vec<PolicyKey> {
    let of = |counter, of: &Contradiction| {
        let keys = concerned_of(of).iter();
        keys.map(|key| PolicyKey::Of(counter, *key)).collect()
    };
    match error {
        InvalidPolicy::Account(error) => of(PolicyCounter::Account, error),
        InvalidPolicy::AccountAtAddress(error) => of(PolicyCounter::AccountAtAddress, error),
        InvalidPolicy::Address(error) => of(PolicyCounter::Address, error),
        InvalidPolicy::AgainstPreset { setting, .. } => PolicyKey::named(setting.trim_matches('`'))
            .into_iter()
            .collect(),
        InvalidPolicy::NothingCounted => {
            let count = |counter| PolicyKey::Of(counter, CounterKey::Count);
            PolicyCounter::ALL.into_iter().map(count).collect()
        }
        InvalidPolicy::PartsOfOff => Vec::new(),
        InvalidPolicy::TooManyExempt { .. } => vec![PolicyKey::Exempt],
        InvalidPolicy::TooManyRemembered { .. } => vec![PolicyKey::RememberWrong],
    }
}

const fn concerned_of(error: &Contradiction) -> &'static [CounterKey] {
    use CounterKey as Key;
    match error {
        Contradiction::CapBelowLock => &[Key::Longest, Key::LockFor],
        Contradiction::CeilingBelowLimit { .. } => &[Key::Ceiling, Key::MaxAttempts],
        Contradiction::CeilingTooHigh { .. } => &[Key::Ceiling],
        Contradiction::GrowthOfEndless => &[Key::LockFor, Key::Growth, Key::Longest, Key::Steps],
        Contradiction::LimitTooHigh { .. } | Contradiction::NoLimit => &[Key::MaxAttempts],
        Contradiction::LockTooShort => &[Key::LockFor, Key::Steps],
        Contradiction::NoGrowth => &[Key::Growth],
        Contradiction::NoSteps | Contradiction::TooManySteps { .. } => &[Key::Steps],
        Contradiction::PermanentAtOnce => &[Key::PermanentAfter],
        Contradiction::PermanentOfEndless => &[Key::PermanentAfter, Key::LockFor],
        Contradiction::StepsAndGrowth => &[Key::Steps, Key::Growth],
        Contradiction::StepsAndLock => &[Key::Steps, Key::LockFor],
        Contradiction::WindowTooShort => &[Key::Window],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> Vec<(&'static str, String)> {
        let typed = Typed::of_words(text).expect(text);
        let Err(wrong) = typed.read() else { panic!("{text} is a policy") };
        let values = wrong
            .values
            .into_iter()
            .map(|(key, words)| (key.name(), words));
        let preset = Some(("preset", wrong.preset)).filter(|(_, words)| !words.is_empty());
        preset.into_iter().chain(values).collect()
    }

    fn places(text: &str) -> Vec<&'static str> {
        wrong(text).into_iter().map(|(name, _)| name).collect()
    }

    /// A contradiction is told where somebody typed a part of it.
    #[test]
    fn what_is_wrong_is_told_at_the_values_that_it_is_about() {
        for (text, at) in [
            ("strict", vec!["preset"]),
            ("off max_attempts=5", vec!["preset"]),
            ("max_attempts=0", vec!["max_attempts"]),
            ("max_attempts=0 address.window=0s", vec!["max_attempts", "address.window"]),
            ("max_attempts=x growth=0", vec!["max_attempts", "growth"]),
            ("longest=1m", vec!["longest"]),
            ("longest=1m lock_for=2m", vec!["longest", "lock_for"]),
            ("ceiling=5", vec!["ceiling"]),
            ("ceiling=5 max_attempts=5", vec!["ceiling", "max_attempts"]),
            ("lock_for=until-unlocked growth=2", vec!["lock_for", "growth"]),
            ("steps=0s", vec!["steps"]),
            ("steps=1m lock_for=2m", vec!["steps", "lock_for"]),
            ("steps=1m growth=2", vec!["steps", "growth"]),
            ("permanent_after=0", vec!["permanent_after"]),
            ("remember_wrong=11", vec!["remember_wrong"]),
            ("count=off address.count=off", vec!["count", "address.count"]),
            ("pci-8.3.4 max_attempts=11", vec!["max_attempts"]),
            ("pci-8.3.4 mode=monitor", vec!["mode"]),
            ("account_at_address.max_attempts=1001", vec!["account_at_address.max_attempts"]),
        ] {
            assert_eq!(places(text), at, "{text}: {:?}", wrong(text));
        }
    }

    /// What is enough beside another value is not refused for what it is alone.
    #[test]
    fn values_are_judged_together() {
        for text in [
            "longest=1m lock_for=1m",
            "ceiling=5 max_attempts=4",
            "owasp-asvs max_attempts=40 lock_for=1h",
        ] {
            let typed = Typed::of_words(text).expect(text);
            let chosen = typed
                .read()
                .unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
            assert_eq!(Ok(chosen.policy), text.parse(), "{text}");
        }
    }

    #[test]
    fn messages_name_values_as_the_page_does() {
        for text in ["max_attempts=0", "longest=1m", "ceiling=5", "remember_wrong=11"] {
            for (_, words) in wrong(text) {
                assert!(!words.contains(['`', '_']), "{words}");
            }
        }
    }
}
