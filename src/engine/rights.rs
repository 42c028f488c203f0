//! What an account may do and which groups it is in, for whoever lets requests pass by
//! that.
//!
//! Off the hot path of those who don't ask. What was read is kept, and used for as long
//! as neither the account nor anything that groups hang on has changed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::domain::account::AccountKey;
use crate::domain::denial::DenialReason;
use crate::domain::login::folded;
use crate::domain::operation::Operations;
use crate::domain::permission::Permission;
use crate::domain::standing::Version;
use crate::engine::{CurrentAccount, Gate, Portcullis, Unanswered, unknown};
use crate::store::BoxFuture;

/// What an account may do, and which groups it is in.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Rights {
    admin: bool,
    held: Operations,
    /// Their names as they are written, in the order of their numbers.
    groups: Vec<String>,
}

/// What was read, and of which instant it is.
#[derive(Clone, Debug)]
pub(super) struct Known {
    version: Version,
    changes: u64,
    rights: Arc<Rights>,
}

/// Whose rights are read, of which version and after how many changes of groups.
pub(super) type Wanted = (AccountKey, Version, u64);

impl Rights {
    /// Whether the account has this permission, of itself or through a group.
    pub(crate) fn allow(&self, permission: Permission) -> bool {
        self.admin || self.held.contain(permission.operations())
    }

    /// Whether the account is in the group of this name, in whatever case.
    pub(crate) fn are_in(&self, group: &str) -> bool {
        let wanted = folded(group);
        self.groups.iter().any(|name| folded(name) == wanted)
    }

    /// The groups that the account is in.
    pub(crate) fn groups(&self) -> &[String] {
        &self.groups
    }

    /// The permissions that the account has.
    pub(crate) fn permissions(&self) -> impl Iterator<Item = Permission> + '_ {
        let all = Permission::ALL.into_iter();
        all.filter(|permission| self.allow(*permission))
    }
}

impl Portcullis {
    /// What an account may do and which groups it is in. None of both for an account of
    /// another source than the directory.
    ///
    /// # Errors
    ///
    /// [`DenialReason::Unknown`] if the directory does not answer.
    pub(crate) async fn rights_of(
        &self,
        account: &CurrentAccount,
    ) -> Result<Arc<Rights>, DenialReason> {
        let (gate, cell) = (&self.0, &account.0.cell);
        let (version, changes) = (cell.version(), gate.changes_of_groups.load(Ordering::Acquire));
        let fits = |known: &Known| known.version == version && known.changes == changes;
        if let Some(known) = gate.rights.get(cell.key()).filter(fits) {
            return Ok(known.rights);
        }
        let begin = || -> BoxFuture<'static, _> {
            let (gate, key) = (Arc::clone(gate), cell.key().clone());
            Box::pin(async move { gate.read_rights(&key).await })
        };
        let flight = (cell.key().clone(), version, changes);
        let read = gate.rights_reads.read(flight, begin).await;
        let rights = read.map_err(|Unanswered| unknown())?;
        let known = Known { version, changes, rights: Arc::clone(&rights) };
        gate.rights.insert(cell.key().clone(), known);
        Ok(rights)
    }

    /// A number that rises whenever what [`Portcullis::rights_of`] says may have changed
    /// for anybody, and one that does for this account.
    pub(crate) fn age_of_rights(&self, account: &CurrentAccount) -> (u64, Version) {
        (self.0.changes_of_groups.load(Ordering::Acquire), account.0.cell.version())
    }
}

impl Gate {
    async fn read_rights(&self, key: &AccountKey) -> Result<Arc<Rights>, Unanswered> {
        let (Some(directory), Some(id)) = (&self.directory, key.account_id()) else {
            return Ok(Arc::default());
        };
        let Some(account) = self.ask(directory.account(id)).await? else {
            return Ok(Arc::default());
        };
        let memberships = self.ask(directory.groups().memberships(vec![id])).await?;
        let through_groups = memberships.iter().map(|one| one.permissions.operations());
        let own = account.details.permissions.operations();
        Ok(Arc::new(Rights {
            admin: account.admin,
            held: through_groups.fold(own, Operations::union),
            groups: memberships
                .iter()
                .map(|one| one.name.as_str().to_owned())
                .collect(),
        }))
    }
}

#[cfg(all(test, not(portcullis_loom)))]
mod tests;
