//! The first page: how many are what, who is locked out now, and whether all is well.

use std::time::Duration;

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
use crate::engine::Pace;
use crate::pages::answer;
use crate::pages::console::answer::Trouble;
use crate::pages::console::chart::Chart;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::failures::Failures;
use crate::pages::console::nav::{Nav, Section};
use crate::pages::console::people::{self, Person, Reason};
use crate::pages::console::staff::Staff;
use crate::pages::when::Moment;
use crate::store::{AccountFilter, AccountOrder, AccountSearch, Direction, Headcount};

/// How many people who can't come in are named here.
const NAMED: u32 = 8;

/// How many days the chart shows.
const DAYS: u32 = 14;

/// The feed is read many times a second: what is older than this is told in seconds.
const JUST_NOW: Duration = Duration::from_secs(1);

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage {
    shell: Shell,
    tiles: Vec<Tile>,
    licences: Option<Licences>,
    locked_out: Vec<(Person, Vec<Reason>)>,
    health: Vec<String>,
    /// How closely this gateway follows the directory, in sentences.
    pace: Vec<String>,
    /// Lockouts and locks of the last days, for whoever may read the audit log.
    chart: Option<Chart>,
    /// How attempts went, and where failures came from; for the same.
    failures: Option<Failures>,
}

/// A number that leads to those whom it counts.
struct Tile {
    count: String,
    name: &'static str,
    status: &'static str,
    /// What it is made up of.
    parts: Vec<String>,
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
    let tile =
        |count: u64, name, status| Tile { count: spaced(count), name, status, parts: Vec::new() };
    let tiles = vec![
        tile(counts.active, "active", "active"),
        Tile { parts: ways(counts), ..tile(counts.locked, "locked", "locked") },
        tile(counts.disabled, "disabled", "disabled"),
        tile(counts.invited, "invited", "invited"),
    ];
    let locked_out = locked_out(desk, staff).await?;
    let chart = match staff.rights.allow(Operation::ReadAudit) {
        true => Some(lately(desk, staff).await?),
        false => None,
    };
    let failures = Failures::of(desk, staff).await?;
    let limited = licences.limit.is_some();
    Ok(OverviewPage {
        shell: desk.shell(staff, Section::Overview),
        tiles,
        licences: Some(licences).filter(|_| limited),
        locked_out,
        health: trouble(desk),
        pace: pace(desk).await,
        chart,
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

/// When accounts were locked out and locked, in the last days.
async fn lately(desk: &Desk, staff: &Staff) -> Result<Chart, Trouble> {
    let now = desk.now();
    let actions = vec![Action::AccountLockedOut, Action::AccountLocked];
    let since = Chart::since(DAYS, now);
    let days = desk
        .admin
        .audit_by_day(&staff.actor, actions, since)
        .await?;
    let of = |action: Action| {
        let days = days.iter().filter(move |one| one.action == action);
        days.map(|one| (one.day, one.count))
    };
    Ok(Chart::of(DAYS, now, of(Action::AccountLockedOut), of(Action::AccountLocked)))
}

/// How those who are locked are kept out, where it is not in one way alone.
fn ways(counts: &Headcount) -> Vec<String> {
    let (hand, failures) = (counts.locked_by_hand, counts.locked_by_failures);
    if hand == 0 || failures == 0 {
        return Vec::new();
    }
    vec![format!("{} by hand", spaced(hand)), format!("{} for failed sign-ins", spaced(failures))]
}

/// How far behind the directory this gateway is, and how fast locks take hold here.
async fn pace(desk: &Desk) -> Vec<String> {
    let Some(pace) = desk.gate.pace().await else { return Vec::new() };
    let lock = match pace.last_lock {
        Some(lock) => format!(
            "The last lock took hold here {} after it was laid, {}.",
            length(lock.took),
            Moment::past(lock.at, desk.now()).relative
        ),
        None => "No lock was laid since this gateway started.".to_owned(),
    };
    vec![follows(&pace), lock]
}

fn follows(pace: &Pace) -> String {
    let read = match pace.feed_age > JUST_NOW {
        true => format!(" It last read all of them {} ago.", length(pace.feed_age)),
        false => String::new(),
    };
    match pace.changes_behind {
        0 => format!("It knows every change of the directory: it is 0 changes behind.{read}"),
        1 => format!("It is 1 change of the directory behind.{read}"),
        many => format!("It is {} changes of the directory behind.{read}", spaced(many)),
    }
}

/// A short time with its unit.
fn length(time: Duration) -> String {
    match time.as_millis() {
        0 => "less than 1 ms".to_owned(),
        millis @ 1..10_000 => format!("{millis} ms"),
        _ => format!("{} s", spaced(time.as_secs())),
    }
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
    fn a_time_has_its_unit() {
        assert_eq!(length(Duration::from_micros(400)), "less than 1 ms");
        assert_eq!(length(Duration::from_millis(18)), "18 ms");
        assert_eq!(length(Duration::from_millis(2_300)), "2300 ms");
        assert_eq!(length(Duration::from_secs(7_200)), "7\u{202f}200 s");
    }

    #[test]
    fn who_is_locked_in_two_ways_is_told_apart() {
        let of = |locked_by_hand, locked_by_failures| {
            ways(&Headcount { locked_by_hand, locked_by_failures, ..Headcount::default() })
        };
        assert!(of(3, 0).is_empty() && of(0, 3).is_empty(), "the number says it");
        assert_eq!(of(1_000, 1), ["1\u{202f}000 by hand", "1 for failed sign-ins"]);
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(spaced(0), "0");
        assert_eq!(spaced(999), "999");
        assert_eq!(spaced(1_000), "1\u{202f}000");
        assert_eq!(spaced(12_345_678), "12\u{202f}345\u{202f}678");
    }
}
