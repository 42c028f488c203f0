//! Attempts counted in Redis, or Valkey, for several gateways.
//!
//! Each step is one script, so it happens whole or not at all whoever else asks at the
//! same time, and it is the arithmetic of [`domain::attempts`](crate::domain::attempts)
//! word for word. The time is the server's. Keys are keyed hashes: no login is among them.
//!
//! In a cluster, an attempt is counted in the slot of its account and in those of its
//! addresses, one after the other: whatever is refused later is given back where it was
//! taken before. A crash in between leaves a failure too many, never one too few.

mod bus;
mod evict;
mod figures;
mod first_use;
mod link;
mod names;
mod script;
mod settings;
mod steps;
mod trouble;

use std::fmt;
use std::sync::Arc;

use self::bus::RedisBus;
use self::figures::Figures;
use self::first_use::FirstUse;
use self::link::{Connector, Link};
use self::names::{Names, Slot};
use self::script::Terms;
use self::trouble::Trouble;
use crate::domain::attempts::{Budget, Outcome, Reservation, Settled, Ticket};
use crate::domain::time::Clock;
use crate::store::keyring::AttemptKey;
use crate::store::memory::SingleProcessAttempts;
use crate::store::nonces::Nonces;
use crate::store::{AttemptStore, BoxFuture, Counter, Directory, Reach, StoreError};

pub use self::settings::{
    AfterLoss, InvalidRedisAddress, RedisAddress, RedisMode, RedisSettings, WhenAway,
};

/// Why attempts can't be counted in Redis.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisOpenError {
    /// The settings, or the server, are not what they have to be; the words name the mend.
    #[error("{what}")]
    Misfit {
        /// What is wrong.
        what: String,
    },
    /// The directory failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Trouble> for RedisOpenError {
    fn from(trouble: Trouble) -> Self {
        Self::Misfit { what: trouble.to_string() }
    }
}

/// Attempts to sign in, counted in Redis.
///
/// A reservation is made before it is answered; how much of what was answered survives the
/// server's crash is its own setting (`appendfsync`). A call that is dropped may still take
/// effect: an attempt that is dropped counts as failed anyway.
///
/// Bounded by the server's `maxmemory`: a flood of made-up logins makes it forget counters,
/// those with the fewest failures first, and never a lockout. When it holds nothing but
/// lockouts, a login without an entry gets an error until one of them ends.
pub struct RedisAttempts {
    link: Arc<Link>,
    names: Names,
    nonces: Nonces,
    /// Tells the time in the place of the server, to tests.
    clock: Option<Clock>,
    after_loss: AfterLoss,
    /// Counts while Redis is away.
    stand_in: Option<SingleProcessAttempts>,
    figures: Arc<Figures>,
    sweep: evict::Sweep,
}

