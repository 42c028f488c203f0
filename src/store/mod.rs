//! Where facts live: the traits, and the stores that keep them.
//!
//! - [`Directory`]: accounts, what is laid on them, sessions, tokens, settings,
//!   the audit log and the change feed.
//! - [`AttemptStore`]: attempts to sign in, counted exactly.
//! - [`StatusSource`]: anything else that can say an account's standing.
//! - [`Bus`]: says "look now" to whoever follows a feed.
//!
//! These traits are called off the hot path only, so their futures are boxed and
//! one engine type serves every store. A future that is dropped before it is
//! done leaves the store whole: a transaction either happened or it did not.

pub mod keyring;
pub mod memory;
#[cfg(feature = "sqlite")]
pub mod sql;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use serde::Serialize;

use crate::domain::account::{Account, AccountId, AccountKey};
use crate::domain::attempts::{Budget, Outcome, Reservation, Settled, Ticket};
use crate::domain::denial::DenialReason;
use crate::domain::event::{AuditRecord, Note};
use crate::domain::login::{Login, TypedLogin};
use crate::domain::policy::LockoutPolicy;
use crate::domain::session::{Session, SessionId, SessionKey};
use crate::domain::standing::{Lifecycle, Standing, Status};
use crate::domain::time::{Clock, Timestamp};
use crate::store::keyring::{AttemptKey, Keyring};

/// A boxed future, as the store traits return them.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// How many counters the feed of session ends is spread over, so that people
/// who sign out never queue behind each other.
pub const SESSION_SHARDS: usize = 16;

/// Opens, finds and ends sessions. Only hashes of tokens are kept.
pub trait SessionStore: fmt::Debug + Send + Sync + 'static {
    /// Opens a session, in the transaction that reads the account again: it is
    /// born in the account's generation of that instant.
    ///
    /// The inner error is why the account may not sign in; nothing was stored.
    fn open_session(
        &self,
        new: NewSession,
    ) -> BoxFuture<'_, Result<Result<Session, DenialReason>, StoreError>>;

    /// The session with this key, if it was opened and has not been ended.
    ///
    /// One that is over by time or generation may still be found: what it is
    /// worth is for the caller to judge.
    fn session(&self, key: SessionKey) -> BoxFuture<'_, Result<Option<Session>, StoreError>>;

    /// Ends one session and tells the feed. `None` if there is no such session.
    fn end_session(
        &self,
        id: SessionId,
        note: Note,
    ) -> BoxFuture<'_, Result<Option<Session>, StoreError>>;

    /// Notes when sessions were last used. Never moves one back.
    fn touch_sessions(
        &self,
        seen: Vec<(SessionKey, Timestamp)>,
    ) -> BoxFuture<'_, Result<(), StoreError>>;

    /// The sessions of an account that are neither ended nor past their time,
    /// newest first.
    fn sessions_of(&self, account: AccountKey) -> BoxFuture<'_, Result<Vec<Session>, StoreError>>;
}

/// A session about to be opened.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// The hash of its token.
    pub key: SessionKey,
    /// Whose it is to be.
    pub account: AccountKey,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// Where it is opened from.
    pub opened_from: Option<String>,
    /// The program that opens it, as it calls itself.
    pub user_agent: Option<String>,
}

/// Keeps accounts, and everything that is said and done about them.
///
/// Every change is one transaction with its audit record and its feed entry.
pub trait Directory: SessionStore {
    /// The store's clock: shared times come from it.
    fn clock(&self) -> &Clock;

    /// The secrets that this directory's hashes are keyed with.
    fn keyring(&self) -> &Keyring;

    /// Wakes whoever follows the feed in this process, after each change.
    fn bus(&self) -> &dyn Bus;

    /// The record of an account, also of a deleted one.
    fn account(&self, id: AccountId) -> BoxFuture<'_, Result<Option<Account>, StoreError>>;

    /// Finds whom a person means by what they typed: a login, or the primary
    /// e-mail address. Never a deleted account.
    fn resolve(&self, typed: TypedLogin) -> BoxFuture<'_, Result<Option<Account>, StoreError>>;

    /// Accounts by number, lowest first.
    fn accounts(&self, query: AccountQuery) -> BoxFuture<'_, Result<Vec<Account>, StoreError>>;

    /// The stored hash of an account's password.
    fn password_hash(&self, id: AccountId) -> BoxFuture<'_, Result<Option<String>, StoreError>>;

    /// Makes an account.
    fn create(&self, new: NewAccount, note: Note) -> BoxFuture<'_, Result<Account, CreateError>>;

