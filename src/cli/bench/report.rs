//! How a load test went: for people, for programs, and as a verdict.

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::admin::ScratchRun;
use crate::cli::bench::lock::Bite;
use crate::cli::bench::stage::Stage;
use crate::cli::bench::tally::{Tally, empty};
use crate::cli::bench::units::{count, time};
use crate::cli::bench::verdict::Kind;
use crate::cli::exit::Failure;
use crate::cli::output::{Page, cell};

/// What was seen of a run.
pub(super) struct Seen {
    pub(super) tally: Tally,
    pub(super) elapsed: Duration,
    pub(super) bites: Vec<Bite>,
}

/// How a run went. The field names won't change.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Report {
    pub(super) run: String,
    pub(super) url: String,
    pub(super) began_at: String,
    pub(super) accounts: u32,
    pub(super) connections: u32,
    /// Requests due each second; `None`: as many as the connections could do.
    pub(super) rate: Option<u32>,
    /// How long the load lasted.
    pub(super) seconds: f64,
    pub(super) stopped_early: bool,
    /// All that were answered, or failed: the next three added up.
    pub(super) requests: u64,
    pub(super) passed: u64,
    pub(super) refused: u64,
    pub(super) errors: u64,
    pub(super) errors_by_kind: BTreeMap<&'static str, u64>,
    /// Due, and never sent: the service was slower than the rate.
    pub(super) unsent: u64,
    pub(super) requests_per_second: f64,
    /// How many pages named the account that asked, and so could have been another's.
    pub(super) pages_with_name: u64,
    pub(super) refused_without_lock: u64,
    /// Of what passed; at a rate, from the instant when the request was due.
    pub(super) latency: Spread,
    pub(super) latency_curve: Vec<Quantile>,
    pub(super) course: Vec<Piece>,
    pub(super) locks: Locks,
    /// How many scratch accounts were removed again.
    pub(super) removed: usize,
}

/// Times in microseconds.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct Spread {
    pub(super) count: u64,
    pub(super) min_us: u64,
    pub(super) mean_us: f64,
    pub(super) p50_us: u64,
    pub(super) p90_us: u64,
    pub(super) p99_us: u64,
    pub(super) p99_9_us: u64,
    pub(super) max_us: u64,
}

/// This share took no longer than that.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Quantile {
    pub(super) share: f64,
    pub(super) us: u64,
}

/// A piece of the run.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Piece {
    /// When it began, in seconds into the run.
    pub(super) at: f64,
    pub(super) seconds: f64,
    pub(super) passed: u64,
    pub(super) refused: u64,
    pub(super) errors: u64,
}

/// How locks took hold.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Locks {
    /// How many there were to be; fewer are laid when the run is stopped.
    pub(super) planned: u32,
    pub(super) laid: usize,
    pub(super) bit: usize,
    /// Requests that began after the first refusal of their account, and came in.
    pub(super) admitted_after_bite: u64,
    /// Requests that only watched locks; they are in no other number.
    pub(super) watched_with: u64,
    pub(super) watch_errors: u64,
    /// From the return of the lock to the first refusal.
    pub(super) bite: Spread,
    pub(super) each: Vec<Lock>,
}

/// How one lock took hold.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Lock {
    /// When it returned, in seconds into the run.
    pub(super) at: f64,
    /// How long it took to bite; `None`: it did not.
    pub(super) bite_us: Option<u64>,
}

/// Shares whose times draw the curve: each nine as wide as the one before.
const CURVE: [f64; 15] = [
    0.0, 0.25, 0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9975, 0.999, 0.9995, 0.99975, 0.9999,
    1.0,
];

