//! Conditions on a real table, against their plain meaning.

use portcullis::admin::modules::{
    Database, Field, ModuleError, Order, OwnerKey, RecordModule, TableModule, TableSettings,
};
use portcullis::domain::deletion::Party;
use portcullis::domain::login::Login;
use portcullis::domain::transfer::{Comparison, Condition};
use proptest::prelude::*;
use sqlx::{AnyPool, Executor};

use crate::deletions::App;
use crate::deletions::app::settings;

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
async fn table(app: &App, rows: &[Row]) -> TableModule {
    app.run("DROP TABLE IF EXISTS deals").await;
    app.run(
        "CREATE TABLE deals (id INTEGER PRIMARY KEY, owner INTEGER, status TEXT, \"a\"\"b\" TEXT, \
         \"x; DROP TABLE deals; --\" TEXT, \"' OR 1=1\" TEXT)",
    )
    .await;
    for (at, row) in rows.iter().enumerate() {
        let insert = sqlx::query("INSERT INTO deals VALUES ($1, $2, $3, $4, $5, $6)");
        let insert = row
            .values
            .iter()
            .cloned()
            .fold(insert.bind(at as i32 + 1).bind(row.owner as i32), sqlx::query::Query::bind);
        insert
            .persistent(false)
            .execute(&app.pool)
            .await
            .expect("a row");
    }
    let settings = settings("deals", "owner", OwnerKey::Account, &COLUMNS);
    TableModule::new(app.database.clone(), settings).expect("a module")
}

fn order(conditions: &[Condition]) -> Order {
    Order::new("deals".parse().expect("a name"), party(1), conditions.to_vec())
}

async fn owners(pool: &AnyPool) -> Vec<i64> {
    let owners = sqlx::query_scalar("SELECT owner FROM deals ORDER BY id");
    owners
        .persistent(false)
        .fetch_all(pool)
        .await
        .expect("owners")
}

/// Moves what is chosen and gives the owners as they are then.
async fn moved(app: &App, rows: &[Row], conditions: &[Condition]) -> (u64, Vec<i64>) {
    let module = table(app, rows).await;
    module.check().await.expect("it is as described");
    let order = order(conditions);
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
    (moved, owners(&app.pool).await)
}

/// Exactly those of the owner's records went that fit every condition by its plain
/// meaning.
fn as_meant(rows: &[Row], conditions: &[Condition], moved: &(u64, Vec<i64>)) {
    let fits = |row: &Row| {
        let mut all = conditions.iter();
        row.owner == 1
            && all.all(|condition| {
                let at = COLUMNS.iter().position(|name| *name == condition.field());
                condition.fits(row.values[at.expect("a column")].as_deref())
            })
    };
    let owners = rows.iter().map(|row| if fits(row) { 2 } else { row.owner });
    assert_eq!(moved.1, owners.collect::<Vec<_>>());
    assert_eq!(moved.0 as usize, rows.iter().filter(|row| fits(row)).count());
}

fn runtime() -> tokio::runtime::Runtime {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Property: what goes is what fits, whatever is in it.
    #[test]
    fn what_goes_is_what_fits(rows in rows(), conditions in conditions()) {
        let folder = crate::stores::folder();
        let moved = runtime().block_on(async {
            moved(&App::at(folder.path()).await, &rows, &conditions).await
        });
        as_meant(&rows, &conditions, &moved);
    }
}

/// The same in Postgres, where no text has the character 0.
#[test]
fn what_goes_in_postgres_is_what_fits() {
    let runtime = runtime();
    let app = runtime.block_on(App::in_postgres());
    let cases = (rows(), conditions()).prop_filter("no 0", |(rows, conditions)| {
        let mut values = rows.iter().flat_map(|row| row.values.iter().flatten());
        !values.any(|value| value.contains('\0'))
            && !conditions
                .iter()
                .any(|condition| condition.value().contains('\0'))
    });
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(64));
    let ran = runner.run(&cases, |(rows, conditions)| {
        let moved = runtime.block_on(moved(&app, &rows, &conditions));
        as_meant(&rows, &conditions, &moved);
        Ok(())
    });
    ran.expect("holds");
}

/// The fields that are configured, and no other text, whatever it would be as SQL.
async fn no_other_field_can_be_named(app: App) {
    let module = table(&app, &[Row { owner: 1, values: vec![None; 4] }]).await;
    for field in ["owner", "id", "rowid", "Status", "status\" OR 1=1 --", "1=1) --", "*"] {
        let condition = Condition::new(field, Comparison::IsNot, "x").expect("a condition");
        let order = order(&[condition]);
        let refused = module.count(&order).await;
        assert!(matches!(refused, Err(ModuleError::Misfit(_))), "{field}: {refused:?}");
        assert!(module.next_step(&order).await.is_err(), "{field}");
    }
    assert_eq!(owners(&app.pool).await, [1]);
}

#[tokio::test]
async fn no_other_field_can_be_named_in_sqlite() {
    let folder = crate::stores::folder();
    no_other_field_can_be_named(App::at(folder.path()).await).await;
}

#[tokio::test]
async fn no_other_field_can_be_named_in_postgres() {
    no_other_field_can_be_named(App::in_postgres().await).await;
}

#[tokio::test]
async fn numbers_are_compared_as_they_are_shown() {
    let folder = crate::stores::folder();
    let app = App::at(folder.path()).await;
    let module = table(&app, &[]).await;
    app.pool
        .execute("INSERT INTO deals (owner, status) VALUES (1, 7), (1, 7.5), (1, x'37')")
        .await
        .expect("rows");
    for (value, count) in [("7", 2), ("7.5", 1), ("07", 0)] {
        let condition = Condition::new("status", Comparison::Is, value).expect("a condition");
        assert_eq!(module.count(&order(&[condition])).await.expect("counts"), count, "{value}");
    }
}

/// Each thing that is missing is named.
#[tokio::test]
async fn what_is_not_as_described_is_named() {
    let folder = crate::stores::folder();
    let app = App::make(folder.path()).await;
    app.run("CREATE TABLE bare (id INTEGER, owner TEXT); CREATE VIEW seen AS SELECT * FROM deals")
        .await;
    let settings = |table: &str, owner: &str| settings(table, owner, OwnerKey::Account, &[]);
    let field = |name: &str| vec![Field { name: name.to_owned(), label: String::new() }];
    let gone = folder.path().join("gone.db");
    let here = &app.database;
    for (database, wrong, what) in [
        (here, settings("nowhere", "owner"), "has no table \"nowhere\""),
        (here, settings("seen", "owner_id"), "has no table \"seen\""),
        (here, settings("deals", "owner"), "has no column \"owner\""),
        (here, settings("bare", "owner"), "does not tell records apart"),
        (
            here,
            TableSettings { fields: field("colour"), ..settings("deals", "owner_id") },
            "\"colour\"",
        ),
        (&Database::Sqlite(gone.clone()), settings("deals", "owner_id"), "no database"),
    ] {
        let module = TableModule::new(database.clone(), wrong).expect("names");
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
        assert!(TableModule::new(here.clone(), wrong.clone()).is_err(), "{wrong:?}");
    }
}
