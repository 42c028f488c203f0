//! Every example is true: what is sent is taken, and what is answered is what the
//! document says.

use std::collections::BTreeSet;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use super::world::{Reply, World};
use super::{Operation, at, operations};
use crate::api::basic;

/// A request that the document shows.
struct Shown {
    /// Which operation and example.
    what: String,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: String,
}

/// Every request of an operation: one for each example of a body, or else one.
fn shown(document: &Value, operation: &Operation<'_>) -> Vec<Shown> {
    let Operation { path, method, said } = operation;
    let (path, mut headers) = address(document, path, said);
    let body = said.get("requestBody").map(|body| at(document, body));
    let content = body.and_then(|body| body["content"].as_object());
    let examples: Vec<(&str, &str, &Value)> = content
        .into_iter()
        .flatten()
        .flat_map(|(kind, media)| {
            let named = media["examples"].as_object().into_iter().flatten();
            named.map(move |(name, example)| (kind.as_str(), name.as_str(), &example["value"]))
        })
        .collect();
    assert!(content.is_none() || !examples.is_empty(), "{method} {path} has no example");
    let request = |what: String, headers, body| Shown {
        what,
        method: method.clone(),
        path: path.clone(),
        headers,
        body,
    };
    if examples.is_empty() {
        return vec![request(format!("{method} {path}"), headers, String::new())];
    }
    let all = examples.into_iter().map(|(kind, name, value)| {
        headers.retain(|(name, _)| name != "content-type");
        headers.push(("content-type".to_owned(), kind.to_owned()));
        request(format!("{method} {path}, {name}"), headers.clone(), written(kind, value))
    });
    all.collect()
}

/// The address with the examples of parameters in it, and the headers.
fn address(document: &Value, path: &str, said: &Value) -> (String, Vec<(String, String)>) {
    let (mut path, mut query, mut headers) = (path.to_owned(), String::new(), Vec::new());
    for parameter in said["parameters"].as_array().into_iter().flatten() {
        let parameter = at(document, parameter);
        let Some(example) = parameter.get("example") else { continue };
        let name = parameter["name"].as_str().expect("a name");
        let text = example
            .as_str()
            .map_or_else(|| example.to_string(), str::to_owned);
        let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
        let encoded = encoded.replace('+', "%20");
        match parameter["in"].as_str() {
            Some("path") => path = path.replace(&format!("{{{name}}}"), &encoded),
            Some("query") => {
                query.push(if query.is_empty() { '?' } else { '&' });
                query.push_str(&format!("{name}={encoded}"));
            }
            _ => headers.push((name.to_ascii_lowercase(), text)),
        }
    }
    (path + &query, headers)
}

fn written(kind: &str, value: &Value) -> String {
    if kind != "application/x-www-form-urlencoded" {
        return value.to_string();
    }
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in value.as_object().expect("a form") {
        form.append_pair(name, value.as_str().expect("a text"));
    }
    form.finish()
}

/// The document with every object closed that does not say that it is open: what is
/// answered is described, too, and not only the other way round.
fn closed(mut document: Value) -> Value {
    fn close(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields
                    .iter_mut()
                    .filter(|(name, _)| *name != "example")
                    .for_each(|(_, value)| close(value));
                let is_schema = fields.get("type").is_some_and(|kind| *kind == "object");
                if is_schema && fields.contains_key("properties") {
                    fields.entry("additionalProperties").or_insert(false.into());
                }
            }
            Value::Array(items) => items.iter_mut().for_each(close),
            _ => {}
        }
    }
    close(&mut document);
    document
}

/// What tells whether a value is as a schema of the document says.
fn validator(document: &Value, schema: &Value) -> Validator {
    let whole = json!({ "components": document["components"], "allOf": [schema] });
    let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012);
    options
        .should_validate_formats(true)
        .build(&whole)
        .expect("a schema")
}

#[track_caller]
fn assert_valid(document: &Value, schema: &Value, value: &Value, what: &str) {
    let validator = validator(document, schema);
    let wrong: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(wrong.is_empty(), "{what}: {wrong:#?}\n{value:#}");
}

/// The answer that the document has for this status, with its type.
fn documented<'a>(
    document: &'a Value,
    said: &'a Value,
    reply: &Reply,
    what: &str,
) -> Option<&'a Value> {
    let status = reply.status.as_str();
    let answer = said["responses"].get(status);
    let answer = answer.unwrap_or_else(|| panic!("{what} answers {status}: {}", reply.text));
    let answer = at(document, answer);
    for name in answer["headers"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| name)
    {
        assert!(reply.headers.contains_key(name.to_ascii_lowercase()), "{what} has no {name}");
    }
    let Some(content) = answer["content"].as_object() else {
        assert_eq!(reply.text, "", "{what} answers {status} with a body");
        return None;
    };
    let kind = reply.headers["content-type"].to_str().expect("text");
    let kind = kind.split(';').next().expect("a type");
    let media = content.get(kind);
    Some(media.unwrap_or_else(|| panic!("{what} answers {status} as {kind}")))
}

