//! What a refused person is told.
//!
//! The words are the same for a page and for a program. They name no other
//! person, and never the reason that somebody gave for a lock: that is for
//! administrators.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::domain::denial::{Denial, DenialReason, LockKind};
use crate::domain::lock::End;
use crate::domain::time::Timestamp;

/// Why somebody was sent to the sign-in page, as its `notice` parameter says.
///
/// Anybody can write a link with any of them, so a notice is a sentence on the
/// page and nothing else: nothing is decided by it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Notice {
    /// The account was locked by an administrator.
    Locked,
    /// The account is locked for too many failed attempts.
    LockedOut,
    /// The account was disabled.
    Disabled,
    /// The account was deleted.
    Deleted,
    /// The account is not active yet.
    NotYetActive,
    /// The session ended.
    SignedOut,
}

impl Notice {
    /// Every notice there is.
    pub const ALL: [Self; 6] = [
        Self::Locked,
        Self::LockedOut,
        Self::Disabled,
        Self::Deleted,
        Self::NotYetActive,
        Self::SignedOut,
    ];

    /// The notice that a reason deserves; none for somebody who never was
    /// signed in, and none while nobody can say.
    pub const fn of(reason: DenialReason) -> Option<Self> {
        match reason {
            DenialReason::Locked { by: LockKind::Admin, .. } => Some(Self::Locked),
            DenialReason::Locked { by: LockKind::Lockout, .. } => Some(Self::LockedOut),
            DenialReason::Disabled => Some(Self::Disabled),
            DenialReason::Deleted => Some(Self::Deleted),
            DenialReason::NotYetActive => Some(Self::NotYetActive),
            DenialReason::SessionEnded => Some(Self::SignedOut),
            DenialReason::NoSession | DenialReason::Unknown { .. } => None,
        }
    }

    /// The value of the parameter.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::LockedOut => "locked-out",
            Self::Disabled => "disabled",
            Self::Deleted => "deleted",
            Self::NotYetActive => "not-yet-active",
            Self::SignedOut => "signed-out",
        }
    }
}

#[cfg(feature = "gateway")]
impl Notice {
    /// What is the matter and what to do about it, where nothing more is known than the
    /// notice; and whether an administrator is the one to ask.
    pub(crate) const fn words(self) -> (&'static str, &'static str, bool) {
        match self {
            Self::Locked => ("Your account is locked", "Ask your administrator.", true),
            Self::LockedOut => (
                "Your account is locked",
                "There were too many failed attempts to sign in. Try again later.",
                false,
            ),
            Self::Disabled => ("Your account is disabled", "Ask your administrator.", true),
            Self::Deleted => ("This account no longer exists", "Ask your administrator.", true),
            Self::NotYetActive => (
                "Your account is not active yet",
                "Open the link in your invitation, or ask your administrator.",
                true,
            ),
            Self::SignedOut => {
                ("You were signed out", "Sign in again to go on where you were.", false)
            }
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Notice {
    type Err = UnknownNotice;

    fn from_str(text: &str) -> Result<Self, UnknownNotice> {
        Self::ALL
            .into_iter()
            .find(|notice| notice.as_str() == text)
            .ok_or(UnknownNotice)
    }
}

/// Not one of the notices.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no such notice")]
pub struct UnknownNotice;

/// What is the matter, in a few words: the same for every denial of a type.
pub(crate) const fn title(reason: DenialReason) -> &'static str {
    match reason {
        DenialReason::Deleted => "This account no longer exists",
        DenialReason::Disabled => "Your account is disabled",
        DenialReason::Locked { .. } => "Your account is locked",
        DenialReason::NotYetActive => "Your account is not active yet",
        DenialReason::SessionEnded => "You were signed out",
        DenialReason::NoSession => "You are not signed in",
        DenialReason::Unknown { .. } => "Not available right now",
    }
}

/// What to do about it, in a sentence or two.
pub(crate) const fn advice(reason: DenialReason) -> &'static str {
    match reason {
        DenialReason::Locked { by: LockKind::Lockout, .. } => {
            "There were too many failed attempts to sign in."
        }
        DenialReason::Deleted | DenialReason::Disabled | DenialReason::Locked { .. } => {
            "Ask your administrator."
        }
        DenialReason::NotYetActive => {
            "Open the link in your invitation, or ask your administrator."
        }
        DenialReason::SessionEnded => "Sign in again to go on where you were.",
        DenialReason::NoSession => "Sign in to go on.",
        DenialReason::Unknown { .. } => {
            "Your account can't be looked up at the moment. Please try again soon."
        }
    }
}

/// Whether an administrator is the one to ask.
pub(crate) const fn is_for_administrator(reason: DenialReason) -> bool {
    reason.is_of_account() && !matches!(reason, DenialReason::Locked { by: LockKind::Lockout, .. })
}

/// When a lock opens, in whole seconds and not too early; none if it does not
/// open by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opening {
    at: jiff::Timestamp,
    wait: Duration,
}

