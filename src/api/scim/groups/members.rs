//! What becomes of a group's members: there may be very many, so changes of them are
//! not made on a list of all.

use serde_json::Value;

use crate::api::scim::filter::{Filter, Operator, Target, id_of};
use crate::api::scim::flavour::Flavour;
use crate::api::scim::patch::{self, Verb, takes_members};
use crate::api::scim::path::path;
use crate::api::scim::problem::Problem;
use crate::api::scim::schema::ResourceType;
use crate::api::scim::service::Service;
use crate::domain::account::AccountId;
use crate::domain::group::GroupId;
use crate::store::MemberChange;

/// How many members a filter is tried on.
const MAX_TRIED: usize = 10_000;
const PAGE: u32 = 1_000;

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Add(AccountId),
    Clear,
    Remove(AccountId),
    /// Those that this takes.
    RemoveSome(Filter<Target>),
}

/// Steps that put these members in.
pub(super) fn wanted(members: Option<&Value>) -> Result<Vec<Step>, Problem> {
    let members = members.map(ids).transpose()?.unwrap_or_default();
    Ok(members.into_iter().map(Step::Add).collect())
}

/// The accounts that a list of members names, or a single one.
fn ids(value: &Value) -> Result<Vec<AccountId>, Problem> {
    let all = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(all) => all.as_slice(),
        one => std::slice::from_ref(one),
    };
    let all: Vec<Option<AccountId>> = all.iter().map(id).collect::<Result<_, _>>()?;
    Ok(all.into_iter().flatten().collect())
}

/// Whose account it is; `None`: nobody's. Directories send members before they send the
/// people, and don't stop at one who is nobody yet.
fn id(member: &Value) -> Result<Option<AccountId>, Problem> {
    let part = |wanted: &str| {
        let parts = member.as_object()?;
        let (_, value) = parts
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))?;
        value.as_str()
    };
    if part("type").is_some_and(|kind| !kind.eq_ignore_ascii_case("User")) {
        return Err(Problem::value("members are users: groups in groups are not kept here"));
    }
    let link = part("$ref").and_then(|link| link.rsplit('/').next());
    let named = part("value")
        .or(link)
        .ok_or_else(|| Problem::value("a member has a value"))?;
    Ok(id_of(named))
}

/// The steps that are about members, and the others.
pub(super) fn parted(
    sent: Vec<patch::Step>,
    flavour: Flavour,
) -> Result<(Vec<Step>, Vec<patch::Step>), Problem> {
    let (mut steps, mut rest) = (Vec::new(), Vec::new());
    for mut step in sent {
        let Some(text) = &step.path else {
            if let Some(members) = takes_members(&mut step) {
                whole(step.verb, &members, &mut steps)?;
            }
            rest.push(step);
            continue;
        };
        let path = path(ResourceType::Group, flavour, text)?;
        if path
            .place
            .attribute
            .is_none_or(|attribute| attribute.name != "members")
        {
            rest.push(step);
            continue;
        }
        match (path.filter, path.place.sub) {
            (None, None) => whole(step.verb, &step.value, &mut steps)?,
            (Some(filter), None) if step.verb == Verb::Remove => steps.push(some(filter)),
            _ => return Err(Problem::mutability("a member comes or goes, and does not change")),
        }
    }
    Ok((steps, rest))
}

fn whole(verb: Verb, value: &Value, steps: &mut Vec<Step>) -> Result<(), Problem> {
    match verb {
        Verb::Add => steps.extend(ids(value)?.into_iter().map(Step::Add)),
        Verb::Remove if value.is_null() => steps.push(Step::Clear),
        Verb::Remove => steps.extend(ids(value)?.into_iter().map(Step::Remove)),
        Verb::Replace => {
            steps.push(Step::Clear);
            steps.extend(ids(value)?.into_iter().map(Step::Add));
        }
    }
    Ok(())
}

/// One that is named by its id is not looked for.
fn some(filter: Filter<Target>) -> Step {
    match &filter {
        Filter::Compare(target, Operator::Equal, Value::String(text))
            if target.leaf.name == "value" =>
        {
            id_of(text).map_or(Step::RemoveSome(filter), Step::Remove)
        }
        _ => Step::RemoveSome(filter),
    }
}

/// Adds the steps up.
pub(super) async fn apply(
    service: &Service,
    group: Option<GroupId>,
    steps: &[Step],
    change: &mut MemberChange,
) -> Result<(), Problem> {
    for step in steps {
        match step {
            Step::Add(account) => change.add(*account),
            Step::Clear => change.clear(),
            Step::Remove(account) => change.remove(*account),
            Step::RemoveSome(filter) => {
                for account in fitting(service, group, filter).await? {
                    change.remove(account);
                }
            }
        }
    }
    let living = service.admin.living(change.added()).await?;
    change.retain_added(|account| living.contains(account));
    Ok(())
}

/// Which of those who are in the group now a filter takes.
async fn fitting(
    service: &Service,
    group: Option<GroupId>,
    filter: &Filter<Target>,
) -> Result<Vec<AccountId>, Problem> {
    let Some(group) = group else { return Ok(Vec::new()) };
    let (mut found, mut after, mut tried) = (Vec::new(), None, 0);
    loop {
        let page = service
            .admin
            .members(&service.actor(), group, after, PAGE)
            .await?;
        let Some(last) = page.last() else { return Ok(found) };
        after = Some(last.account);
        tried += page.len();
        if tried > MAX_TRIED {
            let words = "there are too many members to try a filter on: name them by value";
            return Err(Problem::too_many(words));
        }
        let fit = page
            .iter()
            .filter(|one| filter.takes(&super::member(one, service)));
        found.extend(fit.map(|one| one.account));
    }
}
