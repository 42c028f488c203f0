//! Wrong passwords that were tried before: the same again is not a new guess.
//!
//! A program with an old password, or a person who types the same mistake thrice,
//! learns nothing from trying again, and so does a guesser. What is kept is keyed
//! and truncated: whoever reads it can neither test passwords against it nor tell
//! whose they were.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::domain::time::Timestamp;

/// How many repeats a window are free. Each costs a password check.
pub(crate) const FREE_REPEATS: u32 = 20;

/// How many wrong passwords are remembered of all sources together; the oldest
/// goes first.
const MOST: usize = 24;

/// A wrong password, as it is remembered: by whom it was tried, and which it was.
/// Both are keyed hashes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Guess {
    /// The device or network that it came from.
    pub source: u32,
    /// The password.
    pub print: u64,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Memory {
    /// Oldest first, with when each was found wrong.
    guesses: SmallVec<[(Guess, Timestamp); 2]>,
    /// Repeats since then.
    repeats: u32,
    since: Timestamp,
}

impl Memory {
    /// Whether an attempt that began at `from` tries what had been found wrong by
    /// then, and is free. Where failures never age, every repeat is; else so many in
    /// each window. The same password many times at once is no repeat: nobody was
    /// told yet that it is wrong.
    pub(super) fn repeats(
        &mut self,
        guess: Guess,
        from: Timestamp,
        window: Option<Duration>,
        now: Timestamp,
    ) -> bool {
        let known = |(known, at): &(Guess, Timestamp)| *known == guess && *at <= from;
        if !self.guesses.iter().any(known) {
            return false;
        }
        let Some(window) = window else { return true };
        if self.repeats == 0 || now.since(self.since) >= window {
            (self.repeats, self.since) = (0, now);
        }
        self.repeats += 1;
        self.repeats <= FREE_REPEATS
    }

    /// Remembers a guess: of each source the last `of_source`.
    pub(super) fn learn(&mut self, guess: Guess, of_source: usize, now: Timestamp) {
        self.guesses.retain(|(known, _)| *known != guess);
        let same = |(known, _): &(Guess, Timestamp)| known.source == guess.source;
        if self.guesses.iter().filter(|known| same(known)).count() >= of_source
            && let Some(oldest) = self.guesses.iter().position(same)
        {
            self.guesses.remove(oldest);
        }
        if self.guesses.len() >= MOST {
            self.guesses.remove(0);
        }
        self.guesses.push((guess, now));
    }

    pub(super) fn forget_the_future(&mut self, now: Timestamp) {
        self.since = self.since.min(now);
        for (_, at) in &mut self.guesses {
            *at = (*at).min(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Option<Duration> = Some(Duration::from_secs(900));

    fn guess(source: u32, print: u64) -> Guess {
        Guess { source, print }
    }

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn the_last_three_of_each_source_are_remembered() {
        let mut memory = Memory::default();
        for print in 1..=4 {
            memory.learn(guess(1, print), 3, at(0));
        }
        memory.learn(guess(2, 1), 3, at(0));
        let known = |memory: &mut Memory, guess| memory.repeats(guess, at(0), None, at(0));
        assert!(!known(&mut memory, guess(1, 1)), "a fourth pushed it out");
        assert!((2..=4).all(|print| known(&mut memory, guess(1, print))));
        assert!(known(&mut memory, guess(2, 1)));
        assert!(!known(&mut memory, guess(2, 2)), "another source's");
    }

    #[test]
    fn many_sources_push_out_the_oldest() {
        let mut memory = Memory::default();
        for source in 0..30 {
            memory.learn(guess(source, 7), 3, at(0));
        }
        assert_eq!(memory.guesses.len(), MOST);
        assert!(!memory.repeats(guess(5, 7), at(0), None, at(0)));
        assert!(memory.repeats(guess(6, 7), at(0), None, at(0)));
    }

    #[test]
    fn twenty_repeats_a_window_are_free() {
        let mut memory = Memory::default();
        memory.learn(guess(1, 1), 3, at(0));
        let free =
            |memory: &mut Memory, secs| memory.repeats(guess(1, 1), at(secs), WINDOW, at(secs));
        assert!((0..20).all(|secs| free(&mut memory, secs)));
        assert!(!free(&mut memory, 20) && !free(&mut memory, 899));
        assert!(free(&mut memory, 900));
        assert!((0..100).all(|_| memory.repeats(guess(1, 1), at(901), None, at(901))));
    }

    #[test]
    fn the_same_many_times_at_once_is_no_repeat() {
        let mut memory = Memory::default();
        memory.learn(guess(1, 1), 3, at(10));
        assert!(!memory.repeats(guess(1, 1), at(9), None, at(11)), "it was on its way already");
        assert!(memory.repeats(guess(1, 1), at(10), None, at(11)));
    }
}
