//! Searches of accounts by filters, in an order, page by page.
//!
//! What a filter means is said once, by [`AccountFilter::takes`]: a store in memory
//! asks it, and one with indexes has to find the same accounts.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::domain::account::{Account, AccountId};
use crate::domain::group::GroupId;
use crate::domain::login::folded;
use crate::domain::standing::Status;
use crate::domain::time::{Timestamp, rfc3339};

/// Which accounts to find. Deleted ones never are.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AccountSearch {
    /// Only those that every filter takes.
    pub filters: Vec<AccountFilter>,
    /// What to sort by, what matters most first; then by number, in the last
    /// one's direction.
    pub order: Vec<(AccountOrder, Direction)>,
    /// Only those that come after this account in the order, as it is now: pages of a
    /// long list cost the same, and whoever comes or goes moves nobody else.
    pub after: Option<AccountId>,
    /// How many of those that are found come before the page.
    pub offset: u64,
    /// How many are on the page.
    pub limit: u32,
    /// Leaves out how many were found: counting a million takes a while.
    pub uncounted: bool,
}

/// Takes some accounts and leaves others.
///
/// In JSON: `{"admin": false}`, `{"not": {"ids": [1, 7]}}`, `{"in_groups": [3]}`,
/// `{"status": {"any_of": ["active"]}}`,
/// `{"text": {"field": "any", "fit": "part", "any_of": ["smith"]}}`,
/// `{"time": {"field": "last_sign_in_at", "before": "2030-01-31T12:00:00Z"}}`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum AccountFilter {
    /// Administrators, or the others.
    Admin(bool),
    /// Those with an admin lock that is on now, or the others.
    AdminLocked(bool),
    /// Those that every one of these takes.
    All(Vec<Self>),
    /// Those that one of these takes.
    Any(Vec<Self>),
    /// Those that are disabled, or the others.
    Disabled(bool),
    /// Those with one of these numbers. Some thousand at most: they are written out.
    Ids(Vec<AccountId>),
    /// Those who are in a group, or in none.
    InAnyGroup(bool),
    /// Those who are in one of these groups. Nobody is in a group that there is not.
    InGroups(Vec<GroupId>),
    /// Whether failed sign-ins lock the account out now.
    LockedOut(bool),
    /// Those in whose details this stands somewhere, whatever it means there; ignoring
    /// the case of letters from a to z. Made by [`AccountFilter::mentions`].
    Mentions(String),
    /// Those that this does not take.
    Not(Box<Self>),
    /// Those that have one of these statuses now, or none of them.
    Status {
        /// The statuses.
        any_of: Vec<Status>,
        /// Take the others.
        #[serde(default)]
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
        #[serde(default)]
        negated: bool,
    },
    /// Those of which something happened in a time. What never happened, happened in
    /// none.
    Time {
        /// What happened.
        field: TimeField,
        /// At this instant or later.
        #[serde(default, with = "rfc3339")]
        from: Option<Timestamp>,
        /// Before this instant.
        #[serde(default, with = "rfc3339")]
        before: Option<Timestamp>,
    },
}

/// What happened to an account.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TimeField {
    /// It was made.
    CreatedAt,
    /// Its owner signed in last.
    LastSignInAt,
    /// Its sessions were ended last: by a lock or its end, a disablement, a new password,
    /// or signing out everywhere.
    SessionsEndedAt,
    /// It was changed last.
    UpdatedAt,
}

/// What an account is called.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TextField {
    /// Login, names and e-mail address.
    Any,
    /// The primary e-mail address.
    Email,
    /// What another system knows the account by. As a whole it is compared byte by
    /// byte.
    ExternalId,
    /// The first part of the name.
    FirstName,
    /// The last part of the name.
    LastName,
    /// The login.
    Login,
    /// The whole name.
    Name,
}

/// How a text fits what an account is called.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TextFit {
    /// It is how it begins.
    Begins,
    /// It is how it ends.
    Ends,
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
    /// When it was made.
    CreatedAt,
    /// The primary e-mail address.
    Email,
    /// The first part of the name.
    FirstName,
    /// The number.
    Id,
    /// The last part of the name.
    LastName,
    /// When its owner signed in last; who never did comes first.
    LastSignInAt,
    /// The login.
    Login,
    /// The whole name.
    Name,
    /// When it was changed last.
    UpdatedAt,
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
    /// How many were found, on all pages; 0 where they were not to be counted.
    pub total: u64,
}

