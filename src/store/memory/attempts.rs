//! Attempts in the memory of one process.

use std::fmt;
use std::sync::PoisonError;
#[cfg(not(portcullis_loom))]
use std::sync::{Mutex, MutexGuard};

use indexmap::IndexMap;
#[cfg(portcullis_loom)]
use loom::sync::{Mutex, MutexGuard};
use smallvec::SmallVec;

use crate::domain::attempts::{
    self, AttemptRecord, Budget, Counted, Outcome, Reservation, Settled, Ticket,
};
use crate::domain::time::{Clock, Timestamp};
use crate::store::keyring::AttemptKey;
use crate::store::memory::now;
use crate::store::nonces::Nonces;
use crate::store::{AttemptStore, BoxFuture, Counter, StoreError};

const SHARDS: usize = 64;

/// What one counter takes at most, with its place in the table, and four failures and
/// three wrong passwords in it. One that failed once takes about half of this.
/// Measured by the test of floods.
const BYTES_A_COUNTER: usize = 576;

/// How much memory the counters may take if nobody says.
const MEMORY: usize = 64 * 1024 * 1024;

/// How many counters are compared when one of them has to go.
const SAMPLE: usize = 8;

/// An [`AttemptStore`] in the memory of one process.
///
/// Bounded: a flood of made-up logins makes it forget counters, those with the
/// fewest failures first, and never a lockout. When it holds nothing but lockouts, a
/// login without an entry gets an error until one of them ends.
pub struct SingleProcessAttempts {
    clock: Clock,
    nonces: Nonces,
    shards: Vec<Mutex<Shard>>,
    counters_a_shard: usize,
    /// Whether its numbers shall be told from those of another store.
    #[cfg(feature = "redis")]
    stands_in: bool,
}

#[derive(Default)]
struct Shard {
    records: IndexMap<AttemptKey, AttemptRecord>,
    /// Where the next search for a counter that can go begins.
    next: usize,
}

impl SingleProcessAttempts {
    /// An empty store that tells the time by this clock, with 64 MiB for counters.
    pub fn new(clock: Clock) -> Self {
        Self::with_memory(clock, MEMORY)
    }

    /// The same, with about so many bytes for counters.
    pub fn with_memory(clock: Clock, bytes: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        let counters_a_shard = (bytes / BYTES_A_COUNTER / SHARDS).max(1);
        Self {
            clock,
            nonces: Nonces::new(),
            shards,
            counters_a_shard,
            #[cfg(feature = "redis")]
            stands_in: false,
        }
    }

    /// One that counts while another store is away.
    #[cfg(feature = "redis")]
    pub(in crate::store) fn standing_in(clock: Clock) -> Self {
        Self { stands_in: true, ..Self::new(clock) }
    }

    fn next_nonce(&self) -> u64 {
        let nonce = self.nonces.next();
        #[cfg(feature = "redis")]
        let nonce = if self.stands_in { Nonces::marked(nonce) } else { nonce };
        nonce
    }

    /// How many counters it holds.
    pub fn len(&self) -> usize {
        let shards = self.shards.iter().map(lock);
        shards.map(|shard| shard.records.len()).sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes a step with the records of these counters, which nobody else touches
    /// meanwhile; where it `adds`, there is room for all of them first.
    fn with<T>(
        &self,
        counters: &[Counter],
        adds: bool,
        step: impl FnOnce(&mut [AttemptRecord], &[Counted<'_>], Timestamp) -> T,
    ) -> Result<T, StoreError> {
        let at = self.clock.wall();
        let mut held = Held::lock(&self.shards, counters);
        if adds {
            held.make_room(counters, self.counters_a_shard, at)?;
        }
        let mut records: Records = counters.iter().map(|counter| held.take(counter)).collect();
        let counted: SmallVec<[Counted<'_>; 4]> = counters.iter().map(Counter::counted).collect();
        let done = step(&mut records, &counted, at);
        for (counter, record) in counters.iter().zip(records) {
            held.put(counter, record);
        }
        Ok(done)
    }
}

type Records = SmallVec<[AttemptRecord; 4]>;

/// The shards of some counters, locked in one order by everybody.
struct Held<'a>(SmallVec<[(usize, MutexGuard<'a, Shard>); 4]>);

impl<'a> Held<'a> {
    fn lock(shards: &'a [Mutex<Shard>], counters: &[Counter]) -> Self {
        let mut at: SmallVec<[usize; 4]> = counters.iter().map(shard_of).collect();
        at.sort_unstable();
        at.dedup();
        Self(at.into_iter().map(|at| (at, lock(&shards[at]))).collect())
    }

