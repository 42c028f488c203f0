//! People live in the application's own table, by UUID. Portcullis asks the
//! table for their standing, and is told when the application changes it.
//!
//! ```text
//! cargo run --example custom_source
//! curl -c alice -d 'login=alice' -d 'password=correct horse' http://127.0.0.1:3000/sign-in
//! curl -b alice -X POST http://127.0.0.1:3000/people/bob/lock
//! ```
//!
//! Sign in as bob in a browser first, with the same password, and load the page
//! again after the lock.

mod page;

use std::error::Error;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use portcullis::domain::password::Password;
use portcullis::engine::passwords::Passwords;
use portcullis::{
    AccountKey, CurrentAccount, Generation, GuardLayer, Portcullis, SignInError, SignedIn,
    Standing, StatusSource, Version,
};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqliteRow};
use sqlx::{FromRow, Row};
use uuid::Uuid;

use self::page::Credentials;

const SAMPLE_PASSWORD: &str = "correct horse";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().unwrap_or_else(|| "people.db".to_owned());
    let address = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:3000".to_owned());

    let passwords = Passwords::new();
    let people = People::open(&file, &passwords).await?;
    let gate = Portcullis::builder()
        .accounts(people.clone())
        .build()
        .await?;
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on http://{}", listener.local_addr()?);

    let service = app(App { gate, people, passwords });
    axum::serve(listener, service.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

#[derive(Clone)]
struct App {
    gate: Portcullis,
    people: People,
    passwords: Passwords,
}

fn app(app: App) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/sign-out", post(sign_out))
        .route("/people/{login}/lock", post(lock))
        .route("/people/{login}/unlock", post(unlock))
        // Only the routes above are guarded.
        .layer(GuardLayer::new(app.gate.clone()).sign_in_at("/sign-in"))
        .route("/sign-in", get(page::form).post(sign_in))
        .with_state(app)
}

// === The application's people ===

#[derive(Clone)]
struct People(SqlitePool);

struct Person {
    id: Uuid,
    login: String,
    password_hash: String,
    admin: bool,
    locked: bool,
    /// Raised by every change: when two answers meet, the newer one wins.
    version: u32,
    /// Raised by every lock and unlock: a session of another generation is dead.
    generation: u32,
}

impl StatusSource for People {
    type Error = sqlx::Error;

    async fn standing(&self, key: &AccountKey) -> Result<Option<Standing>, sqlx::Error> {
        // A key of another kind names nobody here.
        let Some(id) = key.as_uuid() else { return Ok(None) };
        Ok(self
            .by_id(Uuid::from_bytes(id))
            .await?
            .map(|person| person.standing()))
    }
}

impl Person {
    fn key(&self) -> AccountKey {
        AccountKey::uuid(self.id.into_bytes())
    }

    fn standing(&self) -> Standing {
        let standing = if self.locked { Standing::locked() } else { Standing::active() };
        standing
            .at_version(Version::new(self.version.into()))
            .in_generation(Generation::new(self.generation.into()))
            .with_login(self.login.as_str())
    }
}

impl People {
    async fn by_id(&self, id: Uuid) -> Result<Option<Person>, sqlx::Error> {
        let query = sqlx::query_as("SELECT * FROM people WHERE id = $1").bind(id);
        query.fetch_optional(&self.0).await
    }

    async fn by_login(&self, login: &str) -> Result<Option<Person>, sqlx::Error> {
        let query = sqlx::query_as("SELECT * FROM people WHERE login = $1").bind(login);
        query.fetch_optional(&self.0).await
    }

    /// Locks or unlocks somebody. `None`: there is no such person, or they are
    /// locked or unlocked already.
    async fn set_locked(&self, login: &str, locked: bool) -> Result<Option<Person>, sqlx::Error> {
        // In one statement, so that lock, version and generation always agree.
        let update = "UPDATE people SET locked = $2, version = version + 1, \
                      generation = generation + 1 WHERE login = $1 AND locked <> $2 RETURNING *";
        sqlx::query_as(update)
            .bind(login)
            .bind(locked)
            .fetch_optional(&self.0)
            .await
    }

