use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::domain::policy::LockoutPolicy;

fn rules(limit: u32, window: u64, lock_for: u64) -> CounterRules {
    let policy = LockoutPolicy::after(limit)
        .failures_within(Duration::from_secs(window))
        .lasting(Duration::from_secs(lock_for))
        .build();
    of(&policy.expect("a policy"))
}

fn of(policy: &LockoutPolicy) -> CounterRules {
    (**policy.by_account().expect("it counts")).clone()
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(secs)
}

fn granted(reservation: Reservation) -> Ticket {
    match reservation {
        Reservation::Granted(tickets) => tickets[0],
        other => panic!("not granted: {other:?}"),
    }
}

fn fail(record: &mut AttemptRecord, rules: &CounterRules, secs: i64) -> Settled {
    fail_as(record, rules, secs.unsigned_abs(), secs)
}

fn fail_as(record: &mut AttemptRecord, rules: &CounterRules, nonce: u64, secs: i64) -> Settled {
    let ticket = granted(record.reserve(rules, 0, nonce, at(secs)));
    record.settle(rules, ticket, Outcome::Failed(None), at(secs))
}

#[test]
fn the_last_guess_locks_and_the_end_is_half_open() {
    let (rules, mut record) = (rules(2, 900, 300), AttemptRecord::default());
    assert_eq!(fail(&mut record, &rules, 0), Settled::Recorded { remaining: 1 });
    let Settled::LockedOut(lockout) = fail(&mut record, &rules, 1) else { panic!("open") };
    assert_eq!(lockout.id, LockoutId { generation: 0, n: 1 });
    for secs in [2, 300] {
        let refused = record.reserve(&rules, 0, 99, at(secs));
        assert_eq!(refused, Reservation::LockedOut { counter: 0, lockout: lockout.clone() });
    }
    assert_eq!(fail(&mut record, &rules, 301), Settled::Recorded { remaining: 1 });
}

#[test]
fn a_failure_exactly_as_old_as_the_window_is_out() {
    let (rules, mut record) = (rules(2, 100, 300), AttemptRecord::default());
    fail(&mut record, &rules, 0);
    assert_eq!(record.budget(&rules, 0, at(99)), Budget::Open { remaining: 1 });
    assert_eq!(record.budget(&rules, 0, at(100)), Budget::Open { remaining: 2 });
}

#[test]
fn slots_in_flight_are_busy_and_lock_only_once_all_failed() {
    let (rules, mut record) = (rules(2, 900, 300), AttemptRecord::default());
    let one = granted(record.reserve(&rules, 0, 1, at(0)));
    let two = granted(record.reserve(&rules, 0, 2, at(0)));
    assert_eq!(record.reserve(&rules, 0, 3, at(0)), Reservation::Busy);
    let first = record.settle(&rules, one, Outcome::Failed(None), at(1));
    assert_eq!(first, Settled::Recorded { remaining: 0 });
    assert_eq!(record.reserve(&rules, 0, 3, at(1)), Reservation::Busy);
    assert!(matches!(
        record.settle(&rules, two, Outcome::Failed(None), at(2)),
        Settled::LockedOut(_)
    ));
}

#[test]
fn dropped_attempts_are_failures() {
    let (rules, mut record) = (rules(2, 900, 300), AttemptRecord::default());
    let late = granted(record.reserve(&rules, 0, 1, at(0)));
    granted(record.reserve(&rules, 0, 2, at(10)));
    assert_eq!(record.reserve(&rules, 0, 3, at(69)), Reservation::Busy);
    let Reservation::LockedOut { lockout, .. } = record.reserve(&rules, 0, 3, at(200)) else {
        panic!("two dropped attempts left the account open");
    };
    assert_eq!(lockout.laid_at, at(70), "whoever meets the lock must not restart it");
    let settled = record.settle(&rules, late, Outcome::Succeeded, at(201));
    assert_eq!(settled, Settled::LockedOut(lockout), "a late success does not open it");
}

