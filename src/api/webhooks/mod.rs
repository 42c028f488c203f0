//! Tells other services what happens here, in the form of Clerk's webhooks.
//!
//! Of several gateways one holds the desk: it makes messages of what happened, and
//! sends them. The store keeps both, so a gateway that ends in the middle loses
//! nothing, and the next goes on; a message may arrive twice then, under the same
//! `svix-id`. Those about one account arrive in order.

mod endpoint;
mod event;
mod send;

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use self::endpoint::{Endpoint, InvalidSecret, WebhookSecret};
pub use self::event::EVENTS;
use self::send::Sender;
use crate::admin::{Admin, AdminError};
use crate::engine::figures::Delivered;
use crate::store::{Delivery, Message};

/// For how long the desk is held without a word. Longer than any message takes.
const HOLD: Duration = Duration::from_secs(60);

/// How often it is held anew, and asked for by whoever has not got it.
const HOLD_AGAIN: Duration = Duration::from_secs(10);

/// How often it is looked whether anything happened, or is to be sent again.
const LOOK: Duration = Duration::from_millis(500);

/// How long to wait before a message is sent again, each time.
const PAUSES: [Duration; 8] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(3600),
    Duration::from_secs(6 * 3600),
    Duration::from_secs(12 * 3600),
    Duration::from_secs(24 * 3600),
];

/// So much of what happened is made messages of in one go.
const NEWS: u32 = 100;

/// So many messages go to one endpoint at once, each about another account.
const AT_ONCE: u32 = 4;

/// When so many messages wait, no more are made until some arrived: what happened is
/// kept all the same.
const BACKLOG: u64 = 100_000;

/// Why nothing can be sent there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// The machine can't speak TLS, for instance.
    #[error("no requests can be sent: {error}")]
    Client {
        /// What is wrong.
        error: String,
    },
    /// It is in a network that was not listed.
    #[error("{url} is in no public network: list its network in the webhook's `networks`")]
    Forbidden {
        /// Where the endpoint is.
        url: String,
    },
}

/// Tells endpoints what happens in a directory.
#[derive(Debug)]
pub struct Webhooks {
    admin: Admin,
    senders: Vec<Arc<Sender>>,
    holder: String,
    pauses: Vec<Duration>,
}

