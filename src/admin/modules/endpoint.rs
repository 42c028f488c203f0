//! A module that is an endpoint of the application, asked over HTTP: see the manual's
//! page on deletion for the protocol.

use std::fmt;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use ipnet::IpNet;
use reqwest::{Client, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::admin::modules::{Field, ModuleError, Moved, Order, RecordModule};
use crate::domain::deletion::{Party, Step};
use crate::domain::outbound::OutboundUrl;
use crate::domain::transfer::{Condition, ModuleName};
use crate::store::{BoxFuture, outbound};

/// The header that names a step, so that one that comes twice is done once.
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// How often a request is sent at most.
const ATTEMPTS: u32 = 5;

/// The longest answer that is read, in bytes.
const LARGEST: usize = 64 * 1024;

/// Where the endpoint is, and how it is spoken to.
#[derive(Clone, Debug)]
pub struct EndpointSettings {
    /// Where it is.
    pub url: OutboundUrl,
    /// What it knows us by.
    pub secret: BearerSecret,
    /// Networks that are not public, and that it may be in.
    pub networks: Vec<IpNet>,
    /// How long one answer may take.
    pub timeout: Duration,
    /// How long to wait before the second attempt; each further one waits twice as
    /// long.
    pub pause: Duration,
    /// The fields that conditions can name.
    pub fields: Vec<Field>,
}

/// A secret that is sent as a bearer token. Never printed.
#[derive(Clone)]
pub struct BearerSecret(HeaderValue);

/// An endpoint of the application.
pub struct EndpointModule {
    settings: EndpointSettings,
    client: Client,
}

// === impl BearerSecret ===

impl BearerSecret {
    /// This secret; white space around it is no part of it.
    ///
    /// # Errors
    ///
    /// If it is empty or has characters that no header can carry.
    pub fn new(secret: &str) -> Result<Self, ModuleError> {
        let secret = secret.trim();
        let visible = !secret.is_empty() && secret.bytes().all(|byte| byte.is_ascii_graphic());
        let value = HeaderValue::try_from(format!("Bearer {secret}"));
        let (true, Ok(mut value)) = (visible, value) else {
            let what = "the secret is empty or has other than visible ASCII characters";
            return Err(ModuleError::Misfit(what.to_owned()));
        };
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// The value of an `Authorization` header, which is not printed either.
    #[cfg(feature = "gateway")]
    pub(crate) fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for BearerSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerSecret(..)")
    }
}

/// What the endpoint is asked.
#[derive(Serialize)]
struct Question<'a> {
    action: &'static str,
    module: &'a ModuleName,
    from: &'a Party,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a Party>,
    conditions: &'a [Condition],
}

#[derive(Deserialize)]
struct Counted {
    count: u64,
}

#[derive(Deserialize)]
struct Transferred {
    moved: u64,
    #[serde(default = "yes")]
    done: bool,
}

const fn yes() -> bool {
    true
}

/// What a refusal may say for itself.
#[derive(Deserialize)]
struct Said {
    error: String,
}

/// What became of one attempt.
enum Attempt {
    Answered(Vec<u8>),
    /// Another may be answered.
    Again(ModuleError),
    Over(ModuleError),
}

// === impl EndpointModule ===

impl EndpointModule {
    /// The endpoint there. Nothing is asked of it yet.
    ///
    /// # Errors
    ///
    /// If its address is one that may not be connected to.
    pub fn new(settings: EndpointSettings) -> Result<Self, ModuleError> {
        let EndpointSettings { url, networks, timeout, .. } = &settings;
        let client = outbound::client(url, networks, *timeout)
            .map_err(|forbidden| ModuleError::Misfit(forbidden.to_string()))?
            .build()
            .map_err(|error| ModuleError::Unavailable(format!("TLS can't be used: {error}")))?;
        Ok(Self { settings, client })
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        question: &Question<'_>,
        key: Option<&str>,
    ) -> Result<T, ModuleError> {
        let body = serde_json::to_vec(question)
            .map_err(|error| ModuleError::Misfit(format!("the question is no JSON: {error}")))?;
        let answer = self.ask_patiently(&body, key).await?;
        serde_json::from_slice(&answer).map_err(|error| {
            let url = self.shown();
            ModuleError::Unavailable(format!("{url} answered something else: {error}"))
        })
    }

