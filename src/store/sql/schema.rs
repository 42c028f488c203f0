//! Brings a database up to the schema that this program knows.

use sqlx::{AnyPool, Executor, Row};

use super::db::Tx;
use super::errors::Fallible;
use super::sqlite;
use crate::domain::time::Clock;
use crate::store::StoreError;

/// Migrations by number, oldest first; the last is the schema this program knows.
pub(super) type Migrations = [(i64, &'static str)];

pub(super) const DIRECTORY: &Migrations = &[
    (1, include_str!("migrations/directory/0001_begin.sql")),
    (2, include_str!("migrations/directory/0002_devices.sql")),
    (3, include_str!("migrations/directory/0003_sessions_ended_at.sql")),
    (4, include_str!("migrations/directory/0004_details.sql")),
    (5, include_str!("migrations/directory/0005_names.sql")),
    (6, include_str!("migrations/directory/0006_groups.sql")),
    (7, include_str!("migrations/directory/0007_applications.sql")),
    (8, include_str!("migrations/directory/0008_runs.sql")),
    (9, include_str!("migrations/directory/0009_deletions.sql")),
    (10, include_str!("migrations/directory/0010_audit.sql")),
    (11, include_str!("migrations/directory/0011_webhooks.sql")),
    (12, include_str!("migrations/directory/0012_invitations.sql")),
    (13, include_str!("migrations/directory/0013_console_sessions.sql")),
    (14, include_str!("migrations/directory/0014_history.sql")),
    (15, include_str!("migrations/directory/0015_counts.sql")),
    (16, include_str!("migrations/directory/0016_text.sql")),
];

pub(super) const ATTEMPTS: &Migrations = &[
    (1, include_str!("migrations/attempts/0001_begin.sql")),
    (2, include_str!("migrations/attempts/0002_weight.sql")),
];

const LIST: &str = "CREATE TABLE IF NOT EXISTS portcullis_schema \
    (number BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)";

/// Applies what is missing, in one transaction: of two programs that start at once,
/// the second finds the first one's work done.
pub(super) async fn bring_up(
    writer: &AnyPool,
    migrations: &Migrations,
    clock: &Clock,
    file: &str,
) -> Fallible<()> {
    let mut tx = writer.begin_with(sqlite::BEGIN_WRITE).await?;
    tx.execute(sqlx::raw_sql(LIST)).await?;
    let applied = applied(&mut tx).await?;
    let found = applied.iter().max().copied().unwrap_or(0);
    let known = migrations.last().map_or(0, |(number, _)| *number);
    if found > known {
        return Err(StoreError::SchemaTooNew { what: file.to_owned(), found, known }.into());
    }
    let missing = migrations
        .iter()
        .filter(|(number, _)| !applied.contains(number));
    for (number, sql) in missing {
        tx.execute(sqlx::raw_sql(*sql)).await?;
        sqlx::query("INSERT INTO portcullis_schema (number, applied_at) VALUES ($1, $2)")
            .bind(number)
            .bind(clock.wall().as_micros())
            .execute(&mut *tx)
            .await?;
        tracing::info!(store.file = file, schema.number = number, "schema migrated");
    }
    Ok(tx.commit().await?)
}

/// The numbers of what was applied: one that came into the program later may be lower
/// than others.
async fn applied(tx: &mut Tx) -> Fallible<Vec<i64>> {
    let rows = sqlx::query("SELECT number FROM portcullis_schema")
        .fetch_all(&mut **tx)
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
