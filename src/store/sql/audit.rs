//! The audit log: appended to, and searched.

mod anchor;
mod check;
mod days;
mod ends;
mod forget;

use std::path::Path;

use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

pub(super) use self::anchor::Anchor;
use super::SqlDirectory;
use super::db::Tx;
use super::errors::Fallible;
use super::heads::{self, Head};
use super::rows::{audit_columns, audit_record, stored};
use super::values::{Rows, Value};
use crate::domain::account::AccountId;
use crate::domain::event::{Action, AuditRecord, Note};
use crate::domain::time::Timestamp;
use crate::store::keyring::{AuditLink, AuditMark};
use crate::store::{
    AuditEntry, AuditLog, AuditPruned, AuditSearch, AuditWalk, BoxFuture, BrokenChain, DayCount,
    StoreError,
};

/// Reasons are looked through in pieces of so many records.
const PIECE: u32 = 500;

/// What a change says for itself in the log.
pub(super) struct Entry {
    pub(super) account: Option<AccountId>,
    pub(super) note: Note,
    pub(super) before: Option<String>,
    pub(super) after: Option<String>,
}

/// A record, and the link of the chain that it is.
pub(super) struct Sealed {
    record: AuditRecord,
    link: AuditLink,
}

impl SqlDirectory {
    /// Appends the record of the change that `head` was raised for.
    ///
    /// A head that was not sealed with the key is never sealed again: somebody else
    /// moved it, and a check must find that out however much is written afterwards.
    pub(super) async fn record(
        &self,
        tx: &mut Tx,
        mut head: Head,
        at: Timestamp,
        entry: Entry,
    ) -> Fallible<()> {
        let record = self.seal(&mut head, at, entry);
        append(tx, vec![record]).await?;
        heads::leave(tx, &head).await
    }

    /// Makes the record of the change at the head's position, for [`append`]. The head
    /// keeps the chain's last link until it is left.
    pub(super) fn seal(&self, head: &mut Head, at: Timestamp, entry: Entry) -> Sealed {
        let Entry { account, note, before, after } = entry;
        let Note { actor, action, reason, from } = note;
        let position = head.position;
        let record =
            AuditRecord { position, at, actor, action, account, reason, from, before, after };
        let link = self.keyring.audit_link(&head.link, &record);
        let sealed = self
            .keyring
            .audit_mark(AuditMark::Head, position - 1, &head.link);
        if AuditLink::from_hex(&head.seal) == Some(sealed) {
            head.seal = self
                .keyring
                .audit_mark(AuditMark::Head, position, &link)
                .to_hex();
        }
        head.link = link.clone();
        Sealed { record, link }
    }

    async fn find_records(&self, search: AuditSearch) -> Fallible<Vec<AuditEntry>> {
        let mut found = Vec::new();
        let mut piece = search.clone();
        // What people wrote is compared here: databases fold letters each in their way.
        if search.reason.is_some() {
            piece.limit = PIECE.max(search.limit);
        }
        while found.len() < search.limit as usize {
            let rows = Condition::of(&piece).page(&piece, self).await?;
            let full = rows.len() >= piece.limit as usize;
            for row in &rows {
                let (record, link) = audit_record(row)?;
                let next = Some(record.position);
                let place = if search.oldest_first { &mut piece.after } else { &mut piece.before };
                *place = next;
                if search.takes_reason(record.reason.as_deref()) {
                    found.push(AuditEntry { record, link });
                }
            }
            if !full {
                break;
            }
        }
        found.truncate(search.limit as usize);
        Ok(found)
    }
}