    fn shard(&mut self, counter: &Counter) -> &mut Shard {
        let wanted = shard_of(counter);
        let at = self.0.iter().position(|(at, _)| *at == wanted);
        // Locked above, with the others.
        &mut self.0[at.unwrap_or_default()].1
    }

    fn make_room(
        &mut self,
        counters: &[Counter],
        most: usize,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        counters
            .iter()
            .try_for_each(|counter| self.shard(counter).make_room(counter, most, now))
    }

    fn take(&mut self, counter: &Counter) -> AttemptRecord {
        let record = self.shard(counter).records.get_mut(&counter.key);
        record.map(std::mem::take).unwrap_or_default()
    }

    fn read(&mut self, counter: &Counter) -> AttemptRecord {
        let record = self.shard(counter).records.get(&counter.key);
        record.cloned().unwrap_or_default()
    }

    /// A record that says nothing leaves no entry behind.
    fn put(&mut self, counter: &Counter, record: AttemptRecord) {
        let records = &mut self.shard(counter).records;
        if record.is_blank() {
            records.swap_remove(&counter.key);
        } else {
            records.insert(counter.key, record);
        }
    }
}

impl Shard {
    /// Sees to it that there is room for this counter, at the cost of one that
    /// says less than its neighbours and is no lockout.
    fn make_room(
        &mut self,
        counter: &Counter,
        most: usize,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if self.records.len() < most || self.records.contains_key(&counter.key) {
            return Ok(());
        }
        let (mut least, mut seen) = (None, 0);
        for _ in 0..self.records.len() {
            self.next = (self.next + 1) % self.records.len();
            let record = &self.records[self.next];
            if record.lockout().is_some_and(|lockout| lockout.is_on(now)) {
                continue;
            }
            seen += 1;
            let weight = record.weight();
            if least.is_none_or(|(_, lightest)| weight < lightest) {
                least = Some((self.next, weight));
            }
            if seen == SAMPLE || weight <= 1 {
                break;
            }
        }
        let (at, _) = least.ok_or(StoreError::Crowded)?;
        self.records.swap_remove_index(at);
        Ok(())
    }
}

/// The key is a keyed hash: nobody chooses where it falls.
fn shard_of(counter: &Counter) -> usize {
    usize::from(counter.key.as_bytes()[0]) % SHARDS
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for SingleProcessAttempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SingleProcessAttempts(..)")
    }
}

impl AttemptStore for SingleProcessAttempts {
    fn reserve<'a>(
        &'a self,
        counters: &'a [Counter],
    ) -> BoxFuture<'a, Result<Reservation, StoreError>> {
        let nonce = self.next_nonce();
        now(self.with(counters, true, |records, counted, at| {
            attempts::reserve(records, counted, nonce, at)
        }))
    }

    fn settle<'a>(
        &'a self,
        counters: &'a [Counter],
        tickets: &'a [Ticket],
        outcome: Outcome,
    ) -> BoxFuture<'a, Result<Vec<Settled>, StoreError>> {
        now(self.with(counters, false, |records, counted, at| {
            attempts::settle(records, counted, tickets, outcome, at)
        }))
    }

    fn budget<'a>(&'a self, counters: &'a [Counter]) -> BoxFuture<'a, Result<Budget, StoreError>> {
        // A look leaves everything as it is, also what time and unlocks did to it.
        let mut held = Held::lock(&self.shards, counters);
        let mut records: Records = counters.iter().map(|counter| held.read(counter)).collect();
        let counted: SmallVec<[Counted<'_>; 4]> = counters.iter().map(Counter::counted).collect();
        now(Ok(attempts::budget(&mut records, &counted, self.clock.wall())))
    }

    fn clear<'a>(&'a self, keys: &'a [AttemptKey]) -> BoxFuture<'a, Result<u64, StoreError>> {
        let mut cleared = 0;
        for key in keys {
            let mut shard = lock(&self.shards[usize::from(key.as_bytes()[0]) % SHARDS]);
            cleared += u64::from(shard.records.swap_remove(key).is_some());
        }
        now(Ok(cleared))
    }
}

#[cfg(all(test, portcullis_loom))]
mod interleavings;
#[cfg(test)]
mod tests;
