//! What is done to the audit log while a gateway runs.

use std::time::Duration;

use crate::admin::settings::AUDIT_RETENTION;
use crate::admin::{Actor, Admin, AdminError};
use crate::domain::length::read_length;
use crate::domain::lock::Reason;
use crate::engine::Portcullis;
use crate::store::{AuditPruned, BrokenChain};

/// How often records that are too old are looked for, and the log's end is noted.
const EVERY: Duration = Duration::from_secs(10 * 60);

impl Admin {
    /// Forgets the audit records that are older than the setting `audit.retention` says.
    ///
    /// # Errors
    ///
    /// As [`Admin::prune_audit`].
    pub async fn prune_audit_by_retention(&self) -> Result<Option<AuditPruned>, AdminError> {
        let kept = self.value_of(&AUDIT_RETENTION).await?.value;
        let Some(length) = read_length(&kept) else { return Ok(None) };
        let reason = Reason::try_from(format!("kept for {kept}")).ok();
        let before = self.now().before(length);
        self.prune_audit(&Actor::System, before, reason.as_ref())
            .await
    }

    /// Notes outside of the database how far the audit log reaches, where the store has
    /// a place for that. The inner error says that it does not reach as far as it did.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn note_audit_end(&self) -> Result<Result<(), BrokenChain>, AdminError> {
        Ok(self.directory.audit_log().note_end().await?)
    }

    /// Does both now and every ten minutes, in a task, until the gate ends.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub fn look_after_audit(&self, gate: &Portcullis) {
        let mut alive = gate.settings_changed();
        // Without the gate, which would keep itself alive.
        let admin = Self { gate: None, ..self.clone() };
        tokio::spawn(async move {
            loop {
                admin.look_after_audit_once().await;
                let next = tokio::time::Instant::now() + EVERY;
                // The sender goes with the gate.
                while let Ok(more) = tokio::time::timeout_at(next, alive.changed()).await {
                    if more.is_err() {
                        return;
                    }
                }
            }
        });
    }

    async fn look_after_audit_once(&self) {
        let pruned = self.prune_audit_by_retention().await.map(drop);
        let noted = self.note_audit_end().await;
        let noted = noted.and_then(|noted| Ok(noted?));
        match pruned.and(noted) {
            Ok(()) => {}
            Err(AdminError::AuditAltered(broken)) => {
                tracing::error!(audit.position = broken.position, "audit log altered");
            }
            Err(error) => tracing::warn!(%error, "audit log not looked after"),
        }
    }
}
