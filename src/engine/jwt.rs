//! Sessions carried by JSON web tokens that somebody else signs.
//!
//! A valid token says who somebody was when it was signed. Whether they may come
//! in now is asked at each request, as of any session: a lock refuses at the next
//! request, and what it ended stays ended.
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, StatusCode, header::AUTHORIZATION};
//! use jsonwebtoken::{EncodingKey, Header};
//! use portcullis::{CurrentAccount, GuardLayer, testing::TestGate};
//! use portcullis::{JwtIssuer, JwtKeys, JwtSessions};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let secret = b"thirty-two bytes or more of them";
//! let issuer = JwtIssuer::new("https://id.example", "shop", JwtKeys::secret(secret)?);
//! let test = TestGate::with(|gate| gate.jwt_sessions(JwtSessions::from_issuer(issuer))).await;
//! let app = Router::new()
//!     .route("/", get(|me: CurrentAccount| async move { me.login().to_string() }))
//!     .layer(GuardLayer::new(test.gate()));
//!
//! // Somebody else signs. Here the claim `sub` is the account's number.
//! let alice = test.account("alice").await;
//! let issued = test.clock().wall().floor_secs();
//! let claims = serde_json::json!({
//!     "iss": "https://id.example", "aud": "shop", "sub": alice.id.to_string(),
//!     "iat": issued, "exp": issued + 3600,
//! });
//! let provider = &jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
//! let _ = provider.install_default();
//! let token = jsonwebtoken::encode(&Header::default(), &claims, &EncodingKey::from_secret(secret))?;
//! let visit = || {
//!     let request = Request::get("/").header(AUTHORIZATION, format!("Bearer {token}"));
//!     app.clone().oneshot(request.body(Body::empty()).unwrap())
//! };
//!
//! assert_eq!(visit().await?.status(), StatusCode::OK);
//! test.lock(&alice).await;
//! assert_eq!(visit().await?.status(), StatusCode::UNAUTHORIZED);
//! # Ok(())
//! # }
//! ```
//!
//! # What is asked of a token
//!
//! - A signature by a key of its issuer, in an algorithm of that key's family.
//!   `alg` picks among those and can't widen them: `none` is no algorithm, and a
//!   public key is never a secret.
//! - `iss` and `aud`, by exact text; `exp`; `nbf` where it is there; `iat`, not in
//!   the future.
//! - `typ` is `JWT` or `at+jwt`, where it is there.
//! - Nothing in the header that asks for more or brings its own key: `crit`, `jku`,
//!   `jwk`, `x5u`, `x5c`, `b64`, `enc` and `zip` are refused.
//! - At most [`MAX_TOKEN_BYTES`].
//!
//! The client is never told what was wrong. The log is, at the level `debug`.
//!
//! # Where keys come from
//!
//! They are given ([`JwtKeys`]), or the issuer publishes them ([`PublishedJwtKeys`]) and
//! may change them at any time: a new one is known within a minute. One that is taken
//! out of the set signs no token that is new here; those that are remembered last
//! until they expire. So lock an account, or sign it out everywhere, to end what a stolen
//! key signed.
//!
//! # Whom a token names
//!
//! One claim, read in one way: see [`JwtAccount`]. It never falls through from one
//! way of naming people to another.
//!
//! # What ends it
//!
//! - `exp`, plus the issuer's leeway.
//! - A raise of the account's session generation: a lock, its lifting, a new
//!   password, "sign out everywhere". A token that was issued, or first seen here,
//!   by the second of the last raise is dead. So whoever was locked signs in anew.
//!   A [`StatusSource`](crate::StatusSource) says when that was with
//!   [`Standing::with_sessions_ended_at`](crate::Standing::with_sessions_ended_at);
//!   where it does not, a raise ends the tokens that this process has seen by then.
//! - [`Portcullis::sign_out`](crate::Portcullis::sign_out), in this process.
//!
//! # What it costs
//!
//! A token is verified once and remembered by a keyed hash, in the table of
//! sessions. From then on it costs what a session does. One that is worth nothing
//! is remembered for half a minute.
//!
//! Tokens that are not remembered can be made without end, and a signature costs as much
//! as many requests. So half of the processor's cores check them, a few hundred wait in
//! the order in which they came, and no source address holds more than a quarter of the
//! places: see [`Portcullis::admit_from`](crate::Portcullis::admit_from). Who finds no
//! place, or no turn within half a second, gets 503 and comes again.

mod account;
mod admit;
mod carrier;
mod effort;
mod fetch;
mod issuer;
mod keys;
mod ring;
mod source;
mod token;
#[cfg(feature = "gateway")]
mod trial;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use self::account::JwtAccount;
pub use self::carrier::MAX_TOKEN_BYTES;
pub use self::issuer::{JwtIssuer, MAX_LEEWAY};
pub use self::keys::{InvalidJwtKey, JwtKeys};
pub use self::source::{JwtKeySource, PublishedJwtKeys};
#[cfg(feature = "gateway")]
pub(crate) use self::trial::{JwtTrial, Tried};

