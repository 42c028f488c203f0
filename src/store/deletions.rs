//! Deletions under way: kept so that they go on where they stopped, whatever stops
//! them.

use std::fmt;
use std::time::Duration;

use crate::domain::account::{Account, AccountId};
use crate::domain::deletion::{Deletion, DeletionId, DeletionState, ModuleProgress, Party};
use crate::domain::event::Note;
use crate::domain::lock::Reason;
use crate::domain::time::Timestamp;
use crate::domain::transfer::Transfer;
use crate::store::{BoxFuture, Changed, Edit, Facts, StoreError};

/// Keeps deletions. An account has one open deletion at most.
///
/// Whoever works on one holds its lease, and whoever holds none changes nothing of
/// it, but that anybody may call it off.
pub trait DeletionStore: fmt::Debug + Send + Sync + 'static {
    /// Notes a deletion that begins, with its audit record, and gives it to the
    /// lease's holder. The inner error is the account's deletion that is open already.
    fn begin_deletion(
        &self,
        new: NewDeletion,
        lease: Lease,
        note: Note,
    ) -> BoxFuture<'_, Result<Result<Deletion, DeletionId>, StoreError>>;

    /// A deletion by its number.
    fn deletion(&self, id: DeletionId) -> BoxFuture<'_, Result<Option<Deletion>, StoreError>>;

    /// Deletions, newest first.
    fn deletions(&self, query: DeletionQuery) -> BoxFuture<'_, Result<Vec<Deletion>, StoreError>>;

    /// The deletions that somebody died over: they are worked on, and nobody holds
    /// them. Oldest first.
    fn orphaned_deletions(&self) -> BoxFuture<'_, Result<Vec<DeletionId>, StoreError>>;

    /// Takes a deletion that nobody holds. With a note somebody resumes it, also if
    /// it failed, and that is in the audit log; without one it is an orphan that is
    /// picked up. `None` if there is no such deletion.
    fn claim_deletion(
        &self,
        id: DeletionId,
        lease: Lease,
        resumed: Option<Note>,
    ) -> BoxFuture<'_, Result<Option<Claim>, StoreError>>;

    /// Makes the lease last its whole length again, and says whether it still did.
    fn renew_deletion(
        &self,
        id: DeletionId,
        lease: Lease,
    ) -> BoxFuture<'_, Result<bool, StoreError>>;

    /// Writes how far a deletion is: its state, modules and error. Says whether that
    /// was done: it is not if another holds the lease, or it was called off. The lease
    /// is renewed, or let go unless the deletion is still worked on.
    fn save_deletion<'a>(
        &'a self,
        deletion: &'a Deletion,
        lease: Lease,
        remark: Option<Remark>,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// Deletes the account and ends the deletion, in one transaction: `decide` sees
    /// the account and the receiver as they are in it, and says what to write.
    /// `None` if it says nothing, or if the lease is another's.
    fn finish_deletion<'a>(
        &'a self,
        id: DeletionId,
        lease: Lease,
        decide: DecideEnd<'a>,
    ) -> BoxFuture<'a, Result<Option<Changed>, StoreError>>;

    /// Calls a deletion off, whoever holds it. The inner error is one that had ended;
    /// `None` if there is no such deletion.
    fn cancel_deletion(
        &self,
        id: DeletionId,
        note: Note,
    ) -> BoxFuture<'_, Result<Option<Result<Deletion, Deletion>>, StoreError>>;
}

/// Looks at the account and the receiver inside the transaction, and says how the
/// account is deleted.
pub type DecideEnd<'a> = Box<dyn FnOnce(Facts<'_>, Option<&Account>) -> Option<Edit> + Send + 'a>;

/// A deletion about to begin.
#[derive(Clone, Debug)]
pub struct NewDeletion {
    /// Whose account goes.
    pub account: Party,
    /// Who gets records.
    pub receiver: Option<Party>,
    /// Who asked for it.
    pub actor: String,
    /// Why.
    pub reason: Reason,
    /// What goes to somebody else.
    pub transfer: Transfer,
    /// The modules of which something goes.
    pub modules: Vec<ModuleProgress>,
}

impl NewDeletion {
    /// The deletion that has begun.
    pub(crate) fn born(self, id: DeletionId, at: Timestamp) -> Deletion {
        let Self { account, receiver, actor, reason, transfer, modules } = self;
        Deletion {
            id,
            account,
            receiver,
            actor,
            reason,
            transfer,
            state: DeletionState::Working,
            modules,
            error: None,
            begun_at: at,
            updated_at: at,
            ended_at: None,
        }
    }
}

/// The right to work on a deletion.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Lease {
    /// Who has it: a name that nobody else has.
    pub holder: String,
    /// How long it lasts from when it is written.
    pub length: Duration,
}

/// Which deletions to list.
#[derive(Clone, Copy, Debug)]
pub struct DeletionQuery {
    /// Only those of this account.
    pub account: Option<AccountId>,
    /// Only those that can still come to their end.
    pub open: bool,
    /// Only those before this one.
    pub before: Option<DeletionId>,
    /// At most so many.
    pub limit: u32,
}

/// What became of taking a deletion.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_enums, reason = "it is free, held or not to be had")]
pub enum Claim {
    /// Somebody works on it.
    Held {
        /// Until when, unless they renew it.
        until: Timestamp,
    },
    /// It has ended, or failed and nobody resumes it.
    Stopped(Box<Deletion>),
    /// It is the holder's now.
    Taken(Box<Deletion>),
}

/// What the audit log says of a step.
#[derive(Clone, Debug)]
pub struct Remark {
    /// Who did what, and why.
    pub note: Note,
    /// What is so now, as JSON.
    pub after: Option<String>,
}
