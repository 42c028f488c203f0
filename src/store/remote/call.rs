//! One question over HTTP. Whatever is answered, little of it is read.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, HeaderMap, IF_NONE_MATCH};
use reqwest::{Certificate, Client, ClientBuilder, Response};
use serde_json::Value;

use super::credential::RemoteCredential;
use super::dialect::Question;
use super::{Fault, InvalidRemote, RemoteSettings};
use crate::store::outbound::{self, root};

/// The longest answer that is read, in bytes: about one account, and perhaps its groups.
const LARGEST: usize = 256 * 1024;

/// The longest entity tag that is sent back, in bytes.
const LONGEST_TAG: usize = 256;

const FORM: &str = "application/x-www-form-urlencoded";

/// The way to another system.
pub(super) struct Door {
    base: String,
    accepts: &'static str,
    credential: RemoteCredential,
    client: Client,
}

/// What came back.
pub(super) enum Answer {
    /// It is as it was when it had the tag that was sent.
    Unchanged,
    Said {
        status: StatusCode,
        tag: Option<String>,
        body: Value,
    },
}

/// A client that goes there alone.
pub(super) fn client(
    settings: &RemoteSettings,
    answer: Duration,
) -> Result<ClientBuilder, InvalidRemote> {
    let client = outbound::client(&settings.url, &settings.networks, answer)
        .map_err(|forbidden| InvalidRemote::Forbidden(forbidden.to_string()))?;
    let Some(roots) = &settings.roots else { return Ok(client) };
    let roots =
        Certificate::from_pem_bundle(roots).map_err(|error| InvalidRemote::Roots(root(&error)))?;
    if roots.is_empty() {
        return Err(InvalidRemote::Roots("there are none in it".to_owned()));
    }
    Ok(client.tls_certs_only(roots))
}

/// The address, without the slash that may end it.
pub(super) fn base(settings: &RemoteSettings) -> Result<String, InvalidRemote> {
    let url = settings.url.to_string();
    if url.contains('?') {
        return Err(InvalidRemote::Query);
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// Why nothing came back, in a line that has no address and no secret.
pub(super) fn silent(error: &reqwest::Error) -> Fault {
    let why = if error.is_timeout() { "not in time".to_owned() } else { root(error) };
    Fault::Silent(why)
}

impl Door {
    pub(super) fn new(settings: &RemoteSettings) -> Result<Self, InvalidRemote> {
        let client = client(settings, settings.timeout)?
            .build()
            .map_err(|error| InvalidRemote::Client(root(&error)))?;
        Ok(Self {
            base: base(settings)?,
            accepts: settings.kind.accepts(),
            credential: settings.credential.clone(),
            client,
        })
    }

    /// Asks, telling the tag of the answer that is known already.
    pub(super) async fn ask(
        &self,
        question: &Question,
        tag: Option<&str>,
    ) -> Result<Answer, Fault> {
        let url = format!("{}{}", self.base, question.path);
        let request = match &question.form {
            Some(form) => self
                .client
                .post(url)
                .header(CONTENT_TYPE, FORM)
                .body(form.clone()),
            None => self.client.get(url),
        };
        let request = request
            .header(ACCEPT, self.accepts)
            .header(AUTHORIZATION, self.credential.value());
        let request = match tag {
            Some(tag) => request.header(IF_NONE_MATCH, tag),
            None => request,
        };
        let answer = request.send().await.map_err(|error| silent(&error))?;
        match answer.status() {
            StatusCode::NOT_MODIFIED if tag.is_some() => return Ok(Answer::Unchanged),
            refused @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                return Err(Fault::Credential(refused));
            }
            StatusCode::OK | StatusCode::NOT_FOUND => {}
            other => return Err(Fault::Status(other)),
        }
        read(answer).await
    }
}

async fn read(answer: Response) -> Result<Answer, Fault> {
    let (status, headers) = (answer.status(), answer.headers());
    if !is_json(headers) {
        return Err(match status {
            StatusCode::OK => Fault::OtherForm("it is not JSON"),
            status => Fault::Status(status),
        });
    }
    let tag = tag(headers);
    let body = whole(answer).await?;
    let body = serde_json::from_slice(&body).map_err(|_| Fault::OtherForm("it is not JSON"))?;
    Ok(Answer::Said { status, tag, body })
}

async fn whole(mut answer: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|error| silent(&error))? {
        if body.len() + part.len() > LARGEST {
            return Err(Fault::TooLarge);
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}

/// `application/json`, and what is called `…+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let kind = kind
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    kind == "application/json" || (kind.starts_with("application/") && kind.ends_with("+json"))
}

/// An entity tag that can be sent back (RFC 9110, 8.8.3).
fn tag(headers: &HeaderMap) -> Option<String> {
    let tag = headers.get(ETAG)?.to_str().ok()?;
    let opaque = tag.strip_prefix("W/").unwrap_or(tag);
    let quoted = opaque.len() >= 2 && opaque.starts_with('"') && opaque.ends_with('"');
    (quoted && tag.len() <= LONGEST_TAG).then(|| tag.to_owned())
}

/// Where it is, for logs.
impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}
