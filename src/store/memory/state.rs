//! What a directory in memory holds, and what is done to it in one go.

use std::collections::{BTreeMap, HashMap, VecDeque};

use crate::domain::account::{Account, AccountId, AccountKey};
use crate::domain::application::{Application, ApplicationId};
use crate::domain::deletion::DeletionId;
use crate::domain::invitation::Invitation;
use crate::domain::login::{fold_email, folded};
use crate::domain::session::SessionId;
use crate::domain::standing::{Generation, Lifecycle, Status, Version};
use crate::domain::time::Timestamp;
use crate::store::keyring::AuditLink;
use crate::store::memory::deletions::Kept;
use crate::store::memory::devices::Devices;
use crate::store::memory::groups::Groups;
use crate::store::memory::held::Held;
use crate::store::memory::history::History;
use crate::store::memory::runs::Runs;
use crate::store::memory::webhooks::Webhooks;
use crate::store::{
    AccountPage, AccountQuery, AccountSearch, ApiToken, AuditEntry, Changed, CreateError,
    Headcount, NewAccount, PasswordEdit, StoreError, TokenOwner, UniqueName,
};

#[derive(Default)]
pub(super) struct State {
    pub(super) accounts: BTreeMap<AccountId, Record>,
    pub(super) logins: HashMap<String, AccountId>,
    /// Logins that somebody had before they were renamed.
    pub(super) former_logins: HashMap<String, AccountId>,
    pub(super) emails: HashMap<String, AccountId>,
    pub(super) external_ids: HashMap<String, AccountId>,
    pub(super) sessions: Held,
    pub(super) webhooks: Webhooks,
    pub(super) devices: Devices,
    pub(super) deletions: BTreeMap<DeletionId, Kept>,
    pub(super) groups: Groups,
    pub(super) applications: BTreeMap<ApplicationId, Application>,
    pub(super) tokens: BTreeMap<SessionId, ApiToken>,
    pub(super) invitations: HashMap<AccountId, Invitation>,
    pub(super) settings: HashMap<&'static str, String>,
    pub(super) runs: Runs,
    pub(super) history: History,
    pub(super) audit: Vec<AuditEntry>,
    /// The last record that was pruned, and its link.
    pub(super) audit_pruned: Option<(u64, AuditLink)>,
    /// Settings and tokens change without an account.
    pub(super) feed: Feed<Option<AccountId>>,
    pub(super) ends: Feed<SessionId>,
}

pub(super) struct Record {
    pub(super) account: Account,
    pub(super) password_hash: Option<String>,
}

/// Entries in order, with the position of the newest and of the last pruned.
pub(super) struct Feed<T> {
    pub(super) head: u64,
    pub(super) floor: u64,
    pub(super) entries: VecDeque<(Timestamp, T)>,
}

impl<T> Default for Feed<T> {
    fn default() -> Self {
        Self { head: 0, floor: 0, entries: VecDeque::new() }
    }
}

impl<T: Copy> Feed<T> {
    pub(super) fn append(&mut self, at: Timestamp, what: T) {
        self.head += 1;
        self.entries.push_back((at, what));
    }

    /// Whether something between this place and the head can't be told.
    pub(super) fn has_lost(&self, cursor: u64) -> bool {
        !(self.floor..=self.head).contains(&cursor)
    }

    pub(super) fn after(&self, cursor: u64, limit: usize) -> (Vec<(Timestamp, T)>, u64) {
        let start = cursor.clamp(self.floor, self.head);
        let skip = usize::try_from(start - self.floor).unwrap_or(usize::MAX);
        let page: Vec<_> = self
            .entries
            .iter()
            .skip(skip)
            .take(limit)
            .copied()
            .collect();
        let next = start + page.len() as u64;
        (page, next)
    }

    pub(super) fn prune(&mut self, before: Timestamp) -> u64 {
        let old = self
            .entries
            .iter()
            .take_while(|(at, _)| *at < before)
            .count();
        self.entries.drain(..old);
        self.floor += old as u64;
        old as u64
    }
}

impl State {
    pub(super) fn live_account(&self, key: &AccountKey) -> Option<&Account> {
        let record = self.accounts.get(&key.account_id()?)?;
        Some(&record.account)
    }

    pub(super) fn active_admins(&self, at: Timestamp) -> u64 {
        let accounts = self.accounts.values().map(|record| &record.account);
        accounts
            .filter(|account| account.is_active_admin(at))
            .count() as u64
    }

