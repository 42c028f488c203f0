//! What is counted of the way to Redis.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::trouble::Trouble;
use crate::store::Reach;

/// Counts since the process began.
#[derive(Debug, Default)]
pub(super) struct Figures {
    connected: AtomicBool,
    answered: AtomicU64,
    failed: AtomicU64,
    slow: AtomicU64,
    losses: AtomicU64,
}

impl Figures {
    pub(super) fn asked<T>(&self, answer: Result<&T, &Trouble>) {
        let counter = match answer {
            Ok(_) => &self.answered,
            Err(Trouble::Slow(_)) => &self.slow,
            Err(_) => &self.failed,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn connected(&self, connected: bool) {
        self.connected.store(connected, Ordering::Relaxed);
    }

    pub(super) fn lost(&self) {
        self.losses.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Ordering::Relaxed)
    }

    pub(super) fn reach(&self, stands_in: bool) -> Reach {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Reach {
            connected: self.is_connected(),
            stands_in,
            answered: of(&self.answered),
            failed: of(&self.failed),
            slow: of(&self.slow),
            losses: of(&self.losses),
        }
    }
}
