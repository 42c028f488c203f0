//! What goes into a directory and comes out of it, beside accounts and sessions.

use std::fmt;

use crate::domain::account::{Account, AccountId, AccountKey, Details};
use crate::domain::application::ApplicationId;
use crate::domain::denial::DenialReason;
use crate::domain::device::{DeviceId, Sighting};
use crate::domain::event::Note;
use crate::domain::lock::Locks;
use crate::domain::login::Login;
use crate::domain::session::{SessionId, SessionKey};
use crate::domain::standing::{Generation, Lifecycle, Standing, Status};
use crate::domain::time::Timestamp;

/// How many counters the feed of session ends is spread over, so that people
/// who sign out never queue behind each other.
pub const SESSION_SHARDS: usize = 16;

/// A session about to be opened.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The hash of its token.
    pub key: SessionKey,
    /// Whose it is to be.
    pub account: AccountKey,
    /// The generation that the account had when its password was read. In another
    /// one, that may not be its password any more. `None` expects nothing.
    pub expected: Option<Generation>,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// Where it is opened from.
    pub opened_from: Option<String>,
    /// The program that opens it, as it calls itself.
    pub user_agent: Option<String>,
    /// The device that it is opened on, where the client keeps device cookies.
    pub device: Option<NewDevice>,
    /// Whether it is opened in the console.
    pub console: bool,
}

/// The device that a session is opened on: one that is known already, or else one
/// that is known from now on.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// Which device of the account it proved to be.
    pub known: Option<DeviceId>,
    /// Whether that device's own budget granted the sign-in: then a lockout of the
    /// account does not refuse it.
    pub past_lockout: bool,
    /// What it is called if it is not, or no longer, known.
    pub fresh: DeviceId,
    /// The hash of the secret that it gets.
    pub key: SessionKey,
}

impl NewSession {
    /// Why it is not opened for an account in this generation, if so.
    pub(crate) fn refusal_in(&self, now: Generation) -> Option<DenialReason> {
        let overtaken = self.expected.is_some_and(|expected| expected != now);
        overtaken.then_some(DenialReason::SessionEnded)
    }

    /// What the sign-in says of the device with this key.
    pub(crate) fn sighting(&self, key: SessionKey, at: Timestamp) -> Sighting {
        let (from, user_agent) = (self.opened_from.clone(), self.user_agent.clone());
        Sighting { key, at, from, user_agent }
    }
}

/// What a decision is made on, all of one instant.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The account as it is.
    pub account: &'a Account,
    /// How many administrators could still act without it.
    pub other_active_admins: u64,
    /// The devices that its owner is known by.
    pub devices: &'a [DeviceId],
    /// How many accounts use a licence, this one among them if it does.
    pub licences_used: u64,
    /// The instant, by the store's clock.
    pub now: Timestamp,
}

/// How many accounts there are of each status, and how many use a licence.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Headcount {
    /// Those that use a licence: the active and the locked.
    pub licensed: u64,
    /// Active now.
    pub active: u64,
    /// Locked now, by an administrator or for failed attempts.
    pub locked: u64,
    /// Those of the locked whom an administrator's lock keeps out.
    pub locked_by_hand: u64,
    /// Those of the locked whom failed attempts keep out; some may be locked by hand, too.
    pub locked_by_failures: u64,
    /// Disabled for good.
    pub disabled: u64,
    /// Invited, and not come yet.
    pub invited: u64,
    /// Registered, and not let in yet.
    pub registered: u64,
    /// Deleted.
    pub deleted: u64,
}

/// What to write. The hash is left out of what `Debug` prints.
#[derive(Clone)]
pub struct Edit {
    /// The account as it shall be. Its number, version, times and whether it has a
    /// password are the store's. A login that it had before is never anybody else's.
    pub account: Account,
    /// What becomes of the hash of its password, if it does not stay.
    pub password_hash: Option<PasswordEdit>,
    /// What the audit log says.
    pub note: Note,
}

/// What becomes of an account's password.
#[derive(Clone)]
#[expect(clippy::exhaustive_enums, reason = "a password is there or not")]
pub enum PasswordEdit {
    /// There is none any more.
    Remove,
    /// This is its hash from now on.
    Set(String),
}

impl PasswordEdit {
    /// The hash that is to be written, if one is.
    #[cfg(any(feature = "postgres", feature = "sqlite", test))]
    pub(crate) fn hash(&self) -> Option<&str> {
        match self {
            Self::Remove => None,
            Self::Set(hash) => Some(hash),
        }
    }
}

