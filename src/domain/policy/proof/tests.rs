use std::collections::HashSet;

use super::*;
use crate::domain::attempts::{AttemptRecord, Budget, Outcome, Reservation, Settled};
use crate::domain::counting::{Counting, Extras, Window};
use crate::domain::lock::LiveSessions;
use crate::domain::policy::Preset;
use crate::domain::time::Timestamp;

fn build(counting: Counting) -> CounterRules {
    counting
        .build(Extras { live_sessions: LiveSessions::Refuse, remembered: 0 })
        .expect("rules")
}

fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn at(n: u64) -> Timestamp {
    Timestamp::from_secs(i64::try_from(n).expect("small"))
}

fn guess(record: &mut AttemptRecord, rules: &CounterRules, nonce: u64, now: u64) -> Settled {
    let Reservation::Granted(tickets) = record.reserve(rules, 0, nonce, at(now)) else {
        panic!("not granted at {now}: {record:?}");
    };
    record.settle(rules, tickets[0], Outcome::Failed(None), at(now))
}

fn remaining(record: &mut AttemptRecord, rules: &CounterRules, now: u64) -> u32 {
    match record.budget(rules, 0, at(now)) {
        Budget::Open { remaining } => remaining,
        Budget::LockedOut { .. } => 0,
    }
}

/// Tries every way to guess there is, second by second, on the record itself.
fn by_every_way(rules: &CounterRules, horizon: u64) -> u64 {
    let mut states: Vec<(AttemptRecord, u64)> = vec![(AttemptRecord::default(), 0)];
    for now in 0..horizon {
        let mut next: Vec<(AttemptRecord, u64)> = Vec::new();
        let mut seen = HashSet::new();
        for (record, guesses) in states {
            let mut record = record;
            let left = remaining(&mut record, rules, now);
            for more in 0..=left {
                if more > 0 {
                    guess(&mut record, rules, now * 10 + u64::from(more), now);
                }
                let made = guesses + u64::from(more);
                if seen.insert((format!("{record:?}"), made)) {
                    next.push((record.clone(), made));
                }
            }
        }
        states = next;
    }
    states
        .iter()
        .map(|(_, guesses)| *guesses)
        .max()
        .unwrap_or(0)
}

#[test]
fn nobody_who_tries_every_way_makes_more_guesses_or_fewer() {
    let sliding = |limit, window| Counting::after(limit).failures_within(secs(window));
    let cases = [
        sliding(2, 3).lasting(secs(2)),
        sliding(2, 2).lasting(secs(3)),
        sliding(1, 4).lasting(secs(2)),
        sliding(2, 3).lasting(secs(1)).growing(2, secs(4)),
        sliding(2, 2).lasting(secs(1)).growing(3, secs(5)),
        sliding(3, 4).lasting(secs(2)),
        sliding(2, 3).lasting_in_steps([secs(1), secs(3), secs(2)]),
        sliding(2, 3).lasting(secs(1)).permanent_after(2),
        sliding(2, 3).lasting(secs(2)).ceiling(5),
        sliding(2, 3),
        Counting::after(2)
            .failures_since_last(secs(3))
            .lasting(secs(2)),
        Counting::after(3)
            .failures_since_last(secs(2))
            .lasting(secs(4)),
        Counting::after(2).lasting(secs(2)).growing(2, None),
        Counting::after(2)
            .lasting(secs(2))
            .growing(2, secs(4))
            .ceiling(9),
        Counting::after(2).lasting(secs(2)).permanent_after(1),
        Counting::after(3),
    ];
    for counting in cases {
        let rules = build(counting.clone());
        for horizon in [1, 2, 5, 9, 13] {
            let claimed = most(&rules, horizon, None);
            assert!(claimed.is_exact);
            assert_eq!(claimed.guesses, by_every_way(&rules, horizon), "{counting:?} {horizon}");
        }
    }
}

/// What a guesser knows when another guess could be made.
struct Now {
    /// How many guesses are left.
    left: u32,
    /// How many seconds ago the last lockout ended.
    since: u64,
    /// How many lockouts there were since the row was last forgotten.
    row: u32,
}

