//! Stories at random, told to every store and to the oracle: all must say the same
//! at every step.

use std::fmt::Write;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use portcullis::domain::attempts::{Budget, Guess, Outcome, Reservation, Scope, Settled, Ticket};
use portcullis::domain::lock::Lockout;
use portcullis::domain::login::TypedLogin;
use portcullis::domain::time::{Clock, Timestamp};
use portcullis::store::keyring::{AttemptKey, Keyring};
use portcullis::store::memory::SingleProcessAttempts;
use portcullis::store::sql::SqlAttempts;
use portcullis::store::{AttemptStore, Counter};
use portcullis::{AccountId, ClientAddr, DeviceId, LockoutPolicy};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use tokio::runtime::Runtime;

use super::how_many;
use super::oracle::{self, Asked, Lock, Oracle, Reserved, Rules, Says, Time};
use super::story::{Place, Policy, Settling, Step, Story, story};
use crate::stores::folder;

const BEGIN: Timestamp = Timestamp::from_secs(1_800_000_000);

/// One attempt under way.
struct Open {
    place: Place,
    counters: Vec<Counter>,
    asked: Vec<Asked>,
    guess: u64,
    generations: Vec<u64>,
    /// What each store granted.
    tickets: Vec<Vec<Ticket>>,
}

/// A story while it is told.
struct Telling<'a> {
    stores: Vec<(&'static str, &'a dyn AttemptStore)>,
    clock: &'a Clock,
    policy: &'a Policy,
    built: LockoutPolicy,
    keyring: Keyring,
    oracle: Oracle,
    open: Vec<Open>,
    generations: [u64; 2],
    said: String,
}

type Told<T> = Result<T, TestCaseError>;

