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

mod applications;
pub(crate) mod audit;
mod bus;
mod deletions;
#[cfg(any(feature = "api", feature = "remote"))]
pub(crate) mod document;
mod error;
pub(crate) mod groups;
mod history;
mod invitations;
pub mod keyring;
mod listing;
pub mod memory;
mod nonces;
#[cfg(any(feature = "http-client", feature = "http-modules", feature = "jwt", feature = "remote"))]
pub(crate) mod outbound;
mod records;
#[cfg(feature = "remote")]
pub mod remote;
mod runs;
mod search;
mod source;
#[cfg(feature = "sqlite")]
pub mod sql;
mod webhooks;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::domain::account::{Account, AccountId, AccountKey};
use crate::domain::attempts::{Budget, Counted, Outcome, Reservation, Scope, Settled, Ticket};
use crate::domain::counting::CounterRules;
use crate::domain::denial::DenialReason;
use crate::domain::device::{Device, DeviceId};
use crate::domain::event::{AuditRecord, Note};
use crate::domain::login::{Login, TypedLogin};
use crate::domain::session::{Session, SessionId, SessionKey};
use crate::domain::time::{Clock, Timestamp};
use crate::store::keyring::{AttemptKey, Keyring};

pub use self::applications::{
    ApplicationEdit, ApplicationStore, DecideApplication, NewApplication,
};
pub use self::audit::{
    AUDIT_STEP, AuditEntry, AuditLog, AuditPruned, AuditSearch, AuditWalk, DayCount,
};
pub use self::bus::{Bus, LocalBus};
pub use self::deletions::{
    Claim, DecideEnd, DeletionQuery, DeletionStore, Lease, NewDeletion, Remark,
};
pub use self::error::{Break, BrokenChain, CreateError, StoreError, UniqueName};
pub use self::groups::{
    DecideDeletion, DecideGroup, GroupChanged, GroupEdit, GroupPage, GroupQuery, GroupStore,
    Member, MemberChange, Membership, NewGroup, NoMember,
};
pub use self::history::{HistoryQuery, HistoryStore, HourCount, Remembered, SourceCount};
pub use self::invitations::{DecideInvitation, InvitationStore, NewInvitation};
pub use self::listing::{SessionPage, SessionQuery, SessionRecord, SessionState};
pub use self::records::{
    AccountChange, AccountQuery, ApiToken, AuditQuery, Changed, Edit, Facts, FeedCursor, FeedPage,
    Headcount, NewAccount, NewDevice, NewSession, NewToken, PasswordEdit, SESSION_SHARDS,
    TokenOwner,
};
pub use self::runs::{
    DecideItem, Decision, ItemOutcome, ItemQuery, NewRun, Run, RunCounts, RunId, RunItem,
    RunOrigin, RunRefusal, RunState, RunStep, RunStore, StepItem, Stepped,
};
pub use self::search::{
    AccountFilter, AccountOrder, AccountPage, AccountSearch, Direction, TextField, TextFit,
    TimeField,
};
pub(crate) use self::source::{DirectorySource, ErasedSource};
pub use self::source::{NewsSender, SourceHealth, SourceNews, StatusSource};
pub use self::webhooks::{
    Delivery, Message, MessageFilter, NewMessage, News, SessionNews, SessionNewsKind, WebhookStore,
};

/// A boxed future, as the store traits return them.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Opens, finds and ends sessions. Only hashes of tokens are kept.
pub trait SessionStore: fmt::Debug + Send + Sync + 'static {
    /// Opens a session, in the transaction that reads the account again: it is
    /// born in the account's generation of that instant.
    ///
    /// Where the new session says which device it is opened on, the device is
    /// known from then on and the session names it; of an account's devices the
    /// ten that were used last stay. A store that keeps no devices opens it on
    /// none.
    ///
    /// The inner error is why the account may not sign in; nothing was stored. It
    /// is [`DenialReason::SessionEnded`] where the account is in another generation
    /// than [`NewSession::expected`].
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

    /// Sessions with what has become of them, also those that are over, newest first.
    /// No session may be opened by what is listed here.
    fn sessions(&self, query: SessionQuery) -> BoxFuture<'_, Result<SessionPage, StoreError>>;
}

