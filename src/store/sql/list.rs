//! Lists of accounts, by status and by words.

use super::SqlDirectory;
use super::errors::Fallible;
use super::rows::{self, account_columns};
use crate::domain::account::{Account, AccountId};
use crate::domain::login::folded;
use crate::domain::standing::Status;
use crate::store::AccountQuery;

/// Longer words are in nobody's name, and SQLite takes no longer patterns.
const MAX_SEARCH_BYTES: usize = 4096;

macro_rules! list {
    ($($with_status:expr),+) => {
        concat!(
            "SELECT ", account_columns!(), " FROM accounts WHERE id > $1 \
             AND (login LIKE $2 ESCAPE '!' OR name_folded LIKE $2 ESCAPE '!' \
             OR email_folded LIKE $2 ESCAPE '!') AND ", $($with_status,)+ " ORDER BY id LIMIT $3"
        )
    };
}

macro_rules! unlocked {
    () => {
        " AND disabled = 0 AND (admin_lock_until IS NULL OR admin_lock_until <= $4) \
         AND (lockout_until IS NULL OR lockout_until <= $4)"
    };
}

impl SqlDirectory {
    /// The status follows from lifecycle and ends at the instant of asking, as
    /// `Standing::status` has it.
    pub(super) async fn list(&self, query: AccountQuery) -> Fallible<Vec<Account>> {
        let words = query.search.as_deref().unwrap_or_default();
        let Some(pattern) = pattern("%", words, "%") else { return Ok(Vec::new()) };
        let (sql, asks_time) = statement(query.status);
        let mut select = sqlx::query(sql)
            .bind(query.after.map_or(0, AccountId::get))
            .bind(pattern)
            .bind(i64::from(query.limit));
        if asks_time {
            select = select.bind(self.clock.wall().as_micros());
        }
        let rows = select.fetch_all(self.db.readers()).await?;
        rows.iter().map(rows::account).collect()
    }
}

fn statement(status: Option<Status>) -> (&'static str, bool) {
    match status {
        None => (list!("lifecycle <> 'deleted'"), false),
        Some(Status::Active) => (list!("lifecycle = 'active'", unlocked!()), true),
        Some(Status::Deleted) => (list!("lifecycle = 'deleted'"), false),
        Some(Status::Disabled) => (list!("disabled = 1 AND lifecycle <> 'deleted'"), false),
        Some(Status::Invited) => (list!("lifecycle = 'invited'", unlocked!()), true),
        Some(Status::Locked) => (LOCKED, true),
        Some(Status::Registered) => (list!("lifecycle = 'registered'", unlocked!()), true),
    }
}

const LOCKED: &str = list!(
    "disabled = 0 AND lifecycle <> 'deleted' AND id IN (\
     SELECT id FROM accounts WHERE admin_lock_until > $4 \
     UNION SELECT id FROM accounts WHERE lockout_until > $4)"
);

/// A text with something before and after it. `None` if nobody can match.
pub(super) fn pattern(before: &str, text: &str, after: &str) -> Option<String> {
    let words = folded(text);
    if words.len() > MAX_SEARCH_BYTES {
        return None;
    }
    let mut pattern = before.to_owned();
    for c in words.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push_str(after);
    Some(pattern)
}
