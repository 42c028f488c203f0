//! Forms, as they are sent: read whole, small, and without two meanings.

use std::fmt;
use std::time::Duration;

use axum::body::Body;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode;
use serde::Deserializer;
use serde::de::{MapAccess, Visitor};

/// The largest form, in bytes.
pub(super) const MAX_FORM_BYTES: usize = 8 * 1024;

/// A form is here after so long, however it is sent: what lets it in is asked
/// again afterwards, and nobody holds a request open for ever.
const TIME_TO_SEND: Duration = Duration::from_secs(10);

/// More fields than any form of ours has.
const MAX_FIELDS: usize = 32;

/// The same of forms that name many people.
const MAX_LONG_FORM_BYTES: usize = 256 * 1024;
const MAX_LONG_FIELDS: usize = 4096;

/// What a form said. Holds secrets, so it is never printed.
pub(super) struct Fields(Vec<(String, String)>);

/// Why a form is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum BadForm {
    /// Larger than [`MAX_FORM_BYTES`].
    TooLarge,
    /// Not whole after [`TIME_TO_SEND`].
    TooSlow,
    /// Of a type that is not taken.
    ContentType,
    /// Not in the form that its type says, or cut off.
    Malformed,
    /// A field is missing.
    Missing(&'static str),
    /// A field is there twice: one of the two is somebody else's.
    Repeated(&'static str),
}

impl BadForm {
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Malformed | Self::Missing(_) | Self::Repeated(_) => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for BadForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge => write!(f, "A form has at most {MAX_FORM_BYTES} bytes."),
            Self::TooSlow => {
                write!(f, "A form is sent within {} seconds.", TIME_TO_SEND.as_secs())
            }
            Self::ContentType => f.write_str(
                "A form is sent as application/x-www-form-urlencoded; \
                 or as application/json, by programs that accept it.",
            ),
            Self::Malformed => f.write_str("The form can't be read."),
            Self::Missing(name) => write!(f, "The form has no field “{name}”."),
            Self::Repeated(name) => write!(f, "The form has the field “{name}” twice."),
        }
    }
}

/// Reads a form. JSON is taken from programs that want JSON back: a browser's
/// form can't be sent so.
pub(super) async fn read(request: &Parts, body: Body, takes_json: bool) -> Result<Fields, BadForm> {
    let json = match essence(&request.headers)?.as_str() {
        "application/x-www-form-urlencoded" => false,
        "application/json" if takes_json => true,
        _ => return Err(BadForm::ContentType),
    };
    let bytes = whole(request, body, MAX_FORM_BYTES).await?;
    if json { Fields::of_json(&bytes) } else { Fields::of_form(&bytes) }
}

/// Reads a form that may name many people.
pub(super) async fn read_long(request: &Parts, body: Body) -> Result<Fields, BadForm> {
    if essence(&request.headers)? != "application/x-www-form-urlencoded" {
        return Err(BadForm::ContentType);
    }
    let bytes = whole(request, body, MAX_LONG_FORM_BYTES).await?;
    Fields::of_long_form(&bytes)
}

async fn whole(request: &Parts, body: Body, limit: usize) -> Result<axum::body::Bytes, BadForm> {
    if announced(&request.headers).is_some_and(|length| length > limit as u64) {
        return Err(BadForm::TooLarge);
    }
    let bytes = tokio::time::timeout(TIME_TO_SEND, axum::body::to_bytes(body, limit));
    match bytes.await.map_err(|_| BadForm::TooSlow)? {
        Ok(bytes) => Ok(bytes),
        Err(error) if is_too_long(&error) => Err(BadForm::TooLarge),
        Err(_) => Err(BadForm::Malformed),
    }
}

