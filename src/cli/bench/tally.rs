//! What one connection saw; added up at the end, so that none waits for another.

use hdrhistogram::Histogram;

use crate::cli::bench::stage::Breach;
use crate::cli::bench::verdict::{Kind, Verdict};

/// No answer is waited for longer than this, in microseconds, and nothing takes less than one.
const LONGEST: u64 = 60_000_000;

/// How many columns the course of a run has at most, and how short one is at least.
const SLOTS: u64 = 60;
const SHORTEST_SLOT: u64 = 50_000;

/// Counts of one connection, or of all.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    pub(super) passed: u64,
    pub(super) refused: u64,
    pub(super) errors: [u64; Kind::ALL.len()],
    /// How many pages named the account that asked.
    pub(super) named: u64,
    pub(super) admitted_after_bite: u64,
    pub(super) refused_without_lock: u64,
    /// Latencies of what passed, in microseconds.
    pub(super) latency: Histogram<u64>,
    pub(super) course: Vec<Slot>,
    slot_micros: u64,
}

/// How a piece of the run went.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Slot {
    pub(super) passed: u64,
    pub(super) refused: u64,
    pub(super) errors: u64,
}

impl Tally {
    /// Nothing yet, for a run that takes so many microseconds.
    pub(super) fn new(lasts: u64) -> Self {
        let slot_micros = (lasts / SLOTS).max(SHORTEST_SLOT);
        let slots = usize::try_from(lasts.div_ceil(slot_micros).max(1)).unwrap_or(1);
        Self {
            passed: 0,
            refused: 0,
            errors: [0; Kind::ALL.len()],
            named: 0,
            admitted_after_bite: 0,
            refused_without_lock: 0,
            latency: empty(),
            course: vec![Slot::default(); slots],
            slot_micros,
        }
    }

    /// How long a piece of the course is, in microseconds.
    pub(super) const fn slot_micros(&self) -> u64 {
        self.slot_micros
    }

    /// Counts an answer that came in so many microseconds into the run.
    pub(super) fn count(&mut self, verdict: Verdict, at: u64, latency: u64) {
        let slot = usize::try_from(at / self.slot_micros).unwrap_or(usize::MAX);
        let slot = slot.min(self.course.len() - 1);
        let slot = &mut self.course[slot];
        match verdict {
            Verdict::Passed { named } => {
                self.passed += 1;
                self.named += u64::from(named);
                slot.passed += 1;
                self.latency.saturating_record(latency.max(1));
            }
            Verdict::Refused => {
                self.refused += 1;
                slot.refused += 1;
            }
            Verdict::Wrong(kind) => {
                self.errors[kind as usize] += 1;
                slot.errors += 1;
            }
        }
    }

    pub(super) fn count_breach(&mut self, breach: Breach) {
        match breach {
            Breach::AdmittedAfterBite => self.admitted_after_bite += 1,
            Breach::RefusedWithoutLock => self.refused_without_lock += 1,
        }
    }

    /// What both saw.
    pub(super) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.refused += other.refused;
        self.named += other.named;
        self.admitted_after_bite += other.admitted_after_bite;
        self.refused_without_lock += other.refused_without_lock;
        for (sum, more) in self.errors.iter_mut().zip(other.errors) {
            *sum += more;
        }
        for (sum, more) in self.course.iter_mut().zip(&other.course) {
            sum.passed += more.passed;
            sum.refused += more.refused;
            sum.errors += more.errors;
        }
        self.latency
            .add(&other.latency)
            .expect("both have the same bounds");
    }
}

/// A histogram that is right to a thousandth, in microseconds.
pub(super) fn empty() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).expect("bounds that make sense")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_counted_once_and_somewhere() {
        let mut all = Tally::new(3_000_000);
        for worker in 0..3 {
            let mut tally = Tally::new(3_000_000);
            tally.count(Verdict::Passed { named: true }, 0, 0);
            tally.count(Verdict::Passed { named: false }, 2_999_999, 1_000 * (worker + 1));
            tally.count(Verdict::Refused, 3_000_000, 5);
            tally.count(Verdict::Wrong(Kind::Stranger), u64::MAX, u64::MAX);
            tally.count_breach(Breach::AdmittedAfterBite);
            all.add(&tally);
        }
        assert_eq!((all.passed, all.refused, all.named), (6, 3, 3));
        assert_eq!(all.errors[Kind::Stranger as usize], 3);
        assert_eq!(all.admitted_after_bite, 3);
        assert_eq!((all.latency.len(), all.latency.min()), (6, 1));
        let course = all
            .course
            .iter()
            .map(|slot| slot.passed + slot.refused + slot.errors);
        assert_eq!(course.sum::<u64>(), 12, "what comes late is in the last piece");
        assert_eq!(all.course.len(), 60);
    }

    #[test]
    fn kinds_have_a_place_each() {
        for (at, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at);
        }
    }
}
