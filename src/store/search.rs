//! Searches of accounts by filters, in an order, page by page.
//!
//! What a filter means is said once, by [`AccountFilter::takes`]: a store in memory
//! asks it, and one with indexes has to find the same accounts.

use std::cmp::Ordering;

use crate::domain::account::Account;
use crate::domain::login::folded;
use crate::domain::standing::Status;
use crate::domain::time::Timestamp;

/// Which accounts to find. Deleted ones never are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AccountSearch {
    /// Only those that every filter takes.
    pub filters: Vec<AccountFilter>,
    /// What to sort by, what matters most first; then by number, in the last
    /// one's direction.
    pub order: Vec<(AccountOrder, Direction)>,
    /// How many of those that are found come before the page.
    pub offset: u64,
    /// How many are on the page.
    pub limit: u32,
}

/// Takes some accounts and leaves others.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AccountFilter {
    /// Whether failed sign-ins lock the account out now.
    LockedOut(bool),
    /// Those that have one of these statuses now, or none of them.
    Status {
        /// The statuses.
        any_of: Vec<Status>,
        /// Take the others.
        negated: bool,
    },
    /// Those that are called so, or not; compared as logins are.
    Text {
        /// Where to look.
        field: TextField,
        /// How a text fits.
        fit: TextFit,
        /// Texts of which one is to fit.
        any_of: Vec<String>,
        /// Take the others.
        negated: bool,
    },
}

/// What an account is called.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TextField {
    /// Any of the others, and the e-mail address.
    Any,
    /// The login.
    Login,
    /// The whole name.
    Name,
}

/// How a text fits what an account is called.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TextFit {
    /// It is somewhere in it.
    Part,
    /// It is all of it.
    Whole,
}

/// What accounts can be sorted by. Texts are in the order of their folded
/// characters; who has none comes first.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AccountOrder {
    /// The primary e-mail address.
    Email,
    /// The first part of the name.
    FirstName,
    /// The number.
    Id,
    /// The last part of the name.
    LastName,
    /// The login.
    Login,
    /// The whole name.
    Name,
}

/// Which end comes first.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "there are two")]
pub enum Direction {
    /// The least.
    #[default]
    Ascending,
    /// The greatest.
    Descending,
}

/// A page of what was found.
#[derive(Clone, Debug, Default)]
pub struct AccountPage {
    /// The accounts on it.
    pub accounts: Vec<Account>,
    /// How many were found, on all pages.
    pub total: u64,
}

impl AccountFilter {
    /// Whether this account is taken at this instant.
    pub fn takes(&self, account: &Account, now: Timestamp) -> bool {
        match self {
            Self::LockedOut(wanted) => account.locks.lockout_at(now).is_some() == *wanted,
            Self::Status { any_of, negated } => {
                any_of.contains(&account.standing().status(now)) != *negated
            }
            Self::Text { field, fit, any_of, negated } => {
                let texts = field.of(account);
                let fits = |wanted: &String| {
                    let wanted = folded(wanted);
                    texts.iter().any(|text| fit.fits(&folded(text), &wanted))
                };
                any_of.iter().any(fits) != *negated
            }
        }
    }
}

impl TextField {
    fn of(self, account: &Account) -> Vec<&str> {
        let (first, last) = account.names();
        let email = account.email.as_deref().unwrap_or_default();
        match self {
            Self::Any => vec![account.login.as_str(), &account.name, first, last, email],
            Self::Login => vec![account.login.as_str()],
            Self::Name => vec![&account.name],
        }
    }
}

impl TextFit {
    fn fits(self, text: &str, wanted: &str) -> bool {
        match self {
            Self::Part => text.contains(wanted),
            Self::Whole => text == wanted,
        }
    }
}

impl AccountOrder {
    fn compare(self, a: &Account, b: &Account) -> Ordering {
        let by = |of: fn(&Account) -> &str| folded(of(a)).cmp(&folded(of(b)));
        match self {
            Self::Email => by(|account| account.email.as_deref().unwrap_or_default()),
            Self::FirstName => by(|account| account.names().0),
            Self::Id => a.id.cmp(&b.id),
            Self::LastName => by(|account| account.names().1),
            Self::Login => by(|account| account.login.as_str()),
            Self::Name => by(|account| &account.name),
        }
    }
}

impl Direction {
    fn apply(self, ordering: Ordering) -> Ordering {
        match self {
            Self::Ascending => ordering,
            Self::Descending => ordering.reverse(),
        }
    }
}

impl AccountSearch {
    /// What is sorted by in the end: no two accounts are equal, and what comes after
    /// the number makes no difference.
    pub(crate) fn full_order(&self) -> Vec<(AccountOrder, Direction)> {
        let last = self
            .order
            .last()
            .map_or_else(Direction::default, |(_, last)| *last);
        let mut order = self.order.clone();
        order.push((AccountOrder::Id, last));
        let number = order
            .iter()
            .position(|(order, _)| *order == AccountOrder::Id);
        order.truncate(number.map_or(order.len(), |number| number + 1));
        order
    }

    pub(crate) fn compare(&self, a: &Account, b: &Account) -> Ordering {
        self.full_order()
            .into_iter()
            .map(|(order, direction)| direction.apply(order.compare(a, b)))
            .find(|ordering| ordering.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}