    async fn open(file: &str, passwords: &Passwords) -> Result<Self, Box<dyn Error>> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true);
        let people = Self(SqlitePool::connect_with(options).await?);
        let table = "CREATE TABLE IF NOT EXISTS people (id BLOB PRIMARY KEY, login TEXT UNIQUE, \
                     password_hash TEXT NOT NULL, admin BOOLEAN NOT NULL, \
                     locked BOOLEAN NOT NULL DEFAULT FALSE, version INTEGER NOT NULL DEFAULT 1, \
                     generation INTEGER NOT NULL DEFAULT 0)";
        sqlx::query(table).execute(&people.0).await?;
        for (login, admin) in [("alice", true), ("bob", false)] {
            let hash = passwords.hash(&Password::new(SAMPLE_PASSWORD)?).await?;
            let insert = "INSERT INTO people (id, login, password_hash, admin) \
                          VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
            let insert = sqlx::query(insert)
                .bind(Uuid::new_v4())
                .bind(login)
                .bind(hash);
            insert.bind(admin).execute(&people.0).await?;
        }
        Ok(people)
    }
}

impl FromRow<'_, SqliteRow> for Person {
    fn from_row(row: &SqliteRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            login: row.try_get("login")?,
            password_hash: row.try_get("password_hash")?,
            admin: row.try_get("admin")?,
            locked: row.try_get("locked")?,
            version: row.try_get("version")?,
            generation: row.try_get("generation")?,
        })
    }
}

// === Its administrators ===

async fn lock(
    State(app): State<App>,
    me: CurrentAccount,
    Path(login): Path<String>,
) -> Result<String, StatusCode> {
    app.set_locked(&me, &login, true).await
}

async fn unlock(
    State(app): State<App>,
    me: CurrentAccount,
    Path(login): Path<String>,
) -> Result<String, StatusCode> {
    app.set_locked(&me, &login, false).await
}

impl App {
    async fn set_locked(
        &self,
        me: &CurrentAccount,
        login: &str,
        locked: bool,
    ) -> Result<String, StatusCode> {
        // The guard says who somebody is; what they may do is the application's.
        let me = Uuid::from_bytes(me.key().as_uuid().ok_or(StatusCode::FORBIDDEN)?);
        let me = self.people.by_id(me).await.map_err(unavailable)?;
        if !me.is_some_and(|person| person.admin) {
            return Err(StatusCode::FORBIDDEN);
        }
        let changed = self
            .people
            .set_locked(login, locked)
            .await
            .map_err(unavailable)?;
        let Some(person) = changed else { return Ok(format!("{login}: nothing to change\n")) };
        // First the table, then the gate. Without this line the gate would find
        // out by itself, when it asks the table again: within 30 seconds.
        self.gate.standing_changed(&person.key(), person.standing());
        Ok(format!("{login} is {}\n", if locked { "locked" } else { "unlocked" }))
    }
}

fn unavailable(_: sqlx::Error) -> StatusCode {
    StatusCode::SERVICE_UNAVAILABLE
}

// === Pages and signing in ===

async fn home(me: CurrentAccount) -> Html<String> {
    page::home(&me.login())
}

async fn sign_out(State(app): State<App>, me: CurrentAccount) -> Response {
    match app.gate.sign_out(&me).await {
        Ok(_) => {
            ([("set-cookie", app.gate.clearing_cookie())], Redirect::to("/sign-in")).into_response()
        }
        Err(error) => error.into_response(),
    }
}

async fn sign_in(
    State(app): State<App>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    typed: Form<Credentials>,
) -> Response {
    match app.sign_in(&typed, from).await {
        Ok(session) => (session, typed.back()).into_response(),
        Err(refused) => page::refusal(refused, &typed),
    }
}

impl App {
    async fn sign_in(
        &self,
        typed: &Credentials,
        from: SocketAddr,
    ) -> Result<SignedIn, SignInError> {
        // Before the attempt: a table that can't be read costs nobody a guess.
        let person = self.people.by_login(&typed.login).await;
        let person = person.map_err(|_| SignInError::Unavailable)?;
        // Reserves a guess. From here on, leaving without a word is a failure.
        let attempt = self.gate.attempt(&typed.login, from).await?;
        // For nobody the same work is done as for somebody, so that the time
        // does not tell which logins there are.
        let hash = person.as_ref().map(|person| person.password_hash.as_str());
        let right = self
            .passwords
            .verify(&Password::typed(&typed.password), hash)
            .await;
        match person.filter(|_| right) {
            Some(person) => attempt.succeed(person.key()).await,
            None => {
                attempt.fail().await?;
                Err(SignInError::Wrong)
            }
        }
    }
}
