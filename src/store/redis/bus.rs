//! Wake-ups for other gateways, as messages of Redis.
//!
//! A message says "look now" and nothing else: who gets none looks a moment later by
//! itself. Whether messages come at all is found out by sending some to ourselves.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use futures_util::StreamExt;
use redis::aio::PubSubStream;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use super::link::Link;
use super::trouble::Trouble;
use crate::store::{Directory, Others};

/// How often we send ourselves a message, and how long the last one may be ago.
const BEAT_EVERY: Duration = Duration::from_secs(1);
const SILENT_AFTER: Duration = Duration::from_secs(5);

/// How long after one try to listen the next is made.
const PAUSE: Duration = Duration::from_millis(500);

/// Tells other gateways, and hears them, for as long as the directory is used.
pub(super) struct RedisBus {
    shared: Arc<Shared>,
    tasks: [AbortHandle; 2],
}

struct Shared {
    link: Arc<Link>,
    channel: String,
    /// Who we are among those who tell.
    name: String,
    /// There is something to tell: once, however often it was said.
    news: Notify,
    heard: AtomicBool,
}

impl RedisBus {
    pub(super) fn start(link: Arc<Link>, prefix: &str, directory: &Arc<dyn Directory>) -> Self {
        let shared = Arc::new(Shared {
            link,
            channel: format!("{prefix}changes"),
            name: uuid_like(),
            news: Notify::new(),
            heard: AtomicBool::new(false),
        });
        let tells = tokio::spawn(tell(Arc::clone(&shared)));
        let hears = tokio::spawn(hear(Arc::clone(&shared), Arc::downgrade(directory)));
        Self { shared, tasks: [tells.abort_handle(), hears.abort_handle()] }
    }
}

/// Nobody else's: drawn at random.
fn uuid_like() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    let draw = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", draw(), draw())
}

impl Others for RedisBus {
    fn tell(&self) {
        self.shared.news.notify_one();
    }

    fn are_heard(&self) -> bool {
        self.shared.heard.load(Ordering::Relaxed)
    }
}

impl Drop for RedisBus {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl fmt::Debug for RedisBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBus")
            .field("channel", &self.shared.channel)
            .finish_non_exhaustive()
    }
}

impl Shared {
    async fn publish(&self, what: &str) {
        let mut cmd = redis::cmd("PUBLISH");
        cmd.arg(&self.channel).arg(format!("{what} {}", self.name));
        // Who misses it looks by themselves.
        let _ = self.link.send(&cmd).await;
    }
}

async fn tell(shared: Arc<Shared>) {
    loop {
        shared.news.notified().await;
        shared.publish("look").await;
    }
}

async fn hear(shared: Arc<Shared>, directory: Weak<dyn Directory>) {
    loop {
        if let Ok(messages) = listen(&shared).await {
            hear_out(&shared, &directory, messages).await;
        }
        shared.heard.store(false, Ordering::Relaxed);
        let Some(directory) = directory.upgrade() else { return };
        // Something may have been said meanwhile.
        directory.bus().wake_here();
        drop(directory);
        sleep(PAUSE).await;
    }
}

async fn listen(shared: &Shared) -> Result<PubSubStream, Trouble> {
    let listener = shared.link.listener().await?;
    let (mut sink, messages) = listener.split();
    sink.subscribe(&shared.channel).await?;
    // The sink may go: what is subscribed stays for as long as there is the stream.
    Ok(messages)
}

/// Until nothing comes any more.
async fn hear_out(shared: &Shared, directory: &Weak<dyn Directory>, mut messages: PubSubStream) {
    let mut beat = interval(BEAT_EVERY);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last = Instant::now();
    loop {
        tokio::select! {
            message = messages.next() => {
                let Some(message) = message else { return };
                let Ok(words) = message.get_payload::<String>() else { continue };
                let (what, whose) = words.split_once(' ').unwrap_or((&words, ""));
                match (what, whose == shared.name) {
                    (_, true) => {
                        last = Instant::now();
                        shared.heard.store(true, Ordering::Relaxed);
                    }
                    ("look", false) => {
                        let Some(directory) = directory.upgrade() else { return };
                        directory.bus().wake_here();
                    }
                    _ => {}
                }
            }
            _ = beat.tick() => {
                if last.elapsed() > SILENT_AFTER {
                    return;
                }
                shared.publish("beat").await;
            }
        }
    }
}
