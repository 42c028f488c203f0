//! Does a deletion, step by step.

use std::fmt;

use serde_json::json;

use crate::admin::deletion::end::end;
use crate::admin::deletion::hold::{is_held, may_receive};
use crate::admin::deletion::plan::{failed, order_of};
use crate::admin::deletion::{LEASE, TransferError, is_over, new_lease};
use crate::admin::modules::{ModuleError, Order, RecordModule};
use crate::admin::{Admin, AdminError, Warning};
use crate::domain::account::{Account, AccountId};
use crate::domain::deletion::{Deletion, DeletionId, DeletionState, ModuleState, Party, Step};
use crate::domain::event::{Action, Note};
use crate::domain::transfer::ModuleName;
use crate::store::{Claim, Facts, Lease, Remark, StoreError};

/// A deletion that this process is to do: it holds the lease.
///
/// Dropped, nothing is lost: the account stays locked, and when the lease is over the
/// deletion is picked up, by `portcullis serve` or whoever resumes it.
#[must_use = "nothing is moved until it runs"]
pub struct DeletionRun {
    admin: Admin,
    deletion: Deletion,
    lease: Lease,
    warning: Option<Warning>,
}

/// Why a deletion does not go on here.
pub(super) enum Halt {
    /// A step can't be done: somebody has to do something about it.
    Failed(AdminError),
    /// Somebody let the person in again, or deleted them otherwise.
    LetIn,
    /// The lease is another's, or the deletion was called off.
    Lost,
    /// The directory can't answer. The deletion is an orphan soon.
    Store(AdminError),
}

pub(super) type Going<T> = Result<T, Halt>;

impl Admin {
    /// Takes a deletion that nobody holds; with a note somebody resumes it by hand.
    pub(super) async fn claim(
        &self,
        id: DeletionId,
        resumed: Option<Note>,
    ) -> Result<DeletionRun, AdminError> {
        let lease = new_lease()?;
        let store = self.directory.deleting();
        match store.claim_deletion(id, lease.clone(), resumed).await? {
            None => Err(AdminError::NoSuchDeletion { id }),
            Some(Claim::Held { until }) => Err(AdminError::DeletionHeld { id, until }),
            Some(Claim::Stopped(deletion)) => {
                Err(AdminError::DeletionEnded { id, state: deletion.state })
            }
            Some(Claim::Taken(deletion)) => {
                Ok(DeletionRun::new(self.clone(), *deletion, lease, None))
            }
        }
    }
}

impl DeletionRun {
    pub(super) const fn new(
        admin: Admin,
        deletion: Deletion,
        lease: Lease,
        warning: Option<Warning>,
    ) -> Self {
        Self { admin, deletion, lease, warning }
    }

    /// The deletion, as it was when this process took it.
    pub const fn deletion(&self) -> &Deletion {
        &self.deletion
    }

    /// What whoever asked should know.
    pub const fn warning(&self) -> Option<Warning> {
        self.warning
    }

    /// Does it, in a task of its own, and gives the deletion as it is now. How it goes
    /// on, [`Admin::deletion`] tells.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    pub fn spawn(self) -> Deletion {
        let deletion = self.deletion.clone();
        tokio::spawn(async move {
            if let Err(error) = self.run(|_| ()).await {
                let error = error.to_string();
                tracing::warn!(deletion.id = deletion.id.get(), error, "deletion interrupted");
            }
        });
        deletion
    }

    /// Does it, and tells `told` how far it is after each step. Gives the deletion as
    /// it is when it goes on no more: done, failed or called off.
    ///
    /// Dropped in the middle, it goes on exactly there when it is resumed.
    ///
    /// # Errors
    ///
    /// If the directory can't answer, or another process has taken the deletion over.
    pub async fn run(self, mut told: impl FnMut(&Deletion) + Send) -> Result<Deletion, AdminError> {
        let Self { admin, mut deletion, lease, .. } = self;
        let (id, store) = (deletion.id, admin.directory.deleting());
        let mut work = Work { admin: &admin, lease: &lease, deletion: &mut deletion };
        let lost = keep_lease(&admin, id, &lease);
        let done = tokio::select! {
            done = work.go(&mut told) => done,
            () = lost => Err(Halt::Lost),
        };
        match done {
            Ok(()) => {}
            Err(Halt::Store(error)) => return Err(error),
            Err(Halt::Failed(error)) => fail(&admin, &lease, &mut deletion, &error).await?,
            Err(Halt::LetIn) => {
                let note = system_note(Action::DeletionCancelled, "the account was let in again");
                if let Some(Ok(_)) = store.cancel_deletion(id, note).await? {
                    admin.count(Action::DeletionCancelled);
                }
            }
            Err(Halt::Lost) => {}
        }
        let now = store
            .deletion(id)
            .await?
            .ok_or(AdminError::NoSuchDeletion { id })?;
        told(&now);
        let ours = is_over(now.state) || now.state == DeletionState::Failed;
        if ours { Ok(now) } else { Err(AdminError::DeletionLost { id }) }
    }
}

