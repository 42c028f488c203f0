//! `portcullis user invite`: a link that lets somebody choose a password.

use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use crate::api::own::view::InvitationView;
use crate::cli::desk::{Desk, Who};
use crate::cli::exit::Failure;
use crate::domain::invitation::Purpose;
use crate::domain::length::read_length;
use crate::gateway::RESERVED;

#[derive(Args, Debug)]
pub(in crate::cli) struct Invite {
    #[command(flatten)]
    who: Who,

    /// How long the link is good: a minute to 30 days
    #[arg(long, value_name = "LENGTH", default_value = "7d", value_parser = length)]
    expires: Duration,
}

impl Invite {
    pub(super) async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let target = self.who.target();
        let invited = desk
            .office
            .invite(&target, Some(self.expires))
            .await
            .map_err(|error| self.who.failure(error))?;
        // Whoever does not hear it makes another one, which ends this one.
        desk.output
            .secret(&view(desk, &invited), &link(desk, &invited))?;
        desk.output.hint(&told(desk, &invited));
        Ok(())
    }
}

/// The link itself; only its end where nobody said where the gateway is.
pub(super) fn link(desk: &Desk, invited: &InvitationView) -> String {
    let origin = desk.public_url.as_deref().unwrap_or_default();
    format!("{}{RESERVED}{}", origin.trim_end_matches('/'), invited.path)
}

/// The field names won't change.
pub(super) fn view(desk: &Desk, invited: &InvitationView) -> Value {
    json!({
        "account": invited.account.id,
        "login": invited.account.login,
        "purpose": invited.purpose,
        "link": link(desk, invited),
        "expires_at": invited.expires_at,
    })
}

fn told(desk: &Desk, invited: &InvitationView) -> String {
    let login = &invited.account.login;
    let what = match invited.purpose {
        Purpose::Reset => format!("{login} chooses a new password with it"),
        _ => format!("{login} chooses a password with it and is active then"),
    };
    let end = desk.time(invited.expires_at.0);
    let origin = match desk.public_url {
        Some(_) => "",
        None => {
            "\nPut the address before it that people reach the gateway at, \
             such as https://app.example; with `public.url` in the configuration it is there."
        }
    };
    format!("{what}, once, until {end}. The link is not shown again.{origin}")
}

fn length(text: &str) -> Result<Duration, String> {
    read_length(text).ok_or_else(|| "write how long, as 12h or 7d".to_owned())
}
