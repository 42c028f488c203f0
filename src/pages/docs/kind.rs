//! What values there are of a schema, in words.

use serde_json::Value;

/// What refers to a schema that has a name begins with this.
const NAMED: &str = "#/components/schemas/";

/// A piece of such words: a schema's name, a value, or a word.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::pages) enum Piece {
    Schema(String),
    Value(String),
    Word(String),
}

/// The name of the schema that this one refers to.
pub(super) fn named(schema: &Value) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix(NAMED)
}

/// What can stand here: `list of Account, at most 500`.
pub(super) fn kind(schema: &Value) -> Vec<Piece> {
    let mut pieces = what(schema);
    let bounds = bounds(schema);
    if !bounds.is_empty() {
        let comma = if pieces.is_empty() { "" } else { ", " };
        pieces.push(Piece::Word(format!("{comma}{}", bounds.join(", "))));
    }
    for (name, word) in [("pattern", ", as in the pattern "), ("default", ", otherwise ")] {
        if let Some(value) = schema.get(name) {
            pieces.extend([Piece::Word(word.to_owned()), Piece::Value(written(value))]);
        }
    }
    pieces
}

fn what(schema: &Value) -> Vec<Piece> {
    if let Some(name) = named(schema) {
        return vec![Piece::Schema(name.to_owned())];
    }
    let several = ["anyOf", "oneOf", "allOf"]
        .iter()
        .find_map(|word| schema.get(word)?.as_array());
    if let Some(several) = several {
        return joined(several.iter().map(kind), " or ");
    }
    if let Some(value) = schema.get("const") {
        return vec![Piece::Value(written(value))];
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values = values
            .iter()
            .map(|value| vec![Piece::Value(written(value))]);
        let mut pieces = vec![Piece::Word("one of ".to_owned())];
        pieces.extend(joined(values, ", "));
        return pieces;
    }
    let types = schema.get("type");
    let types: Vec<&str> = match types {
        Some(Value::Array(types)) => types.iter().filter_map(Value::as_str).collect(),
        Some(one) => one.as_str().into_iter().collect(),
        None => return vec![Piece::Word("anything".to_owned())],
    };
    joined(types.iter().map(|name| of_type(name, schema)), " or ")
}

fn of_type(name: &str, schema: &Value) -> Vec<Piece> {
    let word = |word: &str| vec![Piece::Word(word.to_owned())];
    match (name, schema.get("items"), schema.get("additionalProperties")) {
        ("array", Some(items), _) => {
            let mut pieces = word("list of ");
            pieces.extend(kind(items));
            pieces
        }
        ("object", _, Some(each @ Value::Object(_))) => {
            let mut pieces = word("object whose fields are ");
            pieces.extend(kind(each));
            pieces
        }
        ("boolean", ..) => word("true or false"),
        ("integer", ..) => word("whole number"),
        ("string", ..) => word(match schema.get("format").and_then(Value::as_str) {
            Some("date-time") => "instant",
            Some("password") => "secret text",
            _ => "text",
        }),
        (other, ..) => word(other),
    }
}

fn bounds(schema: &Value) -> Vec<String> {
    let number = |name| schema.get(name).filter(|value| value.is_number());
    let mut bounds = Vec::new();
    for (least, most, unit) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " of them"),
    ] {
        bounds.extend(match (number(least), number(most)) {
            (Some(least), Some(most)) => Some(format!("{least} to {most}{unit}")),
            (Some(least), None) => Some(format!("at least {least}{unit}")),
            (None, Some(most)) => Some(format!("at most {most}{unit}")),
            (None, None) => None,
        });
    }
    bounds
}

fn joined(lists: impl Iterator<Item = Vec<Piece>>, between: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for list in lists {
        if !pieces.is_empty() {
            pieces.push(Piece::Word(between.to_owned()));
        }
        pieces.extend(list);
    }
    pieces
}

/// A text as it is, anything else as JSON.
pub(super) fn written(value: &Value) -> String {
    value.as_str().map_or_else(
        || value.to_string(),
        |text| match text {
            "" => "\"\"".to_owned(),
            text => text.to_owned(),
        },
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn words(schema: &Value) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Schema(text) | Piece::Value(text) | Piece::Word(text) => text.clone(),
        };
        kind(schema).iter().map(text).collect()
    }

    #[test]
    fn schemas_are_said_in_words() {
        let account = json!({ "$ref": "#/components/schemas/Account" });
        for (schema, said) in [
            (
                json!({ "type": "integer", "minimum": 1, "maximum": 500, "default": 50 }),
                "whole number, 1 to 500, otherwise 50",
            ),
            (
                json!({ "type": ["string", "null"], "maxLength": 9 }),
                "text or null, at most 9 characters",
            ),
            (
                json!({ "type": "array", "items": account, "maxItems": 2 }),
                "list of Account, at most 2 of them",
            ),
            (json!({ "anyOf": [account, { "type": "null" }] }), "Account or null"),
            (json!({ "enum": ["a", 1, ""] }), "one of a, 1, \"\""),
            (json!({ "const": true }), "true"),
            (json!({ "type": "string", "format": "date-time" }), "instant"),
            (
                json!({ "type": "object", "additionalProperties": account }),
                "object whose fields are Account",
            ),
            (json!({}), "anything"),
        ] {
            assert_eq!(words(&schema), said, "{schema}");
        }
    }
}
