//! What somebody may do to other people's accounts.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain::operation::{Operation, Operations};

/// What somebody may do beside looking after their own account.
///
/// `users.manage` includes `users.unlock`, and that `users.view`: whoever is to let
/// people in has to find them first. The others stand beside them, and none includes
/// another. An administrator has all.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "&'static str")]
#[non_exhaustive]
pub enum Permission {
    /// To see who there is.
    ViewUsers,
    /// To let people in whom failed sign-ins locked out, and nothing more.
    UnlockUsers,
    /// To make, change, lock, unlock and delete accounts.
    ManageUsers,
    /// To change the settings, and to see them.
    ManageSettings,
    /// To read the audit log.
    ViewAudit,
    /// To make, list and revoke others' tokens, and to administer applications.
    ManageTokens,
    /// To read the figures.
    ReadMetrics,
    /// To ask about standings, and to follow the feed of their changes.
    ReadFeed,
}

const VIEW_USERS: Operations = Operations::of(&[
    Operation::ListUsers,
    Operation::ViewUser,
    Operation::ListGroups,
    Operation::ViewGroup,
    Operation::ReadSettings,
]);

const UNLOCK_USERS: Operations = VIEW_USERS.union(Operations::of(&[Operation::UnlockUser]));

const MANAGE_USERS: Operations = UNLOCK_USERS.union(Operations::of(&[
    Operation::CreateUser,
    Operation::UpdateUser,
    Operation::DeleteUser,
    Operation::CreateGroup,
    Operation::UpdateGroup,
    Operation::DeleteGroup,
    Operation::BulkCreateUsers,
    Operation::BulkUpdateUsers,
    Operation::BulkDeleteUsers,
    Operation::BulkCreateGroups,
    Operation::BulkUpdateGroups,
    Operation::BulkDeleteGroups,
]));

impl Permission {
    /// Every permission; one that includes others comes after them.
    pub const ALL: [Self; 8] = [
        Self::ViewUsers,
        Self::UnlockUsers,
        Self::ManageUsers,
        Self::ManageSettings,
        Self::ViewAudit,
        Self::ManageTokens,
        Self::ReadMetrics,
        Self::ReadFeed,
    ];

    /// The word that people write, also as the scope of a token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ViewUsers => "users.view",
            Self::UnlockUsers => "users.unlock",
            Self::ManageUsers => "users.manage",
            Self::ManageSettings => "settings.manage",
            Self::ViewAudit => "audit.view",
            Self::ManageTokens => "tokens.manage",
            Self::ReadMetrics => "metrics.read",
            Self::ReadFeed => "feed.read",
        }
    }

    /// Everything that it allows.
    pub const fn operations(self) -> Operations {
        match self {
            Self::ViewUsers => VIEW_USERS,
            Self::UnlockUsers => UNLOCK_USERS,
            Self::ManageUsers => MANAGE_USERS,
            Self::ManageSettings => {
                Operations::of(&[Operation::ReadSettings, Operation::ChangeSettings])
            }
            Self::ViewAudit => Operations::of(&[Operation::ReadAudit]),
            Self::ManageTokens => Operations::of(&[Operation::ManageTokens]),
            Self::ReadMetrics => Operations::of(&[Operation::ReadMetrics]),
            Self::ReadFeed => Operations::of(&[Operation::ReadFeed]),
        }
    }

    /// The least permission that allows all of this; the one that allows the most where
    /// none does.
    pub fn for_all_of(wanted: impl Into<Operations>) -> Self {
        let wanted = wanted.into();
        let allows = |permission: &Self| permission.operations().contain(wanted);
        Self::ALL
            .into_iter()
            .find(allows)
            .unwrap_or(Self::ManageUsers)
    }

    /// Whether whoever has this may do what `wanted` allows.
    pub fn includes(self, wanted: Self) -> bool {
        self.operations().contain(wanted.operations())
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<Permission> for &'static str {
    fn from(permission: Permission) -> Self {
        permission.as_str()
    }
}

impl FromStr for Permission {
    type Err = InvalidPermission;

    fn from_str(word: &str) -> Result<Self, InvalidPermission> {
        let mut all = Self::ALL.into_iter();
        all.find(|permission| permission.as_str() == word)
            .ok_or(InvalidPermission)
    }
}

impl TryFrom<String> for Permission {
    type Error = InvalidPermission;

    fn try_from(word: String) -> Result<Self, InvalidPermission> {
        word.parse()
    }
}

/// A word that names no permission.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "a permission is users.view, users.unlock, users.manage, settings.manage, audit.view, \
     tokens.manage, metrics.read or feed.read"
)]
pub struct InvalidPermission;

/// The permissions that somebody has.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Permissions(BTreeSet<Permission>);

impl Permissions {
    /// Whether one of them allows this.
    pub fn allow(&self, wanted: Permission) -> bool {
        self.0.iter().any(|held| held.includes(wanted))
    }

    /// Everything that they allow together.
    pub fn operations(&self) -> Operations {
        let each = self.0.iter().map(|held| held.operations());
        each.fold(Operations::NONE, Operations::union)
    }

    /// Each, in the order of [`Permission::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = Permission> + '_ {
        self.0.iter().copied()
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        Self(permissions.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_permission_includes_the_lesser_ones() {
        let held: Permissions = [Permission::UnlockUsers].into_iter().collect();
        assert!(held.allow(Permission::ViewUsers) && held.allow(Permission::UnlockUsers));
        assert!(!held.allow(Permission::ManageUsers));
        assert!(!Permissions::default().allow(Permission::ViewUsers));
    }

    /// Inclusion is a partial order, and the chain of `users` is all that there is of it.
    #[test]
    fn the_others_stand_beside_the_users() {
        let chain = [Permission::ViewUsers, Permission::UnlockUsers, Permission::ManageUsers];
        for one in Permission::ALL {
            for other in Permission::ALL {
                let place = |wanted| chain.iter().position(|permission| *permission == wanted);
                let above = place(one).zip(place(other)).is_some_and(|(a, b)| a >= b);
                assert_eq!(one.includes(other), above || one == other, "{one} {other}");
            }
        }
    }

    #[test]
    fn every_operation_is_allowed_by_some_permission() {
        for operation in Operation::ALL {
            let least = Permission::for_all_of(*operation);
            assert!(least.operations().contain((*operation).into()), "{operation:?}");
            let lesser = Permission::ALL.into_iter().take_while(|one| *one != least);
            for lesser in lesser {
                assert!(!lesser.operations().contain((*operation).into()), "{operation:?}");
            }
        }
        for permission in Permission::ALL {
            assert_eq!(Permission::for_all_of(permission), permission);
        }
    }

    #[test]
    fn a_permission_is_one_word_everywhere() {
        for permission in Permission::ALL {
            assert_eq!(permission.as_str().parse(), Ok(permission));
            let json = serde_json::to_string(&permission).expect("JSON");
            assert_eq!(json, format!("{:?}", permission.as_str()));
            assert_eq!(serde_json::from_str::<Permission>(&json).ok(), Some(permission));
        }
        assert_eq!("users".parse::<Permission>(), Err(InvalidPermission));
    }
}