impl Telling<'_> {
    async fn tell(&mut self, steps: &[Step]) -> Told<()> {
        for step in steps {
            let _ = writeln!(self.said, "  {:>12.6} s: {step:?}", self.seconds());
            match *step {
                Step::Begin(place) => drop(self.begin(place).await?),
                Step::Drop(at) => drop(self.take(at)),
                Step::Guess(place, how) => {
                    if self.begin(place).await? {
                        self.settle(self.open.len() - 1, how).await?;
                    }
                }
                Step::Look(place) => self.look(place).await?,
                Step::Settle(at, how) if !self.open.is_empty() => {
                    self.settle(at % self.open.len(), how).await?;
                }
                Step::Settle(..) => {}
                Step::Unlock(account) => self.generations[account] += 1,
                Step::Wait(wait) => self.wait(wait.by(self.policy)),
            }
        }
        Ok(())
    }

    fn seconds(&self) -> f64 {
        (self.now() - BEGIN.as_micros()) as f64 / 1e6
    }

    fn now(&self) -> Time {
        self.clock.wall().as_micros()
    }

    fn wait(&self, by: Time) {
        self.clock
            .step_wall_to(Timestamp::from_micros(self.now() + by));
    }

    fn take(&mut self, at: usize) -> Option<Open> {
        (!self.open.is_empty()).then(|| self.open.swap_remove(at % self.open.len()))
    }

    /// Whether a guess was granted; it is the last of those under way then.
    async fn begin(&mut self, place: Place) -> Told<bool> {
        let (counters, asked) = self.counters(place);
        let (guess, expected) = self.oracle.reserve(&asked, self.now());
        let mut tickets = Vec::new();
        for (name, store) in self.stores.clone() {
            let reservation = store.reserve(&counters).await.expect("it answers");
            let found = match reservation {
                Reservation::Busy => Reserved::Busy,
                Reservation::LockedOut { counter, lockout } => {
                    Reserved::Locked { counter, lock: lock(&lockout) }
                }
                Reservation::Granted(granted) => {
                    tickets.push(granted);
                    match &expected {
                        Reserved::Granted(_) => expected.clone(),
                        _ => Reserved::Granted(Vec::new()),
                    }
                }
            };
            self.same(name, &expected, &found)?;
        }
        let Reserved::Granted(generations) = expected else { return Ok(false) };
        self.open
            .push(Open { place, counters, asked, guess, generations, tickets });
        Ok(true)
    }

    async fn settle(&mut self, at: usize, how: Settling) -> Told<()> {
        let Some(open) = self.take(at) else { return Ok(()) };
        let address = u8::try_from(open.place.address).expect("few");
        let source = open
            .place
            .device
            .map_or(address, |device| 100 + device)
            .into();
        let (outcome, told) = match how {
            Settling::Fail => (Outcome::Failed(None), oracle::Outcome::Failed(None)),
            Settling::FailWith(print) => (
                Outcome::Failed(Some(Guess { source, print })),
                oracle::Outcome::Failed(Some((source, print))),
            ),
            Settling::Pass => (Outcome::Passed, oracle::Outcome::GivenBack),
            Settling::Release => (Outcome::Released, oracle::Outcome::GivenBack),
            Settling::Succeed => (Outcome::Succeeded, oracle::Outcome::Succeeded),
        };
        let now = self.now();
        let expected = self
            .oracle
            .settle(&open.asked, open.guess, &open.generations, told, now);
        for ((name, store), tickets) in self.stores.clone().into_iter().zip(&open.tickets) {
            let settled = store.settle(&open.counters, tickets, outcome).await;
            let found: Vec<Says> = settled
                .expect("it answers")
                .iter()
                .map(|settled| match settled {
                    Settled::LockedOut(lockout) => Says::Locked(lock(lockout)),
                    Settled::Recorded { remaining } => Says::Left(*remaining),
                    Settled::Stale => Says::Nothing,
                })
                .collect();
            self.same(name, &expected, &found)?;
        }
        Ok(())
    }

    async fn look(&self, place: Place) -> Told<()> {
        let (counters, asked) = self.counters(place);
        let expected = self.oracle.look(&asked, self.now());
        for (name, store) in self.stores.clone() {
            let found = match store.budget(&counters).await.expect("it answers") {
                Budget::LockedOut(lockout) => Says::Locked(lock(&lockout)),
                Budget::Open { remaining } => Says::Left(remaining),
            };
            self.same(name, &expected, &found)?;
        }
        Ok(())
    }

    fn same<T: PartialEq + std::fmt::Debug>(
        &self,
        store: &str,
        expected: &T,
        found: &T,
    ) -> Told<()> {
        if expected == found {
            return Ok(());
        }
        Err(TestCaseError::fail(format!(
            "{store} differs under {:?}\n{}  expected {expected:?}\n     found {found:?}",
            self.policy, self.said
        )))
    }

    /// What an attempt from there is counted by.
    fn counters(&self, place: Place) -> (Vec<Counter>, Vec<Asked>) {
        let Place { account, address, device } = place;
        let (built, policy) = (&self.built, self.policy);
        let own = policy.account.as_ref().or(policy.pair.as_ref());
        let name = format!("account {account}");
        let login = TypedLogin::new(&name);
        let mut counters =
            Counters { generation: self.generations[account], ..Counters::default() };
        if let (Some(device), Some(rules), Some(told)) = (device, built.by_device(), own) {
            // What locks until somebody unlocks is for strangers.
            let told = Rules { ceiling: None, permanent_after: None, ..told.clone() };
            let id = AccountId::try_from(account as i64 + 1).expect("an id");
            let key = self
                .keyring
                .device_attempt_key(id, DeviceId::from_random([7 + device; 8]));
            counters.own(key, rules, format!("{name}, device {device}"), told);
            return (counters.counters, counters.asked);
        }
        let ip = ADDRESSES[address].parse::<IpAddr>().expect("an address");
        let ip = ClientAddr::from(ip);
        if let (Some(rules), Some(told)) = (built.by_account(), &policy.account) {
            counters.own(self.keyring.attempt_key(&login), rules, name.clone(), told.clone());
        }
        if let (Some(rules), Some(told)) = (built.by_account_at_address(), &policy.pair) {
            let key = self.keyring.pair_attempt_key(&login, ip.prefix());
            counters.own(key, rules, format!("{name} at {}", ip.prefix()), told.clone());
        }
        for ((network, rules), times) in built.networks_of(ip).zip([1, 2, 4]) {
            let told = policy.address.as_ref().expect("it counts by address");
            let told = Rules { limit: told.limit * times, ..told.clone() };
            counters.shared(self.keyring.address_attempt_key(network), rules, &network, told);
        }
        (counters.counters, counters.asked)
    }
}

/// Two that share nothing, and two of one /56.
const ADDRESSES: [&str; 4] = ["192.0.2.1", "192.0.2.2", "2001:db8:1:1201::7", "2001:db8:1:1202::7"];

#[derive(Default)]
struct Counters {
    generation: u64,
    counters: Vec<Counter>,
    asked: Vec<Asked>,
}

