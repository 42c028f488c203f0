//! `portcullis audit prune`: forgets old records.

use clap::Args;
use serde_json::json;

use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::output::Page;
use crate::cli::user::reason;
use crate::cli::when::When;
use crate::domain::length::read_length;
use crate::domain::lock::Reason;

#[derive(Args, Debug)]
pub(super) struct Prune {
    /// Forget what was done before then, as 2030-01-31T12:00:00Z, or so long ago
    #[arg(
        long,
        value_name = "WHEN",
        required_unless_present = "older_than",
        conflicts_with = "older_than"
    )]
    before: Option<When>,

    /// Forget what is older than this, as 365d
    #[arg(long, value_name = "LENGTH", value_parser = length)]
    older_than: Option<std::time::Duration>,

    /// Why, for the record of it
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Option<Reason>,
}

impl Prune {
    pub(super) async fn run(&self, desk: &Desk) -> Result<(), Failure> {
        let before = match (&self.before, self.older_than) {
            (Some(when), _) => desk.past(when)?,
            (None, age) => desk.office.now().before(age.unwrap_or_default()),
        };
        let why = self.reason.as_ref();
        let pruned = desk.office.prune_audit(before, why).await?;
        let words = match &pruned {
            Some(pruned) => format!(
                "{} records are forgotten, up to position {}; that is recorded, and the rest \
                 can still be checked.",
                pruned.records, pruned.through
            ),
            None => "No record is that old: nothing was changed.".to_owned(),
        };
        let json = json!({ "changed": pruned.is_some(), "pruned": pruned });
        desk.output.answer(&json, &Page::new().line(&words))
    }
}

fn length(text: &str) -> Result<std::time::Duration, String> {
    read_length(text).ok_or_else(|| "write how long, as 365d".to_owned())
}
