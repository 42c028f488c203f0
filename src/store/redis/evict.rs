//! Room for a counter where the server's memory is full.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use redis::cluster_routing::{Route, RoutingInfo, SingleNodeRoutingInfo, SlotAddr};
use redis::{Cmd, Value};
use tokio::time::Instant;

use super::RedisAttempts;
use super::link::Wire;
use super::script::{self, Call};
use super::trouble::Trouble;

/// How many keys are looked at in one go, how often at most, and how many that can go are
/// enough to choose from. A quarter of those goes, up to as many at once.
const LOOKED_AT: usize = 256;
const LOOKS: usize = 64;
const ENOUGH: usize = 64;
const GONE_AT_ONCE: usize = 64;

/// How long after a search that found nothing the next is made.
const BARREN_FOR: Duration = Duration::from_secs(1);

/// Where the next search for counters that can go begins.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    cursor: AtomicU64,
    found_nothing: Mutex<Option<Instant>>,
}

impl Sweep {
    fn is_barren(&self) -> bool {
        let at = *self
            .found_nothing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        at.is_some_and(|at| at.elapsed() < BARREN_FOR)
    }

    fn found_nothing(&self) {
        let mut at = self
            .found_nothing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *at = Some(Instant::now());
    }
}

impl RedisAttempts {
    /// Forgets some counters that say little, of the server that has these keys, and
    /// none of these. Says whether any went: where all are lockouts, none does.
    pub(super) async fn make_room(&self, beside: &[&[u8]]) -> Result<bool, Trouble> {
        let Some(one) = beside.first().filter(|_| !self.sweep.is_barren()) else {
            return Ok(false);
        };
        let mut light = Vec::new();
        for _ in 0..LOOKS {
            let mut keys = self.some_keys(one).await?;
            keys.retain(|key| !beside.contains(&key.as_slice()));
            light.extend(self.weigh(keys).await?);
            if light.len() >= ENOUGH {
                break;
            }
        }
        light.sort_unstable();
        light.truncate(light.len().div_ceil(4).min(GONE_AT_ONCE));
        if light.is_empty() {
            self.sweep.found_nothing();
            return Ok(false);
        }
        let keys = light.into_iter().map(|(_, key)| key).collect();
        // Where others were faster, they made room.
        self.forget(keys).await?;
        Ok(true)
    }

    async fn some_keys(&self, beside: &[u8]) -> Result<Vec<Vec<u8>>, Trouble> {
        let mut cmd = redis::cmd("SCAN");
        cmd.arg(self.sweep.cursor.load(Ordering::Relaxed));
        cmd.arg("MATCH").arg(self.names.pattern());
        cmd.arg("COUNT").arg(LOOKED_AT);
        let answer = match self.link.wire()? {
            Wire::Server(_) => self.link.send(&cmd).await?,
            Wire::Cluster(_) => self.on_the_server_of(beside, cmd).await?,
        };
        let (cursor, keys): (u64, Vec<Vec<u8>>) =
            redis::from_redis_value(answer).map_err(redis::RedisError::from)?;
        self.sweep.cursor.store(cursor, Ordering::Relaxed);
        Ok(keys)
    }

    async fn on_the_server_of(&self, key: &[u8], cmd: Cmd) -> Result<Value, Trouble> {
        let mut keyslot = redis::cmd("CLUSTER");
        keyslot.arg("KEYSLOT").arg(key);
        let slot = self.link.send(&keyslot).await?;
        let slot: u16 = redis::from_redis_value(slot).map_err(redis::RedisError::from)?;
        let route = SingleNodeRoutingInfo::SpecificNode(Route::new(slot, SlotAddr::Master));
        let Wire::Cluster(mut cluster) = self.link.wire()? else { return Err(Trouble::Away) };
        let routed = cluster.route_command(cmd, RoutingInfo::SingleNode(route));
        Ok(routed.await?)
    }

    /// What each of these says that can go.
    async fn weigh(&self, keys: Vec<Vec<u8>>) -> Result<Vec<(i64, Vec<u8>)>, Trouble> {
        let mut light = Vec::new();
        for same in self.by_slot(keys) {
            let answer = self.link.call(&self.call_about(&same, "weigh")).await?;
            let weights: Vec<i64> =
                redis::from_redis_value(answer).map_err(redis::RedisError::from)?;
            let weighed = weights.into_iter().zip(same);
            light.extend(weighed.filter(|(weight, _)| *weight >= 0));
        }
        Ok(light)
    }

    async fn forget(&self, keys: Vec<Vec<u8>>) -> Result<(), Trouble> {
        for same in self.by_slot(keys) {
            self.link.call(&self.call_about(&same, "forget")).await?;
        }
        Ok(())
    }

    /// A script touches the keys of one slot alone.
    fn by_slot(&self, mut keys: Vec<Vec<u8>>) -> Vec<Vec<Vec<u8>>> {
        keys.sort_unstable();
        let (tag, in_cluster) = (self.names.prefix.len() + 4, self.names.in_cluster);
        let same = |a: &Vec<u8>, b: &Vec<u8>| !in_cluster || a.get(..tag) == b.get(..tag);
        keys.chunk_by(same).map(<[Vec<u8>]>::to_vec).collect()
    }

    fn call_about(&self, keys: &[Vec<u8>], what: &str) -> Call {
        let first = keys.first().cloned().unwrap_or_default();
        let mut call = Call::new(&script::EVICT, self.terms(&[]), first);
        keys.iter().for_each(|key| call.key(key.clone()));
        call.arg(what);
        call
    }
}
