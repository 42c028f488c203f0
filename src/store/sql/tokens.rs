//! API tokens and settings.

use serde::Serialize;
use sqlx::Row;

use super::SqlDirectory;
use super::applications;
use super::audit::Entry;
use super::db::Tx;
use super::errors::{Fallible, Fault};
use super::heads;
use super::rows::{self, json, token_columns};
use crate::domain::account::AccountId;
use crate::domain::application::ApplicationId;
use crate::domain::event::Note;
use crate::domain::session::{SessionId, SessionKey};
use crate::domain::time::Timestamp;
use crate::store::{ApiToken, NewToken, StoreError, TokenOwner};

const BY_ID: &str = concat!("SELECT ", token_columns!(), " FROM api_tokens WHERE id = $1");

impl SqlDirectory {
    pub(super) async fn make_token(&self, new: NewToken, note: Note) -> Fallible<ApiToken> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        match new.owner {
            TokenOwner::Account(id) => owner_exists(&mut tx, id).await?,
            TokenOwner::Application(id) => applications::must_exist(&mut tx, id).await?,
        }
        let token = born(new, self.clock.wall());
        insert(&mut tx, &token).await?;
        let after = Some(json(&Described::from(&token))?);
        let entry = Entry { account: token.owner.account(), note, before: None, after };
        self.record(&mut tx, head, token.created_at, entry).await?;
        self.commit(tx).await?;
        Ok(token)
    }

    pub(super) async fn find_token(&self, key: SessionKey) -> Fallible<Option<ApiToken>> {
        let token = self.find_token_named(key.id()).await?;
        Ok(token.filter(|token| token.key.is(&key)))
    }

    pub(super) async fn find_token_named(&self, id: SessionId) -> Fallible<Option<ApiToken>> {
        let row = sqlx::query(BY_ID)
            .bind(id.to_string())
            .fetch_optional(self.db.readers())
            .await?;
        row.as_ref().map(rows::token).transpose()
    }

    pub(super) async fn list_tokens(&self, owner: Option<TokenOwner>) -> Fallible<Vec<ApiToken>> {
        let query = match owner {
            Some(TokenOwner::Application(owner)) => sqlx::query(concat!(
                "SELECT ",
                token_columns!(),
                " FROM api_tokens WHERE application = $1 \
                 ORDER BY created_at, id"
            ))
            .bind(owner.to_string()),
            Some(TokenOwner::Account(owner)) => sqlx::query(concat!(
                "SELECT ",
                token_columns!(),
                " FROM api_tokens WHERE owner = $1 \
                 ORDER BY created_at, id"
            ))
            .bind(owner.get()),
            None => sqlx::query(concat!(
                "SELECT ",
                token_columns!(),
                " FROM api_tokens ORDER BY created_at, id"
            )),
        };
        let rows = query.fetch_all(self.db.readers()).await?;
        rows.iter().map(rows::token).collect()
    }

    pub(super) async fn revoke(&self, id: SessionId, note: Note) -> Fallible<Option<ApiToken>> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        let row = sqlx::query(concat!(
            "DELETE FROM api_tokens WHERE id = $1 RETURNING ",
            token_columns!()
        ))
        .bind(id.to_string())
        .fetch_optional(&mut *tx)
        .await?;
        let Some(token) = row.as_ref().map(rows::token).transpose()? else { return Ok(None) };
        let now = self.clock.wall();
        let account = token.owner.account();
        // Gateways let no application in: there is nothing to be told.
        if let Some(account) = account {
            heads::tell_end(&mut tx, id, account, &note.actor, now).await?;
        }
        let before = Some(json(&Described::from(&token))?);
        let entry = Entry { account, note, before, after: None };
        self.record(&mut tx, head, now, entry).await?;
        self.commit(tx).await?;
        Ok(Some(token))
    }

    pub(super) async fn read_setting(&self, name: &str) -> Fallible<Option<String>> {
        let row = sqlx::query("SELECT value FROM settings WHERE name = $1")
            .bind(name)
            .fetch_optional(self.db.readers())
            .await?;
        row.map(|row| Ok(row.try_get(0)?)).transpose()
    }

    pub(super) async fn write_note(&self, note: Note) -> Fallible<()> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        let entry = Entry { account: None, note, before: None, after: None };
        self.record(&mut tx, head, self.clock.wall(), entry).await?;
        self.commit(tx).await
    }

    pub(super) async fn write_setting(
        &self,
        name: &str,
        value: String,
        note: Note,
    ) -> Fallible<()> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        let old = put_setting(&mut tx, name, &value).await?;
        let before = old
            .map(|value| json(&Setting { name, value: &value }))
            .transpose()?;
        let after = Some(json(&Setting { name, value: &value })?);
        let now = self.clock.wall();
        heads::tell_setting(&mut tx, &head, now).await?;
        let entry = Entry { account: None, note, before, after };
        self.record(&mut tx, head, now, entry).await?;
        self.commit(tx).await
    }
}

/// What the audit log keeps of a token.
#[derive(Serialize)]
struct Described<'a> {
    id: SessionId,
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<ApplicationId>,
    name: &'a str,
    scopes: &'a [String],
    expires_at: Option<Timestamp>,
}

impl<'a> From<&'a ApiToken> for Described<'a> {
    fn from(token: &'a ApiToken) -> Self {
        let ApiToken { key, owner, name, scopes, expires_at, .. } = token;
        let application = owner.application();
        Self { id: key.id(), application, name, scopes, expires_at: *expires_at }
    }
}

/// What the audit log keeps of a setting.
#[derive(Serialize)]
struct Setting<'a> {
    name: &'a str,
    value: &'a str,
}

fn born(new: NewToken, now: Timestamp) -> ApiToken {
    let NewToken { key, owner, name, scopes, expires_at } = new;
    ApiToken { key, owner, name, scopes, created_at: now, expires_at, last_used_at: None }
}

async fn owner_exists(tx: &mut Tx, owner: AccountId) -> Fallible<()> {
    let row = sqlx::query("SELECT id FROM accounts WHERE id = $1")
        .bind(owner.get())
        .fetch_optional(&mut **tx)
        .await?;
    let missing = || Fault::Store(StoreError::unavailable(format!("there is no account {owner}")));
    row.map(drop).ok_or_else(missing)
}

async fn insert(tx: &mut Tx, token: &ApiToken) -> Fallible<()> {
    sqlx::query(
        "INSERT INTO api_tokens \
         (id, key, owner, application, name, scopes, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(token.key.id().to_string())
    .bind(token.key.to_hex())
    .bind(token.owner.account().map(AccountId::get))
    .bind(token.owner.application().map(|id| id.to_string()))
    .bind(&token.name)
    .bind(json(&token.scopes)?)
    .bind(token.created_at.as_micros())
    .bind(token.expires_at.map(Timestamp::as_micros))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Says what was there before.
async fn put_setting(tx: &mut Tx, name: &str, value: &str) -> Fallible<Option<String>> {
    let row = sqlx::query("SELECT value FROM settings WHERE name = $1")
        .bind(name)
        .fetch_optional(&mut **tx)
        .await?;
    sqlx::query(
        "INSERT INTO settings (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value",
    )
    .bind(name)
    .bind(value)
    .execute(&mut **tx)
    .await?;
    row.map(|row| Ok(row.try_get(0)?)).transpose()
}
