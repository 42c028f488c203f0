//! Accounts: found, made and changed.

use sqlx::{AnyPool, Row};

use super::SqlDirectory;
use super::audit::Entry;
use super::db::Tx;
use super::devices;
use super::errors::{Fallible, Fault};
use super::heads::{self, Head};
use super::members;
use super::names;
use super::rows::{self, account_columns, admin_lock_until, folded_email, json};
use super::rows::{lockout_until, stored};
use super::values::{Rows, Value};
use crate::domain::account::{Account, AccountId};
use crate::domain::device::DeviceId;
use crate::domain::event::Note;
use crate::domain::login::{Login, TypedLogin, folded};
use crate::domain::standing::{Generation, Lifecycle, Version};
use crate::domain::time::Timestamp;
use crate::store::{Changed, CreateError, Decide, Edit, Facts, NewAccount, PasswordEdit};

const BY_ID: &str = concat!("SELECT ", account_columns!(), " FROM accounts WHERE id = $1");

const TOMBSTONE: &str = concat!(
    "SELECT ",
    account_columns!(),
    " FROM accounts WHERE login = $1 AND lifecycle = 'deleted'"
);

// A login before an address, should somebody's login be another one's address.
const BY_TYPED: &str = concat!(
    "SELECT ",
    account_columns!(),
    " FROM accounts \
     WHERE (login = $1 OR email_folded = $1) AND lifecycle <> 'deleted' \
     ORDER BY CASE WHEN login = $1 THEN 0 ELSE 1 END LIMIT 1"
);

impl SqlDirectory {
    pub(super) async fn find(&self, id: AccountId) -> Fallible<Option<Account>> {
        let row = sqlx::query(BY_ID)
            .bind(id.get())
            .fetch_optional(self.db.readers())
            .await?;
        row.as_ref().map(rows::account).transpose()
    }

    pub(super) async fn find_typed(&self, typed: &TypedLogin) -> Fallible<Option<Account>> {
        if typed.as_str().is_empty() {
            return Ok(None);
        }
        let query = sqlx::query(BY_TYPED).bind(typed.as_str());
        let row = query.fetch_optional(self.db.readers()).await?;
        row.as_ref().map(rows::account).transpose()
    }

    pub(super) async fn find_tombstone(&self, login: Login) -> Fallible<Option<Account>> {
        let query = sqlx::query(TOMBSTONE).bind(login.as_str());
        let row = query.fetch_optional(self.db.readers()).await?;
        row.as_ref().map(rows::account).transpose()
    }

    pub(super) async fn hash_of(&self, id: AccountId) -> Fallible<Option<String>> {
        let pool: &AnyPool = self.db.readers();
        let row = sqlx::query("SELECT password_hash FROM accounts WHERE id = $1")
            .bind(id.get())
            .fetch_optional(pool)
            .await?;
        row.map_or(Ok(None), |row| Ok(row.try_get(0)?))
    }

    pub(super) async fn make(
        &self,
        licences: Option<u64>,
        new: NewAccount,
        note: Note,
    ) -> Fallible<Result<Account, CreateError>> {
        let mut tx = self.db.write().await?;
        let mut head = heads::advance(&mut tx).await?;
        if let Err(taken) = names::are_free(&mut tx, &new).await? {
            return Ok(Err(taken));
        }
        head.last_account += 1;
        let id =
            AccountId::try_from(head.last_account).map_err(|e| Fault::damaged(e.to_string()))?;
        let (account, hash) = newborn(id, new, self.clock.wall());
        if account.uses_licence() {
            if let Err(none_left) = CreateError::unless_licensed(head.licences, licences) {
                return Ok(Err(none_left));
            }
            head.licences += 1;
        }
        insert(&mut tx, &account, hash.as_deref()).await?;
        heads::tell(&mut tx, &head, id, account.created_at).await?;
        let entry = Entry { account: Some(id), note, before: None, after: Some(json(&account)?) };
        self.record(&mut tx, head, account.created_at, entry)
            .await?;
        self.commit(tx).await?;
        self.write_pieces_if_due().await;
        Ok(Ok(account))
    }

