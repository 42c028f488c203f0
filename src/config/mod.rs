//! The configuration: as it is written, and what it means.
//!
//! [`load`] reads a file and the environment, and says everything that is wrong
//! with them at once. What they say is settled into a [`Config`].

mod assertion;
mod bootstrap;
mod entry;
mod environment;
mod file;
mod jwt;
mod kind;
mod load;
mod modules;
mod problem;
mod read;
mod redis;
mod reference;
mod reload;
mod resolve;
mod routes;
mod sign_in;
mod sources;
mod tls;
mod upstreams;
mod value;
mod webhooks;

use std::path::PathBuf;
use std::time::Duration;

use crate::admin::Pins;
use crate::engine::{Builder, CookieDomain, OnStale};
use crate::gateway::{Origin, Settings};

pub use self::bootstrap::{
    ADMIN_VARIABLE, BootstrapError, PASSWORD_FILE_VARIABLE, bootstrap, first_steps,
};
pub use self::environment::{CONFIG_VARIABLE, DIRECTORY_VARIABLE, Environment};
pub use self::jwt::JwtSettings;
pub use self::kind::LogFormat;
pub(crate) use self::kind::names_levels;
#[cfg(test)]
use self::load::Checked;
pub(crate) use self::load::read;
pub use self::load::{DEFAULT_FILE, find, load, load_for};
pub use self::modules::{
    DatabaseSource, ModuleSettings, ModuleSource, ModulesError, SecretSource, open_modules,
};
pub use self::problem::{ConfigErrors, Place, Problem};
pub use self::redis::{RedisConfig, RedisFileError};
pub use self::reference::reference;
pub use self::sources::{CredentialPlace, CredentialScheme, SourceError, SourceSettings};
pub use self::webhooks::{WebhookSecretError, WebhookSecretPlace, WebhookSettings};

/// What a gateway is to do, settled.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The file that it was read from, if there was one.
    pub file: Option<PathBuf>,
    /// The gateway itself.
    pub gateway: Settings,
    /// Where accounts live.
    pub store: StoreSettings,
    /// Where attempts are counted, where that is not beside the directory.
    pub redis: Option<RedisConfig>,
    /// What the gate is built with.
    pub gate: GateSettings,
    /// Settings of the directory that are written down here, and can't be changed
    /// at run time.
    pub pinned: Pins,
    /// Records of the application that go to somebody else when their owner is deleted.
    pub modules: Vec<ModuleSettings>,
    /// Another system that has a say in who may come in.
    pub source: Option<SourceSettings>,
    /// What is logged.
    pub log: LogSettings,
    /// Services that are told what happens.
    pub webhooks: Vec<WebhookSettings>,
}

/// Where accounts live.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct StoreSettings {
    /// The file of the directory.
    pub directory: PathBuf,
}

/// What a gate is built with.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct GateSettings {
    /// How long a session lasts at most.
    pub session_lifetime: Duration,
    /// How long a session lasts that nobody uses.
    pub session_idle: Duration,
    /// How many sessions are kept in memory.
    pub session_capacity: usize,
    /// How long attempts to sign in are remembered, and how many at most.
    pub history: (Duration, u64),
    /// Whether known devices are spared by the lockouts of strangers.
    pub known_devices: bool,
    /// How long what is known is used while the directory can't be asked.
    pub max_stale: Duration,
    /// What happens then.
    pub when_stale: OnStale,
    /// The domain whose hosts share one sign-in.
    pub cookie_domain: Option<CookieDomain>,
    /// Whether people see https.
    pub https: bool,
    /// Whether API tokens are taken from the `Authorization` header.
    pub api_tokens: bool,
    /// Whose JSON web tokens are taken.
    pub jwt: Option<JwtSettings>,
}

/// What is logged.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LogSettings {
    /// For people or for programs.
    pub format: LogFormat,
    /// Levels, as `tracing_subscriber::EnvFilter` reads them.
    pub level: String,
}

impl Config {
    /// Guards this application, with the default for everything else.
    pub fn for_upstream(origin: Origin) -> Self {
        let gateway = Settings::for_upstream(origin);
        Self {
            file: None,
            gate: GateSettings::default(),
            gateway,
            store: StoreSettings::default(),
            redis: None,
            pinned: Pins::default(),
            modules: Vec::new(),
            source: None,
            log: LogSettings::default(),
            webhooks: Vec::new(),
        }
    }
}

impl GateSettings {
    /// The same gate, with these settings. A policy that is pinned goes with it.
    pub fn apply(&self, pinned: &Pins, builder: Builder) -> Builder {
        let builder = builder
            .https(self.https)
            .api_tokens(self.api_tokens)
            .session_lasts(self.session_lifetime, self.session_idle)
            .session_capacity(self.session_capacity)
            .remember_attempts(self.history.0, self.history.1)
            .known_devices(self.known_devices)
            .max_stale(self.max_stale, self.when_stale);
        let builder = match &self.cookie_domain {
            Some(domain) => builder.cookie_domain(domain.clone()),
            None => builder,
        };
        let builder = match &self.jwt {
            Some(jwt) => builder.jwt_sessions(jwt.sessions()),
            None => builder,
        };
        match pinned.lockout() {
            Some(policy) => builder.lockout(policy.clone()),
            None => builder,
        }
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { directory: resolve::DEFAULT_DIRECTORY.into() }
    }
}

impl Default for GateSettings {
    fn default() -> Self {
        resolve::gate(&file::Written::default(), false)
    }
}

impl Default for LogSettings {
    fn default() -> Self {
        resolve::log(&file::Written::default())
    }
}

#[cfg(test)]
mod tests;
