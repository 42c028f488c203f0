//! Whom an act on a list is about: those who were ticked, or all who match.

use std::collections::HashSet;

use crate::admin::Selection;
use crate::domain::account::AccountId;
use crate::domain::time::Timestamp;
use crate::pages::console::answer::Trouble;
use crate::pages::console::drawer::{Drawer, FORGOTTEN};
use crate::pages::console::users::filter::{Filter, Wrong, query};
use crate::pages::form::Fields;
use crate::store::AccountFilter;

/// So many are chosen one by one. Of more, a search says whom.
const MOST: usize = 10_000;

/// So many numbers are said by an address; more are kept here, and it says their key.
const IN_AN_ADDRESS: usize = 100;

/// People who were ticked one by one, in the order in which that is told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::pages::console) struct Chosen {
    pub(in crate::pages::console) ids: Vec<AccountId>,
    /// What they are kept under, where they are many.
    key: Option<String>,
}

/// Whom, and the list that they were chosen in.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::pages::console) struct Whom {
    pub(in crate::pages::console) chosen: Chosen,
    /// Everybody who matches, also on other pages of the list.
    pub(in crate::pages::console) all: bool,
    pub(in crate::pages::console) filter: Filter,
}

impl Chosen {
    pub(super) fn of(ids: Vec<AccountId>, drawer: &Drawer<'_>) -> Result<Self, Trouble> {
        let many = ids.len() > IN_AN_ADDRESS;
        let key = many.then(|| drawer.put_people(&ids)).transpose()?;
        Ok(Self { ids, key })
    }

    /// As an address or a hidden field says it.
    pub(in crate::pages::console) fn pairs(&self) -> Vec<(&'static str, String)> {
        match &self.key {
            Some(key) => vec![("pick", key.clone())],
            None => self.ids.iter().map(|id| ("id", id.to_string())).collect(),
        }
    }
}

impl Whom {
    pub(in crate::pages::console) fn read(
        fields: &mut Fields,
        drawer: &Drawer<'_>,
    ) -> Result<Self, Trouble> {
        let all = fields.perhaps("all")?.is_some_and(|all| !all.is_empty());
        let shown = fields.perhaps("all_of")?;
        let chosen = chosen(fields, drawer)?;
        let filter = Filter::read(fields)?;
        if all && shown.is_some_and(|shown| shown != query(&filter.pairs())) {
            let words = "The search was changed after the list was shown, so nobody has seen \
                         whom it finds. Search first, look at the list, and choose everyone who \
                         matches once more.";
            return Err(Trouble::Bad(words.to_owned()));
        }
        let chosen = match chosen {
            Some(ids) => Chosen::of(ids, drawer)?,
            None if all => Chosen::default(),
            None => return Err(Trouble::Bad(FORGOTTEN.to_owned())),
        };
        Ok(Self { chosen, all, filter })
    }

    /// Nobody was chosen.
    pub(in crate::pages::console) fn is_nobody(&self) -> bool {
        !self.all && self.chosen.ids.is_empty()
    }

    /// The only one who was chosen.
    pub(in crate::pages::console) fn one(&self) -> Option<AccountId> {
        match self.chosen.ids.as_slice() {
            [one] if !self.all => Some(*one),
            _ => None,
        }
    }

    pub(in crate::pages::console) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = self.filter.pairs();
        if self.all {
            pairs.push(("all", "yes".to_owned()));
        } else {
            pairs.extend(self.chosen.pairs());
        }
        pairs
    }

    /// As a run takes it.
    pub(in crate::pages::console) fn selection(&self, now: Timestamp) -> Result<Selection, Wrong> {
        match self.all {
            true => Ok(Selection::Search(self.filter.filters(now)?)),
            false => Ok(Selection::Ids(self.chosen.ids.clone())),
        }
    }

    /// As a search takes it.
    pub(in crate::pages::console) fn filters(
        &self,
        now: Timestamp,
    ) -> Result<Vec<AccountFilter>, Wrong> {
        match self.all {
            true => self.filter.filters(now),
            false => Ok(vec![AccountFilter::Ids(self.chosen.ids.clone())]),
        }
    }
}

/// Whom a form or an address names, each once; `None` where it names some who are not kept
/// any more, and so nobody knows whom.
pub(super) fn chosen(
    fields: &mut Fields,
    drawer: &Drawer<'_>,
) -> Result<Option<Vec<AccountId>>, Trouble> {
    let key = fields.perhaps("pick")?.filter(|key| !key.is_empty());
    let mut all = ids(&fields.all("id"))?;
    if let Some(key) = key {
        let Some(kept) = drawer.people(&key) else { return Ok(None) };
        all.splice(..0, kept.iter().copied());
    }
    let mut seen = HashSet::new();
    all.retain(|id| seen.insert(*id));
    if all.len() > MOST {
        let words = "More than 10 000 people are chosen one by one. Search for what they have \
                     in common, and choose everyone who matches.";
        return Err(Trouble::Bad(words.to_owned()));
    }
    Ok(Some(all))
}

/// Numbers that a page of ours named; anything else is in no form of ours.
fn ids(texts: &[String]) -> Result<Vec<AccountId>, Trouble> {
    let id = |text: &String| AccountId::try_from(text.parse::<i64>().ok()?).ok();
    let ids: Option<Vec<_>> = texts.iter().map(id).collect();
    ids.ok_or_else(|| Trouble::Bad("One of those who were chosen is no account.".to_owned()))
}

/// Everything that an address says behind its `?`, also what is kept for it.
pub(in crate::pages::console) fn asked(
    request: &http::request::Parts,
    drawer: &Drawer<'_>,
) -> Result<Fields, Trouble> {
    let query = request.uri.query().unwrap_or_default();
    match query.strip_prefix("kept=") {
        None => Ok(Fields::of_long_form(query.as_bytes())?),
        Some(key) => {
            let form = drawer.form(key);
            let form = form.ok_or_else(|| Trouble::Bad(FORGOTTEN.to_owned()))?;
            Ok(Fields::of_long_form(form.as_bytes())?)
        }
    }
}
