//! What last week's attempts would have come to under another policy.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;

use super::Here;
use super::overview::spaced;
use crate::admin::settings::LOCKOUT;
use crate::admin::{PolicyTrial, TRIED_ON, TriedPolicy};
use crate::domain::operation::Operation;
use crate::domain::policy::{Enforcement, LockoutPolicy};
use crate::domain::time::Timestamp;
use crate::pages::answer;
use crate::pages::console::answer::{Trouble, sentence};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::staff::Staff;
use crate::pages::form;
use crate::pages::when::Moment;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new().route("/protection/trial", get(page))
}

#[derive(Template)]
#[template(path = "console/trial.html")]
struct TrialPage {
    shell: Shell,
    /// The policies in words: in force, and tried.
    policies: [String; 2],
    /// The second, as part of an address.
    address: String,
    /// Whether the second is the first.
    is_same: bool,
    attempts: String,
    span: Option<(Moment, Moment)>,
    cut_at: Option<String>,
    unknown: String,
    monitors: bool,
    rows: Vec<Row>,
}

/// A figure under each of the policies.
struct Row {
    name: &'static str,
    values: [String; 2],
    /// Whether the second is worse for those who mean well.
    is_worse: bool,
}

async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        staff.require(Operation::ChangeSettings)?;
        let in_force = desk.admin.setting(&staff.actor, &LOCKOUT).await?;
        let words = form::parameter(&head, "policy").unwrap_or_default();
        let words = if words.trim().is_empty() { in_force.value.clone() } else { words };
        let tried: LockoutPolicy = words
            .parse()
            .map_err(|error| Trouble::Bad(sentence(&format!("{error}"))))?;
        let now = in_force.value.parse().map_err(|_| Trouble::Unavailable)?;
        show(&desk, &staff, (&now, &tried)).await
    };
    match shown.await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn show(
    desk: &Desk,
    staff: &Staff,
    (in_force, tried): (&LockoutPolicy, &LockoutPolicy),
) -> Result<TrialPage, Trouble> {
    let trial = desk
        .admin
        .try_policies(&staff.actor, &[in_force, tried])
        .await?;
    let now = desk.now();
    let past = |at: Timestamp| Moment::past(at, now);
    Ok(TrialPage {
        shell: desk.shell(staff, Section::Protection),
        address: form::encoded(&tried.to_string()),
        policies: [in_force, tried].map(|policy| policy.differences().to_string()),
        is_same: in_force == tried,
        attempts: spaced(trial.attempts),
        span: trial.first.map(past).zip(trial.last.map(past)),
        cut_at: trial.is_cut.then(|| spaced(TRIED_ON)),
        unknown: if trial.unknown > 0 { spaced(trial.unknown) } else { String::new() },
        monitors: tried.enforcement() == Enforcement::Monitor,
        rows: rows(&trial),
    })
}

type Figure = fn(&TriedPolicy) -> u64;

/// What is told, and whether more of it is worse for people who mean well.
const FIGURES: [(&str, Figure, bool); 9] = [
    ("Wrong passwords that would have been looked at", |made| made.guesses, false),
    ("Wrong passwords refused unseen", |made| made.guesses_refused, false),
    ("Accounts and unknown logins locked out", |made| made.locked_out, false),
    ("Lockouts of these", |made| made.lockouts, false),
    ("Lockouts of known devices, and at one address", |made| made.partial_lockouts, false),
    ("Lockouts of addresses", |made| made.address_lockouts, false),
    ("Good sign-ins let in", |made| made.good, false),
    ("Good sign-ins refused", |made| made.good_refused, true),
    ("People these were of", |made| made.people_refused, true),
];

fn rows(trial: &PolicyTrial) -> Vec<Row> {
    let made = |at: usize| trial.made.get(at).copied().unwrap_or_default();
    let (now, then) = (made(0), made(1));
    let rows = FIGURES.into_iter().map(|(name, of, bad)| Row {
        name,
        values: [spaced(of(&now)), spaced(of(&then))],
        is_worse: bad && of(&then) > of(&now),
    });
    rows.collect()
}
