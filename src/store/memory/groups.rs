//! Groups held in memory.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::account::AccountId;
use crate::domain::event::Note;
use crate::domain::group::{Group, GroupId};
use crate::domain::login::folded;
use crate::domain::standing::Lifecycle;
use crate::domain::time::Timestamp;
use crate::store::groups::described;
use crate::store::memory::SingleProcessDirectory;
use crate::store::memory::now;
use crate::store::memory::state::State;
use crate::store::{
    BoxFuture, DecideDeletion, DecideGroup, GroupChanged, GroupPage, GroupQuery, GroupStore,
    Member, Membership, NewGroup, NoMember, StoreError,
};

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// All groups, and the number that was given out last.
#[derive(Debug, Default)]
pub(super) struct Groups {
    last: i64,
    held: BTreeMap<GroupId, Held>,
}

#[derive(Debug)]
struct Held {
    group: Group,
    members: BTreeSet<AccountId>,
}

impl Groups {
    /// The groups that an account is in.
    pub(super) fn of(&self, account: AccountId) -> Vec<GroupId> {
        let of = self
            .held
            .values()
            .filter(|held| held.members.contains(&account));
        of.map(|held| held.group.id).collect()
    }

    /// Takes an account that is deleted out of every group.
    pub(super) fn forget(&mut self, account: AccountId, at: Timestamp) {
        for held in self.held.values_mut() {
            if held.members.remove(&account) {
                held.group.version = held.group.version.next();
                held.group.updated_at = at;
            }
        }
    }

    fn fits(held: &Held, query: &GroupQuery) -> bool {
        let group = &held.group;
        let name = query.name.as_deref().map(folded);
        name.is_none_or(|name| folded(group.name.as_str()) == name)
            && query
                .external_id
                .as_ref()
                .is_none_or(|id| group.external_id.as_ref() == Some(id))
            && query
                .member
                .is_none_or(|member| held.members.contains(&member))
            && query.ids.as_ref().is_none_or(|ids| ids.contains(&group.id))
    }
}

impl State {
    fn living(&self, account: AccountId) -> bool {
        let record = self.accounts.get(&account);
        record.is_some_and(|record| record.account.lifecycle != Lifecycle::Deleted)
    }

    fn all_living(&self, accounts: &BTreeSet<AccountId>) -> Result<(), NoMember> {
        let missing = accounts.iter().find(|account| !self.living(**account));
        missing.map_or(Ok(()), |account| Err(NoMember(*account)))
    }
}

impl GroupStore for SingleProcessDirectory {
    fn create_group(&self, new: NewGroup, note: Note) -> Answer<'_, Result<Group, NoMember>> {
        now(Ok(self.write(|state, at| {
            state.all_living(&new.members)?;
            state.groups.last += 1;
            let Ok(id) = GroupId::try_from(state.groups.last) else { unreachable!("positive") };
            let group = new.born(id, at);
            let joined: Vec<_> = new.members.iter().copied().collect();
            let after = described(&group, &joined, &[]);
            let held = Held { group: group.clone(), members: new.members };
            state.groups.held.insert(id, held);
            state.feed.append(at, None);
            self.append(state, at, None, note, (None, Some(after)));
            Ok(group)
        })))
    }

    fn group(&self, id: GroupId) -> Answer<'_, Option<Group>> {
        now(Ok(self
            .state()
            .groups
            .held
            .get(&id)
            .map(|held| held.group.clone())))
    }

    fn list_groups(&self, query: GroupQuery) -> Answer<'_, GroupPage> {
        let state = self.state();
        let fit = state
            .groups
            .held
            .values()
            .filter(|held| Groups::fits(held, &query));
        let fit: Vec<&Group> = fit.map(|held| &held.group).collect();
        let total = fit.len() as u64;
        let page = fit
            .into_iter()
            .filter(|group| query.after.is_none_or(|after| group.id > after))
            .skip(usize::try_from(query.offset).unwrap_or(usize::MAX))
            .take(query.limit as usize);
        now(Ok(GroupPage { groups: page.cloned().collect(), total }))
    }

    fn change_group<'a>(
        &'a self,
        id: GroupId,
        decide: DecideGroup<'a>,
    ) -> Answer<'a, Result<Option<GroupChanged>, NoMember>> {
        now(Ok(self.write(|state, at| {
            let Some(held) = state.groups.held.get(&id) else { return Ok(None) };
            let before = held.group.clone();
            let unchanged = GroupChanged { group: before.clone(), changed: false };
            let Some(edit) = decide(&before) else { return Ok(Some(unchanged)) };
            let (gone, come) = (edit.members.removed(), edit.members.added());
            state.all_living(come)?;
            let there = &state.groups.held[&id].members;
            let stays = |account: &AccountId| {
                come.contains(account) || !(edit.members.clears() || gone.contains(account))
            };
            let left: Vec<_> = there.iter().filter(|one| !stays(one)).copied().collect();
            let joined: Vec<_> = come.difference(there).copied().collect();
            if edit.keeps(&before) && left.is_empty() && joined.is_empty() {
                return Ok(Some(unchanged));
            }
            let note = edit.note.clone();
            let group = edit.over(&before, at);
            if let Some(held) = state.groups.held.get_mut(&id) {
                held.members.retain(|account| !left.contains(account));
                held.members.extend(&joined);
                held.group = group.clone();
            }
            let states = (described(&before, &[], &[]), described(&group, &joined, &left));
            state.feed.append(at, None);
            self.append(state, at, None, note, (Some(states.0), Some(states.1)));
            Ok(Some(GroupChanged { group, changed: true }))
        })))
    }

    fn delete_group<'a>(
        &'a self,
        id: GroupId,
        decide: DecideDeletion<'a>,
    ) -> Answer<'a, Option<bool>> {
        now(Ok(self.write(|state, at| {
            let held = state.groups.held.get(&id)?;
            let Some(note) = decide(&held.group) else { return Some(false) };
            let left: Vec<_> = held.members.iter().copied().collect();
            let before = described(&held.group, &[], &left);
            state.groups.held.remove(&id);
            state.feed.append(at, None);
            self.append(state, at, None, note, (Some(before), None));
            Some(true)
        })))
    }

    fn members(
        &self,
        id: GroupId,
        after: Option<AccountId>,
        limit: u32,
    ) -> Answer<'_, Vec<Member>> {
        let state = self.state();
        let Some(held) = state.groups.held.get(&id) else { return now(Ok(Vec::new())) };
        let later = held
            .members
            .iter()
            .filter(|one| after.is_none_or(|after| **one > after));
        let named = later.take(limit as usize).filter_map(|account| {
            let found = &state.accounts.get(account)?.account;
            let name = if found.name.is_empty() { found.login.as_str() } else { &found.name };
            Some(Member { account: *account, display: name.to_owned() })
        });
        now(Ok(named.collect()))
    }

    fn count_members(&self, id: GroupId) -> Answer<'_, u64> {
        now(Ok(self
            .state()
            .groups
            .held
            .get(&id)
            .map_or(0, |held| held.members.len() as u64)))
    }

    fn memberships(&self, accounts: Vec<AccountId>) -> Answer<'_, Vec<Membership>> {
        let state = self.state();
        let mut found = Vec::new();
        for account in accounts.into_iter().collect::<BTreeSet<_>>() {
            let of = state
                .groups
                .held
                .values()
                .filter(|held| held.members.contains(&account));
            found.extend(of.map(|held| Membership {
                account,
                group: held.group.id,
                name: held.group.name.clone(),
                permissions: held.group.permissions.clone(),
            }));
        }
        now(Ok(found))
    }
}
