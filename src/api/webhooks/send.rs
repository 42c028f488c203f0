//! Sends one message.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::header::CONTENT_TYPE;
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, redirect};

use super::{Endpoint, WebhookError};
use crate::domain::outbound::OutboundUrl;
use crate::domain::time::Timestamp;

/// How long a connection may take to be made, and the whole answer to come.
const CONNECT: Duration = Duration::from_secs(5);
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
        // A number is not resolved, so it is looked at here.
        let literal = url.literal();
        if literal.is_some_and(|ip| !url.may_connect(ip, networks)) {
            return Err(WebhookError::Forbidden { url: url.to_string() });
        }
        let resolver = Resolver { url: url.clone(), networks: networks.clone() };
        let client = Client::builder()
            .dns_resolver(Arc::new(resolver))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
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

/// Looks at every address that the host's name leads to before it is connected to.
struct Resolver {
    url: OutboundUrl,
    networks: Vec<IpNet>,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (url, networks) = (self.url.clone(), self.networks.clone());
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let free: Vec<SocketAddr> = found
                .filter(|address| url.may_connect(address.ip(), &networks))
                .collect();
            if free.is_empty() {
                return Err(WebhookError::Forbidden { url: url.to_string() }.into());
            }
            let addresses: Addrs = Box::new(free.into_iter());
            Ok(addresses)
        })
    }
}
