//! `portcullis user permit`: says what a person may do to others' accounts.

use clap::Args;

use crate::cli::desk::{Desk, Who};
use crate::cli::exit::Failure;
use crate::cli::user::change::tell;
use crate::domain::permission::{Permission, Permissions};

#[derive(Args, Debug)]
pub(in crate::cli) struct Permit {
    #[command(flatten)]
    who: Who,

    /// What they may do: users.view, users.unlock, users.manage, settings.manage, audit.view,
    /// tokens.manage, metrics.read or feed.read; may be repeated; left out, nothing
    #[arg(long = "may", value_name = "PERMISSION")]
    may: Vec<Permission>,
}

impl Permit {
    pub(super) async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let permissions: Permissions = self.may.into_iter().collect();
        let target = self.who.target();
        let permitted = desk.office.permit(&target, permissions.clone()).await?;
        let login = &permitted.account.login;
        let words = match words(&permissions) {
            Some(words) => format!("{login} may {words} now."),
            None => format!("{login} may do nothing to others' accounts now."),
        };
        tell(desk, &permitted, &words)
    }
}

/// The permissions, if there are any.
pub(super) fn words(permissions: &Permissions) -> Option<String> {
    let all: Vec<_> = permissions.iter().map(Permission::as_str).collect();
    (!all.is_empty()).then(|| all.join(", "))
}