    pub(super) fn check_owner(&self, owner: TokenOwner) -> Result<(), StoreError> {
        let missing = match owner {
            TokenOwner::Account(id) if !self.accounts.contains_key(&id) => format!("account {id}"),
            TokenOwner::Application(id) if !self.applications.contains_key(&id) => {
                format!("application {id}")
            }
            _ => return Ok(()),
        };
        Err(StoreError::unavailable(format!("there is no {missing}")))
    }

    /// Forgets applications' tokens that ended before this, and says how many.
    pub(super) fn prune_tokens(&mut self, before: Timestamp) -> u64 {
        let held = self.tokens.len();
        self.tokens.retain(|_, token| {
            let over = token.expires_at.is_some_and(|end| end < before);
            token.owner.application().is_none() || !over
        });
        (held - self.tokens.len()) as u64
    }

    pub(super) fn other_active_admins(&self, but: AccountId, at: Timestamp) -> u64 {
        let others = self.accounts.values().map(|record| &record.account);
        others
            .filter(|a| a.id != but && a.is_active_admin(at))
            .count() as u64
    }

    pub(super) fn licences_used(&self) -> u64 {
        let accounts = self.accounts.values();
        accounts
            .filter(|record| record.account.uses_licence())
            .count() as u64
    }

    pub(super) fn headcount(&self, at: Timestamp) -> Headcount {
        let mut count = Headcount { licensed: self.licences_used(), ..Headcount::default() };
        for record in self.accounts.values() {
            let (status, locks) = (record.account.standing().status(at), &record.account.locks);
            if status == Status::Locked {
                count.locked_by_hand += u64::from(locks.admin_lock_at(at).is_some());
                count.locked_by_failures += u64::from(locks.lockout_at(at).is_some());
            }
            *match status {
                Status::Active => &mut count.active,
                Status::Deleted => &mut count.deleted,
                Status::Disabled => &mut count.disabled,
                Status::Invited => &mut count.invited,
                Status::Locked => &mut count.locked,
                Status::Registered => &mut count.registered,
            } += 1;
        }
        count
    }

    pub(super) fn check_unique(&self, new: &NewAccount) -> Result<(), CreateError> {
        let login = new.login.clone();
        if self.former_logins.contains_key(login.as_str()) {
            return Err(CreateError::LoginRetired { login });
        }
        if let Some(holder) = self.logins.get(login.as_str()) {
            let retired = self.accounts[holder].account.lifecycle == Lifecycle::Deleted;
            return Err(match retired {
                true => CreateError::LoginRetired { login },
                false => CreateError::LoginTaken { login },
            });
        }
        if let Some(email) = &new.email
            && self.emails.contains_key(&email_key(email))
        {
            return Err(CreateError::EmailTaken { email: email.clone() });
        }
        match &new.details.external_id {
            Some(external_id) if self.external_ids.contains_key(external_id) => {
                Err(CreateError::ExternalIdTaken { external_id: external_id.clone() })
            }
            _ => Ok(()),
        }
    }

    /// What the edit would be called that somebody else is.
    fn taken_by_other(&self, edit: &Account) -> Option<UniqueName> {
        let other = |holder: Option<&AccountId>| holder.is_some_and(|holder| *holder != edit.id);
        let login = edit.login.as_str();
        if other(self.logins.get(login)) || other(self.former_logins.get(login)) {
            return Some(UniqueName::Login(edit.login.clone()));
        }
        if let Some(email) = &edit.email
            && other(self.emails.get(&email_key(email)))
        {
            return Some(UniqueName::Email(email.clone()));
        }
        let external_id = edit.details.external_id.as_ref()?;
        other(self.external_ids.get(external_id))
            .then(|| UniqueName::ExternalId(external_id.clone()))
    }

    pub(super) fn insert(&mut self, new: NewAccount, at: Timestamp) -> Account {
        let number = self.accounts.len() as i64 + 1;
        let Ok(id) = AccountId::try_from(number) else { unreachable!("{number} is positive") };
        let account = Account {
            id,
            login: new.login,
            name: new.name,
            email: new.email,
            admin: new.admin,
            details: new.details,
            lifecycle: new.lifecycle,
            locks: new.locks,
            generation: Generation::default(),
            sessions_ended_at: None,
            version: Version::new(1),
            attempts_generation: 0,
            has_password: new.password_hash.is_some(),
            created_at: at,
            updated_at: at,
            last_sign_in_at: None,
        };
        self.name(&account);
        let record = Record { account: account.clone(), password_hash: new.password_hash };
        self.accounts.insert(id, record);
        account
    }

