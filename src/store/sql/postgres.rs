//! What is Postgres's alone: the server, how it is spoken to, and what its errors mean.

mod bus;
mod circuit;
mod settings;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::pool::PoolConnectionMetadata;
use sqlx::postgres::PgDatabaseError;
use sqlx::{AnyConnection, AnyPool, Connection, Executor, SqlSafeStr, SqlStr};
use tokio::time::timeout;

pub(super) use self::bus::{NotifyBus, TELL};
use self::circuit::Circuit;
pub use self::settings::PostgresSettings;
use super::db::Tx;
use super::errors::{Fallible, Trouble};
use super::schema::Plan;
use crate::store::StoreError;

/// Everything that is read in it is of one instant.
pub(super) const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Each statement sees what is committed. Whatever has to stay as it was read is a row
/// that was written to, or behind the head: see `heads`.
pub(super) const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Who changes the schema waits for whoever does, however long that takes.
const ALONE: &str = "SET LOCAL statement_timeout = 0; \
    SELECT pg_advisory_xact_lock(8101815265412370)";

/// Who writes attempts waits for whoever does: what is counted is read, and written anew.
const IN_TURN: &str = "SELECT pg_advisory_xact_lock(8101815265412371)";

/// How many connections count attempts.
const FOR_ATTEMPTS: u32 = 5;

/// How long a connection may have been idle that is used without a question.
const FRESH: Duration = Duration::from_secs(1);

/// How long a connection may take to answer that it is there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(1);

/// A server, and how it is spoken to.
pub(super) struct Server {
    name: String,
    /// The password is among them.
    options: AnyConnectOptions,
    connections: u32,
    connect_timeout: Duration,
    set_up: SqlStr,
    circuit: Circuit,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Server {
    pub(super) fn new(settings: &PostgresSettings) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let name = settings.address.to_string();
        let url = settings.address.with_password(settings.password.as_ref());
        // What is wrong with it may be the password: the error is not shown.
        let options = AnyConnectOptions::from_str(&url)
            .map_err(|_| StoreError::unavailable(format!("{name} can't be connected to")))?;
        let set_up = sqlx::AssertSqlSafe(set_up(settings.statement_timeout)).into_sql_str();
        let PostgresSettings { connections, connect_timeout, .. } = *settings;
        let circuit = Circuit::new(name.clone(), options.clone(), connect_timeout);
        Ok(Self { name, options, connections, connect_timeout, set_up, circuit })
    }

    pub(super) fn for_attempts(settings: &PostgresSettings) -> Result<Self, StoreError> {
        Ok(Self { connections: FOR_ATTEMPTS, ..Self::new(settings)? })
    }

    /// What it is called where people read it: without a secret.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the server lets us in, and why not: a pool says only that it took too long.
    pub(super) async fn try_connecting(&self) -> Fallible<()> {
        let connection = AnyConnection::connect_with(&self.options);
        match timeout(self.connect_timeout, connection).await {
            Ok(connected) => Ok(connected?.close().await?),
            Err(_) => {
                let within = self.connect_timeout;
                let what = format!("{}: no connection within {within:?}", self.name);
                Err(StoreError::unavailable(what).into())
            }
        }
    }

    /// The work, for as long as the server answers: nobody waits for one that does not.
    pub(super) async fn guard<T>(
        &self,
        work: impl Future<Output = Fallible<T>> + Send,
    ) -> Fallible<T> {
        self.circuit.guard(work).await
    }

    /// Connections that write, that read, and the follower's own. Made when first needed.
    pub(super) fn pools(&self) -> [AnyPool; 3] {
        let others = self.connections.saturating_sub(1).max(2);
        [others / 2, others - others / 2, 1].map(|connections| self.pool(connections))
    }

    fn pool(&self, connections: u32) -> AnyPool {
        let set_up = self.set_up.clone();
        AnyPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(self.connect_timeout)
            .test_before_acquire(false)
            .after_connect(move |conn, _| {
                let set_up = set_up.clone();
                Box::pin(async move { conn.execute(sqlx::raw_sql(set_up)).await.map(drop) })
            })
            .before_acquire(|conn, meta| Box::pin(is_there(conn, meta)))
            .after_release(|conn, _| Box::pin(is_clean(conn)))
            .connect_lazy_with(self.options.clone())
    }
}

/// Whatever the role's own settings are: nothing waits for ever, a gateway that is gone
/// holds nothing, and what was answered is there after the server's power is gone.
fn set_up(statement_timeout: Duration) -> String {
    format!(
        "SET statement_timeout = {}; SET lock_timeout = 0; \
         SET idle_in_transaction_session_timeout = '5s'; \
         SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2; \
         SET tcp_keepalives_count = 3; SET client_min_messages = warning; \
         SELECT set_config('synchronous_commit', 'on', false) \
         WHERE current_setting('synchronous_commit') = 'off'",
        statement_timeout.as_millis()
    )
}

/// A connection that was not used for a while may be one to a server that is no more.
async fn is_there(conn: &mut AnyConnection, meta: PoolConnectionMetadata) -> sqlx::Result<bool> {
    Ok(meta.idle_for < FRESH || answers(conn).await)
}

/// What was dropped in the middle of something is rolled back here, or thrown away.
async fn is_clean(conn: &mut AnyConnection) -> sqlx::Result<bool> {
    Ok(answers(conn).await && !conn.is_in_transaction())
}

async fn answers(conn: &mut AnyConnection) -> bool {
    matches!(timeout(SIGN_OF_LIFE, conn.ping()).await, Ok(Ok(())))
}

/// The transaction, once nobody else is in one of this kind.
pub(super) async fn alone(mut tx: Tx) -> Fallible<Tx> {
    tx.execute(sqlx::raw_sql(ALONE)).await?;
    Ok(tx)
}

/// The transaction, once it is its turn to write attempts.
pub(super) async fn in_turn(mut tx: Tx) -> Fallible<Tx> {
    tx.execute(sqlx::raw_sql(IN_TURN)).await?;
    Ok(tx)
}

/// A migration in the words of Postgres. Texts are compared byte by byte, as SQLite
/// does it and this program does: whatever the database's own order of letters is.
pub(super) fn migration(plan: &Plan, number: i64, sql: &'static str) -> Cow<'static, str> {
    match plan.postgres.iter().find(|(own, _)| *own == number) {
        Some((_, own)) => (*own).into(),
        None => sql.replace(" TEXT", " TEXT COLLATE \"C\"").into(),
    }
}

/// What a code comes down to.
pub(super) fn trouble(error: &PgDatabaseError) -> Trouble {
    match error.code() {
        "53100" => Trouble::Full,
        "XX001" | "XX002" => Trouble::Damaged,
        _ => Trouble::Other,
    }
}
