//! The attempt record: how many guesses of one account are in flight or failed.
//!
//! ```text
//!             reserve                    settle: failed
//!   ┌──────┐ ────────► ┌───────────┐ ──────────────────► ┌────────┐
//!   │ free │           │ in flight │                     │ failed │──┐ older than
//!   └──────┘ ◄──────── └───────────┘ ── past its time ─► └────────┘  │ the window
//!      ▲     settle:          │                              │       │
//!      │     succeeded,       │ all slots taken,             │       │
//!      │     released         │ none in flight ┌─────────┐   │       │
//!      ├──────────────────────┴──────────────► │ lockout │ ◄─┘       │
//!      │        its end, or an unlock          └────┬────┘           │
//!      ├────────────────────────────────────────────┘                │
//!      └─────────────────────────────────────────────────────────────┘
//! ```
//!
//! A reservation **is** a failure, stamped when it is made. Settling it as failed
//! takes nothing and gives nothing; only success or release gives the slot back.
//! So an attempt that is dropped, crashes or comes back late needs no care: its
//! slot counts as failed once it has been in flight for [`IN_FLIGHT`].
//!
//! At most `limit` guesses are in flight or failed between two resets, at any
//! concurrency. A reset is: ageing by the window, the end of a lockout, an
//! unlock (a new generation), a success.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::lock::{Lockout, LockoutId};
use crate::domain::policy::Rules;
use crate::domain::time::Timestamp;

/// How long a reservation may stay unsettled before it counts as failed.
pub const IN_FLIGHT: Duration = Duration::from_secs(60);

/// The attempts of one account, as an attempt store keeps them.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct AttemptRecord {
    /// The account's attempts generation that this record belongs to.
    generation: u64,
    /// Lockouts laid in this generation: their identities.
    laid: u64,
    /// Lockouts in a row, without a success in between: how long the next lasts.
    streak: u32,
    /// When the last of them ended.
    streak_until: Option<Timestamp>,
    slots: Vec<Slot>,
    lockout: Option<Lockout>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Slot {
    nonce: u64,
    at: Timestamp,
    pending: bool,
}

/// Proof of a reserved guess, and what it is settled by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ticket {
    generation: u64,
    nonce: u64,
}

impl Ticket {
    /// What is handed out while nothing is counted.
    pub(crate) const UNCOUNTED: Self = Self { generation: u64::MAX, nonce: 0 };
}

/// What came of asking for a guess.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a guess is granted, put off or refused")]
pub enum Reservation {
    /// Every guess is in flight and nothing is locked: ask again in a second.
    Busy,
    /// The password may be looked at, once.
    Granted(Ticket),
    /// Refused, and nothing was counted.
    LockedOut(Lockout),
}

/// How an attempt went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The guess was wrong.
    Failed,
    /// Neither: the guess was right, and the account is refused anyway.
    Released,
    /// The whole sign-in succeeded.
    Succeeded,
}

/// What came of settling an attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "callers must answer each of them")]
pub enum Settled {
    /// It was the last guess: the account is locked out.
    LockedOut(Lockout),
    /// It counts as it was settled.
    Recorded {
        /// How many guesses are left.
        remaining: u32,
    },
    /// The record moved on meanwhile, by an unlock or by time: nothing changed.
    Stale,
}

/// What a read of the record says about a new attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "an account is locked out or it is not")]
pub enum Budget {
    /// No attempt is allowed.
    LockedOut(Lockout),
    /// This many more guesses are allowed right now.
    Open {
        /// How many.
        remaining: u32,
    },
}

impl Slot {
    fn in_flight(&self, now: Timestamp) -> bool {
        self.pending && now.since(self.at) < IN_FLIGHT
    }

    /// When it became a failure for good.
    fn failed_at(&self) -> Timestamp {
        if self.pending { self.at.after(IN_FLIGHT) } else { self.at }
    }
}

impl AttemptRecord {
    /// Takes a guess before the password is looked at.
    ///
    /// `generation` is the account's attempts generation as the directory has
    /// it; `nonce` is a random number that no other reservation has.
    pub(crate) fn reserve(
        &mut self,
        rules: &Rules,
        generation: u64,
        nonce: u64,
        now: Timestamp,
    ) -> Reservation {
        self.advance(rules, generation, now);
        if let Some(lockout) = &self.lockout {
            return Reservation::LockedOut(lockout.clone());
        }
        if self.slots.len() < rules.limit() {
            self.slots.push(Slot { nonce, at: now, pending: true });
            return Reservation::Granted(Ticket { generation: self.generation, nonce });
        }
        Reservation::Busy
    }