    /// What is the store's own stays as it is, whatever the edit says.
    pub(super) fn replace(
        &mut self,
        id: AccountId,
        edit: Account,
        password: Option<PasswordEdit>,
        at: Timestamp,
    ) -> Result<Changed, StoreError> {
        let edit = Account { id, ..edit };
        if edit.lifecycle != Lifecycle::Deleted
            && let Some(name) = self.taken_by_other(&edit)
        {
            return Err(StoreError::Taken { name });
        }
        let Some(record) = self.accounts.get_mut(&id) else {
            unreachable!("a decision was made on this account")
        };
        let before = record.account.clone();
        match password {
            None => {}
            Some(PasswordEdit::Remove) => record.password_hash = None,
            Some(PasswordEdit::Set(hash)) => record.password_hash = Some(hash),
        }
        let account = Account {
            sessions_ended_at: before.sessions_ended_by(&edit, at),
            version: before.version.next(),
            has_password: record.password_hash.is_some(),
            created_at: before.created_at,
            updated_at: at,
            last_sign_in_at: before.last_sign_in_at,
            ..edit
        };
        record.account = account.clone();
        self.rename(&before, &account);
        if account.lifecycle == Lifecycle::Deleted {
            self.groups.forget(id, at);
        }
        self.feed.append(at, Some(account.id));
        Ok(Changed { before, account })
    }

    fn rename(&mut self, before: &Account, after: &Account) {
        if let Some(email) = &before.email {
            self.emails.remove(&email_key(email));
        }
        if let Some(external_id) = &before.details.external_id {
            self.external_ids.remove(external_id);
        }
        if before.login != after.login {
            let former = before.login.as_str().to_owned();
            self.logins.remove(&former);
            // A deleted account's login is moved aside to be given out again.
            if after.lifecycle != Lifecycle::Deleted {
                self.former_logins.remove(after.login.as_str());
                self.former_logins.insert(former, before.id);
            }
        }
        self.name(after);
    }

    /// Takes down what an account is called; one that is deleted keeps its login alone.
    fn name(&mut self, account: &Account) {
        let id = account.id;
        self.logins.insert(account.login.as_str().to_owned(), id);
        if account.lifecycle == Lifecycle::Deleted {
            return;
        }
        if let Some(email) = &account.email {
            self.emails.insert(email_key(email), id);
        }
        if let Some(external_id) = &account.details.external_id {
            self.external_ids.insert(external_id.clone(), id);
        }
    }

    pub(super) fn search(&self, search: &AccountSearch, at: Timestamp) -> AccountPage {
        let accounts = self.accounts.values().map(|record| &record.account);
        let mut found: Vec<&Account> = accounts
            .filter(|account| account.lifecycle != Lifecycle::Deleted)
            .filter(|account| {
                let groups = self.groups.of(account.id);
                let filters = &mut search.filters.iter();
                filters.all(|filter| filter.takes(account, &groups, at))
            })
            .collect();
        found.sort_by(|a, b| search.compare(a, b));
        let total = if search.uncounted { 0 } else { found.len() as u64 };
        if let Some(after) = search.after {
            let after = self.accounts.get(&after).map(|record| &record.account);
            found.retain(|found| after.is_some_and(|after| search.compare(after, found).is_lt()));
        }
        let before = usize::try_from(search.offset).unwrap_or(usize::MAX);
        let page = found.into_iter().skip(before).take(search.limit as usize);
        AccountPage { accounts: page.cloned().collect(), total }
    }

    pub(super) fn matches(account: &Account, query: &AccountQuery, at: Timestamp) -> bool {
        let status = account.standing().status(at);
        let wanted = match query.status {
            Some(wanted) => status == wanted,
            None => status != Status::Deleted,
        };
        let contains = |needle: &str| {
            let fields = [account.login.as_str(), &account.name]
                .into_iter()
                .chain(account.email.as_deref());
            fields
                .into_iter()
                .any(|field| folded(field).contains(needle))
        };
        let found = query
            .search
            .as_deref()
            .is_none_or(|words| contains(&folded(words)));
        wanted && found && query.after.is_none_or(|after| account.id > after)
    }
}

pub(super) fn email_key(email: &str) -> String {
    fold_email(email).unwrap_or_else(|| email.to_lowercase())
}
