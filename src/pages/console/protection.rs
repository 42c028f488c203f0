//! Attack protection: the lockout policy, what it means and promises, and the switch for
//! account disabling.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use http::request::Parts;

use super::Here;
use crate::admin::AdminError;
use crate::admin::settings::{ACCOUNT_DISABLING, LOCKOUT, SettingSource, SettingValue};
use crate::domain::length::spell_length;
use crate::domain::operation::Operation;
use crate::domain::policy::{CounterMeaning, LockoutPolicy, Most, Preset, WorstCase};
use crate::pages::answer::{self, see_other};
use crate::pages::console::answer::{Trouble, sentence};
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::nav::Section;
use crate::pages::console::notice::{Done, Notice};
use crate::pages::console::overview::spaced;
use crate::pages::console::secrets::{sure, was_sure};
use crate::pages::console::staff::{Sent, Staff};
use crate::pages::form;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/protection", get(page))
        .route("/protection/policy", get(candidate).post(put_in_force))
        .route("/protection/disabling", post(switch))
}

#[derive(Template)]
#[template(path = "console/protection.html")]
struct ProtectionPage {
    shell: Shell,
    policy: Meaning,
    /// The file that says the policy, where one does.
    pinned: Option<String>,
    may_change: bool,
    form: Form,
    disabling: bool,
    disabling_pinned: Option<String>,
}

#[derive(Template)]
#[template(path = "console/protection_policy.html")]
struct CandidatePage {
    shell: Shell,
    now: Meaning,
    then: Meaning,
}

/// A policy in words.
struct Meaning {
    text: String,
    summary: String,
    counters: Vec<Counter>,
    notes: Vec<(&'static str, String)>,
    worst: Vec<Worst>,
}

struct Counter {
    title: &'static str,
    sentences: Vec<String>,
    lockouts: Vec<(String, String, String)>,
}

/// The most guesses that are checked, whoever makes them.
struct Worst {
    by: &'static str,
    hour: String,
    day: String,
    year: String,
}

/// The policy as it is chosen: a preset, and what differs from it.
#[derive(Clone, Debug, Default)]
struct Form {
    presets: Vec<(&'static str, bool)>,
    differences: String,
    error: String,
}

impl Form {
    fn of(policy: &LockoutPolicy, error: String) -> Self {
        let text = policy.to_string();
        let (preset, differences) = text.split_once(' ').unwrap_or((&text, ""));
        Self::chosen(preset, differences, error)
    }

