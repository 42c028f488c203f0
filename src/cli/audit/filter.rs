//! Which records are asked for.

use clap::Args;

use crate::cli::desk::Desk;
use crate::cli::exit::Failure;
use crate::cli::shell::quote;
use crate::cli::when::When;
use crate::domain::event::Action;
use crate::store::AuditSearch;

#[derive(Args, Clone, Debug)]
pub(super) struct Filter {
    /// Only what was done to this person
    #[arg(long, value_name = "LOGIN")]
    user: Option<String>,

    /// Only what this one did: a login, or a name in the log such as cli:root or engine
    #[arg(long, value_name = "WHO")]
    by: Option<String>,

    /// Only this, such as account.locked; may be said several times
    #[arg(long = "action", value_name = "WHAT", value_parser = action)]
    actions: Vec<Action>,

    /// Only what was done since then: so long ago, as 2h, or at a time
    #[arg(long, value_name = "WHEN")]
    since: Option<When>,

    /// Only what was done before then
    #[arg(long, value_name = "WHEN")]
    until: Option<When>,

    /// Only what was done from this address
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,

    /// Only where the reason contains this, in capitals or not
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Filter {
    /// What the log is asked for, without a place in it.
    pub(super) async fn search(&self, desk: &Desk) -> Result<AuditSearch, Failure> {
        let account = match &self.user {
            Some(login) => Some(desk.office.account(&login.as_str().into()).await?.id),
            None => None,
        };
        let actor = match &self.by {
            Some(who) => Some(actor(who, desk).await?),
            None => None,
        };
        let past = |when: &Option<When>| when.as_ref().map(|when| desk.past(when)).transpose();
        Ok(AuditSearch {
            account,
            actor,
            actions: self.actions.clone(),
            since: past(&self.since)?,
            until: past(&self.until)?,
            address: self.from.clone(),
            reason: self.reason.clone(),
            ..AuditSearch::default()
        })
    }

    /// The same as words of a command, with a space before each.
    pub(super) fn words(&self) -> String {
        let when = |when: &Option<When>| when.as_ref().map(ToString::to_string);
        let said = [
            ("user", self.user.clone()),
            ("by", self.by.clone()),
            ("since", when(&self.since)),
            ("until", when(&self.until)),
            ("from", self.from.clone()),
            ("reason", self.reason.clone()),
        ];
        let actions = self
            .actions
            .iter()
            .map(|action| ("action", Some(action.to_string())));
        let said = said.into_iter().chain(actions);
        said.filter_map(|(name, value)| Some(format!(" --{name}={}", quote(&value?))))
            .collect()
    }
}

/// A name in the log, or whoever has this login.
async fn actor(who: &str, desk: &Desk) -> Result<String, Failure> {
    if who.contains(':') || matches!(who, "engine" | "system") {
        return Ok(who.to_owned());
    }
    let id = desk.office.account(&who.into()).await?.id;
    Ok(format!("user:{id}"))
}

fn action(word: &str) -> Result<Action, String> {
    Action::from_word(word).ok_or_else(|| {
        let words: Vec<_> = Action::ALL.iter().map(|action| action.as_str()).collect();
        format!("there is no such action; there are {}", words.join(", "))
    })
}
