//! What a policy means, in plain words.

use std::time::Duration;

use super::{Enforcement, LockoutPolicy, WIDER};
use crate::domain::attempts::FREE_REPEATS;
use crate::domain::counting::{CounterRules, Growth, Window};
use crate::domain::lock::LiveSessions;

/// How many lockouts of a row are told one by one.
const TOLD: u32 = 8;

/// What a policy means, for people.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Meaning {
    /// All of it in a sentence or two.
    pub summary: String,
    /// Each counter, in the order in which they are asked.
    pub counters: Vec<CounterMeaning>,
    /// What holds for all counters: what it is about, and the words.
    pub notes: Vec<(&'static str, String)>,
}

/// What one counter means.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct CounterMeaning {
    /// What it counts by, as settings name it.
    pub name: &'static str,
    /// The same for people.
    pub title: &'static str,
    /// What it does, a sentence each.
    pub sentences: Vec<String>,
    /// The first lockouts of a row.
    pub lockouts: Vec<LockoutRow>,
}

/// A lockout of a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LockoutRow {
    /// The how manieth it is, from 1.
    pub n: u32,
    /// How long it lasts; none: until somebody unlocks.
    pub lasts: Option<Duration>,
    /// How many wrong guesses were made when it begins.
    pub guesses: u64,
    /// Whether all that follow last as long.
    pub repeats: bool,
}

impl LockoutPolicy {
    /// What it means, in plain words.
    pub fn meaning(&self) -> Meaning {
        if self.is_off() {
            let summary = "Nobody is ever locked out, and nothing is counted: whoever guesses \
                           passwords may go on for ever.";
            return Meaning { summary: summary.to_owned(), counters: vec![], notes: vec![] };
        }
        let counters = Subject::ALL
            .into_iter()
            .filter_map(|subject| Some(subject.meaning(self, subject.rules(self)?)));
        Meaning { summary: self.summary(), counters: counters.collect(), notes: self.notes() }
    }

    fn summary(&self) -> String {
        let mut subjects = Subject::ALL.into_iter();
        let first = subjects
            .find_map(|subject| Some(first_sentence(subject, subject.rules(self)?)))
            .unwrap_or_default();
        let mode = match self.enforcement() {
            Enforcement::Lock => "",
            Enforcement::Monitor => " It only monitors: nobody is refused.",
        };
        format!("{first}{mode}")
    }

    fn notes(&self) -> Vec<(&'static str, String)> {
        vec![
            ("refused attempts", REFUSED.to_owned()),
            ("sign-ins", CLEARED.to_owned()),
            ("known devices", self.about_devices()),
            ("the same again", self.about_repeats()),
            ("live sessions", self.about_sessions().to_owned()),
            ("exempt", self.about_exempt()),
            ("mode", self.about_mode().to_owned()),
        ]
    }

    fn about_devices(&self) -> String {
        match self.by_device() {
            Some(rules) => format!(
                "a browser that the owner signed in from has {} of its own, so strangers who guess \
                 can't shut the owner out. Nothing locks it until somebody unlocks, unless every \
                 lockout does.",
                guesses(rules.limit())
            ),
            None if self.by_account().is_none() && self.by_account_at_address().is_none() => {
                "no account is counted, so there is nothing to spare them from.".to_owned()
            }
            None => "off: everybody is a stranger, and whoever knows a login can lock its owner \
                     out."
                .to_owned(),
        }
    }

    fn about_repeats(&self) -> String {
        let most = match self.remembered() {
            0 => return "every wrong password counts, the same one again, too.".to_owned(),
            1 => "the last wrong password".to_owned(),
            most => format!("the last {most} wrong passwords"),
        };
        let own = self.by_account().or(self.by_account_at_address());
        let free = match own.and_then(|rules| rules.window().length()) {
            Some(window) => {
                format!(", {FREE_REPEATS} times in {} at most", length_in_words(window))
            }
            None => String::new(),
        };
        format!(
            "{most} of each network and device are remembered, as keyed hashes cut short: one of \
             them again is not a new guess{free}."
        )
    }

