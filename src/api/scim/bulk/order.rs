//! In which order operations are done that name each other: `bulkId:q1` stands for what
//! the operation with that id makes.

use std::collections::{HashMap, HashSet};

use http::StatusCode;
use serde_json::Value;

use super::{One, target};
use crate::api::scim::flavour::Flavour;
use crate::api::scim::problem::Problem;
use crate::api::scim::schema::ResourceType;

/// What was made, by the id of its operation.
pub(super) type References = HashMap<String, String>;

const PREFIX: &str = "bulkId:";

/// The places of all operations, each after those that it names; and whether it is one
/// of those that name each other in a circle.
pub(super) fn order(all: &[One], flavour: Flavour) -> Vec<(usize, bool)> {
    let mut waiting: Vec<usize> = (0..all.len()).collect();
    if flavour.is_wso2() {
        // It does people first, and groups after them.
        waiting.sort_by_key(|at| matches!(target(&all[*at].path), Ok((ResourceType::Group, _))));
    }
    let needs: Vec<HashSet<String>> = all.iter().map(needed).collect();
    let mut made: HashSet<&str> = HashSet::new();
    let makers: HashSet<&str> = all
        .iter()
        .filter_map(|one| one.bulk_id.as_deref())
        .collect();
    let mut order = Vec::with_capacity(all.len());
    while !waiting.is_empty() {
        let ready = |at: &usize| {
            let mut needs = needs[*at].iter().map(String::as_str);
            // What nobody makes is found missing when its turn comes.
            needs.all(|id| made.contains(id) || !makers.contains(id))
        };
        let Some(next) = waiting.iter().position(ready) else {
            order.extend(waiting.iter().map(|at| (*at, true)));
            return order;
        };
        let at = waiting.remove(next);
        made.extend(all[at].bulk_id.as_deref());
        order.push((at, false));
    }
    order
}

pub(super) fn circle() -> Problem {
    let words = "these operations name each other in a circle: change one of them afterwards";
    Problem::new(StatusCode::CONFLICT, words)
}

fn needed(one: &One) -> HashSet<String> {
    let mut ids = HashSet::new();
    let (_, id) = one.path.rsplit_once('/').unwrap_or_default();
    collect(&Value::from(id), &mut ids);
    collect(&one.data, &mut ids);
    ids
}

fn collect(value: &Value, ids: &mut HashSet<String>) {
    match value {
        Value::String(text) => ids.extend(text.strip_prefix(PREFIX).map(str::to_owned)),
        Value::Array(all) => all.iter().for_each(|value| collect(value, ids)),
        Value::Object(parts) => parts.values().for_each(|value| collect(value, ids)),
        _ => {}
    }
}

/// The same, with what was made in place of what stands for it.
pub(super) fn resolved(value: &Value, made: &References) -> Result<Value, Problem> {
    Ok(match value {
        Value::String(text) => match text.strip_prefix(PREFIX) {
            Some(id) => made
                .get(id)
                .map(|new| Value::from(new.as_str()))
                .ok_or_else(|| {
                    let words = format!("nothing was made as {text:?}");
                    Problem {
                        kind: Some("invalidValue"),
                        ..Problem::new(StatusCode::CONFLICT, words)
                    }
                })?,
            None => value.clone(),
        },
        Value::Array(all) => all
            .iter()
            .map(|value| resolved(value, made))
            .collect::<Result<Vec<_>, _>>()?
            .into(),
        Value::Object(parts) => {
            let each = parts.iter();
            let each = each.map(|(name, value)| Ok((name.clone(), resolved(value, made)?)));
            Value::Object(each.collect::<Result<_, Problem>>()?)
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(path: &str, bulk_id: &str, data: Value) -> One {
        let (method, path) = ("POST".to_owned(), path.to_owned());
        One { method, path, bulk_id: Some(bulk_id.to_owned()), version: None, data }
    }

    fn member(of: &str) -> Value {
        json!({ "members": [{ "value": format!("bulkId:{of}") }] })
    }

    #[test]
    fn who_is_named_comes_first() {
        let all = [
            one("/Groups", "g", member("u")),
            one("/Users", "u", json!({})),
            one("/Users", "v", json!({ "x": "bulkId:nobody" })),
        ];
        assert_eq!(order(&all, Flavour::Strict), [(1, false), (0, false), (2, false)]);
        assert_eq!(order(&all, Flavour::Wso2), [(1, false), (2, false), (0, false)]);
        assert!(resolved(&all[2].data, &References::new()).is_err());
    }

    #[test]
    fn a_circle_is_found_out() {
        let all = [
            one("/Users", "a", member("b")),
            one("/Users", "b", member("a")),
            one("/Users", "c", json!({})),
        ];
        assert_eq!(order(&all, Flavour::Strict), [(2, false), (0, true), (1, true)]);
    }
}
