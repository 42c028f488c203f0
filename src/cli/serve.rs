//! `portcullis serve`: the gateway.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use clap::Args;

use crate::admin::Admin;
use crate::cli::exit::{Exit, Failure};
use crate::cli::log;
use crate::cli::store::{self, Named};
use crate::config::{self, BootstrapError, Config, Environment};
use crate::engine::Portcullis;
use crate::gateway::{Gateway, Origin};
use crate::store::sql::SqlDirectory;

#[derive(Args, Debug)]
pub(super) struct Serve {
    /// The application to guard, such as http://127.0.0.1:3000 [default: the configuration's]
    #[arg(long, value_name = "URL", value_parser = origin)]
    upstream: Option<Origin>,

    /// Where people come in [default: the configuration's]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(super) async fn run(self, named: &Named) -> Result<(), Failure> {
        let environment = Environment::of_process();
        let config = self.config(named, &environment)?;
        log::start(&config.log.level, config.log.format);
        let gate = open(&config).await?;
        begin(&gate, &config, named, &environment).await?;
        let gateway = Gateway::bind(gate, config.gateway, Router::new())
            .await
            .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
        let public = gateway
            .public_address()
            .map_err(|error| unexpected(&error))?;
        println!("listening on http://{public}");
        gateway.run(stopped()).await;
        Ok(())
    }
}

impl Serve {
    /// What is configured, and before it what the command line says.
    fn config(&self, named: &Named, environment: &Environment) -> Result<Config, Failure> {
        let file = named.file(environment);
        let mut config = match &self.upstream {
            Some(upstream) => config::load_for(upstream.clone(), file.as_deref(), environment)?,
            None => config::load(file.as_deref(), environment)?,
        };
        if let Some(listen) = self.listen {
            config.gateway.public = listen;
        }
        if let Some(directory) = &named.directory {
            config.store.directory = directory.clone();
        }
        Ok(config)
    }
}

/// An empty directory gets the administrator that the environment names, or
/// whoever started the gateway is told how to make one.
async fn begin(
    gate: &Portcullis,
    config: &Config,
    named: &Named,
    environment: &Environment,
) -> Result<(), Failure> {
    let Some(directory) = gate.directory() else { return Ok(()) };
    let admin = Admin::new(Arc::clone(directory)).with_pins(config.pinned.clone());
    let made = config::bootstrap(&admin, environment).await;
    let made = made.map_err(|error| match error {
        BootstrapError::Admin(error) => error.into(),
        other => Failure::usage(other.to_string()),
    })?;
    if made.is_none() && admin.is_empty().await? {
        eprintln!("{}", config::first_steps(&named.program()));
    }
    Ok(())
}

async fn open(config: &Config) -> Result<Portcullis, Failure> {
    let path = &config.store.directory;
    store::exists(path)?;
    let directory = SqlDirectory::open(path).await?;
    let attempts = directory.attempts();
    let directory: Arc<dyn crate::store::Directory> = Arc::new(directory);
    let builder = Portcullis::builder()
        .shared_directory(directory)
        .attempts(attempts);
    let builder = config.gate.apply(&config.pinned, builder);
    builder
        .build()
        .await
        .map_err(|error| Failure::new(Exit::Store, error.to_string()))
}

/// The first signal to stop; a second one ends the program at once.
async fn stopped() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut term) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = term.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

fn origin(text: &str) -> Result<Origin, String> {
    Origin::parse(text).map_err(|invalid| invalid.to_string())
}

fn unexpected(error: &std::io::Error) -> Failure {
    Failure::unexpected(error.to_string())
}
