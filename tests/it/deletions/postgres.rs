//! What only Postgres has: types, roles, locks, and a server that can be away.

use std::time::Duration;

use portcullis::admin::Admin;
use portcullis::admin::modules::{
    Database, DatabasePassword, ModuleError, Modules, Moved, Order, OwnerKey, PostgresDatabase,
    RecordModule, TableModule, TableSettings,
};
use portcullis::domain::deletion::{DeletionState, Party, RecordId, Step};
use portcullis::domain::login::Login;
use portcullis::domain::transfer::{Comparison, Condition};
use sqlx::{AssertSqlSafe, Executor};
use tokio::time::Instant;

use super::app::{address, settings};
use super::{App, World, cli, request};
use crate::servers::{PASSWORD, Postgres};

/// An application with no table yet.
async fn bare() -> App {
    let server = Postgres::shared();
    App::on(server.port(), &server.fresh().await).await
}

fn module(app: &App, settings: TableSettings) -> TableModule {
    TableModule::new(app.database.clone(), settings).expect("a module")
}

fn party(number: i64, login: &str) -> Party {
    let login = Login::new(login).expect("a login");
    let id = number.try_into().expect("a number");
    Party { id, email: Some(format!("{login}@example.org")), login }
}

fn bobs(conditions: Vec<Condition>) -> Order {
    Order::new("deals".parse().expect("a name"), party(2, "bob"), conditions)
}

async fn all_moved(module: &TableModule, order: &Order) -> u64 {
    let carol = party(3, "carol");
    let mut records = 0;
    while let Some(step) = module.next_step(order).await.expect("chooses") {
        let moved = module.carry_out(order, &carol, &step, "").await;
        let again = module.carry_out(order, &carol, &step, "").await;
        assert_eq!(moved, again, "a step that is done again is as done once");
        records += moved.expect("moves").records;
    }
    records
}

fn misfit(error: &ModuleError, words: &str) {
    assert!(matches!(error, ModuleError::Misfit(_)), "{error:?}");
    assert!(error.to_string().contains(words), "{words}: {error}");
}

