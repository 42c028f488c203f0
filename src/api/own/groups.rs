//! Groups of people, and who is in them.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::accounts::{expected, tagged};
use super::change::sent;
use super::problem::Problem;
use super::read::{Asked, Sent, part, target};
use super::view::Instant;
use crate::admin::{Admin, Caller, GroupChange};
use crate::domain::account::AccountId;
use crate::domain::group::{Group, GroupId, GroupName};
use crate::domain::operation::Operation;
use crate::domain::permission::Permissions;
use crate::domain::standing::Version;
use crate::store::{GroupChanged, GroupQuery, Member};

/// How many are on a page where nobody says, and at most.
const PAGE: u32 = 50;
const MAX_PAGE: u32 = 500;

type Named = Result<Path<String>, PathRejection>;

/// A group.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct GroupView {
    pub(crate) id: GroupId,
    pub(crate) version: u64,
    pub(crate) name: String,
    pub(crate) external_id: Option<String>,
    pub(crate) permissions: Permissions,
    pub(crate) created_at: Instant,
    pub(crate) updated_at: Instant,
}

/// A page of groups.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct GroupsView {
    pub(crate) groups: Vec<GroupView>,
    /// What to send as `after` for the next page; none after the last.
    pub(crate) next: Option<GroupId>,
}

/// A group, and how many are in it.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct GroupDetailView {
    pub(crate) group: GroupView,
    pub(crate) count: u64,
}

/// What became of a group.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct GroupChangedView {
    pub(crate) changed: bool,
    pub(crate) group: GroupView,
}

/// Somebody in a group.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct MemberView {
    pub(crate) account: AccountId,
    /// What people call them.
    pub(crate) display: String,
}

/// A page of those who are in a group.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct MembersView {
    pub(crate) members: Vec<MemberView>,
    pub(crate) next: Option<AccountId>,
}

/// Which groups to list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Query {
    name: Option<String>,
    external_id: Option<String>,
    /// Somebody who is in them.
    member: Option<String>,
    after: Option<GroupId>,
    limit: Option<u32>,
}

/// Which members to list.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct MemberQuery {
    after: Option<AccountId>,
    limit: Option<u32>,
}

/// A group to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct New {
    name: String,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    permissions: Permissions,
    #[serde(default)]
    members: Vec<One>,
}

/// What is to be changed of one; what is not sent stays.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Change {
    name: Option<String>,
    #[serde(deserialize_with = "sent")]
    external_id: Option<Option<String>>,
    permissions: Option<Permissions>,
}

/// Who comes and who goes.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Members {
    add: Vec<One>,
    remove: Vec<One>,
}

/// Somebody: a number, or a login or e-mail address.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum One {
    Number(AccountId),
    Named(String),
}

impl One {
    async fn id(&self, admin: &Admin) -> Result<AccountId, Problem> {
        match self {
            Self::Number(id) => Ok(*id),
            Self::Named(who) => Ok(admin.account(&target(who)).await?.id),
        }
    }
}

pub(super) async fn list(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Asked(query): Asked<Query>,
) -> Result<Json<GroupsView>, Problem> {
    let limit = page_length(query.limit)?;
    // Who there is, is not for whoever may not see groups.
    caller.rights.require(Operation::ListGroups)?;
    let member = match query.member.as_deref() {
        Some(who) => Some(admin.account(&target(who)).await?.id),
        None => None,
    };
    let Query { name, external_id, after, .. } = query;
    let query = GroupQuery { name, external_id, member, after, limit, ..GroupQuery::default() };
    let groups = admin.groups(&caller.actor(), query).await?.groups;
    let last = groups.last().map(|group| group.id);
    Ok(Json(GroupsView {
        next: last.filter(|_| groups.len() == limit as usize),
        groups: groups.iter().map(GroupView::new).collect(),
    }))
}

pub(super) async fn create(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Sent(new): Sent<New>,
) -> Result<Response, Problem> {
    caller.rights.require(Operation::CreateGroup)?;
    let New { name, external_id, permissions, members } = new;
    let mut change = GroupChange::default();
    change.external_id(external_id.as_deref())?;
    change.permissions(permissions);
    for one in &members {
        let id = one.id(&admin).await?;
        change.members().add(id);
    }
    let new = change.into_new(read_name(&name)?);
    let group = admin.create_group(&caller.actor(), new).await?;
    let at = format!("/admin/v1/groups/{}", group.id);
    let made = changed(&GroupChanged { group, changed: true });
    Ok((StatusCode::CREATED, [(LOCATION, at)], made).into_response())
}

