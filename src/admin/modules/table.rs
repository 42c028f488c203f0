//! A module that is a table of the application's own database.
//!
//! Names of tables and columns come from the configuration alone, are looked up in
//! the live schema and quoted; a column is always named with its table, so that one
//! that is gone is an error and never a text. Values are always bound.
//!
//! The SQL is the portable kind; what is SQLite's alone is in `sqlite.rs`, and another
//! database is another such file.

use std::fmt;
use std::path::PathBuf;

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyPool, AssertSqlSafe, Row};

use crate::admin::modules::sqlite;
use crate::admin::modules::{Field, ModuleError, Moved, Order, RecordModule};
use crate::domain::deletion::{Party, RecordId, Step};
use crate::domain::transfer::{Comparison, Condition};
use crate::store::BoxFuture;

/// How many records one transaction moves: it holds the application's database for a
/// few milliseconds.
const BATCH: usize = 500;

/// The longest name of a table or column, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// Where the records are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TableSettings {
    /// The database's file.
    pub database: PathBuf,
    /// The table.
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
    pool: AnyPool,
}

/// The names as SQL writes them.
struct Names {
    table: String,
    id: String,
    owner: String,
    /// The owner's column where it is set, which takes no table's name.
    set_owner: String,
}

impl TableModule {
    /// Over this table. Nothing is asked of the database yet: see
    /// [`RecordModule::check`].
    ///
    /// # Errors
    ///
    /// If a name can't be one, or columns are one and the same that must not be.
    pub fn new(settings: TableSettings) -> Result<Self, ModuleError> {
        let columns = settings.fields.iter().map(|field| &field.name);
        for name in columns.chain([&settings.table, &settings.id, &settings.owner]) {
            well_formed(name)?;
        }
        if settings.id == settings.owner {
            return Err(ModuleError::Misfit(format!(
                "{:?} can't be both the key and the owner of {:?}",
                settings.id, settings.table
            )));
        }
        if settings
            .fields
            .iter()
            .any(|field| field.name == settings.owner)
        {
            return Err(ModuleError::Misfit(format!(
                "records can't be chosen by their owner, {:?}",
                settings.owner
            )));
        }
        let of_table = |column: &str| format!("{}.{}", quoted(&settings.table), quoted(column));
        let names = Names {
            table: quoted(&settings.table),
            id: of_table(&settings.id),
            owner: of_table(&settings.owner),
            set_owner: quoted(&settings.owner),
        };
        let pool = sqlite::pool(&settings.database)?;
        Ok(Self { settings, names, pool })
    }

    async fn look(&self) -> Result<(), ModuleError> {
        let TableSettings { database, table, id, owner, fields, .. } = &self.settings;
        let file = database.display();
        if !database.is_file() {
            return Err(ModuleError::Misfit(format!("there is no database at {file}")));
        }
        let found = sqlite::columns(&self.pool, table).await;
        let found = found.map_err(|error| self.trouble(&error))?;
        let found =
            found.ok_or_else(|| ModuleError::Misfit(format!("{file} has no table {table:?}")))?;
        for column in fields.iter().map(|field| &field.name).chain([id, owner]) {
            if !found.contains(column) {
                let what = format!("the table {table:?} in {file} has no column {column:?}");
                return Err(ModuleError::Misfit(what));
            }
        }
        let unique = sqlite::is_unique(&self.pool, table, id).await;
        if !unique.map_err(|error| self.trouble(&error))? {
            let what = format!(
                "the column {id:?} of {table:?} in {file} does not tell records apart: it is \
                 neither the primary key nor unique"
            );
            return Err(ModuleError::Misfit(what));
        }
        Ok(())
    }

    /// What goes after `WHERE`: the owner's records that fit. The owner is the place
    /// `first`, the values come after it.
    fn chosen(&self, conditions: &[Condition], first: usize) -> Result<String, ModuleError> {
        let mut sql = format!("{} = ${first}", self.names.owner);
        for (at, condition) in conditions.iter().enumerate() {
            let column = self.column(condition.field())?;
            let sign = match condition.comparison() {
                Comparison::Is => "=",
                Comparison::IsNot => "<>",
            };
            let place = first + 1 + at;
            sql.push_str(&format!(" AND COALESCE(CAST({column} AS TEXT), '') {sign} ${place}"));
        }
        Ok(sql)
    }

    /// A column that conditions may name, as SQL writes it.
    fn column(&self, field: &str) -> Result<String, ModuleError> {
        let TableSettings { table, fields, .. } = &self.settings;
        if fields.iter().any(|known| known.name == field) {
            return Ok(format!("{}.{}", self.names.table, quoted(field)));
        }
        Err(ModuleError::Misfit(format!("records of {table:?} can't be chosen by {field:?}")))
    }

    async fn count_all(&self, order: &Order) -> Result<u64, ModuleError> {
        let chosen = self.chosen(&order.conditions, 1)?;
        let sql = format!("SELECT COUNT(*) FROM {} WHERE {chosen}", self.names.table);
        let query = self.bind_order(sqlx::query(AssertSqlSafe(sql)), order)?;
        let row = query.fetch_one(&self.pool).await;
        let count = row.and_then(|row| row.try_get::<i64, _>(0));
        Ok(count.map_err(|error| self.trouble(&error))?.unsigned_abs())
    }