    async fn ask_patiently(&self, body: &[u8], key: Option<&str>) -> Result<Vec<u8>, ModuleError> {
        let mut pause = self.settings.pause;
        for attempt in 1.. {
            match self.ask_once(body, key).await {
                Attempt::Answered(answer) => return Ok(answer),
                Attempt::Over(error) => return Err(error),
                Attempt::Again(error) if attempt >= ATTEMPTS => return Err(error),
                Attempt::Again(_) => tokio::time::sleep(pause).await,
            }
            pause *= 2;
        }
        unreachable!("the last attempt is answered or an error")
    }

    async fn ask_once(&self, body: &[u8], key: Option<&str>) -> Attempt {
        let mut request = self
            .client
            .post(self.settings.url.to_string())
            .header(AUTHORIZATION, self.settings.secret.0.clone())
            .header(CONTENT_TYPE, "application/json")
            .body(body.to_vec());
        if let Some(key) = key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        match request.send().await {
            Ok(answer) => self.judge(answer).await,
            Err(error) => Attempt::Again(self.silent(&error)),
        }
    }

    async fn judge(&self, answer: Response) -> Attempt {
        let status = answer.status();
        let body = match contents(answer).await {
            Ok(Some(body)) => body,
            Ok(None) => {
                let what = format!("{} answered more than {LARGEST} bytes", self.shown());
                return Attempt::Over(ModuleError::Unavailable(what));
            }
            Err(error) => return Attempt::Again(self.silent(&error)),
        };
        let said: Option<Said> = serde_json::from_slice(&body).ok();
        let said = said.map_or_else(String::new, |said| format!(", {:?}", short(&said.error)));
        let what = format!("{} answered {status}{said}", self.shown());
        match status {
            StatusCode::OK => Attempt::Answered(body),
            StatusCode::REQUEST_TIMEOUT
            | StatusCode::CONFLICT
            | StatusCode::TOO_EARLY
            | StatusCode::TOO_MANY_REQUESTS => Attempt::Again(ModuleError::Unavailable(what)),
            _ if status.is_server_error() => Attempt::Again(ModuleError::Unavailable(what)),
            _ => Attempt::Over(ModuleError::Refused(what)),
        }
    }

    fn silent(&self, error: &reqwest::Error) -> ModuleError {
        let why = if error.is_timeout() { "not in time".to_owned() } else { root(error) };
        ModuleError::Unavailable(format!("{} does not answer: {why}", self.shown()))
    }

    /// The address without what may be a secret in its query.
    fn shown(&self) -> String {
        let url = self.settings.url.to_string();
        url.split('?').next().unwrap_or_default().to_owned()
    }
}

impl RecordModule for EndpointModule {
    fn fields(&self) -> &[Field] {
        &self.settings.fields
    }

    /// It is told all that there is, and knows them by what it likes.
    fn key_of(&self, party: &Party) -> Result<String, ModuleError> {
        Ok(party.id.to_string())
    }

    /// It is not asked anything: an application may start after its gateway.
    fn check(&self) -> BoxFuture<'_, Result<(), ModuleError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn count<'a>(&'a self, order: &'a Order) -> BoxFuture<'a, Result<u64, ModuleError>> {
        Box::pin(async move {
            let Order { module, from, conditions } = order;
            let question = Question { action: "count", module, from, to: None, conditions };
            let Counted { count } = self.ask(&question, None).await?;
            Ok(count)
        })
    }

    /// As many as the endpoint likes.
    fn next_step<'a>(
        &'a self,
        _order: &'a Order,
    ) -> BoxFuture<'a, Result<Option<Step>, ModuleError>> {
        Box::pin(std::future::ready(Ok(Some(Step { records: Vec::new() }))))
    }

    fn carry_out<'a>(
        &'a self,
        order: &'a Order,
        to: &'a Party,
        _step: &'a Step,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Moved, ModuleError>> {
        Box::pin(async move {
            let Order { module, from, conditions } = order;
            let question = Question { action: "transfer", module, from, to: Some(to), conditions };
            let Transferred { moved, done } = self.ask(&question, Some(key)).await?;
            if moved == 0 && !done {
                let what = format!("{} moved nothing and is not done", self.shown());
                return Err(ModuleError::Refused(what));
            }
            Ok(Moved { records: moved, more: !done })
        })
    }
}

impl fmt::Debug for EndpointModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointModule")
            .field("url", &self.shown())
            .finish_non_exhaustive()
    }
}

/// The answer's body; `None` if it is too long.
async fn contents(mut answer: Response) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > LARGEST {
            return Ok(None);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Some(body))
}

/// What is at the bottom of an error: the rest repeats the address.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    short(&cause.to_string())
}

/// No more than a line of it.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}
