//! Gateways that count attempts in one Redis.

mod nodes;
mod processes;
mod sentinels;
mod wakes;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::servers::free_address;
use crate::support::{Browser, Example, portcullis};

/// Keys of a test's own in the cluster that all tests share.
pub(crate) fn settings_of_nodes() -> portcullis::store::redis::RedisSettings {
    nodes::settings(crate::servers::RedisCluster::shared())
}

const PASSWORD: &str = "correct horse battery";

/// A gateway that runs as a process of its own; dropped, it is killed.
struct Gateway {
    process: Example,
    admin: SocketAddr,
}

impl Gateway {
    /// Starts one with the configuration in this folder.
    fn start(folder: &Path) -> Self {
        let admin = free_address();
        let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
        command
            .args(["--config", "gateway.toml", "serve", "--listen", "127.0.0.1:0"])
            .args(["--admin-listen", &admin.to_string()])
            .current_dir(folder)
            .env_remove("PORTCULLIS_DIRECTORY")
            .stderr(Stdio::null());
        Self { process: Example::of(command), admin }
    }

    fn public(&self) -> Browser {
        self.process.browser()
    }

    fn admin(&self) -> Browser {
        Browser::at(self.admin)
    }

    /// A figure without a label.
    async fn figure(&self, name: &str) -> u64 {
        let page = self.admin().get("/metrics", "").await.body;
        let value = page
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name} ")));
        let value: f64 = value
            .and_then(|value| value.parse().ok())
            .expect("a number");
        value as u64
    }
}

/// A folder with a directory, some people in it, and what gateways are told.
fn folder(settings: &str, people: &[&str]) -> tempfile::TempDir {
    let folder = crate::stores::folder();
    for login in people {
        let add = ["user", "add", login, "--password-stdin"];
        portcullis(folder.path(), &add, &format!("{PASSWORD}\n"));
    }
    let config = format!(
        "[upstream]\nurl = \"http://127.0.0.1:9\"\n[store]\ndirectory = \"portcullis.db\"\n\
         [clients]\ntrusted_proxies = [\"127.0.0.0/8\"]\n{settings}"
    );
    std::fs::write(folder.path().join("gateway.toml"), config).expect("writes");
    folder
}

/// Waits until this is so, for a minute at most.
async fn until<F: Future<Output = bool>>(what: &str, holds: impl FnMut() -> F) {
    crate::stores::redis::until(what, holds).await;
}
