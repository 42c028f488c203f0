//! The pages that people see: where they sign in and out, and where they look
//! after their own account.
//!
//! [`Pages`] makes an axum router that can be nested into any service. It stands
//! outside of the guard: people who come to it are not signed in yet.
//!
//! ```
//! use axum::{Router, routing::get};
//! use portcullis::{CurrentAccount, GuardLayer, pages::{Branding, Pages}, testing::TestGate};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # let gate = TestGate::new().await.gate();
//! // A service has its gate from `Portcullis::open`.
//! let pages = Pages::new(gate.clone())
//!     .at("/.portcullis")
//!     .brand(Branding::new("Harbour").contact("the help desk, 4711"));
//! let guard = GuardLayer::new(gate)
//!     .sign_in_at(&pages.sign_in_path())
//!     .refusal_pages(pages.refusal_pages());
//!
//! let app: Router = Router::new()
//!     .route("/", get(|me: CurrentAccount| async move { format!("Hello {}", me.login()) }))
//!     // Only the routes above are guarded.
//!     .layer(guard)
//!     .nest("/.portcullis", pages.into_router());
//!
//! // The pages ask where requests come from.
//! let service = app.into_make_service_with_connect_info::<std::net::SocketAddr>();
//! # let _ = service;
//! # }
//! ```
//!
//! | page | what it does |
//! |---|---|
//! | `sign-in` | asks for login and password; says why somebody was refused, and when a lockout opens |
//! | `sign-out` | one button |
//! | `account` | shows who is signed in, where else, and on which devices; ends and forgets |
//! | `account/password` | changes the own password |
//! | `invite` | lets somebody choose a password who has a link for it |
//! | `assets/…` | the stylesheet, the script, the logo |
//!
//! Everything works without JavaScript. What a sign-in answers, and how the pages
//! are protected, is in [`manual::pages`](crate::manual::pages).

mod account;
mod answer;
mod assets;
mod brand;
mod called;
mod colour;
mod console;
mod device;
#[cfg(feature = "api")]
mod docs;
mod form;
mod invite;
pub(crate) mod origin;
mod password;
mod program;
mod refusal;
mod sign_in;
mod sign_out;
mod site;
mod when;
mod words;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::{get, post};
use http::HeaderMap;
use http::request::Parts;

use crate::admin::Admin;
use crate::domain::client::ClientAddr;
use crate::engine::Portcullis;
use crate::guard::{GuardLayer, ReturnOrigin, ReturnTo};
use crate::pages::site::Site;

pub use self::brand::{
    Accent, Branding, InvalidBranding, Logo, MAX_LOGO_BYTES, SharedBranding, SupportUrl,
};
pub use self::console::Console;
#[cfg(feature = "api")]
pub use self::docs::Docs;
pub use self::refusal::PagesOfRefusal;

/// Describes the pages of a gate, and makes their router.
///
/// See the [module docs](self) for an example.
#[must_use = "pages are made by into_router"]
pub struct Pages {
    gate: Portcullis,
    admin: Admin,
    brand: SharedBranding,
    at: String,
    home: ReturnTo,
    return_origins: Vec<ReturnOrigin>,
    client_address: fn(&Parts) -> Option<ClientAddr>,
}

impl Pages {
    /// Pages for the people in this gate's directory, with the gate's own
    /// sessions. Where the application keeps its own, it has pages of its own.
    ///
    /// # Panics
    ///
    /// If the gate is not over a directory: people sign in with the passwords
    /// that are kept there.
    pub fn new(gate: Portcullis) -> Self {
        let Some(directory) = gate.directory() else {
            panic!("the gate has no directory with passwords in it: build it with `directory`");
        };
        let admin = Admin::new(Arc::clone(directory))
            .with_gate(gate.clone())
            .with_passwords(gate.passwords());
        Self {
            gate,
            admin,
            brand: SharedBranding::default(),
            at: "/.portcullis".to_owned(),
            home: site::root(),
            return_origins: Vec::new(),
            client_address: site::client_address,
        }
    }

