//! A directory that fails when it is told to, and counts what it is asked.

use std::collections::HashMap;
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex};

use portcullis::domain::application::{Application, ApplicationId};
use portcullis::domain::denial::DenialReason;
use portcullis::domain::device::{Device, DeviceId};
use portcullis::domain::event::Note;
use portcullis::domain::history::PastAttempt;
use portcullis::domain::login::{Login, TypedLogin};
use portcullis::domain::session::{Session, SessionId, SessionKey};
use portcullis::store::keyring::Keyring;
use portcullis::store::memory::SingleProcessDirectory;
use portcullis::store::{
    AccountPage, AccountQuery, AccountSearch, ApiToken, ApplicationStore, AuditLog, BoxFuture, Bus,
    Changed, CreateError, Decide, DecideApplication, DeletionStore, Directory, FeedCursor,
    FeedPage, GroupStore, Headcount, HistoryQuery, HistoryStore, HourCount, InvitationStore,
    NewAccount, NewApplication, NewSession, NewToken, Remembered, RunStore, SessionPage,
    SessionQuery, SessionStore, SourceCount, StoreError, TokenOwner, WebhookStore,
};
use portcullis::{Account, AccountId, AccountKey, Clock, Timestamp};

/// How it answers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Mood {
    #[default]
    Well,
    Failing,
    /// It never answers.
    Hanging,
}

/// Delegates everything to a directory in memory, unless told otherwise.
#[derive(Clone)]
pub(crate) struct Faulty {
    inner: SingleProcessDirectory,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    everything: Mood,
    /// By the name of a method.
    only: HashMap<&'static str, Mood>,
    asked: HashMap<&'static str, usize>,
    /// What happens right before a method is next answered.
    before: HashMap<&'static str, BoxFuture<'static, ()>>,
}

impl Faulty {
    pub(crate) fn new(inner: SingleProcessDirectory) -> Self {
        Self { inner, state: Arc::default() }
    }

    /// From now on everything is answered like this.
    pub(crate) fn set(&self, mood: Mood) {
        let mut state = self.state.lock().expect("not poisoned");
        state.everything = mood;
        state.only.clear();
    }

    /// From now on this method is answered like this.
    pub(crate) fn set_only(&self, method: &'static str, mood: Mood) {
        self.state
            .lock()
            .expect("not poisoned")
            .only
            .insert(method, mood);
    }

    /// The feed can't be read; everything else can.
    pub(crate) fn lose_feed(&self) {
        for method in ["change_hint", "feed_after"] {
            self.set_only(method, Mood::Failing);
        }
    }

    /// How many hold it, and run for it.
    pub(crate) fn handles(&self) -> usize {
        Arc::strong_count(&self.state)
    }

    /// How often this method was called.
    pub(crate) fn asked(&self, method: &'static str) -> usize {
        self.state
            .lock()
            .expect("not poisoned")
            .asked
            .get(method)
            .copied()
            .unwrap_or(0)
    }

    /// Does this right before the method is next answered.
    pub(crate) fn before_next(
        &self,
        method: &'static str,
        happens: impl Future<Output = ()> + Send + 'static,
    ) {
        let mut state = self.state.lock().expect("not poisoned");
        state.before.insert(method, Box::pin(happens));
    }

    fn mood(&self, method: &'static str) -> Mood {
        let mut state = self.state.lock().expect("not poisoned");
        *state.asked.entry(method).or_default() += 1;
        state.only.get(method).copied().unwrap_or(state.everything)
    }

    fn via<'a, T: 'a, E: From<StoreError> + 'a>(
        &'a self,
        method: &'static str,
        call: impl FnOnce(&'a SingleProcessDirectory) -> BoxFuture<'a, Result<T, E>> + Send + 'a,
    ) -> BoxFuture<'a, Result<T, E>> {
        let mood = self.mood(method);
        let before = self
            .state
            .lock()
            .expect("not poisoned")
            .before
            .remove(method);
        Box::pin(async move {
            if let Some(happens) = before {
                happens.await;
            }
            match mood {
                Mood::Well => call(&self.inner).await,
                Mood::Failing => Err(StoreError::unavailable("told to fail").into()),
                Mood::Hanging => pending().await,
            }
        })
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty(..)")
    }
}

