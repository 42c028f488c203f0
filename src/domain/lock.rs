//! What can be laid on an account: admin locks, lockouts, disablement.
//!
//! The two kinds of lock stack. Each ends on its own, and either suffices to
//! refuse. Ends are half-open: an account is free at the end instant.

use std::cmp::Ordering;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::device::DeviceId;
use crate::domain::time::Timestamp;

/// The longest reason that is kept, in characters.
pub const MAX_REASON_CHARS: usize = 500;

/// Why somebody was locked or disabled, in words; never empty.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Reason(String);

impl Reason {
    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Reason {
    type Error = InvalidReason;

    fn try_from(words: String) -> Result<Self, InvalidReason> {
        let trimmed = words.trim();
        let chars = trimmed.chars().count();
        if trimmed.is_empty() {
            Err(InvalidReason::Empty)
        } else if chars > MAX_REASON_CHARS {
            Err(InvalidReason::TooLong { chars })
        } else if trimmed.chars().any(|c| c.is_control() && c != '\n') {
            Err(InvalidReason::Control)
        } else {
            Ok(Self(trimmed.to_owned()))
        }
    }
}

impl TryFrom<&str> for Reason {
    type Error = InvalidReason;

    fn try_from(words: &str) -> Result<Self, InvalidReason> {
        words.to_owned().try_into()
    }
}

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why words can't be a [`Reason`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidReason {
    /// Control characters would forge lines in logs and terminals.
    #[error("a reason has no control characters")]
    Control,
    /// Nothing but white space.
    #[error("a reason is not empty")]
    Empty,
    /// Longer than [`MAX_REASON_CHARS`].
    #[error("a reason has at most {MAX_REASON_CHARS} characters, not {chars}")]
    TooLong {
        /// How long it was.
        chars: usize,
    },
}

/// When something ends. Ordered: nothing is later than [`End::Never`].
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "an end is an instant or there is none")]
pub enum End {
    /// Free at this instant.
    At(Timestamp),
    /// Not by itself: somebody lifts it.
    Never,
}

impl End {
    /// Whether it is over at `now`.
    pub fn is_over(self, now: Timestamp) -> bool {
        match self {
            Self::At(end) => now >= end,
            Self::Never => false,
        }
    }

    /// The instant, where there is one.
    pub fn instant(self) -> Option<Timestamp> {
        match self {
            Self::At(end) => Some(end),
            Self::Never => None,
        }
    }
}

impl Ord for End {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::At(a), Self::At(b)) => a.cmp(b),
            (Self::At(_), Self::Never) => Ordering::Less,
            (Self::Never, Self::At(_)) => Ordering::Greater,
            (Self::Never, Self::Never) => Ordering::Equal,
        }
    }
}

impl PartialOrd for End {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A refusal that a person or an API laid.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AdminLock {
    /// When it was laid.
    pub laid_at: Timestamp,
    /// When it ends.
    pub end: End,
    /// Why, in the words of whoever laid it.
    pub reason: Option<Reason>,
    /// Who laid it, as the audit log names them.
    pub author: String,
}

/// What makes one lockout this one and no other.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct LockoutId {
    /// The account's attempts generation when it was laid.
    pub generation: u64,
    /// The how manieth lockout of that generation it is.
    pub n: u64,
}

/// What a lockout does to sessions that were signed in before it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a session is refused or it is not")]
pub enum LiveSessions {
    /// They go on.
    Keep,
    /// They are sent to sign-in while it lasts, and resume when it ends.
    #[default]
    Refuse,
}

/// A refusal that the attempt engine laid.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Lockout {
    /// Which one it is.
    pub id: LockoutId,
    /// When it was laid.
    pub laid_at: Timestamp,
    /// How long it lasts; none: until somebody unlocks.
    ///
    /// Start and length are kept instead of an end, so that a clock which was
    /// set back never makes a person wait longer than the length.
    pub length: Option<Duration>,
    /// How many failures led to it.
    pub failures: u32,
    /// What it does to live sessions.
    pub live_sessions: LiveSessions,
}

impl Lockout {
    /// When it ends, seen from `now`: never later than its whole length ahead, but
    /// for a clock that just stepped back.
    pub fn end_at(&self, now: Timestamp) -> End {
        match self.length {
            None => End::Never,
            Some(length) => {
                let now = now.unless_stepped_back(self.laid_at);
                End::At(self.laid_at.after(length).min(now.after(length)))
            }
        }
    }

    /// Whether it still refuses at `now`.
    pub fn is_on(&self, now: Timestamp) -> bool {
        !self.end_at(now).is_over(now)
    }
}

/// The permanent solution for somebody who left.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Disablement {
    /// When the account was disabled.
    pub at: Timestamp,
    /// Why.
    pub reason: Reason,
    /// Who did it, as the audit log names them.
    pub author: String,
}

