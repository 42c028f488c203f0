//! Groups: found, made, changed and deleted.

use std::collections::BTreeSet;

use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row};

use super::SqlDirectory;
use super::audit::Entry;
use super::db::Tx;
use super::errors::{Fallible, Fault};
use super::heads;
use super::members;
use super::rows::{Columns, json, numbers, stored};
use crate::domain::account::AccountId;
use crate::domain::event::Note;
use crate::domain::group::{Group, GroupId};
use crate::domain::login::folded;
use crate::domain::standing::Version;
use crate::store::groups::described;
use crate::store::{
    BoxFuture, DecideDeletion, DecideGroup, GroupChanged, GroupEdit, GroupPage, GroupQuery,
    GroupStore, Member, Membership, NewGroup, NoMember, StoreError,
};

const COLUMNS: &str =
    "id, name, external_id, permissions, document, version, created_at, updated_at";

type Answer<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

impl GroupStore for SqlDirectory {
    fn create_group(&self, new: NewGroup, note: Note) -> Answer<'_, Result<Group, NoMember>> {
        self.answered(self.make_group(new, note))
    }

    fn group(&self, id: GroupId) -> Answer<'_, Option<Group>> {
        self.answered(self.find_group(id))
    }

    fn list_groups(&self, query: GroupQuery) -> Answer<'_, GroupPage> {
        self.answered(self.page_of_groups(query))
    }

    fn change_group<'a>(
        &'a self,
        id: GroupId,
        decide: DecideGroup<'a>,
    ) -> Answer<'a, Result<Option<GroupChanged>, NoMember>> {
        self.answered(self.alter_group(id, decide))
    }

    fn delete_group<'a>(
        &'a self,
        id: GroupId,
        decide: DecideDeletion<'a>,
    ) -> Answer<'a, Option<bool>> {
        self.answered(self.drop_group(id, decide))
    }

    fn members(
        &self,
        id: GroupId,
        after: Option<AccountId>,
        limit: u32,
    ) -> Answer<'_, Vec<Member>> {
        self.answered(async move { members::page(self.db.readers(), id, after, limit).await })
    }

    fn count_members(&self, id: GroupId) -> Answer<'_, u64> {
        self.answered(async move { members::count(self.db.readers(), id).await })
    }

    fn memberships(&self, accounts: Vec<AccountId>) -> Answer<'_, Vec<Membership>> {
        self.answered(async move { members::of_accounts(self.db.readers(), &accounts).await })
    }
}

impl SqlDirectory {
    async fn make_group(&self, new: NewGroup, note: Note) -> Fallible<Result<Group, NoMember>> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        if let Err(missing) = members::are_accounts(&mut tx, &new.members).await? {
            return Ok(Err(missing));
        }
        let now = self.clock.wall();
        let group = new.born(next_number(&mut tx).await?, now);
        insert(&mut tx, &group).await?;
        let joined: Vec<_> = new.members.into_iter().collect();
        for account in &joined {
            members::add(&mut tx, group.id, *account).await?;
        }
        let after = Some(described(&group, &joined, &[]));
        heads::tell_setting(&mut tx, &head, now).await?;
        self.record(&mut tx, head, now, Entry { account: None, note, before: None, after })
            .await?;
        self.commit(tx).await?;
        Ok(Ok(group))
    }

    async fn find_group(&self, id: GroupId) -> Fallible<Option<Group>> {
        let sql = format!("SELECT {COLUMNS} FROM account_groups WHERE id = $1");
        let query = sqlx::query(AssertSqlSafe(sql)).bind(id.get());
        let row = query.fetch_optional(self.db.readers()).await?;
        row.as_ref().map(group).transpose()
    }

    /// Count and page are of one instant.
    async fn page_of_groups(&self, query: GroupQuery) -> Fallible<GroupPage> {
        let condition = condition(&query);
        let mut tx = self.db.read().await?;
        let count = format!("SELECT COUNT(*) FROM account_groups WHERE {condition}");
        let row = bound(count, &query).fetch_one(&mut *tx).await?;
        let total = row.try_get::<i64, _>(0)?.unsigned_abs();
        let page = format!(
            "SELECT {COLUMNS} FROM account_groups WHERE {condition} AND id > $4 ORDER BY id \
             LIMIT $5 OFFSET $6"
        );
        let rows = bound(page, &query)
            .bind(query.after.map_or(0, GroupId::get))
            .bind(i64::from(query.limit))
            .bind(stored(query.offset))
            .fetch_all(&mut *tx)
            .await?;
        Ok(GroupPage { groups: rows.iter().map(group).collect::<Fallible<_>>()?, total })
    }

    async fn alter_group(
        &self,
        id: GroupId,
        decide: DecideGroup<'_>,
    ) -> Fallible<Result<Option<GroupChanged>, NoMember>> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        let Some(before) = read(&mut tx, id).await? else { return Ok(Ok(None)) };
        let unchanged = GroupChanged { group: before.clone(), changed: false };
        let Some(edit) = decide(&before) else { return Ok(Ok(Some(unchanged))) };
        if let Err(missing) = members::are_accounts(&mut tx, edit.members.added()).await? {
            return Ok(Err(missing));
        }
        let (joined, left) = members::apply(&mut tx, id, &edit.members).await?;
        if edit.keeps(&before) && joined.is_empty() && left.is_empty() {
            return Ok(Ok(Some(unchanged)));
        }
        let now = self.clock.wall();
        let GroupEdit { note, .. } = edit.clone();
        let group = edit.over(&before, now);
        update(&mut tx, &group).await?;
        let states = (described(&before, &[], &[]), described(&group, &joined, &left));
        let entry = Entry { account: None, note, before: Some(states.0), after: Some(states.1) };
        heads::tell_setting(&mut tx, &head, now).await?;
        self.record(&mut tx, head, now, entry).await?;
        self.commit(tx).await?;
        Ok(Ok(Some(GroupChanged { group, changed: true })))
    }

    async fn drop_group(&self, id: GroupId, decide: DecideDeletion<'_>) -> Fallible<Option<bool>> {
        let mut tx = self.db.write().await?;
        let head = heads::advance(&mut tx).await?;
        let Some(group) = read(&mut tx, id).await? else { return Ok(None) };
        let Some(note) = decide(&group) else { return Ok(Some(false)) };
        let left = members::clear(&mut tx, id, &BTreeSet::new()).await?;
        sqlx::query("DELETE FROM account_groups WHERE id = $1")
            .bind(id.get())
            .execute(&mut *tx)
            .await?;
        let before = Some(described(&group, &[], &left));
        let entry = Entry { account: None, note, before, after: None };
        let now = self.clock.wall();
        heads::tell_setting(&mut tx, &head, now).await?;
        self.record(&mut tx, head, now, entry).await?;
        self.commit(tx).await?;
        Ok(Some(true))
    }
}