impl fmt::Debug for PasswordEdit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Remove => "Remove",
            Self::Set(_) => "Set(..)",
        })
    }
}

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edit")
            .field("account", &self.account)
            .field("note", &self.note)
            .finish_non_exhaustive()
    }
}

/// A change that was written.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The account as it was.
    pub before: Account,
    /// The account as it is.
    pub account: Account,
}

/// An account about to be made. The hash is left out of what `Debug` prints.
#[derive(Clone)]
pub struct NewAccount {
    /// Its login, for ever.
    pub login: Login,
    /// Its name; may be empty.
    pub name: String,
    /// Its primary e-mail address.
    pub email: Option<String>,
    /// Whether it is an administrator.
    pub admin: bool,
    /// What else is kept of the person.
    pub details: Details,
    /// Where in its life it begins.
    pub lifecycle: Lifecycle,
    /// What is laid on it from the beginning.
    pub locks: Locks,
    /// The hash of its password, if it has one already.
    pub password_hash: Option<String>,
}

impl fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewAccount")
            .field("login", &self.login)
            .field("admin", &self.admin)
            .field("lifecycle", &self.lifecycle)
            .finish_non_exhaustive()
    }
}

/// Which accounts to list.
#[derive(Clone, Debug)]
pub struct AccountQuery {
    /// Only those with this status now. Deleted ones are listed only if asked for.
    pub status: Option<Status>,
    /// Only those whose login, name or e-mail address contains this, ignoring case.
    pub search: Option<String>,
    /// Only those with a higher number.
    pub after: Option<AccountId>,
    /// At most so many.
    pub limit: u32,
}

/// Which audit records to list.
#[derive(Clone, Debug)]
pub struct AuditQuery {
    /// Only those about this account.
    pub account: Option<AccountId>,
    /// Only those before this position.
    pub before: Option<u64>,
    /// At most so many.
    pub limit: u32,
}

/// A place in the change feed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FeedCursor {
    /// The last position of account changes that was seen.
    pub accounts: u64,
    /// The last position of session ends that was seen, by shard.
    pub sessions: [u64; SESSION_SHARDS],
}

/// An account that changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccountChange {
    /// Which.
    pub account: AccountKey,
    /// Its standing now.
    pub standing: Standing,
    /// When the change was made, by the store's clock; of several, the first that
    /// is told.
    pub at: Timestamp,
}

/// A piece of the change feed.
#[derive(Clone, Debug, Default)]
pub struct FeedPage {
    /// Accounts that changed, with their standing now, which may be newer than
    /// the change.
    pub accounts: Vec<AccountChange>,
    /// Sessions and tokens that were ended one by one.
    pub ended: Vec<SessionId>,
    /// Whether settings may have changed, or groups.
    pub settings: bool,
    /// Where the next page begins.
    pub next: FeedCursor,
    /// Whether there may be more already.
    pub more: bool,
    /// Whether something between the cursor and this page was pruned: everything
    /// must be asked again.
    pub pruned: bool,
}

/// Whose rights a token carries.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(clippy::exhaustive_enums, reason = "there is nobody else")]
pub enum TokenOwner {
    /// A person's account.
    Account(AccountId),
    /// A program.
    Application(ApplicationId),
}

impl TokenOwner {
    /// The account, if it is one's.
    pub const fn account(self) -> Option<AccountId> {
        match self {
            Self::Account(id) => Some(id),
            Self::Application(_) => None,
        }
    }

    /// The application, if it is one's.
    pub const fn application(self) -> Option<ApplicationId> {
        match self {
            Self::Account(_) => None,
            Self::Application(id) => Some(id),
        }
    }
}

impl From<AccountId> for TokenOwner {
    fn from(id: AccountId) -> Self {
        Self::Account(id)
    }
}

impl From<ApplicationId> for TokenOwner {
    fn from(id: ApplicationId) -> Self {
        Self::Application(id)
    }
}

/// An API token as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiToken {
    /// The hash of the secret.
    pub key: SessionKey,
    /// Whose rights it carries.
    pub owner: TokenOwner,
    /// What people call it.
    pub name: String,
    /// What it may be used for; `*` for everything that its owner may do.
    pub scopes: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// An API token about to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// The hash of the secret.
    pub key: SessionKey,
    /// Whose rights it carries.
    pub owner: TokenOwner,
    /// What people call it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}
