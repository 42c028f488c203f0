//! Applications, in a table of their own.

use serde::Serialize;

use super::SqlDirectory;
use super::audit::Entry;
use super::db::Tx;
use super::errors::{Fallible, Fault};
use super::heads;
use super::rows::{self, application_columns, json};
use crate::domain::application::{Application, ApplicationId};
use crate::domain::event::Note;
use crate::domain::time::Timestamp;
use crate::store::{
    ApplicationStore, BoxFuture, DecideApplication, NewApplication, StoreError, UniqueName,
};

const BY_ID: &str = concat!("SELECT ", application_columns!(), " FROM applications WHERE id = $1");

impl SqlDirectory {
    async fn make_application(&self, new: NewApplication, note: Note) -> Fallible<Application> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        let application = new.born(&note, self.clock.wall());
        insert(&mut tx, &application).await?;
        let after = Some(json(&Described::from(&application))?);
        let entry = Entry { account: None, note, before: None, after };
        self.record(&mut tx, head, application.created_at, entry)
            .await?;
        self.commit(tx).await?;
        Ok(application)
    }

    async fn find_application(&self, id: ApplicationId) -> Fallible<Option<Application>> {
        let row = sqlx::query(BY_ID)
            .bind(id.to_string())
            .fetch_optional(self.db.readers())
            .await?;
        row.as_ref().map(rows::application).transpose()
    }

    async fn list_applications(&self) -> Fallible<Vec<Application>> {
        let sql = concat!(
            "SELECT ",
            application_columns!(),
            " FROM applications ORDER BY created_at, id"
        );
        let rows = sqlx::query(sql).fetch_all(self.db.readers()).await?;
        rows.iter().map(rows::application).collect()
    }

    async fn alter_application(
        &self,
        id: ApplicationId,
        decide: DecideApplication<'_>,
    ) -> Fallible<Option<Application>> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        let Some(before) = read(&mut tx, id).await? else { return Ok(None) };
        let Some(edit) = decide(&before) else { return Ok(None) };
        let after = edit.over(&before);
        update(&mut tx, &after).await?;
        if edit.revoke_tokens {
            forget_tokens(&mut tx, id).await?;
        }
        let states =
            (Some(json(&Described::from(&before))?), Some(json(&Described::from(&after))?));
        let entry = Entry { account: None, note: edit.note, before: states.0, after: states.1 };
        self.record(&mut tx, head, self.clock.wall(), entry).await?;
        self.commit(tx).await?;
        Ok(Some(after))
    }

    async fn drop_application(
        &self,
        id: ApplicationId,
        note: Note,
    ) -> Fallible<Option<Application>> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        let Some(removed) = read(&mut tx, id).await? else { return Ok(None) };
        forget_tokens(&mut tx, id).await?;
        sqlx::query("DELETE FROM applications WHERE id = $1")
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
        let before = Some(json(&Described::from(&removed))?);
        let entry = Entry { account: None, note, before, after: None };
        self.record(&mut tx, head, self.clock.wall(), entry).await?;
        self.commit(tx).await?;
        Ok(Some(removed))
    }

    async fn note_application(&self, id: ApplicationId, at: Timestamp) -> Fallible<()> {
        let mut tx = self.db.write().await?;
        sqlx::query(
            "UPDATE applications SET last_used_at = $2 WHERE id = $1 \
             AND (last_used_at IS NULL OR last_used_at < $2)",
        )
        .bind(id.to_string())
        .bind(at.as_micros())
        .execute(&mut *tx)
        .await?;
        self.commit_quietly(tx).await
    }
}

/// What the audit log keeps of an application.
#[derive(Serialize)]
struct Described<'a> {
    id: ApplicationId,
    name: &'a str,
    scopes: &'a [String],
    enabled: bool,
}

impl<'a> From<&'a Application> for Described<'a> {
    fn from(application: &'a Application) -> Self {
        let Application { id, name, scopes, enabled, .. } = application;
        Self { id: *id, name, scopes, enabled: *enabled }
    }
}

/// Refuses an application that is not there any more.
pub(super) async fn must_exist(tx: &mut Tx, id: ApplicationId) -> Fallible<()> {
    let missing = || Fault::Store(StoreError::unavailable(format!("there is no application {id}")));
    read(tx, id).await?.map(drop).ok_or_else(missing)
}

async fn read(tx: &mut Tx, id: ApplicationId) -> Fallible<Option<Application>> {
    let row = sqlx::query(BY_ID)
        .bind(id.to_string())
        .fetch_optional(&mut **tx)
        .await?;
    row.as_ref().map(rows::application).transpose()
}

async fn insert(tx: &mut Tx, application: &Application) -> Fallible<()> {
    let inserted = sqlx::query(
        "INSERT INTO applications (id, name, secret, scopes, enabled, made_by, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(application.id.to_string())
    .bind(&application.name)
    .bind(application.secret.to_hex())
    .bind(json(&application.scopes)?)
    .bind(i64::from(application.enabled))
    .bind(&application.made_by)
    .bind(application.created_at.as_micros())
    .execute(&mut **tx)
    .await
    .map_err(Fault::from);
    match inserted {
        Err(fault) if fault.is_duplicate() => {
            Err(StoreError::Taken { name: UniqueName::Application(application.id) }.into())
        }
        done => done.map(drop),
    }
}

async fn update(tx: &mut Tx, application: &Application) -> Fallible<()> {
    sqlx::query(
        "UPDATE applications SET name = $2, secret = $3, scopes = $4, enabled = $5 WHERE id = $1",
    )
    .bind(application.id.to_string())
    .bind(&application.name)
    .bind(application.secret.to_hex())
    .bind(json(&application.scopes)?)
    .bind(i64::from(application.enabled))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn forget_tokens(tx: &mut Tx, id: ApplicationId) -> Fallible<()> {
    sqlx::query("DELETE FROM api_tokens WHERE application = $1")
        .bind(id.to_string())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

impl ApplicationStore for SqlDirectory {
    fn create_application(&self, new: NewApplication, note: Note) -> Answer<'_, Application> {
        self.answered(self.make_application(new, note))
    }

    fn application(&self, id: ApplicationId) -> Answer<'_, Option<Application>> {
        self.answered(self.find_application(id))
    }

    fn applications(&self) -> Answer<'_, Vec<Application>> {
        self.answered(self.list_applications())
    }

    fn change_application<'a>(
        &'a self,
        id: ApplicationId,
        decide: DecideApplication<'a>,
    ) -> Answer<'a, Option<Application>> {
        self.answered(self.alter_application(id, decide))
    }

    fn remove_application(&self, id: ApplicationId, note: Note) -> Answer<'_, Option<Application>> {
        self.answered(self.drop_application(id, note))
    }

    fn touch_application(&self, id: ApplicationId, at: Timestamp) -> Answer<'_, ()> {
        self.answered(self.note_application(id, at))
    }
}
