//! How many people there are, told from the head row and from indexes alone.

use sqlx::Row;

use super::SqlDirectory;
use super::db::Tx;
use super::errors::Fallible;
use crate::store::Headcount;

const LICENSED: &str = "SELECT licences FROM heads WHERE stream = 0 AND $1 = $1";

const DISABLED: &str =
    "SELECT COUNT(*) FROM accounts WHERE disabled = 1 AND lifecycle <> 'deleted' AND $1 = $1";

/// By the two indexes of ends: few are locked at a time.
const LOCKED: &str = "SELECT COUNT(*) FROM accounts WHERE lifecycle = 'active' AND disabled = 0 \
    AND id IN (SELECT id FROM accounts WHERE admin_lock_until > $1 \
    UNION SELECT id FROM accounts WHERE lockout_until > $1)";

const INVITED: &str = "SELECT COUNT(*) FROM accounts \
    WHERE lifecycle = 'invited' AND lifecycle <> 'active' AND disabled = 0 AND $1 = $1";

const REGISTERED: &str = "SELECT COUNT(*) FROM accounts \
    WHERE lifecycle = 'registered' AND lifecycle <> 'active' AND disabled = 0 AND $1 = $1";

const DELETED: &str = "SELECT COUNT(*) FROM accounts \
    WHERE lifecycle = 'deleted' AND lifecycle <> 'active' AND $1 = $1";

impl SqlDirectory {
    /// All of one instant.
    pub(super) async fn count_heads(&self) -> Fallible<Headcount> {
        let now = self.clock.wall().as_micros();
        let mut tx = self.db.read().await?;
        let mut count = async |sql| count(&mut tx, sql, now).await;
        let (licensed, locked) = (count(LICENSED).await?, count(LOCKED).await?);
        Ok(Headcount {
            licensed,
            active: licensed.saturating_sub(locked),
            locked,
            disabled: count(DISABLED).await?,
            invited: count(INVITED).await?,
            registered: count(REGISTERED).await?,
            deleted: count(DELETED).await?,
        })
    }
}

/// The instant has its place in every statement, whether or not it matters.
async fn count(tx: &mut Tx, sql: &'static str, now: i64) -> Fallible<u64> {
    let row = sqlx::query(sql).bind(now).fetch_one(&mut **tx).await?;
    Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No count looks at every account: each plan goes by an index.
    #[tokio::test]
    async fn counts_go_by_indexes() {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = SqlDirectory::open(folder.path().join("accounts.db"))
            .await
            .expect("opens");
        for sql in [LICENSED, LOCKED, DISABLED, INVITED, REGISTERED, DELETED] {
            let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
            let rows = sqlx::query(explain)
                .bind(0_i64)
                .fetch_all(directory.db.readers())
                .await
                .expect("a plan");
            for row in rows {
                let step: String = row.try_get(3).expect("a step");
                let goes_by_index = !step.starts_with("SCAN accounts") || step.contains("INDEX");
                assert!(goes_by_index, "{sql}: {step}");
            }
        }
    }
}
