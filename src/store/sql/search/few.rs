//! Filters that an index knows the accounts of: where they are few, a search looks at those
//! alone, and at nobody else.

use sqlx::{AssertSqlSafe, Row};

use super::place;
use crate::domain::group::GroupId;
use crate::domain::standing::Status;
use crate::store::sql::db::Tx;
use crate::store::sql::dialect::Dialect;
use crate::store::sql::errors::Fallible;
use crate::store::sql::pieces;
use crate::store::sql::rows::numbers;
use crate::store::{AccountFilter, AccountOrder, AccountSearch, TextField, TextFit};

/// The numbers of those whom one filter takes, and maybe of others: who is found is
/// compared with the filter itself.
#[derive(Clone, Debug)]
pub(super) struct Few {
    /// Statements that tell numbers; `{}` is the place of the text.
    numbers: Vec<String>,
    text: Option<String>,
    dialect: &'static Dialect,
}

/// Logins that begin with a text: from it on, and before another.
#[derive(Clone, Debug)]
pub(super) struct Beginning {
    pub(super) from: String,
    pub(super) before: String,
}

impl Few {
    /// What can be told of these filters, all of which have to take an account.
    pub(super) fn of(filters: &[AccountFilter], dialect: &'static Dialect) -> Vec<Self> {
        filters
            .iter()
            .flat_map(|filter| match filter {
                AccountFilter::All(filters) => Self::of(filters, dialect),
                filter => Self::of_one(filter, dialect).into_iter().collect(),
            })
            .collect()
    }

    fn of_one(filter: &AccountFilter, dialect: &'static Dialect) -> Option<Self> {
        let locked = |columns: &[&str]| {
            let numbers = columns
                .iter()
                .map(|column| format!("SELECT id AS found FROM accounts WHERE {column} > $1"));
            Self { numbers: numbers.collect(), text: None, dialect }
        };
        match filter {
            AccountFilter::Admin(true) => {
                let admins = "SELECT id AS found FROM accounts WHERE admin = 1";
                Some(Self { numbers: vec![admins.to_owned()], text: None, dialect })
            }
            AccountFilter::AdminLocked(true) => Some(locked(&["admin_lock_until"])),
            AccountFilter::InGroups(groups) => Some(Self::of_groups(groups, dialect)),
            AccountFilter::LockedOut(true) => Some(locked(&["lockout_until"])),
            AccountFilter::Status { any_of, negated: false } if any_of == &[Status::Locked] => {
                Some(locked(&["admin_lock_until", "lockout_until"]))
            }
            AccountFilter::Text { field, fit, any_of, negated: false } => {
                Self::of_texts(*field, *fit, any_of, dialect)
            }
            _ => None,
        }
    }

    /// Where logins are gone along and a text is looked for that many begin with: those
    /// in whom it stands elsewhere. The others are together in the order.
    pub(super) fn beside_beginnings(
        search: &AccountSearch,
        dialect: &'static Dialect,
    ) -> Option<(Beginning, Self)> {
        let (AccountOrder::Login, _) = search.order.first()? else { return None };
        let AccountFilter::Text { field, fit, any_of, negated: false } = search
            .filters
            .iter()
            .find(|one| matches!(one, AccountFilter::Text { .. }))?
        else {
            return None;
        };
        let of_logins = matches!(field, TextField::Any | TextField::Login);
        let inside = matches!(fit, TextFit::Part | TextFit::Begins);
        let [text] = &any_of[..] else { return None };
        if !of_logins || !inside || search.offset > 0 {
            return None;
        }
        let from = field.form(*fit)(text);
        let rest = pieces::wanted_within(&from, &dialect.pieces)?;
        let rest = Self::of_pieces(rest, dialect);
        Some((Beginning { before: next_after(&from)?, from }, rest))
    }

    pub(super) const fn dialect(&self) -> &'static Dialect {
        self.dialect
    }

    fn of_pieces(text: String, dialect: &'static Dialect) -> Self {
        let due = "SELECT id AS found FROM account_text_due";
        let numbers = vec![dialect.having_pieces.to_owned(), due.to_owned()];
        Self { numbers, text: Some(text), dialect }
    }

    fn of_groups(groups: &[GroupId], dialect: &'static Dialect) -> Self {
        let groups = numbers(groups);
        let members = format!(
            "SELECT DISTINCT account AS found FROM group_members WHERE group_id IN ({groups})"
        );
        Self { numbers: vec![members], text: None, dialect }
    }

    /// What is looked for as a whole has an index of its own, and what is empty is in
    /// everybody's name.
    fn of_texts(
        field: TextField,
        fit: TextFit,
        any_of: &[String],
        dialect: &'static Dialect,
    ) -> Option<Self> {
        if fit == TextFit::Whole || any_of.is_empty() {
            return None;
        }
        let form = field.form(fit);
        let each: Option<Vec<_>> = any_of
            .iter()
            .map(|text| pieces::wanted(&form(text), &dialect.pieces))
            .collect();
        Some(Self::of_pieces(each?.join(dialect.pieces.or), dialect))
    }

    /// Whether there are no more than so many; who is told twice counts twice.
    pub(super) async fn are_at_most(&self, tx: &mut Tx, now: i64, most: u32) -> Fallible<bool> {
        let numbers = self.numbers.join(" UNION ALL ").replace("{}", "$2");
        let sql = format!(
            "SELECT COUNT(*) FROM ({numbers} LIMIT {}) AS few WHERE CAST($1 AS BIGINT) IS NOT NULL",
            u64::from(most) + 1
        );
        // Of this program's own words: what was asked for is in the places.
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(now);
        if let Some(text) = &self.text {
            query = query.bind(text.as_str());
        }
        let row = query.fetch_one(&mut **tx).await?;
        Ok(row.try_get::<i64, _>(0)? <= i64::from(most))
    }

    /// Each of them once, to select from; a text is put behind the others.
    pub(super) fn source(&self, texts: &mut Vec<String>) -> String {
        let mut numbers = self.numbers.join(" UNION ");
        if let Some(text) = &self.text {
            texts.push(text.clone());
            numbers = numbers.replace("{}", &place(texts.len()));
        }
        // In this order: the database does not know how few they are.
        let join = self.dialect.join_in_order;
        format!("({numbers}) AS few {join} accounts ON accounts.id = few.found")
    }
}

/// The first text after all that begin with this one.
fn next_after(text: &str) -> Option<String> {
    let last = text.chars().next_back()?;
    let next = (last..=char::MAX).nth(1)?;
    Some(format!("{}{next}", &text[..text.len() - last.len_utf8()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_a_beginning_has_it_no_more() {
        assert_eq!(next_after("p9").as_deref(), Some("p:"));
        assert_eq!(next_after("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(next_after("a\u{10ffff}"), None);
        assert_eq!(next_after(""), None);
    }
}
