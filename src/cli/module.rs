//! `portcullis module`: records that go to somebody else when their owner is deleted.

use clap::Subcommand;
use serde_json::json;

use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, Page, cell};
use crate::cli::store::Named;
use crate::config::{DatabaseSource, Environment, ModuleSettings, ModuleSource, open_modules};

#[derive(Clone, Copy, Debug, Subcommand)]
pub(super) enum ModuleCommand {
    /// List the modules that are configured
    List,
    /// Check that each module is there, and as it is configured
    Check,
}

impl ModuleCommand {
    pub(super) async fn run(self, named: &Named, output: Output) -> Result<(), Failure> {
        let settings = named.locate()?.modules;
        match self {
            Self::List => list(&settings, output),
            Self::Check => check(&settings, output).await,
        }
    }
}

fn list(settings: &[ModuleSettings], output: Output) -> Result<(), Failure> {
    let rows: Vec<_> = settings
        .iter()
        .map(|module| {
            let (place, fields) = described(&module.source);
            [cell(&module.name), cell(&module.label), cell(place), cell(fields.join(", "))]
        })
        .collect();
    let page = match rows.is_empty() {
        true => Page::new().line("No modules are configured: a deletion can transfer nothing."),
        false => Page::new().table(["NAME", "WHAT", "WHERE", "FIELDS"], 1, rows),
    };
    let modules: Vec<_> = settings
        .iter()
        .map(|module| {
            let (place, fields) = described(&module.source);
            let (name, label) = (&module.name, &module.label);
            json!({ "name": name, "label": label, "where": place, "fields": fields })
        })
        .collect();
    output.answer(&json!({ "modules": modules }), &page)
}

/// Where the records are, and what they can be chosen by.
fn described(source: &ModuleSource) -> (String, Vec<&str>) {
    let (place, fields) = match source {
        ModuleSource::Endpoint { url, fields, .. } => {
            let url = url.to_string();
            (url.split('?').next().unwrap_or_default().to_owned(), fields)
        }
        ModuleSource::Table { database, table } => {
            let database = match database {
                DatabaseSource::File(file) => file.display().to_string(),
                DatabaseSource::Postgres { address, .. } => address.to_string(),
            };
            (format!("{} in {database}", table.table), &table.fields)
        }
    };
    (place, fields.iter().map(|field| field.name.as_str()).collect())
}

async fn check(settings: &[ModuleSettings], output: Output) -> Result<(), Failure> {
    let opened = open_modules(settings, &Environment::of_process());
    let modules = opened.map_err(|error| Failure::usage(error.to_string()))?;
    let checked = modules.check().await;
    let wrong = checked.iter().filter(|(_, result)| result.is_err()).count();
    let row = |(name, result): &(_, Result<(), crate::admin::modules::ModuleError>)| {
        let words = result
            .as_ref()
            .map_or_else(ToString::to_string, |()| "right".to_owned());
        [cell(name), cell(words)]
    };
    let page = Page::new().table(["NAME", "HOW IT IS"], 1, checked.iter().map(row).collect());
    let json: Vec<_> = checked
        .iter()
        .map(|(name, result)| {
            let error = result.as_ref().err().map(ToString::to_string);
            json!({ "name": name, "ok": result.is_ok(), "error": error })
        })
        .collect();
    output.answer(&json!({ "modules": json }), &page)?;
    match wrong {
        0 => Ok(()),
        _ => {
            let message = format!("not as configured: {wrong} of {} modules", checked.len());
            Err(Failure::new(Exit::Failed, message))
        }
    }
}
