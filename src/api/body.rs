//! Bodies, and those that are JSON objects.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::{Map, Value};

/// More than this is no description of a person.
pub(super) const MAX_BODY: usize = 64 * 1024;

/// A description is here after so long: nobody holds a request open for ever.
const TIME_TO_SEND: Duration = Duration::from_secs(10);

/// Why a body is no object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum NoObject {
    /// It is longer than what is read.
    TooLarge,
    /// It was not here in time.
    TooSlow,
    /// It is no JSON, or another value, or did not come to its end.
    Malformed,
}

/// Reads a body as it is.
pub(super) async fn bytes(body: Body) -> Result<Bytes, NoObject> {
    bytes_within(body, MAX_BODY).await
}

async fn bytes_within(body: Body, max: usize) -> Result<Bytes, NoObject> {
    let reading = tokio::time::timeout(TIME_TO_SEND, Limited::new(body, max).collect());
    let read = reading.await.map_err(|_| NoObject::TooSlow)?;
    Ok(read.map_err(|error| unread(&*error))?.to_bytes())
}

/// Reads a body. An empty one is an object without anything in it where `may_lack`.
pub(super) async fn object(body: Body, may_lack: bool) -> Result<Map<String, Value>, NoObject> {
    read(&bytes(body).await?, may_lack)
}

/// The same of at most so many bytes.
pub(super) async fn object_within(
    body: Body,
    may_lack: bool,
    max: usize,
) -> Result<Map<String, Value>, NoObject> {
    read(&bytes_within(body, max).await?, may_lack)
}

fn read(bytes: &Bytes, may_lack: bool) -> Result<Map<String, Value>, NoObject> {
    if may_lack && bytes.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(bytes).map_err(|_| NoObject::Malformed)
}

fn unread(error: &(dyn std::error::Error + 'static)) -> NoObject {
    if error.is::<LengthLimitError>() { NoObject::TooLarge } else { NoObject::Malformed }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: impl Into<Body>, may_lack: bool) -> Result<Value, NoObject> {
        object(text.into(), may_lack).await.map(Value::Object)
    }

    #[tokio::test]
    async fn only_an_object_is_read() {
        assert_eq!(read("{\"a\":1}", false).await, Ok(serde_json::json!({ "a": 1 })));
        assert_eq!(read(" ", true).await, Ok(serde_json::json!({})));
        let deep = "[".repeat(10_000);
        for bad in ["", "[]", "null", "{", "{}{}", "{\"a\":\"\\ud800\"}", &deep, "\u{feff}{}"] {
            assert_eq!(read(bad.to_owned(), false).await, Err(NoObject::Malformed), "{bad:.20}");
        }
        assert_eq!(read(vec![0xff, 0xfe], true).await, Err(NoObject::Malformed));
    }

    #[tokio::test]
    async fn a_long_body_is_not_read_to_its_end() {
        let fits = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_BODY - 8));
        assert_eq!(fits.len(), MAX_BODY);
        assert!(read(fits.clone(), false).await.is_ok());
        assert_eq!(read(format!("{fits} "), false).await, Err(NoObject::TooLarge));
    }
}
