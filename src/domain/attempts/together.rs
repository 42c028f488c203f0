//! One attempt, counted by several counters: all of them or none.

use super::{AttemptRecord, Budget, Outcome, Reservation, Room, Scope, Settled, Ticket};
use crate::domain::counting::CounterRules;
use crate::domain::lock::Lockout;
use crate::domain::time::Timestamp;

/// What a counter counts by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counted<'a> {
    pub(crate) rules: &'a CounterRules,
    /// The account's attempts generation as the directory has it.
    pub(crate) generation: u64,
    pub(crate) scope: Scope,
}

/// Takes a guess from each of these records before the password is looked at.
///
/// `nonce` is a number that no other reservation has.
pub(crate) fn reserve(
    records: &mut [AttemptRecord],
    counters: &[Counted<'_>],
    nonce: u64,
    now: Timestamp,
) -> Reservation {
    let (mut is_busy, mut refused) = (false, None);
    for (at, (record, counter)) in records.iter_mut().zip(counters).enumerate() {
        match record.room(counter.rules, counter.generation, now) {
            Room::Free => {}
            Room::Busy => is_busy = true,
            Room::LockedOut(lockout) => refused = longest(refused, (at, lockout), now),
        }
    }
    if let Some((counter, lockout)) = refused {
        return Reservation::LockedOut { counter, lockout };
    }
    if is_busy {
        return Reservation::Busy;
    }
    let taken = records.iter_mut().zip(counters);
    Reservation::Granted(
        taken
            .map(|(record, counter)| record.take(counter.rules, nonce, now))
            .collect(),
    )
}

/// Says how an attempt went. One answer a counter.
pub(crate) fn settle(
    records: &mut [AttemptRecord],
    counters: &[Counted<'_>],
    tickets: &[Ticket],
    outcome: Outcome,
    now: Timestamp,
) -> Vec<Settled> {
    let outcome = unless_repeated(records, counters, tickets, outcome, now);
    let each = records.iter_mut().zip(counters).zip(tickets).enumerate();
    each.map(|(at, ((record, counter), ticket))| {
        let outcome = outcome_for(outcome, counter.scope, at == 0);
        record.settle_one(counter.rules, *ticket, outcome, now)
    })
    .collect()
}

/// What a new attempt would meet, changing nothing that is counted.
pub(crate) fn budget(
    records: &mut [AttemptRecord],
    counters: &[Counted<'_>],
    now: Timestamp,
) -> Budget {
    let (mut remaining, mut refused) = (u32::MAX, None);
    for (at, (record, counter)) in records.iter_mut().zip(counters).enumerate() {
        match record.room(counter.rules, counter.generation, now) {
            Room::LockedOut(lockout) => refused = longest(refused, (at, lockout), now),
            _ => remaining = remaining.min(record.remaining(counter.rules)),
        }
    }
    match refused {
        Some((_, lockout)) => Budget::LockedOut(lockout),
        None => Budget::Open { remaining },
    }
}

/// A wrong password that was tried before is given back. The first counter, the
/// account's where there is one, remembers.
fn unless_repeated(
    records: &mut [AttemptRecord],
    counters: &[Counted<'_>],
    tickets: &[Ticket],
    outcome: Outcome,
    now: Timestamp,
) -> Outcome {
    let Outcome::Failed(Some(guess)) = outcome else { return outcome };
    let (Some(record), Some(counter), Some(ticket)) =
        (records.first_mut(), counters.first(), tickets.first())
    else {
        return outcome;
    };
    match record.find(counter.rules, *ticket, now) {
        Some(at) if record.repeats(counter.rules, at, guess, now) => Outcome::Released,
        _ => outcome,
    }
}

const fn outcome_for(outcome: Outcome, scope: Scope, remembers: bool) -> Outcome {
    match (outcome, scope) {
        (Outcome::Succeeded, Scope::Shared) => Outcome::Released,
        (Outcome::Failed(_), _) if !remembers => Outcome::Failed(None),
        _ => outcome,
    }
}

fn longest(
    so_far: Option<(usize, Lockout)>,
    next: (usize, Lockout),
    now: Timestamp,
) -> Option<(usize, Lockout)> {
    match so_far {
        Some(best) if best.1.end_at(now) >= next.1.end_at(now) => Some(best),
        _ => Some(next),
    }
}

#[cfg(test)]
impl AttemptRecord {
    /// One counter by itself.
    pub(crate) fn reserve(
        &mut self,
        rules: &CounterRules,
        generation: u64,
        nonce: u64,
        now: Timestamp,
    ) -> Reservation {
        let counter = Counted { rules, generation, scope: Scope::Own };
        reserve(std::slice::from_mut(self), &[counter], nonce, now)
    }

    /// One counter by itself.
    pub(crate) fn settle(
        &mut self,
        rules: &CounterRules,
        ticket: Ticket,
        outcome: Outcome,
        now: Timestamp,
    ) -> Settled {
        let counter = Counted { rules, generation: ticket.generation, scope: Scope::Own };
        let settled = settle(std::slice::from_mut(self), &[counter], &[ticket], outcome, now);
        settled.into_iter().next().expect("one answer a counter")
    }

    /// One counter by itself.
    pub(crate) fn budget(
        &mut self,
        rules: &CounterRules,
        generation: u64,
        now: Timestamp,
    ) -> Budget {
        let counter = Counted { rules, generation, scope: Scope::Own };
        budget(std::slice::from_mut(self), &[counter], now)
    }
}
