//! `portcullis audit export`: records for other programs, a page at a time.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::filter::Filter;
use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::output::Page;
use crate::store::{AuditEntry, AuditSearch};

/// So many records are in memory at once.
const PAGE: u32 = 500;

#[derive(Args, Debug)]
pub(super) struct Export {
    #[command(flatten)]
    filter: Filter,

    /// How they are written
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,

    /// A new file for them, instead of standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// One JSON object a line, with the link that the chain is checked by
    Jsonl,
    /// A table for spreadsheets
    Csv,
}

impl Export {
    pub(super) async fn run(&self, desk: &Desk) -> Result<(), Failure> {
        let search = self.filter.search(desk).await?;
        let Some(path) = &self.output else {
            let mut out = BufWriter::new(std::io::stdout());
            return match self.write(desk, search, &mut out).await {
                // Whoever closes the pipe has seen enough.
                Err(Stopped::Write(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
                done => done
                    .map(drop)
                    .map_err(|stopped| stopped.of("standard output")),
            };
        };
        let name = path.display().to_string();
        let file = create(path).map_err(|error| Stopped::Write(error).of(&name))?;
        let mut out = BufWriter::new(file);
        let written = self.write(desk, search, &mut out).await;
        let records = written.map_err(|stopped| stopped.of(&name))?;
        let synced = out.get_ref().sync_all();
        synced.map_err(|error| Stopped::Write(error).of(&name))?;
        let words = format!("{records} records are in {name}.");
        desk.output
            .answer(&json!({ "records": records, "file": name }), &Page::new().line(&words))
    }

    async fn write(
        &self,
        desk: &Desk,
        search: AuditSearch,
        out: &mut impl Write,
    ) -> Result<u64, Stopped> {
        let mut search = AuditSearch { oldest_first: true, limit: PAGE, ..search };
        let mut records = 0;
        if matches!(self.format, Format::Csv) {
            out.write_all(row(&HEAD).as_bytes())?;
        }
        loop {
            let page = desk.admin.audit_entries(&desk.actor, search.clone()).await;
            let page = page.map_err(|error| Stopped::Failed(error.into()))?;
            for entry in &page {
                out.write_all(self.format.line(entry).as_bytes())?;
            }
            records += page.len() as u64;
            search.after = page.last().map(|entry| entry.record.position);
            if page.len() < PAGE as usize {
                out.flush()?;
                return Ok(records);
            }
        }
    }
}

/// Why not all was written.
enum Stopped {
    Failed(Failure),
    Write(std::io::Error),
}

impl From<std::io::Error> for Stopped {
    fn from(error: std::io::Error) -> Self {
        Self::Write(error)
    }
}

impl Stopped {
    fn of(self, name: &str) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::Write(error) if error.kind() == ErrorKind::AlreadyExists => {
                Failure::usage(format!("{name} is there already: name another file"))
            }
            Self::Write(error) => Failure::unexpected(format!(
                "{name} can't be written: {error}; see that there is room, and who owns the folder"
            )),
        }
    }
}

/// For its owner alone: it names people. Never in place of another file.
fn create(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

const HEAD: [&str; 10] =
    ["position", "at", "actor", "action", "account", "reason", "from", "before", "after", "link"];

impl Format {
    fn line(self, entry: &AuditEntry) -> String {
        match self {
            // A struct of strings and numbers always has a text.
            Self::Jsonl => serde_json::to_string(entry).unwrap_or_default() + "\n",
            Self::Csv => csv(entry),
        }
    }
}

fn csv(entry: &AuditEntry) -> String {
    let record = &entry.record;
    let text = |text: &Option<String>| harmless(text.as_deref().unwrap_or_default());
    row(&[
        &record.position.to_string(),
        &record.at.to_string(),
        &harmless(&record.actor),
        record.action.as_str(),
        &record.account.map_or_else(String::new, |id| id.to_string()),
        &text(&record.reason),
        &text(&record.from),
        &text(&record.before),
        &text(&record.after),
        &entry.link.to_hex(),
    ])
}

/// A spreadsheet takes what begins like this for a formula, and runs it.
fn harmless(cell: &str) -> String {
    let runs = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if runs { format!("'{cell}") } else { cell.to_owned() }
}

/// A line of cells, in quotes where they need them.
fn row<S: AsRef<str>>(cells: &[S]) -> String {
    let quoted = |cell: &S| {
        let cell = cell.as_ref();
        match cell.contains(['"', ',', '\n', '\r']) {
            true => format!("\"{}\"", cell.replace('"', "\"\"")),
            false => cell.to_owned(),
        }
    };
    let cells: Vec<_> = cells.iter().map(quoted).collect();
    cells.join(",") + "\r\n"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_made_harmless() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(harmless(formula), format!("'{formula}"));
        }
        assert_eq!(harmless("left = gone"), "left = gone");
    }

    proptest! {
        /// Property: what another program's reader finds in a line is what was written.
        #[test]
        fn a_line_is_read_back(cells in proptest::collection::vec("[a-z=\",;'\r\n ]{0,8}", 2..6)) {
            let line = row(&cells);
            let mut reader = csv_core::Reader::new();
            let (mut text, mut ends) = ([0; 256], [0; 16]);
            let (result, read, _, fields) =
                reader.read_record(line.as_bytes(), &mut text, &mut ends);
            prop_assert!(matches!(result, csv_core::ReadRecordResult::Record));
            prop_assert!(read >= line.len() - 1, "one line of several cells");
            let starts = std::iter::once(0).chain(ends.iter().copied());
            let found: Vec<_> = starts.zip(ends).take(fields)
                .map(|(from, to)| String::from_utf8_lossy(&text[from..to]).into_owned())
                .collect();
            prop_assert_eq!(found, cells);
        }
    }
}
