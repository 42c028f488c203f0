//! One step of a run: a few accounts in one transaction.

use std::collections::HashMap;
use std::fmt::Write;

use sqlx::{AssertSqlSafe, Row};

use super::rows::{put, run, run_columns, update};
use crate::domain::account::{Account, AccountId};
use crate::domain::standing::Lifecycle;
use crate::domain::time::Timestamp;
use crate::store::runs::Tally;
use crate::store::sql::SqlDirectory;
use crate::store::sql::accounts;
use crate::store::sql::audit::Entry;
use crate::store::sql::db::Tx;
use crate::store::sql::errors::Fallible;
use crate::store::sql::heads::{self, Head};
use crate::store::sql::rows::{self, account_columns, json};
use crate::store::{Changed, DecideItem, Decision, Edit, RunStep, StepItem, Stepped};

const HELD: &str = concat!(
    "SELECT ",
    run_columns!(),
    " FROM runs WHERE id = $1 AND state = 'running' AND holder = $2"
);

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
        let mut head = heads::take(&mut tx).await?;
        let held = sqlx::query(HELD)
            .bind(step.run.get())
            .bind(step.holder.to_string());
        let held = held.fetch_optional(&mut *tx).await?;
        let Some(found) = held.as_ref().map(run).transpose()? else { return Ok(None) };
        let now = self.clock.wall();
        let mut accounts = accounts_of(&mut tx, &step.items).await?;
        let counted = (active_admins(&mut tx, now).await?, head.licences);
        let mut tally = Tally::new(found, &step, counted, now);
        for item in &step.items {
            let account = item.account.and_then(|id| accounts.remove(&id));
            let account = account.filter(|account| account.lifecycle != Lifecycle::Deleted);
            let decision = tally.decide(item, account.as_ref(), &mut decide);
            if let (Some(before), Decision::Write { edit, .. }) = (account, &decision) {
                let edit = Edit::clone(edit);
                let changed = self
                    .write_one(&mut tx, &mut head, before, edit, now)
                    .await?;
                tally.changed(changed);
            }
            if let Some(item) = tally.settle(item, decision) {
                put(&mut tx, step.run, &item).await?;
            }
            if self.clock.now().monotonic.since(began) >= step.budget {
                break;
            }
        }
        let stepped = tally.done(&step);
        update(&mut tx, &stepped.run).await?;
        heads::put_back(&mut tx, &head).await?;
        match stepped.changed.is_empty() {
            true => self.commit_quietly(tx).await?,
            false => self.commit(tx).await?,
        }
        Ok(Some(stepped))
    }

    async fn write_one(
        &self,
        tx: &mut Tx,
        head: &mut Head,
        before: Account,
        edit: Edit,
        now: Timestamp,
    ) -> Fallible<Changed> {
        let account = accounts::edited(&before, edit.account, false, now);
        head.recount(&before, &account);
        accounts::update(tx, &account, None).await?;
        head.position += 1;
        heads::tell(tx, head, account.id, now).await?;
        let states = (Some(json(&before)?), Some(json(&account)?));
        let entry =
            Entry { account: Some(account.id), note: edit.note, before: states.0, after: states.1 };
        self.append(tx, head, now, entry).await?;
        Ok(Changed { before, account })
    }
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
