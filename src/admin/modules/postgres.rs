//! What is Postgres's alone about an application's table: the server, how it is
//! spoken to, and what its errors mean. What is in it is in `postgres/catalog.rs`.

mod catalog;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, Connection};

use self::catalog::{Column, Table};
use crate::admin::modules::dialect::{Dialect, Purpose, Shape, Tx, quoted};
use crate::admin::modules::{ModuleError, OwnerKey, TableSettings};
use crate::domain::database::{DatabasePassword, PostgresAddress};
use crate::store::BoxFuture;

/// How long a connection may take to come about, and twice that where it does not.
const CONNECT: Duration = Duration::from_secs(5);

/// How long one call may take. More than what the server is told to allow.
const PATIENCE: Duration = Duration::from_secs(90);

/// A module is used seldom, and connections are dear to the application.
const CONNECTIONS: u32 = 2;
const IDLE: Duration = Duration::from_secs(60);

/// Whatever the role's own settings are: each statement sees what is committed, waits
/// for nobody's row for long, holds nothing when we are gone, and fails where rows
/// would be hidden from us.
const LIMITS: &str = "SET LOCAL lock_timeout = '5s'; SET LOCAL statement_timeout = '60s'; \
    SET LOCAL idle_in_transaction_session_timeout = '60s'; SET LOCAL row_security = off";

const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY";

const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// What is counted has to be there after the server's power is gone.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', true) \
    WHERE current_setting('synchronous_commit') = 'off'";

/// A database on a server of Postgres.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PostgresDatabase {
    /// Where it is.
    pub address: PostgresAddress,
    /// What the server wants to hear; none where it asks for nothing.
    pub password: Option<DatabasePassword>,
}

/// Connections to a database, made when first needed.
pub(super) struct Postgres {
    address: PostgresAddress,
    /// The password is among them.
    options: AnyConnectOptions,
    pool: AnyPool,
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postgres")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

// === impl Postgres ===

impl Postgres {
    pub(super) fn new(database: PostgresDatabase) -> Result<Self, ModuleError> {
        sqlx::any::install_default_drivers();
        let PostgresDatabase { address, password } = database;
        // What is wrong with it may be the password: the error is not shown.
        let options = AnyConnectOptions::from_str(&address.with_password(password.as_ref()))
            .map_err(|_| ModuleError::Misfit(format!("{address} can't be connected to")))?;
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(CONNECT)
            .idle_timeout(IDLE);
        let pool = pool.connect_lazy_with(options.clone());
        Ok(Self { address, options, pool })
    }

    /// A pool that is full and a server that is away look alike to whoever waits.
    async fn begin_clearly(&self, purpose: Purpose) -> Result<Tx, ModuleError> {
        let (begin, more) = match purpose {
            Purpose::Read => (BEGIN_READ, ""),
            Purpose::Write => (BEGIN_WRITE, DURABLE),
        };
        let begin = sqlx::AssertSqlSafe(format!("{begin}; {LIMITS}; {more}"));
        match self.pool.begin_with(begin).await {
            Err(sqlx::Error::PoolTimedOut) => Err(self.why_not().await),
            begun => begun.map_err(|error| self.trouble(&error)),
        }
    }

    async fn why_not(&self) -> ModuleError {
        let connection = AnyConnection::connect_with(&self.options);
        match tokio::time::timeout(CONNECT, connection).await {
            Ok(Ok(connection)) => {
                // It was for the question alone.
                let _ = connection.close().await;
                ModuleError::Unavailable(format!("{} is busy", self.address))
            }
            Ok(Err(error)) => self.trouble(&error),
            Err(_) => self.away("no connection came about within 5 seconds"),
        }
    }

    async fn table_in(&self, tx: &mut Tx, settings: &TableSettings) -> Result<Table, ModuleError> {
        let read = catalog::table(tx, &settings.table).await;
        let table = read.map_err(|error| self.trouble(&error))?;
        table.ok_or_else(|| {
            let (address, table) = (&self.address, &settings.table);
            let hint = match table.contains('.') {
                true => "",
                false => " that is found without a schema's name (or write schema.table)",
            };
            ModuleError::Misfit(format!("{address} has no table {table:?}{hint}"))
        })
    }

    /// A table as it has to be, and its columns.
    async fn look(&self, tx: &mut Tx, settings: &TableSettings) -> Result<Found, ModuleError> {
        let table = self.table_in(tx, settings).await?;
        let misfit = |what: &str| {
            let (address, name) = (&self.address, &settings.table);
            ModuleError::Misfit(format!("{name:?} in {address} {what}"))
        };
        table
            .fits(self.address.user())
            .map_err(|what| misfit(&what))?;
        let columns = catalog::columns(tx, &table).await;
        let columns = columns.map_err(|error| self.trouble(&error))?;
        let mut found = Vec::new();
        for name in settings.columns() {
            let column = columns.iter().find(|column| column.name == *name);
            let column = column.ok_or_else(|| misfit(&format!("has no column {name:?}")))?;
            column
                .readable(self.address.user())
                .map_err(|what| misfit(&what))?;
            found.push(column);
        }
        // They are the last two that are named.
        let [.., id, owner] = &found[..] else { return Err(misfit("has no columns")) };
        owner
            .holds(settings.holds, self.address.user())
            .map_err(|what| misfit(&what))?;
        if !id.unique {
            return Err(settings.not_unique(&self.address.to_string()));
        }
        Ok(Found { id: (*id).clone(), owner: (*owner).clone() })
    }

