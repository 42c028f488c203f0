//! A database, and the connections to it.

use std::borrow::Cow;
#[cfg(feature = "sqlite")]
use std::path::{Path, PathBuf};
use std::sync::Arc;
#[cfg(feature = "sqlite")]
use std::time::Duration;

use sqlx::{Any, AnyPool, Transaction};
#[cfg(feature = "sqlite")]
use sqlx::{AnyConnection, Row};
#[cfg(feature = "sqlite")]
use tokio::sync::Mutex;

use super::dialect::{self, Dialect};
use super::errors::{Fallible, Fault};
#[cfg(feature = "postgres")]
use super::postgres::{self, Server};
use super::schema::{self, Plan};
#[cfg(feature = "sqlite")]
use super::sqlite;
use crate::domain::time::Clock;
use crate::store::StoreError;

/// A transaction. Dropped without a commit, nothing happened.
pub(super) type Tx = Transaction<'static, Any>;

#[derive(Debug)]
pub(super) struct Db {
    /// What it is called in errors: never with a secret.
    name: Arc<str>,
    kind: Kind,
    writer: AnyPool,
    readers: AnyPool,
    /// Who follows the feed never queues behind others who read.
    follower: AnyPool,
}

#[derive(Debug)]
enum Kind {
    #[cfg(feature = "sqlite")]
    Sqlite(Mutex<Watcher>),
    #[cfg(feature = "postgres")]
    Postgres(Server),
}

/// The connection that is asked for the number of changes. Another connection has
/// another number, so each new one begins a new epoch.
#[cfg(feature = "sqlite")]
#[derive(Debug, Default)]
struct Watcher {
    epoch: u64,
    conn: Option<AnyConnection>,
}

impl Db {
    /// Opens the file and brings its schema up to what this program knows.
    #[cfg(feature = "sqlite")]
    pub(super) async fn open(path: &Path, plan: &Plan, clock: &Clock) -> Result<Self, StoreError> {
        let file = file_name(path)?;
        let opened = async {
            patiently(|| sqlite::try_writing(&file)).await?;
            let writer = sqlite::writer(&file)?;
            let readers = sqlite::readers(&file, sqlite::READERS)?;
            let follower = sqlite::readers(&file, 1)?;
            let kind = Kind::Sqlite(Mutex::default());
            let db = Self { name: file.clone(), kind, writer, readers, follower };
            schema::bring_up(&db, plan, clock).await?;
            Ok(db)
        };
        opened.await.map_err(|fault: Fault| fault.at(&file))
    }

    /// Connects to the server and brings the schema up to what this program knows.
    #[cfg(feature = "postgres")]
    pub(super) async fn connect(
        server: Server,
        plan: &Plan,
        clock: &Clock,
    ) -> Result<Self, StoreError> {
        let name: Arc<str> = server.name().into();
        let opened = async {
            server.try_connecting().await?;
            let [writer, readers, follower] = server.pools();
            let kind = Kind::Postgres(server);
            let db = Self { name: name.clone(), kind, writer, readers, follower };
            schema::bring_up(&db, plan, clock).await?;
            Ok(db)
        };
        opened.await.map_err(|fault: Fault| fault.at(&name))
    }

    pub(super) async fn close(&self) {
        #[cfg(feature = "sqlite")]
        #[allow(irrefutable_let_patterns, reason = "where it is the only kind")]
        if let Kind::Sqlite(watcher) = &self.kind {
            watcher.lock().await.conn.take();
        }
        self.readers.close().await;
        self.follower.close().await;
        self.writer.close().await;
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn fault(&self, fault: Fault) -> StoreError {
        fault.at(&self.name)
    }

    pub(super) const fn dialect(&self) -> &'static Dialect {
        match self.kind {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(_) => &dialect::SQLITE,
            #[cfg(feature = "postgres")]
            Kind::Postgres(_) => &dialect::POSTGRES,
        }
    }

    /// The work, for as long as the database can be asked.
    pub(super) async fn guard<T>(
        &self,
        work: impl Future<Output = Fallible<T>> + Send,
    ) -> Result<T, StoreError> {
        let done = match &self.kind {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(_) => work.await,
            #[cfg(feature = "postgres")]
            Kind::Postgres(server) => server.guard(work).await,
        };
        done.map_err(|fault| self.fault(fault))
    }

    /// Connections for single reads.
    pub(super) const fn readers(&self) -> &AnyPool {
        &self.readers
    }

    /// A transaction in which everything that is read is of one instant.
    pub(super) async fn read(&self) -> Fallible<Tx> {
        self.begin_reading(&self.readers).await
    }

    /// The same, for whoever follows the feed.
    pub(super) async fn follow(&self) -> Fallible<Tx> {
        self.begin_reading(&self.follower).await
    }