impl Opening {
    pub(crate) fn of(denial: &Denial) -> Option<Self> {
        let Some(End::At(end)) = denial.reason().lock_end() else { return None };
        // An end beyond the calendar is no end to anybody who reads it.
        let at = jiff::Timestamp::from_second(end.ceil_secs()).ok()?;
        Some(Self { at, wait: Timestamp::from_secs(end.ceil_secs()).since(denial.at()) })
    }

    /// RFC 3339, for programs.
    pub(crate) fn to_rfc_3339(self) -> String {
        self.at.to_string()
    }

    /// "21 November 2026 at 18:12:00 UTC": a page can't know its reader's zone.
    pub(crate) fn in_words(self) -> String {
        self.at.strftime("%-d %B %Y at %H:%M:%S UTC").to_string()
    }

    /// "4 minutes", rounded up in the largest unit that fits.
    pub(crate) fn wait_in_words(self) -> String {
        let secs = self.wait.as_secs() + u64::from(self.wait.subsec_nanos() > 0);
        let (size, unit) = match secs {
            0..120 => (1, "second"),
            120..7_200 => (60, "minute"),
            7_200..172_800 => (3_600, "hour"),
            _ => (86_400, "day"),
        };
        let count = secs.div_ceil(size).max(1);
        format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening(end: Timestamp, now: Timestamp) -> Option<Opening> {
        let reason = DenialReason::Locked { by: LockKind::Admin, end: End::At(end) };
        Opening::of(&Denial::new(reason, now))
    }

    #[test]
    fn notices_read_back() {
        for notice in Notice::ALL {
            assert_eq!(notice.to_string().parse(), Ok(notice));
        }
        assert_eq!("<script>".parse::<Notice>(), Err(UnknownNotice));
    }

    #[test]
    fn an_opening_is_never_told_too_early() {
        let end = Timestamp::from_micros(1_795_284_720_000_001);
        let opening = opening(end, Timestamp::from_secs(1_795_284_720)).expect("an end");
        assert_eq!(opening.to_rfc_3339(), "2026-11-21T18:12:01Z");
        assert_eq!(opening.in_words(), "21 November 2026 at 18:12:01 UTC");
        assert_eq!(opening.wait_in_words(), "1 second");
    }

    #[test]
    fn waits_are_rounded_up() {
        let start = Timestamp::from_secs(1_795_284_720);
        let cases = [
            (0, "1 second"),
            (119, "119 seconds"),
            (121, "3 minutes"),
            (300, "5 minutes"),
            (7_200, "2 hours"),
            (86_401, "25 hours"),
            (172_801, "3 days"),
        ];
        for (secs, words) in cases {
            let opening = opening(start.after(Duration::from_secs(secs)), start).expect("an end");
            assert_eq!(opening.wait_in_words(), words);
        }
    }

    #[test]
    fn an_end_beyond_the_calendar_is_none() {
        assert!(opening(Timestamp::from_micros(i64::MAX), Timestamp::EPOCH).is_none());
    }
}