impl RedisAttempts {
    /// Counts there from now on. A server that is away may come later.
    ///
    /// Where the directory knows of no Redis yet, counters begin empty; where it does, one
    /// that is found empty has lost them.
    ///
    /// # Errors
    ///
    /// If the settings contradict themselves, or a server answers that attempts must not
    /// be counted in.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn open(
        settings: &RedisSettings,
        directory: Arc<dyn Directory>,
    ) -> Result<Self, RedisOpenError> {
        Self::open_with(settings, Some(directory), None).await
    }

    /// The same, empty if there is nothing yet, with the time from this clock in place of
    /// the server's: for tests, also of whoever embeds this. Nothing expires by itself.
    ///
    /// # Errors
    ///
    /// As [`RedisAttempts::open`].
    pub async fn open_with_clock(
        settings: &RedisSettings,
        clock: Clock,
    ) -> Result<Self, RedisOpenError> {
        Self::open_with(settings, None, Some(clock)).await
    }

    async fn open_with(
        settings: &RedisSettings,
        directory: Option<Arc<dyn Directory>>,
        clock: Option<Clock>,
    ) -> Result<Self, RedisOpenError> {
        let in_cluster = settings.mode == RedisMode::Cluster;
        let names = Names { prefix: settings.prefix.clone(), in_cluster };
        let first_use = FirstUse::of(names.clone(), directory).await?;
        let connector = Connector::new(settings)?;
        let figures = Arc::new(Figures::default());
        let link = Link::open(connector, settings.timeout, figures.clone(), first_use);
        let stands_in = settings.when_away == WhenAway::CountLocally;
        let stand_in = || SingleProcessAttempts::standing_in(clock.clone().unwrap_or_default());
        Ok(Self {
            link: Arc::new(link.await?),
            names,
            nonces: Nonces::new(),
            after_loss: settings.after_loss,
            stand_in: stands_in.then(stand_in),
            clock,
            figures,
            sweep: evict::Sweep::default(),
        })
    }

    /// Whether there is a connection to Redis now.
    pub fn is_connected(&self) -> bool {
        self.figures.is_connected()
    }

    /// Whoever follows this directory in another process is told of its changes at once,
    /// through the same Redis, and what they tell is heard here.
    pub fn carry(&self, directory: &Arc<dyn Directory>) {
        let bus = RedisBus::start(Arc::clone(&self.link), &self.names.prefix, directory);
        directory.bus().reach(Arc::new(bus));
    }

    fn terms(&self, counters: &[Counter]) -> Terms {
        let at = self.clock.as_ref().map(Clock::wall);
        Terms { at, closed_for: steps::closed_for(self.after_loss, counters) }
    }

    /// Who counts in the place of Redis, where this is why it does not.
    fn stand_in_for(&self, trouble: &Trouble) -> Option<&SingleProcessAttempts> {
        self.stand_in.as_ref().filter(|_| trouble.is_away())
    }

    async fn delete(&self, keys: &[AttemptKey]) -> Result<u64, Trouble> {
        if keys.is_empty() {
            return Ok(0);
        }
        let mut cmd = redis::cmd("DEL");
        for key in keys {
            cmd.arg(self.names.counter(Slot::of(key), key));
        }
        let gone = self.link.send(&cmd).await?;
        Ok(redis::from_redis_value(gone).map_err(redis::RedisError::from)?)
    }
}

impl fmt::Debug for RedisAttempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisAttempts")
            .field("names", &self.names)
            .finish_non_exhaustive()
    }
}

impl AttemptStore for RedisAttempts {
    fn reserve<'a>(
        &'a self,
        counters: &'a [Counter],
    ) -> BoxFuture<'a, Result<Reservation, StoreError>> {
        Box::pin(async move {
            match self.reserve_all(counters).await {
                Ok(reservation) => Ok(reservation),
                Err(trouble) => match self.stand_in_for(&trouble) {
                    Some(stand_in) => stand_in.reserve(counters).await,
                    None => Err(trouble.into()),
                },
            }
        })
    }

    fn settle<'a>(
        &'a self,
        counters: &'a [Counter],
        tickets: &'a [Ticket],
        outcome: Outcome,
    ) -> BoxFuture<'a, Result<Vec<Settled>, StoreError>> {
        Box::pin(async move {
            let of_stand_in = tickets
                .first()
                .is_some_and(|ticket| Nonces::is_marked(ticket.parts().1));
            match &self.stand_in {
                Some(stand_in) if of_stand_in => stand_in.settle(counters, tickets, outcome).await,
                _ => Ok(self.settle_all(counters, tickets, outcome).await?),
            }
        })
    }

    fn budget<'a>(&'a self, counters: &'a [Counter]) -> BoxFuture<'a, Result<Budget, StoreError>> {
        Box::pin(async move {
            match self.look_at_all(counters).await {
                Ok(budget) => Ok(budget),
                Err(trouble) => match self.stand_in_for(&trouble) {
                    Some(stand_in) => stand_in.budget(counters).await,
                    None => Err(trouble.into()),
                },
            }
        })
    }

    fn clear<'a>(&'a self, keys: &'a [AttemptKey]) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            if let Some(stand_in) = &self.stand_in {
                stand_in.clear(keys).await?;
            }
            Ok(self.delete(keys).await?)
        })
    }

    fn reach(&self) -> Option<Reach> {
        Some(self.figures.reach(self.stand_in.is_some()))
    }
}
