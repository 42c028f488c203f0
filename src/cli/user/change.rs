//! `portcullis user disable`, `enable` and `passwd`, and how changes are told.

use clap::Args;

use crate::api::own::view as own;
use crate::cli::desk::{Desk, Who};
use crate::cli::exit::Failure;
use crate::cli::output::Page;
use crate::cli::password;
use crate::cli::user::describe;
use crate::cli::view::OutcomeView;
use crate::domain::lock::Reason;

#[derive(Args, Debug)]
pub(in crate::cli) struct Disable {
    #[command(flatten)]
    who: Who,

    /// Why, for the audit log and for administrators
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: Reason,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Enable {
    #[command(flatten)]
    who: Who,
}

#[derive(Args, Debug)]
pub(in crate::cli) struct Passwd {
    #[command(flatten)]
    who: Who,

    /// Read the password from standard input, to the end
    #[arg(long)]
    password_stdin: bool,
}

impl Disable {
    pub(super) async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let target = self.who.target();
        let disabled = desk.office.disable(&target, self.reason).await?;
        let login = &disabled.account.login;
        let words = match disabled.changed {
            true => format!(
                "{login} is disabled; {}; running services refuse them within 100 ms.",
                ended(&disabled)
            ),
            false => format!("{login} is disabled already: nothing was changed."),
        };
        tell(desk, &disabled, &words)
    }
}

impl Enable {
    pub(super) async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let enabled = desk.office.enable(&self.who.target()).await?;
        let login = &enabled.account.login;
        let status = describe::status(&enabled.account, desk);
        let words = match enabled.changed {
            true => format!("{login} is enabled, and {status} now."),
            false => format!("{login} is not disabled, and {status}: nothing was changed."),
        };
        tell(desk, &enabled, &words)
    }
}

impl Passwd {
    pub(super) async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let target = self.who.target();
        // Nobody shall think of a password for somebody who is not there.
        let login = desk.office.account(&target).await?.login;
        let password = self.password(&login)?;
        let set = desk.office.set_password(&target, &password).await?;
        let status = describe::status(&set.account, desk);
        let words = format!("{login} has a new password and is {status}; {}.", ended(&set));
        tell(desk, &set, &words)
    }

    fn password(&self, login: &str) -> Result<crate::domain::password::Password, Failure> {
        if self.password_stdin {
            return password::from_stdin();
        }
        if !password::can_ask() {
            let message = "there is no terminal to ask for a password: \
                           send it to standard input, with --password-stdin";
            return Err(Failure::usage(message));
        }
        password::from_terminal(&format!("New password of {login}: "))?
            .ok_or_else(|| Failure::usage("no password was typed: nothing was changed"))
    }
}

/// Tells what became of an account, and warns.
pub(super) fn tell(desk: &Desk, outcome: &own::OutcomeView, words: &str) -> Result<(), Failure> {
    desk.warn(outcome.warning);
    desk.output
        .answer(&OutcomeView::new(outcome), &Page::new().line(words))
}

/// How many sessions a change ended, in words.
pub(super) fn ended(outcome: &own::OutcomeView) -> String {
    match outcome.sessions_ended {
        Some(1) => "1 session ended".to_owned(),
        Some(count) => format!("{count} sessions ended"),
        None => "all sessions ended".to_owned(),
    }
}

/// Reads a reason.
pub(in crate::cli) fn reason(words: &str) -> Result<Reason, String> {
    Reason::try_from(words).map_err(|invalid| invalid.to_string())
}
