//! How closely a gate follows its directory, for people who look after it.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::account::Account;
use crate::domain::standing::Standing;
use crate::domain::time::{Monotonic, Timestamp};
use crate::engine::{Gate, Portcullis};

/// A lock was laid by this change if it is no older: attempts are counted by another clock
/// than changes.
const SAME_CHANGE: Duration = Duration::from_secs(1);

/// How closely a gate follows its directory.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Pace {
    /// How many changes of the directory this gate has not read yet.
    pub changes_behind: u64,
    /// Time since the change feed was last read to its end.
    pub feed_age: Duration,
    /// The last lock that took hold here since this process began.
    pub last_lock: Option<LastLock>,
}

/// A lock, lockout or disablement that took hold at a gate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LastLock {
    /// When it was laid, by the clock of whoever laid it.
    pub at: Timestamp,
    /// Time from the change that laid it to its being enforced here.
    pub took: Duration,
}

/// What is known of the last lock.
#[derive(Debug, Default)]
pub(super) struct LockClock(Mutex<Option<LastLock>>);

impl LockClock {
    pub(super) fn last(&self) -> Option<LastLock> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A standing took hold now that a change of this instant gave. Whoever hears of a
    /// change twice, here and by the feed, heard of it first when it took hold.
    fn note(&self, standing: &Standing, changed_at: Timestamp, now: Timestamp) {
        let Some(at) = standing.last_refusal_laid_at(now) else { return };
        if at.after(SAME_CHANGE) < changed_at {
            return;
        }
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if last.is_none_or(|last| at > last.at) {
            *last = Some(LastLock { at, took: now.since(changed_at) });
        }
    }
}

impl Portcullis {
    /// How closely this gate follows its directory. `None` without a directory, or where
    /// that does not answer.
    pub async fn pace(&self) -> Option<Pace> {
        let gate = &self.0;
        let directory = gate.directory.as_ref()?;
        let head = gate.ask(directory.feed_head()).await.ok()?;
        let position = gate.figures.feed_position.load(Ordering::Relaxed);
        let looked_at = gate.figures.looked_at_feed.load(Ordering::Relaxed);
        let looked_at = Monotonic::from_micros(looked_at);
        Some(Pace {
            changes_behind: head.accounts.saturating_sub(position),
            feed_age: gate.clock.now().monotonic.since(looked_at),
            last_lock: gate.figures.last_lock.last(),
        })
    }

    /// A change of the directory that was made here is enforced.
    pub(crate) fn took_hold(&self, standing: &Standing, changed_at: Timestamp) {
        self.0.took_hold(standing, changed_at);
    }
}

impl Gate {
    /// Learns of a change that was made here.
    pub(super) fn learn_here(&self, account: &Account) {
        self.learn(&account.key(), account.standing());
        self.took_hold(&account.standing(), account.updated_at);
    }

    pub(super) fn took_hold(&self, standing: &Standing, changed_at: Timestamp) {
        let now = self.clock.wall();
        self.figures.last_lock.note(standing, changed_at, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lock::{AdminLock, End, Locks};

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000 + millis * 1_000)
    }

    fn locked(laid_at: Timestamp) -> Standing {
        let lock =
            AdminLock { laid_at, end: End::Never, reason: None, author: "cli:root".to_owned() };
        let locks = Locks { admin_lock: Some(lock), ..Locks::default() };
        Standing { locks, ..Standing::active() }
    }

    #[test]
    fn a_lock_is_timed_from_its_change_to_when_it_is_first_heard_of() {
        let clock = LockClock::default();
        clock.note(&Standing::active(), at(0), at(5));
        assert_eq!(clock.last(), None, "nobody is locked");
        clock.note(&locked(at(0)), at(60_000), at(60_004));
        assert_eq!(clock.last(), None, "something else was changed of whoever was locked before");
        clock.note(&locked(at(0)), at(1), at(8));
        let took = Duration::from_millis(7);
        assert_eq!(clock.last(), Some(LastLock { at: at(0), took }));
        clock.note(&locked(at(0)), at(1), at(40));
        assert_eq!(clock.last(), Some(LastLock { at: at(0), took }), "the feed tells of it again");
        clock.note(&locked(at(100)), at(100), at(118));
        let took = Duration::from_millis(18);
        assert_eq!(clock.last(), Some(LastLock { at: at(100), took }));
    }
}
