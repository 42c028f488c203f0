//! What is done to groups.

mod members;

use http::StatusCode;
use serde_json::{Value, json};

use self::members::Step;
use super::answer::Done;
use super::filter::id_of;
use super::patch;
use super::problem::Problem;
use super::schema::ResourceType;
use super::select::Select;
use super::service::{Act, Service};
use super::tag::{Tags, tag};
use super::user::stamp;
use super::value::{self, Object};
use crate::admin::{AdminError, GroupChange};
use crate::domain::group::{Group, GroupId, GroupName};
use crate::domain::operation::Operation;
use crate::store::Member;

const GROUP: ResourceType = ResourceType::Group;

/// How many members are shown at most, of all groups in an answer together. A group
/// with more is shown without any.
pub(super) const MAX_SHOWN: usize = 10_000;

/// How often a change is made anew that somebody else was quicker than.
const TRIES: usize = 5;

/// The group's number that an id is.
pub(super) fn group_id(text: &str) -> Option<GroupId> {
    id_of(text).and_then(|id| GroupId::try_from(id.get()).ok())
}

impl Service {
    pub(super) async fn group_operation(
        &self,
        id: &str,
        operation: Act<'_>,
        tags: &Tags,
        select: &Select,
    ) -> Result<Done, Problem> {
        let number = || group_id(id).ok_or_else(|| Self::unknown(GROUP, id));
        match operation {
            Act::Create(sent) => self.create_group(sent, select).await,
            Act::Delete => {
                self.caller.rights.require(Operation::DeleteGroup)?;
                self.delete_group(number()?, tags).await
            }
            Act::Read => {
                self.caller.rights.require(Operation::ViewGroup)?;
                let group = self.admin.group(&self.actor(), number()?).await?;
                self.group(StatusCode::OK, &group, select).await
            }
            Act::Patch(_) | Act::Replace(_) => {
                self.caller.rights.require(Operation::UpdateGroup)?;
                self.change_group(number()?, operation, tags, select).await
            }
        }
    }

    pub(super) async fn group(
        &self,
        status: StatusCode,
        group: &Group,
        select: &Select,
    ) -> Result<Done, Problem> {
        let mut room = MAX_SHOWN;
        let shown = self.shown_group(group, select, &mut room).await?;
        Ok(self.done(status, GROUP, &shown, select))
    }

    /// A group with its members, if somebody wants to see them and there is room.
    pub(super) async fn shown_group(
        &self,
        group: &Group,
        select: &Select,
        room: &mut usize,
    ) -> Result<Object, Problem> {
        let mut shown = plain(group, self);
        // Who may only write is not shown more than they wrote.
        let visible = self.caller.rights.allow(Operation::ViewGroup);
        if !visible || !select.wants(GROUP, self.flavour, "members") {
            return Ok(shown);
        }
        let limit = u32::try_from(*room + 1).unwrap_or(u32::MAX);
        let members = self
            .admin
            .members(&self.actor(), group.id, None, limit)
            .await?;
        if members.len() <= *room {
            *room -= members.len();
            let members: Vec<Value> = members.iter().map(|one| member(one, self)).collect();
            value::set(
                &mut shown,
                None,
                "members",
                (!members.is_empty()).then_some(members.into()),
            );
        }
        Ok(shown)
    }

    async fn create_group(&self, sent: &Object, select: &Select) -> Result<Done, Problem> {
        self.caller.rights.require(Operation::CreateGroup)?;
        let wanted = value::resource(GROUP, sent, self.flavour)?;
        let mut change = GroupChange::default();
        set_own(&mut change, &wanted)?;
        let steps = members::wanted(wanted.get("members"))?;
        members::apply(self, None, &steps, change.members()).await?;
        let name = name_of(&wanted)?;
        let made = self
            .admin
            .create_group(&self.actor(), change.into_new(name))
            .await?;
        self.group(StatusCode::CREATED, &made, select).await
    }

