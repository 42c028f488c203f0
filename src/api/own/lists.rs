//! Lists of accounts.

use axum::extract::State;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::read::Asked;
use super::view::{AccountView, Instant};
use crate::admin::{Admin, Caller};
use crate::domain::account::{Account, AccountId};
use crate::domain::group::GroupId;
use crate::domain::operation::Operation;
use crate::domain::standing::Status;
use crate::store::{
    self, AccountFilter, AccountOrder, AccountSearch, Direction, TextField, TextFit, TimeField,
};

/// How many are on a page where nobody says, and at most.
const PAGE: u32 = 50;
const MAX_PAGE: u32 = 500;

/// Which accounts to list, and how.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default, deny_unknown_fields)]
pub(super) struct AccountQuery {
    /// A part of login, name or e-mail address.
    search: Option<String>,
    login: Option<String>,
    email: Option<String>,
    external_id: Option<String>,
    status: Option<Status>,
    admin: Option<bool>,
    /// The number of a group that they are in.
    group: Option<GroupId>,
    last_sign_in_before: Option<Instant>,
    last_sign_in_since: Option<Instant>,
    never_signed_in: Option<bool>,
    created_before: Option<Instant>,
    created_since: Option<Instant>,
    sort: Option<String>,
    /// The last account of the page before.
    after: Option<AccountId>,
    limit: Option<u32>,
    /// Counts all that were found.
    count: Option<bool>,
}

/// A page.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct AccountsView {
    pub(crate) accounts: Vec<AccountView>,
    /// What to send as `after` for the next page; none after the last.
    pub(crate) next: Option<AccountId>,
    /// How many there are on all pages, where it was asked for.
    pub(crate) total: Option<u64>,
}

pub(super) async fn accounts(
    State(admin): State<Admin>,
    Extension(caller): Extension<Caller>,
    Asked(query): Asked<AccountQuery>,
) -> Result<Json<AccountsView>, Problem> {
    let (search, counted) = (query.search()?, query.count.unwrap_or_default());
    let limit = search.limit as usize;
    if let Some(deleted) = query.deleted(search.limit)? {
        caller.rights.require(Operation::ListUsers)?;
        return Ok(Json(page(&admin, &admin.list(deleted).await?, limit)));
    }
    let found = admin.search(&caller.actor(), search).await?;
    let total = counted.then_some(found.total);
    Ok(Json(AccountsView { total, ..page(&admin, &found.accounts, limit) }))
}

fn page(admin: &Admin, accounts: &[Account], limit: usize) -> AccountsView {
    let now = admin.now();
    let last = accounts.last().map(|account| account.id);
    let views = accounts.iter();
    AccountsView {
        next: last.filter(|_| accounts.len() == limit),
        total: None,
        accounts: views
            .map(|account| AccountView::new(account, now))
            .collect(),
    }
}

impl AccountQuery {
    /// As stores take it.
    pub(super) fn search(&self) -> Result<AccountSearch, Problem> {
        let limit = self.limit.unwrap_or(PAGE);
        if !(1..=MAX_PAGE).contains(&limit) {
            return Err(Problem::invalid(format!("`limit` is from 1 to {MAX_PAGE}")));
        }
        Ok(AccountSearch {
            filters: self.filters(),
            order: self.order()?,
            after: self.after,
            limit,
            uncounted: !self.count.unwrap_or_default(),
            ..AccountSearch::default()
        })
    }

    /// Everybody whom it takes, for a file: page by page, by number.
    pub(super) fn whole(&self) -> Result<AccountSearch, Problem> {
        let paged = self.limit.is_some() || self.after.is_some() || self.count.is_some();
        if paged || self.sort.is_some() || self.status == Some(Status::Deleted) {
            return Err(Problem::invalid(
                "an export is of all who are not deleted, by number: send filters alone",
            ));
        }
        let (filters, limit) = (self.filters(), MAX_PAGE);
        Ok(AccountSearch { filters, limit, uncounted: true, ..AccountSearch::default() })
    }

