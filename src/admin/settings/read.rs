//! Reads the values of settings into their one spelling, or says what is wrong.

use std::time::Duration;

use crate::domain::length::{read_length, spell_length};

/// What stands for a lock that does not end by itself.
const UNTIL_UNLOCKED: &str = "until-unlocked";

pub(super) fn on_or_off(text: &str) -> Result<String, String> {
    match text {
        "on" | "off" => Ok(text.to_owned()),
        _ => Err("it is neither on nor off".to_owned()),
    }
}

/// Reads how long a lock lasts.
pub(super) fn lock_for(text: &str) -> Result<String, String> {
    if matches!(text, UNTIL_UNLOCKED | "until unlocked") {
        return Ok(UNTIL_UNLOCKED.to_owned());
    }
    match read_length(text).filter(|length| *length >= Duration::from_secs(1)) {
        Some(length) => Ok(spell_length(length)),
        None => Err("it is no time of a second or more".to_owned()),
    }
}

/// What [`lock_for`] read; none: until somebody unlocks.
pub(super) fn lock_length(value: &str) -> Option<Duration> {
    if value == UNTIL_UNLOCKED { None } else { read_length(value) }
}

/// Reads a line that people are shown.
pub(crate) fn line(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.chars().count() > 200 || text.chars().any(char::is_control) {
        return Err("it is longer than 200 characters, or has control characters".to_owned());
    }
    Ok(text.to_owned())
}

/// Reads a colour: `#rgb` or `#rrggbb`.
pub(crate) fn accent(text: &str) -> Result<String, String> {
    let digits = text.strip_prefix('#').unwrap_or_default();
    let known = matches!(digits.len(), 3 | 6) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let known = known.then(|| text.to_ascii_lowercase());
    known.ok_or_else(|| "it is not a colour in hexadecimal digits".to_owned())
}

/// Reads an address that a browser opens, and that is no script.
pub(crate) fn support_url(text: &str) -> Result<String, String> {
    let rest = ["https://", "http://", "mailto:"]
        .iter()
        .find_map(|begin| text.strip_prefix(begin));
    let visible = |rest: &&str| !rest.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    let known = rest.filter(visible).map(|_| text.to_owned());
    known.ok_or_else(|| "it is not such an address".to_owned())
}
