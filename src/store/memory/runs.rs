//! Runs in the memory of one process.

use std::collections::BTreeMap;

use crate::domain::account::{Account, AccountId};
use crate::domain::event::Note;
use crate::domain::standing::Lifecycle;
use crate::domain::time::Timestamp;
use crate::store::memory::directory::SingleProcessDirectory;
use crate::store::memory::now;
use crate::store::memory::state::State;
use crate::store::runs::Tally;
use crate::store::{
    BoxFuture, DecideItem, Decision, Directory, Edit, ItemOutcome, ItemQuery, NewRun, Run, RunId,
    RunItem, RunRefusal, RunState, RunStep, RunStore, StepItem, Stepped, StoreError,
};

/// Every run with its items.
#[derive(Default)]
pub(super) struct Runs(BTreeMap<RunId, Kept>);

struct Kept {
    run: Run,
    holder: Option<u64>,
    items: BTreeMap<i64, RunItem>,
}

impl Runs {
    fn refusal(&self, new: &NewRun) -> Option<RunRefusal> {
        let begun_since = |since: Timestamp| {
            let mut runs = self.0.values().map(|kept| &kept.run);
            runs.any(|run| run.origin == new.origin && run.begun_at >= since)
        };
        if new.unless_since.is_some_and(begun_since) {
            return Some(RunRefusal::TooSoon);
        }
        let undone = new.undoes?;
        let found = self.0.get(&undone);
        found.map_or(Some(RunRefusal::NoSuchRun), |kept| kept.run.refuses_undo())
    }

    fn begin(&mut self, new: NewRun, at: Timestamp) -> Run {
        let id = RunId::new(self.0.len() as i64 + 1);
        if let Some(undone) = new.undoes.and_then(|undone| self.0.get_mut(&undone)) {
            undone.run.undone_by = Some(id);
        }
        let run = Run::begun(id, new, at);
        self.0
            .insert(id, Kept { run: run.clone(), holder: None, items: BTreeMap::new() });
        run
    }
}

impl Kept {
    fn claim(&mut self, holder: u64, until: Timestamp, at: Timestamp) -> Option<Run> {
        let held = self.run.held_until.is_some_and(|until| until > at);
        let others = held && self.holder != Some(holder);
        if self.run.state != RunState::Running || others {
            return None;
        }
        self.holder = Some(holder);
        self.run.held_until = Some(until);
        Some(self.run.clone())
    }
}

fn about(note: Note, id: RunId) -> Note {
    let reason = match note.reason {
        Some(words) => format!("run {id}: {words}"),
        None => format!("run {id}"),
    };
    Note { reason: Some(reason), ..note }
}

fn live(state: &State, id: AccountId) -> Option<Account> {
    let record = state.accounts.get(&id)?;
    let account = &record.account;
    (account.lifecycle != Lifecycle::Deleted).then(|| account.clone())
}

