//! Links that let somebody choose a password, once.

use std::fmt;

use crate::domain::account::{Account, AccountId};
use crate::domain::event::Note;
use crate::domain::invitation::{Invitation, Purpose};
use crate::domain::session::SessionKey;
use crate::domain::time::Timestamp;
use crate::store::{BoxFuture, Changed, Decide, StoreError};

/// Keeps the links of a directory's accounts: at most one of each.
pub trait InvitationStore: fmt::Debug + Send + Sync + 'static {
    /// Makes a link in place of the account's last one: `decide` sees the account as
    /// it is inside the transaction, and says what to keep, or `None` to leave all as
    /// it is. `None` if it did, or there is no such account.
    fn invite<'a>(
        &'a self,
        account: AccountId,
        decide: DecideInvitation<'a>,
    ) -> BoxFuture<'a, Result<Option<Invitation>, StoreError>>;

    /// The link with this key and its account, if it opens that now.
    fn invitation(
        &self,
        key: SessionKey,
    ) -> BoxFuture<'_, Result<Option<(Invitation, Account)>, StoreError>>;

    /// Takes the link with this key out of use and changes its account, in one
    /// transaction: of two who come at once, one does. `None` if it opens nothing now,
    /// or `decide` leaves all as it is: then it stays in use.
    fn redeem<'a>(
        &'a self,
        key: SessionKey,
        decide: Decide<'a>,
    ) -> BoxFuture<'a, Result<Option<Changed>, StoreError>>;
}

/// Looks at an account inside a transaction and says which link to keep.
pub type DecideInvitation<'a> =
    Box<dyn FnOnce(&Account, Timestamp) -> Option<(NewInvitation, Note)> + Send + 'a>;

/// A link about to be made.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// The hash of the secret.
    pub key: SessionKey,
    /// What it is for.
    pub purpose: Purpose,
    /// When it ends.
    pub expires_at: Timestamp,
}

impl NewInvitation {
    /// As it is kept for this account.
    pub(crate) fn born(self, account: &Account, now: Timestamp) -> Invitation {
        let Self { key, purpose, expires_at } = self;
        Invitation {
            key,
            account: account.id,
            purpose,
            generation: account.generation,
            created_at: now,
            expires_at,
        }
    }
}

/// What the audit log keeps of a link.
pub(crate) fn described(invitation: &Invitation) -> String {
    let Invitation { purpose, expires_at, .. } = invitation;
    serde_json::json!({ "purpose": purpose, "expires_at": expires_at }).to_string()
}
