//! The connection to Redis: kept, looked at, made again.
//!
//! There is a connection or there is none, and whoever asks while there is none is told
//! so at once: nothing waits for a server that is away, and nothing piles up before one
//! that is slow. One task makes connections; a connection is used once its server was
//! seen to answer, to be the master, and to evict nothing.

mod connect;

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::{Cmd, ErrorKind, RedisResult, ServerErrorKind, Value};
use tokio::sync::{Notify, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

pub(super) use self::connect::{Connector, Wire};
use super::figures::Figures;
use super::script::Call;
use super::trouble::Trouble;

/// How many may wait for an answer at once.
const AT_ONCE: usize = 1024;

/// After how many answers that did not come in time the connection is given up.
const SILENT: u32 = 3;

/// How often a connection that there is is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long after one try to connect the next is made: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Keeps one connection. It is given up with the last of those who hold this.
pub(super) struct Link {
    state: Arc<State>,
    keeper: AbortHandle,
}

struct State {
    connector: Connector,
    timeout: Duration,
    wire: Mutex<Option<Tied>>,
    /// Tells the keeper that the wire is of no use.
    broken: Notify,
    silent: AtomicU32,
    numbers: AtomicU64,
    turns: Semaphore,
    figures: Arc<Figures>,
}

/// A wire, and which one it is.
#[derive(Clone)]
struct Tied {
    wire: Wire,
    number: u64,
}

/// Done once with each new connection, before anybody else may use it.
pub(super) trait Greet: Send + Sync + 'static {
    /// What is said first.
    fn greet(&self, wire: Wire) -> crate::store::BoxFuture<'_, Result<(), Trouble>>;
}

impl Link {
    /// Connects, and keeps connecting. Says what is wrong only with a server that must
    /// not be used: one that is away may come.
    pub(super) async fn open(
        connector: Connector,
        timeout: Duration,
        figures: Arc<Figures>,
        greeter: Arc<dyn Greet>,
    ) -> Result<Self, Trouble> {
        let state = Arc::new(State {
            connector,
            timeout,
            wire: Mutex::default(),
            broken: Notify::new(),
            silent: AtomicU32::new(0),
            numbers: AtomicU64::new(0),
            turns: Semaphore::new(AT_ONCE),
            figures,
        });
        let first = state.connect(&*greeter).await;
        if let Err(trouble @ Trouble::Misfit(_)) = first {
            return Err(trouble);
        }
        let keeper = tokio::spawn(keep(Arc::clone(&state), first, greeter)).abort_handle();
        Ok(Self { state, keeper })
    }

    /// Calls a script, in one round trip where the server knows it.
    pub(super) async fn call(&self, call: &Call) -> Result<Value, Trouble> {
        self.state.ask(|wire| run(wire, call)).await
    }

    /// Sends one command.
    pub(super) async fn send(&self, cmd: &Cmd) -> Result<Value, Trouble> {
        let cmd = cmd.clone();
        let send = |mut wire: Wire| async move { wire.send(&cmd).await };
        self.state.ask(send).await
    }

    /// A connection of its own to hear messages on.
    pub(super) async fn listener(&self) -> Result<redis::aio::PubSub, Trouble> {
        self.state.connector.listener().await
    }

    /// The connection, for whoever asks for more than one answer.
    pub(super) fn wire(&self) -> Result<Wire, Trouble> {
        self.state.tied().map(|tied| tied.wire)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Link(..)")
    }
}

impl State {
    fn tied(&self) -> Result<Tied, Trouble> {
        self.lock().clone().ok_or(Trouble::Away)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Tied>> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask<F>(&self, ask: impl FnOnce(Wire) -> F) -> Result<Value, Trouble>
    where
        F: Future<Output = RedisResult<Value>>,
    {
        let asked = self.ask_now(ask).await;
        self.figures.asked(asked.as_ref());
        asked
    }

    async fn ask_now<F>(&self, ask: impl FnOnce(Wire) -> F) -> Result<Value, Trouble>
    where
        F: Future<Output = RedisResult<Value>>,
    {
        let _turn = self.turns.try_acquire().map_err(|_| Trouble::Busy)?;
        let Tied { wire, number } = self.tied()?;
        match timeout(self.timeout, ask(wire)).await {
            Ok(Ok(value)) => {
                self.silent.store(0, Ordering::Relaxed);
                Ok(value)
            }
            Ok(Err(error)) if error.is_timeout() => Err(self.was_silent(number)),
            Ok(Err(error)) => {
                let trouble = Trouble::from(error);
                if trouble.breaks() {
                    self.give_up(number, &trouble);
                }
                Err(trouble.or_away())
            }
            Err(_) => Err(self.was_silent(number)),
        }
    }

    fn was_silent(&self, number: u64) -> Trouble {
        let trouble = Trouble::Slow(self.timeout);
        if self.silent.fetch_add(1, Ordering::Relaxed) + 1 >= SILENT {
            self.give_up(number, &trouble);
        }
        trouble
    }

    /// Nobody uses this wire any more. Logged once: the next is made silently.
    fn give_up(&self, number: u64, why: &Trouble) {
        let mut tied = self.lock();
        if tied.as_ref().is_some_and(|tied| tied.number == number) {
            *tied = None;
            self.figures.connected(false);
            tracing::error!(error = %why, "Redis lost");
            self.broken.notify_one();
        }
    }

    /// A connection that may be used from now on.
    async fn connect(&self, greeter: &dyn Greet) -> Result<(), Trouble> {
        let wire = self.connector.connect().await?;
        greeter.greet(wire.clone()).await?;
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.silent.store(0, Ordering::Relaxed);
        *self.lock() = Some(Tied { wire, number });
        self.figures.connected(true);
        Ok(())
    }
}

/// Makes a connection whenever there is none.
async fn keep(state: Arc<State>, first: Result<(), Trouble>, greeter: Arc<dyn Greet>) {
    let mut connected = first;
    if let Err(trouble) = &connected {
        tracing::error!(error = %trouble, "Redis lost");
    }
    loop {
        while connected.is_ok() {
            match timeout(LOOK_EVERY, state.broken.notified()).await {
                Ok(()) => break,
                // Nobody may come who would find out that it is gone.
                Err(_) => drop(state.ask(ping).await),
            }
        }
        let mut pause = FIRST_PAUSE;
        let mut said = None;
        loop {
            connected = state.connect(&*greeter).await;
            let Err(trouble) = &connected else { break };
            // What is wrong may be another thing by now.
            let words = trouble.to_string();
            if matches!(trouble, Trouble::Misfit(_)) && said.as_ref() != Some(&words) {
                tracing::error!(error = %words, "Redis can't be used");
                said = Some(words);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        tracing::info!("Redis back");
    }
}

async fn ping(mut wire: Wire) -> RedisResult<Value> {
    wire.send(&redis::cmd("PING")).await
}

async fn run(mut wire: Wire, call: &Call) -> RedisResult<Value> {
    let answer = wire.send(&call.by_name()).await;
    match answer {
        Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
            wire.send(&call.whole()).await
        }
        answer => answer,
    }
}

/// Calls a script on a connection that nobody else uses yet.
pub(super) async fn run_first(wire: Wire, call: &Call) -> Result<Value, Trouble> {
    Ok(run(wire, call).await?)
}
