//! Forgets what was counted by addresses.

use ipnet::IpNet;

use crate::admin::{Actor, Admin, AdminError};
use crate::domain::event::{Action, Note};
use crate::domain::permission::Permission;
use crate::store::AttemptStore;

/// How many counters one transaction of a store forgets.
const AT_ONCE: usize = 1_000;

impl Admin {
    /// Forgets the failed guesses and the lockouts of these networks, and says how
    /// many of them there were any of. `whose` is what somebody asked for, in words
    /// for the audit log.
    ///
    /// What accounts counted stays, also what they counted from there.
    ///
    /// # Errors
    ///
    /// If whoever asks may not manage people, or a store can't answer.
    pub async fn unlock_networks(
        &self,
        actor: &Actor,
        attempts: &dyn AttemptStore,
        whose: &str,
        networks: &[IpNet],
    ) -> Result<u64, AdminError> {
        actor.require(Permission::ManageUsers)?;
        let keyring = self.directory.keyring();
        let mut unlocked = 0;
        for some in networks.chunks(AT_ONCE) {
            let keys: Vec<_> = some
                .iter()
                .map(|network| keyring.address_attempt_key(*network))
                .collect();
            unlocked += attempts.clear(&keys).await?;
        }
        if unlocked > 0 {
            let note = actor.note(Action::AddressUnlocked, None);
            let note = Note { reason: Some(whose.to_owned()), ..note };
            self.directory.note(note).await?;
            self.count(Action::AddressUnlocked);
        }
        Ok(unlocked)
    }
}
