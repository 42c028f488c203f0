//! The first page: how many are what, who is locked out now, and whether all is well.

use askama::Template;
use axum::extract::Request;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::Here;
use crate::admin::Licences;
use crate::domain::event::Action;
use crate::domain::operation::Operation;
use crate::domain::permission::Permission;
use crate::pages::answer;
use crate::pages::console::answer::Trouble;
use crate::pages::console::chart::Chart;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::failures::Failures;
use crate::pages::console::nav::{Nav, Section};
use crate::pages::console::people::{self, Person, Reason};
use crate::pages::console::staff::Staff;
use crate::store::{AccountFilter, AccountOrder, AccountSearch, AuditSearch, Direction};

/// How many people who can't come in are named here.
const NAMED: u32 = 8;

/// How many days the chart shows, and how many records of the log are looked through for
/// it: the newest.
const DAYS: u32 = 14;
const MOST_TOLD: u32 = 20_000;

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage {
    shell: Shell,
    tiles: Vec<Tile>,
    licences: Option<Licences>,
    locked_out: Vec<(Person, Vec<Reason>)>,
    health: Vec<String>,
    /// Lockouts and locks of the last days, for whoever may read the audit log.
    chart: Option<Chart>,
    /// Whether there were more than the chart counts.
    chart_is_cut: bool,
    /// How attempts went, and where failures came from; for the same.
    failures: Option<Failures>,
}

/// A number that leads to those whom it counts.
struct Tile {
    count: String,
    name: &'static str,
    status: &'static str,
}

/// The overview; whoever may not see it goes on to what they may.
pub(super) async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    if !staff.rights.allow(Permission::ViewUsers) {
        let first = Nav::of(&staff.rights, Section::None).first();
        return match first {
            Some(path) => answer::see_other(&desk.path(path)),
            None => Trouble::NotFound.answer(&desk, Some(&staff), &head),
        };
    }
    match show(&desk, &staff).await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn show(desk: &Desk, staff: &Staff) -> Result<OverviewPage, Trouble> {
    let licences = desk.admin.licences(&staff.actor).await?;
    let counts = &licences.by_status;
    let tile = |count: u64, name, status| Tile { count: spaced(count), name, status };
    let tiles = vec![
        tile(counts.active, "active", "active"),
        tile(counts.locked, "locked", "locked"),
        tile(counts.disabled, "disabled", "disabled"),
        tile(counts.invited, "invited", "invited"),
    ];
    let locked_out = locked_out(desk, staff).await?;
    let (chart, chart_is_cut) = match staff.rights.allow(Operation::ReadAudit) {
        true => lately(desk, staff)
            .await
            .map(|(chart, cut)| (Some(chart), cut))?,
        false => (None, false),
    };
    let failures = Failures::of(desk, staff).await?;
    let limited = licences.limit.is_some();
    Ok(OverviewPage {
        shell: desk.shell(staff, Section::Overview),
        tiles,
        licences: Some(licences).filter(|_| limited),
        locked_out,
        health: trouble(desk),
        chart,
        chart_is_cut,
        failures,
    })
}

/// Those whom failed sign-ins keep out now.
async fn locked_out(desk: &Desk, staff: &Staff) -> Result<Vec<(Person, Vec<Reason>)>, Trouble> {
    let search = AccountSearch {
        filters: vec![AccountFilter::LockedOut(true)],
        order: vec![(AccountOrder::UpdatedAt, Direction::Descending)],
        limit: NAMED,
        uncounted: true,
        ..AccountSearch::default()
    };
    let found = desk.admin.search(&staff.actor, search).await?;
    let now = desk.now();
    let mut locked_out = Vec::new();
    for one in &found.accounts {
        let mut reasons = people::reasons(one, now);
        people::name_sources(&desk.admin, staff, &mut reasons, one).await?;
        locked_out.push((Person::of(one, now), reasons));
    }
    Ok(locked_out)
}

/// When accounts were locked out and locked, in the last days, and whether that is not all.
async fn lately(desk: &Desk, staff: &Staff) -> Result<(Chart, bool), Trouble> {
    let now = desk.now();
    let since = Chart::since(DAYS, now);
    let edge = |after, oldest_first| AuditSearch {
        after,
        oldest_first,
        limit: 1,
        ..AuditSearch::default()
    };
    // The log is read from its end, by position: however long it is, that costs the same.
    let newest = desk
        .admin
        .audit_entries(&staff.actor, edge(None, false))
        .await?;
    let newest = newest.first().map_or(0, |entry| entry.record.position);
    let after = newest.checked_sub(MOST_TOLD.into());
    let first = match after {
        Some(_) => {
            desk.admin
                .audit_entries(&staff.actor, edge(after, true))
                .await?
        }
        None => Vec::new(),
    };
    let is_cut = first.first().is_some_and(|entry| entry.record.at > since);
    let search = AuditSearch {
        actions: vec![Action::AccountLockedOut, Action::AccountLocked],
        since: Some(since),
        after,
        limit: MOST_TOLD,
        ..AuditSearch::default()
    };
    let found = desk.admin.audit_entries(&staff.actor, search).await?;
    let of = |action: Action| {
        let records = found.iter().map(|entry| &entry.record);
        records
            .filter(move |one| one.action == action)
            .map(|one| (one.at, 1))
    };
    let chart = Chart::of(DAYS, now, of(Action::AccountLockedOut), of(Action::AccountLocked));
    Ok((chart, is_cut))
}

/// What is not well with this gateway, in sentences.
fn trouble(desk: &Desk) -> Vec<String> {
    let health = desk.gate.health();
    let lost = health.directory_lost_for.map(|lost| {
        format!(
            "The directory was not heard of for {} s: locks of other gateways do not take hold \
             here until it is back.",
            lost.as_secs()
        )
    });
    let attempts = health
        .attempts_failing
        .then(|| "The store that counts attempts does not answer: nobody can sign in.".to_owned());
    lost.into_iter().chain(attempts).collect()
}

/// A number with thin spaces between its thousands.
pub(super) fn spaced(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(spaced(0), "0");
        assert_eq!(spaced(999), "999");
        assert_eq!(spaced(1_000), "1\u{202f}000");
        assert_eq!(spaced(12_345_678), "12\u{202f}345\u{202f}678");
    }
}
