//! What databases differ in, seen from a table of an application.

use std::fmt;
use std::time::Duration;

use sqlx::{Any, Transaction};

#[cfg(feature = "postgres")]
use crate::admin::modules::OwnerKey;
use crate::admin::modules::{ModuleError, TableSettings};
use crate::store::BoxFuture;

/// A database with an application's table in it.
pub(super) trait Dialect: fmt::Debug + Send + Sync {
    /// What people are told that it is.
    fn place(&self) -> String;

    /// A table's name as SQL writes it.
    fn table(&self, name: &str) -> String;

    /// A transaction on a connection that is there, or a clear word why there is none.
    fn begin(&self, purpose: Purpose) -> BoxFuture<'_, Result<Tx, ModuleError>>;

    /// What the SQL depends on, as it is in the live schema now; a misfit if that is
    /// not what is configured.
    fn shape<'a>(
        &'a self,
        tx: &'a mut Tx,
        settings: &'a TableSettings,
    ) -> BoxFuture<'a, Result<Shape, ModuleError>>;

    /// Whether everything that is configured is there, and fits.
    fn check<'a>(&'a self, settings: &'a TableSettings) -> BoxFuture<'a, Result<(), ModuleError>>;

    /// Says what an error means.
    fn trouble(&self, error: &sqlx::Error) -> ModuleError;

    /// Whether what was tried can be tried again at once.
    fn is_passing(&self, error: &sqlx::Error) -> bool;

    /// How long one call may take, where the database itself does not see to that.
    fn patience(&self) -> Option<Duration>;
}

/// A transaction, rolled back when it is dropped.
pub(super) type Tx = Transaction<'static, Any>;

/// What a transaction is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    Read,
    Write,
}

/// What the SQL depends on.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    /// The kind of value that a key is, as SQL that gives `integer` or `text`.
    pub(super) id_kind: String,
    /// What keys are cast to that come as texts; none where they come as they are.
    pub(super) id_type: Option<String>,
    /// What follows a text so that it is compared letter by letter.
    pub(super) letters: &'static str,
    /// Whether the owner column's own way to compare texts is not letter by letter.
    pub(super) owner_is_loose: bool,
    /// Whether accounts' numbers stand in the owner column as texts.
    pub(super) numbers_are_texts: bool,
}

impl Shape {
    /// The place of a key in a list, as SQL writes it.
    pub(super) fn id_at(&self, place: usize) -> String {
        match &self.id_type {
            Some(name) => format!("CAST(${place} AS {name})"),
            None => format!("${place}"),
        }
    }

    /// That a column's text is that of a place.
    pub(super) fn owner_is(&self, column: &str, place: usize) -> String {
        let letters = self.letters;
        match self.owner_is_loose {
            // The first half is for the index, the second for exactness.
            true => {
                format!("{column} = ${place} AND CAST({column} AS TEXT){letters} = ${place}")
            }
            false => format!("{column} = ${place}"),
        }
    }

    /// The text that a field shows.
    pub(super) fn shown(&self, column: &str) -> String {
        format!("COALESCE(CAST({column} AS TEXT), ''){}", self.letters)
    }
}

#[cfg(feature = "postgres")]
impl OwnerKey {
    /// How a message says it.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Account => "accounts' numbers",
            Self::Email => "e-mail addresses",
            Self::Login => "logins",
        }
    }
}

/// A name as SQL writes it, whatever is in it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
