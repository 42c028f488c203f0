//! Reads the values of settings into their one spelling, or says what is wrong.

use std::time::Duration;

use crate::domain::length::{read_length, spell_length};

pub(super) fn on_or_off(text: &str) -> Result<String, String> {
    match text {
        "on" | "off" => Ok(text.to_owned()),
        _ => Err("it is neither on nor off".to_owned()),
    }
}

/// Reads a length of time that an access token can live.
pub(super) fn lifetime(text: &str) -> Result<String, String> {
    let length = read_length(text).ok_or("it is not a length of time")?;
    let (least, most) = (Duration::from_secs(60), Duration::from_secs(24 * 3600));
    if (least..=most).contains(&length) {
        Ok(spell_length(length))
    } else {
        Err("it is shorter than 1m or longer than 24h".to_owned())
    }
}

/// Reads after how many days something happens: `off`, `90 days`, `90d`.
pub(crate) fn days(text: &str) -> Result<String, String> {
    if text == "off" {
        return Ok(text.to_owned());
    }
    let digits = text
        .trim_end_matches("days")
        .trim_end_matches("day")
        .trim_end_matches('d')
        .trim();
    match digits.parse::<u32>() {
        Ok(1) => Ok("1 day".to_owned()),
        Ok(days @ 2..=3650) => Ok(format!("{days} days")),
        _ => Err("it is neither off nor a number of days".to_owned()),
    }
}

pub(crate) fn lock_or_disable(text: &str) -> Result<String, String> {
    match text {
        "lock" | "disable" => Ok(text.to_owned()),
        _ => Err("it is neither lock nor disable".to_owned()),
    }
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