fn essence(headers: &HeaderMap) -> Result<String, BadForm> {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(sent), None) = (types.next(), types.next()) else { return Err(BadForm::ContentType) };
    let sent = sent.to_str().map_err(|_| BadForm::ContentType)?;
    let essence = sent.split(';').next().unwrap_or_default();
    Ok(essence.trim().to_ascii_lowercase())
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// axum boxes what http-body-util says, which has no name here.
fn is_too_long(error: &axum::Error) -> bool {
    let source = std::error::Error::source(error);
    source.is_some_and(|source| source.to_string().contains("length limit"))
}

impl Fields {
    pub(super) fn of_form(bytes: &[u8]) -> Result<Self, BadForm> {
        Self::of_pairs(bytes, MAX_FIELDS)
    }

    pub(super) fn of_long_form(bytes: &[u8]) -> Result<Self, BadForm> {
        Self::of_pairs(bytes, MAX_LONG_FIELDS)
    }

    fn of_pairs(bytes: &[u8], most: usize) -> Result<Self, BadForm> {
        let pairs = bytes.split(|byte| *byte == b'&');
        let pairs = pairs.filter(|pair| !pair.is_empty());
        let fields = pairs.take(most + 1).map(|pair| {
            let at = pair.iter().position(|byte| *byte == b'=');
            let (name, value) = at.map_or((pair, &b""[..]), |at| (&pair[..at], &pair[at + 1..]));
            Ok((decoded(name)?, decoded(value)?))
        });
        Self::checked(fields.collect::<Result<_, _>>()?, most)
    }

    fn of_json(bytes: &[u8]) -> Result<Self, BadForm> {
        let mut json = serde_json::Deserializer::from_slice(bytes);
        let fields = (&mut json).deserialize_map(Pairs);
        let fields = fields.map_err(|_| BadForm::Malformed)?;
        json.end().map_err(|_| BadForm::Malformed)?;
        Self::checked(fields, MAX_FIELDS)
    }

    fn checked(fields: Vec<(String, String)>, most: usize) -> Result<Self, BadForm> {
        if fields.len() > most { Err(BadForm::Malformed) } else { Ok(Self(fields)) }
    }

    /// Takes a field that must be there once.
    pub(super) fn once(&mut self, name: &'static str) -> Result<String, BadForm> {
        self.perhaps(name)?.ok_or(BadForm::Missing(name))
    }

    /// Takes every value of a field, in order.
    pub(super) fn all(&mut self, name: &str) -> Vec<String> {
        let fields = self.0.iter_mut().filter(|(field, _)| field == name);
        fields.map(|(_, value)| std::mem::take(value)).collect()
    }

    /// Takes a field that may be there, and not twice.
    pub(super) fn perhaps(&mut self, name: &'static str) -> Result<Option<String>, BadForm> {
        let mut found = None;
        for (_, value) in self.0.iter_mut().filter(|(field, _)| field == name) {
            if found.replace(std::mem::take(value)).is_some() {
                return Err(BadForm::Repeated(name));
            }
        }
        Ok(found)
    }
}

/// Text that is not UTF-8 is refused: made readable, it would be another one.
fn decoded(bytes: &[u8]) -> Result<String, BadForm> {
    let spaced: Vec<u8> = bytes
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let decoded: Vec<u8> = percent_decode(&spaced).collect();
    String::from_utf8(decoded).map_err(|_| BadForm::Malformed)
}

/// A JSON object of strings, with every name that it has, also the second time.
struct Pairs;

impl<'de> Visitor<'de> for Pairs {
    type Value = Vec<(String, String)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of strings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while let Some(pair) = map.next_entry()? {
            pairs.push(pair);
        }
        Ok(pairs)
    }
}

/// A text as a part of an address.
pub(super) fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// The first value of a parameter of an address, if it can be read. What a link
/// says is never an error: whoever follows it did not write it.
pub(super) fn parameter(request: &Parts, name: &'static str) -> Option<String> {
    let query = request.uri.query()?.as_bytes();
    Fields::of_form(query).ok()?.perhaps(name).ok()?
}

#[cfg(test)]
mod tests;
