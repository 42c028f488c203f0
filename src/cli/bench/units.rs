//! Numbers as people read them.

/// A whole number with its thousands apart: `12,345`.
pub(in crate::cli) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A time in the largest unit that leaves something before the point.
pub(super) fn time(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..1_000_000 => format!("{:.2} ms", micros as f64 / 1e3),
        _ => format!("{:.2} s", micros as f64 / 1e6),
    }
}

/// A round time, for the marks of an axis: `100 ms`.
pub(super) fn round_time(micros: f64) -> String {
    let (number, unit) = match micros {
        ..1e3 => (micros, "µs"),
        ..1e6 => (micros / 1e3, "ms"),
        _ => (micros / 1e6, "s"),
    };
    format!("{} {unit}", (number * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_at_a_glance() {
        for (number, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_345_678, "12,345,678")]
        {
            assert_eq!(count(number), text);
        }
        for (micros, text) in
            [(0, "0 µs"), (999, "999 µs"), (1_234, "1.23 ms"), (2_500_000, "2.50 s")]
        {
            assert_eq!(time(micros), text);
        }
        for (micros, text) in
            [(0.0, "0 µs"), (1e4, "10 ms"), (2.5e4, "25 ms"), (1e6, "1 s"), (99.999_999, "100 µs")]
        {
            assert_eq!(round_time(micros), text);
        }
    }
}
