//! Connections that wait for the next request.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Duration;

use futures_util::task::AtomicWaker;
use tokio::time::Instant;

use super::connection::Connection;
use crate::gateway::alarm::Alarm;
use crate::gateway::figures::Figures;
use crate::gateway::settings::Upstream as Settings;

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

/// How long after one began to wait the keeper sees to the others that did. One
/// that is used more often than that costs nothing but its use.
const ROUND: Duration = Duration::from_millis(100);

/// No keeper sleeps longer than this.
const LONGEST_REST: Duration = Duration::from_secs(3600);

/// The connections that wait. The last to come is the first to go: it is the
/// likeliest to be open, and the others get a chance to be closed.
#[derive(Debug)]
pub(super) struct Pool {
    idle: Mutex<Vec<Connection>>,
    /// In microseconds.
    trusted_for: AtomicU64,
    keeper: AtomicWaker,
    /// Whether the keeper is to be woken up when a connection begins to wait.
    keeper_rests: AtomicBool,
    figures: Figures,
}

impl Pool {
    pub(super) fn new(figures: Figures) -> Self {
        Self {
            idle: Mutex::default(),
            trusted_for: AtomicU64::new(micros(TRUSTED_FOR)),
            keeper: AtomicWaker::new(),
            keeper_rests: AtomicBool::new(false),
            figures,
        }
    }

    /// A connection for this request.
    pub(super) fn take(&self, need: Need) -> Option<Connection> {
        let mut idle = self.idle();
        if need == Need::Fresh && !self.is_fresh(idle.last()?.idle_since) {
            return None;
        }
        let taken = idle.pop()?;
        self.figures.upstream_idle(idle.len());
        taken.leave();
        Some(taken)
    }

    /// Takes one back that waits for the next request.
    pub(super) fn give_back(&self, mut connection: Connection) {
        if !connection.is_idle() {
            return;
        }
        connection.idle_since = Instant::now();
        connection.leave();
        let mut idle = self.idle();
        if idle.len() < MAX_IDLE {
            idle.push(connection);
            self.figures.upstream_idle(idle.len());
        }
        drop(idle);
        if self.keeper_rests.load(Ordering::Relaxed) {
            self.keeper_rests.store(false, Ordering::Release);
            self.keeper.wake();
        }
    }

    /// Learns from one that the upstream has closed while it waited how long it
    /// keeps them.
    pub(super) fn learn_from_closed(&self, connection: &Connection) {
        let half = micros(connection.idle_since.elapsed() / 2);
        self.trusted_for.fetch_min(half, Ordering::Relaxed);
    }

    /// Lets go of those that the upstream has closed, and of those that nobody has
    /// used for this long. Wakes the task up when something happens on the rest.
    fn look(&self, keep: Duration, context: &mut Context<'_>) {
        let mut idle = self.idle();
        idle.retain_mut(|connection| {
            connection.drive(context);
            if connection.is_closed() {
                self.learn_from_closed(connection);
            }
            connection.is_idle() && connection.idle_since.elapsed() < keep
        });
        self.figures.upstream_idle(idle.len());
    }

    pub(super) fn len(&self) -> usize {
        self.idle().len()
    }

    fn is_fresh(&self, since: Instant) -> bool {
        micros(since.elapsed()) < self.trusted_for.load(Ordering::Relaxed)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who looks after the connections that wait.
#[derive(Debug)]
pub(super) struct Keeper {
    keep: Duration,
    alarm: Alarm,
    next: Instant,
}

impl Keeper {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { keep: settings.idle_timeout, alarm: Alarm::default(), next: Instant::now() }
    }

    /// Looks at them, and wakes the task up when it is to look again: when
    /// something happens on one, or a while after another began to wait.
    pub(super) fn look(&mut self, pool: &Pool, context: &mut Context<'_>) {
        pool.keeper.register(context.waker());
        let now = Instant::now();
        if now >= self.next {
            pool.keeper_rests.store(true, Ordering::Release);
            self.next = now + (self.keep / 2).clamp(ROUND, LONGEST_REST);
        } else if !pool.keeper_rests.load(Ordering::Acquire) {
            self.next = self.next.min(now + ROUND);
        }
        pool.look(self.keep, context);
        if self.alarm.poll_at(self.next, context).is_ready() {
            context.waker().wake_by_ref();
        }
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