    /// Changes an account: `decide` sees the facts as they are inside the
    /// transaction and says what to write, or `None` to leave all as it is.
    ///
    /// The store raises the version, appends to audit log and feed, and commits;
    /// when this returns, the change survives power loss.
    fn change<'a>(
        &'a self,
        id: AccountId,
        decide: Decide<'a>,
    ) -> BoxFuture<'a, Result<Option<Changed>, StoreError>>;

    /// Where the feed ends now: a follower that has looked at everything.
    fn feed_head(&self) -> BoxFuture<'_, Result<FeedCursor, StoreError>>;

    /// What happened after `cursor`, oldest first, at most `limit` entries.
    fn feed_after(
        &self,
        cursor: FeedCursor,
        limit: usize,
    ) -> BoxFuture<'_, Result<FeedPage, StoreError>>;

    /// A number that changes whenever somebody else may have written, cheap to
    /// ask many times a second. `None` if the store has no such number.
    fn change_hint(&self) -> BoxFuture<'_, Result<Option<u64>, StoreError>>;

    /// Forgets feed entries, expired sessions and attempts that are older than
    /// this, and says how many rows went. A follower that is further behind is
    /// told so.
    fn prune(&self, before: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// The audit log, newest first.
    fn audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<Vec<AuditRecord>, StoreError>>;

    /// Checks the audit log's chain from its first record to the head. The inner
    /// error names the first position that does not fit.
    fn verify_audit(&self) -> BoxFuture<'_, Result<Result<u64, BrokenChain>, StoreError>>;

    /// Makes an API token.
    fn create_token(
        &self,
        new: NewToken,
        note: Note,
    ) -> BoxFuture<'_, Result<ApiToken, StoreError>>;

    /// The token with this key, unless it was revoked.
    fn token(&self, key: SessionKey) -> BoxFuture<'_, Result<Option<ApiToken>, StoreError>>;

    /// Tokens that are not revoked, of one owner or of all, oldest first.
    fn tokens(&self, owner: Option<AccountId>) -> BoxFuture<'_, Result<Vec<ApiToken>, StoreError>>;

    /// Revokes a token and tells the feed. `None` if there is no such token.
    fn revoke_token(
        &self,
        id: SessionId,
        note: Note,
    ) -> BoxFuture<'_, Result<Option<ApiToken>, StoreError>>;

    /// A setting by its name.
    fn setting(&self, name: &'static str) -> BoxFuture<'_, Result<Option<String>, StoreError>>;

    /// Changes a setting.
    fn set_setting(
        &self,
        name: &'static str,
        value: String,
        note: Note,
    ) -> BoxFuture<'_, Result<(), StoreError>>;
}

/// Looks at the facts inside a transaction and says what to write.
///
/// Called at most once a call of [`Directory::change`]; not called if there is
/// no such account.
pub type Decide<'a> = Box<dyn FnOnce(Facts<'_>) -> Option<Edit> + Send + 'a>;

/// What a decision is made on, all of one instant.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The account as it is.
    pub account: &'a Account,
    /// How many administrators could still act without it.
    pub other_active_admins: u64,
    /// The instant, by the store's clock.
    pub now: Timestamp,
}

/// What to write. The hash is left out of what `Debug` prints.
#[derive(Clone)]
pub struct Edit {
    /// The account as it shall be. Its number, login, version, times and whether it
    /// has a password are the store's.
    pub account: Account,
    /// A new hash of a password, if one is set.
    pub password_hash: Option<String>,
    /// What the audit log says.
    pub note: Note,
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
    /// Where in its life it begins.
    pub lifecycle: Lifecycle,
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

/// A piece of the change feed.
#[derive(Clone, Debug, Default)]
pub struct FeedPage {
    /// Accounts that changed, with their standing now, which may be newer than
    /// the change.
    pub accounts: Vec<(AccountKey, Standing)>,
    /// Sessions and tokens that were ended one by one.
    pub ended: Vec<SessionId>,
    /// Where the next page begins.
    pub next: FeedCursor,
    /// Whether there may be more already.
    pub more: bool,
    /// Whether something between the cursor and this page was pruned: everything
    /// must be asked again.
    pub pruned: bool,
}

/// An API token as it is stored.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ApiToken {
    /// The hash of the secret.
    pub key: SessionKey,
    /// Whose rights it carries.
    pub owner: AccountId,
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
    pub owner: AccountId,
    /// What people call it.
    pub name: String,
    /// What it may be used for.
    pub scopes: Vec<String>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// The audit log was altered.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, thiserror::Error)]
#[error("the audit log does not fit its chain at position {position}")]
pub struct BrokenChain {
    /// The first position that does not fit.
    pub position: u64,
}

/// Counts attempts to sign in, exactly, at any concurrency.
///
/// A reservation is durable before it is answered, so a crash between reserve
/// and settle gives nobody a guess back.
pub trait AttemptStore: fmt::Debug + Send + Sync + 'static {
    /// Takes a guess before the password is looked at.
    ///
    /// `generation` is the account's attempts generation as the directory has it.
    fn reserve<'a>(
        &'a self,
        key: AttemptKey,
        policy: &'a LockoutPolicy,
        generation: u64,
    ) -> BoxFuture<'a, Result<Reservation, StoreError>>;

    /// Says how an attempt went.
    fn settle<'a>(
        &'a self,
        key: AttemptKey,
        policy: &'a LockoutPolicy,
        ticket: Ticket,
        outcome: Outcome,
    ) -> BoxFuture<'a, Result<Settled, StoreError>>;

    /// What a new attempt would meet.
    fn budget<'a>(
        &'a self,
        key: AttemptKey,
        policy: &'a LockoutPolicy,
        generation: u64,
    ) -> BoxFuture<'a, Result<Budget, StoreError>>;
}