/// The same fields in every object, and values of the same kind; `null` is of every.
fn differences(shown: &Value, real: &Value, at: &str, found: &mut Vec<String>) {
    match (shown, real) {
        (Value::Object(shown), Value::Object(real)) => {
            let names = |fields: &Map<String, Value>| -> BTreeSet<String> {
                fields.keys().cloned().collect()
            };
            if names(shown) != names(real) {
                found.push(format!("{at}: {:?} and not {:?}", names(real), names(shown)));
            }
            for (name, value) in shown {
                if let Some(real) = real.get(name) {
                    differences(value, real, &format!("{at}/{name}"), found);
                }
            }
        }
        (Value::Array(shown), Value::Array(real)) => {
            if let (Some(shown), Some(real)) = (shown.first(), real.first()) {
                differences(shown, real, &format!("{at}/0"), found);
            }
        }
        (Value::Null, _) | (_, Value::Null) => {}
        (shown, real) if std::mem::discriminant(shown) != std::mem::discriminant(real) => {
            found.push(format!("{at}: {real} and not {shown}"));
        }
        _ => {}
    }
}

#[tokio::test]
async fn every_request_that_is_shown_is_answered_as_it_is_described() {
    let open = World::new().await.document().await;
    let document = closed(open.clone());
    let (mut sent, mut wrong) = (0, Vec::new());
    let all = operations(&document);
    for (operation, of_open) in all.iter().zip(operations(&open)) {
        for (number, request) in shown(&open, &of_open).into_iter().enumerate() {
            // What one request does to the people is not there for the next.
            let world = World::new().await;
            let reply = ask(&world, &request).await;
            let what = &request.what;
            // What is always refused has no answer to what was done.
            let mut answers = operation.said["responses"].as_object().expect(what).keys();
            let can_be_done = answers.any(|status| status.starts_with('2'));
            assert_eq!(reply.status.is_success(), can_be_done, "{what}: {}", reply.text);
            sent += 1;
            let Some(media) = documented(&document, operation.said, &reply, what) else { continue };
            assert_valid(&document, &media["schema"], &reply.body, what);
            // The answer that is shown is that to the first.
            if let Some(shown) = media.get("example").filter(|_| number == 0) {
                let mut found = Vec::new();
                differences(shown, &reply.body, "", &mut found);
                if !found.is_empty() {
                    wrong.push(format!("{what}: {found:#?}\n{:#}", reply.body));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "answered otherwise: {}", wrong.join("\n"));
    assert!(sent > 40, "{sent}");
}

/// Sends it with the ids and secrets of this world.
async fn ask(world: &World, request: &Shown) -> Reply {
    let mut all = [request.path.clone(), request.body.clone()];
    for text in &mut all {
        for (shown, real) in &world.real {
            *text = text.replace(shown.as_str(), real);
        }
    }
    let [path, body] = all;
    let headers: Vec<(&str, &str)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    if path.starts_with("/oauth2") {
        return world.raw(&request.method, &path, &headers, &body).await;
    }
    world.send(&request.method, &path, &headers, &body).await
}

/// What is shown is as the schema beside it says, of requests, answers and parameters.
#[tokio::test]
async fn every_example_is_as_its_schema_says() {
    let document = closed(World::new().await.document().await);
    let mut checked = 0;
    let mut check = |media: &Value, what: &str| {
        let named = media["examples"].as_object().into_iter().flatten();
        let values = named
            .map(|(_, example)| &example["value"])
            .chain(media.get("example"));
        for value in values {
            assert_valid(&document, &media["schema"], value, what);
            checked += 1;
        }
    };
    for Operation { path, method, said } in operations(&document) {
        let what = format!("{method} {path}");
        let body = said.get("requestBody").map(|body| at(&document, body));
        let answers = said["responses"].as_object().into_iter().flatten();
        let answers = answers.map(|(_, answer)| at(&document, answer));
        for content in body
            .into_iter()
            .chain(answers)
            .filter_map(|one| one["content"].as_object())
        {
            content.values().for_each(|media| check(media, &what));
        }
        for parameter in said["parameters"].as_array().into_iter().flatten() {
            check(at(&document, parameter), &what);
        }
    }
    assert!(checked > 300, "{checked}");
}

/// Whoever may not ask is told so as it is described.
#[tokio::test]
async fn every_refusal_of_a_stranger_is_as_it_is_described() {
    let world = World::new().await;
    let document = closed(world.document().await);
    let headers = [("content-type", "application/json")];
    let wrong = basic("apikey", "nothing");
    let mut asked = 0;
    for operation in operations(&document) {
        let Operation { path, method, said } = &operation;
        if said["responses"].get("401").is_none() || path.starts_with("/oauth2") {
            continue;
        }
        let what = format!("{method} {path}");
        for stranger in [vec![], vec![("authorization", wrong.as_str())]] {
            let headers = [&headers[..], &stranger].concat();
            let (path, _) = address(&document, path, said);
            let reply = world.raw(method, &path, &headers, "").await;
            assert_eq!(reply.status, 401, "{what}");
            let media = documented(&document, said, &reply, &what).expect("a body");
            assert_valid(&document, &media["schema"], &reply.body, &what);
            asked += 1;
        }
    }
    assert!(asked > 50, "{asked}");
}
