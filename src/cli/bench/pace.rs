//! When requests begin: as soon as a connection is free, or at a rate.
//!
//! At a rate, a request is **due** at its instant whether or not others were
//! answered, and its latency counts from there: a service that stalls is charged for
//! everybody who would have come meanwhile. A thread of its own keeps the rate, since
//! the runtime's timer ticks in milliseconds.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::domain::time::{Clock, Monotonic};

/// The thread sleeps no longer than this, so that it sees that it shall stop.
const LONGEST_SLEEP: Duration = Duration::from_millis(20);

/// How late the last requests may begin.
const GRACE: Duration = Duration::from_secs(1);

/// When requests begin, and when the last has begun.
#[derive(Debug)]
pub(super) struct Pace {
    begin: Monotonic,
    end: Monotonic,
    limit: u64,
    begun: AtomicU64,
    rate: Option<Rate>,
}

#[derive(Debug)]
struct Rate {
    per_second: u32,
    /// How many are due and not begun.
    due: Semaphore,
    released: AtomicU64,
}

impl Pace {
    pub(super) fn new(begin: Monotonic, lasts: Duration, limit: u64, rate: Option<u32>) -> Self {
        let due = Semaphore::new(0);
        let rate = rate.map(|per_second| Rate { per_second, due, released: AtomicU64::new(0) });
        Self { begin, end: begin.after(lasts), limit, begun: AtomicU64::new(0), rate }
    }

    pub(super) fn begin(&self) -> Monotonic {
        self.begin
    }

    /// Waits until a request is to begin, and says when it was due. `None`: it is over.
    pub(super) async fn next(&self, clock: &Clock) -> Option<Monotonic> {
        match &self.rate {
            None => {
                let now = clock.now().monotonic;
                let open =
                    now < self.end && self.begun.fetch_add(1, Ordering::Relaxed) < self.limit;
                open.then_some(now)
            }
            Some(rate) => {
                rate.due.acquire().await.ok()?.forget();
                let index = self.begun.fetch_add(1, Ordering::Relaxed);
                Some(self.begin.after(rate.offset(index)))
            }
        }
    }

    /// Lets requests begin at their instants, until the end or until it shall stop.
    /// Blocks its thread. Without a rate there is nothing to do.
    pub(super) fn keep(&self, clock: &Clock, stop: impl Fn() -> bool) {
        let Some(rate) = &self.rate else { return };
        let last = rate.due_within(self.end.since(self.begin)).min(self.limit);
        let mut released = 0;
        while released < last && !stop() {
            let elapsed = clock.now().monotonic.since(self.begin);
            let due = rate.due_within(elapsed).min(last);
            let new = usize::try_from(due.saturating_sub(released)).unwrap_or(0);
            rate.due.add_permits(new.min(Semaphore::MAX_PERMITS / 2));
            released = released.max(due);
            rate.released.store(released, Ordering::Relaxed);
            std::thread::sleep(
                rate.offset(released)
                    .saturating_sub(elapsed)
                    .min(LONGEST_SLEEP),
            );
        }
        let late = self.end.after(GRACE);
        while clock.now().monotonic < late && !stop() && rate.due.available_permits() > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        rate.due.close();
    }

    /// How many requests were due and never begun.
    pub(super) fn unsent(&self) -> u64 {
        let released = self
            .rate
            .as_ref()
            .map_or(0, |rate| rate.released.load(Ordering::Relaxed));
        released.saturating_sub(self.begun.load(Ordering::Relaxed))
    }
}

impl Rate {
    /// When the request with this number is due, from the beginning.
    fn offset(&self, index: u64) -> Duration {
        let per_second = u64::from(self.per_second);
        let nanos = (index % per_second) * 1_000_000_000 / per_second;
        Duration::from_secs(index / per_second) + Duration::from_nanos(nanos)
    }

    /// How many requests are due in the first `elapsed` of a run.
    fn due_within(&self, elapsed: Duration) -> u64 {
        let nanos = elapsed.as_nanos() * u128::from(self.per_second);
        u64::try_from(nanos.div_ceil(1_000_000_000)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(per_second: u32) -> Rate {
        Rate { per_second, due: Semaphore::new(0), released: AtomicU64::new(0) }
    }

    proptest! {
        /// What is due before an instant is exactly what is counted for it.
        #[test]
        fn the_count_fits_the_instants(per_second in 1u32..=1_000_000, index in 0u64..10_000_000) {
            let rate = rate(per_second);
            let at = rate.offset(index);
            prop_assert!(rate.due_within(at) <= index + 1);
            prop_assert!(rate.due_within(at + Duration::from_micros(1)) > index);
            prop_assert!(rate.offset(index + 1) > at);
        }
    }

    #[tokio::test]
    async fn every_request_of_a_rate_is_due_at_its_instant() {
        let clock = Clock::system();
        let begin = clock.now().monotonic;
        let pace = Pace::new(begin, Duration::from_millis(100), u64::MAX, Some(1_000));
        let kept = std::sync::Arc::new(pace);
        let keeper = std::sync::Arc::clone(&kept);
        let its_clock = clock.clone();
        let thread = std::thread::spawn(move || keeper.keep(&its_clock, || false));
        let mut due = Vec::new();
        while let Some(at) = kept.next(&clock).await {
            assert!(at <= clock.now().monotonic, "it began before it was due");
            due.push(at.since(begin).as_micros());
        }
        thread.join().expect("no panic");
        let expected: Vec<u128> = (0..100).map(|number| number * 1_000).collect();
        assert_eq!(due, expected);
        assert_eq!(kept.unsent(), 0);
    }

    #[tokio::test]
    async fn what_is_never_begun_is_counted() {
        let clock = Clock::system();
        let begin = clock.now().monotonic;
        let pace = Pace::new(begin, Duration::from_millis(20), u64::MAX, Some(1_000));
        pace.keep(&clock, || false);
        assert_eq!(pace.next(&clock).await, None);
        assert_eq!(pace.unsent(), 20);
    }

    #[tokio::test]
    async fn as_many_as_can_be_still_end() {
        let clock = Clock::system();
        let begin = clock.now().monotonic;
        let limited = Pace::new(begin, Duration::from_secs(600), 3, None);
        for _ in 0..3 {
            assert!(limited.next(&clock).await.is_some());
        }
        assert_eq!(limited.next(&clock).await, None);
        let over = Pace::new(begin, Duration::ZERO, u64::MAX, None);
        assert_eq!(over.next(&clock).await, None);
    }
}
