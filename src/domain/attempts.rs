//! The attempt record: how many guesses of one counter are in flight or failed.
//!
//! ```text
//!             reserve                    settle: failed
//!   ┌──────┐ ────────► ┌───────────┐ ──────────────────► ┌────────┐
//!   │ free │           │ in flight │                     │ failed │──┐ older than
//!   └──────┘ ◄──────── └───────────┘ ── past its time ─► └────────┘  │ the window
//!      ▲     settle:          │                              │       │
//!      │     succeeded,       │ all slots taken, or the      │       │
//!      │     passed,          │ ceiling reached; none        │       │
//!      │     released,        │ in flight      ┌─────────┐   │       │
//!      │     a repeat         └──────────────► │ lockout │ ◄─┘       │
//!      │        its end, or an unlock          └────┬────┘           │
//!      ├────────────────────────────────────────────┘                │
//!      └─────────────────────────────────────────────────────────────┘
//! ```
//!
//! A reservation **is** a failure, stamped when it is made. Settling it as failed
//! takes nothing and gives nothing; only success, release and a repeat give the
//! slot back. So an attempt that is dropped, crashes or comes back late needs no
//! care: its slot counts as failed once it has been in flight for [`IN_FLIGHT`].
//!
//! At most `limit` distinct guesses are in flight or failed between two resets, at
//! any concurrency. A reset is: ageing by the window, the end of a lockout, an
//! unlock (a new generation), a success.
//!
//! An attempt is counted by several counters at once, as by account and by
//! address: all of them grant it, or none counts it.

mod memory;
mod together;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use self::memory::Memory;
use crate::domain::counting::{CounterRules, Window};
use crate::domain::lock::{Lockout, LockoutId};
use crate::domain::time::Timestamp;

pub(crate) use self::memory::FREE_REPEATS;
pub use self::memory::Guess;
pub(crate) use self::together::{Counted, budget, reserve, settle};

/// How long a reservation may stay unsettled before it counts as failed.
pub const IN_FLIGHT: Duration = Duration::from_secs(60);

/// The attempts of one counter, as an attempt store keeps them.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct AttemptRecord {
    /// The account's attempts generation that this record belongs to.
    generation: u64,
    /// Lockouts laid in this generation: their identities.
    laid: u64,
    /// Lockouts in a row, without a success in between: how long the next lasts.
    streak: u32,
    /// Guesses in flight or failed since the last success, where there is a
    /// ceiling for them. Time does not take from them.
    #[serde(default)]
    consecutive: u32,
    /// When the last of a row of lockouts ended.
    streak_until: Option<Timestamp>,
    slots: SmallVec<[Slot; 1]>,
    lockout: Option<Box<Lockout>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    memory: Option<Box<Memory>>,
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

/// Whose a counter is: what a success means to it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a success clears it or not")]
pub enum Scope {
    /// One account's: a success clears it.
    Own,
    /// Many accounts', as an address is: a success takes nothing from it but its
    /// own slot.
    Shared,
}

/// What came of asking for a guess.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "a guess is granted, put off or refused")]
pub enum Reservation {
    /// Every guess is in flight and nothing is locked: ask again in a second.
    Busy,
    /// The password may be looked at, once. One ticket a counter.
    Granted(Vec<Ticket>),
    /// Refused, and nothing was counted.
    LockedOut {
        /// Which of the counters refuses; of several, the one that does longest.
        counter: usize,
        /// Its lockout.
        lockout: Lockout,
    },
}

/// How an attempt went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The guess was wrong. Where it is told which it was, the same again from the
    /// same source is not a new guess.
    Failed(Option<Guess>),
    /// One factor of several was right: nothing is counted, and nothing cleared.
    Passed,
    /// Neither: the guess was right, and the account is refused anyway; or it was
    /// none.
    Released,
    /// The whole sign-in succeeded.
    Succeeded,
}

/// What came of settling an attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "callers must answer each of them")]
pub enum Settled {
    /// It was the last guess: the counter is locked out.
    LockedOut(Lockout),
    /// It counts as it was settled.
    Recorded {
        /// How many guesses are left.
        remaining: u32,
    },
    /// The record moved on meanwhile, by an unlock or by time: nothing changed.
    Stale,
}

/// What a read of the records says about a new attempt.
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

/// What one record says of a new attempt.
enum Room {
    Busy,
    Free,
    LockedOut(Lockout),
}

#[cfg(feature = "redis")]
impl Ticket {
    pub(crate) const fn of(generation: u64, nonce: u64) -> Self {
        Self { generation, nonce }
    }