fn away(error: &ModuleError, words: &str) {
    assert!(matches!(error, ModuleError::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains(words), "{words}: {error}");
}

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

/// A role that may do less than is needed is told what to be given.
#[tokio::test]
async fn a_role_without_rights_is_told_which() {
    let app = App::in_postgres().await;
    app.fill().await;
    let role = "mover_of_records";
    let as_mover = |sql: &str| sql.replace("MOVER", role);
    let run = async |sql: &str| {
        app.pool
            .execute(AssertSqlSafe(as_mover(sql)))
            .await
            .expect("done");
    };
    run(&format!("CREATE ROLE MOVER LOGIN PASSWORD '{}'", PASSWORD.replace('\'', "''"))).await;
    run("REVOKE ALL ON SCHEMA public FROM PUBLIC; CREATE SCHEMA own").await;
    let Database::Postgres(mut database) = app.database.clone() else { panic!("Postgres") };
    let place = database
        .address
        .to_string()
        .replace("tester@", &format!("{role}@"));
    database.address = address(&format!("{place}?sslmode=disable"));
    let of = |table: &str| {
        let settings = settings(table, "owner_id", OwnerKey::Account, &["status"]);
        TableModule::new(Database::Postgres(database.clone()), settings).expect("a module")
    };
    let (module, order) = (of("public.deals"), bobs(Vec::new()));
    misfit(&module.check().await.expect_err("no schema"), "that mover_of_records has no USAGE of");
    run("GRANT USAGE ON SCHEMA public TO MOVER").await;
    misfit(&module.check().await.expect_err("no SELECT"), "grant SELECT of \"status\"");
    run("GRANT SELECT (id, owner_id) ON deals TO MOVER").await;
    misfit(&module.check().await.expect_err("no SELECT"), "grant SELECT of \"status\"");
    run("GRANT SELECT ON deals TO MOVER").await;
    misfit(&module.check().await.expect_err("no UPDATE"), "grant UPDATE of \"owner_id\"");
    run("GRANT UPDATE (owner_id) ON deals TO MOVER").await;
    module.check().await.expect("that is enough");
    run("ALTER TABLE deals ENABLE ROW LEVEL SECURITY; \
         CREATE POLICY all_of_them ON deals TO MOVER USING (status = 'open')")
    .await;
    misfit(&module.check().await.expect_err("hidden"), "has row-level security");
    assert!(module.count(&order).await.is_err(), "it does not count what it can see");
    run("ALTER ROLE MOVER BYPASSRLS").await;
    assert_eq!(all_moved(&of("deals"), &order).await, 4);
    assert_eq!(app.number("SELECT MAX(moves) FROM deals").await, 1);
}

/// Whoever can't come in is told why, and the password is in nothing that is said.
#[tokio::test]
async fn who_cant_come_in_is_told_why() {
    let server = Postgres::shared();
    let name = server.fresh().await;
    let port = server.port();
    let secret = "gu3ss-me-n0t";
    let to = |address: &str, password: &str| {
        let password = DatabasePassword::new(password).expect("a password");
        let address = super::app::address(address);
        let database = PostgresDatabase { address, password: Some(password) };
        let settings = settings("t", "o", OwnerKey::Login, &[]);
        TableModule::new(Database::Postgres(database), settings).expect("a module")
    };
    let closed = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = closed.local_addr().expect("an address").port();
    drop(closed);
    let plain = "sslmode=disable";
    for (place, words, is_misfit) in [
        (format!("tester@127.0.0.1:{port}/{name}?{plain}"), "does not let us in: password", true),
        (format!("ghost@127.0.0.1:{port}/{name}?{plain}"), "does not let us in", true),
        (format!("tester@127.0.0.1:{port}/{name}?sslmode=require"), "does not support TLS", true),
        (format!("tester@127.0.0.1:{nobody}/{name}?{plain}"), "does not answer: ", false),
        (format!("tester@nowhere.invalid/{name}?{plain}"), "does not answer: ", false),
        (format!("tester@/{name}?host=/nowhere"), "does not answer: ", false),
        (
            format!("tester@127.0.0.1:{port}/{name}?sslmode=verify-ca&sslrootcert=/no/ca.pem"),
            "/no/ca.pem can't be read",
            true,
        ),
    ] {
        let module = to(&format!("postgres://{place}"), secret);
        let started = Instant::now();
        let error = module.check().await.expect_err(words);
        assert!(started.elapsed() < Duration::from_secs(20), "{place}");
        assert_eq!(matches!(error, ModuleError::Misfit(_)), is_misfit, "{error:?}");
        let shown = format!("{error} {error:?} {module:?}");
        assert!(shown.contains(words), "{words}: {shown}");
        assert!(shown.contains("postgres://") && !shown.contains(secret), "{shown}");
    }
    let lost = to(&format!("postgres://tester@127.0.0.1:{port}/lost?{plain}"), PASSWORD);
    misfit(&lost.check().await.expect_err("no database"), "database \"lost\" does not exist");
    let socket = server.folder().display();
    let socket = to(&format!("postgres://tester@:{port}/{name}?host={socket}"), PASSWORD);
    misfit(&socket.check().await.expect_err("no table"), "has no table \"t\"");
    let shown = format!(
        "{:?}",
        PostgresDatabase {
            address: address(&format!("postgres://tester@127.0.0.1/{name}")),
            password: Some(DatabasePassword::new(secret).expect("a password")),
        }
    );
    assert!(!shown.contains(secret), "{shown}");
    for wrong in ["", "\n", "a\nb", "a\0b"] {
        assert!(DatabasePassword::new(wrong).is_err(), "{wrong:?}");
    }
}

/// A server that speaks TLS alone has to prove who it is, as far as it is asked to.
#[tokio::test]
async fn a_server_proves_who_it_is() {
    let mut server = Postgres::start();
    let certificate = server.speak_tls_alone();
    let (port, file) = (server.port(), certificate.display());
    let trusted = format!("sslrootcert={file}");
    let full = format!("sslmode=verify-full&{trusted}");
    for (host, query, words) in [
        ("127.0.0.1", &*full, "has no table"),
        ("127.0.0.1", "sslmode=require", "has no table"),
        ("127.0.0.1", "sslmode=prefer", "has no table"),
        ("127.0.0.1", "", "has no table"),
        ("localhost", &*format!("sslmode=verify-ca&{trusted}"), "has no table"),
        ("localhost", &*full, "not valid for name"),
        ("127.0.0.1", "sslmode=verify-full", "invalid peer certificate"),
        ("127.0.0.1", "sslmode=verify-ca", "invalid peer certificate"),
        ("127.0.0.1", "sslmode=disable", "no encryption"),
    ] {
        let place = format!("postgres://tester@{host}:{port}/postgres?{query}");
        let password = DatabasePassword::new(PASSWORD).expect("a password");
        let database = PostgresDatabase { address: address(&place), password: Some(password) };
        let settings = settings("t", "o", OwnerKey::Login, &[]);
        let module = TableModule::new(Database::Postgres(database), settings).expect("a module");
        misfit(&module.check().await.expect_err("there is no table"), words);
    }
}

/// Another session holds a record: we wait, but not for long, and go on later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_record_is_waited_for_but_not_for_long() {
    let app = App::in_postgres().await;
    app.fill().await;
    let module = app.table("deals", "owner_id", OwnerKey::Account);
    let (order, carol) = (bobs(Vec::new()), party(3, "carol"));
    let step = module
        .next_step(&order)
        .await
        .expect("chooses")
        .expect("some");
    let mut holder = app.pool.begin().await.expect("begins");
    holder
        .execute("SELECT id FROM deals WHERE id = 2 FOR UPDATE")
        .await
        .expect("locks");
    let started = Instant::now();
    let refused = module
        .carry_out(&order, &carol, &step, "")
        .await
        .expect_err("it is held");
    away(&refused, "another session holds records locked, for longer than 5 seconds");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(app.number("SELECT SUM(moves) FROM deals").await, 0, "all or nothing");
    let moving = tokio::spawn(async move {
        let moved = module.carry_out(&order, &carol, &step, "").await;
        (moved, module, order)
    });
    // It gives that record to somebody else while we wait for it.
    tokio::time::sleep(Duration::from_millis(300)).await;
    holder
        .execute("UPDATE deals SET owner_id = 9 WHERE id = 2")
        .await
        .expect("takes");
    holder.commit().await.expect("commits");
    let (moved, module, order) = moving.await.expect("ends");
    assert_eq!(moved, Ok(Moved { records: 3, more: true }));
    assert_eq!(app.number("SELECT owner_id FROM deals WHERE id = 2").await, 9, "it stays theirs");
    assert_eq!(module.next_step(&order).await, Ok(None));
}

