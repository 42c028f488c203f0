//! A policy for people, and as JSON whose field names stay.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::Chosen;
use crate::cli::bench::units::count;
use crate::cli::output::{Page, cell};
use crate::domain::counting::{CounterRules, Growth, Window};
use crate::domain::length::spell_length;
use crate::domain::policy::{
    CounterMeaning, Enforcement, LockoutPolicy, LockoutRow, Most, Preset, Proof, WorstCase,
    enforcement_name, live_sessions_name,
};

/// The whole of a policy, for people.
pub(super) fn page(chosen: &Chosen) -> Page {
    let policy = &chosen.policy;
    let meaning = policy.meaning();
    let mut page = Page::new().line(&head(chosen)).line(&meaning.summary);
    if let Some(WorstCase { hour, day, .. }) = policy.proof().account {
        let [hour, day] = [hour, day].map(at_most);
        page = page.line(&format!(
            "Of one account {hour} guesses an hour and {day} a day are checked at the worst."
        ));
    }
    for counter in &meaning.counters {
        page = page.line("").line(counter.title);
        for sentence in &counter.sentences {
            page = page.line(&format!("  {sentence}"));
        }
        page = lockouts(page, counter);
    }
    if !meaning.notes.is_empty() {
        page = page.line("").line("For all of them");
    }
    for (about, words) in &meaning.notes {
        page = page.line(&format!("  {about}: {words}"));
    }
    if policy.is_off() { page } else { proof(page, policy) }
}

fn head(chosen: &Chosen) -> String {
    match &chosen.from {
        Some(from) => format!("{} ({from})", chosen.title),
        None => chosen.title.clone(),
    }
}

fn lockouts(page: Page, counter: &CounterMeaning) -> Page {
    let row = |row: &LockoutRow| {
        let later = if row.repeats && counter.lockouts.len() > 1 { ", and all later" } else { "" };
        [cell(format!("  {}{later}", row.n)), cell(lasts(row.lasts)), cell(row.guesses)]
    };
    let head = ["  LOCKOUT", "LASTS", "AFTER GUESSES"];
    match counter.lockouts.len() {
        // What comes every time is said above.
        0 | 1 => page,
        _ => page.table(head, 3, counter.lockouts.iter().map(row).collect()),
    }
}

fn lasts(length: Option<Duration>) -> String {
    length.map_or_else(|| "until unlocked".to_owned(), spell_length)
}

/// Who is meant by each worst case.
fn cases(proof: &Proof) -> [(&'static str, &'static str, Option<WorstCase>); 5] {
    [
        ("account", "an account, by strangers", proof.account),
        ("account_at_address", "an account from one address", proof.account_at_address),
        ("address", "an address, at all accounts", proof.address),
        ("site", "an IPv6 /48, at all accounts", proof.site),
        ("device", "an account on a known device", proof.device),
    ]
}

fn proof(page: Page, policy: &LockoutPolicy) -> Page {
    let row = |(_, words, case): (_, &'static str, Option<WorstCase>)| {
        let cell_of = |most: fn(WorstCase) -> Most| match case {
            Some(case) => cell(at_most(most(case))),
            None => cell("not counted"),
        };
        [
            cell(words),
            cell_of(|case| case.hour),
            cell_of(|case| case.day),
            cell_of(|case| case.year),
        ]
    };
    let rows = cases(&policy.proof()).into_iter().map(row).collect();
    let page = page
        .line("")
        .line("The most wrong guesses that can reach the password check, whoever makes them, however timed:");
    page.table(["BY", "AN HOUR", "A DAY", "A YEAR"], 4, rows)
}

/// A worst case as people read it.
pub(super) fn at_most(most: Most) -> String {
    let words = if most.is_exact { "" } else { "at most " };
    format!("{words}{}", count(most.guesses))
}

/// The same for programs.
pub(super) fn view(chosen: &Chosen) -> Value {
    let policy = &chosen.policy;
    let mut view = policy_view(policy);
    view["from"] = chosen.from.clone().into();
    view
}

/// A policy for programs: the field names won't change.
pub(in crate::cli) fn policy_view(policy: &LockoutPolicy) -> Value {
    let meaning = policy.meaning();
    let notes = meaning
        .notes
        .iter()
        .map(|(about, words)| json!({ "about": about, "words": words }));
    let exempt: Vec<_> = policy.exempt().iter().map(ToString::to_string).collect();
    json!({
        "policy": policy.to_string(),
        "preset": preset_of(policy).map(Preset::name),
        "summary": meaning.summary,
        "mode": enforcement_name(policy.enforcement()),
        "counters": meaning.counters.iter().map(counter_view(policy)).collect::<Map<_, _>>(),
        "notes": notes.collect::<Vec<_>>(),
        "exempt": exempt,
        "known_devices": policy.by_device().is_some(),
        "remember_wrong": policy.remembered(),
        "live_sessions": live_sessions_name(policy.live_sessions()),
        "proof": proof_view(&policy.proof()),
    })
}

