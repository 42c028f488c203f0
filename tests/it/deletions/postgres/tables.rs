//! Tables as applications have them: types, names, and what does not fit.

use portcullis::admin::modules::{ModuleError, Moved, OwnerKey, RecordModule, TableSettings};
use portcullis::domain::deletion::{RecordId, Step};
use portcullis::domain::transfer::{Comparison, Condition};
use sqlx::{AssertSqlSafe, Executor};

use super::{all_moved, bare, bobs, misfit, module, party};
use crate::deletions::App;
use crate::deletions::app::settings;

/// Keys and owners of every type that tables have them in.
#[tokio::test]
async fn records_are_moved_whatever_their_types() {
    use OwnerKey::{Account, Email, Login};
    let app = bare().await;
    app.run(
        "CREATE EXTENSION citext; CREATE DOMAIN who AS VARCHAR(80) CHECK (VALUE <> 'nobody'); \
         CREATE DOMAIN number AS BIGINT; \
         CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false)",
    )
    .await;
    let keys = [
        ("SMALLINT", "7"),
        ("INTEGER", "-7"),
        ("BIGINT", "9007199254740993"),
        ("NUMERIC(30,3)", "12345678901234567890.125"),
        ("UUID", "5F1C7A52-9B5C-4E6D-8C3F-2B1D0E9A7F6B"),
        ("TEXT", "o'clock \"; DROP TABLE t; --"),
        ("VARCHAR(20)", "$1"),
        ("CHAR(8)", "ab"),
        ("CITEXT", "Ab"),
        ("BYTEA", "\\x00ff"),
        ("number", "42"),
        ("TIMESTAMPTZ", "2026-01-02 03:04:05.678901+00"),
    ];
    let owners = [
        ("INTEGER", Account, "2", "3"),
        ("BIGINT", Account, "2", "3"),
        ("SMALLINT", Account, "2", "3"),
        ("NUMERIC", Account, "2", "3"),
        ("number", Account, "2", "3"),
        ("TEXT", Account, "2", "3"),
        ("VARCHAR(60)", Login, "bob", "carol"),
        ("CHAR(40)", Login, "bob", "carol"),
        ("CITEXT", Login, "bob", "carol"),
        ("who", Login, "bob", "carol"),
        ("TEXT COLLATE loose", Email, "bob@example.org", "carol@example.org"),
    ];
    for at in 0..keys.len().max(owners.len()) {
        let (key, id) = keys[at % keys.len()];
        let (owner, holds, from, to) = owners[at % owners.len()];
        let sql =
            format!("DROP TABLE IF EXISTS t; CREATE TABLE t (id {key} PRIMARY KEY, o {owner})");
        app.pool.execute(AssertSqlSafe(sql)).await.expect("a table");
        let sql = format!("INSERT INTO t VALUES (CAST($1 AS {key}), CAST($2 AS {owner}))");
        let sql = sql.replace(" COLLATE loose", "");
        let insert = sqlx::query(AssertSqlSafe(sql)).bind(id).bind(from);
        insert
            .persistent(false)
            .execute(&app.pool)
            .await
            .expect("a row");
        let module = module(&app, settings("t", "o", holds, &[]));
        module.check().await.expect(key);
        let order = bobs(Vec::new());
        assert_eq!(module.count(&order).await.expect(owner), 1, "{key} {owner}");
        assert_eq!(all_moved(&module, &order).await, 1, "{key} {owner}");
        let now = sqlx::query_scalar("SELECT CAST(o AS TEXT) FROM t").persistent(false);
        let now: String = now.fetch_one(&app.pool).await.expect("an owner");
        assert_eq!(now, to, "{key} {owner}");
    }
}

