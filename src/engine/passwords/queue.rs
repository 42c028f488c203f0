//! The queue before the work of hashing: who waits, and who has to come again.
//!
//! It is short, so that a flood holds little memory and keeps nobody waiting for
//! long. No source takes more than a few of its places, nor more than a third of
//! those for strangers: one address that floods leaves places to the others. A share of places and
//! hands is out of strangers' reach: whoever comes from a known device has a
//! turn however many strangers there are.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::domain::device::DeviceId;
use crate::engine::passwords::Busy;

/// So many passwords of one source wait or are checked at once, where a third of
/// the strangers' places is not fewer.
const OF_ONE_SOURCE: usize = 4;

/// So many are served or wait for each hand.
const PLACES: usize = 3;

/// Whose password is to be checked.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Asker {
    /// Somebody on a known device, which is a source of its own.
    Device(DeviceId),
    /// Anybody else, by where they come from, if that is known.
    Stranger(Option<IpNet>),
}

/// Hands that hash, and places where people wait for one.
pub(super) struct Queue {
    hands: Arc<Semaphore>,
    /// Those of them that strangers may use.
    for_strangers: Arc<Semaphore>,
    places: Arc<Places>,
}

/// The right to hash now. Held until the work is done.
#[derive(Debug)]
pub(crate) struct Turn {
    _hand: OwnedSemaphorePermit,
    _of_strangers: Option<OwnedSemaphorePermit>,
    _place: Option<Place>,
}

impl Queue {
    /// So many hands, and twice as many places to wait at. A quarter of both, and
    /// at least one hand of several, is kept for known devices.
    pub(super) fn new(hands: usize) -> Self {
        let kept = (hands / 4).max(usize::from(hands > 1));
        let (all, for_strangers) = (PLACES * hands, PLACES * (hands - kept));
        let of_one_source = (for_strangers / 3).clamp(1, OF_ONE_SOURCE);
        let places = Places { all, for_strangers, of_one_source, taken: Mutex::default() };
        Self {
            hands: Arc::new(Semaphore::new(hands)),
            for_strangers: Arc::new(Semaphore::new(hands - kept)),
            places: Arc::new(places),
        }
    }

    /// A turn for who stands in the queue until it comes.
    pub(super) async fn turn(&self, asker: Asker) -> Result<Turn, Busy> {
        let place = self.places.take(asker)?;
        let turn = match asker {
            Asker::Device(_) => self.hand().await?,
            Asker::Stranger(_) => self.hand_for_stranger().await?,
        };
        Ok(Turn { _place: Some(place), ..turn })
    }

    /// A turn for work of the house, which no stranger asked for.
    pub(super) async fn hand(&self) -> Result<Turn, Busy> {
        let hand = Arc::clone(&self.hands).acquire_owned().await;
        let hand = hand.map_err(|_| Busy)?;
        Ok(Turn { _hand: hand, _of_strangers: None, _place: None })
    }

    /// A turn for who waits elsewhere, for as long as it takes.
    pub(super) async fn hand_for_stranger(&self) -> Result<Turn, Busy> {
        let of_strangers = Arc::clone(&self.for_strangers).acquire_owned().await;
        let of_strangers = of_strangers.map_err(|_| Busy)?;
        Ok(Turn { _of_strangers: Some(of_strangers), ..self.hand().await? })
    }

    #[cfg(test)]
    pub(super) fn free_hands(&self) -> usize {
        self.hands.available_permits()
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue")
            .field("free_hands", &self.hands.available_permits())
            .field("taken", &self.places.taken().all)
            .finish()
    }
}

/// Places for who waits or is served.
#[derive(Debug)]
struct Places {
    all: usize,
    for_strangers: usize,
    of_one_source: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_strangers: usize,
    by_source: HashMap<Asker, usize>,
}