    fn about_sessions(&self) -> &'static str {
        match self.live_sessions() {
            LiveSessions::Refuse => {
                "refused while their account is locked out, but on known devices; they resume when \
                 it ends. A lockout of an address refuses none."
            }
            LiveSessions::Keep => "go on while their account is locked out.",
        }
    }

    fn about_exempt(&self) -> String {
        let networks: Vec<_> = self.exempt().iter().map(ToString::to_string).collect();
        let listed = match networks.len() {
            0 => "no network".to_owned(),
            _ => networks.join(", "),
        };
        format!("{listed}; the address of a trusted proxy never counts.")
    }

    fn about_mode(&self) -> &'static str {
        match self.enforcement() {
            Enforcement::Lock => "lockouts refuse.",
            Enforcement::Monitor => {
                "everything is counted and nobody is refused: the audit log and the figures tell \
                 who would have been."
            }
        }
    }
}

const REFUSED: &str = "an attempt during a lockout changes nothing: it does not count, and does not \
                       make the lockout longer.";

const CLEARED: &str = "a full sign-in clears what its account's counters counted, and nothing of an \
                       address; one on a known device clears that device's alone.";

/// What a counter counts by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Subject {
    Account,
    AccountAtAddress,
    Address,
    Device,
}

impl Subject {
    const ALL: [Self; 4] = [Self::Account, Self::AccountAtAddress, Self::Address, Self::Device];

    fn rules(self, policy: &LockoutPolicy) -> Option<&CounterRules> {
        match self {
            Self::Account => policy.by_account(),
            Self::AccountAtAddress => policy.by_account_at_address(),
            Self::Address => policy.by_address(),
            Self::Device => policy.by_device(),
        }
        .map(AsRef::as_ref)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::AccountAtAddress => "account_at_address",
            Self::Address => "address",
            Self::Device => "device",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Account => "By account",
            Self::AccountAtAddress => "By account at an address",
            Self::Address => "By address",
            Self::Device => "By known device",
        }
    }

    /// Which guesses count together.
    const fn whose(self) -> &'static str {
        match self {
            Self::Account => "at one account, wherever they come from,",
            Self::AccountAtAddress => "at one account from one address",
            Self::Address => "from one address, whosever accounts they are at,",
            Self::Device => "on a known device of an account",
        }
    }

    /// What is refused then.
    const fn locks(self) -> &'static str {
        match self {
            Self::Account => "lock it",
            Self::AccountAtAddress => "lock that account for that address",
            Self::Address => "refuse sign-ins from there, but on known devices,",
            Self::Device => "lock the account on that device",
        }
    }

    fn meaning(self, policy: &LockoutPolicy, rules: &CounterRules) -> CounterMeaning {
        let mut sentences = vec![first_sentence(self, rules), forgotten(rules)];
        sentences.extend(growth(rules));
        sentences.extend(for_ever(rules));
        if self == Self::Address {
            sentences.push(wider(policy, rules));
        }
        CounterMeaning {
            name: self.name(),
            title: self.title(),
            sentences,
            lockouts: first_lockouts(rules),
        }
    }
}

fn first_sentence(subject: Subject, rules: &CounterRules) -> String {
    let (whose, locks) = (subject.whose(), subject.locks());
    let verb = if rules.limit() == 1 {
        locks
            .replacen("lock", "locks", 1)
            .replacen("refuse", "refuses", 1)
    } else {
        locks.to_owned()
    };
    let within = match rules.window() {
        Window::Endless => String::new(),
        Window::Sliding(window) => format!(" within {}", length_in_words(window)),
        Window::SinceLast(window) => {
            format!(" with less than {} from each to the next", length_in_words(window))
        }
    };
    let lasts = match rules.length_after(0) {
        Some(first) => format!("for {}", length_in_words(first)),
        None => "until somebody unlocks".to_owned(),
    };
    let wrong = guesses(rules.limit()).replacen(' ', " wrong ", 1);
    format!("{wrong}{within} {whose} {verb} {lasts}.")
}

/// When guesses are forgotten.
fn forgotten(rules: &CounterRules) -> String {
    match rules.window() {
        Window::Endless => "Time forgets no guess.".to_owned(),
        Window::Sliding(window) => {
            format!("Each guess is forgotten {} after it was made.", length_in_words(window))
        }
        Window::SinceLast(window) => format!(
            "All are forgotten together, {} after the last of them.",
            length_in_words(window)
        ),
    }
}

