//! A server that publishes keys, and counts who asks.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, Uri};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What is answered at a path.
#[derive(Clone, Debug)]
pub(in crate::jwt) enum Answer {
    Text(String),
    Status(StatusCode),
    /// To this address.
    Redirect(String),
    /// A set that has no end.
    Endless,
    /// A head, and nothing after it.
    Never,
}

#[derive(Default)]
struct Shared {
    answers: HashMap<String, Answer>,
    asked: HashMap<String, usize>,
}

/// While it lives.
pub(in crate::jwt) struct Publisher {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    server: JoinHandle<()>,
}

impl Publisher {
    /// With this at `/keys`.
    pub(in crate::jwt) async fn of(keys: impl Into<String>) -> Self {
        let publisher = Self::at("127.0.0.1:0".parse().expect("an address")).await;
        publisher.answers("/keys", Answer::Text(keys.into()));
        publisher
    }

    pub(in crate::jwt) async fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::<Mutex<Shared>>::default();
        let app = axum::Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            axum::serve(listener, app).await.expect("a server");
        });
        Self { address, shared, server }
    }

    pub(in crate::jwt) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(in crate::jwt) fn answers(&self, path: &str, answer: Answer) {
        let mut shared = self.shared.lock().expect("no panic");
        shared.answers.insert(path.to_owned(), answer);
    }

    /// How often this path was asked for.
    pub(in crate::jwt) fn asked(&self, path: &str) -> usize {
        let shared = self.shared.lock().expect("no panic");
        shared.asked.get(path).copied().unwrap_or_default()
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(shared): State<Arc<Mutex<Shared>>>, uri: Uri) -> Response {
    let path = uri.path();
    let answer = {
        let mut shared = shared.lock().expect("no panic");
        *shared.asked.entry(path.to_owned()).or_default() += 1;
        shared.answers.get(path).cloned()
    };
    let response = Response::builder();
    let response = match answer.unwrap_or(Answer::Status(StatusCode::NOT_FOUND)) {
        Answer::Text(text) => response.body(Body::from(text)),
        Answer::Status(status) => response.status(status).body(Body::empty()),
        Answer::Redirect(to) => response
            .status(StatusCode::FOUND)
            .header("location", to)
            .body(Body::empty()),
        Answer::Never => {
            let nothing =
                futures_util::stream::pending::<Result<String, std::convert::Infallible>>();
            response.body(Body::from_stream(nothing))
        }
        Answer::Endless => {
            let parts = futures_util::stream::repeat_with(|| {
                Ok::<_, std::convert::Infallible>("{\"keys\": [".repeat(1000))
            });
            response.body(Body::from_stream(parts))
        }
    };
    response.expect("an answer")
}