pub(super) async fn show(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
) -> Result<Response, Problem> {
    let (actor, id) = (caller.actor(), id(named)?);
    let group = admin.group(&actor, id).await?;
    let count = admin.count_members(&actor, id).await?;
    let detail = GroupDetailView { group: GroupView::new(&group), count };
    Ok(tagged(group.version, Json(detail)))
}

pub(super) async fn update(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
    headers: HeaderMap,
    Sent(sent): Sent<Change>,
) -> Result<Response, Problem> {
    let id = id(named)?;
    let mut change = GroupChange::default();
    if let Some(name) = &sent.name {
        change.name(read_name(name)?);
    }
    if let Some(id) = &sent.external_id {
        change.external_id(id.as_deref())?;
    }
    if let Some(permissions) = sent.permissions {
        change.permissions(permissions);
    }
    if let Some(version) = expected(&headers)? {
        change.expect(version);
    }
    Ok(changed(&admin.change_group(&caller.actor(), id, change).await?))
}

pub(super) async fn remove(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
    headers: HeaderMap,
) -> Result<Json<Value>, Problem> {
    let (actor, id) = (caller.actor(), id(named)?);
    let seen: Option<Version> = expected(&headers)?;
    let group = admin.group_to(&actor, Operation::DeleteGroup, id).await?;
    admin.delete_group(&actor, id, seen).await?;
    Ok(Json(json!({ "group": GroupView::new(&group), "removed": true })))
}

pub(super) async fn members(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
    Asked(query): Asked<MemberQuery>,
) -> Result<Json<MembersView>, Problem> {
    let (actor, id, limit) = (caller.actor(), id(named)?, page_length(query.limit)?);
    admin.group(&actor, id).await?;
    let members = admin.members(&actor, id, query.after, limit).await?;
    let last = members.last().map(|member| member.account);
    Ok(Json(MembersView {
        next: last.filter(|_| members.len() == limit as usize),
        members: members.into_iter().map(MemberView::new).collect(),
    }))
}

pub(super) async fn change_members(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    named: Named,
    Sent(Members { add, remove }): Sent<Members>,
) -> Result<Response, Problem> {
    let id = id(named)?;
    caller.rights.require(Operation::UpdateGroup)?;
    let mut change = GroupChange::default();
    for one in &add {
        let id = one.id(&admin).await?;
        change.members().add(id);
    }
    for one in &remove {
        let id = one.id(&admin).await?;
        change.members().remove(id);
    }
    Ok(changed(&admin.change_group(&caller.actor(), id, change).await?))
}

fn changed(done: &GroupChanged) -> Response {
    let view = GroupChangedView { changed: done.changed, group: GroupView::new(&done.group) };
    tagged(done.group.version, Json(view))
}

fn id(named: Named) -> Result<GroupId, Problem> {
    let number: Option<i64> = part(named);
    let id = number.and_then(|number| GroupId::try_from(number).ok());
    id.ok_or_else(Problem::no_such_group)
}

fn read_name(name: &str) -> Result<GroupName, Problem> {
    GroupName::new(name).map_err(|error| Problem::invalid(error.to_string()))
}

fn page_length(limit: Option<u32>) -> Result<u32, Problem> {
    let limit = limit.unwrap_or(PAGE);
    match (1..=MAX_PAGE).contains(&limit) {
        true => Ok(limit),
        false => Err(Problem::invalid(format!("`limit` is from 1 to {MAX_PAGE}"))),
    }
}

impl GroupView {
    pub(crate) fn new(group: &Group) -> Self {
        Self {
            id: group.id,
            version: group.version.get(),
            name: group.name.to_string(),
            external_id: group.external_id.clone(),
            permissions: group.permissions.clone(),
            created_at: group.created_at.into(),
            updated_at: group.updated_at.into(),
        }
    }
}

impl MemberView {
    pub(crate) fn new(member: Member) -> Self {
        Self { account: member.account, display: member.display }
    }
}
