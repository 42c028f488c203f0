//! The layer that wraps services in a [`SignIn`].

use std::fmt;
use std::sync::Arc;

use http::Uri;
use http::header::HeaderName;
use http::request::Parts;
use tower_layer::Layer;

use super::builder::{Settings, SignInLayerBuilder};
use super::path::Reading;
use super::refusal::BadSignIn;
use super::response::DefaultResponseForSignIn;
use super::service::SignIn;
use crate::engine::Portcullis;

/// Counts the sign-ins of a service that can't be changed, and lets nobody in who is
/// locked out, locked, disabled or deleted.
///
/// See the [module docs](super) for an example.
pub struct SignInLayer<R = DefaultResponseForSignIn> {
    pub(super) shared: Arc<Shared<R>>,
}

/// What all services of one layer share.
pub(super) struct Shared<R> {
    pub(super) settings: Settings,
    pub(super) responder: R,
}

impl SignInLayer {
    /// Starts the description of a layer that counts with this gate.
    pub fn builder(gate: Portcullis) -> SignInLayerBuilder {
        SignInLayerBuilder::new(gate)
    }
}

/// By these headers some applications take another method than the request's.
const OTHER_METHOD: [HeaderName; 3] = [
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-method-override"),
];

impl Settings {
    /// Whether a request is a sign-in, or could be taken for one.
    pub(super) fn is_sign_in(&self, request: &Parts) -> Result<bool, BadSignIn> {
        let overrides = OTHER_METHOD
            .iter()
            .any(|name| request.headers.contains_key(name));
        if request.method != self.method && !overrides {
            return Ok(false);
        }
        match self.reading_of(request) {
            Reading::Other => Ok(false),
            Reading::TwoWays => Err(BadSignIn::Path),
            Reading::Plain if overrides => Err(BadSignIn::Method),
            Reading::Plain => Ok(true),
        }
    }

    /// By the path as it is here, and as the client wrote it: whoever builds the
    /// layer thinks of one of the two.
    fn reading_of(&self, request: &Parts) -> Reading {
        let here = self.paths.read(request.uri.path());
        let written = original_uri(request).map(|uri| self.paths.read(uri.path()));
        here.max(written.unwrap_or(Reading::Other))
    }
}

/// The address that the client asked for, where axum took a prefix off it.
fn original_uri(request: &Parts) -> Option<&Uri> {
    #[cfg(feature = "axum")]
    if let Some(original) = request.extensions.get::<axum::extract::OriginalUri>() {
        return Some(&original.0);
    }
    let _ = request;
    None
}

impl<S, R> Layer<S> for SignInLayer<R> {
    type Service = SignIn<S, R>;

    fn layer(&self, inner: S) -> SignIn<S, R> {
        SignIn { inner, shared: Arc::clone(&self.shared) }
    }
}

impl<R> Clone for SignInLayer<R> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<R> fmt::Debug for SignInLayer<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shared.settings.write("SignInLayer", f)
    }
}
