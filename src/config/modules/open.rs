//! Opens the modules that are configured.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use super::{DatabaseSource, ModuleSettings, ModuleSource, SecretSource};
use crate::admin::modules::{
    BearerSecret, Database, DatabasePassword, EndpointModule, EndpointSettings, ModuleError,
    Modules, PostgresDatabase, TableModule,
};
use crate::config::Environment;
use crate::domain::transfer::ModuleName;

/// The longest secret that is read, in bytes.
const LARGEST: u64 = 4096;

/// How long to wait before an endpoint is asked a second time.
const PAUSE: Duration = Duration::from_millis(500);

/// Why a module can't be opened.
#[derive(Debug, thiserror::Error)]
#[error("the module {module}: {error}")]
pub struct ModulesError {
    /// Which.
    pub module: ModuleName,
    /// Why.
    #[source]
    pub error: ModuleError,
}

/// Opens every module. What each is like is looked at only by
/// [`check`](crate::admin::modules::RecordModule::check).
///
/// # Errors
///
/// If a name or an address can't be used, or a secret can't be read.
pub fn open_modules(
    settings: &[ModuleSettings],
    environment: &Environment,
) -> Result<Modules, ModulesError> {
    settings.iter().try_fold(Modules::new(), |modules, one| {
        let name = one.name.clone();
        let opened = open(modules, one, environment);
        opened.map_err(|error| ModulesError { module: name, error })
    })
}

fn open(
    modules: Modules,
    settings: &ModuleSettings,
    environment: &Environment,
) -> Result<Modules, ModuleError> {
    let (name, label) = (settings.name.clone(), settings.label.clone());
    match &settings.source {
        ModuleSource::Table { database, table } => {
            let database = database_at(database, environment)?;
            Ok(modules.with(name, label, TableModule::new(database, table.clone())?))
        }
        ModuleSource::Endpoint { url, secret, networks, timeout, fields } => {
            let endpoint = EndpointModule::new(EndpointSettings {
                url: url.clone(),
                secret: BearerSecret::new(&secret_in(secret, environment)?)?,
                networks: networks.clone(),
                timeout: *timeout,
                pause: PAUSE,
                fields: fields.clone(),
            })?;
            Ok(modules.with(name, label, endpoint))
        }
    }
}

fn database_at(
    source: &DatabaseSource,
    environment: &Environment,
) -> Result<Database, ModuleError> {
    let (address, secret) = match source {
        DatabaseSource::File(file) => return Ok(Database::Sqlite(file.clone())),
        DatabaseSource::Postgres { address, secret } => (address.clone(), secret),
    };
    let secret = secret.as_ref().map(|secret| secret_in(secret, environment));
    let password = secret.transpose()?.map(|text| {
        DatabasePassword::new(&text).map_err(|error| ModuleError::Misfit(error.to_string()))
    });
    Ok(Database::Postgres(PostgresDatabase { address, password: password.transpose()? }))
}

fn secret_in(source: &SecretSource, environment: &Environment) -> Result<String, ModuleError> {
    match source {
        SecretSource::File(path) => contents(path).map_err(|error| {
            ModuleError::Misfit(format!("the secret in {} can't be read: {error}", path.display()))
        }),
        SecretSource::Variable(name) => environment
            .text(name)
            .ok_or_else(|| ModuleError::Misfit(format!("the variable {name} is not set"))),
    }
}

fn contents(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)?
        .take(LARGEST)
        .read_to_string(&mut text)?;
    Ok(text)
}