/// Keeps accounts, and everything that is said and done about them.
///
/// Every change is one transaction with its audit record and its feed entry.
pub trait Directory: SessionStore {
    /// The store's clock: shared times come from it.
    fn clock(&self) -> &Clock;

    /// The secrets that this directory's hashes are keyed with.
    fn keyring(&self) -> &Keyring;

    /// Messages on their way to webhooks.
    fn webhooks(&self) -> &dyn WebhookStore;

    /// Programs with rights of their own.
    fn applications(&self) -> &dyn ApplicationStore;

    /// Wakes whoever follows the feed in this process, after each change.
    fn bus(&self) -> &dyn Bus;

    /// Deletions under way.
    fn deleting(&self) -> &dyn DeletionStore;

    /// Attempts to sign in that are over.
    fn history(&self) -> &dyn HistoryStore;

    /// Groups, and who is in them.
    fn groups(&self) -> &dyn GroupStore;

    /// The record of an account, also of a deleted one.
    fn account(&self, id: AccountId) -> BoxFuture<'_, Result<Option<Account>, StoreError>>;

    /// The deleted account that keeps this login from everybody else.
    fn tombstone(&self, login: Login) -> BoxFuture<'_, Result<Option<Account>, StoreError>>;

    /// Finds whom a person means by what they typed: a login, or the primary
    /// e-mail address. Never a deleted account.
    fn resolve(&self, typed: TypedLogin) -> BoxFuture<'_, Result<Option<Account>, StoreError>>;

    /// Accounts by number, lowest first.
    fn accounts(&self, query: AccountQuery) -> BoxFuture<'_, Result<Vec<Account>, StoreError>>;

    /// Accounts by filters, in an order, with how many there are.
    fn search(&self, search: AccountSearch) -> BoxFuture<'_, Result<AccountPage, StoreError>>;

    /// The stored hash of an account's password.
    fn password_hash(&self, id: AccountId) -> BoxFuture<'_, Result<Option<String>, StoreError>>;

