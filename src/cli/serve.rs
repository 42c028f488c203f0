//! `portcullis serve`: the gateway.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use clap::Args;

use crate::cli::exit::{Exit, Failure};
use crate::cli::store;
use crate::engine::Portcullis;
use crate::gateway::{Gateway, Origin, Settings};
use crate::store::sql::SqlDirectory;

#[derive(Args, Debug)]
pub(super) struct Serve {
    /// The application to guard, such as http://127.0.0.1:3000
    #[arg(long, value_name = "URL", value_parser = origin)]
    upstream: Origin,

    /// Where people come in
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
}

impl Serve {
    pub(super) async fn run(self, path: &Path) -> Result<(), Failure> {
        let mut settings = Settings::for_upstream(self.upstream);
        if let Some(listen) = self.listen {
            settings.public = listen;
        }
        let gate = open(path, &settings).await?;
        let gateway = Gateway::bind(gate, settings, Router::new())
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

async fn open(path: &Path, settings: &Settings) -> Result<Portcullis, Failure> {
    store::exists(path)?;
    let directory = SqlDirectory::open(path).await?;
    let attempts = directory.attempts();
    let directory: Arc<dyn crate::store::Directory> = Arc::new(directory);
    Portcullis::builder()
        .shared_directory(directory)
        .attempts(attempts)
        .https(settings.is_https())
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
