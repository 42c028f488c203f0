//! What wakes the followers of a feed.

use std::fmt;
use std::time::Duration;

use tokio::sync::Notify;

use crate::store::BoxFuture;

/// Says "look now". A message may be lost: followers look by themselves, too.
pub trait Bus: fmt::Debug + Send + Sync + 'static {
    /// Wakes the followers.
    fn wake(&self);

    /// Done when somebody called [`Bus::wake`] since the last time.
    fn woken(&self) -> BoxFuture<'_, ()>;

    /// How often a follower looks by itself all the same: seldom where messages of other
    /// processes come.
    fn look_every(&self) -> Duration {
        Duration::from_millis(50)
    }
}

/// A bus within one process.
#[derive(Debug, Default)]
pub struct LocalBus(Notify);

impl Bus for LocalBus {
    fn wake(&self) {
        self.0.notify_waiters();
        // Whoever looks next has something to see, also if nobody waits yet.
        self.0.notify_one();
    }

    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.notified())
    }
}
