//! What the pages say.

use crate::domain::denial::{Denial, DenialReason, LockKind};
use crate::domain::lock::End;
use crate::domain::time::Timestamp;
use crate::engine::SignInError;
use crate::guard::Notice;
use crate::pages::when::Moment;

/// How serious something is: each has a colour and a shape of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Tone {
    /// It was done.
    Done,
    /// It is good to know.
    Hint,
    /// It did not work, and somebody can do something about it.
    Wrong,
    /// Somebody has to wait, or to ask.
    Locked,
}

impl Tone {
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Hint => "hint",
            Self::Wrong => "wrong",
            Self::Locked => "locked",
        }
    }

    /// An alert is read out at once, a status when the reader pauses.
    pub(super) const fn role(self) -> &'static str {
        match self {
            Self::Done | Self::Hint => "status",
            Self::Wrong | Self::Locked => "alert",
        }
    }
}

/// A few sentences above a page.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) tone: Tone,
    pub(super) words: &'static str,
    /// What can be done at an instant: "You can try again", and the instant.
    pub(super) opening: Option<(&'static str, Moment)>,
    /// Whether an administrator is the one to ask.
    pub(super) ask: bool,
}

impl Message {
    const fn new(tone: Tone, words: &'static str) -> Self {
        Self { tone, words, opening: None, ask: false }
    }

    const fn for_administrator(words: &'static str) -> Self {
        Self { tone: Tone::Locked, words, opening: None, ask: true }
    }

    fn opening(self, what: &'static str, end: End, now: Timestamp) -> Self {
        let moment = end.instant().and_then(|at| Moment::to_come(at, now));
        let ask = moment.is_none();
        Self { opening: moment.map(|moment| (what, moment)), ask, ..self }
    }

    /// Why somebody was sent to sign in. Anybody can write a link that says so:
    /// nothing is decided by it.
    pub(super) const fn of_notice(notice: Notice) -> Self {
        match notice {
            Notice::Locked => {
                let words = "You were signed out because your account was locked.";
                Self::for_administrator(words)
            }
            Notice::LockedOut => Self::new(
                Tone::Locked,
                "There were too many attempts to sign in to your account, so it is locked for a \
                 while. You can go on where you were when it opens.",
            ),
            Notice::Disabled => {
                let words = "You were signed out because your account was switched off.";
                Self::for_administrator(words)
            }
            Notice::Deleted => {
                let words = "You were signed out because your account no longer exists.";
                Self::for_administrator(words)
            }
            Notice::NotYetActive => Self::new(
                Tone::Locked,
                "Your account is not active yet. Open the link in your invitation.",
            ),
            Notice::SignedOut => {
                Self::new(Tone::Hint, "You were signed out. Sign in again to go on where you were.")
            }
        }
    }

    /// What is known of a lockout that a visitor's own session waits for.
    pub(super) fn of_denial(denial: &Denial) -> Option<Self> {
        let DenialReason::Locked { by: LockKind::Lockout, end } = denial.reason() else {
            return None;
        };
        let words = "There were too many attempts to sign in to your account.";
        let message = Self::new(Tone::Locked, words);
        Some(message.opening("You can go on where you were", end, denial.at()))
    }

    /// Somebody who is signed in gave another password than theirs.
    pub(super) const fn wrong_password() -> Self {
        Self::new(Tone::Wrong, "That is not your password.")
    }

    /// Why somebody was not signed in, where the form is shown again.
    pub(super) fn of_refusal(refused: SignInError) -> Self {
        match refused {
            SignInError::Wrong => Self::new(Tone::Wrong, "Wrong login or password."),
            SignInError::LockedOut { end, at } => {
                Self::new(Tone::Locked, "Too many attempts.").opening("You can try again", end, at)
            }
            SignInError::Busy => Self::new(
                Tone::Wrong,
                "Too many people are trying this login at once. Try again in a moment.",
            ),
            _ => Self::new(
                Tone::Wrong,
                "Sign-in is not available right now. Nothing is wrong with your account; try \
                 again in a moment.",
            ),
        }
    }
}

/// What was done, told on the next page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Deed {
    SignedOut,
    PasswordChanged,
    PasswordChangedElsewhere,
    PasswordChosen,
    SessionEnded,
    SessionGone,
    OthersEnded,
    DeviceForgotten,
    DeviceGone,
}

impl Deed {
    const ALL: [Self; 9] = [
        Self::SignedOut,
        Self::PasswordChanged,
        Self::PasswordChangedElsewhere,
        Self::PasswordChosen,
        Self::SessionEnded,
        Self::SessionGone,
        Self::OthersEnded,
        Self::DeviceForgotten,
        Self::DeviceGone,
    ];

    /// The value of the `notice` parameter.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "bye",
            Self::PasswordChanged => "password-changed",
            Self::PasswordChangedElsewhere => "new-password",
            Self::PasswordChosen => "password-chosen",
            Self::SessionEnded => "session-ended",
            Self::SessionGone => "session-gone",
            Self::OthersEnded => "others-ended",
            Self::DeviceForgotten => "device-forgotten",
            Self::DeviceGone => "device-gone",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.as_str() == text)
    }

    pub(super) const fn message(self) -> Message {
        let words = match self {
            Self::SignedOut => "You are signed out.",
            Self::PasswordChanged => {
                "Your password is changed. You were signed out everywhere else."
            }
            Self::PasswordChangedElsewhere => "Your password is changed. Sign in with the new one.",
            Self::PasswordChosen => "Your password is set. Sign in with it.",
            Self::SessionEnded => {
                "That session is ended. Its next click leads to the sign-in page."
            }
            Self::SessionGone => "That session had ended already.",
            Self::OthersEnded => "You are signed out everywhere else.",
            Self::DeviceForgotten => {
                "That device is forgotten. It is known again when you sign in on it."
            }
            Self::DeviceGone => "That device was forgotten already.",
        };
        Message::new(Tone::Done, words)
    }
}

/// A page that says one thing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statement {
    pub(super) title: &'static str,
    pub(super) words: &'static str,
    pub(super) ask: bool,
}

impl Statement {
    /// Why the right password was not enough.
    pub(super) const fn of_reason(reason: DenialReason) -> Self {
        let (title, words, ask) = match reason {
            DenialReason::Locked { .. } => ("Your account is locked", "", true),
            DenialReason::Disabled => ("Your account has been switched off", "", true),
            DenialReason::Deleted => ("This account no longer exists", "", true),
            DenialReason::NotYetActive => (
                "Your account is not active yet",
                "Open the link in your invitation to choose a password.",
                true,
            ),
            _ => ("You can't sign in right now", "Try again in a moment.", false),
        };
        Self { title, words, ask }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeds_read_back_and_are_no_notices() {
        for deed in Deed::ALL {
            assert_eq!(Deed::parse(deed.as_str()), Some(deed));
            assert!(deed.as_str().parse::<Notice>().is_err(), "{deed:?}");
        }
        assert_eq!(Deed::parse("<script>"), None);
    }

    #[test]
    fn a_lockout_without_an_end_is_for_the_administrator() {
        let at = Timestamp::from_secs(1_795_284_720);
        let message = Message::of_refusal(SignInError::LockedOut { end: End::Never, at });
        assert!(message.ask && message.opening.is_none());
        let end = End::At(at.after(std::time::Duration::from_secs(60)));
        let message = Message::of_refusal(SignInError::LockedOut { end, at });
        assert!(!message.ask && message.opening.is_some());
    }
}