impl AccountFilter {
    /// Those in whose details this text stands somewhere: for a first choice among many
    /// that somebody else looks at more closely. `None` of a text that is not kept
    /// letter by letter.
    pub fn mentions(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        let text = text.to_ascii_lowercase();
        ((1..=254).contains(&text.len()) && text.bytes().all(plain)).then_some(Self::Mentions(text))
    }

    /// Whether this account is taken at this instant, being in these groups.
    pub fn takes(&self, account: &Account, groups: &[GroupId], now: Timestamp) -> bool {
        match self {
            Self::Admin(wanted) => account.admin == *wanted,
            Self::AdminLocked(wanted) => account.locks.admin_lock_at(now).is_some() == *wanted,
            Self::All(filters) => filters
                .iter()
                .all(|filter| filter.takes(account, groups, now)),
            Self::Any(filters) => filters
                .iter()
                .any(|filter| filter.takes(account, groups, now)),
            Self::Disabled(wanted) => account.locks.disablement.is_some() == *wanted,
            Self::Ids(ids) => ids.contains(&account.id),
            Self::InAnyGroup(wanted) => groups.is_empty() != *wanted,
            Self::InGroups(any_of) => any_of.iter().any(|group| groups.contains(group)),
            Self::LockedOut(wanted) => account.locks.lockout_at(now).is_some() == *wanted,
            Self::Mentions(text) => serde_json::to_string(&account.details)
                .is_ok_and(|details| details.to_ascii_lowercase().contains(text)),
            Self::Not(filter) => !filter.takes(account, groups, now),
            Self::Status { any_of, negated } => {
                any_of.contains(&account.standing().status(now)) != *negated
            }
            Self::Text { field, fit, any_of, negated } => {
                let texts = field.of(account);
                let form = field.form(*fit);
                let fits = |wanted: &String| {
                    let wanted = form(wanted);
                    texts.iter().any(|text| fit.fits(&form(text), &wanted))
                };
                any_of.iter().any(fits) != *negated
            }
            Self::Time { field, from, before } => field.of(account).is_some_and(|at| {
                from.is_none_or(|from| at >= from) && before.is_none_or(|before| at < before)
            }),
        }
    }
}

impl TimeField {
    fn of(self, account: &Account) -> Option<Timestamp> {
        match self {
            Self::CreatedAt => Some(account.created_at),
            Self::LastSignInAt => account.last_sign_in_at,
            Self::SessionsEndedAt => account.sessions_ended_at,
            Self::UpdatedAt => Some(account.updated_at),
        }
    }
}

impl TextField {
    fn of(self, account: &Account) -> Vec<&str> {
        let (first, last) = account.names();
        let email = account.email.as_deref().unwrap_or_default();
        match self {
            Self::Any => vec![account.login.as_str(), &account.name, first, last, email],
            Self::Email => vec![email],
            Self::ExternalId => vec![account.details.external_id.as_deref().unwrap_or_default()],
            Self::FirstName => vec![first],
            Self::LastName => vec![last],
            Self::Login => vec![account.login.as_str()],
            Self::Name => vec![&account.name],
        }
    }

    /// The form that texts are compared in.
    pub(crate) fn form(self, fit: TextFit) -> fn(&str) -> String {
        match (self, fit) {
            (Self::ExternalId, TextFit::Whole) => str::to_owned,
            _ => folded,
        }
    }
}

impl TextFit {
    fn fits(self, text: &str, wanted: &str) -> bool {
        match self {
            Self::Begins => text.starts_with(wanted),
            Self::Ends => text.ends_with(wanted),
            Self::Part => text.contains(wanted),
            Self::Whole => text == wanted,
        }
    }
}

impl AccountOrder {
    fn compare(self, a: &Account, b: &Account) -> Ordering {
        let by = |of: fn(&Account) -> &str| folded(of(a)).cmp(&folded(of(b)));
        match self {
            Self::CreatedAt => a.created_at.cmp(&b.created_at),
            Self::Email => by(|account| account.email.as_deref().unwrap_or_default()),
            Self::FirstName => by(|account| account.names().0),
            Self::Id => a.id.cmp(&b.id),
            Self::LastName => by(|account| account.names().1),
            Self::LastSignInAt => a.last_sign_in_at.cmp(&b.last_sign_in_at),
            Self::Login => by(|account| account.login.as_str()),
            Self::Name => by(|account| &account.name),
            Self::UpdatedAt => a.updated_at.cmp(&b.updated_at),
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
