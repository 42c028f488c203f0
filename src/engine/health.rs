//! What a gate can't do now, for whoever sends people to it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::domain::attempts::{Outcome, Reservation, Scope};
use crate::domain::login::TypedLogin;
use crate::domain::time::Monotonic;
use crate::engine::{Gate, Portcullis, Unanswered};
use crate::store::{Counter, StoreError};

/// No login that anybody could have: it can't be seen.
const NOBODY: &str = "\u{0}health";

/// What a gate can't do now, as far as it knows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Health {
    /// How long the directory was not heard of, where that is longer than
    /// [`max_stale`](crate::engine::Builder::max_stale): what the gate knows is too
    /// old to go by.
    pub directory_lost_for: Option<Duration>,
    /// The attempt store did not answer when it was last asked: nobody can sign
    /// in.
    pub attempts_failing: bool,
    /// The attempt store is away, and this process counts by itself meanwhile: a guesser
    /// has the guesses of every process.
    pub attempts_apart: bool,
    /// So many issuers of JSON web tokens were not heard of since the start: nobody can
    /// say what their tokens are worth, and whoever brings one gets 503. Sessions go on.
    pub issuers_without_keys: usize,
    /// How long the source of standings that is not the directory has been failing.
    pub source_failing_for: Option<Duration>,
}

impl Portcullis {
    /// What the gate can't do now. Asks nobody, and costs next to nothing.
    pub fn health(&self) -> Health {
        let (gate, now) = (&self.0, self.0.clock.now().monotonic);
        let looked_at = gate.figures.looked_at_feed.load(Ordering::Relaxed);
        let lost = !gate.is_fresh(now);
        let reach = gate.attempts.reach();
        let away =
            |stands_in| reach.is_some_and(|reach| !reach.connected && reach.stands_in == stands_in);
        let failing = gate.figures.attempts_failing.load(Ordering::Relaxed);
        Health {
            directory_lost_for: lost.then(|| now.since(Monotonic::from_micros(looked_at))),
            attempts_failing: failing || away(false),
            attempts_apart: away(true),
            #[cfg(feature = "jwt")]
            issuers_without_keys: self.issuers_without_keys().len(),
            #[cfg(not(feature = "jwt"))]
            issuers_without_keys: 0,
            source_failing_for: gate.source_health().and_then(|source| source.failing_for),
        }
    }

    /// The names of issuers that were not heard of since the start.
    #[cfg(feature = "jwt")]
    pub fn issuers_without_keys(&self) -> Vec<String> {
        let jwts = self.0.jwt.load();
        jwts.iter()
            .flat_map(|jwts| jwts.issuers_without_keys())
            .map(str::to_owned)
            .collect()
    }

    /// Asks the attempt store for a guess of nobody's and gives it back, so that a
    /// gate which nobody signs in at, because it can't, learns when it can again.
    ///
    /// Says whether the store answered.
    pub async fn probe_attempts(&self) -> bool {
        let gate = &self.0;
        let policy = gate.policy();
        let Some(rules) = policy.by_account().or(policy.by_address()) else { return true };
        let key = gate.keyring.attempt_key(&TypedLogin::new(NOBODY));
        let counter = Counter { key, rules: rules.clone(), generation: 0, scope: Scope::Own };
        let counters = std::slice::from_ref(&counter);
        let reserve = gate.attempts.reserve(counters);
        match gate.ask_attempts(reserve).await {
            Ok(Reservation::Granted(tickets)) => {
                let given_back = gate.attempts.settle(counters, &tickets, Outcome::Released);
                gate.ask_attempts(given_back).await.is_ok()
            }
            Ok(_) => true,
            Err(Unanswered) => false,
        }
    }
}

impl Gate {
    /// Asks the attempt store, and remembers whether it answered. One that guesses
    /// have filled does: nobody shall take a gateway off the net by guessing.
    pub(super) async fn ask_attempts<T>(
        &self,
        question: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, Unanswered> {
        let mut crowded = false;
        let question = async {
            let answer = question.await;
            crowded = matches!(answer, Err(StoreError::Crowded));
            answer
        };
        let began = self.clock.now().monotonic;
        let answer = self.ask(question).await;
        let took = self.clock.now().monotonic.since(began);
        self.figures.attempt_store.observe(took);
        let failing = answer.is_err() && !crowded;
        self.figures
            .attempts_failing
            .store(failing, Ordering::Relaxed);
        answer
    }
}

impl Health {
    /// Whether nothing is wrong.
    pub const fn is_well(&self) -> bool {
        self.directory_lost_for.is_none()
            && !self.attempts_failing
            && !self.attempts_apart
            && self.issuers_without_keys == 0
            && self.source_failing_for.is_none()
    }
}
