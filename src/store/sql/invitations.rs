//! Links that let somebody choose a password, once.

use sqlx::any::AnyRow;

use super::SqlDirectory;
use super::accounts;
use super::audit::Entry;
use super::db::Tx;
use super::errors::Fallible;
use super::heads;
use super::rows::{Columns, stored};
use crate::domain::account::{Account, AccountId};
use crate::domain::invitation::{Invitation, Purpose};
use crate::domain::session::SessionKey;
use crate::domain::standing::Generation;
use crate::store::invitations::described;
use crate::store::{BoxFuture, Changed, Decide, DecideInvitation, InvitationStore, StoreError};

const BY_KEY: &str = "SELECT key, account, purpose, generation, created_at, expires_at \
    FROM invitations WHERE key = $1";

impl SqlDirectory {
    async fn make_invitation(
        &self,
        id: AccountId,
        decide: DecideInvitation<'_>,
    ) -> Fallible<Option<Invitation>> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        let now = self.clock.wall();
        let Some(account) = accounts::read(&mut tx, id).await? else { return Ok(None) };
        let Some((new, note)) = decide(&account, now) else { return Ok(None) };
        let invitation = new.born(&account, now);
        put(&mut tx, &invitation).await?;
        let after = Some(described(&invitation));
        let entry = Entry { account: Some(id), note, before: None, after };
        self.record(&mut tx, head, now, entry).await?;
        self.commit(tx).await?;
        Ok(Some(invitation))
    }

    async fn find_invitation(&self, key: SessionKey) -> Fallible<Option<(Invitation, Account)>> {
        let mut tx = self.db.read().await?;
        self.open_one_with(&mut tx, key).await
    }

    /// The link and its account, if the one opens the other now.
    async fn open_one_with(
        &self,
        tx: &mut Tx,
        key: SessionKey,
    ) -> Fallible<Option<(Invitation, Account)>> {
        let row = sqlx::query(BY_KEY)
            .bind(key.to_hex())
            .fetch_optional(&mut **tx)
            .await?;
        let Some(invitation) = row.as_ref().map(invitation).transpose()? else { return Ok(None) };
        let account = accounts::read(tx, invitation.account).await?;
        let now = self.clock.wall();
        let opened = account.filter(|account| invitation.opens(account, now));
        Ok(opened.map(|account| (invitation, account)))
    }

    async fn redeem_one(&self, key: SessionKey, decide: Decide<'_>) -> Fallible<Option<Changed>> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        let Some((invitation, _)) = self.open_one_with(&mut tx, key).await? else {
            return Ok(None);
        };
        sqlx::query("DELETE FROM invitations WHERE account = $1")
            .bind(invitation.account.get())
            .execute(&mut *tx)
            .await?;
        self.alter_in(tx, head, invitation.account, decide).await
    }
}

impl InvitationStore for SqlDirectory {
    fn invite<'a>(
        &'a self,
        account: AccountId,
        decide: DecideInvitation<'a>,
    ) -> BoxFuture<'a, Result<Option<Invitation>, StoreError>> {
        self.answered(self.make_invitation(account, decide))
    }

    fn invitation(
        &self,
        key: SessionKey,
    ) -> BoxFuture<'_, Result<Option<(Invitation, Account)>, StoreError>> {
        self.answered(self.find_invitation(key))
    }

    fn redeem<'a>(
        &'a self,
        key: SessionKey,
        decide: Decide<'a>,
    ) -> BoxFuture<'a, Result<Option<Changed>, StoreError>> {
        self.answered(self.redeem_one(key, decide))
    }
}

fn invitation(row: &AnyRow) -> Fallible<Invitation> {
    let mut columns = Columns::of(row);
    Ok(Invitation {
        key: columns.word(SessionKey::from_hex)?,
        account: columns.account()?,
        purpose: columns.word(Purpose::from_word)?,
        generation: Generation::new(columns.number()?),
        created_at: columns.time()?,
        expires_at: columns.time()?,
    })
}

/// In place of the one that the account had.
async fn put(tx: &mut Tx, invitation: &Invitation) -> Fallible<()> {
    sqlx::query(
        "INSERT INTO invitations (account, key, purpose, generation, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (account) DO UPDATE SET \
         key = excluded.key, purpose = excluded.purpose, generation = excluded.generation, \
         created_at = excluded.created_at, expires_at = excluded.expires_at",
    )
    .bind(invitation.account.get())
    .bind(invitation.key.to_hex())
    .bind(invitation.purpose.as_str())
    .bind(stored(invitation.generation.get()))
    .bind(invitation.created_at.as_micros())
    .bind(invitation.expires_at.as_micros())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
