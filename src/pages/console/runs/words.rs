//! What runs do, in words.

use crate::admin::{AdminWish, BulkChange, BulkRun, Chosen, DisableWish, LockWish};
use crate::domain::time::Timestamp;
use crate::pages::console::people::Badge;
use crate::pages::console::runs::foretold::people;
use crate::pages::when::Moment;
use crate::store::{ItemOutcome, RunOrigin, RunState};

/// One thing that will happen, perhaps until an instant.
pub(super) struct Effect {
    pub(super) words: &'static str,
    pub(super) until: Option<Moment>,
    pub(super) reason: Option<String>,
}

impl Effect {
    const fn new(words: &'static str) -> Self {
        Self { words, until: None, reason: None }
    }
}

/// "Lock and sign out": what is done, in the words of one who asks for it.
fn verbs(change: &BulkChange) -> Vec<&'static str> {
    let locked = match change.locked {
        LockWish::Leave => None,
        LockWish::No => Some("unlock"),
        LockWish::Yes { .. } => Some("lock"),
    };
    let disabled = match change.disabled {
        DisableWish::Leave => None,
        DisableWish::No => Some("enable"),
        DisableWish::Yes { .. } => Some("disable"),
    };
    let admin = match change.admin {
        AdminWish::Leave => None,
        AdminWish::No => Some("take administrators' rights from"),
        AdminWish::Yes => Some("make administrators of"),
    };
    let sign_out = change.sign_out.then_some("sign out");
    [locked, disabled, admin, sign_out]
        .into_iter()
        .flatten()
        .collect()
}

/// "Lock and sign out 23 people".
pub(super) fn title(change: &BulkChange, number: u64) -> String {
    let verbs = verbs(change);
    let verbs = match verbs.split_last() {
        None => "change nothing of".to_owned(),
        Some((only, [])) => (*only).to_owned(),
        Some((last, before)) => format!("{} and {last}", before.join(", ")),
    };
    crate::pages::console::answer::sentence(&format!("{verbs} {}", people(number)))
        .trim_end_matches('.')
        .to_owned()
}

/// What a run is called.
pub(super) fn name(run: &BulkRun) -> String {
    match run.undoes {
        Some(undone) => format!("Undo bulk update {undone}"),
        None => title(&run.change, run.total),
    }
}

/// What becomes of everybody, one sentence each.
pub(super) fn effects(change: &BulkChange, now: Timestamp) -> Vec<Effect> {
    let mut effects = Vec::new();
    match &change.locked {
        LockWish::Leave => {}
        LockWish::No => effects.push(Effect::new(
            "All their locks are lifted, also what failed sign-ins led to. Sessions that a lock \
             ended stay ended.",
        )),
        LockWish::Yes { until, reason } => effects.push(Effect {
            words: match until {
                None => {
                    "They are signed out everywhere and can't sign in until somebody unlocks them."
                }
                Some(_) => "They are signed out everywhere and can't sign in until",
            },
            until: until.and_then(|until| Moment::to_come(until, now)),
            reason: reason.as_ref().map(|reason| reason.as_str().to_owned()),
        }),
    }
    match &change.disabled {
        DisableWish::Leave => {}
        DisableWish::No => effects.push(Effect::new("Whoever was disabled can sign in again.")),
        DisableWish::Yes { reason } => effects.push(Effect {
            reason: Some(reason.as_str().to_owned()),
            ..Effect::new(
                "Their accounts are switched off: they are signed out and can't sign in until \
                 somebody enables them.",
            )
        }),
    }
    match change.admin {
        AdminWish::Leave => {}
        AdminWish::No => {
            effects.push(Effect::new("They are administrators no more, and keep their accounts."));
        }
        AdminWish::Yes => effects.push(Effect::new("They become administrators, who may do all.")),
    }
    if change.sign_out {
        let barred = matches!(change.locked, LockWish::Yes { .. })
            || matches!(change.disabled, DisableWish::Yes { .. });
        effects.push(Effect::new(match barred {
            true => "Their sessions end, also of those who are locked or disabled already.",
            false => "Their sessions end now. Whoever may sign in can do so again at once.",
        }));
    }
    effects
}

/// Whether it ends sessions, which no undo brings back.
pub(super) const fn ends_sessions(change: &BulkChange) -> bool {
    change.sign_out
        || matches!(change.locked, LockWish::Yes { .. })
        || matches!(change.disabled, DisableWish::Yes { .. })
}

pub(super) fn state(state: RunState) -> Badge {
    let (class, word) = match state {
        RunState::Cancelled => ("off", "Stopped"),
        RunState::Finished => ("done", "Done"),
        RunState::Preparing => ("hint", "Being prepared"),
        RunState::Running => ("hint", "Running"),
    };
    Badge { class, word }
}

pub(super) fn outcome(outcome: ItemOutcome) -> Badge {
    let (class, word) = match outcome {
        ItemOutcome::Changed => ("done", "Changed"),
        ItemOutcome::NotFound => ("off", "Not there"),
        ItemOutcome::Pending => ("hint", "To come"),
        ItemOutcome::Refused => ("locked", "Refused"),
        ItemOutcome::Unchanged => ("off", "So already"),
    };
    Badge { class, word }
}

/// Whom it is about.
pub(super) fn chosen(run: &BulkRun) -> String {
    match &run.chosen {
        Chosen::Listed => format!("{}, who were chosen one by one", people(run.total)),
        Chosen::Search(filters) if filters.is_empty() => "Everybody".to_owned(),
        Chosen::Search(_) => "Everybody whom a search found when their turn came".to_owned(),
        Chosen::Undo(undone) => format!("Whom bulk update {undone} changed"),
    }
}

pub(super) fn origin(run: &BulkRun) -> Option<&'static str> {
    match run.origin {
        RunOrigin::Inactivity => Some("By the rule about people who stay away"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_as_people_would() {
        let mut change = BulkChange { locked: LockWish::No, ..BulkChange::default() };
        assert_eq!(title(&change, 1), "Unlock 1 person");
        change.sign_out = true;
        change.admin = AdminWish::Yes;
        assert_eq!(title(&change, 2), "Unlock, make administrators of and sign out 2 people");
        assert_eq!(effects(&change, Timestamp::from_secs(0)).len(), 3);
        assert_eq!(title(&BulkChange::default(), 2), "Change nothing of 2 people");
    }
}
