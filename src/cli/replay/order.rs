//! Brings attempts into the order of their times.
//!
//! Logs of several processes, and of requests that are logged when they end, are a
//! little out of order. So many lines are held back and sorted; what comes later
//! than that can't be put right without reading the log twice.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::attempt::{Attempt, Numbered};
use crate::cli::exit::Failure;
use crate::domain::time::Timestamp;

/// How many attempts are held back.
pub(super) const LOOK_BACK: usize = 10_000;

/// Attempts that are being brought into order.
#[derive(Debug, Default)]
pub(super) struct Order {
    held: BinaryHeap<Reverse<Numbered>>,
    latest: Option<Timestamp>,
    given: Option<Timestamp>,
    /// How many came after a later one.
    pub(super) late: u64,
}

impl Order {
    /// Takes one, and gives the one whose turn it is.
    pub(super) fn push(&mut self, attempt: Attempt, line: u64) -> Result<Option<Attempt>, Failure> {
        let at = attempt.at;
        if let Some(given) = self.given.filter(|given| at < *given) {
            return Err(Failure::usage(format!(
                "line {line} is of {at}, more than {LOOK_BACK} attempts after one of {given}: sort \
                 the log by time, the earliest first"
            )));
        }
        self.late += u64::from(self.latest.is_some_and(|latest| at < latest));
        self.latest = self.latest.max(Some(at));
        self.held.push(Reverse(Numbered { attempt, line }));
        Ok(if self.held.len() > LOOK_BACK { self.pop() } else { None })
    }

    /// The next of those that are held, once nothing more comes.
    pub(super) fn pop(&mut self) -> Option<Attempt> {
        let Reverse(next) = self.held.pop()?;
        self.given = Some(next.attempt.at);
        Some(next.attempt)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::cli::replay::attempt::Outcome;

    fn attempt(secs: i64) -> Attempt {
        Attempt {
            at: Timestamp::from_secs(secs),
            login: None,
            address: None,
            outcome: Outcome::Failure,
            device: None,
            secret: None,
        }
    }

    proptest! {
        /// Property: what is a little out of order comes out sorted, all of it.
        #[test]
        fn a_little_disorder_is_put_right(times in proptest::collection::vec(0_i64..100, 0..200)) {
            let mut order = Order::default();
            for (line, secs) in (1..).zip(&times) {
                prop_assert!(order.push(attempt(*secs), line).expect("in order").is_none());
            }
            let sorted: Vec<_> = std::iter::from_fn(|| order.pop()).map(|a| a.at.floor_secs()).collect();
            let mut expected = times;
            expected.sort_unstable();
            prop_assert_eq!(sorted, expected);
        }
    }

    #[test]
    fn much_disorder_is_refused_with_its_line() {
        let mut order = Order::default();
        for line in 1..=LOOK_BACK as u64 + 1 {
            order.push(attempt(1_000), line).expect("in order");
        }
        let failure = order.push(attempt(999), 10_002).expect_err("too late");
        let message = failure.message();
        assert!(message.starts_with("line 10002 is of 1970-01-01T00:16:39Z"), "{message}");
        assert!(message.contains("sort the log by time"), "{message}");
    }
}
