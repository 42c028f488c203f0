//! Fields of a request's body, read as what they have to be.

use serde_json::{Map, Value};

use super::fault::Fault;

pub(super) fn text<'a>(name: &str, value: &'a Value) -> Result<&'a str, Fault> {
    value
        .as_str()
        .ok_or_else(|| Fault::format(name, "a string"))
}

/// A text, or that there is none.
pub(super) fn text_or_null<'a>(name: &str, value: &'a Value) -> Result<Option<&'a str>, Fault> {
    match value {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text)),
        _ => Err(Fault::format(name, "a string or null")),
    }
}

pub(super) fn flag(name: &str, value: &Value) -> Result<Option<bool>, Fault> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(flag) => Ok(Some(*flag)),
        _ => Err(Fault::format(name, "true or false")),
    }
}

pub(super) fn texts<'a>(name: &str, value: &'a Value) -> Result<Vec<&'a str>, Fault> {
    let wrong = || Fault::format(name, "a list of strings");
    let items = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Array(items) => items,
        _ => return Err(wrong()),
    };
    items
        .iter()
        .map(|item| item.as_str().ok_or_else(wrong))
        .collect()
}

/// An object; null is one without anything in it.
pub(super) fn object(name: &str, value: &Value) -> Result<Map<String, Value>, Fault> {
    match value {
        Value::Null => Ok(Map::new()),
        Value::Object(fields) => Ok(fields.clone()),
        _ => Err(Fault::format(name, "an object")),
    }
}

/// An instant in RFC 3339, as milliseconds since 1970.
pub(super) fn instant(name: &str, value: &Value) -> Result<Option<i64>, Fault> {
    let Some(text) = text_or_null(name, value)? else { return Ok(None) };
    let instant: Result<jiff::Timestamp, _> = text.parse();
    match instant {
        Ok(instant) => Ok(Some(instant.as_millisecond())),
        Err(_) => Err(Fault::format(name, "a time as in 2026-01-31T12:00:00Z")),
    }
}

/// Refuses what would have to be kept, and is not kept here: nothing asks for nothing.
pub(super) fn nothing(name: &str, value: &Value) -> Result<(), Fault> {
    let empty = match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    };
    let why = || Fault::value(name, format!("{name} is not kept here: leave it out"));
    if empty { Ok(()) } else { Err(why()) }
}
