//! Until when a certificate is good, as it says itself (RFC 5280, section 4.1.2.5).
//!
//! Only that is read here, of certificates from the operator's own files; whether one can
//! be believed is rustls's to say.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// How long before a certificate's end somebody is told.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// A certificate that ends soon, or has ended.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Ending {
    /// Its file.
    pub certificate: PathBuf,
    /// The last instant at which it is good.
    pub at: Timestamp,
    /// Whether that is over.
    pub is_over: bool,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { certificate, at, is_over } = self;
        let verb = if *is_over { "ended" } else { "ends" };
        write!(f, "the certificate in {} {verb} at {at}", certificate.display())
    }
}

/// How a certificate is, at an instant.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Stage {
    #[default]
    Good,
    EndsSoon,
    Ended,
}

impl Stage {
    pub(super) fn of(end: Timestamp, now: Timestamp) -> Self {
        match end.duration_since(now) {
            left if left < SignedDuration::ZERO => Self::Ended,
            left if left < SOON => Self::EndsSoon,
            _ => Self::Good,
        }
    }
}

/// Whole seconds since 1970, for figures.
pub(super) fn seconds(end: Timestamp) -> u64 {
    let since = end.duration_since(Timestamp::UNIX_EPOCH);
    Duration::try_from(since).map_or(0, |since| since.as_secs())
}

/// The last instant at which this certificate is good; `None`: it can't be read.
pub(super) fn end_of(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (body, _) = element(certificate, SEQUENCE)?;
    // Version 1 does not say so.
    let rest = element(body, VERSION).map_or(body, |(_, rest)| rest);
    let (_serial, rest) = element(rest, INTEGER)?;
    let (_algorithm, rest) = element(rest, SEQUENCE)?;
    let (_issuer, rest) = element(rest, SEQUENCE)?;
    let (validity, _) = element(rest, SEQUENCE)?;
    let (_, rest) = time(validity)?;
    let (end, _) = time(rest)?;
    end.to_zoned(TimeZone::UTC).ok().map(|end| end.timestamp())
}

const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;

/// What an element of this kind holds, and what follows it.
fn element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [first, length, rest @ ..] = bytes else { return None };
    if *first != tag {
        return None;
    }
    let (length, rest) = match length {
        short if *short < 0x80 => (usize::from(*short), rest),
        long => {
            // So many bytes hold the length; more than three are no certificate's.
            let digits = usize::from(long - 0x80);
            let (digits, rest) = rest.split_at_checked(digits).filter(|_| digits <= 3)?;
            let shifted = |length: usize, digit: &u8| length << 8 | usize::from(*digit);
            (digits.iter().fold(0, shifted), rest)
        }
    };
    rest.split_at_checked(length)
}

/// An instant, and what follows it.
fn time(bytes: &[u8]) -> Option<(DateTime, &[u8])> {
    let (text, rest, century) = match *bytes.first()? {
        UTC_TIME => {
            let (text, rest) = element(bytes, UTC_TIME)?;
            // Years have two digits, and begin with 1950.
            (text, rest, Some(if *text.first()? >= b'5' { 19 } else { 20 }))
        }
        _ => {
            let (text, rest) = element(bytes, GENERALIZED_TIME)?;
            (text, rest, None)
        }
    };
    let digits = text.strip_suffix(b"Z")?;
    if digits.len() % 2 != 0 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let pairs = digits
        .chunks_exact(2)
        .map(|pair| (pair[0] - b'0') * 10 + (pair[1] - b'0'));
    let pairs: Vec<_> = century.into_iter().chain(pairs).collect();
    let [century, year, rest_of_date @ ..] = pairs.as_slice() else { return None };
    let [month, day, hour, minute, second] = *rest_of_date else { return None };
    let [month, day, hour, minute, second] =
        [month, day, hour, minute, second].map(u8::cast_signed);
    let year = i16::from(*century) * 100 + i16::from(*year);
    let time = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    Some((time, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn ending(year: i32, month: u8, day: u8) -> Vec<u8> {
        let mut params = CertificateParams::new(["a.example".to_owned()]).expect("a name");
        params.not_before = date_time_ymd(1999, 1, 1);
        params.not_after = date_time_ymd(year, month, day);
        let key = KeyPair::generate().expect("a key");
        params
            .self_signed(&key)
            .expect("a certificate")
            .der()
            .to_vec()
    }

    #[test]
    fn the_end_is_read_in_both_forms() {
        for (year, text) in [
            (2030, "2030-06-15T00:00:00Z"),
            // From 2050 on, years have four digits.
            (2049, "2049-06-15T00:00:00Z"),
            (2050, "2050-06-15T00:00:00Z"),
            (9999, "9999-06-15T00:00:00Z"),
        ] {
            let expected: Timestamp = text.parse().expect("an instant");
            assert_eq!(end_of(&ending(year, 6, 15)), Some(expected), "{year}");
        }
    }

    #[test]
    fn a_certificate_is_told_of_a_fortnight_before_its_end() {
        let end: Timestamp = "2030-06-15T00:00:00Z".parse().expect("an instant");
        for (now, expected) in [
            ("2030-06-01T00:00:00Z", Stage::Good),
            ("2030-06-01T00:00:01Z", Stage::EndsSoon),
            ("2030-06-15T00:00:00Z", Stage::EndsSoon),
            ("2030-06-15T00:00:01Z", Stage::Ended),
        ] {
            let now = now.parse().expect("an instant");
            assert_eq!(Stage::of(end, now), expected, "{now}");
        }
    }

    proptest! {
        /// Property: whatever a certificate is cut or changed to, its end is read or it is
        /// not, and nothing panics; what is cut before its end has none.
        #[test]
        fn damage_is_survived(cut in 0..120_usize, at in 0..200_usize, byte: u8) {
            let mut der = ending(2030, 6, 15);
            prop_assert_eq!(end_of(&der[..cut]), None);
            der[at] = byte;
            let _ = end_of(&der);
        }
    }
}