/// How further lockouts last.
fn growth(rules: &CounterRules) -> Vec<String> {
    let grows = match rules.growth() {
        None => return Vec::new(),
        Some(Growth::None) => return vec!["Every lockout lasts as long.".to_owned()],
        Some(Growth::Factor { factor, cap }) => {
            let cap = cap.map_or_else(
                || "without an end".to_owned(),
                |cap| format!("up to {}", length_in_words(cap)),
            );
            format!("Each further lockout lasts {factor} times as long, {cap}.")
        }
        Some(Growth::Steps(_)) => {
            "Further lockouts last as the table says, and the last length repeats.".to_owned()
        }
    };
    let anew = match rules.streak_lasts() {
        Some(lasts) => format!(
            ", or {} after the last lockout, when no guess counts any more",
            length_in_words(lasts)
        ),
        None => String::new(),
    };
    vec![grows, format!("The row begins anew after a sign-in or an unlock{anew}.")]
}

/// What lasts until somebody unlocks.
fn for_ever(rules: &CounterRules) -> Vec<String> {
    let mut sentences = Vec::new();
    if let (Some(_), Some(after)) = (rules.growth(), rules.permanent_after()) {
        let lockouts = if after == 1 { "one lockout" } else { "so many lockouts in a row" };
        let count = if after == 1 { String::new() } else { format!(" ({after})") };
        sentences.push(format!("After {lockouts}{count} the next lasts until somebody unlocks."));
    }
    if let Some(ceiling) = rules.ceiling() {
        sentences.push(format!(
            "{ceiling} wrong guesses without a sign-in in between, however far apart, lock until \
             somebody unlocks."
        ));
    }
    sentences
}

/// The budgets of IPv6.
fn wider(policy: &LockoutPolicy, rules: &CounterRules) -> String {
    let [narrow, middle, wide] = WIDER.map(|times| rules.widened(times).limit());
    let own = policy.by_account().is_some() || policy.by_account_at_address().is_some();
    let beside = if own { "" } else { " Accounts are not counted." };
    format!(
        "An IPv4 address counts by itself; an IPv6 address by its /64 ({narrow} guesses), its /56 \
         ({middle}) and its /48 ({wide}).{beside}"
    )
}

/// The first lockouts of a row, up to the one whose length repeats.
fn first_lockouts(rules: &CounterRules) -> Vec<LockoutRow> {
    let limit = u64::from(rules.limit());
    let last = repeats_from(rules);
    let row = |n: u32| LockoutRow {
        n: n + 1,
        lasts: rules.length_after(n),
        guesses: limit * u64::from(n + 1),
        repeats: last == Some(n),
    };
    (0..=last.unwrap_or(TOLD - 1).min(TOLD - 1))
        .map(row)
        .collect()
}

/// From which lockout on all last as long, where that is among the first.
fn repeats_from(rules: &CounterRules) -> Option<u32> {
    // No growth is finer than a step of 32.
    const FAR: u32 = 1_000;
    let far = rules.length_after(FAR);
    let differs = |n: &u32| rules.length_after(*n) != far;
    let last = (0..TOLD).rev().find(differs);
    match last {
        None => Some(0),
        Some(n) if n + 1 < TOLD => Some(n + 1),
        Some(_) => None,
    }
}

fn guesses(limit: u32) -> String {
    match limit {
        1 => "1 guess".to_owned(),
        _ => format!("{limit} guesses"),
    }
}

/// A length as people say it: `1 hour 30 minutes`.
pub(crate) fn length_in_words(length: Duration) -> String {
    const UNITS: [(&str, u64); 4] =
        [("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)];
    let (mut left, mut words) = (length.as_secs(), Vec::new());
    for (unit, size) in UNITS {
        let count = left / size;
        // "24 hours" is plainer than "1 day".
        if count == 0 || (unit == "day" && length == Duration::from_secs(size)) {
            continue;
        }
        words.push(format!("{count} {unit}{}", if count == 1 { "" } else { "s" }));
        left %= size;
    }
    match (length.subsec_millis(), words.is_empty()) {
        (0, true) => "0 seconds".to_owned(),
        (0, false) => words.join(" "),
        (millis, _) => [words, vec![format!("{millis} milliseconds")]]
            .concat()
            .join(" "),
    }
}

#[cfg(test)]
mod tests;