impl Report {
    pub(super) fn new(stage: &Stage, run: &ScratchRun, seen: &Seen) -> Self {
        let Seen { tally, elapsed, bites } = seen;
        let seconds = elapsed.as_secs_f64();
        let errors = tally.errors.iter().sum();
        let requests = tally.passed + tally.refused + errors;
        let watched: u64 = bites.iter().map(|bite| bite.refused_without_lock).sum();
        Self {
            run: run.to_string(),
            url: stage.plan.target.url(),
            began_at: stage.clock.wall().before(*elapsed).to_string(),
            accounts: stage.plan.accounts,
            connections: stage.plan.connections,
            rate: stage.plan.rate,
            seconds,
            stopped_early: stage.stop.is_asked(),
            requests,
            passed: tally.passed,
            refused: tally.refused,
            errors,
            errors_by_kind: Kind::ALL
                .iter()
                .map(|kind| (kind.as_str(), tally.errors[*kind as usize]))
                .collect(),
            unsent: stage.pace.unsent(),
            requests_per_second: requests as f64 / seconds.max(1e-6),
            pages_with_name: tally.named,
            refused_without_lock: tally.refused_without_lock + watched,
            latency: Spread::of(&tally.latency),
            latency_curve: curve(&tally.latency),
            course: course(tally),
            locks: Locks::of(bites, stage.plan.locks, tally.admitted_after_bite),
            removed: 0,
        }
    }

    /// The promise that was broken, if one was, or could not be looked at.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        let Locks { planned, laid, bit, admitted_after_bite, .. } = self.locks;
        let strangers = self.errors_of(Kind::Stranger);
        let broken = if admitted_after_bite > 0 {
            format!("{} came in after their lock had bitten", requests(admitted_after_bite))
        } else if bit < laid {
            format!("{} of {laid} locks did not bite", laid - bit)
        } else if strangers > 0 {
            format!("{} got another account's page", requests(strangers))
        } else if self.refused_without_lock > 0 {
            format!("{} were refused and not locked", requests(self.refused_without_lock))
        } else if self.stopped_early && laid < planned as usize {
            let words = format!(
                "stopped when {laid} of {planned} locks were laid, so the promises were not all \
                 checked: let it run to its end"
            );
            return Err(Failure::unexpected(words));
        } else {
            return Ok(());
        };
        Err(Failure::unexpected(format!("a promise was broken: {broken}; please report this")))
    }

    pub(super) fn errors_of(&self, kind: Kind) -> u64 {
        self.errors_by_kind.get(kind.as_str()).copied().unwrap_or(0)
    }

    /// The report as a terminal shows it.
    pub(super) fn page(&self) -> Page {
        let mut page = Page::new().line(&self.summary()).line("").table(
            ["REQUESTS", "COUNT", ""],
            2,
            self.counts()
                .into_iter()
                .map(|(name, number, words)| [cell(name), cell(count(number)), cell(words)])
                .collect(),
        );
        page = page.line("").table(
            ["TIME", "P50", "P90", "P99", "P99.9", "MAX"],
            6,
            [("of what passed", self.latency), ("from lock to bite", self.locks.bite)]
                .into_iter()
                .filter(|(_, spread)| spread.count > 0)
                .map(|(name, spread)| spread.row(name))
                .collect(),
        );
        for words in self.findings() {
            page = page.line("").line(&words);
        }
        page
    }

    /// One sentence.
    pub(super) fn summary(&self) -> String {
        let early = if self.stopped_early { ", stopped early" } else { "" };
        format!(
            "{} requests in {:.1} s, {} a second{early}: {} accounts over {} connections at {}",
            count(self.requests),
            self.seconds,
            count(self.requests_per_second.round() as u64),
            count(self.accounts.into()),
            count(self.connections.into()),
            self.url,
        )
    }

    /// What became of the requests: a name, a number, and what it means.
    pub(super) fn counts(&self) -> Vec<(&'static str, u64, String)> {
        let mut rows = vec![
            ("passed", self.passed, "the application answered".to_owned()),
            ("refused", self.refused, "their accounts were locked meanwhile".to_owned()),
        ];
        for kind in Kind::ALL {
            let errors = self.errors_of(kind);
            if errors > 0 {
                rows.push(("failed", errors, kind.words().to_owned()));
            }
        }
        if self.errors == 0 {
            rows.push(("failed", 0, String::new()));
        }
        if self.unsent > 0 {
            let words = "due, and never sent: the service is slower than the rate";
            rows.push(("unsent", self.unsent, words.to_owned()));
        }
        rows
    }

    /// What the run says of the promises.
    pub(super) fn findings(&self) -> Vec<String> {
        let Locks { laid, bit, admitted_after_bite, .. } = self.locks;
        let mut findings = Vec::new();
        if laid > 0 {
            findings.push(format!(
                "{bit} of {laid} locks bit. Admitted after the bite: {admitted_after_bite}. \
                 Refused without a lock: {}.",
                self.refused_without_lock
            ));
        }
        findings.push(match self.pages_with_name {
            0 => "No page named its account, so nobody can say whose it was: a page that shows \
                  the login would tell."
                .to_owned(),
            named => format!(
                "{} pages named their account; {} were another's.",
                count(named),
                self.errors_of(Kind::Stranger)
            ),
        });
        findings.push(format!("{} scratch accounts were removed.", self.removed));
        findings
    }
}

