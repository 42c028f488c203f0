//! Single flight: many callers who miss the same thing cause one read.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};

use crate::store::BoxFuture;

type Flight<V> = Shared<BoxFuture<'static, V>>;
type Flights<K, V> = HashMap<K, WeakShared<BoxFuture<'static, V>>>;

/// Reads under way, by what they read; never two of one thing at once, unless
/// one of them was forgotten.
///
/// A read is driven by whoever waits for it. When one caller goes away the
/// others carry it on; when all go away it is dropped, and the next caller
/// begins another.
pub(crate) struct SingleFlight<K, V>(Mutex<Flights<K, V>>)
where
    K: Eq + Hash,
    V: Clone;

impl<K, V> SingleFlight<K, V>
where
    K: Clone + Eq + Hash,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    /// What the read of `key` yields that is under way, or else one that begins
    /// now.
    pub(crate) async fn read(&self, key: K, begin: impl FnOnce() -> BoxFuture<'static, V>) -> V {
        // Dropped last: whoever leaves after everybody else clears the place.
        let place = Place { flights: self, key };
        self.join(&place.key, begin).await
    }

    fn join(&self, key: &K, begin: impl FnOnce() -> BoxFuture<'static, V>) -> Flight<V> {
        let mut flights = self.flights();
        let under_way = flights.get(key).and_then(WeakShared::upgrade);
        // A finished read can still be upgraded while its waiters hold it.
        if let Some(flight) = under_way.filter(|flight| flight.peek().is_none()) {
            return flight;
        }
        let flight = begin().shared();
        if let Some(weak) = flight.downgrade() {
            flights.insert(key.clone(), weak);
        }
        flight
    }

    /// Nobody who comes from now on joins a read of this that began before.
    pub(crate) fn forget(&self, key: &K) {
        self.flights().remove(key);
    }

    /// As [`SingleFlight::forget`], of everything.
    pub(crate) fn forget_all(&self) {
        self.flights().clear();
    }
}

impl<K: Eq + Hash, V: Clone> SingleFlight<K, V> {
    fn flights(&self) -> MutexGuard<'_, Flights<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A caller's place among those who wait for one read.
struct Place<'a, K, V>
where
    K: Eq + Hash,
    V: Clone,
{
    flights: &'a SingleFlight<K, V>,
    key: K,
}

impl<K, V> Drop for Place<'_, K, V>
where
    K: Eq + Hash,
    V: Clone,
{
    /// Leaves the read to those who still wait; without any, the table stays
    /// small.
    fn drop(&mut self) {
        let mut flights = self.flights.flights();
        let left = flights.get(&self.key).map(WeakShared::upgrade);
        if matches!(left, Some(None)) {
            flights.remove(&self.key);
        }
    }
}

impl<K: Eq + Hash, V: Clone> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SingleFlight(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    /// Reads that say which they are, once they are let.
    struct Source {
        begun: AtomicU32,
        let_through: Semaphore,
    }

    impl Source {
        fn new() -> Arc<Self> {
            Arc::new(Self { begun: AtomicU32::new(0), let_through: Semaphore::new(0) })
        }

        fn read(self: &Arc<Self>) -> BoxFuture<'static, u32> {
            let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
            let source = Arc::clone(self);
            Box::pin(async move {
                let permit = source.let_through.acquire().await;
                permit.expect("it stays open").forget();
                number
            })
        }
    }

    fn waits(read: &mut (impl Future + Unpin)) -> bool {
        read.now_or_never().is_none()
    }

    #[tokio::test]
    async fn many_who_miss_cause_one_read() {
        let (flights, source) = (SingleFlight::new(), Source::new());
        let mut waiting: Vec<_> = (0..3)
            .map(|_| Box::pin(flights.read(7, || source.read())))
            .collect();
        for waiter in &mut waiting {
            assert!(waits(waiter));
        }
        drop(waiting.remove(0));
        assert!(waits(&mut waiting[0]), "the others carry it on");
        source.let_through.add_permits(1);
        for waiter in waiting {
            assert_eq!(waiter.await, 1);
        }
        assert!(flights.flights().is_empty());
    }

    #[tokio::test]
    async fn who_is_slow_to_leave_does_not_split_the_next_read() {
        let (flights, source) = (SingleFlight::new(), Source::new());
        let read = || Box::pin(flights.read(7, || source.read()));
        let (mut quick, mut slow) = (read(), read());
        assert!(waits(&mut quick) && waits(&mut slow));
        source.let_through.add_permits(1);
        assert_eq!(quick.await, 1);

        let mut next = read();
        assert!(waits(&mut next), "a finished read is not joined");
        assert_eq!(slow.await, 1);
        let mut after = read();
        assert!(waits(&mut after));
        assert_eq!(source.begun.load(Ordering::SeqCst), 2, "one read at a time");
        source.let_through.add_permits(1);
        assert_eq!((next.await, after.await), (2, 2));
        assert!(flights.flights().is_empty());
    }

    #[tokio::test]
    async fn what_was_forgotten_is_not_joined() {
        let (flights, source) = (SingleFlight::new(), Source::new());
        let read = || Box::pin(flights.read(7, || source.read()));
        let mut before = read();
        assert!(waits(&mut before));
        flights.forget(&7);
        let mut after = read();
        assert!(waits(&mut after));
        source.let_through.add_permits(2);
        assert_eq!((before.await, after.await), (1, 2));
        assert!(flights.flights().is_empty());
    }

    #[tokio::test]
    async fn a_read_that_everybody_left_leaves_nothing() {
        let (flights, source) = (SingleFlight::new(), Source::new());
        for number in 0..100 {
            let mut waiter = Box::pin(flights.read(number, || source.read()));
            assert!(waits(&mut waiter));
        }
        assert!(flights.flights().is_empty());
    }
}
