//! Attempts to sign in, in a file of their own: no flood of guesses makes an
//! administrator wait.
//!
//! Whoever is refused by what is stored writes nothing. All others hand their step
//! to one writer, which takes as many as wait into one transaction and answers them
//! after its commit: many guesses at once cost about as many syncs as a few.

mod rows;

#[cfg(feature = "sqlite")]
use std::path::Path;
use std::sync::Arc;

use smallvec::SmallVec;
use tokio::sync::{mpsc, oneshot};

use self::rows::Rows;
use super::db::{Db, Tx};
use super::errors::{Fallible, Fault};
#[cfg(feature = "postgres")]
use super::postgres::{PostgresSettings, Server};
use super::schema;
#[cfg(feature = "sqlite")]
use super::sqlite;
use crate::domain::attempts::{
    self, AttemptRecord, Budget, Counted, Outcome, Reservation, Settled, Ticket,
};
use crate::domain::time::{Clock, Timestamp};
use crate::store::keyring::AttemptKey;
use crate::store::nonces::Nonces;
use crate::store::{AttemptStore, BoxFuture, Counter, StoreError};

const AT_ONCE: usize = 64;
const WAITING: usize = 1024;

/// How many counters a file holds if nobody says.
const COUNTERS: u64 = 1_000_000;

/// Attempts to sign in, counted in an SQLite file. Cheap to clone.
///
/// A reservation survives power loss before it is answered. A call that is dropped
/// may still take effect: an attempt that is dropped counts as failed anyway.
///
/// Bounded: a flood of made-up logins makes it forget counters, those with the
/// fewest failures first, and never a lockout. When it holds nothing but lockouts, a
/// login without an entry gets an error until one of them ends.
#[derive(Clone, Debug)]
pub struct SqlAttempts {
    db: Arc<Db>,
    clock: Clock,
    nonces: Arc<Nonces>,
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
    #[cfg(feature = "sqlite")]
    pub async fn open(path: impl AsRef<Path>, clock: Clock) -> Result<Self, StoreError> {
        Self::open_bounded(path, clock, COUNTERS).await
    }

    /// The same, for at most about so many counters: other programs that write to
    /// the file are noticed within some hundreds of new ones.
    ///
    /// # Errors
    ///
    /// As [`SqlAttempts::open`].
    #[cfg(feature = "sqlite")]
    pub async fn open_bounded(
        path: impl AsRef<Path>,
        clock: Clock,
        counters: u64,
    ) -> Result<Self, StoreError> {
        let path = path.as_ref();
        sqlite::create_file(path)?;
        Ok(Self::over(Db::open(path, &schema::ATTEMPTS, &clock).await?, clock, counters))
    }

    /// Connects to a database on a server of Postgres, which may be a directory's.
    ///
    /// Runs its writer on the tokio runtime that it is called on.
    ///
    /// # Errors
    ///
    /// If the server can't be reached or does not let us in, or a newer program has been
    /// here.
    #[cfg(feature = "postgres")]
    pub async fn connect(settings: &PostgresSettings, clock: Clock) -> Result<Self, StoreError> {
        let server = Server::for_attempts(settings)?;
        Ok(Self::over(Db::connect(server, &schema::ATTEMPTS, &clock).await?, clock, COUNTERS))
    }

    fn over(db: Db, clock: Clock, counters: u64) -> Self {
        let db = Arc::new(db);
        let rows = Rows::at_most(counters);
        let (jobs, waiting) = mpsc::channel(WAITING);
        tokio::spawn(write_all(db.clone(), clock.clone(), rows, waiting));
        Self { db, clock, nonces: Arc::new(Nonces::new()), jobs }
    }

    /// Forgets records that have said nothing since before this instant, and says
    /// how many. Never one of a lockout that is on.
    pub(super) async fn forget(&self, before: Timestamp) -> Fallible<u64> {
        let mut gone = 0;
        loop {
            let mut tx = self.db.write_in_turn().await?;
            let deleted = rows::forget(&mut tx, before).await?;
            tx.commit().await?;
            gone += deleted;
            if deleted == 0 {
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

    async fn read(&self, counters: &[Counter]) -> Result<Records, StoreError> {
        let read = async {
            let mut records = Records::new();
            for counter in counters {
                let stored = rows::read(self.db.readers(), &counter.key).await?;
                records.push(stored.unwrap_or_default());
            }
            Ok(records)
        };
        self.db.guard(read).await
    }

    /// What the stored records answer by themselves, without anything to write.
    async fn refused(&self, counters: &[Counter]) -> Result<Option<Reservation>, StoreError> {
        let stored = self.read(counters).await?;
        let mut tried = stored.clone();
        let now = self.clock.wall();
        let reservation = attempts::reserve(&mut tried, &counted(counters), 0, now);
        Ok((tried == stored).then_some(reservation))
    }

    async fn write(&self, counters: &[Counter], step: Step) -> Result<Done, StoreError> {
        let (reply, done) = oneshot::channel();
        let job = Job { counters: counters.into(), step, reply };
        self.jobs.send(job).await.map_err(|_| stopped())?;
        done.await.map_err(|_| stopped())?
    }
}

type Records = SmallVec<[AttemptRecord; 4]>;

fn counted(counters: &[Counter]) -> SmallVec<[Counted<'_>; 4]> {
    counters.iter().map(Counter::counted).collect()
}

impl AttemptStore for SqlAttempts {
    fn reserve<'a>(
        &'a self,
        counters: &'a [Counter],
    ) -> BoxFuture<'a, Result<Reservation, StoreError>> {
        Box::pin(async move {
            if let Some(refusal) = self.refused(counters).await? {
                return Ok(refusal);
            }
            let nonce = self.nonces.next();
            match self.write(counters, Step::Reserve { nonce }).await? {
                Done::Reserved(reservation) => Ok(reservation),
                _ => Err(stopped()),
            }
        })
    }

    fn settle<'a>(
        &'a self,
        counters: &'a [Counter],
        tickets: &'a [Ticket],
        outcome: Outcome,
    ) -> BoxFuture<'a, Result<Vec<Settled>, StoreError>> {
        Box::pin(async move {
            let step = Step::Settle { tickets: tickets.into(), outcome };
            match self.write(counters, step).await? {
                Done::Settled(settled) => Ok(settled),
                _ => Err(stopped()),
            }
        })
    }

    fn budget<'a>(&'a self, counters: &'a [Counter]) -> BoxFuture<'a, Result<Budget, StoreError>> {
        Box::pin(async move {
            let mut records = self.read(counters).await?;
            Ok(attempts::budget(&mut records, &counted(counters), self.clock.wall()))
        })
    }

    fn clear<'a>(&'a self, keys: &'a [AttemptKey]) -> BoxFuture<'a, Result<u64, StoreError>> {
        Box::pin(async move {
            let cleared = async {
                let mut tx = self.db.write_in_turn().await?;
                let mut cleared = 0;
                for key in keys {
                    cleared += rows::delete(&mut tx, key).await?;
                }
                tx.commit().await?;
                Ok(cleared)
            };
            self.db.guard(cleared).await
        })
    }
}

