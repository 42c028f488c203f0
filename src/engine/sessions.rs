//! The session table: from a token's keyed hash to its session and its cell.
//!
//! One look-up a request. The table is bounded: past its capacity it forgets
//! sessions that were not used since the hand last passed them (the CLOCK
//! algorithm), and a forgotten session is read again when it comes back. Each
//! entry holds its account's cell, so forgetting one never loses a lock.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use hashbrown::HashTable;

use crate::domain::session::SessionId;
use crate::engine::session::{Live, TokenHash};
use crate::engine::sync::{Mutex, MutexGuard, RwLock, RwLockWriteGuard, lock};

/// Sessions in use, by token and by name.
pub(crate) struct Sessions {
    by_token: Box<[RwLock<Shard>]>,
    by_id: Box<[RwLock<HashTable<Arc<Live>>>]>,
    /// Reads of the store under way. Held whenever the tables change, so that a
    /// session which ends while it is read is not put in afterwards.
    reading: Mutex<Reads>,
}

#[derive(Default)]
struct Shard {
    table: HashTable<Arc<Live>>,
    /// Where the eviction hand stands.
    hand: usize,
    capacity: usize,
}

/// Reads of the store under way.
#[derive(Debug, Default)]
struct Reads {
    by_session: HashMap<SessionId, Reading>,
    /// Counts how often changes may have been missed: a read that began before
    /// such a doubt is worth nothing, one that begins after it is.
    doubts: u64,
}

/// What all who read one session share.
#[derive(Debug, Default)]
struct Reading {
    readers: u32,
    ended: bool,
}

/// What happened to a session while it was read from the store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Overtaken {
    /// It was ended: what was read is history.
    Ended,
    /// Changes may have been missed: it must be read again.
    ReadAgain,
}

/// A read of the store under way. What is read after this was made, is either
/// put into the table or known to be overtaken.
#[derive(Debug)]
pub(crate) struct ReadingSession<'a> {
    sessions: &'a Sessions,
    id: SessionId,
    doubts: u64,
}

impl ReadingSession<'_> {
    /// Puts what was read into the table, unless it was overtaken.
    pub(crate) fn finish(self, live: &Arc<Live>) -> Result<(), Overtaken> {
        let reads = self.sessions.reading();
        let reading = reads.by_session.get(&self.id);
        if reading.is_some_and(|reading| reading.ended) {
            return Err(Overtaken::Ended);
        }
        if reads.doubts != self.doubts {
            return Err(Overtaken::ReadAgain);
        }
        self.sessions.insert(&reads, live);
        Ok(())
    }
}

impl Drop for ReadingSession<'_> {
    fn drop(&mut self) {
        let mut reads = self.sessions.reading();
        if let Some(reading) = reads.by_session.get_mut(&self.id) {
            reading.readers -= 1;
            if reading.readers == 0 {
                reads.by_session.remove(&self.id);
            }
        }
    }
}

/// Proof that no other thread changes the tables.
type Changing<'a> = MutexGuard<'a, Reads>;

impl Sessions {
    /// A table for about so many sessions.
    pub(crate) fn new(capacity: usize) -> Self {
        let shards = (capacity / 1024).next_power_of_two().clamp(1, 256);
        let capacity = capacity.div_ceil(shards).max(1);
        let shard = || RwLock::new(Shard { capacity, ..Shard::default() });
        Self {
            by_token: (0..shards).map(|_| shard()).collect(),
            by_id: (0..shards).map(|_| RwLock::new(HashTable::new())).collect(),
            reading: Mutex::new(Reads::default()),
        }
    }

    /// The hot path's look-up.
    pub(crate) fn find(&self, token: TokenHash) -> Option<Arc<Live>> {
        let shard = &self.by_token[token.shard_bits() & (self.by_token.len() - 1)];
        let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
        let live = shard.table.find(token.low(), |live| live.token == token)?;
        if !live.used.load(Ordering::Relaxed) {
            live.used.store(true, Ordering::Relaxed);
        }
        Some(Arc::clone(live))
    }

