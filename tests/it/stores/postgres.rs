//! What is Postgres's alone, and a directory there for each test of the suite.

use std::path::PathBuf;
use std::sync::Arc;

use portcullis::domain::database::{DatabasePassword, PostgresAddress};
use portcullis::domain::time::Clock;
use portcullis::store::sql::{PostgresSettings, SqlDirectory};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{World, folder, noon};
use crate::servers::{PASSWORD, Postgres, SUPERUSER};

/// A directory that was made once: all others are copies of it, with its key.
struct Template {
    database: String,
    key_file: PathBuf,
}

async fn template() -> &'static Template {
    static TEMPLATE: OnceCell<Template> = OnceCell::const_new();
    TEMPLATE.get_or_init(make_template).await
}

async fn make_template() -> Template {
    let server = Postgres::shared();
    let database = server.fresh().await;
    let key_file = server.folder().join("directory.key");
    let made = SqlDirectory::connect(&settings(server, &database, key_file.clone())).await;
    made.expect("a new directory").close().await;
    Template { database, key_file }
}

/// How a database of a server is reached, as the superuser.
pub(crate) fn settings(
    server: &Postgres,
    database: &str,
    key_file: impl Into<PathBuf>,
) -> PostgresSettings {
    let address = format!("postgres://{SUPERUSER}@127.0.0.1:{}/{database}", server.port());
    let address = PostgresAddress::parse(&format!("{address}?sslmode=disable"));
    let mut settings = PostgresSettings::new(address.expect("an address"), key_file);
    settings.password = Some(DatabasePassword::new(PASSWORD).expect("a password"));
    settings
}

/// A directory of a test's own on the server that all share. Its key is in the folder.
pub(crate) async fn fresh() -> (PostgresSettings, TempDir) {
    let Template { database, key_file } = template().await;
    let server = Postgres::shared();
    let database = server.fresh_like(database).await;
    let folder = folder();
    let own = folder.path().join("portcullis.key");
    std::fs::copy(key_file, &own).expect("a copy");
    (settings(server, &database, own), folder)
}

pub(super) async fn world() -> World {
    let clock = Clock::manual(noon());
    let (settings, folder) = fresh().await;
    let directory = SqlDirectory::connect_with_clock(&settings, clock.clone()).await;
    let directory = directory.expect("a copy of a directory");
    let attempts = Arc::new(directory.attempts());
    World { directory: Arc::new(directory), attempts, clock, _kept: Box::new(folder) }
}
