//! The product, as its users put it before a router.

use std::{io, sync::LazyLock};

use anyhow::{Result, anyhow};
use axum::Router;
use portcullis::{GuardLayer, Portcullis, testing};
use tokio::runtime::{Builder, Runtime};
use tower::Layer;

use crate::{
    drive::{Carrier, Clients},
    variant::router,
};

/// The guard in `Router::layer`.
pub(crate) fn inside(sessions: usize) -> Result<(Router, Clients)> {
    let (gate, clients) = populated(sessions)?;
    Ok((router().layer(GuardLayer::new(gate)), clients))
}

/// The guard wrapped round the whole router.
pub(crate) fn round(sessions: usize) -> Result<(<GuardLayer as Layer<Router>>::Service, Clients)> {
    let (gate, clients) = populated(sessions)?;
    Ok((GuardLayer::new(gate).layer(router()), clients))
}

fn populated(sessions: usize) -> Result<(Portcullis, Clients)> {
    let background = BACKGROUND
        .as_ref()
        .map_err(|error| anyhow!("no runtime: {error}"))?;
    let (gate, cookies) = background.block_on(testing::populated(sessions));
    Ok((gate, Clients::new(cookies, Carrier::Cookie)))
}

/// Where the gates follow their directory, as they do beside a server's requests.
static BACKGROUND: LazyLock<io::Result<Runtime>> = LazyLock::new(|| {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
});
