//! Where people sign out.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::SET_COOKIE;

use crate::pages::answer::{self, Problem, page as write};
use crate::pages::origin;
use crate::pages::site::{Frame, Site};
use crate::pages::words::Deed;

#[derive(Template)]
#[template(path = "sign_out.html")]
struct SignOut {
    frame: Frame,
    login: Option<Arc<str>>,
}

/// One button.
pub(super) async fn page(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    let me = site.visitor(&request).await.ok();
    write(StatusCode::OK, &SignOut { frame: site.frame(), login: me.map(|me| me.login()) })
}

/// Ends the session that the browser has, whatever stands against its account.
pub(super) async fn submit(State(site): State<Arc<Site>>, request: Request) -> Response {
    let (request, _) = request.into_parts();
    if !origin::is_own(&request, site.gate.is_https()) {
        return Problem::other_origin().answer(&site, &request);
    }
    if site
        .gate
        .sign_out_by_cookie(&request.headers)
        .await
        .is_err()
    {
        return Problem::unavailable().answer(&site, &request);
    }
    let gone = [(SET_COOKIE, site.gate.clearing_cookie())];
    let address = format!("{}?notice={}", site.path("sign-in"), Deed::SignedOut.as_str());
    (gone, answer::see_other(&address)).into_response()
}
