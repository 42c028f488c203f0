//! What whoever acts may do.

use crate::admin::AdminError;
use crate::domain::account::Account;
use crate::domain::permission::{Permission, Permissions};

/// The scope of everything that the owner may do.
pub(super) const EVERYTHING: &str = "*";

/// What somebody may do: what their account may, within what they come with.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rights {
    admin: bool,
    held: Permissions,
    /// What a token is for; everything where there is none.
    scopes: Option<Permissions>,
}

impl Rights {
    /// Those of an account.
    pub fn of(account: &Account) -> Self {
        Self { admin: account.admin, held: account.details.permissions.clone(), scopes: None }
    }

    /// The same, and these permissions too, which come from elsewhere: from groups.
    #[must_use]
    pub fn with(self, permissions: &Permissions) -> Self {
        Self { held: self.held.iter().chain(permissions.iter()).collect(), ..self }
    }

    /// The same, for no more than these scopes. Words that are no permission of
    /// ours are another program's, and allow nothing here.
    #[must_use]
    pub fn within(self, scopes: &[String]) -> Self {
        if scopes.iter().any(|scope| scope == EVERYTHING) {
            return self;
        }
        let scopes = scopes.iter().filter_map(|scope| scope.parse().ok());
        Self { scopes: Some(scopes.collect()), ..self }
    }

    /// Whether this is allowed.
    pub fn allow(&self, wanted: Permission) -> bool {
        self.require(wanted).is_ok()
    }

    /// Whether these are an administrator's, and not only to look.
    pub fn administer(&self) -> bool {
        self.admin && self.in_scope(Permission::ManageUsers)
    }

    /// Refuses what is not allowed.
    ///
    /// # Errors
    ///
    /// [`AdminError::Forbidden`], or [`AdminError::OutOfScope`] if another token of
    /// the same account could do it.
    pub fn require(&self, wanted: Permission) -> Result<(), AdminError> {
        if !self.admin && !self.held.allow(wanted) {
            return Err(AdminError::Forbidden { permission: wanted });
        }
        if self.in_scope(wanted) {
            Ok(())
        } else {
            Err(AdminError::OutOfScope { permission: wanted })
        }
    }

    /// The same of what only administrators may do.
    ///
    /// # Errors
    ///
    /// As [`Rights::require`], or [`AdminError::AdministratorsOnly`].
    pub fn require_administrator(&self) -> Result<(), AdminError> {
        if !self.admin {
            return Err(AdminError::AdministratorsOnly);
        }
        self.require(Permission::ManageUsers)
    }

    /// Refuses whoever comes with a token that is for less than changing people: it
    /// does not change its owner either.
    ///
    /// # Errors
    ///
    /// [`AdminError::OutOfScope`].
    pub(super) fn require_own(&self) -> Result<(), AdminError> {
        let permission = Permission::ManageUsers;
        if self.in_scope(permission) { Ok(()) } else { Err(AdminError::OutOfScope { permission }) }
    }

    fn in_scope(&self, wanted: Permission) -> bool {
        self.scopes
            .as_ref()
            .is_none_or(|scopes| scopes.allow(wanted))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::*;
    use crate::admin::tests::account;

    fn permissions() -> impl Strategy<Value = Vec<Permission>> {
        subsequence(Permission::ALL.to_vec(), 0..=3)
    }

    proptest! {
        /// Property: what is allowed is what the account may and the token is for,
        /// and who is refused learns which of the two is wanting.
        #[test]
        fn a_token_never_widens_what_its_owner_may(
            admin: bool,
            held in permissions(),
            scopes in proptest::option::of(permissions()),
        ) {
            let mut owner = account(7);
            owner.admin = admin;
            owner.details.permissions = held.iter().copied().collect();
            let words = |scopes: &[Permission]| scopes.iter().map(ToString::to_string).collect();
            let scopes_in_words: Vec<String> =
                scopes.as_deref().map_or_else(|| vec!["*".to_owned()], words);
            let rights = Rights::of(&owner).within(&scopes_in_words);
            for wanted in Permission::ALL {
                let may = admin || held.iter().any(|held| held.includes(wanted));
                let meant = scopes.as_ref().is_none_or(|scopes| {
                    scopes.iter().any(|scope| scope.includes(wanted))
                });
                prop_assert_eq!(rights.allow(wanted), may && meant);
                let narrow = matches!(rights.require(wanted), Err(AdminError::OutOfScope { .. }));
                prop_assert_eq!(narrow, may && !meant);
            }
            let administers = admin && rights.allow(Permission::ManageUsers);
            prop_assert_eq!(rights.administer(), administers);
            prop_assert_eq!(rights.require_administrator().is_ok(), administers);
        }
    }

    #[test]
    fn other_programs_scopes_allow_nothing() {
        let mut owner = account(7);
        owner.admin = true;
        let rights = Rights::of(&owner).within(&["reports:read".to_owned()]);
        assert!(Permission::ALL.iter().all(|wanted| !rights.allow(*wanted)));
        assert!(!rights.administer());
    }
}
