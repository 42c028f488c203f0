//! What a list of people is sorted by, as its address says it.

use crate::pages::form::{BadForm, Fields};
use crate::store::{AccountOrder, Direction};

/// A column, and which end comes first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Sort {
    column: usize,
    direction: Direction,
}

/// The word of each in an address, the order that the store has, and what it is called.
/// Groups are no order: people are in several, or in none.
const COLUMNS: [(&str, Option<AccountOrder>, &str); 5] = [
    ("name", Some(AccountOrder::Name), "Name"),
    ("login", Some(AccountOrder::Login), "Login"),
    ("status", None, "Status"),
    ("last_sign_in", Some(AccountOrder::LastSignInAt), "Last sign-in"),
    ("added", Some(AccountOrder::CreatedAt), "Added"),
];

const LOGIN: usize = 1;

/// A heading that sorts by its column, or turns the order round.
pub(super) struct Heading {
    pub(super) name: &'static str,
    /// What to put into the address.
    pub(super) sort: String,
    /// As `aria-sort` has it, where the list is sorted by it.
    pub(super) sorted: Option<&'static str>,
}

impl Default for Sort {
    fn default() -> Self {
        Self { column: LOGIN, direction: Direction::Ascending }
    }
}

impl Sort {
    /// What an address says; what it can't mean is the order of a list that says none.
    pub(super) fn read(fields: &mut Fields) -> Result<Self, BadForm> {
        Ok(Self::of(&fields.perhaps("sort")?.unwrap_or_default()))
    }

    pub(super) fn of(word: &str) -> Self {
        let (word, direction) = match word.strip_prefix('-') {
            Some(word) => (word, Direction::Descending),
            None => (word, Direction::Ascending),
        };
        let column = COLUMNS.iter().position(|(name, ..)| *name == word);
        column.map_or_else(Self::default, |column| Self { column, direction })
    }

    /// As the store has it; none by status.
    pub(super) fn order(self) -> Option<(AccountOrder, Direction)> {
        COLUMNS[self.column].1.map(|order| (order, self.direction))
    }

    pub(super) const fn direction(self) -> Direction {
        self.direction
    }

    pub(super) fn word(self) -> String {
        let sign = if self.direction == Direction::Descending { "-" } else { "" };
        format!("{sign}{}", COLUMNS[self.column].0)
    }

    /// What an address says of it; nothing where it is the order of a list that says none.
    pub(super) fn pairs(self) -> Vec<(&'static str, String)> {
        if self == Self::default() { Vec::new() } else { vec![("sort", self.word())] }
    }

    pub(super) fn headings(self) -> [Heading; 5] {
        std::array::from_fn(|column| {
            let is_here = column == self.column;
            let turned = match self.direction {
                Direction::Ascending if is_here => Direction::Descending,
                _ => Direction::Ascending,
            };
            let sorted = match self.direction {
                Direction::Ascending => "ascending",
                Direction::Descending => "descending",
            };
            Heading {
                name: COLUMNS[column].2,
                sort: Self { column, direction: turned }.word(),
                sorted: is_here.then_some(sorted),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Sort {
        let mut fields = Fields::of_long_form(text.as_bytes()).expect("a form");
        Sort::read(&mut fields).expect("once")
    }

    #[test]
    fn an_address_says_the_order_and_headings_turn_it() {
        assert_eq!(of("sort=x"), Sort::default());
        let by_name = of("sort=-name");
        assert_eq!(by_name.order(), Some((AccountOrder::Name, Direction::Descending)));
        assert_eq!(of("sort=-status").order(), None);
        assert_eq!(by_name.pairs(), [("sort", "-name".to_owned())]);
        let [name, login, ..] = by_name.headings();
        assert_eq!((name.sort.as_str(), name.sorted), ("name", Some("descending")));
        assert_eq!((login.sort.as_str(), login.sorted), ("login", None));
        assert_eq!(of("").headings()[LOGIN].sort, "-login", "turned round");
    }
}
