//! The few requests that a load test makes behind the stage, over connections of
//! their own.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::cli::bench::remote::Admission;
use crate::cli::exit::{Exit, Failure};
use crate::gateway::Origin;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// More than a page of accounts is not read.
const MAX_ANSWER: usize = 4 << 20;

/// Who can't answer now is asked again, so often and after so long.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(250);

const JSON: &str = "application/json";

/// Asks the admin address, with the administrator's token.
pub(super) struct Api {
    client: Client<HttpConnector, Full<Bytes>>,
    url: Origin,
    authorization: HeaderValue,
}

/// What came back.
pub(super) struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Value,
}

impl Api {
    pub(super) fn new(admission: Admission) -> Self {
        let Admission { url, token } = admission;
        let bearer = format!("Bearer {}", token.expose());
        let mut authorization = HeaderValue::try_from(bearer).expect("a token is visible letters");
        authorization.set_sensitive(true);
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, url, authorization }
    }

    pub(super) const fn url(&self) -> &Origin {
        &self.url
    }

    /// Asks for something below `/api/v3`, and refuses what is refused there.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, Failure> {
        let reply = self.try_asking(method, path, body).await?;
        if reply.status.is_success() { Ok(reply) } else { Err(self.refused(&reply)) }
    }

    /// The same, and says what was refused by its status.
    pub(super) async fn try_asking(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Reply, Failure> {
        let body = body.map(Value::to_string).unwrap_or_default();
        let headers = [
            (AUTHORIZATION, self.authorization.clone()),
            (CONTENT_TYPE, HeaderValue::from_static(JSON)),
            (ACCEPT, HeaderValue::from_static(JSON)),
        ];
        let headers = HeaderMap::from_iter(headers);
        send(&self.client, &self.url, method, &format!("/api/v3{path}"), headers, body).await
    }

    /// Sends a form to a page of the guarded service.
    pub(super) async fn send_form(
        &self,
        to: &Origin,
        path: &str,
        form: String,
    ) -> Result<Reply, Failure> {
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind)]);
        send(&self.client, to, Method::POST, path, headers, form).await
    }

    pub(super) fn refused(&self, reply: &Reply) -> Failure {
        let url = &self.url;
        let words = reply.body.get("message").and_then(Value::as_str);
        let said = words.map_or_else(|| format!("it answered {}", reply.status), str::to_owned);
        let said = said.trim_end_matches('.');
        match reply.status {
            StatusCode::UNAUTHORIZED => Failure::new(
                Exit::Refused,
                format!("{url} does not take this token: name one of an administrator there"),
            ),
            StatusCode::NOT_FOUND if words.is_none() => Failure::new(
                Exit::Failed,
                format!("{url} is no admin address: `serve` says which it is when it starts"),
            ),
            _ => Failure::new(
                Exit::Refused,
                format!("{url} refuses: {said}; a load test needs a token of an administrator"),
            ),
        }
    }
}

async fn send(
    client: &Client<HttpConnector, Full<Bytes>>,
    to: &Origin,
    method: Method,
    path: &str,
    headers: HeaderMap,
    body: String,
) -> Result<Reply, Failure> {
    let mut tries = 1;
    loop {
        let mut request = Request::new(Full::from(body.clone()));
        *request.method_mut() = method.clone();
        *request.uri_mut() = format!("{to}{path}")
            .parse()
            .map_err(|_| unusable(to, path))?;
        *request.headers_mut() = headers.clone();
        let answered = tokio::time::timeout(PATIENCE, exchange(client, request)).await;
        let reply = answered.ok().flatten().ok_or_else(|| unreachable_at(to))?;
        let later =
            reply.headers.contains_key(RETRY_AFTER) && matches!(reply.status.as_u16(), 429 | 503);
        if !later || tries == TRIES {
            return Ok(reply);
        }
        tries += 1;
        tokio::time::sleep(PAUSE).await;
    }
}

async fn exchange(
    client: &Client<HttpConnector, Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Option<Reply> {
    let (head, body) = client.request(request).await.ok()?.into_parts();
    let bytes = Limited::new(body, MAX_ANSWER)
        .collect()
        .await
        .ok()?
        .to_bytes();
    let body = serde_json::from_slice(&bytes).unwrap_or_default();
    Some(Reply { status: head.status, headers: head.headers, body })
}

fn unreachable_at(url: &Origin) -> Failure {
    Failure::new(Exit::Failed, format!("{url} does not answer: see whether the gateway runs there"))
}

fn unusable(url: &Origin, path: &str) -> Failure {
    Failure::usage(format!("{url}{path} is no address: check how it is written"))
}
