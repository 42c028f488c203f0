//! What whoever acts may do.

use crate::admin::AdminError;
use crate::domain::account::Account;
use crate::domain::application::Application;
use crate::domain::operation::Operations;
use crate::domain::permission::{Permission, Permissions};
use crate::domain::scope::{EVERYTHING, Scopes, operations_of};

/// What somebody may do: what their account or application may, within what they come
/// with.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rights {
    admin: bool,
    held: Operations,
    /// What a token is for; everything where there is none.
    scopes: Option<Scopes>,
}

impl Rights {
    /// Those of an account.
    pub fn of(account: &Account) -> Self {
        let held = account.details.permissions.operations();
        Self { admin: account.admin, held, scopes: None }
    }

    /// Those of an application: what its scopes say. One for everything acts as an
    /// administrator.
    pub fn of_application(application: &Application) -> Self {
        let scopes = Scopes::of(&application.scopes);
        Self { admin: scopes.are_everything(), held: scopes.operations(), scopes: Some(scopes) }
    }

    /// Those that a run was begun with: to change people, and administrators or not.
    pub(super) fn of_run(administers: bool) -> Self {
        Self { admin: administers, held: Permission::ManageUsers.operations(), scopes: None }
    }

    /// The same, and these permissions too, which come from elsewhere: from groups.
    #[must_use]
    pub fn with(self, permissions: &Permissions) -> Self {
        Self { held: self.held.union(permissions.operations()), ..self }
    }

    /// The same, for no more than these scopes. Words that name nothing of ours are
    /// another program's, and allow nothing here.
    #[must_use]
    pub fn within(self, scopes: &[String]) -> Self {
        let narrower = Scopes::of(scopes);
        let scopes = match self.scopes {
            Some(scopes) => scopes.intersection(narrower),
            None => narrower,
        };
        Self { scopes: Some(scopes), ..self }
    }

    /// The same inside a request that asks for many things at once: each of them is
    /// allowed there by what is for bulks.
    #[must_use]
    pub fn in_bulk(self) -> Self {
        let (held, scopes) = (self.held.in_bulk(), self.scopes.map(Scopes::in_bulk));
        Self { held, scopes, ..self }
    }

    /// Whether all of this is allowed: an [`Operation`](crate::domain::operation::Operation),
    /// or everything that a [`Permission`] allows.
    pub fn allow(&self, wanted: impl Into<Operations>) -> bool {
        self.require(wanted).is_ok()
    }

    /// Whether these allow everything that others hold, whatever those come with.
    pub(super) fn reach(&self, others: &Self) -> bool {
        let held = |permission: &Permission| others.held.contain(permission.operations());
        self.administer()
            || (!others.admin
                && Permission::ALL
                    .into_iter()
                    .filter(held)
                    .all(|permission| self.allow(permission)))
    }

    /// Whether these are an administrator's, whatever their token is for.
    pub const fn are_administrators(&self) -> bool {
        self.admin
    }

    /// Whether these are an administrator's, and not only to look.
    pub fn administer(&self) -> bool {
        self.admin && self.in_scope(Permission::ManageUsers.operations())
    }

    /// Refuses what is not allowed.
    ///
    /// # Errors
    ///
    /// [`AdminError::Forbidden`], or [`AdminError::OutOfScope`] if another token of
    /// the same owner could do it.
    pub fn require(&self, wanted: impl Into<Operations>) -> Result<(), AdminError> {
        let wanted = wanted.into();
        let permission = Permission::for_all_of(wanted);
        if !self.admin && !self.held.contain(wanted) {
            return Err(AdminError::Forbidden { permission });
        }
        if self.in_scope(wanted) { Ok(()) } else { Err(AdminError::OutOfScope { permission }) }
    }

    /// The same of what only administrators may do.
    ///
    /// # Errors
    ///
    /// As [`Rights::require`], or [`AdminError::AdministratorsOnly`].
    pub fn require_administrator(&self) -> Result<(), AdminError> {
        self.require_administrator_to(Permission::ManageUsers)
    }

    /// The same of an administrator whose token is for no more than this.
    ///
    /// # Errors
    ///
    /// As [`Rights::require_administrator`].
    pub fn require_administrator_to(
        &self,
        wanted: impl Into<Operations>,
    ) -> Result<(), AdminError> {
        if !self.admin {
            return Err(AdminError::AdministratorsOnly);
        }
        self.require(wanted)
    }

