//! Instants as people write and read them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Span;
use jiff::tz::TimeZone;

use crate::cli::exit::Failure;
use crate::domain::time::Timestamp;

/// An instant that somebody named: at a time, or so long from now.
#[derive(Clone, Debug)]
pub(super) enum When {
    At(jiff::Timestamp),
    In(Span),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let at = text.parse().map(Self::At);
        at.or_else(|_| text.parse().map(Self::In)).map_err(|_| {
            "write how long, as 30m, 2h or 3 days, or when, as 2030-01-31T12:00:00Z".to_owned()
        })
    }
}

impl When {
    /// The same where a length says how long ago it was, with or without the word.
    pub(super) fn past(&self, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Failure> {
        match self {
            Self::At(_) => self.instant(now, zone),
            Self::In(span) => Self::In(-span.abs()).instant(now, zone),
        }
    }

    /// The instant itself. Days are those of the calendar in this zone.
    pub(super) fn instant(&self, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, Failure> {
        let instant = match self {
            Self::At(at) => Ok(*at),
            Self::In(span) => jiff::Timestamp::from_microsecond(now.as_micros())
                .and_then(|now| now.to_zoned(zone.clone()).checked_add(*span))
                .map(|end| end.timestamp()),
        };
        instant
            .map(|instant| Timestamp::from_micros(instant.as_microsecond()))
            .map_err(|_| Failure::usage("that time is beyond the calendar: name an earlier one"))
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(at) => at.fmt(f),
            Self::In(span) => span.fmt(f),
        }
    }
}

/// An instant as `2030-01-31 12:00:00 UTC (in 2 hours)`.
pub(super) fn spell(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    let distance = distance(at, now);
    match jiff::Timestamp::from_microsecond(at.as_micros()) {
        Ok(instant) => {
            let local = instant.to_zoned(zone.clone());
            format!("{} ({distance})", local.strftime("%Y-%m-%d %H:%M:%S %Z"))
        }
        Err(_) => distance,
    }
}

/// An instant as `2030-01-31 12:00`, for the narrow columns of a table.
pub(super) fn stamp(at: Timestamp, zone: &TimeZone) -> String {
    jiff::Timestamp::from_microsecond(at.as_micros()).map_or_else(
        |_| "beyond the calendar".to_owned(),
        |instant| {
            let local = instant.to_zoned(zone.clone());
            local.strftime("%Y-%m-%d %H:%M").to_string()
        },
    )
}

fn distance(at: Timestamp, now: Timestamp) -> String {
    if at > now {
        format!("in {}", length(at.since(now)))
    } else if now.since(at) < Duration::from_secs(1) {
        "now".to_owned()
    } else {
        format!("{} ago", length(now.since(at)))
    }
}

/// The largest unit that fits, rounded to the nearest: `2 hours`.
fn length(duration: Duration) -> String {
    const UNITS: [(&str, u64); 4] = [("second", 1), ("minute", 60), ("hour", 3600), ("day", 86400)];
    let secs = duration.as_millis().div_ceil(1000);
    let secs = u64::try_from(secs).unwrap_or(u64::MAX);
    // A unit too small for more than 90 of the one below it would mislead.
    let fits = |(_, size): &&(&str, u64)| *size == 1 || secs >= size * 3 / 2;
    let (unit, size) = UNITS.iter().rev().find(fits).unwrap_or(&UNITS[0]);
    let count = (secs + size / 2) / size;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_900_000_000);

    fn instant(text: &str) -> Option<i64> {
        let when: When = text.parse().ok()?;
        let at = when.instant(NOW, &TimeZone::UTC).ok()?;
        Some(at.floor_secs() - NOW.floor_secs())
    }

    #[test]
    fn times_are_read_as_people_write_them() {
        for (text, secs) in [
            ("2h", 7200),
            ("30m", 1800),
            (" 3 days ", 3 * 86400),
            ("1 day 2 hours", 86400 + 7200),
            ("PT90S", 90),
            ("-2h", -7200),
            ("2030-03-17T17:46:41Z", 1),
            ("2030-03-17T18:46:41+01:00", 1),
        ] {
            assert_eq!(instant(text), Some(secs), "{text:?}");
        }
        for bad in ["", "soon", "2", "2030-03-17", "2030-03-17T17:46:41", "99999 years"] {
            assert_eq!(instant(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn times_are_spelled_as_people_read_them() {
        let spelled =
            |secs: i64| spell(Timestamp::from_secs(1_900_000_000 + secs), NOW, &TimeZone::UTC);
        assert_eq!(spelled(7200), "2030-03-17 19:46:40 UTC (in 2 hours)");
        assert!(spelled(0).ends_with("(now)"));
        assert!(spelled(1).ends_with("(in 1 second)"));
        assert!(spelled(61).ends_with("(in 61 seconds)"));
        assert!(spelled(-300).ends_with("(5 minutes ago)"));
        assert!(spelled(36 * 3600).ends_with("(in 2 days)"));
        assert_eq!(stamp(NOW, &TimeZone::UTC), "2030-03-17 17:46");
        let never = spell(Timestamp::from_micros(i64::MAX), NOW, &TimeZone::UTC);
        assert!(never.starts_with("in ") && never.ends_with(" days"), "{never}");
    }
}
