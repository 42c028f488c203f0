//! Forgets what is old, a little at a time: whoever wants to write meanwhile waits
//! for one step, not for the whole.

use sqlx::Row;

use super::SqlDirectory;
use super::errors::Fallible;
use super::heads::{ACCOUNTS, stream_of};
use crate::domain::time::Timestamp;
use crate::store::SESSION_SHARDS;

const STEP: i64 = 500;

/// The table of one kind of stream. The streams of session ends share one.
#[derive(Clone, Copy)]
struct Stream {
    number: i64,
    oldest: &'static str,
    oldest_kept: &'static str,
    delete: &'static str,
}

const OF_ACCOUNTS: Stream = Stream {
    number: ACCOUNTS,
    oldest: "SELECT MIN(position) FROM feed WHERE $1 = 0",
    oldest_kept: "SELECT position FROM feed WHERE $1 = 0 AND at >= $2 ORDER BY position LIMIT 1",
    delete: "DELETE FROM feed WHERE $1 = 0 AND position <= $2",
};

const fn of_sessions(number: i64) -> Stream {
    Stream {
        number,
        oldest: "SELECT MIN(position) FROM session_feed WHERE stream = $1",
        oldest_kept: "SELECT position FROM session_feed WHERE stream = $1 AND at >= $2 \
            ORDER BY position LIMIT 1",
        delete: "DELETE FROM session_feed WHERE stream = $1 AND position <= $2",
    }
}

const EXPIRED_SESSIONS: &str = "DELETE FROM sessions WHERE id IN \
    (SELECT id FROM sessions WHERE expires_at < $1 LIMIT $2)";

const EXPIRED_ENDED: &str = "DELETE FROM ended_sessions WHERE id IN \
    (SELECT id FROM ended_sessions WHERE expires_at < $1 LIMIT $2)";

const EXPIRED_INVITATIONS: &str = "DELETE FROM invitations WHERE account IN \
    (SELECT account FROM invitations WHERE expires_at < $1 LIMIT $2)";

/// What happened to sessions, where nobody makes messages of it any more.
const OLD_NEWS: &str = "DELETE FROM webhook_sessions WHERE session IN \
    (SELECT session FROM webhook_sessions WHERE at < $1 LIMIT $2) AND at < $1";

/// A device's name is unique within its account alone.
const EXPIRED_DEVICES: &str = "DELETE FROM devices WHERE expires_at < $1 AND id IN \
    (SELECT id FROM devices WHERE expires_at < $1 LIMIT $2)";

/// Those of accounts stay, for their owners to see why a program stopped working.
const ENDED_TOKENS: &str = "DELETE FROM api_tokens WHERE id IN \
    (SELECT id FROM api_tokens WHERE application IS NOT NULL AND expires_at < $1 LIMIT $2)";

impl SqlDirectory {
    pub(super) async fn forget(&self, before: Timestamp) -> Fallible<u64> {
        let mut gone = 0;
        for expired in [
            EXPIRED_SESSIONS,
            EXPIRED_ENDED,
            OLD_NEWS,
            EXPIRED_DEVICES,
            ENDED_TOKENS,
            EXPIRED_INVITATIONS,
        ] {
            gone += self.forget_expired(expired, before).await?;
        }
        gone += self.forget_stream(OF_ACCOUNTS, before).await?;
        for shard in 0..SESSION_SHARDS {
            gone += self
                .forget_stream(of_sessions(stream_of(shard)), before)
                .await?;
        }
        Ok(gone)
    }

    async fn forget_expired(&self, expired: &'static str, before: Timestamp) -> Fallible<u64> {
        let mut gone = 0;
        loop {
            let mut tx = self.db.write().await?;
            let deleted = sqlx::query(expired)
                .bind(before.as_micros())
                .bind(STEP)
                .execute(&mut *tx)
                .await?;
            self.commit_quietly(tx).await?;
            gone += deleted.rows_affected();
            if deleted.rows_affected() == 0 {
                return Ok(gone);
            }
        }
    }

    /// Forgets the oldest entries up to the first that is kept, and writes down how
    /// far: whoever has read less than that has missed something.
    async fn forget_stream(&self, stream: Stream, before: Timestamp) -> Fallible<u64> {
        let keep_from = self.oldest_kept(stream, before).await?;
        let mut gone = 0;
        while let Some(upto) = self.next_step(stream, keep_from).await? {
            let mut tx = self.db.write().await?;
            sqlx::query("UPDATE heads SET pruned = $2 WHERE stream = $1 AND pruned < $2")
                .bind(stream.number)
                .bind(upto)
                .execute(&mut *tx)
                .await?;
            let delete = sqlx::query(stream.delete).bind(stream.number).bind(upto);
            let deleted = delete.execute(&mut *tx).await?;
            self.commit_quietly(tx).await?;
            gone += deleted.rows_affected();
        }
        Ok(gone)
    }

    /// The head is read first: what is written meanwhile is after it.
    async fn oldest_kept(&self, stream: Stream, before: Timestamp) -> Fallible<i64> {
        let after_head = sqlx::query("SELECT position + 1 FROM heads WHERE stream = $1")
            .bind(stream.number)
            .fetch_one(self.db.readers())
            .await?;
        let kept = sqlx::query(stream.oldest_kept)
            .bind(stream.number)
            .bind(before.as_micros())
            .fetch_optional(self.db.readers())
            .await?;
        Ok(kept.unwrap_or(after_head).try_get(0)?)
    }

    /// The last position of the next step; `None` when all that is old is gone.
    async fn next_step(&self, stream: Stream, keep_from: i64) -> Fallible<Option<i64>> {
        let row = sqlx::query(stream.oldest)
            .bind(stream.number)
            .fetch_one(self.db.readers())
            .await?;
        let oldest: Option<i64> = row.try_get(0)?;
        let oldest = oldest.filter(|oldest| *oldest < keep_from);
        Ok(oldest.map(|oldest| (oldest + STEP).min(keep_from) - 1))
    }
}