    fn chosen(preset: &str, differences: &str, error: String) -> Self {
        let presets = Preset::ALL
            .into_iter()
            .map(|one| (one.name(), one.name() == preset));
        Self { presets: presets.collect(), differences: differences.to_owned(), error }
    }
}

impl Meaning {
    fn of(policy: &LockoutPolicy) -> Self {
        let meaning = policy.meaning();
        Self {
            text: policy.to_string(),
            summary: meaning.summary,
            counters: meaning.counters.into_iter().map(Counter::of).collect(),
            notes: meaning.notes,
            worst: worst(policy),
        }
    }
}

impl Counter {
    fn of(counter: CounterMeaning) -> Self {
        let lockouts = counter.lockouts.iter().map(|row| {
            let later = if row.repeats && counter.lockouts.len() > 1 { " and later" } else { "" };
            let lasts = row
                .lasts
                .map_or_else(|| "until unlocked".to_owned(), spell_length);
            (format!("{}{later}", row.n), lasts, spaced(row.guesses))
        });
        let lockouts = lockouts.collect();
        Self { title: counter.title, sentences: counter.sentences, lockouts }
    }
}

fn worst(policy: &LockoutPolicy) -> Vec<Worst> {
    let proof = policy.proof();
    let all = [
        ("An account, by strangers", proof.account),
        ("An account from one address", proof.account_at_address),
        ("An address, at all accounts", proof.address),
        ("An IPv6 /48, at all accounts", proof.site),
        ("An account on a known device", proof.device),
    ];
    let row = |(by, case): (_, Option<WorstCase>)| {
        let most = |of: fn(WorstCase) -> Most| {
            case.map_or_else(|| "not counted".to_owned(), |case| at_most(of(case)))
        };
        Worst {
            by,
            hour: most(|case| case.hour),
            day: most(|case| case.day),
            year: most(|case| case.year),
        }
    };
    all.into_iter().map(row).collect()
}

fn at_most(most: Most) -> String {
    let words = if most.is_exact { "" } else { "at most " };
    format!("{words}{}", spaced(most.guesses))
}

fn pinned(value: &SettingValue) -> Option<String> {
    match &value.source {
        SettingSource::Pinned(by) => Some(by.clone()),
        _ => None,
    }
}

async fn page(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    match show(&desk, &staff, &head).await {
        Ok(page) => answer::page(StatusCode::OK, &page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn in_force(desk: &Desk, staff: &Staff) -> Result<(SettingValue, LockoutPolicy), Trouble> {
    let value = desk.admin.setting(&staff.actor, &LOCKOUT).await?;
    // What is stored was read before it was stored.
    let policy = value.value.parse().map_err(|_| Trouble::Unavailable)?;
    Ok((value, policy))
}

async fn show(desk: &Desk, staff: &Staff, head: &Parts) -> Result<ProtectionPage, Trouble> {
    staff.require(Operation::ChangeSettings)?;
    let (value, policy) = in_force(desk, staff).await?;
    let disabling = desk.admin.setting(&staff.actor, &ACCOUNT_DISABLING).await?;
    let notice = Done::of(head).and_then(|done| {
        let words = match &*done.act {
            "policy" => "The policy is in force, on every gateway.",
            "disabling-on" => "Accounts can be disabled now.",
            "disabling-off" => "Account disabling is off. Accounts that are disabled stay so.",
            "unchanged" => "It was so already: nothing was changed.",
            _ => return None,
        };
        Some(Notice::done(words))
    });
    Ok(ProtectionPage {
        shell: desk.shell(staff, Section::Protection).with(notice),
        pinned: pinned(&value),
        form: Form::of(&policy, String::new()),
        policy: Meaning::of(&policy),
        may_change: staff.rights.allow(Operation::ChangeSettings),
        disabling: disabling.value == "on",
        disabling_pinned: pinned(&disabling),
    })
}

/// What a policy would mean, before it is put in force.
async fn candidate(State(desk): Here, staff: Staff, request: Request) -> Response {
    let (head, _) = request.into_parts();
    let shown = async {
        staff.require(Operation::ChangeSettings)?;
        let text = |name| form::parameter(&head, name).unwrap_or_default();
        let (preset, differences) = (text("preset"), text("differences"));
        let words = format!("{preset} {}", differences.trim());
        match words.trim().parse::<LockoutPolicy>() {
            Err(error) => {
                let page = show(&desk, &staff, &head).await?;
                let error = sentence(&error.to_string());
                let form = Form::chosen(&preset, &differences, error);
                Ok(Err(Box::new(ProtectionPage { form, ..page })))
            }
            Ok(policy) => {
                let onward = format!(
                    "protection/policy?preset={}&differences={}",
                    form::encoded(&preset),
                    form::encoded(&differences)
                );
                sure(&desk, staff.is_sure(desk.now()), &onward)?;
                let (_, now) = in_force(&desk, &staff).await?;
                let shell = desk.shell(&staff, Section::Protection);
                let (now, then) = (Meaning::of(&now), Meaning::of(&policy));
                Ok::<_, Trouble>(Ok(CandidatePage { shell, now, then }))
            }
        }
    };
    match shown.await {
        Ok(Ok(page)) => answer::page(StatusCode::OK, &page),
        Ok(Err(page)) => answer::page(StatusCode::UNPROCESSABLE_ENTITY, &*page),
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

async fn put_in_force(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let done = async {
        staff.require(Operation::ChangeSettings)?;
        was_sure(&desk, &staff, "protection")?;
        let policy = fields.once("policy")?;
        let changed = desk
            .admin
            .set_setting(&staff.actor, &LOCKOUT, &policy)
            .await;
        back(&desk, changed, "policy")
    };
    match done.await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

/// Switches account disabling.
async fn switch(State(desk): Here, sent: Sent) -> Response {
    let Sent { staff, mut fields, head } = sent;
    let done = async {
        staff.require(Operation::ChangeSettings)?;
        was_sure(&desk, &staff, "protection")?;
        let allow = match &*fields.once("allow")? {
            "yes" => true,
            "no" => false,
            _ => return Err(Trouble::Bad("Say yes or no.".to_owned())),
        };
        let changed = desk.admin.allow_disabling(&staff.actor, allow).await;
        back(&desk, changed, if allow { "disabling-on" } else { "disabling-off" })
    };
    match done.await {
        Ok(response) => response,
        Err(trouble) => trouble.answer(&desk, Some(&staff), &head),
    }
}

fn back(desk: &Desk, changed: Result<bool, AdminError>, deed: &str) -> Result<Response, Trouble> {
    let act = if changed? { deed } else { "unchanged" };
    let query = Done::new(act).to_query();
    Ok(see_other(&format!("{}?{query}", desk.path("protection"))))
}