    /// Refuses whoever comes with a token that is for less than this: it does not do
    /// it to its owner either.
    ///
    /// # Errors
    ///
    /// [`AdminError::OutOfScope`].
    pub(super) fn require_own(&self, wanted: impl Into<Operations>) -> Result<(), AdminError> {
        let wanted = wanted.into();
        let permission = Permission::for_all_of(wanted);
        if self.in_scope(wanted) { Ok(()) } else { Err(AdminError::OutOfScope { permission }) }
    }

    /// Refuses to give somebody a scope that is for more than this. For oneself,
    /// everything is what one may; for others, only administrators may everything.
    ///
    /// # Errors
    ///
    /// [`AdminError::BeyondMaker`], with the first such word.
    pub(super) fn require_giving(&self, words: &[String], to: Receiver) -> Result<(), AdminError> {
        let beyond = words.iter().find(|word| !self.may_give(word, to));
        match beyond {
            Some(scope) => Err(AdminError::BeyondMaker { scope: scope.clone() }),
            None => Ok(()),
        }
    }

    fn may_give(&self, word: &str, to: Receiver) -> bool {
        if let Some(operations) = operations_of(word) {
            return self.allow(operations);
        }
        let come_with = Scopes::of([word]);
        let brought = self
            .scopes
            .as_ref()
            .is_none_or(|held| held.include(&come_with));
        let others = word == EVERYTHING || to == Receiver::Another;
        brought && (self.admin || to == Receiver::Oneself || !others)
    }

    fn in_scope(&self, wanted: Operations) -> bool {
        self.scopes
            .as_ref()
            .is_none_or(|scopes| scopes.allow(wanted))
    }
}

