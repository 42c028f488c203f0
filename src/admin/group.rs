//! Groups: makes, shows, changes and deletes them, and says who is in which.

#[cfg(feature = "api")]
use std::collections::BTreeSet;

use serde_json::Value;

use crate::admin::{Actor, Admin, AdminError};
use crate::domain::account::AccountId;
use crate::domain::event::Action;
use crate::domain::group::{Group, GroupId, GroupName};
use crate::domain::operation::Operation;
use crate::domain::permission::Permissions;
use crate::domain::standing::Version;
#[cfg(feature = "api")]
use crate::store::{AccountFilter, AccountSearch};
use crate::store::{
    GroupChanged, GroupEdit, GroupPage, GroupQuery, Member, MemberChange, Membership, NewGroup,
    NoMember,
};

/// The longest external id, and the most that interfaces keep of a group as JSON.
const MAX_EXTERNAL_ID_BYTES: usize = 256;
const MAX_DOCUMENT_BYTES: usize = 64 * 1024;

/// How many accounts are looked for in one go.
#[cfg(feature = "api")]
const AT_ONCE: usize = 500;

/// What is to be changed of a group; what is not named stays.
#[derive(Clone, Debug, Default)]
pub struct GroupChange {
    name: Option<GroupName>,
    external_id: Option<Option<String>>,
    permissions: Option<Permissions>,
    document: Option<Value>,
    members: MemberChange,
    expected: Option<Version>,
}

impl GroupChange {
    /// Renames it.
    pub fn name(&mut self, name: GroupName) {
        self.name = Some(name);
    }

    /// Changes what another system knows it by.
    ///
    /// # Errors
    ///
    /// If it is empty, too long, or has control characters.
    pub fn external_id(&mut self, id: Option<&str>) -> Result<(), AdminError> {
        let good = |id: &str| {
            (1..=MAX_EXTERNAL_ID_BYTES).contains(&id.len()) && !id.chars().any(char::is_control)
        };
        if id.is_some_and(|id| !good(id)) {
            return Err(AdminError::InvalidExternalId { max: MAX_EXTERNAL_ID_BYTES });
        }
        self.external_id = Some(id.map(str::to_owned));
        Ok(())
    }

    /// Changes what its members may do.
    pub fn permissions(&mut self, permissions: Permissions) {
        self.permissions = Some(permissions);
    }

    /// Changes what interfaces keep of it, all of it.
    ///
    /// # Errors
    ///
    /// If it is more than 64 KiB of JSON.
    pub fn document(&mut self, document: Value) -> Result<(), AdminError> {
        let bytes = document.to_string().len();
        if bytes > MAX_DOCUMENT_BYTES {
            return Err(AdminError::DocumentTooLarge { bytes, max: MAX_DOCUMENT_BYTES });
        }
        self.document = Some(document);
        Ok(())
    }

    /// Who comes and who goes.
    pub fn members(&mut self) -> &mut MemberChange {
        &mut self.members
    }

    /// Changes the group only as it is in this version.
    pub fn expect(&mut self, version: Version) {
        self.expected = Some(version);
    }

    /// The same of a group that is to be made.
    pub fn into_new(self, name: GroupName) -> NewGroup {
        NewGroup {
            name: self.name.unwrap_or(name),
            external_id: self.external_id.flatten(),
            permissions: self.permissions.unwrap_or_default(),
            document: self.document.unwrap_or_default(),
            members: self.members.added().clone(),
        }
    }

    fn over(self, group: &Group) -> Group {
        let old = group.clone();
        Group {
            name: self.name.unwrap_or(old.name),
            external_id: self.external_id.unwrap_or(old.external_id),
            permissions: self.permissions.unwrap_or(old.permissions),
            document: self.document.unwrap_or(old.document),
            ..old
        }
    }
}

impl Admin {
    /// Makes a group.
    ///
    /// # Errors
    ///
    /// If whoever asks may not make groups, or gives its members permissions without
    /// being an administrator, or a member is nobody.
    pub async fn create_group(&self, actor: &Actor, new: NewGroup) -> Result<Group, AdminError> {
        actor.require(Operation::CreateGroup)?;
        if new.permissions != Permissions::default() {
            actor.require_administrator_to(Operation::CreateGroup)?;
        }
        let note = actor.note(Action::GroupCreated, None);
        let made = self.directory.groups().create_group(new, note).await?;
        let group = made.map_err(nobody)?;
        self.count(Action::GroupCreated);
        Ok(group)
    }