impl Places {
    fn take(self: &Arc<Self>, asker: Asker) -> Result<Place, Busy> {
        let mut taken = self.taken();
        let stranger = asker.is_stranger();
        let full = taken.all >= self.all || (stranger && taken.by_strangers >= self.for_strangers);
        if full {
            return Err(Busy);
        }
        if asker.is_source() {
            let of_source = taken.by_source.entry(asker).or_default();
            if *of_source >= self.of_one_source {
                return Err(Busy);
            }
            *of_source += 1;
        }
        taken.all += 1;
        taken.by_strangers += usize::from(stranger);
        Ok(Place { places: Arc::clone(self), asker })
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Asker {
    const fn is_stranger(self) -> bool {
        matches!(self, Self::Stranger(_))
    }

    const fn is_source(self) -> bool {
        !matches!(self, Self::Stranger(None))
    }
}

/// A place in the queue, given back when it is dropped.
#[derive(Debug)]
struct Place {
    places: Arc<Places>,
    asker: Asker,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken();
        taken.all -= 1;
        taken.by_strangers -= usize::from(self.asker.is_stranger());
        if let Some(of_source) = taken.by_source.get_mut(&self.asker) {
            *of_source -= 1;
            if *of_source == 0 {
                taken.by_source.remove(&self.asker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use proptest::prelude::*;

    use super::*;

    fn stranger(number: u8) -> Asker {
        Asker::Stranger(Some(IpNet::from(std::net::IpAddr::from([192, 0, 2, number]))))
    }

    fn device(number: u8) -> Asker {
        Asker::Device(DeviceId::from_random([number; 8]))
    }

    #[tokio::test]
    async fn strangers_leave_a_share_to_known_devices() {
        let queue = Queue::new(4);
        let mut turns = Vec::new();
        for number in 0..3 {
            turns.push(queue.turn(stranger(number)).await.expect("a turn"));
        }
        let mut waiting = Vec::new();
        for number in 3..9 {
            let mut turn = Box::pin(queue.turn(stranger(number)));
            assert!(turn.as_mut().now_or_never().is_none(), "it waits");
            waiting.push(turn);
        }
        assert!(matches!(queue.turn(stranger(9)).now_or_never(), Some(Err(Busy))), "no place");
        let known = queue.turn(device(1)).now_or_never();
        assert!(matches!(known, Some(Ok(_))), "at once");
        drop(turns.pop());
        assert!(matches!(waiting.remove(0).now_or_never(), Some(Ok(_))), "who came first");
    }

    #[tokio::test]
    async fn no_source_takes_more_than_its_places() {
        let queue = Queue::new(16);
        for asker in [stranger(1), device(1)] {
            let mut turns = Vec::new();
            for _ in 0..OF_ONE_SOURCE {
                turns.push(queue.turn(asker).await.expect("a turn"));
            }
            assert_eq!(queue.turn(asker).await.err(), Some(Busy));
            assert!(queue.turn(stranger(2)).await.is_ok() && queue.turn(device(2)).await.is_ok());
            drop(turns.pop());
            assert!(queue.turn(asker).await.is_ok());
        }
        assert!(queue.places.taken().by_source.is_empty(), "nothing is kept");
    }

    #[tokio::test]
    async fn one_address_leaves_places_to_others() {
        for hands in [1, 2, 3, 4, 16] {
            let queue = Queue::new(hands);
            let mut of_one = Vec::new();
            while let Ok(place) = queue.places.take(stranger(1)) {
                of_one.push(place);
            }
            assert!(!of_one.is_empty(), "{hands}");
            let other = queue.places.take(stranger(2));
            let third = queue.places.take(stranger(3));
            assert!(other.is_ok() && third.is_ok(), "{hands}");
        }
    }

    #[tokio::test]
    async fn one_hand_serves_everybody() {
        let queue = Queue::new(1);
        assert!(queue.turn(stranger(1)).await.is_ok());
        assert!(queue.turn(device(1)).await.is_ok());
    }

    proptest! {
        /// Property: whoever comes and goes in whatever order, strangers never
        /// take the last place, no source more than four or a third of the strangers'
        /// places, and all who left are forgotten.
        #[test]
        fn places_are_never_overdrawn(
            hands in 1..9_usize,
            steps in proptest::collection::vec((any::<bool>(), 0..6_u8, any::<usize>()), 0..80),
        ) {
            let places = Queue::new(hands).places;
            let mut held: Vec<Place> = Vec::new();
            for (come, who, which) in steps {
                if !come && !held.is_empty() {
                    drop(held.swap_remove(which % held.len()));
                    continue;
                }
                let asker = if who < 4 { stranger(who) } else { device(who) };
                let of_source = held.iter().filter(|place| place.asker == asker).count();
                let strangers = held.iter().filter(|place| place.asker.is_stranger()).count();
                let room = held.len() < PLACES * hands
                    && (!asker.is_stranger() || strangers < places.for_strangers);
                let taken = places.take(asker);
                prop_assert_eq!(taken.is_ok(), room && of_source < places.of_one_source);
                held.extend(taken);
            }
            prop_assert!((1..=OF_ONE_SOURCE).contains(&places.of_one_source));
            prop_assert!(3 * places.of_one_source <= places.for_strangers);
            prop_assert!(hands == 1 || places.for_strangers < places.all);
            held.clear();
            let taken = places.taken();
            prop_assert!(taken.all == 0 && taken.by_strangers == 0 && taken.by_source.is_empty());
        }
    }
}
