//! Forgets the oldest records.
//!
//! Where the log begins from then on is written in the same transaction as the record
//! that says so. The rows themselves go afterwards, a few at a time: nobody reads them
//! any more, and what a crash leaves behind goes the next time.

use sqlx::Row;

use super::Entry;
use super::ends::{Ends, link_at};
use crate::domain::event::Note;
use crate::domain::time::Timestamp;
use crate::store::keyring::{AuditLink, AuditMark};
use crate::store::sql::SqlDirectory;
use crate::store::sql::db::Tx;
use crate::store::sql::errors::{Fallible, Fault};
use crate::store::sql::heads;
use crate::store::sql::rows::{json, stored};
use crate::store::{AuditPruned, AuditWalk, BrokenChain};

const STEP: u64 = 500;

impl SqlDirectory {
    pub(super) async fn forget_records(
        &self,
        before: Timestamp,
        note: Note,
    ) -> Fallible<Result<Option<AuditPruned>, BrokenChain>> {
        let (begin, through) = self.old_records(before).await?;
        let pruned = if through > begin {
            match self.begin_after(through, note).await? {
                Ok(pruned) => pruned,
                Err(broken) => return Ok(Err(broken)),
            }
        } else {
            None
        };
        self.delete_forgotten().await?;
        Ok(Ok(pruned))
    }

    /// Where the log begins, and the last of the records that are all older than this.
    async fn old_records(&self, before: Timestamp) -> Fallible<(u64, u64)> {
        let mut tx = self.db.read().await?;
        let ends = Ends::read(&mut tx).await?;
        let kept = sqlx::query(
            "SELECT position FROM audit WHERE position > $1 AND at >= $2 \
             ORDER BY position LIMIT 1",
        )
        .bind(stored(ends.pruned))
        .bind(before.as_micros())
        .fetch_optional(&mut *tx)
        .await?;
        let through = match kept {
            Some(row) => row.try_get::<i64, _>(0)?.unsigned_abs() - 1,
            None => ends.head,
        };
        Ok((ends.pruned, through))
    }

    /// What does not fit is evidence, and stays.
    async fn begin_after(
        &self,
        through: u64,
        note: Note,
    ) -> Fallible<Result<Option<AuditPruned>, BrokenChain>> {
        let mut walk = AuditWalk::from_the_start();
        while walk.position < through && !walk.done {
            walk = match self.check_further(walk).await? {
                Ok(further) => further,
                Err(broken) => return Ok(Err(broken)),
            };
        }
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        let ends = Ends::read(&mut tx).await?;
        // Somebody else may have been quicker.
        if ends.pruned >= through {
            return Ok(Ok(None));
        }
        let gone = || Fault::damaged(format!("audit record {through} is gone"));
        let link = link_at(&mut tx, through).await?.ok_or_else(gone)?;
        self.write_beginning(&mut tx, through, &link).await?;
        let records = through - ends.pruned;
        let pruned = AuditPruned { through, link: link.to_hex(), records };
        let after = Some(json(&pruned)?);
        let entry = Entry { account: None, note, before: None, after };
        self.record(&mut tx, head, self.clock.wall(), entry).await?;
        self.commit(tx).await?;
        Ok(Ok(Some(pruned)))
    }

    async fn write_beginning(&self, tx: &mut Tx, through: u64, link: &AuditLink) -> Fallible<()> {
        let tag = self.keyring.audit_mark(AuditMark::Pruned, through, link);
        sqlx::query(
            "INSERT INTO audit_pruned (id, position, link, tag) VALUES (1, $1, $2, $3) \
             ON CONFLICT (id) DO UPDATE SET position = excluded.position, \
             link = excluded.link, tag = excluded.tag",
        )
        .bind(stored(through))
        .bind(link.to_hex())
        .bind(tag.to_hex())
        .execute(&mut **tx)
        .await?;
        Ok(())
    }

    /// Only what is before a beginning that was written with the key.
    async fn delete_forgotten(&self) -> Fallible<()> {
        loop {
            let mut tx = self.db.write().await?;
            let ends = Ends::read(&mut tx).await?;
            let row = sqlx::query("SELECT MIN(position) FROM audit")
                .fetch_one(&mut *tx)
                .await?;
            let oldest = row.try_get::<Option<i64>, _>(0)?.map(i64::unsigned_abs);
            let oldest = oldest.filter(|oldest| *oldest <= ends.pruned);
            let Some(oldest) = oldest.filter(|_| ends.beginning(&self.keyring).is_ok()) else {
                return Ok(());
            };
            let upto = (oldest + STEP - 1).min(ends.pruned);
            sqlx::query("DELETE FROM audit WHERE position <= $1")
                .bind(stored(upto))
                .execute(&mut *tx)
                .await?;
            self.commit_quietly(tx).await?;
        }
    }
}
