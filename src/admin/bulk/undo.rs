//! Takes back what a run did, of accounts that nobody changed since.

use crate::admin::bulk::judge::{Refusal, in_run, may_shut_out};
use crate::admin::bulk::plan::{Kept, Plan};
use crate::admin::bulk::{BulkRun, Chosen};
use crate::admin::{Actor, Admin, AdminError};
use crate::domain::account::Account;
use crate::domain::event::Action;
use crate::domain::standing::Transition;
use crate::store::{Decision, Edit, Facts, ItemOutcome, NewRun, RunId, RunItem, RunOrigin};

impl Admin {
    /// Begins to take back what a run did: locks come back with their ends and reasons,
    /// disablements and administrators' rights as they were. Of people whom somebody
    /// changed since, everything stays. Sessions that ended stay ended, and failed
    /// sign-ins that an unlock forgot stay forgotten.
    ///
    /// It is a run of its own. A run can be taken back once.
    ///
    /// # Errors
    ///
    /// If there is no such run, it goes on still, it was taken back before, or whoever
    /// asks may not do what that takes.
    pub async fn undo_run(&self, actor: &Actor, id: RunId) -> Result<BulkRun, AdminError> {
        let undone = self.run_to_turn(actor, id).await?;
        let Plan { change, .. } = Plan::of(&undone)?;
        self.may_change(actor, &change.without_end()).await?;
        let new = NewRun {
            origin: RunOrigin::Undo,
            actor: actor.name(),
            plan: Plan::new(actor, Chosen::Undo(id), change).to_json()?,
            preparing: false,
            last: undone.last,
            total: undone.counts.changed,
            undoes: Some(id),
            unless_since: None,
        };
        let run = self.begin(actor, new, format!("undoes run {id}")).await?;
        self.count(Action::RunBegun);
        Ok(BulkRun::of(run)?)
    }
}

/// Puts back what was kept of one account.
pub(super) fn put_back(
    facts: &Facts<'_>,
    actor: &Actor,
    done: Option<&RunItem>,
    run: RunId,
) -> Decision {
    if done.and_then(|done| done.after) != Some(facts.account.version) {
        return Refusal::ChangedSince.decision();
    }
    let kept = done.and_then(|done| done.kept.as_deref());
    let kept: Option<Kept> = kept.and_then(|kept| serde_json::from_str(kept).ok());
    // A run that only signed people out leaves nothing to put back.
    let Some(kept) = kept else { return Decision::Leave(ItemOutcome::Unchanged, None) };
    let account = as_it_was(facts.account, &kept);
    if let Err(refusal) = allowed(facts, actor, &account) {
        return refusal.decision();
    }
    let mut note = actor.note(action(facts, &account), None);
    note.reason = Some(in_run(run, Some("undone")));
    let kept = Kept::of(facts.account, &account).to_json();
    Decision::Write { edit: Box::new(Edit { account, password_hash: None, note }), kept }
}

/// The account with what was kept of it. Sessions die as with any such change.
fn as_it_was(now: &Account, kept: &Kept) -> Account {
    let mut account = now.clone();
    if let Some(admin) = kept.admin {
        account.admin = admin;
    }
    if let Some(locks) = &kept.locks {
        let barred =
            locks.admin_lock != now.locks.admin_lock || locks.disablement != now.locks.disablement;
        if barred {
            account.generation = now.generation.next();
        }
        account.locks = locks.clone();
    }
    account
}

fn allowed(facts: &Facts<'_>, actor: &Actor, after: &Account) -> Result<(), Refusal> {
    let before = facts.account;
    let managing = actor.require_managing(before);
    managing.map_err(|error| Refusal::of(&error))?;
    if before.admin != after.admin {
        actor
            .require_administrator()
            .map_err(|error| Refusal::of(&error))?;
    }
    if before.admin && !after.admin {
        may_shut_out(facts, actor, Transition::Demote)?;
    }
    let locked = |account: &Account| account.locks.admin_lock_at(facts.now).is_some();
    if locked(after) && !locked(before) {
        may_shut_out(facts, actor, Transition::Lock)?;
    }
    if after.locks.disablement.is_some() && before.locks.disablement.is_none() {
        may_shut_out(facts, actor, Transition::Disable)?;
    }
    Ok(())
}

/// What it is called in the audit log: what matters most.
fn action(facts: &Facts<'_>, after: &Account) -> Action {
    let (old, new) = (&facts.account.locks, &after.locks);
    let locked = |locks: &crate::domain::lock::Locks| {
        locks.admin_lock_at(facts.now).is_some() || locks.any_lockout_at(facts.now)
    };
    match (old.disablement.is_some(), new.disablement.is_some()) {
        (true, false) => Action::AccountEnabled,
        (false, true) => Action::AccountDisabled,
        _ if locked(new) => Action::AccountLocked,
        _ if locked(old) => Action::AccountUnlocked,
        _ => Action::AccountUpdated,
    }
}