fn preset_of(policy: &LockoutPolicy) -> Option<Preset> {
    Preset::ALL
        .into_iter()
        .find(|preset| preset.policy() == *policy)
}

fn counter_view(policy: &LockoutPolicy) -> impl Fn(&CounterMeaning) -> (String, Value) {
    let rules = [
        ("account", policy.by_account().cloned()),
        ("account_at_address", policy.by_account_at_address().cloned()),
        ("address", policy.by_address().cloned()),
        ("device", policy.by_device().cloned()),
    ];
    move |counter| {
        let rules = rules.iter().find(|(name, _)| *name == counter.name);
        let rules = rules.and_then(|(_, rules)| rules.as_deref());
        let row = |row: &LockoutRow| {
            json!({
                "n": row.n,
                "lasts_seconds": row.lasts.map(|lasts| lasts.as_secs()),
                "after_guesses": row.guesses,
                "repeats": row.repeats,
            })
        };
        let mut view = rules.map_or(Value::Null, rules_view);
        view["sentences"] = counter.sentences.clone().into();
        view["lockouts"] = counter.lockouts.iter().map(row).collect();
        (counter.name.to_owned(), view)
    }
}

fn rules_view(rules: &CounterRules) -> Value {
    let kind = match rules.window() {
        Window::Endless => "none",
        Window::Sliding(_) => "sliding",
        Window::SinceLast(_) => "since-last",
    };
    let growth = match rules.growth() {
        None => "none",
        Some(Growth::None) => "same",
        Some(Growth::Factor { .. }) => "factor",
        Some(Growth::Steps(_)) => "steps",
    };
    json!({
        "max_attempts": rules.limit(),
        "window_kind": kind,
        "window_seconds": rules.window().length().map(|window| window.as_secs()),
        "growth": growth,
        "permanent_after": rules.permanent_after(),
        "ceiling": rules.ceiling(),
    })
}

fn proof_view(proof: &Proof) -> Value {
    let most = |most: Most| json!({ "guesses": most.guesses, "exact": most.is_exact });
    let case = |case: WorstCase| json!({ "hour": most(case.hour), "day": most(case.day), "year": most(case.year) });
    let cases = cases(proof);
    cases
        .into_iter()
        .map(|(name, _, worst)| (name.to_owned(), worst.map_or(Value::Null, case)))
        .collect::<Map<_, _>>()
        .into()
}

/// Every preset, for people.
pub(super) fn presets_page() -> Page {
    let rows = Preset::ALL.into_iter().map(|preset| {
        let policy = preset.policy();
        let account = policy.by_account();
        let text = |say: fn(&CounterRules) -> String| account.map_or_else(dash, |rules| say(rules));
        let worst = policy.proof().account;
        let most =
            |of: fn(WorstCase) -> Most| worst.map_or_else(unbounded, |case| at_most(of(case)));
        [
            cell(preset.name()),
            cell(text(counts)),
            cell(match policy.enforcement() {
                Enforcement::Lock => text(locks),
                Enforcement::Monitor => "nobody".to_owned(),
            }),
            cell(most(|case| case.hour)),
            cell(most(|case| case.day)),
            cell(most(|case| case.year)),
        ]
    });
    let head = ["PRESET", "COUNTS", "LOCKS FOR", "AN HOUR", "A DAY", "A YEAR"];
    Page::new()
        .table(head, 6, rows.collect())
        .line("The last three are the most wrong guesses at one account that can reach the password check.")
}

fn dash() -> String {
    "-".to_owned()
}

fn unbounded() -> String {
    "no bound".to_owned()
}

/// What counts, in a few words: `5 in 15m`.
fn counts(rules: &CounterRules) -> String {
    let limit = rules.limit();
    let window = match rules.window() {
        Window::Endless => String::new(),
        Window::Sliding(window) => format!(" in {}", spell_length(window)),
        Window::SinceLast(window) => format!(", {} apart", spell_length(window)),
    };
    let ceiling = rules.ceiling().map(|most| format!(", {most} in a row"));
    format!("{limit}{window}{}", ceiling.unwrap_or_default())
}

/// How long lockouts last, in a few words: `5m, x2 to 1h`.
fn locks(rules: &CounterRules) -> String {
    let first = lasts(rules.length_after(0));
    match rules.growth() {
        Some(Growth::Factor { factor, cap }) => {
            let cap = cap.map_or_else(String::new, |cap| format!(" to {}", spell_length(cap)));
            format!("{first}, x{factor}{cap}")
        }
        Some(Growth::Steps(steps)) => {
            let steps: Vec<_> = steps.iter().map(|step| spell_length(*step)).collect();
            steps.join(", ")
        }
        Some(Growth::None) | None => first,
    }
}

/// Every preset, for programs.
pub(super) fn presets_view() -> Vec<Value> {
    let view = |preset: Preset| {
        let mut view = policy_view(&preset.policy());
        view["name"] = preset.name().into();
        view
    };
    Preset::ALL.into_iter().map(view).collect()
}
