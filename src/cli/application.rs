//! `portcullis application`: programs that come with rights of their own.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::api::own::view::Instant;
use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::office::{ChangedApplication, MadeApplication, Owner};
use crate::cli::output::{Page, cell};
use crate::cli::shell::quote;
use crate::cli::view::{ApplicationView, TokenView};
use crate::domain::application::ApplicationId;

#[derive(Debug, Subcommand)]
pub(super) enum ApplicationCommand {
    /// Make an application and print its id and its secret, this once
    Add(Add),
    /// List the applications
    List,
    /// Show an application and its tokens
    Show(Which),
    /// Give an application a new secret; the old one and all its tokens open nothing from now on
    Rotate(Which),
    /// Change what an application may do
    Scope(Scope),
    /// Shut an application out, with all its tokens
    Disable(Which),
    /// Let an application in again
    Enable(Which),
    /// Remove an application for good, with all its tokens
    Remove(Which),
}

#[derive(Args, Debug)]
pub(super) struct Add {
    /// What you will know it by
    name: String,

    /// What it may do: a permission, a scope of WSO2's, or * for everything; may be repeated
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<String>,
}

#[derive(Args, Debug)]
pub(super) struct Which {
    /// Its id, as `application list` shows it
    #[arg(value_name = "ID")]
    id: ApplicationId,
}

#[derive(Args, Debug)]
pub(super) struct Scope {
    #[command(flatten)]
    which: Which,

    /// What it may do from now on, in place of what it might: may be repeated
    #[arg(long = "scope", value_name = "SCOPE", required = true)]
    scopes: Vec<String>,
}

impl ApplicationCommand {
    pub(super) async fn run(self, desk: &Desk) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run(desk).await,
            Self::List => list(desk).await,
            Self::Show(which) => show(which.id, desk).await,
            Self::Rotate(which) => rotate(which.id, desk).await,
            Self::Scope(scope) => scope.run(desk).await,
            Self::Disable(which) => enable(which.id, false, desk).await,
            Self::Enable(which) => enable(which.id, true, desk).await,
            Self::Remove(which) => remove(which.id, desk).await,
        }
    }
}

impl Add {
    async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let added = desk.office.add_application(&self.name, self.scopes).await?;
        let id = &added.application.id;
        if let Err(unheard) = tell_secret(&added, desk) {
            // Nobody has the secret, and nobody ever will.
            if let Ok(id) = id.parse() {
                desk.office.remove_application(id).await?;
            }
            return Err(unheard);
        }
        desk.output.hint(&format!(
            "Keep the secret safe: it is not shown again. With both, the application gets a \
             token from the admin address, at /oauth2/token.\nnew secret: {}",
            desk.command(&format!("application rotate {id}"))
        ));
        Ok(())
    }
}

/// Two lines that a shell can take as variables.
fn tell_secret(created: &MadeApplication, desk: &Desk) -> Result<(), Failure> {
    let MadeApplication { secret, application } = created;
    let id = &application.id;
    let json = json!({
        "client_id": id,
        "client_secret": secret,
        "application": application,
    });
    desk.output
        .secret(&json, &format!("client_id={id}\nclient_secret={secret}"))
}

async fn list(desk: &Desk) -> Result<(), Failure> {
    let all = desk.office.applications().await?;
    let page = if all.is_empty() {
        let command = desk.command("application add NAME --scope SCOPE");
        Page::new().line(&format!("There are no applications. Make one: {command}"))
    } else {
        let rows = all.iter().map(|application| {
            let last = application.last_used_at;
            [
                cell(&application.id),
                cell(&application.name),
                cell(state(application)),
                cell(application.scopes.join(" ")),
                cell(last.map_or("never".to_owned(), |at| desk.stamp(at.0))),
            ]
        });
        Page::new().table(["ID", "NAME", "STATE", "SCOPES", "LAST USED"], 1, rows.collect())
    };
    desk.output.answer(&json!({ "applications": all }), &page)
}

