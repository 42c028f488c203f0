//! What the program prints: tables and sentences for people, JSON for programs.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};

use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table, presets};
use serde::Serialize;

use crate::cli::exit::Failure;
use crate::domain::standing::Status;

/// A table that is narrower can't be read; the terminal may break its lines.
const MIN_WIDTH: u16 = 72;

/// Where answers go.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    json: bool,
    colour: bool,
}

impl Output {
    /// To standard output.
    pub(super) fn new(json: bool) -> Self {
        Self { json, colour: wants_colour(&std::io::stdout()) }
    }

    /// Answers: with words for people, or with JSON where that was asked for.
    pub(super) fn answer(self, json: &impl Serialize, page: &Page) -> Result<(), Failure> {
        let text = if self.json { to_json(json)? } else { page.0.clone() };
        // Whoever closes the pipe has seen enough.
        match write(&text) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            done => done.map_err(|error| unwritable(&error)),
        }
    }

    /// Answers with what is shown only once: not to be heard is a failure.
    pub(super) fn secret(self, json: &impl Serialize, secret: &str) -> Result<(), Failure> {
        let text = if self.json { to_json(json)? } else { secret.to_owned() };
        write(&text).map_err(|error| unwritable(&error))
    }

    /// Says something beside the answer, on standard error.
    pub(super) fn remark(self, words: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{}", clean(words));
    }

    /// Says to people what they may want to do next.
    pub(super) fn hint(self, words: &str) {
        if !self.json {
            self.remark(words);
        }
    }

    /// A status always as a word, in its colour where colours are wanted.
    pub(super) fn status(self, status: Status, words: &str) -> Cell {
        let colour = match status {
            Status::Active => Color::Green,
            Status::Locked => Color::Yellow,
            _ => Color::DarkGrey,
        };
        let cell = cell(words);
        if self.colour { cell.fg(colour) } else { cell }
    }
}

/// Colours are for terminals, unless `NO_COLOR` is set to anything.
pub(super) fn wants_colour(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !refused && stream.is_terminal()
}

/// An answer for people: sentences and tables, whose texts may have come from
/// anywhere and steer nothing.
#[derive(Clone, Debug, Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The same, and a line of words.
    pub(super) fn line(self, words: &str) -> Self {
        self.push(&clean(words))
    }

    /// The same, and a table as wide as the terminal; unwrapped where there is none.
    /// What is in the first `whole` columns stays in one piece.
    pub(super) fn table<const N: usize>(
        self,
        head: [&str; N],
        whole: usize,
        rows: Vec<[Cell; N]>,
    ) -> Self {
        let mut table = Table::new();
        table
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_header(head)
            .add_rows(rows);
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        for column in table.column_iter_mut().take(whole) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
        // Some terminals say 0 for a width that they do not know.
        if table.width().is_some_and(|width| width < MIN_WIDTH) {
            table.set_width(MIN_WIDTH);
        }
        self.push(&table.trim_fmt())
    }

    fn push(mut self, text: &str) -> Self {
        self.0.push_str(text);
        self.0.push('\n');
        self
    }
}

/// A cell with a text that may have come from anywhere.
pub(super) fn cell(content: impl Display) -> Cell {
    Cell::new(clean(&content.to_string()).replace('\n', " "))
}

/// The text without what would steer the terminal or turn the writing direction.
pub(super) fn clean(text: &str) -> String {
    let steers = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(u32::from(c), 0x061C | 0x200E..=0x200F | 0x202A..=0x202E | 0x2066..=0x2069)
    };
    text.chars()
        .map(|c| if steers(c) { '\u{fffd}' } else { c })
        .collect()
}

fn to_json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value)
        .map_err(|error| Failure::unexpected(format!("the answer can't be written: {error}")))
}

fn write(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn unwritable(error: &std::io::Error) -> Failure {
    Failure::unexpected(format!(
        "the answer can't be written: {error}; check what standard output leads to"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_steers_the_terminal() {
        assert_eq!(clean("a\u{1b}[2J\r\u{202e}b\nc"), "a\u{fffd}[2J\u{fffd}\u{fffd}b\nc");
        let page = Page::new()
            .line("\u{7}!")
            .table(["WHO"], 1, vec![[cell("two\nlines")]]);
        assert_eq!(page.0, "\u{fffd}!\nWHO\ntwo lines\n");
    }
}
