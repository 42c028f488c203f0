//! Goes by another configuration, without a restart.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::cli::log::Levels;
use crate::cli::serve::manager::{self, State};
use crate::cli::serve::{Parts, describe};
use crate::config::{self, Config, ConfigErrors, Environment, Place, Problem};
use crate::engine::BuildError;
use crate::gateway::{BindError, Reload};

/// How often the file is looked at.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(1);

/// Where the configuration is read, the first time and again.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) file: Option<PathBuf>,
    pub(super) environment: Environment,
    /// Named on the command line, and before what the file says.
    pub(super) directory: Option<PathBuf>,
}

impl Source {
    pub(super) fn load(&self) -> Result<Config, ConfigErrors> {
        let mut config = config::load(self.file.as_deref(), &self.environment)?;
        if let Some(directory) = &self.directory {
            config.store.directory.clone_from(directory);
        }
        Ok(config)
    }
}

/// What has the configuration read again. Made before it is read the first time: a signal
/// before that would end the process, and a change would be missed.
pub(super) struct Triggers {
    hangups: Hangups,
    file: Watched,
}

impl Triggers {
    pub(super) fn of(source: &Source) -> Self {
        Self { hangups: Hangups::new(), file: Watched::new(source.file.clone()) }
    }

    /// Done when it is to be read again.
    async fn next(&mut self) {
        tokio::select! {
            () = self.hangups.next() => self.file.is_read(),
            () = self.file.changed() => {}
        }
    }
}

/// Hands a running gateway what the configuration says now.
pub(super) struct Reloader {
    pub(super) source: Source,
    pub(super) triggers: Triggers,
    /// What is in force.
    pub(super) running: Config,
    pub(super) parts: Parts,
    pub(super) gateway: Reload,
    pub(super) levels: Option<Levels>,
}

/// Why another configuration is not taken.
#[derive(Debug, thiserror::Error)]
enum NotTaken {
    #[error(transparent)]
    Gate(#[from] BuildError),
    #[error(transparent)]
    Gateway(#[from] BindError),
}

impl Reloader {
    /// Reads the configuration again at each signal, and once its file has changed, for
    /// as long as it is polled.
    pub(super) async fn follow(mut self) {
        loop {
            self.triggers.next().await;
            manager::tell(State::Reloading);
            self.read_again().await;
            manager::tell(State::Ready);
        }
    }

    async fn read_again(&mut self) {
        let config = match self.source.load() {
            Ok(config) => config,
            Err(errors) => return tell_problems(&errors),
        };
        let (config, kept) = config.taken_by(&self.running);
        if let Err(error) = self.take(&config).await {
            let file = config.file.as_deref().map(Path::display);
            tracing::error!(config.file = file.map(tracing::field::display), %error, "configuration not taken");
            return;
        }
        self.running = config;
        for key in kept {
            tracing::warn!(config.key = key, "configuration needs a restart");
        }
        let file = self.source.file.as_deref().map(Path::display);
        tracing::info!(config.file = file.map(tracing::field::display), "configuration taken");
    }

    /// Everything that can be wrong is found out before anything is changed.
    async fn take(&self, config: &Config) -> Result<(), NotTaken> {
        let prepared = self.gateway.prepare(config.gateway.clone())?;
        let gate = &self.parts.gate;
        describe(config).renew(gate).await?;
        self.parts.admin.replace_pins(config.pinned.clone());
        if let Some(levels) = &self.levels {
            levels.set(&config.log.level);
        }
        prepared.take(gate.when_stale(config.gate.when_stale), self.parts.rooms(config));
        Ok(())
    }
}

/// Says what is wrong in the words of `portcullis check`, a line each.
fn tell_problems(errors: &ConfigErrors) {
    for problem in errors.problems() {
        tell(errors, problem);
    }
}

fn tell(errors: &ConfigErrors, problem: &Problem) {
    let variable = match problem.place() {
        Place::Variable(name) => Some(name.as_str()),
        _ => None,
    };
    tracing::error!(
        config.file = errors.file().filter(|_| variable.is_none()),
        config.line = errors.line(problem),
        config.variable = variable,
        error = problem.what(),
        allowed = problem.allowed_values(),
        mend = problem.mend_words(),
        "configuration not taken"
    );
}

/// The signal that asks for it.
struct Hangups(#[cfg(unix)] Option<tokio::signal::unix::Signal>);

impl Hangups {
    fn new() -> Self {
        #[cfg(unix)]
        return Self(tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup()).ok());
        #[cfg(not(unix))]
        Self()
    }

    async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(signal) = &mut self.0
            && signal.recv().await.is_some()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// A file that is looked at now and then. What is still being written is left alone.
struct Watched {
    file: Option<PathBuf>,
    read: Stamp,
    last: Stamp,
}

/// What changes about a file when it is written or replaced; `None`: it is not there.
type Stamp = Option<(SystemTime, u64, u64)>;

impl Watched {
    fn new(file: Option<PathBuf>) -> Self {
        let now = stamp(file.as_deref());
        Self { file, read: now, last: now }
    }

    /// It is about to be read, for another reason.
    fn is_read(&mut self) {
        let now = stamp(self.file.as_deref());
        (self.read, self.last) = (now, now);
    }

    /// Done when it has changed, and was left alone for a while. A file that went away
    /// is waited for.
    async fn changed(&mut self) {
        loop {
            tokio::time::sleep(LOOKED_AT_EVERY).await;
            let now = stamp(self.file.as_deref());
            let is_at_rest = now == self.last;
            self.last = now;
            if is_at_rest && now.is_some() && now != self.read {
                self.read = now;
                return;
            }
        }
    }
}

fn stamp(file: Option<&Path>) -> Stamp {
    let found = fs::metadata(file?).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&found);
    #[cfg(not(unix))]
    let inode = 0;
    Some((found.modified().ok()?, found.len(), inode))
}