type Built = Arc<portcullis::domain::counting::CounterRules>;

impl Counters {
    fn own(&mut self, key: AttemptKey, rules: &Built, name: String, told: Rules) {
        let generation = self.generation;
        self.counters.push(Counter {
            key,
            rules: Arc::clone(rules),
            generation,
            scope: Scope::Own,
        });
        self.asked
            .push(Asked { name, rules: told, generation, own: true });
    }

    fn shared(&mut self, key: AttemptKey, rules: &Built, name: &impl ToString, told: Rules) {
        let counter =
            Counter { key, rules: Arc::clone(rules), generation: 0, scope: Scope::Shared };
        self.counters.push(counter);
        self.asked
            .push(Asked { name: name.to_string(), rules: told, generation: 0, own: false });
    }
}

fn lock(lockout: &Lockout) -> Lock {
    let length = |length: Duration| Time::try_from(length.as_micros()).unwrap_or(Time::MAX);
    Lock {
        generation: lockout.id.generation,
        n: lockout.id.n,
        laid_at: lockout.laid_at.as_micros(),
        length: lockout.length.map(length),
        failures: lockout.failures,
    }
}

/// The stores that all stories are told to.
type Others<'a> = &'a [(&'static str, &'a dyn AttemptStore)];

async fn tell(story: &Story, others: Others<'_>, clock: &Clock, number: u32) -> Told<()> {
    clock.step_wall_to(BEGIN);
    let memory = SingleProcessAttempts::new(clock.clone());
    // Each story has keys of its own.
    let mut secret = [7; 32];
    secret[..4].copy_from_slice(&number.to_be_bytes());
    let mut telling = Telling {
        stores: [&[("memory", &memory as &dyn AttemptStore)], others].concat(),
        clock,
        policy: &story.policy,
        built: story.policy.built(),
        keyring: Keyring::new(&secret),
        oracle: Oracle::default(),
        open: Vec::new(),
        generations: [0; 2],
        said: String::new(),
    };
    telling.tell(&story.steps).await
}

/// Tells stories to all of these, and to the oracle and a store in memory.
///
/// 200 stories, or as many as `PORTCULLIS_HISTORIES` says:
///
/// ```text
/// PORTCULLIS_HISTORIES=100000 cargo test --release --all-features histories -- --nocapture
/// ```
fn tell_all(runtime: &Runtime, clock: &Clock, others: Others<'_>) {
    let cases = u32::try_from(how_many("PORTCULLIS_HISTORIES", 200)).expect("not that many");
    let (told, steps) = (std::cell::Cell::new(0_u32), std::cell::Cell::new(0_usize));
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(&story(), |story| {
        told.set(told.get() + 1);
        steps.set(steps.get() + story.steps.len());
        runtime.block_on(tell(&story, others, clock, told.get()))
    });
    if let Err(TestError::Fail(reason, _) | TestError::Abort(reason)) = result {
        panic!("{reason}");
    }
    println!("{} histories of {} steps, no difference", told.get(), steps.get());
}

fn runtime() -> Runtime {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

#[test]
fn stores_and_oracle_agree_on_random_histories() {
    let (runtime, folder, clock) = (runtime(), folder(), Clock::manual(BEGIN));
    let open = SqlAttempts::open(folder.path().join("attempts.db"), clock.clone());
    let sql = runtime.block_on(open).expect("a new store");
    tell_all(&runtime, &clock, &[("SQLite", &sql)]);
}

#[cfg(feature = "gateway")]
#[test]
fn redis_and_oracle_agree_on_random_histories() {
    let (runtime, clock) = (runtime(), Clock::manual(BEGIN));
    let redis = runtime.block_on(crate::stores::redis::attempts(&clock));
    tell_all(&runtime, &clock, &[("Redis", &redis)]);
}

/// What is in several slots is said in several steps, and comes to the same.
#[cfg(feature = "gateway")]
#[test]
fn a_redis_cluster_and_oracle_agree_on_random_histories() {
    let (runtime, clock) = (runtime(), Clock::manual(BEGIN));
    let settings = crate::cluster::redis::settings_of_nodes();
    let open = portcullis::store::redis::RedisAttempts::open_with_clock(&settings, clock.clone());
    let redis = runtime.block_on(open).expect("a store");
    tell_all(&runtime, &clock, &[("Redis Cluster", &redis)]);
}
