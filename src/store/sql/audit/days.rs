//! How many records there are of each day, told from counts that triggers keep.

use sqlx::any::AnyRow;

use crate::domain::event::Action;
use crate::domain::time::Timestamp;
use crate::store::DayCount;
use crate::store::audit::DAY_MICROS;
use crate::store::sql::SqlDirectory;
use crate::store::sql::errors::{Fallible, Fault};
use crate::store::sql::rows::Columns;

impl SqlDirectory {
    pub(super) async fn count_by_day(
        &self,
        actions: Vec<Action>,
        since: Timestamp,
    ) -> Fallible<Vec<DayCount>> {
        let rows = sqlx::query(
            "SELECT day, action, records FROM audit_days WHERE day >= $1 AND records > 0 \
             ORDER BY day, action",
        )
        .bind(since.as_micros().div_euclid(DAY_MICROS))
        .fetch_all(self.db.readers())
        .await?;
        let counts: Vec<DayCount> = rows.iter().map(count).collect::<Fallible<_>>()?;
        let wanted = counts
            .into_iter()
            .filter(|one| actions.contains(&one.action));
        Ok(wanted.collect())
    }
}

fn count(row: &AnyRow) -> Fallible<DayCount> {
    let mut columns = Columns::of(row);
    let day: i64 = columns.get()?;
    let day = day.checked_mul(DAY_MICROS).map(Timestamp::from_micros);
    let day = day.ok_or_else(|| Fault::damaged("records are counted of no day"))?;
    Ok(DayCount { day, action: columns.word(Action::from_word)?, count: columns.number()? })
}
