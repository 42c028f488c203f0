//! Instants as people read them.
//!
//! A page can't know its reader's time zone, so it says UTC, and how long it is
//! until then. The script puts the reader's own time in its place.

use std::time::Duration;

use crate::domain::time::Timestamp;

/// An instant in words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Moment {
    /// The instant that is told, for programs, in RFC 3339.
    pub(super) datetime: String,
    /// "at 10:32 UTC", "on 22 November 2026 at 10:32 UTC".
    pub(super) absolute: String,
    /// "in 4 minutes", "3 hours ago".
    pub(super) relative: String,
    /// How long it is until then, in seconds; none for what is past.
    pub(super) wait: Option<u64>,
}

impl Moment {
    /// An instant to come, never told too early: rounded up to the second, and
    /// to the minute where nobody waits for seconds. `None` beyond the calendar.
    pub(super) fn to_come(at: Timestamp, now: Timestamp) -> Option<Self> {
        let secs = at.ceil_secs();
        let wait = at.since(now);
        let wait = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        let by_minute = wait >= 120;
        let shown = if by_minute { (secs - 1).div_euclid(60).saturating_add(1) * 60 } else { secs };
        Some(Self {
            datetime: stamp(shown)?.to_string(),
            absolute: absolute(stamp(shown)?, stamp(now.floor_secs())?, !by_minute),
            relative: format!("in {}", span(wait.max(1), u64::div_ceil)),
            wait: Some(wait),
        })
    }

    /// An instant that is past.
    pub(super) fn past(at: Timestamp, now: Timestamp) -> Self {
        let gone = now.since(at);
        let relative = match gone {
            gone if gone < Duration::from_secs(60) => "just now".to_owned(),
            gone => format!("{} ago", span(gone.as_secs(), |secs, size| secs / size)),
        };
        let words = |at, now| Some((stamp(at)?, stamp(now)?));
        let (datetime, absolute) = match words(at.floor_secs(), now.floor_secs()) {
            Some((at, now)) => (at.to_string(), absolute(at, now, false)),
            None => (String::new(), at.to_string()),
        };
        Self { datetime, absolute, relative, wait: None }
    }
}

fn stamp(secs: i64) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(secs).ok()
}

/// The day is left out where it is today's.
fn absolute(at: jiff::Timestamp, now: jiff::Timestamp, with_seconds: bool) -> String {
    let day = |at: jiff::Timestamp| at.strftime("%-d %B %Y").to_string();
    let clock = if with_seconds { "%H:%M:%S UTC" } else { "%H:%M UTC" };
    let time = at.strftime(clock);
    match day(at) == day(now) {
        true => format!("at {time}"),
        false => format!("on {} at {time}", day(at)),
    }
}

/// "4 minutes", in the largest unit that two of fit.
fn span(secs: u64, round: fn(u64, u64) -> u64) -> String {
    let (size, unit) = match secs {
        0..120 => (1, "second"),
        120..7_200 => (60, "minute"),
        7_200..172_800 => (3_600, "hour"),
        _ => (86_400, "day"),
    };
    let count = round(secs, size);
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// 2026-11-21T18:12:00Z.
    const NOW: Timestamp = Timestamp::from_secs(1_795_284_720);

    fn to_come(after: Duration) -> (String, String) {
        let moment = Moment::to_come(NOW.after(after), NOW).expect("in the calendar");
        (moment.absolute, moment.relative)
    }

    #[test]
    fn what_is_to_come_is_never_told_too_early() {
        for (secs, absolute, relative) in [
            (0, "at 18:12:00 UTC", "in 1 second"),
            (1, "at 18:12:01 UTC", "in 1 second"),
            (119, "at 18:13:59 UTC", "in 119 seconds"),
            (120, "at 18:14 UTC", "in 2 minutes"),
            (121, "at 18:15 UTC", "in 3 minutes"),
            (300, "at 18:17 UTC", "in 5 minutes"),
            (7_201, "at 20:13 UTC", "in 3 hours"),
            (6 * 3_600, "on 22 November 2026 at 00:12 UTC", "in 6 hours"),
            (172_801, "on 23 November 2026 at 18:13 UTC", "in 3 days"),
        ] {
            let told = to_come(Duration::from_secs(secs));
            assert_eq!((told.0.as_str(), told.1.as_str()), (absolute, relative), "{secs}");
        }
        let soon = Moment::to_come(NOW.after(Duration::from_micros(1)), NOW).expect("an instant");
        assert_eq!(soon.datetime, "2026-11-21T18:12:01Z");
        assert_eq!(Moment::to_come(Timestamp::from_micros(i64::MAX), NOW), None);
    }

    #[test]
    fn what_is_past_is_told_roughly() {
        for (secs, absolute, relative) in [
            (0, "at 18:12 UTC", "just now"),
            (59, "at 18:11 UTC", "just now"),
            (60, "at 18:11 UTC", "60 seconds ago"),
            (179, "at 18:09 UTC", "2 minutes ago"),
            (86_400, "on 20 November 2026 at 18:12 UTC", "24 hours ago"),
        ] {
            let told = Moment::past(NOW.before(Duration::from_secs(secs)), NOW);
            assert_eq!((told.absolute.as_str(), told.relative.as_str()), (absolute, relative));
        }
    }

    proptest! {
        /// Property: the clock that is shown is not before the instant, and less
        /// than a minute after it.
        #[test]
        fn the_clock_is_right(micros in 0..1_000_000_000_000i64) {
            let at = Timestamp::from_micros(NOW.as_micros() + micros);
            let shown = Moment::to_come(at, NOW).expect("in the calendar").absolute;
            let clock = shown.trim_end_matches(" UTC").rsplit(' ').next().unwrap_or_default();
            let parts = clock.split(':').filter_map(|part| part.parse::<i64>().ok());
            let of_day = parts.zip([3_600, 60, 1]).map(|(part, size)| part * size).sum::<i64>();
            let late = (of_day - at.ceil_secs()).rem_euclid(86_400);
            prop_assert!(late < 60, "{shown} is {late} s after {at}");
        }
    }
}
