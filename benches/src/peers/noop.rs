//! A layer that does nothing, for what axum's boxing in `Router::layer` costs alone.

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
};
use tower_http::validate_request::ValidateRequestHeaderLayer;

/// The router with a check that accepts everything.
pub(crate) fn round(router: Router) -> Router {
    router.layer(ValidateRequestHeaderLayer::custom(accept))
}

#[expect(clippy::result_large_err, reason = "the signature that tower-http asks for")]
fn accept(_: &mut Request<Body>) -> Result<(), Response<Body>> {
    Ok(())
}
