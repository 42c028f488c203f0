//! `portcullis audit verify`: whether the log is whole.

use std::io::{IsTerminal, Write};

use clap::Args;
use serde_json::json;

use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::office::Checked;
use crate::cli::output::Page;
use crate::store::{AuditWalk, BrokenChain};

/// A terminal hears how far it is once in so many records.
const TELL_EVERY: u64 = 10_000;

#[derive(Args, Debug)]
pub(super) struct Verify {
    /// Begin where the last check came to; what was checked before is not looked at again
    #[arg(long)]
    since_checkpoint: bool,
}

impl Verify {
    pub(super) const fn whole() -> Self {
        Self { since_checkpoint: false }
    }

    pub(super) async fn run(&self, desk: &Desk) -> Result<(), Failure> {
        let watched = !desk.output.is_json() && std::io::stderr().is_terminal();
        let tell = |walk: &AuditWalk| {
            if watched && (walk.checked().is_multiple_of(TELL_EVERY)) {
                let (position, end) = (walk.position(), walk.end());
                let _ = write!(std::io::stderr(), "\rChecked up to {position} of {end} ");
            }
        };
        let checked = desk.office.check_audit(self.since_checkpoint, tell).await;
        if watched {
            // Back to the beginning of a clean line.
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
        match checked? {
            Ok(checked) => whole(desk, checked),
            Err(broken) => altered(desk, broken),
        }
    }
}

fn whole(desk: &Desk, checked: Checked) -> Result<(), Failure> {
    let Checked { records, end } = checked;
    let words = format!("The audit log is whole: {records} records, each fits the one before.");
    let json = json!({ "whole": true, "records": records, "end": end });
    desk.output.answer(&json, &Page::new().line(&words))
}

fn altered(desk: &Desk, broken: BrokenChain) -> Result<(), Failure> {
    let json = json!({ "whole": false, "broken_at": broken.position, "how": broken.how });
    desk.output
        .answer(&json, &Page::new().line("The audit log was altered."))?;
    let message =
        format!("{broken}: keep this file as evidence, and compare it with a backup from there on");
    let next = format!("audit --before {}", broken.position.saturating_add(1));
    Err(Failure::unexpected(message).try_next(next))
}
