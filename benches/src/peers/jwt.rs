//! jsonwebtoken checks a bearer token on every request.
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
use portcullis::JwtKeys;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::{
    drive::{Carrier, Clients},
    variant::router,
};

const SECRET: &[u8; 32] = b"a secret of thirty-two bytes....";
const PRIVATE: &[u8] = include_bytes!("../../../tests/it/jwt/keys/p256.pem");
const PUBLIC: &str = include_str!("../../../tests/it/jwt/keys/p256.pub.pem");

/// What tokens are signed by.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Signature {
    Hs256,
    Es256,
}

impl Signature {
    const fn algorithm(self) -> Algorithm {
        match self {
            Self::Hs256 => Algorithm::HS256,
            Self::Es256 => Algorithm::ES256,
        }
    }

    pub(crate) fn header(self) -> Header {
        Header::new(self.algorithm())
    }

    /// What whoever makes tokens holds.
    pub(crate) fn private(self) -> Result<EncodingKey> {
        Ok(match self {
            Self::Hs256 => EncodingKey::from_secret(SECRET),
            Self::Es256 => EncodingKey::from_ec_pem(PRIVATE)?,
        })
    }

    fn public(self) -> Result<DecodingKey> {
        Ok(match self {
            Self::Hs256 => DecodingKey::from_secret(SECRET),
            Self::Es256 => DecodingKey::from_ec_pem(PUBLIC.as_bytes())?,
        })
    }

    /// What Portcullis checks them by.
    pub(crate) fn keys(self) -> Result<JwtKeys> {
        Ok(match self {
            Self::Hs256 => JwtKeys::secret(SECRET)?,
            Self::Es256 => JwtKeys::public_pem(PUBLIC)?,
        })
    }
}

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
pub(crate) fn populated(signature: Signature, count: usize) -> Result<(Router, Clients)> {
    install_provider()?;
    let key = signature.private()?;
    let tokens = (1..=count)
        .map(|id| token(signature, &key, id))
        .collect::<Result<Vec<_>>>()?;
    let verifier = Arc::new(Verifier {
        key: signature.public()?,
        validation: Validation::new(signature.algorithm()),
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

fn token(signature: Signature, key: &EncodingKey, id: usize) -> Result<String> {
    let now = OffsetDateTime::now_utc();
    let claims = Claims {
        sub: id.to_string(),
        iat: now.unix_timestamp(),
        exp: (now + Duration::hours(12)).unix_timestamp(),
    };
    Ok(encode(&signature.header(), &claims, key)?)
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
