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
use crate::domain::account::AccountId;
use crate::domain::standing::{Lifecycle, Status};
use crate::domain::time::Timestamp;
use crate::store::{
    AccountFilter, AccountOrder, AccountPage, AccountSearch, Direction, TextField, TextFit,
    TimeField,
};

/// Where the instant stands that statuses are asked for.
const NOW: &str = "$1";

/// The numbers of those who are locked at that instant, by the two indexes.
const LOCKED: &str = "(SELECT id FROM accounts WHERE admin_lock_until > $1 \
     UNION SELECT id FROM accounts WHERE lockout_until > $1)";

/// Whether somebody is in a group, whichever it is.
const IN_A_GROUP: &str = "EXISTS (SELECT 1 FROM group_members WHERE account = accounts.id)";

/// The numbers of those who are in these groups, by the table's own key.
const OF_GROUPS: &str = "SELECT account FROM group_members WHERE group_id IN";

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
        let mut total = 0;
        if !search.uncounted {
            let count = format!("SELECT COUNT(*) FROM accounts WHERE {}", condition.sql);
            let row = condition.bound(count, now).fetch_one(&mut *tx).await?;
            total = row.try_get::<i64, _>(0)?.unsigned_abs();
        }
        let beyond = !search.uncounted && search.offset >= total;
        if search.limit == 0 || beyond {
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
            AccountFilter::Admin(wanted) => self.add_flag("admin", *wanted),
            AccountFilter::AdminLocked(wanted) => self.add_until("admin_lock_until", *wanted),
            AccountFilter::All(filters) => {
                self.sql.push_str("(1 = 1");
                for filter in filters {
                    self.sql.push_str(" AND ");
                    self.add(filter);
                }
                self.sql.push(')');
            }
            AccountFilter::Any(filters) => self.any(false, filters, Self::add),
            AccountFilter::Disabled(wanted) => self.add_flag("disabled", *wanted),
            AccountFilter::Ids(ids) => {
                let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
                let _ = write!(self.sql, "id IN ({})", ids.join(", "));
            }
            AccountFilter::InAnyGroup(wanted) => {
                let not = if *wanted { "" } else { "NOT " };
                let _ = write!(self.sql, "{not}{IN_A_GROUP}");
            }
            AccountFilter::InGroups(groups) => {
                let groups: Vec<_> = groups.iter().map(ToString::to_string).collect();
                let _ = write!(self.sql, "id IN ({OF_GROUPS} ({}))", groups.join(", "));
            }
            AccountFilter::LockedOut(wanted) => self.add_until("lockout_until", *wanted),
            AccountFilter::Mentions(text) => {
                let Some(text) = pattern("%", text, "%") else {
                    return self.sql.push_str("1 = 0");
                };
                let _ = write!(self.sql, "LOWER(details) LIKE {} ESCAPE '!'", self.place(1));
                self.texts.push(text);
            }
            AccountFilter::Not(filter) => {
                self.sql.push_str("NOT (");
                self.add(filter);
                self.sql.push(')');
            }
            AccountFilter::Status { any_of, negated } => {
                self.any(*negated, any_of.iter().copied(), |own, status| {
                    own.sql.push_str(&status_is(status));
                });
            }
            AccountFilter::Text { field, fit, any_of, negated } => {
                self.any(*negated, any_of, |own, text| own.add_text(*field, *fit, text));
            }
            AccountFilter::Time { field, from, before } => self.add_time(*field, *from, *before),
        }
    }

    fn add_flag(&mut self, column: &str, wanted: bool) {
        let _ = write!(self.sql, "{column} = {}", u8::from(wanted));
    }

    fn add_until(&mut self, column: &str, wanted: bool) {
        let fits = if wanted { ">" } else { "<=" };
        let _ = write!(self.sql, "COALESCE({column}, 0) {fits} {NOW}");
    }

    /// What is nowhere is in no time; a comparison with it would be neither true nor
    /// false, also once it is negated.
    fn add_time(&mut self, field: TimeField, from: Option<Timestamp>, before: Option<Timestamp>) {
        let column = time_column(field);
        let _ = write!(self.sql, "({column} IS NOT NULL");
        for (operator, bound) in [(">=", from), ("<", before)] {
            if let Some(bound) = bound {
                let _ = write!(self.sql, " AND {column} {operator} {}", bound.as_micros());
            }
        }
        self.sql.push(')');
    }

    /// Those that one of these takes, or the others.
    fn any<T>(
        &mut self,
        negated: bool,
        items: impl IntoIterator<Item = T>,
        add: impl Fn(&mut Self, T),
    ) {
        self.sql.push_str(if negated { "NOT (" } else { "(" });
        let mut items = items.into_iter().peekable();
        if items.peek().is_none() {
            self.sql.push_str("1 = 0");
        }
        // No other words: SQLite uses an index where each of them has one.
        let mut or = "";
        for item in items {
            self.sql.push_str(std::mem::replace(&mut or, " OR "));
            add(self, item);
        }
        self.sql.push(')');
    }

    fn add_text(&mut self, field: TextField, fit: TextFit, text: &str) {
        let like = "LIKE {} ESCAPE '!'";
        let (operator, text) = match fit {
            TextFit::Whole => ("= {}", Some(field.form(fit)(text))),
            TextFit::Begins => (like, pattern("", text, "%")),
            TextFit::Ends => (like, pattern("%", text, "")),
            TextFit::Part => (like, pattern("%", text, "%")),
        };
        let Some(text) = text else { return self.sql.push_str("1 = 0") };
        if (field, fit) == (TextField::ExternalId, TextFit::Whole) && text.is_empty() {
            return self.sql.push_str("external_id IS NULL");
        }
        let operator = operator.replace("{}", &self.place(1));
        self.texts.push(text);
        let columns = columns_of(field, fit).iter();
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
                " FROM accounts WHERE {}{} ORDER BY {} LIMIT {} OFFSET {}"
            ),
            self.sql,
            search
                .after
                .map_or_else(String::new, |id| after(search, id)),
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

