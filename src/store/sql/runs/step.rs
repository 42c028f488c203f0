//! One step of a run: a few accounts in one transaction.
//!
//! What a step decides is known before it is written: the accounts are read at once, and
//! kept as the step leaves them. So they are written together, in a few statements that
//! take many rows each.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

use sqlx::{AssertSqlSafe, Row};

use super::rows::{put, run, run_columns, update};
use crate::domain::account::{Account, AccountId};
use crate::domain::event::Note;
use crate::domain::group::GroupId;
use crate::domain::standing::Lifecycle;
use crate::domain::time::Timestamp;
use crate::store::runs::Tally;
use crate::store::sql::SqlDirectory;
use crate::store::sql::accounts;
use crate::store::sql::audit::{self, Entry, Sealed};
use crate::store::sql::db::Tx;
use crate::store::sql::errors::Fallible;
use crate::store::sql::heads::{self, Head};
use crate::store::sql::members;
use crate::store::sql::rows::{self, account_columns, json};
use crate::store::sql::values::MOST;
use crate::store::{
    Changed, DecideItem, Decision, Edit, Run, RunId, RunItem, RunStep, StepItem, Stepped,
};

/// Writes before it is read: that holds the run as it is until the commit.
const HELD: &str = concat!(
    "UPDATE runs SET id = id WHERE id = $1 AND state = 'running' AND holder = $2 RETURNING ",
    run_columns!()
);

/// What a step knows, as its items leave it one after the other.
struct Scene {
    head: Head,
    accounts: HashMap<AccountId, Account>,
    /// The groups that they are in, which no step changes.
    groups: HashMap<AccountId, Vec<GroupId>>,
    tally: Tally,
    now: Timestamp,
}

/// What some items of a step come to, and is not written yet.
#[derive(Default)]
struct Unwritten {
    /// Whom to write: each once, also who was changed twice.
    accounts: BTreeSet<AccountId>,
    feed: Vec<(u64, i64)>,
    records: Vec<Sealed>,
    items: Vec<RunItem>,
}

impl SqlDirectory {
    /// The head is taken once and raised for each account: what one step writes stands
    /// in feed and audit log without a gap.
    pub(super) async fn take_step(
        &self,
        step: RunStep,
        mut decide: DecideItem<'_>,
    ) -> Fallible<Option<Stepped>> {
        let mut tx = self.db.write().await?;
        let began = self.clock.now().monotonic;
        let head = heads::take(&mut tx).await?;
        let Some(found) = held(&mut tx, &step).await? else { return Ok(None) };
        let now = self.clock.wall();
        let accounts = accounts_of(&mut tx, &step.items).await?;
        let groups = members::groups_of(&mut tx, accounts.keys().copied().collect()).await?;
        let counted = (active_admins(&mut tx, now).await?, head.licences);
        let tally = Tally::new(found, &step, counted, now);
        let mut scene = Scene { head, accounts, groups, tally, now };
        for items in step.items.chunks(MOST) {
            let unwritten = self.decide_on(&mut scene, items, &mut decide)?;
            scene.write(&mut tx, step.run, unwritten).await?;
            if self.clock.now().monotonic.since(began) >= step.budget {
                break;
            }
        }
        let stepped = scene.tally.done(&step);
        update(&mut tx, &stepped.run).await?;
        heads::leave(&mut tx, &scene.head).await?;
        match stepped.changed.is_empty() {
            true => self.commit_quietly(tx).await?,
            false => self.commit(tx).await?,
        }
        let took = self.clock.now().monotonic.since(began);
        Ok(Some(Stepped { took, ..stepped }))
    }

    fn decide_on(
        &self,
        scene: &mut Scene,
        items: &[StepItem],
        decide: &mut DecideItem<'_>,
    ) -> Fallible<Unwritten> {
        let mut unwritten = Unwritten::default();
        for item in items {
            let account = item.account.and_then(|id| scene.accounts.get(&id));
            let account = account.filter(|account| account.lifecycle != Lifecycle::Deleted);
            let account = account.cloned();
            let groups = item.account.and_then(|id| scene.groups.get(&id));
            let groups = groups.map_or(&[][..], Vec::as_slice);
            let decision = scene.tally.decide(item, account.as_ref(), groups, decide);
            if let (Some(before), Decision::Write { edit, .. }) = (account, &decision) {
                let Edit { account, note, .. } = Edit::clone(edit);
                let account = Tally::kept_to_runs(&before, account);
                let account = accounts::edited(&before, account, None, scene.now);
                self.change(scene, &mut unwritten, Changed { before, account }, note)?;
            }
            unwritten.items.extend(scene.tally.settle(item, decision));
        }
        Ok(unwritten)
    }

    fn change(
        &self,
        scene: &mut Scene,
        unwritten: &mut Unwritten,
        changed: Changed,
        note: Note,
    ) -> Fallible<()> {
        let Changed { before, account } = &changed;
        let (id, head) = (account.id, &mut scene.head);
        head.recount(before, account);
        head.position += 1;
        unwritten.feed.push((head.position, id.get()));
        let (before, after) = (Some(json(before)?), Some(json(account)?));
        let entry = Entry { account: Some(id), note, before, after };
        unwritten.records.push(self.seal(head, scene.now, entry));
        unwritten.accounts.insert(id);
        // Whoever is named again is judged as they are by then.
        scene.accounts.insert(id, account.clone());
        scene.tally.changed(changed);
        Ok(())
    }
}

impl Scene {
    async fn write(&self, tx: &mut Tx, run: RunId, unwritten: Unwritten) -> Fallible<()> {
        let Unwritten { accounts, feed, records, items } = unwritten;
        let changed = accounts.iter().filter_map(|id| self.accounts.get(id));
        accounts::update_standings(tx, changed).await?;
        heads::tell_all(tx, feed, self.now).await?;
        audit::append(tx, records).await?;
        put(tx, run, items).await
    }
}

async fn held(tx: &mut Tx, step: &RunStep) -> Fallible<Option<Run>> {
    let query = sqlx::query(HELD)
        .bind(step.run.get())
        .bind(step.holder.to_string());
    let row = query.fetch_optional(&mut **tx).await?;
    row.as_ref().map(run).transpose()
}

/// The accounts of these items. Their numbers are written out: they are numbers.
async fn accounts_of(tx: &mut Tx, items: &[StepItem]) -> Fallible<HashMap<AccountId, Account>> {
    let mut sql =
        String::from(concat!("SELECT ", account_columns!(), " FROM accounts WHERE id IN (0"));
    for id in items.iter().filter_map(|item| item.account) {
        let _ = write!(sql, ", {id}");
    }
    sql.push(')');
    let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
    let rows = query.fetch_all(&mut **tx).await?;
    let accounts = rows.iter().map(|row| {
        let account = rows::account(row)?;
        Ok((account.id, account))
    });
    accounts.collect()
}

/// As [`Account::is_active_admin`] has it.
async fn active_admins(tx: &mut Tx, now: Timestamp) -> Fallible<u64> {
    let row = sqlx::query(
        "SELECT COUNT(*) FROM accounts WHERE admin = 1 AND lifecycle = 'active' \
         AND disabled = 0 AND (admin_lock_until IS NULL OR admin_lock_until <= $1)",
    )
    .bind(now.as_micros())
    .fetch_one(&mut **tx)
    .await?;
    Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
}
