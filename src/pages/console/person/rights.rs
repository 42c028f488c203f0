//! What somebody may do to others: administrator, and the permissions.

use crate::domain::account::Account;
use crate::domain::permission::{Permission, Permissions};
use crate::pages::console::answer::Trouble;
use crate::pages::form::Fields;

/// A permission to tick.
#[derive(Clone, Debug)]
pub(in crate::pages::console) struct Choice {
    pub(in crate::pages::console) word: &'static str,
    pub(in crate::pages::console) meaning: &'static str,
    pub(in crate::pages::console) held: bool,
}

/// What each permission lets somebody do, in words.
pub(in crate::pages::console) const fn meaning(permission: Permission) -> &'static str {
    match permission {
        Permission::ViewUsers => "See people, groups and who is signed in",
        Permission::UnlockUsers => "Let people in whom failed sign-ins locked out",
        Permission::ManageUsers => "Add, change, lock, disable and delete people",
        Permission::ManageSettings => "See and change the settings",
        Permission::ViewAudit => "Read the audit log",
        Permission::ManageTokens => "Make and revoke API tokens and applications",
        Permission::ReadMetrics => "Read the figures",
        Permission::ReadFeed => "Follow who is locked, as other gateways do",
    }
}

pub(in crate::pages::console) fn choices(held: impl Fn(Permission) -> bool) -> Vec<Choice> {
    Permission::ALL
        .into_iter()
        .map(|one| Choice { word: one.as_str(), meaning: meaning(one), held: held(one) })
        .collect()
}

/// What somebody may do, as it stands or was sent.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Granted {
    pub(super) admin: bool,
    pub(super) permissions: Permissions,
}

impl Granted {
    pub(super) fn of(account: &Account) -> Self {
        Self { admin: account.admin, permissions: account.details.permissions.clone() }
    }

    /// What was ticked; `None` where the form has no such boxes.
    pub(super) fn read(fields: &mut Fields) -> Result<Option<Self>, Trouble> {
        let ticked = fields.all("may");
        let admin = fields.perhaps("admin")?.is_some_and(|word| word == "yes");
        let shown = fields.perhaps("rights")?.is_some();
        let permissions: Result<Permissions, _> = ticked
            .iter()
            .map(|word| word.parse::<Permission>())
            .collect();
        let permissions = permissions.map_err(|_| {
            Trouble::Bad("The form names a permission that there is not.".to_owned())
        })?;
        Ok((shown || admin || !ticked.is_empty()).then_some(Self { admin, permissions }))
    }

    pub(super) fn choices(&self) -> Vec<Choice> {
        choices(|one| self.holds(one))
    }

    fn holds(&self, permission: Permission) -> bool {
        self.permissions.iter().any(|held| held == permission)
    }

    /// The permissions by their words, for people to compare.
    pub(super) fn in_words(&self) -> String {
        let held: Vec<_> = Permission::ALL
            .into_iter()
            .filter(|one| self.holds(*one))
            .map(Permission::as_str)
            .collect();
        if held.is_empty() { "none".to_owned() } else { held.join(", ") }
    }

    /// What becomes different, in sentences about somebody of this name.
    pub(super) fn effects(&self, was: &Self, name: &str) -> Vec<String> {
        let mut effects = Vec::new();
        match (was.admin, self.admin) {
            (false, true) => {
                effects.push(format!("{name} becomes an administrator, and may do everything."));
            }
            (true, false) => effects.push(format!("{name} is no administrator any more.")),
            _ => {}
        }
        let mut tell = |words: &str, one: &Self, other: &Self| {
            let differ: Vec<_> = Permission::ALL
                .into_iter()
                .filter(|p| one.holds(*p) && !other.holds(*p))
                .map(Permission::as_str)
                .collect();
            if !differ.is_empty() {
                effects.push(format!("{name} {words}: {}.", differ.join(", ")));
            }
        };
        tell("gets", self, was);
        tell("loses", was, self);
        effects
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(admin: bool, permissions: &[Permission]) -> Granted {
        Granted { admin, permissions: permissions.iter().copied().collect() }
    }

    #[test]
    fn what_becomes_different_is_told() {
        let was = granted(true, &[Permission::ViewUsers, Permission::ViewAudit]);
        let now = granted(false, &[Permission::ViewAudit, Permission::ReadMetrics]);
        assert_eq!(
            now.effects(&was, "Anna"),
            [
                "Anna is no administrator any more.",
                "Anna gets: metrics.read.",
                "Anna loses: users.view.",
            ]
        );
        assert!(was.effects(&was, "Anna").is_empty());
        assert_eq!(granted(false, &[]).in_words(), "none");
    }
}
