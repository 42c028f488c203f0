//! Messages to webhooks, and how far what happened has been turned into them.

use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::SqlDirectory;
use super::db::Tx;
use super::errors::Fallible;
use super::rows::{Columns, audit_columns, audit_record, stored};
use crate::domain::account::AccountId;
use crate::domain::event::AuditRecord;
use crate::domain::session::SessionId;
use crate::domain::time::Timestamp;
use crate::store::{
    BoxFuture, Delivery, Message, MessageFilter, NewMessage, News, SessionNews, SessionNewsKind,
    StoreError, WebhookStore,
};

const MESSAGE: &str = "SELECT number, id, endpoint, account, kind, body, created_at, attempts, \
    next_at, last_error FROM webhook_messages AS m";

/// Notes what happened to a session, if anybody wants to be told.
pub(super) async fn note(
    tx: &mut Tx,
    session: SessionId,
    account: AccountId,
    kind: SessionNewsKind,
    at: Timestamp,
) -> Fallible<()> {
    sqlx::query(
        "INSERT INTO webhook_sessions (session, kind, account, at) \
         SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS BIGINT), CAST($4 AS BIGINT) \
         FROM webhook_desk WHERE id = 1 AND position >= 0",
    )
    .bind(session.to_string())
    .bind(kind.as_str())
    .bind(account.get())
    .bind(at.as_micros())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

impl SqlDirectory {
    async fn begin_telling(&self) -> Fallible<()> {
        let mut tx = self.db.write().await?;
        sqlx::query(
            "UPDATE webhook_desk SET position = (SELECT position FROM heads WHERE stream = 0) \
             WHERE id = 1 AND position < 0",
        )
        .execute(&mut *tx)
        .await?;
        self.commit_quietly(tx).await
    }

    async fn hold_desk(&self, holder: &str, length: Duration) -> Fallible<bool> {
        let mut tx = self.db.write().await?;
        let now = self.clock.wall();
        let held = sqlx::query(
            "UPDATE webhook_desk SET holder = $1, held_until = $2 \
             WHERE id = 1 AND (holder = $1 OR held_until <= $3)",
        )
        .bind(holder)
        .bind(now.after(length).as_micros())
        .bind(now.as_micros())
        .execute(&mut *tx)
        .await?;
        self.commit_quietly(tx).await?;
        Ok(held.rows_affected() == 1)
    }

    async fn read_news(&self, limit: u32) -> Fallible<News> {
        let mut tx = self.db.read().await?;
        let row = sqlx::query("SELECT position FROM webhook_desk WHERE id = 1")
            .fetch_one(&mut *tx)
            .await?;
        let position: i64 = row.try_get(0)?;
        let Ok(from) = u64::try_from(position) else { return Ok(News::default()) };
        let records = records_after(&mut tx, from, limit).await?;
        let sessions = session_news(&mut tx, limit).await?;
        Ok(News { from, to: from, records, sessions }.cut(limit))
    }

    async fn post_messages(
        &self,
        holder: &str,
        told: &News,
        messages: Vec<NewMessage>,
    ) -> Fallible<bool> {
        let mut tx = self.db.write().await?;
        let now = self.clock.wall();
        let count = messages.len() as u64;
        let row = sqlx::query(
            "UPDATE webhook_desk SET position = $1, last_message = last_message + $2 \
             WHERE id = 1 AND position = $3 AND holder = $4 AND held_until > $5 \
             RETURNING last_message",
        )
        .bind(stored(told.to))
        .bind(stored(count))
        .bind(stored(told.from))
        .bind(holder)
        .bind(now.as_micros())
        .fetch_optional(&mut *tx)
        .await?;
        let Some(row) = row else { return Ok(false) };
        let first = row.try_get::<i64, _>(0)? - stored(count) + 1;
        for (number, message) in (first..).zip(messages) {
            insert(&mut tx, number, message, now).await?;
        }
        for news in &told.sessions {
            sqlx::query("DELETE FROM webhook_sessions WHERE session = $1 AND kind = $2")
                .bind(news.session.to_string())
                .bind(news.kind.as_str())
                .execute(&mut *tx)
                .await?;
        }
        self.commit_quietly(tx).await?;
        Ok(true)
    }

    async fn due_messages(&self, endpoints: &[String], limit: u32) -> Fallible<Vec<Message>> {
        if endpoints.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<_> = (0..endpoints.len())
            .map(|at| format!("${}", at + 2))
            .collect();
        let sql = format!(
            "{MESSAGE} WHERE next_at <= $1 AND endpoint IN ({}) AND NOT EXISTS \
             (SELECT 1 FROM webhook_messages AS earlier WHERE earlier.endpoint = m.endpoint \
             AND earlier.account = m.account AND earlier.number < m.number \
             AND earlier.next_at IS NOT NULL) ORDER BY number LIMIT {limit}",
            places.join(", ")
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(self.clock.wall().as_micros());
        for endpoint in endpoints {
            query = query.bind(endpoint.as_str());
        }
        let rows = query.fetch_all(self.db.readers()).await?;
        rows.iter().map(message).collect()
    }

    async fn settle_message(&self, number: u64, delivery: Delivery) -> Fallible<()> {
        let (next_at, error) = match delivery {
            Delivery::Arrived => return self.forget_message(number).await,
            Delivery::Again { after, error } => {
                (Some(self.clock.wall().after(after).as_micros()), error)
            }
            Delivery::Dead { error } => (None, error),
        };
        let mut tx = self.db.write().await?;
        sqlx::query(
            "UPDATE webhook_messages SET attempts = attempts + 1, next_at = $2, last_error = $3 \
             WHERE number = $1",
        )
        .bind(stored(number))
        .bind(next_at)
        .bind(error)
        .execute(&mut *tx)
        .await?;
        self.commit_quietly(tx).await
    }

    async fn forget_message(&self, number: u64) -> Fallible<()> {
        let mut tx = self.db.write().await?;
        sqlx::query("DELETE FROM webhook_messages WHERE number = $1")
            .bind(stored(number))
            .execute(&mut *tx)
            .await?;
        self.commit_quietly(tx).await
    }

    async fn list_messages(&self, filter: MessageFilter, limit: u32) -> Fallible<Vec<Message>> {
        let wanted = match filter {
            MessageFilter::All => "1 = 1",
            MessageFilter::Dead => "next_at IS NULL",
        };
        let sql = format!("{MESSAGE} WHERE {wanted} ORDER BY number LIMIT {limit}");
        let rows = sqlx::query(AssertSqlSafe(sql))
            .fetch_all(self.db.readers())
            .await?;
        rows.iter().map(message).collect()
    }

    async fn revive_messages(&self, number: Option<u64>) -> Fallible<u64> {
        let mut tx = self.db.write().await?;
        let revived = sqlx::query(
            "UPDATE webhook_messages SET next_at = $1, attempts = 0 \
             WHERE next_at IS NULL AND (number = $2 OR $2 = 0)",
        )
        .bind(self.clock.wall().as_micros())
        .bind(stored(number.unwrap_or(0)))
        .execute(&mut *tx)
        .await?;
        self.commit_quietly(tx).await?;
        Ok(revived.rows_affected())
    }

    async fn count_messages(&self) -> Fallible<(u64, u64)> {
        let row = sqlx::query("SELECT COUNT(next_at), COUNT(*) FROM webhook_messages")
            .fetch_one(self.db.readers())
            .await?;
        let (waiting, all): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        Ok((waiting.unsigned_abs(), (all - waiting).unsigned_abs()))
    }
}

impl WebhookStore for SqlDirectory {
    fn begin(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        self.answered(self.begin_telling())
    }

    fn hold(&self, holder: String, length: Duration) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.answered(async move { self.hold_desk(&holder, length).await })
    }

    fn news(&self, limit: u32) -> BoxFuture<'_, Result<News, StoreError>> {
        self.answered(self.read_news(limit))
    }

    fn post(
        &self,
        holder: String,
        told: News,
        messages: Vec<NewMessage>,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.answered(async move { self.post_messages(&holder, &told, messages).await })
    }

    fn due(
        &self,
        endpoints: Vec<String>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        self.answered(async move { self.due_messages(&endpoints, limit).await })
    }

    fn settle(&self, number: u64, delivery: Delivery) -> BoxFuture<'_, Result<(), StoreError>> {
        self.answered(self.settle_message(number, delivery))
    }

    fn messages(
        &self,
        filter: MessageFilter,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Message>, StoreError>> {
        self.answered(self.list_messages(filter, limit))
    }

    fn revive(&self, number: Option<u64>) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.answered(self.revive_messages(number))
    }

    fn backlog(&self) -> BoxFuture<'_, Result<(u64, u64), StoreError>> {
        self.answered(self.count_messages())
    }
}

