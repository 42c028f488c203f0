//! `portcullis audit`: who did what to whom.

use clap::Args;
use serde_json::json;

use crate::admin::Actor;
use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::output::{Page, cell};
use crate::cli::shell::quote;
use crate::cli::view::AuditView;
use crate::domain::account::AccountId;
use crate::domain::event::AuditRecord;
use crate::store::AuditQuery;

const LIMIT: u32 = 50;

#[derive(Args, Debug)]
pub(super) struct Audit {
    /// Check that nobody altered the log, instead of showing it
    #[arg(long, conflicts_with_all = ["user", "before", "limit"])]
    verify: bool,

    /// Only what was done to this person
    #[arg(long, value_name = "LOGIN")]
    user: Option<String>,

    /// Only what is older than this position
    #[arg(long, value_name = "POSITION")]
    before: Option<u64>,

    /// At most so many records
    #[arg(long, value_name = "COUNT", default_value_t = LIMIT,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

impl Audit {
    pub(super) async fn run(&self, desk: &Desk) -> Result<(), Failure> {
        if self.verify { verify(desk).await } else { self.show(desk).await }
    }

    async fn show(&self, desk: &Desk) -> Result<(), Failure> {
        let account = match &self.user {
            Some(login) => Some(desk.admin.show(&login.as_str().into()).await?.account.id),
            None => None,
        };
        let query = AuditQuery { account, before: self.before, limit: self.limit };
        let records = desk.admin.audit(&desk.actor, query).await?;
        let next = self.next(&records);
        let views: Vec<_> = records.iter().map(AuditView::new).collect();
        let page = page(desk, &records).await?;
        desk.output
            .answer(&json!({ "records": views, "next": next }), &page)?;
        if let Some(next) = next {
            desk.output
                .hint(&format!("older: {}", self.command_before(next, desk)));
        }
        Ok(())
    }

    fn command_before(&self, next: u64, desk: &Desk) -> String {
        let mut words = "audit".to_owned();
        if let Some(login) = &self.user {
            words.push_str(&format!(" --user={}", quote(login)));
        }
        if self.limit != LIMIT {
            words.push_str(&format!(" --limit {}", self.limit));
        }
        desk.command(&format!("{words} --before {next}"))
    }

    /// Where the next page begins, if this one is full.
    fn next(&self, records: &[AuditRecord]) -> Option<u64> {
        let full = records.len() as u64 >= u64::from(self.limit);
        let last = records.last().map(|record| record.position);
        last.filter(|position| full && *position > 1)
    }
}

async fn page(desk: &Desk, records: &[AuditRecord]) -> Result<Page, Failure> {
    let logins = desk.logins(people(records)).await?;
    let login = |id: AccountId| logins.get(&id).cloned().unwrap_or_default();
    let row = |record: &AuditRecord| {
        [
            cell(record.position),
            cell(desk.stamp(record.at)),
            cell(actor(record).map_or_else(|| record.actor.clone(), login)),
            cell(record.action),
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
fn people(records: &[AuditRecord]) -> impl Iterator<Item = AccountId> {
    records
        .iter()
        .flat_map(|record| [actor(record), record.account])
        .flatten()
}

fn actor(record: &AuditRecord) -> Option<AccountId> {
    Actor::account_in(&record.actor)
}

async fn verify(desk: &Desk) -> Result<(), Failure> {
    match desk.admin.verify_audit(&desk.actor).await? {
        Ok(records) => {
            let words =
                format!("The audit log is whole: {records} records, each fits the one before.");
            let json = json!({ "whole": true, "records": records });
            desk.output.answer(&json, &Page::new().line(&words))
        }
        Err(broken) => {
            let json = json!({ "whole": false, "broken_at": broken.position });
            desk.output
                .answer(&json, &Page::new().line("The audit log was altered."))?;
            let message = format!(
                "{broken}: keep this file as evidence, and compare it with a backup from there on"
            );
            let next = format!("audit --before {}", broken.position.saturating_add(1));
            Err(Failure::unexpected(message).try_next(next))
        }
    }
}
