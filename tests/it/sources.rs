//! Other systems that have a say, asked over real sockets.

mod dialects;
mod feed;
mod gateway;
mod hostile;
mod pair;
mod program;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::AUTHORIZATION;
use portcullis::AccountKey;
use portcullis::domain::outbound::OutboundUrl;
use portcullis::store::remote::{RemoteCredential, RemoteKind, RemoteSettings, RemoteSource};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The token that systems here know us by.
const TOKEN: &str = "the-token-of-a-test";
const BEARER: &str = "Bearer the-token-of-a-test";

/// What is answered.
#[derive(Clone, Debug)]
struct Reply {
    status: u16,
    kind: &'static str,
    tag: Option<&'static str>,
    body: String,
    /// How long it takes.
    after: Duration,
}

impl Reply {
    fn json(status: u16, body: &Value) -> Self {
        Self::of(status, "application/json", body.to_string())
    }

    fn of(status: u16, kind: &'static str, body: impl Into<String>) -> Self {
        let (tag, after) = (None, Duration::ZERO);
        Self { status, kind, tag, body: body.into(), after }
    }

    fn tagged(self, tag: &'static str) -> Self {
        Self { tag: Some(tag), ..self }
    }

    fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }
}

/// A request as it came.
#[derive(Clone, Debug)]
struct Asked {
    line: String,
    accept: String,
    body: String,
}

#[derive(Default)]
struct Inner {
    replies: HashMap<String, Reply>,
    /// What every path is answered instead.
    everywhere: Option<Reply>,
    /// Whose requests are answered otherwise than with 401.
    knows: Option<String>,
    asked: Vec<Asked>,
    at_once: usize,
    most_at_once: usize,
}

/// Another system; it ends when this is dropped.
struct System {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
    server: JoinHandle<()>,
}

impl System {
    /// One that knows our token.
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let inner = Arc::<Mutex<Inner>>::default();
        lock(&inner).knows = Some(BEARER.to_owned());
        let app = Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&inner));
        let server = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("a server");
        });
        Self { address, inner, server }
    }

    fn url(&self) -> OutboundUrl {
        OutboundUrl::parse(&format!("http://{}", self.address)).expect("an address")
    }

    /// Answers a path with its query like this from now on.
    fn says(&self, path: &str, reply: Reply) -> &Self {
        lock(&self.inner).replies.insert(path.to_owned(), reply);
        self
    }

    /// Answers everything like this; `None`: as before.
    fn says_everywhere(&self, reply: Option<Reply>) -> &Self {
        lock(&self.inner).everywhere = reply;
        self
    }

    /// Knows whoever comes with this `Authorization` header.
    fn knows(&self, header: &str) -> &Self {
        lock(&self.inner).knows = Some(header.to_owned());
        self
    }

    fn asked(&self) -> Vec<Asked> {
        lock(&self.inner).asked.clone()
    }

    /// The lines of the requests that came.
    fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }

    fn settings(&self, kind: RemoteKind) -> RemoteSettings {
        let credential = RemoteCredential::bearer(TOKEN).expect("a token");
        RemoteSettings::new(kind, self.url(), credential)
    }

    fn source(&self, kind: RemoteKind) -> RemoteSource {
        RemoteSource::new(self.settings(kind)).expect("a source")
    }
}

impl Drop for System {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().expect("no panic")
}

fn key(text: &str) -> AccountKey {
    AccountKey::text(text).expect("a key")
}

async fn answer(State(inner): State<Arc<Mutex<Inner>>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 16).await.expect("a body");
    let header = |name: http::HeaderName| {
        let value = head.headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let path = head.uri.path_and_query().expect("a path").to_string();
    let reply = {
        let mut inner = lock(&inner);
        inner.asked.push(Asked {
            line: format!("{} {path}", head.method),
            accept: header(http::header::ACCEPT),
            body: String::from_utf8_lossy(&body).into_owned(),
        });
        inner.at_once += 1;
        inner.most_at_once = inner.most_at_once.max(inner.at_once);
        let known = inner.knows.as_deref() == Some(header(AUTHORIZATION).as_str());
        let replies = inner
            .everywhere
            .as_ref()
            .or_else(|| inner.replies.get(&path));
        match known {
            true => replies.cloned(),
            false => Some(Reply::json(401, &json!({"error": "who are you?"}))),
        }
    };
    let reply = reply.unwrap_or_else(|| Reply::of(404, "text/html", "<h1>Not here</h1>"));
    tokio::time::sleep(reply.after).await;
    lock(&inner).at_once -= 1;
    let unchanged = reply
        .tag
        .is_some_and(|tag| header(http::header::IF_NONE_MATCH) == tag);
    let mut response = Response::builder()
        .status(if unchanged { 304 } else { reply.status })
        .header("content-type", reply.kind);
    if let Some(tag) = reply.tag {
        response = response.header("etag", tag);
    }
    if reply.status / 100 == 3 {
        response = response.header("location", "/elsewhere");
    }
    let body = if unchanged { String::new() } else { reply.body };
    response.body(Body::from(body)).expect("an answer")
}