fn columns_of(field: TextField, fit: TextFit) -> &'static [&'static str] {
    match (field, fit) {
        (TextField::Any, _) => &[
            "login",
            "name_folded",
            "first_name_folded",
            "last_name_folded",
            "COALESCE(email_folded, '')",
        ],
        (TextField::Email, _) => &["COALESCE(email_folded, '')"],
        // Neither true nor false is no answer to a negation; and the index is used.
        (TextField::ExternalId, TextFit::Whole) => &["external_id IS NOT NULL AND external_id"],
        (TextField::ExternalId, _) => &["COALESCE(external_id_folded, '')"],
        (TextField::FirstName, _) => &["first_name_folded"],
        (TextField::LastName, _) => &["last_name_folded"],
        (TextField::Login, _) => &["login"],
        (TextField::Name, _) => &["name_folded"],
    }
}

const fn time_column(field: TimeField) -> &'static str {
    match field {
        TimeField::CreatedAt => "created_at",
        TimeField::LastSignInAt => "last_sign_in_at",
        TimeField::SessionsEndedAt => "sessions_ended_at",
        TimeField::UpdatedAt => "updated_at",
    }
}

/// As `Standing::status` has it, of accounts that are not deleted.
fn status_is(status: Status) -> String {
    let unlocked = |lifecycle: Lifecycle| {
        let lifecycle = lifecycle.as_str();
        let free = |column| format!("COALESCE({column}, 0) <= {NOW}");
        let (lock, lockout) = (free("admin_lock_until"), free("lockout_until"));
        // By the row alone: to list everybody who is locked would be the more work the
        // more there are, for each page anew.
        format!("(lifecycle = '{lifecycle}' AND disabled = 0 AND {lock} AND {lockout})")
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

const fn column_of(order: AccountOrder) -> &'static str {
    match order {
        AccountOrder::CreatedAt => "created_at",
        AccountOrder::Email => "COALESCE(email_folded, '')",
        AccountOrder::FirstName => "first_name_folded",
        AccountOrder::Id => "id",
        AccountOrder::LastName => "last_name_folded",
        AccountOrder::LastSignInAt => "COALESCE(last_sign_in_at, 0)",
        AccountOrder::Login => "login",
        AccountOrder::Name => "name_folded",
        AccountOrder::UpdatedAt => "updated_at",
    }
}

fn order_of(search: &AccountSearch) -> String {
    let terms = search.full_order().into_iter().map(|(order, direction)| {
        let column = column_of(order);
        match direction {
            Direction::Ascending => column.to_owned(),
            Direction::Descending => format!("{column} DESC"),
        }
    });
    terms.collect::<Vec<_>>().join(", ")
}

/// Only what comes after that account. The first comparison says nothing that the
/// others don't; it is there for the index. An account is never gone: of one that was
/// deleted there still is where it stood.
fn after(search: &AccountSearch, id: AccountId) -> String {
    let own = |column: &str| format!("(SELECT {column} FROM accounts WHERE id = {id})");
    let terms: Vec<_> = search
        .full_order()
        .into_iter()
        .map(|(order, direction)| {
            let column = column_of(order);
            let sign = if direction == Direction::Ascending { '>' } else { '<' };
            (column, sign, own(column))
        })
        .collect();
    let mut sql = String::new();
    if let Some((column, sign, own)) = terms.first() {
        let _ = write!(sql, " AND {column} {sign}= {own}");
    }
    sql.push_str(" AND (1 = 0");
    for (at, (column, sign, own)) in terms.iter().enumerate() {
        sql.push_str(" OR (");
        for (column, _, own) in &terms[..at] {
            let _ = write!(sql, "{column} = {own} AND ");
        }
        let _ = write!(sql, "{column} {sign} {own})");
    }
    sql.push(')');
    sql
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
        let id = AccountId::try_from(7).ok();
        for order in [
            AccountOrder::CreatedAt,
            AccountOrder::Email,
            AccountOrder::FirstName,
            AccountOrder::Id,
            AccountOrder::LastName,
            AccountOrder::LastSignInAt,
            AccountOrder::Login,
            AccountOrder::Name,
            AccountOrder::UpdatedAt,
        ] {
            for direction in [Direction::Ascending, Direction::Descending] {
                for after in [None, id] {
                    let order = vec![(order, direction)];
                    let search = AccountSearch { order, after, limit: 20, ..Default::default() };
                    let plan = plan(&directory, &search).await;
                    assert!(!plan.contains("TEMP B-TREE"), "{search:?}: {plan}");
                    let sought = after.is_none() || plan.contains("SEARCH accounts USING");
                    assert!(sought, "{search:?}: {plan}");
                }
            }
        }
        let any_of = vec!["HR-1".to_owned()];
        let (field, fit) = (TextField::ExternalId, TextFit::Whole);
        let filters = vec![AccountFilter::Text { field, fit, any_of, negated: false }];
        let found = plan(&directory, &AccountSearch { filters, ..Default::default() }).await;
        assert!(found.contains("accounts_external_id"), "{found}");
        let filters = vec![AccountFilter::InGroups(vec![7.try_into().expect("a number")])];
        let members = plan(&directory, &AccountSearch { filters, ..Default::default() }).await;
        assert!(!members.contains("SCAN group_members"), "{members}");
        let any_of = vec![Status::Locked];
        let filters = vec![AccountFilter::Status { any_of, negated: false }];
        let locked = plan(&directory, &AccountSearch { filters, ..Default::default() }).await;
        for index in ["accounts_admin_lock_until", "accounts_lockout_until"] {
            assert!(locked.contains(index), "{locked}");
        }
    }
}
