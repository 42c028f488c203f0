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
use crate::cli::output::Page;
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
        let mut search = AuditSearch { oldest_first: true, limit: PAGE, ..search };
        let mut records = 0;
        let format = ExportFormat::from(self.format);
        out.write_all(format.head().as_bytes())?;
        loop {
            let page = desk.admin.audit_entries(&desk.actor, search.clone()).await;
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
