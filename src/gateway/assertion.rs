//! Says to upstreams who is signed in, signed: a short-lived JSON web token beside the
//! identity headers.
//!
//! | claim | says |
//! |---|---|
//! | `iss` | the gateway: `assertion.issuer`, else `public.url` |
//! | `aud` | the upstream that it is for, and no other |
//! | `sub` | the account's number, or the key that its source knows it by |
//! | `login`, `name`, `email` | what the account is called |
//! | `groups`, `permissions` | what it is in, and what it may do |
//! | `sid` | the public name of the session |
//! | `iat`, `exp` | since and until when it holds, a minute at most |
//! | `jti` | one for each signature |
//!
//! Signing takes longer than all the rest that a gateway does with a request, so what was
//! signed is used again for some seconds, by the same session for the same upstream, while
//! nothing that it says has changed.

mod keys;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};
use jsonwebtoken::{Algorithm, Header};
use moka::sync::Cache;
use serde::Serialize;

use self::keys::Ring;
use crate::admin::assertion_keys::{AssertionKeys, Takeover};
use crate::admin::{Actor, Admin, AdminError};
use crate::domain::account::AccountKey;
use crate::domain::denial::DenialReason;
use crate::domain::permission::Permission;
use crate::domain::session::SessionId;
use crate::domain::standing::Version;
use crate::engine::{CurrentAccount, Portcullis};
use crate::gateway::RESERVED;
use crate::gateway::body::Body;
use crate::gateway::settings::Assertion as Settings;

/// Where the keys are, below [`RESERVED`].
const KEYS: &str = "/jwks.json";

/// How many that were signed are kept.
const KEPT: u64 = 50_000;

/// How often it is looked whether a new key is due, and one that waits has its time.
const LOOKED_AT_EVERY: Duration = Duration::from_secs(20);

/// Signs assertions. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Assertions(Arc<Shared>);

struct Shared {
    gate: Portcullis,
    admin: Admin,
    settings: Settings,
    ring: RwLock<Arc<Ring>>,
    signed: Cache<Whose, Signed>,
}

/// Why assertions can't be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssertionError {
    /// Nobody keeps the keys.
    #[error("assertions take a directory, which keeps their keys")]
    NoDirectory,
    /// The directory does not say the keys, or can't keep new ones.
    #[error("the keys of assertions: {0}")]
    Keys(#[from] AdminError),
    /// No key can be made.
    #[error("the keys of assertions can't be used: {0}")]
    Unusable(#[from] jsonwebtoken::errors::Error),
}

/// Which assertion: whose, of which session, and for which upstream.
type Whose = (AccountKey, SessionId, usize);

/// An assertion that was signed, and when it is another.
#[derive(Clone)]
struct Signed {
    value: HeaderValue,
    /// In seconds since 1970.
    at: i64,
    rights: (u64, Version),
    kid: Arc<str>,
}

/// What an assertion says.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: String,
    login: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    groups: &'a [String],
    permissions: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    iat: i64,
    exp: i64,
    jti: String,
}

/// For whom an assertion is.
#[derive(Clone, Debug)]
pub(crate) struct Audience {
    /// The upstream's place among all.
    pub(crate) number: usize,
    pub(crate) name: Arc<str>,
}

impl Assertions {
    /// Reads the keys, and makes the first.
    pub(crate) async fn open(
        gate: &Portcullis,
        settings: Settings,
    ) -> Result<Self, AssertionError> {
        let directory = gate.directory().ok_or(AssertionError::NoDirectory)?;
        let admin = Admin::new(Arc::clone(directory));
        let mut keys = admin.assertion_keys(&Actor::System).await?;
        let now = gate.clock().wall();
        if keys.signing_at(now).is_none() {
            let made = admin.rotate_assertion_keys(&Actor::System, Takeover::Announced);
            keys = made.await?;
        }
        let ring = Ring::new(directory.keyring(), &keys)?;
        let signed = Cache::builder()
            .max_capacity(KEPT)
            .time_to_live(reused_for(&settings));
        let (gate, ring) = (gate.clone(), RwLock::new(Arc::new(ring)));
        Ok(Self(Arc::new(Shared { gate, admin, settings, ring, signed: signed.build() })))
    }

    /// Whether a request is for the keys.
    pub(crate) fn is_at(path: &str) -> bool {
        path.strip_prefix(RESERVED) == Some(KEYS)
    }

