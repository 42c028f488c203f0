//! Changes of many accounts at once: begun, followed, stopped, resumed and undone.
//!
//! A run goes through the people that were chosen, in the order of their numbers or as
//! they were listed, and never back: it meets nobody twice, whatever it changes. It
//! takes a few at a time, so that others who change something meanwhile wait for a
//! moment and not for the whole, and what became of each is written in the transaction
//! that changed the account. Every account has its own record in the audit log, which
//! names the run.
//!
//! Each account is judged by the rules that one change would be: whoever is refused
//! stays as they are, and the run goes on. Nobody locks themselves in a run, nor the
//! last administrator who can act: not from the command line either.
//!
//! The types here are their own form in JSON:
//!
//! ```
//! use portcullis::admin::BulkRequest;
//!
//! let request = r#"{
//!     "selection": {"search": [{"text": {"field": "email", "fit": "ends", "any_of": ["@left.example"]}}]},
//!     "change": {"locked": {"yes": {"until": "2030-01-31T12:00:00Z", "reason": "the contract ended"}}}
//! }"#;
//! let request: BulkRequest = serde_json::from_str(request).expect("a request");
//! assert!(!request.change.sign_out, "what is not named is left as it is");
//! ```

mod begin;
mod items;
mod judge;
mod pace;
mod plan;
mod preview;
mod show;
mod undo;
mod work;

use serde::{Deserialize, Serialize};

use crate::domain::account::AccountId;
use crate::domain::lock::Reason;
use crate::domain::login::Login;
use crate::domain::standing::Version;
use crate::domain::time::{Timestamp, rfc3339};
use crate::store::{AccountFilter, ItemOutcome, RunCounts, RunId, RunOrigin, RunState};

pub use self::judge::Refusal;

/// Whom to change, and how.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "whoever asks says whom and what")]
pub struct BulkRequest {
    /// Whom.
    pub selection: Selection,
    /// What is to become of them.
    pub change: BulkChange,
}

/// Whom to change.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Selection {
    /// These accounts.
    Ids(Vec<AccountId>),
    /// Whoever has these logins or primary e-mail addresses.
    Logins(Vec<String>),
    /// Everybody whom every filter takes when their turn comes: all, if there is none.
    /// People who are added while the run goes on are not in it.
    Search(Vec<AccountFilter>),
}

/// What is to become of people. What is not named is left as it is.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "whoever asks fills in what they want")]
pub struct BulkChange {
    /// Whether they are to have an admin lock.
    pub locked: LockWish,
    /// Whether they are to be disabled.
    pub disabled: DisableWish,
    /// Whether they are to be administrators.
    pub admin: AdminWish,
    /// Whether their sessions are to end, whatever else is changed.
    pub sign_out: bool,
}

/// What is to become of locks.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "yes, no, or neither")]
pub enum LockWish {
    /// They stay as they are.
    #[default]
    Leave,
    /// All locks are lifted, also those that failed sign-ins led to.
    No,
    /// An admin lock is laid.
    Yes {
        /// When it ends; not by itself if there is no instant.
        #[serde(default, with = "rfc3339")]
        until: Option<Timestamp>,
        /// Why.
        #[serde(default)]
        reason: Option<Reason>,
    },
}

/// What is to become of disablements.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "yes, no, or neither")]
pub enum DisableWish {
    /// They stay as they are.
    #[default]
    Leave,
    /// They are lifted.
    No,
    /// The accounts are disabled.
    Yes {
        /// Why.
        reason: Reason,
    },
}

/// What is to become of administrators' rights.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "yes, no, or neither")]
pub enum AdminWish {
    /// They stay as they are.
    #[default]
    Leave,
    /// They are taken away.
    No,
    /// They are given.
    Yes,
}

/// Whom a run is about.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Chosen {
    /// Accounts that were listed; they are among the run's items.
    Listed,
    /// Everybody whom these filters take.
    Search(Vec<AccountFilter>),
    /// Whom another run changed.
    Undo(RunId),
}

/// What a change of many would do.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BulkPreview {
    /// How many would be changed, left, refused and not found.
    pub counts: RunCounts,
    /// Who would be refused and why: the first of them.
    pub refused: Vec<Refused>,
}

/// Somebody who would be refused.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Refused {
    /// Their number.
    pub account: AccountId,
    /// Their login.
    pub login: Login,
    /// Why.
    pub why: Refusal,
}

/// A run as it is now.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BulkRun {
    /// Its number.
    pub id: RunId,
    /// Where it comes from.
    pub origin: RunOrigin,
    /// Who began it, as the audit log names them.
    pub by: String,
    /// How far it has come.
    pub state: RunState,
    /// Whom it is about.
    pub chosen: Chosen,
    /// What it does; of an undo, what it takes back.
    pub change: BulkChange,
    /// How many there were when it began. Of a search it is what was counted then.
    pub total: u64,
    /// How many came to what so far.
    pub counts: RunCounts,
    /// The run that it takes back.
    pub undoes: Option<RunId>,
    /// The run that takes it back.
    pub undone_by: Option<RunId>,
    /// When it was begun.
    #[serde(with = "rfc3339")]
    pub begun_at: Option<Timestamp>,
    /// When it last came further.
    #[serde(with = "rfc3339")]
    pub updated_at: Option<Timestamp>,
    /// When it was finished or cancelled.
    #[serde(with = "rfc3339")]
    pub ended_at: Option<Timestamp>,
}

/// What became of one account in a run.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct BulkItem {
    /// Its place in the run: where a page goes on after it.
    pub position: i64,
    /// The account, where there is one.
    pub account: Option<AccountId>,
    /// The login that was named, where it was.
    pub name: Option<String>,
    /// What became of it.
    pub outcome: ItemOutcome,
    /// Why it was refused.
    pub refused: Option<Refusal>,
    /// The version that the account was in before, where it was changed.
    pub version_before: Option<Version>,
    /// The version that the run left it in.
    pub version_after: Option<Version>,
}

#[cfg(test)]
mod tests;
