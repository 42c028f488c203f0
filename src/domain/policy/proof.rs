//! What a policy promises: how many guesses reach the password check at most.
//!
//! Whoever guesses has two moves. They can stop one guess short of a lockout and
//! wait until the window lets failures go, or they can take the last guess too,
//! wait out the lockout and begin with all guesses anew. Nothing between these is
//! ever better: guesses gain nothing by being made late, and the last one matters
//! only for when it starts the lockout. So the worst case is a longest path over
//! instants, which is counted here exactly; where that would take too many steps,
//! a bound that is easy to see takes its place, and says so.

use std::fmt;
use std::time::Duration;

use super::{LockoutPolicy, WIDER};
use crate::domain::counting::{CounterRules, Growth};

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;
const YEAR: u64 = 365 * DAY;

/// How many instants are looked at before a plainer bound is taken.
const MOST_STEPS: u64 = 4_000_000;

/// How many guesses reach the password check at most.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Most {
    /// So many.
    pub guesses: u64,
    /// Whether somebody can really make as many; otherwise it may be fewer.
    pub is_exact: bool,
}

/// The worst case of one counter, from its first guess on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct WorstCase {
    /// In an hour.
    pub hour: Most,
    /// In a day of 24 hours.
    pub day: Most,
    /// In a year of 365 days.
    pub year: Most,
}

/// What a policy promises of each of its counters; none where it does not count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Proof {
    /// Guesses at one account, from all unknown devices in the world together.
    pub account: Option<WorstCase>,
    /// Guesses at one account from one address.
    pub account_at_address: Option<WorstCase>,
    /// Guesses from one IPv4 address, or one IPv6 /64, at all accounts together.
    pub address: Option<WorstCase>,
    /// Guesses from one IPv6 /48.
    pub site: Option<WorstCase>,
    /// Guesses at one account on one of its known devices.
    pub device: Option<WorstCase>,
}

impl LockoutPolicy {
    /// How many guesses this policy lets through in the worst case.
    pub fn proof(&self) -> Proof {
        let of = |rules: Option<&CounterRules>| rules.map(WorstCase::of);
        let site = self.by_address().map(|rules| rules.widened(WIDER[2]));
        Proof {
            account: of(self.by_account().map(AsRef::as_ref)),
            account_at_address: of(self.by_account_at_address().map(AsRef::as_ref)),
            address: of(self.by_address().map(AsRef::as_ref)),
            site: of(site.as_ref()),
            device: of(self.by_device().map(AsRef::as_ref)),
        }
    }
}

impl Proof {
    /// Guesses at one account in an hour; without a counter, no bound.
    pub(super) fn account_in_an_hour(&self) -> u64 {
        self.account.map_or(u64::MAX, |worst| worst.hour.guesses)
    }
}

impl WorstCase {
    /// The worst case by these rules.
    pub fn of(rules: &CounterRules) -> Self {
        let hour = most(rules, HOUR, None);
        let day = most(rules, DAY, Some((hour, DAY / HOUR)));
        let year = most(rules, YEAR, Some((day, YEAR / DAY)));
        Self { hour, day, year }
    }
}

impl fmt::Display for Most {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = if self.is_exact { "" } else { "at most " };
        write!(f, "{words}{}", self.guesses)
    }
}

/// The most guesses within so many seconds. `part` is the most in one of so many
/// equal parts of them: no part is worse than the first, when nothing has been
/// counted yet.
fn most(rules: &CounterRules, secs: u64, part: Option<(Most, u64)>) -> Most {
    let line = TimeLine::of(rules, secs);
    let unbounded = if line.steps() <= MOST_STEPS {
        Most { guesses: line.longest_path(), is_exact: line.is_exact }
    } else {
        let sum = part.map_or(u64::MAX, |(most, times)| most.guesses.saturating_mul(times));
        Most { guesses: line.plain_bound().min(sum), is_exact: false }
    };
    match rules.ceiling().map(u64::from) {
        Some(ceiling) if ceiling <= unbounded.guesses => Most { guesses: ceiling, ..unbounded },
        _ => unbounded,
    }
}

/// The rules in whole steps of one length.
struct TimeLine {
    limit: u64,
    /// When failures are let go.
    window: Option<usize>,
    /// When a row of lockouts is forgotten.
    row: Option<usize>,
    /// How long the lockouts of a row last; the last one repeats. None: until
    /// somebody unlocks.
    lengths: Vec<Option<usize>>,
    horizon: usize,
    /// Whether no length had to be cut to whole seconds.
    is_exact: bool,
}

impl TimeLine {
    fn of(rules: &CounterRules, secs: u64) -> Self {
        let row = rules.streak_lasts();
        let lengths: Vec<_> = distinct_lengths(rules, secs);
        let window = rules.window().length();
        let all = || {
            window
                .into_iter()
                .chain(row)
                .chain(lengths.iter().copied().flatten())
        };
        let step = all().map(|length| length.as_secs()).fold(secs, gcd).max(1);
        let steps =
            |length: Duration| usize::try_from(length.as_secs() / step).unwrap_or(usize::MAX);
        Self {
            limit: rules.limit().into(),
            window: window.map(steps),
            row: row.map(steps),
            lengths: lengths.iter().map(|length| length.map(steps)).collect(),
            horizon: usize::try_from(secs / step).unwrap_or(usize::MAX),
            is_exact: all().all(|length| length.subsec_nanos() == 0),
        }
    }

