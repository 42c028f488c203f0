//! `portcullis audit export`: records for other programs, a page at a time.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;

use super::filter::Filter;
use crate::admin::ExportFormat;
use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::office::{Host, Office, asked};
use crate::cli::output::Page;
use crate::cli::remote::Client;
use crate::store::AuditSearch;

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
        let format = ExportFormat::from(self.format);
        match &desk.office {
            Office::Here(host) => write(host, search, format, out).await,
            Office::There(client) => copy(client, &search, format, out).await,
        }
    }
}

/// Writes records, a page at a time.
async fn write(
    host: &Host,
    search: AuditSearch,
    format: ExportFormat,
    out: &mut impl Write,
) -> Result<u64, Stopped> {
    let mut search = AuditSearch { oldest_first: true, limit: PAGE, ..search };
    let mut records = 0;
    out.write_all(format.head().as_bytes())?;
    loop {
        let page = host.admin.audit_entries(&host.actor, search.clone()).await;
        let page = page.map_err(|error| Stopped::Failed(error.into()))?;
        for entry in &page {
            out.write_all(format.line(entry).as_bytes())?;
        }
        records += page.len() as u64;
        search.after = page.last().map(|entry| entry.record.position);
        if page.len() < PAGE as usize {
            out.flush()?;
            return Ok(records);
        }
    }
}

/// Writes what a server exports, as it comes: that is whole, or it breaks off.
async fn copy(
    client: &Client,
    search: &AuditSearch,
    format: ExportFormat,
    out: &mut impl Write,
) -> Result<u64, Stopped> {
    let word = match format {
        ExportFormat::Csv => "csv",
        ExportFormat::Jsonl => "jsonl",
    };
    let mut query = asked(search);
    query.push(("format", word.to_owned()));
    let opened = client.open("audit/export", query).await;
    let mut answer = opened.map_err(Stopped::Failed)?;
    let mut lines = Lines::of(format);
    loop {
        let part = client.part(&mut answer).await.map_err(Stopped::Failed)?;
        let Some(part) = part else { break };
        lines.count(part.as_ref());
        out.write_all(part.as_ref())?;
    }
    out.flush()?;
    let head = u64::from(format == ExportFormat::Csv);
    Ok(lines.ended.saturating_sub(head))
}

/// Counts records by the ends of their lines. A cell of a table may have some of its
/// own, in quotes; a line of JSON has none.
struct Lines {
    ended: u64,
    quotes: bool,
    quoted: bool,
}

impl Lines {
    const fn of(format: ExportFormat) -> Self {
        Self { ended: 0, quotes: matches!(format, ExportFormat::Csv), quoted: false }
    }

    fn count(&mut self, text: &[u8]) {
        for byte in text {
            match byte {
                b'"' => self.quoted = self.quotes && !self.quoted,
                b'\n' if !self.quoted => self.ended += 1,
                _ => {}
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

impl From<Format> for ExportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Csv => Self::Csv,
            Format::Jsonl => Self::Jsonl,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Property: there are as many records as were written, whatever is in them and
        /// wherever the text is cut on its way.
        #[test]
        fn every_record_is_counted_once(
            reasons in proptest::collection::vec("[a-z\",\r\n\\\\]{0,8}", 0..6),
            at in 0_usize..200,
            csv: bool,
        ) {
            let format = if csv { ExportFormat::Csv } else { ExportFormat::Jsonl };
            let mut text = format.head();
            for reason in &reasons {
                let quoted = reason.replace('"', "\"\"");
                text += &match csv {
                    true => format!("7,\"{quoted}\"\r\n"),
                    false => format!("{}\n", json!({ "reason": reason })),
                };
            }
            let mut lines = Lines::of(format);
            let (start, rest) = text.as_bytes().split_at(at.min(text.len()));
            lines.count(start);
            lines.count(rest);
            prop_assert_eq!(lines.ended, reasons.len() as u64 + u64::from(csv));
        }
    }
}