    pub(super) async fn alter(
        &self,
        id: AccountId,
        decide: Decide<'_>,
    ) -> Fallible<Option<Changed>> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        self.alter_in(tx, head, id, decide).await
    }

    /// The same in a transaction that has taken the head already. Commits it if there is
    /// something to write.
    pub(super) async fn alter_in(
        &self,
        mut tx: Tx,
        head: Head,
        id: AccountId,
        decide: Decide<'_>,
    ) -> Fallible<Option<Changed>> {
        let changed = self.alter_within(&mut tx, head, id, decide).await?;
        if let Some(Changed { before, account }) = &changed {
            self.commit(tx).await?;
            let called = |account: &Account| {
                (account.login.clone(), account.name.clone(), account.email.clone())
            };
            if called(before) != called(account) {
                self.write_pieces_if_due().await;
            }
        }
        Ok(changed)
    }

    /// The same, and somebody else commits it.
    pub(super) async fn alter_within(
        &self,
        tx: &mut Tx,
        mut head: Head,
        id: AccountId,
        decide: impl FnOnce(Facts<'_>) -> Option<Edit> + Send,
    ) -> Fallible<Option<Changed>> {
        let now = self.clock.wall();
        let Some(before) = read(tx, id).await? else { return Ok(None) };
        let other_active_admins = other_active_admins(tx, id, now).await?;
        let devices = devices::all_known(&mut **tx, id, now).await?;
        let devices: Vec<DeviceId> = devices.iter().map(|device| device.id).collect();
        let licences_used = head.licences;
        let facts =
            Facts { account: &before, other_active_admins, devices: &devices, licences_used, now };
        let Some(edit) = decide(facts) else { return Ok(None) };
        let Edit { account, password_hash, note } = edit;
        let account = edited(&before, account, password_hash.as_ref(), now);
        names::rename(tx, &before, &account).await?;
        head.recount(&before, &account);
        let hash = password_hash.as_ref().and_then(PasswordEdit::hash);
        update(tx, &account, hash).await?;
        if account.lifecycle == Lifecycle::Deleted {
            members::forget(tx, id, now).await?;
        }
        heads::tell(tx, &head, id, now).await?;
        let states = (Some(json(&before)?), Some(json(&account)?));
        let entry = Entry { account: Some(id), note, before: states.0, after: states.1 };
        self.record(tx, head, now, entry).await?;
        Ok(Some(Changed { before, account }))
    }
}

/// What is the store's own stays as it is, whatever the edit says.
pub(super) fn edited(
    before: &Account,
    edit: Account,
    password: Option<&PasswordEdit>,
    now: Timestamp,
) -> Account {
    Account {
        id: before.id,
        sessions_ended_at: before.sessions_ended_by(&edit, now),
        version: before.version.next(),
        has_password: password.map_or(before.has_password, |edit| edit.hash().is_some()),
        created_at: before.created_at,
        updated_at: now,
        last_sign_in_at: before.last_sign_in_at,
        ..edit
    }
}

fn newborn(id: AccountId, new: NewAccount, now: Timestamp) -> (Account, Option<String>) {
    let NewAccount { login, name, email, admin, details, lifecycle, locks, password_hash } = new;
    let account = Account {
        id,
        login,
        name,
        email,
        admin,
        details,
        lifecycle,
        locks,
        generation: Generation::default(),
        sessions_ended_at: None,
        version: Version::default().next(),
        attempts_generation: 0,
        has_password: password_hash.is_some(),
        created_at: now,
        updated_at: now,
        last_sign_in_at: None,
    };
    (account, password_hash)
}

pub(super) async fn read(tx: &mut Tx, id: AccountId) -> Fallible<Option<Account>> {
    let row = sqlx::query(BY_ID)
        .bind(id.get())
        .fetch_optional(&mut **tx)
        .await?;
    row.as_ref().map(rows::account).transpose()
}

/// As [`Account::is_active_admin`] has it.
async fn other_active_admins(tx: &mut Tx, id: AccountId, now: Timestamp) -> Fallible<u64> {
    let row = sqlx::query(
        "SELECT COUNT(*) FROM accounts WHERE admin = 1 AND lifecycle = 'active' \
         AND disabled = 0 AND (admin_lock_until IS NULL OR admin_lock_until <= $1) AND id <> $2",
    )
    .bind(now.as_micros())
    .bind(id.get())
    .fetch_one(&mut **tx)
    .await?;
    Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
}