type Answer<'a, T, E = StoreError> = BoxFuture<'a, Result<T, E>>;

impl SessionStore for Faulty {
    fn open_session(&self, new: NewSession) -> Answer<'_, Result<Session, DenialReason>> {
        self.via("open_session", |inner| inner.open_session(new))
    }

    fn session(&self, key: SessionKey) -> Answer<'_, Option<Session>> {
        self.via("session", move |inner| inner.session(key))
    }

    fn end_session(&self, id: SessionId, note: Note) -> Answer<'_, Option<Session>> {
        self.via("end_session", move |inner| inner.end_session(id, note))
    }

    fn touch_sessions(&self, seen: Vec<(SessionKey, Timestamp)>) -> Answer<'_, ()> {
        self.via("touch_sessions", |inner| inner.touch_sessions(seen))
    }

    fn sessions_of(&self, account: AccountKey) -> Answer<'_, Vec<Session>> {
        self.via("sessions_of", |inner| inner.sessions_of(account))
    }

    fn sessions(&self, query: SessionQuery) -> Answer<'_, SessionPage> {
        self.via("sessions", |inner| inner.sessions(query))
    }
}

impl ApplicationStore for Faulty {
    fn create_application(&self, new: NewApplication, note: Note) -> Answer<'_, Application> {
        self.via("create_application", move |inner| inner.create_application(new, note))
    }

    fn application(&self, id: ApplicationId) -> Answer<'_, Option<Application>> {
        self.via("application", move |inner| inner.application(id))
    }

    fn applications(&self) -> Answer<'_, Vec<Application>> {
        self.via("applications", ApplicationStore::applications)
    }

    fn change_application<'a>(
        &'a self,
        id: ApplicationId,
        decide: DecideApplication<'a>,
    ) -> Answer<'a, Option<Application>> {
        self.via("change_application", move |inner| inner.change_application(id, decide))
    }

    fn remove_application(&self, id: ApplicationId, note: Note) -> Answer<'_, Option<Application>> {
        self.via("remove_application", move |inner| inner.remove_application(id, note))
    }

    fn touch_application(&self, id: ApplicationId, at: Timestamp) -> Answer<'_, ()> {
        self.via("touch_application", move |inner| inner.touch_application(id, at))
    }
}

impl HistoryStore for Faulty {
    fn remember(&self, attempts: Vec<PastAttempt>, most: u64) -> Answer<'_, ()> {
        self.via("remember", move |inner| inner.history().remember(attempts, most))
    }

    fn attempts(&self, query: HistoryQuery) -> Answer<'_, Vec<Remembered>> {
        self.inner.history().attempts(query)
    }

    fn by_hour(&self, since: Timestamp) -> Answer<'_, Vec<HourCount>> {
        self.inner.history().by_hour(since)
    }

    fn sources(&self, among: u64, limit: u32) -> Answer<'_, Vec<SourceCount>> {
        self.inner.history().sources(among, limit)
    }

    fn forget(&self, attempts: Timestamp, hours: Timestamp) -> Answer<'_, u64> {
        self.inner.history().forget(attempts, hours)
    }
}

impl Directory for Faulty {
    fn clock(&self) -> &Clock {
        self.inner.clock()
    }

    fn keyring(&self) -> &Keyring {
        self.inner.keyring()
    }

    fn applications(&self) -> &dyn ApplicationStore {
        self
    }

    fn webhooks(&self) -> &dyn WebhookStore {
        self.inner.webhooks()
    }

    fn bus(&self) -> &dyn Bus {
        self.inner.bus()
    }

    fn history(&self) -> &dyn HistoryStore {
        self
    }

    fn deleting(&self) -> &dyn DeletionStore {
        self.inner.deleting()
    }

