//! Judges one account of a run: the rules of a single change, and two more.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::admin::bulk::plan::Kept;
use crate::admin::bulk::{AdminWish, BulkChange, DisableWish, LockWish};
use crate::admin::person::PersonChange;
use crate::admin::{Actor, AdminError, Ruling, Switch, Warning, update};
use crate::domain::event::Action;
use crate::domain::lock::End;
use crate::domain::standing::Transition;
use crate::store::{Decision, Edit, Facts, ItemOutcome, RunId};

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident => $word:literal, $words:literal,)+) => {
        /// Why an account was refused in a run.
        #[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum Refusal {
            $($(#[$doc])* $name,)+
        }

        impl Refusal {
            /// The word that is stored and that programs read.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)+
                }
            }

            /// Reads the word.
            pub fn from_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$name),)+
                    _ => None,
                }
            }
        }

        impl fmt::Display for Refusal {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $words,)+
                })
            }
        }
    };
}

refusals! {
    /// Administrators are changed by administrators alone.
    AdministratorsOnly => "administrators_only", "only an administrator can change an administrator",
    /// Somebody changed the account since the run that is taken back.
    ChangedSince => "changed_since", "somebody changed the account since",
    /// The lock would be over before it began.
    EndIsPast => "end_is_past", "the end of the lock is past",
    /// Whoever asks may not change people.
    Forbidden => "forbidden", "who began the run may not change people",
    /// Nobody could administer afterwards.
    LastAdministrator => "last_administrator", "nobody else could administer afterwards",
    /// Every licence is in use.
    NoLicence => "no_licence", "every licence is in use",
    /// They were invited or have registered, and have not come yet.
    NotYetActive => "not_yet_active", "the person has not come yet: set a password first",
    /// Whoever asks is whom it is about.
    Yourself => "yourself", "people can't do this to themselves",
}

impl Refusal {
    pub(super) fn of(error: &AdminError) -> Self {
        match error {
            AdminError::AdministratorsOnly => Self::AdministratorsOnly,
            AdminError::EndIsPast { .. } => Self::EndIsPast,
            AdminError::InvalidTransition(_) => Self::NotYetActive,
            AdminError::LastAdministrator { .. } => Self::LastAdministrator,
            AdminError::Outdated { .. } => Self::ChangedSince,
            AdminError::Yourself { .. } => Self::Yourself,
            _ => Self::Forbidden,
        }
    }

    pub(super) fn decision(self) -> Decision {
        Decision::Leave(ItemOutcome::Refused, Some(self.as_str().to_owned()))
    }
}

impl BulkChange {
    /// The same of one person.
    pub(super) fn of_one(&self) -> PersonChange {
        let mut change = PersonChange::default();
        match &self.locked {
            LockWish::Leave => {}
            LockWish::No => change.locked(false),
            LockWish::Yes { until, reason } => {
                change.lock(until.map_or(End::Never, End::At), reason.clone());
            }
        }
        match &self.disabled {
            DisableWish::Leave => {}
            DisableWish::No => change.enable(Switch::Heeded),
            DisableWish::Yes { reason } => change.disable(reason.clone(), Switch::Heeded),
        }
        match self.admin {
            AdminWish::Leave => {}
            AdminWish::No => change.admin(false),
            AdminWish::Yes => change.admin(true),
        }
        change
    }
}

/// What every account of a run is judged by.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) run: RunId,
    pub(super) actor: Actor,
    pub(super) change: PersonChange,
    pub(super) sign_out: bool,
    /// How many licences there are.
    pub(super) licences: Option<u64>,
}

impl Rules {
    /// The edit, unless it takes a licence that there is not.
    pub(super) fn licensed(&self, facts: &Facts<'_>, decision: Decision) -> Decision {
        let Decision::Write { edit, .. } = &decision else { return decision };
        let takes = edit.account.uses_licence() && !facts.account.uses_licence();
        let none_left = self
            .licences
            .is_some_and(|limit| facts.licences_used >= limit);
        if takes && none_left { Refusal::NoLicence.decision() } else { decision }
    }
}

/// What is to become of one account.
pub(super) fn judge(facts: &Facts<'_>, rules: &Rules) -> Decision {
    let Rules { run, actor, change, sign_out, .. } = rules;
    let (run, sign_out) = (*run, *sign_out);
    let judged = actor
        .require_managing(facts.account)
        .and_then(|()| update::rule(facts, actor, change, None));
    let (edit, warning) = match judged {
        Err(error) => return Refusal::of(&error).decision(),
        Ok(Ruling::Keep) if sign_out => {
            let note = actor.note(Action::SessionsEnded, None);
            (Edit { account: facts.account.clone(), password_hash: None, note }, None)
        }
        Ok(Ruling::Keep) => return Decision::Leave(ItemOutcome::Unchanged, None),
        Ok(Ruling::Write(edit, warning)) => (*edit, warning),
    };
    if warning == Some(Warning::LastAdministrator) {
        return Refusal::LastAdministrator.decision();
    }
    rules.licensed(facts, write(facts, edit, sign_out, run))
}

/// The edit, with the run in its record, and with what was there before.
fn write(facts: &Facts<'_>, mut edit: Edit, sign_out: bool, run: RunId) -> Decision {
    if sign_out && edit.account.generation == facts.account.generation {
        edit.account.generation = edit.account.generation.next();
    }
    let kept = Kept::of(facts.account, &edit.account).to_json();
    edit.note.reason = Some(in_run(run, edit.note.reason.as_deref()));
    Decision::Write { edit: Box::new(edit), kept }
}

/// What the audit log says of an account that a run changed.
pub(super) fn in_run(run: RunId, reason: Option<&str>) -> String {
    reason.map_or_else(|| format!("run {run}"), |reason| format!("run {run}: {reason}"))
}

/// Refuses what would shut out whoever asks, or the last administrator who can act.
pub(super) fn may_shut_out(
    facts: &Facts<'_>,
    actor: &Actor,
    change: Transition,
) -> Result<(), Refusal> {
    match crate::admin::may_shut_out(facts, actor, change) {
        Err(error) => Err(Refusal::of(&error)),
        Ok(Some(Warning::LastAdministrator)) => Err(Refusal::LastAdministrator),
        Ok(None) => Ok(()),
    }
}
