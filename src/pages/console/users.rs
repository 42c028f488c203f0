//! The list of people: searched, filtered, sorted and acted on.

mod act;
mod export;
pub(super) mod filter;
pub(super) mod list;
mod ranked;
mod sort;
mod ticks;
pub(super) mod whom;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;

use crate::pages::console::desk::Desk;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/users", get(list::page))
        .route("/users/act", get(act::page).post(act::submit))
        .route("/users/export.csv", get(export::file))
}
