//! What the handlers, and requests that ask for many things at once, do it with.

use serde_json::Value;

use super::answer::Done;
use super::flavour::Flavour;
use super::problem::Problem;
use super::schema::ResourceType;
use super::select::Select;
use super::tag::Tags;
use super::value::Object;
use crate::admin::{Actor, Admin, Caller};

/// Whoever asks, at the mount that they came to.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) admin: Admin,
    pub(super) flavour: Flavour,
    pub(super) caller: Caller,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Act<'a> {
    Create(&'a Object),
    Delete,
    Patch(&'a Object),
    Read,
    Replace(&'a Object),
}

impl Service {
    pub(super) fn actor(&self) -> Actor {
        self.caller.actor()
    }

    /// Does it to a resource, or makes one. `tags` are the versions that will do.
    pub(super) async fn operate(
        &self,
        kind: ResourceType,
        id: &str,
        operation: Act<'_>,
        tags: &Tags,
        select: &Select,
    ) -> Result<Done, Problem> {
        match kind {
            ResourceType::Group => self.group_operation(id, operation, tags, select).await,
            ResourceType::User => self.user_operation(id, operation, tags, select).await,
        }
    }

    /// A resource that is shown, with what stands in the head of the answer.
    pub(super) fn done(
        &self,
        status: http::StatusCode,
        kind: ResourceType,
        resource: &Object,
        select: &Select,
    ) -> Done {
        let meta = |name: &str| {
            let meta = resource.get("meta").and_then(|meta| meta.get(name));
            meta.and_then(Value::as_str).map(str::to_owned)
        };
        Done {
            status,
            body: Some(select.show(kind, self.flavour, resource)),
            location: meta("location"),
            version: meta("version"),
        }
    }

    /// Nobody has this id.
    pub(super) fn unknown(kind: ResourceType, id: &str) -> Problem {
        let shown: String = id.chars().filter(|c| !c.is_control()).take(64).collect();
        Problem::not_found(format!("there is no {} {shown:?}", kind.name()))
    }
}
