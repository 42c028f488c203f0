//! What wakes the followers of a feed.

use std::fmt;
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use crate::store::BoxFuture;

/// Says "look now". A message may be lost: followers look by themselves, too.
pub trait Bus: fmt::Debug + Send + Sync + 'static {
    /// Wakes the followers, those of other processes as well where they are reached.
    /// Never waits.
    fn wake(&self);

    /// Done when somebody called [`Bus::wake`] since the last time.
    fn woken(&self) -> BoxFuture<'_, ()>;

    /// Wakes the followers in this process alone: somebody else said that there is
    /// something to see.
    fn wake_here(&self) {
        self.wake();
    }

    /// From now on others are told, too. The first who come stay; a bus that can't tell
    /// others leaves them.
    fn reach(&self, others: Arc<dyn Others>) {
        drop(others);
    }

    /// Whether what happens in other processes is told here now. Followers look by
    /// themselves less often then.
    fn reaches_others(&self) -> bool {
        false
    }
}

/// The way to the followers in other processes.
pub trait Others: fmt::Debug + Send + Sync + 'static {
    /// Tells them. Never waits, and may fail.
    fn tell(&self);

    /// Whether they are heard here now.
    fn are_heard(&self) -> bool;
}

/// A bus within one process, and beyond it where others are reached.
#[derive(Debug, Default)]
pub struct LocalBus {
    followers: Notify,
    others: OnceLock<Arc<dyn Others>>,
}

impl Bus for LocalBus {
    fn wake(&self) {
        self.wake_here();
        if let Some(others) = self.others.get() {
            others.tell();
        }
    }

    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.followers.notified())
    }

    fn wake_here(&self) {
        self.followers.notify_waiters();
        // Whoever looks next has something to see, also if nobody waits yet.
        self.followers.notify_one();
    }

    fn reach(&self, others: Arc<dyn Others>) {
        let _ = self.others.set(others);
    }

    fn reaches_others(&self) -> bool {
        self.others.get().is_some_and(|others| others.are_heard())
    }
}