    /// One group.
    ///
    /// # Errors
    ///
    /// If whoever asks may not see it, or there is no such group.
    pub async fn group(&self, actor: &Actor, id: GroupId) -> Result<Group, AdminError> {
        self.group_to(actor, Operation::ViewGroup, id).await
    }

    /// One group, for whoever may do this to it.
    ///
    /// # Errors
    ///
    /// As [`Admin::group`].
    pub async fn group_to(
        &self,
        actor: &Actor,
        wanted: Operation,
        id: GroupId,
    ) -> Result<Group, AdminError> {
        actor.require(wanted)?;
        let found = self.directory.groups().group(id).await?;
        found.ok_or(AdminError::NoSuchGroup { id })
    }

    /// A page of groups.
    ///
    /// # Errors
    ///
    /// If whoever asks may not see who there is.
    pub async fn groups(&self, actor: &Actor, query: GroupQuery) -> Result<GroupPage, AdminError> {
        actor.require(Operation::ListGroups)?;
        Ok(self.directory.groups().list_groups(query).await?)
    }

    /// Who is in a group, by number: at most `limit` of those after `after`.
    ///
    /// # Errors
    ///
    /// If whoever asks may not see who there is.
    pub async fn members(
        &self,
        actor: &Actor,
        id: GroupId,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<Member>, AdminError> {
        actor.require(Operation::ViewGroup)?;
        Ok(self.directory.groups().members(id, after, limit).await?)
    }

    /// How many are in a group.
    ///
    /// # Errors
    ///
    /// If whoever asks may not see who there is.
    pub async fn count_members(&self, actor: &Actor, id: GroupId) -> Result<u64, AdminError> {
        actor.require(Operation::ViewGroup)?;
        Ok(self.directory.groups().count_members(id).await?)
    }

    /// Which groups each of these accounts is in: it is said wherever the account is shown.
    ///
    /// # Errors
    ///
    /// If the store can't answer.
    pub async fn memberships(
        &self,
        accounts: Vec<AccountId>,
    ) -> Result<Vec<Membership>, AdminError> {
        Ok(self.directory.groups().memberships(accounts).await?)
    }

    /// Which groups somebody is in, for whoever may see people.
    ///
    /// # Errors
    ///
    /// If whoever asks may not, or the store can't answer.
    pub async fn memberships_of(
        &self,
        actor: &Actor,
        account: AccountId,
    ) -> Result<Vec<Membership>, AdminError> {
        actor.require(Operation::ViewUser)?;
        self.memberships(vec![account]).await
    }

    /// Those of these who are accounts that are not deleted.
    #[cfg(feature = "api")]
    pub(crate) async fn living(
        &self,
        accounts: &BTreeSet<AccountId>,
    ) -> Result<BTreeSet<AccountId>, AdminError> {
        let mut living = BTreeSet::new();
        let all: Vec<AccountId> = accounts.iter().copied().collect();
        for some in all.chunks(AT_ONCE) {
            let search = AccountSearch {
                filters: vec![AccountFilter::Ids(some.to_vec())],
                limit: u32::try_from(AT_ONCE).unwrap_or(u32::MAX),
                uncounted: true,
                ..AccountSearch::default()
            };
            let found = self.directory.search(search).await?.accounts;
            living.extend(found.iter().map(|account| account.id));
        }
        Ok(living)
    }

    /// What these groups allow somebody.
    pub(super) async fn permissions_by_groups(
        &self,
        account: AccountId,
    ) -> Result<Permissions, AdminError> {
        let memberships = self.memberships(vec![account]).await?;
        Ok(memberships
            .iter()
            .flat_map(|one| one.permissions.iter())
            .collect())
    }

    /// Changes a group and who is in it, all of it or nothing. Who is in a group that
    /// gives permissions, and which, is for administrators.
    ///
    /// # Errors
    ///
    /// If whoever asks may not change it, there is no such group, a new member is
    /// nobody, or the group is in another version than was expected.
    pub async fn change_group(
        &self,
        actor: &Actor,
        id: GroupId,
        change: GroupChange,
    ) -> Result<GroupChanged, AdminError> {
        actor.require(Operation::UpdateGroup)?;
        let mut refused = None;
        let decide = |group: &Group| match edit(actor, group, change) {
            Ok(edit) => Some(edit),
            Err(error) => {
                refused = Some(error);
                None
            }
        };
        let done = self
            .directory
            .groups()
            .change_group(id, Box::new(decide))
            .await?;
        if let Some(error) = refused {
            return Err(error);
        }
        let changed = done
            .map_err(nobody)?
            .ok_or(AdminError::NoSuchGroup { id })?;
        if changed.changed {
            self.count(Action::GroupUpdated);
        }
        Ok(changed)
    }

    /// Deletes a group; its members stay. `expected` is the version that whoever asks
    /// has seen.
    ///
    /// # Errors
    ///
    /// As [`Admin::change_group`].
    pub async fn delete_group(
        &self,
        actor: &Actor,
        id: GroupId,
        expected: Option<Version>,
    ) -> Result<(), AdminError> {
        actor.require(Operation::DeleteGroup)?;
        let mut refused = None;
        let decide = |group: &Group| {
            let allowed = may_change(actor, Operation::DeleteGroup, group)
                .and_then(|()| is_as_seen(group, expected));
            refused = allowed.err();
            refused
                .is_none()
                .then(|| actor.note(Action::GroupDeleted, None))
        };
        let deleted = self
            .directory
            .groups()
            .delete_group(id, Box::new(decide))
            .await?;
        if let Some(error) = refused {
            return Err(error);
        }
        deleted.ok_or(AdminError::NoSuchGroup { id })?;
        self.count(Action::GroupDeleted);
        Ok(())
    }
}

/// Whoever could put themselves into a group that gives permissions would give them to
/// themselves.
fn may_change(actor: &Actor, wanted: Operation, group: &Group) -> Result<(), AdminError> {
    if group.permissions == Permissions::default() {
        return Ok(());
    }
    actor.require_administrator_to(wanted)
}

fn is_as_seen(group: &Group, expected: Option<Version>) -> Result<(), AdminError> {
    let found = group.version;
    match expected {
        Some(expected) if expected != found => Err(AdminError::Outdated { found }),
        _ => Ok(()),
    }
}

fn edit(actor: &Actor, group: &Group, change: GroupChange) -> Result<GroupEdit, AdminError> {
    may_change(actor, Operation::UpdateGroup, group)?;
    if change.permissions.is_some() {
        actor.require_administrator_to(Operation::UpdateGroup)?;
    }
    is_as_seen(group, change.expected)?;
    let (members, note) = (change.members.clone(), actor.note(Action::GroupUpdated, None));
    Ok(GroupEdit { group: change.over(group), members, note })
}

fn nobody(missing: NoMember) -> AdminError {
    AdminError::NoMember { account: missing.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::{NOW, administrator, cli, manager, person};
    use crate::domain::permission::Permission;

    fn group(permissions: &[Permission]) -> Group {
        Group {
            id: 7.try_into().expect("a number"),
            name: GroupName::new("Staff").expect("a name"),
            external_id: None,
            permissions: permissions.iter().copied().collect(),
            document: Value::Null,
            version: Version::new(3),
            created_at: NOW,
            updated_at: NOW,
        }
    }

    #[test]
    fn nobody_gives_themselves_permissions_through_a_group() {
        let join = || {
            let mut change = GroupChange::default();
            change.members().add(8.try_into().expect("a number"));
            change
        };
        let powerful = group(&[Permission::ManageUsers]);
        assert!(edit(&manager(8), &group(&[]), join()).is_ok());
        let refused = edit(&manager(8), &powerful, join());
        assert!(matches!(refused, Err(AdminError::AdministratorsOnly)));
        assert!(edit(&administrator(1), &powerful, join()).is_ok());
        let mut permit = GroupChange::default();
        permit.permissions([Permission::ViewUsers].into_iter().collect());
        let refused = edit(&manager(8), &group(&[]), permit.clone());
        assert!(matches!(refused, Err(AdminError::AdministratorsOnly)));
        assert!(edit(&cli(), &group(&[]), permit).is_ok());
        assert!(may_change(&person(8), Operation::DeleteGroup, &powerful).is_err());
    }

    #[test]
    fn who_has_seen_another_version_changes_nothing() {
        let mut change = GroupChange::default();
        change.expect(Version::new(2));
        let refused = edit(&cli(), &group(&[]), change);
        assert!(matches!(refused, Err(AdminError::Outdated { found }) if found.get() == 3));
    }
}
