//! What somebody may do to other people's accounts.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What somebody may do to other people's accounts. Each includes those before it:
/// whoever is to let people in has to find them first.
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
}

impl Permission {
    /// Every permission, least first.
    pub const ALL: [Self; 3] = [Self::ViewUsers, Self::UnlockUsers, Self::ManageUsers];

    /// The word that people write, also as the scope of a token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ViewUsers => "users.view",
            Self::UnlockUsers => "users.unlock",
            Self::ManageUsers => "users.manage",
        }
    }

    /// Whether whoever has this may do what `wanted` allows.
    pub fn includes(self, wanted: Self) -> bool {
        self >= wanted
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
#[error("a permission is users.view, users.unlock or users.manage")]
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

    /// Each, least first.
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
