//! Rows of runs and their items.

use sqlx::any::AnyRow;

use crate::domain::account::AccountId;
use crate::domain::standing::Version;
use crate::domain::time::Timestamp;
use crate::store::sql::db::Tx;
use crate::store::sql::errors::Fallible;
use crate::store::sql::rows::{Columns, stored};
use crate::store::sql::values::Rows;
use crate::store::{ItemOutcome, Run, RunCounts, RunId, RunItem, RunOrigin, RunState};

/// The columns of a run, as [`run`] reads them.
macro_rules! run_columns {
    () => {
        "id, origin, actor, plan, state, reached, last_position, total, changed, unchanged, \
         refused, not_found, undoes, undone_by, held_until, begun_at, updated_at, ended_at"
    };
}
pub(super) use run_columns;

/// The columns of an item, as [`item`] reads them.
macro_rules! item_columns {
    () => {
        "position, account, name, outcome, detail, version_before, version_after, kept"
    };
}
pub(super) use item_columns;

pub(super) fn run(row: &AnyRow) -> Fallible<Run> {
    let mut columns = Columns::of(row);
    Ok(Run {
        id: RunId::new(columns.get()?),
        origin: columns.word(RunOrigin::from_word)?,
        actor: columns.text()?,
        plan: columns.text()?,
        state: columns.word(RunState::from_word)?,
        reached: columns.get()?,
        last: columns.get()?,
        total: columns.number()?,
        counts: RunCounts {
            changed: columns.number()?,
            unchanged: columns.number()?,
            refused: columns.number()?,
            not_found: columns.number()?,
        },
        undoes: columns.get::<Option<i64>>()?.map(RunId::new),
        undone_by: columns.get::<Option<i64>>()?.map(RunId::new),
        held_until: columns.time_if_any()?,
        begun_at: columns.time()?,
        updated_at: columns.time()?,
        ended_at: columns.time_if_any()?,
    })
}

pub(super) fn item(row: &AnyRow) -> Fallible<RunItem> {
    let mut columns = Columns::of(row);
    let version = |number: Option<i64>| number.map(|number| Version::new(number.unsigned_abs()));
    Ok(RunItem {
        position: columns.get()?,
        account: columns.account_if_any()?,
        name: columns.get()?,
        outcome: columns.word(ItemOutcome::from_word)?,
        detail: columns.get()?,
        before: version(columns.get()?),
        after: version(columns.get()?),
        kept: columns.get()?,
    })
}

const PUT: Rows<9> = Rows {
    before: "INSERT INTO run_items (run, position, account, name, outcome, detail, \
         version_before, version_after, kept) VALUES ",
    after: " ON CONFLICT (run, position) DO UPDATE SET account = excluded.account, \
         outcome = excluded.outcome, detail = excluded.detail, \
         version_before = excluded.version_before, version_after = excluded.version_after, \
         kept = excluded.kept",
};

/// Writes down what became of items; they may have been pending.
pub(super) async fn put(tx: &mut Tx, run: RunId, items: Vec<RunItem>) -> Fallible<()> {
    let version = |version: Option<Version>| version.map(|version| stored(version.get()));
    let rows = items.into_iter().map(|item| {
        [
            run.get().into(),
            item.position.into(),
            item.account.map(AccountId::get).into(),
            item.name.into(),
            item.outcome.as_str().into(),
            item.detail.into(),
            version(item.before).into(),
            version(item.after).into(),
            item.kept.into(),
        ]
    });
    PUT.write(tx, rows.collect()).await?;
    Ok(())
}

/// Leaves the run as it is after a step.
pub(super) async fn update(tx: &mut Tx, run: &Run) -> Fallible<()> {
    sqlx::query(
        "UPDATE runs SET state = $2, reached = $3, changed = $4, unchanged = $5, refused = $6, \
         not_found = $7, held_until = $8, updated_at = $9, ended_at = $10 WHERE id = $1",
    )
    .bind(run.id.get())
    .bind(run.state.as_str())
    .bind(run.reached)
    .bind(stored(run.counts.changed))
    .bind(stored(run.counts.unchanged))
    .bind(stored(run.counts.refused))
    .bind(stored(run.counts.not_found))
    .bind(run.held_until.map(Timestamp::as_micros))
    .bind(run.updated_at.as_micros())
    .bind(run.ended_at.map(Timestamp::as_micros))
    .execute(&mut **tx)
    .await?;
    Ok(())
}