/// Renews the lease until it is lost.
async fn keep_lease(admin: &Admin, id: DeletionId, lease: &Lease) {
    loop {
        tokio::time::sleep(LEASE / 3).await;
        // A directory that can't answer now may answer before the lease is over; if
        // not, the next step can't be written down.
        if let Ok(false) = admin
            .directory
            .deleting()
            .renew_deletion(id, lease.clone())
            .await
        {
            return;
        }
    }
}

/// Notes why it goes on no more, and lets the lease go.
async fn fail(
    admin: &Admin,
    lease: &Lease,
    deletion: &mut Deletion,
    error: &AdminError,
) -> Result<(), AdminError> {
    deletion.state = DeletionState::Failed;
    deletion.error = Some(error.to_string());
    if let AdminError::Transfer(TransferError::Module { module, error }) = error {
        let mut modules = deletion.modules.iter_mut();
        if let Some(progress) = modules.find(|progress| progress.module == *module) {
            progress.error = Some(error.to_string());
        }
    }
    let store = admin.directory.deleting();
    store.save_deletion(deletion, lease.clone(), None).await?;
    Ok(())
}

/// What whoever works on a deletion works with.
struct Work<'a> {
    admin: &'a Admin,
    lease: &'a Lease,
    deletion: &'a mut Deletion,
}