/// Every text has its place in every statement, whether or not it matters.
fn condition(query: &GroupQuery) -> String {
    let mut sql = "(CAST($1 AS TEXT) IS NULL OR name_folded = $1) \
         AND (CAST($2 AS TEXT) IS NULL OR external_id = $2) \
         AND (CAST($3 AS BIGINT) IS NULL OR id IN \
         (SELECT group_id FROM group_members WHERE account = $3))"
        .to_owned();
    if let Some(ids) = &query.ids {
        sql.push_str(&format!(" AND id IN ({})", numbers(ids)));
    }
    sql
}

fn bound<'q>(sql: String, query: &GroupQuery) -> Query<'q, Any, AnyArguments> {
    sqlx::query(AssertSqlSafe(sql))
        .bind(query.name.as_deref().map(folded))
        .bind(query.external_id.clone())
        .bind(query.member.map(AccountId::get))
}

async fn next_number(tx: &mut Tx) -> Fallible<GroupId> {
    let row = sqlx::query("UPDATE group_numbers SET last = last + 1 WHERE id = 1 RETURNING last")
        .fetch_one(&mut **tx)
        .await?;
    let number: i64 = row.try_get(0)?;
    GroupId::try_from(number).map_err(|error| Fault::damaged(error.to_string()))
}

async fn read(tx: &mut Tx, id: GroupId) -> Fallible<Option<Group>> {
    let sql = format!("SELECT {COLUMNS} FROM account_groups WHERE id = $1");
    let query = sqlx::query(AssertSqlSafe(sql)).bind(id.get());
    let row = query.fetch_optional(&mut **tx).await?;
    row.as_ref().map(group).transpose()
}

fn group(row: &AnyRow) -> Fallible<Group> {
    let mut columns = Columns::of(row);
    let damage = |error: crate::domain::group::InvalidGroup| Fault::damaged(error.to_string());
    Ok(Group {
        id: columns.get::<i64>()?.try_into().map_err(damage)?,
        name: columns.text()?.try_into().map_err(damage)?,
        external_id: columns.get()?,
        permissions: columns.json()?,
        document: columns.json()?,
        version: Version::new(columns.number()?),
        created_at: columns.time()?,
        updated_at: columns.time()?,
    })
}

async fn insert(tx: &mut Tx, group: &Group) -> Fallible<()> {
    sqlx::query(
        "INSERT INTO account_groups (id, name, name_folded, external_id, permissions, document, version, \
         created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)",
    )
    .bind(group.id.get())
    .bind(group.name.as_str())
    .bind(folded(group.name.as_str()))
    .bind(group.external_id.as_deref())
    .bind(json(&group.permissions)?)
    .bind(json(&group.document)?)
    .bind(stored(group.version.get()))
    .bind(group.created_at.as_micros())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

async fn update(tx: &mut Tx, group: &Group) -> Fallible<()> {
    sqlx::query(
        "UPDATE account_groups SET name = $2, name_folded = $3, external_id = $4, permissions = $5, \
         document = $6, version = $7, updated_at = $8 WHERE id = $1",
    )
    .bind(group.id.get())
    .bind(group.name.as_str())
    .bind(folded(group.name.as_str()))
    .bind(group.external_id.as_deref())
    .bind(json(&group.permissions)?)
    .bind(json(&group.document)?)
    .bind(stored(group.version.get()))
    .bind(group.updated_at.as_micros())
    .execute(&mut **tx)
    .await?;
    Ok(())
}