/// The lockout of one known device: its own budget of guesses is used up.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DeviceLockout {
    /// Which device.
    pub device: DeviceId,
    /// How long it is refused, and its sessions are not spared.
    pub lockout: Lockout,
}

/// Everything that is laid on an account. Kept until lifted, also when over:
/// what refuses at an instant is asked with that instant.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Locks {
    /// Laid by a person or an API.
    pub admin_lock: Option<AdminLock>,
    /// Laid by the attempt engine.
    pub lockout: Option<Lockout>,
    /// The permanent one.
    pub disablement: Option<Disablement>,
    /// The devices that were known when `lockout` was laid, less those forgotten
    /// since: sessions on them go on while it lasts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spared: Vec<DeviceId>,
    /// Known devices that are locked out by themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub device_lockouts: Vec<DeviceLockout>,
    /// When the last of those ends that refuse the account at one address alone. The
    /// attempt store keeps them; here they are known to be lifted by an unlock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub addresses_until: Option<End>,
}

impl Locks {
    /// The admin lock, if it refuses at `now`.
    pub fn admin_lock_at(&self, now: Timestamp) -> Option<&AdminLock> {
        self.admin_lock
            .as_ref()
            .filter(|lock| !lock.end.is_over(now))
    }

    /// The lockout, if it refuses sign-in at `now`.
    pub fn lockout_at(&self, now: Timestamp) -> Option<&Lockout> {
        self.lockout.as_ref().filter(|lockout| lockout.is_on(now))
    }

    /// The lockout, if it refuses live sessions at `now`.
    pub fn session_lockout_at(&self, now: Timestamp) -> Option<&Lockout> {
        self.lockout_at(now)
            .filter(|lockout| lockout.live_sessions == LiveSessions::Refuse)
    }

    /// The lockout of one device by itself, if it is on at `now`.
    pub fn device_lockout_at(&self, device: DeviceId, now: Timestamp) -> Option<&Lockout> {
        let of_device = |one: &&DeviceLockout| one.device == device && one.lockout.is_on(now);
        self.device_lockouts
            .iter()
            .find(of_device)
            .map(|one| &one.lockout)
    }

    /// Whether the account is locked out at `now`, or one of its devices is, or it
    /// is at one address.
    pub fn any_lockout_at(&self, now: Timestamp) -> bool {
        let devices = self.device_lockouts.iter().map(|one| &one.lockout);
        let at_address = self.addresses_until.is_some_and(|end| !end.is_over(now));
        let mut lockouts = self.lockout.iter().chain(devices);
        at_address || lockouts.any(|lockout| lockout.is_on(now))
    }

    /// Whether a session on this device goes on while the account is locked out:
    /// the device is known, and its own guesses are not used up.
    pub fn spares(&self, device: DeviceId, now: Timestamp) -> bool {
        self.spared.contains(&device) && self.device_lockout_at(device, now).is_none()
    }

    /// Lays a lockout that spares sessions on these devices.
    pub fn lock_out(&mut self, lockout: Lockout, known: &[DeviceId]) {
        self.lockout = Some(lockout);
        self.spared = known.to_vec();
    }

    /// Lays a lockout on one device, and drops those that are over.
    pub fn lock_device_out(&mut self, device: DeviceId, lockout: Lockout, now: Timestamp) {
        self.device_lockouts
            .retain(|one| one.device != device && one.lockout.is_on(now));
        self.device_lockouts.push(DeviceLockout { device, lockout });
    }

    /// Notes a lockout of the account at one address. Says whether it ends later
    /// than all that are known.
    pub fn lock_out_at_address(&mut self, lockout: &Lockout, now: Timestamp) -> bool {
        let end = lockout.end_at(now);
        let is_later = self.addresses_until.is_none_or(|known| known < end);
        if is_later {
            self.addresses_until = Some(end);
        }
        is_later
    }

    /// Lifts the lockout, and those of devices and at addresses.
    pub fn lift_lockouts(&mut self) {
        self.lockout = None;
        self.spared.clear();
        self.device_lockouts.clear();
        self.addresses_until = None;
    }

    /// Knows nothing of this device any more.
    pub fn forget_device(&mut self, device: DeviceId) {
        self.spared.retain(|spared| *spared != device);
        self.device_lockouts.retain(|one| one.device != device);
    }

    /// Lays an admin lock by the rules for locking the locked: an equal or
    /// earlier end without a new reason changes nothing, a later end wins.
    ///
    /// Says whether anything changed.
    pub fn lay_admin_lock(&mut self, new: AdminLock) -> bool {
        let standing = self.admin_lock_at(new.laid_at);
        let (end, reason) = match standing {
            None => (new.end, new.reason),
            Some(old) => {
                let end = new.end.max(old.end);
                let reason = new.reason.or_else(|| old.reason.clone());
                if end == old.end && reason == old.reason {
                    return false;
                }
                (end, reason)
            }
        };
        self.admin_lock = Some(AdminLock { end, reason, ..new });
        true
    }

