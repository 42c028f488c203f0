//! Standing: what the hot path reads of an account, and the status it implies.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::denial::{DenialReason, LockKind};
use crate::domain::device::DeviceId;
use crate::domain::lock::{AdminLock, Disablement, End, Lockout, Locks, Reason};
use crate::domain::profile::Profile;
use crate::domain::time::Timestamp;

/// A session belongs to the generation it was born in; in another it is dead.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(transparent)]
pub struct Generation(u64);

impl Generation {
    /// A generation by its number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The generation after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Which of two descriptions of an account is right: the newer one.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(transparent)]
pub struct Version(u64);

impl Version {
    /// A version by its number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Where in its life an account is, apart from what is laid on it.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Lifecycle {
    /// In use.
    #[default]
    Active,
    /// A tombstone: the record stays for audit, the login is never given out again.
    Deleted,
    /// Made by an administrator; the person has not come yet.
    Invited,
    /// The person came by themselves; nobody has let them in yet.
    Registered,
}

impl Lifecycle {
    /// The word that is stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
            Self::Invited => "invited",
            Self::Registered => "registered",
        }
    }

    /// Reads the stored word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Active, Self::Deleted, Self::Invited, Self::Registered]
            .into_iter()
            .find(|lifecycle| lifecycle.as_str() == word)
    }
}

/// What follows from lifecycle and locks at an instant. Computed, never stored.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// May sign in and work.
    Active,
    /// Deleted; only the audit log still knows.
    Deleted,
    /// Disabled for good.
    Disabled,
    /// Invited and not yet come.
    Invited,
    /// Locked, by a person or by failed attempts.
    Locked,
    /// Registered and not yet let in.
    Registered,
}

impl Status {
    /// The word that every interface uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Deleted => "deleted",
            Self::Disabled => "disabled",
            Self::Invited => "invited",
            Self::Locked => "locked",
            Self::Registered => "registered",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Active, Self::Deleted, Self::Disabled, Self::Invited, Self::Locked, Self::Registered]
            .into_iter()
            .find(|status| status.as_str() == word)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Everything about an account that decides whether it may pass.
///
/// A source of standings makes one with [`Standing::active`] and friends:
///
/// ```
/// use portcullis::{Generation, Standing, Timestamp, Version};
///
/// let noon = Timestamp::from_secs(1_800_000_000);
/// let locked = Standing::locked_until(noon).at_version(Version::new(42)).in_generation(Generation::new(3));
/// assert!(locked.sign_in_refusal(Timestamp::EPOCH).is_some());
/// assert!(locked.sign_in_refusal(noon).is_none());
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Standing {
    /// Where in its life the account is.
    pub lifecycle: Lifecycle,
    /// What is laid on it.
    pub locks: Locks,
    /// The generation that living sessions were born in.
    pub generation: Generation,
    /// When the generation was last raised, where the source knows it: tokens
    /// that somebody else signed by then are dead.
    pub sessions_ended_at: Option<Timestamp>,
    /// Newer wins.
    pub version: Version,
    /// What the account is called, where the source knows it.
    pub profile: Option<Profile>,
}

impl Standing {
    /// Nothing stands against this account.
    pub fn active() -> Self {
        Self::default()
    }

    /// An administrator's lock without an end.
    pub fn locked() -> Self {
        Self::active().with_admin_lock(End::Never)
    }

    /// An administrator's lock that ends by itself.
    pub fn locked_until(end: Timestamp) -> Self {
        Self::active().with_admin_lock(End::At(end))
    }

    /// Disabled for good, with the words of whoever did it.
    pub fn disabled(reason: Reason) -> Self {
        let author = "source".to_owned();
        let disablement = Disablement { at: Timestamp::EPOCH, reason, author };
        let locks = Locks { disablement: Some(disablement), ..Locks::default() };
        Self { locks, ..Self::default() }
    }

    /// A tombstone.
    pub fn deleted() -> Self {
        Self { lifecycle: Lifecycle::Deleted, ..Self::default() }
    }

    /// The same, as of this version of the account: newer wins.
    #[must_use]
    pub fn at_version(self, version: Version) -> Self {
        Self { version, ..self }
    }

