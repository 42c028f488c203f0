//! `portcullis serve`: the gateway.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use clap::Args;

use crate::admin::{self, Admin};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::store;
use crate::config::{self, Config, Environment};
use crate::engine::Portcullis;
use crate::gateway::{Gateway, Origin, RESERVED};
use crate::pages::{Branding, Pages, SharedBranding};
use crate::store::Directory;
use crate::store::sql::SqlDirectory;

#[derive(Args, Debug)]
pub(super) struct Serve {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The application to guard, such as http://127.0.0.1:3000
    #[arg(long, value_name = "URL", value_parser = origin)]
    upstream: Option<Origin>,

    /// Where people come in
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,

    /// Where probes and administrators come in
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,

    /// How many threads serve; all cores by default
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    workers: Option<u16>,
}

impl Serve {
    /// A runtime for as many threads as were asked for.
    pub(super) fn runtime(&self) -> tokio::runtime::Builder {
        match self.workers {
            // A second thread that does nothing but accept costs more than it gives.
            Some(1) => tokio::runtime::Builder::new_current_thread(),
            Some(workers) => {
                let mut runtime = tokio::runtime::Builder::new_multi_thread();
                runtime.worker_threads(workers.into());
                runtime
            }
            None => tokio::runtime::Builder::new_multi_thread(),
        }
    }

    pub(super) async fn run(self, path: &Path, output: Output) -> Result<(), Failure> {
        let environment = Environment::of_process();
        let mut config = self.config(&environment)?;
        if config.file.is_none() {
            config.store.directory = path.to_owned();
        }
        let program = store::program(&config.store.directory);
        let gateway = start(config, &environment, &program, output).await?;
        gateway.run(stopped()).await;
        Ok(())
    }

    /// What the file and the environment say, and what was said here.
    fn config(&self, environment: &Environment) -> Result<Config, Failure> {
        let file = config::find(self.config.as_deref(), environment);
        let read = match self.upstream.clone() {
            Some(upstream) => config::load_for(upstream, file.as_deref(), environment),
            None => config::load(file.as_deref(), environment),
        };
        let mut config = read.map_err(|errors| Failure::usage(errors.to_string()))?;
        config.gateway.public = self.listen.unwrap_or(config.gateway.public);
        config.gateway.admin = self.admin_listen.or(config.gateway.admin);
        Ok(config)
    }
}

/// A gateway that listens already, with its pages, and with an administrator if
/// the environment names one.
pub(super) async fn start(
    config: Config,
    environment: &Environment,
    program: &str,
    output: Output,
) -> Result<Gateway, Failure> {
    let directory = open(&config.store.directory).await?;
    let attempts = directory.attempts();
    let directory: Arc<dyn Directory> = Arc::new(directory);
    let builder = Portcullis::builder()
        .shared_directory(Arc::clone(&directory))
        .attempts(attempts);
    let gate = config
        .gate
        .apply(&config.pinned, builder)
        .build()
        .await
        .map_err(|error| Failure::new(Exit::Store, error.to_string()))?;
    let admin = Admin::new(directory).with_gate(gate.clone());
    welcome(&admin, environment, program, output).await?;
    let upstream = config.gateway.upstream.origin.to_string();
    let brand = brand(&admin, &gate).await?;
    let pages = Pages::new(gate.clone())
        .at(RESERVED)
        .brand(brand)
        .into_router();
    let pages = Router::new().nest(RESERVED, pages);
    let gateway = Gateway::bind(gate, config.gateway, pages)
        .await
        .map_err(|error| Failure::new(Exit::Failed, error.to_string()))?;
    say_where(&gateway, &upstream, output)?;
    Ok(gateway)
}

/// How the service presents itself, now and whenever that is changed.
async fn brand(admin: &Admin, gate: &Portcullis) -> Result<SharedBranding, Failure> {
    let mut told = admin.follow_branding(gate).await?;
    let shared = SharedBranding::default();
    let shown = shared.clone();
    tokio::spawn(async move {
        loop {
            let brand = told.borrow_and_update().clone();
            shown.set(as_shown(&brand));
            if told.changed().await.is_err() {
                return;
            }
        }
    });
    Ok(shared)
}

fn as_shown(brand: &admin::Branding) -> Branding {
    let shown = match &brand.name {
        Some(name) => Branding::new(name.clone()),
        None => Branding::default(),
    };
    match &brand.contact {
        Some(contact) => shown.contact(contact.clone()),
        None => shown,
    }
}

async fn open(path: &Path) -> Result<SqlDirectory, Failure> {
    store::exists(path)?;
    Ok(SqlDirectory::open(path).await?)
}

/// Makes the first administrator, or says how to.
async fn welcome(
    admin: &Admin,
    environment: &Environment,
    program: &str,
    output: Output,
) -> Result<(), Failure> {
    let made = config::bootstrap(admin, environment)
        .await
        .map_err(|error| Failure::usage(error.to_string()))?;
    if let Some(account) = made {
        let (login, id) = (account.login, account.id);
        output.remark(&format!("{login} is added as an administrator, number {id}."));
    } else if admin.is_empty().await? {
        config::first_steps(program)
            .lines()
            .for_each(|line| output.remark(line));
    }
    Ok(())
}

fn say_where(gateway: &Gateway, upstream: &str, output: Output) -> Result<(), Failure> {
    let public = gateway
        .public_address()
        .map_err(|error| Failure::unexpected(error.to_string()))?;
    // Whoever started it may wait for this line, and read the port from it.
    println!("listening on http://{public}");
    output.remark(&format!("Guarding {upstream}. Ctrl-C stops it."));
    Ok(())
}

/// Done at the first signal to stop.
pub(super) async fn stopped() {
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
