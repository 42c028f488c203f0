//! The console: where administrators see who is locked, why, and change it.
//!
//! An axum router over [`Admin`](crate::admin::Admin), which makes every change. Its
//! sessions are its own: signing in to the service opens nothing here, and the other
//! way round, and a lockout does not refuse one. Everything works without JavaScript;
//! every state has an address, and every change is a form of ours.

mod actions;
mod answer;
mod applications;
mod audit;
mod chart;
mod deletions;
mod desk;
mod drawer;
mod entries;
mod failures;
mod groups;
mod licences;
mod modules;
mod nav;
mod notice;
mod once;
mod overview;
mod people;
mod person;
mod protection;
mod runs;
mod secrets;
mod sign_in;
mod staff;
mod tokens;
mod trial;
mod users;
mod wrong;

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use http::HeaderMap;
use http::request::Parts;

use self::desk::Desk;
use crate::admin::Admin;
use crate::domain::client::ClientAddr;
use crate::engine::Portcullis;
use crate::guard::ReturnTo;
use crate::pages::assets;
use crate::pages::brand::SharedBranding;
use crate::pages::site;

/// Describes the console, and makes its router.
///
/// ```
/// use axum::Router;
/// use portcullis::{admin::Admin, pages::Console, testing::TestGate};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let test = TestGate::new().await;
/// # let (gate, directory) = (test.gate(), test.directory());
/// let admin = Admin::new(directory.clone()).with_gate(gate.clone()).with_passwords(gate.passwords());
/// let console = Console::new(gate, admin).at("/console");
/// let app: Router = Router::new().nest_service("/console", console.into_router());
///
/// // It asks where requests come from.
/// let service = app.into_make_service_with_connect_info::<std::net::SocketAddr>();
/// # let _ = service;
/// # }
/// ```
#[must_use = "the console is made by into_router"]
pub struct Console(Desk);

impl Console {
    /// The console of the people whom this administers, who sign in by this gate.
    pub fn new(gate: Portcullis, admin: Admin) -> Self {
        Self(Desk {
            gate,
            admin,
            brand: SharedBranding::default(),
            at: "/console".to_owned(),
            program: "portcullis".to_owned(),
            public_url: None,
            pages_at: "/.portcullis".to_owned(),
            https: |_| false,
            client_address: site::client_address,
            forms: once::Forms::new(),
            checks: audit::Checks::default(),
            drawers: drawer::Drawers::default(),
        })
    }

    /// The service's name, colour and contact.
    pub fn brand(self, brand: impl Into<SharedBranding>) -> Self {
        Self(Desk { brand: brand.into(), ..self.0 })
    }

    /// The path that the router is nested at; empty: it is merged. Default: `/console`.
    ///
    /// # Panics
    ///
    /// If it is no path that a person could be sent to, or ends with a slash.
    pub fn at(self, path: &str) -> Self {
        let usable = path.is_empty() || (ReturnTo::parse(path).is_ok() && !path.contains('?'));
        assert!(
            usable && !path.ends_with('/'),
            "the console can't be at {path:?}: name a path such as \"/console\"",
        );
        Self(Desk { at: path.to_owned(), ..self.0 })
    }

    /// How the program is called on the host, for the commands that pages name. Default:
    /// `portcullis`.
    pub fn program(self, program: impl Into<String>) -> Self {
        Self(Desk { program: program.into(), ..self.0 })
    }

    /// Where people reach the service, such as `https://app.example`, for the links that
    /// let them choose a password. Default: links are paths.
    pub fn public_url(self, url: Option<String>) -> Self {
        Self(Desk { public_url: url, ..self.0 })
    }

    /// The path that the [`Pages`](crate::pages::Pages) are at in the service, for the same
    /// links. Default: `/.portcullis`.
    pub fn pages_at(self, path: impl Into<String>) -> Self {
        Self(Desk { pages_at: path.into(), ..self.0 })
    }

    /// Whether a browser reached the console over https, which decides about its cookie.
    /// Default: never.
    pub fn https(self, is_https: fn(&Parts) -> bool) -> Self {
        Self(Desk { https: is_https, ..self.0 })
    }

    /// How a request's client is told. Default: as [`Pages`](crate::pages::Pages) does.
    pub fn client_address(self, find: fn(&Parts) -> Option<ClientAddr>) -> Self {
        Self(Desk { client_address: find, ..self.0 })
    }

    /// The router, to be nested at the path that [`Console::at`] names.
    pub fn into_router(self) -> Router {
        let desk = Arc::new(self.0);
        Router::new()
            .route("/", get(overview::page))
            .route("/sign-in", get(sign_in::page).post(sign_in::submit))
            .route("/confirm", get(sign_in::ask_again).post(sign_in::confirm))
            .route("/sign-out", post(sign_in::sign_out))
            .route("/assets/{name}", get(asset))
            .merge(users::routes())
            .merge(person::routes())
            .merge(runs::routes())
            .merge(deletions::routes())
            .merge(protection::routes())
            .merge(trial::routes())
            .merge(licences::routes())
            .merge(tokens::routes())
            .merge(applications::routes())
            .merge(groups::routes())
            .merge(modules::routes())
            .merge(audit::routes())
            .fallback(answer::nothing_here)
            .layer(from_fn_with_state(Arc::clone(&desk), answer::of_text))
            .layer(map_response(answer::protected))
            .with_state(desk)
    }
}

/// What every page of the console works with.
type Here = State<Arc<Desk>>;

async fn asset(State(desk): Here, Path(name): Path<String>, headers: HeaderMap) -> Response {
    assets::serve(&name, &desk.brand.get(), &headers)
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console")
            .field("at", &self.0.at)
            .field("brand", &self.0.brand)
            .finish_non_exhaustive()
    }
}