fn state(application: &ApplicationView) -> &'static str {
    if application.enabled { "enabled" } else { "disabled" }
}

async fn show(id: ApplicationId, desk: &Desk) -> Result<(), Failure> {
    let application = desk.office.application(id).await?;
    let tokens = desk.office.tokens(Some(Owner::Application(id))).await?;
    let maker = desk.person(&application.made_by).await?;
    let page = page(&application, &maker, &tokens, desk);
    let json = json!({ "application": application, "tokens": tokens });
    desk.output.answer(&json, &page)
}

fn page(application: &ApplicationView, maker: &str, tokens: &[TokenView], desk: &Desk) -> Page {
    let last = application.last_used_at;
    let last = last.map_or("never".to_owned(), |at| desk.time(at.0));
    let mut page = Page::new()
        .line(&format!("{} is {}.", application.name, state(application)))
        .line("")
        .line(&format!("Id             {}", application.id))
        .line(&format!("Scopes         {}", application.scopes.join(" ")))
        .line(&format!("Made           {}", desk.time(application.created_at.0)))
        .line(&format!("Made by        {maker}"))
        .line(&format!("Last used      {last}"));
    if !application.enabled {
        let enable = desk.command(&format!("application enable {}", application.id));
        page = page.line("").line(&format!("  Let it in: {enable}"));
    }
    let page = page.line("");
    if tokens.is_empty() {
        return page.line("No tokens.");
    }
    let time = |at: Option<Instant>| at.map_or("never".to_owned(), |at| desk.stamp(at.0));
    let rows = tokens.iter().map(|token| {
        [
            cell(&token.id),
            cell(&token.name),
            cell(token.scopes.join(" ")),
            cell(time(token.expires_at)),
            cell(time(token.last_used_at)),
        ]
    });
    page.table(["TOKEN", "NAME", "SCOPES", "ENDS", "LAST USED"], 1, rows.collect())
}

async fn rotate(id: ApplicationId, desk: &Desk) -> Result<(), Failure> {
    let rotated = desk.office.rotate_secret(id).await?;
    tell_secret(&rotated, desk)?;
    desk.output.hint(
        "Keep the secret safe: it is not shown again. The one before and all tokens of the \
         application open nothing any more.",
    );
    Ok(())
}

impl Scope {
    async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let id = self.which.id;
        let done = desk.office.scope_application(id, self.scopes).await?;
        let ChangedApplication { changed, application } = done;
        let scopes = application.scopes.join(" ");
        let name = &application.name;
        let words = match changed {
            true => format!("{name} may {scopes} now, and its tokens no more than that."),
            false => format!("{name} may {scopes} already: nothing was changed."),
        };
        told(&application, changed, &words, desk)
    }
}

async fn enable(id: ApplicationId, enabled: bool, desk: &Desk) -> Result<(), Failure> {
    let done = desk.office.enable_application(id, enabled).await?;
    let ChangedApplication { changed, application } = done;
    let (name, state) = (&application.name, state(&application));
    let words = match (changed, enabled) {
        (false, _) => format!("{name} is {state} already: nothing was changed."),
        (true, false) => format!(
            "{name} is disabled: it gets no token, and those that it has open nothing.\n  \
             Let it in: {}",
            desk.command(&format!("application enable {}", quote(&application.id)))
        ),
        (true, true) => format!("{name} is enabled, and so are its tokens that have not ended."),
    };
    told(&application, changed, &words, desk)
}

async fn remove(id: ApplicationId, desk: &Desk) -> Result<(), Failure> {
    let removed = desk.office.remove_application(id).await?;
    let words = format!("{} is removed, with its tokens.", removed.name);
    let json = json!({ "application": removed, "removed": true });
    desk.output.answer(&json, &Page::new().line(&words))
}

fn told(
    application: &ApplicationView,
    changed: bool,
    words: &str,
    desk: &Desk,
) -> Result<(), Failure> {
    let json = json!({ "changed": changed, "application": application });
    desk.output.answer(&json, &Page::new().line(words))
}
