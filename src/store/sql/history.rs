//! Attempts that are over: one row each, and counts by the hour.

use std::collections::BTreeMap;

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::SqlDirectory;
use super::db::Tx;
use super::errors::Fallible;
use super::rows::{Columns, stored};
use super::values::{Rows, Value};
use crate::domain::account::AccountId;
use crate::domain::client::ClientAddr;
use crate::domain::history::{AttemptEnd, PastAttempt};
use crate::domain::time::Timestamp;
use crate::store::history::hour_of;
use crate::store::{
    BoxFuture, HistoryQuery, HistoryStore, HourCount, Remembered, SourceCount, StoreError,
};

const INSERT: Rows<9> = Rows {
    before: "INSERT INTO attempt_history \
        (number, at, account, login, source, network, device, ended, mark) VALUES ",
    after: "",
};

/// How many rows go in one step: whoever wants to write meanwhile waits for no more.
const STEP: i64 = 500;

impl SqlDirectory {
    async fn remember_attempts(&self, attempts: Vec<PastAttempt>, most: u64) -> Fallible<()> {
        if attempts.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.write().await?;
        let head = sqlx::query(
            "UPDATE attempt_history_head SET last = last + $1 WHERE id = 1 RETURNING last",
        )
        .bind(stored(attempts.len() as u64))
        .fetch_one(&mut *tx)
        .await?;
        let last: i64 = head.try_get(0)?;
        let first = last - stored(attempts.len() as u64) + 1;
        let rows = (first..)
            .zip(&attempts)
            .map(|(number, one)| row(number, one));
        INSERT.write(&mut tx, rows.collect()).await?;
        count_hours(&mut tx, &attempts).await?;
        self.commit_quietly(tx).await?;
        self.forget_numbers_up_to(last.saturating_sub(stored(most)))
            .await
            .map(drop)
    }

    async fn read_attempts(&self, query: HistoryQuery) -> Fallible<Vec<Remembered>> {
        let HistoryQuery { account, before, after, until, oldest_first, limit } = query;
        let bounds = [
            ("account = ", account.map(AccountId::get)),
            ("number < ", before.map(stored)),
            ("number > ", after.map(stored)),
            ("at <= ", until.map(Timestamp::as_micros)),
        ];
        let bounds = bounds
            .into_iter()
            .filter_map(|(words, value)| Some((words, value?)));
        let (wanted, values): (Vec<_>, Vec<_>) = bounds
            .enumerate()
            .map(|(at, (words, value))| (format!("{words}${}", at + 1), value))
            .unzip();
        let wanted = if wanted.is_empty() { "1 = 1".to_owned() } else { wanted.join(" AND ") };
        let order = if oldest_first { "" } else { " DESC" };
        let sql = format!(
            "SELECT number, at, account, login, source, device, ended, mark \
             FROM attempt_history WHERE {wanted} ORDER BY number{order} LIMIT {limit}"
        );
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for value in values {
            query = query.bind(value);
        }
        let rows = query.fetch_all(self.db.readers()).await?;
        rows.iter().map(remembered).collect()
    }

    async fn count_by_hour(&self, since: Timestamp) -> Fallible<Vec<HourCount>> {
        let rows = sqlx::query(
            "SELECT hour, ended, attempts FROM attempt_hours WHERE hour >= $1 \
             ORDER BY hour, ended",
        )
        .bind(hour_of(since).as_micros())
        .fetch_all(self.db.readers())
        .await?;
        let hour = |row: &AnyRow| {
            let mut columns = Columns::of(row);
            Ok(HourCount {
                hour: columns.time()?,
                end: columns.word(AttemptEnd::from_word)?,
                count: columns.number()?,
            })
        };
        rows.iter().map(hour).collect()
    }

    async fn count_sources(&self, among: u64, limit: u32) -> Fallible<Vec<SourceCount>> {
        let ends: Vec<_> = AttemptEnd::ALL
            .into_iter()
            .filter(|end| end.is_failure())
            .map(|end| format!("'{}'", end.as_str()))
            .collect();
        let sql = format!(
            "SELECT network, COUNT(*), COUNT(DISTINCT login), MAX(at) FROM attempt_history \
             WHERE number > (SELECT last FROM attempt_history_head WHERE id = 1) - $1 \
             AND network IS NOT NULL AND ended IN ({}) \
             GROUP BY network ORDER BY 2 DESC, 4 DESC, network LIMIT {limit}",
            ends.join(", ")
        );
        let rows = sqlx::query(AssertSqlSafe(sql))
            .bind(stored(among))
            .fetch_all(self.db.readers())
            .await?;
        let source = |row: &AnyRow| {
            let mut columns = Columns::of(row);
            Ok(SourceCount {
                network: columns.word(|text| text.parse().ok())?,
                failures: columns.number()?,
                logins: columns.number()?,
                last: columns.time()?,
            })
        };
        rows.iter().map(source).collect()
    }

