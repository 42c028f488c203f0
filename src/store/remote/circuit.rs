//! The circuit of a source: it opens when the source fails again and again, and from
//! then on nobody waits for it. One question at a time finds out whether it is back.

use std::time::Duration;

use crate::domain::time::Monotonic;

/// How many failures in a row open it.
const ENOUGH: u32 = 5;

/// How long it stays open at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Whether questions go through.
#[derive(Debug)]
pub(super) enum Circuit {
    /// They do; so many failed in a row.
    Closed { failures: u32 },
    /// They don't, since then; after the pause one is let through to find out.
    Open { since: Monotonic, pause: Duration, trying: bool },
}

/// What became of the circuit.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Turn {
    Opened,
    Closed,
}

impl Default for Circuit {
    fn default() -> Self {
        Self::Closed { failures: 0 }
    }
}

impl Circuit {
    pub(super) const fn is_closed(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }

    /// How long it has been open.
    pub(super) fn open_for(&self, now: Monotonic) -> Option<Duration> {
        match self {
            Self::Closed { .. } => None,
            Self::Open { since, .. } => Some(now.since(*since)),
        }
    }

    pub(super) const fn is_trying(&self) -> bool {
        matches!(self, Self::Open { trying: true, .. })
    }

    /// The source answered.
    pub(super) fn answered(&mut self) -> Option<Turn> {
        let was_open = !self.is_closed();
        *self = Self::default();
        was_open.then_some(Turn::Closed)
    }

    /// The source did not answer.
    pub(super) fn failed(&mut self, now: Monotonic) -> Option<Turn> {
        match self {
            Self::Closed { failures } if *failures + 1 < ENOUGH => {
                *failures += 1;
                None
            }
            Self::Closed { .. } => {
                *self = Self::Open { since: now, pause: FIRST_PAUSE, trying: false };
                Some(Turn::Opened)
            }
            Self::Open { .. } => None,
        }
    }

    /// How long to wait before it is tried; `None`: there is nothing to try.
    pub(super) const fn pause(&self) -> Option<Duration> {
        match self {
            Self::Closed { .. } => None,
            Self::Open { pause, .. } => Some(*pause),
        }
    }

    /// It is being tried now.
    pub(super) const fn begin_trial(&mut self) {
        if let Self::Open { trying, .. } = self {
            *trying = true;
        }
    }

    /// The trial failed: the next comes after a longer pause.
    pub(super) fn trial_failed(&mut self) {
        if let Self::Open { pause, trying, .. } = self {
            *trying = false;
            *pause = (*pause * 2).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_opens_after_failures_in_a_row_and_closes_by_an_answer() {
        let (mut circuit, now) = (Circuit::default(), Monotonic::default());
        for _ in 1..ENOUGH {
            assert_eq!(circuit.failed(now), None);
        }
        assert_eq!(circuit.answered(), None);
        for _ in 1..ENOUGH {
            assert_eq!(circuit.failed(now), None);
        }
        assert_eq!(circuit.failed(now), Some(Turn::Opened));
        assert_eq!(circuit.pause(), Some(FIRST_PAUSE));
        assert_eq!(circuit.failed(now), None, "it is told of once");
        circuit.begin_trial();
        assert!(circuit.is_trying());
        for _ in 0..10 {
            circuit.trial_failed();
        }
        assert_eq!(circuit.pause(), Some(LONGEST_PAUSE));
        assert_eq!(circuit.answered(), Some(Turn::Closed));
        assert!(circuit.is_closed());
        assert_eq!(circuit.answered(), None, "and so is this");
    }

    proptest! {
        /// Property: openings and closings take turns, beginning with an opening, and it is
        /// open exactly between the two.
        #[test]
        fn turns_alternate(events in proptest::collection::vec(0..4_u8, 0..80)) {
            let (mut circuit, now, mut open) = (Circuit::default(), Monotonic::default(), false);
            for event in events {
                let turn = match event {
                    0 => circuit.answered(),
                    1 => circuit.failed(now),
                    2 => {
                        circuit.begin_trial();
                        None
                    }
                    _ => {
                        circuit.trial_failed();
                        None
                    }
                };
                match turn {
                    Some(Turn::Opened) => {
                        prop_assert!(!open);
                        open = true;
                    }
                    Some(Turn::Closed) => {
                        prop_assert!(open);
                        open = false;
                    }
                    None => {}
                }
                prop_assert_eq!(circuit.is_closed(), !open);
                prop_assert_eq!(circuit.pause().is_some(), open);
                prop_assert!(circuit.pause().is_none_or(|pause| pause <= LONGEST_PAUSE));
            }
        }
    }
}
