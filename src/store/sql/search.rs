//! Searches of accounts: one statement for what was asked, with every value in a
//! numbered place.

mod few;
mod order;
mod words;

use std::fmt::Write;

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row};

use self::few::{Beginning, Few};
use self::words::{HELD, columns_of, status_is, time_column};
use super::SqlDirectory;
use super::db::Tx;
use super::errors::{Fallible, Fault};
use super::list::pattern;
use super::rows::{self, account_columns, numbers, stored};
use crate::domain::account::{Account, AccountId};
use crate::domain::time::Timestamp;
use crate::store::{AccountFilter, AccountPage, AccountSearch, TextField, TextFit, TimeField};

/// Where the instant stands that statuses are asked for.
const NOW: &str = "$1";

/// How many accounts make one way to a page shorter than another.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// So many are looked at one by one and sorted sooner than an order is gone along.
    few: u32,
    /// Where more may be taken: so many are gone along in order first.
    stretch: u32,
    /// With more than so many, it is sooner to go along the whole order.
    many: u32,
}

const BOUNDS: Bounds = Bounds { few: 5_000, stretch: 20_000, many: 300_000 };

/// Whether somebody is in a group, whichever it is.
const IN_A_GROUP: &str = "EXISTS (SELECT 1 FROM group_members WHERE account = accounts.id)";

/// The numbers of those who are in these groups, by the table's own key.
const OF_GROUPS: &str = "SELECT account FROM group_members WHERE group_id IN";

/// A condition on accounts. Texts go into places of their own, never into the SQL.
#[derive(Clone)]
struct Condition {
    /// What is selected from.
    source: String,
    sql: String,
    texts: Vec<String>,
}

impl SqlDirectory {
    /// Count and page are of one instant.
    pub(super) async fn find_all(&self, search: AccountSearch) -> Fallible<AccountPage> {
        self.find_within(search, BOUNDS).await
    }

    async fn find_within(&self, search: AccountSearch, bounds: Bounds) -> Fallible<AccountPage> {
        let condition = Condition::of(&search.filters);
        let now = self.clock.wall().as_micros();
        let mut tx = self.db.read().await?;
        let few = Few::of(&search.filters, self.db.dialect());
        if search.uncounted {
            let accounts = condition.found(&mut tx, &search, &few, now, bounds).await?;
            return Ok(AccountPage { accounts, total: 0 });
        }
        let condition = condition.among(&mut tx, &few, now, bounds.many).await?;
        let count = format!("SELECT COUNT(*) FROM {} WHERE {}", condition.source, condition.sql);
        let row = condition.bound(count, now).fetch_one(&mut *tx).await?;
        let total = row.try_get::<i64, _>(0)?.unsigned_abs();
        let accounts = match search.offset >= total {
            true => Vec::new(),
            false => condition.read(&mut tx, &search, now).await?,
        };
        Ok(AccountPage { accounts, total })
    }
}

impl Condition {
    /// A page, by the shortest way to it.
    async fn found(
        self,
        tx: &mut Tx,
        search: &AccountSearch,
        few: &[Few],
        now: i64,
        bounds: Bounds,
    ) -> Fallible<Vec<Account>> {
        if few.is_empty() {
            return self.read(tx, search, now).await;
        }
        let among = self.clone().among(tx, few, now, bounds.few).await?;
        if among.source != self.source {
            return among.read(tx, search, now).await;
        }
        if let Some(first) = few.first()
            && let Some((beginning, rest)) = Few::beside_beginnings(search, first.dialect())
            && rest.are_at_most(tx, now, bounds.few).await?
        {
            return self.merged(tx, search, beginning, &rest, now).await;
        }
        // Where many are taken, most likely a page of them is near.
        if let Some(end) = end_of_stretch(tx, search, bounds.stretch).await? {
            let mut near = self.clone();
            near.sql.push_str(&order::up_to(search, end));
            let found = near.read(tx, search, now).await?;
            if found.len() >= search.limit as usize {
                return Ok(found);
            }
            let among = self.among(tx, few, now, bounds.many).await?;
            return among.read(tx, search, now).await;
        }
        self.read(tx, search, now).await
    }

