//! What the values of a policy are called, and what they can be.

use crate::domain::policy::{
    CounterKey, NEVER, NO_CEILING, NO_WINDOW, PolicyCounter, PolicyKey, UNTIL_UNLOCKED,
};

/// What a value can be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// A whole number, or this word.
    Number(Option<&'static str>),
    /// A length of time, or this word.
    Length(Option<&'static str>),
    /// Lengths, one after the other.
    Lengths,
    /// Networks.
    Networks,
    /// One of these words, with what each means.
    Choice(&'static [(&'static str, &'static str)]),
}

/// A value as people are asked for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label {
    pub(super) name: &'static str,
    /// Its unit and what it can be.
    pub(super) hint: &'static str,
    pub(super) kind: Kind,
}

const SWITCH: Kind = Kind::Choice(&[("on", "on"), ("off", "off")]);

pub(super) fn label(key: PolicyKey) -> Label {
    let (name, hint, kind) = match key {
        PolicyKey::Of(_, key) => return of_counter(key),
        PolicyKey::Exempt => (
            "Networks that never count",
            "As 10.0.0.0/8 or 2001:db8::/32, one a line, or none.",
            Kind::Networks,
        ),
        PolicyKey::KnownDevices => (
            "Known devices have guesses of their own",
            "Browsers that the owner signed in from: strangers who guess can't shut those out.",
            SWITCH,
        ),
        PolicyKey::RememberWrong => (
            "Wrong passwords remembered",
            "Of each source, from 0 to 10: one of them again is not a new guess.",
            Kind::Number(None),
        ),
        PolicyKey::LiveSessions => (
            "Sessions of an account that is locked out",
            "Those that were signed in before; known devices go on.",
            Kind::Choice(&[("refuse", "are refused until it ends"), ("keep", "go on")]),
        ),
        PolicyKey::Mode => (
            "Mode",
            "Monitoring shows what a policy would do before it does it.",
            Kind::Choice(&[
                ("lock", "Lock: refuse sign-ins until it ends"),
                ("monitor", "Monitor only: count and report, lock nobody"),
            ]),
        ),
    };
    Label { name, hint, kind }
}

fn of_counter(key: CounterKey) -> Label {
    let (name, hint, kind) = match key {
        CounterKey::Count => ("Count", "Whether this counts at all.", SWITCH),
        CounterKey::MaxAttempts => {
            ("Wrong guesses that lock", "From 1 to 1000 guesses.", Kind::Number(None))
        }
        CounterKey::Window => (
            "A failure counts for",
            "A time, as 15m or 1h 30m, or none: for ever.",
            Kind::Length(Some(NO_WINDOW)),
        ),
        CounterKey::WindowKind => (
            "Failures are forgotten",
            "When each is that old, or when the last one is.",
            Kind::Choice(&[("sliding", "each by itself"), ("since-last", "all with the last one")]),
        ),
        CounterKey::LockFor => (
            "A lockout lasts",
            "A time, as 5m or 1h, or until-unlocked: until somebody unlocks.",
            Kind::Length(Some(UNTIL_UNLOCKED)),
        ),
        CounterKey::Growth => (
            "Each further lockout is longer",
            "So many times as long as the one before; 1: they don't grow.",
            Kind::Number(None),
        ),
        CounterKey::Longest => (
            "Longest lockout",
            "A time that they grow to, as 4h, or none: without an end.",
            Kind::Length(Some(NO_CEILING)),
        ),
        CounterKey::Steps => (
            "Lockouts last, one by one",
            "Times, as 1m, 5m, 1h, in place of a first time and growth; the last one repeats.",
            Kind::Lengths,
        ),
        CounterKey::PermanentAfter => (
            "Until somebody unlocks, after",
            "So many lockouts in a row, or never.",
            Kind::Number(Some(NEVER)),
        ),
        CounterKey::Ceiling => (
            "Failures in all that lock until somebody unlocks",
            "Without a sign-in in between, however far apart; more than lock, or none.",
            Kind::Number(Some(NO_CEILING)),
        ),
    };
    Label { name, hint, kind }
}

/// A counter's title, and what it is there for.
pub(super) const fn counter(counter: PolicyCounter) -> (&'static str, &'static str) {
    match counter {
        PolicyCounter::Account => (
            "By account",
            "Wrong guesses at one account, wherever they come from, lock the account.",
        ),
        PolicyCounter::AccountAtAddress => (
            "By account at one address",
            "Wrong guesses at one account from one address lock that account for that address.",
        ),
        PolicyCounter::Address => (
            "By address",
            "Wrong guesses from one address, whosever accounts they are at, refuse sign-ins from \
             there, but on known devices.",
        ),
    }
}

/// The group that a value stands in.
pub(super) const fn group(key: PolicyKey) -> &'static str {
    match key {
        PolicyKey::Of(of, _) => counter(of).0,
        PolicyKey::Exempt => counter(PolicyCounter::Address).0,
        PolicyKey::KnownDevices | PolicyKey::RememberWrong => "Known devices and repeats",
        PolicyKey::LiveSessions | PolicyKey::Mode => "What lockouts do",
    }
}

