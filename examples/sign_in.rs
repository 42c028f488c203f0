//! Signing in by an application's own rules: its own table of users, its own check of
//! the password, and a second factor. Portcullis counts the guesses and keeps the
//! sessions; it never sees a password.
//!
//! ```text
//! cargo run --example sign_in
//! curl -c jar --json '{"login":"alice","password":"correct horse","code":"246810"}' \
//!     http://127.0.0.1:3000/session
//! curl -b jar http://127.0.0.1:3000/session
//! ```
//!
//! A wrong code counts like a wrong password: only the whole sign-in succeeds.

use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use argon2::{Argon2, PasswordHash, PasswordHasher, PasswordVerifier};
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use portcullis::{
    AccountKey, CurrentAccount, GuardLayer, Portcullis, SignInError, SignedIn, Standing,
    StatusSource,
};
use serde::Deserialize;
use subtle::ConstantTimeEq;

const SAMPLE_PASSWORD: &str = "correct horse";
const SAMPLE_CODE: &str = "246810";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The first argument is the file of the examples that keep one.
    let address = std::env::args().nth(2);
    let address = address.unwrap_or_else(|| "127.0.0.1:3000".to_owned());

    let users = Users::sample()?;
    let gate = Portcullis::builder()
        .accounts(users.clone())
        .build()
        .await?;
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on http://{}", listener.local_addr()?);

    let service = app(App { gate, users });
    axum::serve(listener, service.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

#[derive(Clone)]
struct App {
    gate: Portcullis,
    users: Users,
}

fn app(app: App) -> Router {
    Router::new()
        .route("/session", get(me).delete(sign_out))
        // Only what is above is guarded: nobody is signed in before they sign in.
        .layer(GuardLayer::new(app.gate.clone()))
        .route("/session", post(sign_in))
        .with_state(app)
}

// === The application's users ===

/// By login. A real application has a table, and asks it.
#[derive(Clone)]
struct Users(Arc<Table>);

struct Table {
    by_login: HashMap<String, User>,
    /// Checked for logins that nobody has, so that the time does not tell them apart.
    nobodys_hash: String,
}

struct User {
    password_hash: String,
    code: String,
}

impl StatusSource for Users {
    type Error = Infallible;

    async fn standing(&self, key: &AccountKey) -> Result<Option<Standing>, Infallible> {
        let login = key
            .as_text()
            .filter(|login| self.0.by_login.contains_key(*login));
        Ok(login.map(|login| Standing::active().with_login(login)))
    }
}

impl Users {
    fn sample() -> Result<Self, Box<dyn Error>> {
        let user = User { password_hash: hash(SAMPLE_PASSWORD)?, code: SAMPLE_CODE.to_owned() };
        let by_login = HashMap::from([("alice".to_owned(), user)]);
        Ok(Self(Arc::new(Table { by_login, nobodys_hash: hash("nobody's password")? })))
    }

    /// Whose password and code that is. The same work is done for nobody.
    fn check(&self, typed: &Credentials) -> Option<AccountKey> {
        let user = self.0.by_login.get(&typed.login);
        let hash = user.map_or(&self.0.nobodys_hash, |user| &user.password_hash);
        let right = PasswordHash::new(hash).is_ok_and(|hash| {
            Argon2::default()
                .verify_password(typed.password.as_bytes(), &hash)
                .is_ok()
        });
        let code = user.map_or("", |user| &user.code);
        let right = right && bool::from(code.as_bytes().ct_eq(typed.code.as_bytes()));
        user.filter(|_| right)
            .and_then(|_| AccountKey::text(&typed.login).ok())
    }
}

fn hash(password: &str) -> Result<String, Box<dyn Error>> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt)?;
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt)?;
    Ok(hash.to_string())
}

// === Signing in ===

#[derive(Clone, Deserialize)]
struct Credentials {
    login: String,
    password: String,
    code: String,
}

async fn sign_in(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    Json(typed): Json<Credentials>,
) -> Result<(SignedIn, StatusCode), SignInError> {
    // Reserves a guess *before* anything is looked at: a thousand requests at once
    // share the few that there are. A handler that panics, or whose client hangs
    // up, has used its guess.
    let attempt = app.gate.attempt(&typed.login, from).await?;
    let users = app.users.clone();
    // Beside the async threads: it takes some tens of milliseconds.
    let checked = tokio::task::spawn_blocking(move || users.check(&typed)).await;
    match checked.ok().flatten() {
        Some(account) => {
            let session = attempt.succeed(account).await?;
            Ok((session, StatusCode::NO_CONTENT))
        }
        None => {
            // One answer for a wrong login, password or code.
            attempt.fail().await?;
            Err(SignInError::Wrong)
        }
    }
}

async fn sign_out(State(app): State<App>, me: CurrentAccount) -> Response {
    match app.gate.sign_out(&me).await {
        Ok(_) => {
            ([("set-cookie", app.gate.clearing_cookie())], StatusCode::NO_CONTENT).into_response()
        }
        Err(error) => error.into_response(),
    }
}

async fn me(me: CurrentAccount) -> String {
    format!("Hello {}\n", me.login())
}
