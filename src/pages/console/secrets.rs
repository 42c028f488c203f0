//! What tokens and applications have in common: scopes to tick, ends, and a secret that
//! is shown once.

use askama::Template;

use crate::domain::length::read_length;
use crate::domain::permission::Permission;
use crate::domain::time::Timestamp;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::{Desk, Shell};
use crate::pages::console::person::{Choice, choices};
use crate::pages::console::staff::Staff;
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

/// Scopes as they were ticked and typed.
#[derive(Clone, Debug)]
pub(super) struct Scopes {
    pub(super) everything: bool,
    pub(super) permissions: Vec<Choice>,
    /// Words of other systems, as WSO2's, with spaces between them.
    pub(super) others: String,
}

impl Scopes {
    pub(super) fn of(words: &[String]) -> Self {
        let ours = |word: &str| word == "*" || word.parse::<Permission>().is_ok();
        let others = words.iter().filter(|word| !ours(word)).cloned();
        Self {
            everything: words.iter().any(|word| word == "*"),
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
        let all = self.everything.then(|| "*".to_owned());
        let held = self.permissions.iter().filter(|one| one.held);
        let held = held.map(|one| one.word.to_owned());
        let others = self.others.split_whitespace().map(str::to_owned);
        all.into_iter().chain(held).chain(others).collect()
    }
}

/// When something ends: so long from now, or never where nothing was typed.
pub(super) fn end(typed: &str, now: Timestamp) -> Result<Option<Timestamp>, String> {
    match typed.trim() {
        "" => Ok(None),
        length => match read_length(length) {
            Some(length) => Ok(Some(now.after(length))),
            None => {
                Err("Write how long it lasts, as 12h or 90d; leave it empty for ever.".to_owned())
            }
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
