//! What went wrong inside a store, and what it means to whoever called.

use std::io;

use sqlx::error::{DatabaseError, ErrorKind};

use crate::store::StoreError;

pub(super) type Fallible<T> = Result<T, Fault>;

/// A fault before the store's file is named in it.
#[derive(Debug)]
pub(super) enum Fault {
    /// What is stored is not what this program writes.
    Damaged(String),
    /// Already in words.
    Store(StoreError),
    Sql(sqlx::Error),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    pub(super) fn damaged(detail: impl Into<String>) -> Self {
        Self::Damaged(detail.into())
    }

    /// The fault in the words of the store in `file`.
    pub(super) fn at(self, file: &str) -> StoreError {
        let what = file.to_owned();
        match self {
            Self::Damaged(detail) => StoreError::Damaged { what, detail },
            Self::Store(error) => error,
            Self::Sql(error) => of_sql(what, error),
        }
    }

    /// Whether a value that must be unique was there already.
    pub(super) fn is_duplicate(&self) -> bool {
        matches!(self, Self::Sql(sqlx::Error::Database(error))
            if error.kind() == ErrorKind::UniqueViolation)
    }
}

fn of_sql(what: String, error: sqlx::Error) -> StoreError {
    let detail = error.to_string();
    match &error {
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::RowNotFound => StoreError::Damaged { what, detail },
        sqlx::Error::Database(cause) => match trouble(cause.as_ref()) {
            Trouble::Damaged => StoreError::Damaged { what, detail: cause.message().to_owned() },
            Trouble::Full => StoreError::Full { what },
            Trouble::ReadOnly => StoreError::ReadOnly { what, detail: cause.message().to_owned() },
            Trouble::Other => StoreError::unavailable(error),
        },
        _ => StoreError::unavailable(error),
    }
}

fn trouble(error: &dyn DatabaseError) -> Trouble {
    #[cfg(feature = "postgres")]
    if let Some(error) = error.try_downcast_ref() {
        return super::postgres::trouble(error);
    }
    #[cfg(feature = "sqlite")]
    return super::sqlite::trouble(error);
    #[cfg(not(feature = "sqlite"))]
    Trouble::Other
}

/// What a database's own error comes down to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Trouble {
    Damaged,
    Full,
    Other,
    #[cfg_attr(not(feature = "sqlite"), expect(dead_code, reason = "files alone are"))]
    ReadOnly,
}

/// What a fault of the file system means for the file `what`.
pub(super) fn of_file(what: &str, error: &io::Error) -> StoreError {
    let what = what.to_owned();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { what },
        io::ErrorKind::PermissionDenied
        | io::ErrorKind::ReadOnlyFilesystem
        | io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::IsADirectory => StoreError::ReadOnly { what, detail: error.to_string() },
        _ => StoreError::unavailable(io::Error::new(error.kind(), format!("{what}: {error}"))),
    }
}