/// Every length of the presets is so many seconds, or some times as many.
const STEP: usize = 30;

/// Guesses that reach the password check in so many seconds, if somebody makes
/// them whenever `wants` says so.
fn guesses(rules: &CounterRules, horizon: u64, wants: impl Fn(Now) -> bool) -> u64 {
    let forgotten = rules.streak_lasts().map_or(u64::MAX, |row| row.as_secs());
    let (mut record, mut guesses, mut over, mut row) = (AttemptRecord::default(), 0, None, 0);
    for now in (0..horizon).step_by(STEP) {
        if let Budget::LockedOut { .. } = record.budget(rules, 0, at(now)) {
            over = Some(now + STEP as u64);
            continue;
        }
        let since = over.map_or(u64::MAX, |over| now - over);
        for left in (1..=remaining(&mut record, rules, now)).rev() {
            if since >= forgotten {
                row = 0;
            }
            if wants(Now { left, since, row }) {
                guess(&mut record, rules, guesses, now);
                guesses += 1;
                row += u32::from(left == 1);
            }
        }
    }
    guesses
}

/// Ways to guess, of which one is the worst case of every preset: never to be
/// locked out, or to be so many times in a row, and then not until the row is
/// forgotten.
fn by_known_ways(rules: &CounterRules, horizon: u64) -> u64 {
    let forgotten = rules.streak_lasts().map_or(u64::MAX, |row| row.as_secs());
    let never_stops = guesses(rules, horizon, |_| true);
    let never_locked = guesses(rules, horizon, |now| now.left > 1);
    let in_rows = (1..7).map(|longest| {
        guesses(rules, horizon, |now| now.left > 1 || now.row < longest || now.since >= forgotten)
    });
    in_rows
        .chain([never_stops, never_locked])
        .max()
        .unwrap_or(0)
}

#[test]
fn the_proof_of_every_preset_is_reached_and_not_passed() {
    for preset in Preset::ALL {
        let policy = preset.policy();
        for rules in policy.by_account().into_iter().chain(policy.by_address()) {
            let worst = WorstCase::of(rules);
            for (claimed, horizon) in [(worst.hour, HOUR), (worst.day, DAY)] {
                let found = by_known_ways(rules, horizon);
                assert!(claimed.is_exact, "{}", preset.name());
                assert!(found <= claimed.guesses, "{}: {found} > {claimed}", preset.name());
                // The last minutes before the horizon may be worth another lockout.
                let slack = u64::from(rules.limit());
                assert!(found + slack >= claimed.guesses, "{}: {found} {claimed}", preset.name());
            }
            assert!(worst.year.guesses <= worst.day.guesses * 365);
        }
    }
}

/// The manual names these figures.
#[test]
fn a_day_of_guessing_gives_what_the_manual_says() {
    let policy = LockoutPolicy::balanced();
    let rules = policy.by_account().expect("it counts");
    assert_eq!(guesses(rules, DAY, |_| true), 135, "never stops");
    assert_eq!(guesses(rules, DAY, |now| now.left > 1), 384, "is never locked out");
    let worst = WorstCase::of(rules);
    assert_eq!((worst.hour.guesses, worst.day.guesses), (24, 504));
    println!("balanced: {} an hour, {} a day, {} a year", worst.hour, worst.day, worst.year);
}

#[test]
fn a_plain_bound_is_taken_where_the_path_is_too_long_and_is_no_smaller() {
    let odd = build(
        Counting::after(7)
            .window(Window::Sliding(secs(61)))
            .lasting(secs(30))
            .growing(2, secs(3_607)),
    );
    let worst = WorstCase::of(&odd);
    assert!(!worst.year.is_exact && worst.year.to_string().starts_with("at most "));
    assert!(worst.year.guesses >= worst.day.guesses && worst.day.guesses >= worst.hour.guesses);
    assert!(by_known_ways(&odd, DAY) <= worst.day.guesses);
    let split = build(Counting::after(3).lasting(Duration::from_millis(1_500)));
    assert!(!WorstCase::of(&split).hour.is_exact);
}
