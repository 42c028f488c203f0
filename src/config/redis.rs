//! `[redis]`: where attempts are counted when several gateways run.

use std::fmt::Display;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::file::Written;
use super::problem::Problem;
use super::read::Places;
use crate::store::redis::{RedisMode, RedisSettings};

/// The longest password or certificates that are read, in bytes.
const LARGEST: u64 = 1 << 20;

/// Where Redis is, as it is configured: without what files hold.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RedisConfig {
    /// All but what is in these files.
    settings: RedisSettings,
    /// Where the password is.
    pub password_file: Option<PathBuf>,
    /// Where the certificates are of those who vouch for the servers.
    pub certificates: Option<PathBuf>,
    /// Whether it wakes the other gateways.
    pub bus: bool,
}

/// Why a file that `[redis]` names can't be used.
#[derive(Debug, thiserror::Error)]
#[error("`{key}` names {}, which can't be used: {why}", path.display())]
pub struct RedisFileError {
    key: &'static str,
    path: PathBuf,
    why: String,
}

impl RedisConfig {
    /// With what its files hold now.
    ///
    /// # Errors
    ///
    /// If one can't be read, or holds something else.
    pub fn settings(&self) -> Result<RedisSettings, RedisFileError> {
        let mut settings = self.settings.clone();
        if let Some(path) = &self.password_file {
            let why = |why: &dyn Display| refuse("redis.password_file", path, why);
            let text = contents(path).map_err(|error| why(&error))?;
            let text = String::from_utf8(text).map_err(|_| why(&"it is not UTF-8 text"))?;
            let password = text.trim_end_matches(['\r', '\n']);
            if password.is_empty() || password.chars().any(char::is_control) {
                return Err(why(&"the password in it is empty or has control characters"));
            }
            settings.password = Some(password.to_owned());
        }
        if let Some(path) = &self.certificates {
            let text = contents(path);
            let text = text.map_err(|error| refuse("redis.certificates", path, &error))?;
            settings.certificates = Some(text);
        }
        Ok(settings)
    }
}

fn refuse(key: &'static str, path: &Path, why: &dyn Display) -> RedisFileError {
    RedisFileError { key, path: path.to_owned(), why: why.to_string() }
}

fn contents(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(LARGEST)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What is written, if a server is; as [`contradictions`] let it through.
pub(super) fn config(
    written: &Written,
    placed: &dyn Fn(&'static str, &Path) -> PathBuf,
) -> Option<RedisConfig> {
    let redis = &written.redis;
    let urls = redis.urls.as_ref()?;
    let mut settings = RedisSettings::standalone(urls.first()?.clone());
    settings.servers.clone_from(urls);
    settings.mode = redis.mode;
    settings.master.clone_from(&redis.master);
    settings.username.clone_from(&redis.username);
    settings.prefix.clone_from(&redis.prefix.0);
    settings.connect_timeout = redis.connect_timeout.0;
    settings.timeout = redis.timeout.0;
    settings.when_away = redis.when_away;
    settings.after_loss = redis.after_loss;
    let file = |key, path: &Option<PathBuf>| path.as_deref().map(|path| placed(key, path));
    Some(RedisConfig {
        settings,
        password_file: file("redis.password_file", &redis.password_file),
        certificates: file("redis.certificates", &redis.certificates),
        bus: written.store.bus == Some(super::kind::BusKind::Redis),
    })
}

/// What can't be meant in the section.
pub(super) fn contradictions(written: &Written, places: &Places) -> Vec<Problem> {
    let redis = &written.redis;
    let Some(urls) = redis.urls.as_ref().filter(|urls| !urls.is_empty()) else {
        return without_servers(written, places);
    };
    let mut found = Vec::new();
    let mut wrong = |what: String, mend: &str| {
        found.push(Problem::new(places.of("redis.urls"), what).mend(mend));
    };
    if redis.mode == RedisMode::Standalone && urls.len() > 1 {
        wrong(
            "`redis.urls` names several servers, and `redis.mode` is \"standalone\"".to_owned(),
            "name one server, or set `redis.mode` to \"sentinel\" or \"cluster\"",
        );
    }
    if redis.mode == RedisMode::Cluster && urls.iter().any(|url| url.database() != 0) {
        wrong(
            "`redis.urls` names a database, and a cluster has none but 0".to_owned(),
            "leave the number after the slash out",
        );
    }
    if urls.iter().any(|url| url.tls() != urls[0].tls()) {
        wrong(
            "`redis.urls` mixes redis:// and rediss://".to_owned(),
            "speak TLS to all of them or to none",
        );
    }
    let plain = urls
        .iter()
        .find(|url| !url.tls() && !url.is_on_this_machine());
    if let Some(url) = plain.filter(|_| !redis.allow_plain) {
        wrong(
            format!("`redis.urls` names {url}, which is another machine, in plain text"),
            "write rediss:// to speak TLS, or set `redis.allow_plain` to true where the network \
             is trusted",
        );
    }
    found
}

/// Keys that say nothing without a server.
fn without_servers(written: &Written, places: &Places) -> Vec<Problem> {
    let redis = &written.redis;
    let needs = [
        ("store.bus", written.store.bus == Some(super::kind::BusKind::Redis)),
        ("redis.username", redis.username.is_some()),
        ("redis.password_file", redis.password_file.is_some()),
        ("redis.certificates", redis.certificates.is_some()),
    ];
    let alone = needs.into_iter().filter(|(_, set)| *set);
    alone
        .map(|(key, _)| {
            let what = format!("`{key}` takes a Redis, and `redis.urls` names none");
            Problem::new(places.of(key), what).mend("name the server in `redis.urls`")
        })
        .collect()
}
