//! Finds and opens the directory: the one place that knows where it is kept.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::admin::Pins;
use crate::cli::exit::{Exit, Failure};
use crate::cli::remote::Server;
use crate::cli::shell::quote;
use crate::config::{self, CONFIG_VARIABLE, Environment, ModuleSettings, RedisConfig};
use crate::store::redis::{RedisAttempts, RedisOpenError};
use crate::store::sql::SqlDirectory;
use crate::store::{AttemptStore, Directory};

/// What every SQLite file begins with.
const SQLITE_HEAD: &[u8; 16] = b"SQLite format 3\0";

/// Where the directory is, and what the configuration pins in it.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) directory: PathBuf,
    pub(super) pins: Pins,
    /// Records that go to somebody else when their owner is deleted.
    pub(super) modules: Vec<ModuleSettings>,
    /// Where people reach the gateway, if the configuration says so.
    pub(super) public_url: Option<String>,
    /// Where attempts are counted, where that is not beside the directory.
    pub(super) redis: Option<RedisConfig>,
}

/// How a command line says where the directory is.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) config: Option<PathBuf>,
    pub(super) directory: Option<PathBuf>,
    /// A gateway that does it, in place of a directory.
    pub(super) server: Option<Server>,
}

impl Named {
    /// The configuration file of a gateway, if there is one.
    pub(super) fn file(&self, environment: &Environment) -> Option<PathBuf> {
        config::find(self.config.as_deref(), environment)
    }

    /// The one that says where the directory is. What is only found is left alone
    /// where a directory is named: it is of another one, perhaps.
    fn file_of_directory(&self, environment: &Environment) -> Option<PathBuf> {
        match (&self.config, &self.directory) {
            (None, Some(_)) => environment.path(CONFIG_VARIABLE),
            _ => self.file(environment),
        }
    }

    /// Finds the directory: the one that is named, else the configuration's.
    pub(super) fn locate(&self) -> Result<Located, Failure> {
        let environment = Environment::of_process();
        let file = self.file_of_directory(&environment);
        let read = config::read(file.as_deref(), &environment)?;
        let directory = self.directory.clone();
        let directory = directory.unwrap_or_else(|| read.directory());
        let (pins, public_url, modules) = (read.pinned(), read.public_url(), read.modules());
        let redis = read.redis();
        Ok(Located { directory, pins, public_url, modules, redis })
    }

    /// How to call this program again on the same directory.
    pub(super) fn program(&self) -> String {
        let mut program = "portcullis".to_owned();
        let named = [("--config", &self.config), ("--directory", &self.directory)];
        for (option, path) in named {
            if let Some(path) = path {
                program.push_str(&format!(" {option} {}", quote(&path.to_string_lossy())));
            }
        }
        if let Some(server) = &self.server {
            program.push_str(&server.words());
        }
        program
    }
}

/// Opens the directory that is there. A mistyped path never makes an empty one.
pub(super) async fn open(path: &Path) -> Result<Arc<dyn Directory>, Failure> {
    if !exists(path)? {
        return Err(no_directory(path));
    }
    open_or_create(path).await
}

/// The same, with the attempt store beside it.
pub(super) async fn open_with_attempts(path: &Path) -> Result<SqlDirectory, Failure> {
    if !exists(path)? {
        return Err(no_directory(path));
    }
    Ok(SqlDirectory::open(path).await?)
}

/// Opens the directory, and makes an empty one if there is none.
pub(super) async fn open_or_create(path: &Path) -> Result<Arc<dyn Directory>, Failure> {
    Ok(Arc::new(SqlDirectory::open(path).await?))
}

/// The directory, and where attempts are counted.
pub(super) async fn counted_in(
    redis: Option<&RedisConfig>,
    directory: SqlDirectory,
) -> Result<(Arc<dyn Directory>, Arc<dyn AttemptStore>), Failure> {
    let beside = directory.attempts();
    let directory: Arc<dyn Directory> = Arc::new(directory);
    let Some(redis) = redis else { return Ok((directory, Arc::new(beside))) };
    let settings = redis.settings();
    let settings = settings.map_err(|error| Failure::usage(error.to_string()))?;
    match RedisAttempts::open(&settings, Arc::clone(&directory)).await {
        Ok(attempts) => {
            if redis.bus {
                attempts.carry(&directory);
            }
            Ok((directory, Arc::new(attempts)))
        }
        Err(RedisOpenError::Store(error)) => Err(error.into()),
        Err(misfit) => Err(Failure::new(Exit::Store, misfit.to_string())),
    }
}

/// Whether there is a file that could be a directory of accounts.
pub(super) fn exists(path: &Path) -> Result<bool, Failure> {
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(Failure::usage(format!(
            "{} is a folder: name the file in it that accounts live in",
            path.display()
        ))),
        Ok(found) => recognise(path, found.len()).map(|()| true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(unreadable(path, &error)),
    }
}

/// Any other file is told apart by its first bytes, before SQLite tries long
/// and in vain. An empty one is a directory that was just begun.
fn recognise(path: &Path, bytes: u64) -> Result<(), Failure> {
    let mut head = [0; SQLITE_HEAD.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    match read {
        _ if bytes == 0 => Ok(()),
        Ok(()) if head == *SQLITE_HEAD => Ok(()),
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(unreadable(path, &error)),
        _ => Err(Failure::new(
            Exit::Store,
            format!(
                "{} is no SQLite database: name the right file with --directory, \
                 or restore it from a backup",
                path.display()
            ),
        )),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    let path = path.display();
    let message = format!("{path} can't be read: {error}; check who owns the file and its folder");
    Failure::new(Exit::Store, message)
}

fn no_directory(path: &Path) -> Failure {
    let file = path.display();
    let message = format!(
        "there is no directory at {file}: name the right file with --directory, \
         or begin a new one with its first administrator"
    );
    Failure::new(Exit::NotFound, message).try_next("user add LOGIN --admin")
}
