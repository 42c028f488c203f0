//! The document, read into what the pages show.

use std::collections::BTreeSet;

use serde_json::Value;

use super::kind::{kind, named, written};
use super::model::{
    Answer, AnswerBody, Body, Example, Interface, Manual, Operation, Row, Schema, Tag,
};
use super::prose::{Prose, spans};
use super::request::Request;

/// Fields of fields are shown so deep; below that a schema has a name.
const MAX_DEPTH: usize = 3;

/// The document while it is read.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a Value);

impl Manual {
    pub(super) fn read(document: &Value) -> Self {
        let reader = Reader(document);
        let words = document
            .pointer("/info/description")
            .and_then(Value::as_str);
        let interfaces = items(&document["x-interfaces"]).map(|found| reader.interface(found));
        Self { words: Prose::read(words.unwrap_or_default()), interfaces: interfaces.collect() }
    }
}

impl<'a> Reader<'a> {
    fn interface(self, found: &Value) -> Interface {
        let slug = text(found, "slug");
        let own = items(&self.0["tags"]).filter(|tag| text(tag, "x-interface") == slug);
        let names: Vec<&str> = own.clone().map(|tag| text(tag, "name")).collect();
        let mut schemas = BTreeSet::new();
        for (.., operation) in self
            .operations()
            .filter(|(.., one)| names.contains(&tag_of(one)))
        {
            self.collect(operation, &mut schemas);
        }
        Interface {
            slug: slug.to_owned(),
            title: text(found, "title").to_owned(),
            at: text(found, "at").to_owned(),
            words: Prose::read(text(found, "description")),
            tags: own.map(|tag| self.tag(tag)).collect(),
            schemas: schemas
                .into_iter()
                .filter_map(|name| self.schema(name))
                .collect(),
        }
    }

    fn tag(self, found: &Value) -> Tag {
        let name = text(found, "name");
        let own = self
            .operations()
            .filter(|(.., operation)| tag_of(operation) == name);
        Tag {
            name: name.to_owned(),
            title: text(found, "x-displayName").to_owned(),
            words: spans(text(found, "description")),
            operations: own
                .map(|(path, method, one)| self.operation(path, method, one))
                .collect(),
        }
    }

    /// Path, method and description of each.
    fn operations(self) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
        fields(&self.0["paths"]).flat_map(|(path, methods)| {
            fields(methods).map(move |(method, operation)| (path, method, operation))
        })
    }

    /// What a reference leads to, or else the value itself.
    fn at(self, value: &'a Value) -> &'a Value {
        let to = value.get("$ref").and_then(Value::as_str);
        let found = to.and_then(|to| self.0.pointer(to.strip_prefix('#')?));
        found.unwrap_or(value)
    }

    fn operation(self, path: &str, method: &str, found: &'a Value) -> Operation {
        let method = method.to_ascii_uppercase();
        let body = found.get("requestBody").map(|body| self.at(body));
        let answers = fields(&found["responses"]);
        Operation {
            id: text(found, "operationId").to_owned(),
            title: text(found, "summary").to_owned(),
            words: Prose::read(text(found, "description")),
            needs: spans(&needs(&found["security"])),
            parameters: self
                .parameters(found)
                .map(|one| self.parameter(one))
                .collect(),
            body: body.and_then(|body| self.body(body)),
            requests: self.requests(&method, path, found, body),
            answers: answers
                .map(|(status, answer)| self.answer(status, answer))
                .collect(),
            path: path.to_owned(),
            method,
        }
    }

    fn parameters(self, operation: &'a Value) -> impl Iterator<Item = &'a Value> {
        items(&operation["parameters"]).map(move |one| self.at(one))
    }

    fn parameter(self, found: &Value) -> Row {
        Row {
            name: text(found, "name").to_owned(),
            place: text(found, "in").to_owned(),
            required: found["required"] == true,
            kind: kind(&found["schema"]),
            words: spans(text(found, "description")),
        }
    }

    fn body(self, found: &Value) -> Option<Body> {
        let (_, media) = fields(&found["content"]).next()?;
        let types: Vec<&str> = fields(&found["content"]).map(|(name, _)| name).collect();
        Some(Body {
            required: found["required"] == true,
            types: types.join(", "),
            kind: kind(&media["schema"]),
            rows: self.rows(&media["schema"]),
        })
    }

    fn requests(
        self,
        method: &str,
        path: &str,
        operation: &'a Value,
        body: Option<&Value>,
    ) -> Vec<Example> {
        let parameters = || {
            let given = self.parameters(operation).filter_map(|one| {
                Some((text(one, "in"), text(one, "name"), written(one.get("example")?)))
            });
            given.collect()
        };
        let with_token = items(&operation["security"]).any(|one| one.get("bearer").is_some());
        let content = body.and_then(|body| fields(&body["content"]).next());
        let examples = content
            .map(|(_, media)| fields(&media["examples"]))
            .into_iter()
            .flatten();
        let mut requests: Vec<Example> = examples
            .map(|(_, example)| Example {
                title: text(example, "summary").to_owned(),
                text: Request {
                    method,
                    path,
                    parameters: parameters(),
                    with_token,
                    body: content.map(|(kind, _)| (kind, &example["value"])),
                }
                .curl(),
            })
            .collect();
        if requests.is_empty() {
            let request =
                Request { method, path, parameters: parameters(), with_token, body: None };
            requests.push(Example { title: String::new(), text: request.curl() });
        }
        requests
    }

    fn answer(self, status: &str, found: &'a Value) -> Answer {
        let found = self.at(found);
        let headers: Vec<&str> = fields(&found["headers"]).map(|(name, _)| name).collect();
        let bodies = fields(&found["content"]).map(|(content_type, media)| AnswerBody {
            content_type: content_type.to_owned(),
            kind: kind(&media["schema"]),
            rows: self.rows(&media["schema"]),
            example: media.get("example").map(pretty),
        });
        Answer {
            status: status.to_owned(),
            is_done: status.starts_with('2'),
            words: spans(text(found, "description")),
            headers: headers.join(", "),
            bodies: bodies.collect(),
        }
    }

    fn schema(self, name: &str) -> Option<Schema> {
        let found = self.0.pointer(&format!("/components/schemas/{name}"))?;
        Some(Schema {
            name: name.to_owned(),
            words: spans(text(found, "description")),
            kind: kind(found),
            rows: self.rows(found),
        })
    }

    fn rows(self, schema: &Value) -> Vec<Row> {
        let mut rows = Vec::new();
        add_rows(schema, "", 0, &mut rows);
        rows
    }

    /// The names of all schemas that are met from here.
    fn collect(self, value: &'a Value, names: &mut BTreeSet<&'a str>) {
        if let Some(name) = named(value)
            && !names.insert(name)
        {
            return;
        }
        let found = self.at(value);
        if !std::ptr::eq(found, value) {
            return self.collect(found, names);
        }
        // Examples refer to nothing.
        for (_, value) in fields(value).filter(|(name, _)| !name.starts_with("example")) {
            self.collect(value, names);
        }
        items(value).for_each(|value| self.collect(value, names));
    }
}

/// The fields of an object, and those of the objects in it that have no name.
fn add_rows(schema: &Value, before: &str, depth: usize, rows: &mut Vec<Row>) {
    let required: Vec<&str> = items(&schema["required"])
        .filter_map(Value::as_str)
        .collect();
    for (name, field) in fields(&schema["properties"]) {
        rows.push(Row {
            name: format!("{before}{name}"),
            place: String::new(),
            required: required.contains(&name),
            kind: kind(field),
            words: spans(text(field, "description")),
        });
        if depth < MAX_DEPTH {
            add_rows(field, &format!("{before}{name}."), depth + 1, rows);
            let items = &field["items"];
            add_rows(items, &format!("{before}{name}[]."), depth + 1, rows);
        }
    }
}

/// Who may ask.
fn needs(security: &Value) -> String {
    let schemes: Vec<(&str, &Value)> = items(security).flat_map(fields).collect();
    let Some((_, permissions)) = schemes.first() else {
        return "Everybody may ask.".to_owned();
    };
    let permissions: Vec<String> = items(permissions)
        .filter_map(Value::as_str)
        .map(|word| format!("`{word}`"))
        .collect();
    let ways: Vec<&str> = schemes.iter().filter_map(|(name, _)| way(name)).collect();
    let ways = ways.join(", or ");
    match permissions.is_empty() {
        true => format!("Needs {ways}."),
        false => format!("Needs {ways}, with {}.", permissions.join(" or ")),
    }
}

fn way(scheme: &str) -> Option<&'static str> {
    match scheme {
        "bearer" => Some("an API token as a bearer"),
        "apikey" => Some("an API token as the password of `apikey`"),
        "application" => Some("an application's id and secret, in the header or in the form"),
        _ => None,
    }
}