/// Bob's are bob's, and not those of Bob, whatever the column thinks of them.
#[tokio::test]
async fn owners_and_fields_are_compared_letter_by_letter() {
    let app = bare().await;
    app.run(
        "CREATE EXTENSION citext; \
         CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false); \
         CREATE TABLE t (id INTEGER PRIMARY KEY, o CITEXT, p TEXT COLLATE loose, open BOOLEAN, \
            price NUMERIC(9,2), since DATE, tags TEXT[]); \
         INSERT INTO t VALUES (1, 'bob', 'bob', true, 1.50, '2026-01-02', '{a,b}'), \
            (2, 'Bob', 'BOB', false, NULL, NULL, NULL), (3, 'BOB', 'bob ', NULL, 2, NULL, NULL)",
    )
    .await;
    for owner in ["o", "p"] {
        let module = module(&app, settings("t", owner, OwnerKey::Login, &[]));
        assert_eq!(module.count(&bobs(Vec::new())).await.expect("counts"), 1, "{owner}");
    }
    app.run("UPDATE t SET o = 'bob'").await;
    let fields = ["p", "open", "price", "since", "tags"];
    let module = module(&app, settings("t", "o", OwnerKey::Login, &fields));
    for (field, value, is) in [
        ("p", "bob", 1),
        ("p", "BOB", 1),
        ("open", "true", 1),
        ("open", "t", 0),
        ("open", "", 1),
        ("price", "1.50", 1),
        ("price", "1.5", 0),
        ("price", "", 1),
        ("since", "2026-01-02", 1),
        ("tags", "{a,b}", 1),
        ("tags", "", 2),
    ] {
        for (comparison, count) in [(Comparison::Is, is), (Comparison::IsNot, 3 - is)] {
            let condition = Condition::new(field, comparison, value).expect("a condition");
            let counted = module.count(&bobs(vec![condition])).await;
            assert_eq!(counted, Ok(count), "{field} {comparison:?} {value}");
        }
    }
}

/// Names that SQL would read otherwise, in a schema that is on no path.
#[tokio::test]
async fn odd_names_are_names() {
    let app = bare().await;
    app.run(
        "CREATE SCHEMA \"My \"\"App\"\"\"; CREATE TABLE \"My \"\"App\"\"\".\"user.Select\" \
         (\"Order\" UUID PRIMARY KEY DEFAULT gen_random_uuid(), \"from\" TEXT, \"a'; --\" TEXT, \
          \"$1\" TEXT); \
         INSERT INTO \"My \"\"App\"\"\".\"user.Select\" (\"from\", \"a'; --\", \"$1\") VALUES \
         ('bob', 'x', ''' OR 1=1'), ('bob', 'y', NULL), ('dora', 'x', '''')",
    )
    .await;
    let fields = ["a'; --", "$1"];
    let mut settings = settings("My \"App\".user.Select", "from", OwnerKey::Login, &fields);
    settings.id = "Order".to_owned();
    let module = module(&app, settings);
    module.check().await.expect("it is there");
    let is = |field: &str, value: &str| {
        Condition::new(field, Comparison::Is, value).expect("a condition")
    };
    assert_eq!(module.count(&bobs(vec![is("$1", "' OR 1=1")])).await, Ok(1));
    assert_eq!(module.count(&bobs(vec![is("$1", "")])).await, Ok(1));
    assert_eq!(all_moved(&module, &bobs(vec![is("a'; --", "y")])).await, 1);
    assert_eq!(all_moved(&module, &bobs(Vec::new())).await, 1);
    assert_eq!(module.count(&bobs(Vec::new())).await, Ok(0));
}

/// Each thing that does not fit is named, and nothing is moved.
#[tokio::test]
async fn what_does_not_fit_is_named() {
    let app = bare().await;
    let long = "x".repeat(63);
    let sql = format!(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, o TEXT, n INTEGER, u UUID, k JSONB, \
            g TEXT GENERATED ALWAYS AS (o || 'x') STORED, i BIGINT GENERATED ALWAYS AS IDENTITY, \
            twice INTEGER, half INTEGER, part INTEGER, two INTEGER, UNIQUE (twice, two)); \
         CREATE UNIQUE INDEX ON t (abs(half)); CREATE UNIQUE INDEX ON t (part) WHERE part > 0; \
         CREATE VIEW v AS SELECT * FROM t; CREATE MATERIALIZED VIEW m AS SELECT * FROM t; \
         CREATE TABLE {long} (id INTEGER PRIMARY KEY, o TEXT); \
         CREATE SCHEMA other; CREATE TABLE other.hidden (id INTEGER PRIMARY KEY, o TEXT); \
         CREATE TABLE f (id INTEGER PRIMARY KEY, o TEXT) PARTITION BY RANGE (id); \
         CREATE TABLE f1 PARTITION OF f FOR VALUES FROM (0) TO (1000); \
         INSERT INTO f VALUES (1, 'bob'), (2, 'dora')"
    );
    app.pool.execute(AssertSqlSafe(sql)).await.expect("tables");
    use OwnerKey::{Account, Email, Login};
    let with_id = |id: &str| TableSettings { id: id.to_owned(), ..settings("t", "o", Login, &[]) };
    for (wrong, words) in [
        (settings("nothing", "o", Login, &[]), "has no table \"nothing\" that is found without"),
        (settings("T", "o", Login, &[]), "has no table \"T\""),
        (settings("hidden", "o", Login, &[]), "write schema.table"),
        (settings("other.t", "o", Login, &[]), "has no table \"other.t\""),
        (settings(&format!("{long}y"), "o", Login, &[]), "has no table"),
        (settings("v", "o", Login, &[]), "\"v\" in postgres://"),
        (settings("v", "o", Login, &[]), "is a view"),
        (settings("m", "o", Login, &[]), "is a view"),
        (settings("t", "p", Login, &[]), "has no column \"p\""),
        (settings("t", "o", Login, &["ctid"]), "has no column \"ctid\""),
        (settings("t", "n", Login, &[]), "holds integer in \"n\", and that can't be logins"),
        (settings("t", "n", Email, &[]), "can't be e-mail addresses"),
        (settings("t", "u", Account, &[]), "holds uuid in \"u\", and that can't be accounts'"),
        (settings("t", "k", Login, &[]), "holds jsonb"),
        (settings("t", "g", Login, &[]), "computes \"g\" by itself"),
        (settings("t", "i", Account, &[]), "computes \"i\" by itself"),
        (with_id("twice"), "does not tell records apart"),
        (with_id("half"), "does not tell records apart"),
        (with_id("part"), "does not tell records apart"),
        (with_id("n"), "does not tell records apart"),
    ] {
        let module = module(&app, wrong.clone());
        misfit(&module.check().await.expect_err(words), words);
        assert!(module.next_step(&bobs(Vec::new())).await.is_err(), "{words}");
    }
    let partitioned = module(&app, settings("f", "o", Login, &[]));
    partitioned.check().await.expect("a table in parts is one");
    assert_eq!(all_moved(&partitioned, &bobs(Vec::new())).await, 1);
}

