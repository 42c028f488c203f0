//! axum-login over tower-sessions' MemoryStore, with an account map in memory.
//!
//! The sessions are written into the store as axum-login itself writes them at a sign-in.

use std::{collections::HashMap, convert::Infallible, sync::Arc};

use anyhow::Result;
use axum::Router;
use axum_login::{
    AuthManagerLayerBuilder, AuthUser, AuthnBackend, UserId, login_required,
    tower_sessions::{MemoryStore, SessionManagerLayer, SessionStore, session::Record},
};
use time::{Duration, OffsetDateTime};

use crate::{
    drive::{Carrier, Clients},
    variant::router,
};

/// The key of axum-login's record in a session.
const DATA_KEY: &str = "axum-login.data";

#[derive(Debug, Clone)]
struct Account {
    id: i64,
    login: Arc<str>,
    session_hash: [u8; 32],
    locked: bool,
}

impl AuthUser for Account {
    type Id = i64;

    fn id(&self) -> i64 {
        self.id
    }

    fn session_auth_hash(&self) -> &[u8] {
        &self.session_hash
    }
}

#[derive(Debug, Clone)]
struct Accounts(Arc<HashMap<i64, Account>>);

impl AuthnBackend for Accounts {
    type User = Account;
    type Credentials = String;
    type Error = Infallible;

    async fn authenticate(&self, login: String) -> Result<Option<Account>, Infallible> {
        Ok(self
            .0
            .values()
            .find(|account| *account.login == *login)
            .cloned())
    }

    async fn get_user(&self, id: &UserId<Self>) -> Result<Option<Account>, Infallible> {
        Ok(self.0.get(id).filter(|account| !account.locked).cloned())
    }
}

/// A router that asks for a signed-in session, and the clients that have one.
pub(crate) async fn populated(count: usize) -> Result<(Router, Clients)> {
    let accounts: HashMap<_, _> = (1..).map(account).take(count).collect();
    let store = MemoryStore::default();
    let mut credentials = Vec::with_capacity(count);
    for id in 1..=accounts.len() {
        let account = &accounts[&i64::try_from(id)?];
        credentials.push(sign_in(&store, account).await?);
    }
    let sessions = SessionManagerLayer::new(store);
    let backend = Accounts(Arc::new(accounts));
    let layer = AuthManagerLayerBuilder::new(backend, sessions).build();
    let router = router().route_layer(login_required!(Accounts)).layer(layer);
    Ok((router, Clients::new(credentials, Carrier::Cookie)))
}

fn account(id: i64) -> (i64, Account) {
    let mut session_hash = [0; 32];
    fastrand::Rng::with_seed(id.unsigned_abs()).fill(&mut session_hash);
    let login = format!("person-{id}").into();
    (id, Account { id, login, session_hash, locked: false })
}

async fn sign_in(store: &MemoryStore, account: &Account) -> Result<String> {
    let signed_in = serde_json::json!({
        "user_id": account.id,
        "auth_hash": account.session_hash,
    });
    let mut record = Record {
        id: Default::default(),
        data: HashMap::from([(DATA_KEY.to_owned(), signed_in)]),
        expiry_date: OffsetDateTime::now_utc() + Duration::hours(12),
    };
    store.create(&mut record).await?;
    Ok(format!("id={}", record.id))
}
