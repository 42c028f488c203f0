//! The middleware: asks the gate about each request, and answers those that are
//! refused.
//!
//! [`GuardLayer`] wraps any Tower service, an axum router or one of its routes.
//! A request that may pass goes on with a [`CurrentAccount`](crate::CurrentAccount)
//! in its extensions; nothing is boxed and nothing is cloned for it. Any other is
//! answered in the terms of whoever sent it ([`ClientKind`]):
//!
//! | client | answer |
//! |---|---|
//! | a person's browser | 303 to the [sign-in page](GuardLayer::sign_in_at) with where to [return to](ReturnTo) and a [notice](Notice); without such a page, a page that says why |
//! | a program | 401 or 403 with a problem document (RFC 9457) |
//! | a program with an API token | 401 `invalid_token` |
//! | htmx | 401 or 403 with `HX-Redirect` |
//! | gRPC | 200 with `grpc-status` 16, 7 or 14 |
//! | a WebSocket handshake | 401 or 403 |
//! | anybody, while the directory can't say | 503 with `Retry-After`; no cookie is touched |
//!
//! A CORS preflight goes on, without cookies, credentials or account: a browser
//! sends it without saying who asks. The sign-in page itself goes on as well. The
//! [`Denial`](crate::Denial) is in the extensions of every answer.
//!
//! # Example
//!
//! ```
//! use axum::{Router, body::Body, routing::get};
//! use http::{Request, StatusCode, header};
//! use portcullis::{CurrentAccount, Denial, GuardLayer, testing::TestGate};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let test = TestGate::new().await;
//! let app = Router::new()
//!     .route("/report", get(|me: CurrentAccount| async move { me.login().to_string() }))
//!     // Only the routes above are guarded, and unknown paths stay 404.
//!     .route_layer(GuardLayer::new(test.gate()).sign_in_at("/sign-in"))
//!     .route("/sign-in", get(|| async { "a form" }));
//!
//! // A browser without a session is sent to sign in, and back afterwards.
//! let stranger = Request::get("/report").header(header::ACCEPT, "text/html");
//! let answer = app.clone().oneshot(stranger.body(Body::empty()).unwrap()).await.unwrap();
//! assert_eq!(answer.status(), StatusCode::SEE_OTHER);
//! assert_eq!(answer.headers()[header::LOCATION], "/sign-in?return_to=/report");
//! assert_eq!(answer.extensions().get::<Denial>().unwrap().reason().as_str(), "no-session");
//!
//! // Whoever is signed in passes.
//! let cookie = test.sign_in(&test.account("alice").await).await;
//! let alice = Request::get("/report").header(header::COOKIE, cookie);
//! let answer = app.oneshot(alice.body(Body::empty()).unwrap()).await.unwrap();
//! assert_eq!(answer.status(), StatusCode::OK);
//! # }
//! ```
//!
//! # Other answers
//!
//! [`GuardLayer::deny_with`] takes a closure instead, with both types written:
//! `|denial: &Denial, request: &Parts| -> Response<_>`. Servers whose bodies are
//! not made from a `String`, tonic's for one, say how with
//! [`GuardLayer::text_into`]. [`GuardLayer::optional`] is for public pages that
//! greet whoever is signed in. [`LoopGuard`] ends the circle of a refused person
//! and a sign-in page elsewhere that keeps sending them back.

pub mod address;
mod answer;
pub mod body;
pub mod client;
pub mod cut;
#[cfg(feature = "axum")]
mod extract;
mod future;
mod grpc;
mod layer;
pub mod notice;
pub(crate) mod page;
mod problem;
pub mod redirect_loop;
pub mod response;
pub mod return_to;
mod service;
pub mod sign_in;

pub use self::address::{InvalidSignInAddress, ReturnOrigin, SignInAddress};
pub use self::body::{BodyFromText, NoText, Text};
pub use self::client::ClientKind;
#[cfg(feature = "gateway")]
pub(crate) use self::client::grpc_type;
pub use self::cut::{Cut, CutBody, CutError, CutFuture, CutLayer};
#[cfg(feature = "axum")]
pub use self::extract::NoGuard;
pub use self::future::GuardFuture;
pub use self::layer::GuardLayer;
pub use self::notice::{Notice, UnknownNotice};
pub use self::page::{RefusalPages, RefusalWords};
pub use self::problem::PROBLEM_TYPE_PREFIX;
pub use self::redirect_loop::{LOOP_COOKIE, LoopGuard, Turn};
pub use self::response::{DefaultResponseForDenial, ResponseForDenial};
pub use self::return_to::{InvalidReturnTo, MAX_RETURN_TO_BYTES, ReturnTo};
pub use self::service::Guard;
pub use self::sign_in::{Sign, SignInLayer};
