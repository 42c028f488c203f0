//! Shows runs and their items, stops and resumes them.

use crate::admin::bulk::judge::Refusal;
use crate::admin::bulk::plan::Plan;
use crate::admin::bulk::{BulkItem, BulkRun, Chosen};
use crate::admin::{Actor, Admin, AdminError};
use crate::domain::event::Action;
use crate::domain::permission::Permission;
use crate::store::{ItemOutcome, ItemQuery, Run, RunId, RunItem, RunState};

impl Admin {
    /// A run as it is now.
    ///
    /// # Errors
    ///
    /// If there is no such run, or whoever asks may not change people.
    pub async fn run(&self, actor: &Actor, id: RunId) -> Result<BulkRun, AdminError> {
        actor.require(Permission::ManageUsers)?;
        Ok(BulkRun::of(self.stored_run(id).await?)?)
    }

    /// Runs, newest first: those with a lower number than `before`.
    ///
    /// # Errors
    ///
    /// If whoever asks may not change people.
    pub async fn runs(
        &self,
        actor: &Actor,
        before: Option<RunId>,
        limit: u32,
    ) -> Result<Vec<BulkRun>, AdminError> {
        actor.require(Permission::ManageUsers)?;
        let runs = self.directory.runs().list_runs(before, &[], limit).await?;
        let runs = runs.into_iter().map(BulkRun::of).collect::<Result<_, _>>();
        Ok(runs?)
    }

    /// What became of each account of a run, in its order: those after a position, and
    /// those of one outcome.
    ///
    /// # Errors
    ///
    /// If there is no such run, or whoever asks may not change people.
    pub async fn run_items(
        &self,
        actor: &Actor,
        id: RunId,
        after: i64,
        outcome: Option<ItemOutcome>,
        limit: u32,
    ) -> Result<Vec<BulkItem>, AdminError> {
        actor.require(Permission::ManageUsers)?;
        self.stored_run(id).await?;
        let query = ItemQuery { run: id, after, outcome, limit };
        let items = self.directory.runs().run_items(query).await?;
        Ok(items.into_iter().map(BulkItem::from).collect())
    }

    /// Stops a run. Whoever works on it finds out before the next step; what was changed
    /// stays changed.
    ///
    /// # Errors
    ///
    /// If there is no such run or it is at its end; and if it is somebody else's, unless
    /// an administrator asks.
    pub async fn cancel_run(&self, actor: &Actor, id: RunId) -> Result<BulkRun, AdminError> {
        let from = [RunState::Preparing, RunState::Running];
        let mend = "there is nothing to stop";
        self.turn(actor, id, &from, RunState::Cancelled, Action::RunCancelled, mend)
            .await
    }

    /// Lets a run go on that was stopped, in the name of whoever began it. A run that was
    /// not stopped goes on by itself.
    ///
    /// # Errors
    ///
    /// If there is no such run, it was not stopped, it was stopped before all of its
    /// accounts were written down, or it was taken back; and if it is somebody else's,
    /// unless an administrator asks.
    pub async fn resume_run(&self, actor: &Actor, id: RunId) -> Result<BulkRun, AdminError> {
        let run = self.run_to_turn(actor, id).await?;
        if let Some(by) = run.undone_by {
            return Err(AdminError::RunUndone { id, by });
        }
        if run.state == RunState::Running {
            may_turn(actor, &run)?;
            return Ok(BulkRun::of(run)?);
        }
        if !self.is_prepared(&run).await? {
            let mend = "not all of its accounts were written down; begin it again";
            return Err(AdminError::RunState { id, state: run.state, mend });
        }
        let from = [RunState::Cancelled];
        let mend = "there is nothing to resume";
        self.turn(actor, id, &from, RunState::Running, Action::RunResumed, mend)
            .await
    }

    /// Whether everything that the run is about was written down.
    async fn is_prepared(&self, run: &Run) -> Result<bool, AdminError> {
        if Plan::of(run)?.chosen != Chosen::Listed || run.last == 0 {
            return Ok(true);
        }
        let query = ItemQuery { run: run.id, after: run.last - 1, outcome: None, limit: 1 };
        Ok(!self.directory.runs().run_items(query).await?.is_empty())
    }

    async fn turn(
        &self,
        actor: &Actor,
        id: RunId,
        from: &[RunState],
        to: RunState,
        action: Action,
        mend: &'static str,
    ) -> Result<BulkRun, AdminError> {
        may_turn(actor, &self.run_to_turn(actor, id).await?)?;
        let note = actor.note(action, None);
        let turned = self
            .directory
            .runs()
            .turn_run(id, from, to, Some(note))
            .await?;
        let Some(run) = turned else {
            let state = self.stored_run(id).await?.state;
            return Err(AdminError::RunState { id, state, mend });
        };
        self.count(action);
        Ok(BulkRun::of(run)?)
    }

    /// A run that something is to be done about. That there is none is for those who may
    /// see runs.
    pub(super) async fn run_to_turn(&self, actor: &Actor, id: RunId) -> Result<Run, AdminError> {
        let found = self.stored_run(id).await;
        if matches!(found, Err(AdminError::NoSuchRun { .. })) {
            actor.require(Permission::ManageUsers)?;
        }
        found
    }

    async fn stored_run(&self, id: RunId) -> Result<Run, AdminError> {
        let run = self.directory.runs().run(id).await?;
        run.ok_or(AdminError::NoSuchRun { id })
    }
}

/// A run acts with the rights of whoever began it: others have no hand in it, but for
/// administrators.
fn may_turn(actor: &Actor, run: &Run) -> Result<(), AdminError> {
    actor.require(Permission::ManageUsers)?;
    if actor.name() == run.actor { Ok(()) } else { actor.require_administrator() }
}

impl From<RunItem> for BulkItem {
    fn from(item: RunItem) -> Self {
        Self {
            position: item.position,
            account: item.account,
            name: item.name,
            outcome: item.outcome,
            refused: item.detail.as_deref().and_then(Refusal::from_word),
            version_before: item.before,
            version_after: item.after,
        }
    }
}
