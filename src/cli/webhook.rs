//! `portcullis webhook`: services that are told what happens.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::api::webhooks::{Endpoint, Webhooks};
use crate::cli::desk::Desk;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::{Output, Page, cell};
use crate::cli::store::Named;
use crate::config::{self, Environment, WebhookSettings};
use crate::store::{Message, MessageFilter};

/// More than anybody reads.
const SHOWN: u32 = 1000;

#[derive(Debug, Subcommand)]
pub(super) enum WebhookCommand {
    /// List the services that are told, and how many messages wait
    List,
    /// List messages that did not arrive and are sent no more
    Dead,
    /// Send messages that are dead again
    Retry(Retry),
    /// Send every service a message without anything in it, now
    Test,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
pub(super) struct Retry {
    /// Its number, as `webhook dead` shows it
    #[arg(value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    number: Option<u64>,

    /// All of them
    #[arg(long)]
    all: bool,
}

impl WebhookCommand {
    pub(super) async fn run(self, named: &Named, output: Output) -> Result<(), Failure> {
        let desk = named.desk(output).await?;
        match self {
            Self::List => list(named, &desk).await,
            Self::Dead => dead(&desk).await,
            Self::Retry(retry) => retry.run(&desk).await,
            Self::Test => test(named, &desk).await,
        }
    }
}

/// The services that are configured.
fn configured(named: &Named, environment: &Environment) -> Result<Vec<WebhookSettings>, Failure> {
    let file = named.file(environment);
    Ok(config::read(file.as_deref(), environment)?.webhooks())
}

/// The same, with their secrets.
pub(super) fn open(
    webhooks: &[WebhookSettings],
    environment: &Environment,
) -> Result<Vec<Endpoint>, Failure> {
    let opened = webhooks.iter().map(|webhook| webhook.open(environment));
    let opened: Result<_, _> = opened.collect();
    opened.map_err(|error| Failure::usage(error.to_string()))
}

async fn list(named: &Named, desk: &Desk) -> Result<(), Failure> {
    let webhooks = configured(named, &Environment::of_process())?;
    let (waiting, dead) = desk.host()?.admin.webhooks().backlog().await?;
    let shown: Vec<Value> = webhooks
        .iter()
        .map(|webhook| json!({ "url": webhook.url.to_string(), "events": webhook.events }))
        .collect();
    let json = json!({ "webhooks": shown, "waiting": waiting, "dead": dead });
    if webhooks.is_empty() {
        let words = "No service is told what happens: write [[webhooks]] into the configuration.";
        return desk.output.answer(&json, &Page::new().line(words));
    }
    let rows = webhooks.iter().map(|webhook| {
        let events = match webhook.events.is_empty() {
            true => "all".to_owned(),
            false => webhook.events.join(" "),
        };
        [cell(&webhook.url), cell(events)]
    });
    let page = Page::new().table(["URL", "EVENTS"], 1, rows.collect());
    let words = format!("{waiting} messages wait, {dead} are dead.");
    desk.output.answer(&json, &page.line(&words))
}

async fn dead(desk: &Desk) -> Result<(), Failure> {
    let messages = desk
        .host()?
        .admin
        .webhooks()
        .messages(MessageFilter::Dead, SHOWN)
        .await?;
    let views: Vec<Value> = messages.iter().map(view).collect();
    let json = json!({ "messages": views });
    if messages.is_empty() {
        return desk
            .output
            .answer(&json, &Page::new().line("No message is dead."));
    }
    let rows = messages.iter().map(|message| {
        [
            cell(message.number),
            cell(desk.stamp(message.created_at)),
            cell(&message.kind),
            cell(message.account),
            cell(&message.endpoint),
            cell(message.last_error.as_deref().unwrap_or_default()),
        ]
    });
    let head = ["NUMBER", "MADE", "EVENT", "ACCOUNT", "URL", "WHY"];
    desk.output
        .answer(&json, &Page::new().table(head, 5, rows.collect()))?;
    desk.output
        .hint(&format!("send again: {}", desk.command("webhook retry NUMBER")));
    Ok(())
}

fn view(message: &Message) -> Value {
    json!({
        "number": message.number,
        "id": message.id,
        "url": message.endpoint,
        "account": message.account,
        "event": message.kind,
        "created_at": message.created_at.to_string(),
        "attempts": message.attempts,
        "error": message.last_error,
    })
}

impl Retry {
    async fn run(self, desk: &Desk) -> Result<(), Failure> {
        let revived = desk.host()?.admin.webhooks().revive(self.number).await?;
        if let (Some(number), 0) = (self.number, revived) {
            let words = format!("there is no dead message {number}: list them to find it");
            return Err(Failure::new(Exit::NotFound, words).try_next("webhook dead"));
        }
        let words = match revived {
            1 => "1 message is sent again.".to_owned(),
            many => format!("{many} messages are sent again."),
        };
        desk.output
            .answer(&json!({ "retried": revived }), &Page::new().line(&words))
    }
}

async fn test(named: &Named, desk: &Desk) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let endpoints = open(&configured(named, &environment)?, &environment)?;
    let webhooks = Webhooks::new(desk.host()?.admin.clone(), endpoints)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let results = webhooks.test().await;
    let views: Vec<Value> = results
        .iter()
        .map(|(url, sent)| json!({ "url": url, "arrived": sent.is_ok(), "error": sent.as_ref().err() }))
        .collect();
    let mut page = Page::new();
    for (url, sent) in &results {
        page = page.line(&match sent {
            Ok(()) => format!("{url}: it arrived."),
            Err(error) => format!("{url}: {error}"),
        });
    }
    if results.is_empty() {
        page = page.line("No service is told what happens.");
    }
    desk.output.answer(&json!({ "results": views }), &page)?;
    match results.iter().filter(|(_, sent)| sent.is_err()).count() {
        0 => Ok(()),
        failed => {
            let words = format!("{failed} of {} messages did not arrive", results.len());
            Err(Failure::new(Exit::Failed, words))
        }
    }
}
