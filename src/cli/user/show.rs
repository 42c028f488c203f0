//! `portcullis user show`: a person, and why they can't sign in.

use clap::Args;
use serde_json::json;

use crate::api::own::view as own;
use crate::cli::desk::{Desk, Who};
use crate::cli::exit::Failure;
use crate::cli::office::Detail;
use crate::cli::output::{Page, cell};
use crate::cli::user::{describe, permit};
use crate::cli::view::{AccountView, SessionView};

#[derive(Args, Debug)]
pub(in crate::cli) struct Show {
    #[command(flatten)]
    who: Who,
}

impl Show {
    pub(super) async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let detail = desk.office.show(&self.who.target()).await?;
        let sessions: Vec<_> = detail.sessions.iter().map(SessionView::new).collect();
        let account = AccountView::new(&detail.account);
        let page = page(&detail, desk).await?;
        desk.output
            .answer(&json!({ "account": account, "sessions": sessions }), &page)
    }
}

async fn page(detail: &Detail, desk: &Desk) -> Result<Page, Failure> {
    let account = &detail.account;
    let status = describe::status(account, desk);
    let mut page = Page::new().line(&format!("{} is {status}.", account.login));
    for line in describe::obstacles(account, desk).await? {
        page = page.line(&line);
    }
    page = page.line("");
    for line in facts(account, desk) {
        page = page.line(&line);
    }
    Ok(sessions(page.line(""), &detail.sessions, desk))
}

fn facts(account: &own::AccountView, desk: &Desk) -> Vec<String> {
    let some = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let yes = |it| if it { "yes" } else { "no" };
    let last = account
        .last_sign_in_at
        .map_or("never".to_owned(), |at| desk.time(at.0));
    let permissions = permit::words(&account.permissions);
    let mut facts = vec![
        format!("Number         {}", account.id),
        format!("Name           {}", some(&account.name)),
        format!("E-mail         {}", some(account.email.as_deref().unwrap_or_default())),
        format!("Administrator  {}", yes(account.admin)),
        format!("Password set   {}", yes(account.has_password)),
        format!("Added          {}", desk.time(account.created_at.0)),
        format!("Last sign-in   {last}"),
    ];
    facts.extend(permissions.map(|words| format!("Permissions    {words}")));
    facts
}

fn sessions(page: Page, sessions: &[own::SessionView], desk: &Desk) -> Page {
    if sessions.is_empty() {
        return page.line("No live sessions.");
    }
    let row = |session: &own::SessionView| {
        [
            cell(&session.id),
            cell(desk.stamp(session.created_at.0)),
            cell(desk.stamp(session.last_seen_at.0)),
            cell(session.opened_from.as_deref().unwrap_or("-")),
            cell(session.user_agent.as_deref().unwrap_or("-")),
        ]
    };
    let head = ["LIVE SESSION", "OPENED", "LAST SEEN", "FROM", "PROGRAM"];
    page.table(head, 3, sessions.iter().map(row).collect())
}