/// What the application took between the choice and the move is not ours to count, and
/// stops nothing.
#[tokio::test]
async fn what_is_taken_meanwhile_is_left_alone() {
    for app in [App::in_postgres().await, {
        let folder = crate::stores::folder();
        App::make(&folder.keep()).await
    }] {
        app.fill().await;
        let module = app.table("deals", "owner_id", OwnerKey::Account);
        let open = Condition::new("status", Comparison::Is, "open").expect("a condition");
        let order = bobs(vec![open]);
        let step = module
            .next_step(&order)
            .await
            .expect("chooses")
            .expect("some");
        assert_eq!(step.records, [RecordId::Number(1), RecordId::Number(2)]);
        app.run("UPDATE deals SET status = 'won' WHERE id = 1")
            .await;
        app.run("UPDATE deals SET owner_id = 4 WHERE id = 2").await;
        let moved = module
            .carry_out(&order, &party(3, "carol"), &step, "")
            .await;
        assert_eq!(moved, Ok(Moved { records: 0, more: true }));
        assert_eq!(module.next_step(&order).await, Ok(None));
        assert_eq!(app.number("SELECT owner_id FROM deals WHERE id = 2").await, 4);
        assert_eq!(
            app.number("SELECT COUNT(*) FROM deals WHERE owner_id = 3")
                .await,
            1
        );
    }
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

/// Somebody else waits for us while we wait for them: the step is tried again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_tried_again() {
    let app = App::in_postgres().await;
    app.fill().await;
    let module = app.table("deals", "owner_id", OwnerKey::Account);
    let order = bobs(Vec::new());
    let step = module
        .next_step(&order)
        .await
        .expect("chooses")
        .expect("some");
    let mut other = app.pool.begin().await.expect("begins");
    // Whoever looks for a deadlock first gives way: we, after a second.
    other
        .execute("SET LOCAL deadlock_timeout = '30s'")
        .await
        .expect("sets");
    other
        .execute("UPDATE deals SET kind = 'c' WHERE id = 4")
        .await
        .expect("takes the last");
    let moving = tokio::spawn(async move {
        module
            .carry_out(&order, &party(3, "carol"), &step, "")
            .await
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    other
        .execute("UPDATE deals SET kind = 'c' WHERE id = 1")
        .await
        .expect("gets the first");
    other.commit().await.expect("commits");
    assert_eq!(moving.await.expect("ends"), Ok(Moved { records: 4, more: true }));
    assert_eq!(app.number("SELECT MAX(moves) FROM deals").await, 1);
}

/// The server goes in the middle of a deletion and comes again: it is gone on with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_and_comes_is_gone_on_with() {
    let mut server = Postgres::start();
    let name = server.fresh().await;
    let world = World::in_memory().await;
    let app = App::on(server.port(), &name).await;
    app.run(super::app::IN_POSTGRES).await;
    app.run("INSERT INTO deals (owner_id) SELECT 2 FROM generate_series(1, 1204)")
        .await;
    let modules = Modules::new().with(
        "deals".parse().expect("a name"),
        "Deals",
        app.table("deals", "owner_id", OwnerKey::Account),
    );
    let admin = Admin::new(std::sync::Arc::clone(&world.directory)).with_modules(modules);
    let all = request(world.all_to("carol").await);
    let run = admin
        .begin_deletion(&cli(), &"bob".into(), all)
        .await
        .expect("begins");
    let mut running = Some(&mut server);
    let stopped = run.run(|deletion| {
        if deletion.moved() == 500
            && let Some(server) = running.take()
        {
            tokio::task::block_in_place(|| server.stop());
        }
    });
    let stopped = stopped.await.expect("answers");
    assert_eq!((stopped.state, stopped.moved()), (DeletionState::Failed, 500));
    let error = stopped.error.clone().expect("a reason");
    assert!(error.contains("does not answer") && error.contains("resume"), "{error}");
    let again = admin
        .resume_deletion(&cli(), stopped.id)
        .await
        .expect("resumes");
    let again = again.run(|_| ()).await.expect("answers");
    assert_eq!((again.state, again.moved()), (DeletionState::Failed, 500), "it is away still");
    server.start_again();
    let resumed = admin
        .resume_deletion(&cli(), stopped.id)
        .await
        .expect("resumes");
    let done = resumed.run(|_| ()).await.expect("answers");
    assert_eq!((done.state, done.moved()), (DeletionState::Done, 1204));
    let app = App::on(server.port(), &name).await;
    assert_eq!(
        app.number("SELECT COUNT(*) FROM deals WHERE owner_id = 3")
            .await,
        1204
    );
    assert_eq!(
        app.number("SELECT COUNT(*) FROM deals WHERE moves = 1")
            .await,
        1204
    );
}

/// A step's sessions are ended by the server's administrator, again and again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_that_are_ended_lose_and_double_nothing() {
    let app = App::in_postgres().await;
    app.run("INSERT INTO deals (owner_id) SELECT 2 FROM generate_series(1, 5000)")
        .await;
    let module = app.table("deals", "owner_id", OwnerKey::Account);
    let (order, carol) = (bobs(Vec::new()), party(3, "carol"));
    let killer = app.pool.clone();
    let killing = tokio::spawn(async move {
        for _ in 0..40 {
            let kill = "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
                        WHERE datname = current_database() AND application_name = 'portcullis'";
            killer.execute(kill).await.expect("kills");
            tokio::time::sleep(Duration::from_millis(7)).await;
        }
    });
    let (mut records, mut step) = (0, None);
    let started = Instant::now();
    loop {
        assert!(started.elapsed() < Duration::from_secs(60), "{records} after a minute");
        if step.is_none() {
            match module.next_step(&order).await {
                Ok(Some(next)) => step = Some(next),
                Ok(None) => break,
                Err(_) => continue,
            }
        }
        let Some(doing) = &step else { continue };
        if let Ok(moved) = module.carry_out(&order, &carol, doing, "").await {
            records += moved.records;
            step = None;
        }
    }
    killing.await.expect("ends");
    assert_eq!(records, 5000);
    assert_eq!(
        app.number("SELECT COUNT(*) FROM deals WHERE moves = 1")
            .await,
        5000
    );
}

/// Nobody who is stopped in the middle keeps the application waiting.
#[tokio::test]
async fn a_call_that_is_dropped_moves_nothing_or_all() {
    let app = App::in_postgres().await;
    app.run("INSERT INTO deals (owner_id) SELECT 2 FROM generate_series(1, 500)")
        .await;
    let module = app.table("deals", "owner_id", OwnerKey::Account);
    let (order, carol) = (bobs(Vec::new()), party(3, "carol"));
    let step = module
        .next_step(&order)
        .await
        .expect("chooses")
        .expect("some");
    for patience in 0..30 {
        let moving = module.carry_out(&order, &carol, &step, "");
        let _ = tokio::time::timeout(Duration::from_millis(patience), moving).await;
        let moved = app.number("SELECT SUM(moves) FROM deals").await;
        assert!(moved == 0 || moved == 500, "{moved}");
    }
    let moved = module.carry_out(&order, &carol, &step, "").await;
    assert_eq!(moved, Ok(Moved { records: 500, more: true }));
    assert_eq!(app.number("SELECT SUM(moves) FROM deals").await, 500);
}
