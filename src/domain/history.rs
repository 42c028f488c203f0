//! Attempts to sign in that are over, as they are remembered for people to look at.
//!
//! They are told, never counted: whom failures lock out is the attempt store's to say,
//! and stays so where this is forgotten, late or cut.

use crate::domain::account::AccountId;
use crate::domain::client::ClientAddr;
use crate::domain::device::DeviceId;
use crate::domain::time::Timestamp;

/// An attempt that is over. It tells neither what was typed nor, of a login that is
/// nobody's, which it was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PastAttempt {
    /// When it was over.
    pub at: Timestamp,
    /// Whose login it was, if it was anybody's.
    pub account: Option<AccountId>,
    /// A keyed hash of the login, cut short: the same for all spellings;
    /// 0 for a login of nothing.
    pub login: u64,
    /// Where it came from; `None` where a program asked for somebody, or a proxy did
    /// not say.
    pub from: Option<ClientAddr>,
    /// The known device that it proved to come from.
    pub device: Option<DeviceId>,
    /// How it ended.
    pub end: AttemptEnd,
    /// What tells one wrong password from another, for a while: made with a key that
    /// its process keeps to itself and never writes down, so it can't be guessed at.
    pub mark: Option<u64>,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum AttemptEnd {
    /// The whole sign-in succeeded.
    Succeeded,
    /// A factor was right, or a program asked whether a password is: nobody came in by
    /// it alone.
    Passed,
    /// The password was wrong, or it never came.
    Wrong,
    /// A lockout refused it, and the password was not looked at.
    LockedOut,
    /// As many as may be were under way, and the password was not looked at.
    Busy,
    /// The password was right, and the account may not sign in.
    Refused,
}

impl AttemptEnd {
    /// Every end there is.
    pub const ALL: [Self; 6] =
        [Self::Succeeded, Self::Passed, Self::Wrong, Self::LockedOut, Self::Busy, Self::Refused];

    /// The word that is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Passed => "passed",
            Self::Wrong => "wrong",
            Self::LockedOut => "locked-out",
            Self::Busy => "busy",
            Self::Refused => "refused",
        }
    }

    /// Reads the stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|end| end.as_str() == word)
    }

    /// Whether somebody failed to come in.
    pub const fn is_failure(self) -> bool {
        !matches!(self, Self::Succeeded | Self::Passed)
    }

    /// Whether the password was right.
    pub const fn was_right(self) -> bool {
        matches!(self, Self::Succeeded | Self::Passed | Self::Refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_is_read_back_by_its_word() {
        for end in AttemptEnd::ALL {
            assert_eq!(AttemptEnd::from_word(end.as_str()), Some(end));
        }
        assert_eq!(AttemptEnd::from_word("Wrong"), None);
    }
}
