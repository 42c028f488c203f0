//! Tokens that somebody else signs, through a router and its guard.

mod attacks;
mod gateway;
mod locks;
mod published;
mod renewed;
mod times;
mod whose;

use axum::Router;
use axum::body::Body;
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{AUTHORIZATION, COOKIE};
use http::{Request, StatusCode};
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, EncodingKey};
use portcullis::domain::account::Account;
use portcullis::engine::Builder;
use portcullis::testing::{START, TestGate};
use portcullis::{CurrentAccount, GuardLayer, JwtIssuer, JwtKeys, JwtSessions, Portcullis};
use serde_json::{Value, json};
use tower::ServiceExt;

const ISSUER: &str = "https://id.example";
const SECRET: &[u8; 64] = b"a secret of sixty-four bytes, which is enough for each algorithm";

fn keys() -> JwtKeys {
    JwtKeys::secret(SECRET).expect("a long secret")
}

fn issuer() -> JwtIssuer {
    JwtIssuer::new(ISSUER, "shop", keys())
}

fn sessions() -> JwtSessions {
    JwtSessions::from_issuer(issuer())
}

/// A gate that takes tokens of this issuer.
async fn gate_of(issuer: JwtIssuer) -> TestGate {
    TestGate::with(|gate| gate.jwt_sessions(JwtSessions::from_issuer(issuer))).await
}

fn app(gate: Portcullis) -> Router {
    Router::new()
        .route("/", get(|me: CurrentAccount| async move { me.login().to_string() }))
        .layer(GuardLayer::new(gate))
}

/// What the issuer of most tests says of this account now.
fn claims(test: &TestGate, account: &Account) -> Value {
    let issued = test.clock().wall().floor_secs();
    json!({
        "iss": ISSUER,
        "aud": "shop",
        "sub": account.id.to_string(),
        "iat": issued,
        "exp": issued + 3600,
    })
}

/// The same with another value; null takes the claim away.
fn with(mut claims: Value, name: &str, value: Value) -> Value {
    let object = claims.as_object_mut().expect("an object");
    match value {
        Value::Null => object.remove(name),
        value => object.insert(name.to_owned(), value),
    };
    claims
}