    /// Makes an account.
    fn create(&self, new: NewAccount, note: Note) -> BoxFuture<'_, Result<Account, CreateError>> {
        self.create_within(None, new, note)
    }

    /// Makes an account, unless it would use a licence more than this limit: counted in
    /// the same transaction, so that no two take the last one.
    fn create_within(
        &self,
        licences: Option<u64>,
        new: NewAccount,
        note: Note,
    ) -> BoxFuture<'_, Result<Account, CreateError>>;

    /// How many accounts there are of each status, without looking at each of them.
    fn headcount(&self) -> BoxFuture<'_, Result<Headcount, StoreError>>;

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

    /// Forgets feed entries, expired sessions and ended tokens of applications that are
    /// older than this, and attempts that count no more, and says how many rows went. A follower that is further behind is
    /// told so.
    fn prune(&self, before: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Links that let somebody choose a password.
    fn invitations(&self) -> &dyn InvitationStore;

    /// The audit log.
    fn audit_log(&self) -> &dyn AuditLog;

    /// The audit log, newest first.
    fn audit(&self, query: AuditQuery) -> BoxFuture<'_, Result<Vec<AuditRecord>, StoreError>> {
        Box::pin(async move {
            let entries = self.audit_log().records(query.into()).await?;
            Ok(entries.into_iter().map(|entry| entry.record).collect())
        })
    }

    /// Checks the audit log's chain from the first record that is kept to the head, and
    /// says how many there are. The inner error names the first position that does not
    /// fit.
    fn verify_audit(&self) -> BoxFuture<'_, Result<Result<u64, BrokenChain>, StoreError>> {
        Box::pin(async move {
            let mut walk = AuditWalk::from_the_start();
            while !walk.is_done() {
                walk = match self.audit_log().check(walk).await? {
                    Ok(further) => further,
                    Err(broken) => return Ok(Err(broken)),
                };
            }
            Ok(Ok(walk.checked()))
        })
    }

    /// A session by its public name, to see whose it is.
    fn session_named(&self, id: SessionId) -> BoxFuture<'_, Result<Option<Session>, StoreError>>;

    /// Makes an API token.
    fn create_token(
        &self,
        new: NewToken,
        note: Note,
    ) -> BoxFuture<'_, Result<ApiToken, StoreError>>;

    /// The token with this key, unless it was revoked.
    fn token(&self, key: SessionKey) -> BoxFuture<'_, Result<Option<ApiToken>, StoreError>>;

    /// A token by its public name, to see whose it is.
    fn token_named(&self, id: SessionId) -> BoxFuture<'_, Result<Option<ApiToken>, StoreError>>;

    /// Tokens that are not revoked, of one owner or of all, oldest first.
    fn tokens(&self, owner: Option<TokenOwner>)
    -> BoxFuture<'_, Result<Vec<ApiToken>, StoreError>>;

    /// Revokes a token, and tells the feed of an account's. `None` if there is no such token.
    fn revoke_token(
        &self,
        id: SessionId,
        note: Note,
    ) -> BoxFuture<'_, Result<Option<ApiToken>, StoreError>>;

    /// One device, if it is known to its account.
    ///
    /// Whether who brings its cookie proves to be it is for the caller to judge.
    fn device(
        &self,
        account: AccountId,
        id: DeviceId,
    ) -> BoxFuture<'_, Result<Option<Device>, StoreError>>;

    /// The devices that an account's owner is known by, last used first.
    fn devices(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<Device>, StoreError>>;

    /// Forgets a device and tells the feed: a lockout that is on spares its sessions
    /// no more. Gives the account as it is then; `None` if there is no such device.
    fn forget_device(
        &self,
        account: AccountId,
        id: DeviceId,
        note: Note,
    ) -> BoxFuture<'_, Result<Option<Account>, StoreError>>;

    /// Writes down in the audit log what changed nothing that is kept here.
    fn note(&self, note: Note) -> BoxFuture<'_, Result<(), StoreError>>;

    /// Changes of many accounts.
    fn runs(&self) -> &dyn RunStore;

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

/// One counter that an attempt is counted by.
#[derive(Clone, Debug)]
pub struct Counter {
    /// Whose it is: a keyed hash.
    pub key: AttemptKey,
    /// How it counts.
    pub rules: Arc<CounterRules>,
    /// The account's attempts generation as the directory has it; 0 for what is no
    /// account's.
    pub generation: u64,
    /// What a success means to it.
    pub scope: Scope,
}

impl Counter {
    pub(crate) fn counted(&self) -> Counted<'_> {
        Counted { rules: &self.rules, generation: self.generation, scope: self.scope }
    }
}

/// Counts attempts to sign in, exactly, at any concurrency.
///
/// An attempt is counted by several counters: the first remembers which wrong
/// passwords were tried. A reservation is durable before it is answered, so a
/// crash between reserve and settle gives nobody a guess back.
pub trait AttemptStore: fmt::Debug + Send + Sync + 'static {
    /// Takes a guess from every counter before the password is looked at, or from
    /// none of them.
    fn reserve<'a>(
        &'a self,
        counters: &'a [Counter],
    ) -> BoxFuture<'a, Result<Reservation, StoreError>>;

    /// Says how an attempt went, with the tickets that it was granted. The answers
    /// are in the counters' order.
    fn settle<'a>(
        &'a self,
        counters: &'a [Counter],
        tickets: &'a [Ticket],
        outcome: Outcome,
    ) -> BoxFuture<'a, Result<Vec<Settled>, StoreError>>;

    /// What a new attempt would meet.
    fn budget<'a>(&'a self, counters: &'a [Counter]) -> BoxFuture<'a, Result<Budget, StoreError>>;

    /// Forgets what these counters counted, and their lockouts; says how many there
    /// were. For what no directory has an unlock of: an address.
    fn clear<'a>(&'a self, keys: &'a [AttemptKey]) -> BoxFuture<'a, Result<u64, StoreError>>;
}
