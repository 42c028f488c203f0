//! Groups of people, and who is in which.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Value, json};

use crate::domain::account::AccountId;
use crate::domain::event::Note;
use crate::domain::group::{Group, GroupId, GroupName};
use crate::domain::permission::Permissions;
use crate::store::{BoxFuture, StoreError};

/// How many members the audit log names of one change; of more it says how many.
const MAX_NAMED: usize = 1_000;

/// Keeps groups. Members are accounts; a deleted account is in none.
///
/// Every change is one transaction with its audit record, and the feed tells that there
/// was one, as it does of settings: who asks for groups reads them again.
pub trait GroupStore: fmt::Debug + Send + Sync + 'static {
    /// Makes a group with these members.
    ///
    /// The inner error names a member that is no account; nothing was stored.
    fn create_group(
        &self,
        new: NewGroup,
        note: Note,
    ) -> BoxFuture<'_, Result<Result<Group, NoMember>, StoreError>>;

    /// The group with this number.
    fn group(&self, id: GroupId) -> BoxFuture<'_, Result<Option<Group>, StoreError>>;

    /// Groups that fit, a page of them by number, lowest first.
    fn list_groups(&self, query: GroupQuery) -> BoxFuture<'_, Result<GroupPage, StoreError>>;

    /// Changes a group and who is in it: `decide` sees the group as it is inside the
    /// transaction and says what to write, or `None` to leave all as it is.
    ///
    /// `None` if there is no such group. The inner error names a new member that is no
    /// account; nothing was stored.
    fn change_group<'a>(
        &'a self,
        id: GroupId,
        decide: DecideGroup<'a>,
    ) -> BoxFuture<'a, Result<Result<Option<GroupChanged>, NoMember>, StoreError>>;

    /// Deletes a group, if `decide` gives a note for it. Says whether it was deleted,
    /// `None` if there is no such group.
    fn delete_group<'a>(
        &'a self,
        id: GroupId,
        decide: DecideDeletion<'a>,
    ) -> BoxFuture<'a, Result<Option<bool>, StoreError>>;

    /// Who is in a group, by number, lowest first: at most `limit` of those after
    /// `after`, with their logins.
    fn members(
        &self,
        id: GroupId,
        after: Option<AccountId>,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<Member>, StoreError>>;

    /// How many are in a group.
    fn count_members(&self, id: GroupId) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Which groups each of these accounts is in, by account and group.
    fn memberships(
        &self,
        accounts: Vec<AccountId>,
    ) -> BoxFuture<'_, Result<Vec<Membership>, StoreError>>;
}

/// A group about to be made.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// What people call it.
    pub name: GroupName,
    /// What another system knows it by.
    pub external_id: Option<String>,
    /// What its members may do.
    pub permissions: Permissions,
    /// What interfaces keep of it.
    pub document: Value,
    /// Who is in it from the beginning.
    pub members: BTreeSet<AccountId>,
}

/// Which groups to list: those that everything fits that is named.
#[derive(Clone, Debug, Default)]
pub struct GroupQuery {
    /// Called exactly this, ignoring case.
    pub name: Option<String>,
    /// Whose external id is this, byte by byte.
    pub external_id: Option<String>,
    /// That this account is in.
    pub member: Option<AccountId>,
    /// With one of these numbers.
    pub ids: Option<Vec<GroupId>>,
    /// With a higher number.
    pub after: Option<GroupId>,
    /// How many of those that fit come before the page.
    pub offset: u64,
    /// How many are on the page.
    pub limit: u32,
}

/// A page of groups.
#[derive(Clone, Debug, Default)]
pub struct GroupPage {
    /// The groups on it.
    pub groups: Vec<Group>,
    /// How many fit, on all pages, wherever this one begins.
    pub total: u64,
}

/// Somebody in a group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// Whose account.
    pub account: AccountId,
    /// What they are called: the name, or else the login.
    pub display: String,
}

/// That somebody is in a group.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Membership {
    /// Who.
    pub account: AccountId,
    /// In which group.
    pub group: GroupId,
    /// What it is called.
    pub name: GroupName,
    /// What its members may do.
    pub permissions: Permissions,
}

/// Looks at a group inside a transaction and says what to write.
pub type DecideGroup<'a> = Box<dyn FnOnce(&Group) -> Option<GroupEdit> + Send + 'a>;

/// Looks at a group inside a transaction and says what the log is to say of its end, or
/// `None` to leave it.
pub type DecideDeletion<'a> = Box<dyn FnOnce(&Group) -> Option<Note> + Send + 'a>;

