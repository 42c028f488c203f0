//! What is SQLite's alone: files, PRAGMAs and error codes.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::error::DatabaseError;
use sqlx::{AnyConnection, AnyPool, Connection, Executor};

use super::errors::{Fallible, Fault, Trouble, of_file};
use super::files::{owner_only, sync_folder_of};
use crate::store::StoreError;

/// A transaction that will write must say so at once: one that turns from reading
/// to writing is refused without waiting when somebody else has written meanwhile.
pub(super) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// Everything that is read in it is of one instant.
pub(super) const BEGIN_READ: &str = "BEGIN";

/// Changes when another connection has committed.
pub(super) const CHANGE_NUMBER: &str = "PRAGMA data_version";

pub(super) const READERS: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(10);

const FOR_WRITING: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; \
    PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON";
const FOR_READING: &str = "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON";

/// The one connection that writes. Whoever writes queues for it in order, instead
/// of asking the file again and again. Opened when first needed.
pub(super) fn writer(file: &str) -> Fallible<AnyPool> {
    let pool = pool(1)
        .after_connect(|conn, _| Box::pin(set_up(conn, FOR_WRITING)))
        .after_release(|conn, _| Box::pin(is_clean(conn)));
    Ok(pool.connect_lazy_with(options(file)?))
}

/// So many connections that only read. Opened when first needed.
pub(super) fn readers(file: &str, connections: u32) -> Fallible<AnyPool> {
    let pool = pool(connections)
        .after_connect(|conn, _| Box::pin(set_up(conn, FOR_READING)))
        .after_release(|conn, _| Box::pin(is_clean(conn)));
    Ok(pool.connect_lazy_with(options(file)?))
}

/// A connection outside the pools that reads.
pub(super) async fn reader(file: &str) -> Fallible<AnyConnection> {
    connect(file, FOR_READING).await
}

/// Whether the file can be opened for writing, and why not: a pool says only that
/// it took too long.
pub(super) async fn try_writing(file: &str) -> Fallible<()> {
    Ok(connect(file, FOR_WRITING).await?.close().await?)
}

async fn connect(file: &str, pragmas: &'static str) -> Fallible<AnyConnection> {
    let mut conn = AnyConnection::connect_with(&options(file)?).await?;
    set_up(&mut conn, pragmas).await?;
    Ok(conn)
}

fn pool(connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(PATIENCE)
        .max_lifetime(None)
        .idle_timeout(None)
        .test_before_acquire(false)
}

async fn set_up(conn: &mut AnyConnection, pragmas: &'static str) -> sqlx::Result<()> {
    conn.execute(sqlx::raw_sql(pragmas)).await.map(drop)
}

/// SQLite ends a transaction by itself when the disk is full, and the driver goes
/// on counting it: such a connection is thrown away.
async fn is_clean(conn: &mut AnyConnection) -> sqlx::Result<bool> {
    conn.ping().await?;
    Ok(!conn.is_in_transaction())
}

fn options(file: &str) -> Fallible<AnyConnectOptions> {
    sqlx::any::install_default_drivers();
    let path = utf8_percent_encode(file, NON_ALPHANUMERIC);
    Ok(AnyConnectOptions::from_str(&format!("sqlite://{path}?mode=rw"))?)
}

/// Makes the file, for its owner alone, if it is not there, and says whether it is
/// still empty.
pub(super) fn create_file(path: &Path) -> Result<bool, StoreError> {
    let create = || -> io::Result<u64> {
        let file = owner_only(OpenOptions::new().read(true).write(true).create(true)).open(path)?;
        let bytes = file.metadata()?.len();
        if bytes == 0 {
            sync_folder_of(path)?;
        }
        Ok(bytes)
    };
    match create() {
        Err(_) if has_no_folder(path) => {
            let mend = "its folder does not exist; make that first";
            Err(StoreError::Missing { what: path.display().to_string(), mend })
        }
        Err(error) => Err(of_file(&path.display().to_string(), &error)),
        // SQLite would take what is left of it for nothing, and write over it.
        Ok(1..SMALLEST) => Err(StoreError::Damaged {
            what: path.display().to_string(),
            detail: "it is too short to be a database".to_owned(),
        }),
        Ok(bytes) => Ok(bytes == 0),
    }
}

/// Whether the folder of a file is not there.
fn has_no_folder(path: &Path) -> bool {
    path.parent()
        .is_some_and(|folder| folder != Path::new("") && !folder.exists())
}

/// SQLite's smallest page, in bytes.
const SMALLEST: u64 = 512;

/// What a result code comes down to; its low byte is the primary code.
pub(super) fn trouble(error: &dyn DatabaseError) -> Trouble {
    let code = error.code().and_then(|code| code.parse::<i32>().ok());
    match code.map(|code| code & 0xff) {
        Some(11 | 26) => Trouble::Damaged,
        Some(13) => Trouble::Full,
        // The file, or the folder that its log is kept in, can't be opened for writing.
        Some(3 | 8 | 14) => Trouble::ReadOnly,
        _ => Trouble::Other,
    }
}

/// Whether somebody else held the file for longer than the connection waits.
pub(super) fn is_busy(fault: &Fault) -> bool {
    let Fault::Sql(sqlx::Error::Database(error)) = fault else { return false };
    let code = error.code().and_then(|code| code.parse::<i32>().ok());
    matches!(code.map(|code| code & 0xff), Some(5 | 6))
}
