//! Reads the audit log.

use crate::admin::{Admin, AdminError};
use crate::domain::event::AuditRecord;
use crate::store::{AuditQuery, BrokenChain};

impl Admin {
    /// The audit log, newest first.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn audit(&self, query: AuditQuery) -> Result<Vec<AuditRecord>, AdminError> {
        Ok(self.directory.audit(query).await?)
    }

    /// Checks that nobody altered the audit log, and says how many records it
    /// has. The inner error names the first that does not fit.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn verify_audit(&self) -> Result<Result<u64, BrokenChain>, AdminError> {
        Ok(self.directory.verify_audit().await?)
    }
}
