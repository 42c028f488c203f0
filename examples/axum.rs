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

use std::error::Error;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use portcullis::{CurrentAccount, DenialReason, GuardLayer, Portcullis, ReturnTo, SignInError};
use serde::Deserialize;

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
        .route("/sign-in", get(form).post(sign_in))
        .with_state(gate)
}

async fn home(me: CurrentAccount) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=en><title>Home</title><h1>Hello {}</h1>\
         <form method=post action=/sign-out><button>Sign out</button></form>",
        escape(&me.login())
    ))
}

async fn sign_out(State(gate): State<Portcullis>, me: CurrentAccount) -> Response {
    match gate.sign_out(&me).await {
        Ok(_) => {
            ([("set-cookie", gate.clearing_cookie())], Redirect::to("/sign-in")).into_response()
        }
        Err(error) => error.into_response(),
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    return_to: String,
    notice: String,
}

async fn form(Query(asked): Query<Asked>) -> Html<String> {
    let notice = match asked.notice.as_str() {
        "locked" => "This account is locked. Ask your administrator.",
        "locked-out" => "Too many failed sign-ins. Try again later.",
        "disabled" => "This account is disabled. Ask your administrator.",
        "signed-out" => "You were signed out. Sign in again to go on where you were.",
        _ => "",
    };
    page(notice, "", &asked.return_to)
}

#[derive(Deserialize)]
struct Credentials {
    login: String,
    password: String,
    #[serde(default)]
    return_to: String,
}

async fn sign_in(
    State(gate): State<Portcullis>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Form(input): Form<Credentials>,
) -> Response {
    // Reserves a guess before the password is looked at: a thousand parallel
    // requests share the few that there are.
    let checked = match gate.attempt(&input.login, peer).await {
        Ok(attempt) => attempt.check_password(&input.password).await,
        Err(refused) => Err(refused),
    };
    match checked {
        Ok(session) => {
            let to = ReturnTo::parse(&input.return_to);
            let to = to.as_ref().map_or("/", ReturnTo::as_str);
            (session, Redirect::to(to)).into_response()
        }
        Err(refused) => refusal(refused, &input),
    }
}

fn refusal(refused: SignInError, input: &Credentials) -> Response {
    let words = match refused {
        SignInError::Wrong => "Wrong login or password.".to_owned(),
        SignInError::LockedOut { .. } => match refused.until() {
            Some(end) => format!("Too many failed sign-ins. Try again at {end}."),
            None => "Too many failed sign-ins. Ask your administrator.".to_owned(),
        },
        SignInError::Refused { reason: DenialReason::Disabled, .. } => {
            "This account is disabled. Ask your administrator.".to_owned()
        }
        SignInError::Refused { .. } => "This account is locked. Ask your administrator.".to_owned(),
        _ => "Sign-in is not possible right now. Try again in a moment.".to_owned(),
    };
    let wait = refused
        .retry_after_secs()
        .map(|secs| ("retry-after", secs.to_string()));
    let status: StatusCode = refused.status();
    let mut response = (status, page(&words, &input.login, &input.return_to)).into_response();
    if let Some((name, value)) = wait.and_then(|(name, secs)| Some((name, secs.parse().ok()?))) {
        response.headers_mut().insert(name, value);
    }
    response
}

fn page(notice: &str, login: &str, return_to: &str) -> Html<String> {
    let notice = match notice {
        "" => String::new(),
        words => format!("<p role=alert>{words}</p>"),
    };
    let (login, return_to) = (escape(login), escape(return_to));
    Html(format!(
        "<!doctype html><html lang=en><meta name=viewport content='width=device-width'>\
         <title>Sign in</title><h1>Sign in</h1>{notice}<form method=post action=/sign-in>\
         <input type=hidden name=return_to value='{return_to}'>\
         <p><label>Login <input name=login value='{login}' autocomplete=username required></label>\
         <p><label>Password <input type=password name=password autocomplete=current-password \
         required></label><p><button>Sign in</button></form>"
    ))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('\'', "&#39;")
        .replace('"', "&quot;")
}
