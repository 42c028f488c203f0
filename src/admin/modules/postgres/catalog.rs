//! What the catalogs of a Postgres database say of a table.

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use crate::admin::modules::OwnerKey;
use crate::admin::modules::dialect::Tx;

/// A table, a view or the like.
pub(super) struct Table {
    oid: i64,
    kind: String,
    hides_rows: bool,
    in_reach: bool,
}

/// A column, and what we may do with it.
#[derive(Clone)]
pub(super) struct Column {
    pub(super) name: String,
    /// Its type as SQL writes it, without a length.
    pub(super) kind: String,
    category: String,
    pub(super) unique: bool,
    computed: bool,
    readable: bool,
    writable: bool,
}

/// The name is compared as text: a value of the type `name` is cut to 63 bytes.
const TABLE: &str = "
    SELECT CAST(c.oid AS BIGINT), CAST(c.relkind AS TEXT), \
        CASE WHEN c.relkind IN ('r', 'p') THEN row_security_active(c.oid) ELSE FALSE END, \
        has_schema_privilege(n.oid, 'USAGE') \
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
    WHERE CAST(c.relname AS TEXT) COLLATE \"C\" = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
        AND CASE WHEN $2 = '' THEN pg_catalog.pg_table_is_visible(c.oid) \
            ELSE CAST(n.nspname AS TEXT) COLLATE \"C\" = $2 END";

const COLUMNS: &str = "
    SELECT CAST(a.attname AS TEXT), pg_catalog.format_type(a.atttypid, -1), \
        CAST(t.typcategory AS TEXT), a.attgenerated <> '' OR a.attidentity = 'a', \
        has_column_privilege(a.attrelid, a.attnum, 'SELECT'), \
        has_column_privilege(a.attrelid, a.attnum, 'UPDATE'), \
        EXISTS (SELECT 1 FROM pg_catalog.pg_index i WHERE i.indrelid = a.attrelid \
            AND i.indisunique AND i.indisvalid AND i.indpred IS NULL \
            AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) \
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
    WHERE a.attrelid = CAST($1 AS OID) AND a.attnum > 0 AND NOT a.attisdropped";

/// A schema, if one is named, and the table in it.
pub(super) fn parts(name: &str) -> (Option<&str>, &str) {
    match name.split_once('.') {
        Some((schema, table)) => (Some(schema), table),
        None => (None, name),
    }
}

/// What has this name, if anything.
pub(super) async fn table(tx: &mut Tx, name: &str) -> sqlx::Result<Option<Table>> {
    let (schema, name) = parts(name);
    let found = sqlx::query(TABLE)
        .bind(name.to_owned())
        .bind(schema.unwrap_or_default().to_owned())
        .persistent(false)
        .fetch_optional(&mut **tx)
        .await?;
    let read = |row: AnyRow| -> sqlx::Result<Table> {
        Ok(Table {
            oid: row.try_get(0)?,
            kind: row.try_get(1)?,
            hides_rows: row.try_get(2)?,
            in_reach: row.try_get(3)?,
        })
    };
    found.map(read).transpose()
}

/// The columns of a table.
pub(super) async fn columns(tx: &mut Tx, table: &Table) -> sqlx::Result<Vec<Column>> {
    let rows = sqlx::query(AssertSqlSafe(COLUMNS))
        .bind(table.oid)
        .persistent(false)
        .fetch_all(&mut **tx)
        .await?;
    let read = |row: &AnyRow| -> sqlx::Result<Column> {
        Ok(Column {
            name: row.try_get(0)?,
            kind: row.try_get(1)?,
            category: row.try_get(2)?,
            computed: row.try_get(3)?,
            readable: row.try_get(4)?,
            writable: row.try_get(5)?,
            unique: row.try_get(6)?,
        })
    };
    rows.iter().map(read).collect()
}

impl Table {
    /// What is wrong with it, after its name.
    pub(super) fn fits(&self, user: &str) -> Result<(), String> {
        let what = match self.kind.as_str() {
            "v" | "m" => "is a view, and records are moved in tables: name the table",
            "f" => "is a table of another server: name the database that it is in",
            _ if !self.in_reach => {
                return Err(format!("is in a schema that {user} has no USAGE of: grant it"));
            }
            _ if self.hides_rows => {
                return Err(format!(
                    "has row-level security, which may hide records from {user}: give that role \
                     BYPASSRLS"
                ));
            }
            _ => return Ok(()),
        };
        Err(what.to_owned())
    }
}

impl Column {
    pub(super) fn is_whole_number(&self) -> bool {
        matches!(self.kind.as_str(), "smallint" | "integer" | "bigint")
    }

    pub(super) fn is_text(&self) -> bool {
        self.category == "S"
    }

    /// What keeps the role from reading it.
    pub(super) fn readable(&self, user: &str) -> Result<(), String> {
        match self.readable {
            true => Ok(()),
            false => Err(format!("can't be read by {user}: grant SELECT of {:?}", self.name)),
        }
    }

    /// What keeps it from holding people by this.
    pub(super) fn holds(&self, key: OwnerKey, user: &str) -> Result<(), String> {
        let Self { name, kind, .. } = self;
        let number = self.category == "N" && key == OwnerKey::Account;
        if !self.is_text() && !number {
            let words = key.words();
            return Err(format!("holds {kind} in {name:?}, and that can't be {words}"));
        }
        if self.computed {
            return Err(format!("computes {name:?} by itself: name the column that can be set"));
        }
        match self.writable {
            true => Ok(()),
            false => Err(format!("can't be changed by {user}: grant UPDATE of {name:?}")),
        }
    }
}
