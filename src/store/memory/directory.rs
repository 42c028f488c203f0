//! The directory in the memory of one process.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::account::{Account, AccountId, AccountKey};
use crate::domain::denial::DenialReason;
use crate::domain::device::{Device, DeviceId};
use crate::domain::event::{AuditRecord, Note};
use crate::domain::invitation::Invitation;
use crate::domain::login::{Login, TypedLogin};
use crate::domain::session::{Session, SessionId, SessionKey};
use crate::domain::standing::Lifecycle;
use crate::domain::time::{Clock, Timestamp};
use crate::store::keyring::Keyring;
use crate::store::memory::state::State;
use crate::store::memory::{born, now};
use crate::store::{
    AccountChange, AccountPage, AccountQuery, AccountSearch, ApiToken, ApplicationStore,
    AuditEntry, AuditLog, BoxFuture, Bus, Changed, CreateError, Decide, DeletionStore, Directory,
    Edit, Facts, FeedCursor, FeedPage, GroupStore, Headcount, HistoryStore, InvitationStore,
    LocalBus, NewAccount, NewSession, NewToken, RunStore, SessionNews, SessionNewsKind,
    SessionPage, SessionQuery, SessionState, SessionStore, StoreError, TokenOwner, WebhookStore,
};

/// A [`Directory`] in the memory of one process.
#[derive(Clone)]
pub struct SingleProcessDirectory(Arc<Shared>);

struct Shared {
    clock: Clock,
    keyring: Keyring,
    bus: LocalBus,
    state: Mutex<State>,
}

impl SingleProcessDirectory {
    /// An empty directory that tells the time by this clock.
    pub fn new(clock: Clock) -> Self {
        let mut secret = [0; 32];
        // Without the system's randomness the keys are worth nothing, but this
        // store protects nothing that outlives the process.
        let _ = getrandom::fill(&mut secret);
        let keyring = Keyring::new(&secret);
        tracing::debug!("directory kept in the memory of this one process");
        Self(Arc::new(Shared { clock, keyring, bus: LocalBus::default(), state: Mutex::default() }))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn clock_now(&self) -> Timestamp {
        self.0.clock.wall()
    }

    /// Runs one transaction and wakes the followers.
    pub(super) fn write<T>(&self, change: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let done = change(&mut self.state(), self.0.clock.wall());
        self.0.bus.wake();
        done
    }

    pub(super) fn log(
        &self,
        state: &mut State,
        at: Timestamp,
        account: Option<AccountId>,
        note: Note,
        states: (Option<&Account>, Option<&Account>),
    ) {
        let json = |account: Option<&Account>| account.and_then(|a| serde_json::to_string(a).ok());
        self.append(state, at, account, note, (json(states.0), json(states.1)));
    }

    /// Appends a record, with what was there before and after as JSON.
    pub(super) fn append(
        &self,
        state: &mut State,
        at: Timestamp,
        account: Option<AccountId>,
        note: Note,
        states: (Option<String>, Option<String>),
    ) {
        let (last, previous) = state.audit_end();
        let record = AuditRecord {
            position: last + 1,
            at,
            actor: note.actor,
            action: note.action,
            account,
            reason: note.reason,
            from: note.from,
            before: states.0,
            after: states.1,
        };
        let link = self.0.keyring.audit_link(&previous, &record);
        state.audit.push(AuditEntry { record, link });
    }

    /// Changes an account by a decision on the facts as they are.
    pub(super) fn decide(
        &self,
        state: &mut State,
        at: Timestamp,
        id: AccountId,
        decide: Decide<'_>,
    ) -> Result<Option<Changed>, StoreError> {
        let Some(record) = state.accounts.get(&id) else { return Ok(None) };
        let account = record.account.clone();
        let other_active_admins = state.other_active_admins(id, at);
        let devices = state.devices.of(&account, at);
        let devices: Vec<DeviceId> = devices.iter().map(|device| device.id).collect();
        let facts = Facts {
            account: &account,
            other_active_admins,
            devices: &devices,
            licences_used: state.licences_used(),
            now: at,
        };
        let Some(Edit { account, password_hash, note }) = decide(facts) else {
            return Ok(None);
        };
        let changed = state.replace(id, account, password_hash, at)?;
        let states = (Some(&changed.before), Some(&changed.account));
        self.log(state, at, Some(id), note, states);
        Ok(Some(changed))
    }
}

impl fmt::Debug for SingleProcessDirectory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accounts = self.state().accounts.len();
        f.debug_struct("SingleProcessDirectory")
            .field("accounts", &accounts)
            .finish()
    }
}