    async fn change_group(
        &self,
        id: GroupId,
        operation: Act<'_>,
        tags: &Tags,
        select: &Select,
    ) -> Result<Done, Problem> {
        let mut tries = TRIES;
        loop {
            let group = self
                .admin
                .group_to(&self.actor(), Operation::UpdateGroup, id)
                .await?;
            tags.check(group.version)?;
            let mut change = GroupChange::default();
            let (wanted, steps) = self.wanted_group(&group, operation).await?;
            set_own(&mut change, &wanted)?;
            members::apply(self, Some(id), &steps, change.members()).await?;
            change.expect(group.version);
            tries -= 1;
            match self.admin.change_group(&self.actor(), id, change).await {
                Err(AdminError::Outdated { .. }) if tries > 0 => {}
                changed => return self.group(StatusCode::OK, &changed?.group, select).await,
            }
        }
    }

    /// What the group itself is to be, and what becomes of its members.
    async fn wanted_group(
        &self,
        group: &Group,
        operation: Act<'_>,
    ) -> Result<(Object, Vec<Step>), Problem> {
        match operation {
            Act::Patch(body) => {
                let sent = patch::read(body, self.flavour)?;
                let (steps, rest) = members::parted(sent, self.flavour)?;
                let patched = patch::apply(GROUP, self.flavour, plain(group, self), &rest)?;
                Ok((patched.resource, steps))
            }
            Act::Replace(sent) => {
                let wanted = value::resource(GROUP, sent, self.flavour)?;
                let mut steps = vec![Step::Clear];
                steps.extend(members::wanted(wanted.get("members"))?);
                // What was too much to be shown is not taken away by saying nothing of it.
                let unshown = !wanted.contains_key("members")
                    && self.admin.count_members(&self.actor(), group.id).await? > MAX_SHOWN as u64;
                Ok((wanted, if unshown { Vec::new() } else { steps }))
            }
            _ => Ok((plain(group, self), Vec::new())),
        }
    }

    async fn delete_group(&self, id: GroupId, tags: &Tags) -> Result<Done, Problem> {
        let group = self
            .admin
            .group_to(&self.actor(), Operation::DeleteGroup, id)
            .await?;
        tags.check(group.version)?;
        let expected = tags.are_given().then_some(group.version);
        self.admin.delete_group(&self.actor(), id, expected).await?;
        Ok(Done::gone())
    }
}

fn name_of(wanted: &Object) -> Result<GroupName, Problem> {
    let name = wanted
        .get("displayName")
        .and_then(Value::as_str)
        .unwrap_or_default();
    GroupName::new(name).map_err(|error| Problem::value(error.to_string()))
}

fn set_own(change: &mut GroupChange, wanted: &Object) -> Result<(), Problem> {
    change.name(name_of(wanted)?);
    Ok(change.external_id(wanted.get("externalId").and_then(Value::as_str))?)
}

/// A group without its members.
pub(super) fn plain(group: &Group, service: &Service) -> Object {
    let mut shown = Object::new();
    shown.insert("id".to_owned(), group.id.to_string().into());
    shown.insert("displayName".to_owned(), group.name.as_str().into());
    let external_id = group.external_id.clone().map(Value::from);
    value::set(&mut shown, None, "externalId", external_id);
    let meta = json!({
        "resourceType": GROUP.name(),
        "created": stamp(group.created_at),
        "lastModified": stamp(group.updated_at),
        "location": format!("{}/Groups/{}", service.flavour.mount(), group.id),
        "version": tag(group.version),
    });
    shown.insert("meta".to_owned(), meta);
    shown
}

fn member(one: &Member, service: &Service) -> Value {
    json!({
        "value": one.account.to_string(),
        "$ref": format!("{}/Users/{}", service.flavour.mount(), one.account),
        "display": one.display,
        "type": "User",
    })
}
