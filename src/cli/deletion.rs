//! `portcullis deletion`: deletions under way, and those that ended.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::cli::desk::Desk;
use crate::cli::exit::{Exit, Failure};
use crate::cli::office::Run;
use crate::cli::output::{Page, cell};
use crate::domain::deletion::{Deletion, DeletionId, DeletionState, ModuleProgress};
use crate::store::DeletionQuery;

#[derive(Debug, Subcommand)]
pub(super) enum DeletionCommand {
    /// List deletions, newest first
    List(List),
    /// Show a deletion: what was asked for, what is done, what stopped it
    Show(One),
    /// Go on with a deletion that stopped
    Resume(One),
    /// Call a deletion off: what was moved stays moved, and the account stays locked
    Cancel(One),
}

#[derive(Args, Debug)]
pub(super) struct List {
    /// Only those that can still come to their end
    #[arg(long)]
    open: bool,

    /// Only those before this one
    #[arg(long, value_name = "NUMBER")]
    before: Option<DeletionId>,

    /// At most so many
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    limit: u32,
}

#[derive(Args, Debug)]
pub(super) struct One {
    /// Its number, as `deletion list` shows it
    #[arg(value_name = "NUMBER")]
    id: DeletionId,
}

impl DeletionCommand {
    pub(super) async fn run(&self, desk: &Desk) -> Result<(), Failure> {
        match self {
            Self::List(list) => list.run(desk).await,
            Self::Show(one) => {
                let deletion = desk.office.deletion(one.id).await?;
                desk.output.answer(&deletion, &page(&deletion, desk).await?)
            }
            Self::Resume(one) => {
                let office = desk.office_of_modules()?;
                let run = office.resume_deletion(one.id).await?;
                told(&follow(run, desk).await?, desk)
            }
            Self::Cancel(one) => {
                let cancelled = desk.office.cancel_deletion(one.id).await?;
                told(&cancelled, desk)
            }
        }
    }
}

impl List {
    async fn run(&self, desk: &Desk) -> Result<(), Failure> {
        let (open, before, limit) = (self.open, self.before, self.limit);
        let query = DeletionQuery { account: None, open, before, limit };
        let deletions = desk.office.deletions(query).await?;
        let row = |deletion: &Deletion| {
            let receiver = deletion
                .receiver
                .as_ref()
                .map(|party| party.login.to_string());
            [
                cell(deletion.id),
                cell(&deletion.account.login),
                cell(deletion.state),
                cell(format!("{} of {}", deletion.moved(), deletion.expected())),
                cell(receiver.unwrap_or_default()),
                cell(desk.stamp(deletion.begun_at)),
                cell(&deletion.reason),
            ]
        };
        let rows: Vec<_> = deletions.iter().map(row).collect();
        let head = ["NUMBER", "LOGIN", "STATE", "MOVED", "TO", "BEGUN", "WHY"];
        let page = match rows.is_empty() {
            true => Page::new().line("There are no such deletions."),
            false => Page::new().table(head, 6, rows),
        };
        desk.output
            .answer(&json!({ "deletions": deletions }), &page)
    }
}

/// Does a deletion, and tells people how far it is.
pub(super) async fn follow(run: Run, desk: &Desk) -> Result<Deletion, Failure> {
    let id = run.id();
    let mut before = u64::MAX;
    let done = run.follow(|deletion| {
        let moved = deletion.moved();
        if moved != before {
            let expected = deletion.expected().max(moved);
            desk.output
                .hint(&format!("{moved} of {expected} records moved"));
            before = moved;
        }
    });
    done.await
        .map_err(|failure| failure.try_next(format!("deletion resume {id}")))
}

/// Tells what became of a deletion. That it stopped is a failure.
pub(super) fn told(deletion: &Deletion, desk: &Desk) -> Result<(), Failure> {
    let (id, login, moved) = (deletion.id, &deletion.account.login, deletion.moved());
    let of = deletion.receiver.as_ref().map(|party| party.login.as_str());
    let moved = if moved == 1 { "1 record".to_owned() } else { format!("{moved} records") };
    let records = match of {
        Some(receiver) => format!("{moved} went to {receiver}"),
        None => "their records stay with the deleted account".to_owned(),
    };
    let words = match deletion.state {
        DeletionState::Done => {
            format!("{login} is deleted; {records}. The login can never be used again.")
        }
        DeletionState::Cancelled => format!(
            "The deletion of {login} is called off. Moved before that, and so it stays: {moved}."
        ),
        DeletionState::Failed | DeletionState::Working => {
            format!("{login} is not deleted, and stays locked. Moved so far: {moved}.")
        }
    };
    desk.output.answer(deletion, &Page::new().line(&words))?;
    match (deletion.state, &deletion.error) {
        (DeletionState::Failed, Some(error)) => {
            let failure = Failure::new(Exit::Failed, format!("the deletion {id} stopped: {error}"));
            Err(failure.try_next(format!("deletion resume {id}")))
        }
        _ => Ok(()),
    }
}

async fn page(deletion: &Deletion, desk: &Desk) -> Result<Page, Failure> {
    let Deletion { id, account, receiver, state, .. } = deletion;
    let by = desk.person(&deletion.actor).await?;
    let mut page = Page::new()
        .line(&format!("Deletion {id} of {} (number {}) is {state}.", account.login, account.id))
        .line(&format!("  Begun by {by}, {}.", desk.time(deletion.begun_at)))
        .line(&format!("  Reason: {}", deletion.reason.as_str().replace('\n', " ")));
    if let Some(ended) = deletion.ended_at {
        page = page.line(&format!("  Ended {}.", desk.time(ended)));
    }
    if let Some(error) = &deletion.error {
        page = page.line(&format!("  Stopped: {error}"));
    }
    let Some(receiver) = receiver else {
        return Ok(page.line("  No records are moved."));
    };
    let row = |module: &ModuleProgress| {
        let state = serde_json::to_value(module.state).unwrap_or_default();
        [
            cell(&module.module),
            cell(choice(module)),
            cell(format!("{} of {}", module.moved, module.expected)),
            cell(state.as_str().unwrap_or_default()),
        ]
    };
    let rows: Vec<_> = deletion.modules.iter().map(row).collect();
    let page = page.line(&format!("  To {} (number {}):", receiver.login, receiver.id));
    Ok(page.table(["MODULE", "WHICH", "MOVED", "STATE"], 1, rows))
}

fn choice(module: &ModuleProgress) -> String {
    let conditions: Vec<_> = module
        .choice
        .conditions()
        .iter()
        .map(ToString::to_string)
        .collect();
    if conditions.is_empty() { "all".to_owned() } else { conditions.join(" and ") }
}
