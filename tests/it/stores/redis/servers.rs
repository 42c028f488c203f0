//! Which servers attempts are counted in, and which are refused.

use std::time::Duration;

use portcullis::domain::time::Clock;
use portcullis::store::redis::{RedisAttempts, RedisMode, RedisOpenError, RedisSettings};

use super::{granted, settings};
use crate::servers::Redis;
use crate::stores::noon;

async fn open(settings: &RedisSettings) -> Result<RedisAttempts, RedisOpenError> {
    RedisAttempts::open_with_clock(settings, Clock::manual(noon())).await
}

async fn refused(settings: &RedisSettings) -> String {
    open(settings)
        .await
        .expect_err("must not be used")
        .to_string()
}

#[tokio::test]
async fn a_server_that_evicts_is_refused() {
    for policy in ["allkeys-lru", "volatile-ttl"] {
        let server = Redis::start(&["--maxmemory", "100mb", "--maxmemory-policy", policy]);
        let words = refused(&settings(&server)).await;
        assert!(words.contains(policy) && words.contains("noeviction"), "{words}");
        server.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
        open(&settings(&server))
            .await
            .expect("now it is one to count in");
    }
}

#[tokio::test]
async fn a_replica_is_refused() {
    let (master, replica) = (Redis::start(&[]), Redis::start(&[]));
    replica.ask(&["REPLICAOF", "127.0.0.1", &master.address().port().to_string()]);
    let words = refused(&settings(&replica)).await;
    assert!(words.contains("replica"), "{words}");
}

#[tokio::test]
async fn a_server_that_is_no_cluster_is_none() {
    let mut settings = settings(Redis::shared());
    settings.mode = RedisMode::Cluster;
    // It gives no topology, so it is away or refused, and never counted in.
    match open(&settings).await {
        Ok(store) => assert!(!store.is_connected()),
        Err(error) => assert!(error.to_string().contains("cluster"), "{error}"),
    }
}

/// The rights that the manual names are enough.
#[tokio::test]
async fn a_user_with_the_rights_of_the_manual_counts() {
    let server = Redis::start(&[]);
    let manual = include_str!("../../../../src/manual/redis.md");
    let rule = manual
        .lines()
        .find_map(|line| line.strip_prefix("ACL SETUSER portcullis "));
    let rule = rule
        .expect("a rule in the manual")
        .replace("PASSWORD", "s3cret/pass word");
    let rule: Vec<&str> = rule.split(' ').collect();
    // The password has a space in it.
    let rule = [&["ACL", "SETUSER", "portcullis"][..], &rule]
        .concat()
        .join("\u{1}");
    let rule = rule.replace("pass\u{1}word", "pass word");
    let answer = server.ask(&rule.split('\u{1}').collect::<Vec<_>>());
    assert_eq!(answer, "OK");
    server.ask(&["ACL", "SETUSER", "default", "off"]);
    let mut settings = settings(&server);
    settings.prefix = "portcullis:".to_owned();
    settings.username = Some("portcullis".to_owned());
    settings.password = Some("s3cret/pass word".to_owned());
    let store = open(&settings).await.expect("it may");
    assert!(store.is_connected(), "{}", server.log());
    assert_eq!(granted(&store, "alice", 9).await, 5);
    settings.password = Some("another".to_owned());
    let stranger = open(&settings).await.expect("it may come");
    assert!(!stranger.is_connected());
}

#[tokio::test]
async fn tls_is_spoken_with_whom_the_certificates_vouch_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let names = vec!["127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names).expect("a certificate");
    let (certificate, key) = (folder.path().join("crt"), folder.path().join("key"));
    std::fs::write(&certificate, made.cert.pem()).expect("writes");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("writes");
    let tls_port = crate::servers::free_address().port().to_string();
    let path = |path: &std::path::Path| path.display().to_string();
    let server = Redis::start(&[
        "--tls-port",
        &tls_port,
        "--tls-cert-file",
        &path(&certificate),
        "--tls-key-file",
        &path(&key),
        "--tls-auth-clients",
        "no",
    ]);
    let mut settings = settings(&server);
    settings.connect_timeout = Duration::from_secs(5);
    settings.servers = vec![
        format!("rediss://127.0.0.1:{tls_port}")
            .parse()
            .expect("one"),
    ];
    let stranger = open(&settings).await.expect("it may come");
    assert!(!stranger.is_connected(), "nobody vouches for it");
    settings.certificates = Some(made.cert.pem().into_bytes());
    let store = open(&settings).await.expect("a store");
    assert!(store.is_connected());
    assert_eq!(granted(&store, "alice", 9).await, 5);
}
