//! `portcullis token`: API tokens.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::admin::TokenRequest;
use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::output::{Page, cell};
use crate::cli::view::TokenView;
use crate::cli::when::When;
use crate::domain::application::ApplicationId;
use crate::domain::session::SessionId;
use crate::store::{ApiToken, TokenOwner};

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
        let created = match self.application {
            Some(id) => {
                let made = desk
                    .admin
                    .create_application_token(&desk.actor, id, request);
                made.await?
            }
            None => {
                let owner = self.owner.as_deref().unwrap_or_default().into();
                desk.admin
                    .create_token(&desk.actor, &owner, request)
                    .await?
            }
        };
        let secret = created.secret.expose();
        let json = json!({ "secret": secret, "token": TokenView::new(&created.token) });
        if let Err(unheard) = desk.output.secret(&json, &secret) {
            // Nobody has it, and nobody ever will: it shall open nothing.
            desk.admin
                .revoke_token(&desk.actor, created.token.key.id())
                .await?;
            return Err(unheard);
        }
        desk.output.hint(&told(desk, &created.token));
        Ok(())
    }
}

fn told(desk: &Desk, token: &ApiToken) -> String {
    let end = match token.expires_at {
        Some(end) => format!("It ends {}.", desk.time(end)),
        None => "It works until it is revoked.".to_owned(),
    };
    let revoke = desk.command(&format!("token revoke {}", token.key.id()));
    let taken = match token.owner {
        TokenOwner::Account(_) => {
            "The admin address takes it; the public one only where `public.api_tokens` is true."
        }
        TokenOwner::Application(_) => "The admin address takes it, and no other.",
    };
    format!("Keep the token safe: it is not shown again. {end}\n{taken}\nrevoke: {revoke}")
}

impl List {
    async fn run(&self, desk: &Desk) -> Result<(), Failure> {
        let tokens = match self.application {
            Some(id) => desk.admin.application_tokens(&desk.actor, id).await?,
            None => {
                let owner = self.owner.as_deref().map(Into::into);
                desk.admin.tokens(&desk.actor, owner.as_ref()).await?
            }
        };
        let views: Vec<_> = tokens.iter().map(TokenView::new).collect();
        desk.output
            .answer(&json!({ "tokens": views }), &page(desk, &tokens).await?)
    }
}

async fn page(desk: &Desk, tokens: &[ApiToken]) -> Result<Page, Failure> {
    if tokens.is_empty() {
        let command = desk.command("token create --owner LOGIN");
        return Ok(Page::new().line(&format!("There are no tokens. Make one: {command}")));
    }
    let people = tokens.iter().filter_map(|token| token.owner.account());
    let owners = desk.logins(people).await?;
    let owner = |token: &ApiToken| match token.owner {
        TokenOwner::Account(id) => owners.get(&id).cloned().unwrap_or_default(),
        TokenOwner::Application(id) => format!("app:{id}"),
    };
    let time = |at: Option<_>, none: &str| at.map_or(none.to_owned(), |at| desk.stamp(at));
    let rows = tokens.iter().map(|token| {
        [
            cell(token.key.id()),
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
        let token = desk.admin.revoke_token(&desk.actor, self.id).await?;
        let id = token.key.id();
        let words = format!("Token {id} is revoked; running services refuse it within 100 ms.");
        let json = json!({ "token": TokenView::new(&token), "revoked": true });
        desk.output.answer(&json, &Page::new().line(&words))
    }
}
