//! What our keys are called.
//!
//! A key bears no login: it is a keyed hash. What stands in braces says which slot of a
//! cluster it is in; all counters of one account are in one.

use crate::domain::attempts::Scope;
use crate::store::Counter;
use crate::store::keyring::AttemptKey;

/// How many slots of a cluster our keys are in, at most.
pub(super) const SLOTS: usize = 256;

/// Which of these slots: the first byte of a key.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Slot(u8);

#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) prefix: String,
    /// Whether a script may touch the keys of one slot alone.
    pub(super) in_cluster: bool,
}

impl Slot {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        (0..=u8::MAX).map(Self)
    }

    pub(super) const fn of(key: &AttemptKey) -> Self {
        Self(key.as_bytes()[0])
    }

    /// Where each counter is: those of an account where its first one is.
    pub(super) fn of_each(counters: &[Counter]) -> impl Iterator<Item = Self> {
        let own = counters.iter().find(|counter| counter.scope == Scope::Own);
        counters
            .iter()
            .map(move |counter| match (counter.scope, own) {
                (Scope::Own, Some(own)) => Self::of(&own.key),
                _ => Self::of(&counter.key),
            })
    }
}

impl Names {
    pub(super) fn counter(&self, slot: Slot, key: &AttemptKey) -> Vec<u8> {
        // Half of the hash tells them apart as well as all of it, and takes less memory.
        let hex = key.to_hex();
        format!("{}{{{:02x}}}{}", self.prefix, slot.0, &hex[..32]).into_bytes()
    }

    /// Where it is said in whose history the counters of this slot are.
    pub(super) fn guard(&self, slot: Slot) -> Vec<u8> {
        match self.in_cluster {
            true => format!("{}{{{:02x}}}history", self.prefix, slot.0),
            false => format!("{}history", self.prefix),
        }
        .into_bytes()
    }

    /// Each of those.
    pub(super) fn guards(&self) -> Vec<Vec<u8>> {
        let slots = if self.in_cluster { SLOTS } else { 1 };
        Slot::all()
            .take(slots)
            .map(|slot| self.guard(slot))
            .collect()
    }

    /// What all counters are called, for whoever looks for some.
    pub(super) fn pattern(&self) -> String {
        format!("{}{{??}}????????????????????????????????", self.prefix)
    }
}
