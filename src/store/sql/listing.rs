//! Lists of sessions, with those that are over.

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row};

use super::SqlDirectory;
use super::errors::Fallible;
use super::rows::{self, Columns, session_columns, stored};
use crate::store::{SessionPage, SessionQuery, SessionRecord, SessionState};

/// Everything that is known of sessions, as one table; $1 is the instant.
const ALL: &str = concat!(
    "(SELECT sessions.id, ",
    session_columns!(),
    ", CASE WHEN accounts.generation <> sessions.generation THEN 'revoked' \
     WHEN sessions.expires_at <= $1 THEN 'expired' ELSE 'active' END AS state, \
     CAST(NULL AS BIGINT) AS ended_at \
     FROM sessions JOIN accounts ON accounts.id = sessions.account \
     UNION ALL SELECT id, key, account, generation, created_at, expires_at, last_seen_at, \
     opened_from, user_agent, device, console, state, ended_at FROM ended_sessions) AS sessions"
);

impl SqlDirectory {
    pub(super) async fn list_sessions(&self, query: SessionQuery) -> Fallible<SessionPage> {
        let Some(wanted) = Wanted::of(&query) else { return Ok(SessionPage::default()) };
        let now = self.clock.wall().as_micros();
        let mut tx = self.db.read().await?;
        let count = format!("SELECT COUNT(*) FROM {ALL} WHERE {}", wanted.condition());
        let row = wanted.bound(count, now).fetch_one(&mut *tx).await?;
        let total: i64 = row.try_get(0)?;
        let page = format!(
            concat!(
                "SELECT ",
                session_columns!(),
                ", state, ended_at FROM {} WHERE {} ORDER BY created_at DESC, id \
                 LIMIT {} OFFSET {}"
            ),
            ALL,
            wanted.condition(),
            query.limit,
            stored(query.offset)
        );
        let found = wanted.bound(page, now).fetch_all(&mut *tx).await?;
        let sessions = found.iter().map(record).collect::<Fallible<_>>()?;
        Ok(SessionPage { sessions, total: total.unsigned_abs() })
    }
}

/// The conditions, with what is bound to them.
struct Wanted {
    account: Option<i64>,
    id: Option<String>,
    state: Option<&'static str>,
}

impl Wanted {
    /// `None` where nobody can be meant.
    fn of(query: &SessionQuery) -> Option<Self> {
        let account = match &query.account {
            Some(key) => Some(key.account_id()?.get()),
            None => None,
        };
        let id = query.id.map(|id| id.to_string());
        Some(Self { account, id, state: query.state.map(SessionState::as_str) })
    }

    fn condition(&self) -> String {
        let mut sql = "CAST($1 AS BIGINT) IS NOT NULL".to_owned();
        let mut place = 1;
        let mut add = |wanted: bool, column: &str| {
            if wanted {
                place += 1;
                sql.push_str(&format!(" AND {column} = ${place}"));
            }
        };
        add(self.account.is_some(), "account");
        add(self.id.is_some(), "id");
        add(self.state.is_some(), "state");
        sql
    }

    fn bound(&self, sql: String, now: i64) -> Query<'_, Any, AnyArguments> {
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(now);
        if let Some(account) = self.account {
            query = query.bind(account);
        }
        if let Some(id) = &self.id {
            query = query.bind(id.as_str());
        }
        match self.state {
            Some(state) => query.bind(state),
            None => query,
        }
    }
}

fn record(row: &AnyRow) -> Fallible<SessionRecord> {
    let session = rows::session(row)?;
    let mut columns = Columns::after_session(row);
    let state = columns.word(SessionState::from_word)?;
    Ok(SessionRecord { session, state, ended_at: columns.time_if_any()? })
}
