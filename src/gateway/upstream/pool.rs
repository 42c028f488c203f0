//! Connections that wait for the next request.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::client::conn::http1;
use tokio::time::Instant;

use crate::gateway::alarm::Alarm;
use crate::gateway::body::RequestBody;
use crate::gateway::figures::Figures;

/// A connection, for one request after the other.
#[derive(Debug)]
pub(super) struct Http1 {
    pub(super) sender: http1::SendRequest<RequestBody>,
    /// Whoever waits for an answer on it uses this one.
    pub(super) alarm: Alarm,
}

/// How many connections wait at most for the next request.
const MAX_IDLE: usize = 4096;

/// How long a connection may have waited to be trusted with a request that can't
/// be sent twice, until the upstream is seen to close its connections earlier.
const TRUSTED_FOR: Duration = Duration::from_secs(1);

/// What a request needs of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Need {
    /// It can be sent once more, if the connection turns out to be closed.
    AnyOpen,
    /// It can't: the connection has to be one that the upstream hardly has closed.
    Fresh,
}

/// The connections that wait. The last to come is the first to go: it is the
/// likeliest to be open, and the others get a chance to be closed.
#[derive(Debug)]
pub(super) struct Pool {
    idle: Mutex<Vec<Idle>>,
    /// In microseconds.
    trusted_for: AtomicU64,
    figures: Figures,
}

#[derive(Debug)]
struct Idle {
    connection: Http1,
    since: Instant,
}

impl Pool {
    pub(super) fn new(figures: Figures) -> Self {
        let trusted_for = AtomicU64::new(micros(TRUSTED_FOR));
        Self { idle: Mutex::default(), trusted_for, figures }
    }

    /// A connection for this request.
    pub(super) fn take(&self, need: Need) -> Option<Http1> {
        let mut idle = self.idle();
        // One that has not noticed yet that its answer ended is left for later.
        let ready = idle
            .iter()
            .rposition(|idle| idle.connection.sender.is_ready())?;
        if need == Need::Fresh && !self.is_fresh(idle[ready].since) {
            return None;
        }
        let taken = idle.remove(ready);
        self.figures.upstream_idle(idle.len());
        Some(taken.connection)
    }

    /// Takes one back whose answer came to its end.
    pub(super) fn give_back(&self, connection: Http1) {
        if connection.sender.is_closed() {
            return;
        }
        let mut idle = self.idle();
        if idle.len() < MAX_IDLE {
            idle.push(Idle { connection, since: Instant::now() });
            self.figures.upstream_idle(idle.len());
        }
    }

    /// Lets go of those that the upstream has closed, and learns from it how long
    /// it keeps them.
    pub(super) fn forget_closed(&self) {
        let mut idle = self.idle();
        idle.retain(|idle| {
            let closed = idle.connection.sender.is_closed();
            if closed {
                let half = micros(idle.since.elapsed() / 2);
                self.trusted_for.fetch_min(half, Ordering::Relaxed);
            }
            !closed
        });
        self.figures.upstream_idle(idle.len());
    }

    /// Closes those that nobody has used for this long.
    pub(super) fn sweep(&self, keep: Duration) {
        let mut idle = self.idle();
        idle.retain(|idle| !idle.connection.sender.is_closed() && idle.since.elapsed() < keep);
        self.figures.upstream_idle(idle.len());
    }

    pub(super) fn len(&self) -> usize {
        self.idle().len()
    }

    fn is_fresh(&self, since: Instant) -> bool {
        micros(since.elapsed()) < self.trusted_for.load(Ordering::Relaxed)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
