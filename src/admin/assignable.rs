//! Whom an application may assign records to.

use serde::Serialize;

use crate::admin::{Actor, Admin, AdminError};
use crate::domain::account::{Account, AccountId};
use crate::domain::operation::Operation;
use crate::domain::standing::Status;
use crate::store::{AccountFilter, AccountOrder, AccountSearch, Direction, TextField, TextFit};

/// The most accounts on one page.
const LONGEST_PAGE: u32 = 200;

/// Somebody whom records may be assigned to.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Assignable {
    /// Their number.
    pub id: AccountId,
    /// Their login.
    pub login: String,
    /// Their name; may be empty.
    pub name: String,
    /// Their primary e-mail address.
    pub email: Option<String>,
}

/// A page of them.
#[derive(Clone, Debug, Default, Serialize)]
#[non_exhaustive]
pub struct AssignablePage {
    /// The people on it, by name.
    pub people: Vec<Assignable>,
    /// How many there are, on all pages.
    pub total: u64,
}

/// Which page of how many.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a page is a place and a length")]
pub struct Page {
    /// How many come before it.
    pub offset: u64,
    /// How many are on it; at most 200 are.
    pub limit: u32,
}

impl Admin {
    /// The accounts that records may be assigned to: those that are active now, by
    /// name. Of those whose login, name or address has `search` in it, if that is not
    /// empty.
    ///
    /// # Errors
    ///
    /// If whoever asks may not see who there is.
    pub async fn assignable(
        &self,
        actor: &Actor,
        search: &str,
        page: Page,
    ) -> Result<AssignablePage, AdminError> {
        actor.require(Operation::ListUsers)?;
        let active = AccountFilter::Status { any_of: vec![Status::Active], negated: false };
        let text = (!search.is_empty()).then(|| AccountFilter::Text {
            field: TextField::Any,
            fit: TextFit::Part,
            any_of: vec![search.to_owned()],
            negated: false,
        });
        let found = self
            .directory
            .search(AccountSearch {
                filters: [active].into_iter().chain(text).collect(),
                order: vec![
                    (AccountOrder::Name, Direction::Ascending),
                    (AccountOrder::Login, Direction::Ascending),
                ],
                offset: page.offset,
                limit: page.limit.min(LONGEST_PAGE),
                ..AccountSearch::default()
            })
            .await?;
        let people = found.accounts.iter().map(Assignable::of).collect();
        Ok(AssignablePage { people, total: found.total })
    }

    /// Whether records may be assigned to this account now. Nobody with this number is
    /// nobody to assign to.
    ///
    /// # Errors
    ///
    /// If whoever asks may not see who there is.
    pub async fn is_assignable(&self, actor: &Actor, id: AccountId) -> Result<bool, AdminError> {
        actor.require(Operation::ListUsers)?;
        let account = self.directory.account(id).await?;
        Ok(account.is_some_and(|found| found.standing().status(self.now()) == Status::Active))
    }
}

impl Assignable {
    fn of(account: &Account) -> Self {
        Self {
            id: account.id,
            login: account.login.to_string(),
            name: account.name.clone(),
            email: account.email.clone(),
        }
    }
}
