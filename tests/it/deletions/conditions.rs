//! Conditions on a real table, against their plain meaning.

use portcullis::admin::modules::{
    Field, ModuleError, OwnerKey, RecordModule, TableModule, TableSettings,
};
use portcullis::domain::deletion::Party;
use portcullis::domain::login::Login;
use portcullis::domain::transfer::{Comparison, Condition};
use proptest::prelude::*;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Executor, SqlitePool};

use crate::deletions::App;

/// Columns that nobody should have; SQL takes them all.
const COLUMNS: [&str; 4] = ["status", "a\"b", "x; DROP TABLE deals; --", "' OR 1=1"];

/// Values that would be SQL if they were not values.
fn values() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{0,2}",
        prop::sample::select(vec![
            "' OR '1'='1",
            "'; DROP TABLE deals; --",
            "\"",
            "''",
            "$1",
            "?",
            "NULL",
            "0",
            "1",
            "1.0",
            "%",
            "_",
            "\\",
            "a'b",
            "\u{e9}",
            "e\u{301}",
        ])
        .prop_map(str::to_owned),
        ".{0,12}",
    ]
}

#[derive(Clone, Debug)]
struct Row {
    owner: i64,
    values: Vec<Option<String>>,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let values = prop::collection::vec(prop::option::weighted(0.8, values()), COLUMNS.len());
    let row = (1_i64..4, values).prop_map(|(owner, values)| Row { owner, values });
    prop::collection::vec(row, 0..30)
}

fn conditions() -> impl Strategy<Value = Vec<Condition>> {
    let condition = (0..COLUMNS.len(), any::<bool>(), values()).prop_map(|(at, is, value)| {
        let comparison = if is { Comparison::Is } else { Comparison::IsNot };
        Condition::new(COLUMNS[at], comparison, &value).expect("a condition")
    });
    prop::collection::vec(condition, 0..4)
}

fn party(number: i64) -> Party {
    Party {
        id: number.try_into().expect("a number"),
        login: Login::new(&format!("user{number}")).expect("a login"),
        email: None,
    }
}

/// A fresh table with these rows, numbered from 1.
async fn table(folder: &std::path::Path, rows: &[Row]) -> (SqlitePool, TableModule) {
    let file = folder.join("app.db");
    let options = SqliteConnectOptions::new()
        .filename(&file)
        .create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.expect("opens");
    pool.execute(
        "CREATE TABLE deals (id INTEGER PRIMARY KEY, owner INTEGER, status TEXT, \"a\"\"b\" TEXT, \
         \"x; DROP TABLE deals; --\" TEXT, \"' OR 1=1\" TEXT)",
    )
    .await
    .expect("a table");
    for row in rows {
        let insert = sqlx::query("INSERT INTO deals VALUES (NULL, $1, $2, $3, $4, $5)");
        let insert = row
            .values
            .iter()
            .fold(insert.bind(row.owner), sqlx::query::Query::bind);
        insert.execute(&pool).await.expect("a row");
    }
    let named = |name: &&str| Field { name: (*name).to_owned(), label: String::new() };
    let module = TableModule::new(TableSettings {
        database: file,
        table: "deals".to_owned(),
        id: "id".to_owned(),
        owner: "owner".to_owned(),
        holds: OwnerKey::Account,
        fields: COLUMNS.iter().map(named).collect(),
    });
    (pool, module.expect("a module"))
}

