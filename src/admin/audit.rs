//! Reads, checks and shortens the audit log.

mod format;
mod retention;

pub use self::format::ExportFormat;

use crate::admin::{Actor, Admin, AdminError};
use crate::domain::event::{Action, AuditRecord};
use crate::domain::lock::Reason;
use crate::domain::operation::Operation;
use crate::domain::time::Timestamp;
use crate::store::{
    AuditEntry, AuditPruned, AuditQuery, AuditSearch, AuditWalk, BrokenChain, DayCount,
};

impl Admin {
    /// The audit log, newest first.
    ///
    /// # Errors
    ///
    /// If whoever asks may not read it, or the store can't answer.
    pub async fn audit(
        &self,
        actor: &Actor,
        query: AuditQuery,
    ) -> Result<Vec<AuditRecord>, AdminError> {
        actor.require(Operation::ReadAudit)?;
        Ok(self.directory.audit(query).await?)
    }

    /// The records that a search takes, each with its link.
    ///
    /// # Errors
    ///
    /// If whoever asks may not read it, or the store can't answer.
    pub async fn audit_entries(
        &self,
        actor: &Actor,
        search: AuditSearch,
    ) -> Result<Vec<AuditEntry>, AdminError> {
        actor.require(Operation::ReadAudit)?;
        Ok(self.directory.audit_log().records(search).await?)
    }

    /// How many records of these actions the log has of each day (UTC) since then.
    ///
    /// # Errors
    ///
    /// If whoever asks may not read it, or the store can't answer.
    pub async fn audit_by_day(
        &self,
        actor: &Actor,
        actions: Vec<Action>,
        since: Timestamp,
    ) -> Result<Vec<DayCount>, AdminError> {
        actor.require(Operation::ReadAudit)?;
        Ok(self.directory.audit_log().by_day(actions, since).await?)
    }

    /// Checks that nobody altered the audit log, and says how many records it
    /// has. The inner error names the first that does not fit.
    ///
    /// # Errors
    ///
    /// If whoever asks may not read it, or the store can't answer.
    pub async fn verify_audit(
        &self,
        actor: &Actor,
    ) -> Result<Result<u64, BrokenChain>, AdminError> {
        actor.require(Operation::ReadAudit)?;
        Ok(self.directory.verify_audit().await?)
    }

    /// The same a step at a time: `told` hears after each how far it came. It begins
    /// where the last check came to, if that is asked for and known; what was checked
    /// before is not looked at again then.
    ///
    /// Dropped before it is done, it can be gone on with in the same way.
    ///
    /// # Errors
    ///
    /// If whoever asks may not read it, or the store can't answer.
    pub async fn check_audit(
        &self,
        actor: &Actor,
        since_last_check: bool,
        mut told: impl FnMut(&AuditWalk) + Send,
    ) -> Result<Result<AuditWalk, BrokenChain>, AdminError> {
        actor.require(Operation::ReadAudit)?;
        let log = self.directory.audit_log();
        let last = match since_last_check {
            true => log.checked_before().await?,
            false => None,
        };
        let mut walk = last.unwrap_or_else(AuditWalk::from_the_start);
        while !walk.is_done() {
            walk = match log.check(walk).await? {
                Ok(further) => further,
                Err(broken) => return Ok(Err(broken)),
            };
            told(&walk);
        }
        Ok(Ok(walk))
    }

    /// Goes on with a check while that is wanted, which is asked after each step, or
    /// until it is done. One that is broken off can be gone on with in the same way.
    ///
    /// # Errors
    ///
    /// If whoever asks may not read it, or the store can't answer.
    pub async fn check_audit_while(
        &self,
        actor: &Actor,
        mut walk: AuditWalk,
        mut wanted: impl FnMut(&AuditWalk) -> bool + Send,
    ) -> Result<Result<AuditWalk, BrokenChain>, AdminError> {
        actor.require(Operation::ReadAudit)?;
        let log = self.directory.audit_log();
        while !walk.is_done() {
            walk = match log.check(walk).await? {
                Ok(further) => further,
                Err(broken) => return Ok(Err(broken)),
            };
            if !wanted(&walk) {
                break;
            }
        }
        Ok(Ok(walk))
    }

    /// Forgets the audit records from the oldest on that are older than this. `None` if
    /// there were none. An instant to come stands for now.
    ///
    /// # Errors
    ///
    /// [`AdminError::AuditAltered`] if they do not fit their chain: what was altered is
    /// evidence, and stays. And if whoever asks is no administrator, or the store can't
    /// answer.
    pub async fn prune_audit(
        &self,
        actor: &Actor,
        before: Timestamp,
        reason: Option<&Reason>,
    ) -> Result<Option<AuditPruned>, AdminError> {
        actor.require_administrator()?;
        let note = actor.note(Action::AuditPruned, reason);
        let before = before.min(self.now());
        let pruned = self.directory.audit_log().forget(before, note).await??;
        if pruned.is_some() {
            self.count(Action::AuditPruned);
        }
        Ok(pruned)
    }
}
