//! Picks up deletions that somebody died over.

use std::time::Duration;

use crate::admin::{Admin, AdminError};

/// How often orphans are looked for.
const EVERY: Duration = Duration::from_secs(5);

impl Admin {
    /// Does every deletion that somebody died over, one after the other, and says how
    /// many there were. Those that others work on are left to them.
    ///
    /// # Errors
    ///
    /// If the directory can't answer.
    pub async fn adopt_deletions(&self) -> Result<usize, AdminError> {
        let orphans = self.directory.deleting().orphaned_deletions().await?;
        let mut adopted = 0;
        for id in orphans {
            match self.claim(id, None).await {
                Ok(run) => {
                    adopted += 1;
                    tracing::info!(deletion.id = id.get(), "deletion picked up");
                    let _ = run.run(|_| ()).await?;
                }
                // Somebody else was faster.
                Err(AdminError::DeletionHeld { .. } | AdminError::DeletionEnded { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(adopted)
    }

    /// The same again and again, until it is dropped.
    pub async fn keep_adopting_deletions(&self) {
        loop {
            if let Err(error) = self.adopt_deletions().await {
                let error = error.to_string();
                tracing::warn!(error, "deletions not picked up");
            }
            tokio::time::sleep(EVERY).await;
        }
    }
}