impl Spread {
    fn of(histogram: &Histogram<u64>) -> Self {
        if histogram.is_empty() {
            return Self::default();
        }
        Self {
            count: histogram.len(),
            min_us: histogram.min(),
            mean_us: histogram.mean(),
            p50_us: histogram.value_at_quantile(0.5),
            p90_us: histogram.value_at_quantile(0.9),
            p99_us: histogram.value_at_quantile(0.99),
            p99_9_us: histogram.value_at_quantile(0.999),
            max_us: histogram.max(),
        }
    }

    /// The percentiles, each with its name.
    pub(super) fn percentiles(&self) -> [(&'static str, u64); 5] {
        let Self { p50_us, p90_us, p99_us, p99_9_us, max_us, .. } = *self;
        [("P50", p50_us), ("P90", p90_us), ("P99", p99_us), ("P99.9", p99_9_us), ("MAX", max_us)]
    }

    fn row(&self, name: &str) -> [comfy_table::Cell; 6] {
        let [p50, p90, p99, p99_9, max] = self.percentiles().map(|(_, us)| cell(time(us)));
        [cell(name), p50, p90, p99, p99_9, max]
    }
}

impl Locks {
    fn of(bites: &[Bite], planned: u32, admitted_by_load: u64) -> Self {
        let mut histogram = empty();
        for after in bites.iter().filter_map(|bite| bite.after) {
            histogram.saturating_record(after);
        }
        let sum = |of: fn(&Bite) -> u64| bites.iter().map(of).sum::<u64>();
        let each = |bite: &Bite| Lock { at: bite.at as f64 / 1e6, bite_us: bite.after };
        Self {
            planned,
            laid: bites.len(),
            bit: bites.iter().filter(|bite| bite.after.is_some()).count(),
            admitted_after_bite: admitted_by_load + sum(|bite| bite.admitted_after_bite),
            watched_with: sum(|bite| bite.asked),
            watch_errors: sum(|bite| bite.errors),
            bite: Spread::of(&histogram),
            each: bites.iter().map(each).collect(),
        }
    }
}

fn curve(histogram: &Histogram<u64>) -> Vec<Quantile> {
    let at = |share: f64| Quantile { share, us: histogram.value_at_quantile(share) };
    if histogram.is_empty() { Vec::new() } else { CURVE.into_iter().map(at).collect() }
}

fn course(tally: &Tally) -> Vec<Piece> {
    let seconds = tally.slot_micros() as f64 / 1e6;
    let piece = |(number, slot): (usize, &crate::cli::bench::tally::Slot)| Piece {
        at: number as f64 * seconds,
        seconds,
        passed: slot.passed,
        refused: slot.refused,
        errors: slot.errors,
    };
    tally.course.iter().enumerate().map(piece).collect()
}

fn requests(number: u64) -> String {
    format!("{} request{}", count(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
pub(super) mod tests;
