//! The change feed: what followers read of it, and how it is pruned.

use std::collections::HashSet;

use sqlx::Row;

use super::SqlDirectory;
use super::db::Tx;
use super::errors::{Fallible, Fault};
use super::heads::{ACCOUNTS, SETTINGS, stream_of};
use super::rows::{Columns, account_columns, account_from, stored};
use crate::domain::session::SessionId;
use crate::domain::time::Timestamp;
use crate::store::{AccountChange, FeedCursor, FeedPage, SESSION_SHARDS};

impl SqlDirectory {
    pub(super) async fn head(&self) -> Fallible<FeedCursor> {
        let mut tx = self.db.read().await?;
        Ok(Ends::read(&mut tx).await?.positions)
    }

    pub(super) async fn page_after(&self, cursor: FeedCursor, limit: usize) -> Fallible<FeedPage> {
        let mut tx = self.db.follow().await?;
        let ends = Ends::read(&mut tx).await?;
        let (from, pruned) = ends.within(cursor);
        let mut page = FeedPage { next: from, pruned, ..FeedPage::default() };
        let mut left = limit;
        changed_accounts(&mut tx, &ends, &mut page, &mut left).await?;
        for shard in 0..SESSION_SHARDS {
            ended_sessions(&mut tx, &ends, shard, &mut page, &mut left).await?;
        }
        page.more = page.next != ends.positions;
        Ok(page)
    }
}

/// Where each stream ends, and up to where it was pruned.
#[derive(Debug, Default)]
struct Ends {
    positions: FeedCursor,
    pruned: FeedCursor,
}

impl Ends {
    async fn read(tx: &mut Tx) -> Fallible<Self> {
        let rows = sqlx::query("SELECT stream, position, pruned FROM heads")
            .fetch_all(&mut **tx)
            .await?;
        let mut ends = Self::default();
        for row in &rows {
            let mut columns = Columns::of(row);
            let stream: i64 = columns.get()?;
            *place(&mut ends.positions, stream)? = columns.number()?;
            *place(&mut ends.pruned, stream)? = columns.number()?;
        }
        Ok(ends)
    }

    /// Where to read on from, and whether something in between can't be told any
    /// more. A cursor past the end is of a database that was restored since.
    fn within(&self, cursor: FeedCursor) -> (FeedCursor, bool) {
        let (mut from, mut pruned) = (cursor, false);
        let mut clamp = |at: &mut u64, floor: u64, end: u64| {
            pruned |= *at < floor || *at > end;
            *at = (*at).clamp(floor, end);
        };
        clamp(&mut from.accounts, self.pruned.accounts, self.positions.accounts);
        for shard in 0..SESSION_SHARDS {
            let (floor, end) = (self.pruned.sessions[shard], self.positions.sessions[shard]);
            clamp(&mut from.sessions[shard], floor, end);
        }
        (from, pruned)
    }
}

fn place(cursor: &mut FeedCursor, stream: i64) -> Fallible<&mut u64> {
    if stream == ACCOUNTS {
        return Ok(&mut cursor.accounts);
    }
    let shard = usize::try_from(stream - 1).ok();
    let place = shard.and_then(|shard| cursor.sessions.get_mut(shard));
    place.ok_or_else(|| Fault::damaged(format!("there is no stream {stream}")))
}

/// The standing of each is as it is now, so an account is told of once a page.
async fn changed_accounts(
    tx: &mut Tx,
    ends: &Ends,
    page: &mut FeedPage,
    left: &mut usize,
) -> Fallible<()> {
    let (from, end) = (page.next.accounts, ends.positions.accounts);
    if from == end || *left == 0 {
        return Ok(());
    }
    let sql = concat!(
        "SELECT position, feed.at, ",
        account_columns!(),
        " FROM feed JOIN accounts ON id = account \
         WHERE position > $1 AND position <= $2 ORDER BY position LIMIT $3"
    );
    let rows = sqlx::query(sql)
        .bind(stored(from))
        .bind(stored(end))
        .bind(limit(*left))
        .fetch_all(&mut **tx)
        .await?;
    let mut told = HashSet::new();
    for row in &rows {
        let mut columns = Columns::of(row);
        page.next.accounts = columns.number()?;
        let at = Timestamp::from_micros(columns.get()?);
        let account = account_from(&mut columns)?;
        if told.insert(account.id) {
            let (account, standing) = (account.key(), account.standing());
            page.accounts.push(AccountChange { account, standing, at });
        }
    }
    // The other positions are changes of settings and tokens, and ends of sessions.
    if rows.len() < *left {
        page.next.accounts = end;
    }
    page.settings = settings_changed(tx, from, page.next.accounts).await?;
    *left -= rows.len();
    Ok(())
}

/// Whether a setting was changed after one place and up to another.
async fn settings_changed(tx: &mut Tx, from: u64, to: u64) -> Fallible<bool> {
    let found = sqlx::query(
        "SELECT position FROM feed WHERE position > $1 AND position <= $2 AND account = $3 LIMIT 1",
    )
    .bind(stored(from))
    .bind(stored(to))
    .bind(SETTINGS)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(found.is_some())
}

async fn ended_sessions(
    tx: &mut Tx,
    ends: &Ends,
    shard: usize,
    page: &mut FeedPage,
    left: &mut usize,
) -> Fallible<()> {
    let (from, end) = (page.next.sessions[shard], ends.positions.sessions[shard]);
    if from == end || *left == 0 {
        return Ok(());
    }
    let rows = sqlx::query(
        "SELECT position, session FROM session_feed WHERE stream = $1 AND position > $2 \
         AND position <= $3 ORDER BY position LIMIT $4",
    )
    .bind(stream_of(shard))
    .bind(stored(from))
    .bind(stored(end))
    .bind(limit(*left))
    .fetch_all(&mut **tx)
    .await?;
    for row in &rows {
        page.next.sessions[shard] = row.try_get::<i64, _>(0)?.unsigned_abs();
        page.ended.push(session_id(row.try_get(1)?)?);
    }
    if rows.len() < *left {
        page.next.sessions[shard] = end;
    }
    *left -= rows.len();
    Ok(())
}

fn session_id(hex: &str) -> Fallible<SessionId> {
    hex.parse()
        .map_err(|_| Fault::damaged(format!("{hex:?} is no session")))
}

fn limit(left: usize) -> i64 {
    i64::try_from(left).unwrap_or(i64::MAX)
}
