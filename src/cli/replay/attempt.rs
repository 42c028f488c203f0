//! An attempt to sign in, as a log tells it.

use std::cmp::Ordering;
use std::fmt;

use crate::domain::client::ClientAddr;
use crate::domain::time::Timestamp;

/// One attempt of a log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Attempt {
    pub(super) at: Timestamp,
    /// In the one form of all its spellings; none where the log does not tell.
    pub(super) login: Option<String>,
    pub(super) address: Option<ClientAddr>,
    pub(super) outcome: Outcome,
    /// What tells one device from another, whatever that is.
    pub(super) device: Option<String>,
    pub(super) secret: Option<Marker>,
}

/// How it went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Success,
    Failure,
    /// Whoever was in charge refused it, so nobody knows whether the password was
    /// right.
    Refused,
}

/// What tells one password from another, such as a hash. Never printed.
#[derive(Clone, Eq, PartialEq)]
pub(super) struct Marker(pub(super) String);

impl fmt::Debug for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Marker(..)")
    }
}

impl Outcome {
    /// What logs call it, in lower case. The first is how we write it.
    const WORDS: [(Self, &'static [&'static str]); 3] = [
        (
            Self::Success,
            &["success", "succeeded", "successful", "ok", "true", "yes", "1", "pass", "passed"],
        ),
        (
            Self::Failure,
            &[
                "failure", "failed", "fail", "wrong", "invalid", "false", "no", "0", "denied",
                "error",
            ],
        ),
        (Self::Refused, &["refused", "locked", "locked_out", "locked-out", "blocked", "throttled"]),
    ];

    /// The outcome of this word, in any case.
    pub(super) fn named(word: &str) -> Option<Self> {
        let word = word.trim().to_ascii_lowercase();
        let found = Self::WORDS
            .iter()
            .find(|(_, words)| words.contains(&word.as_str()));
        found.map(|(outcome, _)| *outcome)
    }
}

/// An attempt on its line, the earliest first; of those at one instant, the one on
/// the earlier line.
#[derive(Debug)]
pub(super) struct Numbered {
    pub(super) attempt: Attempt,
    pub(super) line: u64,
}

impl Numbered {
    const fn order(&self) -> (Timestamp, u64) {
        (self.attempt.at, self.line)
    }
}

impl Ord for Numbered {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl PartialOrd for Numbered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Numbered {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl Eq for Numbered {}
