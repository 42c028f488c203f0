//! Searches of accounts: one statement for what was asked, with every value in a
//! numbered place.

use std::fmt::Write;

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row};

use super::SqlDirectory;
use super::errors::Fallible;
use super::list::pattern;
use super::rows::{self, account_columns, stored};
use crate::domain::login::folded;
use crate::domain::standing::{Lifecycle, Status};
use crate::store::{
    AccountFilter, AccountOrder, AccountPage, AccountSearch, Direction, TextField, TextFit,
};

/// Where the instant stands that statuses are asked for.
const NOW: &str = "$1";

/// The numbers of those who are locked at that instant, by the two indexes.
const LOCKED: &str = "(SELECT id FROM accounts WHERE admin_lock_until > $1 \
     UNION SELECT id FROM accounts WHERE lockout_until > $1)";

/// A condition on accounts. Texts go into places of their own, never into the SQL.
struct Condition {
    sql: String,
    texts: Vec<String>,
}

impl SqlDirectory {
    /// Count and page are of one instant.
    pub(super) async fn find_all(&self, search: AccountSearch) -> Fallible<AccountPage> {
        let condition = Condition::of(&search.filters);
        let now = self.clock.wall().as_micros();
        let mut tx = self.db.read().await?;
        let count = format!("SELECT COUNT(*) FROM accounts WHERE {}", condition.sql);
        let row = condition.bound(count, now).fetch_one(&mut *tx).await?;
        let total = row.try_get::<i64, _>(0)?.unsigned_abs();
        if search.limit == 0 || search.offset >= total {
            return Ok(AccountPage { accounts: Vec::new(), total });
        }
        let page = condition.page(&search);
        let page = condition
            .bound(page, now)
            .bind(i64::from(search.limit))
            .bind(stored(search.offset));
        let rows = page.fetch_all(&mut *tx).await?;
        let accounts = rows.iter().map(rows::account).collect::<Fallible<_>>()?;
        Ok(AccountPage { accounts, total })
    }
}

impl Condition {
    fn of(filters: &[AccountFilter]) -> Self {
        // The instant has its place in every statement, whether or not it matters.
        let sql = format!("lifecycle <> 'deleted' AND CAST({NOW} AS BIGINT) IS NOT NULL");
        let mut condition = Self { sql, texts: Vec::new() };
        for filter in filters {
            condition.sql.push_str(" AND ");
            condition.add(filter);
        }
        condition
    }

    fn add(&mut self, filter: &AccountFilter) {
        match filter {
            AccountFilter::LockedOut(wanted) => {
                let fits = if *wanted { ">" } else { "<=" };
                let _ = write!(self.sql, "COALESCE(lockout_until, 0) {fits} {NOW}");
            }
            AccountFilter::Status { any_of, negated } => {
                self.any(*negated, any_of.iter().copied(), |own, status| {
                    own.sql.push_str(&status_is(status));
                });
            }
            AccountFilter::Text { field, fit, any_of, negated } => {
                self.any(*negated, any_of, |own, text| own.add_text(*field, *fit, text));
            }
        }
    }

    /// Those that one of these takes, or the others.
    fn any<T>(
        &mut self,
        negated: bool,
        items: impl IntoIterator<Item = T>,
        add: impl Fn(&mut Self, T),
    ) {
        self.sql
            .push_str(if negated { "NOT (1 = 0" } else { "(1 = 0" });
        for item in items {
            self.sql.push_str(" OR ");
            add(self, item);
        }
        self.sql.push(')');
    }

    fn add_text(&mut self, field: TextField, fit: TextFit, text: &str) {
        let (operator, text) = match fit {
            TextFit::Whole => ("= {}", Some(folded(text))),
            TextFit::Part => ("LIKE {} ESCAPE '!'", pattern(Some(text))),
        };
        let Some(text) = text else { return self.sql.push_str("1 = 0") };
        let operator = operator.replace("{}", &self.place(1));
        self.texts.push(text);
        let columns = columns_of(field).iter();
        let each: Vec<_> = columns
            .map(|column| format!("{column} {operator}"))
            .collect();
        let _ = write!(self.sql, "({})", each.join(" OR "));
    }