async fn insert(tx: &mut Tx, account: &Account, hash: Option<&str>) -> Fallible<()> {
    sqlx::query(
        "INSERT INTO accounts (id, login, name, name_folded, email, email_folded, admin, \
         lifecycle, locks, disabled, generation, version, attempts_generation, password_hash, \
         created_at, updated_at, details, first_name_folded, last_name_folded, \
         admin_lock_until, external_id, external_id_folded, lockout_until) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $17, $10, $11, 0, $12, $13, $13, $14, $15, \
         $16, $18, $19, $20, $21)",
    )
    .bind(account.id.get())
    .bind(account.login.as_str())
    .bind(&account.name)
    .bind(folded(&account.name))
    .bind(account.email.as_deref())
    .bind(folded_email(account.email.as_deref()))
    .bind(i64::from(account.admin))
    .bind(account.lifecycle.as_str())
    .bind(json(&account.locks)?)
    .bind(stored(account.generation.get()))
    .bind(stored(account.version.get()))
    .bind(hash)
    .bind(account.created_at.as_micros())
    .bind(json(&account.details)?)
    .bind(folded(account.names().0))
    .bind(folded(account.names().1))
    .bind(i64::from(account.locks.disablement.is_some()))
    .bind(admin_lock_until(&account.locks))
    .bind(account.details.external_id.as_deref())
    .bind(account.details.external_id.as_deref().map(folded))
    .bind(lockout_until(&account.locks))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Without a new hash the one that there is stays, unless the account has no password
/// any more.
pub(super) async fn update(tx: &mut Tx, account: &Account, hash: Option<&str>) -> Fallible<()> {
    sqlx::query(
        "UPDATE accounts SET name = $2, name_folded = $3, email = $4, email_folded = $5, \
         admin = $6, lifecycle = $7, locks = $8, admin_lock_until = $9, lockout_until = $10, \
         disabled = $11, generation = $12, version = $13, attempts_generation = $14, \
         password_hash = CASE WHEN CAST($24 AS BIGINT) = 0 THEN NULL \
         ELSE COALESCE($15, password_hash) END, updated_at = $16, sessions_ended_at = $17, \
         details = $18, first_name_folded = $19, last_name_folded = $20, login = $21, \
         external_id = $22, external_id_folded = $23 \
         WHERE id = $1",
    )
    .bind(account.id.get())
    .bind(&account.name)
    .bind(folded(&account.name))
    .bind(account.email.as_deref())
    .bind(folded_email(account.email.as_deref()))
    .bind(i64::from(account.admin))
    .bind(account.lifecycle.as_str())
    .bind(json(&account.locks)?)
    .bind(admin_lock_until(&account.locks))
    .bind(lockout_until(&account.locks))
    .bind(i64::from(account.locks.disablement.is_some()))
    .bind(stored(account.generation.get()))
    .bind(stored(account.version.get()))
    .bind(stored(account.attempts_generation))
    .bind(hash)
    .bind(account.updated_at.as_micros())
    .bind(account.sessions_ended_at.map(Timestamp::as_micros))
    .bind(json(&account.details)?)
    .bind(folded(account.names().0))
    .bind(folded(account.names().1))
    .bind(account.login.as_str())
    .bind(account.details.external_id.as_deref())
    .bind(account.details.external_id.as_deref().map(folded))
    .bind(i64::from(account.has_password))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

const UPDATE_STANDINGS: Rows<11> = Rows {
    before: "UPDATE accounts SET admin = standings.column2, locks = standings.column3, \
         admin_lock_until = standings.column4, lockout_until = standings.column5, disabled = standings.column6, \
         generation = standings.column7, version = standings.column8, attempts_generation = standings.column9, \
         updated_at = standings.column10, sessions_ended_at = standings.column11 FROM (VALUES ",
    after: ") AS standings WHERE id = standings.column1",
};

/// Writes what runs change of accounts, each of which is there and is named once. Names
/// are no part of it, so their indexes are left alone.
pub(super) async fn update_standings(
    tx: &mut Tx,
    accounts: impl Iterator<Item = &Account>,
) -> Fallible<()> {
    let rows = accounts.map(standing_row).collect::<Fallible<Vec<_>>>()?;
    let named = rows.len();
    let written = UPDATE_STANDINGS.write(tx, rows).await?;
    if written == named as u64 {
        return Ok(());
    }
    Err(Fault::damaged(format!("{written} of {named} accounts were there to be changed")))
}

fn standing_row(account: &Account) -> Fallible<[Value; 11]> {
    Ok([
        account.id.get().into(),
        i64::from(account.admin).into(),
        json(&account.locks)?.into(),
        admin_lock_until(&account.locks).into(),
        lockout_until(&account.locks).into(),
        i64::from(account.locks.disablement.is_some()).into(),
        stored(account.generation.get()).into(),
        stored(account.version.get()).into(),
        stored(account.attempts_generation).into(),
        account.updated_at.as_micros().into(),
        account.sessions_ended_at.map(Timestamp::as_micros).into(),
    ])
}
