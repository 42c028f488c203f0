//! The application that the demo guards: it knows nothing of passwords, sessions
//! or locks, and trusts the headers that its gateway sets.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{Form, Path, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::sse::{Event, Sse};
use axum::response::{Html, IntoResponse, Redirect};
use axum::routing::{get, post};
use futures_util::stream::{self, Stream};
use percent_encoding::percent_decode_str;
use serde::Deserialize;

/// How many entries the guest book keeps, and how long one may be.
const ENTRIES: usize = 8;
const MAX_CHARS: usize = 80;

#[derive(Clone, Default)]
struct Book(Arc<Mutex<VecDeque<(String, String)>>>);

#[derive(Deserialize)]
struct Entry {
    words: String,
}

/// Who is asking, as the gateway says.
struct Visitor {
    user: String,
    account: String,
    name: String,
}

pub(super) fn site() -> Router {
    let style = ([(CONTENT_TYPE, "text/css")], include_str!("site/site.css"));
    let script = ([(CONTENT_TYPE, "text/javascript")], include_str!("site/site.js"));
    Router::new()
        .route("/", get(home))
        .route("/book", post(write))
        .route("/page/{number}", get(page))
        .route("/events", get(events))
        .route("/echo", get(echo))
        .route("/site.css", get(move || async move { style }))
        .route("/site.js", get(move || async move { script }))
        .with_state(Book::default())
}

async fn home(State(book): State<Book>, headers: HeaderMap) -> Html<String> {
    let visitor = Visitor::of(&headers);
    let page = include_str!("site/index.html")
        .replace("{book}", &book.as_list())
        .replace("{name}", &visitor.name)
        .replace("{user}", &visitor.user)
        .replace("{account}", &visitor.account);
    Html(page)
}

async fn page(Path(number): Path<u32>, headers: HeaderMap) -> Html<String> {
    let page = include_str!("site/page.html")
        .replace("{number}", &number.to_string())
        .replace("{next}", &number.saturating_add(1).to_string())
        .replace("{user}", &Visitor::of(&headers).user);
    Html(page)
}

async fn write(
    State(book): State<Book>,
    headers: HeaderMap,
    Form(entry): Form<Entry>,
) -> impl IntoResponse {
    book.write(Visitor::of(&headers).user, &entry.words);
    Redirect::to("/")
}

async fn events() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = jiff::Timestamp::now().strftime("%H:%M:%S UTC");
        Some((Ok(Event::default().data(now.to_string())), ()))
    }))
}

async fn echo(upgrade: WebSocketUpgrade) -> impl IntoResponse {
    upgrade.on_upgrade(send_back)
}

async fn send_back(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if socket.send(message).await.is_err() {
            return;
        }
    }
}

impl Visitor {
    fn of(headers: &HeaderMap) -> Self {
        let said = |name| {
            let value = headers.get(name).and_then(|value| value.to_str().ok());
            escape(&percent_decode_str(value.unwrap_or_default()).decode_utf8_lossy())
        };
        let (user, name) = (said("x-portcullis-user"), said("x-portcullis-name"));
        let name = if name.is_empty() { user.clone() } else { name };
        Self { user, account: said("x-portcullis-account"), name }
    }
}

impl Book {
    fn write(&self, by: String, words: &str) {
        let words = escape(&words.chars().take(MAX_CHARS).collect::<String>());
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push_front((by, words));
        entries.truncate(ENTRIES);
    }

    fn as_list(&self) -> String {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.is_empty() {
            return "<p>Nobody has written yet.</p>".to_owned();
        }
        let items = entries
            .iter()
            .map(|(by, words)| format!("<li><b>{by}</b> {words}</li>"));
        format!("<ul>{}</ul>", items.collect::<String>())
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        // A page is filled in by its marks: words must not look like one.
        .replace('{', "&#123;")
}
