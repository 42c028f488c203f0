//! Where the console leads to, for whoever may go there.

use crate::admin::Rights;
use crate::domain::permission::Permission;

/// A part of the console.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Section {
    Overview,
    Users,
    Groups,
    Runs,
    Deletions,
    Protection,
    Licences,
    Tokens,
    Applications,
    Modules,
    Audit,
    /// What is in no part of it.
    None,
}

/// The links beside a page.
pub(super) struct Nav(Vec<Link>);

pub(super) struct Link {
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) is_here: bool,
}

const ALL: [(Section, &str, &str, Permission); 11] = [
    (Section::Overview, "", "Overview", Permission::ViewUsers),
    (Section::Users, "users", "Users", Permission::ViewUsers),
    (Section::Groups, "groups", "Groups", Permission::ViewUsers),
    (Section::Runs, "runs", "Bulk updates", Permission::ManageUsers),
    (Section::Deletions, "deletions", "Deletions", Permission::ManageUsers),
    (Section::Protection, "protection", "Attack protection", Permission::ManageSettings),
    (Section::Licences, "licences", "Licences", Permission::ViewUsers),
    (Section::Tokens, "tokens", "API tokens", Permission::ManageTokens),
    (Section::Applications, "applications", "Applications", Permission::ManageTokens),
    (Section::Modules, "modules", "Modules", Permission::ManageUsers),
    (Section::Audit, "audit", "Audit log", Permission::ViewAudit),
];

impl Nav {
    pub(super) fn of(rights: &Rights, here: Section) -> Self {
        let open = ALL.into_iter().filter(|(.., wanted)| rights.allow(*wanted));
        let links =
            open.map(|(section, path, name, _)| Link { path, name, is_here: section == here });
        Self(links.collect())
    }

    /// Each link, in order.
    pub(super) fn links(&self) -> &[Link] {
        &self.0
    }

    /// The first place that is open, if any is.
    pub(super) fn first(&self) -> Option<&'static str> {
        self.0.first().map(|link| link.path)
    }
}
