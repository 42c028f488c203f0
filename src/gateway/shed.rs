//! How much is asked of the application at once, and who is sent away when it is too much.
//!
//! A request has a slot from when it goes out until its answer begins: an application
//! that is stuck takes no more of the gateway's connections than there are slots, and
//! whatever the gateway answers itself (sign-in, its pages, refusals, other proxies'
//! questions, probes) needs none. Who finds none waits for a moment, in order, and is
//! sent away then. One source has three quarters of the slots at most, so that nobody
//! takes them all.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use http::Response;
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use crate::domain::client::ClientAddr;
use crate::engine::figures::{Counts, words};
use crate::engine::metrics::{Metric, Page};
use crate::gateway::answer::Refusal;
use crate::gateway::body::Body;
use crate::gateway::places::Places;
use crate::gateway::settings::Limits;
use crate::guard::ClientKind;

/// Sources are counted in so many counters. Two that share one share their slots, too,
/// which nobody can arrange: who shares with whom is drawn when the process starts.
const COUNTERS: usize = 4096;

words! {
    /// Why a request is sent away: every slot is taken, and none became free in time or
    /// too many wait; or its source has as many as one may have.
    pub(crate) enum Shed {
        Full => "full",
        Source => "source",
    }
}

/// The slots of one gateway. Cheap to clone; clones share them.
#[derive(Clone)]
pub(crate) struct Slots(Arc<Shared>);

struct Shared {
    places: Places,
    patience: AtomicU64,
    waiting: AtomicU32,
    /// By source: in flight and waiting.
    held: Box<[AtomicU32]>,
    hasher: RandomState,
    shed: Counts<Shed>,
}

/// A request may go out as long as this lives.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    _place: SemaphorePermit<'a>,
    _held: Held<'a>,
}

/// One more of a source, as long as this lives.
#[derive(Debug)]
struct Held<'a>(&'a AtomicU32);

/// One more that waits, as long as this lives.
struct Waits<'a>(&'a AtomicU32);

impl Slots {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self(Arc::new(Shared {
            places: Places::new(limits.in_flight),
            patience: AtomicU64::new(millis(limits.queue_timeout)),
            waiting: AtomicU32::new(0),
            held: (0..COUNTERS).map(|_| AtomicU32::new(0)).collect(),
            hasher: RandomState::new(),
            shed: Counts::default(),
        }))
    }

    /// As many as these limits say from now on; who has one keeps it.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub(crate) fn go_by(&self, limits: &Limits) {
        self.0.places.resize(limits.in_flight);
        self.0
            .patience
            .store(millis(limits.queue_timeout), Ordering::Relaxed);
    }

    /// A slot for a request from there, as soon as there is one.
    pub(crate) async fn take(&self, client: Option<ClientAddr>) -> Result<Slot<'_>, Shed> {
        let taken = self.try_take(client).await;
        if let Err(shed) = &taken {
            self.0.shed.add(*shed);
        }
        taken
    }

    async fn try_take(&self, client: Option<ClientAddr>) -> Result<Slot<'_>, Shed> {
        let all = self.0.places.all();
        let (held, of_source) = self.0.hold(client);
        if of_source > share(all) {
            return Err(Shed::Source);
        }
        if let Some(place) = self.0.places.borrow_now() {
            return Ok(Slot { _place: place, _held: held });
        }
        let (_waits, before) = self.0.wait();
        if before >= all {
            return Err(Shed::Full);
        }
        let patience = Duration::from_millis(self.0.patience.load(Ordering::Relaxed));
        match timeout(patience, self.0.places.borrow()).await {
            Ok(Ok(place)) => Ok(Slot { _place: place, _held: held }),
            _ => Err(Shed::Full),
        }
    }

    /// Writes how many there are, and who was sent away.
    pub(crate) fn report(&self, page: &mut Page) {
        let shared = &*self.0;
        let all = u64::from(shared.places.all());
        let in_flight = all.saturating_sub(shared.places.free() as u64);
        let waiting = shared.waiting.load(Ordering::Relaxed).into();
        page.labelled(Metric::UpstreamRequests, "in-flight", in_flight);
        page.labelled(Metric::UpstreamRequests, "waiting", waiting);
        page.gauge(Metric::UpstreamSlots, all);
        page.counts(Metric::Shed, shared.shed.each());
    }
}

