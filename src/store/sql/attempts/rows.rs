//! The table of attempts: read, written, and kept from growing without end.

use sqlx::any::AnyRow;
use sqlx::{Any, Executor, Row};

use super::super::db::Tx;
use super::super::errors::Fallible;
use super::super::rows::{Columns, json, lockout_end};
use crate::domain::attempts::AttemptRecord;
use crate::domain::time::Timestamp;
use crate::store::Counter;
use crate::store::keyring::AttemptKey;

const FORGOTTEN_AT_ONCE: i64 = 500;

/// How many go at once when there are too many, so that the search for them is
/// not made for each new one.
const EVICTED_AT_ONCE: u64 = 256;

/// After how many new rows those of other programs are counted, too.
const RECOUNTED_AFTER: u64 = 512;

/// About how many rows there are, and how many there may be.
#[derive(Debug)]
pub(super) struct Rows {
    most: u64,
    /// Not known before the first look, and after a transaction that failed.
    known: Option<u64>,
    added: u64,
}

impl Rows {
    pub(super) const fn at_most(most: u64) -> Self {
        Self { most, known: None, added: 0 }
    }

    /// What is known may be wrong.
    pub(super) const fn recount(&mut self) {
        self.known = None;
    }

    /// Sees to it that there is room for so many new rows; says whether there is.
    pub(super) async fn make_room(
        &mut self,
        tx: &mut Tx,
        new: usize,
        now: Timestamp,
    ) -> Fallible<bool> {
        if new == 0 {
            return Ok(true);
        }
        let wanted = new as u64;
        if self.count(tx).await? + wanted <= self.most {
            return Ok(true);
        }
        let gone = evict(tx, now, (self.most / 8).clamp(wanted, EVICTED_AT_ONCE)).await?;
        let left = self.known.unwrap_or_default().saturating_sub(gone);
        self.known = Some(left);
        Ok(left + wanted <= self.most)
    }

    /// Writes what a counter counted now. An empty record says what none does: a
    /// flood of sign-ins that were put off leaves no rows.
    pub(super) async fn put(
        &mut self,
        tx: &mut Tx,
        counter: &Counter,
        was_there: bool,
        record: &AttemptRecord,
    ) -> Fallible<()> {
        match (record.is_blank(), was_there) {
            (true, false) => return Ok(()),
            (true, true) => {
                let gone = delete(tx, &counter.key).await?;
                self.known = self.known.map(|known| known.saturating_sub(gone));
                return Ok(());
            }
            (false, true) => {}
            (false, false) => {
                self.known = self.known.map(|known| known + 1);
                self.added += 1;
            }
        }
        write(tx, counter, record).await
    }

    async fn count(&mut self, tx: &mut Tx) -> Fallible<u64> {
        if let Some(known) = self
            .known
            .filter(|_| self.added < RECOUNTED_AFTER.min(self.most))
        {
            return Ok(known);
        }
        let row = sqlx::query("SELECT COUNT(*) FROM attempts")
            .fetch_one(&mut **tx)
            .await?;
        let counted = u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0);
        (self.known, self.added) = (Some(counted), 0);
        Ok(counted)
    }
}

/// What is stored under this key.
pub(super) async fn read<'c>(
    from: impl Executor<'c, Database = Any>,
    key: &AttemptKey,
) -> Fallible<Option<AttemptRecord>> {
    let query = sqlx::query("SELECT record FROM attempts WHERE key = $1").bind(key.to_hex());
    let row = query.fetch_optional(from).await?;
    row.as_ref().map(record).transpose()
}

/// Deletes what is stored under this key; says how many rows that were.
pub(super) async fn delete(tx: &mut Tx, key: &AttemptKey) -> Fallible<u64> {
    let gone = sqlx::query("DELETE FROM attempts WHERE key = $1").bind(key.to_hex());
    Ok(gone.execute(&mut **tx).await?.rows_affected())
}

/// Deletes some of what has said nothing since before this instant.
pub(super) async fn forget(tx: &mut Tx, before: Timestamp) -> Fallible<u64> {
    let deleted = sqlx::query(
        "DELETE FROM attempts WHERE key IN \
         (SELECT key FROM attempts WHERE forgettable_at < $1 LIMIT $2)",
    )
    .bind(before.as_micros())
    .bind(FORGOTTEN_AT_ONCE)
    .execute(&mut **tx)
    .await?;
    Ok(deleted.rows_affected())
}

/// Deletes some of what says least, and is no lockout that is on.
async fn evict(tx: &mut Tx, now: Timestamp, at_most: u64) -> Fallible<u64> {
    let deleted = sqlx::query(
        "DELETE FROM attempts WHERE key IN \
         (SELECT key FROM attempts WHERE locked_until IS NULL OR locked_until <= $1 \
         ORDER BY weight LIMIT $2)",
    )
    .bind(now.as_micros())
    .bind(i64::try_from(at_most).unwrap_or(i64::MAX))
    .execute(&mut **tx)
    .await?;
    Ok(deleted.rows_affected())
}

async fn write(tx: &mut Tx, counter: &Counter, record: &AttemptRecord) -> Fallible<()> {
    sqlx::query(
        "INSERT INTO attempts (key, record, locked_until, forgettable_at, weight) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (key) DO UPDATE SET record = excluded.record, \
         locked_until = excluded.locked_until, forgettable_at = excluded.forgettable_at, \
         weight = excluded.weight",
    )
    .bind(counter.key.to_hex())
    .bind(json(record)?)
    .bind(record.lockout().map(lockout_end))
    .bind(
        record
            .forgettable_at(&counter.rules)
            .map(Timestamp::as_micros),
    )
    .bind(i64::from(record.weight()))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn record(row: &AnyRow) -> Fallible<AttemptRecord> {
    Columns::of(row).json()
}