async fn records_after(tx: &mut Tx, position: u64, limit: u32) -> Fallible<Vec<AuditRecord>> {
    let sql = concat!(
        "SELECT ",
        audit_columns!(),
        " FROM audit WHERE position > $1 ORDER BY position LIMIT $2"
    );
    let query = sqlx::query(sql)
        .bind(stored(position))
        .bind(i64::from(limit));
    let rows = query.fetch_all(&mut **tx).await?;
    rows.iter().map(|row| Ok(audit_record(row)?.0)).collect()
}

async fn session_news(tx: &mut Tx, limit: u32) -> Fallible<Vec<SessionNews>> {
    let sql = "SELECT session, account, kind, at FROM webhook_sessions ORDER BY at, kind LIMIT $1";
    let rows = sqlx::query(sql)
        .bind(i64::from(limit))
        .fetch_all(&mut **tx)
        .await?;
    let news = |row| {
        let mut columns = Columns::of(row);
        Ok(SessionNews {
            session: columns.word(|hex| hex.parse().ok())?,
            account: columns.account()?,
            kind: columns.word(SessionNewsKind::from_word)?,
            at: columns.time()?,
        })
    };
    rows.iter().map(news).collect()
}

async fn insert(tx: &mut Tx, number: i64, message: NewMessage, now: Timestamp) -> Fallible<()> {
    sqlx::query(
        "INSERT INTO webhook_messages (number, id, endpoint, account, kind, body, created_at, \
         attempts, next_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $7)",
    )
    .bind(number)
    .bind(message.id)
    .bind(message.endpoint)
    .bind(message.account.get())
    .bind(message.kind)
    .bind(message.body)
    .bind(now.as_micros())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn message(row: &AnyRow) -> Fallible<Message> {
    let mut columns = Columns::of(row);
    Ok(Message {
        number: columns.number()?,
        id: columns.text()?,
        endpoint: columns.text()?,
        account: columns.account()?,
        kind: columns.text()?,
        body: columns.text()?,
        created_at: columns.time()?,
        attempts: u32::try_from(columns.number()?).unwrap_or(u32::MAX),
        next_at: columns.time_if_any()?,
        last_error: columns.get()?,
    })
}
