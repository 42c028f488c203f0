//! `portcullis user import`: takes people over, row by row.

use std::collections::HashSet;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::admin::import_row::Columns;
use crate::api::own::files::{RowOutcome, RowView};
use crate::cli::desk::Desk;
use crate::cli::exit::{Exit, Failure};
use crate::cli::office::{ImportAsked, Office};
use crate::cli::output::clean;
use crate::cli::user::bulk::open;
use crate::domain::csv::Records;

/// How many rows there are between two signs of life.
const SHOWN_EVERY: u64 = 100;

#[derive(Args, Debug)]
pub(in crate::cli) struct Import {
    /// A file of comma-separated values whose first line names the columns: login, name,
    /// first_name, last_name, email, admin, permissions, external_id, status, locked, disabled,
    /// password_hash; - reads standard input
    file: PathBuf,

    /// Say what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Change the accounts that are there already; they are left otherwise
    #[arg(long)]
    update: bool,
}

/// How many rows came to what.
#[derive(Default)]
struct Tally {
    added: u64,
    updated: u64,
    unchanged: u64,
    kept: u64,
    refused: u64,
}

impl Import {
    pub(super) async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let mut records = Records::new(open(&self.file)?);
        let (head, columns) = match records.next() {
            None => {
                return Err(Failure::usage("the file is empty: its first line names the columns"));
            }
            Some(Err(bad)) => return Err(Failure::usage(bad.to_string())),
            Some(Ok(head)) => {
                (head.fields.clone(), Columns::of(&head.fields).map_err(Failure::usage)?)
            }
        };
        let mut work = Work {
            desk,
            import: &self,
            head,
            columns,
            tally: Tally::default(),
            seen: HashSet::new(),
        };
        let mut batch = Batch::default();
        while let Some(record) = records.next() {
            match record {
                Err(bad) if bad.is_end && !bad.why.contains("more than") => {
                    work.done(&mut batch).await?;
                    return Err(Failure::unexpected(bad.to_string()));
                }
                Err(bad) => batch
                    .0
                    .push(Row { line: bad.line, login: None, fields: Err(bad.why) }),
                Ok(record) => batch.0.push(work.row(record.line, record.fields)),
            }
            if batch.is_full(&desk.office) {
                work.done(&mut batch).await?;
            }
        }
        work.done(&mut batch).await?;
        work.tally.show(true);
        self.sum_up(desk, &work.tally)
    }

    fn sum_up(&self, desk: &Desk, tally: &Tally) -> Result<(), Failure> {
        let Tally { added, updated, unchanged, kept, refused } = tally;
        let would = if self.dry_run { "Nothing was changed. It would be: " } else { "" };
        desk.output.remark(&format!(
            "{would}{added} added, {updated} updated, {unchanged} as in the file already, \
             {kept} there already and left, {refused} refused."
        ));
        if *refused == 0 {
            return Ok(());
        }
        let message = "some rows were refused: mend them, and run it again; \
                       who is there already is not added twice";
        Err(Failure::new(Exit::Refused, message))
    }
}

/// Rows that wait for their turn, in the order of the file. Holds hashes of passwords.
#[derive(Default)]
struct Batch(Vec<Row>);

/// A line of the file.
struct Row {
    line: u64,
    login: Option<String>,
    /// Its values, or why it is refused already.
    fields: Result<Vec<String>, String>,
}

/// How many rows, and of how many bytes, a server is sent in one go.
const MOST_ROWS: usize = 200;
const MOST_BYTES: usize = 1 << 20;

impl Batch {
    /// Here each row is done by itself, and told at once.
    fn is_full(&self, office: &Office) -> bool {
        let bytes = |row: &Row| row.fields.iter().flatten().map(String::len).sum::<usize>();
        match office {
            Office::Here(_) => true,
            Office::There(_) => {
                self.0.len() >= MOST_ROWS || self.0.iter().map(bytes).sum::<usize>() >= MOST_BYTES
            }
        }
    }
}

