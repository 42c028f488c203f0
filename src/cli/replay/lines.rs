//! Lines of a log, one at a time, however long the log or a line is.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read};

use crate::cli::exit::Failure;

/// What is longer is no line of a log.
const LONGEST: usize = 64 * 1024;

/// What compressed files begin with: gzip, zstd, xz, bzip2.
const COMPRESSED: [&[u8]; 4] =
    [&[0x1f, 0x8b], &[0x28, 0xb5, 0x2f, 0xfd], &[0xfd, b'7', b'z', b'X'], b"BZh"];

/// A log that is being read.
pub(super) struct Lines {
    from: Box<dyn BufRead>,
    buffer: Vec<u8>,
    number: u64,
    name: String,
}

/// A line, or why its text can't be had.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Line<'a> {
    Text(&'a str),
    TooLong,
    NotText,
}

impl Lines {
    /// Of this file; `-` is standard input.
    pub(super) fn open(name: &str) -> Result<Self, Failure> {
        let mut from: Box<dyn BufRead> = if name == "-" {
            Box::new(BufReader::new(std::io::stdin()))
        } else {
            Box::new(BufReader::new(open(name)?))
        };
        let head = from.fill_buf().map_err(|error| unreadable(name, &error))?;
        if COMPRESSED.iter().any(|magic| head.starts_with(magic)) {
            return Err(Failure::usage(format!(
                "{name} is compressed: unpack it first, as in `zcat LOG.gz | portcullis replay -`"
            )));
        }
        Ok(Self::of(from, name))
    }

    pub(super) fn of(from: Box<dyn BufRead>, name: &str) -> Self {
        Self { from, buffer: Vec::new(), number: 0, name: name.to_owned() }
    }

    /// The next line without its end, and its number; none after the last.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Line<'_>)>, Failure> {
        self.buffer.clear();
        let read = self.fill();
        if !read.map_err(|error| unreadable(&self.name, &error))? {
            return Ok(None);
        }
        self.number += 1;
        if self.buffer.len() > LONGEST {
            return Ok(Some((self.number, Line::TooLong)));
        }
        let text = std::str::from_utf8(&self.buffer);
        let line = text.map_or(Line::NotText, |text| Line::Text(without_end(text, self.number)));
        Ok(Some((self.number, line)))
    }

    /// Whether there was a line. What is too long is read and not kept.
    fn fill(&mut self) -> std::io::Result<bool> {
        let most = LONGEST as u64 + 1;
        let read = self
            .from
            .by_ref()
            .take(most)
            .read_until(b'\n', &mut self.buffer)?;
        if self.buffer.len() > LONGEST && !self.buffer.ends_with(b"\n") {
            skip_line(&mut *self.from)?;
        }
        Ok(read > 0)
    }
}

fn skip_line(from: &mut dyn BufRead) -> std::io::Result<()> {
    loop {
        let held = match from.fill_buf() {
            Ok(held) => held,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if held.is_empty() {
            return Ok(());
        }
        match memchr::memchr(b'\n', held) {
            Some(end) => {
                from.consume(end + 1);
                return Ok(());
            }
            None => {
                let all = held.len();
                from.consume(all);
            }
        }
    }
}

fn without_end(text: &str, number: u64) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    // Some programs mark a file as UTF-8 so.
    if number == 1 { text.strip_prefix('\u{feff}').unwrap_or(text) } else { text }
}

fn open(name: &str) -> Result<File, Failure> {
    let file = File::open(name).map_err(|error| unreadable(name, &error))?;
    match file.metadata() {
        Ok(found) if found.is_dir() => {
            Err(Failure::usage(format!("{name} is a folder: name a log in it, or - for input")))
        }
        _ => Ok(file),
    }
}

fn unreadable(name: &str, error: &std::io::Error) -> Failure {
    Failure::usage(format!(
        "{name} can't be read: {error}; name a log that is there, or - for standard input"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<String> {
        let mut lines = Lines::of(Box::new(std::io::Cursor::new(text.to_vec())), "a log");
        let mut all = Vec::new();
        while let Ok(Some((number, line))) = lines.next() {
            all.push(match line {
                Line::Text(text) => format!("{number} {text}"),
                other => format!("{number} {other:?}"),
            });
        }
        all
    }

    #[test]
    fn lines_are_read_whatever_they_are() {
        assert_eq!(lines(b""), Vec::<String>::new());
        assert_eq!(lines("\u{feff}a\r\n\nb".as_bytes()), ["1 a", "2 ", "3 b"]);
        assert_eq!(lines(b"\xff\nb\n"), ["1 NotText", "2 b"]);
        let long = [vec![b'x'; 3 * LONGEST], b"\nb".to_vec()].concat();
        assert_eq!(lines(&long), ["1 TooLong", "2 b"]);
        let just = [vec![b'x'; LONGEST], b"\nb".to_vec()].concat();
        assert_eq!(lines(&just)[1], "2 b");
    }
}
