//! Every state that a counter can get into, found by walking from the empty one
//! until nothing new comes, and in each of them the promises.
//!
//! Time goes in steps of [`UNIT`]. What is older than everything that a policy
//! measures is the same as what is a little older still, so the walk ends although
//! time does not: what holds here holds for histories of any length, on a clock that
//! does not step back, with up to two guesses under way. Every seventh policy is
//! walked through; all of them with as many under way as this asks for:
//!
//! ```text
//! PORTCULLIS_UNDER_WAY=4 cargo test --release --lib reachable -- --nocapture
//! ```

use std::collections::{HashSet, VecDeque};

use super::*;
use crate::domain::counting::Counting;
use crate::domain::policy::LockoutPolicy;

const UNIT: Duration = Duration::from_secs(20);

/// Longer than anything that a policy here measures.
const LONG: i64 = 6 * 20;

fn units(units: u32) -> Duration {
    UNIT * units
}

/// What an onlooker knows who counts along.
#[derive(Clone, Debug, Default)]
struct Onlooker {
    /// Guesses granted since the last reset and not given back, and when.
    spent: Vec<Spent>,
    /// Grants since the last success or unlock, less what was given back.
    in_a_row: u32,
    /// Lockouts since then.
    locks: u32,
    /// A lockout that an onlooker was told of.
    lockout: Option<Lockout>,
}

#[derive(Clone, Copy, Debug)]
struct Spent {
    nonce: u64,
    at: Timestamp,
    is_settled: bool,
}

impl Spent {
    fn in_flight(&self, now: Timestamp) -> bool {
        !self.is_settled && now.since(self.at) < IN_FLIGHT
    }
}

#[derive(Clone, Debug)]
struct State {
    record: AttemptRecord,
    now: Timestamp,
    /// As the directory has it.
    generation: u64,
    open: Vec<Ticket>,
    seen: Onlooker,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Drop(usize),
    Reserve,
    Settle(usize, Outcome),
    Unlock,
    Wait,
}

impl State {
    fn first() -> Self {
        Self {
            record: AttemptRecord::default(),
            now: Timestamp::from_secs(1_000_000),
            generation: 0,
            open: Vec::new(),
            seen: Onlooker::default(),
        }
    }

    /// The same for all states that can't be told apart from here on.
    fn key(&self) -> Vec<i64> {
        let age = |at: Timestamp| (self.now.as_micros() - at.as_micros()).min(LONG * 1_000_000);
        let ages = |at: Option<Timestamp>| at.map_or(-1, age);
        let behind = |generation: u64| i64::try_from(self.generation - generation).unwrap_or(9);
        let record = &self.record;
        let mut key = vec![
            behind(record.generation),
            i64::from(record.streak.min(3)),
            i64::from(record.consecutive),
            ages(record.streak_until),
            i64::from(self.seen.in_a_row.min(9)),
            i64::from(self.seen.locks.min(3)),
        ];
        for lockout in [record.lockout(), self.seen.lockout.as_ref()] {
            key.push(ages(lockout.map(|lockout| lockout.laid_at)));
            let length = lockout.and_then(|lockout| lockout.length);
            key.push(length.map_or(-1, |length| i64::try_from(length.as_secs()).unwrap_or(-1)));
        }
        // Which number a guess has is nothing to go by, only who knows of it still.
        let mut slots: Vec<[i64; 4]> = record
            .slots
            .iter()
            .map(|slot| {
                let open = self.open.iter().any(|t| t.nonce == slot.nonce);
                let spent = self
                    .seen
                    .spent
                    .iter()
                    .find(|spent| spent.nonce == slot.nonce);
                let spent = spent.map_or(0, |spent| 1 + i64::from(spent.is_settled));
                [age(slot.at), slot.pending.into(), open.into(), spent]
            })
            .collect();
        slots.sort_unstable();
        key.extend(slots.into_iter().flatten());
        key.push(-2);
        let has_slot = |nonce: u64| record.slots.iter().any(|slot| slot.nonce == nonce);
        let late = self.open.iter().filter(|ticket| !has_slot(ticket.nonce));
        let mut late: Vec<i64> = late.map(|ticket| behind(ticket.generation)).collect();
        late.sort_unstable();
        key.extend(late);
        key.push(-3);
        let gone = self
            .seen
            .spent
            .iter()
            .filter(|spent| !has_slot(spent.nonce));
        let mut gone: Vec<[i64; 2]> = gone.map(|s| [age(s.at), s.is_settled.into()]).collect();
        gone.sort_unstable();
        key.extend(gone.into_iter().flatten());
        key
    }

