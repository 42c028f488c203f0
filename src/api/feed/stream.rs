//! One who follows the feed.
//!
//! Each part of it ends with an event that has its position as an id, so that whoever
//! comes back asks for nothing twice but that part.

use std::fmt::Write as _;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::Credential;
use crate::admin::{Admin, AdminError, FeedPart, FeedPlace};
use crate::store::document::StandingDocument;

/// How often one that has nothing to tell says so, and is asked whether it may go on.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// How often the directory is looked at where no gate does.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How long a client may take nothing.
const PATIENCE: Duration = Duration::from_secs(10);

/// How soon a client that was cut off shall come back.
const RETRY: &str = "retry: 1000\n\n";

/// Where to begin.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Start {
    /// After so many changes.
    After(u64),
    /// With the next change.
    Now,
}

/// Who follows, and how far they are.
pub(super) struct Listener {
    admin: Admin,
    place: FeedPlace,
    moved: Option<watch::Receiver<u64>>,
    pieces: Sender<Bytes>,
}

/// The client is gone or takes nothing, or the directory does not answer.
struct Over;

impl From<AdminError> for Over {
    fn from(_: AdminError) -> Self {
        Self
    }
}

impl Listener {
    /// Nothing is sent yet.
    pub(super) async fn open(
        admin: Admin,
        start: Start,
        pieces: Sender<Bytes>,
    ) -> Result<Self, AdminError> {
        // Before the first look: what changes after it is waited for.
        let moved = admin.feed_moved();
        let end = admin.feed_place().await?;
        let place = match start {
            Start::After(position) => end.at(position),
            Start::Now => end,
        };
        Ok(Self { admin, place, moved, pieces })
    }

    /// Tells what there is, and ends.
    pub(super) async fn once(mut self) {
        let _ = self.begin().await;
    }

    /// Tells what there is and what comes, for as long as it may and the client takes it.
    pub(super) async fn run(mut self, credential: &Credential) {
        if self.begin().await.is_err() {
            return;
        }
        let mut heartbeat = interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.tick().await;
        loop {
            let told = tokio::select! {
                () = moved(&mut self.moved) => self.catch_up(false).await,
                _ = heartbeat.tick() => {
                    if !credential.still_listens(&self.admin).await {
                        return;
                    }
                    self.beat().await
                }
            };
            if told.is_err() {
                return;
            }
        }
    }

    async fn begin(&mut self) -> Result<(), Over> {
        self.send(RETRY.to_owned()).await?;
        self.catch_up(true).await
    }

    /// Whoever hears nothing takes what they know for old: nothing is said while the
    /// directory itself was not heard of.
    async fn beat(&self) -> Result<(), Over> {
        if self.admin.hears_directory() {
            self.send(":\n\n".to_owned()).await?;
        }
        Ok(())
    }

    /// Tells everything up to now; at the beginning also that this is all.
    async fn catch_up(&mut self, says_where: bool) -> Result<(), Over> {
        loop {
            let part = self.admin.feed_after(&self.place).await?;
            let (more, moved) = (part.more, part.place.position() != self.place.position());
            if moved || part.pruned || says_where {
                self.send(self.text_of(&part)).await?;
            }
            self.place = part.place;
            if !more {
                return Ok(());
            }
        }
    }

    fn text_of(&self, part: &FeedPart) -> String {
        let (mut text, now) = (String::new(), self.admin.now());
        if part.pruned {
            text.push_str("event: pruned\ndata: {}\n\n");
        }
        for change in &part.accounts {
            let document = StandingDocument::of(&change.account, &change.standing, now);
            let json = serde_json::to_string(&document).unwrap_or_default();
            // Writing into a text can't fail.
            let _ = write!(text, "event: account\ndata: {json}\n\n");
        }
        let position = part.place.position();
        let data = json!({ "position": position, "more": part.more });
        let _ = write!(text, "event: position\nid: {position}\ndata: {data}\n\n");
        text
    }

    async fn send(&self, text: String) -> Result<(), Over> {
        match timeout(PATIENCE, self.pieces.send(text.into())).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Over),
        }
    }
}

/// Done when the directory may have changed.
async fn moved(moved: &mut Option<watch::Receiver<u64>>) {
    if let Some(receiver) = moved
        && receiver.changed().await.is_ok()
    {
        return;
    }
    *moved = None;
    tokio::time::sleep(LOOK_EVERY).await;
}