impl AuditLog for SqlDirectory {
    fn records(&self, search: AuditSearch) -> BoxFuture<'_, Result<Vec<AuditEntry>, StoreError>> {
        self.answered(self.find_records(search))
    }

    fn check(
        &self,
        walk: AuditWalk,
    ) -> BoxFuture<'_, Result<Result<AuditWalk, BrokenChain>, StoreError>> {
        self.answered(self.check_further(walk))
    }

    fn checked_before(&self) -> BoxFuture<'_, Result<Option<AuditWalk>, StoreError>> {
        self.answered(async { self.last_check() })
    }

    fn forget(
        &self,
        before: Timestamp,
        note: Note,
    ) -> BoxFuture<'_, Result<Result<Option<AuditPruned>, BrokenChain>, StoreError>> {
        self.answered(self.forget_records(before, note))
    }

    fn by_day(
        &self,
        actions: Vec<Action>,
        since: Timestamp,
    ) -> BoxFuture<'_, Result<Vec<DayCount>, StoreError>> {
        self.answered(self.count_by_day(actions, since))
    }

    fn note_end(&self) -> BoxFuture<'_, Result<Result<(), BrokenChain>, StoreError>> {
        self.answered(self.raise_anchor())
    }
}

/// Where the log is noted outside of the database: `accounts.db.anchor`.
pub(super) fn anchor_of(beside: &Path) -> Anchor {
    let mut name = beside.as_os_str().to_owned();
    name.push(".anchor");
    Anchor::at(name.into())
}

/// What a search asks of the rows themselves. Values go into places, never into the SQL.
#[derive(Default)]
struct Condition {
    sql: String,
    values: Vec<Value>,
}

impl Condition {
    fn of(search: &AuditSearch) -> Self {
        let mut all = Self::default();
        all.sql
            .push_str("position > (SELECT COALESCE(MAX(position), 0) FROM audit_pruned)");
        all.and("position <", search.before.map(number));
        all.and("position >", search.after.map(number));
        all.and("account =", search.account.map(|id| id.get().into()));
        all.and("actor =", search.actor.clone().map(Value::from));
        all.and("origin =", search.address.clone().map(Value::from));
        all.and("at >=", search.since.map(|at| at.as_micros().into()));
        all.and("at <", search.until.map(|at| at.as_micros().into()));
        if search.reason.is_some() {
            all.sql.push_str(" AND reason IS NOT NULL");
        }
        all.and_action(&search.actions);
        all
    }

    fn and(&mut self, what: &str, value: Option<Value>) {
        let Some(value) = value else { return };
        let place = self.place(value);
        self.sql.push_str(&format!(" AND {what} {place}"));
    }

    fn and_action(&mut self, actions: &[Action]) {
        if actions.is_empty() {
            return;
        }
        let words = actions.iter().map(|action| action.as_str().into());
        let places: Vec<_> = words.map(|word| self.place(word)).collect();
        self.sql
            .push_str(&format!(" AND action IN ({})", places.join(", ")));
    }

    fn place(&mut self, value: Value) -> String {
        self.values.push(value);
        format!("${}", self.values.len())
    }

    async fn page(mut self, search: &AuditSearch, store: &SqlDirectory) -> Fallible<Vec<AnyRow>> {
        let limit = self.place(i64::from(search.limit).into());
        let order = if search.oldest_first { "ASC" } else { "DESC" };
        let sql = format!(
            concat!(
                "SELECT ",
                audit_columns!(),
                " FROM audit WHERE {} ORDER BY position {} LIMIT {}"
            ),
            self.sql, order, limit
        );
        // Of this module's own words: what was asked for is in the places.
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for value in self.values {
            query = value.bind(query);
        }
        Ok(query.fetch_all(store.db.readers()).await?)
    }
}

fn number(position: u64) -> Value {
    stored(position).into()
}

const APPEND: Rows<10> = Rows {
    before: "INSERT INTO audit (position, at, actor, action, account, reason, origin, \
         state_before, state_after, link) VALUES ",
    after: "",
};

/// Appends records, in the order that they were sealed in.
pub(super) async fn append(tx: &mut Tx, records: Vec<Sealed>) -> Fallible<()> {
    let rows = records.into_iter().map(|Sealed { record, link }| {
        [
            stored(record.position).into(),
            record.at.as_micros().into(),
            record.actor.into(),
            record.action.as_str().into(),
            record.account.map(AccountId::get).into(),
            record.reason.into(),
            record.from.into(),
            record.before.into(),
            record.after.into(),
            link.to_hex().into(),
        ]
    });
    APPEND.write(tx, rows.collect()).await?;
    Ok(())
}
