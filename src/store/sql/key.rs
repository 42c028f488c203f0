//! The file with the root secret of a directory's keys.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sqlx::Row;

use super::db::Db;
use super::errors::{Fallible, Fault, of_file};
use super::files::{owner_only, sync_folder_of};
use crate::domain::event::{Action, AuditRecord};
use crate::domain::session::SessionKey;
use crate::domain::time::Timestamp;
use crate::store::StoreError;
use crate::store::keyring::{AuditLink, Keyring};

/// `accounts.db.key` for `accounts.db`.
#[cfg(feature = "sqlite")]
pub(super) fn path_of(db: &Path) -> PathBuf {
    let mut name = db.as_os_str().to_owned();
    name.push(".key");
    name.into()
}

/// Written after the secret once a database has been made with it.
const IN_USE: &str = "in use";

/// Reads the secret.
pub(super) fn load(path: &Path) -> Result<Keyring, StoreError> {
    parse(&read(path)?, path)
}

/// Reads the secret, or makes one. Only for a database that has no bytes yet: the
/// key is there before the first of them, so one that has bytes and no key lost it.
#[cfg(feature = "sqlite")]
pub(super) fn load_or_make(path: &Path, db: &Path) -> Result<Keyring, StoreError> {
    make_if_missing(path)?;
    let text = read(path)?;
    if text.contains(IN_USE) && is_empty(db) {
        return Err(emptied(db.display()));
    }
    parse(&text, path)
}

/// The same for a database on a server, which knows whether it was written with a key.
#[cfg(feature = "postgres")]
pub(super) async fn load_or_make_for(db: &Db, path: &Path) -> Fallible<Keyring> {
    if read_check(db).await?.is_some() {
        return Ok(load(path).map_err(|error| match error {
            StoreError::Missing { what, .. } => StoreError::Missing { what, mend: SHARED },
            other => other,
        })?);
    }
    make_if_missing(path)?;
    let text = read(path)?;
    // Asked once more: another gateway may have been first since.
    if text.contains(IN_USE) && read_check(db).await?.is_none() {
        return Err(emptied(db.name()).into());
    }
    Ok(parse(&text, path)?)
}

#[cfg(feature = "postgres")]
const SHARED: &str = "the directory was written with it; copy it from another gateway that shares \
    the directory, or restore it from a backup";

/// Whoever is first wins, and all read what they wrote.
fn make_if_missing(path: &Path) -> Result<(), StoreError> {
    if path.exists() {
        return Ok(());
    }
    make(path).map_err(|error| of_file(&path.display().to_string(), &error))
}

fn emptied(what: impl std::fmt::Display) -> StoreError {
    let detail = "it is empty, and was not; to begin anew, remove its key file".to_owned();
    StoreError::Damaged { what: what.to_string(), detail }
}

/// Notes that a database was made with this key. Where the file may not be written,
/// an emptied database is taken for a new one.
pub(super) fn mark(path: &Path) {
    let marked = fs::read_to_string(path).is_ok_and(|text| text.contains(IN_USE));
    if marked {
        return;
    }
    let file = OpenOptions::new().append(true).open(path);
    let marked = file.and_then(|mut file| {
        file.write_all(format!("\n{IN_USE}\n").as_bytes())?;
        file.sync_all()
    });
    if let Err(error) = marked {
        tracing::debug!(%error, "key file not marked");
    }
}

#[cfg(feature = "sqlite")]
/// Asked once more: somebody else may have been at work since it was found empty.
fn is_empty(db: &Path) -> bool {
    fs::metadata(db).is_ok_and(|found| found.len() == 0)
}

fn read(path: &Path) -> Result<String, StoreError> {
    fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            let mend = "the database was written with it; restore it from a backup";
            StoreError::Missing { what: path.display().to_string(), mend }
        }
        io::ErrorKind::InvalidData => damaged(path, NO_KEY),
        _ => of_file(&path.display().to_string(), &error),
    })
}

fn parse(text: &str, path: &Path) -> Result<Keyring, StoreError> {
    let hex = text.lines().next().unwrap_or_default().trim();
    let secret = SessionKey::from_hex(hex).ok_or_else(|| damaged(path, NO_KEY))?;
    Ok(Keyring::new(secret.as_bytes()))
}

const NO_KEY: &str = "it has not the 64 hexadecimal digits of a key";

fn damaged(file: &Path, detail: &str) -> StoreError {
    StoreError::Damaged { what: file.display().to_string(), detail: detail.to_owned() }
}

/// Writes a new secret aside and links it into place: nobody ever reads half of it,
/// and it never replaces another.
fn make(path: &Path) -> io::Result<()> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(io::Error::other)?;
    let aside = aside(path)?;
    let written = write_out(&aside, &secret).and_then(|()| match fs::hard_link(&aside, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    fs::remove_file(&aside)?;
    written.and_then(|()| sync_folder_of(path))
}

fn aside(path: &Path) -> io::Result<PathBuf> {
    let number = getrandom::u64().map_err(io::Error::other)?;
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number:016x}"));
    Ok(name.into())
}

fn write_out(path: &Path, secret: &[u8; 32]) -> io::Result<()> {
    let mut file = owner_only(OpenOptions::new().write(true).create_new(true)).open(path)?;
    file.write_all(SessionKey::from_bytes(*secret).to_hex().as_bytes())?;
    file.sync_all()
}

/// Finds out a database that was put beside another one's key.
pub(super) async fn check(db: &Db, keyring: &Keyring, key_file: &Path) -> Fallible<()> {
    let ours = keyring.audit_link(&AuditLink::FIRST, &probe()).to_hex();
    let theirs = match read_check(db).await? {
        Some(theirs) => theirs,
        None => write_check(db, &ours).await?,
    };
    if theirs == ours {
        return Ok(());
    }
    Err(Fault::Store(damaged(key_file, "it is not the key that the database was written with")))
}

async fn read_check(db: &Db) -> Fallible<Option<String>> {
    let row = sqlx::query(CHECK).fetch_optional(db.readers()).await?;
    row.map(|row| Ok(row.try_get(0)?)).transpose()
}

/// Says what is there then: somebody else may have been first.
async fn write_check(db: &Db, ours: &str) -> Fallible<String> {
    let mut tx = db.write().await?;
    sqlx::query("INSERT INTO key_check (id, link) VALUES (1, $1) ON CONFLICT (id) DO NOTHING")
        .bind(ours)
        .execute(&mut *tx)
        .await?;
    let row = sqlx::query(CHECK).fetch_one(&mut *tx).await?;
    tx.commit().await?;
    Ok(row.try_get(0)?)
}

const CHECK: &str = "SELECT link FROM key_check WHERE id = 1";

/// No record of any log: those begin at position 1.
fn probe() -> AuditRecord {
    AuditRecord {
        position: 0,
        at: Timestamp::EPOCH,
        actor: String::new(),
        action: Action::SettingChanged,
        account: None,
        reason: None,
        from: None,
        before: None,
        after: None,
    }
}
