//! The description of every interface, for people: the document that programs read at
//! `/openapi.json`, as pages.
//!
//! They are made of the document alone, so that nothing is described twice, and say
//! nothing of anybody: whoever reaches the admin listener may read them.

mod kind;
mod model;
mod prose;
mod read;
mod request;

use std::sync::{Arc, LazyLock};

use askama::Template;
use axum::Router;
use axum::extract::{Path, State};
use axum::middleware::map_response;
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode};

use self::kind::Piece;
use self::model::{Interface, Manual};
use crate::api::openapi;
use crate::pages::answer;
use crate::pages::assets::{self, Names};
use crate::pages::brand::SharedBranding;
use crate::pages::site::Frame;

/// Where they are: the links in them say so.
const AT: &str = "/docs";

static MANUAL: LazyLock<Manual> = LazyLock::new(|| Manual::read(openapi::document()));

/// Describes the pages at `/docs`, and makes their router.
///
/// ```
/// use portcullis::pages::Docs;
///
/// // Beside the interfaces that they describe, on the admin listener.
/// let router: axum::Router = Docs::new().into_router();
/// # let _ = router;
/// ```
#[derive(Debug, Default)]
#[must_use = "pages are made by into_router"]
pub struct Docs {
    brand: SharedBranding,
}

impl Docs {
    /// In our own name and colour.
    pub fn new() -> Self {
        Self::default()
    }

    /// The service's name and colour.
    pub fn brand(self, brand: impl Into<SharedBranding>) -> Self {
        Self { brand: brand.into() }
    }

    /// The router, to be merged into that of the admin listener.
    pub fn into_router(self) -> Router {
        Router::new()
            .route("/docs", get(overview))
            .route("/docs/", get(overview))
            .route("/docs/{interface}", get(interface))
            .route("/docs/assets/{name}", get(asset))
            .layer(map_response(answer::protected))
            .with_state(Arc::new(self.brand))
    }
}

type Brand = State<Arc<SharedBranding>>;

#[derive(Template)]
#[template(path = "docs.html")]
struct Overview {
    frame: Frame,
    stylesheet: &'static str,
    manual: &'static Manual,
}

#[derive(Template)]
#[template(path = "docs_interface.html")]
struct InterfacePage {
    frame: Frame,
    stylesheet: &'static str,
    interface: &'static Interface,
}

fn frame(brand: &SharedBranding) -> Frame {
    let brand = brand.get();
    let names = Names::of(&brand);
    Frame { at: AT.to_owned(), brand, names, home: AT.to_owned() }
}

async fn overview(State(brand): Brand) -> Response {
    let (frame, manual) = (frame(&brand), &*MANUAL);
    answer::page(StatusCode::OK, &Overview { frame, stylesheet: assets::of_docs(), manual })
}

async fn interface(State(brand): Brand, Path(slug): Path<String>) -> Response {
    let (frame, manual) = (frame(&brand), &*MANUAL);
    let mut all = manual.interfaces.iter();
    let stylesheet = assets::of_docs();
    match all.find(|interface| interface.slug == slug) {
        Some(interface) => {
            let page = InterfacePage { frame, stylesheet, interface };
            answer::page(StatusCode::OK, &page)
        }
        None => {
            let message = answer::MessagePage {
                frame,
                title: "There is no such page",
                words: "No interface is described here.",
                ask: false,
                opening: None,
                onward: ("", "See what is described"),
            };
            answer::page(StatusCode::NOT_FOUND, &message)
        }
    }
}

async fn asset(State(brand): Brand, Path(name): Path<String>, headers: HeaderMap) -> Response {
    assets::serve(&name, &brand.get(), &headers)
}