    async fn begin_reading(&self, pool: &AnyPool) -> Fallible<Tx> {
        let begin = match self.kind {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(_) => sqlite::BEGIN_READ,
            #[cfg(feature = "postgres")]
            Kind::Postgres(_) => postgres::BEGIN_READ,
        };
        Ok(pool.begin_with(begin).await?)
    }

    /// A transaction that writes. Waits for its turn.
    pub(super) async fn write(&self) -> Fallible<Tx> {
        match &self.kind {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(_) => match self.writer.begin_with(sqlite::BEGIN_WRITE).await {
                Err(sqlx::Error::PoolTimedOut) => {
                    sqlite::try_writing(&self.name).await?;
                    Err(sqlx::Error::PoolTimedOut.into())
                }
                begun => Ok(begun?),
            },
            #[cfg(feature = "postgres")]
            Kind::Postgres(_) => Ok(self.writer.begin_with(postgres::BEGIN_WRITE).await?),
        }
    }

    /// A transaction in which the schema may be changed: one at a time.
    pub(super) async fn write_alone(&self) -> Fallible<Tx> {
        let tx = self.write().await?;
        #[cfg(feature = "postgres")]
        let tx = match self.kind {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(_) => tx,
            Kind::Postgres(_) => postgres::alone(tx).await?,
        };
        Ok(tx)
    }

    /// A transaction in which nobody else writes attempts.
    pub(super) async fn write_in_turn(&self) -> Fallible<Tx> {
        let tx = self.write().await?;
        #[cfg(feature = "postgres")]
        let tx = match self.kind {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(_) => tx,
            Kind::Postgres(_) => postgres::in_turn(tx).await?,
        };
        Ok(tx)
    }

    /// The table that says which migrations of a plan were applied.
    #[cfg_attr(not(feature = "postgres"), expect(unused_variables))]
    pub(super) const fn list_of(&self, plan: &Plan) -> &'static str {
        match self.kind {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(_) => schema::LIST,
            #[cfg(feature = "postgres")]
            Kind::Postgres(_) => plan.list,
        }
    }

    /// A migration as this database takes it.
    #[cfg_attr(not(feature = "postgres"), expect(unused_variables))]
    pub(super) fn migration(
        &self,
        plan: &Plan,
        number: i64,
        sql: &'static str,
    ) -> Cow<'static, str> {
        match self.kind {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(_) => sql.into(),
            #[cfg(feature = "postgres")]
            Kind::Postgres(_) => postgres::migration(plan, number, sql),
        }
    }

    /// A number that changes whenever any other connection has committed, where it costs
    /// little to ask for one.
    pub(super) async fn change_number(&self) -> Fallible<Option<u64>> {
        match &self.kind {
            #[cfg(feature = "sqlite")]
            Kind::Sqlite(watcher) => watcher.lock().await.look(&self.name).await.map(Some),
            #[cfg(feature = "postgres")]
            Kind::Postgres(_) => Ok(None),
        }
    }
}

#[cfg(feature = "sqlite")]
impl Watcher {
    async fn look(&mut self, file: &str) -> Fallible<u64> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => {
                self.epoch += 1;
                sqlite::reader(file).await?
            }
        };
        let row = sqlx::query(sqlite::CHANGE_NUMBER)
            .fetch_one(&mut conn)
            .await?;
        self.conn = Some(conn);
        let number: i64 = row.try_get(0)?;
        Ok(self.epoch << 32 | number.unsigned_abs() & 0xffff_ffff)
    }
}

/// `accounts.attempts.db` for `accounts.db`.
#[cfg(feature = "sqlite")]
pub(super) fn attempts_file(db: &Path) -> PathBuf {
    match db.extension().and_then(|extension| extension.to_str()) {
        Some(extension) => db.with_extension(format!("attempts.{extension}")),
        None => db.with_extension("attempts"),
    }
}

/// The path as text: the driver takes no other.
#[cfg(feature = "sqlite")]
pub(super) fn file_name(path: &Path) -> Result<Arc<str>, StoreError> {
    let name = path.to_str().ok_or_else(|| {
        StoreError::unavailable(format!("the path {} is not UTF-8", path.display()))
    })?;
    Ok(name.into())
}

/// Turning a new file's log on needs it for oneself, and SQLite does not always wait
/// for that: two programs that start at once would trip each other up.
#[cfg(feature = "sqlite")]
async fn patiently<F>(mut open: impl FnMut() -> F) -> Fallible<()>
where
    F: Future<Output = Fallible<()>>,
{
    for pause in [1, 5, 25, 100, 250, 500, 1000, 2000].map(Duration::from_millis) {
        match open().await {
            Err(fault) if sqlite::is_busy(&fault) => tokio::time::sleep(pause).await,
            done => return done,
        }
    }
    open().await
}