    fn steps(&self, most_open: usize) -> Vec<Step> {
        let mut steps = vec![Step::Wait];
        if self.open.len() < most_open {
            steps.push(Step::Reserve);
        }
        // One unlock that the record has not heard of, or that tickets are older than.
        let oldest = self.open.iter().map(|ticket| ticket.generation).min();
        if oldest
            .unwrap_or(self.generation)
            .min(self.record.generation)
            == self.generation
        {
            steps.push(Step::Unlock);
        }
        for at in 0..self.open.len() {
            let settle = |outcome| Step::Settle(at, outcome);
            steps
                .extend([Outcome::Failed(None), Outcome::Succeeded, Outcome::Released].map(settle));
            steps.push(Step::Drop(at));
        }
        steps
    }

    /// A number that nothing here has.
    fn fresh(&self) -> u64 {
        let slots = self.record.slots.iter().map(|slot| slot.nonce);
        let open = self.open.iter().map(|ticket| ticket.nonce);
        let spent = self.seen.spent.iter().map(|spent| spent.nonce);
        let taken: HashSet<u64> = slots.chain(open).chain(spent).collect();
        (0..)
            .find(|nonce| !taken.contains(nonce))
            .expect("one of many")
    }

    fn after(&self, step: Step, rules: &CounterRules) -> Self {
        let mut next = self.clone();
        match step {
            Step::Wait => next.now = next.now.after(UNIT),
            Step::Drop(at) => drop(next.open.remove(at)),
            Step::Unlock => {
                next.generation += 1;
                next.seen = Onlooker::default();
            }
            Step::Reserve => next.reserve(rules),
            Step::Settle(at, outcome) => next.settle(rules, at, outcome),
        }
        next
    }

    fn reserve(&mut self, rules: &CounterRules) {
        let was = self.clone();
        let nonce = self.fresh();
        let reservation = self.record.reserve(rules, self.generation, nonce, self.now);
        self.look_at_lockouts(rules, &was);
        match reservation {
            Reservation::Granted(tickets) => {
                self.open.push(tickets[0]);
                self.seen.grant(rules, nonce, self.now);
            }
            Reservation::LockedOut { lockout, .. } => {
                assert!(lockout.is_on(self.now), "refused by what is over");
                assert_eq!(Some(&lockout), self.record.lockout());
            }
            Reservation::Busy => {
                let in_flight = |slot: &Slot| slot.in_flight(self.now);
                assert!(self.record.slots.iter().any(in_flight), "busy with nothing");
            }
        }
    }

    fn settle(&mut self, rules: &CounterRules, at: usize, outcome: Outcome) {
        let was = self.clone();
        let ticket = self.open.remove(at);
        let settled = self.record.settle(rules, ticket, outcome, self.now);
        if ticket.generation < self.generation {
            return self.changes_nothing_that_was_unlocked(rules, &was, ticket, &settled);
        }
        self.look_at_lockouts(rules, &was);
        if matches!(settled, Settled::Stale) || was.on().is_some() {
            return;
        }
        match outcome {
            Outcome::Failed(_) => {
                let spent = self.seen.spent.iter_mut();
                spent
                    .filter(|spent| spent.nonce == ticket.nonce)
                    .for_each(|spent| spent.is_settled = true);
            }
            Outcome::Passed | Outcome::Released => {
                self.seen.spent.retain(|spent| spent.nonce != ticket.nonce);
                self.seen.in_a_row = self.seen.in_a_row.saturating_sub(1);
            }
            Outcome::Succeeded => {
                let now = self.now;
                self.seen
                    .spent
                    .retain(|spent| spent.nonce != ticket.nonce && spent.in_flight(now));
                self.seen.in_a_row = u32::try_from(self.seen.spent.len()).expect("few");
                self.seen.locks = 0;
            }
        }
    }

    /// The lockout that is on.
    fn on(&self) -> Option<&Lockout> {
        let lockout = self.seen.lockout.as_ref();
        lockout.filter(|lockout| lockout.is_on(self.now))
    }

    /// A settle of before an unlock: once the counter hears of the unlock it is as if
    /// nothing had been.
    fn changes_nothing_that_was_unlocked(
        &self,
        rules: &CounterRules,
        was: &Self,
        ticket: Ticket,
        settled: &Settled,
    ) {
        if was.record.generation == self.generation {
            assert_eq!(*settled, Settled::Stale, "{ticket:?}");
            assert_eq!(self.record, was.record, "{ticket:?}");
            return;
        }
        let mut record = self.record.clone();
        let left = record.budget(rules, self.generation, self.now);
        assert_eq!(left, Budget::Open { remaining: rules.limit() });
        assert!(record.is_blank());
    }