    /// About how many steps the path takes to find.
    fn steps(&self) -> u64 {
        let waits = match (self.row, self.window) {
            (Some(row), Some(window)) => row.div_ceil(window) + 2,
            _ => 2,
        };
        (self.horizon as u64)
            .saturating_mul(self.lengths.len() as u64 + 1)
            .saturating_mul(waits as u64)
    }

    /// Between two resets there are at most as many guesses as the limit, and
    /// resets are a window or the shortest lockout apart.
    fn plain_bound(&self) -> u64 {
        let locks = self.lengths.iter().copied().flatten();
        let apart = locks
            .chain(self.window)
            .min()
            .unwrap_or(self.horizon)
            .max(1);
        self.limit
            .saturating_mul(self.horizon.div_ceil(apart) as u64)
    }

    fn longest_path(&self) -> u64 {
        let mut path = Path::new(self);
        for at in 0..self.horizon {
            for earlier in 0..self.lengths.len() {
                if let Some(guesses) = path.fresh[earlier][at] {
                    path.leave_fresh(earlier, at, guesses);
                }
            }
            if let Some(guesses) = path.calm[at] {
                path.leave_calm(at, guesses);
            }
        }
        path.most
    }
}

/// How many guesses can have been made at most, by where one is then.
struct Path<'a> {
    line: &'a TimeLine,
    /// All guesses are there, after so many lockouts in a row.
    fresh: Vec<Vec<Option<u64>>>,
    /// All but one were just made, and the row is forgotten.
    calm: Vec<Option<u64>>,
    most: u64,
}

impl<'a> Path<'a> {
    fn new(line: &'a TimeLine) -> Self {
        let mut fresh = vec![vec![None; line.horizon]; line.lengths.len()];
        if let Some(first) = fresh.first_mut().and_then(|row| row.first_mut()) {
            *first = Some(0);
        }
        Self { line, fresh, calm: vec![None; line.horizon], most: 0 }
    }

    /// Makes all guesses but one, and again after each window, until the row is
    /// forgotten; after each time the last guess can be taken.
    fn leave_fresh(&mut self, earlier: usize, from: usize, mut guesses: u64) {
        let (window, row) = (self.line.window, self.line.row);
        let mut waited = 0;
        while row.is_none_or(|row| waited < row) {
            let at = from + waited;
            if at >= self.line.horizon {
                return;
            }
            guesses += self.line.limit - 1;
            self.lock(earlier, at, guesses);
            match window {
                Some(window) => waited += window,
                None => return,
            }
        }
        if let Some(row) = row {
            self.lock(0, from + row, guesses);
        }
        self.reach_calm(from + waited, guesses);
    }

    fn leave_calm(&mut self, at: usize, guesses: u64) {
        self.lock(0, at, guesses);
        if let Some(window) = self.line.window {
            self.reach_calm(at + window, guesses);
        }
    }

    /// Takes the last guess, and waits out the lockout.
    fn lock(&mut self, earlier: usize, at: usize, guesses: u64) {
        if at >= self.line.horizon {
            return;
        }
        let guesses = guesses + 1;
        self.most = self.most.max(guesses);
        let Some(length) = self.line.lengths[earlier] else { return };
        let next = (earlier + 1).min(self.line.lengths.len() - 1);
        if let Some(place) = self.fresh[next].get_mut(at.saturating_add(length)) {
            *place = (*place).max(Some(guesses));
        }
    }

    fn reach_calm(&mut self, at: usize, guesses: u64) {
        if let Some(place) = self.calm.get_mut(at) {
            *place = (*place).max(Some(guesses + self.line.limit - 1));
        }
    }
}

/// How long the lockouts of a row last, up to the one whose length repeats or
/// that outlasts so many seconds.
fn distinct_lengths(rules: &CounterRules, secs: u64) -> Vec<Option<Duration>> {
    let repeats_at = match rules.growth() {
        None | Some(Growth::None) => 0,
        Some(Growth::Steps(steps)) => steps.len() - 1,
        Some(Growth::Factor { .. }) => usize::MAX,
    };
    let last = rules.permanent_after().map_or(repeats_at, |n| n as usize);
    let mut lengths = Vec::new();
    for n in 0..=u32::try_from(last).unwrap_or(u32::MAX) {
        let length = rules.length_after(n);
        let ends = length.is_none_or(|length| length.as_secs() >= secs);
        let capped = repeats_at == usize::MAX && lengths.last() == Some(&length);
        let capped = capped && rules.permanent_after().is_none();
        if !capped {
            lengths.push(length.map(|length| length.min(Duration::from_secs(secs))));
        }
        if ends || capped {
            break;
        }
    }
    lengths
}

const fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests;
