//! What a step of a run comes to, the same in every store.

use std::time::Duration;

use crate::domain::account::Account;
use crate::domain::group::GroupId;
use crate::domain::time::Timestamp;
use crate::store::{
    Changed, DecideItem, Decision, Facts, ItemOutcome, Run, RunItem, RunState, RunStep, StepItem,
    Stepped,
};

/// What a step comes to, item by item: the same in every store.
#[derive(Debug)]
pub(crate) struct Tally {
    run: Run,
    admins: u64,
    licences: u64,
    now: Timestamp,
    changed: Vec<Changed>,
    passed: usize,
}

impl Tally {
    /// Of a run as it was found, with so many administrators who can act and so many
    /// licences in use.
    pub(crate) fn new(
        run: Run,
        step: &RunStep,
        (admins, licences): (u64, u64),
        now: Timestamp,
    ) -> Self {
        let run = Run { held_until: Some(step.hold_until), updated_at: now, ..run };
        Self { run, admins, licences, now, changed: Vec::new(), passed: 0 }
    }

    /// What a run may change of an account, the same in every store: the rest stays as it
    /// is, whatever the edit says.
    pub(crate) fn kept_to_runs(before: &Account, edit: Account) -> Account {
        let Account { admin, locks, generation, attempts_generation, .. } = edit;
        Account { admin, locks, generation, attempts_generation, ..before.clone() }
    }

    /// Asks about one item. The administrators are counted as they are by now.
    pub(crate) fn decide(
        &self,
        item: &StepItem,
        account: Option<&Account>,
        groups: &[GroupId],
        decide: &mut DecideItem<'_>,
    ) -> Decision {
        let Some(account) = account else { return Decision::Leave(ItemOutcome::NotFound, None) };
        let own = u64::from(account.is_active_admin(self.now));
        let other_active_admins = self.admins - own;
        decide(
            item,
            Facts {
                account,
                other_active_admins,
                devices: &[],
                licences_used: self.licences,
                now: self.now,
            },
            groups,
        )
    }

    pub(crate) fn changed(&mut self, changed: Changed) {
        let is_admin = |account: &Account| u64::from(account.is_active_admin(self.now));
        self.admins = self.admins - is_admin(&changed.before) + is_admin(&changed.account);
        let uses = |account: &Account| u64::from(account.uses_licence());
        self.licences = self.licences - uses(&changed.before) + uses(&changed.account);
        self.changed.push(changed);
    }

    /// What is to be written down of an item, after its account was changed.
    pub(crate) fn settle(&mut self, item: &StepItem, decision: Decision) -> Option<RunItem> {
        self.run.reached = item.position;
        self.passed += 1;
        let StepItem { position, account, name } = item.clone();
        let none = RunItem {
            position,
            account,
            name,
            outcome: ItemOutcome::Changed,
            detail: None,
            before: None,
            after: None,
            kept: None,
        };
        let settled = match decision {
            Decision::Pass => return None,
            Decision::Leave(outcome, detail) => RunItem { outcome, detail, ..none },
            Decision::Write { kept, .. } => {
                let changed = self.changed.last();
                let before = changed.map(|changed| changed.before.version);
                let after = changed.map(|changed| changed.account.version);
                RunItem { before, after, kept, ..none }
            }
        };
        self.run.counts.count(settled.outcome);
        Some(settled)
    }

    /// How long it took is known to the store alone.
    pub(crate) fn done(mut self, step: &RunStep) -> Stepped {
        if step.is_last && self.passed == step.items.len() {
            self.run.state = RunState::Finished;
            self.run.ended_at = Some(self.now);
            self.run.held_until = None;
        }
        Stepped { run: self.run, changed: self.changed, took: Duration::ZERO }
    }
}
