//! The other ways in which somebody behind the gateway may read a path.
//!
//! Servers decode, fold and cut paths, each in its own way. Whoever is let in by one
//! reading must not be served by another that has a narrower rule, so all of them are
//! made: what a server does is one of these steps, or several in some order.
//!
//! Property: if a path is made from another by any of the steps, in any order, the other
//! is among its readings, or there are too many of them.

use std::borrow::Cow;

use percent_encoding::percent_decode;
use smallvec::SmallVec;

use crate::domain::login::folded;

/// A path that somebody may read.
pub(super) type Reading = SmallVec<[u8; 128]>;

/// There are more readings than anybody looks at.
#[derive(Debug)]
pub(super) struct TooMany;

/// As many as nobody needs who means no harm.
const MOST: usize = 64;

/// One thing that a server does to a path.
type Step = fn(&[u8]) -> Option<Reading>;

/// What servers do to paths. Each gives `None` where it changes nothing.
const STEPS: [Step; 9] = [
    decoded,
    overlong,
    in_small_letters,
    cut_at_query,
    without_parameters,
    merged,
    without_host,
    trimmed,
    without_extension,
];

/// Whether no step changes a path, as far as its letters tell: nearly every path.
fn is_plain(path: &str) -> bool {
    let small = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut before = 0;
    path.bytes().all(|byte| {
        let doubled = byte == b'/' && before == b'/';
        before = byte;
        !doubled && (small(byte) || matches!(byte, b'/' | b'-' | b'_' | b'~'))
    })
}

/// Every way to read a path, itself first; nothing where there is only one.
pub(super) fn all(path: &str) -> Result<SmallVec<[Reading; 4]>, TooMany> {
    let mut known = SmallVec::<[Reading; 4]>::new();
    if is_plain(path) {
        return Ok(known);
    }
    known.push(Reading::from_slice(path.as_bytes()));
    let mut next = 0;
    while next < known.len() {
        for step in STEPS {
            let Some(reading) = step(&known[next]) else { continue };
            if known.contains(&reading) {
                continue;
            }
            if known.len() == MOST {
                return Err(TooMany);
            }
            known.push(reading);
        }
        next += 1;
    }
    Ok(known)
}

/// Whether one of its steps leads up, or nowhere.
pub(super) fn has_dots(path: &[u8]) -> bool {
    let mut steps = path.split(|byte| matches!(byte, b'/' | b'\\'));
    steps.any(|step| step == b"." || step == b"..")
}

fn changed(path: &[u8], reading: Reading) -> Option<Reading> {
    (reading.as_slice() != path).then_some(reading)
}

fn decoded(path: &[u8]) -> Option<Reading> {
    match Cow::from(percent_decode(path)) {
        Cow::Owned(decoded) => changed(path, Reading::from_vec(decoded)),
        Cow::Borrowed(_) => None,
    }
}

/// Letters of ASCII in more bytes than they take (RFC 3629, section 10).
fn overlong(path: &[u8]) -> Option<Reading> {
    let mut reading = Reading::new();
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match rest {
            [lead @ (0xc0 | 0xc1), low @ 0x80..=0xbf, after @ ..] => {
                ((lead & 1) << 6 | (low & 0x3f), after)
            }
            [0xe0, mid @ (0x80 | 0x81), low @ 0x80..=0xbf, after @ ..] => {
                ((mid & 1) << 6 | (low & 0x3f), after)
            }
            _ => (*first, after),
        };
        reading.push(byte);
        rest = after;
    }
    changed(path, reading)
}

fn in_small_letters(path: &[u8]) -> Option<Reading> {
    if path.is_ascii() {
        let has_large = path.iter().any(u8::is_ascii_uppercase);
        return has_large.then(|| path.iter().map(u8::to_ascii_lowercase).collect());
    }
    let reading = match std::str::from_utf8(path) {
        Ok(text) => Reading::from_slice(folded(text).as_bytes()),
        Err(_) => path.iter().map(u8::to_ascii_lowercase).collect(),
    };
    changed(path, reading)
}

/// What was encoded ends the path where it is decoded too soon.
fn cut_at_query(path: &[u8]) -> Option<Reading> {
    let end = path.iter().position(|byte| matches!(byte, b'?' | b'#'))?;
    Some(Reading::from_slice(&path[..end]))
}

fn each_step<'a>(path: &'a [u8], change: impl Fn(&'a [u8]) -> &'a [u8]) -> Option<Reading> {
    let mut reading = Reading::new();
    for (at, step) in path.split(|byte| *byte == b'/').enumerate() {
        if at > 0 {
            reading.push(b'/');
        }
        reading.extend_from_slice(change(step));
    }
    changed(path, reading)
}

fn without_parameters(path: &[u8]) -> Option<Reading> {
    if !path.contains(&b';') {
        return None;
    }
    each_step(path, |step| step.split(|byte| *byte == b';').next().unwrap_or(step))
}

/// Windows drops dots and spaces at the end of a name.
fn trimmed(path: &[u8]) -> Option<Reading> {
    let is_dropped = |byte: &u8| matches!(byte, b'.' | b' ');
    if !path.iter().any(is_dropped) {
        return None;
    }
    each_step(path, |step| {
        let end = step.iter().rposition(|byte| !is_dropped(byte));
        end.map_or(step, |end| &step[..=end])
    })
}

fn merged(path: &[u8]) -> Option<Reading> {
    if !path.windows(2).any(|pair| pair == b"//") {
        return None;
    }
    let mut reading = Reading::new();
    for byte in path {
        if *byte != b'/' || reading.last() != Some(&b'/') {
            reading.push(*byte);
        }
    }
    Some(reading)
}

/// Two slashes at the beginning are those before a host.
fn without_host(path: &[u8]) -> Option<Reading> {
    let rest = path.strip_prefix(b"//")?;
    let host = rest.iter().position(|byte| *byte == b'/');
    Some(host.map_or(Reading::from_slice(b"/"), |end| Reading::from_slice(&rest[end..])))
}

/// Frameworks take what follows the name's first dot for the form of the answer.
fn without_extension(path: &[u8]) -> Option<Reading> {
    let name = path.iter().rposition(|byte| *byte == b'/')? + 1;
    let dot = path[name..].iter().position(|byte| *byte == b'.')?;
    (dot > 0).then(|| Reading::from_slice(&path[..name + dot]))
}