/// Moves what is chosen and gives the owners as they are then.
async fn moved(rows: &[Row], conditions: &[Condition]) -> (u64, Vec<i64>) {
    let folder = crate::stores::folder();
    let (pool, module) = table(folder.path(), rows).await;
    module.check().await.expect("it is as described");
    let name = "deals".parse().expect("a name");
    let order = portcullis::admin::modules::Order::new(name, party(1), conditions.to_vec());
    let counted = module.count(&order).await.expect("counts");
    let mut moved = 0;
    while let Some(step) = module.next_step(&order).await.expect("chooses") {
        moved += module
            .carry_out(&order, &party(2), &step, "")
            .await
            .expect("moves")
            .records;
    }
    assert_eq!(counted, moved);
    let owners = sqlx::query_scalar("SELECT owner FROM deals ORDER BY id");
    (moved, owners.fetch_all(&pool).await.expect("owners"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Property: exactly those of the owner's records go that fit every condition by
    /// its plain meaning, whatever is in them.
    #[test]
    fn what_goes_is_what_fits(rows in rows(), conditions in conditions()) {
        let fits = |row: &Row| {
            row.owner == 1 && conditions.iter().all(|condition| {
                let at = COLUMNS.iter().position(|name| *name == condition.field());
                condition.fits(row.values[at.expect("a column")].as_deref())
            })
        };
        let expected: Vec<i64> =
            rows.iter().map(|row| if fits(row) { 2 } else { row.owner }).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let (count, owners) = runtime.expect("a runtime").block_on(moved(&rows, &conditions));
        prop_assert_eq!(count as usize, rows.iter().filter(|row| fits(row)).count());
        prop_assert_eq!(owners, expected);
    }
}

/// The fields that are configured, and no other text, whatever it would be as SQL.
#[tokio::test]
async fn no_other_field_can_be_named() {
    let folder = crate::stores::folder();
    let (pool, module) = table(folder.path(), &[Row { owner: 1, values: vec![None; 4] }]).await;
    for field in ["owner", "id", "rowid", "Status", "status\" OR 1=1 --", "1=1) --", "*"] {
        let condition = Condition::new(field, Comparison::IsNot, "x").expect("a condition");
        let name = "deals".parse().expect("a name");
        let order = portcullis::admin::modules::Order::new(name, party(1), vec![condition]);
        let refused = module.count(&order).await;
        assert!(matches!(refused, Err(ModuleError::Misfit(_))), "{field}: {refused:?}");
        assert!(module.next_step(&order).await.is_err(), "{field}");
    }
    let left: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM deals")
        .fetch_one(&pool)
        .await
        .expect("a number");
    assert_eq!(left, 1);
}

#[tokio::test]
async fn numbers_are_compared_as_they_are_shown() {
    let folder = crate::stores::folder();
    let (pool, module) = table(folder.path(), &[]).await;
    pool.execute("INSERT INTO deals (owner, status) VALUES (1, 7), (1, 7.5), (1, x'37')")
        .await
        .expect("rows");
    for (value, count) in [("7", 2), ("7.5", 1), ("07", 0)] {
        let condition = Condition::new("status", Comparison::Is, value).expect("a condition");
        let name = "deals".parse().expect("a name");
        let order = portcullis::admin::modules::Order::new(name, party(1), vec![condition]);
        assert_eq!(module.count(&order).await.expect("counts"), count, "{value}");
    }
}

/// Each thing that is missing is named.
#[tokio::test]
async fn what_is_not_as_described_is_named() {
    let folder = crate::stores::folder();
    let app = App::make(folder.path()).await;
    app.run("CREATE TABLE bare (id INTEGER, owner TEXT); CREATE VIEW seen AS SELECT * FROM deals")
        .await;
    let settings = |table: &str, owner: &str| TableSettings {
        database: app.file.clone(),
        table: table.to_owned(),
        id: "id".to_owned(),
        owner: owner.to_owned(),
        holds: OwnerKey::Account,
        fields: Vec::new(),
    };
    let field = |name: &str| vec![Field { name: name.to_owned(), label: String::new() }];
    let gone = folder.path().join("gone.db");
    for (wrong, what) in [
        (settings("nowhere", "owner"), "has no table \"nowhere\""),
        (settings("seen", "owner_id"), "has no table \"seen\""),
        (settings("deals", "owner"), "has no column \"owner\""),
        (settings("bare", "owner"), "does not tell records apart"),
        (TableSettings { fields: field("colour"), ..settings("deals", "owner_id") }, "\"colour\""),
        (TableSettings { database: gone.clone(), ..settings("deals", "owner_id") }, "no database"),
    ] {
        let module = TableModule::new(wrong).expect("names");
        let error = module.check().await.expect_err(what);
        assert!(matches!(error, ModuleError::Misfit(_)), "{error:?}");
        assert!(error.to_string().contains(what), "{error}");
    }
    assert!(!gone.exists(), "no database is made");
    for wrong in [
        settings("", "owner"),
        settings("de\nals", "owner"),
        settings("deals", "id"),
        TableSettings { fields: field("owner_id"), ..settings("deals", "owner_id") },
    ] {
        assert!(TableModule::new(wrong.clone()).is_err(), "{wrong:?}");
    }
}
