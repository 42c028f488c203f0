//! `portcullis settings`: what can be switched while gateways run.

use clap::{Subcommand, ValueEnum};
use serde_json::json;

use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::output::Page;

#[derive(Debug, Subcommand)]
pub(super) enum SettingsCommand {
    /// Show, or switch, whether accounts can be disabled for good
    AccountDisabling {
        /// What it shall be; left out, it is shown
        value: Option<Switch>,
    },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Switch {
    On,
    Off,
}

impl SettingsCommand {
    pub(super) async fn run(&self, desk: &Desk) -> Result<(), Failure> {
        let Self::AccountDisabling { value } = self;
        let changed = match value {
            Some(value) => {
                let allow = matches!(value, Switch::On);
                desk.admin.allow_disabling(&desk.actor, allow).await?
            }
            None => false,
        };
        let on = desk.admin.disabling_is_allowed().await?;
        let words = match (on, changed) {
            (true, true) => "Accounts can be disabled and enabled from now on.",
            (false, true) => {
                "Nobody can be disabled or enabled from now on; who is disabled stays so."
            }
            (true, false) => "Account disabling is on.",
            (false, false) => "Account disabling is off.",
        };
        let json = json!({ "account_disabling": on, "changed": changed });
        desk.output.answer(&json, &Page::new().line(words))
    }
}
