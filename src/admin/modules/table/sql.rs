//! What is said to the database about a table, and what is bound to it.

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row};

use super::{OwnerKey, TableModule, TableSettings};
use crate::admin::modules::dialect::{Dialect, Shape, Tx, quoted};
use crate::admin::modules::{ModuleError, Order};
use crate::domain::deletion::{Party, RecordId, Step};
use crate::domain::transfer::{Comparison, Condition};

/// The names as SQL writes them.
pub(super) struct Names {
    pub(super) table: String,
    pub(super) id: String,
    pub(super) owner: String,
    /// The owner's column where it is set, which takes no table's name.
    pub(super) set_owner: String,
}

/// What is sent, with what is bound to it.
pub(super) type Bound<'q> = Query<'q, Any, AnyArguments>;

/// What moves a step, and what counts how much of it is moved and how much is not.
pub(super) struct Statements {
    pub(super) update: String,
    pub(super) moved: String,
    pub(super) left: String,
}

impl Names {
    pub(super) fn of(settings: &TableSettings, database: &dyn Dialect) -> Self {
        let table = database.table(&settings.table);
        let of_table = |column: &str| format!("{table}.{}", quoted(column));
        Self {
            id: of_table(&settings.id),
            owner: of_table(&settings.owner),
            set_owner: quoted(&settings.owner),
            table,
        }
    }
}

impl TableModule {
    /// What goes after `WHERE`: the owner's records that fit. The owner is the place
    /// `first`, the values come after it.
    pub(super) fn chosen(
        &self,
        shape: &Shape,
        conditions: &[Condition],
        first: usize,
    ) -> Result<String, ModuleError> {
        let mut sql = shape.owner_is(&self.names.owner, first);
        for (at, condition) in conditions.iter().enumerate() {
            let shown = shape.shown(&self.column(condition.field())?);
            let sign = match condition.comparison() {
                Comparison::Is => "=",
                Comparison::IsNot => "<>",
            };
            sql.push_str(&format!(" AND {shown} {sign} ${}", first + 1 + at));
        }
        Ok(sql)
    }

    /// A column that conditions may name, as SQL writes it.
    fn column(&self, field: &str) -> Result<String, ModuleError> {
        let TableSettings { table, fields, .. } = &self.settings;
        if fields.iter().any(|known| known.name == field) {
            return Ok(format!("{}.{}", self.names.table, quoted(field)));
        }
        Err(ModuleError::Misfit(format!("records of {table:?} can't be chosen by {field:?}")))
    }

    pub(super) fn statements(
        &self,
        shape: &Shape,
        order: &Order,
        step: &Step,
    ) -> Result<Statements, ModuleError> {
        let Names { table, id, owner, set_owner } = &self.names;
        let (values, records) = (order.conditions.len(), step.records.len());
        let among = |first: usize| {
            let places = (first..first + records).map(|place| shape.id_at(place));
            format!("{id} IN ({})", places.collect::<Vec<_>>().join(", "))
        };
        let chosen = |first: usize| self.chosen(shape, &order.conditions, first);
        let (then, now) = (chosen(2)?, chosen(1)?);
        let theirs = shape.owner_is(owner, 1);
        let (third, second) = (among(3 + values), among(2 + values));
        Ok(Statements {
            update: format!("UPDATE {table} SET {set_owner} = $1 WHERE {then} AND {third}"),
            moved: format!("SELECT COUNT(*) FROM {table} WHERE {theirs} AND {}", among(2)),
            left: format!("SELECT COUNT(*) FROM {table} WHERE {now} AND {second}"),
        })
    }

    pub(super) fn bind_order<'q>(
        &self,
        shape: &Shape,
        query: Bound<'q>,
        order: &Order,
    ) -> Bound<'q> {
        let query = self.bind_party(shape, query, &order.from);
        let values = order.conditions.iter();
        values.fold(query, |query, condition| query.bind(condition.value().to_owned()))
    }

    /// A number where the column holds numbers: a text would be none there on some
    /// databases, or in a column without a type.
    pub(super) fn bind_party<'q>(
        &self,
        shape: &Shape,
        query: Bound<'q>,
        party: &Party,
    ) -> Bound<'q> {
        match self.settings.holds {
            OwnerKey::Account if shape.numbers_are_texts => query.bind(party.id.to_string()),
            OwnerKey::Account => query.bind(party.id.get()),
            OwnerKey::Email => query.bind(party.email.clone()),
            OwnerKey::Login => query.bind(party.login.as_str().to_owned()),
        }
    }
}

/// Not kept by the connection: a table that is altered would not fit it any more.
pub(super) fn query(sql: String) -> Bound<'static> {
    sqlx::query(AssertSqlSafe(sql)).persistent(false)
}

pub(super) async fn number(query: Bound<'_>, tx: &mut Tx) -> sqlx::Result<u64> {
    let row = query.fetch_one(&mut **tx).await?;
    row.try_get::<i64, _>(0).map(i64::unsigned_abs)
}

pub(super) fn bind_records<'q>(shape: &Shape, query: Bound<'q>, step: &Step) -> Bound<'q> {
    let as_texts = shape.id_type.is_some();
    step.records
        .iter()
        .fold(query, |query, record| match record {
            RecordId::Number(number) if as_texts => query.bind(number.to_string()),
            RecordId::Number(number) => query.bind(*number),
            RecordId::Text(text) => query.bind(text.clone()),
        })
}
