//! Reads what `PATCH` sends.

use serde_json::Value;

use super::{Step, Verb};
use crate::api::scim::flavour::Flavour;
use crate::api::scim::problem::Problem;
use crate::api::scim::value::Object;

/// More steps than anybody means at once.
const MAX_STEPS: usize = 1_000;

/// Reads the steps. Whatever stands in `schemas` is passed over: clients forget it, or
/// name an extension there.
pub(in crate::api::scim) fn read(body: &Object, flavour: Flavour) -> Result<Vec<Step>, Problem> {
    // WSO2 looks for this spelling alone.
    let named = |name: &str| {
        name == "Operations" || !flavour.is_wso2() && name.eq_ignore_ascii_case("operations")
    };
    let all = body
        .iter()
        .find(|(name, _)| named(name))
        .map(|(_, value)| value);
    let all = all.and_then(Value::as_array).filter(|all| !all.is_empty());
    let all = all.ok_or_else(|| Problem::syntax("a change has a member Operations, a list"))?;
    if all.len() > MAX_STEPS {
        return Err(Problem::too_many(format!("a change has at most {MAX_STEPS} operations")));
    }
    all.iter().map(step).collect()
}

fn step(sent: &Value) -> Result<Step, Problem> {
    let sent = sent
        .as_object()
        .ok_or_else(|| Problem::syntax("an operation is an object"))?;
    let member = |wanted: &str| {
        sent.iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value)
    };
    let verb = member("op").and_then(Value::as_str).unwrap_or_default();
    let verb = match verb.to_ascii_lowercase().as_str() {
        "add" => Verb::Add,
        "remove" => Verb::Remove,
        "replace" => Verb::Replace,
        _ => return Err(Problem::syntax("op is add, remove or replace")),
    };
    let path = match member("path") {
        None | Some(Value::Null) => None,
        Some(Value::String(path)) if path.trim().is_empty() => None,
        Some(Value::String(path)) => Some(path.trim().to_owned()),
        Some(_) => return Err(Problem::path("a path is a string")),
    };
    let value = member("value");
    if value.is_none() && verb != Verb::Remove {
        return Err(Problem::value("to add or replace takes a value"));
    }
    if path.is_none() && verb == Verb::Remove {
        return Err(Problem::no_target("to remove takes a path"));
    }
    Ok(Step { verb, path, value: value.cloned().unwrap_or_default() })
}

/// The members that a step without a path names, and the step without them.
pub(in crate::api::scim) fn takes_members(step: &mut Step) -> Option<Value> {
    let Value::Object(named) = &mut step.value else { return None };
    let name = named
        .keys()
        .find(|name| name.eq_ignore_ascii_case("members"))?
        .clone();
    named.remove(&name)
}
