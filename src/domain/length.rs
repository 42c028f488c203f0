//! Lengths of time as people write them: `15m`, `1h 30m`, `2 days`.

use std::time::Duration;

use jiff::{Span, SpanRelativeTo};

/// The longest length that is read: a hundred years.
pub const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Reads a length, in whole milliseconds; a day has 24 hours.
///
/// `None` if it is not a length, is below zero, longer than [`LONGEST`], or
/// finer than a millisecond.
pub fn read_length(text: &str) -> Option<Duration> {
    let span: Span = text.trim().parse().ok()?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    let length = Duration::try_from(length).ok()?;
    let whole = length.subsec_nanos().is_multiple_of(1_000_000);
    (whole && length <= LONGEST).then_some(length)
}

/// Spells a length as [`read_length`] reads it, in one word: `1h30m`.
pub fn spell_length(length: Duration) -> String {
    const UNITS: [(&str, u64); 4] = [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)];
    let mut left = length.as_secs();
    let mut text = String::new();
    for (unit, size) in UNITS {
        // "24h" reads better than "1d", and "2d" better than "48h".
        if left / size == 0 || (unit == "d" && length == Duration::from_secs(size)) {
            continue;
        }
        text.push_str(&format!("{}{unit}", left / size));
        left %= size;
    }
    match length.subsec_millis() {
        0 if text.is_empty() => "0s".to_owned(),
        0 => text,
        millis => format!("{text}{millis}ms"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_are_read_as_people_write_them() {
        for (text, millis) in [
            ("15m", 900_000),
            ("1h 30m", 5_400_000),
            (" 2 days ", 172_800_000),
            ("250ms", 250),
            ("0s", 0),
            ("PT90S", 90_000),
        ] {
            assert_eq!(read_length(text), Some(Duration::from_millis(millis)), "{text:?}");
        }
        for text in ["", "15", "-5m", "soon", "1 month", "1us", "9999999h", "m"] {
            assert_eq!(read_length(text), None, "{text:?}");
        }
        assert_eq!(spell_length(Duration::from_secs(86_400)), "24h");
        assert_eq!(spell_length(Duration::from_secs(5_400)), "1h30m");
    }

    proptest! {
        /// Property: what is spelled is read as the same length.
        #[test]
        fn a_spelled_length_is_read_back(millis in 0..=LONGEST.as_millis() as u64) {
            let length = Duration::from_millis(millis);
            prop_assert_eq!(read_length(&spell_length(length)), Some(length));
        }

        /// Property: no text makes the reader panic.
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,30}|[0-9a-zPT .:-]{0,30}") {
            if let Some(length) = read_length(&text) {
                prop_assert_eq!(read_length(&spell_length(length)), Some(length));
            }
        }
    }
}