    /// The generation that it is of, and the number of the reservation.
    pub(crate) const fn parts(self) -> (u64, u64) {
        (self.generation, self.nonce)
    }
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
    /// From when on the record says nothing that an empty one would not; never
    /// for one that lasts until somebody unlocks.
    #[cfg(any(feature = "pages", feature = "postgres", feature = "sqlite"))]
    pub(crate) fn forgettable_at(&self, rules: &CounterRules) -> Option<Timestamp> {
        if self.consecutive > 0 && rules.ceiling().is_some() {
            return None;
        }
        let slots = match self.slots.iter().map(Slot::failed_at).max() {
            None => Timestamp::EPOCH,
            // Those that nobody settled may be a lockout that nobody has met yet.
            Some(last) => last
                .after(rules.window().length()?)
                .after(rules.length_after(self.streak)?),
        };
        let row_after = |end: Timestamp| Some(end.after(rules.streak_lasts()?));
        let streak = match self.streak_until {
            None => Timestamp::EPOCH,
            Some(until) => row_after(until)?,
        };
        let lockout = match &self.lockout {
            None => Timestamp::EPOCH,
            Some(lockout) => row_after(lockout.laid_at.after(lockout.length?))?,
        };
        Some(slots.max(streak).max(lockout))
    }

    /// Until when the record refuses attempts; a store may forget a counter,
    /// never a lock.
    pub(crate) fn lockout(&self) -> Option<&Lockout> {
        self.lockout.as_deref()
    }

    /// Whether it says no more than an empty one. Which generation it is of is no
    /// more: a ticket of another finds no slot.
    pub(crate) fn is_blank(&self) -> bool {
        *self == Self { generation: self.generation, ..Self::default() }
    }

    /// How much would be lost with it: what has failed or is in flight, in this
    /// window and since the last success.
    pub(crate) fn weight(&self) -> u32 {
        let slots = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        slots.max(self.consecutive).saturating_add(self.streak)
    }

    /// The instant as far as this record is concerned: time never goes back a moment.
    fn present(&self, now: Timestamp) -> Timestamp {
        let slots = self.slots.iter().map(|slot| slot.at).max();
        let lockout = self.lockout().map(|lockout| lockout.laid_at);
        let last = slots.max(lockout).max(self.streak_until);
        last.map_or(now, |last| now.unless_stepped_back(last))
    }

    /// Whether a new attempt may be made.
    fn room(&mut self, rules: &CounterRules, generation: u64, now: Timestamp) -> Room {
        let now = self.present(now);
        self.advance(rules, generation, now);
        match &self.lockout {
            Some(lockout) => Room::LockedOut((**lockout).clone()),
            None if self.remaining(rules) > 0 => Room::Free,
            None => Room::Busy,
        }
    }

    /// Takes a guess that there is room for.
    fn take(&mut self, rules: &CounterRules, nonce: u64, now: Timestamp) -> Ticket {
        let now = self.present(now);
        self.slots.push(Slot { nonce, at: now, pending: true });
        if rules.ceiling().is_some() {
            self.consecutive = self.consecutive.saturating_add(1);
        }
        Ticket { generation: self.generation, nonce }
    }

    /// Says how an attempt went, as far as this record is concerned.
    fn settle_one(
        &mut self,
        rules: &CounterRules,
        ticket: Ticket,
        outcome: Outcome,
        now: Timestamp,
    ) -> Settled {
        let now = self.present(now);
        let Some(at) = self.find(rules, ticket, now) else {
            return match &self.lockout {
                Some(lockout) if ticket.generation == self.generation => {
                    Settled::LockedOut((**lockout).clone())
                }
                _ => Settled::Stale,
            };
        };
        match outcome {
            Outcome::Failed(guess) => self.fail(rules, at, guess, now),
            Outcome::Passed | Outcome::Released => self.give_back(at),
            Outcome::Succeeded => self.clear_after_success(at, now),
        }
        // What was in flight for longer than failures count is too old by now.
        self.age(rules, now);
        match self.lock_if_full(rules, now, now) {
            Some(lockout) => Settled::LockedOut(lockout),
            None => Settled::Recorded { remaining: self.remaining(rules) },
        }
    }

    /// The slot of a ticket, if it is still to be settled.
    fn find(&mut self, rules: &CounterRules, ticket: Ticket, now: Timestamp) -> Option<usize> {
        if ticket.generation != self.generation {
            return None;
        }
        self.advance(rules, ticket.generation, self.present(now));
        self.slots
            .iter()
            .position(|slot| slot.nonce == ticket.nonce)
    }

    /// Whether this wrong guess was made before, and is still free.
    fn repeats(&mut self, rules: &CounterRules, at: usize, guess: Guess, now: Timestamp) -> bool {
        let (from, window) = (self.slots[at].at, rules.window().length());
        let memory = self.memory.as_deref_mut();
        memory.is_some_and(|memory| memory.repeats(guess, from, window, now))
    }

