//! Who is ticked in a list, on whichever of its pages.
//!
//! A page is turned by a button of the form with the ticks, so the address of the next one
//! names who was chosen so far, with or without scripts.

use std::collections::HashSet;

use crate::domain::account::{Account, AccountId};
use crate::pages::console::answer::Trouble;
use crate::pages::console::users::whom::ids;
use crate::pages::form::Fields;

/// So many numbers fit into an address. Of more, a search says whom.
const MOST: usize = 500;

#[derive(Clone, Debug, Default)]
pub(super) struct Ticks {
    chosen: HashSet<AccountId>,
    /// Those who are not on this page, as they were chosen.
    pub(super) elsewhere: Vec<AccountId>,
    /// Everybody who matches.
    pub(super) all: bool,
}

impl Ticks {
    /// What the address of a page says. Behind an act it names whom that was about.
    pub(super) fn read(fields: &mut Fields) -> Result<Self, Trouble> {
        let all = fields.perhaps("all")?.is_some_and(|all| !all.is_empty());
        let numbers = fields.all("id");
        if fields.perhaps("done")?.is_some() {
            return Ok(Self::default());
        }
        let mut chosen = HashSet::new();
        let mut elsewhere = ids(&numbers)?;
        elsewhere.retain(|id| chosen.insert(*id));
        if chosen.len() > MOST {
            let words = "More than 500 people are chosen one by one. Search for what they have \
                         in common, and choose everyone who matches.";
            return Err(Trouble::Bad(words.to_owned()));
        }
        Ok(Self { chosen, elsewhere, all })
    }

    /// The same, beside a page that shows these.
    pub(super) fn on(mut self, page: &[Account]) -> Self {
        let here: HashSet<_> = page.iter().map(|account| account.id).collect();
        self.elsewhere.retain(|id| !here.contains(id));
        self
    }

    pub(super) fn has(&self, id: AccountId) -> bool {
        self.chosen.contains(&id)
    }
}
