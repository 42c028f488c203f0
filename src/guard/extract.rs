//! What axum handlers take and give: the account, a sign-in, and why not.

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, IntoResponseParts, Response, ResponseParts};
use http::header::{CACHE_CONTROL, RETRY_AFTER, SET_COOKIE};
use http::request::Parts;
use http::{HeaderValue, StatusCode};

use crate::engine::{CurrentAccount, SignInError, SignedIn};
use crate::guard::problem;

/// The handler asks for the current account, and no guard stands before it.
#[derive(Clone, Copy, Debug)]
pub struct NoGuard;

impl IntoResponse for NoGuard {
    fn into_response(self) -> Response {
        tracing::error!("handler without a guard asks for the current account");
        let words = "This page asks who you are, and nothing before it found out. \
                     Wrap its route in a GuardLayer.";
        (StatusCode::INTERNAL_SERVER_ERROR, words).into_response()
    }
}

impl<S: Sync> FromRequestParts<S> for CurrentAccount {
    type Rejection = NoGuard;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, NoGuard> {
        parts.extensions.get().cloned().ok_or(NoGuard)
    }
}

/// `None` on routes without a guard, and for nobody in particular behind an
/// [optional](crate::GuardLayer::optional) one.
impl<S: Sync> OptionalFromRequestParts<S> for CurrentAccount {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(parts.extensions.get().cloned())
    }
}

/// Hands the session to the client, and makes its device known.
impl IntoResponseParts for SignedIn {
    type Error = std::convert::Infallible;

    fn into_response_parts(
        self,
        mut response: ResponseParts,
    ) -> Result<ResponseParts, Self::Error> {
        let headers = response.headers_mut();
        for cookie in self.set_cookies() {
            headers.append(SET_COOKIE, cookie.clone());
        }
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        Ok(response)
    }
}

/// As a problem document (RFC 9457), the same bytes for a login that exists and
/// one that does not.
impl IntoResponse for SignInError {
    fn into_response(self) -> Response {
        let mut response = problem::of_sign_in(self).map(Body::from);
        let headers = response.headers_mut();
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(secs) = self.retry_after_secs() {
            headers.insert(RETRY_AFTER, secs.into());
        }
        response
    }
}
