//! Where a request stands in somebody's trace: `traceparent` and `tracestate`, as W3C's
//! Trace Context (level 1, and the random flag of level 2) says.
//!
//! What comes is parsed, and written anew: nothing of it goes on as it came. A
//! `traceparent` that can't be read is as none, and takes its `tracestate` with it; a
//! `tracestate` that can't be read goes alone. Where no trace comes, none begins: a
//! sampling decision is the application's, and one made here would be taken for it.

use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};

pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Sampled, and of level 2: with a random trace id.
const KNOWN_FLAGS: u8 = 0b11;

/// How long a version is that says nothing further.
const LENGTH: usize = 55;

/// Members of a list of vendors (3.3.1.1).
const MOST_MEMBERS: usize = 32;

/// Where a request stands in a trace.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TraceContext {
    parent: TraceParent,
    /// What vendors say, member by member, in their order.
    state: Option<HeaderValue>,
}

/// Which trace, and which step of it asked for this one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TraceParent {
    trace: TraceId,
    span: SpanId,
    flags: u8,
}

/// A trace. Never zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct TraceId(u128);

/// A step of a trace. Never zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SpanId(u64);

impl SpanId {
    /// This number, if it can be one.
    pub(crate) const fn new(number: u64) -> Option<Self> {
        if number == 0 { None } else { Some(Self(number)) }
    }
}

impl TraceContext {
    /// What a request says, if it can be read.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut said = headers.get_all(TRACEPARENT).iter();
        let (Some(parent), None) = (said.next(), said.next()) else { return None };
        let parent = TraceParent::parse(parent.as_bytes())?;
        Some(Self { parent, state: state(headers) })
    }

    /// Which trace it is.
    pub(crate) const fn trace(&self) -> TraceId {
        self.parent.trace
    }

    /// Which step it is.
    pub(crate) const fn span(&self) -> SpanId {
        self.parent.span
    }

    /// The next step of the same trace.
    pub(crate) fn next(self, span: SpanId) -> Self {
        Self { parent: TraceParent { span, ..self.parent }, ..self }
    }

    /// Writes it, and takes off what was there.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        match HeaderValue::from_str(&self.parent.to_string()) {
            Ok(parent) => drop(headers.insert(TRACEPARENT, parent)),
            Err(_) => drop(headers.remove(TRACEPARENT)),
        }
        match &self.state {
            Some(state) => drop(headers.insert(TRACESTATE, state.clone())),
            None => drop(headers.remove(TRACESTATE)),
        }
    }
}

impl TraceParent {
    /// Reads one of this version, and the part of a later one that this version knows
    /// (3.2.2.1, 4).
    fn parse(text: &[u8]) -> Option<Self> {
        let (head, rest) = text.split_at_checked(LENGTH)?;
        let version = u8::try_from(hex(&head[..2])?).ok()?;
        let dashes = [2, 35, 52].iter().all(|&at| head[at] == b'-');
        let further = match version {
            0 => rest.is_empty(),
            0xff => false,
            _ => rest.first().is_none_or(|&byte| byte == b'-'),
        };
        if !dashes || !further {
            return None;
        }
        let trace = hex(&head[3..35]).filter(|&trace| trace != 0)?;
        let span = u64::try_from(hex(&head[36..52])?).ok()?;
        let flags = u8::try_from(hex(&head[53..55])?).ok()?;
        Some(Self { trace: TraceId(trace), span: SpanId::new(span)?, flags: flags & KNOWN_FLAGS })
    }
}

/// Small letters and digits alone; capitals are malformed.
fn hex(digits: &[u8]) -> Option<u128> {
    let small = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let text = std::str::from_utf8(digits).ok()?;
    digits
        .iter()
        .all(small)
        .then(|| u128::from_str_radix(text, 16).ok())?
}

/// What vendors say, if all of it can be read.
fn state(headers: &HeaderMap) -> Option<HeaderValue> {
    let lines = headers.get_all(TRACESTATE).iter();
    let members = lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b','));
    let members: Vec<_> = members
        .map(<[u8]>::trim_ascii)
        .filter(|member| !member.is_empty())
        .collect();
    if members.is_empty() || members.len() > MOST_MEMBERS {
        return None;
    }
    let mut keys = Vec::with_capacity(members.len());
    for member in &members {
        let equals = member.iter().position(|&byte| byte == b'=')?;
        let (key, value) = (&member[..equals], &member[equals + 1..]);
        if !is_key(key) || !is_value(value) || keys.contains(&key) {
            return None;
        }
        keys.push(key);
    }
    HeaderValue::from_bytes(&members.join(&b','))
        .ok()
        .filter(|state| state.len() <= MOST_STATE)
}

/// More than vendors have to pass on (3.3.1.5), and little enough for any upstream.
const MOST_STATE: usize = 4096;

/// A vendor's name, or a tenant's at a vendor (3.3.1.3.1, as level 2 loosened it).
fn is_key(key: &[u8]) -> bool {
    let first = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let later = |byte: &u8| first(byte) || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@');
    key.len() <= 256 && key.first().is_some_and(first) && key.iter().all(later)
}

/// Visible characters and spaces, but `,` and `=`, and no space at the end (3.3.1.3.2).
fn is_value(value: &[u8]) -> bool {
    let fine = |byte: &u8| matches!(byte, 0x20..=0x7e) && !matches!(byte, b',' | b'=');
    (1..=256).contains(&value.len()) && value.iter().all(fine)
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{:02x}", self.trace, self.span, self.flags)
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[cfg(test)]
mod tests;