/// What to write of a group.
#[derive(Clone, Debug)]
pub struct GroupEdit {
    /// The group as it shall be. Its number, version and times are the store's.
    pub group: Group,
    /// Who comes and who goes.
    pub members: MemberChange,
    /// What the audit log says.
    pub note: Note,
}

/// Who comes into a group and who goes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MemberChange {
    /// Whether everybody goes first.
    clear: bool,
    add: BTreeSet<AccountId>,
    remove: BTreeSet<AccountId>,
}

/// A group as it is after a change.
#[derive(Clone, Debug)]
pub struct GroupChanged {
    /// The group.
    pub group: Group,
    /// Whether anything was written.
    pub changed: bool,
}

/// Somebody is to be in a group who is nobody, or deleted.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no account {0} to be in the group")]
pub struct NoMember(pub AccountId);

impl MemberChange {
    /// Everybody goes who is there by then.
    pub fn clear(&mut self) {
        self.clear = true;
        self.add.clear();
        self.remove.clear();
    }

    /// This account comes; who is there already stays.
    pub fn add(&mut self, account: AccountId) {
        self.remove.remove(&account);
        self.add.insert(account);
    }

    /// This account goes.
    pub fn remove(&mut self, account: AccountId) {
        self.add.remove(&account);
        self.remove.insert(account);
    }

    /// Only those of who comes stay in it whom this takes.
    pub fn retain_added(&mut self, takes: impl FnMut(&AccountId) -> bool) {
        self.add.retain(takes);
    }

    /// Whether nobody comes or goes.
    pub fn is_empty(&self) -> bool {
        !self.clear && self.add.is_empty() && self.remove.is_empty()
    }

    /// Whether everybody goes first.
    pub const fn clears(&self) -> bool {
        self.clear
    }

    /// Who comes.
    pub const fn added(&self) -> &BTreeSet<AccountId> {
        &self.add
    }

    /// Who goes.
    pub const fn removed(&self) -> &BTreeSet<AccountId> {
        &self.remove
    }
}

/// What the audit log keeps of a group and of those who came or went.
pub(crate) fn described(group: &Group, joined: &[AccountId], left: &[AccountId]) -> String {
    let mut state = json!({ "group": group });
    for (what, who) in [("members_added", joined), ("members_removed", left)] {
        if who.is_empty() {
            continue;
        }
        state[what] = json!(who.iter().take(MAX_NAMED).collect::<Vec<_>>());
        if who.len() > MAX_NAMED {
            state[format!("{what}_in_all")] = json!(who.len());
        }
    }
    state.to_string()
}

impl GroupEdit {
    /// The group as it is written after `before`.
    pub(crate) fn over(self, before: &Group, at: crate::domain::time::Timestamp) -> Group {
        Group {
            id: before.id,
            version: before.version.next(),
            created_at: before.created_at,
            updated_at: at,
            ..self.group
        }
    }

    /// Whether it leaves the group itself as it is, whoever comes or goes.
    pub(crate) fn keeps(&self, before: &Group) -> bool {
        let Group { name, external_id, permissions, document, .. } = &self.group;
        *name == before.name
            && *external_id == before.external_id
            && *permissions == before.permissions
            && *document == before.document
    }
}

impl NewGroup {
    pub(crate) fn born(&self, id: GroupId, at: crate::domain::time::Timestamp) -> Group {
        Group {
            id,
            name: self.name.clone(),
            external_id: self.external_id.clone(),
            permissions: self.permissions.clone(),
            document: self.document.clone(),
            version: crate::domain::standing::Version::new(1),
            created_at: at,
            updated_at: at,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Property: a change of members does to a set what its steps do one by one.
        #[test]
        fn steps_add_up(
            before in proptest::collection::btree_set(1..6_i64, 0..5),
            steps in proptest::collection::vec((0..3_u8, 1..6_i64), 0..8),
        ) {
            let id = |number: i64| AccountId::try_from(number).expect("a number");
            let (mut change, mut expected) = (MemberChange::default(), before.clone());
            for (step, number) in steps {
                match step {
                    0 => { change.clear(); expected.clear(); }
                    1 => { change.add(id(number)); expected.insert(number); }
                    _ => { change.remove(id(number)); expected.remove(&number); }
                }
            }
            let mut after = if change.clears() { BTreeSet::new() } else { before };
            after.retain(|number| !change.removed().contains(&id(*number)));
            after.extend(change.added().iter().map(|id| id.get()));
            prop_assert_eq!(after, expected);
        }
    }
}
