//! The registry of standing cells: one cell an account, for everybody.
//!
//! The registry holds cells weakly and whoever uses one holds it strongly, so a
//! cell that a session still holds can always be found by a push: no eviction
//! can separate the two. Entries of cells that nobody holds are swept.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, PoisonError, Weak};

use hashbrown::HashTable;

use crate::domain::account::AccountKey;
use crate::engine::cell::Cell;
use crate::engine::sync::RwLock;

/// The accounts that somebody is asking about.
pub(crate) struct Standings {
    hasher: RandomState,
    shards: Box<[RwLock<HashTable<Slot>>]>,
    /// What new cells are like.
    make: fn(AccountKey) -> Cell,
}

/// A place for a cell, eight bytes small: a million accounts have a million.
struct Slot(Weak<Cell>);

impl Slot {
    fn holds(&self, key: &AccountKey) -> Option<Arc<Cell>> {
        self.0.upgrade().filter(|cell| cell.key() == key)
    }

    fn is_dead(&self) -> bool {
        self.0.strong_count() == 0
    }
}

impl Standings {
    pub(crate) fn new(shards: usize) -> Self {
        let shards = (0..shards).map(|_| RwLock::new(HashTable::new())).collect();
        Self { hasher: RandomState::new(), shards, make: Cell::new }
    }

    /// The same, with cells that another system has a say in.
    pub(crate) fn with_elsewhere(self) -> Self {
        Self { make: Cell::with_elsewhere, ..self }
    }

    /// The account's cell, if anybody holds it.
    pub(crate) fn find(&self, key: &AccountKey) -> Option<Arc<Cell>> {
        let hash = self.hasher.hash_one(key);
        let shard = self
            .shard(hash)
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        find_in(&shard, hash, key)
    }

    /// The account's cell; a new one knows nothing yet.
    pub(crate) fn find_or_create(&self, key: &AccountKey) -> Arc<Cell> {
        if let Some(cell) = self.find(key) {
            return cell;
        }
        let hash = self.hasher.hash_one(key);
        let mut shard = self
            .shard(hash)
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = find_in(&shard, hash, key) {
            return cell;
        }
        let cell = Arc::new((self.make)(key.clone()));
        let slot = Slot(Arc::downgrade(&cell));
        if shard.len() == shard.capacity() {
            // Dead slots must not make the table grow.
            shard.retain(|slot| !slot.is_dead());
            // Where few were dead, grow at once: the next ones must not search again.
            let room = shard.len() / 8 + 1;
            shard.reserve(room, |slot| self.hash_of(slot));
        }
        shard.insert_unique(hash, slot, |slot| self.hash_of(slot));
        cell
    }

    /// How many there are. One that nobody holds any more counts until the sweep.
    #[cfg(feature = "metrics")]
    pub(crate) fn len(&self) -> usize {
        let shards = self.shards.iter();
        let len = |shard: &RwLock<HashTable<Slot>>| {
            shard.read().unwrap_or_else(PoisonError::into_inner).len()
        };
        shards.map(len).sum()
    }

    /// Every cell that somebody holds.
    pub(crate) fn held(&self) -> Vec<Arc<Cell>> {
        let mut held = Vec::new();
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            held.extend(shard.iter().filter_map(|slot| slot.0.upgrade()));
        }
        held
    }

    /// Gives back the slots of cells that nobody holds.
    pub(crate) fn sweep(&self) {
        for shard in &self.shards {
            let mut shard = shard.write().unwrap_or_else(PoisonError::into_inner);
            shard.retain(|slot| !slot.is_dead());
            if shard.capacity() > 4 * shard.len() + 64 {
                shard.shrink_to_fit(|slot| self.hash_of(slot));
            }
        }
    }

    /// Where a slot belongs. A dead one is never looked for: anywhere will do.
    fn hash_of(&self, slot: &Slot) -> u64 {
        slot.0
            .upgrade()
            .map_or(0, |cell| self.hasher.hash_one(cell.key()))
    }

    fn shard(&self, hash: u64) -> &RwLock<HashTable<Slot>> {
        // The table uses the low bits and the top seven: these are in between.
        &self.shards[(hash >> 40) as usize % self.shards.len()]
    }
}

fn find_in(shard: &HashTable<Slot>, hash: u64, key: &AccountKey) -> Option<Arc<Cell>> {
    let mut found = None;
    shard.find(hash, |slot| {
        found = slot.holds(key);
        found.is_some()
    })?;
    found
}

impl fmt::Debug for Standings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Standings")
            .field("shards", &self.shards.len())
            .finish()
    }
}
