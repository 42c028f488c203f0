//! A module that is a table of the application's own database.
//!
//! Names of tables and columns come from the configuration alone, are looked up in
//! the live schema and quoted; a column is always named with its table, so that one
//! that is gone is an error and never a text. Values are always bound.
//!
//! The SQL is the portable kind; what is one database's alone is in a file of its own.

mod sql;

use std::fmt;
#[cfg(feature = "sqlite")]
use std::path::PathBuf;

use sqlx::Row;
use sqlx::any::AnyRow;

use self::sql::{Names, Statements, bind_records, number, query};
use crate::admin::modules::dialect::{Dialect, Purpose, Shape, Tx};
#[cfg(feature = "postgres")]
use crate::admin::modules::postgres::{Postgres, PostgresDatabase};
#[cfg(feature = "sqlite")]
use crate::admin::modules::sqlite::Sqlite;
use crate::admin::modules::{Field, ModuleError, Moved, Order, RecordModule};
use crate::domain::deletion::{Party, RecordId, Step};
use crate::store::BoxFuture;

/// How many records one transaction moves: it holds the application's database for a
/// few milliseconds.
const BATCH: usize = 500;

/// The longest name of a table or column, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// How often a step is tried that got in another session's way.
const TRIES: usize = 3;

/// The application's database.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Database {
    /// On a server of Postgres.
    #[cfg(feature = "postgres")]
    Postgres(PostgresDatabase),
    /// In a file of SQLite.
    #[cfg(feature = "sqlite")]
    Sqlite(PathBuf),
}

/// Which records of a database are meant.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TableSettings {
    /// The table. In Postgres, `schema.table` names one outside the search path.
    pub table: String,
    /// The column that tells records apart.
    pub id: String,
    /// The column that says whose a record is.
    pub owner: String,
    /// How that column holds people.
    pub holds: OwnerKey,
    /// The columns that conditions can name.
    pub fields: Vec<Field>,
}

/// How an owner column holds people.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "what an application is told of people")]
pub enum OwnerKey {
    /// By the account's number.
    Account,
    /// By the primary e-mail address, letter by letter.
    Email,
    /// By the login, letter by letter.
    Login,
}

/// A table of the application's own database.
pub struct TableModule {
    settings: TableSettings,
    names: Names,
    database: Box<dyn Dialect>,
}

// === impl TableSettings ===

impl TableSettings {
    /// Every column that is named.
    pub(super) fn columns(&self) -> impl Iterator<Item = &String> {
        let fields = self.fields.iter().map(|field| &field.name);
        fields.chain([&self.id, &self.owner])
    }

    pub(super) fn not_unique(&self, place: &str) -> ModuleError {
        let Self { table, id, .. } = self;
        ModuleError::Misfit(format!(
            "the column {id:?} of {table:?} in {place} does not tell records apart: it is \
             neither the primary key nor unique"
        ))
    }

    fn well_formed(&self) -> Result<(), ModuleError> {
        let Self { table, id, owner, fields, .. } = self;
        for name in self.columns().chain([table]) {
            well_formed(name)?;
        }
        let what = if id == owner {
            format!("{id:?} can't be both the key and the owner of {table:?}")
        } else if fields.iter().any(|field| field.name == *owner) {
            format!("records can't be chosen by their owner, {owner:?}")
        } else {
            return Ok(());
        };
        Err(ModuleError::Misfit(what))
    }
}

// === impl Database ===

impl Database {
    /// Connections to it, made when first needed.
    fn open(self) -> Result<Box<dyn Dialect>, ModuleError> {
        Ok(match self {
            #[cfg(feature = "postgres")]
            Self::Postgres(database) => Box::new(Postgres::new(database)?),
            #[cfg(feature = "sqlite")]
            Self::Sqlite(file) => Box::new(Sqlite::new(file)?),
        })
    }
}

// === impl TableModule ===

impl TableModule {
    /// Over this table. Nothing is asked of the database yet: see
    /// [`RecordModule::check`].
    ///
    /// # Errors
    ///
    /// If a name can't be one, or columns are one and the same that must not be.
    pub fn new(database: Database, settings: TableSettings) -> Result<Self, ModuleError> {
        settings.well_formed()?;
        let database = database.open()?;
        let names = Names::of(&settings, &*database);
        Ok(Self { settings, names, database })
    }

    /// A transaction, and what the table is like in it.
    async fn begin(&self, purpose: Purpose) -> Result<(Tx, Shape), ModuleError> {
        let mut tx = self.database.begin(purpose).await?;
        let shape = self.database.shape(&mut tx, &self.settings).await?;
        Ok((tx, shape))
    }

    async fn count_all(&self, order: &Order) -> Result<u64, ModuleError> {
        self.key_of(&order.from)?;
        let (mut tx, shape) = self.begin(Purpose::Read).await?;
        let chosen = self.chosen(&shape, &order.conditions, 1)?;
        let sql = format!("SELECT COUNT(*) FROM {} WHERE {chosen}", self.names.table);
        let query = self.bind_order(&shape, query(sql), order);
        let count = number(query, &mut tx).await;
        count.map_err(|error| self.database.trouble(&error))
    }

