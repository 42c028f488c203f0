//! What nobody else may be called: logins, addresses and external ids.

use sqlx::Row;

use super::db::Tx;
use super::errors::{Fallible, Fault};
use super::rows::folded_email;
use crate::domain::account::{Account, AccountId};
use crate::domain::login::Login;
use crate::domain::standing::Lifecycle;
use crate::store::{CreateError, NewAccount, StoreError, UniqueName};

/// A deleted account keeps its login for ever; its address and its external id may
/// have a new owner.
pub(super) async fn are_free(tx: &mut Tx, new: &NewAccount) -> Fallible<Result<(), CreateError>> {
    if let Some(holder) = holder_of(tx, &new.login).await? {
        let login = new.login.clone();
        return Ok(Err(match holder {
            Holder::Now(_) => CreateError::LoginTaken { login },
            Holder::Formerly(_) => CreateError::LoginRetired { login },
        }));
    }
    if let Some(email) = &new.email
        && is_taken(tx, BY_EMAIL, folded_email(Some(email)), None).await?
    {
        return Ok(Err(CreateError::EmailTaken { email: email.clone() }));
    }
    if let Some(external_id) = &new.details.external_id
        && is_taken(tx, BY_EXTERNAL_ID, Some(external_id.clone()), None).await?
    {
        return Ok(Err(CreateError::ExternalIdTaken { external_id: external_id.clone() }));
    }
    Ok(Ok(()))
}

/// The same for an account that is changed; and keeps what it was called before from
/// everybody else.
pub(super) async fn rename(tx: &mut Tx, before: &Account, after: &Account) -> Fallible<()> {
    if after.lifecycle == Lifecycle::Deleted {
        return Ok(());
    }
    if before.login != after.login {
        let holder = holder_of(tx, &after.login).await?;
        if holder.is_some_and(|holder| holder.is_other_than(before.id)) {
            return Err(taken(UniqueName::Login(after.login.clone())));
        }
        retire(tx, before, after).await?;
    }
    let own = Some(before.id);
    if let Some(email) = &after.email
        && before.email != after.email
        && is_taken(tx, BY_EMAIL, folded_email(Some(email)), own).await?
    {
        return Err(taken(UniqueName::Email(email.clone())));
    }
    let external_id = &after.details.external_id;
    if let Some(external_id) = external_id
        && before.details.external_id != after.details.external_id
        && is_taken(tx, BY_EXTERNAL_ID, Some(external_id.clone()), own).await?
    {
        return Err(taken(UniqueName::ExternalId(external_id.clone())));
    }
    Ok(())
}

const BY_EMAIL: &str =
    "SELECT id FROM accounts WHERE email_folded = $1 AND lifecycle <> 'deleted' AND id <> $2";
const BY_EXTERNAL_ID: &str =
    "SELECT id FROM accounts WHERE external_id = $1 AND lifecycle <> 'deleted' AND id <> $2";

async fn is_taken(
    tx: &mut Tx,
    sql: &'static str,
    name: Option<String>,
    own: Option<AccountId>,
) -> Fallible<bool> {
    let row = sqlx::query(sql)
        .bind(name)
        .bind(own.map_or(0, AccountId::get))
        .fetch_optional(&mut **tx)
        .await?;
    Ok(row.is_some())
}

/// Who has a login.
enum Holder {
    Now(i64),
    /// They are deleted, or were renamed since.
    Formerly(i64),
}

impl Holder {
    fn is_other_than(&self, own: AccountId) -> bool {
        match self {
            Self::Now(id) | Self::Formerly(id) => *id != own.get(),
        }
    }
}

async fn holder_of(tx: &mut Tx, login: &Login) -> Fallible<Option<Holder>> {
    let row = sqlx::query(
        "SELECT id, CASE WHEN lifecycle = 'deleted' THEN 1 ELSE 0 END FROM accounts \
         WHERE login = $1 \
         UNION ALL SELECT account, 1 FROM former_logins WHERE login = $1",
    )
    .bind(login.as_str())
    .fetch_optional(&mut **tx)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let (id, formerly): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok(Some(if formerly == 1 { Holder::Formerly(id) } else { Holder::Now(id) }))
}

/// One's own former login may be taken up again: then it is a former one no more.
async fn retire(tx: &mut Tx, before: &Account, after: &Account) -> Fallible<()> {
    sqlx::query("DELETE FROM former_logins WHERE login = $1")
        .bind(after.login.as_str())
        .execute(&mut **tx)
        .await?;
    sqlx::query("INSERT INTO former_logins (login, account) VALUES ($1, $2)")
        .bind(before.login.as_str())
        .bind(before.id.get())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn taken(name: UniqueName) -> Fault {
    Fault::Store(StoreError::Taken { name })
}
