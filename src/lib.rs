//! Portcullis stops locked and disabled people at the door.
//!
//! A [`GuardLayer`] stands before a service, any Tower service or an axum
//! router. It asks a [`Portcullis`], the gate, about each request: is there a
//! session, and may its account come in? Somebody who is locked is refused at
//! the next request, not when the session happens to end; a request that passes
//! costs a look into memory. The gate also counts failed sign-ins, exactly, and
//! locks who is being guessed at.
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, StatusCode, header::COOKIE};
//! use portcullis::{CurrentAccount, GuardLayer, testing::TestGate};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // A gate over people in memory. A service opens one with `Portcullis::open`.
//! let test = TestGate::new().await;
//! let app = Router::new()
//!     .route("/", get(|me: CurrentAccount| async move { format!("Hello {}", me.login()) }))
//!     .layer(GuardLayer::new(test.gate()));
//!
//! let alice = test.account("alice").await;
//! let cookie = test.sign_in(&alice).await;
//! let visit = || Request::get("/").header(COOKIE, &cookie).body(Body::empty()).unwrap();
//! assert_eq!(app.clone().oneshot(visit()).await.unwrap().status(), StatusCode::OK);
//!
//! test.lock(&alice).await;
//! assert_eq!(app.clone().oneshot(visit()).await.unwrap().status(), StatusCode::FORBIDDEN);
//!
//! // The lock ended her session for good: after the unlock she signs in again.
//! test.unlock(&alice).await;
//! assert_eq!(app.oneshot(visit()).await.unwrap().status(), StatusCode::UNAUTHORIZED);
//! # }
//! ```
//!
//! # Where to go next
//!
//! | for | see |
//! |---|---|
//! | the words, and what is promised | [`manual::concepts`] |
//! | signing people in | [`Portcullis::attempt`] and [`Attempt`] |
//! | a sign-in handler that can't be changed | [`SignInLayer`] and [`guard::sign_in`] |
//! | pages to sign in at | `portcullis::pages`, with the feature of that name |
//! | people in a table of your own | [`StatusSource`] and `examples/custom_source.rs` |
//! | sessions that you keep already | [`SessionSource`] and `examples/existing_sessions.rs` |
//! | JSON web tokens of somebody else | [`engine::jwt`](crate::engine), with the feature `jwt` |
//! | how refused requests are answered, and other answers | [`guard::response`] |
//! | how many guesses there are | [`LockoutPolicy`] |
//! | event streams and downloads | [`guard::CutLayer`] |
//! | WebSockets | [`Portcullis::ended`] |
//! | locking people from a program | [`admin`] |
//! | locking people over HTTP | `portcullis::api`, with the feature of that name |
//! | configuring a gateway | [`manual::configuration`] |
//! | locking people from a shell | [`manual::command_line`] |
//! | deleting people, and giving their records to others | [`manual::deletion`] |
//! | load testing a guarded service | [`manual::load_testing`] |
//! | what the gateway passes on, takes off and refuses | [`manual::gateway`] |
//! | the gateway behind nginx, Caddy, Traefik, HAProxy or Envoy | [`manual::forward_auth`] |
//! | attacks that were published, and what holds them | [`manual::attacks`] |
//! | testing a guarded service | [`testing`] |
//!
//! # Order of layers
//!
//! Outermost first: tracing, time-outs, compression, the sessions of an
//! application that keeps its own, **the guard**, CSRF, the handlers. Inside
//! tracing, so that refusals are seen; outside CSRF, so that a locked person
//! learns of the lock. In axum the layer that is added last is the outermost,
//! and [`layer`](https://docs.rs/axum/0.8/axum/struct.Router.html#method.layer)
//! covers only the routes that were added before it.

pub mod admin;
#[cfg(feature = "api")]
pub mod api;
#[cfg(feature = "gateway")]
pub mod cli;
#[cfg(feature = "gateway")]
pub mod config;
pub mod domain;
pub mod engine;
#[cfg(feature = "gateway")]
pub mod gateway;
pub mod guard;
pub mod manual;
#[cfg(feature = "pages")]
pub mod pages;
pub mod store;
pub mod testing;

pub use crate::domain::account::{Account, AccountId, AccountKey};
pub use crate::domain::client::{ClientAddr, TrustedProxies};
pub use crate::domain::denial::{Denial, DenialReason};
pub use crate::domain::device::{Device, DeviceId};
pub use crate::domain::policy::{InvalidPolicy, LockoutPolicy};
pub use crate::domain::profile::Profile;
pub use crate::domain::standing::{Generation, Standing, Status, Version};
pub use crate::domain::time::{Clock, Timestamp};
#[cfg(feature = "jwt")]
pub use crate::engine::jwt::{JwtIssuer, JwtKeys, JwtSessions, PublishedJwtKeys};
pub use crate::engine::{
    Attempt, BuildError, CurrentAccount, OnStale, Portcullis, SessionClaim, SessionSource,
    SignInError, SignedIn, Visitor,
};
pub use crate::guard::{Guard, GuardLayer, ReturnTo, SignInLayer};
pub use crate::store::StatusSource;

/// The README's programs, compiled with the tests.
#[cfg(all(doctest, feature = "axum", feature = "passwords", feature = "sqlite"))]
#[doc = include_str!("../README.md")]
struct Readme;
