//! What a store keeps of a run for whoever goes on with it: in whose name, what, and
//! what was there before.

use serde::{Deserialize, Serialize};

use crate::admin::bulk::{BulkChange, BulkRun, Chosen};
use crate::admin::{Actor, Rights};
use crate::domain::account::{Account, AccountId};
use crate::domain::lock::Locks;
use crate::domain::login::Login;
use crate::store::{Run, StoreError};

/// What a run does and in whose name, as JSON in the store.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(super) struct Plan {
    by: By,
    pub(super) chosen: Chosen,
    pub(super) change: BulkChange,
}

/// Whoever began a run, with the rights that they had then.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum By {
    Account { id: AccountId, login: Login, from: Option<String>, administers: bool },
    Application { id: String, name: String, from: Option<String>, administers: bool },
    Cli { user: String },
    Engine,
    System,
}

impl Plan {
    pub(super) fn new(actor: &Actor, chosen: Chosen, change: BulkChange) -> Self {
        Self { by: By::of(actor), chosen, change }
    }

    pub(super) fn to_json(&self) -> Result<String, StoreError> {
        serde_json::to_string(self).map_err(StoreError::unavailable)
    }

    /// The plan of a run as it is stored.
    pub(super) fn of(run: &Run) -> Result<Self, StoreError> {
        serde_json::from_str(&run.plan).map_err(|error| damaged(run, error.to_string()))
    }

    /// Whoever began the run, who may what they might then.
    pub(super) fn actor(&self, run: &Run) -> Result<Actor, StoreError> {
        Ok(match self.by.clone() {
            By::Account { id, login, from, administers } => {
                Actor::Account { id, login, from, rights: Rights::of_run(administers) }
            }
            By::Application { id, name, from, administers } => {
                let id = id.parse().map_err(|_| damaged(run, id))?;
                Actor::Application { id, name, from, rights: Rights::of_run(administers) }
            }
            By::Cli { user } => Actor::Cli { user },
            By::Engine => Actor::Engine,
            By::System => Actor::System,
        })
    }
}

fn damaged(run: &Run, detail: String) -> StoreError {
    StoreError::Damaged { what: format!("run {}", run.id), detail }
}

impl By {
    fn of(actor: &Actor) -> Self {
        let administers = actor.rights().is_some_and(Rights::administer);
        match actor.clone() {
            Actor::Account { id, login, from, .. } => {
                Self::Account { id, login, from, administers }
            }
            Actor::Application { id, name, from, .. } => {
                Self::Application { id: id.to_string(), name, from, administers }
            }
            Actor::Cli { user } => Self::Cli { user },
            Actor::Engine => Self::Engine,
            Actor::System => Self::System,
        }
    }
}

/// What a run changed of an account, as it was before.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub(super) struct Kept {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) locks: Option<Locks>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) admin: Option<bool>,
}

impl Kept {
    pub(super) fn of(before: &Account, after: &Account) -> Self {
        let locks = (before.locks != after.locks).then(|| before.locks.clone());
        let admin = (before.admin != after.admin).then_some(before.admin);
        Self { locks, admin }
    }

    /// `None` where there is nothing to put back.
    pub(super) fn to_json(&self) -> Option<String> {
        if *self == Self::default() { None } else { serde_json::to_string(self).ok() }
    }
}

impl BulkRun {
    pub(super) fn of(run: Run) -> Result<Self, StoreError> {
        let Plan { chosen, change, .. } = Plan::of(&run)?;
        Ok(Self {
            id: run.id,
            origin: run.origin,
            by: run.actor,
            state: run.state,
            chosen,
            change,
            total: run.total,
            counts: run.counts,
            undoes: run.undoes,
            undone_by: run.undone_by,
            begun_at: Some(run.begun_at),
            updated_at: Some(run.updated_at),
            ended_at: run.ended_at,
        })
    }
}