    fn account(&self, id: AccountId) -> Answer<'_, Option<Account>> {
        self.via("account", move |inner| inner.account(id))
    }

    fn groups(&self) -> &dyn GroupStore {
        self.inner.groups()
    }

    fn tombstone(&self, login: Login) -> Answer<'_, Option<Account>> {
        self.via("tombstone", |inner| inner.tombstone(login))
    }

    fn resolve(&self, typed: TypedLogin) -> Answer<'_, Option<Account>> {
        self.via("resolve", |inner| inner.resolve(typed))
    }

    fn accounts(&self, query: AccountQuery) -> Answer<'_, Vec<Account>> {
        self.via("accounts", |inner| inner.accounts(query))
    }

    fn search(&self, search: AccountSearch) -> Answer<'_, AccountPage> {
        self.via("search", |inner| inner.search(search))
    }

    fn password_hash(&self, id: AccountId) -> Answer<'_, Option<String>> {
        self.via("password_hash", move |inner| inner.password_hash(id))
    }

    fn create_within(
        &self,
        licences: Option<u64>,
        new: NewAccount,
        note: Note,
    ) -> Answer<'_, Account, CreateError> {
        self.via("create", move |inner| inner.create_within(licences, new, note))
    }

    fn headcount(&self) -> Answer<'_, Headcount> {
        self.via("headcount", Directory::headcount)
    }

    fn change<'a>(&'a self, id: AccountId, decide: Decide<'a>) -> Answer<'a, Option<Changed>> {
        self.via("change", move |inner| inner.change(id, decide))
    }

    fn feed_head(&self) -> Answer<'_, FeedCursor> {
        self.via("feed_head", Directory::feed_head)
    }

    fn feed_after(&self, cursor: FeedCursor, limit: usize) -> Answer<'_, FeedPage> {
        self.via("feed_after", move |inner| inner.feed_after(cursor, limit))
    }

    fn change_hint(&self) -> Answer<'_, Option<u64>> {
        self.via("change_hint", Directory::change_hint)
    }

    fn prune(&self, before: Timestamp) -> Answer<'_, u64> {
        self.via("prune", move |inner| inner.prune(before))
    }

    fn invitations(&self) -> &dyn InvitationStore {
        self.inner.invitations()
    }

    fn audit_log(&self) -> &dyn AuditLog {
        self.inner.audit_log()
    }

    fn session_named(&self, id: SessionId) -> Answer<'_, Option<Session>> {
        self.via("session_named", move |inner| inner.session_named(id))
    }

    fn token_named(&self, id: SessionId) -> Answer<'_, Option<ApiToken>> {
        self.via("token_named", move |inner| inner.token_named(id))
    }

    fn create_token(&self, new: NewToken, note: Note) -> Answer<'_, ApiToken> {
        self.via("create_token", |inner| inner.create_token(new, note))
    }

    fn token(&self, key: SessionKey) -> Answer<'_, Option<ApiToken>> {
        self.via("token", move |inner| inner.token(key))
    }

    fn tokens(&self, owner: Option<TokenOwner>) -> Answer<'_, Vec<ApiToken>> {
        self.via("tokens", move |inner| inner.tokens(owner))
    }

    fn revoke_token(&self, id: SessionId, note: Note) -> Answer<'_, Option<ApiToken>> {
        self.via("revoke_token", move |inner| inner.revoke_token(id, note))
    }

    fn device(&self, account: AccountId, id: DeviceId) -> Answer<'_, Option<Device>> {
        self.via("device", move |inner| inner.device(account, id))
    }

    fn devices(&self, account: AccountId) -> Answer<'_, Vec<Device>> {
        self.via("devices", move |inner| inner.devices(account))
    }

    fn forget_device(
        &self,
        account: AccountId,
        id: DeviceId,
        note: Note,
    ) -> Answer<'_, Option<Account>> {
        self.via("forget_device", move |inner| inner.forget_device(account, id, note))
    }

    fn runs(&self) -> &dyn RunStore {
        self.inner.runs()
    }

    fn setting(&self, name: &'static str) -> Answer<'_, Option<String>> {
        self.via("setting", move |inner| inner.setting(name))
    }

    fn note(&self, note: Note) -> Answer<'_, ()> {
        self.via("note", move |inner| inner.note(note))
    }

    fn set_setting(&self, name: &'static str, value: String, note: Note) -> Answer<'_, ()> {
        self.via("set_setting", move |inner| inner.set_setting(name, value, note))
    }
}