#[test]
fn success_forgets_failures_but_not_guesses_in_flight() {
    let (rules, mut record) = (rules(3, 900, 300), AttemptRecord::default());
    fail(&mut record, &rules, 0);
    let guess = granted(record.reserve(&rules, 0, 7, at(1)));
    let owner = granted(record.reserve(&rules, 0, 8, at(1)));
    let signed_in = record.settle(&rules, owner, Outcome::Succeeded, at(2));
    assert_eq!(signed_in, Settled::Recorded { remaining: 2 });
    let wrong = record.settle(&rules, guess, Outcome::Failed(None), at(2));
    assert_eq!(wrong, Settled::Recorded { remaining: 2 });
}

#[test]
fn an_unlock_forgets_everything_and_older_settles_change_nothing() {
    let (rules, mut record) = (rules(2, 900, 300), AttemptRecord::default());
    let before = granted(record.reserve(&rules, 0, 1, at(0)));
    fail(&mut record, &rules, 1);
    assert_eq!(record.budget(&rules, 1, at(2)), Budget::Open { remaining: 2 });
    assert_eq!(record.settle(&rules, before, Outcome::Failed(None), at(3)), Settled::Stale);
    assert_eq!(record.budget(&rules, 1, at(3)), Budget::Open { remaining: 2 });
    // A caller that has not heard of the unlock yet gets the newer record.
    assert_eq!(record.budget(&rules, 0, at(3)), Budget::Open { remaining: 2 });
}

#[test]
fn a_released_slot_is_as_if_nothing_was_asked() {
    let (rules, mut record) = (rules(1, 900, 300), AttemptRecord::default());
    for secs in 0..5 {
        let ticket = granted(record.reserve(&rules, 0, 1, at(secs)));
        let released = record.settle(&rules, ticket, Outcome::Released, at(secs));
        assert_eq!(released, Settled::Recorded { remaining: 1 });
    }
}

#[test]
fn lockouts_in_a_row_grow_until_a_success_or_a_long_quiet() {
    let rules = &of(&LockoutPolicy::balanced());
    let mut record = AttemptRecord::default();
    let lock = |record: &mut AttemptRecord, from: i64| {
        for n in 0..4 {
            fail(record, rules, from + n);
        }
        let Settled::LockedOut(lockout) = fail(record, rules, from + 4) else { panic!() };
        (lockout.id.n, lockout.length.map_or(0, |length| length.as_secs() / 60))
    };
    assert_eq!(lock(&mut record, 0), (1, 5));
    assert_eq!(lock(&mut record, 304), (2, 10));
    // Ended at 304 + 4 + 600; quiet for the longest length: forgotten.
    assert_eq!(lock(&mut record, 908 + 3600), (3, 5));
}

#[test]
fn a_lockout_laid_by_a_clock_that_was_ahead_ends_after_its_length() {
    let (rules, mut record) = (rules(1, 900, 300), AttemptRecord::default());
    fail(&mut record, &rules, 1_000_000);
    let Budget::LockedOut(lockout) = record.budget(&rules, 0, at(10)) else { panic!("open") };
    assert_eq!(lockout.laid_at, at(10), "the clock came back");
    assert_eq!(lockout.id, LockoutId { generation: 0, n: 1 }, "it is the same lockout");
    assert!(matches!(record.budget(&rules, 0, at(309)), Budget::LockedOut(_)));
    assert_eq!(record.budget(&rules, 0, at(310)), Budget::Open { remaining: 1 });
}

#[test]
fn a_clock_that_was_ahead_is_forgotten_within_a_window() {
    let (rules, mut record) = (rules(2, 100, 300), AttemptRecord::default());
    fail(&mut record, &rules, 1_000_000);
    assert_eq!(record.budget(&rules, 0, at(50)), Budget::Open { remaining: 1 });
    assert_eq!(record.budget(&rules, 0, at(150)), Budget::Open { remaining: 2 });
}

#[test]
fn what_nobody_settled_stays_failed_when_the_clock_comes_back() {
    let (rules, mut record) = (rules(3, 900, 300), AttemptRecord::default());
    granted(record.reserve(&rules, 0, 1, at(1_000)));
    fail_as(&mut record, &rules, 2, 1_060);
    let third = fail_as(&mut record, &rules, 3, 990);
    assert!(matches!(third, Settled::LockedOut(_)), "the first is in flight again: {third:?}");
}

