//! `portcullis run`: changes of many people: followed, stopped, resumed and undone.

use std::io::{IsTerminal, Write};

use clap::Subcommand;
use serde_json::json;

use crate::admin::{BulkItem, BulkRun};
use crate::cli::desk::Desk;
use crate::cli::exit::{Exit, Failure};
use crate::cli::office::Items;
use crate::cli::output::{Page, cell};
use crate::cli::serve::stopped;
use crate::domain::time::Timestamp;
use crate::store::{ItemOutcome, RunId, RunState};

const LIMIT: u32 = 50;

#[derive(Debug, Subcommand)]
pub(super) enum RunCommand {
    /// List runs, newest first
    List {
        /// Only those with a lower number
        #[arg(long, value_name = "NUMBER")]
        before: Option<RunId>,
        /// At most so many
        #[arg(long, value_name = "COUNT", default_value_t = LIMIT,
            value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Show a run: how far it is, and what came of it
    Show {
        /// Its number
        run: RunId,
    },
    /// List what became of each account of a run
    Items {
        /// Its number
        run: RunId,
        /// Only those that came to this: changed, unchanged, refused, not_found or pending
        #[arg(long, value_parser = outcome)]
        outcome: Option<ItemOutcome>,
        /// Only those after this position
        #[arg(long, value_name = "POSITION", default_value_t = 0)]
        after: i64,
        /// At most so many
        #[arg(long, value_name = "COUNT", default_value_t = 100,
            value_parser = clap::value_parser!(u32).range(1..=1000))]
        limit: u32,
    },
    /// Go on with a run that was stopped, and follow it to its end
    Resume {
        /// Its number
        run: RunId,
    },
    /// Stop a run; what was changed stays changed
    Cancel {
        /// Its number
        run: RunId,
    },
    /// Take back what a run did, of people whom nobody changed since
    Undo {
        /// Its number
        run: RunId,
    },
}

impl RunCommand {
    pub(super) async fn run(&self, desk: &Desk) -> Result<(), Failure> {
        match self {
            Self::List { before, limit } => list(desk, *before, *limit).await,
            Self::Show { run } => told(desk, &desk.office.run(*run).await?),
            Self::Items { run, outcome, after, limit } => {
                let (run, outcome, after, limit) = (*run, *outcome, *after, *limit);
                items(desk, Items { run, outcome, after, limit }).await
            }
            Self::Resume { run } => {
                desk.office.resume_run(*run).await?;
                told(desk, &finish(desk, *run).await?)
            }
            Self::Cancel { run } => told(desk, &desk.office.cancel_run(*run).await?),
            Self::Undo { run } => {
                let undo = desk.office.undo_run(*run).await?;
                told(desk, &finish(desk, undo.id).await?)?;
                desk.output.hint("Sessions that were ended stay ended.");
                Ok(())
            }
        }
    }
}

/// Works on a run to its end, and shows how far it is. A signal stops it; where a server
/// works on it, a signal ends the looking on alone.
pub(super) async fn finish(desk: &Desk, id: RunId) -> Result<BulkRun, Failure> {
    let mut line = Line::new(desk);
    let finished = tokio::select! {
        finished = desk.office.follow_run(id, |run| line.show(run)) => Some(finished),
        () = stopped() => None,
    };
    line.end();
    match finished {
        Some(Err(lost)) if desk.office.works_on_runs() => {
            desk.output
                .remark(&format!("Run {id} goes on there, if the server does."));
            Err(lost.try_next(format!("run show {id}")))
        }
        Some(finished) => finished,
        None if desk.office.works_on_runs() => {
            let message = format!("run {id} goes on: nobody looks on any more");
            Err(Failure::new(Exit::Failed, message).try_next(format!("run show {id}")))
        }
        None => {
            desk.office.cancel_run(id).await?;
            let message = format!("run {id} was stopped: what was changed stays changed");
            Err(Failure::new(Exit::Failed, message).try_next(format!("run resume {id}")))
        }
    }
}

/// One line on standard error that is written over; where nobody watches, a line every
/// now and then.
struct Line<'a> {
    desk: &'a Desk,
    live: bool,
    shown_at: Option<Timestamp>,
}

/// How often the line is written: more often, nobody sees.
const LIVE_EVERY: std::time::Duration = std::time::Duration::from_millis(100);
const LOG_EVERY: std::time::Duration = std::time::Duration::from_secs(10);