    /// A page of those whose login begins so and of the rest.
    async fn merged(
        self,
        tx: &mut Tx,
        search: &AccountSearch,
        beginning: Beginning,
        rest: &Few,
        now: i64,
    ) -> Fallible<Vec<Account>> {
        let (mut begin, mut others) = (self.clone(), self);
        let Beginning { from, before } = beginning;
        let (first, second) = (begin.place(1), begin.place(2));
        begin
            .sql
            .push_str(&format!(" AND login >= {first} AND login < {second}"));
        begin.texts.extend([from, before]);
        others.source = rest.source(&mut others.texts);
        let mut found = begin.read(tx, search, now).await?;
        found.extend(others.read(tx, search, now).await?);
        found.sort_by(|a, b| search.compare(a, b));
        found.dedup_by_key(|account| account.id);
        found.truncate(search.limit as usize);
        Ok(found)
    }

    /// The same condition, on the accounts of the first filter that takes no more than so
    /// many; on all where each takes more.
    async fn among(mut self, tx: &mut Tx, few: &[Few], now: i64, most: u32) -> Fallible<Self> {
        for few in few {
            if few.are_at_most(tx, now, most).await? {
                self.source = few.source(&mut self.texts);
                break;
            }
        }
        Ok(self)
    }

    async fn read(&self, tx: &mut Tx, search: &AccountSearch, now: i64) -> Fallible<Vec<Account>> {
        if search.limit == 0 {
            return Ok(Vec::new());
        }
        let rows = self
            .bound(self.page(search), now)
            .bind(i64::from(search.limit))
            .bind(stored(search.offset))
            .fetch_all(&mut **tx)
            .await?;
        rows.iter().map(rows::account).collect()
    }

    fn of(filters: &[AccountFilter]) -> Self {
        // The instant has its place in every statement, whether or not it matters.
        let sql = format!("lifecycle <> 'deleted' AND CAST({NOW} AS BIGINT) IS NOT NULL");
        let mut condition = Self { source: "accounts".to_owned(), sql, texts: Vec::new() };
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
                let _ = write!(self.sql, "id IN ({})", numbers(ids));
            }
            AccountFilter::InAnyGroup(wanted) => {
                let not = if *wanted { "" } else { "NOT " };
                let _ = write!(self.sql, "{not}{IN_A_GROUP}");
            }
            AccountFilter::InGroups(groups) => {
                let _ = write!(self.sql, "id IN ({OF_GROUPS} ({}))", numbers(groups));
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
        let _ = match wanted {
            true => write!(self.sql, "({HELD} AND COALESCE({column}, 0) > {NOW})"),
            false => write!(self.sql, "COALESCE({column}, 0) <= {NOW}"),
        };
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
                " FROM {} WHERE {}{} ORDER BY {} LIMIT {} OFFSET {}"
            ),
            self.source,
            self.sql,
            search
                .after
                .map_or_else(String::new, |id| order::after(search, id)),
            order::terms_of(search),
            self.place(1),
            self.place(2)
        )
    }

    /// The place this many after the last.
    fn place(&self, after: usize) -> String {
        place(self.texts.len() + after)
    }

    fn bound<'q>(&'q self, sql: String, now: i64) -> Query<'q, Any, AnyArguments> {
        let query = sqlx::query(AssertSqlSafe(sql)).bind(now);
        self.texts
            .iter()
            .fold(query, |query, text| query.bind(text.as_str()))
    }
}

/// Who comes so many accounts later in the order, if so many come.
async fn end_of_stretch(
    tx: &mut Tx,
    search: &AccountSearch,
    stretch: u32,
) -> Fallible<Option<AccountId>> {
    let sql = format!(
        "SELECT id FROM accounts WHERE 1 = 1{} ORDER BY {} LIMIT 1 OFFSET {stretch}",
        search
            .after
            .map_or_else(String::new, |id| order::after(search, id)),
        order::terms_of(search)
    );
    let row = sqlx::query(AssertSqlSafe(sql))
        .fetch_optional(&mut **tx)
        .await?;
    let id = row.map(|row| row.try_get::<i64, _>(0)).transpose()?;
    let id = id.map(AccountId::try_from).transpose();
    id.map_err(|error| Fault::damaged(error.to_string()))
}

/// The name of a numbered place that texts stand in; the first is the instant's.
fn place(number: usize) -> String {
    format!("${}", 1 + number)
}

#[cfg(test)]
mod tests;
