//! Interfaces that programs administer people through, as other systems have them.
//!
//! Each dialect translates: what is done, and whether it may be, is decided by
//! [`Admin`], and written to the audit log with whoever asked and where from. All
//! take the same tokens, which `portcullis token create` makes and applications get by
//! themselves.
//!
//! ```
//! use axum::{Router, body::Body};
//! use http::{Request, StatusCode};
//! use portcullis::{api::Api, testing::TestGate};
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # let test = TestGate::new().await;
//! # let ada = test.account("ada").await;
//! // A service makes an `Admin` over its directory, with its gate.
//! let app: Router = Api::new(test.admin().clone()).into_router();
//!
//! let request = Request::get("/api/v3/users/me")
//!     .header("authorization", test.api_token(&ada).await)
//!     .body(Body::empty())
//!     .unwrap();
//! assert_eq!(app.oneshot(request).await.unwrap().status(), StatusCode::OK);
//! # }
//! ```
//!
//! | below | speaks | see |
//! |---|---|---|
//! | `/openapi.json` | OpenAPI 3.1: the description of them all, for everybody who comes here | |
//! | `/admin/v1` | our own words | [`manual::administration`](crate::manual::administration) |
//! | `/oauth2` | OAuth 2.0, for applications that get tokens by themselves | [`manual::oauth`](crate::manual::oauth) |
//! | `/standing`, `/feed` | who may come in, for other gateways | [`manual::status_sources`](crate::manual::status_sources) |
//! | `/api/v3/users` | OpenProject's API v3 | [`manual::openproject`](crate::manual::openproject) |
//! | `/v1/users`, `/v1/sessions` | Clerk's Backend API | [`manual::clerk`](crate::manual::clerk) |
//! | `/scim/v2` | SCIM 2.0, as its standard has it | [`manual::scim`](crate::manual::scim) |
//! | `/scim2`, `/api/server/v1/identity-governance` | SCIM 2.0 and settings, as WSO2 Identity Server has them | [`manual::scim`](crate::manual::scim) |
//!
//! Whoever mounts it puts the [`ClientAddr`](crate::ClientAddr) of each request into
//! its extensions, where it is to stand in the audit log. It belongs behind an address
//! that only administrators reach, and behind TLS: tokens are secrets.

mod body;
mod clerk;
mod feed;
mod governance;
mod oauth;
pub(crate) mod openapi;
mod openproject;
pub(crate) mod own;
mod query;
mod scim;
mod token;
#[cfg(feature = "http-client")]
pub mod webhooks;

#[cfg(feature = "gateway")]
pub(crate) use self::own::may_read_figures;

use axum::Router;

use crate::admin::Admin;

/// The interfaces, over what administrators do.
#[derive(Debug)]
pub struct Api {
    admin: Admin,
}

impl Api {
    /// Over these operations.
    pub fn new(admin: Admin) -> Self {
        Self { admin }
    }

    /// All of them, each at the path that its clients know.
    pub fn into_router(self) -> Router {
        Router::new()
            .merge(openapi::router())
            .merge(openproject::router(self.admin.clone()))
            .merge(scim::router(&self.admin))
            .merge(governance::router(self.admin.clone()))
            .merge(oauth::router(self.admin.clone()))
            .merge(clerk::router(self.admin.clone()))
            .merge(feed::router(self.admin.clone()))
            .merge(own::router(self.admin))
    }
}
