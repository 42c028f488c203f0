//! How sign-in attempts went lately, and where failures came from.

use super::overview::spaced;
use crate::admin::SOURCES_AMONG;
use crate::domain::operation::Operation;
use crate::pages::console::answer::Trouble;
use crate::pages::console::chart::Chart;
use crate::pages::console::desk::Desk;
use crate::pages::console::staff::Staff;
use crate::pages::when::Moment;
use crate::store::{HourCount, SourceCount};

/// How many days the chart shows.
const DAYS: u32 = 14;

/// How many sources are named.
const NAMED: u32 = 8;

/// What the overview says of attempts.
pub(super) struct Failures {
    /// Failures and sign-ins, day by day.
    pub(super) chart: Chart,
    pub(super) sources: Vec<Source>,
    /// Among how many of the newest attempts sources were looked for.
    pub(super) among: String,
}

/// Where failures came from.
pub(super) struct Source {
    pub(super) network: String,
    pub(super) failures: String,
    pub(super) logins: String,
    pub(super) last: Moment,
}

impl Failures {
    /// For whoever may read the audit log.
    pub(super) async fn of(desk: &Desk, staff: &Staff) -> Result<Option<Self>, Trouble> {
        if !staff.rights.allow(Operation::ReadAudit) {
            return Ok(None);
        }
        let now = desk.now();
        let since = Chart::since(DAYS, now);
        let hours = desk.admin.attempts_by_hour(&staff.actor, since).await?;
        let of = |failed: bool| {
            let hours = hours.iter();
            hours
                .filter(move |one| is_failure(one) == failed)
                .map(|one| (one.hour, one.count))
        };
        let chart = Chart::of(DAYS, now, of(true), of(false));
        let sources = desk.admin.sources_of_failures(&staff.actor, NAMED).await?;
        let sources = sources.iter().map(|one| Source::of(one, now)).collect();
        Ok(Some(Self { chart, sources, among: spaced(SOURCES_AMONG) }))
    }
}

impl Source {
    fn of(found: &SourceCount, now: crate::domain::time::Timestamp) -> Self {
        let network = found.network;
        let alone = network.prefix_len() == network.max_prefix_len();
        Self {
            network: if alone { network.addr().to_string() } else { network.to_string() },
            failures: spaced(found.failures),
            logins: spaced(found.logins),
            last: Moment::past(found.last, now),
        }
    }
}

const fn is_failure(hour: &HourCount) -> bool {
    hour.end.is_failure()
}
