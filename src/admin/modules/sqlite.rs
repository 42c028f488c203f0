//! What is SQLite's alone about an application's table: the file, and what is in it.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, Executor, Row};

use crate::admin::modules::ModuleError;

/// Says at once that it will write: see the directory's own transactions.
pub(super) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// What kind of value a column holds in a row: `integer` or `text`, else no key.
pub(super) fn kind_of(column: &str) -> String {
    format!("typeof({column})")
}

/// The application's own rules hold for what we write, too.
const PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON";

const PATIENCE: Duration = Duration::from_secs(10);

/// Connections to the file, made when first needed. Never makes the file.
pub(super) fn pool(file: &Path) -> Result<AnyPool, ModuleError> {
    sqlx::any::install_default_drivers();
    let shown = file.display();
    let text = file
        .to_str()
        .ok_or_else(|| ModuleError::Misfit(format!("the path {shown} is not UTF-8")))?;
    let url = format!("sqlite://{}?mode=rw", utf8_percent_encode(text, NON_ALPHANUMERIC));
    let options = AnyConnectOptions::from_str(&url)
        .map_err(|error| ModuleError::Misfit(format!("{shown} can't be opened: {error}")))?;
    let pool = AnyPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(PATIENCE)
        .after_connect(|conn, _| Box::pin(async move { conn.execute(PRAGMAS).await.map(drop) }));
    Ok(pool.connect_lazy_with(options))
}

/// The columns of a table, or `None` if there is no such table.
pub(super) async fn columns(pool: &AnyPool, table: &str) -> sqlx::Result<Option<Vec<String>>> {
    let found = sqlx::query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1")
        .bind(table)
        .fetch_optional(pool)
        .await?;
    if found.is_none() {
        return Ok(None);
    }
    let rows = sqlx::query("SELECT name FROM pragma_table_xinfo($1)")
        .bind(table)
        .fetch_all(pool)
        .await?;
    rows.iter()
        .map(|row| row.try_get(0))
        .collect::<sqlx::Result<_>>()
        .map(Some)
}

/// Whether no two rows have the same in this column.
pub(super) async fn is_unique(pool: &AnyPool, table: &str, column: &str) -> sqlx::Result<bool> {
    let primary = "SELECT COUNT(*), COALESCE(SUM(CASE WHEN name = $2 THEN 1 ELSE 0 END), 0) \
                   FROM pragma_table_info($1) WHERE pk > 0";
    let row = sqlx::query(primary)
        .bind(table)
        .bind(column)
        .fetch_one(pool)
        .await?;
    if row.try_get::<i64, _>(0)? == 1 && row.try_get::<i64, _>(1)? == 1 {
        return Ok(true);
    }
    let indexes = "SELECT COUNT(*) FROM pragma_index_list($1) AS list \
                   WHERE list.\"unique\" = 1 AND list.partial = 0 \
                   AND (SELECT COUNT(*) FROM pragma_index_info(list.name)) = 1 \
                   AND (SELECT name FROM pragma_index_info(list.name)) = $2";
    let row = sqlx::query(indexes)
        .bind(table)
        .bind(column)
        .fetch_one(pool)
        .await?;
    Ok(row.try_get::<i64, _>(0)? > 0)
}