impl SessionStore for SingleProcessDirectory {
    fn open_session(
        &self,
        new: NewSession,
    ) -> BoxFuture<'_, Result<Result<Session, DenialReason>, StoreError>> {
        let at = self.0.clock.wall();
        let mut state = self.state();
        let Some(account) = state.live_account(&new.account).cloned() else {
            return now(Ok(Err(DenialReason::Deleted)));
        };
        let past_lockout = new.device.as_ref().is_some_and(|device| {
            let known = device.known.filter(|_| device.past_lockout);
            known.is_some_and(|id| state.devices.known(&account, id, at).is_some())
        });
        let refusal = account.standing().refusal_to_enter(past_lockout, at);
        if let Some(refusal) = refusal.or_else(|| new.refusal_in(account.generation)) {
            return now(Ok(Err(refusal)));
        }
        let device = new.device.as_ref().map(|device| {
            let seen = new.sighting(device.key, at);
            state.devices.signed_in(&account, device, seen)
        });
        let session = born(new, account.generation, device, at);
        state.sessions.insert(session.clone());
        let news = SessionNews {
            session: session.key.id(),
            account: account.id,
            kind: SessionNewsKind::Created,
            at,
        };
        state.webhooks.note(news);
        if let Some(record) = state.accounts.get_mut(&account.id) {
            record.account.last_sign_in_at = Some(at);
        }
        now(Ok(Ok(session)))
    }

    fn session(&self, key: SessionKey) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        now(Ok(self.state().sessions.get(key)))
    }

    fn end_session(
        &self,
        id: SessionId,
        note: Note,
    ) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        now(Ok(self.write(|state, at| {
            let session = state.sessions.end(id, &note.actor, at)?;
            state.ends.append(at, id);
            let account = session.account.account_id();
            let kind = match SessionState::ended_by(&note.actor, &session.account) {
                SessionState::Ended => SessionNewsKind::Ended,
                _ => SessionNewsKind::Revoked,
            };
            if let Some(account) = account {
                state
                    .webhooks
                    .note(SessionNews { session: id, account, kind, at });
            }
            self.log(state, at, account, note, (None, None));
            Some(session)
        })))
    }

    fn touch_sessions(
        &self,
        seen: Vec<(SessionKey, Timestamp)>,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        let mut state = self.state();
        for (key, at) in &seen {
            if let Some(token) = state
                .tokens
                .get_mut(&key.id())
                .filter(|token| token.key.is(key))
            {
                token.last_used_at = token.last_used_at.max(Some(*at));
            }
        }
        state.sessions.touch(seen);
        now(Ok(()))
    }

    fn sessions_of(&self, account: AccountKey) -> BoxFuture<'_, Result<Vec<Session>, StoreError>> {
        let state = self.state();
        let Some(generation) = state.live_account(&account).map(|found| found.generation) else {
            return now(Ok(Vec::new()));
        };
        now(Ok(state
            .sessions
            .of(&account, Some(generation), self.0.clock.wall())))
    }

    fn sessions(&self, query: SessionQuery) -> BoxFuture<'_, Result<SessionPage, StoreError>> {
        let state = self.state();
        let of = |key: &AccountKey| state.live_account(key).map(|account| account.generation);
        now(Ok(state.sessions.list(&query, of, self.0.clock.wall())))
    }
}

impl Directory for SingleProcessDirectory {
    fn clock(&self) -> &Clock {
        &self.0.clock
    }

    fn keyring(&self) -> &Keyring {
        &self.0.keyring
    }

    fn applications(&self) -> &dyn ApplicationStore {
        self
    }

    fn webhooks(&self) -> &dyn WebhookStore {
        self
    }

    fn bus(&self) -> &dyn Bus {
        &self.0.bus
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

    fn account(&self, id: AccountId) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        now(Ok(self
            .state()
            .accounts
            .get(&id)
            .map(|record| record.account.clone())))
    }