impl<'a> Line<'a> {
    fn new(desk: &'a Desk) -> Self {
        Self { desk, live: std::io::stderr().is_terminal(), shown_at: None }
    }

    fn show(&mut self, run: &BulkRun) {
        let now = self.desk.office.now();
        let every = if self.live { LIVE_EVERY } else { LOG_EVERY };
        let first = *self.shown_at.get_or_insert(now);
        let due = now.since(first) >= every || (self.live && run.state != RunState::Running);
        if !due {
            return;
        }
        self.shown_at = Some(now);
        let words = format!("{} of {}", run.counts.decided(), run.total);
        if self.live {
            let _ = write!(std::io::stderr().lock(), "\r{words} ");
        } else {
            self.desk.output.remark(&words);
        }
    }

    fn end(&self) {
        if self.live && self.shown_at.is_some() {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

/// Tells what a run came to.
pub(super) fn told(desk: &Desk, run: &BulkRun) -> Result<(), Failure> {
    let counts = run.counts;
    let mut page = Page::new().line(&format!(
        "Run {} is {}: {} changed, {} as asked for already, {} refused, {} not found.",
        run.id, run.state, counts.changed, counts.unchanged, counts.refused, counts.not_found,
    ));
    if counts.refused > 0 {
        let command = desk.command(&format!("run items {} --outcome refused", run.id));
        page = page.line(&format!("Who was refused, and why: {command}"));
    }
    if let Some(by) = run.undone_by {
        page = page.line(&format!("It was undone by run {by}."));
    } else if counts.changed > 0 && run.ended_at.is_some() {
        page = page
            .line(&format!("To take it back: {}", desk.command(&format!("run undo {}", run.id))));
    }
    desk.output.answer(run, &page)
}

async fn list(desk: &Desk, before: Option<RunId>, limit: u32) -> Result<(), Failure> {
    let runs = desk.office.runs(before, limit).await?;
    let row = |run: &BulkRun| {
        [
            cell(run.id),
            cell(run.begun_at.map(|at| desk.stamp(at)).unwrap_or_default()),
            cell(run.origin),
            cell(&run.by),
            cell(run.state),
            cell(format!("{} of {}", run.counts.decided(), run.total)),
            cell(run.counts.changed),
            cell(run.counts.refused),
        ]
    };
    let head = ["RUN", "BEGUN", "KIND", "WHO", "STATE", "DONE", "CHANGED", "REFUSED"];
    let page = match runs.is_empty() {
        true => Page::new().line("There was no run yet."),
        false => Page::new().table(head, 8, runs.iter().map(row).collect()),
    };
    desk.output.answer(&json!({ "runs": runs }), &page)
}

async fn items(desk: &Desk, asked: Items) -> Result<(), Failure> {
    let Items { run, outcome, limit, .. } = asked;
    let items = desk.office.run_items(asked).await?;
    let logins = desk
        .logins(items.iter().filter_map(|item| item.account))
        .await?;
    let row = |item: &BulkItem| {
        let login = item.account.and_then(|id| logins.get(&id).cloned());
        [
            cell(item.position),
            cell(login.or_else(|| item.name.clone()).unwrap_or_default()),
            cell(item.outcome),
            cell(item.refused.map(|why| why.to_string()).unwrap_or_default()),
        ]
    };
    let next = items.last().map(|item| item.position);
    let next = next.filter(|_| items.len() as u64 >= u64::from(limit));
    let page = match items.is_empty() {
        true => Page::new().line("Nothing is here."),
        false => {
            let head = ["POSITION", "WHO", "OUTCOME", "WHY"];
            Page::new().table(head, 3, items.iter().map(row).collect())
        }
    };
    desk.output
        .answer(&json!({ "items": items, "next": next }), &page)?;
    if let Some(next) = next {
        let only = outcome.map_or_else(String::new, |outcome| format!(" --outcome {outcome}"));
        let words = format!("run items {run}{only} --after {next}");
        desk.output.hint(&format!("more: {}", desk.command(&words)));
    }
    Ok(())
}

fn outcome(word: &str) -> Result<ItemOutcome, String> {
    ItemOutcome::from_word(word)
        .ok_or_else(|| "write changed, unchanged, refused, not_found or pending".to_owned())
}
