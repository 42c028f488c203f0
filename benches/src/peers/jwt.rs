//! jsonwebtoken checks an HS256 bearer token on every request.
//!
//! It knows nothing of accounts: a locked person passes until the token expires.

use std::sync::Arc;

use anyhow::{Result, anyhow};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::{Next, from_fn_with_state},
    response::Response,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::{
    drive::{Carrier, Clients},
    variant::router,
};

pub(crate) const SECRET: &[u8; 32] = b"a secret of thirty-two bytes....";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Claims {
    sub: String,
    iat: i64,
    exp: i64,
}

struct Verifier {
    key: DecodingKey,
    validation: Validation,
}

/// A router that asks for a valid token, and the clients that have one.
pub(crate) fn populated(count: usize) -> Result<(Router, Clients)> {
    install_provider()?;
    let key = EncodingKey::from_secret(SECRET);
    let tokens = (1..=count)
        .map(|id| token(&key, id))
        .collect::<Result<Vec<_>>>()?;
    let verifier = Arc::new(Verifier {
        key: DecodingKey::from_secret(SECRET),
        validation: Validation::new(Algorithm::HS256),
    });
    let router = router().layer(from_fn_with_state(verifier, check));
    Ok((router, Clients::new(tokens, Carrier::Bearer)))
}

/// Names the provider; one named already is as good.
pub(crate) fn install_provider() -> Result<()> {
    static INSTALLED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
    let provider = &jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
    let installed = *INSTALLED.get_or_init(|| provider.install_default().is_ok());
    installed
        .then_some(())
        .ok_or_else(|| anyhow!("jsonwebtoken has another provider"))
}

fn token(key: &EncodingKey, id: usize) -> Result<String> {
    let now = OffsetDateTime::now_utc();
    let claims = Claims {
        sub: id.to_string(),
        iat: now.unix_timestamp(),
        exp: (now + Duration::hours(12)).unix_timestamp(),
    };
    Ok(encode(&Header::default(), &claims, key)?)
}

async fn check(
    State(verifier): State<Arc<Verifier>>,
    mut request: Request,
    next: Next,
) -> Result<Response, StatusCode> {
    let token = bearer(request.headers()).ok_or(StatusCode::UNAUTHORIZED)?;
    let verified = decode::<Claims>(token, &verifier.key, &verifier.validation)
        .map_err(|_| StatusCode::UNAUTHORIZED)?;
    request.extensions_mut().insert(verified.claims);
    Ok(next.run(request).await)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")
}
