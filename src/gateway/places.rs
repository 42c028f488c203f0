//! Places that can be taken, of a number that can change meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// More than any machine has room for, and few enough to be counted together.
const MOST: u32 = 1 << 28;

/// Places. Cheap to clone; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    free: Arc<Semaphore>,
    /// How many there are, taken or not.
    all: Arc<AtomicU32>,
}

impl Places {
    pub(crate) fn new(all: usize) -> Self {
        let all = bounded(all);
        Self { free: Arc::new(Semaphore::new(all as usize)), all: Arc::new(AtomicU32::new(all)) }
    }

    /// How many there are, taken or not.
    pub(crate) fn all(&self) -> u32 {
        self.all.load(Ordering::Relaxed)
    }

    /// How many are free. While there are more taken than there are to be, none is.
    pub(crate) fn free(&self) -> usize {
        self.free.available_permits()
    }

    /// Another number from now on. Who has a place keeps it; surplus places are taken away
    /// as they become free.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub(crate) fn resize(&self, all: usize) {
        let all = bounded(all);
        let before = self.all.swap(all, Ordering::Relaxed);
        self.free.add_permits(all.saturating_sub(before) as usize);
        let surplus = before.saturating_sub(all);
        if surplus > 0 {
            let free = Arc::clone(&self.free);
            tokio::spawn(async move {
                if let Ok(places) = free.acquire_many(surplus).await {
                    places.forget();
                }
            });
        }
    }

    /// Takes one, once there is one.
    pub(crate) async fn take(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        Arc::clone(&self.free).acquire_owned().await
    }

    /// The same, for no longer than this is borrowed.
    pub(crate) async fn borrow(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.free.acquire().await
    }

    /// One that is free now, if nobody waits for it.
    pub(crate) fn borrow_now(&self) -> Option<SemaphorePermit<'_>> {
        self.free.try_acquire().ok()
    }

    /// Done when all are free.
    pub(crate) async fn are_free(&self) {
        let _ = self.free.acquire_many(self.all()).await;
    }
}

fn bounded(all: usize) -> u32 {
    u32::try_from(all).unwrap_or(MOST).min(MOST)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const A_WHILE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn fewer_places_take_nobody_s_away() {
        let places = Places::new(3);
        let mut taken = Vec::new();
        for _ in 0..3 {
            taken.push(places.take().await.expect("a place"));
        }
        places.resize(1);
        tokio::task::yield_now().await;
        for _ in 0..2 {
            assert!(timeout(A_WHILE, places.take()).await.is_err(), "one too many");
            taken.pop();
        }
        assert!(timeout(A_WHILE, places.take()).await.is_err(), "one too many");
        taken.pop();
        let one = timeout(A_WHILE, places.take()).await.expect("in time");
        assert!(places.borrow_now().is_none());
        places.resize(2);
        assert_eq!(places.free(), 1);
        drop(one);
        timeout(A_WHILE, places.are_free()).await.expect("in time");
    }
}
