//! Whom a token names.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use portcullis::domain::event::{Action, Note};
use portcullis::domain::login::Login;
use portcullis::domain::standing::Lifecycle;
use portcullis::engine::jwt::JwtAccount;
use portcullis::store::NewAccount;
use portcullis::{AccountKey, Clock, Generation, Standing, StatusSource, Version};

use super::*;

/// A directory of alice, whose address is known, and of somebody who is called by
/// the address that belongs to bob.
async fn world(issuer: JwtIssuer) -> (TestGate, Router) {
    let test = gate_of(issuer).await;
    for (login, email) in
        [("alice", Some("Alice@example.org")), ("bob", Some("bob@example.org")), ("2", None)]
    {
        let new = NewAccount {
            login: Login::new(login).expect("a login"),
            name: String::new(),
            email: email.map(str::to_owned),
            admin: false,
            details: Default::default(),
            lifecycle: Lifecycle::Active,
            locks: Default::default(),
            password_hash: None,
        };
        let note = Note {
            actor: "test".to_owned(),
            action: Action::AccountCreated,
            reason: None,
            from: None,
        };
        test.directory()
            .create(new, note)
            .await
            .expect("a new account");
    }
    let app = app(test.gate());
    (test, app)
}

/// Who a request with this claim is, if anybody.
async fn who(test: &TestGate, app: &Router, more: Value) -> Option<String> {
    let issued = test.clock().wall().floor_secs();
    let mut claims = json!({"iss": ISSUER, "aud": "shop", "iat": issued, "exp": issued + 60});
    let more = more.as_object().expect("an object").clone();
    claims.as_object_mut().expect("an object").extend(more);
    let response = app
        .clone()
        .oneshot(by_header(&token(&claims)))
        .await
        .expect("an answer");
    if response.status() != StatusCode::OK {
        return None;
    }
    let body = axum::body::to_bytes(response.into_body(), 100)
        .await
        .expect("a body");
    Some(String::from_utf8(body.to_vec()).expect("a login"))
}

#[tokio::test]
async fn a_number_is_never_a_login_nor_the_reverse() {
    let (test, app) = world(issuer()).await;
    assert_eq!(who(&test, &app, json!({"sub": "2"})).await.as_deref(), Some("bob"));
    for sub in ["alice", "alice@example.org", "02", "2 ", "٢", "0", "-2"] {
        assert_eq!(who(&test, &app, json!({"sub": sub})).await, None, "{sub:?}");
    }

    let by_login = issuer().names(JwtAccount::Login).authoritative();
    let (test, app) = world(by_login).await;
    assert_eq!(who(&test, &app, json!({"sub": "2"})).await.as_deref(), Some("2"));
    assert_eq!(who(&test, &app, json!({"sub": "alice"})).await.as_deref(), Some("alice"));
    for sub in ["1", "ALICE", " alice", "Alice@example.org", "alice@example.org", "ａlice"] {
        assert_eq!(who(&test, &app, json!({"sub": sub})).await, None, "{sub:?}");
    }
    assert_eq!(who(&test, &app, json!({"sub": 2})).await, None, "a login is a text");
}

#[tokio::test]
async fn an_address_names_its_owner_if_it_is_not_called_unverified() {
    let by_email = issuer()
        .names(JwtAccount::Email)
        .by_claim("email")
        .authoritative();
    let (test, app) = world(by_email).await;
    let email = |email: &str| json!({"sub": "2", "email": email});
    assert_eq!(
        who(&test, &app, email("Alice@example.org"))
            .await
            .as_deref(),
        Some("alice")
    );
    for other in ["alice@example.org", "alice", "2", ""] {
        assert_eq!(who(&test, &app, email(other)).await, None, "{other:?}");
    }
    let said = |verified: Value| json!({"email": "bob@example.org", "email_verified": verified});
    assert_eq!(who(&test, &app, said(json!(true))).await.as_deref(), Some("bob"));
    for verified in [json!(false), json!("true"), json!(1), json!(null)] {
        assert_eq!(who(&test, &app, said(verified.clone())).await, None, "{verified}");
    }
}

