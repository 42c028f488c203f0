//! The primitives that cell, registry and session table are made of: the standard
//! library's, or loom's where a test walks every interleaving of them.

#[cfg(not(portcullis_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, RwLock, RwLockWriteGuard, atomic::AtomicU64};

#[cfg(portcullis_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, RwLock, RwLockWriteGuard, atomic::AtomicU64};

use std::sync::PoisonError;

/// Locks, whether or not another thread panicked meanwhile: what these locks
/// guard is whole between any two statements.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