fn tag_of(operation: &Value) -> &str {
    operation
        .pointer("/tags/0")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn items(value: &Value) -> std::slice::Iter<'_, Value> {
    value
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
}

fn fields(value: &Value) -> impl Iterator<Item = (&str, &Value)> + Clone {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value))
}

fn pretty(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::openapi;
    use crate::pages::docs::kind::Piece;

    /// Every operation stands on one page, with an example and what it can answer.
    #[test]
    fn nothing_is_left_out() {
        let document = openapi::document();
        let manual = Manual::read(document);
        let all = manual
            .interfaces
            .iter()
            .flat_map(|one| &one.tags)
            .flat_map(|one| &one.operations);
        let mut shown: Vec<&str> = all.clone().map(|one| one.id.as_str()).collect();
        let mut described: Vec<&str> = Reader(document)
            .operations()
            .map(|(.., one)| text(one, "operationId"))
            .collect();
        shown.sort_unstable();
        described.sort_unstable();
        assert_eq!(shown, described);
        for operation in all {
            assert!(!operation.answers.is_empty(), "{}", operation.id);
            for request in &operation.requests {
                let (_, address) = request.text.rsplit_once("8081").expect("an address");
                assert!(!address.contains('{'), "{}: {address}", operation.id);
            }
        }
    }

    /// A page links to those schemas alone that stand on it.
    #[test]
    fn every_schema_that_is_named_is_on_the_page() {
        for interface in Manual::read(openapi::document()).interfaces {
            let known: Vec<&str> = interface
                .schemas
                .iter()
                .map(|one| one.name.as_str())
                .collect();
            let in_schemas = interface.schemas.iter().flat_map(|one| &one.rows);
            let operations = || interface.tags.iter().flat_map(|tag| &tag.operations);
            let bodies = || {
                operations()
                    .flat_map(|one| &one.answers)
                    .flat_map(|one| &one.bodies)
            };
            let sent = operations().filter_map(|one| one.body.as_ref());
            let kinds = in_schemas
                .map(|row| &row.kind)
                .chain(bodies().map(|one| &one.kind))
                .chain(bodies().flat_map(|one| &one.rows).map(|row| &row.kind))
                .chain(sent.map(|one| &one.kind));
            for piece in kinds.flatten() {
                if let Piece::Schema(name) = piece {
                    assert!(known.contains(&name.as_str()), "{} on {}", name, interface.slug);
                }
            }
        }
    }
}