impl Work<'_> {
    async fn go(&mut self, told: &mut (impl FnMut(&Deletion) + Send)) -> Going<()> {
        self.may_go_on().await?;
        for at in 0..self.deletion.modules.len() {
            if self.deletion.modules[at].state != ModuleState::Moved {
                self.move_module(at, told).await?;
            }
        }
        self.finish().await
    }

    /// Moves what is left of a module.
    async fn move_module(
        &mut self,
        at: usize,
        told: &mut (impl FnMut(&Deletion) + Send),
    ) -> Going<()> {
        let progress = &mut self.deletion.modules[at];
        (progress.state, progress.error) = (ModuleState::Moving, None);
        let (name, admin) = (progress.module.clone(), self.admin);
        let order = order_of(&name, &progress.choice, &self.deletion.account);
        let module = admin.module(&name).map_err(Halt::from)?;
        let to = self.receiver(&name, module).await?;
        module
            .check()
            .await
            .map_err(|error| of_module(&name, error))?;
        loop {
            let Some(step) = self.next_step(at, module, &order).await? else { break };
            let key = self.step_key(at);
            let moved = module.carry_out(&order, &to, &step, &key).await;
            let moved = moved.map_err(|error| of_module(&name, error))?;
            let progress = &mut self.deletion.modules[at];
            progress.step = None;
            progress.steps += 1;
            progress.moved += moved.records;
            told(self.deletion);
            if !moved.more {
                break;
            }
            self.may_go_on().await?;
        }
        self.deletion.modules[at].state = ModuleState::Moved;
        let remark = self.remark(at, &to);
        self.save(Some(remark)).await?;
        self.admin.count(Action::RecordsTransferred);
        told(self.deletion);
        Ok(())
    }

    /// The step that was written down and may be half done, or else the next one,
    /// which is written down now.
    async fn next_step(
        &mut self,
        at: usize,
        module: &dyn RecordModule,
        order: &Order,
    ) -> Going<Option<Step>> {
        if let Some(step) = &self.deletion.modules[at].step {
            return Ok(Some(step.clone()));
        }
        let next = module.next_step(order).await;
        let next = next.map_err(|error| of_module(&order.module, error))?;
        if let Some(step) = &next {
            self.deletion.modules[at].step = Some(step.clone());
            self.save(None).await?;
        }
        Ok(next)
    }

    /// The same whenever the step is done again, and no other step's, of whatever
    /// directory.
    fn step_key(&self, at: usize) -> String {
        let Deletion { id, begun_at, modules, .. } = &*self.deletion;
        let progress = &modules[at];
        let (module, step) = (&progress.module, progress.steps + 1);
        format!("portcullis-{id}-{}-{module}-{step}", begun_at.as_micros())
    }

    /// Whether the account still waits for its end, and the receiver may get records.
    async fn may_go_on(&self) -> Going<()> {
        let account = self.read(self.deletion.account.id).await?;
        let now = self.admin.now();
        let account = account
            .filter(|account| is_held(account, now))
            .ok_or(Halt::LetIn)?;
        let Some(party) = &self.deletion.receiver else { return Ok(()) };
        let receiver = self.read(party.id).await?;
        let receiver = receiver.ok_or_else(|| gone(party))?;
        Ok(may_receive(&receiver, &account, now)?)
    }

    /// The receiver, whom the module still knows by the same name, as it does whoever
    /// is deleted.
    async fn receiver(&self, name: &ModuleName, module: &dyn RecordModule) -> Going<Party> {
        let then = self.deletion.receiver.clone();
        let then = then.ok_or_else(|| Halt::from(TransferError::NoModules))?;
        for party in [&then, &self.deletion.account] {
            let now = self.read(party.id).await?.as_ref().map(Party::of);
            let now = now.ok_or_else(|| gone(party))?;
            let known = module
                .key_of(party)
                .map_err(|error| of_module(name, error))?;
            if module.key_of(&now).ok().as_ref() != Some(&known) {
                let login = &party.login;
                let what = format!(
                    "{login} was {known} when the deletion began, and is no more: change that \
                     back, or cancel the deletion and begin anew"
                );
                return Err(of_module(name, ModuleError::Refused(what)));
            }
        }
        Ok(then)
    }

    async fn read(&self, id: AccountId) -> Going<Option<Account>> {
        self.admin.directory.account(id).await.map_err(store)
    }

    /// Writes down how far it is.
    async fn save(&self, remark: Option<Remark>) -> Going<()> {
        let deleting = self.admin.directory.deleting();
        let saved = deleting.save_deletion(self.deletion, self.lease.clone(), remark);
        if saved.await.map_err(store)? { Ok(()) } else { Err(Halt::Lost) }
    }

    /// What the audit log says of a module that is moved.
    fn remark(&self, at: usize, to: &Party) -> Remark {
        let Deletion { id, actor, reason, modules, .. } = &*self.deletion;
        let progress = &modules[at];
        let after = json!({
            "deletion": id,
            "module": progress.module,
            "choice": progress.choice,
            "moved": progress.moved,
            "receiver": to,
        });
        let reason = Some(reason.as_str().to_owned());
        let action = Action::RecordsTransferred;
        let note = Note { actor: actor.clone(), action, reason, from: None };
        Remark { note, after: Some(after.to_string()) }
    }

    /// Deletes the account, if all is still as it has to be in that very instant.
    async fn finish(&self) -> Going<()> {
        let mut refused = None;
        let decide = |facts: Facts<'_>, receiver: Option<&Account>| {
            let edit = end(self.deletion, &facts, receiver);
            edit.map_err(|halt| refused = Some(halt)).ok()
        };
        let (id, lease) = (self.deletion.id, self.lease.clone());
        let deleting = self.admin.directory.deleting();
        let finished = deleting.finish_deletion(id, lease, Box::new(decide)).await;
        match (finished.map_err(store)?, refused) {
            (Some(changed), _) => {
                self.admin.tell_gate(&changed.account);
                self.admin.count(Action::AccountDeleted);
                Ok(())
            }
            (None, Some(halt)) => Err(halt),
            (None, None) => Err(Halt::Lost),
        }
    }
}

pub(super) fn gone(party: &Party) -> Halt {
    TransferError::NoReceiver { receiver: party.id.into() }.into()
}

fn of_module(name: &ModuleName, error: ModuleError) -> Halt {
    failed(name, error).into()
}

fn store(error: StoreError) -> Halt {
    Halt::Store(error.into())
}

fn system_note(action: Action, reason: &str) -> Note {
    let reason = Some(reason.to_owned());
    Note { actor: "system".to_owned(), action, reason, from: None }
}

impl From<TransferError> for Halt {
    fn from(error: TransferError) -> Self {
        Self::Failed(error.into())
    }
}

impl fmt::Debug for DeletionRun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeletionRun")
            .field("deletion", &self.deletion.id)
            .finish_non_exhaustive()
    }
}
