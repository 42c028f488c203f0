//! Whom an act on a list is about: those who were ticked, or all who match.

use crate::admin::Selection;
use crate::domain::account::AccountId;
use crate::domain::time::Timestamp;
use crate::pages::console::answer::Trouble;
use crate::pages::console::users::filter::{Filter, Wrong};
use crate::pages::form::{BadForm, Fields};
use crate::store::AccountFilter;

/// Whom, and the list that they were chosen in.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(in crate::pages::console) struct Whom {
    pub(in crate::pages::console) ids: Vec<AccountId>,
    /// Everybody who matches, also on other pages of the list.
    pub(in crate::pages::console) all: bool,
    pub(in crate::pages::console) filter: Filter,
}

impl Whom {
    pub(in crate::pages::console) fn read(fields: &mut Fields) -> Result<Self, Trouble> {
        let all = fields.perhaps("all")?.is_some_and(|all| !all.is_empty());
        Ok(Self { ids: ids(&fields.all("id"))?, all, filter: Filter::read(fields)? })
    }

    /// Nobody was chosen.
    pub(in crate::pages::console) fn is_nobody(&self) -> bool {
        !self.all && self.ids.is_empty()
    }

    /// The only one who was chosen.
    pub(in crate::pages::console) fn one(&self) -> Option<AccountId> {
        match self.ids.as_slice() {
            [one] if !self.all => Some(*one),
            _ => None,
        }
    }

    pub(in crate::pages::console) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = self.filter.pairs();
        if self.all {
            pairs.push(("all", "yes".to_owned()));
        } else {
            pairs.extend(self.ids.iter().map(|id| ("id", id.to_string())));
        }
        pairs
    }

    /// As a run takes it.
    pub(in crate::pages::console) fn selection(&self, now: Timestamp) -> Result<Selection, Wrong> {
        match self.all {
            true => Ok(Selection::Search(self.filter.filters(now)?)),
            false => Ok(Selection::Ids(self.ids.clone())),
        }
    }

    /// As a search takes it.
    pub(in crate::pages::console) fn filters(
        &self,
        now: Timestamp,
    ) -> Result<Vec<AccountFilter>, Wrong> {
        match self.all {
            true => self.filter.filters(now),
            false => Ok(vec![AccountFilter::Ids(self.ids.clone())]),
        }
    }
}

/// Numbers that a page of ours named; anything else is in no form of ours.
pub(super) fn ids(texts: &[String]) -> Result<Vec<AccountId>, Trouble> {
    let id = |text: &String| AccountId::try_from(text.parse::<i64>().ok()?).ok();
    let ids: Option<Vec<_>> = texts.iter().map(id).collect();
    ids.ok_or_else(|| Trouble::Bad("One of those who were chosen is no account.".to_owned()))
}

/// Everything that an address says behind its `?`.
pub(in crate::pages::console) fn asked(request: &http::request::Parts) -> Result<Fields, BadForm> {
    Fields::of_long_form(request.uri.query().unwrap_or_default().as_bytes())
}