/// Says "look now". A message may be lost: followers look by themselves, too.
pub trait Bus: fmt::Debug + Send + Sync + 'static {
    /// Wakes the followers.
    fn wake(&self);

    /// Done when somebody called [`Bus::wake`] since the last time.
    fn woken(&self) -> BoxFuture<'_, ()>;
}

/// Anything that can say an account's standing: an application's own table, or
/// another system.
///
/// ```
/// use portcullis::{AccountKey, Standing, StatusSource};
///
/// struct Everybody;
///
/// impl StatusSource for Everybody {
///     type Error = std::convert::Infallible;
///
///     async fn standing(&self, _: &AccountKey) -> Result<Option<Standing>, Self::Error> {
///         Ok(Some(Standing::active()))
///     }
/// }
/// ```
pub trait StatusSource: Send + Sync + 'static {
    /// Why the source can't answer now.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The standing of an account; `None` if there is no such account.
    ///
    /// Dropped when it takes longer than the engine's time-out.
    fn standing(
        &self,
        account: &AccountKey,
    ) -> impl Future<Output = Result<Option<Standing>, Self::Error>> + Send;
}

/// A [`StatusSource`] behind a pointer.
pub(crate) trait ErasedSource: Send + Sync {
    fn standing<'a>(
        &'a self,
        account: &'a AccountKey,
    ) -> BoxFuture<'a, Result<Option<Standing>, StoreError>>;
}

impl<S: StatusSource> ErasedSource for S {
    fn standing<'a>(
        &'a self,
        account: &'a AccountKey,
    ) -> BoxFuture<'a, Result<Option<Standing>, StoreError>> {
        Box::pin(async move {
            StatusSource::standing(self, account)
                .await
                .map_err(StoreError::unavailable)
        })
    }
}

/// A directory says the standing of its own accounts.
#[derive(Debug)]
pub(crate) struct DirectorySource(pub(crate) Arc<dyn Directory>);

impl ErasedSource for DirectorySource {
    fn standing<'a>(
        &'a self,
        account: &'a AccountKey,
    ) -> BoxFuture<'a, Result<Option<Standing>, StoreError>> {
        Box::pin(async move {
            let Some(id) = account.account_id() else { return Ok(None) };
            Ok(self.0.account(id).await?.map(|account| account.standing()))
        })
    }
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// What is stored can't be read as what it should be.
    #[error("{what} is damaged: {detail}; restore it from a backup")]
    Damaged {
        /// The file or table.
        what: String,
        /// What was found there.
        detail: String,
    },
    /// There is no room to write.
    #[error("{what} can't be written, the disk is full: free some space; nothing was lost")]
    Full {
        /// The file.
        what: String,
    },
    /// The file can't be written to.
    #[error("{what} can't be written: {detail}; check who owns the file and its folder")]
    ReadOnly {
        /// The file.
        what: String,
        /// What the system said.
        detail: String,
    },
    /// A newer program has been here.
    #[error(
        "{what} has schema {found}, and this program knows up to {known}: \
         install the newer portcullis that wrote it"
    )]
    SchemaTooNew {
        /// The file.
        what: String,
        /// The schema's number.
        found: i64,
        /// The highest number this program knows.
        known: i64,
    },
    /// Something that must be unique has an owner already. Nothing was changed.
    #[error("{what} belongs to another account")]
    Taken {
        /// What, in words.
        what: String,
    },
    /// It can't answer now; later it may.
    #[error("the store does not answer: {0}")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// Something went wrong that may pass.
    pub fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause.into())
    }

    /// The same once more, for the next of those who were refused together.
    #[cfg(feature = "sqlite")]
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Damaged { what, detail } => {
                Self::Damaged { what: what.clone(), detail: detail.clone() }
            }
            Self::Full { what } => Self::Full { what: what.clone() },
            Self::ReadOnly { what, detail } => {
                Self::ReadOnly { what: what.clone(), detail: detail.clone() }
            }
            Self::SchemaTooNew { what, found, known } => {
                Self::SchemaTooNew { what: what.clone(), found: *found, known: *known }
            }
            Self::Taken { what } => Self::Taken { what: what.clone() },
            Self::Unavailable(cause) => Self::unavailable(cause.to_string()),
        }
    }
}

/// Why an account was not made. Nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// Another account has this e-mail address.
    #[error("the e-mail address {email} belongs to another account")]
    EmailTaken {
        /// The address.
        email: String,
    },
    /// Another account has this login.
    #[error("the login {login} is taken")]
    LoginTaken {
        /// The login.
        login: Login,
    },
    /// A deleted account had this login.
    #[error("the login {login} belonged to a deleted account and is never given out again")]
    LoginRetired {
        /// The login.
        login: Login,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