/// The table is altered between the check and the steps, and between two of them.
#[tokio::test]
async fn an_altered_table_is_told_or_gone_on_with() {
    let app = App::in_postgres().await;
    app.fill().await;
    let module = app.table("deals", "owner_id", OwnerKey::Account);
    let (order, carol) = (bobs(Vec::new()), party(3, "carol"));
    module.check().await.expect("it fits");
    let step = module
        .next_step(&order)
        .await
        .expect("chooses")
        .expect("some");
    app.run("ALTER TABLE deals RENAME COLUMN status TO state")
        .await;
    let gone = module.carry_out(&order, &carol, &step, "").await;
    misfit(&gone.expect_err("no column"), "has no column \"status\"");
    app.run("ALTER TABLE deals RENAME COLUMN state TO status")
        .await;
    app.run("ALTER TABLE deals RENAME TO offers").await;
    let gone = module.carry_out(&order, &carol, &step, "").await;
    misfit(&gone.expect_err("no table"), "has no table \"deals\"");
    app.run("ALTER TABLE offers RENAME TO deals").await;
    app.run(
        "DROP TRIGGER moved ON deals; ALTER TABLE deals ALTER id DROP IDENTITY; \
         ALTER TABLE deals ALTER owner_id TYPE BIGINT, ALTER id TYPE NUMERIC, ADD COLUMN note TEXT",
    )
    .await;
    let moved = module.carry_out(&order, &carol, &step, "").await;
    assert_eq!(moved, Ok(Moved { records: 4, more: true }), "other types, the same records");
    let odd = Step { records: vec![RecordId::Text("' OR 1=1 --".to_owned())] };
    let refused = module
        .carry_out(&order, &carol, &odd, "")
        .await
        .expect_err("no number");
    assert!(matches!(refused, ModuleError::Refused(_)), "{refused:?}");
}

/// The application's own rules hold for what we write.
#[tokio::test]
async fn the_applications_own_rules_hold() {
    let app = App::in_postgres().await;
    app.fill().await;
    app.run(
        "ALTER TABLE deals ADD CONSTRAINT never_carols CHECK (owner_id <> 3 OR moves = 0); \
         DROP TRIGGER moved ON contacts; \
         ALTER TABLE contacts ALTER owner TYPE VARCHAR(3) USING left(owner, 3)",
    )
    .await;
    let deals = app.table("deals", "owner_id", OwnerKey::Account);
    let contacts = app.table("contacts", "owner", OwnerKey::Login);
    for (module, words) in [(deals, "never_carols"), (contacts, "value too long")] {
        let order = bobs(Vec::new());
        let step = module
            .next_step(&order)
            .await
            .expect("chooses")
            .expect("some");
        let refused = module
            .carry_out(&order, &party(3, "carol"), &step, "")
            .await;
        let refused = refused.expect_err("it is refused");
        assert!(matches!(refused, ModuleError::Refused(_)), "{refused:?}");
        assert!(refused.to_string().contains(words), "{refused}");
        assert!(module.count(&order).await.expect("counts") > 0, "nothing is cut, nothing moved");
    }
}
