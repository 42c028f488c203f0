//! How many people there are, told from counts that triggers keep.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::SqlDirectory;
use super::errors::{Fallible, Fault};
use crate::store::Headcount;
use crate::store::history::HOUR_MICROS;

const LICENSED: &str = "SELECT licences FROM heads WHERE stream = 0";

/// Everybody by state; and who is locked beyond the hour that it is, and in what is left
/// of it.
const COUNTS: &str = "SELECT what, state, accounts FROM account_counts WHERE what = 'all' \
    UNION ALL SELECT what, state, CAST(SUM(accounts) AS BIGINT) FROM account_counts \
    WHERE what IN ('hand-hour', 'failures-hour', 'both-hour') AND ends >= $2 GROUP BY what, state \
    UNION ALL SELECT what, state, CAST(SUM(accounts) AS BIGINT) FROM account_counts \
    WHERE what IN ('hand', 'failures', 'both') AND ends > $1 AND ends < $2 GROUP BY what, state";

impl SqlDirectory {
    /// All of one instant.
    pub(super) async fn count_heads(&self) -> Fallible<Headcount> {
        let now = self.clock.wall().as_micros();
        let next_hour = (now.div_euclid(HOUR_MICROS) + 1) * HOUR_MICROS;
        let mut tx = self.db.read().await?;
        let licensed = sqlx::query(LICENSED).fetch_one(&mut *tx).await?;
        let rows = sqlx::query(COUNTS)
            .bind(now)
            .bind(next_hour)
            .fetch_all(&mut *tx)
            .await?;
        let licensed = licensed.try_get::<i64, _>(0)?.unsigned_abs();
        rows.iter()
            .try_fold(Headcount { licensed, ..Headcount::default() }, counted)
    }
}

/// Takes a row in. Who is locked is taken out of the state that they are in.
fn counted(mut count: Headcount, row: &AnyRow) -> Fallible<Headcount> {
    let (what, state): (String, String) = (row.try_get(0)?, row.try_get(1)?);
    let accounts: i64 = row.try_get(2)?;
    let place = match &*state {
        "active" => &mut count.active,
        "invited" => &mut count.invited,
        "registered" => &mut count.registered,
        "disabled" => &mut count.disabled,
        "deleted" => &mut count.deleted,
        other => return Err(Fault::damaged(format!("accounts are counted as {other:?}"))),
    };
    if what == "all" {
        *place = moved(*place, accounts);
        return Ok(count);
    }
    if matches!(&*state, "disabled" | "deleted") {
        return Ok(count);
    }
    // Who is locked by hand and by failures is in the sums of both, and locked once.
    let locked = if what.starts_with("both") { -accounts } else { accounts };
    *place = moved(*place, -locked);
    count.locked = moved(count.locked, locked);
    match &*what {
        "hand" | "hand-hour" => count.locked_by_hand = moved(count.locked_by_hand, accounts),
        "failures" | "failures-hour" => {
            count.locked_by_failures = moved(count.locked_by_failures, accounts);
        }
        _ => {}
    }
    Ok(count)
}

/// Sums come in any order, so one may be below zero on the way.
fn moved(count: u64, by: i64) -> u64 {
    count.wrapping_add_signed(by)
}
