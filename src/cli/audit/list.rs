//! `portcullis audit list`: a page of the log.

use clap::Args;
use serde_json::json;

use super::filter::Filter;
use crate::admin::Actor;
use crate::api::own::view as own;
use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::output::{Page, cell};
use crate::cli::view::AuditView;
use crate::domain::account::AccountId;
use crate::store::AuditSearch;

const LIMIT: u32 = 50;

#[derive(Args, Debug)]
pub(super) struct List {
    #[command(flatten)]
    filter: Filter,

    /// Only what is older than this position
    #[arg(long, value_name = "POSITION")]
    before: Option<u64>,

    /// Only what is newer than this position: those that follow it
    #[arg(long, value_name = "POSITION", conflicts_with = "before")]
    after: Option<u64>,

    /// At most so many records
    #[arg(long, value_name = "COUNT", default_value_t = LIMIT,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

impl List {
    pub(super) async fn run(&self, desk: &Desk) -> Result<(), Failure> {
        let search = AuditSearch {
            before: self.before,
            after: self.after,
            oldest_first: self.after.is_some(),
            limit: self.limit,
            ..self.filter.search(desk).await?
        };
        let mut records = desk.office.audit(search).await?;
        let full = records.len() as u64 >= u64::from(self.limit);
        // The newest always stand on top.
        records.sort_by_key(|record| std::cmp::Reverse(record.position));
        let next = self.older(&records, full);
        let newer = self.newer(&records, full);
        let views: Vec<_> = records.iter().map(AuditView::new).collect();
        let page = page(desk, &records).await?;
        let json = json!({ "records": views, "next": next, "newer": newer });
        desk.output.answer(&json, &page)?;
        self.hint(desk, "older", "before", next);
        self.hint(desk, "newer", "after", newer);
        Ok(())
    }

    /// Where the page of older records begins, if there may be one.
    fn older(&self, records: &[own::AuditView], full: bool) -> Option<u64> {
        let last = records.last().map(|record| record.position);
        last.filter(|position| (full || self.after.is_some()) && *position > 1)
    }

    /// Where the page of newer records begins, if there may be one.
    fn newer(&self, records: &[own::AuditView], full: bool) -> Option<u64> {
        let first = records.first().map(|record| record.position);
        first.filter(|_| self.before.is_some() || (self.after.is_some() && full))
    }

    fn hint(&self, desk: &Desk, what: &str, side: &str, place: Option<u64>) {
        let Some(place) = place else { return };
        let mut words = format!("audit{}", self.filter.words());
        if self.limit != LIMIT {
            words.push_str(&format!(" --limit {}", self.limit));
        }
        let command = desk.command(&format!("{words} --{side} {place}"));
        desk.output.hint(&format!("{what}: {command}"));
    }
}

async fn page(desk: &Desk, records: &[own::AuditView]) -> Result<Page, Failure> {
    let logins = desk.logins(people(records)).await?;
    let login = |id: AccountId| logins.get(&id).cloned().unwrap_or_default();
    let row = |record: &own::AuditView| {
        [
            cell(record.position),
            cell(desk.stamp(record.at.0)),
            cell(actor(record).map_or_else(|| record.actor.clone(), login)),
            cell(&record.action),
            cell(record.account.map(login).unwrap_or_default()),
            cell(record.reason.as_deref().unwrap_or_default()),
        ]
    };
    let rows: Vec<_> = records.iter().map(row).collect();
    Ok(match rows.is_empty() {
        true => Page::new().line("Nothing is recorded here."),
        false => Page::new().table(["POSITION", "WHEN", "WHO", "WHAT", "WHOM", "WHY"], 5, rows),
    })
}

/// Everybody who is named by number in these records.
fn people(records: &[own::AuditView]) -> impl Iterator<Item = AccountId> {
    records
        .iter()
        .flat_map(|record| [actor(record), record.account])
        .flatten()
}

fn actor(record: &own::AuditView) -> Option<AccountId> {
    Actor::account_in(&record.actor)
}
