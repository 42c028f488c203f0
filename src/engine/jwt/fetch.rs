//! Fetches an issuer's keys. Whatever it answers, little of it is read, and none of
//! it leads to a place where requests of ours may not go.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::keys::InvalidJwtKey;
use super::source::{Place, PublishedJwtKeys};
use crate::domain::outbound::{InvalidUrl, OutboundUrl};
use crate::store::outbound::{self, Forbidden, root};

/// How long one answer may take, with its connection.
const ANSWER: Duration = Duration::from_secs(5);

/// The longest answer that is read, in bytes.
const LARGEST: usize = 256 * 1024;

/// Why there are no new keys, in words without what the issuer answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoKeys {
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error("it calls itself something else: the `issuer` that it names has to be the `iss` here")]
    OtherIssuer,
    #[error("its configuration is not that of an OpenID Connect issuer")]
    NoConfiguration,
    #[error("its `jwks_uri` can't be used: {0}")]
    BadUrl(#[from] InvalidUrl),
    #[error("its `jwks_uri` is on this machine, and the issuer is not")]
    NotFromHere,
    #[error("it does not answer: {0}")]
    Silent(String),
    #[error("it answered {0}")]
    Status(StatusCode),
    #[error("it answered more than {LARGEST} bytes")]
    TooLarge,
    #[error("TLS can't be used: {0}")]
    Tls(String),
    #[error(transparent)]
    Set(#[from] InvalidJwtKey),
}

/// What fetches the keys of one issuer.
#[derive(Debug)]
pub(super) struct Fetcher {
    source: PublishedJwtKeys,
    first: Door,
    /// Where the set was when the issuer last said so.
    set: Option<Door>,
}

/// An address, and a client that goes there alone.
#[derive(Debug)]
struct Door {
    url: OutboundUrl,
    client: Client,
}

/// What is read of an issuer's configuration.
#[derive(Deserialize)]
struct Configuration {
    issuer: String,
    jwks_uri: String,
}

impl Configuration {
    fn read(json: &[u8]) -> Result<Self, NoKeys> {
        let fields: Map<String, Value> =
            serde_json::from_slice(json).map_err(|_| NoKeys::NoConfiguration)?;
        serde_json::from_value(fields.into()).map_err(|_| NoKeys::NoConfiguration)
    }
}

impl Fetcher {
    pub(super) fn new(source: PublishedJwtKeys) -> Result<Self, NoKeys> {
        let first = Door::new(source.url().clone(), &source)?;
        Ok(Self { source, first, set: None })
    }

    /// The set as the issuer publishes it now. Nothing of it is looked at yet.
    pub(super) async fn fetch(&mut self) -> Result<Vec<u8>, NoKeys> {
        let Place::Configuration { issuer, .. } = &self.source.place else {
            return self.first.open().await;
        };
        let said = Configuration::read(&self.first.open().await?)?;
        if said.issuer != *issuer {
            return Err(NoKeys::OtherIssuer);
        }
        let url = OutboundUrl::parse(&said.jwks_uri)?;
        // What stands in an answer from elsewhere asks nothing of this machine.
        if url.is_here() && !self.first.url.is_here() {
            return Err(NoKeys::NotFromHere);
        }
        let door = match self.set.take().filter(|door| door.url == url) {
            Some(door) => door,
            None => Door::new(url, &self.source)?,
        };
        self.set.insert(door).open().await
    }
}

impl Door {
    fn new(url: OutboundUrl, source: &PublishedJwtKeys) -> Result<Self, NoKeys> {
        let client = outbound::client(&url, &source.networks, ANSWER)?
            .build()
            .map_err(|error| NoKeys::Tls(root(&error)))?;
        Ok(Self { url, client })
    }

    async fn open(&self) -> Result<Vec<u8>, NoKeys> {
        let silent = |error: reqwest::Error| match error.is_timeout() {
            true => NoKeys::Silent("not in time".to_owned()),
            false => NoKeys::Silent(root(&error)),
        };
        let request = self.client.get(self.url.to_string());
        let mut answer = request.send().await.map_err(silent)?;
        if answer.status() != StatusCode::OK {
            return Err(NoKeys::Status(answer.status()));
        }
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(silent)? {
            if body.len() + part.len() > LARGEST {
                return Err(NoKeys::TooLarge);
            }
            body.extend_from_slice(&part);
        }
        Ok(body)
    }
}