    fn tombstone(&self, login: Login) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        let state = self.state();
        let id = state.logins.get(login.as_str());
        let account = id
            .and_then(|id| state.accounts.get(id))
            .map(|record| &record.account);
        now(Ok(account
            .filter(|a| a.lifecycle == Lifecycle::Deleted)
            .cloned()))
    }

    fn resolve(&self, typed: TypedLogin) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        let state = self.state();
        let by_login = state.logins.get(typed.as_str());
        let id = by_login.or_else(|| state.emails.get(typed.as_str()));
        let account = id
            .and_then(|id| state.accounts.get(id))
            .map(|record| &record.account);
        now(Ok(account
            .filter(|a| a.lifecycle != Lifecycle::Deleted)
            .cloned()))
    }

    fn accounts(&self, query: AccountQuery) -> BoxFuture<'_, Result<Vec<Account>, StoreError>> {
        let at = self.0.clock.wall();
        let state = self.state();
        let accounts = state.accounts.values().map(|record| &record.account);
        let found = accounts.filter(|account| State::matches(account, &query, at));
        now(Ok(found.take(query.limit as usize).cloned().collect()))
    }

    fn search(&self, search: AccountSearch) -> BoxFuture<'_, Result<AccountPage, StoreError>> {
        let found = self.state().search(&search, self.0.clock.wall());
        now(Ok(found))
    }

    fn password_hash(&self, id: AccountId) -> BoxFuture<'_, Result<Option<String>, StoreError>> {
        now(Ok(self
            .state()
            .accounts
            .get(&id)
            .and_then(|record| record.password_hash.clone())))
    }

    fn create_within(
        &self,
        licences: Option<u64>,
        new: NewAccount,
        note: Note,
    ) -> BoxFuture<'_, Result<Account, CreateError>> {
        now(self.write(|state, at| {
            state.check_unique(&new)?;
            if new.lifecycle == Lifecycle::Active {
                CreateError::unless_licensed(state.licences_used(), licences)?;
            }
            let account = state.insert(new, at);
            state.feed.append(at, Some(account.id));
            self.log(state, at, Some(account.id), note, (None, Some(&account)));
            Ok(account)
        }))
    }

    fn change<'a>(
        &'a self,
        id: AccountId,
        decide: Decide<'a>,
    ) -> BoxFuture<'a, Result<Option<Changed>, StoreError>> {
        now(self.write(|state, at| self.decide(state, at, id, decide)))
    }

    fn headcount(&self) -> BoxFuture<'_, Result<Headcount, StoreError>> {
        now(Ok(self.state().headcount(self.0.clock.wall())))
    }

    fn feed_head(&self) -> BoxFuture<'_, Result<FeedCursor, StoreError>> {
        let state = self.state();
        let mut cursor = FeedCursor { accounts: state.feed.head, ..FeedCursor::default() };
        cursor.sessions[0] = state.ends.head;
        now(Ok(cursor))
    }

    fn feed_after(
        &self,
        cursor: FeedCursor,
        limit: usize,
    ) -> BoxFuture<'_, Result<FeedPage, StoreError>> {
        let state = self.state();
        let mut next = FeedCursor::default();
        let (changed, at) = state.feed.after(cursor.accounts, limit);
        next.accounts = at;
        let (ended, at) = state.ends.after(cursor.sessions[0], limit - changed.len());
        next.sessions[0] = at;
        let mut told = HashSet::new();
        let settings = changed.iter().any(|(_, id)| id.is_none());
        let changed = changed
            .into_iter()
            .filter_map(|(at, id)| Some((at, id?)))
            .filter(|(_, id)| told.insert(*id));
        let change = |(at, id): (Timestamp, AccountId)| {
            let account = &state.accounts[&id].account;
            AccountChange { account: account.key(), standing: account.standing(), at }
        };
        let of_nobody = cursor.sessions[1..].iter().any(|at| *at > 0);
        now(Ok(FeedPage {
            accounts: changed.map(change).collect(),
            ended: ended.into_iter().map(|(_, id)| id).collect(),
            settings,
            next,
            more: next.accounts < state.feed.head || next.sessions[0] < state.ends.head,
            pruned: of_nobody
                || state.feed.has_lost(cursor.accounts)
                || state.ends.has_lost(cursor.sessions[0]),
        }))
    }

    fn change_hint(&self) -> BoxFuture<'_, Result<Option<u64>, StoreError>> {
        let state = self.state();
        now(Ok(Some(state.feed.head.wrapping_add(state.ends.head))))
    }

    fn prune(&self, before: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        let mut state = self.state();
        let invitations = state.invitations.len();
        let kept = |_: &AccountId, invitation: &mut Invitation| invitation.expires_at >= before;
        state.invitations.retain(kept);
        let invitations = (invitations - state.invitations.len()) as u64;
        let expired = invitations + state.sessions.forget(before) + state.devices.prune(before);
        let expired = expired + state.prune_tokens(before) + state.webhooks.prune(before);
        now(Ok(expired + state.feed.prune(before) + state.ends.prune(before)))
    }

    fn audit_log(&self) -> &dyn AuditLog {
        self
    }

    fn invitations(&self) -> &dyn InvitationStore {
        self
    }

    fn session_named(&self, id: SessionId) -> BoxFuture<'_, Result<Option<Session>, StoreError>> {
        now(Ok(self.state().sessions.named(id)))
    }

    fn create_token(
        &self,
        new: NewToken,
        note: Note,
    ) -> BoxFuture<'_, Result<ApiToken, StoreError>> {
        now(self.write(|state, at| {
            state.check_owner(new.owner)?;
            let token = ApiToken {
                key: new.key,
                owner: new.owner,
                name: new.name,
                scopes: new.scopes,
                created_at: at,
                expires_at: new.expires_at,
                last_used_at: None,
            };
            state.tokens.insert(token.key.id(), token.clone());
            state.feed.append(at, None);
            self.log(state, at, token.owner.account(), note, (None, None));
            Ok(token)
        }))
    }

    fn token(&self, key: SessionKey) -> BoxFuture<'_, Result<Option<ApiToken>, StoreError>> {
        let state = self.state();
        now(Ok(state
            .tokens
            .get(&key.id())
            .filter(|token| token.key.is(&key))
            .cloned()))
    }

    fn token_named(&self, id: SessionId) -> BoxFuture<'_, Result<Option<ApiToken>, StoreError>> {
        now(Ok(self.state().tokens.get(&id).cloned()))
    }

    fn tokens(
        &self,
        owner: Option<TokenOwner>,
    ) -> BoxFuture<'_, Result<Vec<ApiToken>, StoreError>> {
        let state = self.state();
        let wanted = |token: &&ApiToken| owner.is_none_or(|owner| token.owner == owner);
        let mut tokens: Vec<ApiToken> = state.tokens.values().filter(wanted).cloned().collect();
        tokens.sort_by_key(|token| (token.created_at, token.key.id()));
        now(Ok(tokens))
    }

    fn revoke_token(
        &self,
        id: SessionId,
        note: Note,
    ) -> BoxFuture<'_, Result<Option<ApiToken>, StoreError>> {
        now(Ok(self.write(|state, at| {
            let token = state.tokens.remove(&id)?;
            if token.owner.account().is_some() {
                state.ends.append(at, id);
            }
            self.log(state, at, token.owner.account(), note, (None, None));
            Some(token)
        })))
    }

    fn device(
        &self,
        account: AccountId,
        id: DeviceId,
    ) -> BoxFuture<'_, Result<Option<Device>, StoreError>> {
        let (at, state) = (self.0.clock.wall(), self.state());
        let account = state.live_account(&account.into());
        now(Ok(account.and_then(|account| state.devices.known(account, id, at).cloned())))
    }

    fn devices(&self, account: AccountId) -> BoxFuture<'_, Result<Vec<Device>, StoreError>> {
        let (at, state) = (self.0.clock.wall(), self.state());
        let account = state.live_account(&account.into());
        now(Ok(account.map_or_else(Vec::new, |account| state.devices.of(account, at))))
    }

    fn forget_device(
        &self,
        account: AccountId,
        id: DeviceId,
        note: Note,
    ) -> BoxFuture<'_, Result<Option<Account>, StoreError>> {
        now(self.write(|state, at| {
            let Some(mut edit) = state.live_account(&account.into()).cloned() else {
                return Ok(None);
            };
            if !state.devices.forget(&edit, id, at) {
                return Ok(None);
            }
            edit.locks.forget_device(id);
            let changed = state.replace(account, edit, None, at)?;
            let states = (Some(&changed.before), Some(&changed.account));
            self.log(state, at, Some(account), note, states);
            Ok(Some(changed.account))
        }))
    }

    fn runs(&self) -> &dyn RunStore {
        self
    }

    fn setting(&self, name: &'static str) -> BoxFuture<'_, Result<Option<String>, StoreError>> {
        now(Ok(self.state().settings.get(name).cloned()))
    }

    fn note(&self, note: Note) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(|state, at| self.log(state, at, None, note, (None, None)));
        now(Ok(()))
    }

    fn set_setting(
        &self,
        name: &'static str,
        value: String,
        note: Note,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.write(|state, at| {
            state.settings.insert(name, value);
            state.feed.append(at, None);
            self.log(state, at, None, note, (None, None));
        });
        now(Ok(()))
    }
}
