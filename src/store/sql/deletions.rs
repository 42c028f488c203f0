//! Deletions under way.

use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

use super::SqlDirectory;
use super::accounts;
use super::audit::Entry;
use super::db::Tx;
use super::errors::{Fallible, Fault};
use super::heads;
use super::rows::{Columns, deletion_columns, json};
use crate::domain::account::{Account, AccountId};
use crate::domain::deletion::{Deletion, DeletionId, DeletionState, Party};
use crate::domain::event::Note;
use crate::domain::time::Timestamp;
use crate::store::{
    BoxFuture, Changed, Claim, DecideEnd, DeletionQuery, DeletionStore, Lease, NewDeletion, Remark,
    StoreError,
};

const BY_ID: &str = concat!("SELECT ", deletion_columns!(), " FROM deletions WHERE id = $1");

const HOLD: &str =
    concat!("UPDATE deletions SET id = id WHERE id = $1 RETURNING ", deletion_columns!());

const LIST: &str = concat!(
    "SELECT ",
    deletion_columns!(),
    " FROM deletions WHERE id < $1 AND ($2 = 0 OR account = $2) \
     AND ($3 = 0 OR ended_at IS NULL) ORDER BY id DESC LIMIT $4"
);

/// What the two were called when it began.
#[derive(Deserialize, Serialize)]
struct Parties {
    account: Party,
    receiver: Option<Party>,
}

/// Who holds a deletion until when.
struct Held {
    holder: String,
    until: Timestamp,
}

impl Held {
    /// Whether somebody with this lease may still write.
    fn is_of(&self, lease: &Lease, deletion: &Deletion) -> bool {
        deletion.state == DeletionState::Working && self.holder == lease.holder
    }
}