use self::carrier::Carriers;
use self::effort::Effort;
use self::fetch::Fetcher;
use self::ring::Ring;
use self::source::Source;
use crate::domain::session::SessionId;
use crate::domain::time::Timestamp;
use crate::engine::ReadSession;
use crate::engine::flight::SingleFlight;
use crate::engine::session::TokenHash;

/// How many tokens can be signed out of before they expire.
const MAX_SIGNED_OUT: usize = 1 << 20;

/// Whose tokens are taken, and where requests carry them.
///
/// By default in the `Authorization: Bearer` header alone. Checked when the gate
/// is built.
#[derive(Clone, Debug)]
#[must_use = "give it to Builder::jwt_sessions"]
pub struct JwtSessions {
    issuers: Vec<JwtIssuer>,
    in_header: bool,
    cookie: Option<String>,
}

impl JwtSessions {
    /// Tokens of this issuer are taken.
    pub fn from_issuer(issuer: JwtIssuer) -> Self {
        Self { issuers: vec![issuer], in_header: true, cookie: None }
    }

    /// So are tokens of this one.
    pub fn and_from(mut self, issuer: JwtIssuer) -> Self {
        self.issuers.push(issuer);
        self
    }

    /// Whether tokens are taken from the `Authorization: Bearer` header.
    /// Default: yes.
    pub fn in_header(mut self, taken: bool) -> Self {
        self.in_header = taken;
        self
    }

    /// Tokens are taken from the cookie of this name, too: where a request brings
    /// it exactly once, and neither a bearer token nor a session of ours.
    ///
    /// Who set that cookie takes it away again: the guard does not.
    pub fn in_cookie(mut self, name: impl Into<String>) -> Self {
        self.cookie = Some(name.into());
        self
    }

    fn carriers(&self) -> Carriers {
        Carriers::new(self.in_header, self.cookie.as_deref())
    }

    /// Whether a gate can be built with it.
    pub(crate) fn check(
        &self,
        has_directory: bool,
        has_session_source: bool,
    ) -> Result<(), InvalidJwtSessions> {
        if has_session_source {
            return Err(InvalidJwtSessions::BesideSessionSource);
        }
        if !self.in_header && self.cookie.is_none() {
            return Err(InvalidJwtSessions::Nowhere);
        }
        if let Some(name) = self
            .cookie
            .as_ref()
            .filter(|name| !carrier::may_be_named(name))
        {
            return Err(InvalidJwtSessions::CookieName { name: name.clone() });
        }
        for (at, issuer) in self.issuers.iter().enumerate() {
            issuer.check(has_directory)?;
            if self.issuers[..at]
                .iter()
                .any(|other| other.name() == issuer.name())
            {
                return Err(InvalidJwtSessions::TwoIssuers { issuer: issuer.name().to_owned() });
            }
        }
        Ok(())
    }
}

/// Why a description of foreign tokens can't be kept.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidJwtSessions {
    /// A token of another service would be taken.
    #[error("the issuer {issuer:?} has an empty audience: name the service in `JwtIssuer::new`")]
    NoAudience {
        /// Whose.
        issuer: String,
    },
    /// Which of the two would say whose a request is?
    #[error("sessions come from `sessions_from` and from `jwt_sessions`: leave one out")]
    BesideSessionSource,
    /// Not the name of a cookie, or of one of ours.
    #[error(
        "{name:?} can't be the name of a token's cookie: take letters, digits and hyphens, and not one that begins like ours"
    )]
    CookieName {
        /// What was given.
        name: String,
    },
    /// A claim without a name.
    #[error(
        "the issuer {issuer:?} names people by a claim without a name: leave `by_claim` out for `sub`"
    )]
    NoClaim {
        /// Whose.
        issuer: String,
    },
    /// Only a directory knows logins and addresses.
    #[error(
        "the issuer {issuer:?} names people by login or e-mail address, which takes a `directory`: choose another `JwtAccount`"
    )]
    NoDirectory {
        /// Whose.
        issuer: String,
    },
    /// An issuer without a name.
    #[error("an issuer's name is empty: give the text of its claim `iss`")]
    NoIssuer,
    /// Whoever may choose a login there would be somebody else here.
    #[error(
        "the issuer {issuer:?} names people by login or e-mail address and is not marked as authoritative for them: call `authoritative` if it is, or choose another `JwtAccount`"
    )]
    NotAuthoritative {
        /// Whose.
        issuer: String,
    },
    /// Keys that can't be fetched.
    #[error("the keys of the issuer {issuer:?} can't be fetched: {why}")]
    NotFetchable {
        /// Whose.
        issuer: String,
        /// What is in the way.
        why: String,
    },
    /// Neither header nor cookie.
    #[error("tokens are taken neither from the header nor from a cookie: call `in_cookie`")]
    Nowhere,
    /// Clocks don't differ by so much.
    #[error("the leeway of the issuer {issuer:?} is over a minute: lower it")]
    LeewayTooLong {
        /// Whose.
        issuer: String,
    },
    /// An issuer's keys sign for that issuer alone.
    #[error(
        "the issuer {issuer:?} has the keys of another: give the same name to `PublishedJwtKeys::of_issuer`"
    )]
    OtherIssuersKeys {
        /// Whose.
        issuer: String,
    },
    /// Which of the two would be right?
    #[error("the issuer {issuer:?} is there twice: join their keys with `JwtKeys::and`")]
    TwoIssuers {
        /// Which.
        issuer: String,
    },
}

