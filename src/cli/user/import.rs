//! `portcullis user import`: takes people over, row by row.

mod row;

use std::collections::HashSet;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use self::row::Columns;
use crate::admin::Import as Done;
use crate::cli::desk::Desk;
use crate::cli::exit::{Exit, Failure};
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
        let columns = match records.next() {
            None => {
                return Err(Failure::usage("the file is empty: its first line names the columns"));
            }
            Some(Err(bad)) => return Err(Failure::usage(bad.to_string())),
            Some(Ok(head)) => Columns::of(&head.fields).map_err(Failure::usage)?,
        };
        let (mut tally, mut seen) = (Tally::default(), HashSet::new());
        while let Some(record) = records.next() {
            let (line, login, outcome) = match record {
                Err(bad) if bad.is_end && !bad.why.contains("more than") => {
                    return Err(Failure::unexpected(bad.to_string()));
                }
                Err(bad) => (bad.line, None, Err(bad.why)),
                Ok(record) => {
                    let login = columns.login(&record.fields).to_owned();
                    let done = self.one(desk, &columns, &record.fields, &mut seen).await?;
                    (record.line, Some(login), done)
                }
            };
            tally.count(&outcome);
            say(desk, line, login.as_deref(), &outcome)?;
            tally.show(false);
        }
        tally.show(true);
        self.sum_up(desk, &tally)
    }

    /// The outer error is the store's: the rest is not tried then.
    async fn one(
        &self,
        desk: &Desk,
        columns: &Columns,
        fields: &[String],
        seen: &mut HashSet<String>,
    ) -> Result<Result<Done, String>, Failure> {
        let person = match columns.person(fields, desk.office.now()) {
            Err(why) => return Ok(Err(why)),
            Ok(person) => person,
        };
        if !seen.insert(person.login().as_str().to_owned()) {
            return Ok(Err("the login stands on an earlier line, too".to_owned()));
        }
        let done = match self.dry_run {
            true => {
                desk.host()?
                    .admin
                    .preview_import(&person, self.update)
                    .await
            }
            false => {
                desk.host()?
                    .admin
                    .import(&desk.host()?.actor, person, self.update)
                    .await
            }
        };
        match done {
            Err(error) => {
                let failure = Failure::from(error);
                if failure.is_of_store() {
                    Err(failure)
                } else {
                    Ok(Err(failure.message().to_owned()))
                }
            }
            Ok(done) => Ok(Ok(done)),
        }
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

impl Tally {
    fn count(&mut self, outcome: &Result<Done, String>) {
        match outcome {
            Ok(Done::Added) => self.added += 1,
            Ok(Done::Kept) => self.kept += 1,
            Ok(Done::Unchanged) => self.unchanged += 1,
            Ok(Done::Updated) => self.updated += 1,
            Err(_) => self.refused += 1,
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
fn say(
    desk: &Desk,
    line: u64,
    login: Option<&str>,
    outcome: &Result<Done, String>,
) -> Result<(), Failure> {
    let (word, why) = match outcome {
        Ok(Done::Added) => ("added", None),
        Ok(Done::Kept) => ("exists", None),
        Ok(Done::Unchanged) => ("unchanged", None),
        Ok(Done::Updated) => ("updated", None),
        Err(why) => ("refused", Some(why.as_str())),
    };
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