    /// The same for those who are deleted: no search finds them, but a list by number
    /// does.
    fn deleted(&self, limit: u32) -> Result<Option<store::AccountQuery>, Problem> {
        if self.status != Some(Status::Deleted) {
            return Ok(None);
        }
        let plain = Self {
            search: self.search.clone(),
            status: self.status,
            after: self.after,
            limit: self.limit,
            ..Self::default()
        };
        if *self != plain {
            let words = "the deleted are listed by number: beside `status`, send `search`, \
                         `after` and `limit` alone";
            return Err(Problem::invalid(words));
        }
        let (status, search, after) = (self.status, self.search.clone(), self.after);
        Ok(Some(store::AccountQuery { status, search, after, limit }))
    }

    fn filters(&self) -> Vec<AccountFilter> {
        let texts = [
            (&self.search, TextField::Any, TextFit::Part),
            (&self.login, TextField::Login, TextFit::Whole),
            (&self.email, TextField::Email, TextFit::Whole),
            (&self.external_id, TextField::ExternalId, TextFit::Whole),
        ];
        let texts = texts.into_iter().filter_map(|(text, field, fit)| {
            let any_of = vec![text.clone()?];
            Some(AccountFilter::Text { field, fit, any_of, negated: false })
        });
        let status = self.status.map(|status| {
            let any_of = vec![status];
            AccountFilter::Status { any_of, negated: false }
        });
        texts
            .chain(status)
            .chain(self.admin.map(AccountFilter::Admin))
            .chain(self.group.map(|group| AccountFilter::InGroups(vec![group])))
            .chain(self.times())
            .collect()
    }

    fn times(&self) -> Vec<AccountFilter> {
        let time = |field, from: Option<Instant>, before: Option<Instant>| {
            let (from, before) = (from.map(|at| at.0), before.map(|at| at.0));
            AccountFilter::Time { field, from, before }
        };
        let never = || {
            let ever = time(TimeField::LastSignInAt, None, None);
            AccountFilter::Not(Box::new(ever))
        };
        let mut filters = Vec::new();
        if self.created_since.is_some() || self.created_before.is_some() {
            filters.push(time(TimeField::CreatedAt, self.created_since, self.created_before));
        }
        if self.last_sign_in_since.is_some() {
            filters.push(time(TimeField::LastSignInAt, self.last_sign_in_since, None));
        }
        // Who never came did not come since, either.
        if let Some(before) = self.last_sign_in_before {
            let earlier = time(TimeField::LastSignInAt, None, Some(before));
            filters.push(AccountFilter::Any(vec![earlier, never()]));
        }
        match self.never_signed_in {
            Some(true) => filters.push(never()),
            Some(false) => filters.push(AccountFilter::Not(Box::new(never()))),
            None => {}
        }
        filters
    }

    fn order(&self) -> Result<Vec<(AccountOrder, Direction)>, Problem> {
        let Some(sort) = self.sort.as_deref() else { return Ok(Vec::new()) };
        let (word, direction) = match sort.strip_prefix('-') {
            Some(word) => (word, Direction::Descending),
            None => (sort, Direction::Ascending),
        };
        let found = ORDERS.iter().find(|(name, _)| *name == word);
        let order = found.map(|(_, order)| *order).ok_or_else(|| {
            let words: Vec<_> = ORDERS.iter().map(|(name, _)| *name).collect();
            let words = words.join(", ");
            Problem::invalid(format!("`sort` is one of {words}, with a - before it to turn it"))
        })?;
        Ok(vec![(order, direction)])
    }
}

const ORDERS: [(&str, AccountOrder); 9] = [
    ("created_at", AccountOrder::CreatedAt),
    ("email", AccountOrder::Email),
    ("first_name", AccountOrder::FirstName),
    ("id", AccountOrder::Id),
    ("last_name", AccountOrder::LastName),
    ("last_sign_in_at", AccountOrder::LastSignInAt),
    ("login", AccountOrder::Login),
    ("name", AccountOrder::Name),
    ("updated_at", AccountOrder::UpdatedAt),
];