impl Webhooks {
    /// To these endpoints. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// If one of them may not be connected to.
    pub fn new(
        admin: Admin,
        endpoints: impl IntoIterator<Item = Endpoint>,
    ) -> Result<Self, WebhookError> {
        let senders = endpoints.into_iter().map(Arc::new).map(Sender::new);
        let senders = senders
            .map(|sender| sender.map(Arc::new))
            .collect::<Result<_, _>>()?;
        let mut random = [0; 16];
        // Without the system's randomness two gateways may both hold the desk: then
        // some messages come twice.
        let _ = getrandom::fill(&mut random);
        let holder = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { admin, senders, holder, pauses: PAUSES.to_vec() })
    }

    /// The same, where a message is sent again after these pauses, and is dead after
    /// the last.
    #[must_use]
    pub fn with_pauses(self, pauses: Vec<Duration>) -> Self {
        Self { pauses, ..self }
    }

    /// Tells them, for as long as it is polled. Dropped, it may leave a message that
    /// arrived to be sent once more.
    pub async fn run(self) {
        if self.senders.is_empty() {
            return;
        }
        let (holds, held) = watch::channel(false);
        let shared = Arc::new(self);
        let mut tasks = JoinSet::new();
        for sender in &shared.senders {
            tasks.spawn(Arc::clone(&shared).send_to(Arc::clone(sender), held.clone()));
        }
        shared.hold_and_make(&holds).await;
    }

    /// Sends a message without anything in it to each endpoint, and says how that went.
    pub async fn test(&self) -> Vec<(String, Result<(), String>)> {
        let now = self.admin.now();
        let name = self.admin.directory_name();
        let body = event::envelope("webhook.test", &json!({}), now, &name, None).to_string();
        let id = format!("msg_test{}", now.as_micros());
        let mut results = Vec::with_capacity(self.senders.len());
        for sender in &self.senders {
            let url = sender.endpoint.url.to_string();
            results.push((url, sender.send(&id, &body, now).await));
        }
        results
    }

    /// Holds the desk, if it can be had, and makes messages of what happens.
    async fn hold_and_make(&self, holds: &watch::Sender<bool>) {
        let mut held_at = None;
        loop {
            let now = self.admin.now();
            if held_at.is_none_or(|at| now.since(at) >= HOLD_AGAIN || now < at) {
                let has_it = self.hold().await;
                holds.send_replace(has_it);
                held_at = has_it.then_some(now);
            }
            let made = match held_at {
                Some(_) => self.make().await,
                None => Ok(false),
            };
            match made {
                // There may be more already.
                Ok(true) => {}
                Ok(false) if held_at.is_none() => tokio::time::sleep(HOLD_AGAIN).await,
                Ok(false) => tokio::time::sleep(LOOK).await,
                Err(error) => {
                    tracing::warn!(%error, "webhook messages not made");
                    tokio::time::sleep(HOLD_AGAIN / 2).await;
                }
            }
        }
    }

    async fn hold(&self) -> bool {
        let store = self.admin.webhooks();
        let held = async {
            store.begin().await?;
            store.hold(self.holder.clone(), HOLD).await
        };
        held.await
            .inspect_err(|error| tracing::warn!(%error, "webhook desk not held"))
            .unwrap_or(false)
    }

    /// Makes messages of some of what happened. Says whether there was anything.
    async fn make(&self) -> Result<bool, AdminError> {
        let store = self.admin.webhooks();
        let (waiting, dead) = store.backlog().await?;
        if let Some(figures) = self.admin.webhook_figures() {
            figures.note_backlog(waiting, dead);
        }
        if waiting >= BACKLOG {
            tracing::warn!(webhook.waiting = waiting, "webhook backlog full");
            return Ok(false);
        }
        let news = store.news(NEWS).await?;
        if news.is_empty() {
            return Ok(false);
        }
        let endpoints: Vec<_> = self
            .senders
            .iter()
            .map(|one| Arc::clone(&one.endpoint))
            .collect();
        let messages = event::messages(&self.admin, &endpoints, &news).await?;
        Ok(store.post(self.holder.clone(), news, messages).await?)
    }

    async fn send_to(self: Arc<Self>, sender: Arc<Sender>, mut held: watch::Receiver<bool>) {
        let url = sender.endpoint.url.to_string();
        loop {
            if held.wait_for(|held| *held).await.is_err() {
                return;
            }
            let due = self.admin.webhooks().due(vec![url.clone()], AT_ONCE).await;
            let due = due
                .inspect_err(|error| tracing::warn!(%error, "webhook messages not read"))
                .unwrap_or_default();
            if due.is_empty() {
                tokio::time::sleep(LOOK).await;
                continue;
            }
            let sent = due.iter().map(|message| self.deliver(&sender, message));
            futures_util::future::join_all(sent).await;
        }
    }

    async fn deliver(&self, sender: &Sender, message: &Message) {
        let now = self.admin.now();
        let (outcome, delivery) = match sender.send(&message.id, &message.body, now).await {
            Ok(()) => (Delivered::Arrived, Delivery::Arrived),
            Err(error) => self.failed(message, error),
        };
        if let Some(figures) = self.admin.webhook_figures() {
            figures.count(outcome);
        }
        // It is sent again then, and comes twice.
        if let Err(error) = self.admin.webhooks().settle(message.number, delivery).await {
            tracing::warn!(%error, webhook.message = message.id, "webhook message not settled");
        }
    }

    fn failed(&self, message: &Message, error: String) -> (Delivered, Delivery) {
        let (number, url) = (message.number, &message.endpoint);
        let pause = usize::try_from(message.attempts).ok();
        match pause.and_then(|at| self.pauses.get(at)) {
            Some(after) => {
                tracing::info!(
                    webhook.url = url,
                    webhook.number = number,
                    error,
                    "webhook put off"
                );
                (Delivered::Again, Delivery::Again { after: *after, error })
            }
            None => {
                tracing::error!(webhook.url = url, webhook.number = number, error, "webhook dead");
                (Delivered::Dead, Delivery::Dead { error })
            }
        }
    }
}
