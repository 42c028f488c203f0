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

/// Keeps the audit log as long as there is room.
pub(crate) const FOREVER: &str = "forever";

/// As many licences as are used.
pub(crate) const NO_LIMIT: &str = "none";

const SHORTEST_RETENTION: Duration = Duration::from_secs(24 * 3600);
/// More than there are people to administer.
pub(crate) const MOST_LICENCES: u64 = 1_000_000_000;

/// Reads how long audit records are kept.
pub(crate) fn retention(text: &str) -> Result<String, String> {
    if text == FOREVER {
        return Ok(text.to_owned());
    }
    let length = read_length(text).ok_or("it is not a length of time with its unit")?;
    match length >= SHORTEST_RETENTION {
        true => Ok(spell_length(length)),
        false => Err("it is less than a day".to_owned()),
    }
}

/// Reads how many accounts may use a licence.
pub(crate) fn licence_limit(text: &str) -> Result<String, String> {
    if text == NO_LIMIT {
        return Ok(text.to_owned());
    }
    let number = text
        .parse()
        .ok()
        .filter(|n| (1..=MOST_LICENCES).contains(n));
    let number = number.map(|number: u64| number.to_string());
    number.ok_or_else(|| "it is not such a number".to_owned())
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn licences_and_retention_are_read_as_people_write_them() {
        assert_eq!(retention("365 days").as_deref(), Ok("365d"));
        assert_eq!(retention("24h").as_deref(), Ok("24h"));
        assert_eq!(retention("forever").as_deref(), Ok("forever"));
        assert!(retention("23h").is_err() && retention("for ever").is_err());
        assert_eq!(licence_limit("007").as_deref(), Ok("7"));
        assert_eq!(licence_limit("none").as_deref(), Ok("none"));
        assert!(licence_limit("0").is_err() && licence_limit("-1").is_err());
    }

    proptest! {
        /// Property: a value that is read has one spelling, which is read as itself.
        #[test]
        fn spellings_are_read_as_themselves(text in "[0-9]{1,12} ?(d|h|days|w)?|none|forever|.{0,8}") {
            for read in [retention, licence_limit] {
                if let Ok(spelled) = read(&text) {
                    prop_assert_eq!(read(&spelled), Ok(spelled.clone()));
                }
            }
        }
    }
}
