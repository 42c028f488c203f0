//! What is SQLite's alone about an application's table: the file, and what is in it.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::error::ErrorKind;
use sqlx::{AnyPool, Executor, Row};

use crate::admin::modules::dialect::{Dialect, Purpose, Shape, Tx, quoted};
use crate::admin::modules::{ModuleError, TableSettings};
use crate::store::BoxFuture;

/// Says at once that it will write: see the directory's own transactions.
const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// The application's own rules hold for what we write, too.
const PRAGMAS: &str = "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON";

const PATIENCE: Duration = Duration::from_secs(10);

/// A file.
#[derive(Debug)]
pub(super) struct Sqlite {
    file: PathBuf,
    pool: AnyPool,
}

impl Sqlite {
    /// The file, opened when first needed. Never makes it.
    pub(super) fn new(file: PathBuf) -> Result<Self, ModuleError> {
        let pool = pool(&file)?;
        Ok(Self { file, pool })
    }

    async fn look(&self, settings: &TableSettings) -> Result<(), ModuleError> {
        let TableSettings { table, id, .. } = settings;
        let place = self.place();
        if !self.file.is_file() {
            return Err(ModuleError::Misfit(format!("there is no database at {place}")));
        }
        let found = columns(&self.pool, table).await;
        let found = found.map_err(|error| self.trouble(&error))?;
        let found =
            found.ok_or_else(|| ModuleError::Misfit(format!("{place} has no table {table:?}")))?;
        for column in settings.columns() {
            if !found.contains(column) {
                let what = format!("the table {table:?} in {place} has no column {column:?}");
                return Err(ModuleError::Misfit(what));
            }
        }
        let unique = is_unique(&self.pool, table, id).await;
        match unique.map_err(|error| self.trouble(&error))? {
            true => Ok(()),
            false => Err(settings.not_unique(&place)),
        }
    }
}

impl Dialect for Sqlite {
    fn place(&self) -> String {
        self.file.display().to_string()
    }

    fn table(&self, name: &str) -> String {
        quoted(name)
    }

    fn begin(&self, purpose: Purpose) -> BoxFuture<'_, Result<Tx, ModuleError>> {
        Box::pin(async move {
            let tx = match purpose {
                Purpose::Read => self.pool.begin().await,
                Purpose::Write => self.pool.begin_with(BEGIN_WRITE).await,
            };
            tx.map_err(|error| self.trouble(&error))
        })
    }

    /// Any column holds any kind of value here: the row tells, and values are compared
    /// as they are.
    fn shape<'a>(
        &'a self,
        _tx: &'a mut Tx,
        settings: &'a TableSettings,
    ) -> BoxFuture<'a, Result<Shape, ModuleError>> {
        let id = format!("{}.{}", quoted(&settings.table), quoted(&settings.id));
        let shape = Shape {
            id_kind: format!("typeof({id})"),
            id_type: None,
            letters: "",
            owner_is_loose: false,
            numbers_are_texts: false,
        };
        Box::pin(async { Ok(shape) })
    }

    fn check<'a>(&'a self, settings: &'a TableSettings) -> BoxFuture<'a, Result<(), ModuleError>> {
        Box::pin(self.look(settings))
    }

    fn trouble(&self, error: &sqlx::Error) -> ModuleError {
        let place = self.place();
        match error {
            sqlx::Error::Database(cause) if cause.kind() != ErrorKind::Other => {
                ModuleError::Refused(format!("{place} refuses it: {}", cause.message()))
            }
            _ => ModuleError::Unavailable(format!("{place} does not answer: {error}")),
        }
    }

    fn is_passing(&self, _error: &sqlx::Error) -> bool {
        false
    }

    fn patience(&self) -> Option<Duration> {
        None
    }
}

/// Connections to the file, made when first needed. Never makes the file.
fn pool(file: &Path) -> Result<AnyPool, ModuleError> {
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
async fn columns(pool: &AnyPool, table: &str) -> sqlx::Result<Option<Vec<String>>> {
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
async fn is_unique(pool: &AnyPool, table: &str, column: &str) -> sqlx::Result<bool> {
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
