//! Timers that are set for each request and hardly ever ring.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::rt;
use tokio::time::{Instant, Sleep};

/// A timer that whoever comes next uses again. The runtime's own is not told of
/// each new moment: what is left of the last wait goes on, as long as it rings no
/// later than the new moment, and is set for that when it does.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Ready from this moment on. Wakes the task up then.
    pub(crate) fn poll_at(&mut self, due: Instant, context: &mut Context<'_>) -> Poll<()> {
        let asleep = self
            .0
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if asleep.deadline() > due {
            asleep.as_mut().reset(due);
        }
        while asleep.deadline() < due {
            ready!(asleep.as_mut().poll(context));
            asleep.as_mut().reset(due);
        }
        asleep.as_mut().poll(context)
    }
}

/// hyper's timer for one connection, whose heads have their time one after the
/// other: one alarm serves them all.
#[derive(Clone, Debug, Default)]
pub(crate) struct OneAlarm(Arc<Mutex<Alarm>>);

/// A wait of hyper's, which gives the alarm back.
struct Wait {
    alarm: Alarm,
    due: Instant,
    home: OneAlarm,
}

impl OneAlarm {
    fn swap(&self, alarm: &mut Alarm) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut *kept, alarm);
    }
}

impl rt::Timer for OneAlarm {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, due: std::time::Instant) -> Pin<Box<dyn rt::Sleep>> {
        let mut wait = Wait { alarm: Alarm::default(), due: due.into(), home: self.clone() };
        self.swap(&mut wait.alarm);
        Box::pin(wait)
    }

    fn now(&self) -> std::time::Instant {
        Instant::now().into()
    }
}

impl rt::Sleep for Wait {}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let due = self.due;
        self.alarm.poll_at(due, context)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let Self { alarm, home, .. } = self;
        home.swap(alarm);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use hyper::rt::Timer as _;
    use tokio::time::timeout;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    async fn rings_within(alarm: &mut Alarm, due: Instant, long: Duration) -> bool {
        timeout(long, poll_fn(|context| alarm.poll_at(due, context)))
            .await
            .is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn each_wait_has_its_own_end() {
        let mut alarm = Alarm::default();
        for wait in [10, 60, 3, 3, 20] {
            let due = Instant::now() + wait * SECOND;
            assert!(!rings_within(&mut alarm, due, (wait - 1) * SECOND).await, "{wait}");
            assert!(rings_within(&mut alarm, due, 2 * SECOND).await, "{wait}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_of_an_earlier_wait_does_not_ring() {
        let mut alarm = Alarm::default();
        let begin = Instant::now();
        assert!(!rings_within(&mut alarm, begin + 2 * SECOND, SECOND).await);
        // It rang meanwhile, or will while this waits: neither is this one's end.
        for pause in [0, 5] {
            tokio::time::sleep(pause * SECOND).await;
            let due = Instant::now() + 10 * SECOND;
            assert!(!rings_within(&mut alarm, due, 9 * SECOND).await);
            assert!(rings_within(&mut alarm, due, 2 * SECOND).await);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn waits_of_hyper_come_one_after_the_other() {
        let timer = OneAlarm::default();
        for _ in 0..3 {
            let mut first = timer.sleep(10 * SECOND);
            assert!(timeout(9 * SECOND, first.as_mut()).await.is_err());
            assert!(timeout(2 * SECOND, first).await.is_ok());
            // Two at once have an alarm each.
            let (one, other) = (timer.sleep(SECOND), timer.sleep(5 * SECOND));
            assert!(timeout(2 * SECOND, one).await.is_ok());
            assert!(timeout(4 * SECOND, other).await.is_ok());
        }
    }
}