    /// The same, with sessions of other generations dead.
    ///
    /// A source raises it when it lays or lifts a lock, so that what a locked
    /// person still had open stays dead after the unlock.
    #[must_use]
    pub fn in_generation(self, generation: Generation) -> Self {
        Self { generation, ..self }
    }

    /// The same, with the generation last raised at this instant.
    ///
    /// For people who come with tokens that somebody else signed: such a token
    /// has no generation of its own, and is dead if it was issued by then.
    #[must_use]
    pub fn with_sessions_ended_at(self, at: Timestamp) -> Self {
        Self { sessions_ended_at: Some(at), ..self }
    }

    /// The same, with the login that [`CurrentAccount`](crate::CurrentAccount) shows.
    #[must_use]
    pub fn with_login(self, login: impl Into<Arc<str>>) -> Self {
        self.with_profile(Profile::new(login))
    }

    /// The same, with what [`CurrentAccount`](crate::CurrentAccount) calls it.
    #[must_use]
    pub fn with_profile(self, profile: Profile) -> Self {
        Self { profile: Some(profile), ..self }
    }

    /// Whether nothing at all is laid on the account, now or ever.
    pub(crate) fn is_plain(&self) -> bool {
        self.lifecycle == Lifecycle::Active && self.locks == Locks::default()
    }

    fn with_admin_lock(mut self, end: End) -> Self {
        self.locks.admin_lock = Some(AdminLock {
            laid_at: Timestamp::EPOCH,
            end,
            reason: None,
            author: "source".to_owned(),
        });
        self
    }

    /// The status at an instant. A lockout shows as locked.
    pub fn status(&self, now: Timestamp) -> Status {
        match self.lifecycle {
            Lifecycle::Deleted => Status::Deleted,
            _ if self.locks.disablement.is_some() => Status::Disabled,
            _ if self.lock(self.locks.lockout_at(now), now).is_some() => Status::Locked,
            Lifecycle::Invited => Status::Invited,
            Lifecycle::Registered => Status::Registered,
            Lifecycle::Active => Status::Active,
        }
    }

    /// When the youngest of what locks or disables the account now was laid on it.
    pub(crate) fn last_refusal_laid_at(&self, now: Timestamp) -> Option<Timestamp> {
        let locks = &self.locks;
        let disabled = locks.disablement.as_ref().map(|one| one.at);
        let locked = locks.admin_lock_at(now).map(|one| one.laid_at);
        let locked_out = locks.lockout_at(now).map(|one| one.laid_at);
        disabled.max(locked).max(locked_out)
    }

    /// Why nobody may sign in to this account now, if so.
    pub fn sign_in_refusal(&self, now: Timestamp) -> Option<DenialReason> {
        self.refusal(self.lock(self.locks.lockout_at(now), now))
    }

    /// Why nobody may sign in to this account now, leaving lockouts aside.
    pub fn lasting_refusal(&self, now: Timestamp) -> Option<DenialReason> {
        self.refusal(self.lock(None, now))
    }

    /// Why this sign-in does not open a session now; one from a known device with a
    /// budget of its own comes in past a lockout.
    pub(crate) fn refusal_to_enter(
        &self,
        past_lockout: bool,
        now: Timestamp,
    ) -> Option<DenialReason> {
        if past_lockout { self.lasting_refusal(now) } else { self.sign_in_refusal(now) }
    }

    /// Why a live session or token of this account is refused now, if so.
    pub fn refusal_of(&self, bearer: Bearer, now: Timestamp) -> Option<DenialReason> {
        self.refusal_on(bearer, None, now)
    }

    /// The same of a session on a known device, which a lockout may spare.
    pub fn refusal_on(
        &self,
        bearer: Bearer,
        device: Option<DeviceId>,
        now: Timestamp,
    ) -> Option<DenialReason> {
        let lockout = match bearer {
            Bearer::Session if device.is_some_and(|device| self.locks.spares(device, now)) => None,
            Bearer::Session => self.locks.session_lockout_at(now),
            Bearer::Console | Bearer::Token => None,
        };
        self.refusal(self.lock(lockout, now))
    }

