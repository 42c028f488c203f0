//! `portcullis settings`: what can be changed while gateways run.

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use crate::admin::settings::{Setting, SettingSource, SettingValue};
use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::output::{Page, cell};

#[derive(Debug, Subcommand)]
pub(super) enum SettingsCommand {
    /// List the settings, their values, and where those come from
    List,
    /// Show a setting's value
    Get {
        /// Its name
        name: String,
    },
    /// Change a setting, on every gateway and at once
    Set {
        /// Its name
        name: String,
        /// What it shall be; several words are put together
        #[arg(required = true, num_args = 1..)]
        value: Vec<String>,
    },
    /// Put a setting back to its default
    Reset {
        /// Its name
        name: String,
    },
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
        match self {
            Self::List => list(desk).await,
            Self::Get { name } => get(desk, Setting::named(name)?).await,
            Self::Set { name, value } => {
                let setting = Setting::named(name)?;
                let value = value.join(" ");
                let set = desk.office.set_setting(setting, &value);
                changed(desk, setting, set.await?).await
            }
            Self::Reset { name } => {
                let setting = Setting::named(name)?;
                let reset = desk.office.reset_setting(setting);
                changed(desk, setting, reset.await?).await
            }
            Self::AccountDisabling { value } => account_disabling(desk, *value).await,
        }
    }
}

async fn list(desk: &Desk) -> Result<(), Failure> {
    let values = desk.office.settings().await?;
    let row = |value: &SettingValue| {
        let cells = [value.setting.name, shown(&value.value)];
        [cell(cells[0]), cell(cells[1]), cell(source(value)), cell(value.setting.words)]
    };
    let rows = values.iter().map(row).collect();
    let page = Page::new().table(["NAME", "VALUE", "FROM", "WHAT IT IS"], 1, rows);
    let json: Vec<_> = values.iter().map(view).collect();
    desk.output.answer(&json!({ "settings": json }), &page)
}

async fn get(desk: &Desk, setting: &'static Setting) -> Result<(), Failure> {
    let value = desk.office.setting(setting).await?;
    desk.output
        .answer(&view(&value), &Page::new().line(&value.value))
}

async fn changed(desk: &Desk, setting: &'static Setting, changed: bool) -> Result<(), Failure> {
    let value = desk.office.setting(setting).await?;
    let (name, now) = (setting.name, shown(&value.value));
    let words = match changed {
        true => format!("{name} is {now} now; running services follow within 100 ms."),
        false => format!("{name} is {now} already: nothing was changed."),
    };
    let mut json = view(&value);
    json["changed"] = changed.into();
    desk.output.answer(&json, &Page::new().line(&words))
}

fn shown(value: &str) -> &str {
    if value.is_empty() { "(nothing)" } else { value }
}

/// Where a value comes from, in words.
fn source(value: &SettingValue) -> String {
    match &value.source {
        SettingSource::Default => "default".to_owned(),
        SettingSource::Directory => "directory".to_owned(),
        SettingSource::Pinned(by) => format!("pinned by {by}"),
    }
}

/// The field names won't change.
fn view(value: &SettingValue) -> Value {
    let (source, pinned_by) = match &value.source {
        SettingSource::Default => ("default", None),
        SettingSource::Directory => ("directory", None),
        SettingSource::Pinned(by) => ("pinned", Some(by)),
    };
    json!({
        "name": value.setting.name,
        "value": value.value,
        "default": value.setting.default,
        "source": source,
        "pinned_by": pinned_by,
    })
}

async fn account_disabling(desk: &Desk, value: Option<Switch>) -> Result<(), Failure> {
    let changed = match value {
        Some(value) => {
            let allow = matches!(value, Switch::On);
            desk.office.allow_disabling(allow).await?
        }
        None => false,
    };
    let on = desk.office.disabling_is_allowed().await?;
    let words = match (on, changed) {
        (true, true) => "Accounts can be disabled and enabled from now on.",
        (false, true) => "Nobody can be disabled or enabled from now on; who is disabled stays so.",
        (true, false) => "Account disabling is on.",
        (false, false) => "Account disabling is off.",
    };
    let json = json!({ "account_disabling": on, "changed": changed });
    desk.output.answer(&json, &Page::new().line(words))
}