/// The word of a value, for people.
pub(super) fn in_words(key: PolicyKey, value: &str) -> String {
    let words = match label(key).kind {
        Kind::Choice(all) => all.iter().find(|(word, _)| *word == value),
        _ => None,
    };
    words.map_or(value, |(_, words)| words).to_owned()
}

/// What is wrong with a text that is no value of this, and what to do.
pub(super) fn wants(key: PolicyKey, typed: &str) -> String {
    let one_bad = |gaps: fn(char) -> bool| {
        let mut parts = typed
            .split(gaps)
            .map(str::trim)
            .filter(|part| !part.is_empty());
        let bad = parts.find(|part| key.word(part).is_none());
        bad.unwrap_or(typed).to_owned()
    };
    match label(key).kind {
        Kind::Number(word) => {
            let or = word.map_or_else(String::new, |word| format!(", or {word}"));
            match typed.bytes().all(|byte| byte.is_ascii_digit()) {
                true => format!("{typed} is too much: write a smaller number{or}."),
                false => format!("“{typed}” is no whole number: write one in digits, as 5{or}."),
            }
        }
        Kind::Length(word) => {
            let or = word.map_or_else(String::new, |word| format!(", or {word}"));
            format!("“{typed}” is no time: write one with its unit, as 15m or 1h 30m{or}.")
        }
        Kind::Lengths => format!(
            "“{}” is no time: write each with its unit and commas in between, as 1m, 5m, 1h.",
            one_bad(|letter| letter == ',')
        ),
        Kind::Networks => format!(
            "“{}” is no network: write each with its length, as 192.0.2.7/32, 10.0.0.0/8 or \
             2001:db8::/32.",
            one_bad(|letter| letter == ',' || letter.is_whitespace())
        ),
        Kind::Choice(_) => format!("“{typed}” is none of the choices: choose one of them."),
    }
}

/// A message of the policy, with values called as on the page.
pub(super) fn relabelled(message: &str) -> String {
    let called = |name: &str| {
        PolicyKey::named(name).map_or_else(|| name.to_owned(), |key| label(key).name.to_owned())
    };
    let parts = message.split('`').enumerate();
    let quoted = parts.map(|(at, part)| match at % 2 {
        0 => part.to_owned(),
        _ => format!("“{}”", called(part)),
    });
    quoted.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::{MAX_LIMIT, MAX_REMEMBERED};

    /// Hints say bounds in words; they are those of the policy.
    #[test]
    fn hints_name_the_bounds_that_hold() {
        let hint = |key| label(key).hint;
        let account = |key| PolicyKey::Of(PolicyCounter::Account, key);
        assert!(hint(account(CounterKey::MaxAttempts)).contains(&format!("to {MAX_LIMIT} ")));
        assert!(hint(PolicyKey::RememberWrong).contains(&format!("to {MAX_REMEMBERED}:")));
    }

    /// Two values of one group that are called the same could not be told apart.
    #[test]
    fn every_value_has_a_name_of_its_own() {
        for counter in PolicyCounter::ALL {
            let keys = PolicyKey::all();
            let own = keys.filter(|key| !matches!(key, PolicyKey::Of(of, _) if *of != counter));
            let mut names: Vec<_> = own.map(|key| label(key).name).collect();
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count);
        }
    }

    #[test]
    fn every_choice_is_a_value() {
        for key in PolicyKey::all() {
            let Kind::Choice(choices) = label(key).kind else { continue };
            for (word, _) in choices {
                assert_eq!(key.word(word).as_deref(), Some(*word), "{}", key.name());
            }
        }
    }
}
