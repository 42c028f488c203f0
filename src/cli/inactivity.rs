//! `portcullis inactivity`: people who did not sign in for long.

use clap::Subcommand;
use serde_json::json;

use crate::cli::desk::Desk;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Page;

#[derive(Debug, Subcommand)]
pub(super) enum InactivityCommand {
    /// Show whom the rule would hit now; from then on gateways keep it, once a day
    Preview,
    /// Let gateways keep the rule as it is, unseen
    Confirm,
}

impl InactivityCommand {
    pub(super) async fn run(&self, desk: &Desk) -> Result<(), Failure> {
        match self {
            Self::Preview => preview(desk).await,
            Self::Confirm => confirm(desk).await,
        }
    }
}

async fn preview(desk: &Desk) -> Result<(), Failure> {
    let Some(seen) = desk.office.preview_inactivity().await? else { return Err(off()) };
    let counts = seen.preview.counts;
    let mut page = Page::new().line(&format!(
        "The rule is to {}: {} now, and {} would be refused.",
        seen.rule, counts.changed, counts.refused
    ));
    for refused in &seen.preview.refused {
        page = page.line(&format!("{}: {}", refused.login, refused.why));
    }
    let off = desk.command("settings set inactivity.after off");
    page = page.line(&format!("Gateways keep it from now on, once a day. To stop it: {off}"));
    desk.output.answer(&seen, &page)
}

async fn confirm(desk: &Desk) -> Result<(), Failure> {
    let Some(rule) = desk.office.confirm_inactivity().await? else { return Err(off()) };
    let page = Page::new().line(&format!("Gateways {rule} from now on, once a day."));
    desk.output
        .answer(&json!({ "rule": rule, "confirmed": true }), &page)
}

fn off() -> Failure {
    let message = "the rule about people who did not sign in is off: set after how long";
    Failure::new(Exit::Refused, message).try_next("settings set inactivity.after 90 days")
}
