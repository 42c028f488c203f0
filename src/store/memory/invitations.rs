//! Links that let somebody choose a password, in the memory of one process.

use super::directory::SingleProcessDirectory;
use super::now;
use super::state::State;
use crate::domain::account::{Account, AccountId};
use crate::domain::invitation::Invitation;
use crate::domain::session::SessionKey;
use crate::domain::time::Timestamp;
use crate::store::invitations::described;
use crate::store::{
    BoxFuture, Changed, Decide, DecideInvitation, Directory, InvitationStore, StoreError,
};

impl State {
    /// The link and its account, if the one opens the other now.
    fn opened(&self, key: SessionKey, at: Timestamp) -> Option<(Invitation, Account)> {
        let mut all = self.invitations.values();
        let invitation = all.find(|invitation| invitation.key.is(&key))?;
        let account = &self.accounts.get(&invitation.account)?.account;
        invitation
            .opens(account, at)
            .then(|| (invitation.clone(), account.clone()))
    }
}

impl InvitationStore for SingleProcessDirectory {
    fn invite<'a>(
        &'a self,
        account: AccountId,
        decide: DecideInvitation<'a>,
    ) -> BoxFuture<'a, Result<Option<Invitation>, StoreError>> {
        now(Ok(self.write(|state, at| {
            let account = state.accounts.get(&account)?.account.clone();
            let (new, note) = decide(&account, at)?;
            let invitation = new.born(&account, at);
            state.invitations.insert(account.id, invitation.clone());
            let after = Some(described(&invitation));
            self.append(state, at, Some(account.id), note, (None, after));
            Some(invitation)
        })))
    }

    fn invitation(
        &self,
        key: SessionKey,
    ) -> BoxFuture<'_, Result<Option<(Invitation, Account)>, StoreError>> {
        let at = self.clock().wall();
        now(Ok(self.state().opened(key, at)))
    }

    fn redeem<'a>(
        &'a self,
        key: SessionKey,
        decide: Decide<'a>,
    ) -> BoxFuture<'a, Result<Option<Changed>, StoreError>> {
        now(self.write(|state, at| {
            let Some((invitation, _)) = state.opened(key, at) else { return Ok(None) };
            let changed = self.decide(state, at, invitation.account, decide)?;
            if changed.is_some() {
                state.invitations.remove(&invitation.account);
            }
            Ok(changed)
        }))
    }
}
