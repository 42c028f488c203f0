//! PLACE
use std::sync::Arc;

use axum::Router;

use crate::pages::console::desk::Desk;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
}
