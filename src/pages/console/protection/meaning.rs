//! A policy in words, and what it promises.

use crate::domain::length::spell_length;
use crate::domain::policy::{
    CounterKey, CounterMeaning, LockoutPolicy, Most, PolicyKey, WorstCase,
};
use crate::pages::console::overview::spaced;
use crate::pages::console::protection::labels::{self, label};

/// A policy in words.
pub(super) struct Meaning {
    /// The nearest preset, and what differs.
    pub(super) text: String,
    pub(super) summary: String,
    pub(super) counters: Vec<Counter>,
    pub(super) notes: Vec<(&'static str, String)>,
    pub(super) worst: Vec<Worst>,
}

pub(super) struct Counter {
    pub(super) title: &'static str,
    pub(super) sentences: Vec<String>,
    pub(super) lockouts: Vec<(String, String, String)>,
}

/// The most guesses that are checked, whoever makes them: in an hour, a day, a year.
pub(super) struct Worst {
    pub(super) by: &'static str,
    pub(super) hour: String,
    pub(super) day: String,
    pub(super) year: String,
}

/// A value that would be another.
pub(super) struct Change {
    pub(super) group: &'static str,
    pub(super) name: &'static str,
    pub(super) now: String,
    pub(super) then: String,
}

impl Meaning {
    pub(super) fn of(policy: &LockoutPolicy) -> Self {
        let meaning = policy.meaning();
        Self {
            text: policy.differences().to_string(),
            summary: meaning.summary,
            counters: meaning.counters.into_iter().map(Counter::of).collect(),
            notes: meaning.notes,
            worst: worst(policy),
        }
    }
}

impl Counter {
    fn of(counter: CounterMeaning) -> Self {
        let lockouts = counter.lockouts.iter().map(|row| {
            let later = if row.repeats && counter.lockouts.len() > 1 { " and later" } else { "" };
            let lasts = row
                .lasts
                .map_or_else(|| "until unlocked".to_owned(), spell_length);
            (format!("{}{later}", row.n), lasts, spaced(row.guesses))
        });
        let lockouts = lockouts.collect();
        Self { title: counter.title, sentences: counter.sentences, lockouts }
    }
}

fn worst(policy: &LockoutPolicy) -> Vec<Worst> {
    let proof = policy.proof();
    let all = [
        ("An account, by strangers", proof.account),
        ("An account from one address", proof.account_at_address),
        ("An address, at all accounts", proof.address),
        ("An IPv6 /48, at all accounts", proof.site),
        ("An account on a known device", proof.device),
    ];
    let row = |(by, case): (_, Option<WorstCase>)| {
        let most = |of: fn(WorstCase) -> Most| {
            case.map_or_else(|| "not counted".to_owned(), |case| at_most(of(case)))
        };
        Worst {
            by,
            hour: most(|case| case.hour),
            day: most(|case| case.day),
            year: most(|case| case.year),
        }
    };
    all.into_iter().map(row).collect()
}

fn at_most(most: Most) -> String {
    let words = if most.is_exact { "" } else { "at most " };
    format!("{words}{}", spaced(most.guesses))
}

/// Every value that differs; none where one of the two counts nothing, which its summary
/// says.
pub(super) fn changes(now: &LockoutPolicy, then: &LockoutPolicy) -> Vec<Change> {
    let counted = |key: PolicyKey| match key {
        PolicyKey::Of(counter, _) => {
            let count = PolicyKey::Of(counter, CounterKey::Count);
            then.says(count).as_deref() == Some("on") || key == count
        }
        _ => true,
    };
    if now.is_off() || then.is_off() {
        return Vec::new();
    }
    let differing =
        PolicyKey::all().filter(|key| counted(*key) && now.says(*key) != then.says(*key));
    let words = |policy: &LockoutPolicy, key| {
        let says = policy.says(key);
        says.map_or_else(|| "–".to_owned(), |says| labels::in_words(key, &says))
    };
    let change = |key| Change {
        group: labels::group(key),
        name: label(key).name,
        now: words(now, key),
        then: words(then, key),
    };
    differing.map(change).collect()
}
