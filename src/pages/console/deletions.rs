//! Deletions: begun step by step, looked at while they go on, and listed.

mod choice;
mod list;
mod look;
mod show;
mod wizard;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};

use crate::pages::console::desk::Desk;

pub(super) fn routes() -> Router<Arc<Desk>> {
    Router::new()
        .route("/users/{id}/delete", get(wizard::page))
        .route("/users/{id}/delete/look", get(look::page).post(look::submit))
        .route("/deletions", get(list::page))
        .route("/deletions/{id}", get(show::page))
        .route("/deletions/{id}/resume", post(show::resume))
        .route("/deletions/{id}/cancel", post(show::cancel))
}

/// "1 record", "12 records".
fn records(count: u64) -> String {
    let number = super::overview::spaced(count);
    if count == 1 { "1 record".to_owned() } else { format!("{number} records") }
}
