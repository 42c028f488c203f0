//! Sends one message.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::CONTENT_TYPE;
use reqwest::Client;

use super::{Endpoint, WebhookError};
use crate::domain::time::Timestamp;
use crate::store::outbound;

/// How long the whole answer may take to come.
pub(super) const ANSWER: Duration = Duration::from_secs(15);

/// Sends messages to one endpoint.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) endpoint: Arc<Endpoint>,
    client: Client,
}

impl Sender {
    pub(super) fn new(endpoint: Arc<Endpoint>) -> Result<Self, WebhookError> {
        let Endpoint { url, networks, .. } = &*endpoint;
        let client = outbound::client(url, networks, ANSWER)
            .map_err(|_| WebhookError::Forbidden { url: url.to_string() })?
            .build()
            .map_err(|error| WebhookError::Client { error: chain(&error) })?;
        Ok(Self { endpoint, client })
    }

    /// Sends a message, signed for this instant. The error is why it did not arrive,
    /// in words without secrets.
    pub(super) async fn send(&self, id: &str, body: &str, now: Timestamp) -> Result<(), String> {
        let signature = self.endpoint.secret.sign(id, now, body);
        let request = self
            .client
            .post(self.endpoint.url.to_string())
            .header(CONTENT_TYPE, "application/json")
            .header("svix-id", id)
            .header("svix-timestamp", now.floor_secs().to_string())
            .header("svix-signature", signature)
            .body(body.to_owned());
        // What it answers beside its status does not matter, and is not read.
        match request.send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(refused(answer.status())),
            Err(error) => Err(chain(&error.without_url())),
        }
    }
}

fn refused(status: StatusCode) -> String {
    format!("it answered {status}")
}

/// An error with what caused it: of the first word alone nobody learns much.
fn chain(error: &dyn Error) -> String {
    let (mut said, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        said = format!("{said}: {error}");
        cause = error.source();
    }
    said
}
