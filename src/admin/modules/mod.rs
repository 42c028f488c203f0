//! The modules of an application: what people own in it, and how that is given to
//! somebody else when their account is deleted.
//!
//! A module moves its records in steps. Each step is written down before it is done,
//! and doing it twice is as doing it once: whatever dies in the middle, the step is
//! done again and counted once.

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod dialect;
#[cfg(feature = "http-modules")]
mod endpoint;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod table;

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use crate::domain::deletion::{Party, Step};
use crate::domain::transfer::{Condition, ModuleName};
use crate::store::BoxFuture;

#[cfg(feature = "http-modules")]
pub use self::endpoint::{BearerSecret, EndpointModule, EndpointSettings};
#[cfg(feature = "postgres")]
pub use self::postgres::PostgresDatabase;
#[cfg(any(feature = "postgres", feature = "sqlite"))]
pub use self::table::{Database, OwnerKey, TableModule, TableSettings};
#[cfg(feature = "postgres")]
pub use crate::domain::database::DatabasePassword;

/// The modules of an application, in the order in which they are moved.
///
/// Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Modules(Arc<Vec<Entry>>);

#[derive(Clone, Debug)]
struct Entry {
    description: ModuleDescription,
    module: Arc<dyn RecordModule>,
}

/// What a module is called, and what its records can be chosen by.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ModuleDescription {
    /// What the configuration calls it.
    pub name: ModuleName,
    /// What people call it.
    pub label: String,
    /// The fields that conditions can name.
    pub fields: Vec<Field>,
}

/// A field of records that conditions can name.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Field {
    /// What the application calls it.
    pub name: String,
    /// What people call it.
    pub label: String,
}

/// Whose records are meant, and who gets them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Order {
    /// The module.
    pub module: ModuleName,
    /// Whose records they are.
    pub from: Party,
    /// What a record has to fit.
    pub conditions: Vec<Condition>,
}

impl Order {
    /// The records of a module that are somebody's and fit these.
    pub const fn new(module: ModuleName, from: Party, conditions: Vec<Condition>) -> Self {
        Self { module, from, conditions }
    }
}

/// What a step moved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Moved {
    /// How many of the step's records are with the receiver now.
    pub records: u64,
    /// Whether there may be more.
    pub more: bool,
}

/// Records of one kind that people own.
pub trait RecordModule: fmt::Debug + Send + Sync + 'static {
    /// The fields that conditions can name.
    fn fields(&self) -> &[Field];

    /// What the module knows somebody by.
    ///
    /// # Errors
    ///
    /// If they have no such thing.
    fn key_of(&self, party: &Party) -> Result<String, ModuleError>;

    /// Whether the module is there and as it is described.
    fn check(&self) -> BoxFuture<'_, Result<(), ModuleError>>;

    /// How many records an order is about now.
    fn count<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<u64, ModuleError>>;

    /// What the next step is to move; `None` if there is nothing left.
    fn next_step<'a>(
        &'a self,
        order: &'a Order,
    ) -> BoxFuture<'a, Result<Option<Step>, ModuleError>>;

    /// Does a step, or whatever of it is not done yet. `key` names the step and no
    /// other, and is the same when it is done again.
    ///
    /// Moves no record but those that are `order.from`'s and fit its conditions. May
    /// be dropped at any time, and then be asked for again.
    fn carry_out<'a>(
        &'a self,
        order: &'a Order,
        to: &'a Party,
        step: &'a Step,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Moved, ModuleError>>;
}

/// Why a module did not do what it was asked. Messages name what is wrong and what
/// to do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// What is configured is not what is there.
    #[error("{0}: mend the configuration or the application")]
    Misfit(String),
    /// It did not answer, or not so that it could be understood; later it may.
    #[error("{0}: see that the application is there, and resume")]
    Unavailable(String),
    /// It said no.
    #[error("{0}: see what the application has against it")]
    Refused(String),
    /// Records stayed where they were.
    #[error("records stay where they are, {left} of them: see what in the application holds them")]
    Stuck {
        /// How many were to move.
        left: u64,
    },
    /// Somebody has no name that the module knows people by.
    #[error("{login} has no e-mail address, and its records are known by that: set one")]
    NoAddress {
        /// Who.
        login: String,
    },
}

impl Modules {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same and this one, after the others. One of the same name is replaced.
    #[must_use]
    pub fn with(
        self,
        name: ModuleName,
        label: impl Into<String>,
        module: impl RecordModule,
    ) -> Self {
        let fields = module.fields().to_vec();
        let description = ModuleDescription { name, label: label.into(), fields };
        let others = self.0.iter();
        let others = others.filter(|entry| entry.description.name != description.name);
        let mut entries: Vec<Entry> = others.cloned().collect();
        entries.push(Entry { description, module: Arc::new(module) });
        Self(Arc::new(entries))
    }

    /// What there is, in order.
    pub fn descriptions(&self) -> impl Iterator<Item = &ModuleDescription> {
        self.0.iter().map(|entry| &entry.description)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Looks whether each is there and as it is described, in order.
    pub async fn check(&self) -> Vec<(ModuleName, Result<(), ModuleError>)> {
        let mut checked = Vec::new();
        for entry in self.0.iter() {
            checked.push((entry.description.name.clone(), entry.module.check().await));
        }
        checked
    }

    /// A module by its name.
    pub fn get(&self, name: &ModuleName) -> Option<&dyn RecordModule> {
        let mut entries = self.0.iter();
        let found = entries.find(|entry| entry.description.name == *name);
        found.map(|entry| &*entry.module)
    }
}