impl Shared {
    /// Counts one more of this source, and says how many that makes.
    fn hold(&self, client: Option<ClientAddr>) -> (Held<'_>, u32) {
        let counter = &self.held[self.counter(client)];
        let before = counter.fetch_add(1, Ordering::Relaxed);
        (Held(counter), before.saturating_add(1))
    }

    fn counter(&self, client: Option<ClientAddr>) -> usize {
        let source = client.map(ClientAddr::prefix);
        self.hasher.hash_one(source) as usize % COUNTERS
    }

    fn wait(&self) -> (Waits<'_>, u32) {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        (Waits(&self.waiting), before)
    }
}

/// What one source may have of so many: all, where there are hardly any.
const fn share(all: u32) -> u32 {
    all - all / 4
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Shed {
    /// What whoever is sent away is told.
    pub(crate) fn answer(self, client: ClientKind) -> Response<Body> {
        let mut response = Refusal::Overloaded.answer(client);
        response.extensions_mut().insert(self);
        response
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots")
            .field("places", &self.0.places)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(in_flight: usize, queue_timeout: Duration) -> Slots {
        Slots::new(&Limits { in_flight, queue_timeout, ..Limits::default() })
    }

    fn from(address: &str) -> Option<ClientAddr> {
        Some(
            address
                .parse::<std::net::IpAddr>()
                .expect("an address")
                .into(),
        )
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn one_source_leaves_some_to_others() {
        let slots = slots(8, SECOND);
        let mut taken = Vec::new();
        for _ in 0..6 {
            taken.push(slots.take(from("192.0.2.1")).await.expect("a slot"));
        }
        assert_eq!(slots.take(from("192.0.2.1")).await.err(), Some(Shed::Source));
        // Another address of one network of IPv6 is no other source.
        let (one, same) = (from("2001:db8::1"), from("2001:db8::2"));
        assert_eq!(slots.0.counter(one), slots.0.counter(same));
        let full = slots.0.counter(from("192.0.2.1"));
        let mut others = (1..255).map(|n| from(&format!("198.51.100.{n}")));
        let other = others
            .find(|other| slots.0.counter(*other) != full)
            .expect("one");
        let two = (slots.take(other).await.expect("a slot"), slots.take(other).await.expect("one"));
        assert_eq!(slots.take(other).await.err(), Some(Shed::Full));
        drop(two);
        assert!(slots.take(other).await.is_ok());
        taken.clear();
        assert!(slots.take(from("192.0.2.1")).await.is_ok());
        assert!(
            slots
                .0
                .held
                .iter()
                .all(|held| held.load(Ordering::Relaxed) == 0)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_served_in_time_or_sent_away() {
        let slots = slots(1, 3 * SECOND);
        let first = slots.take(None).await.expect("a slot");
        let (second, ()) = tokio::join!(slots.take(from("192.0.2.1")), async {
            tokio::time::sleep(2 * SECOND).await;
            drop(first);
        });
        let second = second.expect("a slot in time");
        // As many may wait as there are slots; the next is sent away at once.
        let (third, fourth) = tokio::join!(slots.take(from("192.0.2.2")), async {
            let began = tokio::time::Instant::now();
            let taken = slots.take(from("192.0.2.3")).await;
            (taken.err(), began.elapsed())
        });
        assert_eq!(third.err(), Some(Shed::Full));
        assert_eq!(fourth, (Some(Shed::Full), Duration::ZERO));
        drop(second);
        assert_eq!(slots.0.waiting.load(Ordering::Relaxed), 0);
        assert!(slots.take(None).await.is_ok());
    }

    #[test]
    fn a_share_is_never_none() {
        for (all, expected) in [(1, 1), (2, 2), (3, 3), (4, 3), (8, 6), (u32::MAX, 3 << 30)] {
            assert_eq!(share(all), expected, "{all}");
        }
    }
}
