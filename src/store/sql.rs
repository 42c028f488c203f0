//! The directory and the attempt store in SQLite files.
//!
//! ```no_run
//! use portcullis::store::sql::SqlDirectory;
//!
//! # async fn open() -> Result<(), portcullis::store::StoreError> {
//! let directory = SqlDirectory::open("accounts.db").await?;
//! let attempts = directory.attempts();
//! # Ok(())
//! # }
//! ```
//!
//! Five files lie together: `accounts.db`; `accounts.db.key`, the secret that audit
//! log and attempts are keyed with, which belongs in another backup than the
//! database; `accounts.db.anchor`, which says how far the audit log reached;
//! `accounts.attempts.db`; and SQLite's own logs of both. Several programs on one
//! machine may have them open at once.
//!
//! The SQL is the portable kind: only `TEXT` and `BIGINT`, numbered places, no
//! functions of one database. What is SQLite's alone is in `sqlite.rs`, in the index of
//! `pieces.rs`, and in the triggers that keep counts.

mod accounts;
mod applications;
mod attempts;
mod audit;
mod db;
mod deletions;
mod devices;
mod dialect;
mod errors;
mod feed;
mod files;
mod groups;
mod headcount;
mod heads;
mod history;
mod invitations;
mod key;
mod list;
mod listing;
mod members;
mod names;
mod pieces;
#[cfg(feature = "postgres")]
mod postgres;
mod prune;
mod rows;
mod runs;
mod schema;
mod search;
mod sessions;
#[cfg(feature = "sqlite")]
mod sqlite;
mod tokens;
mod values;
mod webhooks;

#[cfg(feature = "sqlite")]
use std::path::Path;
use std::sync::Arc;

pub use self::attempts::SqlAttempts;
use self::db::{Db, Tx};
use self::errors::{Fallible, Fault};
use self::pieces::Due;
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresSettings;
#[cfg(feature = "postgres")]
use self::postgres::{NotifyBus, Server, TELL};
use crate::domain::account::{Account, AccountId, AccountKey};
use crate::domain::denial::DenialReason;
use crate::domain::device::{Device, DeviceId};
use crate::domain::event::Note;
use crate::domain::login::{Login, TypedLogin};
use crate::domain::session::{Session, SessionId, SessionKey};
use crate::domain::time::{Clock, Timestamp};
use crate::store::LocalBus;
use crate::store::keyring::Keyring;
use crate::store::{
    AccountPage, AccountQuery, AccountSearch, ApiToken, ApplicationStore, AuditLog, BoxFuture, Bus,
    Changed, CreateError, Decide, DeletionStore, Directory, FeedCursor, FeedPage, GroupStore,
    Headcount, HistoryStore, InvitationStore, NewAccount, NewSession, NewToken, RunStore,
    SessionPage, SessionQuery, SessionStore, StoreError, TokenOwner, WebhookStore,
};

/// A directory in an SQLite file.
///
/// An answered change survives `kill -9` and power loss. A call that is dropped
/// before it is done either happened whole or not at all.
///
/// A session that its own person ends (the note's actor is `user:` and the account's
/// number) is told by the feed alone, which keeps who did it until it is pruned. All
/// other changes, also sessions that somebody else ends, are in the audit log.
#[derive(Debug)]
pub struct SqlDirectory {
    db: Db,
    clock: Clock,
    keyring: Keyring,
    bus: Arc<dyn Bus>,
    /// What a transaction says that the bus tells of.
    tell: Option<&'static str>,
    attempts: SqlAttempts,
    anchor: audit::Anchor,
    due: Due,
}

