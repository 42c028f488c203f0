//! What there is, for programs: every interface in OpenAPI 3.1, at `/openapi.json`.
//!
//! The document is put together of parts, one for each interface, which lie beside
//! this file. To describe another operation is to write it into a part.

use std::fmt::Write as _;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The parts by name; the first says what is the same for all.
const PARTS: [(&str, &str); 9] = [
    ("base", include_str!("openapi/base.json")),
    ("own", include_str!("openapi/own.json")),
    ("openproject", include_str!("openapi/openproject.json")),
    ("oauth", include_str!("openapi/oauth.json")),
    ("clerk", include_str!("openapi/clerk.json")),
    ("scim", include_str!("openapi/scim.json")),
    ("governance", include_str!("openapi/governance.json")),
    ("feed", include_str!("openapi/feed.json")),
    ("about", include_str!("openapi/about.json")),
];

/// Below these, what several parts say stands side by side.
const SHARED: [&str; 8] = [
    "paths",
    "components",
    "schemas",
    "parameters",
    "headers",
    "responses",
    "securitySchemes",
    "examples",
];

/// The document, and what of its parts does not fit together.
struct Merged {
    document: Value,
    #[cfg_attr(not(test), expect(dead_code, reason = "a test reads it, for there is nothing"))]
    clashes: Vec<String>,
}

/// What is sent.
struct Served {
    text: Bytes,
    tag: HeaderValue,
}

static MERGED: LazyLock<Merged> = LazyLock::new(|| merged(&PARTS));

static SERVED: LazyLock<Served> = LazyLock::new(|| {
    let text = MERGED.document.to_string();
    let mut hash = String::new();
    for byte in &Sha256::digest(&text)[..8] {
        // Writing into a text can't fail.
        let _ = write!(hash, "{byte:02x}");
    }
    let tag = HeaderValue::try_from(format!("\"{hash}\""));
    let tag = tag.unwrap_or(HeaderValue::from_static("\"0\""));
    Served { text: text.into(), tag }
});

/// The description of every interface, as an OpenAPI 3.1 document.
#[cfg(feature = "pages")]
pub(crate) fn document() -> &'static Value {
    &MERGED.document
}

pub(super) fn router() -> Router {
    Router::new().route("/openapi.json", get(describe))
}

/// It says nothing of anybody: it is for everybody who comes here.
async fn describe(headers: HeaderMap) -> Response {
    let Served { text, tag } = &*SERVED;
    let known = headers.get_all(IF_NONE_MATCH).iter().any(|line| {
        let mut tags = line.as_bytes().split(|byte| *byte == b',');
        tags.any(|sent| is_same(sent.trim_ascii(), tag.as_bytes()))
    });
    let mut answer = match known {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => {
            let json = HeaderValue::from_static("application/json");
            ([(CONTENT_TYPE, json)], text.clone()).into_response()
        }
    };
    let said: [(HeaderName, HeaderValue); 3] = [
        (ETAG, tag.clone()),
        // It changes with the program.
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    answer.headers_mut().extend(said);
    answer
}

/// Tags are compared weakly (RFC 9110, 13.1.2).
pub(super) fn is_same(sent: &[u8], tag: &[u8]) -> bool {
    sent == b"*" || sent.strip_prefix(b"W/").unwrap_or(sent) == tag
}

fn merged(parts: &[(&str, &str)]) -> Merged {
    let (mut document, mut clashes) = (Map::new(), Vec::new());
    for (name, text) in parts {
        match serde_json::from_str::<Map<String, Value>>(text) {
            Ok(part) => add(&mut document, part, name, &mut clashes),
            Err(error) => clashes.push(format!("{name} is no JSON object: {error}")),
        }
    }
    if let Some(info) = document.get_mut("info") {
        info["version"] = env!("CARGO_PKG_VERSION").into();
    }
    Merged { document: document.into(), clashes }
}

/// Puts a part beside what is there. Lists go on; nothing is said twice.
fn add(
    document: &mut Map<String, Value>,
    part: Map<String, Value>,
    name: &str,
    clashes: &mut Vec<String>,
) {
    for (key, value) in part {
        let Some(known) = document.get_mut(&key) else {
            document.insert(key, value);
            continue;
        };
        match (known, value) {
            (Value::Array(known), Value::Array(more)) => known.extend(more),
            (Value::Object(known), Value::Object(more)) if SHARED.contains(&key.as_str()) => {
                add(known, more, name, clashes);
            }
            _ => clashes.push(format!("{name} says {key} again")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(fields) => {
                // Examples refer to other things.
                let said = fields
                    .iter()
                    .filter(|(name, _)| *name != "example" && *name != "value");
                for (name, value) in said {
                    match value.as_str().filter(|_| name == "$ref") {
                        Some(to) => drop(found.insert(to.to_owned())),
                        None => references(value, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn the_parts_fit_together() {
        assert_eq!(MERGED.clashes, Vec::<String>::new());
        assert_eq!(MERGED.document["openapi"], "3.1.1");
    }

    /// What is referred to is there, and what is there is referred to.
    #[test]
    fn every_reference_leads_somewhere() {
        let mut found = BTreeSet::new();
        references(&MERGED.document, &mut found);
        assert!(found.len() > 40, "{}", found.len());
        for to in &found {
            let place = to.strip_prefix('#').expect("a place in the document");
            assert!(MERGED.document.pointer(place).is_some(), "{to} leads nowhere");
        }
        let components = MERGED.document["components"]
            .as_object()
            .expect("components");
        for (kind, named) in components
            .iter()
            .filter(|(kind, _)| *kind != "securitySchemes")
        {
            for name in named.as_object().expect("components by name").keys() {
                let to = format!("#/components/{kind}/{name}");
                assert!(found.contains(&to), "nobody refers to {to}");
            }
        }
    }

    #[test]
    fn what_is_said_twice_is_found_out() {
        let one = r#"{"info":{"title":"x"},"tags":[1],"paths":{"/a":{"get":{}}}}"#;
        let two = r#"{"tags":[2],"paths":{"/a":{"put":{}},"/b":{}}}"#;
        let both = merged(&[("one", one), ("two", two), ("three", "[]")]);
        assert_eq!(both.document["tags"], serde_json::json!([1, 2]));
        assert!(both.document["paths"].get("/b").is_some());
        assert_eq!(both.clashes.len(), 2, "{:?}", both.clashes);
        assert_eq!(both.clashes[0], "two says /a again");
    }

    #[test]
    fn a_tag_is_known_however_it_is_sent() {
        for (sent, same) in [("\"a\"", true), ("W/\"a\"", true), ("*", true), ("\"b\"", false)] {
            assert_eq!(is_same(sent.as_bytes(), b"\"a\""), same, "{sent}");
        }
    }
}