/// One step that waits to be written.
#[derive(Debug)]
struct Job {
    counters: SmallVec<[Counter; 4]>,
    step: Step,
    reply: oneshot::Sender<Result<Done, StoreError>>,
}

#[derive(Debug)]
enum Step {
    Reserve { nonce: u64 },
    Settle { tickets: SmallVec<[Ticket; 4]>, outcome: Outcome },
}

#[derive(Debug)]
enum Done {
    Reserved(Reservation),
    Settled(Vec<Settled>),
    /// There is no room for a counter that is not there yet.
    Crowded,
}

impl Step {
    fn apply(&self, records: &mut [AttemptRecord], by: &[Counted<'_>], now: Timestamp) -> Done {
        match self {
            Self::Reserve { nonce } => Done::Reserved(attempts::reserve(records, by, *nonce, now)),
            Self::Settle { tickets, outcome } => {
                Done::Settled(attempts::settle(records, by, tickets, *outcome, now))
            }
        }
    }
}

fn stopped() -> StoreError {
    StoreError::unavailable("the writer of attempts has stopped")
}

/// The writer: ends when the last clone of the store is gone.
async fn write_all(db: Arc<Db>, clock: Clock, mut rows: Rows, mut waiting: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(AT_ONCE);
    while waiting.recv_many(&mut jobs, AT_ONCE).await > 0 {
        let written = write_together(&db, &clock, &mut rows, &jobs);
        match db.guard(written).await {
            Ok(done) => answer(&db, jobs.drain(..), done),
            Err(error) => {
                // What was counted as added was not.
                rows.recount();
                refuse(jobs.drain(..), &error);
            }
        }
    }
}

/// All of them in one transaction, or none. A record that can't be read is the
/// trouble of whoever asked for it alone.
async fn write_together(
    db: &Db,
    clock: &Clock,
    rows: &mut Rows,
    jobs: &[Job],
) -> Fallible<Vec<Fallible<Done>>> {
    let mut tx = db.write_in_turn().await?;
    let now = clock.wall();
    let mut done = Vec::with_capacity(jobs.len());
    for job in jobs {
        done.push(match write_one(&mut tx, rows, job, now).await {
            Err(fault @ Fault::Sql(_)) => return Err(fault),
            step => step,
        });
    }
    tx.commit().await?;
    Ok(done)
}

async fn write_one(tx: &mut Tx, rows: &mut Rows, job: &Job, now: Timestamp) -> Fallible<Done> {
    let mut stored: SmallVec<[Option<AttemptRecord>; 4]> = SmallVec::new();
    for counter in &job.counters {
        stored.push(rows::read(&mut **tx, &counter.key).await?);
    }
    let mut changed: Records = stored
        .iter()
        .cloned()
        .map(Option::unwrap_or_default)
        .collect();
    let done = job.step.apply(&mut changed, &counted(&job.counters), now);
    let new = stored
        .iter()
        .zip(&changed)
        .filter(|(was, is)| was.is_none() && !is.is_blank());
    if !rows.make_room(tx, new.count(), now).await? {
        return Ok(Done::Crowded);
    }
    for ((counter, was), is) in job.counters.iter().zip(&stored).zip(&changed) {
        if was.as_ref().is_none_or(|was| was != is) {
            rows.put(tx, counter, was.is_some(), is).await?;
        }
    }
    Ok(done)
}

fn answer(db: &Db, jobs: impl Iterator<Item = Job>, done: Vec<Fallible<Done>>) {
    for (job, done) in jobs.zip(done) {
        let done = match done {
            Ok(Done::Crowded) => Err(StoreError::Crowded),
            done => done.map_err(|fault| db.fault(fault)),
        };
        // Nobody waits any more for what was dropped.
        let _ = job.reply.send(done);
    }
}

fn refuse(jobs: impl Iterator<Item = Job>, error: &StoreError) {
    for job in jobs {
        let _ = job.reply.send(Err(error.again()));
    }
}
