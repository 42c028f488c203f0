//! How much work tokens that are not remembered may make.
//!
//! Anybody can send new tokens without end, and a signature costs as much as many
//! requests. So they are checked by as many hands as half of the processor has cores, in
//! the order in which they came; a few hundred wait, and no source holds more than a
//! quarter of the places. Who finds none, or waits too long, is told to come again:
//! nothing is said of the token, and nothing remembered. Tokens that are remembered and
//! sessions need no turn.
//!
//! Whoever waits for an issuer's keys takes a place of another kind, and holds no hand:
//! an issuer that is silent keeps nobody of another issuer, or with a known key, waiting.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;
use std::time::Duration;

use ipnet::IpNet;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// So many tokens wait for a hand or have one.
const IN_LINE: usize = 256;

/// So many wait for keys.
const WAITING_FOR_KEYS: usize = 1024;

/// How much of the places one source takes at most: the fourth part.
const PART_OF_ONE_SOURCE: usize = 4;

/// How long a token stands in line.
const PATIENCE: Duration = Duration::from_millis(500);

/// Where a token came from; `None` where nobody knows.
pub(super) type Whence = Option<IpNet>;

/// Bounds of the work.
#[derive(Debug)]
pub(super) struct Effort {
    hands: Semaphore,
    line: Places,
    for_keys: Places,
}

/// There is no place, or none in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Busy;

/// The right to check one signature. Held until that is done.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _hand: SemaphorePermit<'a>,
    _place: Place<'a>,
}

impl Effort {
    pub(super) fn new() -> Self {
        let cores = available_parallelism().map_or(1, usize::from);
        Self::with_hands((cores / 2).max(1))
    }

    fn with_hands(hands: usize) -> Self {
        Self {
            hands: Semaphore::new(hands),
            line: Places::new(IN_LINE),
            for_keys: Places::new(WAITING_FOR_KEYS),
        }
    }

    /// A turn to check a signature, for who stands in line until it comes.
    pub(super) async fn turn(&self, whence: Whence) -> Result<Turn<'_>, Busy> {
        let place = self.line.take(whence)?;
        let hand = timeout(PATIENCE, self.hands.acquire()).await;
        let hand = hand.ok().and_then(Result::ok).ok_or(Busy)?;
        Ok(Turn { _hand: hand, _place: place })
    }

    /// A place to wait at for an issuer's keys.
    pub(super) fn place_for_keys(&self, whence: Whence) -> Result<Place<'_>, Busy> {
        self.for_keys.take(whence)
    }
}

/// Places, of which no source takes more than its part.
#[derive(Debug)]
struct Places {
    all: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_source: HashMap<IpNet, usize>,
}

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    places: &'a Places,
    whence: Whence,
}

impl Places {
    fn new(all: usize) -> Self {
        Self { all, taken: Mutex::default() }
    }

    /// Where nobody knows whence requests come, they are bounded all together alone.
    fn take(&self, whence: Whence) -> Result<Place<'_>, Busy> {
        let mut taken = self.taken();
        let of_source = whence.map_or(0, |source| taken.of(source));
        if taken.all >= self.all || of_source >= self.all / PART_OF_ONE_SOURCE {
            return Err(Busy);
        }
        taken.all += 1;
        if let Some(source) = whence {
            taken.by_source.insert(source, of_source + 1);
        }
        Ok(Place { places: self, whence })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn of(&self, source: IpNet) -> usize {
        self.by_source.get(&source).copied().unwrap_or(0)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        let Some(source) = self.whence else { return };
        match taken.of(source) {
            0 | 1 => taken.by_source.remove(&source),
            held => taken.by_source.insert(source, held - 1),
        };
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    fn source(number: u8) -> Whence {
        Some(IpNet::from(std::net::IpAddr::from([192, 0, 2, number])))
    }

    #[tokio::test(start_paused = true)]
    async fn turns_come_in_order_and_not_for_ever() {
        let effort = Effort::with_hands(1);
        let held = effort.turn(source(1)).await.expect("a hand");
        let (mut first, mut second) =
            (Box::pin(effort.turn(source(2))), Box::pin(effort.turn(source(3))));
        assert!(first.as_mut().now_or_never().is_none());
        assert!(second.as_mut().now_or_never().is_none());
        drop(held);
        assert!(second.as_mut().now_or_never().is_none(), "who came first");
        let held = first.await.expect("a hand");
        assert_eq!(second.await.err(), Some(Busy), "patience ends");
        drop(held);
        assert!(effort.turn(source(3)).await.is_ok());
        assert_eq!(effort.line.taken().all, 0);
    }

    #[tokio::test]
    async fn a_source_that_floods_leaves_places_to_the_others() {
        let effort = Effort::with_hands(1);
        let _held = effort.turn(source(1)).await.expect("a hand");
        let mut waiting = Vec::new();
        let busy = loop {
            let mut turn = Box::pin(effort.turn(source(1)));
            match turn.as_mut().now_or_never() {
                None => waiting.push(turn),
                Some(answer) => break answer.err(),
            }
        };
        assert_eq!((busy, waiting.len() + 1), (Some(Busy), IN_LINE / PART_OF_ONE_SOURCE));
        assert!(effort.turn(source(2)).now_or_never().is_none(), "it has a place in line");
        assert!(effort.place_for_keys(source(1)).is_ok(), "which are others");
    }

    proptest! {
        /// Property: whoever comes and goes in whatever order, no more places are taken
        /// than there are, nor by one source than its part; a place is given where both
        /// allow it; and who left is forgotten.
        #[test]
        fn places_are_never_overdrawn(
            all in 4..40_usize,
            steps in proptest::collection::vec((any::<bool>(), 0..6_u8, any::<usize>()), 0..120),
        ) {
            let places = Places::new(all);
            let mut held: Vec<Place<'_>> = Vec::new();
            for (come, who, which) in steps {
                if !come && !held.is_empty() {
                    drop(held.swap_remove(which % held.len()));
                    continue;
                }
                let whence = if who == 0 { None } else { source(who) };
                let of_source = held.iter().filter(|place| place.whence == whence).count();
                let room = held.len() < all
                    && (whence.is_none() || of_source < all / PART_OF_ONE_SOURCE);
                let taken = places.take(whence);
                prop_assert_eq!(taken.is_ok(), room);
                held.extend(taken);
            }
            held.clear();
            prop_assert!(places.taken().all == 0 && places.taken().by_source.is_empty());
        }
    }
}
