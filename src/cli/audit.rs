//! `portcullis audit`: who did what to whom.

mod export;
mod filter;
mod list;
mod prune;
mod verify;

use clap::{Args, Subcommand};

use crate::cli::desk::Desk;
use crate::cli::exit::Failure;

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Audit {
    #[command(subcommand)]
    command: Option<AuditCommand>,

    /// Check that nobody altered the log, instead of showing it: as `audit verify`
    #[arg(long, conflicts_with_all = ["user", "before", "limit"])]
    verify: bool,

    #[command(flatten)]
    list: list::List,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// List records, newest first, by whom, by what, from when to when
    List(list::List),
    /// Check that nobody altered the log, cut it off, or put an older copy back
    Verify(verify::Verify),
    /// Write records out, oldest first, for other programs
    Export(export::Export),
    /// Forget old records; that is recorded, and the rest can still be checked
    Prune(prune::Prune),
}

impl Audit {
    pub(super) async fn run(&self, desk: &Desk) -> Result<(), Failure> {
        match &self.command {
            None if self.verify => verify::Verify::whole().run(desk).await,
            None => self.list.run(desk).await,
            Some(AuditCommand::List(list)) => list.run(desk).await,
            Some(AuditCommand::Verify(verify)) => verify.run(desk).await,
            Some(AuditCommand::Export(export)) => export.run(desk).await,
            Some(AuditCommand::Prune(prune)) => prune.run(desk).await,
        }
    }
}
