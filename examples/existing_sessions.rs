//! An application that keeps its own sessions, here with tower-sessions.
//! Accounts are in Portcullis's directory, so the command line locks them.
//!
//! ```text
//! echo 'correct horse battery' | cargo run -- user add alice --password-stdin
//! cargo run --example existing_sessions
//! ```
//!
//! Open <http://127.0.0.1:3000/>, sign in, and lock the account from another
//! terminal: `cargo run -- user lock alice`. The next click is refused.

mod page;

use std::error::Error;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::request::Parts;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use portcullis::store::sql::SqlDirectory;
use portcullis::{
    AccountId, CurrentAccount, Generation, GuardLayer, Portcullis, SessionClaim, SignInError,
};
use serde::{Deserialize, Serialize};
use tower_sessions::{MemoryStore, Session, SessionManagerLayer, session};

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

    let directory = SqlDirectory::open(&accounts).await?;
    let attempts = directory.attempts();
    let gate = Portcullis::builder()
        .directory(directory)
        .attempts(attempts)
        .sessions_from(claim)
        .build()
        .await?;
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on http://{}", listener.local_addr()?);

    let service = app(gate);
    axum::serve(listener, service.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

fn app(gate: Portcullis) -> Router {
    // Behind https leave `with_secure` out.
    let sessions = SessionManagerLayer::new(MemoryStore::default()).with_secure(false);
    Router::new()
        .route("/", get(home))
        .route("/sign-out", post(sign_out))
        .layer(GuardLayer::new(gate.clone()).sign_in_at("/sign-in"))
        .route("/sign-in", get(page::form).post(sign_in))
        // The last layer is the outermost: a session is there when the guard asks.
        .layer(sessions)
        .with_state(gate)
}

// === Whose session is it? ===

/// What the application's session says of whoever is signed in.
#[derive(Deserialize, Serialize)]
struct Who {
    account: AccountId,
    /// The account's generation at sign-in. A lock raises it, so this session
    /// stays dead when the lock is lifted.
    generation: Generation,
}

const WHO: &str = "who";

/// Says whose a request is. The future borrows nothing of the request: `use<>`.
fn claim(
    head: &Parts,
) -> impl Future<Output = Result<Option<SessionClaim>, session::Error>> + Send + use<> {
    let session = head.extensions.get::<Session>().cloned();
    async move {
        let Some(session) = session else { return Ok(None) };
        let who: Option<Who> = session.get(WHO).await?;
        Ok(who.map(|who| SessionClaim::of(who.account).born_in(who.generation)))
    }
}

// === Pages and signing in ===

async fn home(me: CurrentAccount) -> Html<String> {
    page::home(&me.login())
}

async fn sign_out(session: Session) -> Result<Redirect, StoreAway> {
    session.flush().await?;
    Ok(Redirect::to("/sign-in"))
}

async fn sign_in(
    State(gate): State<Portcullis>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    session: Session,
    typed: Form<Credentials>,
) -> Result<Response, StoreAway> {
    let who = match check(&gate, &typed, from).await {
        Ok(who) => who,
        Err(refused) => return Ok(page::refusal(refused, &typed)),
    };
    // A fresh session: never one that somebody else could have begun.
    session.cycle_id().await?;
    session.insert(WHO, who).await?;
    Ok(typed.back().into_response())
}

async fn check(
    gate: &Portcullis,
    typed: &Credentials,
    from: SocketAddr,
) -> Result<Who, SignInError> {
    // Reserves a guess. From here on, leaving without a word is a failure.
    let attempt = gate.attempt(&typed.login, from).await?;
    let (account, standing) = attempt.check_password_elsewhere(&typed.password).await?;
    Ok(Who { account, generation: standing.generation })
}

/// The application's session store does not answer.
struct StoreAway;

impl From<session::Error> for StoreAway {
    fn from(_: session::Error) -> Self {
        Self
    }
}

impl IntoResponse for StoreAway {
    fn into_response(self) -> Response {
        SignInError::Unavailable.into_response()
    }
}
