//! Times as logs write them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::domain::time::Timestamp;

/// Reads RFC 3339, a date and time without a zone (taken as UTC), or seconds,
/// milliseconds or microseconds since 1970.
pub(super) fn read_time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return read_unix(text);
    }
    let instant = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    });
    instant.map(|instant| Timestamp::from_micros(instant.as_microsecond()))
}

/// Reads nginx's own form: `27/Nov/2026:20:32:12 +0000`.
pub(super) fn read_common_time(text: &str) -> Option<Timestamp> {
    let instant = jiff::Timestamp::strptime("%d/%b/%Y:%H:%M:%S %z", text).ok()?;
    Some(Timestamp::from_micros(instant.as_microsecond()))
}

/// The number of digits before the point tells the unit, from 2001 to 2286.
fn read_unix(text: &str) -> Option<Timestamp> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let number: i64 = whole.parse().ok()?;
    if part.is_empty() || part.contains('.') {
        return None;
    }
    match whole.len() {
        1..=11 => {
            let micros: String = part.chars().chain("000000".chars()).take(6).collect();
            let micros: i64 = micros.parse().ok()?;
            Some(Timestamp::from_micros(number.checked_mul(1_000_000)?.checked_add(micros)?))
        }
        12..=14 => Some(Timestamp::from_micros(number.checked_mul(1_000)?)),
        15..=17 => Some(Timestamp::from_micros(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_read_as_logs_write_them() {
        let at = Timestamp::from_micros(1_795_811_532_250_000);
        for text in [
            "2026-11-27T20:32:12.250Z",
            "2026-11-27T21:32:12.250+01:00",
            "2026-11-27 20:32:12.250Z",
            "2026-11-27 20:32:12.250",
            " 1795811532.25 ",
            "1795811532250",
            "1795811532250000",
        ] {
            assert_eq!(read_time(text), Some(at), "{text:?}");
        }
        for text in [
            "",
            ".",
            "1.",
            "1.2.3",
            "yesterday",
            "27/Nov/2026",
            "-1",
            "999999999999999999",
            "12:00",
        ] {
            assert_eq!(read_time(text), None, "{text:?}");
        }
        let whole = Timestamp::from_secs(at.floor_secs());
        assert_eq!(read_common_time("27/Nov/2026:21:32:12 +0100"), Some(whole));
        assert_eq!(read_common_time("27/Smarch/2026:21:32:12 +0100"), None);
    }

    proptest! {
        /// Property: an instant that is written as RFC 3339 is read back.
        #[test]
        fn what_is_written_is_read_back(secs in 0_i64..10_000_000_000) {
            let at = Timestamp::from_secs(secs);
            prop_assert_eq!(read_time(&at.to_string()), Some(at));
            prop_assert_eq!(read_time(&secs.to_string()), Some(at));
        }

        /// Property: no text makes the readers panic.
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,30}|[0-9TZ:./+ -]{0,30}") {
            let _ = (read_time(&text), read_common_time(&text));
        }
    }
}