/// What a gate knows of foreign tokens.
pub(super) struct Jwts {
    issuers: Vec<(JwtIssuer, KeysOf)>,
    carriers: Carriers,
    effort: Effort,
    flights: SingleFlight<TokenHash, ReadSession>,
    signatures: AtomicU64,
}

/// Tokens that were signed out of before they expire: by the name of the session, until
/// when. They stay so, whatever tokens are taken later.
#[derive(Debug, Default)]
pub(super) struct SignedOut(Mutex<HashMap<SessionId, Timestamp>>);

/// An issuer's keys in a gate.
enum KeysOf {
    Given(JwtKeys),
    Published(Arc<Ring>),
}

impl SignedOut {
    pub(super) fn contains(&self, id: SessionId) -> bool {
        self.all().contains_key(&id)
    }

    fn sweep(&self, now: Timestamp) {
        self.all().retain(|_, until| *until > now);
    }

    /// Says whether there was room, and whether it is news.
    fn note(&self, id: SessionId, until: Timestamp, now: Timestamp) -> Option<bool> {
        if self.all().len() >= MAX_SIGNED_OUT {
            self.sweep(now);
        }
        let mut all = self.all();
        let room = all.len() < MAX_SIGNED_OUT;
        room.then(|| all.insert(id, until).is_none())
    }

    fn all(&self) -> MutexGuard<'_, HashMap<SessionId, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeysOf {
    fn new(issuer: &JwtIssuer) -> Result<Self, InvalidJwtSessions> {
        let published = match &issuer.keys {
            Source::Given(keys) => return Ok(Self::Given(keys.clone())),
            Source::Published(published) => published.clone(),
        };
        let name = issuer.name();
        let fetcher = Fetcher::new(published).map_err(|why| InvalidJwtSessions::NotFetchable {
            issuer: name.to_owned(),
            why: why.to_string(),
        })?;
        Ok(Self::Published(Ring::kept(name, fetcher)))
    }
}

impl Jwts {
    /// Published keys are fetched from now on. Those of an issuer that is known `before`,
    /// and publishes them at the same place, are known already.
    pub(super) fn new(
        sessions: &JwtSessions,
        before: Option<&Self>,
    ) -> Result<Self, InvalidJwtSessions> {
        let with_keys = |issuer: JwtIssuer| {
            let known = before.and_then(|before| before.ring_of(&issuer));
            let keys =
                known.map_or_else(|| KeysOf::new(&issuer), |ring| Ok(KeysOf::Published(ring)));
            Ok((issuer, keys?))
        };
        let issuers: Result<_, InvalidJwtSessions> =
            sessions.issuers.iter().cloned().map(with_keys).collect();
        Ok(Self {
            carriers: sessions.carriers(),
            effort: Effort::new(),
            issuers: issuers?,
            flights: SingleFlight::new(),
            signatures: AtomicU64::new(0),
        })
    }

    pub(super) fn in_header(&self) -> bool {
        self.carriers.in_header
    }

    /// How many issuers there are.
    #[cfg(feature = "metrics")]
    pub(super) fn issuers(&self) -> usize {
        self.issuers.len()
    }

    /// Those whose tokens nobody can judge yet: they were not heard of since the start.
    pub(super) fn issuers_without_keys(&self) -> impl Iterator<Item = &str> {
        let without = self.issuers.iter().filter(|(_, keys)| match keys {
            KeysOf::Given(_) => false,
            KeysOf::Published(ring) => ring.keys().is_none(),
        });
        without.map(|(issuer, _)| issuer.name())
    }

    pub(super) fn signatures_checked(&self) -> u64 {
        self.signatures.load(Ordering::Relaxed)
    }

    /// Whether the same tokens are taken by this description, from the same places.
    pub(super) fn takes_as(&self, sessions: &JwtSessions) -> bool {
        let Self { issuers, carriers, .. } = self;
        let issuers = issuers.iter().map(|(issuer, _)| issuer);
        issuers.eq(&sessions.issuers) && carriers.is_as(&sessions.carriers())
    }

    fn ring_of(&self, issuer: &JwtIssuer) -> Option<Arc<Ring>> {
        let same = |known: &&(JwtIssuer, KeysOf)| {
            known.0.name() == issuer.name() && known.0.keys == issuer.keys
        };
        match &self.issuers.iter().find(same)?.1 {
            KeysOf::Published(ring) => Some(Arc::clone(ring)),
            KeysOf::Given(_) => None,
        }
    }
}

impl fmt::Debug for Jwts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let issuers = self.issuers.iter().map(|(issuer, _)| issuer);
        f.debug_struct("Jwts")
            .field("issuers", &issuers.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
