//! How many accounts a step takes, and how long the pause after it is.

use std::time::Duration;

/// How long others are to wait for one transaction, with its commit.
const AIM: Duration = Duration::from_millis(20);

/// How many items the first step takes, and any at least and at most. Where the commit
/// alone takes longer than is meant, fewer items would not make it shorter.
const FIRST: u32 = 64;
const LEAST: u32 = 64;
const MOST: u32 = 512;

/// The waits of a program that finds an SQLite file taken, in milliseconds: it asks again
/// after each of them. What others do who write in this process or on other databases
/// needs no pause: they queue.
const ASKS_AGAIN: [u64; 12] = [1, 2, 5, 10, 15, 20, 25, 25, 25, 50, 50, 100];

/// How many items the next step takes: as many as will take about as long as is meant,
/// by what the last one took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    items: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self { items: FIRST }
    }
}

impl Pace {
    /// How long the deciding and writing of one transaction goes on at most.
    pub(super) const BUDGET: Duration = AIM;

    pub(super) fn items(self) -> u32 {
        self.items
    }

    /// After a step of `items` that took so long. It grows slower than it shrinks: a
    /// disk that was quick once may be slow the next time.
    pub(super) fn after(self, items: usize, took: Duration) -> Self {
        let items = u32::try_from(items).unwrap_or(MOST).max(1);
        let fit = u128::from(items) * AIM.as_micros() / took.as_micros().max(1);
        let fit = u32::try_from(fit).unwrap_or(MOST);
        let (least, most) = (self.items / 4, self.items + self.items / 2);
        Self { items: fit.clamp(least, most).clamp(LEAST, MOST) }
    }
}

/// How long to leave the turn to others after a transaction that took so long: whoever
/// came while it went on asks once more in this time, and finds the file free.
pub(super) fn pause_after(took: Duration) -> Duration {
    let mut waited = 0;
    let mut wait = 1;
    for again in ASKS_AGAIN {
        wait = again;
        waited += again;
        if Duration::from_millis(waited) >= took {
            break;
        }
    }
    // And a little to be woken in.
    Duration::from_millis(wait + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Wherever in a transaction somebody comes, their first try after it is in the pause.
    #[test]
    fn whoever_waits_finds_the_pause() {
        for took in 1..300 {
            let pause = pause_after(ms(took)).as_millis() as u64;
            for came in 0..took {
                let mut tries = ASKS_AGAIN.iter().scan(came, |at, again| {
                    *at += again;
                    Some(*at)
                });
                let found = tries.find(|at| *at >= took).expect("they ask for so long");
                assert!(found < took + pause, "took {took}, came {came}, asked at {found}");
            }
        }
    }

    #[test]
    fn steps_come_to_take_as_long_as_is_meant() {
        // A commit of some length, and a time for each account.
        for (commit, each) in [(1_000, 50), (8_000, 100), (10_000, 300), (0, 5_000)] {
            let took = |items: u32| Duration::from_micros(commit + u64::from(items) * each);
            let mut pace = Pace::default();
            assert!(pace.items() <= 64, "the first is small");
            for _ in 0..50 {
                pace = pace.after(pace.items() as usize, took(pace.items()));
            }
            let (items, took) = (pace.items(), took(pace.items()));
            assert!(items == LEAST || took <= AIM + ms(1), "{items} take {took:?}");
            assert!(items == MOST || took >= AIM - ms(5), "{items} take {took:?}");
        }
    }

    #[test]
    fn a_slow_commit_is_answered_at_once() {
        let pace = Pace { items: 400 };
        assert_eq!(pace.after(400, ms(40)).items(), 200);
        assert_eq!(pace.after(400, ms(10_000)).items(), 100);
        assert_eq!(pace.after(400, Duration::ZERO).items(), MOST);
        assert_eq!(pace.after(0, ms(40)).items(), 100);
    }
}
