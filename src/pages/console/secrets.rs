//! What tokens and applications have in common: scopes to tick, ends, and a secret that
//! is shown once.

use askama::Template;
use axum::response::Response;
use http::StatusCode;

use crate::domain::length::read_length;
use crate::domain::permission::Permission;
use crate::domain::scope::EVERYTHING;
use crate::domain::time::Timestamp;
use crate::pages::answer;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::person::{Choice, choices, meaning};
use crate::pages::console::staff::Staff;
use crate::pages::console::wrong::Wrong;
use crate::pages::form::Fields;

/// A secret, on the only page that ever shows it.
#[derive(Template)]
#[template(path = "console/secret.html")]
pub(super) struct SecretPage {
    pub(super) shell: Shell,
    pub(super) title: &'static str,
    /// Names and values to copy: an id, a secret.
    pub(super) values: Vec<(&'static str, String)>,
    /// Where to go on, below the console, and what that is called.
    pub(super) onward: (String, &'static str),
}

impl SecretPage {
    pub(super) fn answer(&self) -> Response {
        answer::page(StatusCode::OK, self)
    }
}

/// Scopes as they were ticked and typed.
#[derive(Clone, Debug)]
pub(super) struct Scopes {
    pub(super) everything: bool,
    permissions: Vec<Choice>,
    /// Words of other systems, as WSO2's, with spaces between them.
    pub(super) others: String,
}

/// Permissions that are about the same.
pub(super) struct Area<'a> {
    pub(super) name: &'static str,
    pub(super) choices: Vec<&'a Choice>,
}

const AREAS: [(&str, &[Permission]); 3] = [
    ("People", &[Permission::ViewUsers, Permission::UnlockUsers, Permission::ManageUsers]),
    (
        "Portcullis itself",
        &[Permission::ManageSettings, Permission::ViewAudit, Permission::ReadMetrics],
    ),
    ("Other programs", &[Permission::ManageTokens, Permission::ReadFeed]),
];

impl Scopes {
    pub(super) fn of(words: &[String]) -> Self {
        let ours = |word: &str| word == EVERYTHING || word.parse::<Permission>().is_ok();
        let others = words.iter().filter(|word| !ours(word)).cloned();
        Self {
            everything: words.iter().any(|word| word == EVERYTHING),
            permissions: choices(|one| words.iter().any(|word| word == one.as_str())),
            others: others.collect::<Vec<_>>().join(" "),
        }
    }

    pub(super) fn read(fields: &mut Fields) -> Result<Self, Trouble> {
        let ticked = fields.all("scope");
        let others = fields.perhaps("others")?.unwrap_or_default();
        let typed = others.split_whitespace().map(str::to_owned);
        let words: Vec<String> = ticked.into_iter().chain(typed).collect();
        Ok(Self::of(&words))
    }

    pub(super) fn words(&self) -> Vec<String> {
        let all = self.everything.then(|| EVERYTHING.to_owned());
        let held = self.permissions.iter().filter(|one| one.held);
        let held = held.map(|one| one.word.to_owned());
        let others = self.others.split_whitespace().map(str::to_owned);
        all.into_iter().chain(held).chain(others).collect()
    }

    /// The permissions, by what they are about.
    pub(super) fn areas(&self) -> Vec<Area<'_>> {
        let choice = |one: &Permission| {
            let mut all = self.permissions.iter();
            all.find(|choice| choice.word == one.as_str())
        };
        let area = |(name, permissions): (_, &[Permission])| Area {
            name,
            choices: permissions.iter().filter_map(choice).collect(),
        };
        AREAS.into_iter().map(area).collect()
    }
}

/// A scope as it is told, in words and as it is written.
pub(super) struct Said {
    pub(super) words: &'static str,
    pub(super) raw: String,
}

impl Said {
    /// What each of these is for.
    pub(super) fn of(scopes: &[String]) -> Vec<Self> {
        let said = |raw: &String| {
            let words = match raw.parse::<Permission>() {
                Ok(permission) => meaning(permission),
                Err(_) if raw == EVERYTHING => "Everything",
                Err(_) => "As another system says",
            };
            Self { words, raw: raw.clone() }
        };
        scopes.iter().map(said).collect()
    }
}

/// When something ends: so long from now, or never where nothing was typed.
pub(super) fn end(typed: &str, now: Timestamp) -> Result<Option<Timestamp>, Wrong> {
    match typed.trim() {
        "" => Ok(None),
        length => match read_length(length) {
            Some(length) => Ok(Some(now.after(length))),
            None => Err(Wrong::at(
                "expires",
                "Write how long it lasts, as 12h or 90d; leave it empty for ever.",
            )),
        },
    }
}

/// Refuses who did not give their password lately; where they go on then.
pub(super) fn sure(desk: &Desk, sure: bool, page: &str) -> Result<(), Trouble> {
    match sure {
        true => Ok(()),
        false => Err(Trouble::NotSure { onward: desk.path(page) }),
    }
}

/// Whether they gave it before they opened the page that they send.
pub(super) fn was_sure(desk: &Desk, staff: &Staff, page: &str) -> Result<(), Trouble> {
    sure(desk, staff.was_sure(desk.now()), page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_is_in_one_area() {
        let scopes = Scopes::of(&[]);
        let areas = scopes.areas();
        let listed = areas.iter().flat_map(|area| &area.choices);
        let mut words: Vec<_> = listed.map(|choice| choice.word).collect();
        words.sort_unstable();
        let mut all = Permission::ALL.map(Permission::as_str);
        all.sort_unstable();
        assert_eq!(words, all);
    }

    #[test]
    fn scopes_read_back_as_they_were_ticked_and_typed() {
        let words = ["*", "users.view", "internal_user_mgt_list"].map(str::to_owned);
        let scopes = Scopes::of(&words);
        assert_eq!(scopes.words(), words);
        assert_eq!(scopes.others, "internal_user_mgt_list");
        let said: Vec<_> = Said::of(&words).iter().map(|one| one.words).collect();
        assert_eq!(said, ["Everything", meaning(Permission::ViewUsers), "As another system says"]);
    }
}
