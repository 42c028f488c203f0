//! Groups.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::{Done, Office};
use crate::admin::GroupChange;
use crate::api::own::groups::{
    GroupChangedView, GroupDetailView, GroupView, GroupsView, MemberView, MembersView,
};
use crate::cli::exit::{Exit, Failure};
use crate::domain::account::AccountId;
use crate::domain::group::{GroupId, GroupName};
use crate::domain::permission::Permissions;
use crate::store::{GroupChanged, GroupQuery};

/// How many groups of one name are told.
const MOST_NAMED: u32 = 10;

#[derive(Deserialize)]
struct Removed {
    group: GroupView,
}

impl Office {
    pub(in crate::cli) async fn create_group(
        &self,
        name: GroupName,
        permissions: Permissions,
    ) -> Done<GroupView> {
        match self {
            Self::Here(host) => {
                let mut change = GroupChange::default();
                change.permissions(permissions);
                let made = host.admin.create_group(&host.actor, change.into_new(name));
                Ok(GroupView::new(&made.await?))
            }
            Self::There(client) => {
                let body = json!({ "name": name, "permissions": permissions });
                let made: GroupChangedView = client.send(Method::POST, "groups", &body).await?;
                Ok(made.group)
            }
        }
    }

    /// Groups by number, lowest first.
    pub(in crate::cli) async fn groups(
        &self,
        member: Option<AccountId>,
        after: Option<GroupId>,
        limit: u32,
    ) -> Done<Vec<GroupView>> {
        let client = match self {
            Self::There(client) => client,
            Self::Here(host) => {
                let query = GroupQuery { member, after, limit, ..GroupQuery::default() };
                let page = host.admin.groups(&host.actor, query).await?;
                return Ok(page.groups.iter().map(GroupView::new).collect());
            }
        };
        let said = [
            ("member", member.map(|id| id.to_string())),
            ("after", after.map(|id| id.to_string())),
        ];
        let query = said
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        let place = ("after", |group: &GroupView| group.id.to_string());
        let items = |page: GroupsView| page.groups;
        client.pages("groups", &query, limit, place, items).await
    }

    /// The group of this number, or else the one that is called so, ignoring case.
    pub(in crate::cli) async fn group_named(&self, word: &str) -> Done<GroupId> {
        let number = word.parse::<i64>().ok();
        if let Some(id) = number.and_then(|number| GroupId::try_from(number).ok()) {
            return Ok(self.group(id).await?.group.id);
        }
        let found = self.groups_called(word).await?;
        let failure = match &found[..] {
            [one] => return Ok(one.id),
            [] => Failure::new(Exit::NotFound, format!("there is no group {word:?}")),
            several => {
                let ids: Vec<_> = several.iter().map(|group| group.id.to_string()).collect();
                Failure::usage(format!(
                    "several groups are called {word:?}: name one of the numbers {}",
                    ids.join(", ")
                ))
            }
        };
        Err(failure.try_next("group list"))
    }

    async fn groups_called(&self, name: &str) -> Done<Vec<GroupView>> {
        let (limit, name) = (MOST_NAMED, name.to_owned());
        match self {
            Self::Here(host) => {
                let query = GroupQuery { name: Some(name), limit, ..GroupQuery::default() };
                let page = host.admin.groups(&host.actor, query).await?;
                Ok(page.groups.iter().map(GroupView::new).collect())
            }
            Self::There(client) => {
                let query = vec![("name", name), ("limit", limit.to_string())];
                let page: GroupsView = client.get("groups", query).await?;
                Ok(page.groups)
            }
        }
    }

    /// A group, and how many are in it.
    pub(in crate::cli) async fn group(&self, id: GroupId) -> Done<GroupDetailView> {
        match self {
            Self::Here(host) => {
                let group = host.admin.group(&host.actor, id).await?;
                let count = host.admin.count_members(&host.actor, id).await?;
                Ok(GroupDetailView { group: GroupView::new(&group), count })
            }
            Self::There(client) => client.get(&format!("groups/{id}"), Vec::new()).await,
        }
    }

    /// Who is in it, by number.
    pub(in crate::cli) async fn members(
        &self,
        id: GroupId,
        after: Option<AccountId>,
        limit: u32,
    ) -> Done<Vec<MemberView>> {
        let client = match self {
            Self::There(client) => client,
            Self::Here(host) => {
                let members = host.admin.members(&host.actor, id, after, limit).await?;
                return Ok(members.into_iter().map(MemberView::new).collect());
            }
        };
        let query = after.map(|id| ("after", id.to_string()));
        let query = query.into_iter().collect();
        let place = ("after", |member: &MemberView| member.account.to_string());
        let items = |page: MembersView| page.members;
        let path = format!("groups/{id}/members");
        client.pages(&path, &query, limit, place, items).await
    }

    pub(in crate::cli) async fn permit_group(
        &self,
        id: GroupId,
        permissions: Permissions,
    ) -> Done<GroupChangedView> {
        match self {
            Self::Here(host) => {
                let mut change = GroupChange::default();
                change.permissions(permissions);
                let changed = host.admin.change_group(&host.actor, id, change);
                Ok(view(&changed.await?))
            }
            Self::There(client) => {
                let body = json!({ "permissions": permissions });
                client
                    .send(Method::PATCH, &format!("groups/{id}"), &body)
                    .await
            }
        }
    }

    /// Puts people into a group, or takes them out.
    pub(in crate::cli) async fn move_members(
        &self,
        id: GroupId,
        who: &[AccountId],
        join: bool,
    ) -> Done<GroupChangedView> {
        match self {
            Self::Here(host) => {
                let mut change = GroupChange::default();
                for account in who {
                    if join {
                        change.members().add(*account);
                    } else {
                        change.members().remove(*account);
                    }
                }
                let changed = host.admin.change_group(&host.actor, id, change);
                Ok(view(&changed.await?))
            }
            Self::There(client) => {
                let body = if join { json!({ "add": who }) } else { json!({ "remove": who }) };
                let path = format!("groups/{id}/members");
                client.send(Method::POST, &path, &body).await
            }
        }
    }

    pub(in crate::cli) async fn delete_group(&self, id: GroupId) -> Done<GroupView> {
        match self {
            Self::Here(host) => {
                let group = host.admin.group(&host.actor, id).await?;
                host.admin.delete_group(&host.actor, id, None).await?;
                Ok(GroupView::new(&group))
            }
            Self::There(client) => {
                let path = format!("groups/{id}");
                let Removed { group } = client.send(Method::DELETE, &path, &json!({})).await?;
                Ok(group)
            }
        }
    }
}

fn view(changed: &GroupChanged) -> GroupChangedView {
    GroupChangedView { changed: changed.changed, group: GroupView::new(&changed.group) }
}
