//! The list by status: one after the other, each by login.
//!
//! A status depends on the clock, since locks end by themselves, so no index can hold it.
//! But there are few, and the store finds those who have one: a page is taken from as many
//! as it needs.

use crate::domain::account::{Account, AccountId};
use crate::domain::standing::Status;
use crate::pages::console::answer::Trouble;
use crate::pages::console::desk::Desk;
use crate::pages::console::staff::Staff;
use crate::store::{AccountFilter, AccountOrder, AccountSearch, Direction};

/// Who needs somebody comes first.
const ORDER: [(Status, &str); 5] = [
    (Status::Locked, "locked"),
    (Status::Disabled, "disabled"),
    (Status::Registered, "registered"),
    (Status::Invited, "invited"),
    (Status::Active, "active"),
];

/// After whom a page goes on: the last account of the one before, and the status that it
/// was listed with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct After {
    pub(super) id: AccountId,
    status: Option<usize>,
}

impl After {
    /// Reads "7", or "locked.7" where the list is by status.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (status, id) = match text.split_once('.') {
            None => (None, text),
            Some((word, id)) => (Some(ORDER.iter().position(|(_, name)| *name == word)?), id),
        };
        Some(Self { id: AccountId::try_from(id.parse::<i64>().ok()?).ok()?, status })
    }

    /// The other way round, of a list that ends with this account.
    pub(super) fn words(id: AccountId, listed_as: Option<Status>) -> String {
        let word = ORDER.iter().find(|(status, _)| Some(*status) == listed_as);
        word.map_or_else(|| id.to_string(), |(_, word)| format!("{word}.{id}"))
    }
}

/// So many, from after that one.
pub(super) async fn found(
    desk: &Desk,
    staff: &Staff,
    filters: &[AccountFilter],
    (direction, after): (Direction, Option<After>),
    most: u32,
) -> Result<Vec<Account>, Trouble> {
    let mut statuses: Vec<usize> = (0..ORDER.len()).collect();
    if direction == Direction::Descending {
        statuses.reverse();
    }
    let begun = after.and_then(|after| after.status);
    let mut found = Vec::new();
    let open = statuses
        .into_iter()
        .skip_while(|at| begun.is_some_and(|begun| begun != *at));
    for at in open {
        let left = u32::try_from(found.len()).map_or(0, |found| most.saturating_sub(found));
        if left == 0 {
            break;
        }
        let having = AccountFilter::Status { any_of: vec![ORDER[at].0], negated: false };
        let search = AccountSearch {
            filters: [filters, &[having]].concat(),
            order: vec![(AccountOrder::Login, direction)],
            after: after.filter(|_| begun == Some(at)).map(|after| after.id),
            limit: left,
            uncounted: true,
            ..AccountSearch::default()
        };
        found.extend(desk.admin.search(&staff.actor, search).await?.accounts);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_page_goes_on_reads_back() {
        let id = AccountId::try_from(7).expect("a number");
        for (text, status) in [("7", None), ("locked.7", Some(Status::Locked))] {
            assert_eq!(After::read(text).expect(text).id, id);
            assert_eq!(After::words(id, status), text);
        }
        for bad in ["", "x", "0", "-1", "deleted.7", "locked.", "7.locked"] {
            assert_eq!(After::read(bad), None, "{bad}");
        }
    }
}
