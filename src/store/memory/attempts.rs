//! Attempts in the memory of one process.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use hashbrown::HashMap;

use crate::domain::attempts::{AttemptRecord, Budget, Outcome, Reservation, Settled, Ticket};
use crate::domain::policy::{LockoutPolicy, Rules};
use crate::domain::time::{Clock, Timestamp};
use crate::store::keyring::AttemptKey;
use crate::store::memory::now;
use crate::store::{AttemptStore, BoxFuture, StoreError};

/// How many counters a shard holds before it forgets the oldest.
const COUNTERS_A_SHARD: usize = 16_384;

const SHARDS: usize = 64;

/// An [`AttemptStore`] in the memory of one process.
///
/// Bounded: a flood of made-up logins makes it forget old counters, never a
/// lockout. When a shard holds nothing but lockouts, a login without an entry
/// there gets an error until one of them ends.
pub struct SingleProcessAttempts {
    clock: Clock,
    shards: Vec<Mutex<HashMap<AttemptKey, AttemptRecord>>>,
}

impl SingleProcessAttempts {
    /// An empty store that tells the time by this clock.
    pub fn new(clock: Clock) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { clock, shards }
    }

    fn with<T>(
        &self,
        key: AttemptKey,
        rules: &Rules,
        touch: impl FnOnce(&mut AttemptRecord, Timestamp) -> T,
    ) -> Result<T, StoreError> {
        let at = self.clock.wall();
        let shard = usize::from(key.as_bytes()[0]) % SHARDS;
        let mut records = self.shards[shard]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if records.len() >= COUNTERS_A_SHARD && !records.contains_key(&key) {
            make_room(&mut records, rules, at)?;
        }
        Ok(touch(records.entry(key).or_default(), at))
    }
}

/// Forgets what says nothing any more, or else half of the counters.
fn make_room(
    records: &mut HashMap<AttemptKey, AttemptRecord>,
    rules: &Rules,
    at: Timestamp,
) -> Result<(), StoreError> {
    let says_something = |r: &AttemptRecord| r.forgettable_at(rules).is_none_or(|end| at < end);
    records.retain(|_, record| says_something(record));
    if records.len() < COUNTERS_A_SHARD {
        return Ok(());
    }
    let mut odd = false;
    records.retain(|_, record| {
        odd = !odd;
        record.lockout().is_some() || odd
    });
    if records.len() < COUNTERS_A_SHARD {
        return Ok(());
    }
    Err(StoreError::Crowded)
}

impl fmt::Debug for SingleProcessAttempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SingleProcessAttempts(..)")
    }
}

impl AttemptStore for SingleProcessAttempts {
    fn reserve<'a>(
        &'a self,
        key: AttemptKey,
        policy: &'a LockoutPolicy,
        generation: u64,
    ) -> BoxFuture<'a, Result<Reservation, StoreError>> {
        let Some(rules) = policy.rules() else {
            return now(Ok(Reservation::Granted(Ticket::UNCOUNTED)));
        };
        let nonce = match getrandom::u64() {
            Ok(nonce) => nonce,
            Err(error) => return now(Err(StoreError::unavailable(error))),
        };
        let reserve = |record: &mut AttemptRecord, at| record.reserve(rules, generation, nonce, at);
        now(self.with(key, rules, reserve))
    }

    fn settle<'a>(
        &'a self,
        key: AttemptKey,
        policy: &'a LockoutPolicy,
        ticket: Ticket,
        outcome: Outcome,
    ) -> BoxFuture<'a, Result<Settled, StoreError>> {
        let Some(rules) = policy.rules() else {
            return now(Ok(Settled::Recorded { remaining: u32::MAX }));
        };
        now(self.with(key, rules, |record, at| record.settle(rules, ticket, outcome, at)))
    }

    fn budget<'a>(
        &'a self,
        key: AttemptKey,
        policy: &'a LockoutPolicy,
        generation: u64,
    ) -> BoxFuture<'a, Result<Budget, StoreError>> {
        let Some(rules) = policy.rules() else {
            return now(Ok(Budget::Open { remaining: u32::MAX }));
        };
        now(self.with(key, rules, |record, at| record.budget(rules, generation, at)))
    }
}