    async fn forget_attempts(&self, before: Timestamp, hours: Timestamp) -> Fallible<u64> {
        // The head first: what is written meanwhile is after it.
        let head = sqlx::query("SELECT last FROM attempt_history_head WHERE id = 1")
            .fetch_one(self.db.readers())
            .await?;
        // Numbers rise with time but for a little, so those of what is old are together.
        let kept = sqlx::query(
            "SELECT number FROM attempt_history WHERE at >= $1 ORDER BY number LIMIT 1",
        )
        .bind(before.as_micros())
        .fetch_optional(self.db.readers())
        .await?;
        let old = match kept {
            Some(row) => row.try_get::<i64, _>(0)? - 1,
            None => head.try_get(0)?,
        };
        let gone = self.forget_numbers_up_to(old).await?;
        let mut tx = self.db.write().await?;
        let deleted = sqlx::query("DELETE FROM attempt_hours WHERE hour < $1")
            .bind(hours.as_micros())
            .execute(&mut *tx)
            .await?;
        self.commit_quietly(tx).await?;
        Ok(gone + deleted.rows_affected())
    }

    async fn forget_numbers_up_to(&self, number: i64) -> Fallible<u64> {
        let mut gone = 0;
        loop {
            let oldest = sqlx::query("SELECT MIN(number) FROM attempt_history")
                .fetch_one(self.db.readers())
                .await?;
            let oldest: Option<i64> = oldest.try_get(0)?;
            let Some(oldest) = oldest.filter(|oldest| *oldest <= number) else {
                return Ok(gone);
            };
            let mut tx = self.db.write().await?;
            let deleted = sqlx::query("DELETE FROM attempt_history WHERE number <= $1")
                .bind(number.min(oldest.saturating_add(STEP)))
                .execute(&mut *tx)
                .await?;
            self.commit_quietly(tx).await?;
            gone += deleted.rows_affected();
        }
    }
}

fn row(number: i64, attempt: &PastAttempt) -> [Value; 9] {
    let PastAttempt { at, account, login, from, device, end, mark } = attempt;
    [
        number.into(),
        at.as_micros().into(),
        account.map(AccountId::get).into(),
        login.cast_signed().into(),
        from.map(|from| from.to_string()).into(),
        from.map(|from| from.prefix().to_string()).into(),
        device.map(|device| device.to_string()).into(),
        end.as_str().into(),
        mark.map(u64::cast_signed).into(),
    ]
}

fn remembered(row: &AnyRow) -> Fallible<Remembered> {
    let mut columns = Columns::of(row);
    let number = columns.number()?;
    let at = columns.time()?;
    let account = columns.account_if_any()?;
    let login: i64 = columns.get()?;
    let from = columns.word_if_any(ClientAddr::from_text)?;
    let device = columns.word_if_any(|text| text.parse().ok())?;
    let end = columns.word(AttemptEnd::from_word)?;
    let mark: Option<i64> = columns.get()?;
    let (login, mark) = (login.cast_unsigned(), mark.map(i64::cast_unsigned));
    Ok(Remembered { number, attempt: PastAttempt { at, account, login, from, device, end, mark } })
}

async fn count_hours(tx: &mut Tx, attempts: &[PastAttempt]) -> Fallible<()> {
    let mut hours: BTreeMap<(Timestamp, AttemptEnd), u64> = BTreeMap::new();
    for one in attempts {
        *hours.entry((hour_of(one.at), one.end)).or_default() += 1;
    }
    for ((hour, end), count) in hours {
        sqlx::query(
            "INSERT INTO attempt_hours (hour, ended, attempts) VALUES ($1, $2, $3) \
             ON CONFLICT (hour, ended) \
             DO UPDATE SET attempts = attempt_hours.attempts + excluded.attempts",
        )
        .bind(hour.as_micros())
        .bind(end.as_str())
        .bind(stored(count))
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

impl HistoryStore for SqlDirectory {
    fn remember(
        &self,
        attempts: Vec<PastAttempt>,
        most: u64,
    ) -> BoxFuture<'_, Result<(), StoreError>> {
        self.answered(self.remember_attempts(attempts, most))
    }

    fn attempts(&self, query: HistoryQuery) -> BoxFuture<'_, Result<Vec<Remembered>, StoreError>> {
        self.answered(self.read_attempts(query))
    }

    fn by_hour(&self, since: Timestamp) -> BoxFuture<'_, Result<Vec<HourCount>, StoreError>> {
        self.answered(self.count_by_hour(since))
    }

    fn sources(
        &self,
        among: u64,
        limit: u32,
    ) -> BoxFuture<'_, Result<Vec<SourceCount>, StoreError>> {
        self.answered(self.count_sources(among, limit))
    }

    fn forget(
        &self,
        attempts_before: Timestamp,
        hours_before: Timestamp,
    ) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.answered(self.forget_attempts(attempts_before, hours_before))
    }
}
