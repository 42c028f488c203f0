//! An application that has its own users, sign-in handler and sessions, and knows
//! nothing of Portcullis: wrapped, not changed.
//!
//! ```text
//! cargo run --example sign_in_layer
//! curl -c jar -d 'user=alice' -d 'secret=correct horse' http://127.0.0.1:3000/login
//! curl -b jar http://127.0.0.1:3000/
//! ```
//!
//! Guess six times, and not even the right password is looked at for five minutes. Lock
//! her with `curl -X POST http://127.0.0.1:3000/people/alice/lock`: her session is refused
//! at the next click, and the right password earns a notice instead of a new one.

use std::convert::Infallible;
use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::routing::post;
use portcullis::guard::Sign;
use portcullis::{
    AccountKey, GuardLayer, Portcullis, SessionClaim, SignInLayer, Standing, StatusSource,
};

use self::application::Application;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The first argument is the file of the examples that keep one.
    let address = std::env::args().nth(2);
    let address = address.unwrap_or_else(|| "127.0.0.1:3000".to_owned());
    let service = wrapped(Application::sample()).await?;
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, service.into_make_service_with_connect_info::<SocketAddr>()).await?;
    Ok(())
}

/// All that is done to the application.
async fn wrapped(application: Application) -> Result<Router, Box<dyn Error>> {
    let sessions = application.clone();
    let gate = Portcullis::builder()
        .accounts(People(application.clone()))
        .sessions_from(move |head: &Parts| {
            let claim = claim(&sessions, &head.headers);
            async move { Ok::<_, Infallible>(claim) }
        })
        .build()
        .await?;
    let counted = SignInLayer::builder(gate.clone())
        .at("/login")
        .login_field("user")
        .password_field("secret")
        // After a wrong password it redirects to `/login?error`.
        .succeeds_when(Sign::redirect_to("/").and(Sign::sets_cookie("sid")))
        .account_of(|user: &str| {
            let account = AccountKey::text(user).ok();
            async move { Ok::<_, Infallible>(account) }
        })
        .build()?;
    let lock = post(lock).with_state((gate.clone(), application.clone()));
    Ok(application
        .router()
        .layer(counted)
        // The sign-in page itself is not guarded.
        .layer(GuardLayer::new(gate).sign_in_at("/login"))
        .route("/people/{user}/lock", lock))
}

/// Whose session a request has, in the application's own table.
fn claim(application: &Application, headers: &HeaderMap) -> Option<SessionClaim> {
    let user = application.session_of(headers)?;
    Some(SessionClaim::of(AccountKey::text(&user).ok()?))
}

/// The application's users, as the gate asks about them.
struct People(Application);

impl StatusSource for People {
    type Error = Infallible;

    async fn standing(&self, key: &AccountKey) -> Result<Option<Standing>, Infallible> {
        Ok(key.as_text().and_then(|user| standing(&self.0, user)))
    }
}

fn standing(application: &Application, user: &str) -> Option<Standing> {
    let locked = application.is_locked(user)?;
    let standing = if locked { Standing::locked() } else { Standing::active() };
    Some(standing.with_login(user))
}

/// What an administrator of the application would do. Everybody may, for the example.
async fn lock(
    State((gate, application)): State<(Portcullis, Application)>,
    Path(user): Path<String>,
) -> String {
    application.lock(&user);
    // The gate need not wait until it asks again.
    if let (Ok(key), Some(standing)) = (AccountKey::text(&user), standing(&application, &user)) {
        gate.standing_changed(&key, standing);
    }
    format!("{user} is locked\n")
}

/// The application as it was, with not a word of Portcullis in it.
mod application {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

    use axum::extract::State;
    use axum::http::HeaderMap;
    use axum::response::{Html, IntoResponse, Redirect, Response};
    use axum::routing::get;
    use axum::{Form, Router};
    use serde::Deserialize;

    #[derive(Clone)]
    pub(crate) struct Application(Arc<Mutex<Tables>>);

    struct Tables {
        users: HashMap<String, User>,
        /// Whose a session is.
        sessions: HashMap<String, String>,
    }

    struct User {
        /// A real application keeps a hash.
        secret: &'static str,
        locked: bool,
    }

    #[derive(Deserialize)]
    struct Credentials {
        user: String,
        secret: String,
    }

    impl Application {
        pub(crate) fn sample() -> Self {
            let user = |secret| User { secret, locked: false };
            let users = [("alice", "correct horse"), ("bob", "battery staple")];
            let users = users.map(|(name, secret)| (name.to_owned(), user(secret)));
            Self(Arc::new(Mutex::new(Tables { users: users.into(), sessions: HashMap::new() })))
        }

        pub(crate) fn router(&self) -> Router {
            let login = get(form).post(login);
            Router::new()
                .route("/", get(home))
                .route("/login", login)
                .with_state(self.clone())
        }

        pub(crate) fn session_of(&self, headers: &HeaderMap) -> Option<String> {
            let cookies = headers.get("cookie")?.to_str().ok()?;
            let mut cookies = cookies.split("; ");
            let session = cookies.find_map(|cookie| cookie.strip_prefix("sid="))?;
            self.tables().sessions.get(session).cloned()
        }

        pub(crate) fn is_locked(&self, user: &str) -> Option<bool> {
            self.tables().users.get(user).map(|user| user.locked)
        }

        pub(crate) fn lock(&self, user: &str) {
            if let Some(user) = self.tables().users.get_mut(user) {
                user.locked = true;
            }
        }

        fn tables(&self) -> MutexGuard<'_, Tables> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    async fn home(State(application): State<Application>, headers: HeaderMap) -> Response {
        match application.session_of(&headers) {
            Some(user) => Html(format!("<h1>Hello {user}</h1>")).into_response(),
            None => Redirect::to("/login").into_response(),
        }
    }

    async fn form() -> Html<&'static str> {
        Html(
            "<!doctype html><html lang=en><title>Sign in</title><h1>Sign in</h1>\
             <form method=post action=/login><p><label>User <input name=user></label>\
             <p><label>Secret <input name=secret type=password></label>\
             <p><button>Sign in</button></form>",
        )
    }

    async fn login(
        State(application): State<Application>,
        Form(typed): Form<Credentials>,
    ) -> Response {
        let mut tables = application.tables();
        let user = tables.users.get(&typed.user);
        if user.is_none_or(|user| user.secret != typed.secret) {
            return Redirect::to("/login?error").into_response();
        }
        let session = new_session();
        let cookie = format!("sid={session}; Path=/; HttpOnly; SameSite=Lax");
        tables.sessions.insert(session, typed.user);
        ([("set-cookie", cookie)], Redirect::to("/")).into_response()
    }

    fn new_session() -> String {
        let mut random = [0; 16];
        // Without randomness there is no session that nobody could guess.
        getrandom::fill(&mut random).expect("the system's randomness");
        random.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
