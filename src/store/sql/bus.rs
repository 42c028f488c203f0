//! Wakes the followers in this process.

use tokio::sync::Notify;

use crate::store::{BoxFuture, Bus};

#[derive(Debug, Default)]
pub(super) struct LocalBus(Notify);

impl Bus for LocalBus {
    fn wake(&self) {
        // All who wait, and the next one who comes to wait after looking too early.
        self.0.notify_waiters();
        self.0.notify_one();
    }

    fn woken(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.0.notified())
    }
}
