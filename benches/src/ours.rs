//! The product, as its users put it before a router.

use std::{io, sync::LazyLock};

use anyhow::{Result, anyhow};
use axum::Router;
use jsonwebtoken::encode;
use portcullis::{
    GuardLayer, JwtIssuer, JwtSessions, Portcullis,
    domain::{
        event::{Action, Note},
        login::Login,
        standing::Lifecycle,
    },
    store::{NewAccount, memory::SingleProcessDirectory},
    testing,
};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};
use tower::Layer;

use crate::{
    drive::{Carrier, Clients},
    peers::jwt::{Signature, install_provider},
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

/// The guard in `Router::layer`, over tokens that somebody else signed.
pub(crate) fn over_tokens(signature: Signature, sessions: usize) -> Result<(Router, Clients)> {
    install_provider()?;
    let background = BACKGROUND
        .as_ref()
        .map_err(|error| anyhow!("no runtime: {error}"))?;
    let (gate, tokens) = background.block_on(with_tokens(signature, sessions))?;
    Ok((router().layer(GuardLayer::new(gate)), Clients::new(tokens, Carrier::Bearer)))
}

async fn with_tokens(signature: Signature, count: usize) -> Result<(Portcullis, Vec<String>)> {
    let issuer = JwtIssuer::new("https://id.example", "benches", signature.keys()?);
    let gate = Portcullis::builder()
        .directory(SingleProcessDirectory::new(Default::default()))
        .session_capacity(2 * count)
        .jwt_sessions(JwtSessions::from_issuer(issuer))
        .build()
        .await?;
    let directory = gate.directory().ok_or_else(|| anyhow!("no directory"))?;
    let key = signature.private()?;
    let now = gate.clock().wall().floor_secs();
    let mut tokens = Vec::with_capacity(count);
    for number in 0..count {
        let account = directory.create(person(number)?, created()).await?;
        let claims = json!({
            "iss": "https://id.example", "aud": "benches", "sub": account.id.to_string(),
            "iat": now, "exp": now + 12 * 3600,
        });
        tokens.push(encode(&signature.header(), &claims, &key)?);
    }
    Ok((gate, tokens))
}

fn person(number: usize) -> Result<NewAccount> {
    Ok(NewAccount {
        login: Login::new(&format!("person{number}"))?,
        name: String::new(),
        email: None,
        admin: false,
        details: Default::default(),
        lifecycle: Lifecycle::Active,
        locks: Default::default(),
        password_hash: None,
    })
}

fn created() -> Note {
    Note { actor: "benches".to_owned(), action: Action::AccountCreated, reason: None, from: None }
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
