//! What other gateways ask: whether somebody may come in, and the feed of changes, as
//! server-sent events. See the manual's page on status sources.

mod stream;

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderName, IF_NONE_MATCH};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tokio::sync::mpsc::Receiver;
use tokio::sync::{Semaphore, mpsc};

use self::stream::{Listener, Start};
use super::openapi::is_same;
use super::own::Problem;
use super::token;
use crate::admin::{Admin, Caller};
use crate::domain::account::{AccountId, AccountKey};
use crate::domain::operation::Operation;
use crate::store::document::StandingDocument;

/// How many follow the feed at once, at most.
const LISTENERS: usize = 64;

/// How many pieces of the stream wait for a client that is slow.
const PIECES: usize = 16;

/// What is said of every answer: it is about people, and for whoever asked.
const HEADERS: [(HeaderName, &str); 2] =
    [(CACHE_CONTROL, "no-store"), (http::header::X_CONTENT_TYPE_OPTIONS, "nosniff")];

const LAST_EVENT_ID: &str = "last-event-id";

/// What both are about.
#[derive(Clone, Debug)]
struct Shared {
    admin: Admin,
    places: Arc<Semaphore>,
}

pub(super) fn router(admin: Admin) -> Router {
    let places = Arc::new(Semaphore::new(LISTENERS));
    let shared = Shared { admin: admin.clone(), places };
    Router::new()
        .route("/standing/{account}", get(standing))
        .route("/feed", get(feed))
        .method_not_allowed_fallback(async || Problem::no_such_method())
        .route_layer(from_fn_with_state(admin, admitted))
        .with_state(shared)
}

/// Lets those through whose token is for the feed.
async fn admitted(State(admin): State<Admin>, request: Request, next: Next) -> Response {
    let (mut head, body) = request.into_parts();
    let mut answer = match may_listen(&admin, &head).await {
        Ok(_) => {
            let credential = Credential::of(&head);
            head.extensions.insert(credential);
            next.run(Request::from_parts(head, body)).await
        }
        Err(problem) => problem.into_response(),
    };
    for (name, value) in HEADERS {
        let value = HeaderValue::from_static(value);
        answer.headers_mut().entry(name).or_insert(value);
    }
    answer
}

/// Whose the request is, if their token is for this.
async fn may_listen(admin: &Admin, head: &Parts) -> Result<Caller, Problem> {
    let caller = token::caller(admin, head).await.map_err(Problem::from)?;
    caller.rights.require(Operation::ReadFeed)?;
    Ok(caller)
}

/// What says again whose a stream is, while it goes on.
#[derive(Clone)]
struct Credential(Arc<Parts>);

impl Credential {
    fn of(head: &Parts) -> Self {
        let (mut parts, ()) = http::Request::new(()).into_parts();
        let tokens = head.headers.get_all(http::header::AUTHORIZATION);
        for token in tokens {
            parts
                .headers
                .append(http::header::AUTHORIZATION, token.clone());
        }
        if let Some(client) = head.extensions.get::<crate::domain::client::ClientAddr>() {
            parts.extensions.insert(*client);
        }
        Self(Arc::new(parts))
    }

    async fn still_listens(&self, admin: &Admin) -> bool {
        may_listen(admin, &self.0).await.is_ok()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct By {
    #[serde(default)]
    by: Name,
}

/// What an account is asked for by.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    #[default]
    Number,
    Login,
}

async fn standing(
    State(shared): State<Shared>,
    Path(name): Path<String>,
    by: Result<Query<By>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(By { by }) =
        by.map_err(|_| Problem::invalid("`by` is `number` or `login`, and there is nothing else"))?;
    let found = match by {
        Name::Number => by_number(&shared.admin, &name).await?,
        Name::Login => shared.admin.standing_of_login(&name).await?,
    };
    let (status, document) = match &found {
        Some((key, standing)) => {
            (StatusCode::OK, StandingDocument::of(key, standing, shared.admin.now()))
        }
        None => (StatusCode::NOT_FOUND, StandingDocument::of_nobody(&name)),
    };
    Ok(tagged(status, &document, &headers))
}

type Found = Option<(AccountKey, crate::domain::standing::Standing)>;

/// By exactly one text: what reads back differently is nobody's number.
async fn by_number(admin: &Admin, name: &str) -> Result<Found, Problem> {
    let number = name.parse::<i64>().ok();
    let id = number.and_then(|number| AccountId::try_from(number).ok());
    let Some(id) = id.filter(|id| id.to_string() == name) else { return Ok(None) };
    let standing = admin.standing_of(id).await?;
    Ok(standing.map(|standing| (id.into(), standing)))
}

/// The document, unless it is there already as it is.
fn tagged(status: StatusCode, document: &StandingDocument, headers: &HeaderMap) -> Response {
    let text = serde_json::to_string(document).unwrap_or_default();
    let hash = Sha256::digest(&text);
    let tag = hash[..12].iter().map(|byte| format!("{byte:02x}"));
    let tag = format!("\"{}\"", tag.collect::<String>());
    let known = headers.get_all(IF_NONE_MATCH).iter().any(|line| {
        let mut tags = line.as_bytes().split(|byte| *byte == b',');
        tags.any(|sent| is_same(sent.trim_ascii(), tag.as_bytes()))
    });
    let Ok(value) = HeaderValue::try_from(tag) else { return StatusCode::OK.into_response() };
    let tag = [(ETAG, value)];
    if known && status == StatusCode::OK {
        return (StatusCode::NOT_MODIFIED, tag).into_response();
    }
    let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    (status, tag, json, text).into_response()
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct From {
    position: Option<u64>,
    #[serde(default)]
    once: bool,
}

async fn feed(
    State(shared): State<Shared>,
    Extension(credential): Extension<Credential>,
    from: Result<Query<From>, axum::extract::rejection::QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(from) = from.map_err(|_| {
        Problem::invalid(
            "`position` is a number, `once` is true or false, and there is nothing else",
        )
    })?;
    let start = start(&headers, from.position)?;
    let Ok(place) = Arc::clone(&shared.places).try_acquire_owned() else {
        return Err(Problem::too_many_listeners());
    };
    let (pieces, stream) = mpsc::channel(PIECES);
    let listener = Listener::open(shared.admin, start, pieces).await?;
    tokio::spawn(async move {
        let held = place;
        if from.once {
            listener.once().await;
        } else {
            listener.run(&credential).await;
        }
        drop(held);
    });
    let kind = [(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))];
    Ok((kind, body(stream)).into_response())
}

/// The header goes before the query: a client that comes back sends the same query.
fn start(headers: &HeaderMap, position: Option<u64>) -> Result<Start, Problem> {
    let Some(id) = headers.get(LAST_EVENT_ID) else {
        return Ok(position.map_or(Start::Now, Start::After));
    };
    let id = id.to_str().ok().and_then(|id| id.trim().parse().ok());
    let id = id.ok_or_else(|| Problem::invalid("`Last-Event-ID` is no position of this feed"))?;
    Ok(Start::After(id))
}

fn body(pieces: Receiver<Bytes>) -> Body {
    Body::from_stream(futures_util::stream::unfold(pieces, async |mut pieces| {
        let piece = pieces.recv().await?;
        Some((Ok::<_, Infallible>(piece), pieces))
    }))
}
