//! Follows another gateway's feed of changes.
//!
//! ```text
//!  open ──► account*, position ──► account*, position …   followed
//!   ▲                                       │ silence, an end, an error
//!   └───────── a pause, the last position ──┘             asked in time
//! ```

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName};
use reqwest::{Client, Response};
use serde::Deserialize;

use super::call::{base, client, silent};
use super::credential::RemoteCredential;
use super::dialect::RemoteName;
use super::events::{Event, Events};
use super::{Fault, InvalidRemote, RemoteSettings};
use crate::domain::account::AccountKey;
use crate::domain::standing::Standing;
use crate::store::document::StandingDocument;
use crate::store::outbound::root;
use crate::store::{NewsSender, SourceNews};

/// A feed that says nothing for so long is lost: one that has nothing to tell says so
/// every two seconds.
const SILENCE: Duration = Duration::from_secs(6);

/// How long a feed may go on.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long to wait before it is opened again, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

const EVENT_STREAM: &str = "text/event-stream";
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Nobody listens any more.
struct Deaf;

/// The feed of another gateway.
pub(super) struct Feed {
    url: String,
    credential: RemoteCredential,
    client: Client,
    timeout: Duration,
    /// The last position that was told of.
    position: Mutex<Option<String>>,
}

/// What an event says of where the stream is.
#[derive(Deserialize)]
struct Position {
    /// Whether there is more to tell at once.
    #[serde(default)]
    more: bool,
}

/// Forgets what was asked of an account that changed.
pub(super) type Forget<'a> = &'a (dyn Fn(&AccountKey) + Sync);

impl Feed {
    pub(super) fn new(settings: &RemoteSettings) -> Result<Self, InvalidRemote> {
        let client = client(settings, FOR_EVER)?
            .read_timeout(SILENCE)
            .build()
            .map_err(|error| InvalidRemote::Client(root(&error)))?;
        Ok(Self {
            url: format!("{}/feed", base(settings)?),
            credential: settings.credential.clone(),
            client,
            timeout: settings.timeout,
            position: Mutex::default(),
        })
    }

    /// Tells what the feed tells, until nobody listens any more.
    pub(super) async fn follow(&self, named: RemoteName, forget: Forget<'_>, news: &NewsSender) {
        let (mut pause, mut lost) = (FIRST_PAUSE, false);
        loop {
            let mut told = Told { named, forget, news, followed: false, retry: None };
            let Err(fault) = self.follow_once(&mut told).await else { return };
            if told.followed {
                let asked = told.retry.unwrap_or(FIRST_PAUSE);
                (pause, lost) = (asked.clamp(FIRST_PAUSE, LONGEST_PAUSE), false);
            }
            if !news.tell(SourceNews::Lost).await {
                return;
            }
            if !std::mem::replace(&mut lost, true) {
                tracing::warn!(source = self.url, error = %fault, "status feed lost");
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Done without a fault when nobody listens any more.
    async fn follow_once(&self, told: &mut Told<'_>) -> Result<(), Fault> {
        let opened = tokio::time::timeout(self.timeout, self.open()).await;
        let mut stream = opened.map_err(|_| Fault::Silent("not in time".to_owned()))??;
        let mut events = Events::default();
        while let Some(part) = stream.chunk().await.map_err(|error| silent(&error))? {
            let read = events.read(&part).map_err(|_| Fault::TooLarge)?;
            for event in &read {
                if let Err(Deaf) = told.take(event, &self.url).await {
                    return Ok(());
                }
            }
            told.retry = events.retry();
            // Only what was told whole is not asked for again.
            if let Some(id) = events.last_id().filter(|_| !read.is_empty()) {
                *self.position() = Some(id.to_owned());
            }
        }
        Err(Fault::Silent("it ended".to_owned()))
    }

    async fn open(&self) -> Result<Response, Fault> {
        let request = self
            .client
            .get(&self.url)
            .header(ACCEPT, EVENT_STREAM)
            .header(AUTHORIZATION, self.credential.value());
        let position = self.position().clone();
        let request = match position {
            Some(position) => request.header(LAST_EVENT_ID, position),
            None => request,
        };
        let answer = request.send().await.map_err(|error| silent(&error))?;
        match answer.status() {
            StatusCode::OK => {}
            refused @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                return Err(Fault::Credential(refused));
            }
            other => return Err(Fault::Status(other)),
        }
        let kind = answer.headers().get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        match kind.split(';').next() {
            Some(kind) if kind.trim().eq_ignore_ascii_case(EVENT_STREAM) => Ok(answer),
            _ => Err(Fault::OtherForm("its feed is no stream of events")),
        }
    }

    fn position(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One stream, and who is told of it.
struct Told<'a> {
    named: RemoteName,
    forget: Forget<'a>,
    news: &'a NewsSender,
    followed: bool,
    /// How long it asks to wait before it is opened again.
    retry: Option<Duration>,
}

impl Told<'_> {
    async fn take(&mut self, event: &Event, url: &str) -> Result<(), Deaf> {
        match event.kind.as_str() {
            "account" => {
                let news = self.changed(&event.data);
                self.tell(news).await
            }
            "pruned" => self.tell(SourceNews::Missed).await,
            "position" => {
                let more = serde_json::from_str(&event.data).is_ok_and(|at: Position| at.more);
                if more || std::mem::replace(&mut self.followed, true) {
                    return Ok(());
                }
                tracing::info!(source = url, "status feed followed");
                self.tell(SourceNews::Following).await
            }
            _ => Ok(()),
        }
    }

    /// A change that can't be read may be anybody's.
    fn changed(&self, data: &str) -> SourceNews {
        let Ok(document) = serde_json::from_str::<StandingDocument>(data) else {
            return SourceNews::Missed;
        };
        let name = match self.named {
            RemoteName::Id => Some(document.account.as_str()),
            RemoteName::Login => document.login.as_deref(),
        };
        let Some(key) = name.and_then(|name| AccountKey::text(name).ok()) else {
            return SourceNews::Missed;
        };
        (self.forget)(&key);
        let standing = document.standing().unwrap_or_else(Standing::deleted);
        SourceNews::Changed(key, Box::new(standing))
    }

    async fn tell(&self, news: SourceNews) -> Result<(), Deaf> {
        if self.news.tell(news).await { Ok(()) } else { Err(Deaf) }
    }
}