    /// The keys that assertions are checked with (RFC 7517).
    pub(crate) fn keys(&self, method: &Method) -> Response<Body> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            response
                .headers_mut()
                .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let published = self.ring().published(self.0.gate.clock().wall());
        let mut response = Response::new(Body::text(published));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
        response
    }

    /// Puts the assertion for an upstream into a head.
    pub(crate) fn put(&self, headers: &mut HeaderMap, assertion: HeaderValue) {
        headers.insert(&self.0.settings.header, assertion);
    }

    /// Says in a head that there is none.
    pub(crate) fn put_none(&self, headers: &mut HeaderMap) {
        headers.insert(&self.0.settings.header, HeaderValue::from_static(""));
    }

    /// The assertion of whoever asks, for this upstream.
    ///
    /// # Errors
    ///
    /// [`DenialReason::Unknown`] if the directory does not say what it has to say, or
    /// there is no key.
    pub(crate) async fn of(
        &self,
        me: &CurrentAccount,
        audience: &Audience,
    ) -> Result<HeaderValue, DenialReason> {
        let shared = &*self.0;
        let now = shared.gate.clock().wall();
        let ring = self.ring();
        let unknown = || DenialReason::Unknown { retry_after: Duration::from_secs(1) };
        let key = ring.signing_at(now).ok_or_else(unknown)?;
        let whose = (me.key().clone(), me.0.id(), audience.number);
        let (rights_now, at) = (shared.gate.age_of_rights(me), now.floor_secs());
        let reused = i64::try_from(reused_for(&shared.settings).as_secs()).unwrap_or_default();
        let holds = |signed: &Signed| {
            signed.rights == rights_now
                && signed.kid == key.id
                && (signed.at..=signed.at + reused).contains(&at)
        };
        if let Some(signed) = shared.signed.get(&whose).filter(holds) {
            return Ok(signed.value);
        }
        let rights = shared.gate.rights_of(me).await?;
        let profile = me.profile();
        let login = me.login();
        let claims = Claims {
            iss: &shared.settings.issuer,
            aud: &audience.name,
            sub: me.key().to_string(),
            login: &login,
            name: profile.as_ref().map_or("", |profile| profile.name()),
            email: profile.as_ref().and_then(|profile| profile.email()),
            groups: rights.groups(),
            permissions: rights.permissions().map(Permission::as_str).collect(),
            sid: me.session_id().map(|id| id.to_string()),
            iat: at,
            exp: at + i64::try_from(shared.settings.lifetime.as_secs()).unwrap_or_default(),
            jti: format!("{:016x}", getrandom::u64().map_err(|_| unknown())?),
        };
        let value = sign(key, &claims).map_err(|error| {
            tracing::error!(%error, "assertion not signed");
            unknown()
        })?;
        let signed =
            Signed { value: value.clone(), at, rights: rights_now, kid: Arc::clone(&key.id) };
        shared.signed.insert(whose, signed);
        Ok(value)
    }

    /// Takes keys that others made, and makes new ones in time, for ever.
    pub(crate) async fn follow(&self) {
        let shared = &*self.0;
        let mut changes = shared.gate.settings_changed();
        loop {
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(LOOKED_AT_EVERY) => {}
            }
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "keys of assertions not read");
            }
        }
    }

    async fn look(&self) -> Result<(), AssertionError> {
        let shared = &*self.0;
        let mut keys = shared.admin.assertion_keys(&Actor::System).await?;
        let due = |keys: &AssertionKeys| {
            keys.is_due(shared.gate.clock().wall(), shared.settings.rotate_every)
        };
        if due(&keys) {
            // Gateways that started together are not to make one each.
            let wait = getrandom::u32().unwrap_or_default() % 5_000;
            tokio::time::sleep(Duration::from_millis(wait.into())).await;
            keys = shared.admin.assertion_keys(&Actor::System).await?;
            if due(&keys) {
                let made = shared
                    .admin
                    .rotate_assertion_keys(&Actor::System, Takeover::Announced);
                keys = made.await?;
                tracing::info!("new key of assertions announced");
            }
        }
        if *self.ring().of() != keys
            && let Some(directory) = shared.gate.directory()
        {
            let ring = Arc::new(Ring::new(directory.keyring(), &keys)?);
            *shared.ring.write().unwrap_or_else(PoisonError::into_inner) = ring;
        }
        Ok(())
    }

    fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.0.ring.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A third of its time: whoever gets it has most of it left.
fn reused_for(settings: &Settings) -> Duration {
    settings.lifetime / 3
}

fn sign(key: &keys::Key, claims: &Claims<'_>) -> jsonwebtoken::errors::Result<HeaderValue> {
    let header = Header { kid: Some(key.id.to_string()), ..Header::new(Algorithm::ES256) };
    let token = jsonwebtoken::encode(&header, claims, &key.private)?;
    // A token is of letters, digits, dots and dashes.
    Ok(HeaderValue::from_str(&token).unwrap_or_else(|_| HeaderValue::from_static("")))
}

impl std::fmt::Debug for Assertions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assertions")
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
