//! The audit log and its chain.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::SqlDirectory;
use super::db::Tx;
use super::errors::Fallible;
use super::heads::{self, ACCOUNTS, Head};
use super::rows::{audit_columns, audit_record, stored};
use crate::domain::account::AccountId;
use crate::domain::event::{AuditRecord, Note};
use crate::domain::time::Timestamp;
use crate::store::keyring::{AuditLink, Keyring};
use crate::store::{AuditQuery, BrokenChain};

const PAGE: i64 = 500;

/// What a change says for itself in the log.
pub(super) struct Entry {
    pub(super) account: Option<AccountId>,
    pub(super) note: Note,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

impl SqlDirectory {
    /// Appends the record of the change that `head` was raised for.
    pub(super) async fn record(
        &self,
        tx: &mut Tx,
        mut head: Head,
        at: Timestamp,
        entry: Entry,
    ) -> Fallible<()> {
        self.append(tx, &mut head, at, entry).await?;
        heads::leave(tx, &head.link, head.last_account).await
    }

    /// The same of one of several changes: the head keeps the chain's last link until
    /// it is left.
    pub(super) async fn append(
        &self,
        tx: &mut Tx,
        head: &mut Head,
        at: Timestamp,
        entry: Entry,
    ) -> Fallible<()> {
        let Entry { account, note, before, after } = entry;
        let Note { actor, action, reason, from } = note;
        let position = head.position;
        let record =
            AuditRecord { position, at, actor, action, account, reason, from, before, after };
        head.link = self.keyring.audit_link(&head.link, &record);
        insert(tx, record, &head.link).await
    }

    pub(super) async fn records(&self, query: AuditQuery) -> Fallible<Vec<AuditRecord>> {
        let before = query.before.map_or(i64::MAX, stored);
        let sql = match query.account {
            Some(_) => concat!(
                "SELECT ",
                audit_columns!(),
                " FROM audit \
                 WHERE position < $1 AND account = $3 ORDER BY position DESC LIMIT $2"
            ),
            None => concat!(
                "SELECT ",
                audit_columns!(),
                " FROM audit \
                 WHERE position < $1 ORDER BY position DESC LIMIT $2"
            ),
        };
        let mut select = sqlx::query(sql).bind(before).bind(i64::from(query.limit));
        if let Some(account) = query.account {
            select = select.bind(account.get());
        }
        let rows = select.fetch_all(self.db.readers()).await?;
        rows.iter().map(|row| Ok(audit_record(row)?.0)).collect()
    }

    /// Follows the chain from the first record to the head, all as of one instant.
    pub(super) async fn follow_chain(&self) -> Fallible<Result<u64, BrokenChain>> {
        let mut tx = self.db.read().await?;
        let (end, last) = chain_end(&mut tx).await?;
        let mut chain = Chain { keyring: &self.keyring, position: 0, link: AuditLink::FIRST };
        loop {
            let rows = records_after(&mut tx, chain.position).await?;
            for row in &rows {
                if !chain.takes(row) {
                    return Ok(Err(BrokenChain { position: chain.position + 1 }));
                }
            }
            if rows.is_empty() {
                return Ok(chain.ends_at(end, last.as_ref()));
            }
        }
    }
}

/// As far as the chain was followed.
struct Chain<'a> {
    keyring: &'a Keyring,
    position: u64,
    link: AuditLink,
}

impl Chain<'_> {
    /// Whether this is the next record, unaltered.
    fn takes(&mut self, row: &AnyRow) -> bool {
        let Ok((record, link)) = audit_record(row) else { return false };
        let fits = record.position == self.position + 1
            && self.keyring.audit_link(&self.link, &record) == link;
        if fits {
            self.position += 1;
            self.link = link;
        }
        fits
    }

    fn ends_at(&self, end: u64, last: Option<&AuditLink>) -> Result<u64, BrokenChain> {
        if self.position < end {
            return Err(BrokenChain { position: self.position + 1 });
        }
        let fits = self.position == end && last == Some(&self.link);
        fits.then_some(self.position)
            .ok_or(BrokenChain { position: self.position })
    }
}

async fn chain_end(tx: &mut Tx) -> Fallible<(u64, Option<AuditLink>)> {
    let row = sqlx::query("SELECT position, link FROM heads WHERE stream = $1")
        .bind(ACCOUNTS)
        .fetch_one(&mut **tx)
        .await?;
    let link = AuditLink::from_hex(&row.try_get::<String, _>(1)?);
    Ok((row.try_get::<i64, _>(0)?.unsigned_abs(), link))
}

async fn records_after(tx: &mut Tx, position: u64) -> Fallible<Vec<AnyRow>> {
    let sql = concat!(
        "SELECT ",
        audit_columns!(),
        " FROM audit WHERE position > $1 ORDER BY position LIMIT $2"
    );
    Ok(sqlx::query(sql)
        .bind(stored(position))
        .bind(PAGE)
        .fetch_all(&mut **tx)
        .await?)
}

async fn insert(tx: &mut Tx, record: AuditRecord, link: &AuditLink) -> Fallible<()> {
    sqlx::query(
        "INSERT INTO audit (position, at, actor, action, account, reason, origin, \
         state_before, state_after, link) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(stored(record.position))
    .bind(record.at.as_micros())
    .bind(record.actor)
    .bind(record.action.as_str())
    .bind(record.account.map(AccountId::get))
    .bind(record.reason)
    .bind(record.from)
    .bind(record.before)
    .bind(record.after)
    .bind(link.to_hex())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