impl SqlDirectory {
    async fn begin_one(
        &self,
        new: NewDeletion,
        lease: Lease,
        note: Note,
    ) -> Fallible<Result<Deletion, DeletionId>> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        let now = self.clock.wall();
        if let Some(open) = open_of(&mut tx, new.account.id.get()).await? {
            return Ok(Err(open));
        }
        let row = sqlx::query("SELECT COALESCE(MAX(id), 0) + 1 FROM deletions")
            .fetch_one(&mut *tx)
            .await?;
        let deletion = new.born(number(row.try_get(0)?)?, now);
        insert(&mut tx, &deletion, &lease).await?;
        let account = Some(deletion.account.id);
        let entry = Entry { account, note, before: None, after: Some(json(&deletion)?) };
        self.record(&mut tx, head, now, entry).await?;
        self.commit(tx).await?;
        Ok(Ok(deletion))
    }

    async fn find_deletion(&self, id: DeletionId) -> Fallible<Option<Deletion>> {
        let query = sqlx::query(BY_ID).bind(id.get());
        let row = query.fetch_optional(self.db.readers()).await?;
        row.as_ref().map(|row| Ok(read(row)?.0)).transpose()
    }

    async fn list_deletions(&self, query: DeletionQuery) -> Fallible<Vec<Deletion>> {
        let rows = sqlx::query(LIST)
            .bind(query.before.map_or(i64::MAX, DeletionId::get))
            .bind(query.account.map_or(0, AccountId::get))
            .bind(i64::from(query.open))
            .bind(i64::from(query.limit))
            .fetch_all(self.db.readers())
            .await?;
        rows.iter().map(|row| Ok(read(row)?.0)).collect()
    }

    async fn orphans(&self) -> Fallible<Vec<DeletionId>> {
        let rows = sqlx::query(
            "SELECT id FROM deletions WHERE state = 'working' AND lease_until <= $1 ORDER BY id",
        )
        .bind(self.clock.wall().as_micros())
        .fetch_all(self.db.readers())
        .await?;
        rows.iter().map(|row| number(row.try_get(0)?)).collect()
    }

    async fn claim(
        &self,
        id: DeletionId,
        lease: Lease,
        resumed: Option<Note>,
    ) -> Fallible<Option<Claim>> {
        let mut tx = self.db.write().await?;
        // Nothing is told of an orphan that is picked up.
        let head = match resumed {
            Some(_) => Some(heads::advance(&mut tx).await?),
            None => None,
        };
        let now = self.clock.wall();
        let Some((mut deletion, held)) = find(&mut tx, id).await? else { return Ok(None) };
        let stands = match deletion.state {
            DeletionState::Working => true,
            DeletionState::Failed => resumed.is_some(),
            DeletionState::Cancelled | DeletionState::Done => false,
        };
        if !stands {
            return Ok(Some(Claim::Stopped(Box::new(deletion))));
        }
        if now < held.until {
            return Ok(Some(Claim::Held { until: held.until }));
        }
        deletion.state = DeletionState::Working;
        deletion.error = None;
        deletion.updated_at = now;
        update(&mut tx, &deletion, &lease.holder, now.after(lease.length)).await?;
        if let (Some(head), Some(note)) = (head, resumed) {
            let account = Some(deletion.account.id);
            let entry = Entry { account, note, before: None, after: None };
            self.record(&mut tx, head, now, entry).await?;
        }
        self.commit(tx).await?;
        Ok(Some(Claim::Taken(Box::new(deletion))))
    }

    async fn renew(&self, id: DeletionId, lease: Lease) -> Fallible<bool> {
        let renewed = sqlx::query(
            "UPDATE deletions SET lease_until = $1 \
             WHERE id = $2 AND lease_holder = $3 AND state = 'working'",
        )
        .bind(self.clock.wall().after(lease.length).as_micros())
        .bind(id.get())
        .bind(lease.holder);
        let mut tx = self.db.write().await?;
        let renewed = renewed.execute(&mut *tx).await?.rows_affected();
        self.commit_quietly(tx).await?;
        Ok(renewed == 1)
    }

    async fn save(
        &self,
        deletion: &Deletion,
        lease: Lease,
        remark: Option<Remark>,
    ) -> Fallible<bool> {
        let mut tx = self.db.write().await?;
        let head = match remark {
            Some(_) => Some(heads::advance(&mut tx).await?),
            None => None,
        };
        let now = self.clock.wall();
        let Some((before, held)) = find(&mut tx, deletion.id).await? else { return Ok(false) };
        if !held.is_of(&lease, &before) {
            return Ok(false);
        }
        let ended_at = (!deletion.state.is_open()).then_some(now);
        let written = Deletion { updated_at: now, ended_at, ..deletion.clone() };
        let until = match written.state {
            DeletionState::Working => now.after(lease.length),
            _ => now,
        };
        update(&mut tx, &written, &lease.holder, until).await?;
        if let (Some(head), Some(Remark { note, after })) = (head, remark) {
            let entry = Entry { account: Some(deletion.account.id), note, before: None, after };
            self.record(&mut tx, head, now, entry).await?;
        }
        self.commit(tx).await?;
        Ok(true)
    }

    async fn finish(
        &self,
        id: DeletionId,
        lease: Lease,
        decide: DecideEnd<'_>,
    ) -> Fallible<Option<Changed>> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        let Some((deletion, held)) = find(&mut tx, id).await? else { return Ok(None) };
        if !held.is_of(&lease, &deletion) {
            return Ok(None);
        }
        let receiver: Option<Account> = match &deletion.receiver {
            Some(party) => accounts::read(&mut tx, party.id).await?,
            None => None,
        };
        let decide = |facts: crate::store::Facts<'_>| decide(facts, receiver.as_ref());
        let account = deletion.account.id;
        let changed = self.alter_within(&mut tx, head, account, decide).await?;
        if changed.is_some() {
            let now = self.clock.wall();
            let done = ended(deletion, DeletionState::Done, now);
            update(&mut tx, &done, &lease.holder, now).await?;
            self.commit(tx).await?;
        }
        Ok(changed)
    }

    async fn cancel(
        &self,
        id: DeletionId,
        note: Note,
    ) -> Fallible<Option<Result<Deletion, Deletion>>> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        let now = self.clock.wall();
        let Some((deletion, _)) = find(&mut tx, id).await? else { return Ok(None) };
        if !deletion.state.is_open() {
            return Ok(Some(Err(deletion)));
        }
        let cancelled = ended(deletion, DeletionState::Cancelled, now);
        update(&mut tx, &cancelled, "", now).await?;
        let account = Some(cancelled.account.id);
        let entry = Entry { account, note, before: None, after: None };
        self.record(&mut tx, head, now, entry).await?;
        self.commit(tx).await?;
        Ok(Some(Ok(cancelled)))
    }
}