    /// A page of those that it takes; limit and offset come after the texts.
    fn page(&self, search: &AccountSearch) -> String {
        format!(
            concat!(
                "SELECT ",
                account_columns!(),
                " FROM accounts WHERE {} ORDER BY {} LIMIT {} OFFSET {}"
            ),
            self.sql,
            order_of(search),
            self.place(1),
            self.place(2)
        )
    }

    /// The place this many after the last.
    fn place(&self, after: usize) -> String {
        format!("${}", 1 + self.texts.len() + after)
    }

    fn bound<'q>(&'q self, sql: String, now: i64) -> Query<'q, Any, AnyArguments> {
        let query = sqlx::query(AssertSqlSafe(sql)).bind(now);
        self.texts
            .iter()
            .fold(query, |query, text| query.bind(text.as_str()))
    }
}

fn columns_of(field: TextField) -> &'static [&'static str] {
    match field {
        TextField::Any => &[
            "login",
            "name_folded",
            "first_name_folded",
            "last_name_folded",
            "COALESCE(email_folded, '')",
        ],
        TextField::Login => &["login"],
        TextField::Name => &["name_folded"],
    }
}

/// As `Standing::status` has it, of accounts that are not deleted.
fn status_is(status: Status) -> String {
    let unlocked = |lifecycle: Lifecycle| {
        let lifecycle = lifecycle.as_str();
        format!("(lifecycle = '{lifecycle}' AND disabled = 0 AND id NOT IN {LOCKED})")
    };
    match status {
        Status::Active => unlocked(Lifecycle::Active),
        Status::Deleted => "1 = 0".to_owned(),
        Status::Disabled => "disabled = 1".to_owned(),
        Status::Invited => unlocked(Lifecycle::Invited),
        Status::Locked => format!("(disabled = 0 AND id IN {LOCKED})"),
        Status::Registered => unlocked(Lifecycle::Registered),
    }
}

fn order_of(search: &AccountSearch) -> String {
    let terms = search.full_order().into_iter().map(|(order, direction)| {
        let column = match order {
            AccountOrder::Email => "COALESCE(email_folded, '')",
            AccountOrder::FirstName => "first_name_folded",
            AccountOrder::Id => "id",
            AccountOrder::LastName => "last_name_folded",
            AccountOrder::Login => "login",
            AccountOrder::Name => "name_folded",
        };
        match direction {
            Direction::Ascending => column.to_owned(),
            Direction::Descending => format!("{column} DESC"),
        }
    });
    terms.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How SQLite would go about it.
    async fn plan(directory: &SqlDirectory, search: &AccountSearch) -> String {
        let condition = Condition::of(&search.filters);
        let explain = format!("EXPLAIN QUERY PLAN {}", condition.page(search));
        let query = condition.bound(explain, 0).bind(20_i64).bind(0_i64);
        let rows = query
            .fetch_all(directory.db.readers())
            .await
            .expect("a plan");
        let steps = rows.iter().map(|row| row.get::<String, _>(3));
        steps.collect::<Vec<_>>().join("\n")
    }

    #[tokio::test]
    async fn lists_are_read_in_the_order_of_an_index() {
        let folder = tempfile::tempdir().expect("a folder");
        let directory = SqlDirectory::open(folder.path().join("accounts.db")).await;
        let directory = directory.expect("opens");
        for order in [
            AccountOrder::Email,
            AccountOrder::FirstName,
            AccountOrder::Id,
            AccountOrder::LastName,
            AccountOrder::Login,
            AccountOrder::Name,
        ] {
            for direction in [Direction::Ascending, Direction::Descending] {
                let order = vec![(order, direction)];
                let search = AccountSearch { order, limit: 20, ..AccountSearch::default() };
                let plan = plan(&directory, &search).await;
                assert!(!plan.contains("TEMP B-TREE"), "{search:?}: {plan}");
            }
        }
        let any_of = vec![Status::Locked];
        let filters = vec![AccountFilter::Status { any_of, negated: false }];
        let locked = plan(&directory, &AccountSearch { filters, ..Default::default() }).await;
        for index in ["accounts_admin_lock_until", "accounts_lockout_until"] {
            assert!(locked.contains(index), "{locked}");
        }
    }
}