    /// What an attempt may do to lockouts: lay one, or meet one that is on or over.
    fn look_at_lockouts(&mut self, rules: &CounterRules, was: &Self) {
        if let Some(on) = was.on() {
            assert_eq!(self.record.lockout(), Some(on), "an attempt changed a lockout");
            return;
        }
        let before =
            if was.record.generation == self.record.generation { was.record.laid } else { 0 };
        let laid = self.record.laid - before;
        assert!(laid <= 1, "two lockouts at once");
        if laid == 1 {
            let earlier = self.seen.locks;
            self.seen.locks += 1;
            self.seen.spent.clear();
            if let Some(most) = rules.permanent_after() {
                let lockout = self.record.lockout();
                assert!(earlier < most || lockout.is_some_and(|l| l.length.is_none()));
            }
        } else if was.seen.lockout.is_some() {
            self.seen.spent.clear();
        }
        if let (Some(lockout), Some(ceiling)) = (self.record.lockout(), rules.ceiling()) {
            assert!(
                self.seen.in_a_row < ceiling || lockout.length.is_none(),
                "the ceiling is passed"
            );
        }
        self.seen.lockout = self.record.lockout().cloned();
    }
}

impl Onlooker {
    fn grant(&mut self, rules: &CounterRules, nonce: u64, now: Timestamp) {
        assert!(self.lockout.is_none(), "granted while locked out");
        self.age(rules, now);
        self.spent.push(Spent { nonce, at: now, is_settled: false });
        let spent = u32::try_from(self.spent.len()).expect("few");
        assert!(spent <= rules.limit(), "{spent} guesses between two resets: {:?}", self.spent);
        self.in_a_row += 1;
        let ceiling = rules.ceiling().unwrap_or(u32::MAX);
        assert!(self.in_a_row <= ceiling, "{} failures in a row", self.in_a_row);
    }

    fn age(&mut self, rules: &CounterRules, now: Timestamp) {
        let last = self.spent.iter().map(|spent| spent.at).max();
        match rules.window() {
            Window::Endless => {}
            Window::Sliding(window) => self
                .spent
                .retain(|spent| spent.in_flight(now) || now.since(spent.at) < window),
            Window::SinceLast(window) => {
                if last.is_some_and(|last| now.since(last) >= window) {
                    self.spent.retain(|spent| spent.in_flight(now));
                }
            }
        }
    }
}

/// How many states there are.
fn walk(rules: &CounterRules, most_open: usize) -> usize {
    let first = State::first();
    let mut known = HashSet::from([first.key()]);
    let mut waiting = VecDeque::from([first]);
    while let Some(state) = waiting.pop_front() {
        for step in state.steps(most_open) {
            let next = state.after(step, rules);
            if known.insert(next.key()) {
                waiting.push_back(next);
            }
        }
    }
    known.len()
}

fn every_policy() -> Vec<Counting> {
    let mut all = Vec::new();
    for limit in 1..=2 {
        let after = || Counting::after(limit);
        let windows = [
            after(),
            after().failures_within(units(2)),
            after().failures_since_last(units(2)),
            after().failures_within(units(5)),
        ];
        for window in windows {
            let timed = || window.clone().lasting(units(1));
            all.push(window.clone());
            all.push(timed());
            all.push(timed().growing(2, units(2)));
            all.push(timed().permanent_after(1));
            all.push(timed().ceiling(limit + 2));
        }
    }
    let three = Counting::after(3).failures_within(units(2));
    all.push(three.lasting(units(1)).ceiling(4));
    all
}

#[test]
fn the_promises_hold_in_every_state() {
    let asked = std::env::var("PORTCULLIS_UNDER_WAY");
    let asked: Option<usize> = asked.ok().map(|said| said.parse().expect("a number"));
    let (under_way, step) = asked.map_or((2, 7), |under_way| (under_way, 1));
    let (mut states, mut policies) = (0, 0);
    for counting in every_policy().into_iter().step_by(step) {
        let policy = LockoutPolicy::builder().by_account(counting);
        let policy = policy.build().expect("a policy");
        states += walk(policy.by_account().expect("it counts"), under_way);
        policies += 1;
    }
    println!("{states} states under {policies} policies, {under_way} guesses under way");
}
