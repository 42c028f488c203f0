//! `portcullis licence`: how many accounts may be active.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::admin::Licences;
use crate::admin::settings::SettingSource;
use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::output::{Page, cell};

#[derive(Args, Debug)]
pub(super) struct Licence {
    #[command(subcommand)]
    command: Option<LicenceCommand>,
}

#[derive(Debug, Subcommand)]
enum LicenceCommand {
    /// Say how many active and locked accounts there may be
    Set {
        /// A number, or none for as many as there are
        #[arg(value_name = "NUMBER|none")]
        limit: String,
    },
}

impl Licence {
    pub(super) async fn run(&self, desk: &Desk) -> Result<(), Failure> {
        match &self.command {
            None => show(desk).await,
            Some(LicenceCommand::Set { limit }) => set(desk, limit).await,
        }
    }
}

async fn show(desk: &Desk) -> Result<(), Failure> {
    let licences = desk.office.licences().await?;
    let mut page = Page::new().line(&sentence(&licences));
    if let SettingSource::Pinned(by) = &licences.source {
        page = page.line(&format!("The limit is pinned by {by}."));
    }
    let count = licences.by_status;
    let rows = [
        ("active", count.active, "one each"),
        ("locked", count.locked, "one each"),
        ("disabled", count.disabled, "none"),
        ("invited", count.invited, "none"),
        ("registered", count.registered, "none"),
        ("deleted", count.deleted, "none"),
    ];
    let row =
        |(status, accounts, uses): (&str, u64, &str)| [cell(status), cell(accounts), cell(uses)];
    let rows = rows.into_iter().map(row).collect();
    desk.output
        .answer(&view(&licences), &page.table(["STATUS", "ACCOUNTS", "LICENCES"], 3, rows))
}

async fn set(desk: &Desk, limit: &str) -> Result<(), Failure> {
    let changed = desk.office.limit_licences(limit).await?;
    let licences = desk.office.licences().await?;
    let mut page = Page::new().line(&sentence(&licences));
    if licences.over() > 0 {
        page = page.line(&format!(
            "That is {} more than there may be: nobody loses access, and nobody new comes in \
             until fewer are used.",
            licences.over()
        ));
    }
    let mut json = view(&licences);
    json["changed"] = changed.into();
    desk.output.answer(&json, &page)
}

fn sentence(licences: &Licences) -> String {
    let used = licences.used;
    match (licences.limit, licences.available()) {
        (Some(limit), Some(available)) => {
            format!("{used} of {limit} licences are in use; {available} are free.")
        }
        _ => format!("{used} licences are in use, and there is no limit."),
    }
}

/// The field names won't change.
fn view(licences: &Licences) -> Value {
    let count = licences.by_status;
    json!({
        "used": licences.used,
        "limit": licences.limit,
        "available": licences.available(),
        "by_status": {
            "active": count.active,
            "locked": count.locked,
            "disabled": count.disabled,
            "invited": count.invited,
            "registered": count.registered,
            "deleted": count.deleted,
        },
    })
}
