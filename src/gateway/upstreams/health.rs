//! Which servers are up, as far as anybody knows.
//!
//! Two things are known of a server. Whoever found no connection says so, and it is left
//! alone for a while: it is only asked where no other is left. And where checks are set
//! up, it is asked from time to time; one that fails some of them in a row is down, and
//! gets no request until it has passed some.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use http::header::{HOST, HeaderValue, USER_AGENT};
use http::{Request, Version};
use tokio::time::{Instant, sleep, timeout};

use super::{Server, Shared};
use crate::gateway::body::RequestBody;
use crate::gateway::settings::HealthCheck;
use crate::gateway::upstream::Waiting;

/// What is known of one server.
#[derive(Debug)]
pub(super) struct Health {
    began: Instant,
    /// In milliseconds since it began; 0: it is not left alone.
    left_alone_until: AtomicU64,
    left_alone_for: Duration,
    down: AtomicBool,
}

impl Health {
    pub(super) fn new(left_alone_for: Duration) -> Self {
        let left_alone_until = AtomicU64::new(0);
        Self {
            began: Instant::now(),
            left_alone_until,
            left_alone_for,
            down: AtomicBool::new(false),
        }
    }

    /// Whether it failed its checks.
    pub(super) fn is_down(&self) -> bool {
        self.down.load(Ordering::Relaxed)
    }

    /// Whether no connection could be made a short while ago.
    pub(super) fn is_left_alone(&self) -> bool {
        let until = self.left_alone_until.load(Ordering::Relaxed);
        until != 0 && self.now() < until
    }

    /// A connection could be made.
    pub(super) fn was_reached(&self) {
        // Nearly always so already: then nothing is written.
        if self.left_alone_until.load(Ordering::Relaxed) != 0 {
            self.left_alone_until.store(0, Ordering::Relaxed);
        }
    }

    /// No connection could be made.
    pub(super) fn was_not_reached(&self) {
        let until = self
            .now()
            .saturating_add(millis(self.left_alone_for))
            .max(1);
        self.left_alone_until.store(until, Ordering::Relaxed);
    }

    fn now(&self) -> u64 {
        millis(self.began.elapsed())
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Checks every server for as long as somebody holds them.
pub(super) fn check(servers: &Arc<Shared>, check: &HealthCheck) {
    for at in 0..servers.servers.len() {
        let (weak, check) = (Arc::downgrade(servers), check.clone());
        tokio::spawn(async move {
            let mut in_a_row = Row::default();
            while let Some(servers) = weak.upgrade() {
                let server = &servers.servers[at];
                let passed = server.passes(&check).await;
                server.learn(in_a_row.with(passed), passed, &check);
                drop(servers);
                sleep(check.every).await;
            }
        });
    }
}

/// How many checks went the same way, the last ones.
#[derive(Debug, Default)]
struct Row {
    passed: bool,
    count: u32,
}

impl Row {
    fn with(&mut self, passed: bool) -> u32 {
        self.count = if self.passed == passed { self.count.saturating_add(1) } else { 1 };
        self.passed = passed;
        self.count
    }
}

impl Server {
    /// Whether it answers, in time and with no error.
    async fn passes(&self, check: &HealthCheck) -> bool {
        let mut request = Request::new(RequestBody::none());
        *request.uri_mut() = check.path.clone();
        *request.version_mut() = Version::HTTP_11;
        let headers = request.headers_mut();
        headers.insert(HOST, self.host.clone());
        headers.insert(USER_AGENT, HeaderValue::from_static("portcullis-health-check"));
        let request = self.address_check(request);
        let (mut waiting, mut unsent) = (Waiting::of(None), None);
        let sent = self.upstream.send(request, &mut waiting, &mut unsent);
        match timeout(check.timeout, sent).await {
            Ok(Ok(response)) => response.status().as_u16() < 400,
            Ok(Err(_)) | Err(_) => false,
        }
    }

    fn learn(&self, in_a_row: u32, passed: bool, check: &HealthCheck) {
        let label = self.figures.label();
        match (self.health.is_down(), passed) {
            (false, false) if in_a_row >= check.fall => {
                tracing::warn!(server = label, "server down");
                self.health.down.store(true, Ordering::Relaxed);
                self.figures.is_up(false);
            }
            (true, true) if in_a_row >= check.rise => {
                tracing::info!(server = label, "server up");
                self.health.was_reached();
                self.health.down.store(false, Ordering::Relaxed);
                self.figures.is_up(true);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_counted_anew_when_they_break() {
        let mut row = Row::default();
        let counted: Vec<u32> = [true, true, false, false, true]
            .map(|passed| row.with(passed))
            .into();
        assert_eq!(counted, [1, 2, 1, 2, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_is_left_alone_for_a_while() {
        let health = Health::new(Duration::from_secs(5));
        assert!(!health.is_left_alone());
        health.was_not_reached();
        tokio::time::advance(Duration::from_millis(4_999)).await;
        assert!(health.is_left_alone());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!health.is_left_alone());
        health.was_not_reached();
        health.was_reached();
        assert!(!health.is_left_alone());
    }
}
