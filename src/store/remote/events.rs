//! Server-sent events, read from bytes as they come (WHATWG HTML, 9.2.6).
//!
//! What is kept of a stream has bounds, however long its lines are.

use std::time::Duration;

/// The longest line, and the longest data of an event, in bytes.
pub(super) const LONGEST: usize = 64 * 1024;

/// An event that was dispatched.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Event {
    pub(super) kind: String,
    pub(super) data: String,
}

/// A line or an event is too long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct TooLong;

/// Reads one stream.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    /// The last byte was a carriage return: a line feed ends nothing more.
    after_return: bool,
    /// A line was read already: only the first may begin with a byte order mark.
    begun: bool,
    event: Event,
    has_data: bool,
    id: Option<String>,
    retry: Option<Duration>,
}

impl Events {
    /// The id of the last event that had one.
    pub(super) fn last_id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// How long to wait before the stream is opened again, if it said so.
    pub(super) const fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// The events that these bytes complete.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        for byte in bytes {
            let feed_of_return = self.after_return && *byte == b'\n';
            self.after_return = *byte == b'\r';
            match byte {
                b'\n' if feed_of_return => {}
                b'\n' | b'\r' => events.extend(self.end_line()?),
                _ if self.line.len() >= LONGEST => return Err(TooLong),
                _ => self.line.push(*byte),
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Result<Option<Event>, TooLong> {
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = match std::mem::replace(&mut self.begun, true) {
            true => &*line,
            false => line.strip_prefix('\u{feff}').unwrap_or(&line),
        };
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        self.field(name, value)?;
        Ok(None)
    }

    fn field(&mut self, name: &str, value: &str) -> Result<(), TooLong> {
        match name {
            "event" => value.clone_into(&mut self.event.kind),
            "data" => {
                if self.event.data.len() + value.len() >= LONGEST {
                    return Err(TooLong);
                }
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" if !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()) => {
                self.retry = value.parse().ok().map(Duration::from_millis);
            }
            // A comment, which has no name, or a field that is not known.
            _ => {}
        }
        Ok(())
    }

    /// Without data there is no event.
    fn dispatch(&mut self) -> Option<Event> {
        let event = std::mem::take(&mut self.event);
        std::mem::take(&mut self.has_data).then_some(event)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(kind: &str, data: &str) -> Event {
        Event { kind: kind.to_owned(), data: data.to_owned() }
    }

    #[test]
    fn a_stream_is_read_as_the_standard_has_it() {
        let mut events = Events::default();
        let text = "\u{feff}retry: 1500\n\n: a comment\n\nevent: account\ndata: {\"a\":\ndata:  1}\n\n\
                    id: 7\r\nevent:position\rdata\r\n\r\nid\nid: x\0y\nevent: none\n\ndata: last\n";
        let read = events.read(text.as_bytes()).expect("short");
        assert_eq!(read, [event("account", "{\"a\":\n 1}"), event("position", "")]);
        assert_eq!(events.retry(), Some(Duration::from_millis(1500)));
        assert_eq!(events.last_id(), Some(""), "an empty id is one, and a NUL is in none");
        assert_eq!(events.read(b"\n"), Ok(vec![event("", "last")]));
        assert_eq!(events.read(b"retry: soon\n"), Ok(vec![]));
        assert_eq!(events.retry(), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn nothing_grows_without_bounds() {
        let long = vec![b'x'; LONGEST + 1];
        assert_eq!(Events::default().read(&long), Err(TooLong));
        let mut events = Events::default();
        let line = format!("data: {}\n", "x".repeat(LONGEST / 4));
        let all: Vec<_> = (0..5).map(|_| events.read(line.as_bytes())).collect();
        assert!(all.iter().any(Result::is_err));
    }

    proptest! {
        /// Property: however a stream is cut into pieces, the same events are read.
        #[test]
        fn pieces_make_no_difference(
            lines in proptest::collection::vec("(data|event|id|retry|:|x)?(: ?)?[a-z0-9\u{e9}]{0,6}(\r\n|\n|\r)", 0..30),
            cuts in proptest::collection::vec(1..9_usize, 1..40),
        ) {
            let text = lines.concat().into_bytes();
            let mut whole = Events::default();
            let expected = whole.read(&text).expect("short");
            let (mut pieces, mut read, mut at) = (Events::default(), Vec::new(), 0);
            for cut in cuts.iter().cycle() {
                if at >= text.len() {
                    break;
                }
                let end = text.len().min(at + cut);
                read.extend(pieces.read(&text[at..end]).expect("short"));
                at = end;
            }
            prop_assert_eq!(read, expected);
            prop_assert_eq!(pieces.last_id(), whole.last_id());
            prop_assert_eq!(pieces.retry(), whole.retry());
        }
    }
}