    async fn choose(&self, order: &Order) -> Result<Option<Step>, ModuleError> {
        let Names { table, id, .. } = &self.names;
        let (kind, chosen) = (sqlite::kind_of(id), self.chosen(&order.conditions, 1)?);
        let sql = format!(
            "SELECT {kind}, CAST({id} AS TEXT) FROM {table} WHERE {chosen} \
             ORDER BY {id} LIMIT {BATCH}"
        );
        let query = self.bind_order(sqlx::query(AssertSqlSafe(sql)), order)?;
        let rows = query.fetch_all(&self.pool).await;
        let rows = rows.map_err(|error| self.trouble(&error))?;
        let records = rows.iter().map(|row| self.record_id(row));
        let records: Vec<RecordId> = records.collect::<Result<_, _>>()?;
        Ok((!records.is_empty()).then_some(Step { records }))
    }

    fn record_id(&self, row: &AnyRow) -> Result<RecordId, ModuleError> {
        let read =
            || -> sqlx::Result<(String, Option<String>)> { Ok((row.try_get(0)?, row.try_get(1)?)) };
        let (kind, text) = read().map_err(|error| self.trouble(&error))?;
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

    /// One transaction. What was moved before it is not moved again, and what somebody
    /// else has taken since is left to them.
    async fn move_them(
        &self,
        order: &Order,
        to: &Party,
        step: &Step,
    ) -> Result<Moved, ModuleError> {
        if step.records.is_empty() {
            return Ok(Moved { records: 0, more: true });
        }
        let (update, count) = self.statements(order, step)?;
        let update = self.bind_party(sqlx::query(AssertSqlSafe(update)), to);
        let update = bind_records(self.bind_order(update, order)?, step);
        let count = self.bind_party(sqlx::query(AssertSqlSafe(count)), to);
        let count = bind_records(count, step);
        let done = async {
            let mut tx = self.pool.begin_with(sqlite::BEGIN_WRITE).await?;
            update.execute(&mut *tx).await?;
            let row = count.fetch_one(&mut *tx).await?;
            let moved: i64 = row.try_get(0)?;
            tx.commit().await?;
            Ok(moved.unsigned_abs())
        };
        let records = done
            .await
            .map_err(|error: sqlx::Error| self.trouble(&error))?;
        if records == 0 {
            return Err(ModuleError::Stuck { left: step.records.len() as u64 });
        }
        Ok(Moved { records, more: true })
    }

    /// What moves a step, and what counts how much of it is moved.
    fn statements(&self, order: &Order, step: &Step) -> Result<(String, String), ModuleError> {
        let Names { table, id, owner, set_owner } = &self.names;
        let chosen = self.chosen(&order.conditions, 2)?;
        let places = |first: usize| {
            let all = (first..first + step.records.len()).map(|place| format!("${place}"));
            all.collect::<Vec<_>>().join(", ")
        };
        let (after, alone) = (places(3 + order.conditions.len()), places(2));
        Ok((
            format!("UPDATE {table} SET {set_owner} = $1 WHERE {chosen} AND {id} IN ({after})"),
            format!("SELECT COUNT(*) FROM {table} WHERE {owner} = $1 AND {id} IN ({alone})"),
        ))
    }

    fn bind_order<'q>(
        &self,
        query: Query<'q, Any, AnyArguments>,
        order: &Order,
    ) -> Result<Query<'q, Any, AnyArguments>, ModuleError> {
        self.key_of(&order.from)?;
        let query = self.bind_party(query, &order.from);
        let values = order.conditions.iter();
        Ok(values.fold(query, |query, condition| query.bind(condition.value().to_owned())))
    }

    /// A number where the column holds numbers: a text would be none there on other
    /// databases, or in a column without a type.
    fn bind_party<'q>(
        &self,
        query: Query<'q, Any, AnyArguments>,
        party: &Party,
    ) -> Query<'q, Any, AnyArguments> {
        match self.settings.holds {
            OwnerKey::Account => query.bind(party.id.get()),
            OwnerKey::Email => query.bind(party.email.clone()),
            OwnerKey::Login => query.bind(party.login.as_str().to_owned()),
        }
    }

    fn trouble(&self, error: &sqlx::Error) -> ModuleError {
        let file = self.settings.database.display();
        match error {
            sqlx::Error::Database(cause) if cause.kind() != sqlx::error::ErrorKind::Other => {
                ModuleError::Refused(format!("{file} refuses it: {}", cause.message()))
            }
            _ => ModuleError::Unavailable(format!("{file} does not answer: {error}")),
        }
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
        Box::pin(self.look())
    }

    fn count<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<u64, ModuleError>> {
        Box::pin(self.count_all(order))
    }

    fn next_step<'a>(
        &'a self,
        order: &'a Order,
    ) -> BoxFuture<'a, Result<Option<Step>, ModuleError>> {
        Box::pin(self.choose(order))
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
            self.move_them(order, to, step).await
        })
    }
}

impl fmt::Debug for TableModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableModule")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

fn bind_records<'q>(
    query: Query<'q, Any, AnyArguments>,
    step: &Step,
) -> Query<'q, Any, AnyArguments> {
    step.records
        .iter()
        .fold(query, |query, record| match record {
            RecordId::Number(number) => query.bind(*number),
            RecordId::Text(text) => query.bind(text.clone()),
        })
}

fn well_formed(name: &str) -> Result<(), ModuleError> {
    let long = name.is_empty() || name.len() > MAX_NAME_BYTES;
    if long || name.chars().any(char::is_control) {
        let what = format!("{name:?} is not the name of a table or a column");
        return Err(ModuleError::Misfit(what));
    }
    Ok(())
}

/// A name as SQL writes it, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