    fn fail(&mut self, rules: &CounterRules, at: usize, guess: Option<Guess>, now: Timestamp) {
        self.slots[at].pending = false;
        if let Some(guess) = guess.filter(|_| rules.remembered() > 0) {
            self.memory
                .get_or_insert_default()
                .learn(guess, rules.remembered(), now);
        }
    }

    fn give_back(&mut self, at: usize) {
        self.slots.swap_remove(at);
        self.consecutive = self.consecutive.saturating_sub(1);
    }

    /// A success forgets what failed, and keeps what others have in flight: they
    /// may still be guesses.
    fn clear_after_success(&mut self, at: usize, now: Timestamp) {
        self.slots.swap_remove(at);
        self.slots.retain(|slot| slot.in_flight(now));
        let others = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        self.consecutive = self.consecutive.min(others);
        self.streak = 0;
        self.streak_until = None;
        self.memory = None;
    }

    fn remaining(&self, rules: &CounterRules) -> u32 {
        if self.lockout.is_some() {
            return 0;
        }
        let taken = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        let left = rules.limit().saturating_sub(taken);
        match rules.ceiling() {
            Some(ceiling) => left.min(ceiling.saturating_sub(self.consecutive)),
            None => left,
        }
    }

    /// Applies what time and unlocks did since the record was last touched.
    fn advance(&mut self, rules: &CounterRules, generation: u64, now: Timestamp) {
        if generation > self.generation {
            *self = Self { generation, ..Self::default() };
        }
        self.forget_the_future(now);
        self.end_lockout(now);
        self.lock_unseen(rules, now);
        self.end_flights(now);
        self.age(rules, now);
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
        if let Some(memory) = &mut self.memory {
            memory.forget_the_future(now);
        }
    }

    fn end_lockout(&mut self, now: Timestamp) {
        if let Some(over) = self.lockout.take_if(|lockout| !lockout.is_on(now)) {
            self.slots.clear();
            self.streak_until = over.end_at(now).instant();
        }
    }

    /// Lays the lockout that slots which nobody settled filled up, at the instant
    /// when they did.
    fn lock_unseen(&mut self, rules: &CounterRules, now: Timestamp) {
        if self.lockout.is_some() || self.slots.iter().any(|slot| slot.in_flight(now)) {
            return;
        }
        let last = self.slots.iter().map(Slot::failed_at).max();
        if let Some(last) = last {
            self.age(rules, last);
        }
        self.lock_if_full(rules, last.unwrap_or(now), now);
        self.end_lockout(now);
    }

    /// What nobody settled in its time has failed, whatever the clock does later.
    fn end_flights(&mut self, now: Timestamp) {
        for slot in &mut self.slots {
            slot.pending = slot.in_flight(now);
        }
    }

    /// Lets go of failures that are too old at this instant.
    fn age(&mut self, rules: &CounterRules, at: Timestamp) {
        let newest = self.slots.iter().map(|slot| slot.at).max();
        let is_over = |stamp: Timestamp, window| at.since(stamp) >= window;
        match rules.window() {
            Window::Endless => {}
            Window::Sliding(window) => self
                .slots
                .retain(|slot| slot.in_flight(at) || !is_over(slot.at, window)),
            Window::SinceLast(window) => {
                if newest.is_some_and(|newest| is_over(newest, window)) {
                    self.slots.retain(|slot| slot.in_flight(at));
                }
            }
        }
    }

    fn end_streak(&mut self, rules: &CounterRules, now: Timestamp) {
        let quiet = self.slots.is_empty() && self.lockout.is_none();
        let (Some(until), Some(lasts)) = (self.streak_until, rules.streak_lasts()) else { return };
        if quiet && now.since(until) >= lasts {
            self.streak = 0;
            self.streak_until = None;
        }
    }

    fn lock_if_full(
        &mut self,
        rules: &CounterRules,
        at: Timestamp,
        now: Timestamp,
    ) -> Option<Lockout> {
        let at_ceiling = rules.ceiling().is_some_and(|most| self.consecutive >= most);
        let full = self.slots.len() >= rules.limit() as usize;
        let in_flight = self.slots.iter().any(|slot| slot.in_flight(now));
        if in_flight || !(full || at_ceiling) || self.lockout.is_some() {
            return None;
        }
        self.laid += 1;
        let lockout = Lockout {
            id: LockoutId { generation: self.generation, n: self.laid },
            laid_at: at,
            length: if at_ceiling { None } else { rules.length_after(self.streak) },
            failures: if at_ceiling { self.consecutive } else { rules.limit() },
            live_sessions: rules.live_sessions(),
        };
        self.streak = self.streak.saturating_add(1);
        self.slots.clear();
        self.lockout = Some(Box::new(lockout.clone()));
        Some(lockout)
    }
}

#[cfg(test)]
mod reachable;
#[cfg(test)]
mod tests;
