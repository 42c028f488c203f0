//! The description of every interface, `/openapi.json`: held to the routes in the
//! sources, to what a router answers, and to what others' tools make of it.

mod examples;
mod pages;
mod routes;
mod tools;
mod world;

use http::StatusCode;
use serde_json::Value;

use self::world::World;

/// An operation of the document.
struct Operation<'a> {
    path: &'a str,
    method: String,
    said: &'a Value,
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let paths = document["paths"].as_object().expect("paths");
    let all = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods");
        methods.iter().map(move |(method, said)| Operation {
            path,
            method: method.to_ascii_uppercase(),
            said,
        })
    });
    all.collect()
}

/// What a reference leads to, or else the value itself.
fn at<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value.get("$ref").and_then(Value::as_str) {
        Some(to) => document
            .pointer(&to[1..])
            .expect("a reference that leads somewhere"),
        None => value,
    }
}

#[tokio::test]
async fn the_description_is_for_everybody_and_is_not_sent_twice() {
    let world = World::new().await;
    let first = world.raw("GET", "/openapi.json", &[], "").await;
    assert_eq!(first.status, StatusCode::OK);
    assert_eq!(first.headers["content-type"], "application/json");
    let tag = first.headers["etag"].to_str().expect("text").to_owned();
    let weak = format!("\"other\", W/{tag}");
    for known in [tag.as_str(), &weak, "*"] {
        let again = world
            .raw("GET", "/openapi.json", &[("if-none-match", known)], "")
            .await;
        assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""), "{known}");
        assert_eq!(again.headers["etag"], first.headers["etag"]);
    }
    let other = world
        .raw("GET", "/openapi.json", &[("if-none-match", "\"other\"")], "")
        .await;
    assert_eq!(other.text, first.text);
    assert_eq!(first.body["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(first.body["servers"][0]["url"], "/");
}

/// Whoever reads one operation knows what it does, who may ask it, and how it fails.
#[tokio::test]
async fn every_operation_says_what_there_is_to_say() {
    let document = World::new().await.document().await;
    let mut names = std::collections::BTreeSet::new();
    let tags: Vec<&Value> = document["tags"].as_array().expect("tags").iter().collect();
    for Operation { path, method, said } in operations(&document) {
        let what = format!("{method} {path}");
        let name = said["operationId"].as_str().expect(&what);
        assert!(names.insert(name.to_owned()), "{what} is called as another: {name}");
        assert!(
            said["summary"]
                .as_str()
                .is_some_and(|words| words.len() > 5),
            "{what}"
        );
        let tag = tags
            .iter()
            .find(|tag| tag["name"] == said["tags"][0])
            .expect(&what);
        assert!(tag["x-displayName"].is_string() && tag["x-interface"].is_string(), "{tag}");
        let ways = said["security"].as_array().expect(&what);
        let answers = said["responses"].as_object().expect(&what);
        if !ways.is_empty() {
            assert!(answers.contains_key("401") && answers.contains_key("503"), "{what}");
        }
        assert!(!answers.contains_key("default"), "{what} may not answer anything");
        for parameter in said["parameters"].as_array().into_iter().flatten() {
            let parameter = at(&document, parameter);
            for field in ["name", "in", "description", "schema"] {
                assert!(parameter.get(field).is_some(), "{what}: {parameter} has no {field}");
            }
            let in_path = parameter["in"] == "path";
            assert!(!in_path || parameter.get("example").is_some(), "{what}: {parameter}");
        }
    }
    assert!(names.len() > 30, "{}", names.len());
}
