//! Runs: begun, claimed, stopped and listed. Steps are taken in `runs/step.rs`.

mod rows;
mod step;

use sqlx::Row;

use self::rows::{item, item_columns, put, run, run_columns};
use super::SqlDirectory;
use super::audit::Entry;
use super::db::Tx;
use super::errors::Fallible;
use super::heads;
use super::rows::stored;
use crate::domain::event::Note;
use crate::domain::time::Timestamp;
use crate::store::{
    BoxFuture, DecideItem, ItemOutcome, ItemQuery, NewRun, Run, RunId, RunItem, RunRefusal,
    RunState, RunStep, RunStore, StepItem, Stepped, StoreError,
};

const BY_ID: &str = concat!("SELECT ", run_columns!(), " FROM runs WHERE id = $1");

const HOLD: &str = concat!("UPDATE runs SET id = id WHERE id = $1 RETURNING ", run_columns!());

impl RunStore for SqlDirectory {
    fn begin_run(
        &self,
        new: NewRun,
        note: Note,
    ) -> BoxFuture<'_, Result<Result<Run, RunRefusal>, StoreError>> {
        self.answered(self.begin(new, note))
    }

    fn add_run_items(
        &self,
        run: RunId,
        items: Vec<StepItem>,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.answered(self.add_items(run, items))
    }

    fn claim_run(
        &self,
        run: RunId,
        holder: u64,
        until: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Run>, StoreError>> {
        self.answered(self.take_on(run, holder, until))
    }

    fn step_run<'a>(
        &'a self,
        step: RunStep,
        decide: DecideItem<'a>,
    ) -> BoxFuture<'a, Result<Option<Stepped>, StoreError>> {
        self.answered(self.take_step(step, decide))
    }

    fn turn_run<'a>(
        &'a self,
        run: RunId,
        from: &'a [RunState],
        to: RunState,
        note: Option<Note>,
    ) -> BoxFuture<'a, Result<Option<Run>, StoreError>> {
        self.answered(self.turn(run, from, to, note))
    }

    fn run(&self, id: RunId) -> BoxFuture<'_, Result<Option<Run>, StoreError>> {
        self.answered(async move {
            let query = sqlx::query(BY_ID).bind(id.get());
            let row = query.fetch_optional(self.db.readers()).await?;
            row.as_ref().map(run).transpose()
        })
    }

    fn list_runs<'a>(
        &'a self,
        before: Option<RunId>,
        states: &'a [RunState],
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Run>, StoreError>> {
        self.answered(self.list_of_runs(before, states, limit))
    }

    fn run_items(&self, query: ItemQuery) -> BoxFuture<'_, Result<Vec<RunItem>, StoreError>> {
        self.answered(self.items(query))
    }
}

