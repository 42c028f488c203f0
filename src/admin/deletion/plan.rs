//! What a choice comes to: which modules, which records, how many.

use serde::{Deserialize, Serialize};

use crate::admin::deletion::TransferError;
use crate::admin::deletion::hold::may_receive;
use crate::admin::modules::{ModuleDescription, ModuleError, Order, RecordModule};
use crate::admin::{Actor, Admin, AdminError, Target};
use crate::domain::account::Account;
use crate::domain::deletion::{ModuleProgress, Party};
use crate::domain::operation::Operation;
use crate::domain::transfer::{ModuleChoice, ModuleName, Transfer};

/// What a deletion would move.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct TransferPreview {
    /// Whose account it is.
    pub account: Party,
    /// Who would get records.
    pub receiver: Option<Party>,
    /// Each module that is configured.
    pub modules: Vec<ModulePreview>,
}

/// What would go of one module.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct ModulePreview {
    /// What the configuration calls it.
    pub name: ModuleName,
    /// What people call it.
    pub label: String,
    /// What was chosen of it.
    pub choice: ModuleChoice,
    /// How many records the account owns.
    pub owned: u64,
    /// How many of them would go to the receiver.
    pub moving: u64,
}

/// What is to be done.
pub(super) struct Plan {
    pub(super) receiver: Option<Party>,
    pub(super) modules: Vec<ModuleProgress>,
}

impl Admin {
    /// The modules whose records go to somebody else when their owner is deleted, in
    /// the order in which they are moved.
    pub fn modules(&self) -> impl Iterator<Item = &ModuleDescription> {
        self.modules.descriptions()
    }

    /// Looks whether each module is there and as it is described.
    pub async fn check_modules(&self) -> Vec<(ModuleName, Result<(), ModuleError>)> {
        self.modules.check().await
    }

    /// Looks whether one module is there and as it is described. `None` if there is none
    /// of this name.
    pub async fn check_module(&self, name: &ModuleName) -> Option<Result<(), ModuleError>> {
        Some(self.modules.get(name)?.check().await)
    }

    /// What a choice would move if it were made now. Changes nothing.
    ///
    /// # Errors
    ///
    /// As [`Admin::begin_deletion`] would refuse the choice, or if a module does not
    /// answer.
    pub async fn transfer_preview(
        &self,
        actor: &Actor,
        target: &Target,
        transfer: &Transfer,
    ) -> Result<TransferPreview, AdminError> {
        let account = self.find(target).await?;
        actor.require_managing_to(Operation::DeleteUser, &account)?;
        let receiver = self.checked(&account, transfer).await?;
        let account = Party::of(&account);
        let mut modules = Vec::new();
        for ModuleDescription { name, label, .. } in self.modules.descriptions() {
            let choice = transfer.choice(name);
            let owned = self.count_of(name, &ModuleChoice::All, &account).await?;
            let moving = match &choice {
                ModuleChoice::All => owned,
                ModuleChoice::None => 0,
                ModuleChoice::Where(_) => self.count_of(name, &choice, &account).await?,
            };
            let (name, label) = (name.clone(), label.clone());
            modules.push(ModulePreview { name, label, choice, owned, moving });
        }
        Ok(TransferPreview { account, receiver, modules })
    }

    /// How many records of a module somebody owns.
    ///
    /// # Errors
    ///
    /// If whoever asks may not delete the person, there is no such module, or it does
    /// not answer.
    pub async fn owned_in(
        &self,
        actor: &Actor,
        target: &Target,
        module: &ModuleName,
    ) -> Result<u64, AdminError> {
        let account = self.find(target).await?;
        actor.require_managing_to(Operation::DeleteUser, &account)?;
        let from = Party::of(&account);
        Ok(self.count_of(module, &ModuleChoice::All, &from).await?)
    }

    /// What a choice comes to, checked.
    pub(super) async fn plan(
        &self,
        account: &Account,
        transfer: &Transfer,
    ) -> Result<Plan, AdminError> {
        let receiver = self.checked(account, transfer).await?;
        let account = Party::of(account);
        let mut modules = Vec::new();
        for ModuleDescription { name, .. } in self.modules.descriptions() {
            let choice = transfer.choice(name);
            if choice != ModuleChoice::None && self.may_own(name, &account)? {
                let expected = self.count_of(name, &choice, &account).await?;
                modules.push(ModuleProgress::new(name.clone(), choice, expected));
            }
        }
        Ok(Plan { receiver, modules })
    }

    /// The receiver, if the choice can be made.
    async fn checked(
        &self,
        account: &Account,
        transfer: &Transfer,
    ) -> Result<Option<Party>, AdminError> {
        let Some(receiver) = transfer.receiver() else { return Ok(None) };
        if self.modules.is_empty() {
            return Err(TransferError::NoModules.into());
        }
        self.names_are_known(transfer)?;
        let found = self.directory.account(receiver).await?;
        let none = || TransferError::NoReceiver { receiver: receiver.into() };
        let receiver = found.ok_or_else(none)?;
        may_receive(&receiver, account, self.now())?;
        let (from, to) = (Party::of(account), Party::of(&receiver));
        for ModuleDescription { name, .. } in self.modules.descriptions() {
            if transfer.choice(name) != ModuleChoice::None && self.may_own(name, &from)? {
                let known = self.module(name)?.key_of(&to);
                known.map_err(|error| failed(name, error))?;
            }
        }
        Ok(Some(to))
    }

    /// Whether every module and field that a choice names is there.
    fn names_are_known(&self, transfer: &Transfer) -> Result<(), TransferError> {
        let Transfer::Some { modules, .. } = transfer else { return Ok(()) };
        for (name, choice) in modules {
            let fields = self.module(name)?.fields();
            for condition in choice.conditions() {
                let field = condition.field();
                if !fields.iter().any(|known| known.name == field) {
                    let known = listed(fields.iter().map(|field| field.name.clone()));
                    let (module, field) = (name.clone(), field.to_owned());
                    return Err(TransferError::NoSuchField { module, field, known });
                }
            }
        }
        Ok(())
    }

    /// A module by its name.
    pub(super) fn module(&self, name: &ModuleName) -> Result<&dyn RecordModule, TransferError> {
        self.modules.get(name).ok_or_else(|| {
            let known = listed(self.modules.descriptions().map(|one| one.name.to_string()));
            TransferError::NoSuchModule { module: name.clone(), known }
        })
    }

    /// Whether a module has a name for somebody: without one, they own nothing in it.
    fn may_own(&self, name: &ModuleName, party: &Party) -> Result<bool, TransferError> {
        match self.module(name)?.key_of(party) {
            Ok(_) => Ok(true),
            Err(ModuleError::NoAddress { .. }) => Ok(false),
            Err(error) => Err(failed(name, error)),
        }
    }

    async fn count_of(
        &self,
        name: &ModuleName,
        choice: &ModuleChoice,
        from: &Party,
    ) -> Result<u64, TransferError> {
        if !self.may_own(name, from)? {
            return Ok(0);
        }
        let module = self.module(name)?;
        module.check().await.map_err(|error| failed(name, error))?;
        let order = order_of(name, choice, from);
        module
            .count(&order)
            .await
            .map_err(|error| failed(name, error))
    }
}

/// Whose records of a module are meant, and which.
pub(super) fn order_of(module: &ModuleName, choice: &ModuleChoice, from: &Party) -> Order {
    Order { module: module.clone(), from: from.clone(), conditions: choice.conditions().to_vec() }
}

pub(super) fn failed(module: &ModuleName, error: ModuleError) -> TransferError {
    TransferError::Module { module: module.clone(), error }
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
