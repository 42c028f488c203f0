//! Deletes accounts and gives their records to somebody else: a job that goes on
//! where it stopped, whatever stops it.
//!
//! The account is locked first. Then the modules are moved one after the other, and
//! when all is moved the account is deleted. Whoever works on a deletion holds its
//! lease; when they die, somebody else picks it up. Whoever unlocks the account
//! meanwhile calls the deletion off.

mod begin;
mod end;
mod hold;
mod orphans;
mod plan;
mod run;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::admin::modules::ModuleError;
use crate::admin::{Actor, Admin, AdminError, Target};
use crate::domain::account::Account;
use crate::domain::deletion::{Deletion, DeletionId, DeletionState};
use crate::domain::event::Action;
use crate::domain::lock::Reason;
use crate::domain::operation::Operation;
use crate::domain::standing::Status;
use crate::domain::transfer::{ModuleName, Transfer};
use crate::store::{DeletionQuery, Lease};

pub use self::plan::{ModulePreview, TransferPreview};
pub use self::run::DeletionRun;

/// How long a lease lasts that nobody renews: so long after somebody died, another
/// may go on.
pub const LEASE: Duration = Duration::from_secs(30);

/// What is asked for with a deletion. Both have to be said: there are no defaults.
///
/// As JSON: `{ "reason": "left the company", "transfer": { "records": "nothing" } }`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::exhaustive_structs, reason = "a third thing to say would have to be said, too")]
pub struct DeletionRequest {
    /// Why.
    pub reason: Reason,
    /// What goes to somebody else.
    pub transfer: Transfer,
}

/// Why records are not given to somebody else as was asked for. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// A module failed.
    #[error("{module}: {error}")]
    Module {
        /// Which.
        module: ModuleName,
        /// Why.
        #[source]
        error: ModuleError,
    },
    /// Records would go to whoever is deleted.
    #[error("records can't go to the account that is deleted: name another receiver")]
    SelfReceiver,
    /// The receiver is not there.
    #[error("there is no account {receiver} to get the records: name another receiver")]
    NoReceiver {
        /// Who was named.
        receiver: Target,
    },
    /// The receiver may get nothing.
    #[error("{login} is {status}, and records go to active accounts only: name another receiver")]
    ReceiverNotActive {
        /// The receiver.
        login: String,
        /// Their status.
        status: Status,
    },
    /// A condition names a field that the module's records are not chosen by.
    #[error("records of {module} can't be chosen by {field:?}: the fields are {known}")]
    NoSuchField {
        /// The module.
        module: ModuleName,
        /// What was named.
        field: String,
        /// What can be named.
        known: String,
    },
    /// There is no module of this name.
    #[error("there is no module {module}: the modules are {known}")]
    NoSuchModule {
        /// What was named.
        module: ModuleName,
        /// What can be named.
        known: String,
    },
    /// No module is configured, so nothing could go to anybody.
    #[error(
        "no modules are configured, so there are no records to transfer: configure them, \
         or transfer nothing"
    )]
    NoModules,
}

impl Admin {
    /// A deletion, by its number.
    ///
    /// # Errors
    ///
    /// If there is none, or whoever asks may not manage people.
    pub async fn deletion(&self, actor: &Actor, id: DeletionId) -> Result<Deletion, AdminError> {
        actor.require(Operation::DeleteUser)?;
        let found = self.directory.deleting().deletion(id).await?;
        found.ok_or(AdminError::NoSuchDeletion { id })
    }

    /// Deletions, newest first.
    ///
    /// # Errors
    ///
    /// If whoever asks may not manage people.
    pub async fn deletions(
        &self,
        actor: &Actor,
        query: DeletionQuery,
    ) -> Result<Vec<Deletion>, AdminError> {
        actor.require(Operation::DeleteUser)?;
        Ok(self.directory.deleting().deletions(query).await?)
    }

    /// Calls a deletion off. What was moved stays moved, the account stays, and it
    /// stays locked.
    ///
    /// # Errors
    ///
    /// If there is none, or it has ended.
    pub async fn cancel_deletion(
        &self,
        actor: &Actor,
        id: DeletionId,
    ) -> Result<Deletion, AdminError> {
        let deletion = self.deletion(actor, id).await?;
        self.require_managing(actor, &deletion).await?;
        let note = actor.note(Action::DeletionCancelled, None);
        let cancelled = self.directory.deleting().cancel_deletion(id, note).await?;
        match cancelled {
            None => Err(AdminError::NoSuchDeletion { id }),
            Some(Err(ended)) => Err(AdminError::DeletionEnded { id, state: ended.state }),
            Some(Ok(cancelled)) => {
                self.count(Action::DeletionCancelled);
                Ok(cancelled)
            }
        }
    }

    /// Goes on with a deletion that failed, or that somebody died over. What has been
    /// moved is not moved again.
    ///
    /// # Errors
    ///
    /// If there is none, it has ended, or somebody works on it.
    pub async fn resume_deletion(
        &self,
        actor: &Actor,
        id: DeletionId,
    ) -> Result<DeletionRun, AdminError> {
        let deletion = self.deletion(actor, id).await?;
        self.require_managing(actor, &deletion).await?;
        let note = actor.note(Action::DeletionResumed, None);
        let run = self.claim(id, Some(note)).await?;
        self.count(Action::DeletionResumed);
        Ok(run)
    }

    async fn require_managing(&self, actor: &Actor, deletion: &Deletion) -> Result<(), AdminError> {
        match self.directory.account(deletion.account.id).await? {
            Some(account) => actor.require_managing_to(Operation::DeleteUser, &account),
            None => actor.require(Operation::DeleteUser),
        }
    }

    /// The account's deletion that can still come to its end, if there is one.
    pub(super) async fn open_deletion(
        &self,
        account: &Account,
    ) -> Result<Option<Deletion>, AdminError> {
        let query = DeletionQuery { account: Some(account.id), open: true, before: None, limit: 1 };
        let mut found = self.directory.deleting().deletions(query).await?;
        Ok(found.pop())
    }

    /// Calls the deletion off of an account that was let in again.
    pub(super) async fn call_off_deletion(&self, account: &Account) -> Result<(), AdminError> {
        if let Some(deletion) = self.open_deletion(account).await? {
            let unlocked: Option<Reason> = "the account was unlocked".try_into().ok();
            let note = Actor::System.note(Action::DeletionCancelled, unlocked.as_ref());
            let id = deletion.id;
            let cancelled = self.directory.deleting().cancel_deletion(id, note).await?;
            if let Some(Ok(_)) = cancelled {
                self.count(Action::DeletionCancelled);
            }
        }
        Ok(())
    }
}

impl From<TransferError> for AdminError {
    fn from(error: TransferError) -> Self {
        Self::Transfer(error)
    }
}

/// A lease that nobody else has.
fn new_lease() -> Result<Lease, AdminError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| AdminError::Random)?;
    Ok(Lease { holder: format!("{:032x}", u128::from_be_bytes(random)), length: LEASE })
}

/// Whether a deletion in this state is over.
const fn is_over(state: DeletionState) -> bool {
    matches!(state, DeletionState::Cancelled | DeletionState::Done)
}
