//! Remembers attempts that are over, for people who look after accounts.
//!
//! Attempts are noted in memory as they end, whoever's login it is, and written in
//! batches: nobody who signs in waits for it. What can't be written in time is let go
//! and counted.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use crate::domain::account::{Account, AccountId};
use crate::domain::attempts::Guess;
use crate::domain::client::ClientAddr;
use crate::domain::device::DeviceId;
use crate::domain::history::{AttemptEnd, PastAttempt};
use crate::domain::login::TypedLogin;
use crate::engine::sign_in::SignInError;
use crate::engine::visitor::Visitor;
use crate::engine::{Gate, Portcullis, Unanswered};

/// How many attempts wait at most to be written.
const MOST_WAITING: usize = 50_000;

/// How long the first of a batch waits for others.
const GATHER: Duration = Duration::from_millis(250);

/// How many are written in one go.
const BATCH: usize = 500;

/// How often it is looked whether something waits that nobody told of, as where the
/// store did not answer.
const RETRY: Duration = Duration::from_secs(2);

/// How long counts by the hour are kept.
const KEEP_HOURS: Duration = Duration::from_secs(90 * 24 * 3600);

/// How much of what was attempted is remembered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Remember {
    /// For how long; zero: nothing is.
    pub(super) keep: Duration,
    /// How many at most.
    pub(super) most: u64,
}

impl Default for Remember {
    fn default() -> Self {
        Self { keep: Duration::from_secs(8 * 24 * 3600), most: 1_000_000 }
    }
}

/// Attempts that wait to be written.
#[derive(Debug, Default)]
pub(super) struct History {
    waiting: Mutex<Vec<PastAttempt>>,
    /// One batch is written at a time, so that they are in order.
    writing: tokio::sync::Mutex<()>,
    noted: tokio::sync::Notify,
    /// Its keys are this process's own.
    marks: RandomState,
}

/// What is known of an attempt from its beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beginning {
    login: u64,
    account: Option<AccountId>,
    from: Option<ClientAddr>,
    device: Option<DeviceId>,
}

impl History {
    /// What tells this wrong password from others, in this process alone.
    fn mark(&self, guess: Guess) -> u64 {
        self.marks.hash_one(guess.print)
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<PastAttempt>> {
        self.waiting
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl AttemptEnd {
    /// How an attempt ended that was refused before its password was looked at.
    pub(super) const fn of(refusal: &SignInError) -> Option<Self> {
        match refusal {
            SignInError::LockedOut { .. } => Some(Self::LockedOut),
            SignInError::Busy => Some(Self::Busy),
            SignInError::Refused { .. } | SignInError::Unavailable | SignInError::Wrong => None,
        }
    }
}

impl Gate {
    pub(super) fn remembers(&self) -> bool {
        let Remember { keep, most } = self.settings().remember;
        self.directory.is_some() && !keep.is_zero() && most > 0
    }

    /// What is known of an attempt as it begins; none where nothing is remembered. The
    /// work is the same for a login that is nobody's.
    pub(super) fn beginning(
        &self,
        typed: &TypedLogin,
        account: Option<&Account>,
        known: Option<DeviceId>,
        visitor: &Visitor,
    ) -> Option<Beginning> {
        if !self.remembers() {
            return None;
        }
        let name = account.map_or_else(|| typed.clone(), |account| (&account.login).into());
        let [a, b, c, d, e, f, g, h, ..] = *self.keyring.attempt_key(&name).as_bytes();
        let (named, address) = (!name.as_str().is_empty(), visitor.address());
        let told = !visitor.is_go_between() && !self.settings().trusted_proxies.contains(address);
        Some(Beginning {
            login: if named { u64::from_be_bytes([a, b, c, d, e, f, g, h]) } else { 0 },
            account: account.map(|account| account.id),
            from: Some(address).filter(|_| told),
            device: known,
        })
    }

    /// Notes how an attempt ended.
    pub(super) fn note_end(&self, of: Option<Beginning>, end: AttemptEnd, guess: Option<Guess>) {
        let Some(Beginning { login, account, from, device }) = of else { return };
        let (at, mark) = (self.clock.wall(), guess.map(|guess| self.history.mark(guess)));
        let mut waiting = self.history.waiting();
        if waiting.len() >= MOST_WAITING {
            return self.figures.attempt_forgotten();
        }
        waiting.push(PastAttempt { at, account, login, from, device, end, mark });
        drop(waiting);
        self.history.noted.notify_one();
    }

    /// Writes all that waits.
    async fn write_history(&self) -> Result<(), Unanswered> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let _one_at_a_time = self.history.writing.lock().await;
        loop {
            let batch: Vec<_> = {
                let waiting = self.history.waiting();
                waiting.iter().take(BATCH).copied().collect()
            };
            if batch.is_empty() {
                return Ok(());
            }
            let written = batch.len();
            let most = self.settings().remember.most;
            let remember = directory.history().remember(batch, most);
            self.ask(remember).await?;
            // Only now: whoever is dropped while it writes leaves them to the next.
            self.history.waiting().drain(..written);
        }
    }

    /// Forgets what is older than it is to be kept.
    pub(super) async fn prune_history(&self) {
        let Some(directory) = &self.directory else { return };
        let now = self.clock.wall();
        let old = now.before(self.settings().remember.keep);
        let forget = directory.history().forget(old, now.before(KEEP_HOURS));
        let _ = self.ask(forget).await;
    }
}

impl Portcullis {
    /// Writes down the attempts that ended up to now, so that whoever reads them next
    /// sees them. It happens by itself within a second.
    ///
    /// # Errors
    ///
    /// [`SignInError::Unavailable`], if the store does not answer: they are written
    /// later.
    ///
    /// # Cancellation
    ///
    /// A batch that was under way is written again by the next, or is there already: at
    /// worst some attempts are told twice.
    pub async fn write_attempts(&self) -> Result<(), SignInError> {
        self.0.write_history().await.map_err(SignInError::from)
    }
}

/// Writes attempts as they end, until the last handle of the gate is gone.
pub(super) fn spawn(gate: &Arc<Gate>) {
    if gate.remembers() {
        tokio::spawn(write(Arc::downgrade(gate)));
    }
}

async fn write(gate: Weak<Gate>) {
    let Some(history) = gate.upgrade().map(|gate| Arc::clone(&gate.history)) else { return };
    let mut lost = false;
    loop {
        // The gate is not held meanwhile: it may be gone when there was nothing for long.
        let _ = tokio::time::timeout(RETRY, history.noted.notified()).await;
        tokio::time::sleep(GATHER).await;
        let Some(gate) = gate.upgrade() else { return };
        let written = gate.write_history().await;
        drop(gate);
        match (&written, lost) {
            (Err(Unanswered), false) => tracing::warn!("attempt history not written"),
            (Ok(()), true) => tracing::info!("attempt history written again"),
            _ => {}
        }
        lost = written.is_err();
    }
}