fn part(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

fn sign(header: &Value, claims: &Value, algorithm: Algorithm, key: &EncodingKey) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let signer = (DEFAULT_PROVIDER.signer_factory)(&algorithm, key).expect("a key that fits");
    let signature = signer.try_sign(message.as_bytes()).expect("a signature");
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A token by the issuer of most tests.
fn token(claims: &Value) -> String {
    token_with(&json!({"alg": "HS256", "typ": "JWT"}), claims)
}

fn token_with(header: &Value, claims: &Value) -> String {
    sign(header, claims, Algorithm::HS256, &EncodingKey::from_secret(SECRET))
}

fn by_header(token: &str) -> Request<Body> {
    let request = Request::get("/").header(AUTHORIZATION, format!("Bearer {token}"));
    request.body(Body::empty()).expect("a request")
}

fn by_cookie(cookies: &str) -> Request<Body> {
    let request = Request::get("/").header(COOKIE, cookies);
    request.body(Body::empty()).expect("a request")
}

/// The status that a request gets, and the challenge.
async fn answer(app: &Router, request: Request<Body>) -> (StatusCode, Option<String>) {
    let response = app.clone().oneshot(request).await.expect("an answer");
    let challenge = response.headers().get("www-authenticate");
    let challenge = challenge.map(|value| value.to_str().expect("visible").to_owned());
    (response.status(), challenge)
}

async fn visit(app: &Router, token: &str) -> StatusCode {
    answer(app, by_header(token)).await.0
}

#[tokio::test]
async fn a_token_is_verified_once_and_remembered() {
    let test = gate_of(issuer()).await;
    let app = app(test.gate());
    let alice = test.account("alice").await;
    let token = token(&claims(&test, &alice));
    for _ in 0..5 {
        let response = app
            .clone()
            .oneshot(by_header(&token))
            .await
            .expect("an answer");
        assert_eq!(response.status(), StatusCode::OK);
        let body = axum::body::to_bytes(response.into_body(), 100)
            .await
            .expect("a body");
        assert_eq!(body, "alice");
    }
    assert_eq!(test.gate().jwt_signatures_checked(), 1);
    assert_eq!(test.gate().sessions_in_memory(), 1);
}

#[tokio::test]
async fn many_at_once_cause_one_verification() {
    let test = gate_of(issuer()).await;
    let app = app(test.gate());
    let alice = test.account("alice").await;
    let token = token(&claims(&test, &alice));
    let visits = (0..50).map(|_| visit(&app, &token));
    for status in futures_util::future::join_all(visits).await {
        assert_eq!(status, StatusCode::OK);
    }
    assert_eq!(test.gate().jwt_signatures_checked(), 1);
}

#[tokio::test]
async fn a_warm_token_needs_no_look() {
    let test = gate_of(issuer()).await;
    let alice = test.account("alice").await;
    let token = token(&claims(&test, &alice));
    let request = by_header(&token);
    let portcullis::engine::Admission::Look(look) = test.gate().admit(request.headers()) else {
        panic!("the first one is looked at");
    };
    let first = look.await.expect("a valid token");
    let portcullis::engine::Admission::Pass(again) = test.gate().admit(request.headers()) else {
        panic!("the second one passes at once");
    };
    assert_eq!(again.session_id(), first.session_id());
    assert_eq!(again.signed_in_at(), Some(START));
    assert_eq!(again.id(), Some(alice.id));
    assert!(!again.is_by_token(), "it is a person's session");
}

#[tokio::test]
async fn tokens_come_in_the_named_places_alone() {
    let test = TestGate::with(|gate| gate.jwt_sessions(sessions().in_cookie("access"))).await;
    let guarded = app(test.gate());
    let alice = test.account("alice").await;
    let bob = test.account("bob").await;
    let token = token(&claims(&test, &alice));
    let bobs = test.sign_in(&bob).await;
    let cases = [
        (by_header(&token), StatusCode::OK),
        (by_cookie(&format!("a=1; access={token}")), StatusCode::OK),
        (by_cookie(&format!("access={token}; access={token}")), StatusCode::UNAUTHORIZED),
        (by_cookie(&format!("other={token}")), StatusCode::UNAUTHORIZED),
        (by_cookie("access=x"), StatusCode::UNAUTHORIZED),
        (by_cookie(&format!("access=x; {bobs}")), StatusCode::OK),
    ];
    for (request, expected) in cases {
        let shown = format!("{request:?}");
        assert_eq!(answer(&guarded, request).await.0, expected, "{shown}");
    }
    let cookie_only = sessions().in_header(false).in_cookie("access");
    let test = TestGate::with(|gate| gate.jwt_sessions(cookie_only)).await;
    let guarded = app(test.gate());
    let alice = test.account("alice").await;
    let token = self::token(&claims(&test, &alice));
    let session = Some("Session realm=\"portcullis\"".to_owned());
    assert_eq!(answer(&guarded, by_header(&token)).await, (StatusCode::UNAUTHORIZED, session));
    let cookie = by_cookie(&format!("access={token}"));
    assert_eq!(answer(&guarded, cookie).await.0, StatusCode::OK);
}

#[tokio::test]
async fn api_tokens_sessions_and_foreign_tokens_live_side_by_side() {
    let test = TestGate::with(|gate| gate.jwt_sessions(sessions()).api_tokens(true)).await;
    let app = app(test.gate());
    let alice = test.account("alice").await;
    let foreign = token(&claims(&test, &alice));
    let ours = test.api_token(&alice).await;
    let cookie = test.sign_in(&alice).await;
    assert_eq!(visit(&app, &foreign).await, StatusCode::OK);
    assert_eq!(visit(&app, ours.trim_start_matches("Bearer ")).await, StatusCode::OK);
    assert_eq!(answer(&app, by_cookie(&cookie)).await.0, StatusCode::OK);
    assert_eq!(visit(&app, "pct_x").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_scope_narrows_what_a_token_is_for() {
    let test = gate_of(issuer()).await;
    let alice = test.account("alice").await;
    let of = async |scope: Value| {
        let token = token(&with(claims(&test, &alice), "scope", scope));
        match test.gate().admit(by_header(&token).headers()) {
            portcullis::engine::Admission::Look(look) => look.await.ok(),
            other => panic!("{other:?}"),
        }
    };
    let whole = of(Value::Null).await.expect("a valid token");
    assert!(whole.has_scope("read") && whole.has_scope("write"));
    for scope in [json!("openid read"), json!(["read"])] {
        let narrow = of(scope).await.expect("a valid token");
        assert!(narrow.has_scope("read") && !narrow.has_scope("write"));
    }
    assert!(of(json!("")).await.is_some_and(|me| !me.has_scope("read")));
    assert!(of(json!(7)).await.is_none(), "what can't be read is no scope");
}

#[tokio::test]
async fn a_description_that_contradicts_itself_builds_nothing() {
    use portcullis::engine::jwt::JwtAccount;
    let none = JwtKeys::secret(SECRET).expect("a secret");
    let named =
        |iss: &str, aud: &str| JwtSessions::from_issuer(JwtIssuer::new(iss, aud, none.clone()));
    let wrong: [(JwtSessions, &str); 9] = [
        (named("", "shop"), "name is empty"),
        (named(ISSUER, ""), "audience"),
        (JwtSessions::from_issuer(issuer().by_claim("")), "claim"),
        (JwtSessions::from_issuer(issuer().leeway(std::time::Duration::from_secs(61))), "leeway"),
        (JwtSessions::from_issuer(issuer().names(JwtAccount::Login)), "authoritative"),
        (JwtSessions::from_issuer(issuer().names(JwtAccount::Email)), "authoritative"),
        (sessions().and_from(issuer()), "twice"),
        (sessions().in_header(false), "in_cookie"),
        (sessions().in_cookie("portcullis"), "cookie"),
    ];
    for (sessions, word) in wrong {
        let built = in_memory(|gate| gate.jwt_sessions(sessions)).await;
        let error = built.expect_err("a contradiction").to_string();
        assert!(error.contains(word), "{error}");
    }
    let beside = in_memory(|gate| {
        let nobody = |_: &http::request::Parts| async { Ok::<_, std::convert::Infallible>(None) };
        gate.jwt_sessions(sessions()).sessions_from(nobody)
    });
    assert!(beside.await.is_err());
}

async fn in_memory(
    describe: impl FnOnce(Builder) -> Builder,
) -> Result<Portcullis, portcullis::BuildError> {
    let clock = portcullis::Clock::manual(START);
    let directory = portcullis::store::memory::SingleProcessDirectory::new(clock);
    describe(Portcullis::builder().directory(directory))
        .build()
        .await
}
