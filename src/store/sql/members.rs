//! Who is in which group.

use std::collections::{BTreeSet, HashMap};

use sqlx::{AnyPool, AssertSqlSafe, Row};

use super::db::Tx;
use super::errors::{Fallible, Fault};
use super::rows::{Columns, numbers};
use crate::domain::account::AccountId;
use crate::domain::group::{GroupId, InvalidGroup};
use crate::domain::time::Timestamp;
use crate::store::{Member, MemberChange, Membership, NoMember};

/// How many accounts one statement asks for.
const AT_ONCE: usize = 500;

/// Whether all of these are accounts that are not deleted.
pub(super) async fn are_accounts(
    tx: &mut Tx,
    wanted: &BTreeSet<AccountId>,
) -> Fallible<Result<(), NoMember>> {
    for some in wanted.iter().copied().collect::<Vec<_>>().chunks(AT_ONCE) {
        let sql = format!(
            "SELECT id FROM accounts WHERE lifecycle <> 'deleted' AND id IN ({})",
            numbers(some)
        );
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut **tx).await?;
        let found: BTreeSet<i64> = rows
            .iter()
            .map(|row| row.try_get(0))
            .collect::<Result<_, _>>()?;
        if let Some(missing) = some.iter().find(|id| !found.contains(&id.get())) {
            return Ok(Err(NoMember(*missing)));
        }
    }
    Ok(Ok(()))
}

/// Writes a change, and says who came and who went by it.
pub(super) async fn apply(
    tx: &mut Tx,
    group: GroupId,
    change: &MemberChange,
) -> Fallible<(Vec<AccountId>, Vec<AccountId>)> {
    let mut left = Vec::new();
    if change.clears() {
        left = clear(tx, group, change.added()).await?;
    }
    for account in change.removed() {
        if remove(tx, group, *account).await? {
            left.push(*account);
        }
    }
    let mut joined = Vec::new();
    for account in change.added() {
        if add(tx, group, *account).await? {
            joined.push(*account);
        }
    }
    Ok((joined, left))
}

/// Says whether they were not there yet.
pub(super) async fn add(tx: &mut Tx, group: GroupId, account: AccountId) -> Fallible<bool> {
    let done = sqlx::query(
        "INSERT INTO group_members (group_id, account) VALUES ($1, $2) \
         ON CONFLICT (group_id, account) DO NOTHING",
    )
    .bind(group.get())
    .bind(account.get())
    .execute(&mut **tx)
    .await?;
    Ok(done.rows_affected() > 0)
}

async fn remove(tx: &mut Tx, group: GroupId, account: AccountId) -> Fallible<bool> {
    let done = sqlx::query("DELETE FROM group_members WHERE group_id = $1 AND account = $2")
        .bind(group.get())
        .bind(account.get())
        .execute(&mut **tx)
        .await?;
    Ok(done.rows_affected() > 0)
}

/// Takes everybody out but these, and says who went.
pub(super) async fn clear(
    tx: &mut Tx,
    group: GroupId,
    stay: &BTreeSet<AccountId>,
) -> Fallible<Vec<AccountId>> {
    let stay: Vec<_> = stay.iter().copied().collect();
    let sql = format!(
        "DELETE FROM group_members WHERE group_id = $1 AND account NOT IN ({}) RETURNING account",
        numbers(&stay)
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(group.get());
    let rows = query.fetch_all(&mut **tx).await?;
    rows.iter().map(|row| Columns::of(row).account()).collect()
}

/// Takes an account that is deleted out of every group.
pub(super) async fn forget(tx: &mut Tx, account: AccountId, at: Timestamp) -> Fallible<()> {
    sqlx::query(
        "UPDATE account_groups SET version = version + 1, updated_at = $2 \
         WHERE id IN (SELECT group_id FROM group_members WHERE account = $1)",
    )
    .bind(account.get())
    .bind(at.as_micros())
    .execute(&mut **tx)
    .await?;
    sqlx::query("DELETE FROM group_members WHERE account = $1")
        .bind(account.get())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

pub(super) async fn page(
    from: &AnyPool,
    group: GroupId,
    after: Option<AccountId>,
    limit: u32,
) -> Fallible<Vec<Member>> {
    let rows = sqlx::query(
        "SELECT account, CASE WHEN name = '' THEN login ELSE name END \
         FROM group_members JOIN accounts ON accounts.id = account \
         WHERE group_id = $1 AND account > $2 ORDER BY account LIMIT $3",
    )
    .bind(group.get())
    .bind(after.map_or(0, AccountId::get))
    .bind(i64::from(limit))
    .fetch_all(from)
    .await?;
    let member = |row| {
        let mut columns = Columns::of(row);
        Ok(Member { account: columns.account()?, display: columns.text()? })
    };
    rows.iter().map(member).collect()
}

pub(super) async fn count(from: &AnyPool, group: GroupId) -> Fallible<u64> {
    let row = sqlx::query("SELECT COUNT(*) FROM group_members WHERE group_id = $1")
        .bind(group.get())
        .fetch_one(from)
        .await?;
    Ok(row.try_get::<i64, _>(0)?.unsigned_abs())
}

pub(super) async fn of_accounts(
    from: &AnyPool,
    accounts: &[AccountId],
) -> Fallible<Vec<Membership>> {
    let mut found = Vec::new();
    for some in accounts.chunks(AT_ONCE) {
        let sql = format!(
            "SELECT account, group_id, name, permissions \
             FROM group_members JOIN account_groups ON account_groups.id = group_id \
             WHERE account IN ({}) ORDER BY account, group_id",
            numbers(some)
        );
        let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(from).await?;
        for row in &rows {
            let mut columns = Columns::of(row);
            found.push(Membership {
                account: columns.account()?,
                group: columns.get::<i64>()?.try_into().map_err(damage)?,
                name: columns.text()?.try_into().map_err(damage)?,
                permissions: columns.json()?,
            });
        }
    }
    found.sort_by_key(|one| (one.account, one.group));
    Ok(found)
}

/// The groups that each of these accounts is in, as they are inside the transaction;
/// who is in none is not named.
pub(super) async fn groups_of(
    tx: &mut Tx,
    accounts: Vec<AccountId>,
) -> Fallible<HashMap<AccountId, Vec<GroupId>>> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    for some in accounts.chunks(AT_ONCE) {
        let sql = format!(
            "SELECT account, group_id FROM group_members WHERE account IN ({})",
            numbers(some)
        );
        let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        for row in &query.fetch_all(&mut **tx).await? {
            let mut columns = Columns::of(row);
            let (account, group) = (columns.account()?, columns.get::<i64>()?);
            let group = group.try_into().map_err(damage)?;
            found.entry(account).or_default().push(group);
        }
    }
    Ok(found)
}

fn damage(error: InvalidGroup) -> Fault {
    Fault::damaged(error.to_string())
}
