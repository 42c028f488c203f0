//! Numbers that tell reservations apart.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Hands out numbers that no other reservation has: in this process each is given
/// once, and two processes begin at random, 2^64 apart in the mean.
#[derive(Debug)]
pub(super) struct Nonces(AtomicU64);

/// Odd, so that all numbers come before one comes again, and far from 1, so that
/// two sequences which begin near each other don't run into each other.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

impl Nonces {
    /// A sequence of its own.
    pub(super) fn new() -> Self {
        // The standard library's hashers are seeded by the system.
        Self(AtomicU64::new(RandomState::new().build_hasher().finish()))
    }

    pub(super) fn next(&self) -> u64 {
        self.0.fetch_add(STRIDE, Ordering::Relaxed)
    }

    /// Whether it is one of those that [`Nonces::marked`] makes.
    #[cfg(feature = "redis")]
    pub(super) const fn is_marked(nonce: u64) -> bool {
        nonce & MARK != 0
    }

    #[cfg(feature = "redis")]
    pub(super) const fn marked(nonce: u64) -> u64 {
        nonce | MARK
    }

    /// One that was not marked before and is not now. Half as many numbers do.
    #[cfg(feature = "redis")]
    pub(super) const fn unmarked(nonce: u64) -> u64 {
        nonce & !MARK
    }
}

/// Tells numbers of one store from those of the one that stands in for it.
#[cfg(feature = "redis")]
const MARK: u64 = 1 << 63;
