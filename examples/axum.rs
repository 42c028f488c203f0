//! A service wrapped in Portcullis: people sign in with a password, and an
//! administrator locks them from another process.
//!
//! ```text
//! echo 'correct horse battery' | cargo run -- user add alice --password-stdin
//! cargo run --example axum
//! ```
//!
//! Then open <http://127.0.0.1:3000/>, sign in, and lock the account from
//! another terminal: `cargo run -- user lock alice`. The next click is refused.

mod page;

use std::error::Error;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use portcullis::{CurrentAccount, GuardLayer, Portcullis, Visitor};

use self::page::Credentials;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let accounts = arguments
        .next()
        .unwrap_or_else(|| "portcullis.db".to_owned());
    let address = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:3000".to_owned());

    let gate = Portcullis::open(&accounts).await?;
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on http://{}", listener.local_addr()?);

    let service = app(gate).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await?;
    Ok(())
}

fn app(gate: Portcullis) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/sign-out", post(sign_out))
        // Only the routes above are guarded.
        .layer(GuardLayer::new(gate.clone()).sign_in_at("/sign-in"))
        .route("/sign-in", get(page::form).post(sign_in))
        .with_state(gate)
}

async fn home(me: CurrentAccount) -> Html<String> {
    page::home(&me.login())
}

async fn sign_out(State(gate): State<Portcullis>, me: CurrentAccount) -> Response {
    match gate.sign_out(&me).await {
        Ok(_) => {
            ([("set-cookie", gate.clearing_cookie())], Redirect::to("/sign-in")).into_response()
        }
        Err(error) => error.into_response(),
    }
}

async fn sign_in(
    State(gate): State<Portcullis>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    typed: Form<Credentials>,
) -> Response {
    // A browser that the person signed in from before has guesses of its own.
    let visitor = Visitor::from(peer).with_headers(&headers);
    // Reserves a guess before the password is looked at: a thousand parallel
    // requests share the few that there are.
    let checked = match gate.attempt(&typed.login, visitor).await {
        Ok(attempt) => attempt.check_password(&typed.password).await,
        Err(refused) => Err(refused),
    };
    match checked {
        // With the cookies of the session and of the browser.
        Ok(session) => (session, typed.back()).into_response(),
        Err(refused) => page::refusal(refused, &typed),
    }
}
