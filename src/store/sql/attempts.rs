//! Attempts to sign in, in a file of their own: no flood of guesses makes an
//! administrator wait.
//!
//! Whoever is refused by what is stored writes nothing. All others hand their step
//! to one writer, which takes as many as wait into one transaction and answers them
//! after its commit: many guesses at once cost about as many syncs as a few.

use std::path::Path;
use std::sync::Arc;

use sqlx::any::AnyRow;
use tokio::sync::{mpsc, oneshot};

use super::db::{Db, Tx};
use super::errors::{Fallible, Fault};
use super::rows::{Columns, json, lockout_end};
use super::{schema, sqlite};
use crate::domain::attempts::{AttemptRecord, Budget, Outcome, Reservation, Settled, Ticket};
use crate::domain::policy::{LockoutPolicy, Rules};
use crate::domain::time::{Clock, Timestamp};
use crate::store::keyring::AttemptKey;
use crate::store::{AttemptStore, BoxFuture, StoreError};

const AT_ONCE: usize = 64;
const WAITING: usize = 1024;
const PRUNED_AT_ONCE: i64 = 500;

const BY_KEY: &str = "SELECT record FROM attempts WHERE key = $1";

/// Attempts to sign in, counted in an SQLite file. Cheap to clone.
///
/// A reservation survives power loss before it is answered. A call that is dropped
/// may still take effect: an attempt that is dropped counts as failed anyway.
#[derive(Clone, Debug)]
pub struct SqlAttempts {
    db: Arc<Db>,
    clock: Clock,
    jobs: mpsc::Sender<Job>,
}

impl SqlAttempts {
    /// Opens the file, or makes it, readable for its owner alone.
    ///
    /// Runs its writer on the tokio runtime that it is called on.
    ///
    /// # Errors
    ///
    /// If the file can't be written, is no database of ours, or a newer program has
    /// been here.
    pub async fn open(path: impl AsRef<Path>, clock: Clock) -> Result<Self, StoreError> {
        let path = path.as_ref();
        sqlite::create_file(path)?;
        let db = Arc::new(Db::open(path, schema::ATTEMPTS, &clock).await?);
        let (jobs, waiting) = mpsc::channel(WAITING);
        tokio::spawn(write_all(db.clone(), clock.clone(), waiting));
        Ok(Self { db, clock, jobs })
    }

    /// Forgets records that have said nothing since before this instant, and says
    /// how many. Never one of a lockout that is on.
    pub(super) async fn forget(&self, before: Timestamp) -> Fallible<u64> {
        let mut gone = 0;
        loop {
            let mut tx = self.db.write().await?;
            let deleted = sqlx::query(
                "DELETE FROM attempts WHERE key IN \
                 (SELECT key FROM attempts WHERE forgettable_at < $1 LIMIT $2)",
            )
            .bind(before.as_micros())
            .bind(PRUNED_AT_ONCE)
            .execute(&mut *tx)
            .await?;
            tx.commit().await?;
            gone += deleted.rows_affected();
            if deleted.rows_affected() == 0 {
                return Ok(gone);
            }
        }
    }

    /// Closes the file, once what is being written is done. Later calls fail.
    pub async fn close(&self) {
        self.db.close().await;
    }

    pub(super) fn fault(&self, fault: Fault) -> StoreError {
        self.db.fault(fault)
    }

    async fn read(&self, key: AttemptKey) -> Fallible<Option<AttemptRecord>> {
        let query = sqlx::query(BY_KEY).bind(key.to_hex());
        let row = query.fetch_optional(self.db.readers()).await?;
        row.as_ref().map(record).transpose()
    }

    /// What the stored record answers by itself, without anything to write.
    async fn refused(
        &self,
        key: AttemptKey,
        rules: &Rules,
        generation: u64,
    ) -> Result<Option<Reservation>, StoreError> {
        let stored = self.read(key).await.map_err(|fault| self.fault(fault))?;
        let Some(stored) = stored else { return Ok(None) };
        let mut tried = stored.clone();
        let reservation = tried.reserve(rules, generation, 0, self.clock.wall());
        Ok((tried == stored).then_some(reservation))
    }

    async fn write(&self, key: AttemptKey, rules: &Rules, step: Step) -> Result<Done, StoreError> {
        let (reply, done) = oneshot::channel();
        let job = Job { key, rules: rules.clone(), step, reply };
        self.jobs.send(job).await.map_err(|_| stopped())?;
        done.await.map_err(|_| stopped())?
    }
}