    /// Announces a read of the store. Call it before the read begins.
    pub(crate) fn read(&self, id: SessionId) -> ReadingSession<'_> {
        let mut reads = self.reading();
        reads.by_session.entry(id).or_default().readers += 1;
        ReadingSession { sessions: self, id, doubts: reads.doubts }
    }

    /// Takes a session out that ended, for those who are reading it too.
    pub(crate) fn end(&self, id: SessionId) {
        let mut reads = self.reading();
        if let Some(reading) = reads.by_session.get_mut(&id) {
            reading.ended = true;
        }
        self.remove(&reads, id);
    }

    /// Takes a session out that must be read again.
    pub(crate) fn forget(&self, id: SessionId) {
        self.remove(&self.reading(), id);
    }

    /// Takes every session out: changes may have been missed.
    pub(crate) fn forget_all(&self) {
        let mut reads = self.reading();
        reads.doubts = reads.doubts.wrapping_add(1);
        for shard in &self.by_id {
            shard
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .clear();
        }
        for shard in &self.by_token {
            shard
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .table
                .clear();
        }
    }

    /// Puts a session in, in place of an older reading of the same one.
    fn insert(&self, changing: &Changing<'_>, live: &Arc<Live>) {
        self.remove(changing, live.id());
        let mut shard = self.token_shard(live.token);
        shard.make_room(|evicted| drop(self.take_id(changing, evicted.id())));
        shard
            .table
            .insert_unique(live.token.low(), Arc::clone(live), |l| l.token.low());
        drop(shard);
        let mut ids = self.id_shard(live.id());
        ids.insert_unique(id_hash(live.id()), Arc::clone(live), |l| id_hash(l.id()));
    }

    fn remove(&self, changing: &Changing<'_>, id: SessionId) {
        let Some(live) = self.take_id(changing, id) else { return };
        let mut shard = self.token_shard(live.token);
        if let Ok(entry) = shard
            .table
            .find_entry(live.token.low(), |l| Arc::ptr_eq(l, &live))
        {
            entry.remove();
        }
    }

    fn reading(&self) -> Changing<'_> {
        lock(&self.reading)
    }

    /// How many sessions are in it.
    pub(crate) fn len(&self) -> usize {
        let len = |shard: &RwLock<Shard>| {
            shard
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .table
                .len()
        };
        self.by_token.iter().map(len).sum()
    }

    fn take_id(&self, _: &Changing<'_>, id: SessionId) -> Option<Arc<Live>> {
        let mut ids = self.id_shard(id);
        let entry = ids.find_entry(id_hash(id), |live| live.id() == id).ok()?;
        Some(entry.remove().0)
    }

    fn token_shard(&self, token: TokenHash) -> RwLockWriteGuard<'_, Shard> {
        let shard = &self.by_token[token.shard_bits() & (self.by_token.len() - 1)];
        shard.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn id_shard(&self, id: SessionId) -> RwLockWriteGuard<'_, HashTable<Arc<Live>>> {
        let shard = &self.by_id[(id.get() >> 64) as usize & (self.by_id.len() - 1)];
        shard.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session's name is part of a SHA-256 already.
fn id_hash(id: SessionId) -> u64 {
    id.get() as u64
}

impl Shard {
    /// Moves the hand on until there is room: a used entry is spared once.
    fn make_room(&mut self, mut evicted: impl FnMut(&Arc<Live>)) {
        while self.table.len() >= self.capacity {
            let buckets = self.table.num_buckets();
            // Twice round: once to take the marks away, once to find one without.
            for _ in 0..=2 * buckets {
                self.hand = (self.hand + 1) % buckets;
                let Ok(entry) = self.table.get_bucket_entry(self.hand) else { continue };
                if !entry.get().used.swap(false, Ordering::Relaxed) {
                    evicted(&entry.remove().0);
                    break;
                }
            }
        }
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions")
            .field("len", &self.len())
            .finish()
    }
}

#[cfg(all(test, not(portcullis_loom)))]
mod tests;