/// Another system's people, by UUID.
#[derive(Clone, Default)]
struct Table(Arc<Mutex<HashMap<AccountKey, Standing>>>);

impl Table {
    fn put(&self, key: &AccountKey, standing: Standing) {
        self.0
            .lock()
            .expect("not poisoned")
            .insert(key.clone(), standing);
    }
}

impl StatusSource for Table {
    type Error = std::convert::Infallible;

    async fn standing(&self, account: &AccountKey) -> Result<Option<Standing>, Self::Error> {
        Ok(self.0.lock().expect("not poisoned").get(account).cloned())
    }
}

const UUID: &str = "30313233-3435-3637-3839-616263646566";

async fn by_uuid(table: &Table, clock: &Clock) -> Router {
    let sessions = JwtSessions::from_issuer(issuer().names(JwtAccount::Uuid));
    let gate = Portcullis::builder()
        .accounts(table.clone())
        .clock(clock.clone());
    app(gate.jwt_sessions(sessions).build().await.expect("a gate"))
}

fn of_uuid(clock: &Clock, id: &str) -> String {
    let issued = clock.wall().floor_secs();
    token(
        &json!({"iss": ISSUER, "aud": "shop", "sub": UUID, "jti": id, "iat": issued, "exp": issued + 3600}),
    )
}

#[tokio::test]
async fn another_systems_people_come_by_uuid() {
    let (table, clock) = (Table::default(), Clock::manual(START));
    let app = by_uuid(&table, &clock).await;
    let key = AccountKey::uuid(*b"0123456789abcdef");
    let generation = Generation::new;
    let old = of_uuid(&clock, "old");
    assert_eq!(visit(&app, &old).await, StatusCode::UNAUTHORIZED, "nobody yet");
    table.put(&key, Standing::active().at_version(Version::new(1)));
    clock.advance(Duration::from_secs(31));
    assert_eq!(visit(&app, &old).await, StatusCode::OK);

    // Locked and unlocked there, and this gate hears of it late.
    let unlocked_at = clock.wall();
    let unlocked = Standing::active()
        .in_generation(generation(2))
        .at_version(Version::new(3));
    table.put(&key, unlocked.with_sessions_ended_at(unlocked_at));
    clock.advance(Duration::from_secs(2));
    let (young, first_seen_late) = (of_uuid(&clock, "young"), of_uuid(&clock, "late"));
    assert_eq!(visit(&app, &young).await, StatusCode::OK, "by the standing of before");
    clock.advance(Duration::from_secs(31));
    assert_eq!(visit(&app, &old).await, StatusCode::UNAUTHORIZED);
    for _ in 0..2 {
        assert_eq!(visit(&app, &young).await, StatusCode::OK, "issued after the unlock");
        assert_eq!(visit(&app, &first_seen_late).await, StatusCode::OK);
    }
    // A gate that was started since knows it, too.
    let restarted = by_uuid(&table, &clock).await;
    assert_eq!(visit(&restarted, &old).await, StatusCode::UNAUTHORIZED);
    assert_eq!(visit(&restarted, &young).await, StatusCode::OK);
}

#[tokio::test]
async fn a_source_that_does_not_say_when_still_ends_what_was_seen() {
    let (table, clock) = (Table::default(), Clock::manual(START));
    let app = by_uuid(&table, &clock).await;
    let key = AccountKey::uuid(*b"0123456789abcdef");
    table.put(&key, Standing::active());
    let seen = of_uuid(&clock, "seen");
    assert_eq!(visit(&app, &seen).await, StatusCode::OK);
    table.put(&key, Standing::active().in_generation(Generation::new(1)));
    clock.advance(Duration::from_secs(31));
    for _ in 0..2 {
        assert_eq!(visit(&app, &seen).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(visit(&app, &of_uuid(&clock, "new")).await, StatusCode::OK);
}

#[tokio::test]
async fn logins_take_a_directory() {
    let sessions = JwtSessions::from_issuer(issuer().names(JwtAccount::Login).authoritative());
    let built = Portcullis::builder()
        .accounts(Table::default())
        .jwt_sessions(sessions)
        .build()
        .await;
    assert!(
        built
            .expect_err("a contradiction")
            .to_string()
            .contains("directory")
    );
}