    /// Both kinds stack: while either refuses, the later end is when it opens.
    fn lock(&self, lockout: Option<&Lockout>, now: Timestamp) -> Option<(LockKind, End)> {
        let admin = self
            .locks
            .admin_lock_at(now)
            .map(|lock| (LockKind::Admin, lock.end));
        let lockout = lockout.map(|lockout| (LockKind::Lockout, lockout.end_at(now)));
        match (admin, lockout) {
            (Some((kind, admin)), Some((_, lockout))) => Some((kind, admin.max(lockout))),
            (admin, lockout) => admin.or(lockout),
        }
    }

    /// The account's own reasons in their order of precedence.
    fn refusal(&self, lock: Option<(LockKind, End)>) -> Option<DenialReason> {
        match self.lifecycle {
            Lifecycle::Deleted => Some(DenialReason::Deleted),
            _ if self.locks.disablement.is_some() => Some(DenialReason::Disabled),
            _ if lock.is_some() => lock.map(|(by, end)| DenialReason::Locked { by, end }),
            Lifecycle::Invited | Lifecycle::Registered => Some(DenialReason::NotYetActive),
            Lifecycle::Active => None,
        }
    }
}

/// What a request brought to say whose it is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Bearer {
    /// A person's session.
    Session,
    /// An administrator's session in the console, which is worth nothing anywhere else:
    /// a lockout spares it, so that nobody shuts administrators out by guessing.
    Console,
    /// An API token: a lockout, which is about guessing passwords, spares it.
    Token,
}

/// A change that the account's status does not allow.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the account is {status}: it can't be {change}")]
pub struct InvalidTransition {
    /// The status it has.
    pub status: Status,
    /// What was asked for.
    pub change: Transition,
}

/// A change of an account's status that somebody asks for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Transition {
    /// Let an invited or registered person in.
    Activate,
    /// Delete for good.
    Delete,
    /// Take an administrator's rights.
    Demote,
    /// Disable for good.
    Disable,
    /// Lift a disablement.
    Enable,
    /// Lay an admin lock.
    Lock,
    /// Take the password away.
    RemovePassword,
    /// Lift locks.
    Unlock,
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Activate => "activated",
            Self::Delete => "deleted",
            Self::Demote => "demoted",
            Self::Disable => "disabled",
            Self::Enable => "enabled",
            Self::Lock => "locked",
            Self::RemovePassword => "left without a password",
            Self::Unlock => "unlocked",
        })
    }
}