/// Whom a scope is given to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Receiver {
    /// Whoever gives it.
    Oneself,
    /// A person, as whom it would be used elsewhere too.
    Another,
    /// An application, which is nobody elsewhere.
    Application,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::subsequence;

    use super::*;
    use crate::admin::tests::account;
    use crate::domain::operation::Operation;

    fn permissions() -> impl Strategy<Value = Vec<Permission>> {
        subsequence(Permission::ALL.to_vec(), 0..=Permission::ALL.len())
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

    fn application(scopes: &[&str]) -> Application {
        Application {
            id: crate::domain::application::ApplicationId::from_random([7; 8]),
            name: "hr".to_owned(),
            secret: crate::domain::session::SessionKey::from_bytes([7; 32]),
            scopes: words(scopes),
            enabled: true,
            made_by: "cli:root".to_owned(),
            created_at: crate::domain::time::Timestamp::EPOCH,
            last_used_at: None,
        }
    }

    fn words(scopes: &[&str]) -> Vec<String> {
        scopes.iter().map(|scope| (*scope).to_owned()).collect()
    }

    fn administrator() -> Rights {
        let mut owner = account(7);
        owner.admin = true;
        Rights::of(&owner)
    }

    /// Every scope of WSO2's, and each permission, against every operation: what an
    /// application or an administrator's token may is what the scope is for.
    #[test]
    fn a_scope_allows_its_operations_and_no_other() {
        let mut scopes: Vec<String> = Permission::ALL.iter().map(ToString::to_string).collect();
        let wso2 = ["create", "list", "view", "update", "delete"];
        for verb in wso2 {
            for prefix in ["internal_", "internal_org_"] {
                scopes.push(format!("{prefix}user_mgt_{verb}"));
                scopes.push(format!("{prefix}group_mgt_{verb}"));
            }
        }
        scopes.push("internal_bulk_resource_create".to_owned());
        for scope in &scopes {
            let meant = operations_of(scope).expect("a scope");
            let of_application = Rights::of_application(&application(&[scope]));
            let of_token = administrator().within(std::slice::from_ref(scope));
            let narrowed = Rights::of_application(&application(&["*"]));
            let narrowed = narrowed.within(std::slice::from_ref(scope));
            for rights in [of_application, of_token, narrowed] {
                for operation in Operation::ALL {
                    let expected = meant.contain((*operation).into());
                    assert_eq!(rights.allow(*operation), expected, "{scope} {operation:?}");
                }
                // Less than all of it is not the permission.
                let manages = meant.contain(Permission::ManageUsers.operations());
                assert_eq!(rights.allow(Permission::ManageUsers), manages, "{scope}");
            }
        }
    }

    #[test]
    fn an_application_administers_where_it_is_for_everything() {
        let of = |scopes: &[&str]| Rights::of_application(&application(scopes));
        assert!(of(&["*"]).administer());
        assert!(!of(&["users.manage"]).administer());
        assert!(of(&["users.manage"]).require_administrator().is_err());
        let narrowed = of(&["*"]).within(&words(&["internal_user_mgt_update"]));
        assert!(!narrowed.administer(), "not in all that an administrator does");
        assert!(
            narrowed
                .require_administrator_to(Operation::UpdateUser)
                .is_ok()
        );
        assert!(
            narrowed
                .require_administrator_to(Operation::DeleteUser)
                .is_err()
        );
        // No token widens what its application may by then.
        let since_narrowed = of(&["users.view"]).within(&words(&["*"]));
        assert!(since_narrowed.allow(Operation::ListUsers));
        assert!(!since_narrowed.allow(Operation::UpdateUser));
    }

    #[test]
    fn a_bulk_takes_what_is_for_bulks() {
        let of = |scope: &str| Rights::of_application(&application(&[scope])).in_bulk();
        assert!(of("internal_bulk_user_update").allow(Operation::UpdateUser));
        assert!(!of("internal_bulk_user_update").allow(Operation::DeleteUser));
        assert!(!of("internal_user_mgt_update").allow(Operation::UpdateUser));
        assert!(of("internal_bulk_resource_create").allow(Operation::DeleteGroup));
        assert!(of("users.manage").allow(Operation::DeleteUser));
        assert!(of("*").allow(Operation::DeleteUser) && administrator().in_bulk().administer());
    }

    #[test]
    fn permissions_of_groups_are_added_within_the_scopes() {
        let groups: Permissions = [Permission::UnlockUsers].into_iter().collect();
        let rights = Rights::of(&account(7)).with(&groups);
        assert!(rights.allow(Permission::UnlockUsers) && !rights.allow(Permission::ManageUsers));
        let looks = rights.within(&words(&["users.view"])).with(&groups);
        assert!(looks.allow(Permission::ViewUsers) && !looks.allow(Permission::UnlockUsers));
    }

    proptest! {
        /// Property: what somebody gives allows nothing here that they may not do, to
        /// whomever they give it.
        #[test]
        fn nobody_gives_more_than_they_may(
            admin: bool,
            held in permissions(),
            scopes in proptest::option::of(permissions()),
            given in permissions(),
            everything: bool,
            other: bool,
        ) {
            let mut maker = account(7);
            maker.admin = admin;
            maker.details.permissions = held.into_iter().collect();
            let in_words = |scopes: &[Permission]| -> Vec<String> {
                scopes.iter().map(ToString::to_string).collect()
            };
            let rights = match &scopes {
                Some(scopes) => Rights::of(&maker).within(&in_words(scopes)),
                None => Rights::of(&maker),
            };
            let mut words = in_words(&given);
            words.extend(everything.then(|| "*".to_owned()));
            words.extend(other.then(|| "reports:read".to_owned()));
            let all = given.iter().all(|given| rights.allow(*given));
            let whole = scopes.is_none();
            let to = |receiver| rights.require_giving(&words, receiver).is_ok();
            prop_assert_eq!(to(Receiver::Oneself), all && (whole || !(everything || other)));
            prop_assert_eq!(
                to(Receiver::Another),
                all && !((everything || other) && !(whole && admin))
            );
            prop_assert_eq!(
                to(Receiver::Application),
                all && !(everything && !(whole && admin)) && (whole || !other)
            );
            if to(Receiver::Application) {
                let made = Rights::of_application(&application(
                    &words.iter().map(String::as_str).collect::<Vec<_>>(),
                ));
                prop_assert!(!made.administer() || rights.administer());
                for operation in Operation::ALL {
                    prop_assert!(!made.allow(*operation) || rights.allow(*operation));
                }
            }
        }
    }
}
