//! `portcullis user list`: finds people.

use clap::Args;
use serde_json::json;

use crate::api::own::view as own;
use crate::cli::desk::{Desk, account_number};
use crate::cli::exit::Failure;
use crate::cli::office::Office;
use crate::cli::output::{Page, cell};
use crate::cli::shell::quote;
use crate::cli::user::describe;
use crate::cli::user::filters::{SignedIn, containing};
use crate::cli::view::AccountView;
use crate::domain::account::AccountId;
use crate::domain::standing::Status;
use crate::store::{AccountFilter, AccountQuery, AccountSearch};

const LIMIT: u32 = 100;

#[derive(Args, Debug)]
pub(in crate::cli) struct List {
    /// Only those who are active, deleted, disabled, invited, locked or registered
    #[arg(long, value_parser = status)]
    status: Option<Status>,

    /// Only those whose login, name or e-mail address contains this
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,

    /// Only those who are in this group: what it is called, or its number
    #[arg(long, value_name = "GROUP")]
    group: Option<String>,

    #[command(flatten)]
    signed_in: SignedIn,

    /// Only those with a higher number
    #[arg(long, value_name = "NUMBER", value_parser = account_number)]
    after: Option<AccountId>,

    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = LIMIT,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: u32,
}

impl List {
    pub(super) async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let found = self.found(desk).await?;
        let full = found.len() as u64 >= u64::from(self.limit);
        let next = found.last().map(|last| last.id).filter(|_| full);
        let views: Vec<_> = found.iter().map(AccountView::new).collect();
        let page = self.page(desk, &found);
        desk.output
            .answer(&json!({ "accounts": views, "next": next }), &page)?;
        if let Some(next) = next {
            desk.output
                .hint(&format!("more: {}", self.command_after(next, desk)));
        }
        Ok(())
    }

    /// Deleted accounts are listed by status alone, and were never searched by more.
    async fn found(&self, desk: &Desk) -> Result<Vec<own::AccountView>, Failure> {
        let group = match &self.group {
            Some(word) => Some(desk.office.group_named(word).await?),
            None => None,
        };
        if self.signed_in.is_left_open() && group.is_none() {
            return desk.office.list(self.query()).await;
        }
        let host = match &desk.office {
            Office::Here(host) => host,
            Office::There(client) => {
                let mut more = match self.signed_in.is_left_open() {
                    true => Vec::new(),
                    false => self.signed_in.asked(desk)?,
                };
                more.extend(group.map(|id| ("group", id.to_string())));
                return client.list(self.query(), more).await;
            }
        };
        let mut filters = self.signed_in.of(desk)?;
        filters.extend(group.map(|id| AccountFilter::InGroups(vec![id])));
        filters.extend(self.search.as_deref().map(containing));
        let of = |status| AccountFilter::Status { any_of: vec![status], negated: false };
        filters.extend(self.status.map(of));
        let (after, limit) = (self.after, self.limit);
        let search =
            AccountSearch { filters, after, limit, uncounted: true, ..AccountSearch::default() };
        let (found, now) = (host.admin.search(&host.actor, search).await?, host.admin.now());
        let accounts = found.accounts.iter();
        Ok(accounts
            .map(|account| own::AccountView::new(account, now))
            .collect())
    }

    fn query(&self) -> AccountQuery {
        AccountQuery {
            status: self.status,
            search: self.search.clone(),
            after: self.after,
            limit: self.limit,
        }
    }

    fn page(&self, desk: &Desk, found: &[own::AccountView]) -> Page {
        if found.is_empty() {
            let any = self.status.is_none() && self.search.is_none() && self.after.is_none();
            let any = any && self.group.is_none() && self.signed_in.is_left_open();
            return Page::new().line(&match any {
                true => {
                    format!("Nobody is here yet. Add somebody: {}", desk.command("user add LOGIN"))
                }
                false => "Nobody fits.".to_owned(),
            });
        }
        let row = |one: &own::AccountView| {
            [
                cell(one.id),
                cell(&one.login),
                cell(&one.name),
                cell(if one.admin { "administrator" } else { "" }),
                desk.output
                    .status(one.status, &describe::short_status(one, desk)),
                cell(
                    one.last_sign_in_at
                        .map_or("never".to_owned(), |at| desk.stamp(at.0)),
                ),
            ]
        };
        let head = ["NUMBER", "LOGIN", "NAME", "ROLE", "STATUS", "LAST SIGN-IN"];
        Page::new().table(head, 2, found.iter().map(row).collect())
    }

    fn command_after(&self, next: AccountId, desk: &Desk) -> String {
        let mut words = "user list".to_owned();
        if let Some(status) = self.status {
            words.push_str(&format!(" --status {status}"));
        }
        if let Some(search) = &self.search {
            words.push_str(&format!(" --search={}", quote(search)));
        }
        if let Some(group) = &self.group {
            words.push_str(&format!(" --group={}", quote(group)));
        }
        if let Some(when) = &self.signed_in.last_sign_in_before {
            words.push_str(&format!(" --last-sign-in-before={}", quote(&when.to_string())));
        }
        if self.signed_in.never_signed_in {
            words.push_str(" --never-signed-in");
        }
        if self.limit != LIMIT {
            words.push_str(&format!(" --limit {}", self.limit));
        }
        desk.command(&format!("{words} --after {next}"))
    }
}

fn status(word: &str) -> Result<Status, String> {
    Status::from_word(word)
        .ok_or_else(|| "write active, deleted, disabled, invited, locked or registered".to_owned())
}
