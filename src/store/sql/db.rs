//! One database file, and the connections to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Any, AnyConnection, AnyPool, Row, Transaction};
use tokio::sync::Mutex;

use super::errors::{Fallible, Fault};
use super::schema::{self, Migrations};
use super::sqlite;
use crate::domain::time::Clock;
use crate::store::StoreError;

/// A transaction. Dropped without a commit, nothing happened.
pub(super) type Tx = Transaction<'static, Any>;

#[derive(Debug)]
pub(super) struct Db {
    file: Arc<str>,
    writer: AnyPool,
    readers: AnyPool,
    /// Who follows the feed never queues behind others who read.
    follower: AnyPool,
    watcher: Mutex<Watcher>,
}

/// The connection that is asked for the number of changes. Another connection has
/// another number, so each new one begins a new epoch.
#[derive(Debug, Default)]
struct Watcher {
    epoch: u64,
    conn: Option<AnyConnection>,
}

impl Db {
    /// Opens the file and brings its schema up to what this program knows.
    pub(super) async fn open(
        path: &Path,
        migrations: &Migrations,
        clock: &Clock,
    ) -> Result<Self, StoreError> {
        let file = file_name(path)?;
        let opened = async {
            patiently(|| sqlite::try_writing(&file)).await?;
            let writer = sqlite::writer(&file)?;
            schema::bring_up(&writer, migrations, clock, &file).await?;
            Ok((writer, sqlite::readers(&file, sqlite::READERS)?, sqlite::readers(&file, 1)?))
        };
        let (writer, readers, follower) = opened.await.map_err(|fault: Fault| fault.at(&file))?;
        Ok(Self { writer, readers, follower, file, watcher: Mutex::default() })
    }

    pub(super) async fn close(&self) {
        self.watcher.lock().await.conn.take();
        self.readers.close().await;
        self.follower.close().await;
        self.writer.close().await;
    }

    pub(super) fn fault(&self, fault: Fault) -> StoreError {
        fault.at(&self.file)
    }

    /// Connections for single reads.
    pub(super) fn readers(&self) -> &AnyPool {
        &self.readers
    }

    /// A transaction in which everything that is read is of one instant.
    pub(super) async fn read(&self) -> Fallible<Tx> {
        Ok(self.readers.begin_with(sqlite::BEGIN_READ).await?)
    }

    /// The same, for whoever follows the feed.
    pub(super) async fn follow(&self) -> Fallible<Tx> {
        Ok(self.follower.begin_with(sqlite::BEGIN_READ).await?)
    }

    /// A transaction that writes. Waits for its turn.
    pub(super) async fn write(&self) -> Fallible<Tx> {
        match self.writer.begin_with(sqlite::BEGIN_WRITE).await {
            Err(sqlx::Error::PoolTimedOut) => {
                sqlite::try_writing(&self.file).await?;
                Err(sqlx::Error::PoolTimedOut.into())
            }
            begun => Ok(begun?),
        }
    }

    /// A number that changes whenever any other connection has committed.
    pub(super) async fn change_number(&self) -> Fallible<u64> {
        let mut watcher = self.watcher.lock().await;
        let mut conn = match watcher.conn.take() {
            Some(conn) => conn,
            None => {
                watcher.epoch += 1;
                sqlite::reader(&self.file).await?
            }
        };
        let row = sqlx::query(sqlite::CHANGE_NUMBER)
            .fetch_one(&mut conn)
            .await?;
        watcher.conn = Some(conn);
        let number: i64 = row.try_get(0)?;
        Ok(watcher.epoch << 32 | number.unsigned_abs() & 0xffff_ffff)
    }
}

/// `accounts.attempts.db` for `accounts.db`.
pub(super) fn attempts_file(db: &Path) -> PathBuf {
    match db.extension().and_then(|extension| extension.to_str()) {
        Some(extension) => db.with_extension(format!("attempts.{extension}")),
        None => db.with_extension("attempts"),
    }
}

/// The path as text: the driver takes no other.
pub(super) fn file_name(path: &Path) -> Result<Arc<str>, StoreError> {
    let name = path.to_str().ok_or_else(|| {
        StoreError::unavailable(format!("the path {} is not UTF-8", path.display()))
    })?;
    Ok(name.into())
}

/// Turning a new file's log on needs it for oneself, and SQLite does not always wait
/// for that: two programs that start at once would trip each other up.
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
