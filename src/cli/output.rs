//! What the program prints: tables and sentences for people, JSON for programs.

use std::fmt::Display;
use std::io::{ErrorKind, IsTerminal, Write};

use comfy_table::{Cell, Color, ColumnConstraint, ContentArrangement, Table, Width, presets};
use serde::Serialize;

use crate::cli::exit::Failure;
use crate::domain::standing::Status;

/// Where a terminal does not know its width.
const USUAL_WIDTH: u16 = 80;

/// Between two columns.
const GAP: u16 = 2;

/// A longer word is broken, if it must be.
const LONGEST_WORD: u16 = 20;

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

    /// Whether programs read the answer.
    pub(super) const fn is_json(self) -> bool {
        self.json
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

    /// One of many answers: a line of words, or JSON on one line.
    pub(super) fn line(self, json: &serde_json::Value, words: &str) -> std::io::Result<()> {
        if self.json { write(&json.to_string()) } else { write(&clean(words)) }
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
    /// What is in the first `whole` columns stays in one piece. Where that leaves
    /// no room for the words of the others, each row is a list of its own.
    pub(super) fn table<const N: usize>(
        self,
        head: [&str; N],
        whole: usize,
        rows: Vec<[Cell; N]>,
    ) -> Self {
        // Some terminals say 0 for a width that they do not know.
        let width = Table::new().width();
        let width = width.map(|width| if width == 0 { USUAL_WIDTH } else { width });
        self.table_within(width, head, whole, rows)
    }

    fn table_within<const N: usize>(
        self,
        width: Option<u16>,
        head: [&str; N],
        whole: usize,
        rows: Vec<[Cell; N]>,
    ) -> Self {
        let mut table = bare_table(width);
        table.set_header(head).add_rows(rows.clone());
        let contents = table.column_max_content_widths();
        let mut least = 0;
        for (at, (column, content)) in table.column_iter_mut().zip(contents).enumerate() {
            let gap = if at + 1 < N { GAP } else { 0 };
            column.set_padding((0, gap));
            let width = if at < whole {
                column.set_constraint(ColumnConstraint::ContentWidth);
                content
            } else {
                let words = rows.iter().map(|row| longest_word(&row[at].content()));
                let word = words.fold(longest_word(head[at]), u16::max).min(content);
                column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(word + gap)));
                word
            };
            least += usize::from(width + gap);
        }
        match width {
            Some(width) if least > usize::from(width) => self.lists(head, rows, width),
            _ => self.push(&table.trim_fmt()),
        }
    }

    /// The same, and each row below the one before, a line for each of its cells.
    fn lists<const N: usize>(self, head: [&str; N], rows: Vec<[Cell; N]>, width: u16) -> Self {
        let list = |row: [Cell; N]| {
            let mut list = bare_table(Some(width));
            let lines = head.into_iter().zip(row);
            for (name, cell) in lines.filter(|(_, cell)| !cell.content().is_empty()) {
                list.add_row([Cell::new(name), cell]);
            }
            for (at, column) in list.column_iter_mut().enumerate() {
                column.set_padding((0, if at == 0 { GAP } else { 0 }));
            }
            if let Some(names) = list.column_mut(0) {
                names.set_constraint(ColumnConstraint::ContentWidth);
            }
            list.trim_fmt() + "\n"
        };
        let lists: Vec<_> = rows.into_iter().map(list).collect();
        self.push(lists.join("\n").trim_end())
    }

    /// Its text, to be shown beside the answer.
    pub(super) fn into_text(self) -> String {
        self.0
    }

    fn push(mut self, text: &str) -> Self {
        self.0.push_str(text);
        self.0.push('\n');
        self
    }
}

fn bare_table(width: Option<u16>) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic);
    if let Some(width) = width {
        table.set_width(width);
    }
    table
}

fn longest_word(text: &str) -> u16 {
    let words = text.split(' ').map(|word| word.chars().count());
    let longest = words.max().and_then(|longest| longest.try_into().ok());
    longest.unwrap_or(LONGEST_WORD).min(LONGEST_WORD)
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

    fn shown(width: Option<u16>) -> String {
        let rows =
            vec![[cell("alice@example.org"), cell("left the company")], [cell("bob"), cell("")]];
        Page::new().table_within(width, ["LOGIN", "WHY"], 1, rows).0
    }

    #[test]
    fn a_table_is_as_wide_as_its_terminal() {
        let one_line = "LOGIN              WHY\nalice@example.org  left the company\nbob\n";
        assert_eq!(shown(None), one_line);
        assert_eq!(shown(Some(80)), one_line);
        let wrapped = "LOGIN              WHY\nalice@example.org  left the\n                   company\nbob\n";
        assert_eq!(shown(Some(30)), wrapped);
    }

    #[test]
    fn no_word_is_broken_where_a_table_does_not_fit() {
        let lists = "LOGIN  alice@example.org\nWHY    left the company\n\nLOGIN  bob\n";
        assert_eq!(shown(Some(25)), lists);
    }
}
