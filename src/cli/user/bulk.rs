//! `portcullis user bulk`: changes many people at once.

use std::fs::File;
use std::io::{BufRead, IsTerminal, Read, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::admin::{
    AdminWish, BulkChange, BulkPreview, BulkRequest, DisableWish, LockWish, Selection,
};
use crate::cli::desk::{Desk, account_number};
use crate::cli::exit::Failure;
use crate::cli::output::Page;
use crate::cli::run::{finish, told};
use crate::cli::user::change::reason;
use crate::cli::user::filters::Filters;
use crate::cli::when::When;
use crate::domain::account::AccountId;
use crate::domain::csv::column;
use crate::domain::lock::Reason;

#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
enum YesNo {
    Yes,
    No,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Bulk {
    #[command(flatten)]
    whom: Whom,

    /// Lay an admin lock, or lift all locks
    #[arg(long, value_name = "yes|no")]
    lock: Option<YesNo>,

    /// When the lock ends: 2h, 3 days, or 2030-01-31T12:00:00Z; left out, when unlocked
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true, requires = "lock")]
    until: Option<When>,

    /// Why, for the audit log and for administrators
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<Reason>,

    /// Disable, with a reason, or enable
    #[arg(long, value_name = "yes|no")]
    disable: Option<YesNo>,

    /// Make them administrators, or administrators no more
    #[arg(long, value_name = "yes|no")]
    admin: Option<YesNo>,

    /// Sign them out everywhere
    #[arg(long)]
    sign_out: bool,

    /// Say what would happen, and change nothing
    #[arg(long)]
    dry_run: bool,

    /// Don't ask
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

/// Whom to change.
#[derive(Args, Debug)]
struct Whom {
    /// Everybody
    #[arg(long, conflicts_with_all = ["ids", "logins"])]
    all: bool,

    /// The accounts with these numbers
    #[arg(long, value_name = "NUMBER,NUMBER", value_delimiter = ',',
        value_parser = account_number, conflicts_with = "logins")]
    ids: Vec<AccountId>,

    /// Whose logins or addresses are in this file, one a line or in its column `login`; - reads
    /// standard input
    #[arg(long, value_name = "FILE")]
    logins: Option<PathBuf>,

    #[command(flatten)]
    filters: Filters,
}

impl Bulk {
    pub(super) async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let request =
            BulkRequest { selection: self.whom.selection(desk).await?, change: self.change(desk)? };
        if self.dry_run || !self.yes {
            let preview = desk.office.preview_bulk(&request).await?;
            if self.dry_run {
                return desk.output.answer(&preview, &foretold(&preview));
            }
            if !agreed(desk, &preview)? {
                desk.output.remark("Nothing was changed.");
                return Ok(());
            }
        }
        let begun = desk.office.begin_bulk(request).await?;
        let run = finish(desk, begun.id).await?;
        told(desk, &run)
    }

    fn change(&self, desk: &Desk) -> Result<BulkChange, Failure> {
        let locked = match self.lock {
            None => LockWish::Leave,
            Some(YesNo::No) if self.until.is_some() => {
                return Err(Failure::usage("an unlock has no end: leave --until out"));
            }
            Some(YesNo::No) => LockWish::No,
            Some(YesNo::Yes) => {
                let until = self
                    .until
                    .as_ref()
                    .map(|when| desk.instant(when))
                    .transpose()?;
                LockWish::Yes { until, reason: self.reason.clone() }
            }
        };
        let disabled = match (self.disable, &self.reason) {
            (None, _) => DisableWish::Leave,
            (Some(YesNo::No), _) => DisableWish::No,
            (Some(YesNo::Yes), Some(reason)) => DisableWish::Yes { reason: reason.clone() },
            (Some(YesNo::Yes), None) => {
                return Err(Failure::usage("to disable needs a reason: say it with --reason"));
            }
        };
        let admin = match self.admin {
            None => AdminWish::Leave,
            Some(YesNo::No) => AdminWish::No,
            Some(YesNo::Yes) => AdminWish::Yes,
        };
        let change = BulkChange { locked, disabled, admin, sign_out: self.sign_out };
        if change == BulkChange::default() {
            let message = "say what to change: --lock, --disable, --admin or --sign-out";
            return Err(Failure::usage(message));
        }
        Ok(change)
    }
}

impl Whom {
    async fn selection(&self, desk: &Desk) -> Result<Selection, Failure> {
        let by_name = !self.ids.is_empty() || self.logins.is_some();
        if by_name && !self.filters.are_none() {
            let message = "name people, or say what they have in common, not both";
            return Err(Failure::usage(message));
        }
        if let Some(path) = &self.logins {
            return Ok(Selection::Logins(logins(path)?));
        }
        if !self.ids.is_empty() {
            return Ok(Selection::Ids(self.ids.clone()));
        }
        if self.filters.are_none() && !self.all {
            let message = "say whom: --all, --ids, --logins, or what they have in common";
            return Err(Failure::usage(message));
        }
        Ok(Selection::Search(self.filters.of(desk).await?))
    }
}

/// Opens what is named, or standard input.
pub(super) fn open(path: &PathBuf) -> Result<Box<dyn Read>, Failure> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(std::io::stdin()));
    }
    let file = File::open(path).map_err(|error| {
        Failure::usage(format!("{} can't be read: {error}; name another file", path.display()))
    })?;
    Ok(Box::new(file))
}

fn logins(path: &PathBuf) -> Result<Vec<String>, Failure> {
    column(open(path)?, "login").map_err(|error| Failure::usage(error.to_string()))
}

fn foretold(preview: &BulkPreview) -> Page {
    let counts = preview.counts;
    let mut page = Page::new().line(&format!(
        "{} would be changed, {} are as asked for already, {} would be refused, {} are not found.",
        counts.changed, counts.unchanged, counts.refused, counts.not_found,
    ));
    for refused in &preview.refused {
        page = page.line(&format!("{}: {}", refused.login, refused.why));
    }
    if preview.refused.len() as u64 != counts.refused {
        page = page.line("And others.");
    }
    page
}

/// Asks on the terminal. Where nobody can be asked, nothing is done unasked.
fn agreed(desk: &Desk, preview: &BulkPreview) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        let message = "nobody can be asked here: look at it with --dry-run, then say --yes";
        return Err(Failure::usage(message));
    }
    desk.output.remark(&format!(
        "{} accounts would be changed, {} refused.",
        preview.counts.changed, preview.counts.refused
    ));
    let mut err = std::io::stderr().lock();
    let _ = write!(err, "Go on? [y/N] ");
    let _ = err.flush();
    let mut answer = String::new();
    let _ = std::io::stdin().lock().read_line(&mut answer);
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