    /// The service's name, colour and contact: a [`Branding`], or a
    /// [`SharedBranding`] that is changed while the pages are served. Default:
    /// Portcullis, in indigo.
    pub fn brand(self, brand: impl Into<SharedBranding>) -> Self {
        Self { brand: brand.into(), ..self }
    }

    /// The path that the router is nested at; empty: it is merged. Default:
    /// `/.portcullis`.
    ///
    /// # Panics
    ///
    /// If it is no path that a person could be sent to, or ends with a slash.
    pub fn at(self, path: &str) -> Self {
        let usable = path.is_empty() || (ReturnTo::parse(path).is_ok() && !path.contains('?'));
        assert!(
            usable && !path.ends_with('/'),
            "pages can't be at {path:?}: name a path such as \"/.portcullis\"",
        );
        Self { at: path.to_owned(), ..self }
    }

    /// Where people go who sign in without having come from anywhere. Default:
    /// `/`.
    pub fn home(self, home: ReturnTo) -> Self {
        Self { home, ..self }
    }

    /// Other hosts that people may return to after signing in, where one sign-in is for
    /// several. Default: none.
    pub fn return_origins(self, origins: Vec<ReturnOrigin>) -> Self {
        Self { return_origins: origins, ..self }
    }

    /// How a request's client is told. Default: the [`ClientAddr`] in the
    /// request's extensions, or else the peer's address that
    /// `into_make_service_with_connect_info` puts there.
    ///
    /// Where this yields `None` nobody can sign in, and the log says so.
    pub fn client_address(self, find: fn(&Parts) -> Option<ClientAddr>) -> Self {
        Self { client_address: find, ..self }
    }

    /// The path of the sign-in page, for
    /// [`GuardLayer::sign_in_at`](crate::GuardLayer::sign_in_at).
    pub fn sign_in_path(&self) -> String {
        format!("{}/sign-in", self.at)
    }

    /// Pages in these looks for people whom a guard refuses where there is nowhere to send
    /// them, for [`GuardLayer::refusal_pages`](crate::GuardLayer::refusal_pages).
    ///
    /// They load the stylesheet from these pages: nest them as well.
    pub fn refusal_pages(&self) -> PagesOfRefusal {
        let home = self.home.to_string();
        PagesOfRefusal { brand: self.brand.clone(), at: self.at.clone(), home }
    }

    /// The router, to be nested at the path that [`Pages::at`] names, and not
    /// behind a guard.
    pub fn into_router(self) -> Router {
        let guard = GuardLayer::new(self.gate.clone())
            .sign_in_at(&self.sign_in_path())
            .refusal_pages(self.refusal_pages());
        let Self { gate, admin, brand, at, home, return_origins, client_address } = self;
        let site = Arc::new(Site { gate, admin, brand, at, home, return_origins, client_address });
        Router::new()
            .route("/account", get(account::page))
            .route("/account/password", get(password::page).post(password::change))
            .route("/account/end-session", post(account::end_session))
            .route("/account/end-others", post(account::end_others))
            .route("/account/forget-device", post(device::forget))
            // Only the routes above are guarded.
            .route_layer(guard)
            .route("/sign-in", get(sign_in::page).post(sign_in::submit))
            .route("/invite", get(invite::page).post(invite::submit))
            .route("/sign-out", get(sign_out::page).post(sign_out::submit))
            .route("/assets/{name}", get(asset))
            .layer(map_response(answer::protected))
            .with_state(site)
    }
}

async fn asset(
    State(site): State<Arc<Site>>,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    assets::serve(&name, &site.brand.get(), &headers)
}

impl fmt::Debug for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("at", &self.at)
            .field("brand", &self.brand)
            .finish_non_exhaustive()
    }
}
