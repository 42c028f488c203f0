//! Rows that are written many at a time.
//!
//! A statement costs its way to the database and back, whatever it writes. So what comes
//! of many accounts is written in few of them. Rows go in a few fixed numbers, and the
//! database prepares each text once.

use std::fmt::Write;

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

use super::db::Tx;
use super::errors::Fallible;

/// The most rows of one statement. SQLite looks for the name of each place from the first
/// on: with many more rows that would take longer than the statements that they spare.
pub(super) const MOST: usize = 32;

/// A value for a numbered place.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Number(Option<i64>),
    Text(Option<String>),
}

/// A statement that takes rows of `N` values: what stands before and after them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows<const N: usize> {
    pub(super) before: &'static str,
    pub(super) after: &'static str,
}

// === impl Value ===

impl Value {
    pub(super) fn bind(self, query: Query<'_, Any, AnyArguments>) -> Query<'_, Any, AnyArguments> {
        match self {
            Self::Number(number) => query.bind(number),
            Self::Text(text) => query.bind(text),
        }
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(Some(number))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

// === impl Rows ===

impl<const N: usize> Rows<N> {
    /// Writes all of them, and says how many rows of the table that was.
    pub(super) async fn write(&self, tx: &mut Tx, rows: Vec<[Value; N]>) -> Fallible<u64> {
        let mut left = rows.len();
        let mut rows = rows.into_iter();
        let mut written = 0;
        while left > 0 {
            let count = at_once(left);
            left -= count;
            // Of this program's own words: what is written is in the places.
            let mut query = sqlx::query(AssertSqlSafe(self.text(count)));
            for value in rows.by_ref().take(count).flatten() {
                query = value.bind(query);
            }
            written += query.execute(&mut **tx).await?.rows_affected();
        }
        Ok(written)
    }

    fn text(&self, rows: usize) -> String {
        let mut sql = String::with_capacity(self.before.len() + self.after.len() + rows * N * 6);
        sql.push_str(self.before);
        for place in 0..rows * N {
            let between = match place {
                0 => "(",
                _ if place % N == 0 => "), (",
                _ => ", ",
            };
            let _ = write!(sql, "{between}${}", place + 1);
        }
        sql.push(')');
        sql.push_str(self.after);
        sql
    }
}

/// How many rows go into the next statement: a power of two.
fn at_once(left: usize) -> usize {
    match left.min(MOST).checked_ilog2() {
        Some(power) => 1 << power,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_one_after_the_other() {
        let rows = Rows::<2> { before: "INSERT INTO t (a, b) VALUES ", after: " RETURNING a" };
        assert_eq!(rows.text(1), "INSERT INTO t (a, b) VALUES ($1, $2) RETURNING a");
        assert_eq!(rows.text(2), "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4) RETURNING a");
    }

    #[test]
    fn few_texts_are_prepared_and_nothing_is_left_over() {
        let mut texts = std::collections::HashSet::new();
        for count in 0..500 {
            let (mut left, mut statements) = (count, 0);
            while left > 0 {
                texts.insert(at_once(left));
                left -= at_once(left);
                statements += 1;
            }
            assert!(statements <= count / MOST + MOST.ilog2() as usize, "{count}: {statements}");
        }
        assert_eq!(texts.len(), 1 + MOST.ilog2() as usize);
    }
}
