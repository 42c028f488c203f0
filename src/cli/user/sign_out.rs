//! `portcullis user sign-out`: ends sessions.

use clap::Args;
use serde_json::json;

use crate::cli::desk::{Desk, account_number, target};
use crate::cli::exit::Failure;
use crate::cli::output::Page;
use crate::cli::user::change::{ended, tell};
use crate::cli::view::SessionView;
use crate::domain::account::AccountId;
use crate::domain::session::SessionId;

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct SignOut {
    /// A login or e-mail address, to sign out everywhere
    login: Option<String>,

    /// An account's number, instead of a login
    #[arg(long, value_name = "NUMBER", value_parser = account_number)]
    id: Option<AccountId>,

    /// One session instead, by its id as `user show` lists it
    #[arg(long, value_name = "ID")]
    session: Option<SessionId>,
}

impl SignOut {
    pub(super) async fn run(self, desk: &Desk) -> Result<(), Failure> {
        match self.session {
            Some(session) => end(session, desk).await,
            None => self.everywhere(desk).await,
        }
    }

    async fn everywhere(&self, desk: &Desk) -> Result<(), Failure> {
        let target = target(self.login.as_deref(), self.id);
        let signed_out = desk.office.sign_out(&target).await?;
        let login = &signed_out.account.login;
        let words = format!(
            "{login} is signed out; {}; running services ask them to sign in within 100 ms.",
            ended(&signed_out)
        );
        tell(desk, &signed_out, &words)
    }
}

async fn end(id: SessionId, desk: &Desk) -> Result<(), Failure> {
    let session = desk.office.end_session(id).await?;
    let json = json!({ "changed": true, "session": SessionView::new(&session) });
    desk.output
        .answer(&json, &Page::new().line(&format!("Session {id} is ended.")))
}
