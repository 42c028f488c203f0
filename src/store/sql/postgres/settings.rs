//! How a directory on a server of Postgres is reached.

use std::path::PathBuf;
use std::time::Duration;

use crate::domain::database::{DatabasePassword, PostgresAddress};

/// Where a directory on a server of Postgres is, and how it is reached.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct PostgresSettings {
    /// The server, the database, and how the connection is kept from others.
    pub address: PostgresAddress,
    /// What the server wants to hear; without one, `PGPASSWORD` and `~/.pgpass` are asked.
    pub password: Option<DatabasePassword>,
    /// The file of the secret that audit log and attempts are keyed with: the same on every
    /// gateway that shares the directory. Made for a new directory.
    pub key_file: PathBuf,
    /// How many connections are open at most to the directory; at least 3.
    pub connections: u32,
    /// How long a connection may take to come about, and a call may wait for one.
    pub connect_timeout: Duration,
    /// How long the server may work on one statement.
    pub statement_timeout: Duration,
    /// Whether the gateways that share the directory wake each other through Postgres, with
    /// `NOTIFY`. Needs one connection more, and no pooler between that shares one among
    /// many. Without, each looks for changes 20 times a second.
    pub notify: bool,
}

impl PostgresSettings {
    /// A directory at this address, with this key file and without a password.
    pub fn new(address: PostgresAddress, key_file: impl Into<PathBuf>) -> Self {
        Self {
            address,
            password: None,
            key_file: key_file.into(),
            connections: 10,
            connect_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(10),
            notify: true,
        }
    }
}
