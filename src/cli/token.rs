//! `portcullis token`: API tokens.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::admin::TokenRequest;
use crate::api::own::view::Instant;
use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::office::{MadeToken, Owner};
use crate::cli::output::{Page, cell};
use crate::cli::view::TokenView;
use crate::cli::when::When;
use crate::domain::application::ApplicationId;
use crate::domain::session::SessionId;

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token and print it, this once
    Create(Create),
    /// List the tokens that are not revoked
    List(List),
    /// Revoke a token: it is refused from now on
    Revoke(Revoke),
}

#[derive(Args, Debug)]
pub(super) struct Create {
    /// Whose rights it carries: a login or e-mail address
    #[arg(long, value_name = "LOGIN", required_unless_present = "application")]
    owner: Option<String>,

    /// The application whose rights it carries, instead of a person: its id
    #[arg(long, value_name = "ID", conflicts_with = "owner")]
    application: Option<ApplicationId>,

    /// What you will know it by
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,

    /// What it may be used for: a permission as `user permit` takes it, a scope of WSO2's such as
    /// internal_user_mgt_update, or another program's word; may be repeated; left out, all that its
    /// owner may do
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,

    /// When it ends: 90 days, or 2030-01-31T12:00:00Z; left out, when it is revoked
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    expires: Option<When>,
}

#[derive(Args, Debug)]
pub(super) struct List {
    /// Only this person's
    #[arg(long, value_name = "LOGIN")]
    owner: Option<String>,

    /// Only this application's
    #[arg(long, value_name = "ID", conflicts_with = "owner")]
    application: Option<ApplicationId>,
}

#[derive(Args, Debug)]
pub(super) struct Revoke {
    /// Its id, as `token list` shows it
    #[arg(value_name = "ID")]
    id: SessionId,
}

impl TokenCommand {
    pub(super) async fn run(&self, desk: &Desk) -> Result<(), Failure> {
        match self {
            Self::Create(create) => create.run(desk).await,
            Self::List(list) => list.run(desk).await,
            Self::Revoke(revoke) => revoke.run(desk).await,
        }
    }
}

impl Create {
    async fn run(&self, desk: &Desk) -> Result<(), Failure> {
        let expires_at = self
            .expires
            .as_ref()
            .map(|when| desk.instant(when))
            .transpose()?;
        let request =
            TokenRequest { name: self.name.clone(), scopes: self.scopes.clone(), expires_at };
        let owner = match self.application {
            Some(id) => Owner::Application(id),
            None => Owner::Person(self.owner.as_deref().unwrap_or_default()),
        };
        let MadeToken { secret, token } = desk.office.create_token(owner, request).await?;
        let json = json!({ "secret": secret, "token": token });
        if let Err(unheard) = desk.output.secret(&json, &secret) {
            // Nobody has it, and nobody ever will: it shall open nothing.
            if let Ok(id) = token.id.parse() {
                desk.office.revoke_token(id).await?;
            }
            return Err(unheard);
        }
        desk.output.hint(&told(desk, &token));
        Ok(())
    }
}

fn told(desk: &Desk, token: &TokenView) -> String {
    let end = match token.expires_at {
        Some(end) => format!("It ends {}.", desk.time(end.0)),
        None => "It works until it is revoked.".to_owned(),
    };
    let revoke = desk.command(&format!("token revoke {}", token.id));
    let taken = match token.owner {
        Some(_) => {
            "The admin address takes it; the public one only where `public.api_tokens` is true."
        }
        None => "The admin address takes it, and no other.",
    };
    format!("Keep the token safe: it is not shown again. {end}\n{taken}\nrevoke: {revoke}")
}

impl List {
    async fn run(&self, desk: &Desk) -> Result<(), Failure> {
        let owner = match self.application {
            Some(id) => Some(Owner::Application(id)),
            None => self.owner.as_deref().map(Owner::Person),
        };
        let tokens = desk.office.tokens(owner).await?;
        desk.output
            .answer(&json!({ "tokens": tokens }), &page(desk, &tokens).await?)
    }
}

async fn page(desk: &Desk, tokens: &[TokenView]) -> Result<Page, Failure> {
    if tokens.is_empty() {
        let command = desk.command("token create --owner LOGIN");
        return Ok(Page::new().line(&format!("There are no tokens. Make one: {command}")));
    }
    let people = tokens.iter().filter_map(|token| token.owner);
    let owners = desk.logins(people).await?;
    let owner = |token: &TokenView| match (token.owner, &token.application) {
        (Some(id), _) => owners.get(&id).cloned().unwrap_or_default(),
        (None, Some(id)) => format!("app:{id}"),
        (None, None) => String::new(),
    };
    let time = |at: Option<Instant>, none: &str| at.map_or(none.to_owned(), |at| desk.stamp(at.0));
    let rows = tokens.iter().map(|token| {
        [
            cell(&token.id),
            cell(owner(token)),
            cell(&token.name),
            cell(token.scopes.join(" ")),
            cell(time(token.expires_at, "never")),
            cell(time(token.last_used_at, "never")),
        ]
    });
    let head = ["ID", "OWNER", "NAME", "SCOPES", "ENDS", "LAST USED"];
    Ok(Page::new().table(head, 2, rows.collect()))
}

impl Revoke {
    async fn run(&self, desk: &Desk) -> Result<(), Failure> {
        let token = desk.office.revoke_token(self.id).await?;
        let id = &token.id;
        let words = format!("Token {id} is revoked; running services refuse it within 100 ms.");
        let json = json!({ "token": token, "revoked": true });
        desk.output.answer(&json, &Page::new().line(&words))
    }
}
