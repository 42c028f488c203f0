//! Works on runs: a step at a time, and with pauses in which others get their turn.

use std::time::Duration;

use crate::admin::bulk::items::Next;
use crate::admin::bulk::judge::{Rules, judge};
use crate::admin::bulk::pace::{Pace, pause_after};
use crate::admin::bulk::plan::Plan;
use crate::admin::bulk::undo::put_back;
use crate::admin::bulk::{BulkRun, Chosen};
use crate::admin::{Actor, Admin, AdminError};
use crate::domain::group::GroupId;
use crate::store::{DecideItem, Decision, Facts, Run, RunId, RunState, RunStep, StepItem, Stepped};

/// How long a run that is worked on is held after each step.
const HOLD: Duration = Duration::from_secs(15);

/// How often somebody else's work is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How many runs a look at those that nobody works on takes.
const AT_ONCE: u32 = 100;

/// How long a run may be prepared before it is taken for abandoned.
const PREPARED_WITHIN: Duration = Duration::from_secs(30 * 60);

impl Admin {
    /// Works on a run to its end, and says after each step how far it is. Where somebody
    /// else works on it, it waits for them, and goes on if they don't answer any more.
    ///
    /// When the gate of this process is told of a change and when it is counted: the gate
    /// comes first. A future that is dropped leaves the run where it is.
    ///
    /// # Errors
    ///
    /// If there is no such run, or the store can't answer. The run can be gone on with.
    pub async fn finish_run(
        &self,
        id: RunId,
        mut progress: impl FnMut(&BulkRun) + Send,
    ) -> Result<BulkRun, AdminError> {
        let holder = random().ok_or(AdminError::Random)?;
        loop {
            let until = self.now().after(HOLD);
            if let Some(run) = self.directory.runs().claim_run(id, holder, until).await? {
                self.work(holder, run, &mut progress).await?;
            }
            let run = self.directory.runs().run(id).await?;
            let run = BulkRun::of(run.ok_or(AdminError::NoSuchRun { id })?)?;
            progress(&run);
            if matches!(run.state, RunState::Cancelled | RunState::Finished) {
                return Ok(run);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Works on each run that nobody works on, and gives up those that nobody prepares
    /// any more. Says how many it brought to an end.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn go_on_with_runs(&self) -> Result<usize, AdminError> {
        let states = [RunState::Preparing, RunState::Running];
        let waiting = self
            .directory
            .runs()
            .list_runs(None, &states, AT_ONCE)
            .await?;
        let mut ended = 0;
        // The oldest first: a later one may have been meant to come after it.
        for run in waiting.into_iter().rev() {
            if run.state == RunState::Preparing {
                self.abandon(&run).await?;
                continue;
            }
            let holder = random().ok_or(AdminError::Random)?;
            let until = self.now().after(HOLD);
            let claimed = self
                .directory
                .runs()
                .claim_run(run.id, holder, until)
                .await?;
            let Some(run) = claimed else { continue };
            let run = self.work(holder, run, &mut |_| {}).await?;
            tracing::info!(run.id = run.id.get(), run.changed = run.counts.changed, "run finished");
            ended += 1;
        }
        Ok(ended)
    }

    async fn abandon(&self, run: &Run) -> Result<(), AdminError> {
        if self.now() < run.begun_at.after(PREPARED_WITHIN) {
            return Ok(());
        }
        let note = Actor::System.note(crate::domain::event::Action::RunCancelled, None);
        let from = [RunState::Preparing];
        let runs = self.directory.runs();
        runs.turn_run(run.id, &from, RunState::Cancelled, Some(note))
            .await?;
        Ok(())
    }

    /// Goes on until the run is at its end, or somebody stopped it or took it over.
    async fn work(
        &self,
        holder: u64,
        mut run: Run,
        progress: &mut (impl FnMut(&BulkRun) + Send),
    ) -> Result<Run, AdminError> {
        let plan = Plan::of(&run)?;
        let rules = self.rules_of(&run, &plan).await?;
        let mut pace = Pace::default();
        let mut next = self.next_items(&run, &plan, pace.items()).await?;
        loop {
            let decide = decide(&plan, &rules, &next);
            let step = self.step(&run, holder, &next);
            let stepped = self.directory.runs().step_run(step, decide).await?;
            let Some(Stepped { run: now, changed, took }) = stepped else { return Ok(run) };
            // From now on, whatever else is done in it.
            let pause = tokio::time::sleep(pause_after(took));
            // Before anybody is told that they are done.
            for changed in &changed {
                self.tell_gate(&changed.account);
            }
            run = now;
            progress(&BulkRun::of(run.clone())?);
            if run.state != RunState::Running {
                return Ok(run);
            }
            pace = pace.after(next.up_to(run.reached), took);
            next = self.next_items(&run, &plan, pace.items()).await?;
            pause.await;
        }
    }

    fn step(&self, run: &Run, holder: u64, next: &Next) -> RunStep {
        RunStep {
            run: run.id,
            holder,
            hold_until: self.now().after(HOLD),
            items: next.items.clone(),
            is_last: next.is_last,
            budget: Pace::BUDGET,
        }
    }

    async fn rules_of(&self, run: &Run, plan: &Plan) -> Result<Rules, AdminError> {
        Ok(Rules {
            run: run.id,
            actor: plan.actor(run)?,
            change: plan.change.of_one(),
            sign_out: plan.change.sign_out,
            licences: self.licence_limit().await?,
        })
    }
}

/// Decides on the items of a step, by the facts inside its transaction.
fn decide<'a>(plan: &'a Plan, rules: &'a Rules, next: &'a Next) -> DecideItem<'a> {
    Box::new(move |item: &StepItem, facts: Facts<'_>, groups: &[GroupId]| match &plan.chosen {
        Chosen::Undo(_) => {
            let decision = put_back(&facts, &rules.actor, next.done.get(&item.position), rules.run);
            rules.licensed(&facts, decision)
        }
        // Whoever is no longer meant when their turn comes is left alone.
        Chosen::Search(filters)
            if !filters
                .iter()
                .all(|filter| filter.takes(facts.account, groups, facts.now)) =>
        {
            Decision::Pass
        }
        _ => judge(&facts, rules),
    })
}

fn random() -> Option<u64> {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).ok()?;
    Some(u64::from_be_bytes(bytes))
}
