//! What another system says of the same account, beside what is known here.
//!
//! A cell that has this part refuses where either says so. The parts have versions of
//! their own, and neither overwrites the other; the admitting word is made of both.

use std::sync::atomic::Ordering;

use super::{
    Against, CLOSED, Cell, Details, END_BITS, END_MASK, Ended, GENERATION_BITS, NO_END, OPEN,
    ReadBegan, UNKNOWN, Word,
};
use crate::domain::account::AccountKey;
use crate::domain::denial::DenialReason;
use crate::domain::standing::{Bearer, Standing};
use crate::domain::time::{Monotonic, Timestamp};
use crate::engine::sync::lock;

/// What another system says, and of whom.
#[derive(Debug, Default)]
pub(super) struct Beside {
    /// What the account is called there, as far as it is.
    link: Option<AccountKey>,
    said: Details,
}

impl Cell {
    /// A cell that knows nothing, neither from here nor from another system.
    pub(crate) fn with_elsewhere(key: AccountKey) -> Self {
        let mut cell = Self::new(key);
        let details = Details { beside: Some(Box::default()), ..Details::default() };
        cell.details = super::Mutex::new(details);
        cell
    }

    /// Writes what was read here, unless something newer is here already. For how long the
    /// whole is known is the other system's to say.
    pub(crate) fn finish_read_here(
        &self,
        began: ReadBegan,
        read: Option<Standing>,
        now: Timestamp,
    ) {
        let mut details = lock(&self.details);
        if details.take(began, read) {
            self.publish(&details, now);
        }
    }

    /// Remembers that the other system is asked now, by this name. What it said of
    /// another name is not about this account any more.
    pub(crate) fn begin_read_elsewhere(&self, link: Option<&AccountKey>) -> ReadBegan {
        let mut details = lock(&self.details);
        let beside = details.beside.get_or_insert_default();
        if beside.link.as_ref() != link {
            **beside = Beside { link: link.cloned(), said: Details::default() };
            self.word
                .store(Word::new(UNKNOWN, details.generation, 0).0, Ordering::Release);
        }
        let said = details.beside.as_ref().map(|beside| &beside.said);
        let (pushes, suspicions) = said.map_or((0, 0), |said| (said.pushes, said.suspicions));
        ReadBegan { pushes, suspicions }
    }

    /// Writes what the other system answered, unless something newer is here.
    pub(crate) fn finish_read_elsewhere(
        &self,
        began: ReadBegan,
        link: Option<&AccountKey>,
        read: Option<Standing>,
        now: Timestamp,
        known_until: Monotonic,
    ) {
        let mut details = lock(&self.details);
        let Some(beside) = details
            .beside
            .as_mut()
            .filter(|beside| beside.link.as_ref() == link)
        else {
            return;
        };
        if beside.said.take(began, read) {
            self.known_until
                .store(known_until.as_micros(), Ordering::Relaxed);
            self.publish(&details, now);
        }
    }

    /// Writes a change that the other system told of, unless something newer is here. Says
    /// whether it is about this account.
    pub(crate) fn push_elsewhere(
        &self,
        link: &AccountKey,
        standing: Standing,
        now: Timestamp,
    ) -> bool {
        let mut details = lock(&self.details);
        let Some(beside) = details
            .beside
            .as_mut()
            .filter(|beside| beside.link.as_ref() == Some(link))
        else {
            return false;
        };
        let said = &mut beside.said;
        said.pushes = said.pushes.wrapping_add(1);
        if standing.version >= said.version {
            said.write(Some(standing));
            self.publish(&details, now);
        }
        true
    }

    /// What is known is asked for again from this instant on, if not before.
    pub(crate) fn known_no_longer_than(&self, until: Monotonic) {
        self.known_until
            .fetch_min(until.as_micros(), Ordering::Relaxed);
    }

    /// Whether anything is known from here, whatever the other system says.
    pub(crate) fn is_known_here(&self) -> bool {
        let details = lock(&self.details);
        details.known && !details.suspect
    }

    /// Why the other system refuses the account now, and whether what was opened at that
    /// time is dead for good.
    pub(crate) fn refusal_elsewhere(
        &self,
        bearer: Bearer,
        opened_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<(DenialReason, bool)> {
        let details = lock(&self.details);
        let said = &details.beside.as_ref()?.said;
        let ended = said.sessions_ended_at.get();
        // Within one second nobody can say what came first.
        let dead = ended
            .zip(opened_at)
            .is_some_and(|(ended, opened)| opened.floor_secs() <= ended.floor_secs());
        let account = match &said.against {
            Against::Nothing => None,
            Against::NoSuchAccount => Some(DenialReason::Deleted),
            Against::Standing(standing) => standing.refusal_of(bearer, now),
        };
        match account {
            Some(reason) => Some((reason, dead)),
            None => dead.then_some((DenialReason::SessionEnded, true)),
        }
    }
}

impl Beside {
    pub(super) const fn is_known(&self) -> bool {
        self.said.known
    }

    /// What the account is called there.
    pub(super) const fn said(&self) -> &Details {
        &self.said
    }

    /// The word for both: closed where either is, until both open.
    pub(super) fn close(&self, own: Word, now: Timestamp) -> Word {
        if own.0 >> (END_BITS + GENERATION_BITS) == UNKNOWN {
            return own;
        }
        if !self.said.known {
            let generation = own.0 & (super::GENERATION_MASK << END_BITS);
            return Word(UNKNOWN << (END_BITS + GENERATION_BITS) | generation);
        }
        let other = self.said.word(now);
        // Only the details know when a session was opened.
        let ask = self.said.sessions_ended_at != Ended::NEVER;
        if own.is_open() && other.is_open() && !ask {
            return own;
        }
        let until = if ask { NO_END } else { own.end().max(other.end()) };
        Word(
            CLOSED << (END_BITS + GENERATION_BITS)
                | own.0 & (super::GENERATION_MASK << END_BITS)
                | until,
        )
    }
}

impl Word {
    const fn is_open(self) -> bool {
        self.0 >> (END_BITS + GENERATION_BITS) == OPEN
    }

    /// Of an open word, 0.
    const fn end(self) -> u64 {
        self.0 & END_MASK
    }
}
