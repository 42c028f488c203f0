//! Redis servers that belong together.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use super::{BETWEEN_LOOKS, LOOKS, Redis};
use crate::servers::{Kept, free_address};

/// Three masters that share the slots.
pub(crate) struct RedisCluster {
    nodes: Vec<Redis>,
}

impl RedisCluster {
    /// The one that all tests share, each with keys of its own.
    pub(crate) fn shared() -> &'static Self {
        static SHARED: OnceLock<RedisCluster> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// One of a test's own, whose nodes it may stop. Slots without a node stop nobody else.
    pub(crate) fn start() -> Self {
        let nodes: Vec<_> = (0..3).map(|_| Self::start_node()).collect();
        let addresses: Vec<_> = nodes
            .iter()
            .map(|node| node.address().to_string())
            .collect();
        let mut create = Command::new("redis-cli");
        create
            .args(["--cluster", "create"])
            .args(&addresses)
            .arg("--cluster-yes");
        let created = create.output().expect("redis-cli");
        let said = String::from_utf8_lossy(&created.stdout);
        assert!(created.status.success(), "{said}");
        let cluster = Self { nodes };
        cluster.wait_until_it_is_whole();
        cluster
    }

    fn start_node() -> Redis {
        // The port beside its own may be out of range.
        let bus = free_address().port().to_string();
        Redis::start(&[
            "--cluster-enabled",
            "yes",
            "--cluster-config-file",
            "nodes.conf",
            "--cluster-port",
            &bus,
            "--cluster-node-timeout",
            "2000",
            "--cluster-require-full-coverage",
            "no",
        ])
    }

    fn wait_until_it_is_whole(&self) {
        for _ in 0..LOOKS {
            let is_whole = |node: &Redis| {
                let info = node.ask(&["CLUSTER", "INFO"]);
                info.contains("cluster_state:ok") && info.contains("cluster_slots_ok:16384")
            };
            if self.nodes.iter().all(is_whole) {
                return;
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
        panic!("the cluster did not come about: {}", self.nodes[0].log());
    }

    pub(crate) fn node(&mut self, at: usize) -> &mut Redis {
        &mut self.nodes[at]
    }

    /// Of one node: the others are found.
    pub(crate) fn url(&self) -> String {
        self.nodes[0].url()
    }
}

/// A sentinel that watches one master, and decides alone.
pub(crate) struct Sentinel {
    _kept: Kept,
    folder: PathBuf,
    address: SocketAddr,
}

impl Sentinel {
    pub(crate) fn watch(master: &Redis) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("portcullis-sentinel-")
            .tempdir()
            .expect("a folder")
            .keep();
        let (address, of_master) = (free_address(), master.address());
        let settings = format!(
            "port {}\nbind 127.0.0.1\n\
             sentinel monitor mymaster {} {} 1\n\
             sentinel down-after-milliseconds mymaster 1000\n\
             sentinel failover-timeout mymaster 5000\n",
            address.port(),
            of_master.ip(),
            of_master.port()
        );
        let file = folder.join("sentinel.conf");
        std::fs::write(&file, settings).expect("writes");
        let file = file.display().to_string();
        let kept = Kept::run(&["redis-server", &file, "--sentinel"], &folder, address);
        Self { _kept: kept, folder, address }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    pub(crate) fn knows_a_replica(&self) -> bool {
        let asked = Command::new("redis-cli")
            .args(["-h", "127.0.0.1", "-p", &self.address.port().to_string()])
            .args(["SENTINEL", "REPLICAS", "mymaster"])
            .output()
            .expect("redis-cli");
        !String::from_utf8_lossy(&asked.stdout).trim().is_empty()
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