#[test]
fn a_guess_that_was_in_flight_longer_than_the_window_counts_no_more() {
    let (rules, mut record) = (rules(1, 10, 300), AttemptRecord::default());
    let ticket = granted(record.reserve(&rules, 0, 1, at(0)));
    let settled = record.settle(&rules, ticket, Outcome::Failed(None), at(10));
    assert_eq!(settled, Settled::Recorded { remaining: 1 });
}

#[derive(Clone, Debug)]
enum Step {
    Reserve,
    Settle(usize, Outcome),
    Wait(i64),
    Unlock,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Reserve),
        4 => (any::<usize>(), prop_oneof![
            3 => Just(Outcome::Failed(None)),
            1 => Just(Outcome::Succeeded),
            1 => Just(Outcome::Released),
        ]).prop_map(|(which, outcome)| Step::Settle(which, outcome)),
        2 => (0..120_i64).prop_map(Step::Wait),
        1 => Just(Step::Unlock),
    ]
}

proptest! {
    /// Property (the bound itself): between two resets at most `limit`
    /// guesses are in flight or failed, whatever happens in what order; and
    /// what is granted is never granted while a lockout is on.
    #[test]
    fn never_more_than_the_limit(
        limit in 1..6_u32,
        steps in proptest::collection::vec(step(), 1..120),
    ) {
        let rules = rules(limit, 100, 30);
        let (mut record, mut generation, mut now) = (AttemptRecord::default(), 0, 0_i64);
        let mut open: Vec<(Ticket, i64)> = Vec::new();
        // Guesses since the last reset that were not given back: (nonce, when).
        let mut spent: Vec<(u64, i64)> = Vec::new();
        let mut nonces = HashSet::new();
        let mut locked_until = None;
        for (nonce, step) in (0..).zip(steps) {
            let laid = record.laid;
            match step {
                Step::Wait(secs) => now += secs,
                Step::Unlock => {
                    generation += 1;
                    spent.clear();
                    locked_until = None;
                }
                Step::Reserve => {
                    spent.retain(|(_, when)| now - when < 100);
                    match record.reserve(&rules, generation, nonce, at(now)) {
                        Reservation::Granted(tickets) => {
                            let ticket = tickets[0];
                            prop_assert!(locked_until.is_none_or(|until| now >= until));
                            // The end of a lockout is a reset, also of one nobody met.
                            if locked_until.take().is_some() || record.laid != laid {
                                spent.clear();
                            }
                            open.push((ticket, now));
                            spent.push((nonce, now));
                            nonces.insert(nonce);
                            prop_assert!(spent.len() <= limit as usize, "{spent:?}");
                        }
                        Reservation::LockedOut { lockout, .. } => {
                            let end = lockout.end_at(at(now)).instant().expect("timed");
                            prop_assert!(end > at(now));
                            locked_until = Some(end.floor_secs());
                        }
                        Reservation::Busy => {
                            let in_flight = |(t, when): &(Ticket, i64)| {
                                t.generation == generation && now - when < 60
                            };
                            prop_assert!(open.iter().any(in_flight), "busy with nothing");
                        }
                    }
                }
                Step::Settle(which, outcome) => {
                    if open.is_empty() { continue; }
                    let (ticket, _) = open.swap_remove(which % open.len());
                    let settled = record.settle(&rules, ticket, outcome, at(now));
                    match settled {
                        // A lock of the time before the unlock: the unlock forgets it.
                        Settled::LockedOut(_) if ticket.generation != generation => {}
                        Settled::LockedOut(lockout) => {
                            let end = lockout.end_at(at(now)).instant().expect("timed");
                            locked_until = Some(end.floor_secs());
                        }
                        Settled::Stale => {
                            if record.laid != laid { spent.clear(); }
                        }
                        Settled::Recorded { remaining } => {
                            prop_assert!(remaining <= limit);
                            match outcome {
                                Outcome::Failed(_) => {}
                                Outcome::Released | Outcome::Passed => spent.retain(|s| s.0 != ticket.nonce),
                                Outcome::Succeeded => spent.retain(|s| {
                                    s.0 != ticket.nonce
                                        && now - s.1 < 60
                                        && open.iter().any(|(t, _)| t.nonce == s.0)
                                }),
                            }
                        }
                    }
                }
            }
        }
    }

    /// Property: a record reads back from its stored form as it was.
    #[test]
    fn records_are_stored_whole(steps in proptest::collection::vec(step(), 1..40)) {
        let rules = rules(3, 100, 30);
        let (mut record, mut now, mut open) = (AttemptRecord::default(), 0, Vec::new());
        for (nonce, step) in (0..).zip(steps) {
            match step {
                Step::Wait(secs) => now += secs,
                Step::Reserve => {
                    if let Reservation::Granted(t) = record.reserve(&rules, 0, nonce, at(now)) {
                        open.push(t[0]);
                    }
                }
                Step::Settle(_, outcome) => {
                    if let Some(ticket) = open.pop() {
                        record.settle(&rules, ticket, outcome, at(now));
                    }
                }
                Step::Unlock => {}
            }
            let stored = serde_json::to_string(&record).expect("serialises");
            let read: AttemptRecord = serde_json::from_str(&stored).expect("reads");
            prop_assert_eq!(&read, &record);
        }
    }

    /// Property: what an older program wrote, without the fields that came later, is
    /// read, and says all that it said: only what it could not know is missing.
    #[test]
    fn records_of_older_programs_are_read(
        ceiling in proptest::option::of(4..9_u32),
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let mut counting = LockoutPolicy::after(3)
            .failures_within(Duration::from_secs(100))
            .lasting(Duration::from_secs(30));
        if let Some(ceiling) = ceiling {
            counting = counting.ceiling(ceiling);
        }
        let rules = of(&counting.remembering(3).build().expect("a policy"));
        let (mut record, mut now, mut open) = (AttemptRecord::default(), 0, Vec::new());
        for (nonce, step) in (0..).zip(steps) {
            match step {
                Step::Wait(secs) => now += secs,
                Step::Unlock => {}
                Step::Reserve => {
                    if let Reservation::Granted(t) = record.reserve(&rules, 0, nonce, at(now)) {
                        open.push(t[0]);
                    }
                }
                Step::Settle(print, outcome) => {
                    let Some(ticket) = open.pop() else { continue };
                    let guess = Guess { source: 1, print: print as u64 };
                    let outcome = match outcome {
                        Outcome::Failed(_) => Outcome::Failed(Some(guess)),
                        outcome => outcome,
                    };
                    record.settle(&rules, ticket, outcome, at(now));
                }
            }
        }
        let mut stored = serde_json::to_value(&record).expect("serialises");
        let fields = stored.as_object_mut().expect("an object");
        fields.remove("consecutive").expect("written always");
        let had_memory = fields.remove("memory").is_some();
        prop_assert_eq!(had_memory, record.memory.is_some());
        let read: AttemptRecord = serde_json::from_value(stored).expect("reads");
        let known = AttemptRecord { consecutive: 0, memory: None, ..record.clone() };
        prop_assert_eq!(&read, &known);
    }

    /// Property: what was cut off, or altered in one place, is told as unreadable or
    /// read as a record of the same form, which answers and stores itself.
    #[test]
    fn spoiled_records_are_told_or_harmless(at_byte in 0..200_usize, byte in 32..127_u8) {
        let (rules, mut record) = (rules(2, 100, 30), AttemptRecord::default());
        fail(&mut record, &rules, 1);
        let stored = serde_json::to_string(&record).expect("serialises");
        let at_byte = at_byte % stored.len();
        prop_assert!(serde_json::from_str::<AttemptRecord>(&stored[..at_byte]).is_err());
        let mut spoiled = stored.into_bytes();
        spoiled[at_byte] = byte;
        if let Ok(mut read) = serde_json::from_slice::<AttemptRecord>(&spoiled) {
            match read.budget(&rules, 0, at(2)) {
                Budget::Open { remaining } => prop_assert!(remaining <= 2),
                Budget::LockedOut(lockout) => prop_assert!(lockout.is_on(at(2))),
            }
            let again = serde_json::to_string(&read).expect("serialises");
            prop_assert_eq!(serde_json::from_str::<AttemptRecord>(&again).expect("reads"), read);
        }
    }
}
