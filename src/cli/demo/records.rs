//! Records that the sample people own, and the configuration that names them.

use std::path::{Path, PathBuf};

use sqlx::Executor;
use sqlx::any::AnyPoolOptions;

use crate::cli::demo::unusable;
use crate::cli::exit::Failure;

const DEALS: &str = "\
    CREATE TABLE deals (id INTEGER PRIMARY KEY, owner TEXT NOT NULL, title TEXT, status TEXT);\
    INSERT INTO deals (owner, title, status) VALUES \
    ('alice', 'New roof', 'open'), ('alice', 'Old roof', 'won'), ('bob', 'Ten bicycles', 'open'),\
    ('bob', 'Two bicycles', 'lost'), ('bob', 'A tandem', 'open'), ('carol', 'Tea', 'won');";

const CONFIGURATION: &str = "\
# The demo's records, for portcullis user delete.
[[modules]]
name = \"deals\"
label = \"Deals\"
database = \"application.db\"
table = \"deals\"
owner = \"owner\"
owner_is = \"login\"
fields = { status = \"Status\" }
";

/// Makes the application's database in this folder, and gives the configuration.
pub(super) async fn make(folder: &Path) -> Result<PathBuf, Failure> {
    let database = folder.join("application.db");
    std::fs::File::create_new(&database).map_err(unusable)?;
    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}", database.display());
    let pool = AnyPoolOptions::new()
        .max_connections(1)
        .connect(&url)
        .await
        .map_err(unusable)?;
    pool.execute(DEALS).await.map_err(unusable)?;
    pool.close().await;
    let configuration = folder.join("portcullis.toml");
    std::fs::write(&configuration, CONFIGURATION).map_err(unusable)?;
    Ok(configuration)
}
