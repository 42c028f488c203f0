//! Attempts in Redis: what every store of them must do, and what Redis adds.

mod faults;
mod losses;
mod servers;
mod table;

use std::sync::Arc;
use std::time::Duration;

use portcullis::LockoutPolicy;
use portcullis::domain::attempts::{Outcome, Reservation};
use portcullis::domain::login::TypedLogin;
use portcullis::domain::time::Clock;
use portcullis::store::keyring::Keyring;
use portcullis::store::memory::SingleProcessDirectory;
use portcullis::store::redis::{RedisAttempts, RedisSettings};
use portcullis::store::{AttemptStore, Counter, StoreError};

use super::{World, noon};
use crate::servers::Redis;

/// Keys of a test's own, on this server.
pub(crate) fn settings(server: &Redis) -> RedisSettings {
    settings_at(&server.url())
}

/// The same by its address.
pub(crate) fn settings_at(url: &str) -> RedisSettings {
    let mut settings = RedisSettings::standalone(url.parse().expect("an address"));
    settings.prefix = Redis::fresh_prefix();
    // A loaded machine must not look like a server that is away.
    settings.connect_timeout = Duration::from_secs(30);
    settings.timeout = Duration::from_secs(30);
    settings
}

/// An empty store on the server that all tests share.
pub(crate) async fn attempts(clock: &Clock) -> RedisAttempts {
    let settings = settings(Redis::shared());
    let opened = RedisAttempts::open_with_clock(&settings, clock.clone()).await;
    opened.expect("a new store")
}

pub(super) async fn world() -> World {
    let clock = Clock::manual(noon());
    let directory = Arc::new(SingleProcessDirectory::new(clock.clone()));
    let attempts = Arc::new(attempts(&clock).await);
    World { directory, attempts, clock, _kept: Box::new(()) }
}

/// Five guesses in fifteen minutes, then locked out for five.
pub(crate) fn policy() -> LockoutPolicy {
    let policy = LockoutPolicy::after(5)
        .failures_within(super::minutes(15))
        .lasting(super::minutes(5));
    policy.build().expect("a policy")
}

/// The counter of somebody's account.
pub(crate) fn of(login: &str) -> Counter {
    let key = Keyring::new(&[1; 32]).attempt_key(&TypedLogin::new(login));
    super::counter(key, &policy(), 0)
}

/// A wrong guess; whether it was granted.
pub(crate) async fn guess(store: &dyn AttemptStore, login: &str) -> Result<bool, StoreError> {
    let counters = [of(login)];
    let Reservation::Granted(tickets) = store.reserve(&counters).await? else { return Ok(false) };
    store
        .settle(&counters, &tickets, Outcome::Failed(None))
        .await?;
    Ok(true)
}

/// How many of so many wrong guesses, one after the other, are granted.
pub(crate) async fn granted(store: &dyn AttemptStore, login: &str, guesses: u32) -> u32 {
    let mut granted = 0;
    for _ in 0..guesses {
        granted += u32::from(guess(store, login).await.expect("it answers"));
    }
    granted
}

/// Waits until this is so, for a minute at most.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let begun = tokio::time::Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(60), "not within a minute: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until sign-ins are counted again.
pub(crate) async fn until_it_answers(store: &dyn AttemptStore) {
    until("Redis answers", || async { store.budget(&[of("nobody")]).await.is_ok() }).await;
}
