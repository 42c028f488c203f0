//! Many operations in one request, one after the other.

mod order;
mod reply;

use std::collections::HashMap;

use serde_json::Value;

use self::order::{References, resolved};
use super::answer::Done;
use super::problem::Problem;
use super::schema::ResourceType;
use super::select::Select;
use super::service::{Act, Service};
use super::tag::Tags;
use super::value::Object;

/// How many operations one request asks for at most, and how long it is.
pub(super) const MAX_OPERATIONS: usize = 1_000;
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// One of them, as it was sent.
#[derive(Clone, Debug)]
struct One {
    method: String,
    path: String,
    bulk_id: Option<String>,
    version: Option<String>,
    data: Value,
}

/// What became of it.
struct Outcome {
    one: One,
    result: Result<Done, Problem>,
}

impl Service {
    /// Does all of them, up to as many failures as were allowed.
    pub(super) async fn bulk(self, body: &Object) -> Result<Value, Problem> {
        let (all, allowed) = read(body)?;
        let own = Self { caller: self.caller.clone().in_bulk(), ..self };
        let order = order::order(&all, own.flavour);
        let mut made: HashMap<String, String> = HashMap::new();
        let (mut outcomes, mut failed) = (Vec::new(), 0);
        for (at, circular) in order {
            let one = all[at].clone();
            let result = match circular {
                true => Err(order::circle()),
                false => own.one(&one, &made).await,
            };
            if let (Ok(Done { body: Some(body), .. }), Some(id)) = (&result, &one.bulk_id) {
                let new = body.get("id").and_then(Value::as_str).unwrap_or_default();
                made.insert(id.clone(), new.to_owned());
            }
            failed += usize::from(result.is_err());
            outcomes.push((at, Outcome { one, result }));
            if allowed > 0 && failed >= allowed {
                break;
            }
        }
        if !own.flavour.is_wso2() {
            outcomes.sort_by_key(|(at, _)| *at);
        }
        let outcomes: Vec<_> = outcomes.into_iter().map(|(_, outcome)| outcome).collect();
        Ok(reply::document(own.flavour, &outcomes))
    }

    async fn one(&self, one: &One, made: &References) -> Result<Done, Problem> {
        let (kind, id) = target(&one.path)?;
        let id = id.map(|id| resolved(&Value::from(id), made)).transpose()?;
        let id = id.as_ref().and_then(Value::as_str);
        let data = resolved(&one.data, made)?;
        let object = || {
            data.as_object()
                .ok_or_else(|| Problem::syntax("data is an object"))
        };
        let operation = match (one.method.to_ascii_uppercase().as_str(), id) {
            ("POST", None) => Act::Create(object()?),
            ("PUT", Some(_)) => Act::Replace(object()?),
            ("PATCH", Some(_)) => Act::Patch(object()?),
            ("DELETE", Some(_)) => Act::Delete,
            _ => {
                return Err(Problem::syntax("POST goes to a type; PUT, PATCH and DELETE to an id"));
            }
        };
        let tags = Tags::of_version(one.version.as_deref());
        let select = Select::default();
        // On the heap: these futures are large.
        Box::pin(self.operate(kind, id.unwrap_or_default(), operation, &tags, &select)).await
    }
}

/// The type, and whom it is about.
fn target(path: &str) -> Result<(ResourceType, Option<&str>), Problem> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let (name, id) = path
        .split_once('/')
        .map_or((path, None), |(name, id)| (name, Some(id)));
    let mut all = ResourceType::ALL.into_iter();
    let kind = all.find(|kind| kind.endpoint().trim_start_matches('/') == name);
    match (kind, id) {
        (Some(kind), id) if id.is_none_or(|id| !id.is_empty() && !id.contains('/')) => {
            Ok((kind, id))
        }
        _ => Err(Problem::new(http::StatusCode::NOT_FOUND, "there is nothing at this path")),
    }
}

fn read(body: &Object) -> Result<(Vec<One>, usize), Problem> {
    let member = |wanted: &str| {
        body.iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value)
    };
    let all = member("Operations").and_then(Value::as_array);
    let all = all.ok_or_else(|| Problem::syntax("a bulk has a member Operations, a list"))?;
    if all.len() > MAX_OPERATIONS {
        let words = format!("a bulk has at most {MAX_OPERATIONS} operations");
        return Err(Problem::new(http::StatusCode::PAYLOAD_TOO_LARGE, words));
    }
    let allowed = member("failOnErrors")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    let all: Vec<One> = all.iter().map(one).collect::<Result<_, _>>()?;
    let mut seen = std::collections::HashSet::new();
    for one in &all {
        match (&one.bulk_id, one.method.eq_ignore_ascii_case("POST")) {
            (None, true) => return Err(Problem::value("what is made in a bulk has a bulkId")),
            (Some(id), _) if !seen.insert(id) => {
                return Err(Problem::value(format!("{id:?} is the bulkId of several operations")));
            }
            _ => {}
        }
    }
    Ok((all, usize::try_from(allowed).unwrap_or(usize::MAX)))
}

fn one(sent: &Value) -> Result<One, Problem> {
    let sent = sent
        .as_object()
        .ok_or_else(|| Problem::syntax("an operation is an object"))?;
    let member = |wanted: &str| {
        sent.iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value)
    };
    let text = |name: &str| member(name).and_then(Value::as_str).map(str::to_owned);
    let needed = |name: &str| {
        text(name).ok_or_else(|| Problem::syntax(format!("an operation has a {name}")))
    };
    Ok(One {
        method: needed("method")?,
        path: needed("path")?,
        bulk_id: text("bulkId").filter(|id| !id.is_empty()),
        version: text("version"),
        data: member("data").cloned().unwrap_or_default(),
    })
}