    async fn choose(&self, order: &Order) -> Result<Option<Step>, ModuleError> {
        self.key_of(&order.from)?;
        let (mut tx, shape) = self.begin(Purpose::Read).await?;
        let Names { table, id, .. } = &self.names;
        let (kind, chosen) = (&shape.id_kind, self.chosen(&shape, &order.conditions, 1)?);
        let sql = format!(
            "SELECT {kind}, CAST({id} AS TEXT) FROM {table} WHERE {chosen} \
             ORDER BY {id} LIMIT {BATCH}"
        );
        let query = self.bind_order(&shape, query(sql), order);
        let rows = query.fetch_all(&mut *tx).await;
        let rows = rows.map_err(|error| self.database.trouble(&error))?;
        let records = rows.iter().map(|row| self.record_id(row));
        let records: Vec<RecordId> = records.collect::<Result<_, _>>()?;
        Ok((!records.is_empty()).then_some(Step { records }))
    }

    fn record_id(&self, row: &AnyRow) -> Result<RecordId, ModuleError> {
        let read =
            || -> sqlx::Result<(String, Option<String>)> { Ok((row.try_get(0)?, row.try_get(1)?)) };
        let (kind, text) = read().map_err(|error| self.database.trouble(&error))?;
        let id = match (kind.as_str(), text) {
            ("integer", Some(digits)) => digits.parse().ok().map(RecordId::Number),
            ("text", Some(text)) => Some(RecordId::Text(text)),
            _ => None,
        };
        id.ok_or_else(|| {
            let TableSettings { table, id, .. } = &self.settings;
            ModuleError::Misfit(format!(
                "a record of {table:?} has neither a number nor a text in {id:?}"
            ))
        })
    }

    /// Moves a step; what only stood in another session's way is tried again.
    async fn move_them(
        &self,
        order: &Order,
        to: &Party,
        step: &Step,
    ) -> Result<Moved, ModuleError> {
        if step.records.is_empty() {
            return Ok(Moved { records: 0, more: true });
        }
        for _ in 1..TRIES {
            match self.try_moving(order, to, step).await? {
                Err(error) if self.database.is_passing(&error) => {}
                done => return self.told(done),
            }
        }
        self.told(self.try_moving(order, to, step).await?)
    }

    fn told(&self, done: sqlx::Result<Done>) -> Result<Moved, ModuleError> {
        match done.map_err(|error| self.database.trouble(&error))? {
            Done { moved: 0, left } if left > 0 => Err(ModuleError::Stuck { left }),
            Done { moved, .. } => Ok(Moved { records: moved, more: true }),
        }
    }

    /// One transaction. What was moved before it is not moved again, and what somebody
    /// else has taken since is left to them.
    async fn try_moving(
        &self,
        order: &Order,
        to: &Party,
        step: &Step,
    ) -> Result<sqlx::Result<Done>, ModuleError> {
        let (mut tx, shape) = self.begin(Purpose::Write).await?;
        let Statements { update, moved, left } = self.statements(&shape, order, step)?;
        let update = self.bind_party(&shape, query(update), to);
        let update = bind_records(&shape, self.bind_order(&shape, update, order), step);
        let moved = bind_records(&shape, self.bind_party(&shape, query(moved), to), step);
        let left = bind_records(&shape, self.bind_order(&shape, query(left), order), step);
        let done = async {
            update.execute(&mut *tx).await?;
            let moved = number(moved, &mut tx).await?;
            let left = number(left, &mut tx).await?;
            tx.commit().await?;
            Ok(Done { moved, left })
        };
        Ok(done.await)
    }

    /// The same, and a word of its own when it takes too long.
    async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, ModuleError>>,
    ) -> Result<T, ModuleError> {
        let Some(patience) = self.database.patience() else { return work.await };
        let done = tokio::time::timeout(patience, work).await;
        done.unwrap_or_else(|_| {
            let (place, seconds) = (self.database.place(), patience.as_secs());
            let what = format!("{place} did not answer within {seconds} seconds");
            Err(ModuleError::Unavailable(what))
        })
    }
}

impl RecordModule for TableModule {
    fn fields(&self) -> &[Field] {
        &self.settings.fields
    }

    fn key_of(&self, party: &Party) -> Result<String, ModuleError> {
        match self.settings.holds {
            OwnerKey::Account => Ok(party.id.to_string()),
            OwnerKey::Login => Ok(party.login.to_string()),
            OwnerKey::Email => party
                .email
                .clone()
                .ok_or_else(|| ModuleError::NoAddress { login: party.login.to_string() }),
        }
    }

    fn check(&self) -> BoxFuture<'_, Result<(), ModuleError>> {
        Box::pin(self.in_time(self.database.check(&self.settings)))
    }

    fn count<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<u64, ModuleError>> {
        Box::pin(self.in_time(self.count_all(order)))
    }

    fn next_step<'a>(
        &'a self,
        order: &'a Order,
    ) -> BoxFuture<'a, Result<Option<Step>, ModuleError>> {
        Box::pin(self.in_time(self.choose(order)))
    }

    fn carry_out<'a>(
        &'a self,
        order: &'a Order,
        to: &'a Party,
        step: &'a Step,
        _key: &'a str,
    ) -> BoxFuture<'a, Result<Moved, ModuleError>> {
        Box::pin(async move {
            self.key_of(to)?;
            self.in_time(self.move_them(order, to, step)).await
        })
    }
}

impl fmt::Debug for TableModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableModule")
            .field("settings", &self.settings)
            .field("database", &self.database.place())
            .finish_non_exhaustive()
    }
}

/// How much of a step is with the receiver, and how much still with the owner.
struct Done {
    moved: u64,
    left: u64,
}

fn well_formed(name: &str) -> Result<(), ModuleError> {
    let long = name.is_empty() || name.len() > MAX_NAME_BYTES;
    if long || name.chars().any(char::is_control) {
        let what = format!("{name:?} is not the name of a table or a column");
        return Err(ModuleError::Misfit(what));
    }
    Ok(())
}
