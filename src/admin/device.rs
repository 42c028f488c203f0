//! Forgets known devices.

use crate::admin::{Actor, Admin, AdminError, Target};
use crate::domain::account::{Account, AccountId};
use crate::domain::device::{Device, DeviceId};
use crate::domain::event::{Action, Note};

impl Admin {
    /// The devices that an account's owner is known by, last used first.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn devices(&self, owner: AccountId) -> Result<Vec<Device>, AdminError> {
        Ok(self.directory.devices(owner).await?)
    }

    /// Forgets a device that an account's owner is known by: its next sign-in is a
    /// stranger's. Sessions on it go on, and no lockout spares them any more; when this
    /// returns, no request that begins later on this gate is spared.
    ///
    /// # Errors
    ///
    /// If the account or the device is not there, or whoever asks may not change the
    /// account.
    pub async fn forget_device(
        &self,
        actor: &Actor,
        owner: &Target,
        device: DeviceId,
    ) -> Result<Account, AdminError> {
        let owner = self.find(owner).await?;
        actor.require_changing(&owner)?;
        let note = actor.note(Action::DeviceForgotten, None);
        let note = Note { reason: Some(format!("device {device}")), ..note };
        let forgotten = self.directory.forget_device(owner.id, device, note).await?;
        let account = forgotten.ok_or(AdminError::NoSuchDevice { id: device })?;
        self.tell_gate(&account);
        self.count(Action::DeviceForgotten);
        Ok(account)
    }
}