impl SqlDirectory {
    async fn begin(&self, new: NewRun, note: Note) -> Fallible<Result<Run, RunRefusal>> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        if let Some(refusal) = refusal(&mut tx, &new).await? {
            return Ok(Err(refusal));
        }
        let id = next_number(&mut tx).await?;
        let now = self.clock.wall();
        if let Some(undone) = new.undoes {
            sqlx::query("UPDATE runs SET undone_by = $2 WHERE id = $1")
                .bind(undone.get())
                .bind(id.get())
                .execute(&mut *tx)
                .await?;
        }
        let begun = Run::begun(id, new, now);
        insert(&mut tx, &begun).await?;
        let entry = Entry { account: None, note: about(note, id), before: None, after: None };
        self.record(&mut tx, head, now, entry).await?;
        self.commit(tx).await?;
        Ok(Ok(begun))
    }

    async fn add_items(&self, id: RunId, items: Vec<StepItem>) -> Fallible<bool> {
        let mut tx = self.db.write().await?;
        let preparing = read(&mut tx, id).await?.map(|run| run.state);
        if preparing != Some(RunState::Preparing) {
            return Ok(false);
        }
        let pending = items
            .into_iter()
            .map(|StepItem { position, account, name }| {
                let (outcome, detail, kept) = (ItemOutcome::Pending, None, None);
                let (before, after) = (None, None);
                RunItem { position, account, name, outcome, detail, before, after, kept }
            });
        put(&mut tx, id, pending.collect()).await?;
        self.commit_quietly(tx).await?;
        Ok(true)
    }

    async fn take_on(&self, id: RunId, holder: u64, until: Timestamp) -> Fallible<Option<Run>> {
        let mut tx = self.db.write().await?;
        let now = self.clock.wall().as_micros();
        let claimed = sqlx::query(
            "UPDATE runs SET holder = $2, held_until = $3 WHERE id = $1 AND state = 'running' \
             AND (held_until IS NULL OR held_until <= $4 OR holder = $2)",
        )
        .bind(id.get())
        .bind(holder.to_string())
        .bind(until.as_micros())
        .bind(now)
        .execute(&mut *tx)
        .await?;
        if claimed.rows_affected() == 0 {
            return Ok(None);
        }
        let run = read(&mut tx, id).await?;
        self.commit_quietly(tx).await?;
        Ok(run)
    }

    async fn turn(
        &self,
        id: RunId,
        from: &[RunState],
        to: RunState,
        note: Option<Note>,
    ) -> Fallible<Option<Run>> {
        let mut tx = self.db.write().await?;
        // Whatever is written takes the head first: see `heads`.
        let head = match &note {
            Some(_) => Some(heads::advance(&mut tx).await?),
            None => None,
        };
        let Some(found) = read(&mut tx, id).await? else { return Ok(None) };
        if !from.contains(&found.state) {
            return Ok(None);
        }
        let now = self.clock.wall();
        let ended = matches!(to, RunState::Cancelled | RunState::Finished).then_some(now);
        sqlx::query(
            "UPDATE runs SET state = $2, updated_at = $3, ended_at = $4, holder = NULL, \
             held_until = NULL WHERE id = $1",
        )
        .bind(id.get())
        .bind(to.as_str())
        .bind(now.as_micros())
        .bind(ended.map(Timestamp::as_micros))
        .execute(&mut *tx)
        .await?;
        if let (Some(head), Some(note)) = (head, note) {
            let entry = Entry { account: None, note: about(note, id), before: None, after: None };
            self.record(&mut tx, head, now, entry).await?;
        }
        self.commit(tx).await?;
        let (held_until, updated_at) = (None, now);
        Ok(Some(Run { state: to, updated_at, ended_at: ended, held_until, ..found }))
    }

    async fn list_of_runs(
        &self,
        before: Option<RunId>,
        states: &[RunState],
        limit: u32,
    ) -> Fallible<Vec<Run>> {
        let sql = concat!(
            "SELECT ",
            run_columns!(),
            " FROM runs WHERE id < $1 AND ($2 = 0 OR state IN ($3, $4, $5, $6)) \
             ORDER BY id DESC LIMIT $7"
        );
        let word = |at: usize| states.get(at).map_or("", |state| state.as_str());
        let rows = sqlx::query(sql)
            .bind(before.map_or(i64::MAX, RunId::get))
            .bind(i64::from(!states.is_empty()))
            .bind(word(0))
            .bind(word(1))
            .bind(word(2))
            .bind(word(3))
            .bind(i64::from(limit))
            .fetch_all(self.db.readers())
            .await?;
        rows.iter().map(run).collect()
    }

    async fn items(&self, query: ItemQuery) -> Fallible<Vec<RunItem>> {
        let sql = match query.outcome {
            Some(_) => concat!(
                "SELECT ",
                item_columns!(),
                " FROM run_items WHERE run = $1 AND position > $2 AND outcome = $4 \
                 ORDER BY position LIMIT $3"
            ),
            None => concat!(
                "SELECT ",
                item_columns!(),
                " FROM run_items WHERE run = $1 AND position > $2 ORDER BY position LIMIT $3"
            ),
        };
        let mut select = sqlx::query(sql)
            .bind(query.run.get())
            .bind(query.after)
            .bind(i64::from(query.limit));
        if let Some(outcome) = query.outcome {
            select = select.bind(outcome.as_str());
        }
        let rows = select.fetch_all(self.db.readers()).await?;
        rows.iter().map(item).collect()
    }
}

/// The note says which run it is about: before there is one, nobody knows its number.
fn about(note: Note, id: RunId) -> Note {
    let reason = match note.reason {
        Some(words) => format!("run {id}: {words}"),
        None => format!("run {id}"),
    };
    Note { reason: Some(reason), ..note }
}

/// Writes before it reads: that holds the run as it is until the commit.
async fn read(tx: &mut Tx, id: RunId) -> Fallible<Option<Run>> {
    let query = sqlx::query(HOLD).bind(id.get());
    let row = query.fetch_optional(&mut **tx).await?;
    row.as_ref().map(run).transpose()
}

async fn refusal(tx: &mut Tx, new: &NewRun) -> Fallible<Option<RunRefusal>> {
    if let Some(since) = new.unless_since {
        let begun = sqlx::query("SELECT id FROM runs WHERE origin = $1 AND begun_at >= $2 LIMIT 1")
            .bind(new.origin.as_str())
            .bind(since.as_micros())
            .fetch_optional(&mut **tx)
            .await?;
        if begun.is_some() {
            return Ok(Some(RunRefusal::TooSoon));
        }
    }
    let Some(undone) = new.undoes else { return Ok(None) };
    let found = read(tx, undone).await?;
    Ok(found.map_or(Some(RunRefusal::NoSuchRun), |run| run.refuses_undo()))
}

async fn next_number(tx: &mut Tx) -> Fallible<RunId> {
    let row = sqlx::query("SELECT COALESCE(MAX(id), 0) FROM runs")
        .fetch_one(&mut **tx)
        .await?;
    Ok(RunId::new(row.try_get::<i64, _>(0)? + 1))
}

async fn insert(tx: &mut Tx, run: &Run) -> Fallible<()> {
    sqlx::query(
        "INSERT INTO runs (id, origin, actor, plan, state, reached, last_position, total, changed, \
         unchanged, refused, not_found, undoes, begun_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, 0, $6, $7, 0, 0, 0, 0, $8, $9, $9)",
    )
    .bind(run.id.get())
    .bind(run.origin.as_str())
    .bind(&run.actor)
    .bind(&run.plan)
    .bind(run.state.as_str())
    .bind(run.last)
    .bind(stored(run.total))
    .bind(run.undoes.map(RunId::get))
    .bind(run.begun_at.as_micros())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