impl AttemptStore for SqlAttempts {
    fn reserve<'a>(
        &'a self,
        key: AttemptKey,
        policy: &'a LockoutPolicy,
        generation: u64,
    ) -> BoxFuture<'a, Result<Reservation, StoreError>> {
        Box::pin(async move {
            let Some(rules) = policy.rules() else {
                return Ok(Reservation::Granted(Ticket::UNCOUNTED));
            };
            if let Some(refusal) = self.refused(key, rules, generation).await? {
                return Ok(refusal);
            }
            let nonce = getrandom::u64().map_err(StoreError::unavailable)?;
            match self
                .write(key, rules, Step::Reserve { generation, nonce })
                .await?
            {
                Done::Reserved(reservation) => Ok(reservation),
                Done::Settled(_) => Err(stopped()),
            }
        })
    }

    fn settle<'a>(
        &'a self,
        key: AttemptKey,
        policy: &'a LockoutPolicy,
        ticket: Ticket,
        outcome: Outcome,
    ) -> BoxFuture<'a, Result<Settled, StoreError>> {
        Box::pin(async move {
            let Some(rules) = policy.rules() else {
                return Ok(Settled::Recorded { remaining: u32::MAX });
            };
            match self
                .write(key, rules, Step::Settle { ticket, outcome })
                .await?
            {
                Done::Settled(settled) => Ok(settled),
                Done::Reserved(_) => Err(stopped()),
            }
        })
    }

    fn budget<'a>(
        &'a self,
        key: AttemptKey,
        policy: &'a LockoutPolicy,
        generation: u64,
    ) -> BoxFuture<'a, Result<Budget, StoreError>> {
        Box::pin(async move {
            let Some(rules) = policy.rules() else {
                return Ok(Budget::Open { remaining: u32::MAX });
            };
            let stored = self.read(key).await.map_err(|fault| self.fault(fault))?;
            let mut record = stored.unwrap_or_default();
            Ok(record.budget(rules, generation, self.clock.wall()))
        })
    }
}

/// One step that waits to be written.
#[derive(Debug)]
struct Job {
    key: AttemptKey,
    rules: Rules,
    step: Step,
    reply: oneshot::Sender<Result<Done, StoreError>>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Reserve { generation: u64, nonce: u64 },
    Settle { ticket: Ticket, outcome: Outcome },
}

#[derive(Debug)]
enum Done {
    Reserved(Reservation),
    Settled(Settled),
}

impl Step {
    fn apply(self, record: &mut AttemptRecord, rules: &Rules, now: Timestamp) -> Done {
        match self {
            Self::Reserve { generation, nonce } => {
                Done::Reserved(record.reserve(rules, generation, nonce, now))
            }
            Self::Settle { ticket, outcome } => {
                Done::Settled(record.settle(rules, ticket, outcome, now))
            }
        }
    }
}

fn stopped() -> StoreError {
    StoreError::unavailable("the writer of attempts has stopped")
}

/// The writer: ends when the last clone of the store is gone.
async fn write_all(db: Arc<Db>, clock: Clock, mut waiting: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(AT_ONCE);
    while waiting.recv_many(&mut jobs, AT_ONCE).await > 0 {
        let written = write_together(&db, &clock, &jobs).await;
        match written.map_err(|fault| db.fault(fault)) {
            Ok(done) => answer(&db, jobs.drain(..), done),
            Err(error) => refuse(jobs.drain(..), &error),
        }
    }
}

/// All of them in one transaction, or none. A record that can't be read is the
/// trouble of whoever asked for it alone.
async fn write_together(db: &Db, clock: &Clock, jobs: &[Job]) -> Fallible<Vec<Fallible<Done>>> {
    let mut tx = db.write().await?;
    let now = clock.wall();
    let mut done = Vec::with_capacity(jobs.len());
    for job in jobs {
        done.push(match write_one(&mut tx, job, now).await {
            Err(fault @ Fault::Sql(_)) => return Err(fault),
            step => step,
        });
    }
    tx.commit().await?;
    Ok(done)
}

async fn write_one(tx: &mut Tx, job: &Job, now: Timestamp) -> Fallible<Done> {
    let row = sqlx::query(BY_KEY)
        .bind(job.key.to_hex())
        .fetch_optional(&mut **tx)
        .await?;
    let stored = row.as_ref().map(record).transpose()?.unwrap_or_default();
    let mut changed = stored.clone();
    let done = job.step.apply(&mut changed, &job.rules, now);
    if changed != stored {
        put(tx, job, &changed).await?;
    }
    Ok(done)
}

/// An empty record says what none does: a flood of sign-ins that were put off
/// leaves no rows.
async fn put(tx: &mut Tx, job: &Job, record: &AttemptRecord) -> Fallible<()> {
    if *record == AttemptRecord::default() {
        let gone = sqlx::query("DELETE FROM attempts WHERE key = $1").bind(job.key.to_hex());
        gone.execute(&mut **tx).await?;
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO attempts (key, record, locked_until, forgettable_at) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO UPDATE SET record = excluded.record, \
         locked_until = excluded.locked_until, forgettable_at = excluded.forgettable_at",
    )
    .bind(job.key.to_hex())
    .bind(json(record)?)
    .bind(record.lockout().map(lockout_end))
    .bind(record.forgettable_at(&job.rules).map(Timestamp::as_micros))
    .execute(&mut **tx)
    .await?;
    Ok(())
}

fn record(row: &AnyRow) -> Fallible<AttemptRecord> {
    Columns::of(row).json()
}

fn answer(db: &Db, jobs: impl Iterator<Item = Job>, done: Vec<Fallible<Done>>) {
    for (job, done) in jobs.zip(done) {
        // Nobody waits any more for what was dropped.
        let _ = job.reply.send(done.map_err(|fault| db.fault(fault)));
    }
}

fn refuse(jobs: impl Iterator<Item = Job>, error: &StoreError) {
    for job in jobs {
        let _ = job.reply.send(Err(error.again()));
    }
}
