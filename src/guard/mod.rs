//! The middleware: who asks, and how a refusal is answered.
//!
//! - [`ClientKind`] tells a person's browser from a program.
//! - [`DefaultResponseForDenial`] answers each in its own terms; any closure
//!   does instead ([`ResponseForDenial`]).
//! - [`ReturnTo`] is where a person goes after signing in at a
//!   [`SignInAddress`], read so that it can lead nowhere else.
//! - [`LoopGuard`] ends the circle of a refused person and an identity provider.

pub mod address;
mod answer;
pub mod body;
pub mod client;
#[cfg(feature = "axum")]
mod extract;
mod future;
mod grpc;
mod layer;
pub mod notice;
mod page;
mod problem;
pub mod redirect_loop;
pub mod response;
pub mod return_to;
mod service;

pub use self::address::{InvalidSignInAddress, SignInAddress};
pub use self::body::{BodyFromText, NoText, Text};
pub use self::client::ClientKind;
#[cfg(feature = "axum")]
pub use self::extract::NoGuard;
pub use self::future::GuardFuture;
pub use self::layer::GuardLayer;
pub use self::notice::{Notice, UnknownNotice};
pub use self::problem::PROBLEM_TYPE_PREFIX;
pub use self::redirect_loop::{LOOP_COOKIE, LoopGuard, Turn};
pub use self::response::{DefaultResponseForDenial, ResponseForDenial};
pub use self::return_to::{InvalidReturnTo, MAX_RETURN_TO_BYTES, ReturnTo};
pub use self::service::Guard;
