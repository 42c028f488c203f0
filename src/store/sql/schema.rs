//! Brings a database up to the schema that this program knows.

use sqlx::{AssertSqlSafe, Executor, Row};

use super::db::{Db, Tx};
use super::errors::Fallible;
use crate::domain::time::Clock;
use crate::store::StoreError;

/// Migrations by number, oldest first; the last is the schema this program knows.
#[derive(Debug)]
pub(super) struct Plan {
    migrations: &'static [(i64, &'static str)],
    /// Those that are another text on Postgres.
    #[cfg(feature = "postgres")]
    pub(super) postgres: &'static [(i64, &'static str)],
    /// The table that says which were applied, in a database that has others beside it.
    #[cfg(feature = "postgres")]
    pub(super) list: &'static str,
}

/// The table that says which migrations were applied.
pub(super) const LIST: &str = "portcullis_schema";

pub(super) static DIRECTORY: Plan = Plan {
    migrations: &[
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
    ],
    #[cfg(feature = "postgres")]
    list: LIST,
    #[cfg(feature = "postgres")]
    postgres: &[
        (15, include_str!("migrations/postgres/0015_counts.sql")),
        (16, include_str!("migrations/postgres/0016_text.sql")),
    ],
};

pub(super) static ATTEMPTS: Plan = Plan {
    migrations: &[
        (1, include_str!("migrations/attempts/0001_begin.sql")),
        (2, include_str!("migrations/attempts/0002_weight.sql")),
    ],
    #[cfg(feature = "postgres")]
    list: "portcullis_attempts_schema",
    #[cfg(feature = "postgres")]
    postgres: &[],
};

/// Applies what is missing, in one transaction: of two programs that start at once,
/// the second finds the first one's work done.
pub(super) async fn bring_up(db: &Db, plan: &Plan, clock: &Clock) -> Fallible<()> {
    let mut tx = db.write_alone().await?;
    let list = db.list_of(plan);
    tx.execute(sqlx::raw_sql(AssertSqlSafe(format!(
        "CREATE TABLE IF NOT EXISTS {list} \
         (number BIGINT PRIMARY KEY, applied_at BIGINT NOT NULL)"
    ))))
    .await?;
    let applied = applied(&mut tx, list).await?;
    let found = applied.iter().max().copied().unwrap_or(0);
    let known = plan.migrations.last().map_or(0, |(number, _)| *number);
    if found > known {
        let what = db.name().to_owned();
        return Err(StoreError::SchemaTooNew { what, found, known }.into());
    }
    let missing = plan
        .migrations
        .iter()
        .filter(|(number, _)| !applied.contains(number));
    for (number, sql) in missing {
        let sql = db.migration(plan, *number, sql).into_owned();
        tx.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
        let noted = format!("INSERT INTO {list} (number, applied_at) VALUES ($1, $2)");
        sqlx::query(AssertSqlSafe(noted))
            .bind(number)
            .bind(clock.wall().as_micros())
            .execute(&mut *tx)
            .await?;
        tracing::info!(store.file = db.name(), schema.number = number, "schema migrated");
    }
    Ok(tx.commit().await?)
}

/// The numbers of what was applied: one that came into the program later may be lower
/// than others.
async fn applied(tx: &mut Tx, list: &str) -> Fallible<Vec<i64>> {
    let rows = sqlx::query(AssertSqlSafe(format!("SELECT number FROM {list}")))
        .fetch_all(&mut **tx)
        .await?;
    rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
}
