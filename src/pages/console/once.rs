//! Forms that are sent once. What they make is shown that once, and a browser that loads
//! the answer again would send the form again and make another.
//!
//! Each page with such a form carries a key of its own, and a key that was used is
//! refused. That it was is known to this process alone: a key of another one, as after a
//! restart, is refused too, and the form is shown again.

use std::collections::BTreeSet;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use askama::Template;

use crate::domain::account::AccountId;
use crate::domain::time::Timestamp;
use crate::pages::console::desk::{SURE_FOR, Shell, TIME_TO_DECIDE};

/// How long a form may be open. What it does takes a recent password anyway.
const OPEN_FOR: Duration = SURE_FOR.saturating_add(TIME_TO_DECIDE);

/// More forms than administrators send in that time.
const MOST_USED: usize = 10_000;

/// What was said by a form that can't be taken as it is.
pub(super) const OPEN_TOO_LONG: &str = "This page was open for too long, and nothing was done. Look at it again, and send it once more.";

/// What is said of a secret that a form made the first time.
pub(super) const LOST: &str =
    "A secret is shown once, right after it is made: if you don't have it, make another.";

/// The keys of forms.
pub(super) struct Forms {
    /// Which process gave a key.
    house: u64,
    next: AtomicU64,
    /// Those that were used: since when they were open, their number, and who sent them.
    used: Mutex<BTreeSet<(i64, u64, AccountId)>>,
}

/// Why a form is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stale {
    /// It was sent before.
    Used,
    /// It is too old, or of another process: nobody knows whether it was sent before.
    Unknown,
}

/// Says that a form was sent before, and what that means.
#[derive(Template)]
#[template(path = "console/sent_before.html")]
pub(super) struct SentBefore {
    pub(super) shell: Shell,
    /// What the form made the first time, in a sentence.
    pub(super) words: &'static str,
    /// What to do about a secret that nobody has, in another.
    pub(super) lost: &'static str,
    /// Where that is seen, below the console, and what that is called.
    pub(super) onward: (String, &'static str),
}

impl Forms {
    pub(super) fn new() -> Self {
        // The standard library's hashers are seeded by the system.
        let house = RandomState::new().build_hasher().finish();
        Self { house, next: AtomicU64::new(1), used: Mutex::default() }
    }

    /// A key for a form that is shown now. It lets nobody do anything: whoever makes one
    /// up has only themselves to fool.
    pub(super) fn key(&self, now: Timestamp) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{:x}-{:x}-{number:x}", self.house, now.floor_secs())
    }

    /// Uses a key up.
    pub(super) fn take(&self, sender: AccountId, key: &str, now: Timestamp) -> Result<(), Stale> {
        let (since, number) = self.read(key).ok_or(Stale::Unknown)?;
        let first = now.before(OPEN_FOR).floor_secs();
        if since <= first || since > now.floor_secs() {
            return Err(Stale::Unknown);
        }
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.retain(|(since, ..)| *since > first);
        if used.contains(&(since, number, sender)) {
            return Err(Stale::Used);
        }
        if used.len() >= MOST_USED {
            return Err(Stale::Unknown);
        }
        used.insert((since, number, sender));
        Ok(())
    }

    /// Nothing came of a form, and whoever sent it puts it right and sends it again.
    pub(super) fn give_back(&self, sender: AccountId, key: &str) {
        let Some((since, number)) = self.read(key) else { return };
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.remove(&(since, number, sender));
    }

    fn read(&self, key: &str) -> Option<(i64, u64)> {
        let mut parts = key.split('-');
        let house = u64::from_str_radix(parts.next()?, 16).ok()?;
        let since = i64::from_str_radix(parts.next()?, 16).ok()?;
        let number = u64::from_str_radix(parts.next()?, 16).ok()?;
        (house == self.house && parts.next().is_none()).then_some((since, number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

    fn somebody(number: i64) -> AccountId {
        number.try_into().expect("a number")
    }

    #[test]
    fn a_key_is_good_once_and_for_its_sender_alone() {
        let forms = Forms::new();
        let (key, other) = (forms.key(NOW), forms.key(NOW));
        assert_ne!(key, other);
        assert_eq!(forms.take(somebody(7), &key, NOW), Ok(()));
        assert_eq!(forms.take(somebody(7), &key, NOW), Err(Stale::Used));
        assert_eq!(forms.take(somebody(8), &key, NOW), Ok(()), "nobody uses up another's");
        assert_eq!(forms.take(somebody(7), &other, NOW), Ok(()));
    }

    #[test]
    fn a_key_ends_and_is_forgotten_only_then() {
        let forms = Forms::new();
        let (early, late) = (forms.key(NOW), forms.key(NOW));
        let just = NOW.after(OPEN_FOR).before(Duration::from_secs(1));
        assert_eq!(forms.take(somebody(7), &early, just), Ok(()));
        assert_eq!(forms.take(somebody(7), &early, just), Err(Stale::Used));
        let over = NOW.after(OPEN_FOR);
        assert_eq!(forms.take(somebody(7), &late, over), Err(Stale::Unknown));
        assert_eq!(forms.take(somebody(7), &early, over), Err(Stale::Unknown));
        let key = forms.key(over);
        assert_eq!(forms.take(somebody(7), &key, NOW), Err(Stale::Unknown), "it is to come");
        assert_eq!(forms.take(somebody(7), &key, over), Ok(()));
        assert_eq!(forms.used.lock().expect("unpoisoned").len(), 1);
    }

    #[test]
    fn a_key_that_nothing_came_of_is_good_again() {
        let forms = Forms::new();
        let key = forms.key(NOW);
        assert_eq!(forms.take(somebody(7), &key, NOW), Ok(()));
        forms.give_back(somebody(8), &key);
        assert_eq!(forms.take(somebody(7), &key, NOW), Err(Stale::Used), "not another's to give");
        forms.give_back(somebody(7), &key);
        assert_eq!(forms.take(somebody(7), &key, NOW), Ok(()));
    }

    #[test]
    fn nothing_else_is_a_key() {
        let forms = Forms::new();
        let key = forms.key(NOW);
        let foreign = Forms::new().key(NOW);
        for text in ["", "-", "1-2", "x-y-z", &foreign, &format!("{key}-1"), &format!(" {key}")] {
            assert_eq!(forms.take(somebody(7), text, NOW), Err(Stale::Unknown), "{text}");
        }
    }

    #[test]
    fn only_so_many_are_remembered() {
        let forms = Forms::new();
        for _ in 0..MOST_USED {
            assert_eq!(forms.take(somebody(7), &forms.key(NOW), NOW), Ok(()));
        }
        assert_eq!(forms.take(somebody(7), &forms.key(NOW), NOW), Err(Stale::Unknown));
    }
}
