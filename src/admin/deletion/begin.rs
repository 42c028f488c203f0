//! Begins a deletion: checks what is asked for, locks the account, notes the job.

use crate::admin::deletion::plan::Plan;
use crate::admin::deletion::{DeletionRequest, DeletionRun, new_lease};
use crate::admin::lock::lay;
use crate::admin::{Actor, Admin, AdminError, Ruling, Target, Warning, may_shut_out};
use crate::domain::account::Account;
use crate::domain::deletion::Party;
use crate::domain::event::Action;
use crate::domain::lock::{End, Reason};
use crate::domain::operation::Operation;
use crate::domain::standing::{Lifecycle, Transition};
use crate::store::{Facts, NewDeletion};

impl Admin {
    /// Begins to delete an account, and to give its records to somebody else.
    ///
    /// When this returns, the account is locked and the deletion is noted; nothing is
    /// moved yet. Whoever asked goes on with [`DeletionRun::run`] or
    /// [`DeletionRun::spawn`]; should they die before that, another process over the
    /// same directory picks it up. The login can never be used again.
    ///
    /// # Errors
    ///
    /// While account deletion is off, if nobody could administer afterwards, if the
    /// receiver is not active or the one who is deleted, if a module or field is not
    /// there, if a module does not answer, or if the account is being deleted already:
    /// then nothing was changed. If the directory fails in the middle, the account may be
    /// locked and no deletion begun.
    pub async fn begin_deletion(
        &self,
        actor: &Actor,
        target: &Target,
        request: DeletionRequest,
    ) -> Result<DeletionRun, AdminError> {
        let account = self.find(target).await?;
        actor.require_managing_to(Operation::DeleteUser, &account)?;
        self.deletion_is_on().await?;
        self.refuse_open(&account).await?;
        let id = account.id.into();
        let may = |facts: &Facts<'_>| may_delete(facts, actor).map(|_| Ruling::Keep);
        self.change(&id, may).await?;
        let Plan { receiver, modules } = self.plan(&account, &request.transfer).await?;
        let warning = self.lock_for_good(actor, &account, &request.reason).await?;
        let DeletionRequest { reason, transfer } = request;
        let note = actor.note(Action::DeletionBegun, Some(&reason));
        let new = NewDeletion {
            account: Party::of(&account),
            receiver,
            actor: actor.name(),
            reason,
            transfer,
            modules,
        };
        let lease = new_lease()?;
        let store = self.directory.deleting();
        let begun = store.begin_deletion(new, lease.clone(), note).await?;
        let login = account.login.to_string();
        let deletion = begun.map_err(|id| AdminError::DeletionOpen { login, id })?;
        self.count(Action::DeletionBegun);
        Ok(DeletionRun::new(self.clone(), deletion, lease, warning))
    }

    /// Refuses what would cross a deletion that is under way.
    pub(in crate::admin) async fn refuse_open(&self, account: &Account) -> Result<(), AdminError> {
        match self.open_deletion(account).await? {
            None => Ok(()),
            Some(open) => {
                let login = account.login.to_string();
                Err(AdminError::DeletionOpen { login, id: open.id })
            }
        }
    }

    /// Locks the account until somebody unlocks it, unless nobody has come in it yet.
    async fn lock_for_good(
        &self,
        actor: &Actor,
        account: &Account,
        reason: &Reason,
    ) -> Result<Option<Warning>, AdminError> {
        let mut warning = None;
        let lock = |facts: &Facts<'_>| {
            warning = may_delete(facts, actor)?;
            if matches!(facts.account.lifecycle, Lifecycle::Invited | Lifecycle::Registered) {
                return Ok(Ruling::Keep);
            }
            let mut account = facts.account.clone();
            let note = actor.note(Action::AccountLocked, Some(reason));
            match lay(facts, actor, &mut account, End::Never, Some(reason.clone())) {
                false => Ok(Ruling::Keep),
                true => Ok(Ruling::write(account, note)),
            }
        };
        self.change(&account.id.into(), lock).await?;
        Ok(warning)
    }
}

fn may_delete(facts: &Facts<'_>, actor: &Actor) -> Result<Option<Warning>, AdminError> {
    actor.require_managing_to(Operation::DeleteUser, facts.account)?;
    Transition::Delete.check(facts.account.lifecycle)?;
    may_shut_out(facts, actor, Transition::Delete)
}
