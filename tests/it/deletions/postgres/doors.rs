//! Who may come in, and with what rights.

use std::time::Duration;

use portcullis::admin::modules::{
    Database, DatabasePassword, ModuleError, OwnerKey, PostgresDatabase, RecordModule, TableModule,
};
use sqlx::{AssertSqlSafe, Executor};
use tokio::time::Instant;

use super::{all_moved, bobs, misfit};
use crate::deletions::App;
use crate::deletions::app::{address, settings};
use crate::servers::{PASSWORD, Postgres};

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
        let address = crate::deletions::app::address(address);
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