    /// Says how an attempt went.
    pub(crate) fn settle(
        &mut self,
        rules: &Rules,
        ticket: Ticket,
        outcome: Outcome,
        now: Timestamp,
    ) -> Settled {
        if ticket.generation != self.generation {
            return Settled::Stale;
        }
        self.advance(rules, ticket.generation, now);
        if let Some(lockout) = &self.lockout {
            return Settled::LockedOut(lockout.clone());
        }
        let Some(at) = self
            .slots
            .iter()
            .position(|slot| slot.nonce == ticket.nonce)
        else {
            return Settled::Stale;
        };
        match outcome {
            Outcome::Failed => self.slots[at].pending = false,
            Outcome::Released => drop(self.slots.swap_remove(at)),
            Outcome::Succeeded => self.clear_after_success(at, now),
        }
        match self.lock_if_full(rules, now, now) {
            Some(lockout) => Settled::LockedOut(lockout),
            None => Settled::Recorded { remaining: self.remaining(rules) },
        }
    }

    /// What a new attempt would meet, changing nothing that is counted.
    pub(crate) fn budget(&mut self, rules: &Rules, generation: u64, now: Timestamp) -> Budget {
        self.advance(rules, generation, now);
        match &self.lockout {
            Some(lockout) => Budget::LockedOut(lockout.clone()),
            None => Budget::Open { remaining: self.remaining(rules) },
        }
    }

    /// From when on the record says nothing that an empty one would not; never
    /// for one that lasts until somebody unlocks.
    pub(crate) fn forgettable_at(&self, rules: &Rules) -> Option<Timestamp> {
        let slots = match self.slots.iter().map(Slot::failed_at).max() {
            None => Timestamp::EPOCH,
            Some(last) => last.after(rules.window?).after(rules.lock_for?),
        };
        let streak = match self.streak_until {
            None => Timestamp::EPOCH,
            Some(until) => until.after(rules.streak_lasts()?),
        };
        let lockout = match &self.lockout {
            None => Timestamp::EPOCH,
            Some(lockout) => lockout
                .laid_at
                .after(lockout.length?)
                .after(rules.streak_lasts()?),
        };
        Some(slots.max(streak).max(lockout))
    }

    /// Until when the record refuses attempts; a store may forget a counter,
    /// never a lock.
    pub(crate) fn lockout(&self) -> Option<&Lockout> {
        self.lockout.as_ref()
    }

    fn remaining(&self, rules: &Rules) -> u32 {
        let left = rules.limit().saturating_sub(self.slots.len());
        u32::try_from(left).unwrap_or(u32::MAX)
    }

    /// A success forgets what failed, and keeps what others have in flight: they
    /// may still be guesses.
    fn clear_after_success(&mut self, at: usize, now: Timestamp) {
        self.slots.swap_remove(at);
        self.slots.retain(|slot| slot.in_flight(now));
        self.streak = 0;
        self.streak_until = None;
    }

    /// Applies what time and unlocks did since the record was last touched.
    fn advance(&mut self, rules: &Rules, generation: u64, now: Timestamp) {
        if generation > self.generation {
            *self = Self { generation, ..Self::default() };
        }
        self.forget_the_future(now);
        self.end_lockout(now);
        if let Some(window) = rules.window {
            self.slots
                .retain(|slot| slot.in_flight(now) || now.since(slot.at) < window);
        }
        if let Some(last) = self.slots.iter().map(Slot::failed_at).max() {
            // Only slots that nobody settled can fill up unseen.
            self.lock_if_full(rules, last, now);
            self.end_lockout(now);
        }
        self.end_streak(rules, now);
    }

    /// A clock that was ahead and came back must keep neither failures nor a
    /// lockout until it gets there again.
    fn forget_the_future(&mut self, now: Timestamp) {
        for slot in &mut self.slots {
            slot.at = slot.at.min(now);
        }
        if let Some(lockout) = &mut self.lockout {
            lockout.laid_at = lockout.laid_at.min(now);
        }
        self.streak_until = self.streak_until.map(|until| until.min(now));
    }

    fn end_lockout(&mut self, now: Timestamp) {
        if let Some(over) = self.lockout.take_if(|lockout| !lockout.is_on(now)) {
            self.slots.clear();
            self.streak_until = over.end_at(now).instant();
        }
    }

    fn end_streak(&mut self, rules: &Rules, now: Timestamp) {
        let quiet = self.slots.is_empty() && self.lockout.is_none();
        let (Some(until), Some(lasts)) = (self.streak_until, rules.streak_lasts()) else { return };
        if quiet && now.since(until) >= lasts {
            self.streak = 0;
            self.streak_until = None;
        }
    }

