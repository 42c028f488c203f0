//! The product, as its users put it before a router.

use axum::Router;
use portcullis::{GuardLayer, Portcullis, testing};
use tower::{Layer, Service};

use crate::{
    drive::{Carrier, Clients},
    variant::router,
};

/// The guard in `Router::layer`.
pub(crate) async fn inside(sessions: usize) -> (Router, Clients) {
    let (gate, clients) = populated(sessions).await;
    (router().layer(GuardLayer::new(gate)), clients)
}

/// The guard wrapped round the whole router.
pub(crate) async fn round(sessions: usize) -> (<GuardLayer as Layer<Router>>::Service, Clients) {
    let (gate, clients) = populated(sessions).await;
    (GuardLayer::new(gate).layer(router()), clients)
}

async fn populated(sessions: usize) -> (Portcullis, Clients) {
    let (gate, cookies) = testing::populated(sessions).await;
    (gate, Clients::new(cookies, Carrier::Cookie))
}