    async fn check_all(&self, settings: &TableSettings) -> Result<(), ModuleError> {
        if let Some(file) = self.address.certificates()
            && let Err(error) = std::fs::metadata(file)
        {
            let file = file.display();
            return Err(ModuleError::Misfit(format!("{file} can't be read: {error}")));
        }
        // Writes nothing, and fails where nothing can be written.
        let mut tx = self.begin_clearly(Purpose::Write).await?;
        self.look(&mut tx, settings).await.map(drop)
    }

    fn away(&self, why: &str) -> ModuleError {
        ModuleError::Unavailable(format!("{} does not answer: {why}", self.address))
    }

    fn refusal(&self, code: &str, message: &str) -> ModuleError {
        let address = &self.address;
        match code {
            "28000" | "28P01" | "3D000" => {
                ModuleError::Misfit(format!("{address} does not let us in: {message}"))
            }
            "55P03" => {
                let what = "another session holds records locked, for longer than 5 seconds";
                ModuleError::Unavailable(format!("{address}: {what}"))
            }
            "57014" => {
                let what =
                    format!("{message} (it may take 60 seconds; an index on the owner helps)");
                ModuleError::Unavailable(format!("{address}: {what}"))
            }
            "0A000" | "25006" => {
                ModuleError::Unavailable(format!("{address} can't be written: {message}"))
            }
            "42501" => {
                let user = self.address.user();
                ModuleError::Misfit(format!("{address} does not allow it to {user}: {message}"))
            }
            _ => match &code[..code.len().min(2)] {
                // What was there when the module was checked is there no more.
                "42" => ModuleError::Misfit(format!("{address}: {message}")),
                // No connection, no resources, an operator, a rollback, an error inside.
                "08" | "40" | "53" | "57" | "58" | "XX" => self.away(message),
                _ => ModuleError::Refused(format!("{address} refuses it: {message}")),
            },
        }
    }
}

/// The two columns that the SQL depends on.
struct Found {
    id: Column,
    owner: Column,
}

impl Dialect for Postgres {
    fn place(&self) -> String {
        self.address.to_string()
    }

    fn table(&self, name: &str) -> String {
        match catalog::parts(name) {
            (Some(schema), table) => format!("{}.{}", quoted(schema), quoted(table)),
            (None, table) => quoted(table),
        }
    }

    fn begin(&self, purpose: Purpose) -> BoxFuture<'_, Result<Tx, ModuleError>> {
        Box::pin(self.begin_clearly(purpose))
    }

    fn shape<'a>(
        &'a self,
        tx: &'a mut Tx,
        settings: &'a TableSettings,
    ) -> BoxFuture<'a, Result<Shape, ModuleError>> {
        Box::pin(async move {
            let Found { id, owner } = self.look(tx, settings).await?;
            let kind = if id.is_whole_number() { "integer" } else { "text" };
            let is_text = owner.is_text();
            Ok(Shape {
                id_kind: format!("CAST('{kind}' AS TEXT)"),
                id_type: Some(id.kind),
                letters: " COLLATE \"C\"",
                owner_is_loose: is_text,
                numbers_are_texts: is_text && settings.holds == OwnerKey::Account,
            })
        })
    }

    fn check<'a>(&'a self, settings: &'a TableSettings) -> BoxFuture<'a, Result<(), ModuleError>> {
        Box::pin(self.check_all(settings))
    }

    fn trouble(&self, error: &sqlx::Error) -> ModuleError {
        match error {
            sqlx::Error::Database(cause) => {
                self.refusal(cause.code().as_deref().unwrap_or_default(), cause.message())
            }
            sqlx::Error::Tls(why) => ModuleError::Misfit(format!("{}: {why}", self.address)),
            // A certificate that nobody trusted has signed comes as broken data.
            sqlx::Error::Io(why) if why.kind() == std::io::ErrorKind::InvalidData => {
                ModuleError::Misfit(format!("{}: {why}", self.address))
            }
            sqlx::Error::Io(why) => self.away(&why.to_string()),
            other => self.away(&other.to_string()),
        }
    }

    /// A deadlock, and a record that went to another partition meanwhile.
    fn is_passing(&self, error: &sqlx::Error) -> bool {
        let code = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code);
        matches!(code.as_deref(), Some("40001" | "40P01"))
    }

    fn patience(&self) -> Option<Duration> {
        Some(PATIENCE)
    }
}
