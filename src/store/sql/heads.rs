//! The heads of the change feed: the first thing every change writes to.
//!
//! A change raises its stream's position and holds that row until it commits. So
//! changes of accounts follow each other one at a time, in the order of their
//! positions, on any database: what a change reads cannot be changed beside it.
//!
//! Ends of single sessions have streams of their own, sharded by account, so that
//! people who sign out queue neither behind each other nor behind a lock. Whoever
//! needs both takes the accounts' head first.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::db::Tx;
use super::errors::Fallible;
use super::rows::{Columns, stored};
use super::values::Rows;
use crate::domain::account::{Account, AccountId};
use crate::domain::session::SessionId;
use crate::domain::time::Timestamp;
use crate::store::SESSION_SHARDS;
use crate::store::keyring::AuditLink;

/// The stream of account changes.
pub(super) const ACCOUNTS: i64 = 0;

/// The stream that ends of an account's sessions go to.
pub(super) fn shard_of(account: AccountId) -> usize {
    usize::try_from(account.get()).unwrap_or_default() % SESSION_SHARDS
}

pub(super) fn stream_of(shard: usize) -> i64 {
    1 + i64::try_from(shard).unwrap_or_default()
}

/// The accounts' head, raised for the change that this transaction makes.
#[derive(Debug)]
pub(super) struct Head {
    /// The change's place in feed and audit log.
    pub(super) position: u64,
    /// The audit chain's last link.
    pub(super) link: AuditLink,
    /// The highest number given to an account.
    pub(super) last_account: i64,
    /// How many accounts use a licence. Whoever makes an account, or changes whether one
    /// uses a licence, changes this.
    pub(super) licences: u64,
    /// What the key's holder said of the position before and its link.
    pub(super) seal: String,
}

impl Head {
    /// Counts licences on, where a change takes or frees one.
    pub(super) fn recount(&mut self, before: &Account, after: &Account) {
        match (before.uses_licence(), after.uses_licence()) {
            (false, true) => self.licences += 1,
            (true, false) => self.licences = self.licences.saturating_sub(1),
            _ => {}
        }
    }
}

/// Takes the next position of account changes.
pub(super) async fn advance(tx: &mut Tx) -> Fallible<Head> {
    let row = sqlx::query(
        "UPDATE heads SET position = position + 1 WHERE stream = $1 \
         RETURNING position, link, accounts, licences, seal",
    )
    .bind(ACCOUNTS)
    .fetch_one(&mut **tx)
    .await?;
    head_of(&row)
}

fn head_of(row: &AnyRow) -> Fallible<Head> {
    let mut columns = Columns::of(row);
    Ok(Head {
        position: columns.number()?,
        link: columns.word(AuditLink::from_hex)?,
        last_account: columns.get()?,
        licences: columns.number()?,
        seal: columns.text()?,
    })
}

/// Takes the head without a change yet: nobody else changes anything meanwhile.
pub(super) async fn take(tx: &mut Tx) -> Fallible<Head> {
    let row = sqlx::query(
        "UPDATE heads SET position = position WHERE stream = $1 \
         RETURNING position, link, accounts, licences, seal",
    )
    .bind(ACCOUNTS)
    .fetch_one(&mut **tx)
    .await?;
    head_of(&row)
}

/// The same for whoever needs nothing of the head, and opens a log that was altered.
pub(super) async fn hold(tx: &mut Tx) -> Fallible<()> {
    sqlx::query("UPDATE heads SET position = position WHERE stream = $1")
        .bind(ACCOUNTS)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Leaves the position, the chain's new last link, its seal, and the numbers as the
/// changes left them.
pub(super) async fn leave(tx: &mut Tx, head: &Head) -> Fallible<()> {
    sqlx::query(
        "UPDATE heads SET position = $1, link = $2, accounts = $3, licences = $4, seal = $5 \
         WHERE stream = $6",
    )
    .bind(stored(head.position))
    .bind(head.link.to_hex())
    .bind(head.last_account)
    .bind(stored(head.licences))
    .bind(&head.seal)
    .bind(ACCOUNTS)
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Tells the feed that an account changed.
pub(super) async fn tell(tx: &mut Tx, head: &Head, id: AccountId, at: Timestamp) -> Fallible<()> {
    tell_number(tx, head, id.get(), at).await
}

/// What stands in the feed in an account's place where a setting changed: no
/// account has this number.
pub(super) const SETTINGS: i64 = 0;

/// Tells the feed that a setting was changed, or a group.
pub(super) async fn tell_setting(tx: &mut Tx, head: &Head, at: Timestamp) -> Fallible<()> {
    tell_number(tx, head, SETTINGS, at).await
}

async fn tell_number(tx: &mut Tx, head: &Head, number: i64, at: Timestamp) -> Fallible<()> {
    tell_all(tx, vec![(head.position, number)], at).await
}

const TELL: Rows<3> =
    Rows { before: "INSERT INTO feed (position, account, at) VALUES ", after: "" };

/// Tells the feed of several changes, each at its position.
pub(super) async fn tell_all(tx: &mut Tx, changes: Vec<(u64, i64)>, at: Timestamp) -> Fallible<()> {
    let rows = changes
        .into_iter()
        .map(|(position, number)| [stored(position).into(), number.into(), at.as_micros().into()]);
    TELL.write(tx, rows.collect()).await?;
    Ok(())
}

/// Tells the feed that a session or token of this account was ended, and who did it.
pub(super) async fn tell_end(
    tx: &mut Tx,
    session: SessionId,
    account: AccountId,
    actor: &str,
    at: Timestamp,
) -> Fallible<()> {
    let stream = stream_of(shard_of(account));
    let row = sqlx::query(
        "UPDATE heads SET position = position + 1 WHERE stream = $1 RETURNING position",
    )
    .bind(stream)
    .fetch_one(&mut **tx)
    .await?;
    sqlx::query(
        "INSERT INTO session_feed (stream, position, session, account, actor, at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(stream)
    .bind(row.try_get::<i64, _>(0)?)
    .bind(session.to_string())
    .bind(account.get())
    .bind(actor)
    .bind(at.as_micros())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