    /// Lays a disablement; disabling the disabled again changes nothing.
    ///
    /// Says whether anything changed.
    pub fn disable(&mut self, new: Disablement) -> bool {
        let fresh = self.disablement.is_none();
        self.disablement.get_or_insert(new);
        fresh
    }
}

#[cfg(test)]
mod reachable;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lock(at: i64, end: End, reason: Option<&str>) -> AdminLock {
        AdminLock {
            laid_at: Timestamp::from_secs(at),
            end,
            reason: reason.map(|words| words.try_into().expect("a reason")),
            author: "cli:root".to_owned(),
        }
    }

    fn at(secs: i64) -> End {
        End::At(Timestamp::from_secs(secs))
    }

    #[test]
    fn ends_are_half_open() {
        assert!(!at(5).is_over(Timestamp::from_micros(4_999_999)));
        assert!(at(5).is_over(Timestamp::from_secs(5)));
        assert!(!End::Never.is_over(Timestamp::from_micros(i64::MAX)));
    }

    #[test]
    fn a_later_end_wins_and_an_earlier_one_changes_nothing() {
        let mut locks = Locks::default();
        assert!(locks.lay_admin_lock(lock(0, at(10), None)));
        assert!(!locks.lay_admin_lock(lock(1, at(10), None)));
        assert!(!locks.lay_admin_lock(lock(1, at(5), None)));
        assert_eq!(locks.admin_lock.as_ref().map(|l| l.laid_at), Some(Timestamp::EPOCH));
        assert!(locks.lay_admin_lock(lock(2, End::Never, None)));
        assert!(!locks.lay_admin_lock(lock(3, at(99), None)));
        assert_eq!(locks.admin_lock.map(|l| l.end), Some(End::Never));
    }

    #[test]
    fn a_new_reason_never_shortens() {
        let mut locks = Locks::default();
        locks.lay_admin_lock(lock(0, at(10), Some("left")));
        assert!(locks.lay_admin_lock(lock(1, at(5), Some("left for good"))));
        let lock = locks.admin_lock.expect("laid");
        assert_eq!(lock.end, at(10));
        assert_eq!(lock.reason.as_ref().map(Reason::as_str), Some("left for good"));
    }

    #[test]
    fn a_lock_that_is_over_does_not_hold_back_a_new_one() {
        let mut locks = Locks::default();
        locks.lay_admin_lock(lock(0, at(10), Some("old story")));
        assert!(locks.lay_admin_lock(lock(10, at(11), None)));
        assert_eq!(locks.admin_lock, Some(lock(10, at(11), None)));
    }

    #[test]
    fn a_clock_set_back_never_lengthens_a_lockout() {
        let lockout = Lockout {
            id: LockoutId { generation: 0, n: 1 },
            laid_at: Timestamp::from_secs(1_000_000),
            length: Some(Duration::from_secs(300)),
            failures: 5,
            live_sessions: LiveSessions::Refuse,
        };
        assert_eq!(lockout.end_at(Timestamp::from_secs(1_000_100)), at(1_000_300));
        assert_eq!(lockout.end_at(Timestamp::from_secs(10)), at(310));
        assert_eq!(lockout.end_at(Timestamp::from_secs(999_940)), at(1_000_300), "stood still");
        assert_eq!(lockout.end_at(Timestamp::from_secs(999_939)), at(1_000_239));
        assert!(!lockout.is_on(Timestamp::from_secs(1_000_300)));
    }

    #[test]
    fn reasons_are_words() {
        assert_eq!(Reason::try_from(" \n "), Err(InvalidReason::Empty));
        assert_eq!(Reason::try_from("a\u{1b}[2J"), Err(InvalidReason::Control));
        assert_eq!(Reason::try_from(" left ").map(|r| r.to_string()), Ok("left".to_owned()));
        let long = "x".repeat(MAX_REASON_CHARS + 1);
        assert_eq!(Reason::try_from(long), Err(InvalidReason::TooLong { chars: 501 }));
    }

    proptest! {
        /// Property: a reason is what was written without outer space, and can
        /// forge no line of a log or a terminal.
        #[test]
        fn a_reason_keeps_its_words(words in "\\s?\\PC{0,30}\n?\\PC{0,30}\\s?|(?s).{0,20}|x{490,510}") {
            let trimmed = words.trim();
            let plain = !trimmed.chars().any(|c| c.is_control() && c != '\n');
            let fits = (1..=MAX_REASON_CHARS).contains(&trimmed.chars().count());
            let reason = Reason::try_from(&*words);
            prop_assert_eq!(reason.as_ref().ok().map(Reason::as_str), Some(trimmed).filter(|_| plain && fits));
        }
    }
}
