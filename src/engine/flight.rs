//! Single flight: many callers who miss the same thing cause one read.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::Mutex;

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};

use crate::store::BoxFuture;

type Flight<V> = Shared<BoxFuture<'static, V>>;

/// Reads under way, by what they read.
///
/// A read is driven by whoever waits for it. When one caller goes away the
/// others carry it on; when all go away it is dropped, and the next caller
/// begins another.
pub(crate) struct SingleFlight<K, V>(Mutex<HashMap<K, WeakShared<BoxFuture<'static, V>>>>)
where
    V: Clone;

impl<K, V> SingleFlight<K, V>
where
    K: Clone + Eq + Hash,
    V: Clone + Send + Sync + 'static,
{
    pub(crate) fn new() -> Self {
        Self(Mutex::default())
    }

    /// Joins the read of `key` that is under way, or begins one.
    pub(crate) fn join(&self, key: &K, begin: impl FnOnce() -> BoxFuture<'static, V>) -> Flight<V> {
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

    /// Forgets a read that is done, so that the table stays small.
    pub(crate) fn done(&self, key: &K) {
        self.flights().remove(key);
    }

    /// Forgets reads that everybody left.
    pub(crate) fn sweep(&self) {
        self.flights()
            .retain(|_, flight| flight.upgrade().is_some());
    }

    fn flights(&self) -> std::sync::MutexGuard<'_, HashMap<K, WeakShared<BoxFuture<'static, V>>>> {
        self.0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl<K, V: Clone> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SingleFlight(..)")
    }
}