/// An import on its way through the file.
struct Work<'a> {
    desk: &'a Desk,
    import: &'a Import,
    head: Vec<String>,
    columns: Columns,
    tally: Tally,
    seen: HashSet<String>,
}

impl Work<'_> {
    /// A line of the file, refused already where it can't be a person or stands twice.
    fn row(&mut self, line: u64, fields: Vec<String>) -> Row {
        let login = Some(self.columns.login(&fields).to_owned());
        let person = self.columns.person(&fields, self.desk.office.now());
        let fields = match person {
            Err(why) => Err(why),
            Ok(person) if !self.seen.insert(person.login().as_str().to_owned()) => {
                Err("the login stands on an earlier line, too".to_owned())
            }
            Ok(_) => Ok(fields),
        };
        Row { line, login, fields }
    }

    /// Does what waits, and tells what became of each row.
    async fn done(&mut self, batch: &mut Batch) -> Result<(), Failure> {
        let rows = std::mem::take(&mut batch.0);
        let good = rows
            .iter()
            .filter_map(|row| row.fields.as_ref().ok().cloned());
        let good: Vec<_> = good.collect();
        let asked = ImportAsked {
            columns: &self.head,
            rows: &good,
            update: self.import.update,
            dry_run: self.import.dry_run,
        };
        let (done, lost) = match good.is_empty() {
            true => (Vec::new(), None),
            false => self.desk.office.import(&asked).await?,
        };
        let mut done = done.into_iter();
        for row in &rows {
            let outcome = match &row.fields {
                Err(why) => RowView { outcome: RowOutcome::Refused, why: Some(why.clone()) },
                Ok(_) => match done.next() {
                    Some(outcome) => outcome,
                    None => break,
                },
            };
            self.tally.count(outcome.outcome);
            say(self.desk, row.line, row.login.as_deref(), &outcome)?;
            self.tally.show(false);
        }
        lost.map_or(Ok(()), Err)
    }
}

impl Tally {
    fn count(&mut self, outcome: RowOutcome) {
        match outcome {
            RowOutcome::Added => self.added += 1,
            RowOutcome::Exists => self.kept += 1,
            RowOutcome::Unchanged => self.unchanged += 1,
            RowOutcome::Updated => self.updated += 1,
            RowOutcome::Refused => self.refused += 1,
        }
    }

    /// Shows on a terminal how far it is, where the outcomes go elsewhere.
    fn show(&self, is_end: bool) {
        let rows = self.added + self.updated + self.unchanged + self.kept + self.refused;
        let watched = std::io::stderr().is_terminal() && !std::io::stdout().is_terminal();
        if watched && (is_end || rows.is_multiple_of(SHOWN_EVERY)) {
            let end = if is_end { "\r\x1b[K".to_owned() } else { format!("\r{rows} rows ") };
            let _ = write!(std::io::stderr().lock(), "{end}");
        }
    }
}

/// One line for each row, as it is done.
fn say(desk: &Desk, line: u64, login: Option<&str>, outcome: &RowView) -> Result<(), Failure> {
    let word = match outcome.outcome {
        RowOutcome::Added => "added",
        RowOutcome::Exists => "exists",
        RowOutcome::Refused => "refused",
        RowOutcome::Unchanged => "unchanged",
        RowOutcome::Updated => "updated",
    };
    let why = outcome.why.as_deref();
    let text = if desk.output.is_json() {
        json!({ "line": line, "login": login, "outcome": word, "why": why }).to_string()
    } else {
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        clean(&format!("line {line}: {} {word}{why}", login.unwrap_or("?"))).replace('\n', " ")
    };
    writeln!(std::io::stdout().lock(), "{text}").map_err(|error| {
        Failure::unexpected(format!("the answer can't be written: {error}; run it again"))
    })
}