impl DeletionStore for SqlDirectory {
    fn begin_deletion(
        &self,
        new: NewDeletion,
        lease: Lease,
        note: Note,
    ) -> BoxFuture<'_, Result<Result<Deletion, DeletionId>, StoreError>> {
        self.answered(self.begin_one(new, lease, note))
    }

    fn deletion(&self, id: DeletionId) -> BoxFuture<'_, Result<Option<Deletion>, StoreError>> {
        self.answered(self.find_deletion(id))
    }

    fn deletions(&self, query: DeletionQuery) -> BoxFuture<'_, Result<Vec<Deletion>, StoreError>> {
        self.answered(self.list_deletions(query))
    }

    fn orphaned_deletions(&self) -> BoxFuture<'_, Result<Vec<DeletionId>, StoreError>> {
        self.answered(self.orphans())
    }

    fn claim_deletion(
        &self,
        id: DeletionId,
        lease: Lease,
        resumed: Option<Note>,
    ) -> BoxFuture<'_, Result<Option<Claim>, StoreError>> {
        self.answered(self.claim(id, lease, resumed))
    }

    fn renew_deletion(
        &self,
        id: DeletionId,
        lease: Lease,
    ) -> BoxFuture<'_, Result<bool, StoreError>> {
        self.answered(self.renew(id, lease))
    }

    fn save_deletion<'a>(
        &'a self,
        deletion: &'a Deletion,
        lease: Lease,
        remark: Option<Remark>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.answered(self.save(deletion, lease, remark))
    }

    fn finish_deletion<'a>(
        &'a self,
        id: DeletionId,
        lease: Lease,
        decide: DecideEnd<'a>,
    ) -> BoxFuture<'a, Result<Option<Changed>, StoreError>> {
        self.answered(self.finish(id, lease, decide))
    }

    fn cancel_deletion(
        &self,
        id: DeletionId,
        note: Note,
    ) -> BoxFuture<'_, Result<Option<Result<Deletion, Deletion>>, StoreError>> {
        self.answered(self.cancel(id, note))
    }
}

fn ended(deletion: Deletion, state: DeletionState, at: Timestamp) -> Deletion {
    Deletion { state, updated_at: at, ended_at: Some(at), ..deletion }
}

fn number(number: i64) -> Fallible<DeletionId> {
    DeletionId::try_from(number).map_err(|error| Fault::damaged(error.to_string()))
}

async fn open_of(tx: &mut Tx, account: i64) -> Fallible<Option<DeletionId>> {
    let row = sqlx::query("SELECT id FROM deletions WHERE account = $1 AND ended_at IS NULL")
        .bind(account)
        .fetch_optional(&mut **tx)
        .await?;
    row.map(|row| number(row.try_get(0)?)).transpose()
}

/// Writes before it reads: that holds the deletion as it is until the commit.
async fn find(tx: &mut Tx, id: DeletionId) -> Fallible<Option<(Deletion, Held)>> {
    let query = sqlx::query(HOLD).bind(id.get());
    let row = query.fetch_optional(&mut **tx).await?;
    row.as_ref().map(read).transpose()
}

fn read(row: &AnyRow) -> Fallible<(Deletion, Held)> {
    let mut columns = Columns::of(row);
    let id = number(columns.get()?)?;
    let Parties { account, receiver } = columns.json()?;
    let deletion = Deletion {
        id,
        account,
        receiver,
        actor: columns.text()?,
        reason: columns.text()?.try_into().map_err(
            |error: crate::domain::lock::InvalidReason| Fault::damaged(error.to_string()),
        )?,
        transfer: columns.json()?,
        state: columns.word(DeletionState::from_word)?,
        modules: columns.json()?,
        error: columns.get()?,
        begun_at: columns.time()?,
        updated_at: columns.time()?,
        ended_at: columns.time_if_any()?,
    };
    Ok((deletion, Held { holder: columns.text()?, until: columns.time()? }))
}

async fn insert(tx: &mut Tx, deletion: &Deletion, lease: &Lease) -> Fallible<()> {
    let parties =
        Parties { account: deletion.account.clone(), receiver: deletion.receiver.clone() };
    sqlx::query(
        "INSERT INTO deletions (id, account, receiver, parties, actor, reason, transfer, state, \
         modules, begun_at, updated_at, lease_holder, lease_until) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12)",
    )
    .bind(deletion.id.get())
    .bind(deletion.account.id.get())
    .bind(deletion.receiver.as_ref().map(|party| party.id.get()))
    .bind(json(&parties)?)
    .bind(&deletion.actor)
    .bind(deletion.reason.as_str())
    .bind(json(&deletion.transfer)?)
    .bind(deletion.state.as_str())
    .bind(json(&deletion.modules)?)
    .bind(deletion.begun_at.as_micros())
    .bind(&lease.holder)
    .bind(deletion.begun_at.after(lease.length).as_micros())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn update(tx: &mut Tx, deletion: &Deletion, holder: &str, until: Timestamp) -> Fallible<()> {
    sqlx::query(
        "UPDATE deletions SET state = $2, modules = $3, error = $4, updated_at = $5, \
         ended_at = $6, lease_holder = $7, lease_until = $8 WHERE id = $1",
    )
    .bind(deletion.id.get())
    .bind(deletion.state.as_str())
    .bind(json(&deletion.modules)?)
    .bind(deletion.error.as_deref())
    .bind(deletion.updated_at.as_micros())
    .bind(deletion.ended_at.map(Timestamp::as_micros))
    .bind(holder)
    .bind(until.as_micros())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