impl Transition {
    /// Whether an account in this part of its life may be changed so.
    ///
    /// # Errors
    ///
    /// Invited and registered accounts can't be locked or unlocked, and nothing
    /// can be done to a deleted one.
    pub fn check(self, lifecycle: Lifecycle) -> Result<(), InvalidTransition> {
        let refused = |status| Err(InvalidTransition { status, change: self });
        match (lifecycle, self) {
            (Lifecycle::Deleted, _) => refused(Status::Deleted),
            (Lifecycle::Invited, Self::Lock | Self::Unlock) => refused(Status::Invited),
            (Lifecycle::Registered, Self::Lock | Self::Unlock) => refused(Status::Registered),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::lock::{LiveSessions, LockoutId};

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn lockout(live_sessions: LiveSessions) -> Lockout {
        Lockout {
            id: LockoutId { generation: 0, n: 1 },
            laid_at: NOW,
            length: Some(Duration::from_secs(60)),
            failures: 5,
            live_sessions,
        }
    }

    fn disabled(mut standing: Standing) -> Standing {
        let reason = "left".try_into().expect("a reason");
        standing.locks.disablement = Some(Disablement { at: NOW, reason, author: "x".into() });
        standing
    }

    #[test]
    fn the_gravest_reason_wins() {
        let mut all = disabled(Standing::locked());
        all.locks.lockout = Some(lockout(LiveSessions::Refuse));
        all.lifecycle = Lifecycle::Deleted;
        let order = |s: &Standing| (s.status(NOW), s.sign_in_refusal(NOW));

        assert_eq!(order(&all), (Status::Deleted, Some(DenialReason::Deleted)));
        all.lifecycle = Lifecycle::Invited;
        assert_eq!(order(&all), (Status::Disabled, Some(DenialReason::Disabled)));
        all.locks.disablement = None;
        let locked = DenialReason::Locked { by: LockKind::Admin, end: End::Never };
        assert_eq!(order(&all), (Status::Locked, Some(locked)));
        all.locks.admin_lock = None;
        let end = End::At(Timestamp::from_secs(1_060));
        let locked_out = DenialReason::Locked { by: LockKind::Lockout, end };
        assert_eq!(order(&all), (Status::Locked, Some(locked_out)));
        all.locks.lockout = None;
        assert_eq!(order(&all), (Status::Invited, Some(DenialReason::NotYetActive)));
        all.lifecycle = Lifecycle::Active;
        assert_eq!(order(&all), (Status::Active, None));
    }

    #[test]
    fn two_locks_open_at_the_later_end() {
        let mut both = Standing::locked_until(Timestamp::from_secs(1_010));
        both.locks.lockout = Some(lockout(LiveSessions::Refuse));
        let end = End::At(Timestamp::from_secs(1_060));
        let refusal = both.refusal_of(Bearer::Session, NOW);
        assert_eq!(refusal.and_then(DenialReason::lock_end), Some(end));
        assert_eq!(both.refusal_of(Bearer::Session, Timestamp::from_secs(1_060)), None);
    }

    #[test]
    fn a_lockout_spares_tokens_and_kept_sessions() {
        let mut standing = Standing::active();
        standing.locks.lockout = Some(lockout(LiveSessions::Keep));
        assert_eq!(standing.refusal_of(Bearer::Session, NOW), None);
        assert!(standing.sign_in_refusal(NOW).is_some());
        standing.locks.lockout = Some(lockout(LiveSessions::Refuse));
        assert!(standing.refusal_of(Bearer::Session, NOW).is_some());
        assert_eq!(standing.refusal_of(Bearer::Token, NOW), None);
    }

    #[test]
    fn a_lockout_spares_sessions_on_known_devices_whose_guesses_are_left() {
        let [laptop, phone] = [1, 2].map(|byte| DeviceId::from_random([byte; 8]));
        let mut standing = Standing::active();
        standing
            .locks
            .lock_out(lockout(LiveSessions::Refuse), &[laptop, phone]);
        let on = |standing: &Standing, device| standing.refusal_on(Bearer::Session, device, NOW);
        assert_eq!(on(&standing, Some(laptop)), None);
        assert!(on(&standing, None).is_some());
        let stranger = DeviceId::from_random([3; 8]);
        assert!(on(&standing, Some(stranger)).is_some());

        standing
            .locks
            .lock_device_out(laptop, lockout(LiveSessions::Refuse), NOW);
        assert!(on(&standing, Some(laptop)).is_some(), "its own guesses are used up");
        assert_eq!(on(&standing, Some(phone)), None);
        let over = NOW.after(Duration::from_secs(60));
        standing
            .locks
            .lock_device_out(phone, lockout(LiveSessions::Refuse), over);
        assert_eq!(standing.locks.device_lockouts.len(), 1, "what is over is not kept");
        standing.locks.forget_device(phone);
        assert!(on(&standing, Some(phone)).is_some(), "forgotten");

        let mut both = Standing::locked();
        both.locks
            .lock_out(lockout(LiveSessions::Refuse), &[laptop]);
        assert!(on(&both, Some(laptop)).is_some(), "an admin lock spares nobody");
        both.locks.lift_lockouts();
        assert_eq!(both.locks.spared, []);
    }

    #[test]
    fn only_people_who_came_can_be_locked() {
        use Lifecycle::{Active, Deleted, Invited, Registered};
        use Transition::{Activate, Disable, Enable, Lock, Unlock};
        for change in [Activate, Disable, Enable, Lock, Unlock] {
            assert!(change.check(Active).is_ok());
            assert!(change.check(Deleted).is_err());
            let locking = matches!(change, Lock | Unlock);
            assert_eq!(change.check(Invited).is_err(), locking);
            assert_eq!(change.check(Registered).is_err(), locking);
        }
        let refused = Lock.check(Invited).expect_err("invited");
        assert_eq!(refused.to_string(), "the account is invited: it can't be locked");
    }
}
