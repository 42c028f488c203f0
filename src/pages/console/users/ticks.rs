//! Who is ticked in a list, on whichever of its pages, and whatever is searched for.
//!
//! Search, headings and pages are buttons of the one form that has the ticks, so that the
//! next list names who was chosen so far, with or without scripts.

use std::collections::HashSet;

use crate::domain::account::{Account, AccountId};
use crate::pages::console::answer::Trouble;
use crate::pages::console::drawer::Drawer;
use crate::pages::console::users::filter::{Filter, query};
use crate::pages::console::users::whom::{Chosen, chosen};
use crate::pages::form::Fields;

#[derive(Clone, Debug, Default)]
pub(super) struct Ticks {
    chosen: Vec<AccountId>,
    /// Those who are not on this page, as they were chosen.
    pub(super) elsewhere: Chosen,
    here: HashSet<AccountId>,
    /// Everybody who matches what is searched for now.
    pub(super) all: bool,
    /// Some were chosen of whom nobody knows any more who they are.
    pub(super) are_forgotten: bool,
}

impl Ticks {
    /// What the address of a page says. Behind an act it names whom that was about.
    pub(super) fn read(
        fields: &mut Fields,
        filter: &Filter,
        drawer: &Drawer<'_>,
    ) -> Result<Self, Trouble> {
        let all = fields.perhaps("all")?.is_some_and(|all| !all.is_empty());
        let shown = fields.perhaps("all_of")?;
        // Whoever matched another search was not meant by this one.
        let all = all && shown.is_none_or(|shown| shown == query(&filter.pairs()));
        if fields.perhaps("done")?.is_some() {
            return Ok(Self::default());
        }
        let chosen = chosen(fields, drawer)?;
        let are_forgotten = chosen.is_none();
        Ok(Self { chosen: chosen.unwrap_or_default(), all, are_forgotten, ..Self::default() })
    }

    /// The same, beside a page that shows these.
    pub(super) fn on(self, page: &[Account], drawer: &Drawer<'_>) -> Result<Self, Trouble> {
        let shown: HashSet<_> = page.iter().map(|account| account.id).collect();
        let (here, elsewhere) = self
            .chosen
            .iter()
            .partition::<Vec<_>, _>(|id| shown.contains(id));
        let elsewhere = Chosen::of(elsewhere, drawer)?;
        Ok(Self { here: here.into_iter().collect(), elsewhere, ..self })
    }

    /// The same without everyone who matches.
    pub(super) fn one_by_one(self) -> Self {
        Self { all: false, ..self }
    }

    pub(super) fn has(&self, id: AccountId) -> bool {
        self.here.contains(&id)
    }

    /// As an address says them all.
    pub(super) fn pairs(self, drawer: &Drawer<'_>) -> Result<Vec<(&'static str, String)>, Trouble> {
        let all = self.all.then(|| ("all", "yes".to_owned()));
        let chosen = Chosen::of(self.chosen, drawer)?.pairs();
        Ok(chosen.into_iter().chain(all).collect())
    }

    /// How many, who are not to be seen on this page.
    pub(super) fn elsewhere(&self) -> String {
        crate::pages::console::overview::spaced(self.elsewhere.ids.len() as u64)
    }
}
