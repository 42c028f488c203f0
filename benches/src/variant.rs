//! What is measured side by side.

use anyhow::Result;
use axum::{Router, routing::get};
use clap::ValueEnum;
use serde::{Serialize, Serializer};

use crate::{
    drive::{BODY, Carrier, Chain, Clients, Nothing, Subject, runtime},
    ours,
    peers::{self, jwt::Signature},
};

/// One way to answer the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Variant {
    /// Builds the request and drops it
    Null,
    /// A bare axum Router: no check at all
    Floor,
    /// tower-http's ValidateRequestHeader that accepts everything, in Router::layer
    NoopLayer,
    /// The guard in Router::layer
    PortcullisInside,
    /// The guard wrapped round the Router
    PortcullisRound,
    /// The guard in Router::layer, over JSON web tokens (HS256) that it has verified once
    PortcullisJwt,
    /// The same over tokens by ES256
    PortcullisJwtEs256,
    /// axum-login over tower-sessions' MemoryStore
    AxumLogin,
    /// jsonwebtoken checks HS256 on every request; looks no account up
    Jsonwebtoken,
    /// The same with ES256
    JsonwebtokenEs256,
    /// A hand-written guard in Router::layer that reads moka::sync::Cache
    Moka,
    /// The same guard over quick_cache
    QuickCache,
}

impl Variant {
    /// Its name on the command line and in the tables.
    pub fn name(self) -> String {
        self.to_possible_value()
            .map(|value| value.get_name().to_owned())
            .unwrap_or_default()
    }

    /// Whether it is dearer with more sessions; the floor is asked along as the others' measure.
    pub fn grows_with_sessions(self) -> bool {
        !matches!(self, Self::Null | Self::NoopLayer | Self::Jsonwebtoken | Self::JsonwebtokenEs256)
    }

    /// Whether it remembers sessions at all.
    pub fn keeps_sessions(self) -> bool {
        self.grows_with_sessions() && self != Self::Floor
    }

    /// The variant with `sessions` sessions, each of an account of its own.
    pub fn build(self, sessions: usize) -> Result<Box<dyn Subject>> {
        let runtime = runtime()?;
        Ok(match self {
            Self::Null => Box::new(Nothing(strangers(sessions))),
            Self::Floor => Box::new(Chain::new(runtime, router(), strangers(sessions))),
            Self::NoopLayer => {
                let service = peers::noop::round(router());
                Box::new(Chain::new(runtime, service, strangers(sessions)))
            }
            Self::PortcullisInside => {
                let (service, clients) = ours::inside(sessions)?;
                Box::new(Chain::new(runtime, service, clients))
            }
            Self::PortcullisRound => {
                let (service, clients) = ours::round(sessions)?;
                Box::new(Chain::new(runtime, service, clients))
            }
            Self::PortcullisJwt => {
                let (service, clients) = ours::over_tokens(Signature::Hs256, sessions)?;
                Box::new(Chain::new(runtime, service, clients))
            }
            Self::PortcullisJwtEs256 => {
                let (service, clients) = ours::over_tokens(Signature::Es256, sessions)?;
                Box::new(Chain::new(runtime, service, clients))
            }
            Self::AxumLogin => {
                let (service, clients) = runtime.block_on(peers::login::populated(sessions))?;
                Box::new(Chain::new(runtime, service, clients))
            }
            Self::Jsonwebtoken => {
                let (service, clients) = peers::jwt::populated(Signature::Hs256, sessions)?;
                Box::new(Chain::new(runtime, service, clients))
            }
            Self::JsonwebtokenEs256 => {
                let (service, clients) = peers::jwt::populated(Signature::Es256, sessions)?;
                Box::new(Chain::new(runtime, service, clients))
            }
            Self::Moka => {
                let (service, clients) = peers::cached::moka(sessions);
                Box::new(Chain::new(runtime, service, clients))
            }
            Self::QuickCache => {
                let (service, clients) = peers::cached::quick_cache(sessions);
                Box::new(Chain::new(runtime, service, clients))
            }
        })
    }
}

impl Serialize for Variant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name())
    }
}

/// The service that every check stands before.
///
/// Its state is given, as `axum::serve` and `into_make_service` do: without it a Router makes its
/// routes, with all their layers, anew for every request.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/hello", get(async || BODY))
        .with_state(())
}

/// Clients of services that ask for nothing.
fn strangers(count: usize) -> Clients {
    let mut random = fastrand::Rng::with_seed(1);
    let credentials = (0..count)
        .map(|_| format!("session={}", token(&mut random)))
        .collect();
    Clients::new(credentials, Carrier::Cookie)
}

/// As many characters as 32 bytes have in base64url.
pub(crate) fn token(random: &mut fastrand::Rng) -> String {
    (0..43).map(|_| random.alphanumeric()).collect()
}