impl SqlDirectory {
    /// Opens the file, or makes it, readable for its owner alone; with the files
    /// that belong to it.
    ///
    /// Must be called on a tokio runtime.
    ///
    /// # Errors
    ///
    /// If a file can't be written or is no database of ours, if the key file is
    /// missing or another database's, or if a newer program has been here.
    #[cfg(feature = "sqlite")]
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with_clock(path, Clock::system()).await
    }

    /// The same, with shared times from this clock.
    ///
    /// # Errors
    ///
    /// As [`SqlDirectory::open`].
    #[cfg(feature = "sqlite")]
    pub async fn open_with_clock(path: impl AsRef<Path>, clock: Clock) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let key_file = key::path_of(path);
        let made = match sqlite::create_file(path)? {
            true => Some(key::load_or_make(&key_file, path)?),
            false => None,
        };
        let db = Db::open(path, &schema::DIRECTORY, &clock).await?;
        let keyring = made.map_or_else(|| key::load(&key_file), Ok)?;
        let checked = key::check(&db, &keyring, &key_file).await;
        checked.map_err(|fault| db.fault(fault))?;
        key::mark(&key_file);
        let attempts = SqlAttempts::open(db::attempts_file(path), clock.clone()).await?;
        let (anchor, bus, due) = (audit::anchor_of(path), local_bus(), Due::default());
        let directory = Self { db, clock, keyring, bus, tell: None, attempts, anchor, due };
        directory.make_ready().await?;
        Ok(directory)
    }

    /// Connects to a directory on a server of Postgres, and makes it in a database that
    /// has none; attempts are counted in the same database.
    ///
    /// Must be called on a tokio runtime.
    ///
    /// # Errors
    ///
    /// If the server can't be reached or does not let us in, if the key file is missing
    /// or another directory's, or if a newer program has been here.
    #[cfg(feature = "postgres")]
    pub async fn connect(settings: &PostgresSettings) -> Result<Self, StoreError> {
        Self::connect_with_clock(settings, Clock::system()).await
    }

    /// The same, with shared times from this clock.
    ///
    /// # Errors
    ///
    /// As [`SqlDirectory::connect`].
    #[cfg(feature = "postgres")]
    pub async fn connect_with_clock(
        settings: &PostgresSettings,
        clock: Clock,
    ) -> Result<Self, StoreError> {
        let key_file = &settings.key_file;
        let db = Db::connect(Server::new(settings)?, &schema::DIRECTORY, &clock).await?;
        let keyed = async {
            let keyring = key::load_or_make_for(&db, key_file).await?;
            key::check(&db, &keyring, key_file).await?;
            Ok(keyring)
        };
        let keyring = keyed.await.map_err(|fault| db.fault(fault))?;
        key::mark(key_file);
        let attempts = SqlAttempts::connect(settings, clock.clone()).await?;
        let (bus, tell): (Arc<dyn Bus>, _) = match settings.notify {
            true => {
                let bus = NotifyBus::new(settings).map_err(|fault| db.fault(fault.into()))?;
                (Arc::new(bus), Some(TELL))
            }
            false => (local_bus(), None),
        };
        let (anchor, due) = (audit::anchor_of(key_file), Due::default());
        let directory = Self { db, clock, keyring, bus, tell, attempts, anchor, due };
        directory.make_ready().await?;
        Ok(directory)
    }

    /// The same directory, whose changes this bus tells of.
    #[must_use]
    pub fn with_bus(self, bus: Arc<dyn Bus>) -> Self {
        Self { bus, tell: None, ..self }
    }

    /// The attempt store that belongs to this directory.
    pub fn attempts(&self) -> SqlAttempts {
        self.attempts.clone()
    }

    /// Closes the files, once what is being written is done. Later calls fail.
    ///
    /// Not needed before the process ends: whatever was answered is on disk.
    pub async fn close(&self) {
        self.attempts.close().await;
        self.db.close().await;
    }

    /// Commits what the feed tells of.
    async fn commit(&self, mut tx: Tx) -> Fallible<()> {
        if let Some(tell) = self.tell {
            sqlx::raw_sql(tell).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        self.bus.wake();
        Ok(())
    }

    /// Commits what nobody follows.
    async fn commit_quietly(&self, tx: Tx) -> Fallible<()> {
        Ok(tx.commit().await?)
    }

    /// A call that is answered once `work` is done, in the words of the traits.
    fn answered<'a, T: Send + 'a>(
        &'a self,
        work: impl Future<Output = Fallible<T>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, StoreError>> {
        Box::pin(self.db.guard(work))
    }

    async fn forget_all(&self, before: Timestamp) -> Fallible<u64> {
        let gone = self.forget(before).await?;
        self.write_all_pieces().await?;
        // A record says itself from when on it says nothing any more.
        let attempts = self.attempts.forget(self.clock().wall()).await;
        Ok(gone + attempts.map_err(|fault| Fault::Store(self.attempts.fault(fault)))?)
    }
}

fn local_bus() -> Arc<dyn Bus> {
    Arc::new(LocalBus::default())
}

impl SessionStore for SqlDirectory {
    fn open_session(
        &self,
        new: NewSession,
    ) -> BoxFuture<'_, Result<Result<Session, DenialReason>, StoreError>> {
        self.answered(self.open_one(new))
    }

    fn session(&self, key: SessionKey) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        self.answered(self.find_session(key))
    }

    fn end_session(
        &self,
        id: SessionId,
        note: Note,
    ) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        self.answered(self.end_one(id, note))
    }

    fn touch_sessions(
        &self,
        seen: Vec<(SessionKey, Timestamp)>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.answered(async move { self.touch(&seen).await })
    }

    fn sessions_of(&self, account: AccountKey) -> BoxFuture<'_, Result<Vec<Session>, StoreError>> {
        self.answered(async move { self.live_sessions(&account).await })
    }

    fn sessions(&self, query: SessionQuery) -> BoxFuture<'_, Result<SessionPage, StoreError>> {
        self.answered(self.list_sessions(query))
    }
}

