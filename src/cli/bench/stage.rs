//! The scratch accounts of a run while it plays, and what is known of each.

use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

use crate::cli::bench::client::{Answer, Silence};
use crate::cli::bench::pace::Pace;
use crate::cli::bench::plan::Plan;
use crate::cli::bench::stop::Stop;
use crate::cli::bench::verdict::{Verdict, judge};
use crate::domain::account::AccountId;
use crate::domain::time::{Clock, Monotonic};

/// Nothing of the kind has happened.
const NOT_YET: u64 = u64::MAX;

/// Everything that the tasks of one run share.
pub(super) struct Stage {
    pub(super) plan: Plan,
    pub(super) prefix: String,
    pub(super) cast: Vec<Scratch>,
    pub(super) clock: Clock,
    pub(super) pace: Pace,
    pub(super) stop: Stop,
}

/// A scratch account with its session.
pub(super) struct Scratch {
    pub(super) id: AccountId,
    pub(super) login: String,
    /// The `Cookie` header. A secret while the session lasts.
    pub(super) cookie: HeaderValue,
    lock_asked: AtomicU64,
    bitten: AtomicU64,
}

/// What an answer means, given what was known when its request began.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Breach {
    /// Somebody came in after their lock had been seen to bite.
    AdmittedAfterBite,
    /// Somebody was refused whom nobody had locked.
    RefusedWithoutLock,
}

impl Stage {
    pub(super) fn now(&self) -> Monotonic {
        self.clock.now().monotonic
    }

    /// Microseconds since the load began.
    pub(super) fn micros_into(&self, at: Monotonic) -> u64 {
        at.as_micros().saturating_sub(self.pace.begin().as_micros())
    }
}

impl Scratch {
    pub(super) fn new(id: AccountId, login: String, cookie: HeaderValue) -> Self {
        let never = || AtomicU64::new(NOT_YET);
        Self { id, login, cookie, lock_asked: never(), bitten: never() }
    }

    /// From now on a refusal is right.
    pub(super) fn ask_for_lock(&self, now: Monotonic) {
        self.lock_asked.store(now.as_micros(), Ordering::SeqCst);
    }

    /// When the first refusal had come in.
    pub(super) fn bitten(&self) -> Option<Monotonic> {
        let at = self.bitten.load(Ordering::SeqCst);
        (at != NOT_YET).then_some(Monotonic::from_micros(at))
    }

    /// Judges the answer to a request that began and ended then. `prefix` is what
    /// the logins of all scratch accounts of the run begin with.
    pub(super) fn judge(
        &self,
        answer: Result<Answer<'_>, Silence>,
        prefix: &str,
        (began, ended): (Monotonic, Monotonic),
    ) -> (Verdict, Option<Breach>) {
        if matches!(answer, Err(Silence::Cut)) && self.is_cut_by_lock(began) {
            // It is no bite: an application can break off an answer, too, before
            // the lock is there.
            return (Verdict::Refused, None);
        }
        let verdict = judge(answer, prefix, &self.login);
        let breach = match verdict {
            Verdict::Passed { .. } => self.passed(began),
            Verdict::Refused => self.refused(ended),
            Verdict::Wrong(_) => None,
        };
        (verdict, breach)
    }

    /// Whether a lock is what broke off an answer: it was asked for, and had not
    /// been seen to bite when the request began. Later ones are refused, not cut.
    fn is_cut_by_lock(&self, began: Monotonic) -> bool {
        let asked = self.lock_asked.load(Ordering::SeqCst) != NOT_YET;
        asked && self.bitten().is_none_or(|bitten| began <= bitten)
    }

    /// A request that began then was answered by the application.
    fn passed(&self, began: Monotonic) -> Option<Breach> {
        let bitten = self.bitten().is_some_and(|bitten| began > bitten);
        bitten.then_some(Breach::AdmittedAfterBite)
    }

    /// A request was refused, and its answer came in now.
    fn refused(&self, now: Monotonic) -> Option<Breach> {
        if self.lock_asked.load(Ordering::SeqCst) == NOT_YET {
            return Some(Breach::RefusedWithoutLock);
        }
        self.bitten.fetch_min(now.as_micros(), Ordering::SeqCst);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::verdict::Kind;

    fn at(micros: u64) -> Monotonic {
        Monotonic::from_micros(micros)
    }

    #[test]
    fn what_is_right_hangs_on_what_was_known_at_the_start() {
        let id = 1.try_into().expect("a number");
        let scratch = Scratch::new(id, "x".to_owned(), HeaderValue::from_static("a=b"));
        assert_eq!(scratch.passed(at(1)), None);
        assert_eq!(scratch.refused(at(2)), Some(Breach::RefusedWithoutLock));
        assert_eq!(scratch.bitten(), None);

        scratch.ask_for_lock(at(10));
        assert_eq!(scratch.passed(at(11)), None, "the lock may not stand yet");
        assert_eq!(scratch.refused(at(20)), None);
        assert_eq!(scratch.refused(at(15)), None);
        assert_eq!(scratch.bitten(), Some(at(15)), "the first refusal counts");
        assert_eq!(scratch.passed(at(15)), None, "it began before the refusal was known");
        assert_eq!(scratch.passed(at(16)), Some(Breach::AdmittedAfterBite));
    }

    #[test]
    fn an_answer_that_breaks_off_is_a_refusal_only_where_a_lock_cut_it() {
        let id = 1.try_into().expect("a number");
        let scratch = Scratch::new(id, "x".to_owned(), HeaderValue::from_static("a=b"));
        let cut = |began| scratch.judge(Err(Silence::Cut), "x", (at(began), at(90)));
        let broken = (Verdict::Wrong(Kind::Connection), None);
        assert_eq!(cut(1), broken, "nobody asked for a lock");
        scratch.ask_for_lock(at(10));
        assert_eq!(cut(5), (Verdict::Refused, None));
        assert_eq!(cut(20), (Verdict::Refused, None));
        assert_eq!(scratch.bitten(), None, "a cut is no bite");
        assert_eq!(scratch.judge(Err(Silence::Broken), "x", (at(5), at(90))), broken);
        assert_eq!(scratch.refused(at(30)), None);
        assert_eq!(cut(30), (Verdict::Refused, None));
        assert_eq!(cut(31), broken, "it should have been refused");
    }
}
