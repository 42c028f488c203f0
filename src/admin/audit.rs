//! Reads the audit log.

use crate::admin::{Actor, Admin, AdminError};
use crate::domain::event::AuditRecord;
use crate::domain::operation::Operation;
use crate::store::{AuditQuery, BrokenChain};

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
}