impl Directory for SqlDirectory {
    fn clock(&self) -> &Clock {
        &self.clock
    }

    fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    fn applications(&self) -> &dyn ApplicationStore {
        self
    }

    fn webhooks(&self) -> &dyn WebhookStore {
        self
    }

    fn bus(&self) -> &dyn Bus {
        &*self.bus
    }

    fn deleting(&self) -> &dyn DeletionStore {
        self
    }

    fn history(&self) -> &dyn HistoryStore {
        self
    }

    fn groups(&self) -> &dyn GroupStore {
        self
    }

    fn tombstone(&self, login: Login) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        self.answered(self.find_tombstone(login))
    }

    fn account(&self, id: AccountId) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        self.answered(self.find(id))
    }

    fn resolve(&self, typed: TypedLogin) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        self.answered(async move { self.find_typed(&typed).await })
    }

    fn accounts(&self, query: AccountQuery) -> BoxFuture<'_, Result<Vec<Account>, StoreError>> {
        self.answered(self.list(query))
    }

    fn search(&self, search: AccountSearch) -> BoxFuture<'_, Result<AccountPage, StoreError>> {
        self.answered(self.find_all(search))
    }

    fn password_hash(&self, id: AccountId) -> BoxFuture<'_, Result<Option<String>, StoreError>> {
        self.answered(self.hash_of(id))
    }

    fn create_within(
        &self,
        licences: Option<u64>,
        new: NewAccount,
        note: Note,
    ) -> BoxFuture<'_, Result<Account, CreateError>> {
        Box::pin(async move { self.answered(self.make(licences, new, note)).await? })
    }

    fn headcount(&self) -> BoxFuture<'_, Result<Headcount, StoreError>> {
        self.answered(self.count_heads())
    }

    fn change<'a>(
        &'a self,
        id: AccountId,
        decide: Decide<'a>,
    ) -> BoxFuture<'a, Result<Option<Changed>, StoreError>> {
        self.answered(self.alter(id, decide))
    }

    fn feed_head(&self) -> BoxFuture<'_, Result<FeedCursor, StoreError>> {
        self.answered(self.head())
    }

    fn feed_after(
        &self,
        cursor: FeedCursor,
        limit: usize,
    ) -> BoxFuture<'_, Result<FeedPage, StoreError>> {
        self.answered(self.page_after(cursor, limit))
    }

    fn change_hint(&self) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        self.answered(self.db.change_number())
    }

    fn prune(&self, before: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.answered(self.forget_all(before))
    }

    fn audit_log(&self) -> &dyn AuditLog {
        self
    }

    fn invitations(&self) -> &dyn InvitationStore {
        self
    }

    fn session_named(&self, id: SessionId) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        self.answered(self.find_session_named(id))
    }

    fn create_token(
        &self,
        new: NewToken,
        note: Note,
    ) -> BoxFuture<'_, Result<ApiToken, StoreError>> {
        self.answered(self.make_token(new, note))
    }

    fn token(&self, key: SessionKey) -> BoxFuture<'_, Result<Option<ApiToken>, StoreError>> {
        self.answered(self.find_token(key))
    }

    fn token_named(&self, id: SessionId) -> BoxFuture<'_, Result<Option<ApiToken>, StoreError>> {
        self.answered(self.find_token_named(id))
    }

    fn tokens(
        &self,
        owner: Option<TokenOwner>,
    ) -> BoxFuture<'_, Result<Vec<ApiToken>, StoreError>> {
        self.answered(self.list_tokens(owner))
    }

    fn revoke_token(
        &self,
        id: SessionId,
        note: Note,
    ) -> BoxFuture<'_, Result<Option<ApiToken>, StoreError>> {
        self.answered(self.revoke(id, note))
    }

    fn device(
        &self,
        account: AccountId,
        id: DeviceId,
    ) -> BoxFuture<'_, Result<Option<Device>, StoreError>> {
        self.answered(self.find_device(account, id))
    }

    fn devices(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<Device>, StoreError>> {
        self.answered(self.list_devices(account))
    }

    fn forget_device(
        &self,
        account: AccountId,
        id: DeviceId,
        note: Note,
    ) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        self.answered(self.forget_one(account, id, note))
    }

    fn runs(&self) -> &dyn RunStore {
        self
    }

    fn setting(&self, name: &'static str) -> BoxFuture<'_, Result<Option<String>, StoreError>> {
        self.answered(self.read_setting(name))
    }

    fn note(&self, note: Note) -> BoxFuture<'_, Result<(), StoreError>> {
        self.answered(self.write_note(note))
    }

    fn set_setting(
        &self,
        name: &'static str,
        value: String,
        note: Note,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.answered(self.write_setting(name, value, note))
    }
}