impl RunStore for SingleProcessDirectory {
    fn begin_run(
        &self,
        new: NewRun,
        note: Note,
    ) -> BoxFuture<'_, Result<Result<Run, RunRefusal>, StoreError>> {
        now(Ok(self.write(|state, at| {
            if let Some(refusal) = state.runs.refusal(&new) {
                return Err(refusal);
            }
            let run = state.runs.begin(new, at);
            self.log(state, at, None, about(note, run.id), (None, None));
            Ok(run)
        })))
    }

    fn add_run_items(
        &self,
        run: RunId,
        items: Vec<StepItem>,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        now(Ok(self.write(|state, _| {
            let kept = state.runs.0.get_mut(&run);
            let Some(kept) = kept.filter(|kept| kept.run.state == RunState::Preparing) else {
                return false;
            };
            for StepItem { position, account, name } in items {
                let (outcome, detail, kept_facts) = (ItemOutcome::Pending, None, None);
                let (before, after, kept_facts) = (None, None, kept_facts);
                let item = RunItem {
                    position,
                    account,
                    name,
                    outcome,
                    detail,
                    before,
                    after,
                    kept: kept_facts,
                };
                kept.items.insert(position, item);
            }
            true
        })))
    }

    fn claim_run(
        &self,
        run: RunId,
        holder: u64,
        until: Timestamp,
    ) -> BoxFuture<'_, Result<Option<Run>, StoreError>> {
        now(Ok(self.write(|state, at| {
            let kept = state.runs.0.get_mut(&run)?;
            kept.claim(holder, until, at)
        })))
    }

    fn step_run<'a>(
        &'a self,
        step: RunStep,
        mut decide: DecideItem<'a>,
    ) -> BoxFuture<'a, Result<Option<Stepped>, StoreError>> {
        now(self.write(|state, at| {
            let began = self.clock().now().monotonic;
            let kept = state.runs.0.get(&step.run);
            let held = kept.filter(|kept| {
                kept.run.state == RunState::Running && kept.holder == Some(step.holder)
            });
            let Some(found) = held.map(|kept| kept.run.clone()) else { return Ok(None) };
            let counted = (state.active_admins(at), state.licences_used());
            let mut tally = Tally::new(found, &step, counted, at);
            let mut settled = Vec::new();
            for item in &step.items {
                let account = item.account.and_then(|id| live(state, id));
                let groups = item
                    .account
                    .map(|id| state.groups.of(id))
                    .unwrap_or_default();
                let decision = tally.decide(item, account.as_ref(), &groups, &mut decide);
                if let (Some(before), Decision::Write { edit, .. }) = (&account, &decision) {
                    let Edit { account: edit, note, .. } = Edit::clone(edit);
                    let account = Tally::kept_to_runs(before, edit);
                    let id = account.id;
                    let changed = state.replace(id, account, None, at)?;
                    let states = (Some(&changed.before), Some(&changed.account));
                    self.log(state, at, Some(id), note, states);
                    tally.changed(changed);
                }
                settled.extend(tally.settle(item, decision));
            }
            let took = self.clock().now().monotonic.since(began);
            let stepped = Stepped { took, ..tally.done(&step) };
            if let Some(kept) = state.runs.0.get_mut(&step.run) {
                kept.run = stepped.run.clone();
                let settled = settled.into_iter().map(|item| (item.position, item));
                kept.items.extend(settled);
            }
            Ok(Some(stepped))
        }))
    }

    fn turn_run<'a>(
        &'a self,
        run: RunId,
        from: &'a [RunState],
        to: RunState,
        note: Option<Note>,
    ) -> BoxFuture<'a, Result<Option<Run>, StoreError>> {
        now(Ok(self.write(|state, at| {
            let kept = state.runs.0.get_mut(&run)?;
            if !from.contains(&kept.run.state) {
                return None;
            }
            let ended = matches!(to, RunState::Cancelled | RunState::Finished).then_some(at);
            kept.holder = None;
            kept.run.state = to;
            kept.run.updated_at = at;
            kept.run.ended_at = ended;
            kept.run.held_until = None;
            let turned = kept.run.clone();
            if let Some(note) = note {
                self.log(state, at, None, about(note, run), (None, None));
            }
            Some(turned)
        })))
    }

    fn run(&self, id: RunId) -> BoxFuture<'_, Result<Option<Run>, StoreError>> {
        now(Ok(self.state().runs.0.get(&id).map(|kept| kept.run.clone())))
    }

    fn list_runs<'a>(
        &'a self,
        before: Option<RunId>,
        states: &'a [RunState],
        limit: u32,
    ) -> BoxFuture<'a, Result<Vec<Run>, StoreError>> {
        let state = self.state();
        let newest_first = state.runs.0.values().rev().map(|kept| &kept.run);
        let wanted = newest_first.filter(|run| {
            before.is_none_or(|before| run.id < before)
                && (states.is_empty() || states.contains(&run.state))
        });
        now(Ok(wanted.take(limit as usize).cloned().collect()))
    }

    fn run_items(&self, query: ItemQuery) -> BoxFuture<'_, Result<Vec<RunItem>, StoreError>> {
        let state = self.state();
        let Some(kept) = state.runs.0.get(&query.run) else { return now(Ok(Vec::new())) };
        let after = kept.items.values().filter(|item| {
            item.position > query.after
                && query.outcome.is_none_or(|outcome| outcome == item.outcome)
        });
        now(Ok(after.take(query.limit as usize).cloned().collect()))
    }
}