    fn lock_if_full(&mut self, rules: &Rules, at: Timestamp, now: Timestamp) -> Option<Lockout> {
        let full = self.slots.len() >= rules.limit();
        if !full || self.slots.iter().any(|slot| slot.in_flight(now)) {
            return None;
        }
        self.laid += 1;
        let lockout = Lockout {
            id: LockoutId { generation: self.generation, n: self.laid },
            laid_at: at,
            length: rules.length_after(self.streak),
            failures: rules.limit.get(),
            live_sessions: rules.live_sessions,
        };
        self.streak = self.streak.saturating_add(1);
        self.slots.clear();
        self.lockout = Some(lockout.clone());
        Some(lockout)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;
    use crate::domain::policy::LockoutPolicy;

    fn rules(limit: u32, window: u64, lock_for: u64) -> Rules {
        let policy = LockoutPolicy::after(limit)
            .failures_within(Duration::from_secs(window))
            .lasting(Duration::from_secs(lock_for))
            .build();
        policy
            .expect("a policy")
            .rules()
            .expect("it counts")
            .clone()
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    fn granted(reservation: Reservation) -> Ticket {
        match reservation {
            Reservation::Granted(ticket) => ticket,
            other => panic!("not granted: {other:?}"),
        }
    }

    fn fail(record: &mut AttemptRecord, rules: &Rules, secs: i64) -> Settled {
        fail_as(record, rules, secs.unsigned_abs(), secs)
    }

    fn fail_as(record: &mut AttemptRecord, rules: &Rules, nonce: u64, secs: i64) -> Settled {
        let ticket = granted(record.reserve(rules, 0, nonce, at(secs)));
        record.settle(rules, ticket, Outcome::Failed, at(secs))
    }

    #[test]
    fn the_last_guess_locks_and_the_end_is_half_open() {
        let (rules, mut record) = (rules(2, 900, 300), AttemptRecord::default());
        assert_eq!(fail(&mut record, &rules, 0), Settled::Recorded { remaining: 1 });
        let Settled::LockedOut(lockout) = fail(&mut record, &rules, 1) else { panic!("open") };
        assert_eq!(lockout.id, LockoutId { generation: 0, n: 1 });
        for secs in [2, 300] {
            let refused = record.reserve(&rules, 0, 99, at(secs));
            assert_eq!(refused, Reservation::LockedOut(lockout.clone()));
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
        let first = record.settle(&rules, one, Outcome::Failed, at(1));
        assert_eq!(first, Settled::Recorded { remaining: 0 });
        assert_eq!(record.reserve(&rules, 0, 3, at(1)), Reservation::Busy);
        assert!(matches!(
            record.settle(&rules, two, Outcome::Failed, at(2)),
            Settled::LockedOut(_)
        ));
    }

    #[test]
    fn dropped_attempts_are_failures() {
        let (rules, mut record) = (rules(2, 900, 300), AttemptRecord::default());
        let late = granted(record.reserve(&rules, 0, 1, at(0)));
        granted(record.reserve(&rules, 0, 2, at(10)));
        assert_eq!(record.reserve(&rules, 0, 3, at(69)), Reservation::Busy);
        let Reservation::LockedOut(lockout) = record.reserve(&rules, 0, 3, at(200)) else {
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
        let wrong = record.settle(&rules, guess, Outcome::Failed, at(2));
        assert_eq!(wrong, Settled::Recorded { remaining: 2 });
    }

    #[test]
    fn an_unlock_forgets_everything_and_older_settles_change_nothing() {
        let (rules, mut record) = (rules(2, 900, 300), AttemptRecord::default());
        let before = granted(record.reserve(&rules, 0, 1, at(0)));
        fail(&mut record, &rules, 1);
        assert_eq!(record.budget(&rules, 1, at(2)), Budget::Open { remaining: 2 });
        assert_eq!(record.settle(&rules, before, Outcome::Failed, at(3)), Settled::Stale);
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
        let policy = LockoutPolicy::balanced();
        let rules = policy.rules().expect("it counts");
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

    /// Guesses that reach the password check on the first day, if somebody makes
    /// them whenever `wants` says so of the guesses left and the seconds since the
    /// last lockout ended.
    fn guesses_on_the_first_day(wants: impl Fn(u32, i64) -> bool) -> u32 {
        let policy = LockoutPolicy::balanced();
        let rules = policy.rules().expect("it counts");
        let (mut record, mut guesses, mut over) = (AttemptRecord::default(), 0, i64::MIN / 2);
        for now in 0..24 * 3600 {
            let remaining = match record.budget(rules, 0, at(now)) {
                Budget::Open { remaining } => remaining,
                Budget::LockedOut(_) => {
                    over = now + 1;
                    continue;
                }
            };
            for left in (1..=remaining).rev() {
                if wants(left, now - over) {
                    fail_as(&mut record, rules, u64::from(guesses), now);
                    guesses += 1;
                }
            }
        }
        guesses
    }

    /// The manual names these figures.
    #[test]
    fn a_day_of_guessing_gives_what_the_manual_says() {
        assert_eq!(guesses_on_the_first_day(|_, _| true), 135, "never stops");
        assert_eq!(guesses_on_the_first_day(|left, _| left > 1), 384, "is never locked out");
        let both = |left, since_the_last| left > 1 || since_the_last >= 3600;
        assert_eq!(guesses_on_the_first_day(both), 471, "is locked out where it costs least");
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
                3 => Just(Outcome::Failed),
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
                            Reservation::Granted(ticket) => {
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
                            Reservation::LockedOut(lockout) => {
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
                                    Outcome::Failed => {}
                                    Outcome::Released => spent.retain(|s| s.0 != ticket.nonce),
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
                            open.push(t);
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
    }
}
