//! Locks an account under load, and watches for the moment when it bites.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::cli::bench::backstage::Backstage;
use crate::cli::bench::client::Line;
use crate::cli::bench::stage::{Breach, Scratch, Stage};
use crate::cli::bench::verdict::Verdict;
use crate::cli::exit::Failure;
use crate::domain::time::Monotonic;

/// How often a watcher asks: so exactly is known when a lock bit.
const ASK_EVERY: Duration = Duration::from_millis(1);

/// How long before the lock watching begins, and how long after the bite it goes on.
const BEFORE: Duration = Duration::from_millis(50);
const AFTER: Duration = Duration::from_millis(100);

/// A lock that has not bitten by then is said not to bite.
const PATIENCE: Duration = Duration::from_secs(5);

/// The lock has not returned.
const NOT_YET: u64 = u64::MAX;

/// What became of one lock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bite {
    /// When the lock returned, in microseconds into the run.
    pub(super) at: u64,
    /// How long after that the first refusal was in, in microseconds; 0: the answer
    /// was in before. `None`: there was none.
    pub(super) after: Option<u64>,
    /// How many requests its watcher sent, and what was wrong with their answers.
    pub(super) asked: u64,
    pub(super) errors: u64,
    pub(super) admitted_after_bite: u64,
    pub(super) refused_without_lock: u64,
}

/// Locks the account at this instant. `None`: the run was stopped before.
pub(super) async fn lock_at(
    stage: &Stage,
    backstage: &dyn Backstage,
    scratch: &Scratch,
    at: Monotonic,
) -> Result<Option<Bite>, Failure> {
    let mut watcher = Watcher::of(stage, scratch);
    let watch_from = Monotonic::from_micros(at.as_micros().saturating_sub(micros(BEFORE)));
    while stage.now() < watch_from && !stage.stop.is_asked() {
        let left = watch_from.since(stage.now());
        tokio::time::sleep(left.min(BEFORE)).await;
    }
    while stage.now() < at && !stage.stop.is_asked() {
        watcher.ask().await;
    }
    if stage.stop.is_asked() {
        return Ok(None);
    }
    scratch.ask_for_lock(stage.now());
    let returned = AtomicU64::new(NOT_YET);
    let lock = async {
        let done = backstage.lock(scratch.id).await;
        returned.store(stage.now().as_micros(), Ordering::SeqCst);
        done
    };
    let watch = async {
        while watcher.goes_on(instant(&returned)) {
            watcher.ask().await;
        }
    };
    let (done, ()) = tokio::join!(lock, watch);
    done?;
    Ok(instant(&returned).map(|returned| watcher.told(returned)))
}

struct Watcher<'a> {
    stage: &'a Stage,
    scratch: &'a Scratch,
    line: Line,
    bite: Bite,
}

impl<'a> Watcher<'a> {
    fn of(stage: &'a Stage, scratch: &'a Scratch) -> Self {
        let line = Line::to(stage.plan.target.clone());
        let bite = Bite {
            at: 0,
            after: None,
            asked: 0,
            errors: 0,
            admitted_after_bite: 0,
            refused_without_lock: 0,
        };
        Self { stage, scratch, line, bite }
    }

    async fn ask(&mut self) {
        let began = self.stage.now();
        let answer = self.line.ask(Some(&self.scratch.cookie)).await;
        let times = (began, self.stage.now());
        let (verdict, breach) = self.scratch.judge(answer, &self.stage.prefix, times);
        self.bite.asked += 1;
        self.bite.errors += u64::from(matches!(verdict, Verdict::Wrong(_)));
        match breach {
            Some(Breach::AdmittedAfterBite) => self.bite.admitted_after_bite += 1,
            Some(Breach::RefusedWithoutLock) => self.bite.refused_without_lock += 1,
            None => {}
        }
        tokio::time::sleep(ASK_EVERY).await;
    }

    fn goes_on(&self, returned: Option<Monotonic>) -> bool {
        let Some(returned) = returned else { return true };
        let now = self.stage.now();
        match self.scratch.bitten() {
            Some(bitten) => now < bitten.after(AFTER).max(returned),
            None => now < returned.after(PATIENCE),
        }
    }

    fn told(self, returned: Monotonic) -> Bite {
        let after = self
            .scratch
            .bitten()
            .map(|bitten| micros(bitten.since(returned)));
        Bite { at: self.stage.micros_into(returned), after, ..self.bite }
    }
}

fn instant(micros: &AtomicU64) -> Option<Monotonic> {
    let micros = micros.load(Ordering::SeqCst);
    (micros != NOT_YET).then_some(Monotonic::from_micros(micros))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
